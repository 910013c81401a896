//! `cargo xtask diff`: what changed for users between two states of the documents.
//!
//! [`model`](mod@model) is what the generator makes of a document; [`detect`] compares two of them by the
//! rules of [`rules`]; [`report`] shows what was found, in the types of [`types`]. [`version`] and
//! [`changelog`] say what a release has to do about it. The base is asked of [`git`].

pub mod changelog;
pub mod detect;
pub mod git;
pub mod model;
pub mod report;
pub mod rules;
pub mod types;
pub mod version;

use std::{fs, path::Path, process::ExitCode, thread};

use clap::{Args, ValueEnum};

use crate::{items, settings, spec};
use git::Base;
use model::Model;
use types::{Change, Rust, Wire};
use version::{Step, Version};

/// Show what changed for users since a revision, and what a release has to do about it.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The revision to compare with; the newest release tag (`v*`) if none is named, or else `HEAD`.
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Fail if CHANGELOG.md has no line for a change since the release, or a version is too low.
    #[arg(long)]
    check: bool,
    /// List all rules with their verdicts and reasons.
    #[arg(long)]
    list: bool,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The providers, by the names of their documents; all if none is named.
    providers: Vec<String>,
}

/// How a comparison is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Table,
    /// For a pull request.
    Markdown,
    /// For machines.
    Json,
}

/// The differences of one provider.
#[derive(Debug)]
pub struct Comparison {
    /// The provider's one word.
    pub provider: String,
    /// The document's path from the workspace's root.
    pub file: String,
    /// True where the base has no such document.
    pub is_new: bool,
    /// What changed.
    pub changes: Vec<Change>,
    /// Public items of the crate that the base lacks.
    pub items_added: Vec<String>,
    /// Public items that only the base has.
    pub items_removed: Vec<String>,
    /// True where the generated code differs although the document says the same.
    pub other_code: bool,
    /// True where the base is a release.
    pub released: bool,
    /// The crate's version in the base.
    pub base_version: Option<Version>,
    /// The crate's version today.
    pub version: Option<Version>,
}

impl Comparison {
    /// The largest wire verdict.
    pub fn wire(&self) -> Wire {
        let new = if self.is_new { Wire::Compatible } else { Wire::None };
        self.changes.iter().map(Change::wire).max().unwrap_or_default().max(new)
    }

    /// The largest Rust verdict, that of public items included.
    pub fn rust(&self) -> Rust {
        let items = match (self.items_removed.is_empty(), self.items_added.is_empty()) {
            (false, _) => Rust::Major,
            (true, false) => Rust::Minor,
            (true, true) if self.is_new => Rust::Minor,
            (true, true) => Rust::None,
        };
        self.changes.iter().map(Change::rust).max().unwrap_or_default().max(items)
    }

    /// True where public items differ.
    pub fn has_other_items(&self) -> bool {
        !self.items_added.is_empty() || !self.items_removed.is_empty()
    }

    /// The name of the crate.
    pub fn package(&self) -> String {
        format!("guestexec-{}", self.provider)
    }

    /// The step that the changes ask for: the largest of document, generator and hand-written code.
    pub fn step(&self) -> Step {
        let wire = match self.wire() {
            Wire::Breaking => Step::Breaking,
            Wire::Compatible => Step::Feature,
            Wire::None => Step::None,
        };
        let rust = match self.rust() {
            Rust::Major => Step::Breaking,
            Rust::Minor => Step::Feature,
            Rust::Patch => Step::Patch,
            Rust::None => Step::None,
        };
        let told = self.changes.iter().any(Change::needs_line) || self.other_code;
        wire.max(rust).max(if told { Step::Patch } else { Step::None })
    }

    /// The least version the crate may have.
    pub fn proposed(&self) -> Option<Version> {
        match (self.base_version, self.released) {
            (Some(base), true) => Some(base.after(self.step())),
            // A crate that was not released keeps its version.
            _ => self.version,
        }
    }

    /// The proposed version in a sentence.
    pub fn proposal(&self) -> String {
        let package = self.package();
        match (self.base_version, self.proposed(), self.released) {
            (Some(base), Some(proposed), true) if base == proposed => {
                format!("{package} {base} needs no new version.")
            }
            (Some(base), Some(proposed), true) => {
                format!("{package} goes from {base} to {proposed} at least ({}).", self.reasons())
            }
            (None, Some(version), true) => format!("{package} {version} is new."),
            (_, Some(version), false) => {
                format!("{package} {version} was not released yet and keeps its version.")
            }
            (_, None, _) => format!("{package} has no version that can be read."),
        }
    }

