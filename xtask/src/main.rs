//! `cargo xtask`: the workspace's own tasks.

use std::{process::ExitCode, time::Instant};

use clap::{Parser, Subcommand};
use xtask::{all_generated, audit, diff, docs_count, items, new_provider, output, root, spec};

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
    Diff(diff::Arguments),
    DocsCount(docs_count::Arguments),
    Items(items::Arguments),
    /// Make a provider of a vendor's OpenAPI document: our document, its crate, and what names it.
    NewProvider(new_provider::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Generate { check, providers } => {
            generate(check, providers).map(|()| ExitCode::SUCCESS)
        }
        Task::Audit(arguments) => Ok(audit::run(&arguments)),
        Task::Diff(arguments) => diff::run(&arguments),
        Task::DocsCount(arguments) => docs_count::run(&arguments),
        Task::Items(arguments) => items::run(&arguments),
        Task::NewProvider(arguments) => {
            root().and_then(|root| new_provider::run(&root, arguments)).map(|()| ExitCode::SUCCESS)
        }
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
    let all = all_generated(root, &chosen)?;
    let crates: Vec<String> =
        chosen.iter().filter_map(|name| output::has_crate(root, name).err()).collect();
    if !crates.is_empty() {
        return Err(crates.join("\n"));
    }
    let entries = output::orphaned_entries(root)?;
    let generator = output::Generator::read(root)?;
    for generated in all {
        let report = if check {
            let differing = output::compare(root, &generator, &generated)?;
            let report = if differing.is_empty() { "up to date" } else { "STALE" };
            stale.extend(differing);
            report
        } else if output::write(root, &generator, &generated)? {
            "written"
        } else {
            "unchanged"
        };
        println!("{}: {report}, {} lines", generated.provider, generated.lines());
    }
    if !check {
        // A public item of hand-written code counts as well.
        for file in items::write_all(root, &chosen)? {
            println!("{file}: written");
        }
    }
    for verdict in diff::verdicts(root, &chosen) {
        println!("{verdict}");
    }
    println!("{} ms", start.elapsed().as_millis());
    let remedy =
        if check { "restore it, or run `cargo xtask generate`" } else { "the entry is gone" };
    let entries = entries.iter().map(|entry| format!("{entry}; {remedy}"));
    let mut complaints = output::orphaned_code(root)?;
    if check {
        complaints.extend(entries);
    } else {
        entries.for_each(|entry| println!("{entry}"));
    }
    if !stale.is_empty() {
        complaints.extend(stale.iter().map(|file| format!("stale: {file}")));
        complaints.push("run `cargo xtask generate` and commit what it writes".to_owned());
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}
