//! `cargo xtask docs-count`: how much of the provider crates the documentation shows, by a count.
//!
//! `examples` has what is counted by examples: operations, handles and their methods. `setters` has the
//! setters and arguments whose documentation states what their document limits, and the values of enumerations.

mod examples;
mod setters;
mod source;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use crate::spec::{self, Spec};
use source::Source;

/// Count what the documentation of the provider crates shows, and list what it lacks.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Fail where a crate lacks more than xtask/docs-count.txt allows.
    #[arg(long)]
    check: bool,
    /// The providers, by the names of their documents; all if none is named.
    providers: Vec<String>,
}

/// The path of the allowed counts, from the workspace's root.
const ALLOWED: &str = "xtask/docs-count.txt";

/// A counted kind, by its name in the table and in [`ALLOWED`].
const KINDS: [&str; 6] = ["operations", "handles", "methods", "setters", "arguments", "values"];

/// A count of one kind in one crate.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// How many there are.
    pub all: usize,
    /// The names of the items that are not shown.
    pub missing: Vec<String>,
}

impl Count {
    /// Counts one, which is `shown` or not.
    fn add(&mut self, shown: bool, name: impl FnOnce() -> String) {
        self.all += 1;
        if !shown {
            self.missing.push(name());
        }
    }
}

/// The counts of a crate.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// The generated client's operations, with an example.
    pub operations: Count,
    /// The structs that a client's methods return, directly or not, with an example on their page.
    pub handles: Count,
    /// The public methods of those that an example on the same page calls.
    pub methods: Count,
    /// The setters of requests whose member has a unit or a limit, with that in their documentation.
    pub setters: Count,
    /// The arguments of operations whose member has a unit or a limit, with that in the list of arguments.
    pub arguments: Count,
    /// The values of the document's enumerations that have a description.
    pub values: Count,
}

impl Counts {
    /// Each count with its name.
    pub fn named(&self) -> [(&'static str, &Count); 6] {
        let [operations, handles, methods, setters, arguments, values] = KINDS;
        [
            (operations, &self.operations),
            (handles, &self.handles),
            (methods, &self.methods),
            (setters, &self.setters),
            (arguments, &self.arguments),
            (values, &self.values),
        ]
    }
}

/// Counts, prints the table and what is missing, and compares with what is allowed.
///
/// # Errors
/// A sentence, if a source or a document cannot be read, or more is missing than is allowed.
pub fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let root = crate::root()?;
    let all = spec::providers(&root)?;
    let chosen = if arguments.providers.is_empty() { &all } else { &arguments.providers };
    let mut counts = Vec::new();
    for provider in chosen {
        counts.push((provider.as_str(), count(&root, provider)?));
    }
    print!("{}", report(&counts, !arguments.check));
    if !arguments.check {
        return Ok(ExitCode::SUCCESS);
    }
    let allowed = fs::read_to_string(root.join(ALLOWED))
        .map_err(|e| format!("{ALLOWED}: cannot be read: {e}"))?;
    let complaints = compare(&counts, &allowed)?;
    if complaints.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(complaints.join("\n")) }
}

/// Counts in the crate of one provider.
///
/// # Errors
/// A sentence, if a source or the document cannot be read.
pub fn count(root: &Path, provider: &str) -> Result<Counts, String> {
    let folder = format!("crates/guestexec-{provider}/src");
    let mut files = Vec::new();
    for path in rust_files(&root.join(&folder))? {
        let text = fs::read_to_string(&path)
            .map_err(|e| format!("{}: cannot be read: {e}", path.display()))?;
        files.push((path, text));
    }
    of(&Spec::load(root, provider)?, &files)
}

/// Counts in the sources of a crate: their paths and texts.
///
/// # Errors
/// A sentence, if one is not Rust.
pub fn of(spec: &Spec, files: &[(PathBuf, String)]) -> Result<Counts, String> {
    let source = Source::read(files)?;
    let mut counts = Counts {
        operations: examples::operations(spec, &source),
        setters: setters::count(spec, &source),
        arguments: setters::arguments(spec, &source),
        values: setters::values(spec),
        ..Counts::default()
    };
    (counts.handles, counts.methods) = examples::handles(&source);
    Ok(counts)
}

/// The table, and below it the names of what is missing.
pub fn report(counts: &[(&str, Counts)], with_names: bool) -> String {
    let mut text = format!("{:10}", "crate");
    for kind in KINDS {
        _ = write!(text, "{kind:>16}");
    }
    text.push('\n');
    for (provider, counts) in counts {
        _ = write!(text, "{provider:10}");
        for (_, Count { all, missing }) in counts.named() {
            let shown = all - missing.len();
            let percent = (shown * 100).checked_div(*all).unwrap_or(100);
            let cell = format!("{shown}/{all} {percent:>3}%");
            _ = write!(text, "{cell:>16}");
        }
        text.push('\n');
    }
    for (provider, counts) in counts.iter().filter(|_| with_names) {
        for (kind, count) in counts.named().iter().filter(|(_, count)| !count.missing.is_empty()) {
            _ = write!(text, "\n{provider}, {kind} that lack it:\n");
            count.missing.iter().for_each(|name| _ = writeln!(text, "  {name}"));
        }
    }
    text
}

/// The entries of `allowed`: a line for each crate and kind, with the greatest count that may be missing.
///
/// # Errors
/// A sentence, if it is not of that form.
pub fn compare(counts: &[(&str, Counts)], allowed: &str) -> Result<Vec<String>, String> {
    let mut most = Vec::new();
    for line in allowed.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [provider, kind, number] if KINDS.contains(&kind) => {
                let number: usize = number
                    .parse()
                    .map_err(|_| format!("{ALLOWED}: `{line}` does not end in a number"))?;
                most.push((provider, kind, number));
            }
            _ => return Err(format!("{ALLOWED}: `{line}` is no provider, kind and number")),
        }
    }
    let mut complaints = Vec::new();
    for (provider, counts) in counts {
        for (kind, count) in counts.named() {
            let found = most.iter().find(|(of, what, _)| of == provider && *what == kind);
            let most = found.map_or(0, |(_, _, number)| *number);
            if count.missing.len() > most {
                complaints.push(format!(
                    "{provider}: {} {kind} lack an example, a unit, a limit or a description, and \
                     {ALLOWED} allows {most}: document what `cargo xtask docs-count {provider}` lists",
                    count.missing.len()
                ));
            }
        }
    }
    Ok(complaints)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).map_err(|e| format!("{}: cannot be listed: {e}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
