//! `guestexec profile add`: flags, and questions about what is missing.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};

use clap::{Args, Subcommand};
use guestexec::Secret;

use super::kept_secrets;
use crate::{
    connect::{cci, lacks, tat, zstack},
    ending::Exit,
    failure::Failure,
    global::Global,
    profiles::{
        Profile,
        edit::{self, Edit},
    },
    say,
    secret_from::SecretFrom,
};

/// Make a profile.
///
/// The flags are those of the service's commands. On a terminal, what is missing is asked for.
#[derive(Args, Debug)]
#[command(subcommand_value_name = "PROVIDER", subcommand_help_heading = "Providers")]
pub(crate) struct Arguments {
    /// The profile's name: letters, digits, `-`, `_` and `.`
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// Replace the profile of this name
    #[arg(long, global = true)]
    replace: bool,
    /// Take the secret now, from the place given, else by a question or standard input, and keep it in a file that
    /// only you can read
    #[arg(long, global = true)]
    keep_secret: bool,
    #[command(subcommand)]
    provider: Provider,
}

/// Which service, and its settings.
#[derive(Debug, Subcommand)]
enum Provider {
    /// Huawei Cloud Container Instance
    #[command(mut_arg("profile", |arg| arg.hide(true)))]
    Cci(Box<cci::Settings>),
    /// Tencent Cloud TAT
    #[command(mut_arg("profile", |arg| arg.hide(true)))]
    Tat(Box<tat::Settings>),
    /// ZStack Cloud
    #[command(mut_arg("profile", |arg| arg.hide(true)))]
    Zstack(Box<zstack::Settings>),
}

/// Checks a name, which becomes that of a file.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    if text.is_empty() || text.len() > 64 || text.starts_with(['.', '-']) {
        return Err("it has 1 to 64 letters, and does not begin with `.` or `-`".to_owned());
    }
    if !text.chars().all(is_plain) {
        return Err("it is made of letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(text.to_owned())
}

impl Arguments {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let Self { name, replace, keep_secret, provider } = self;
        let mut edit = Edit::begin()?;
        let old = edit.profiles().profiles.get(&name).cloned();
        if old.is_some() && !replace {
            return Err(Failure::new(format!("there is a profile `{name}` already"))
                .advise("Give --replace, or another name."));
        }
        // The name of a profile that other commands would use says nothing here.
        let mut profile = match provider {
            Provider::Cci(settings) => Profile::Cci(cci::Settings { profile: None, ..*settings }),
            Provider::Tat(settings) => Profile::Tat(tat::Settings { profile: None, ..*settings }),
            Provider::Zstack(settings) => {
                Profile::Zstack(zstack::Settings { profile: None, ..*settings })
            }
        };
        for (_, option, place) in profile.secrets_mut() {
            if let Some(place) = place {
                place.check(option)?;
                *place = place.clone().absolute();
            }
        }
        if let Some(path) = profile.ca_file_mut() {
            *path = std::path::absolute(&*path)?;
        }
        let a_person_answers = stdin().is_terminal() && stderr().is_terminal();
        if a_person_answers {
            ask_for_settings(&mut profile)?;
        }
        check(&profile)?;
        let kept = secrets(&name, &mut profile, keep_secret, a_person_answers).await?;
        let provider = profile.provider();
        let used = edit.profiles().in_use.get(provider);
        let is_first = used.is_none_or(|used| *used == name);
        edit.put(&name, &profile)?;
        if is_first {
            edit.use_profile(&name, provider);
        }
        for (path, secret) in &kept {
            edit::keep(path, secret)?;
        }
        edit.write()?;
        if let Some(mut old) = old {
            let still = kept_secrets(&name, &mut profile)?;
            let left = kept_secrets(&name, &mut old)?;
            left.iter()
                .filter(|path| !still.contains(path))
                .try_for_each(|path| edit::forget(path))?;
        }
        let use_it = match is_first {
            true => format!("it is in use for {provider}"),
            false => {
                format!("`guestexec profile use {name}` makes it the one in use for {provider}")
            }
        };
        say::note(
            global,
            &format!("the profile `{name}` is in {}; {use_it}", edit.path().display()),
        );
        Ok(Exit::SUCCESS)
    }
}

