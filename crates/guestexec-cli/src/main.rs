//! The command line of guestexec: a demonstration, and a sandbox for development.

mod demo;
mod sandbox;

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

/// Run commands inside cloud machines that have no SSH.
#[derive(Parser)]
#[command(name = "guestexec", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run real commands through each generated client, against a sandbox on this machine.
    Demo,
    /// Serve the three services on this machine until interrupted.
    Sandbox(Box<sandbox::Options>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Demo => demo::run().await,
        Command::Sandbox(options) => sandbox::serve(*options).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guestexec: {}", with_sources(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, on one line.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors contain the text of their cause.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