    fn reasons(&self) -> String {
        let mut reasons = Vec::new();
        if !self.changes.is_empty() {
            reasons.push("document");
        }
        if self.other_code {
            reasons.push("generator");
        }
        if self.has_other_items() {
            reasons.push("public items");
        }
        reasons.join(", ")
    }
}

/// Compares, and prints the report. A base or a document that cannot be read is exit 2.
///
/// # Errors
/// None; what goes wrong is printed, since the exit code tells it apart.
pub fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    if arguments.list {
        print!("{}", report::list());
        return Ok(ExitCode::SUCCESS);
    }
    let (base, comparisons) = match compare(arguments) {
        Ok(compared) => compared,
        Err(complaint) => {
            eprintln!("{complaint}");
            return Ok(ExitCode::from(2));
        }
    };
    if !arguments.check {
        print!("{}", report::report(&base.name, &comparisons, arguments.format));
        return Ok(ExitCode::SUCCESS);
    }
    let root = crate::root()?;
    if !base.released {
        let shallow = match git::is_shallow(&root) {
            true => " This checkout is shallow and may lack the tags: fetch them to be sure.",
            false => "",
        };
        println!(
            "There is no release tag (`v*`) before this state, so nothing was released that a \
             change could break.{shallow}"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let complaints = complaints(&root, &base, &comparisons);
    if complaints.is_empty() {
        for comparison in &comparisons {
            println!("{}", report::verdict(&base.name, comparison));
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{}", complaints.join("\n"));
    Ok(ExitCode::FAILURE)
}

/// The objections of `--check` to a release.
fn complaints(root: &Path, base: &Base, comparisons: &[Comparison]) -> Vec<String> {
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap_or_default();
    let mut complaints = Vec::new();
    for comparison in comparisons {
        let missing = changelog::missing(&changelog, &comparison.provider, &comparison.changes);
        let is_old = comparison.base_version.is_some_and(|it| changelog::is_about(&changelog, it));
        let told = comparison.changes.iter().any(Change::needs_line);
        if told && is_old {
            complaints.push(format!(
                "CHANGELOG.md: the newest heading is that of {}, which is released; begin another \
                 one above it, with these lines:\n{}",
                base.name,
                report::bullets(comparison, &changelog::lines(&comparison.changes))
            ));
        } else if !missing.is_empty() {
            let missing: Vec<Change> = missing.into_iter().cloned().collect();
            complaints.push(format!(
                "CHANGELOG.md: the newest part says nothing of these changes since {}; add the \
                 lines, in your own words if you like, with the names in backticks:\n{}",
                base.name,
                report::bullets(comparison, &changelog::lines(&missing))
            ));
        }
        if let (Some(version), Some(proposed)) = (comparison.version, comparison.proposed())
            && version < proposed
        {
            complaints.push(format!(
                "crates/{}/Cargo.toml: the version {version} is too low. {}",
                comparison.package(),
                comparison.proposal()
            ));
        }
    }
    complaints
}

fn compare(arguments: &Arguments) -> Result<(Base, Vec<Comparison>), String> {
    let root = crate::root()?;
    let base = Base::find(&root, arguments.base.as_deref())?;
    let mut comparisons = since(&root, &base, &arguments.providers)?;
    for comparison in comparisons.iter_mut().filter(|it| !it.is_new && it.changes.is_empty()) {
        comparison.other_code = is_other_code(&root, &base, &comparison.package())?;
    }
    Ok((base, comparisons))
}

/// True where the generated code of a crate is not that of the base.
fn is_other_code(root: &Path, base: &Base, package: &str) -> Result<bool, String> {
    let folder = format!("crates/{package}/src/generated");
    let files = match root.join(&folder).is_dir() {
        true => settings::files_below(root, &folder)?,
        false => return Ok(false),
    };
    let before = base.texts(root, &files)?;
    Ok(files.iter().zip(before).any(|(file, before)| read(root, file) != before))
}

/// A file's text, if it can be read.
fn read(root: &Path, file: &str) -> Option<String> {
    let text = fs::read_to_string(root.join(file)).ok()?;
    // A checkout may have turned line ends.
    Some(text.replace("\r\n", "\n"))
}

/// Compares the providers, all if none is named, with a base.
///
/// # Errors
/// A sentence for each document or base that cannot be read.
pub fn since(root: &Path, base: &Base, providers: &[String]) -> Result<Vec<Comparison>, String> {
    let today = spec::providers(root)?;
    let unknown = providers.iter().find(|name| !today.contains(name));
    if let Some(unknown) = unknown {
        return Err(format!("there is no specs/{unknown}.yaml; there are: {}", today.join(", ")));
    }
    let chosen = if providers.is_empty() { &today } else { providers };
    let own = |provider: &String| {
        [
            format!("specs/{provider}.yaml"),
            format!("crates/guestexec-{provider}/Cargo.toml"),
            items::file(provider),
        ]
    };
    // The workspace's manifest, then three files a provider.
    let mut files = vec!["Cargo.toml".to_owned()];
    files.extend(chosen.iter().flat_map(own));
    let before = base.texts(root, &files)?;
    let after: Vec<Option<String>> = files.iter().map(|file| read(root, file)).collect();
    let (Some((manifest_before, before)), Some((manifest_after, after))) =
        (before.split_first(), after.split_first())
    else {
        return Err("git did not tell what the base has".to_owned());
    };
    let sides = before.chunks(3).zip(after.chunks(3));
    let compared: Vec<Result<Comparison, String>> = thread::scope(|scope| {
        let started: Vec<_> = chosen
            .iter()
            .zip(sides)
            .map(|(provider, (before, after))| {
                let before = State { workspace: manifest_before.as_deref(), own: before };
                let after = State { workspace: manifest_after.as_deref(), own: after };
                scope.spawn(move || one(base, provider, &before, &after))
            })
            .collect();
        let panicked = || Err("comparing panicked".to_owned());
        started.into_iter().map(|one| one.join().unwrap_or_else(|_| panicked())).collect()
    });
    let mut comparisons = Vec::new();
    let mut complaints = Vec::new();
    for one in compared {
        match one {
            Ok(comparison) => comparisons.push(comparison),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() { Ok(comparisons) } else { Err(complaints.join("\n")) }
}

/// The files of one side: the workspace's manifest, and document, manifest and listing of the provider.
struct State<'a> {
    workspace: Option<&'a str>,
    own: &'a [Option<String>],
}

impl State<'_> {
    fn text(&self, index: usize) -> Option<&str> {
        self.own.get(index)?.as_deref()
    }

    fn version(&self) -> Option<Version> {
        Version::of(self.text(1)?, self.workspace?)
    }
}

fn one(
    base: &Base,
    provider: &str,
    before: &State<'_>,
    after: &State<'_>,
) -> Result<Comparison, String> {
    let file = format!("specs/{provider}.yaml");
    let (old, new) = (before.text(0), after.text(0));
    let new = new.ok_or_else(|| format!("{file}: cannot be read"))?;
    let changes = match old {
        None => Vec::new(),
        Some(old) if old == new => Vec::new(),
        Some(old) => {
            let named = format!("{}:{file}", base.name);
            let old = Model::of(&named, old).map_err(|refused| {
                format!("{refused}\n{named}: today's reader refuses this base, so nothing can be said of what changed; name a later one with `--base`")
            })?;
            detect::changes(&old, &Model::of(&file, new)?)
        }
    };
    let (items_added, items_removed) = match (before.text(2), after.text(2)) {
        (Some(old), Some(new)) => items::differences(old, new),
        // A base from before there was a listing says nothing of items.
        _ => (Vec::new(), Vec::new()),
    };
    Ok(Comparison {
        provider: provider.to_owned(),
        file,
        is_new: old.is_none(),
        changes,
        items_added,
        items_removed,
        other_code: false,
        released: base.released,
        base_version: before.version(),
        version: after.version(),
    })
}

/// The verdicts for the end of `cargo xtask generate`, one line a provider; none where there is no
/// git, or a base that cannot be read.
pub fn verdicts(root: &Path, providers: &[String]) -> Vec<String> {
    let compared = Base::find(root, None).and_then(|base| {
        let comparisons = since(root, &base, providers)?;
        Ok(comparisons.iter().map(|one| report::verdict(&base.name, one)).collect())
    });
    compared.unwrap_or_default()
}
