//! `guestexec cci exec` without a terminal: streams byte for byte, how a command is ended early, and what is said.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{fs::symlink, process::ExitStatusExt as _},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use common::{
    Ended, Place,
    cci::{make_pod, make_web_pods},
    ended,
    many::{plain, sorted},
    words,
};
use guestexec::cci::types::{NewContainer, NewEnvironmentVariable};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest as _, Sha256};

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox with one more pod, `bare`, whose container has a few programs and no shell.
fn with_bare_pod() -> Place {
    let place = Place::new();
    let folder = place.home.path().join("bin");
    fs::create_dir(&folder).unwrap();
    for program in ["cat", "echo", "sleep", "wc", "yes"] {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(program));
        symlink(found.into_iter().find(|it| it.exists()).unwrap(), folder.join(program)).unwrap();
    }
    let path = NewEnvironmentVariable::new("PATH").value(folder.to_str().unwrap());
    let container = NewContainer::new("main", "scratch").command(["sleep", "600"]).env([path]);
    make_pod(&place, "bare", &[], container);
    place
}

/// Starts a line with pipes.
fn start(place: &Place, line: &str) -> Child {
    let mut command = place.command(words(line));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until no process has this argument.
fn wait_until_gone(mark: &str) {
    let until = Instant::now() + PATIENCE;
    while processes(mark) > 0 {
        assert!(Instant::now() < until, "{mark} runs on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many processes have this argument.
fn processes(mark: &str) -> usize {
    let has_mark =
        |arguments: &[u8]| arguments.split(|byte| *byte == 0).any(|it| it == mark.as_bytes());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| fs::read(entry.path().join("cmdline")).is_ok_and(|it| has_mark(&it)))
        .count()
}

/// An argument by which the processes of one test are found.
fn mark(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

#[test]
fn what_is_said_in_each_case() {
    let place = with_bare_pod();
    let mut said = String::new();
    for line in [
        "cci exec demo -- sh -c 'echo out; echo err >&2; exit 3'",
        "cci exec two -- echo one of two",
        "cci exec -q two -- echo one of two",
        "cci exec -c b two -- echo the other",
        "cci exec -c no-such two -- true",
        "cci exec --container main demo -- true",
        "cci exec demo -- no-such-program",
        "cci exec demo -- /etc",
        "cci exec bare -- no-such-program",
        "cci exec bare -- echo without a shell",
        "cci exec --killable never demo -- no-such-program",
        "cci exec --killable always bare -- echo without a shell",
        "--failure-code 99 cci exec demo -- no-such-program",
        "cci exec no-such-pod -- true",
        "cci exec demo",
        "cci exec -- true",
        "cci exec -l app=demo demo -- true",
        "cci exec -i -l app=demo -- true",
        "cci exec -it demo -- sh -c 'tty; cat'",
        "cci exec -t demo -- sh -c 'test -t 0 && echo a terminal'",
        "cci exec -i --transport websocket-v4 demo -- cat",
        "cci cp Cargo.toml bare:/tmp/none",
        "cci cp bare:/tmp/none here",
        "cci exec --timeout 200ms demo -- sleep 60",
        "cci exec --timeout 200ms --killable never demo -- sleep 60",
        "cci exec --timeout 200ms bare -- sleep 60",
        "--output json cci exec demo -- no-such-program",
        "--output json cci exec demo -- sh -c 'echo out; exit 3'",
        "--output jsonl cci exec demo -- sh -c 'echo out; exit 3'",
        "cci exec -l app=demo -- echo in each",
        "cci exec -l app=demo -- sh -c 'exit 3'",
        "-q cci exec -l app=demo -- sh -c 'exit 3'",
        "--output json cci exec -l app=demo -- echo in each",
        "--output jsonl cci exec -l app=demo -- echo in each",
        "cci exec -l app=no-such -- true",
    ] {
        said += &format!("$ guestexec {line}\n{}\n", place.run(line));
    }
    // Shells have words of their own for it.
    let words = regex_lite::Regex::new(r"guestexec-pid: [^\\\n]*").unwrap();
    insta::assert_snapshot!(words.replace_all(&plain(&said), "<the shell says why>"));
}

#[test]
fn a_protocol_that_the_server_lacks_is_told_with_the_option() {
    let place = Place::with(|builder| builder.cci_v5(false));
    let ended = place.run("cci exec --transport websocket demo -- true");
    assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{ended}");
    let advice = ended.stderr.lines().nth(1).unwrap();
    assert!(advice.starts_with("  Ask for another with --transport;"), "{ended}");
}

#[test]
fn input_goes_to_the_command_whether_or_not_there_is_a_shell() {
    let place = with_bare_pod();
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_be_bytes).collect();
    for pod in ["demo", "bare"] {
        for transport in ["auto", "websocket", "spdy"] {
            let line = format!("cci exec -i --transport {transport} {pod} -- cat");
            let mut command = place.command(words(&line));
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let (mut to, sent) = (child.stdin.take().unwrap(), bytes.clone());
            let writing = std::thread::spawn(move || std::io::Write::write_all(&mut to, &sent));
            let output = child.wait_with_output().unwrap();
            writing.join().unwrap().unwrap();
            assert!(output.status.success() && output.stdout == bytes, "{line}");
        }
        // An input that has no end does not keep the program.
        let mut command = place.command(words(&format!("cci exec -i {pod} -- sleep 0.1")));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let open = child.stdin.take();
        assert!(child.wait().unwrap().success());
        drop(open);
        // A file, and what is no file.
        let file = place.home.path().join("file");
        fs::write(&file, &bytes).unwrap();
        for (path, length) in [(file.to_str().unwrap(), "4000000\n"), ("/dev/null", "0\n")] {
            let mut command = place.command(words(&format!("cci exec -i {pod} -- wc -c")));
            let output = command.stdin(fs::File::open(path).unwrap()).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim_start(), length, "{path}");
        }
    }
}

/// How far a program's memory rises while bytes go through it, both ways at once, and what comes out of it.
fn pass(place: &Place, transport: &str, length: u64) {
    let line = format!("cci exec -i --transport {transport} demo -- cat");
    let mut command = place.command(words(&line));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    to.write_all(b"x").unwrap();
    from.read_exact(&mut [0]).unwrap();
    let before = peak(&status);
    let writing = std::thread::spawn(move || {
        let (mut rng, mut hash) = (fastrand::Rng::with_seed(length), Sha256::new());
        let mut bytes = vec![0; 64 * 1024];
        for _ in 0..length / bytes.len() as u64 {
            rng.fill(&mut bytes);
            hash.update(&bytes);
            to.write_all(&bytes).unwrap();
        }
        // The program waits for the end of its input, and can be looked at.
        (to, hash.finalize())
    });
    let (mut hash, mut bytes, mut read) = (Sha256::new(), vec![0; 64 * 1024], 0);
    while read < length {
        let count = from.read(&mut bytes).unwrap();
        assert!(count > 0, "the output ends after {read} bytes");
        hash.update(&bytes[..count]);
        read += count as u64;
    }
    let (to, sent) = writing.join().unwrap();
    let rise = peak(&status) - before;
    drop(to);
    assert!(child.wait().unwrap().success());
    assert!(sent == hash.finalize(), "{transport}: other bytes came out");
    assert!(rise < 64 * 1024, "{transport}: {length} bytes took {rise} kB more memory");
    println!("{transport}: {length} bytes each way, {rise} kB above {before} kB");
}

/// The most memory that a process has had, in kB.
fn peak(status: &str) -> u64 {
    let text = fs::read_to_string(status).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn bytes_pass_both_ways_in_flat_memory() {
    let place = Place::new();
    for transport in ["websocket", "spdy"] {
        pass(&place, transport, 64 * 1024 * 1024);
    }
}

#[test]
#[ignore = "it takes more than a minute"]
fn a_gigabyte_passes_both_ways_in_flat_memory() {
    let place = Place::new();
    for transport in ["websocket", "spdy"] {
        pass(&place, transport, 1024 * 1024 * 1024);
    }
}

#[test]
fn an_output_that_nobody_reads_any_more_ends_the_command() {
    let place = with_bare_pod();
    let mark = mark("unread");
    for (pod, killable) in [("demo", true), ("bare", false)] {
        // `yes` has this argument.
        let mut child = start(&place, &format!("cci exec {pod} -- yes {mark}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, format!("{mark}\n"));
        let output = ended(child.wait_with_output().unwrap());
        assert_eq!(output.code, Some(141), "{output}");
        match killable {
            // Nobody has to be told of a command that is gone.
            true => assert_eq!(output.stderr, ""),
            false => {
                let says = "the command may go on in the pod `bare` (its container has no `sh`";
                assert!(output.stderr.contains(says), "{output}");
            }
        }
        wait_until_gone(&mark);
    }
}

#[test]
fn a_signal_ends_the_command_first() {
    let place = Place::new();
    let mark = mark("interrupted");
    for (sent, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        for options in ["", "--output json", "--output jsonl"] {
            let script = "echo begun; while :; do sleep 1; done";
            let line = format!("{options} cci exec demo -- sh -c '{script}' {mark}");
            let mut child = start(&place, &line);
            let until = Instant::now() + PATIENCE;
            while processes(&mark) < 2 {
                assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "{line}");
                std::thread::sleep(Duration::from_millis(5));
            }
            if options.is_empty() {
                // The process id has come before it.
                let mut begun = [0; 6];
                child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
            }
            signal(&child, sent);
            let output = ended(child.wait_with_output().unwrap());
            assert_eq!(output.code, Some(code), "{line}\n{output}");
            assert!(output.stderr.contains("was killed") || !options.is_empty(), "{output}");
            assert_eq!(output.stdout.contains("\"signaled\""), !options.is_empty(), "{output}");
            wait_until_gone(&mark);
        }
    }
}

#[test]
fn a_command_that_has_closed_its_output_is_ended_all_the_same() {
    let place = Place::new();
    let mark = mark("closed");
    for transport in ["websocket", "spdy"] {
        let line = |options: &str| {
            let script = "echo begun; exec >&- 2>&-; while :; do sleep 1; done";
            format!("cci exec --transport {transport} {options} demo -- sh -c '{script}' {mark}")
        };
        let timed_out = place.run(&line("--timeout 500ms"));
        assert_eq!((timed_out.code, &*timed_out.stdout), (Some(124), "begun\n"), "{timed_out}");
        assert!(timed_out.stderr.contains("was killed"), "{timed_out}");
        wait_until_gone(&mark);
        let mut child = start(&place, &line(""));
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        signal(&child, Signal::INT);
        let interrupted = ended(child.wait_with_output().unwrap());
        assert_eq!(interrupted.code, Some(130), "{interrupted}");
        wait_until_gone(&mark);
    }
}

#[test]
fn a_server_that_does_not_tell_the_end_is_not_waited_for_against_the_persons_will() {
    let place = Place::with(|builder| builder.cci_withholds_status(true));
    let mark = mark("withheld");
    for transport in ["websocket", "spdy"] {
        let script = "head -c 5; sleep 0.5";
        let line = format!("cci exec -i --transport {transport} demo -- sh -c '{script}' {mark}");
        let mut command = place.command(words(&line));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&[b'x'; 4_000_000])));
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
        let until = Instant::now() + PATIENCE;
        // This program has the mark among its arguments, too.
        while processes(&mark) > 1 {
            assert!(Instant::now() < until, "the command goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        // One signal is enough: the process to be killed is not there any more.
        signal(&child, Signal::INT);
        let ended = ended(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(130), "{line}: {ended}");
        assert!(!ended.stderr.contains("may go on"), "{ended}");
        writer.join().unwrap();
    }
}

#[test]
fn what_is_left_running_is_said() {
    let place = with_bare_pod();
    for (pod, options, says) in [
        ("bare", "", "(its container has no `sh`, by which it could be killed)"),
        ("demo", "--killable never", "(--killable never)"),
    ] {
        let line = format!("cci exec {options} {pod} -- cat /dev/zero");
        let mut child = start(&place, &line);
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
        signal(&child, Signal::INT);
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(130), None), "{text}");
        let begin = format!("interrupted by SIGINT: the command may go on in the pod `{pod}`");
        assert!(text.contains(&begin), "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn output_before_a_lost_connection_is_kept() {
    let place = Place::with(|builder| builder.fault("cci.exec:reset".parse().unwrap()));
    for transport in ["websocket", "websocket-v4", "spdy"] {
        // The connection breaks in one of the first frames.
        let script = "while :; do echo more; sleep 0.02; done";
        for options in ["", "--output json"] {
            let line =
                format!("{options} cci exec --transport {transport} demo -- sh -c '{script}'");
            let Ended { code, stdout, stderr } = place.run(&line);
            assert_eq!(code, Some(125), "{line}: {stdout}{stderr}");
            match options {
                "" => {
                    assert!(stdout.is_empty() || stdout.starts_with("more\n"), "{stdout}");
                    assert_eq!(stderr.lines().count(), 2, "{stderr}");
                    assert!(stderr.starts_with("guestexec: "), "{stderr}");
                }
                _ => assert!(stdout.contains("\"ended\": \"unknown\""), "{stdout}"),
            }
        }
    }
}

#[test]
fn many_pods_are_told_apart_and_ended_together() {
    let place = Place::new();
    let mark = mark("many");
    let line =
        format!("cci exec -l app=demo -- sh -c 'echo begun; while :; do sleep 1; done' {mark}");
    let mut child = start(&place, &line);
    let mut text = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut text).unwrap();
    assert_eq!(text, "demo | begun\n");
    signal(&child, Signal::TERM);
    let output = ended(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(143), "{output}");
    assert!(output.stderr.contains("demo: interrupted by SIGTERM"), "{output}");
    wait_until_gone(&mark);
}

#[test]
fn each_of_many_pods_has_its_end() {
    let place = Place::new();
    make_web_pods(&place);
    let script = "echo out $HOSTNAME; echo err >&2; exit ${HOSTNAME#web-}";
    let line = |options: &str| format!("{options} cci exec -l app=web -- sh -c '{script}'");
    insta::assert_snapshot!("many_text", sorted(&place.run(&line(""))));
    insta::assert_snapshot!("many_jsonl", sorted(&place.run(&line("--output jsonl"))));
    // A container that only one of them could have.
    let ended = place.run("cci exec -l app=web -c sidecar -- true");
    insta::assert_snapshot!("many_without_container", sorted(&ended));
    // A pod that has ended, and one that has two containers.
    insta::assert_snapshot!("many_of_all", sorted(&place.run("cci exec -l '' -- true")));
}

#[test]
fn many_commands_whose_output_nobody_reads_are_ended() {
    let place = Place::new();
    let mark = mark("many-unread");
    let mut child = start(&place, &format!("cci exec -l app=demo -- yes {mark}"));
    let mut text = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut text).unwrap();
    assert_eq!(text, format!("demo | {mark}\n"));
    let output = ended(child.wait_with_output().unwrap());
    assert_eq!((output.code, &*output.stderr), (Some(141), ""), "{output}");
    wait_until_gone(&mark);
}

#[test]
fn the_help_shows_lines_that_parse() {
    let place = Place::new();
    let help = place.run("cci exec --help");
    assert_eq!(help.code, Some(0));
    let examples = help.stdout.lines().filter_map(|line| line.trim().strip_prefix("guestexec "));
    let mut count = 0;
    for line in examples {
        // Up to what the shell does.
        let is_of_shell = |word: &String| ["<", "|", ">"].contains(&&**word);
        let mut line_words = words(line);
        line_words.truncate(line_words.iter().position(is_of_shell).unwrap_or(line_words.len()));
        count += 1;
        // Nobody listens there, and nothing is wrong with the words.
        let mut arguments = words("cci --endpoint http://127.0.0.1:1 --retries 0");
        arguments.extend(line_words.into_iter().skip(1));
        let output = ended(place.command(arguments).stdin(Stdio::null()).output().unwrap());
        assert!(!output.stderr.contains("Usage"), "{line}: {output}");
        assert_eq!(output.code, Some(125), "{line}: {output}");
    }
    assert!(count >= 8, "{help}");
}
