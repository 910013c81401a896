//! `cargo xtask diff` in a repository made for it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const MANIFEST: &str = "[package]\nname = \"guestexec-small\"\nversion.workspace = true\n";
const CHANGELOG: &str =
    "# Changelog\n\n## 0.1.0 (2026-11-20)\n\n- `guestexec-small`: two operations.\n";

fn workspace(version: &str) -> String {
    format!("[workspace]\n\n[workspace.package]\nversion = \"{version}\"\nedition = \"2024\"\n")
}

/// A repository with the small document, released as 0.1.0 where `tag` is one.
struct Repository(TempDir);

impl Repository {
    fn new(tag: Option<&str>) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.write("specs/small.yaml", &crate::text("small"));
        made.write("crates/guestexec-small/Cargo.toml", MANIFEST);
        made.write("Cargo.toml", &workspace("0.1.0"));
        made.write("CHANGELOG.md", CHANGELOG);
        made.git(&["init", "--quiet"]);
        made.commit();
        if let Some(tag) = tag {
            made.git(&["tag", tag]);
        }
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text of the document.
    fn edit(&self, find: &str, put: &str) {
        let text = fs::read_to_string(self.path().join("specs/small.yaml")).unwrap();
        assert!(text.contains(find), "{find}");
        self.write("specs/small.yaml", &text.replacen(find, put, 1));
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.args([
            "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false",
        ]);
        let output = git.args(arguments).current_dir(self.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "A state."]);
    }

    /// Exit code, standard output, standard error.
    fn diff(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = xtask(self.path());
        said(&command.arg("diff").args(arguments).output().unwrap())
    }
}

