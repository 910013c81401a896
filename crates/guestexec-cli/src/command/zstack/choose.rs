//! In which VMs a command runs.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use clap::Args;
use guestexec::zstack::{Client, enums::Platform};

use super::ends::of_error;
use crate::{
    failure::Failure,
    report::{Report, Targets},
    say::shown,
    targets::Listed,
};

/// Which VMs.
#[derive(Args, Debug)]
#[command(next_help_heading = "VMs")]
pub(super) struct Choice {
    /// The UUIDs of VMs
    #[arg(
        value_name = "VM",
        required_unless_present_any = ["name", "running", "targets_from"],
        conflicts_with_all = ["name", "running"],
        help_heading = "VMs"
    )]
    vms: Vec<String>,
    /// The VMs with this name; % in it stands for any characters
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The VMs that run
    #[arg(long)]
    running: bool,
    /// UUIDs from a file, one a line, with comments from # on; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "running"])]
    targets_from: Option<PathBuf>,
    /// The VMs run Windows. Of VMs that are chosen by --name or --running the service knows it
    #[arg(long)]
    windows: bool,
}

/// A VM that was chosen.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) uuid: String,
    pub(super) name: Option<String>,
    pub(super) windows: bool,
}

impl Choice {
    /// True if UUIDs come from standard input.
    pub(super) fn takes_stdin(&self) -> bool {
        self.targets_from.as_deref() == Some(Path::new("-"))
    }

    /// Whether one VM was named, or several may be found.
    pub(super) fn count(&self) -> Targets {
        match self.vms.len() == 1 && self.targets_from.is_none() {
            true => Targets::One,
            false => Targets::Many,
        }
    }

    /// The UUIDs that were named, without asking the service.
    ///
    /// # Errors
    /// If one is no UUID, or the list cannot be read.
    pub(super) fn named(&self) -> Result<Listed, Failure> {
        let listed = Listed::read(self.vms.clone(), self.targets_from.as_deref())?;
        let is_uuid = |vm: &String| vm.len() == 32 && vm.bytes().all(|b| b.is_ascii_hexdigit());
        match listed.targets.iter().find(|vm| !is_uuid(vm)) {
            None => Ok(listed),
            Some(vm) => Err(Failure::new(format!(
                "{vm:?} is no UUID of a VM: that has 32 hexadecimal digits"
            ))
            .advise("Choose by name with --name; `guestexec zstack vms` lists names and UUIDs.")),
        }
    }

    /// The VMs, those that were named or those that the service finds.
    ///
    /// # Errors
    /// If the service lists none, or does not answer.
    pub(super) async fn find(
        &self,
        client: &Client,
        named: Listed,
        report: &mut Report,
    ) -> Result<Vec<Chosen>, Failure> {
        if self.name.is_none() && !self.running {
            let chosen = named.targets.into_iter();
            return Ok(chosen
                .map(|uuid| Chosen { uuid, name: None, windows: self.windows })
                .collect());
        }
        let mut query = client.query_vms();
        if let Some(name) = &self.name {
            query = query.name(name);
        }
        if self.running {
            query = query.running();
        }
        let mut chosen: Vec<Chosen> = Vec::new();
        let (mut known, mut names) = (HashSet::new(), HashMap::new());
        for vm in query.list().await.map_err(|error| of_error(&error))? {
            let Some(uuid) = vm.uuid else { continue };
            // A list that changes while it is read may show one twice.
            if !known.insert(uuid.clone()) {
                continue;
            }
            *names.entry(vm.name.clone()).or_insert(0_usize) += 1;
            let windows = self.windows || vm.platform == Some(Platform::Windows);
            chosen.push(Chosen { uuid, name: vm.name, windows });
        }
        if chosen.is_empty() {
            return Err(Failure::new("the service lists no VM that was chosen")
                .advise("Check the choice: `guestexec zstack vms` lists the VMs."));
        }
        chosen.sort_by(|one, other| (&one.name, &one.uuid).cmp(&(&other.name, &other.uuid)));
        for vm in &chosen {
            // Several VMs may have one name, which then tells nothing.
            let is_unique = names.get(&vm.name) == Some(&1);
            if let Some(name) = vm.name.as_deref().filter(|_| is_unique) {
                report.name(&vm.uuid, &shown(name));
            }
        }
        Ok(chosen)
    }
}
