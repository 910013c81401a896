//! `cargo xtask`: the workspace's own tasks.

use std::{process::ExitCode, time::Instant};

use clap::{Parser, Subcommand};
use xtask::{all_generated, audit, output, root, spec};

/// The workspace's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Generate the provider clients from specs/*.yaml.
    Generate {
        /// Change nothing; fail if a file is not what would be generated.
        #[arg(long)]
        check: bool,
        /// The providers, by the names of their specs; all if none is named.
        providers: Vec<String>,
    },
    Audit(audit::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Generate { check, providers } => {
            generate(check, providers).map(|()| ExitCode::SUCCESS)
        }
        Task::Audit(arguments) => Ok(audit::run(&arguments)),
    };
    match result {
        Ok(code) => code,
        Err(complaint) => {
            eprintln!("{complaint}");
            ExitCode::FAILURE
        }
    }
}

fn generate(check: bool, providers: Vec<String>) -> Result<(), String> {
    let root = &root()?;
    let all = spec::providers(root)?;
    let chosen = if providers.is_empty() { all.clone() } else { providers };
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no specs/{unknown}.yaml; there are: {}", all.join(", ")));
    }
    let start = Instant::now();
    let mut stale = Vec::new();
    for generated in all_generated(root, &chosen)? {
        let report = if check {
            let differing = output::compare(root, &generated)?;
            let report = if differing.is_empty() { "up to date" } else { "STALE" };
            stale.extend(differing);
            report
        } else if output::write(root, &generated)? {
            "written"
        } else {
            "unchanged"
        };
        println!("{}: {report}, {} lines", generated.provider, generated.lines());
    }
    println!("{} ms", start.elapsed().as_millis());
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nrun `cargo xtask generate` and commit what it writes",
        stale.iter().map(|file| format!("stale: {file}")).collect::<Vec<_>>().join("\n")
    ))
}
