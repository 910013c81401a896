//! The README's command lines are run, and what it shows of their output is what they write. With the variable
//! GUESTEXEC_RECORD, the output is written into it.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{env, fmt::Write as _, fs, path::PathBuf, process::Command};

use common::{Place, bare};
use regex_lite::Regex;

fn path() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    package.join("README.md")
}

/// What differs from run to run, as the README shows it.
fn steady(text: &str) -> String {
    let mut text = common::steady(text);
    for (pattern, with) in [
        (r"\b(inv|invt|cmd)-[0-9a-z]{8}\b", "${1}-8hbk3x7d"),
        (r"\b[0-9a-f]{32}\b", "fc022ba201c135d8809c5e02bf6bf156"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z", "2026-11-29T12:00:00Z"),
        (r"\b[0-9]+(\.[0-9]+)?s\b", "1s"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    }
    text
}

/// A shell in a folder of its own, with the command and a sandbox for it.
struct Shell {
    place: Place,
    last: i32,
}

impl Shell {
    /// Runs a line, and returns what it writes.
    fn run(&mut self, line: &str) -> String {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_guestexec"));
        let folder = program.parent().unwrap().display().to_string();
        let others = env::var("PATH").unwrap();
        let mut shell = Command::new("sh");
        shell.env_clear().envs(self.place.sandbox.env());
        shell.env("PATH", format!("{folder}:{others}")).env("HOME", self.place.home.path());
        shell.arg("-c").arg(format!("exec 2>&1\n(exit {})\n{line}", self.last));
        let output = shell.current_dir(self.place.home.path()).output().unwrap();
        self.last = output.status.code().unwrap();
        let home = self.place.home.path().display().to_string();
        String::from_utf8(output.stdout).unwrap().replace(&home, "/home/me")
    }
}

#[test]
fn each_command_line_runs_and_writes_what_is_shown() {
    let readme = fs::read_to_string(path()).unwrap();
    let mut shell = Shell { place: Place::new(), last: 0 };
    let mut written = String::new();
    let mut fence = None;
    for line in readme.lines() {
        match fence {
            None => fence = line.strip_prefix("```"),
            Some(_) if line == "```" => fence = None,
            // Output is written anew below.
            Some("console") => {
                if let Some(command) = line.strip_prefix("$ ") {
                    let output = steady(&shell.run(command));
                    write!(written, "{line}\n{output}").unwrap();
                    assert!(output.is_empty() || output.ends_with('\n'), "{line}: {output}");
                }
                continue;
            }
            Some("sh") => {
                let output = shell.run(line);
                assert_eq!(shell.last, 0, "{line}\n{output}");
            }
            Some(_) => {}
        }
        writeln!(written, "{line}").unwrap();
    }
    if env::var_os("GUESTEXEC_RECORD").is_some() {
        return fs::write(path(), &written).unwrap();
    }
    for (shown, written) in readme.lines().zip(written.lines()) {
        assert_eq!(shown, written, "run scripts/record.sh, and read the diff of the README");
    }
    assert_eq!(readme.len(), written.len());
}

/// The subcommands that a help lists.
fn subcommands(words: &[String]) -> Vec<Vec<String>> {
    let home = tempfile::tempdir().unwrap();
    let output = bare(home.path()).args(words).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut all = Vec::new();
    for name in listed.take_while(|line| !line.is_empty()) {
        // The text of a command goes on below its name, farther in.
        let Some(name) = name.strip_prefix("  ").filter(|name| !name.starts_with(' ')) else {
            continue;
        };
        let name = name.split(' ').next().unwrap();
        if name != "help" {
            all.push(words.iter().cloned().chain([name.to_owned()]).collect());
        }
    }
    all
}

#[test]
fn every_command_is_in_the_table() {
    let readme = fs::read_to_string(path()).unwrap();
    let mut ahead = vec![Vec::new()];
    let mut count = 0;
    while let Some(words) = ahead.pop() {
        let below = subcommands(&words);
        if below.is_empty() {
            let command = words.join(" ");
            assert!(readme.contains(&format!("| `{command}")), "{command} is not in the table");
            count += 1;
        }
        ahead.extend(below);
    }
    assert!(count > 5, "{count}");
}
