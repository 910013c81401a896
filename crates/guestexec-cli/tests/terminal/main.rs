//! `guestexec cci exec -it` in real terminals: what is typed, what is shown, and that the terminal is as before
//! afterwards, however the session ends.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../common/mod.rs"]
mod common;
mod pty;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use common::{Place, bare, cci::make_web_pods, words};
use pty::Terminal;
use rustix::process::{Pid, Signal, kill_process};

const TRANSPORTS: [&str; 3] = ["websocket", "websocket-v4", "spdy"];
/// A command that tells what it is sent, until the end of its input.
const CAT: &str = "sh -c 'stty -echo; echo ready; cat; echo over; exit 7'";

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const CTRL_P: &str = "\u{10}";
const CTRL_Q: &str = "\u{11}";
const CTRL_Z: &str = "\u{1a}";

/// A session in a terminal: the options, and the command.
fn exec(place: &Place, options: &str, command: &str) -> Terminal {
    let line = format!("cci exec -it {options} demo -- {command}");
    Terminal::start(place.command(words(&line)), 24, 80)
}

#[test]
fn keys_go_to_the_command_and_its_output_is_shown() {
    let place = Place::new();
    for transport in TRANSPORTS {
        // The key may come before a program has begun to sleep, and the shell hears it then.
        let script = "echo ready; read x; echo got $x; trap \"c=1; echo caught\" INT; echo waiting; \
            while [ -z \"$c\" ]; do sleep 0.1; done; cat; exit 7";
        let options = format!("--transport {transport}");
        let mut terminal = exec(&place, &options, &format!("sh -c '{script}'"));
        terminal.wait_for("ready\r\n");
        terminal.wait_until_raw(true);
        terminal.type_keys("a line\r");
        // The remote terminal shows it, and only that one.
        assert_eq!(terminal.wait_for("got a line\r\n"), "a line\r\ngot a line\r\n", "{transport}");
        terminal.wait_for("waiting\r\n");
        terminal.type_keys(CTRL_C);
        terminal.wait_for("caught\r\n");
        terminal.type_keys("more\r");
        terminal.wait_for("more\r\nmore\r\n");
        terminal.type_keys(CTRL_D);
        assert_eq!(terminal.exit_code(), 7, "{transport}: {:?}", terminal.shown());
    }
}

#[test]
fn a_shell_stops_and_continues_its_jobs() {
    let place = Place::new();
    let mut terminal = exec(&place, "", "sh -i");
    // The prompt is not what the echo of the keys shows.
    terminal.type_keys("PS1='re''ady '\r");
    terminal.wait_for("ready ");
    // Without a fork, in whose middle a shell cannot be stopped.
    terminal.type_keys("sh -c 'echo run\"\"ning; exec cat'\r");
    terminal.wait_for("running\r\n");
    terminal.type_keys(CTRL_Z);
    terminal.wait_for("Stopped");
    terminal.type_keys("kill -9 %1; wait; exit 5\r");
    // A shell may ask for it twice.
    terminal.type_keys("exit 5\r");
    assert_eq!(terminal.exit_code(), 5, "{:?}", terminal.shown());
}

#[test]
fn the_size_is_there_at_once_and_follows() {
    let place = Place::new();
    for transport in TRANSPORTS {
        let script = "stty size; trap \"\" INT; while :; do stty size; sleep 0.1; done";
        let options = format!("--transport {transport}");
        let mut terminal = exec(&place, &options, &format!("sh -c '{script}'"));
        terminal.wait_for("24 80\r\n");
        terminal.resize(50, 132);
        terminal.wait_for("50 132\r\n");
        terminal.type_keys("~.");
        assert_eq!(terminal.exit_code(), 125, "{:?}", terminal.shown());
    }
}

