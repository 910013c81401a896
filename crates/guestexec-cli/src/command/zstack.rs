//! `guestexec zstack`.

mod choose;
mod ends;
mod exec;
mod result;
mod vms;

use clap::{Args, Subcommand};

use crate::{connect::zstack::Settings, ending::Exit, failure::Failure, global::Global};

/// The subcommand with what it is told.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a command in VMs
    Exec(Box<exec::Arguments>),
    /// Wait for the end of a command, and write what `exec` would have written
    Result(result::Arguments),
    /// List the VMs
    Vms(vms::Arguments),
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let settings = self.settings;
        match self.command {
            Command::Exec(arguments) => exec::run(settings, *arguments, global).await,
            Command::Result(arguments) => result::run(settings, arguments, global).await,
            Command::Vms(arguments) => vms::run(settings, arguments, global).await,
        }
    }
}
