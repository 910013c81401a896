//! Where a secret comes from: never from the command line, where other processes and the shell's history see it.

use std::{env, fmt, fs, io, path::PathBuf, process::Stdio, time::Duration};

use guestexec::Secret;
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

use crate::failure::Failure;

/// The longest secret, in bytes. Tokens of IAM have several KiB.
const LONGEST: u64 = 64 * 1024;
/// How long a command may take that prints a secret: it may ask a person.
const COMMAND_TIME: Duration = Duration::from_secs(120);

/// What a person wrote as the place of a secret. It is read when the secret is needed, and not shown if it is
/// wrong: it may be the secret itself.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct SecretFrom(String);

impl From<String> for SecretFrom {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretFrom {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The kind of place, since a wrong text may be a secret.
impl fmt::Debug for SecretFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = match self.place() {
            Some(Place::Prompt) => "prompt",
            Some(Place::Stdin) => "stdin",
            Some(Place::File(_)) => "file",
            Some(Place::Environment(_)) => "env",
            Some(Place::Command(_)) => "command",
            None => "unknown",
        };
        f.debug_tuple("SecretFrom").field(&known).finish()
    }
}

enum Place<'a> {
    Prompt,
    Stdin,
    File(PathBuf),
    Environment(&'a str),
    Command(&'a str),
}

impl SecretFrom {
    fn place(&self) -> Option<Place<'_>> {
        let (kind, rest) = self.0.split_once(':').unwrap_or((&self.0, ""));
        let rest = rest.trim();
        match (kind, rest.is_empty()) {
            ("prompt", true) => Some(Place::Prompt),
            ("stdin", true) => Some(Place::Stdin),
            ("file", false) => Some(Place::File(path(rest))),
            ("env", false) => Some(Place::Environment(rest)),
            ("command", false) => Some(Place::Command(rest)),
            _ => None,
        }
    }

    /// A file, by its path.
    pub(crate) fn file(path: &std::path::Path) -> Self {
        Self(format!("file:{}", path.display()))
    }

    /// This place, as seen from any folder.
    #[must_use]
    pub(crate) fn absolute(self) -> Self {
        match self.place() {
            Some(Place::File(path)) => match std::path::absolute(&path) {
                Ok(path) => Self::file(&path),
                Err(_) => self,
            },
            _ => self,
        }
    }

    /// The path, if it is a file.
    pub(crate) fn as_file(&self) -> Option<PathBuf> {
        match self.place() {
            Some(Place::File(path)) => Some(path),
            _ => None,
        }
    }

    /// The place for people to see. A command line may hold a secret.
    pub(crate) fn shown(&self) -> String {
        match self.place() {
            Some(Place::Command(_)) => "command:…".to_owned(),
            Some(_) => self.0.clone(),
            None => "…".to_owned(),
        }
    }

    /// True if it is read without asking a person and without running a command.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.place(), Some(Place::File(_) | Place::Environment(_)))
    }

    /// True if the secret is read from standard input, which a command then cannot have.
    pub(crate) fn takes_stdin(&self) -> bool {
        matches!(self.place(), Some(Place::Stdin))
    }

    /// Checks the form, without reading the secret.
    ///
    /// # Errors
    /// If it names no place. The text is not in the message.
    pub(crate) fn check(&self, option: &str) -> Result<(), Failure> {
        match self.place() {
            Some(_) => Ok(()),
            None => Err(Failure::new(format!("{option} takes the place of a secret, not the secret itself"))
                .advise("Give prompt, stdin, file:PATH, env:NAME or command:LINE. If what you gave was a secret, renew it: other processes may have seen it.")),
        }
    }

    /// Reads the secret. `option` is how the place was given, such as `--secret-from`.
    ///
    /// # Errors
    /// If the place is not one, cannot be read, is readable by others, or is empty.
    pub(crate) async fn read(&self, option: &str) -> Result<Secret, Failure> {
        self.check(option)?;
        let text = match self.place() {
            Some(Place::Prompt) => prompt(option)?,
            Some(Place::Stdin) => first_line_of_stdin()?,
            Some(Place::File(path)) => file(&path)?,
            Some(Place::Environment(name)) => env::var(name).map_err(|_| {
                Failure::new(format!(
                    "{option} names the environment variable {name}, which is not set or is no text"
                ))
                .advise(format!("Set and export {name}."))
            })?,
            Some(Place::Command(line)) => command(line, option).await?,
            None => return Err(Failure::new(format!("{option} names no place"))),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(Failure::new(format!("the secret of {option} is empty"))
                .advise("See what is at the place that it names."));
        }
        Ok(Secret::from(text))
    }
}

/// The path of a file, of which a shell has not replaced the tilde.
fn path(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

fn prompt(option: &str) -> Result<String, Failure> {
    rpassword::prompt_password(format!("Secret of {option}: ")).map_err(|error| {
        Failure::new(format!("the secret of {option} cannot be asked for: {error}"))
            .advise("Without a terminal, use stdin, file:PATH, env:NAME or command:LINE in place of prompt.")
    })
}

fn first_line_of_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    io::BufRead::read_line(&mut io::Read::take(io::stdin().lock(), LONGEST), &mut line)
        .map_err(|error| Failure::new(format!("standard input has no secret: {error}")))?;
    Ok(line)
}

/// Reads a file that only its owner can read.
fn file(path: &std::path::Path) -> Result<String, Failure> {
    let shown = path.display();
    let problem = |error: io::Error| {
        Failure::new(format!("the file of a secret, {shown}, cannot be read: {error}"))
            .advise("Check its path and whether you may read it.")
    };
    let data = fs::metadata(path).map_err(problem)?;
    if !data.is_file() || data.len() > LONGEST {
        return Err(Failure::new(format!("{shown} is no file with a secret"))
            .advise("Name a text file of at most 64 KiB that holds the secret alone."));
    }
    check_permissions(path, &data)?;
    fs::read_to_string(path).map_err(problem)
}

/// Refuses a file that others can read.
#[cfg(unix)]
pub(crate) fn check_permissions(
    path: &std::path::Path,
    data: &fs::Metadata,
) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = data.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::new(format!("others can read {shown} (its mode is {mode:03o})")).advise(format!(
        "Run `chmod 600 {}`.",
        shlex::try_quote(&shown.to_string()).unwrap_or_default()
    )))
}

/// The permissions of other systems are lists, which are left alone.
#[cfg(not(unix))]
pub(crate) fn check_permissions(_: &std::path::Path, _: &fs::Metadata) -> Result<(), Failure> {
    Ok(())
}

/// What a command prints, whose messages and questions go to the terminal.
async fn command(line: &str, option: &str) -> Result<String, Failure> {
    let problem = |what: String| {
        Failure::new(format!("the command of {option} {what}"))
            .advise("Run it by hand: it must print the secret and nothing else.")
    };
    let mut child = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| problem(format!("cannot be run: {error}")))?;
    let mut text = String::new();
    let output = child.stdout.take();
    let read = async {
        if let Some(output) = output {
            output.take(LONGEST).read_to_string(&mut text).await?;
        }
        child.wait().await
    };
    match timeout(COMMAND_TIME, read).await {
        Ok(Ok(status)) if status.success() => Ok(text),
        Ok(Ok(status)) => Err(problem(format!("failed: {status}"))),
        Ok(Err(error)) => Err(problem(format!("printed what cannot be read: {error}"))),
        Err(_) => Err(problem(format!("took longer than {} s", COMMAND_TIME.as_secs()))),
    }
}
