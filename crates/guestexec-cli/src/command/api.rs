//! `guestexec api`: any operation of a service, by its name.

mod curl;
mod dry_run;
mod given;
mod list;
mod provider;
mod show;
mod template;
mod unique;

use clap::{Args, Subcommand};
use clap_complete::CompletionCandidate;
use guestexec::NamedOperation;

use crate::{ending::Exit, failure::Failure, global::Global};

/// The subcommand with what it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    provider: Provider,
}

/// Whose operation it is.
#[derive(Debug, Subcommand)]
#[command(next_help_heading = "Call")]
enum Provider {
    /// An operation of Huawei Cloud Container Instance
    #[command(after_help = AFTER_HELP)]
    Cci(Box<provider::cci::Arguments>),
    /// An operation of Tencent Cloud TAT
    #[command(after_help = AFTER_HELP)]
    Tat(Box<provider::tat::Arguments>),
    /// An operation of ZStack Cloud
    #[command(after_help = AFTER_HELP)]
    Zstack(Box<provider::zstack::Arguments>),
}

/// The end of the help.
const AFTER_HELP: &str = "\
The answer is written to standard output as it came, and for a person at a terminal as indented JSON.
Without OPERATION, the operations are listed.";

/// What to do with the operation.
#[derive(Args, Debug)]
pub(crate) struct What {
    /// Its parameters, and members of its body: Limit=5, InstanceIds=ins-1
    #[arg(value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// The body. NAME=VALUE takes the place of a member
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    body: Option<String>,
    /// Print an example of the body: the fullest one, or the one of this name
    #[arg(
        long,
        value_name = "EXAMPLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["inputs", "body", "all_pages", "dry_run", "curl", "list"]
    )]
    body_template: Option<String>,
    /// Ask for all pages of a list. Each is written as a line of JSON when it comes
    #[arg(long, conflicts_with_all = ["dry_run", "curl", "list"])]
    all_pages: bool,
    /// Print the request without its secrets, and send nothing
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
    /// Print the request as a command line of curl without its secrets, and send nothing
    #[arg(long, conflicts_with = "list")]
    curl: bool,
    /// List the operations or, with OPERATION, what it is given
    #[arg(long, conflicts_with_all = ["inputs", "body"])]
    list: bool,
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self.provider {
            Provider::Cci(arguments) => arguments.run(global).await,
            Provider::Tat(arguments) => arguments.run(global).await,
            Provider::Zstack(arguments) => arguments.run(global).await,
        }
    }
}

/// The names that a shell completes, each with what the operation does.
fn candidates(all: &'static [NamedOperation]) -> Vec<CompletionCandidate> {
    let candidate = |named: &NamedOperation| {
        CompletionCandidate::new(named.operation.id).help(Some(named.summary.into()))
    };
    all.iter().map(candidate).collect()
}

/// The operation of this name.
fn find(
    provider: &str,
    all: &'static [NamedOperation],
    name: &str,
) -> Result<&'static NamedOperation, Failure> {
    NamedOperation::find(all, name).map_err(|why| {
        Failure::new(why).advise(format!("`guestexec api {provider}` lists the operations."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_completes_each_operation_with_what_it_does() {
        for all in [
            guestexec::cci::by_name::ALL,
            guestexec::tat::by_name::ALL,
            guestexec::zstack::by_name::ALL,
        ] {
            let candidates = candidates(all);
            assert_eq!(candidates.len(), all.len());
            for (candidate, named) in candidates.iter().zip(all) {
                assert_eq!(candidate.get_value(), named.operation.id);
                let help = candidate.get_help().map(ToString::to_string);
                assert_eq!(help.as_deref(), Some(named.summary));
            }
        }
    }
}
