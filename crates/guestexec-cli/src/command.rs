//! The subcommands, one file each.

mod api;
mod cci;
mod completions;
mod demo;
mod doctor;
mod man;
mod profile;
mod sandbox;
mod tat;
mod zstack;

use clap::Subcommand;

use crate::{ending::Exit, failure::Failure, global::Global};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Huawei Cloud Container Instance: commands in pods
    Cci(Box<cci::Arguments>),
    /// Tencent Cloud TAT: scripts on instances
    Tat(Box<tat::Arguments>),
    /// ZStack Cloud: commands in VMs
    Zstack(Box<zstack::Arguments>),
    /// Keep settings under names of your own
    Profile(Box<profile::Arguments>),
    /// Find out why commands do not run: settings, credentials, network, clock
    Doctor(Box<doctor::Arguments>),
    /// Print the script by which a shell completes commands, profiles and machines
    Completions(completions::Arguments),
    /// Print the manual page, or write those of all commands
    Man(man::Arguments),
    /// Call any operation of a service by its name
    Api(Box<api::Arguments>),
    /// Serve the three services on this machine until interrupted
    Sandbox(Box<sandbox::Options>),
    /// Run real commands through each client, against a sandbox on this machine
    Demo,
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// If it failed for a reason of its own, not the remote command's.
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Cci(arguments) => arguments.run(global).await,
            Self::Tat(arguments) => arguments.run(global).await,
            Self::Zstack(arguments) => arguments.run(global).await,
            Self::Profile(arguments) => arguments.run(global).await,
            Self::Doctor(arguments) => arguments.run(global).await,
            Self::Completions(arguments) => arguments.run().await,
            Self::Man(arguments) => arguments.run(global).await,
            Self::Api(arguments) => arguments.run(global).await,
            Self::Sandbox(options) => sandbox::serve(*options).await,
            Self::Demo => demo::run().await,
        }
    }
}
