//! What a client sends in a session.

use std::time::Duration;

use guestexec_cci::{ErrorKind, ExecTransport, TerminalSize};
use guestexec_testkit::{ExecScript, Tape};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};

use crate::{MINUTE, TRANSPORTS, client, pod};

/// The transports that can end the input.
const ENDING: [ExecTransport; 3] =
    [ExecTransport::WebSocketV5, ExecTransport::SpdyPost, ExecTransport::SpdyGet];

const SIZE: TerminalSize = TerminalSize { width: 80, height: 24 };

#[tokio::test(start_paused = true)]
async fn a_script_echoes_input_once_it_has_ended() {
    for transport in ENDING {
        let tape = Tape::new()
            .reply(ExecScript::new().wait_for_end_of_stdin().stdout_with(<[u8]>::to_vec).exit(0));
        let client = client(&tape);
        let exec = pod(&client).exec(["cat"]).transport(transport).stdin("one\ntwo");
        let output = exec.await.unwrap();
        assert_eq!(output.stdout, b"one\ntwo", "{transport:?}");
        assert_eq!(
            tape.sessions()[0].lines(),
            "stdin \"one\\n\"\n      \"two\"\nstdin ends\n\
             stdout \"one\\n\"\n       \"two\"\nexit code 0",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn input_is_recorded_although_no_step_waits_for_it() {
    for transport in ENDING {
        let tape = Tape::new().reply(ExecScript::new().stdout("done\n").exit(0));
        let client = client(&tape);
        let long = "a line of a script\n".repeat(20_000);
        let exec = pod(&client).exec(["sh"]).transport(transport).stdin(&*long);
        assert_eq!(exec.await.unwrap().stdout, b"done\n", "{transport:?}");
        let session = &tape.sessions()[0];
        assert_eq!(session.stdin(), long.as_bytes());
        assert!(session.lines().ends_with(" bytes more\nstdin ends\nexit code 0"));
    }
}

#[tokio::test(start_paused = true)]
async fn how_a_client_cuts_its_input_does_not_change_the_record() {
    for transport in TRANSPORTS {
        let mut records = Vec::new();
        for size in [1, 3, 7, 1000] {
            let script = ExecScript::new().wait_for_stdin(5).stdout("go").exit(0);
            let tape = Tape::new().reply(script);
            let client = client(&tape);
            let exec = pod(&client).exec(["read"]).transport(transport).stdin_piped();
            let mut child = exec.spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            for part in b"password".chunks(size) {
                stdin.write_all(part).await.unwrap();
                stdin.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
            assert!(child.wait().await.unwrap().success());
            records.push(tape.to_string());
        }
        records.dedup();
        assert_eq!(records.len(), 1, "{transport:?}: {records:?}");
        assert!(records[0].ends_with("stdin \"passw\"\nstdout \"go\"\nstdin \"ord\"\nexit code 0"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialogue_goes_line_by_line() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(
            ExecScript::new().stdout("name? ").wait_for_stdin(4).stdout("hello bob\n").exit(0),
        );
        let client = client(&tape);
        let exec = pod(&client).exec(["greet"]).transport(transport).stdin_piped();
        let mut child = exec.spawn().await.unwrap();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut question = [0; 6];
        stdout.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"name? ");
        stdin.write_all(b"bob\n").await.unwrap();
        let mut answer = String::new();
        stdout.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "hello bob\n");
        assert!(child.wait().await.unwrap().success());
        assert_eq!(
            tape.sessions()[0].lines(),
            "stdout \"name? \"\nstdin \"bob\\n\"\nstdout \"hello bob\\n\"\nexit code 0"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminal_is_resized_and_ends_by_control_d() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(
            ExecScript::new()
                .wait_for_size(80, 24)
                .stdout("$ ")
                .wait_for_size(100, 30)
                .stdout("wider\r\n")
                .wait_for_end_of_stdin()
                .exit(0),
        );
        let client = client(&tape);
        let exec = pod(&client).exec(["sh"]).transport(transport).tty(SIZE);
        let mut child = exec.spawn().await.unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut prompt = [0; 2];
        stdout.read_exact(&mut prompt).await.unwrap();
        child.resize(100, 30).await.unwrap();
        let mut wider = [0; 7];
        stdout.read_exact(&mut wider).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        assert_eq!(
            tape.sessions()[0].lines(),
            "resize 80x24\nstdout \"$ \"\nresize 100x30\nstdout \"wider\\r\\n\"\n\
             stdin \"\\u{4}\"\nexit code 0",
            "{transport:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_and_says_what_did_not_come() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(ExecScript::new().wait_for_stdin(10).exit(0));
        let client = client(&tape);
        let exec = pod(&client).exec(["read"]).transport(transport).stdin_piped();
        let mut child = exec.spawn().await.unwrap();
        let begun = Instant::now();
        child.stdin.as_mut().unwrap().write_all(b"abc").await.unwrap();
        let stdin = child.stdin.take();
        let error = child.wait().await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        drop(stdin);
        let why = "waited 10s for 7 more bytes of stdin";
        assert_eq!(error.kind(), ErrorKind::Lost);
        if matches!(transport, ExecTransport::WebSocketV5 | ExecTransport::WebSocketV4) {
            assert!(error.message().contains(why), "{error}");
        }
        assert_eq!(tape.sessions()[0].lines(), format!("stdin \"abc\"\ngiven up: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_what_cannot_come_is_over_at_once() {
    for (wait, why) in [
        (ExecScript::new().wait_for_stdin(9), "given up: 6 more bytes of stdin cannot come"),
        (
            ExecScript::new().wait_for_size(1, 2).wait_at_most(MINUTE),
            "given up: a terminal of 1x2 cannot come",
        ),
    ] {
        let tape = Tape::new().reply(wait);
        let client = client(&tape);
        let error = pod(&client).exec(["read"]).stdin("abc").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost);
        assert!(tape.to_string().ends_with(why), "{tape}");
    }
    let tape = Tape::new().reply(ExecScript::new().wait_for_stdin(1));
    pod(&client(&tape)).exec(["read"]).await.unwrap_err();
    assert!(tape.to_string().ends_with("given up: 1 more byte of stdin cannot come"));
}

#[tokio::test(start_paused = true)]
async fn a_script_that_waits_for_an_end_that_version_4_has_not_gives_up() {
    let tape = Tape::new().reply(ExecScript::new().wait_for_end_of_stdin());
    let client = client(&tape);
    let exec = pod(&client).exec(["cat"]).transport(ExecTransport::WebSocketV4).stdin_piped();
    let mut child = exec.spawn().await.unwrap();
    let begun = Instant::now();
    let error = child.wait().await.unwrap_err();
    assert!(error.message().contains("the end of stdin cannot come"), "{error}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn endless_input_costs_no_memory() {
    for transport in ENDING {
        let tape = Tape::new().reply(ExecScript::new().exit(0));
        let client = client(&tape);
        let input = guestexec_cci::Input::reader(tokio::io::repeat(b'a').take(40_000_000));
        let output = pod(&client).exec(["true"]).transport(transport).stdin(input).await.unwrap();
        assert!(output.success());
        assert!(tape.sessions()[0].stdin().len() <= 1024 * 1024);
        assert!(tape.to_string().len() < 100_000);
    }
}
