//! `guestexec cci cp`: what is copied is the same on the other side, and nothing is half-written under its name.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;
#[path = "../../../tests/copy/tree.rs"]
#[allow(dead_code, reason = "this target does not use all of it")]
mod tree;

use std::{
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use common::{Ended, Place, ended};
use guestexec_sandbox::Builder;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// How long something may take that has to come.
const LONG: Duration = Duration::from_secs(30);

/// A sandbox, and a folder that holds what is here and what is in the pod.
struct Stage {
    place: Place,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempdir().unwrap();
        for name in ["here", "pod"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { place: Place::with(set), folder }
    }

    fn here(&self, name: &str) -> PathBuf {
        self.folder.path().join("here").join(name)
    }

    fn in_pod(&self, name: &str) -> PathBuf {
        self.folder.path().join("pod").join(name)
    }

    /// The command, in the folder that is here. `POD` in an argument becomes the folder that is in the pod.
    fn command(&self, line: &str) -> Command {
        let in_pod = self.folder.path().join("pod").display().to_string();
        let mut command = self.place.command(common::words(&line.replace("POD", &in_pod)));
        command.current_dir(self.here("")).stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let mut ended = ended(self.command(line).output().unwrap());
        let folder = self.folder.path().display().to_string();
        for text in [&mut ended.stdout, &mut ended.stderr] {
            *text = text.replace(&folder, "<folder>");
        }
        ended
    }

    /// Runs it, and checks that it ends well and writes nothing to standard output.
    fn copy(&self, line: &str) {
        let ended = self.run(line);
        assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{line}\n{ended}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    tree::names(folder)
}

/// Waits for what another process does.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "{what} did not come");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_tree_is_the_same_on_the_other_side() {
    let stage = Stage::new();
    tree::make(&stage.here("tree"), 40);
    stage.copy("cci cp tree demo:POD/tree");
    tree::assert_same(&stage.here("tree"), &stage.in_pod("tree"));
    stage.copy("cci cp demo:POD/tree back");
    tree::assert_same(&stage.here("tree"), &stage.here("back"));
    stage.copy("cci cp two:POD/tree default/demo:POD/between");
    tree::assert_same(&stage.here("tree"), &stage.in_pod("between"));
}

#[test]
fn names_of_every_kind_are_copied() {
    let stage = Stage::new();
    for name in ["-odd", "a b", "a\nb", "你", "a:b", "A:b"] {
        fs::write(stage.here(name), name).unwrap();
        let target = format!("demo:{}/", stage.in_pod("").display());
        let source = if name == "a:b" { "./a:b" } else { name };
        let mut copy = stage.command("cci cp --");
        let output = ended(copy.args([source, &*target]).output().unwrap());
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(fs::read_to_string(stage.in_pod(name)).unwrap(), name);
        let mut copy = stage.command("cci cp --");
        let target = format!("back{}", name.len());
        let source = format!("demo:{}", stage.in_pod(name).display());
        let output = ended(copy.args([&*source, &*target]).output().unwrap());
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(fs::read_to_string(stage.here(&target)).unwrap(), name);
        fs::remove_file(stage.here(&target)).unwrap();
    }
    // A local name may be any bytes, as long as that of the copy is text.
    let odd = OsString::from_vec(b"latin-\xe9".to_vec());
    fs::write(stage.here("").join(&odd), "odd").unwrap();
    let target = format!("demo:{}", stage.in_pod("text").display());
    let output = stage.command("cci cp").arg(&odd).arg(target).output().unwrap();
    assert!(output.status.success(), "{}", ended(output));
    assert_eq!(fs::read_to_string(stage.in_pod("text")).unwrap(), "odd");
}

#[test]
fn a_copy_goes_where_cp_would_put_it() {
    let stage = Stage::new();
    fs::create_dir_all(stage.here("site/sub")).unwrap();
    fs::write(stage.here("site/a"), "a").unwrap();
    fs::write(stage.here("b"), "b").unwrap();
    // Under a name that is not there, and into a folder that is.
    stage.copy("cci cp site demo:POD/www");
    stage.copy("cci cp site/ demo:POD/www");
    assert_eq!(names(&stage.in_pod("www")), ["a", "site", "sub"]);
    stage.copy("cci cp b demo:POD/www/sub/");
    assert_eq!(names(&stage.in_pod("www/sub")), ["b"]);
    stage.copy("cci cp site/. demo:POD/all");
    assert_eq!(names(&stage.in_pod("all")), ["a", "sub"]);
    // The same to here.
    stage.copy("cci cp demo:POD/all .");
    assert_eq!(names(&stage.here("all")), ["a", "sub"]);
    stage.copy("cci cp demo:POD/all/a site/sub");
    assert_eq!(names(&stage.here("site/sub")), ["a"]);
    stage.copy("cci cp demo:POD/www/. all2");
    assert_eq!(names(&stage.here("all2")), ["a", "site", "sub"]);
    // And replaced only if that was asked for.
    fs::write(stage.here("b"), "new").unwrap();
    let refused = stage.run("cci cp b demo:POD/www/sub");
    assert_eq!(refused.code, Some(125), "{refused}");
    assert_eq!(fs::read_to_string(stage.in_pod("www/sub/b")).unwrap(), "b");
    stage.copy("cci cp -f b demo:POD/www/sub");
    assert_eq!(fs::read_to_string(stage.in_pod("www/sub/b")).unwrap(), "new");
    stage.copy("cci cp --overwrite site demo:POD/www");
    assert_eq!(names(&stage.in_pod("www/site")), ["a", "sub"]);
    assert_eq!(names(&stage.in_pod("www/site/sub")), ["a"]);
}

#[test]
fn refusals_say_what_to_do() {
    let stage = Stage::new();
    fs::write(stage.here("a"), "a").unwrap();
    fs::write(stage.in_pod("a"), "a").unwrap();
    fs::create_dir(stage.in_pod("links")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", stage.in_pod("links/out")).unwrap();
    let lines = [
        "cci cp a b",
        "cci cp none demo:/tmp/x",
        "cci cp demo:POD/none .",
        "cci cp demo:POD/a .",
        "cci cp a demo:POD/a",
        "cci cp a demo:POD",
        "cci cp a demo:POD/none/",
        "cci cp a demo:POD/none/b",
        "cci cp a demo:",
        "cci cp demo:POD/a none/",
        "cci cp demo:POD/a none/b",
        "cci cp demo:POD/links .",
        "cci cp --size-limit 0 demo:POD/a b",
        "cci cp a nosuch:/tmp/x",
        "cci cp -c nosuch a demo:/tmp/x",
        "cci cp a done:/tmp/x",
    ];
    let texts: String = lines
        .iter()
        .map(|line| {
            let ended = stage.run(line);
            assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{line}\n{ended}");
            format!("$ guestexec {line}\n{}\n", ended.stderr)
        })
        .collect();
    insta::assert_snapshot!(stage.place.steady(&texts));
    assert_eq!(names(&stage.here("")), ["a"]);
    assert_eq!(names(&stage.in_pod("")), ["a", "links"]);
}

#[test]
fn what_a_program_in_the_container_says_is_told() {
    let programs = tempdir().unwrap();
    let tar = programs.path().join("tar");
    fs::write(&tar, "#!/bin/sh\necho 'tar: no room' >&2\nexit 2\n").unwrap();
    fs::set_permissions(&tar, fs::Permissions::from_mode(0o755)).unwrap();
    let stage = Stage::with(|builder| builder.programs(programs.path()));
    fs::write(stage.here("a"), "a").unwrap();
    let ended = stage.run("cci cp a demo:POD/b");
    assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{ended}");
    let [what, advice] = ended.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{ended}") };
    assert!(what.contains("tar: no room"), "{ended}");
    assert_eq!(advice, "  Check the path, and permissions and room in the container.");
    assert_eq!(names(&stage.in_pod("")), [""; 0]);
}

#[test]
fn a_result_is_a_document_if_that_is_asked_for() {
    let stage = Stage::new();
    fs::write(stage.here("a"), "hello").unwrap();
    let text = stage.run("cci cp a demo:POD/text");
    let json = stage.run("cci cp a demo:POD/json --output json");
    let line = stage.run("cci cp demo:POD/json . --output jsonl");
    let quiet = stage.run("cci cp -q a demo:POD/quiet");
    let refused = stage.run("cci cp a demo:POD/json --output json");
    let unknown = stage.run("cci cp a nosuch:/tmp/x --output jsonl");
    insta::assert_snapshot!(format!("{text}\n{json}\n{line}\n{quiet}\n{refused}\n{unknown}"));
    // A name is as it is, also where a terminal would be steered.
    fs::write(stage.here("a\u{1b}[2J"), "hello").unwrap();
    let odd = stage.run("cci cp 'a\u{1b}[2J' demo:POD --output json");
    let odd: Value = serde_json::from_str(&odd.stdout).unwrap();
    assert_eq!(odd["source"], "a\u{1b}[2J");
    assert_eq!(odd["target"], "demo:<folder>/pod/a\u{1b}[2J");
}

/// Begins a copy, and waits until some of it has arrived.
fn begin(stage: &Stage, line: &str, folder: &Path) -> Child {
    let mut command = stage.command(line);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the copy", || names(folder).iter().any(|name| name.starts_with(".guestexec-")));
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// A file that takes a while to copy.
fn large(path: &Path) {
    fs::File::create(path).unwrap().set_len(8 * 1024 * 1024 * 1024).unwrap();
}

#[test]
fn an_interrupted_copy_leaves_nothing_in_the_pod() {
    let stage = Stage::new();
    large(&stage.here("large"));
    for (name, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
        let child = begin(&stage, "cci cp large demo:POD/large", &stage.in_pod(""));
        signal(&child, name);
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!((ended.code, &*ended.stdout), (code, ""), "{name}: {ended}");
        if code.is_some() {
            let said = format!("guestexec: SIG{name} ended the copy\n");
            assert!(ended.stderr.starts_with(&said), "{ended}");
            assert_eq!(names(&stage.in_pod("")), [""; 0], "{name}");
        }
        assert!(!stage.in_pod("large").exists(), "{name}");
    }
}

#[test]
fn an_interrupted_copy_is_told_in_an_object() {
    let stage = Stage::new();
    large(&stage.here("large"));
    let child = begin(&stage, "cci cp large demo:POD/ --output jsonl", &stage.in_pod(""));
    signal(&child, "TERM");
    let ended = ended(child.wait_with_output().unwrap());
    assert_eq!((ended.code, &*ended.stderr), (Some(143), ""), "{ended}");
    let object: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(object["source"], "large");
    assert_eq!((&object["ended"], &object["exit_code"]), (&"unknown".into(), &Value::Null));
    assert_eq!(object["error"]["message"], "SIGTERM ended the copy");
}

#[test]
fn an_interrupted_copy_leaves_nothing_here() {
    let stage = Stage::new();
    large(&stage.in_pod("large"));
    for (name, code) in [("INT", Some(130)), ("TERM", Some(143))] {
        let child = begin(&stage, "cci cp demo:POD/large copy", &stage.here(""));
        signal(&child, name);
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!((ended.code, &*ended.stdout), (code, ""), "{name}: {ended}");
        assert_eq!(names(&stage.here("")), [""; 0], "{name}");
    }
    let mut child = begin(&stage, "cci cp demo:POD/large copy", &stage.here(""));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!stage.here("copy").exists());
}

#[test]
fn a_connection_that_breaks_leaves_nothing() {
    let faults = ["cci.exec:reset", "cci.exec:lose-answer", "cci.exec:lose-request"];
    for fault in faults {
        let stage = Stage::with(|builder| builder.fault(fault.parse().unwrap()));
        tree::make(&stage.here("tree"), 40);
        fs::create_dir(stage.in_pod("tree")).unwrap();
        fs::write(stage.in_pod("tree/large"), vec![7; 3_000_000]).unwrap();
        for line in ["cci cp tree demo:POD/copy", "cci cp demo:POD/tree copy"] {
            let ended = stage.run(line);
            assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{fault}: {ended}");
        }
        assert_eq!(names(&stage.here("")), ["tree"], "{fault}");
        let left = names(&stage.in_pod(""));
        assert!(
            left.iter().all(|name| name == "tree" || name.starts_with(".guestexec-")),
            "{left:?}"
        );
    }
}