fn xtask(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env_remove("CARGO_MANIFEST_DIR").current_dir(folder);
    command
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const TIGHTER: (&str, &str) = ("          maxLength: 60\n", "          maxLength: 50\n");

#[test]
fn without_a_release_nothing_can_break_and_a_diff_is_against_head() {
    let repository = Repository::new(None);
    repository.edit(TIGHTER.0, TIGHTER.1);
    let (code, said, _) = repository.diff(&["--check"]);
    assert_eq!(code, 0);
    assert!(said.starts_with("There is no release tag (`v*`) before this state"), "{said}");
    let (code, said, _) = repository.diff(&[]);
    assert_eq!(code, 0);
    assert!(said.starts_with("small: 1 change since HEAD: wire breaking, Rust patch\n"), "{said}");
    assert!(said.contains("guestexec-small 0.1.0 was not released yet"), "{said}");
}

#[test]
fn the_newest_release_before_is_the_base() {
    let repository = Repository::new(Some("v0.1.0"));
    repository.edit(TIGHTER.0, TIGHTER.1);
    repository.commit();
    repository.git(&["tag", "v0.2.0"]);
    repository.git(&["tag", "very-new"]);
    let (_, said, _) = repository.diff(&[]);
    assert!(said.starts_with("small: nothing changed for users since v0.2.0\n"), "{said}");
    let (_, said, _) = repository.diff(&["--base", "v0.1.0", "small"]);
    assert!(said.starts_with("small: 1 change since v0.1.0: wire breaking"), "{said}");
}

#[test]
fn check_wants_a_line_for_each_change_and_a_version() {
    let repository = Repository::new(Some("v0.1.0"));
    assert_eq!(repository.diff(&["--check"]).0, 0);
    repository.edit(TIGHTER.0, TIGHTER.1);
    repository.edit("        label:\n", "        color:\n          type: string\n          description: Its color.\n        label:\n");

    let (code, _, said) = repository.diff(&["--check"]);
    assert_eq!(code, 1);
    assert!(said.contains("CHANGELOG.md: the newest heading is that of v0.1.0"), "{said}");
    assert!(
        said.contains("  - `CreateWidgetRequest.name`: the limit is `maxLength` 50,"),
        "{said}"
    );
    assert!(said.contains("the version 0.1.0 is too low"), "{said}");
    assert!(said.contains("goes from 0.1.0 to 0.2.0 at least (document)"), "{said}");

    let told = |lines: &str| {
        let begin = "# Changelog\n\n## 0.2.0\n\n";
        let old = CHANGELOG.trim_start_matches("# Changelog\n");
        repository.write("CHANGELOG.md", &format!("{begin}{lines}\n{old}"));
        repository.diff(&["--check"])
    };
    let (code, _, said) = told("- `guestexec-small`: `CreateWidgetRequest::name` takes 50.\n");
    assert_eq!(code, 1);
    assert!(
        said.contains("`Carton.color`") && !said.contains("CreateWidgetRequest.name"),
        "{said}"
    );

    // The lines that were printed are lines that count.
    let lines = "- `guestexec-small`:\n  - `CreateWidget` takes a `name` of 50 characters.\n  - A carton\n    has a `Carton::color(value)`.\n";
    let (code, _, said) = told(lines);
    assert_eq!(code, 1);
    assert!(said.starts_with("crates/guestexec-small/Cargo.toml: the version 0.1.0"), "{said}");
    // Another crate's bullet does not count.
    let (_, _, said) = told(&lines.replace("guestexec-small", "guestexec-tat"));
    assert!(said.starts_with("CHANGELOG.md: the newest part says nothing"), "{said}");

    told(lines);
    repository.write("Cargo.toml", &workspace("0.1.9"));
    assert_eq!(repository.diff(&["--check"]).0, 1);
    for enough in ["0.2.0", "0.3.0", "1.0.0"] {
        repository.write("Cargo.toml", &workspace(enough));
        let (code, said, wrong) = repository.diff(&["--check"]);
        assert_eq!((code, wrong.as_str()), (0, ""), "{said}");
    }
}

#[test]
fn the_lines_printed_are_lines_that_count() {
    let repository = Repository::new(Some("v0.1.0"));
    repository.edit(TIGHTER.0, TIGHTER.1);
    repository
        .edit("x-extensible-enum: [Widget.Jam, Widget.Lost]", "x-extensible-enum: [Widget.Jam]");
    repository.edit("maxLength: 20", "maxLength: 10");
    repository.edit("x-error-codes: [Widget.Jam]", "x-error-codes: [Widget.Lost]");
    repository.edit("      x-starts-command: true\n", "      x-repeatable: true\n");
    repository.edit("  version: v1\n", "  version: v2\n");
    repository.edit("        - name: X-Trace\n", "        - name: X-Mark\n");
    let (_, said, _) = repository.diff(&[]);
    let lines = said.split_once("for CHANGELOG.md:\n\n").unwrap().1.split("\n\n").next().unwrap();
    repository.write("CHANGELOG.md", &format!("# Changelog\n\n## 0.2.0\n\n{lines}\n"));
    repository.write("Cargo.toml", &workspace("0.2.0"));
    let (code, _, wrong) = repository.diff(&["--check"]);
    assert_eq!((code, wrong.as_str()), (0, ""), "{lines}");
}

#[test]
fn a_base_that_cannot_be_read_is_no_silence() {
    let repository = Repository::new(Some("v0.1.0"));
    let (code, out, said) = repository.diff(&["--base", "v7"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(said, "there is no revision `v7` to compare with; name one with `--base`\n");
    let (code, _, said) = repository.diff(&["--base", "--all"]);
    assert_eq!(code, 2, "{said}");

    let text = crate::text("small");
    repository.write("specs/small.yaml", &text.replace("openapi:", "swagger:"));
    repository.commit();
    repository.git(&["tag", "v0.2.0"]);
    repository.write("specs/small.yaml", &text);
    let (code, out, said) = repository.diff(&["--check"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(said.contains("v0.2.0:specs/small.yaml:"), "{said}");
    assert!(said.contains("today's reader refuses this base"), "{said}");

    repository.write("specs/small.yaml", "a: [");
    let (code, _, said) = repository.diff(&["--base", "v0.1.0"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("specs/small.yaml:1: document: is not YAML"), "{said}");
    let (code, _, said) = repository.diff(&["tiny"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("there is no specs/tiny.yaml; there are: small"), "{said}");
}

#[test]
fn without_git_a_diff_fails_and_generating_does_not() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["specs", "crates/guestexec-small/src", "xtask/src"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
    }
    fs::write(folder.path().join("specs/small.yaml"), crate::text("small")).unwrap();
    fs::write(folder.path().join("crates/guestexec-small/Cargo.toml"), MANIFEST).unwrap();
    fs::copy(xtask::root().unwrap().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let run = |arguments: &[&str], path: &str| {
        let mut command = xtask(folder.path());
        command.env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap());
        said(&command.args(arguments).env("PATH", path).output().unwrap())
    };
    let usual = std::env::var("PATH").unwrap();
    let reasons = ["this is no git checkout", "git cannot be asked for HEAD"];
    for (path, reason) in [usual.as_str(), "/nowhere"].into_iter().zip(reasons) {
        let (code, _, said) = run(&["diff"], path);
        assert_eq!(code, 2, "{said}");
        assert!(said.starts_with(reason), "{said}");
        let (code, out, said) = run(&["generate"], path);
        assert_eq!(code, 0, "{said}");
        assert!(!out.contains("since"), "{out}");
    }
}

#[test]
fn a_new_provider_has_no_base() {
    let repository = Repository::new(Some("v0.1.0"));
    repository.write("specs/tiny.yaml", &crate::text("small"));
    repository.write("crates/guestexec-tiny/Cargo.toml", MANIFEST);
    let (code, said, _) = repository.diff(&["tiny"]);
    assert_eq!(code, 0);
    assert!(said.starts_with("tiny: new since v0.1.0\n"), "{said}");
    assert!(said.contains("guestexec-tiny 0.1.0 is new."), "{said}");
    assert_eq!(repository.diff(&["--check"]).0, 0);
}

#[test]
fn public_items_count_too() {
    let repository = Repository::new(None);
    let listing = "crates/guestexec-small/public-items.txt";
    repository.write(listing, "# Head.\nClient: struct\nClient: fn old(&self)\n");
    repository.commit();
    repository.git(&["tag", "v0.1.0"]);
    repository.write(listing, "# Another head.\nClient: struct\nClient: fn new() -> Self\n");
    let (_, said, _) = repository.diff(&[]);
    assert!(said.contains("public items: 1 added, 1 removed"), "{said}");
    assert!(said.contains("- Client: fn old(&self)\n    + Client: fn new() -> Self\n"), "{said}");
    assert!(said.contains("goes from 0.1.0 to 0.2.0 at least (public items)"), "{said}");
}

#[test]
fn another_generator_asks_for_a_version() {
    let repository = Repository::new(None);
    let page = "crates/guestexec-small/src/generated/types.rs";
    repository.write(page, "pub struct A;\n");
    repository.commit();
    repository.git(&["tag", "v0.1.0"]);
    let (_, said, _) = repository.diff(&[]);
    assert!(said.contains("guestexec-small 0.1.0 needs no new version."), "{said}");
    repository.write(page, "/// A.\npub struct A;\n");
    let (_, said, _) = repository.diff(&[]);
    assert!(said.contains("goes from 0.1.0 to 0.1.1 at least (generator)."), "{said}");
    // A bare commit is a base, too, and its files are counted from the workspace's root.
    let (code, _, said) = repository.diff(&["--base", "HEAD", "--check"]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn the_rules_are_listed() {
    let repository = Repository::new(None);
    let (code, said, _) = repository.diff(&["--list"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!("rules", said);
}

#[test]
fn each_format_shows_all_of_a_change() {
    let repository = Repository::new(Some("v0.1.0"));
    repository.edit(TIGHTER.0, TIGHTER.1);
    repository.edit("          minimum: 0\n", "");
    repository.edit("        label:\n", "        color:\n          type: string\n          description: Its color.\n        label:\n");
    repository.edit("x-read-on: '2026-11-22'", "x-read-on: '2026-11-23'");
    repository.edit("pattern: '^[a-z]+$'", "pattern: '^[a-z|]+$'");
    repository.edit("[Widget.Jam, Widget.Lost]", "[Widget.Jam, Widget.Lost, Widget.Gone]");
    for format in ["table", "markdown", "json"] {
        let (code, said, _) = repository.diff(&["--format", format]);
        assert_eq!(code, 0);
        insta::assert_snapshot!(format, without_lines(&said));
    }
}

/// A report without the numbers of lines, which move with every edit of the small document.
fn without_lines(report: &str) -> String {
    let begins = ["small.yaml:", "was line ", "_line\": "];
    let mut text = report.to_owned();
    for begin in begins {
        let mut parts = text.split(begin);
        let mut masked = parts.next().unwrap().to_owned();
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            masked += &format!("{begin}{}{rest}", if rest.len() < part.len() { "N" } else { "" });
        }
        text = masked;
    }
    text
}

/// The lines named are those of the word that changed, on both sides.
#[test]
fn a_change_is_at_its_line() {
    let repository = Repository::new(Some("v0.1.0"));
    let line =
        |text: &str, find: &str| text.lines().position(|line| line.contains(find)).unwrap() + 1;
    let old = crate::text("small");
    repository.write("specs/small.yaml", &format!("# More.\n{old}"));
    repository.edit("maxLength: 60", "maxLength: 50");
    repository.edit("        label:\n", "        color: {type: string}\n        label:\n");
    repository.edit("          x-max-bytes: 120\n", "");
    repository.edit("description: Its label.", "description: What it is called.");
    let new = fs::read_to_string(repository.path().join("specs/small.yaml")).unwrap();
    let (_, said, wrong) = repository.diff(&[]);
    assert_eq!(wrong, "");
    for (rule, find) in [("limit-tightened", "maxLength: 50"), ("request-member-added", "color: {")]
    {
        let (_, rest) = said.split_once(rule).unwrap();
        let expected = format!("specs/small.yaml:{}", line(&new, find));
        assert!(rest.lines().nth(2).unwrap().contains(&expected), "{rule}: {rest}");
    }
    let (_, rest) = said.split_once("limit-removed").unwrap();
    let expected = format!("was specs/small.yaml:{}", line(&old, "x-max-bytes: 120"));
    assert!(rest.lines().nth(2).unwrap().contains(&expected), "{rest}");
    let (_, rest) = said.split_once("description-changed").unwrap();
    let (old, new) = (line(&old, "Its label."), line(&new, "What it is called."));
    let expected = format!("specs/small.yaml:{new}, was line {old}");
    assert!(rest.lines().nth(2).unwrap().contains(&expected), "{rest}");
}