#[test]
fn escapes_are_keys_of_this_program() {
    let place = Place::new();
    let mut terminal = exec(&place, "", CAT);
    terminal.wait_for("ready\r\n");
    terminal.wait_until_raw(true);
    terminal.type_keys("~?");
    terminal.wait_for("~.   end the session\r\n");
    terminal.wait_for("~~   send ~\r\n");
    for (typed, expected) in
        [("~~\r", "~\r\n"), ("~a\r", "~a\r\n"), ("a~.\r", "a~.\r\n"), ("a~?b\r", "a~?b\r\n")]
    {
        terminal.type_keys(typed);
        assert_eq!(terminal.wait_for("\r\n"), expected);
    }
    terminal.type_keys("~.");
    assert_eq!(terminal.exit_code(), 125);
    let end = terminal.wait_for("if the container has that.\r\n");
    insta::assert_snapshot!(end.replace('\r', "").trim(), @"
    guestexec: the session was ended from here: the command may go on in the pod `demo` (only the connection was ended)
      Look for it there, by `ps` if the container has that.
    ");

    for (options, typed, expected) in [
        ("--escape-char none", "~.\r", "~.\r\n"),
        ("--escape-char ^]", "~.\r", "~.\r\n"),
        ("--escape-char %", "%%~.\r", "%~.\r\n"),
    ] {
        let mut terminal = exec(&place, options, CAT);
        terminal.wait_for("ready\r\n");
        terminal.type_keys(typed);
        assert_eq!(terminal.wait_for("\r\n"), expected, "{options}");
        terminal.type_keys(CTRL_D);
        assert_eq!(terminal.exit_code(), 7, "{options}");
    }
    let mut terminal = exec(&place, "--escape-char ^]", CAT);
    terminal.wait_for("ready\r\n");
    terminal.type_keys("\u{1d}.");
    assert_eq!(terminal.exit_code(), 125);
}

#[test]
fn detach_keys_leave_the_session_if_they_were_given() {
    let place = Place::new();
    for transport in TRANSPORTS {
        let options = format!("--detach-keys ctrl-p,ctrl-q --transport {transport}");
        let mut terminal = exec(&place, &options, CAT);
        terminal.wait_for("ready\r\n");
        terminal.type_keys(&format!("{CTRL_P}x\r"));
        terminal.wait_for("x\r\n");
        terminal.type_keys(&format!("{CTRL_P}{CTRL_Q}"));
        assert_eq!(terminal.exit_code(), 125, "{:?}", terminal.shown());
        terminal.wait_for("the session was left: the command may go on in the pod `demo`");
    }
    let mut terminal = exec(&place, "", CAT);
    terminal.wait_for("ready\r\n");
    terminal.type_keys(&format!("{CTRL_P}{CTRL_Q}x\r{CTRL_D}"));
    terminal.wait_for("x\r\n");
    assert_eq!(terminal.exit_code(), 7, "{:?}", terminal.shown());
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    let place = Place::new();
    for (signal, code, name) in
        [(Signal::TERM, 143, "SIGTERM"), (Signal::HUP, 129, "SIGHUP"), (Signal::INT, 130, "SIGINT")]
    {
        for (options, end) in [
            ("", "the command may go on in the pod `demo`"),
            ("--killable always", "the command in the pod `demo` was killed"),
        ] {
            let mut terminal = exec(&place, options, CAT);
            terminal.wait_for("ready\r\n");
            terminal.wait_until_raw(true);
            terminal.signal(signal);
            assert_eq!(terminal.exit_code(), code, "{:?}", terminal.shown());
            terminal.wait_for(&format!("interrupted by {name}: {end}"));
        }
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_session() {
    let place = Place::new();
    for options in ["", "--killable always"] {
        let mut terminal = exec(&place, options, CAT);
        terminal.wait_for("ready\r\n");
        terminal.wait_until_raw(true);
        assert_eq!(terminal.hang_up(), Some(129), "{options}");
    }
}

#[test]
fn a_person_is_asked_before_many_commands_are_ended() {
    let place = Place::new();
    make_web_pods(&place);
    let line = "cci exec -l app=web -- sh -c 'echo begun; sleep 600'";
    let mut command = place.command(words(line));
    command.env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(command, 24, 80);
    for _ in 0..3 {
        terminal.wait_for("begun");
    }
    terminal.type_keys(CTRL_C);
    terminal.wait_for("Not ended: 3 pods. End the command there? y: yes, n: go on ");
    terminal.type_keys("n\n");
    // It has read the answer once it shows again how far the commands are.
    terminal.wait_for("3 running");
    terminal.type_keys(CTRL_C);
    terminal.wait_for("Not ended: 3 pods.");
    terminal.type_keys("y\n");
    assert_eq!(terminal.exit_code(), 130, "{:?}", terminal.shown());
    for _ in 0..3 {
        terminal.wait_for("interrupted by SIGINT: the command in the pod `web-");
    }
    terminal.wait_for("3 of 3 failed");
}

#[test]
fn a_time_limit_holds_in_a_terminal() {
    let place = Place::new();
    let mut terminal = exec(&place, "--timeout 1s --killable always", CAT);
    assert_eq!(terminal.exit_code(), 124, "{:?}", terminal.shown());
    terminal.wait_for("the command's time of 1s ran out: the command in the pod `demo` was killed");
}

#[test]
fn a_lost_connection_is_no_end_of_the_command() {
    for transport in TRANSPORTS {
        let place = Place::with(|builder| builder.fault("cci.exec:reset".parse().unwrap()));
        let script = "while :; do echo more; sleep 0.05; done";
        let options = format!("--transport {transport}");
        let mut terminal = exec(&place, &options, &format!("sh -c '{script}'"));
        assert_eq!(terminal.exit_code(), 125, "{transport}: {:?}", terminal.shown());
        terminal.wait_for("guestexec: ");
    }
}

#[test]
fn what_fails_before_the_session_leaves_the_terminal_alone() {
    let place = Place::new();
    for (line, code, says) in [
        ("cci exec -it no-such-pod -- sh", 125, "no-such-pod"),
        ("cci exec -it demo -- no-such-program", 127, "executable file not found"),
        ("cci exec -it demo -- /etc", 126, "permission denied"),
        ("--output json cci exec -it demo -- sh", 125, "do not go with a terminal"),
        ("cci exec -it --escape-char ab demo -- sh", 125, "it is one character"),
        ("cci exec -it --detach-keys ctrl demo -- sh", 125, "apart by commas"),
    ] {
        let mut terminal = Terminal::start(place.command(words(line)), 24, 80);
        assert_eq!(terminal.exit_code(), code, "{line}: {:?}", terminal.shown());
        terminal.wait_for(says);
    }
}

#[test]
fn input_without_a_terminal_for_the_command_is_typed_by_lines() {
    let place = Place::new();
    let line = "cci exec -i demo -- sh -c 'echo ready; cat; exit 7'";
    let mut terminal = Terminal::start(place.command(words(line)), 24, 80);
    terminal.wait_for("ready\r\n");
    assert!(!terminal.is_raw());
    terminal.type_keys("a line\n");
    terminal.wait_for("a line\r\na line\r\n");
    terminal.type_keys(CTRL_D);
    assert_eq!(terminal.exit_code(), 7, "{:?}", terminal.shown());

    // Ctrl-C is for this program then, which kills the command.
    let mut terminal = Terminal::start(place.command(words(line)), 24, 80);
    terminal.wait_for("ready\r\n");
    terminal.type_keys(CTRL_C);
    assert_eq!(terminal.exit_code(), 130, "{:?}", terminal.shown());
    terminal.wait_for("interrupted by SIGINT: the command in the pod `demo` was killed");
}

#[test]
fn a_command_that_has_ended_does_not_wait_for_keys() {
    let place = Place::new();
    for options in ["-it", "-i"] {
        let line = format!("cci exec {options} demo -- sh -c 'exit 3'");
        let mut terminal = Terminal::start(place.command(words(&line)), 24, 80);
        assert_eq!(terminal.exit_code(), 3, "{:?}", terminal.shown());
    }
}

#[test]
fn a_server_that_is_dead_does_not_keep_anyone() {
    let home = tempfile::tempdir().unwrap();
    let mut server = bare(home.path());
    let mut server = server.arg("sandbox").stdout(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&server);
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut variables = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let Some((name, value)) = line.strip_prefix("export ").and_then(|it| it.split_once('='))
        else {
            continue;
        };
        variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
        // The last one.
        if variables.len() == sandbox_variables() {
            break;
        }
    }
    let mut command = bare(home.path());
    command.args(words(&format!("cci exec -it demo -- {CAT}"))).envs(variables);
    let mut terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("ready\r\n");
    terminal.wait_until_raw(true);
    kill_process(pid, Signal::STOP).unwrap();
    terminal.type_keys("nobody hears this\r");
    terminal.type_keys("~.");
    let code = terminal.exit_code();
    kill_process(pid, Signal::CONT).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    server.wait().unwrap();
    assert_eq!(code, 125, "{:?}", terminal.shown());
    terminal.wait_for("the session was ended from here");
}

/// How many variables a sandbox prints.
fn sandbox_variables() -> usize {
    Place::new().sandbox.env().len()
}

#[test]
fn it_can_be_suspended_and_continued() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.arg("-i").env_clear().env("PS1", "% ").env("GUESTEXEC", env!("CARGO_BIN_EXE_guestexec"));
    shell.env("PATH", std::env::var_os("PATH").unwrap()).envs(place.sandbox.env());
    shell.env("HOME", place.home.path());
    let mut terminal = Terminal::start(shell, 24, 80);
    terminal.wait_for("% ");
    terminal.type_keys(&format!("\"$GUESTEXEC\" cci exec -it demo -- {CAT}; echo code $?\r"));
    terminal.wait_for("\r\nready\r\n");
    terminal.wait_until_raw(true);
    terminal.type_keys("one\r");
    terminal.wait_for("one\r\n");
    terminal.type_keys(&format!("~{CTRL_Z}"));
    terminal.wait_for("Stopped");
    terminal.wait_until_raw(false);
    terminal.resize(30, 100);
    terminal.type_keys("fg\r");
    terminal.wait_until_raw(true);
    terminal.type_keys("two\r");
    terminal.wait_for("two\r\n");
    terminal.type_keys(CTRL_D);
    terminal.wait_for("over\r\n");
    terminal.wait_for("% ");
    terminal.type_keys("exit 0\r");
    terminal.end();
}
