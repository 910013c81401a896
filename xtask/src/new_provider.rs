//! `cargo xtask new-provider`: a crate for a provider, from a foreign document to the snapshots that a
//! person reviews.
//!
//! One page a part: [`mod@normalise`] makes a document of ours (`examples` shows its calls, [`decision`]
//! has what it leaves open, [`yaml`] writes it), `scaffold` the crate and the places that name it, `trial`
//! builds all of it in a copy of the workspace before anything changes here.

mod choice;
pub mod decision;
mod examples;
mod foreign;
mod names;
pub mod normalise;
mod operation;
mod prose;
mod sample;
mod scaffold;
mod scalar;
mod schema;
mod trial;
pub mod yaml;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use normalise::{About, Normalised, normalise};
use time::OffsetDateTime;

/// The largest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 32 * 1024 * 1024;

/// What `new-provider` is told.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The provider's one word, such as `tat`: crate suffix, module, feature, document.
    pub name: String,
    /// The vendor's OpenAPI 3.0 document, YAML or JSON; without it, specs/NAME.yaml is there already.
    pub document: Option<PathBuf>,
    /// Print the document as it would be, and what it leaves open; write nothing.
    #[arg(long, requires = "document")]
    pub print: bool,
    /// The day on which the document was fetched; today, if none is given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub read_on: Option<String>,
    /// The vendor's general page, where the document names none.
    #[arg(long, value_name = "URL")]
    pub page: Option<String>,
}

/// Runs the command on the checkout at `root`.
///
/// # Errors
/// Sentences: the name or the document is refused, or what was made of it does not build.
pub fn run(root: &Path, arguments: Arguments) -> Result<(), String> {
    let Arguments { name, document, print, read_on, page } = arguments;
    check_name(root, &name, document.is_some())?;
    let (text, decisions) = match &document {
        Some(document) => {
            let shown = document.display();
            let size =
                fs::metadata(document).map_err(|e| format!("{shown}: cannot be read: {e}"))?.len();
            if size > MAX_DOCUMENT {
                return Err(format!(
                    "{shown}: is larger than {MAX_DOCUMENT} bytes; take the part that is needed"
                ));
            }
            let foreign = fs::read_to_string(document)
                .map_err(|e| format!("{shown}: cannot be read: {e}"))?;
            let read_on = read_on.unwrap_or_else(today);
            let about = About { provider: name.clone(), read_on, page };
            let Normalised { document, decisions } =
                normalise(&foreign, &about).map_err(|e| format!("{shown}: {e}"))?;
            (yaml::write(&document)?, Some(decisions))
        }
        None => {
            let file = format!("specs/{name}.yaml");
            let text = fs::read_to_string(root.join(&file)).map_err(|e| {
                format!("{file}: cannot be read: {e}; write it, or name the vendor's document")
            })?;
            (text, None)
        }
    };
    let listed = decisions.as_ref().map(|decisions| decisions.listed(&name));
    if print {
        println!("{text}");
        listed.into_iter().for_each(|listed| eprintln!("{listed}"));
        return Ok(());
    }
    let trial = trial::Trial::begin(root, &name)?;
    trial.build(&name, &text, listed.as_deref())?;
    for file in trial.move_in()? {
        println!("written: {file}");
    }
    match decisions.map(|decisions| decisions.open()) {
        Some(open) => println!("{open} decisions are left to you: specs/{name}.decisions.md"),
        None => println!("made of specs/{name}.yaml"),
    }
    println!(
        "requests are refused until `Credentials::sign` in crates/guestexec-{name}/src/auth.rs is written"
    );
    Ok(())
}

fn today() -> String {
    let day = OffsetDateTime::now_utc().date();
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// Refuses a name that is none, or that something else has.
fn check_name(root: &Path, name: &str, is_new: bool) -> Result<(), String> {
    let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_word || syn::parse_str::<syn::Ident>(name).is_err() {
        return Err(format!(
            "`{name}` is no name of a provider; give one word of lower-case letters and digits"
        ));
    }
    let folder = format!("crates/guestexec-{name}");
    if root.join(&folder).exists() {
        return Err(format!("{folder} is there already; give another name"));
    }
    if is_new && root.join(format!("specs/{name}.yaml")).exists() {
        return Err(format!(
            "specs/{name}.yaml is there already; give another name, or leave the document out"
        ));
    }
    let manifest = fs::read_to_string(root.join("crates/guestexec/Cargo.toml"))
        .map_err(|e| format!("crates/guestexec/Cargo.toml: cannot be read: {e}"))?;
    let is_feature = manifest.lines().any(|line| line.starts_with(&format!("{name} = ")));
    if is_feature || name == "tests" || name == "xtask" {
        return Err(format!("`{name}` is a feature or a package of ours; give another name"));
    }
    Ok(())
}
