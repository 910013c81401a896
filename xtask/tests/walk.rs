//! The whole way from a vendor's page that changed to a change that can be released.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use support::{checkout, text, xtask};

const PAGE: &str = include_str!("data/pages/tat-run-command.txt");
const ROW: &str = "| SaveCommand | No |";
/// The row of a new member.
const SHELL: &str =
    "| Shell | No | String | The shell. Up to 16 characters. |\n| SaveCommand | No |";
/// The description that a person writes.
const WRITTEN: &str = "description: 'The shell that reads the script. At most 16 characters.'";

/// A copy of this checkout in git, released as 0.1.0.
struct Walk(PathBuf);

impl Walk {
    fn new(name: &str) -> Self {
        let walk = Self(checkout(name));
        walk.git(&["init", "--quiet"]);
        walk.git(&["add", "."]);
        walk.git(&["commit", "--quiet", "-m", "A release."]);
        walk.git(&["tag", "v0.1.0"]);
        walk
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=Test", "-c", "user.email=test@machines.example"]);
        git.args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]);
        let output = git.args(arguments).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Replaces a text that stands in a file.
    fn edit(&self, file: &str, find: &str, put: &str) {
        let text = self.read(file);
        assert!(text.contains(find), "{file} lacks {find}");
        fs::write(self.path(file), text.replacen(find, put, 1)).unwrap();
    }

    /// Runs a task that ends with `code`; its standard output and standard error.
    fn task(&self, task: &str, code: i32) -> (String, String) {
        let arguments: Vec<&str> = task.split(' ').collect();
        ended(task, &xtask(&self.0, &arguments), code)
    }

    /// Replaces the description that is left to a person, and gives its line.
    fn write_description(&self) -> usize {
        let document = self.read("specs/tat.yaml");
        let open = |line: &&str| line.contains("WRITE:");
        let at = document.lines().position(|line| open(&line)).unwrap();
        assert_eq!(document.lines().filter(open).count(), 1);
        let line = document.lines().nth(at).unwrap();
        let indent = &line[..line.len() - line.trim_start().len()];
        let written = document.replacen(line, &format!("{indent}{WRITTEN}"), 1);
        fs::write(self.path("specs/tat.yaml"), written).unwrap();
        at + 1
    }

    /// From the page with a new member to the generated code.
    fn generated(name: &str) -> Self {
        let walk = Self::new(name);
        fs::write(walk.path("page.txt"), PAGE.replacen(ROW, SHELL, 1)).unwrap();
        walk.task("audit tat page.txt --fix", 0);
        walk.write_description();
        walk.task("generate tat", 0);
        walk
    }
}

fn ended(what: &str, output: &Output, code: i32) -> (String, String) {
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{what}:\n{said}{told}");
    (said, told)
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_new_member_of_a_page_is_found_written_generated_and_told() {
    let walk = Walk::new("walk");
    fs::write(walk.path("page.txt"), PAGE).unwrap();
    walk.task("audit tat page.txt", 0);
    walk.task("generate --check", 0);

    // The page has a member more.
    walk.edit("page.txt", ROW, SHELL);
    let row = walk.read("page.txt").lines().position(|line| line.starts_with("| Shell")).unwrap();
    let (said, _) = walk.task("audit tat page.txt", 1);
    has(&said, &["RunCommand.request.Shell", &format!("page.txt:{}", row + 1)]);
    assert_eq!(walk.git(&["status", "--short", "--untracked-files=no"]), "");

    // It is written, but for the words.
    walk.task("audit tat page.txt --fix", 0);
    let changed = walk.git(&["status", "--short", "--untracked-files=no"]);
    assert_eq!(changed, " M specs/tat.yaml\n");
    let (_, told) = walk.task("generate tat", 1);
    let line = walk.write_description();
    let refused = format!("specs/tat.yaml:{line}: RunCommandRequest.Shell: `description` is not");
    assert!(told.starts_with(&refused) && told.lines().count() == 1, "{told}");
    let (said, _) = walk.task("generate tat", 0);
    has(&said, &["tat: written", "wire compatible", "Rust minor"]);

    // Page, document and code say the same.
    walk.task("audit tat page.txt", 0);
    walk.task("generate --check", 0);
    walk.task("items --check", 0);
    has(&walk.read("crates/guestexec-tat/src/generated/types.rs"), &["SHELL_LENGTH"]);

    // What it means for users, and what a release lacks.
    let (said, _) = walk.task("diff", 0);
    has(&said, &["wire compatible", "Rust minor", "goes from 0.1.0 to 0.1.1", "Shell"]);
    let (_, told) = walk.task("diff --check", 1);
    has(&told, &["begin another one above it", "the version 0.1.0 is too low"]);
    let bullets: Vec<&str> = told.lines().filter(|line| line.contains("- ")).collect();
    let news = format!("# Changelog\n\n## 0.1.1 (unreleased)\n\n{}\n", bullets.join("\n"));
    walk.edit("CHANGELOG.md", "# Changelog\n", &news);
    let (_, told) = walk.task("diff --check", 1);
    assert!(told.starts_with("crates/guestexec-tat/Cargo.toml: the version 0.1.0 is"), "{told}");
    walk.edit("Cargo.toml", "version = \"0.1.0\"", "version = \"0.1.1\"");
    walk.task("diff --check", 0);
    // With another line there is a change that the CHANGELOG does not tell.
    walk.edit("CHANGELOG.md", &bullets.join("\n"), "- Repairs.");
    let (_, told) = walk.task("diff --check", 1);
    has(&told, &["the newest part says nothing of these changes since v0.1.0", "Shell"]);

    // The fullest example shows it, so the snapshot of that request is another.
    let examples =
        walk.git(&["diff", "-U0", "--", "crates/guestexec-tat/src/generated/examples.rs"]);
    let come: Vec<&str> = examples.lines().filter(|line| line.starts_with("+ ")).collect();
    assert!(!come.is_empty() && come.iter().all(|line| line.contains("Shell")), "{examples}");
}

/// The end of the walk: the snapshots of the requests that show the new member wait for their review.
#[test]
#[ignore = "builds a copy of the workspace; `.ci/run` runs it"]
fn the_request_with_a_new_member_waits_for_its_review() {
    let walk = Walk::generated("pending");
    let shapes = |update: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline", "--quiet", "--package", "tests", "--test", "shapes"]);
        cargo.current_dir(&walk.0).env("INSTA_UPDATE", update).env_remove("INSTA_FORCE_PASS");
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            cargo.env_remove(name);
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        cargo.env("CARGO_TARGET_DIR", target).output().unwrap()
    };
    let output = shapes("new");
    assert!(!output.status.success(), "{}", text(&output.stdout));
    let folder = walk.path("tests/snapshots/tat");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
    let files = files.map(|name| name.into_string().unwrap());
    let pending: Vec<String> = files.filter(|name| name.ends_with(".snap.new")).collect();
    assert_eq!(pending, ["RunCommand.full.snap.new"], "{}", text(&output.stdout));
    has(&fs::read_to_string(folder.join(&pending[0])).unwrap(), &["\"Shell\": "]);
    // Accepted, nothing is left.
    ended("shapes", &shapes("always"), 0);
    let changed = walk.git(&["status", "--short", "--", "tests/snapshots"]);
    assert_eq!(changed, " M tests/snapshots/tat/RunCommand.full.snap\n");
    ended("shapes", &shapes("no"), 0);
}

