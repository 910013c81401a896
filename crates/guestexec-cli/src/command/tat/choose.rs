//! Which instances a script runs on.

use std::path::PathBuf;

use clap::Args;
use guestexec::tat::{Client, types::Filter};

use super::ends::{check_instances, of_error};
use crate::{failure::Failure, report::Targets, targets::Listed};

/// The page of a list.
const PAGE: u64 = 100;

/// Which instances.
#[derive(Args, Debug)]
#[command(next_help_heading = "Instances")]
pub(super) struct Choice {
    /// The ids of instances: ins-…, lhins-… or rins-…
    #[arg(
        value_name = "INSTANCE",
        required_unless_present_any = ["tags", "online", "targets_from"],
        help_heading = "Instances"
    )]
    instances: Vec<String>,
    /// Machines registered with TAT (rins-…) that have this tag; given again, that one too. TAT does not know the
    /// tags of CVM and Lighthouse instances
    #[arg(long = "tag", value_name = "KEY=VALUE", conflicts_with_all = ["instances", "targets_from"])]
    tags: Vec<Tag>,
    /// All instances whose agents are online; with ids, those of them
    #[arg(long)]
    online: bool,
    /// Ids from a file, one a line, with comments from # on; - is standard input
    #[arg(long, value_name = "FILE")]
    targets_from: Option<PathBuf>,
    /// Leave out the instances that are offline or unknown
    #[arg(long)]
    pub(super) skip_offline: bool,
}

/// A tag, with a value that may be empty.
#[derive(Clone, Debug)]
struct Tag(String, String);

impl std::str::FromStr for Tag {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err("a tag is written as in team=web"),
        }
    }
}

impl Choice {
    /// True if ids come from standard input.
    pub(super) fn takes_stdin(&self) -> bool {
        self.targets_from.as_deref() == Some(std::path::Path::new("-"))
    }

    /// Whether one instance was named, or several may be found.
    pub(super) fn count(&self) -> Targets {
        match self.instances.len() == 1 && !self.online && self.targets_from.is_none() {
            true => Targets::One,
            false => Targets::Many,
        }
    }

    /// The ids that were named, without asking the service.
    ///
    /// # Errors
    /// If one is no id, or the list cannot be read.
    pub(super) fn named(&self) -> Result<Listed, Failure> {
        let listed = Listed::read(self.instances.clone(), self.targets_from.as_deref())?;
        check_instances(&listed.targets)?;
        Ok(listed)
    }

    /// The ids, of those that were named or of all.
    ///
    /// # Errors
    /// If the service lists none, or does not answer.
    pub(super) async fn find(
        &self,
        client: &Client,
        named: &Listed,
    ) -> Result<Vec<String>, Failure> {
        let ids = if !self.tags.is_empty() {
            self.tagged(client).await?
        } else if self.online {
            let agents = client.agents().online();
            let agents = match named.targets.is_empty() {
                true => agents,
                false => agents.ids(&named.targets),
            };
            let list = agents.list().await.map_err(|error| of_error(&error))?;
            list.into_iter().filter_map(|agent| agent.instance_id).collect()
        } else {
            return Ok(named.targets.clone());
        };
        if ids.is_empty() {
            return Err(Failure::new("the service lists no instance that was chosen").advise(
                "Check the choice and --region: `guestexec tat agents` lists the instances.",
            ));
        }
        Ok(ids)
    }

    async fn tagged(&self, client: &Client) -> Result<Vec<String>, Failure> {
        let mut filters: Vec<Filter> = Vec::new();
        for Tag(key, value) in &self.tags {
            filters.push(Filter::new(format!("tag:{key}"), [value.as_str()]));
        }
        if self.online {
            filters.push(Filter::new("register-status", ["Online"]));
        }
        let machines = client.describe_register_instances().filters(filters).limit(PAGE).items();
        let machines = machines.all().await.map_err(|error| of_error(&error))?;
        Ok(machines.into_iter().filter_map(|machine| machine.instance_id).collect())
    }
}
