//! The command and a sandbox for it, as a user has them.
#![allow(dead_code, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

pub mod cci;
pub mod many;

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use guestexec_sandbox::{Builder, Sandbox};
use tempfile::TempDir;

/// A sandbox, the variables that lead to it, and a home without any file.
pub struct Place {
    pub sandbox: Sandbox,
    pub home: TempDir,
    runtime: tokio::runtime::Runtime,
}

/// How a command ended, with what it wrote.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(set(Sandbox::builder()).start()).unwrap();
        Self { sandbox, home: TempDir::new().unwrap(), runtime }
    }

    /// The command, in an environment that holds what the sandbox prints and nothing of this machine's.
    pub fn command<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = bare(self.home.path());
        command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        command.envs(self.sandbox.env());
        command
    }

    /// Runs a line, its words apart by spaces; quotes as in a shell.
    pub fn run(&self, line: &str) -> Ended {
        ended(self.command(words(line)).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a line with standard input.
    pub fn run_with(&self, line: &str, stdin: &[u8]) -> Ended {
        let mut command = self.command(words(line));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        ended(child.wait_with_output().unwrap())
    }

    /// A text with what differs from run to run replaced.
    pub fn steady(&self, text: &str) -> String {
        steady(text)
    }
}

/// The command, in an environment with a home and no variable else.
pub fn bare(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestexec"));
    command.env_clear().env("HOME", home).env("GUESTEXEC_CONFIG_DIR", home.join("config"));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Splits a line as a shell does.
pub fn words(line: &str) -> Vec<String> {
    shlex::split(line).expect("quotes are closed")
}

pub fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Replaces request ids and other UUIDs, and ports of this machine.
pub fn steady(text: &str) -> String {
    let uuid =
        regex_lite::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    let text = uuid.unwrap().replace_all(text, "<uuid>");
    let port = regex_lite::Regex::new("127\\.0\\.0\\.1:[0-9]+").unwrap();
    port.replace_all(&text, "127.0.0.1:<port>").into_owned()
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit code: {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}