/// Runs the script on the page, with a command in the place of the test that takes the snapshots.
fn follow(walk: &Walk, arguments: &[&str], shapes: &str) -> Output {
    let mut script = Command::new(walk.path("scripts/follow-page.sh"));
    script.args(arguments).current_dir(&walk.0).env_remove("CARGO_MANIFEST_DIR");
    script.env("XTASK", env!("CARGO_BIN_EXE_xtask")).env("SHAPES", shapes);
    script.output().unwrap()
}

#[test]
fn the_script_writes_the_text_of_a_pull_request() {
    let walk = Walk::new("followed");
    let page = walk.path("page.txt");
    let commands = walk.path("target");
    fs::create_dir_all(&commands).unwrap();
    let command = |name: &str, lines: &str| {
        fs::write(commands.join(name), lines).unwrap();
        format!("sh {}", commands.join(name).display())
    };
    let takes = command("takes", "echo more >>tests/snapshots/tat/RunCommand.page.snap\n");
    let fails = command("fails", "echo 'two are without a snapshot'; exit 101\n");

    // What cannot be followed.
    let (_, told) = ended("no page", &follow(&walk, &["tat"], "true"), 2);
    assert!(told.starts_with("usage: "), "{told}");
    let (_, told) = ended("no such page", &follow(&walk, &["tat", "none.txt"], "true"), 2);
    has(&told, &["none.txt"]);
    fs::write(&page, "Nothing that is a page.\n").unwrap();
    ended("no page of an operation", &follow(&walk, &["tat", "page.txt"], "true"), 2);
    fs::write(&page, PAGE).unwrap();
    let (_, told) = ended("no such provider", &follow(&walk, &["none", "page.txt"], "true"), 2);
    has(&told, &["there is no specs/none.yaml"]);

    // What needs a person before there is code.
    walk.edit("page.txt", ROW, SHELL);
    let (said, _) = ended("a member", &follow(&walk, &["tat", "page.txt"], &fails), 1);
    has(
        &said,
        &[
            "## specs/tat.yaml follows its page\n",
            "RunCommand.request.Shell",
            "\n### What the linter waits for\n",
            "RunCommandRequest.Shell: `description` is not written yet",
        ],
    );
    assert!(!said.contains("### What it means"), "{said}");
    walk.git(&["checkout", "--quiet", "--", "."]);

    // What goes to the end.
    fs::write(&page, PAGE.replacen("A maximum of 10 tags", "A maximum of 20 tags", 1)).unwrap();
    let (said, _) = ended("a limit", &follow(&walk, &["tat", "page.txt"], &takes), 1);
    has(
        &said,
        &[
            "### What the page has\n",
            "### What it means for users\n",
            "RunCommandRequest.Tags",
            "### Requests to review\n\n- `tests/snapshots/tat/RunCommand.page.snap`\n",
        ],
    );
    assert!(!said.contains("waits for") && !said.contains("wait for"), "{said}");
    walk.task("generate --check", 0);
    walk.git(&["checkout", "--quiet", "--", "."]);
    let (said, _) = ended("a refused request", &follow(&walk, &["tat", "page.txt"], &fails), 1);
    has(&said, &["### What the requests wait for\n", "two are without a snapshot"]);
    // Followed, there is nothing more to follow.
    let (said, _) = ended("followed", &follow(&walk, &["tat", "page.txt"], &fails), 0);
    assert_eq!(said, "");
}
