//! `guestexec cci`.

mod container;
mod cp;
mod exec;
mod logs;
mod pods;

use clap::{Args, Subcommand};

use crate::{connect::cci::Settings, ending::Exit, failure::Failure, global::Global};

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
    /// Run a command in a container of a pod
    Exec(exec::Arguments),
    Cp(cp::Arguments),
    Logs(logs::Arguments),
    Pods(pods::Arguments),
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self.command {
            Command::Exec(arguments) => exec::run(self.settings, arguments, global).await,
            Command::Cp(arguments) => cp::run(self.settings, arguments, global).await,
            Command::Logs(arguments) => logs::run(self.settings, arguments, global).await,
            Command::Pods(arguments) => pods::run(self.settings, arguments, global).await,
        }
    }
}
