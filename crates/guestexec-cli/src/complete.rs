//! What a shell is told when a person asks it to complete a word.

mod machines;

use std::{env, ffi::OsStr};

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches};
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};

use crate::{Arguments, profiles::Profiles};

/// The variable by which a shell asks.
pub(crate) const VARIABLE: &str = "COMPLETE";

/// Answers a shell that asks; false if the program is called for something else.
pub(crate) fn answers() -> bool {
    // Nothing is built and no file is read where nobody asks.
    if env::var_os(VARIABLE).is_none() {
        return false;
    }
    let here = env::current_dir().ok();
    let answered = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin("guestexec")
        .try_complete(env::args_os(), here.as_deref());
    // An error would stand in the line that is being written.
    answered.unwrap_or(true)
}

/// The command, with what completes its values.
fn command() -> Command {
    with_values(Arguments::command(), None)
}

/// Adds what completes values to a command and to those below it. It goes by the names of values, so that each
/// command has it.
fn with_values(command: Command, provider: Option<&'static str>) -> Command {
    let name = command.get_name().to_owned();
    let provider = ["cci", "tat", "zstack"].into_iter().find(|one| *one == name).or(provider);
    let names_one = matches!(&*name, "use" | "remove");
    command
        .mut_args(|arg| {
            let value = arg.get_value_names().and_then(|names| names.first()).cloned();
            let value = value.as_deref().unwrap_or_default();
            match (arg.get_id().as_str(), value, provider) {
                ("profile", ..) => {
                    arg.add(ArgValueCompleter::new(move |word: &OsStr| profiles(word, provider)))
                }
                ("name", "NAME", None) if names_one => {
                    arg.add(ArgValueCompleter::new(|word: &OsStr| profiles(word, None)))
                }
                (_, "INSTANCE", Some("tat")) => {
                    arg.add(ArgValueCompleter::new(machines::instances))
                }
                (_, "VM", Some("zstack")) => arg.add(ArgValueCompleter::new(machines::vms)),
                (_, "POD", Some("cci")) => arg.add(ArgValueCompleter::new(machines::pods)),
                (_, "NAMESPACE", Some("cci")) => {
                    arg.add(ArgValueCompleter::new(machines::namespaces))
                }
                _ => arg,
            }
        })
        .mut_subcommands(|command| with_values(command, provider))
}

/// The profiles, of one service or of all.
fn profiles(word: &OsStr, provider: Option<&str>) -> Vec<CompletionCandidate> {
    let Ok(profiles) = Profiles::load() else { return Vec::new() };
    let is_meant =
        |name: &str, of: &str| begins(name, word) && provider.is_none_or(|provider| provider == of);
    (profiles.profiles.iter())
        .filter(|(name, profile)| is_meant(name, profile.provider()))
        .map(|(name, profile)| CompletionCandidate::new(name).help(Some(profile.provider().into())))
        .collect()
}

/// True if a candidate goes on from what is written of it.
fn begins(candidate: &str, word: &OsStr) -> bool {
    word.to_str().is_some_and(|word| candidate.starts_with(word))
}

/// The settings that the line has so far.
fn settings<S: FromArgMatches>(provider: &str) -> Option<S> {
    // What a shell asks about stands after `--`.
    let words = env::args_os().skip_while(|word| word != "--").skip(1);
    let line = Arguments::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let mut matches: &ArgMatches = &line;
    loop {
        let (name, below) = matches.subcommand()?;
        if name == provider {
            return S::from_arg_matches(below).ok();
        }
        matches = below;
    }
}
