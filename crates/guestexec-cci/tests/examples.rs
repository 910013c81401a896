//! The examples, as programs against the sandbox.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../../../tests/common/examples.rs"]
mod programs;

use std::{
    env,
    fs::{self, File},
    io::{Read as _, Write as _},
    process::{self, Command},
};

use guestexec_sandbox::Sandbox;
use programs::{example, run};
use pty_process::{Size, blocking};

#[tokio::test(flavor = "multi_thread")]
async fn list_pods_selects_by_label() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let (one, two, over) = (cci.pod(), cci.two_container_pod(), cci.finished_pod());
    let list = |selector: &str| run(&sandbox, "list_pods", [cci.namespace(), selector]).stdout;
    assert_eq!(list(&format!("app={two}")), format!("{two} Running\n"));
    let mut all: Vec<_> = list("app").lines().map(str::to_owned).collect();
    all.sort();
    let mut expected =
        vec![format!("{one} Running"), format!("{two} Running"), format!("{over} Succeeded")];
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(list("app=none"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_pod_creates_a_pod_uses_it_and_deletes_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let script = "echo out; echo err >&2; exit 3";
    let arguments = [cci.namespace(), "job", "busybox:1", "sh", "-c", script];
    let done = run(&sandbox, "run_pod", arguments);
    assert_eq!((done.code, &*done.stdout), (Some(3), "out\n"), "{done:?}");
    assert_eq!(done.stderr, "err\nlog of the pod: ready\n", "{done:?}");
    let pods = cci.client().unwrap().pods("default").list().await.unwrap();
    assert_eq!(pods.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_pod_runs_the_command_once_in_each_running_pod() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let argv = ["sh", "-c", "echo hello; exit 3"];
    let arguments = [cci.namespace(), "app"].into_iter().chain(argv);
    let done = run(&sandbox, "each_pod", arguments);
    for pod in [cci.pod(), cci.two_container_pod()] {
        let report = format!("{pod} exited with 3\nhello\n");
        assert!(done.stdout.contains(&report), "{done:?}");
        assert_eq!(cci.executions_of(pod, &argv), 1);
    }
    assert_eq!(done.stdout.lines().count(), 4, "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tar_pod_copies_50_megabytes_in_and_out() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let folder = env::temp_dir().join(format!("guestexec-tar-{}", process::id()));
    let path = |name: &str| folder.join(name);
    fs::create_dir_all(path("in")).unwrap();
    fs::create_dir_all(path("pod")).unwrap();
    fs::create_dir_all(path("out")).unwrap();
    let bytes: Vec<u8> =
        (0..50_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(path("in/large"), &bytes).unwrap();
    let tar = |arguments: &[&str], at: &str| {
        let mut tar = Command::new("tar");
        assert!(tar.args(arguments).arg("-C").arg(path(at)).arg(".").status().unwrap().success());
    };
    tar(&["-cf", path("sent.tar").to_str().unwrap()], "in");

    let copy = |direction: &str| {
        let mut command = example(&sandbox, "tar_pod");
        command.args([direction, cci.namespace(), cci.pod()]).arg(path("pod"));
        command
    };
    let sent = File::open(path("sent.tar")).unwrap();
    let output = copy("in").stdin(sent).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let came = File::create(path("came.tar")).unwrap();
    assert!(copy("out").stdout(came).status().unwrap().success());
    tar(&["-xf", path("came.tar").to_str().unwrap()], "out");
    assert!(fs::read(path("out/large")).unwrap() == bytes, "another file came back");

    let done = run(&sandbox, "tar_pod", ["out", cci.namespace(), cci.pod(), "/no/such/folder"]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.stderr.contains("tar: exited with") && done.stderr.contains("/no/such"),
        "{done:?}"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[cfg(feature = "copy")]
#[tokio::test(flavor = "multi_thread")]
async fn copy_pod_copies_in_and_out() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("local")).unwrap();
    fs::write(path("local/file"), "hello").unwrap();
    let copy = |direction: &str, local: &str| {
        let arguments = [direction, cci.namespace(), cci.pod(), &path(local), &path("pod")];
        run(&sandbox, "copy_pod", arguments)
    };
    let told = "copied 1 file, 1 directory, 0 links: 5 bytes\n";
    assert_eq!(copy("in", "local").stdout, told);
    let done = copy("out", "back");
    assert_eq!(done.stdout, told);
    assert!(done.stderr.ends_with("5 bytes: file\n"), "{done:?}");
    assert_eq!(fs::read_to_string(path("back/file")).unwrap(), "hello");

    let done = copy("in", "local");
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.stderr.contains("there is something at"), "{done:?}");
}

/// Reads a terminal until it has shown the text.
fn read_until(screen: &mut blocking::Pty, shown: &mut String, text: &str) {
    let mut buffer = [0; 4096];
    while !shown.contains(text) {
        let count = screen.read(&mut buffer).unwrap_or_else(|e| panic!("{text}: {e}: {shown}"));
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_the_size_of_the_terminal_at_all_times() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let (mut terminal, inside) = blocking::open().unwrap();
    terminal.resize(Size::new(24, 80)).unwrap();
    let program = example(&sandbox, "shell").get_program().to_owned();
    let command = blocking::Command::new(program).args([cci.namespace(), cci.pod()]);
    let command = command.env_clear().envs(sandbox.env());
    let mut child = command.spawn(inside).unwrap();

    let mut shown = String::new();
    terminal.write_all(b"stty size; echo fir''st\n").unwrap();
    read_until(&mut terminal, &mut shown, "first");
    assert!(shown.contains("24 80"), "{shown}");
    terminal.resize(Size::new(50, 132)).unwrap();
    terminal
        .write_all(b"until stty size | grep '50 132'; do sleep 0.1; done; echo sec''ond\n")
        .unwrap();
    read_until(&mut terminal, &mut shown, "second");
    terminal.write_all(b"exit 7\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7), "{shown}");
}
