//! Generates the provider clients: `specs/<provider>.yaml` becomes
//! `crates/guestexec-<provider>/src/generated/`.
//!
//! One page a stage, in this order:
//!
//! 1. [`spec`] and [`document`]: read a document into types; what they have no place for is refused.
//! 2. [`lint`]: refuse, in sentences, what would panic, be ignored, or go wrong silently.
//! 3. [`lower`]: the part of the document that progenitor can carry without loss.
//! 4. [`generate`]: progenitor's tokens, every panic of it caught.
//! 5. [`emit`]: progenitor's code and the document become files to read.
//! 6. [`output`]: write the files, the lock and the tables of [`docs`], or compare with those there.

pub mod audit;
/// The checks of requests, as the clients make them; examples get them here.
///
/// The page is included and not depended on: its crate needs an HTTP client, which the generator
/// does not.
#[path = "../../crates/guestexec-core/src/check.rs"]
pub mod check;
pub mod diff;
pub mod docs;
pub mod docs_count;
pub mod document;
pub mod edit;
pub mod emit;
mod expand;
pub mod generate;
pub mod items;
pub mod lint;
pub mod lower;
pub mod new_provider;
pub mod output;
pub mod settings;
pub mod spec;

use std::{
    env, panic,
    path::{Path, PathBuf},
    thread,
};

use docs::Tables;
use output::Generated;
use spec::Spec;

/// The checkout to work on: the one `cargo` was called in, or, without cargo, the one around the
/// current folder.
///
/// It is asked for at run time, since a binary from a target folder that checkouts share may have
/// been built in another one.
///
/// # Errors
/// A sentence, if there is none.
pub fn root() -> Result<PathBuf, String> {
    let begin = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => env::current_dir().map_err(|e| format!("there is no current folder: {e}"))?,
    };
    let is_root = |folder: &&Path| folder.join("specs").is_dir() && folder.join("crates").is_dir();
    begin.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
        format!("{} is in no checkout of the workspace: call `cargo xtask` in one", begin.display())
    })
}

/// Runs all stages but the last for one provider.
///
/// # Errors
/// Sentences that name the file and the remedy, one a line.
pub fn generated(root: &Path, provider: &str) -> Result<Generated, String> {
    from_spec(&Spec::load(root, provider)?)
}

/// The same for several providers, each on a thread of its own: without optimization, most of the
/// time goes into reading YAML and parsing Rust.
///
/// # Errors
/// As [`generated`], with the complaints of all providers.
pub fn all_generated(root: &Path, providers: &[String]) -> Result<Vec<Generated>, String> {
    all_or_complaints(on_threads(providers, |provider| generated(root, provider)))
}

/// Does the work for each provider on a thread of its own.
fn on_threads<T: Send>(
    providers: &[String],
    work: impl Fn(&str) -> Result<T, String> + Sync,
) -> Vec<Result<T, String>> {
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> =
            providers.iter().map(|provider| scope.spawn(move || work(provider))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
        };
        started.into_iter().map(join).collect()
    })
}

/// All results, or the complaints of all.
fn all_or_complaints<T>(results: Vec<Result<T, String>>) -> Result<Vec<T>, String> {
    let mut all = Vec::new();
    let mut complaints = Vec::new();
    for result in results {
        match result {
            Ok(value) => all.push(value),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() { Ok(all) } else { Err(complaints.join("\n")) }
}

/// The same for one document, already loaded.
///
/// # Errors
/// As [`generated`].
pub fn from_spec(spec: &Spec) -> Result<Generated, String> {
    let complaints = lint::lint(&spec.document);
    if !complaints.is_empty() {
        return Err(spec::listed(&spec.file, complaints));
    }
    let tokens = generate::tokens(spec, lower::lower(spec))?;
    let files = emit::files(spec, tokens)?;
    let (provider, source_hash, tables) = (spec.provider.clone(), spec.hash(), Tables::of(spec));
    Ok(Generated { provider, source_hash, files, tables })
}
