//! `guestexec tat`.

mod agents;
mod cancel;
mod choose;
mod commands;
mod ends;
mod follow;
mod output;
mod regions;
mod run;
mod status;

use clap::{Args, Subcommand};

use crate::{connect::tat::Settings, ending::Exit, failure::Failure, global::Global};

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
    /// Run a script on instances
    Run(Box<run::Arguments>),
    /// Say how far a run is; without an id, list the newest runs
    Status(status::Arguments),
    /// Wait for the end of a run, and write what `run` would have written
    Output(output::Arguments),
    /// End a run wherever it has not ended
    Cancel(cancel::Arguments),
    /// List the instances and whether their agents are online
    Agents(agents::Arguments),
    /// List the saved commands
    Commands(commands::Arguments),
    /// List the regions that offer TAT
    Regions,
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let settings = self.settings;
        match self.command {
            Command::Run(arguments) => run::run(settings, *arguments, global).await,
            Command::Status(arguments) => status::run(settings, arguments, global).await,
            Command::Output(arguments) => output::run(settings, arguments, global).await,
            Command::Cancel(arguments) => cancel::run(settings, arguments, global).await,
            Command::Agents(arguments) => agents::run(settings, arguments, global).await,
            Command::Commands(arguments) => commands::run(settings, arguments, global).await,
            Command::Regions => regions::run(settings, global).await,
        }
    }
}
