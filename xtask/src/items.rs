//! The public items of a provider crate, one a line, from its sources: `public-items.txt` beside the
//! crate's manifest, so that a review sees items gained and lost.
//!
//! Modules, re-exports, implementations and derives are followed, and the macros of
//! `guestexec-core` that make types, or read and write them. Another macro is listed by its name. What is `#[doc(hidden)]`,
//! of tests, or not reachable from the crate's root is left out.

mod signature;
mod tree;

use std::{collections::BTreeSet, fs, path::Path, process::ExitCode};

use clap::Args;

use crate::spec;
use tree::Tree;

/// List the public items of the provider crates in their public-items.txt.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Change nothing; fail if a listing is not what the sources say.
    #[arg(long)]
    check: bool,
    /// The providers, by the names of their documents; all if none is named.
    providers: Vec<String>,
}

/// The path of a provider's listing, from the workspace's root.
pub fn file(provider: &str) -> String {
    format!("crates/guestexec-{provider}/public-items.txt")
}

/// Writes the listings, or compares them with those there.
///
/// # Errors
/// A sentence, if sources cannot be read or a listing cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let root = crate::root()?;
    let all = spec::providers(&root)?;
    let chosen = if arguments.providers.is_empty() { &all } else { &arguments.providers };
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no specs/{unknown}.yaml; there are: {}", all.join(", ")));
    }
    let mut stale = Vec::new();
    for provider in chosen {
        let is_current = match arguments.check {
            true => is_current(&root, provider)?,
            false => !write(&root, provider)?,
        };
        let report = match (is_current, arguments.check) {
            (true, true) => "up to date",
            (true, false) => "unchanged",
            (false, true) => "STALE",
            (false, false) => "written",
        };
        println!("{}: {report}", file(provider));
        stale.extend((!is_current && arguments.check).then(|| file(provider)));
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err("run `cargo xtask items` and commit what it writes".to_owned())
}

/// The listing of a provider's crate; nothing where there is no crate yet.
///
/// # Errors
/// A sentence, if a source cannot be read or is not Rust.
pub fn listing(root: &Path, provider: &str) -> Result<Option<String>, String> {
    let source = root.join(format!("crates/guestexec-{provider}/src"));
    if !source.join("lib.rs").exists() {
        return Ok(None);
    }
    let read = |path: &str| match fs::read_to_string(source.join(path)) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("crates/guestexec-{provider}/src/{path}: cannot be read: {e}")),
    };
    let head = format!(
        "# The public items of guestexec-{provider}, written by `cargo xtask items`: do not edit.\n"
    );
    let items = of(&read)?;
    Ok(Some(head + &items.into_iter().map(|item| item + "\n").collect::<String>()))
}

/// The public items of a crate whose source files `read` gives, by their paths below `src`.
///
/// # Errors
/// A sentence, if a source cannot be read, is missing or is not Rust.
pub fn of(
    read: &dyn Fn(&str) -> Result<Option<String>, String>,
) -> Result<BTreeSet<String>, String> {
    Tree::read(read).map(|tree| tree.public_items())
}

/// Writes the listings of several providers where they differ, each on a thread of its own; those written.
///
/// # Errors
/// As [`write()`], with the complaints of all providers.
pub fn write_all(root: &Path, providers: &[String]) -> Result<Vec<String>, String> {
    let results = crate::on_threads(providers, |provider| write(root, provider));
    let written = crate::all_or_complaints(results)?;
    let written = providers.iter().zip(written).filter(|(_, is_written)| *is_written);
    Ok(written.map(|(provider, _)| file(provider)).collect())
}

/// Writes a listing where it differs; true if it did.
///
/// # Errors
/// As [`listing`], and if it cannot be written.
pub fn write(root: &Path, provider: &str) -> Result<bool, String> {
    let Some(listing) = listing(root, provider)? else { return Ok(false) };
    if there(root, provider).as_ref() == Some(&listing) {
        return Ok(false);
    }
    let file = file(provider);
    fs::write(root.join(&file), listing).map_err(|e| format!("{file}: cannot be written: {e}"))?;
    Ok(true)
}

/// True where the listing is what the sources say.
///
/// # Errors
/// As [`listing`].
pub fn is_current(root: &Path, provider: &str) -> Result<bool, String> {
    Ok(match listing(root, provider)? {
        Some(listing) => there(root, provider) == Some(listing),
        None => true,
    })
}

/// The listing that lies there.
fn there(root: &Path, provider: &str) -> Option<String> {
    let text = fs::read_to_string(root.join(file(provider))).ok()?;
    // A checkout may have turned line ends.
    Some(text.replace("\r\n", "\n"))
}

/// The items that a listing has and an older one lacks, and the reverse.
pub fn differences(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let items = |text: &str| -> BTreeSet<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let (old, new) = (items(old), items(new));
    (new.difference(&old).cloned().collect(), old.difference(&new).cloned().collect())
}