/// Refuses what no command could use.
fn check(profile: &Profile) -> Result<(), Failure> {
    match profile {
        Profile::Zstack(settings) if settings.endpoint.is_none() => {
            Err(Failure::new("the profile says nothing of where the management node is")
                .advise("Give --endpoint https://zstack.example, say."))
        }
        Profile::Cci(settings) if settings.user.is_some() && settings.domain.is_none() => {
            Err(lacks("--user", "--domain"))
        }
        Profile::Cci(settings) if settings.agency.is_some() && settings.domain.is_none() => {
            Err(lacks("--agency", "--domain"))
        }
        _ => Ok(()),
    }
}

/// Asks for what a profile of its service usually has.
fn ask_for_settings(profile: &mut Profile) -> Result<(), Failure> {
    match profile {
        Profile::Cci(settings) => {
            if settings.region.is_none() && settings.endpoint.is_none() {
                settings.region = ask("Region, such as cn-north-4: ")?;
            }
            if !settings.has_keys() {
                settings.key_id = ask(
                    "Access key's id (nothing: from the environment, the vendor's file or agency): ",
                )?;
            }
            if settings.user.is_some() && settings.domain.is_none() {
                settings.domain = ask("The user's account (domain): ")?;
            }
        }
        Profile::Tat(settings) => {
            if settings.region.is_none() {
                settings.region = ask("Region, such as ap-guangzhou: ")?;
            }
            if !settings.has_keys() {
                settings.key_id =
                    ask("SecretId (nothing: from the environment, the vendor's files or roles): ")?;
            }
        }
        Profile::Zstack(settings) => {
            if settings.endpoint.is_none() {
                settings.endpoint = ask("Management node, such as https://zstack.example: ")?;
            }
            if !settings.has_keys() {
                settings.account = ask("Account (nothing: an AccessKey): ")?;
            }
            if !settings.has_keys() {
                settings.key_id = ask("AccessKey's id (nothing: from the environment): ")?;
            }
        }
    }
    Ok(())
}

/// Takes the secrets that are to be kept, with their files, and makes the profile name these.
async fn secrets(
    name: &str,
    profile: &mut Profile,
    keep: bool,
    a_person_answers: bool,
) -> Result<Vec<(std::path::PathBuf, Secret)>, Failure> {
    let (who, needs_secret) = match profile {
        Profile::Cci(it) => ("--key-id or --user", it.key_id.is_some() || it.user.is_some()),
        Profile::Tat(it) => ("--key-id", it.key_id.is_some()),
        Profile::Zstack(it) => {
            ("--key-id or --account", it.key_id.is_some() || it.account.is_some())
        }
    };
    let mut kept = Vec::new();
    for (part, option, place) in profile.secrets_mut() {
        let path = edit::secret_path(name, part)?;
        let is_missing = part == "secret" && needs_secret && place.is_none();
        let secret = match place {
            Some(place) if keep => place.read(option).await?,
            None if is_missing && a_person_answers => {
                let question = match keep {
                    true => format!("Its secret, to be kept in {}: ", path.display()),
                    false => format!(
                        "Its secret, to be kept in {} (nothing: ask at each use): ",
                        path.display()
                    ),
                };
                let answer = rpassword::prompt_password(question)?;
                if answer.is_empty() && !keep {
                    *place = Some(SecretFrom::from("prompt"));
                    continue;
                }
                Secret::from(answer)
            }
            None if is_missing && keep => SecretFrom::from("stdin").read(option).await?,
            None if is_missing => return Err(lacks(who, "--secret-from or --keep-secret")),
            _ => continue,
        };
        if secret.expose().is_empty() {
            return Err(Failure::new(format!("the secret of {option} is empty"))
                .advise("Give the secret, or leave out --keep-secret."));
        }
        *place = Some(SecretFrom::file(&path));
        kept.push((path, secret));
    }
    Ok(kept)
}

/// Asks a question on the terminal. An empty answer is none.
fn ask(question: &str) -> Result<Option<String>, Failure> {
    let mut to = stderr();
    to.write_all(question.as_bytes())?;
    to.flush()?;
    let mut line = String::new();
    if stdin().lock().read_line(&mut line)? == 0 {
        return Err(Failure::new("the terminal was closed before the profile was made")
            .advise("Nothing was written."));
    }
    let answer = line.trim();
    Ok(Some(answer.to_owned()).filter(|answer| !answer.is_empty()))
}
