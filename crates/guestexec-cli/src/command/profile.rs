//! `guestexec profile`: settings under names of the user's own.

mod add;
mod list;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{
    ending::Exit,
    failure::Failure,
    global::Global,
    profiles::{Profile, edit},
    say,
    secret_from::SecretFrom,
};

/// Keep settings under names of your own.
///
/// A profile holds the flags of one service's commands. No secret is in it: it names the place of one, or has it in a
/// file of its own that only you can read.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The end of the help.
const AFTER_HELP: &str = "\
What counts, the first before the others:
  1. flags
  2. the profile that --profile or GUESTEXEC_PROFILE names
  3. credentials in the environment, and a region there
  4. the profile in use
  5. the vendor's own files and roles

The profiles are in profiles.toml in the folder guestexec of this system's configuration, or in the folder that
GUESTEXEC_CONFIG_DIR names.

Examples:
  guestexec profile add prod tat
  guestexec profile add prod tat --region ap-guangzhou --key-id AKID… --secret-from command:'pass show tat'
  guestexec profile add lab zstack --endpoint https://zstack.lab --account admin --keep-secret < password
  guestexec --output json profile list
  guestexec tat run --profile prod ins-zj0f57ew -- uname -a";

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Make a profile; on a terminal, what is missing is asked for
    Add(Box<add::Arguments>),
    /// Show all profiles
    List,
    /// Use a profile where none of its service is named
    Use(Name),
    /// Remove a profile, and the file of its secret
    Remove(Name),
}

/// Which profile.
#[derive(Args, Debug)]
struct Name {
    /// The profile
    #[arg(value_name = "NAME")]
    name: String,
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        match self.command {
            Command::Add(arguments) => arguments.run(global).await,
            Command::List => list::run(global).await,
            Command::Use(Name { name }) => use_one(&name, global),
            Command::Remove(Name { name }) => remove(&name, global),
        }
    }
}

fn use_one(name: &str, global: &Global) -> Result<Exit, Failure> {
    let mut edit = edit::Edit::begin()?;
    let provider = known(&edit, name)?.provider();
    edit.use_profile(name, provider);
    edit.write()?;
    say::note(global, &format!("the profile `{name}` is in use for {provider}"));
    Ok(Exit::SUCCESS)
}

fn remove(name: &str, global: &Global) -> Result<Exit, Failure> {
    let mut edit = edit::Edit::begin()?;
    let mut profile = known(&edit, name)?.clone();
    edit.remove(name);
    edit.write()?;
    for kept in kept_secrets(name, &mut profile)? {
        edit::forget(&kept)?;
    }
    say::note(global, &format!("the profile `{name}` is removed"));
    Ok(Exit::SUCCESS)
}

/// The files of the secrets that were kept when the profile was made.
fn kept_secrets(name: &str, profile: &mut Profile) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for (part, _, place) in profile.secrets_mut() {
        let kept = edit::secret_path(name, part)?;
        if place.as_ref().and_then(SecretFrom::as_file).is_some_and(|path| path == kept) {
            all.push(kept);
        }
    }
    Ok(all)
}

fn known<'a>(edit: &'a edit::Edit, name: &str) -> Result<&'a Profile, Failure> {
    edit.profiles().profiles.get(name).ok_or_else(|| {
        let names: Vec<&str> = edit.profiles().profiles.keys().map(String::as_str).collect();
        let advice = match names.is_empty() {
            true => "Make one by `guestexec profile add`.".to_owned(),
            false => format!("There are: {}.", names.join(", ")),
        };
        Failure::new(format!("there is no profile `{name}`")).advise(advice)
    })
}
