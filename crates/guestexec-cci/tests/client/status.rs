//! The server's status of a command's end: what may follow it, and what it proves.

use std::time::Duration;

use guestexec_cci::{ErrorKind, ExecTransport, Input, StartFailure, TerminalSize};
use tokio::io::AsyncReadExt as _;

use crate::{
    forms::{FORMS, Server, serving},
    peer::{Peer, PeerExt as _, SUCCESS, exit, pod, within},
};

#[tokio::test]
async fn output_after_the_status_is_delivered() {
    within(async {
        for form in FORMS {
            for status in [SUCCESS.to_owned(), exit(3)] {
                let code = if status == SUCCESS { 0 } else { 3 };
                let peer = serving(form, move |_, mut server| {
                    let status = status.clone();
                    async move {
                        server.stdout("early ").await;
                        server.status(status).await;
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        server.stdout("late ").await;
                        server.stderr("later ").await;
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        server.stdout("last").await;
                        server.close().await;
                    }
                })
                .await;
                let client = peer.client();
                let output = pod(&client).exec(["x"]).transport(form).output().await.unwrap();
                assert_eq!(output.exit_code(), Some(code), "{form:?}");
                assert_eq!(output.stdout_lossy(), "early late last", "{form:?}");
                assert_eq!(output.stderr_lossy(), "later ", "{form:?}");
                assert!(output.is_complete());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn late_output_needs_no_reader_and_is_not_bounded_by_the_buffer() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.stdout([b'a'; 30_000]).await;
                server.status(SUCCESS).await;
                for _ in 0..100 {
                    server.stdout([b'b'; 30_000]).await;
                }
                server.close().await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["x"]).transport(form).buffer(40_000);
            let mut child = exec.spawn().await.unwrap();
            let mut first = [0; 1];
            child.stdout.as_mut().unwrap().read_exact(&mut first).await.unwrap();
            assert!(child.wait().await.unwrap().success(), "{form:?}");
            let mut rest = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest.len(), 101 * 30_000 - 1, "{form:?}");
        }
    })
    .await;
}

/// What a server may send after a status, below the protocol's messages: a name and the bytes.
fn odd_ends(form: ExecTransport) -> Vec<(&'static str, Vec<u8>)> {
    if form == ExecTransport::SpdyPost {
        // The streams are 1 error, 3 stdout, 5 stderr.
        let control = |kind: u8, payload: &[u8]| {
            [&[0x80, 3, 0, kind][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
        };
        let reset = |stream: u8, code: u8| control(3, &[0, 0, 0, stream, 0, 0, 0, code]);
        vec![
            ("nothing", vec![]),
            ("stdout is reset", reset(3, 2)),
            ("the error stream is reset", reset(1, 2)),
            ("all are reset", [reset(5, 2), reset(3, 5), reset(1, 5)].concat()),
            ("the error stream ends", vec![0, 0, 0, 1, 1, 0, 0, 0]),
            ("it goes away for an error", control(7, &[0, 0, 0, 5, 0, 0, 0, 2])),
            ("a stream of the server's", control(1, &[0; 12])),
            ("a short frame", control(3, &[0, 0])),
            ("another version", vec![0x80, 2, 0, 1, 0, 0, 0, 0]),
            ("a control frame of 16 MB", vec![0x80, 3, 0, 1, 0, 255, 255, 255]),
            ("half a frame", vec![0, 0, 0, 3, 0, 0, 0, 9]),
            ("no SPDY", b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec()),
        ]
    } else {
        vec![
            ("nothing", vec![]),
            ("closed for an error", vec![0x88, 2, 3, 0xf3]),
            ("a close code that is none", vec![0x88, 2, 0, 1]),
            ("half a close", vec![0x88, 1, 3]),
            ("half a frame", vec![0x82, 9, 1, b'x']),
            ("a reserved bit", vec![0xc2, 1, 1]),
            ("a reserved opcode", vec![0x83, 1, 0]),
            ("a frame of 2^63 bytes", vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            ("a masked frame", vec![0x82, 0x81, 1, 2, 3, 4, 5]),
            ("a continuation of nothing", vec![0x80, 1, 1]),
            ("a close message that is none", vec![0x82, 2, 255, 9]),
            ("text that is none", vec![0x81, 2, 0xff, 0xfe]),
            ("no WebSocket", b"HTTP/1.1 500 Internal Server Error\r\n\r\n".to_vec()),
        ]
    }
}

#[tokio::test]
async fn a_status_stays_valid_whatever_follows_it() {
    within(async {
        for form in FORMS {
            for (what, bytes) in odd_ends(form) {
                for reset in [false, true] {
                    let bytes = bytes.clone();
                    let peer = serving(form, move |_, mut server| {
                        let bytes = bytes.clone();
                        async move {
                            server.stdout("whole").await;
                            server.status(exit(3)).await;
                            server.raw(&bytes).await;
                            // Time for the bytes to arrive: a reset discards those in flight.
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            if reset {
                                server.tcp().set_zero_linger().unwrap();
                            }
                        }
                    })
                    .await;
                    let client = peer.client();
                    let output = pod(&client).exec(["x"]).transport(form).output().await;
                    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(output.exit_code(), Some(3), "{what} over {form:?}");
                    assert_eq!(output.stdout, b"whole", "{what} over {form:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_status_counts() {
    let failure = r#"{"status":"Failure","message":"node on fire","reason":"InternalError"}"#;
    within(async {
        for form in FORMS {
            for second in [exit(9).as_str(), SUCCESS, failure, "garbage", &"x".repeat(70_000)] {
                let second = second.to_owned();
                let peer = serving(form, move |_, mut server| {
                    let second = second.clone();
                    async move {
                        server.status(exit(3)).await;
                        server.status(&second).await;
                        server.stdout("late").await;
                        server.close().await;
                    }
                })
                .await;
                let client = peer.client();
                let output = pod(&client).exec(["x"]).transport(form).output().await.unwrap();
                assert_eq!(output.exit_code(), Some(3), "{form:?}");
                assert_eq!(output.stdout, b"late", "{form:?}");
            }
            // So it is for a failure.
            let peer = serving(form, move |_, mut server| async move {
                server.status(failure).await;
                server.status(SUCCESS).await;
                server.close().await;
            })
            .await;
            let client = peer.client();
            let error = pod(&client).exec(["x"]).transport(form).output().await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, "node on fire"));
        }
    })
    .await;
}

/// Keeps the connection open, and sends pings.
async fn pinging(mut server: Server) {
    let ping: &[u8] = match &server {
        Server::WebSocket(_) => &[0x89, 0],
        Server::Spdy(_) => &[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2],
    };
    loop {
        server.raw(ping).await;
        tokio::select! {
            said = server.hear() => if said.is_none() { return },
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}

#[tokio::test]
async fn a_status_ends_the_session_although_the_server_does_not() {
    within(async {
        for form in FORMS {
            for (pieces, pings) in [(1, false), (1, true), (5, true)] {
                let peer = serving(form, move |_, mut server| async move {
                    server.stdout("whole").await;
                    let status = exit(3);
                    for piece in status.as_bytes().chunks(status.len().div_ceil(pieces)) {
                        server.status(piece).await;
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    match pings {
                        true => pinging(server).await,
                        false => server.stay().await,
                    }
                })
                .await;
                let client = peer.client();
                // One session without input, and one whose input never ends.
                let exec = || pod(&client).exec(["x"]).transport(form);
                let endless = Input::reader(tokio::io::repeat(b'x'));
                let exec = match form {
                    ExecTransport::WebSocketV4 => exec(),
                    _ if pieces == 1 => exec().stdin(endless),
                    _ => exec(),
                };
                let output = exec.output().await.unwrap();
                assert_eq!(output.exit_code(), Some(3), "{form:?}");
                assert_eq!((&*output.stdout, output.is_complete()), (&b"whole"[..], true));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn endless_output_after_the_status_is_cut_and_marked_as_cut() {
    within(async {
        let tests = FORMS.map(|form| async move {
            let peer = serving(form, |_, mut server| async move {
                server.status(SUCCESS).await;
                loop {
                    server.stdout("x").await;
                    tokio::select! {
                        said = server.hear() => if said.is_none() { return },
                        () = tokio::time::sleep(Duration::from_millis(100)) => {}
                    }
                }
            })
            .await;
            let client = peer.client();
            let exec = || pod(&client).exec(["x"]).transport(form);
            let mut child = exec().spawn().await.unwrap();
            let (output, status) = tokio::join!(exec().output(), child.wait());
            let output = output.unwrap();
            assert!(output.success() && !output.is_complete(), "{form:?}");
            assert!(output.stdout.len() > 1, "{form:?}");
            assert!(status.unwrap().success(), "{form:?}");
            let mut stdout = Vec::new();
            let error = child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
            assert!(stdout.len() > 1, "{form:?}");
        });
        futures_util::future::join_all(tests).await;
    })
    .await;
}

#[tokio::test]
async fn a_deadline_that_passes_after_the_status_changes_nothing() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.status(exit(3)).await;
                server.stay().await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["x"]).transport(form).timeout(Duration::from_secs(1));
            assert_eq!(exec.output().await.unwrap().exit_code(), Some(3), "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn late_output_is_complete_if_the_server_then_closes() {
    within(async {
        let tests = FORMS.map(|form| async move {
            let peer = serving(form, |_, mut server| async move {
                server.status(SUCCESS).await;
                for _ in 0..2 {
                    // The second arrives nearer to the end of the whole wait than a silence may last.
                    tokio::time::sleep(Duration::from_millis(1600)).await;
                    server.stdout("late ").await;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
                server.close().await;
            })
            .await;
            let client = peer.client();
            let output = pod(&client).exec(["x"]).transport(form).output().await.unwrap();
            assert_eq!(output.stdout_lossy(), "late late ", "{form:?}");
            assert!(output.is_complete(), "{form:?}");
        });
        futures_util::future::join_all(tests).await;
    })
    .await;
}

#[tokio::test]
async fn late_output_cut_by_a_deadline_or_a_broken_frame_is_marked_as_cut() {
    within(async {
        for form in FORMS {
            for breaks in [false, true] {
                let peer = serving(form, move |_, mut server| async move {
                    server.status(SUCCESS).await;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    loop {
                        server.stdout("x").await;
                        if breaks {
                            // A control frame of version 2; a reserved bit.
                            server.raw(&[0xf0, 2, 0, 1, 0, 0, 0, 0]).await;
                        }
                        tokio::select! {
                            said = server.hear() => if said.is_none() { return },
                            () = tokio::time::sleep(Duration::from_millis(100)) => {}
                        }
                    }
                })
                .await;
                let client = peer.client();
                let exec = pod(&client).exec(["x"]).transport(form);
                let exec = if breaks { exec } else { exec.timeout(Duration::from_secs(2)) };
                let output = exec.output().await.unwrap();
                assert!(output.success() && !output.stdout.is_empty(), "{form:?}");
                assert!(!output.is_complete(), "{form:?} {breaks}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_servers_messages_do_not_show_the_clients_secrets() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                let status = failed("node on fire, asked with X-Auth-Token: a-token");
                server.status(status.replace("InternalError", "a-token")).await;
                server.close().await;
            })
            .await;
            let client = peer.client();
            let mut child = pod(&client).exec(["x"]).transport(form).spawn().await.unwrap();
            let error = child.wait().await.unwrap_err();
            assert!(error.message().starts_with("node on fire"), "{error}");
            assert!(!format!("{error} {error:?}").contains("a-token"), "{error:?}");
        }
        // The reason of a close.
        let peer = serving(ExecTransport::WebSocketV4, |_, mut server| async move {
            server.raw(b"\x88\x0d\x03\xf3no: a-token").await;
            server.stay().await;
        })
        .await;
        let client = peer.client();
        let mut child = pod(&client).exec(["x"]).spawn().await.unwrap();
        let error = child.wait().await.unwrap_err();
        let mut stdout = Vec::new();
        let broken = child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap_err();
        assert!(error.message().contains("no: <redacted>"), "{error}");
        assert!(!format!("{error:?} {broken:?}").contains("a-token"), "{broken:?}");
    })
    .await;
}

fn failed(message: &str) -> String {
    let message = message.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"{{"metadata":{{}},"status":"Failure","reason":"InternalError","code":500,"message":"{message}"}}"#
    )
}

/// containerd's message for a program that does not exist.
const NO_SUCH: &str = "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"e51dc46de2d0e308239e7ef3e5826a25d82955598a685422f8b273cb5e708938\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"nope\": executable file not found in $PATH: unknown";

/// Failures of commands that ran, with texts that resemble failures to start.
const QUOTING: [&str; 4] = [
    "Internal error occurred: error attaching: stream broke while running [sh -c ls || echo permission denied]",
    "Internal error occurred: error executing command in container: write /var/log/x: permission denied",
    "Internal error occurred: error sending output: write unix @->/run/containerd/s: no such file or directory",
    "Internal error occurred: error executing command in container: command [sh -c exec: \"x\": executable file not found in $PATH] timed out",
];

/// The failure of a command whose status has this message.
async fn may_have_run(
    form: ExecTransport,
    killable: bool,
    message: &str,
    before: [&'static str; 2],
    after: &'static str,
) -> bool {
    let status = failed(message);
    let peer = serving(form, move |_, mut server| {
        let status = status.clone();
        async move {
            server.stdout(before[0]).await;
            server.stderr(before[1]).await;
            server.status(status).await;
            server.stdout(after).await;
            server.close().await;
        }
    })
    .await;
    let client = peer.client();
    let exec = pod(&client).exec(["nope"]).transport(form);
    let exec = if killable { exec.killable() } else { exec };
    let error = exec.output().await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Refused, message));
    assert!(!error.is_retryable());
    error.may_have_run()
}

#[tokio::test]
async fn a_failure_proves_that_nothing_ran_only_in_the_runtimes_words_and_without_output() {
    within(async {
        for form in FORMS {
            let none = ["", ""];
            assert!(!may_have_run(form, false, NO_SUCH, none, "").await, "{form:?}");
            assert!(!may_have_run(form, true, NO_SUCH, none, "").await, "{form:?}");
            for quoting in QUOTING {
                assert!(may_have_run(form, false, quoting, none, "").await, "{quoting}");
            }
            for message in QUOTING.into_iter().chain([NO_SUCH]) {
                for (before, after) in [(["out", ""], ""), (["", "err"], ""), (none, "late")] {
                    assert!(may_have_run(form, false, message, before, after).await, "{message}");
                }
                // A command that reports its process id runs.
                let report = ["guestexec-pid:42\n", ""];
                assert!(may_have_run(form, true, message, report, "").await, "{message}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_that_was_not_started_has_its_reason() {
    use StartFailure::{CannotRun, NotFound};
    within(async {
        for form in FORMS {
            for (words, expected) in [
                ("exec: \"x\": executable file not found in $PATH", Some(NotFound)),
                ("exec: \"/x\": permission denied", Some(CannotRun)),
                ("args must not be empty", None),
            ] {
                let message = format!(
                    "Internal error occurred: error executing command in container: {words}"
                );
                let status = failed(&message);
                let peer = serving(form, move |_, mut server| {
                    let status = status.clone();
                    async move {
                        server.status(status).await;
                        server.close().await;
                    }
                })
                .await;
                let client = peer.client();
                for exec in [pod(&client).exec(["x"]), pod(&client).exec(["x"]).killable()] {
                    let error = exec.transport(form).output().await.unwrap_err();
                    assert_eq!(StartFailure::of(&error), expected, "{error}");
                    assert!(!error.may_have_run(), "{error}");
                }
            }
        }
        let body = r#"{"kind":"Status","message":"exec: \"x\": permission denied"}"#;
        let peer = Peer::saying("500 X", "content-type: application/json\r\n", body).await;
        let client = peer.client();
        let error = pod(&client).exec(["x"]).output().await.unwrap_err();
        assert_eq!(StartFailure::of(&error), Some(CannotRun), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_shell_that_finds_no_program_says_so() {
    use StartFailure::{CannotRun, NotFound};
    within(async {
        for form in FORMS {
            for tty in [false, true] {
                for (code, expected) in
                    [(127, Some(NotFound)), (126, Some(CannotRun)), (3, None), (0, None)]
                {
                    let peer = serving(form, move |_, mut server| async move {
                        server.stdout("guestexec-pid:0\r\n").await;
                        server.stdout("sh: x: not found\r\n").await;
                        server.exit(code).await;
                    })
                    .await;
                    let client = peer.client();
                    let exec = pod(&client).exec(["x"]).killable().transport(form);
                    let exec = match tty {
                        true => exec.tty(TerminalSize { width: 80, height: 24 }),
                        false => exec,
                    };
                    let mut child = exec.spawn().await.unwrap();
                    assert_eq!(child.process_id().await, None);
                    let mut text = String::new();
                    let mut stdout = child.stdout.take().unwrap();
                    stdout.read_to_string(&mut text).await.unwrap();
                    assert_eq!(text, "sh: x: not found\r\n", "{form:?}");
                    match (child.wait().await, expected) {
                        (Err(error), Some(_)) => {
                            assert_eq!(StartFailure::of(&error), expected, "{error}");
                            assert_eq!(error.kind(), ErrorKind::Refused);
                            assert!(!error.may_have_run() && !error.is_retryable());
                        }
                        // The shell was wrong: it found a program in the end.
                        (Ok(status), None) => assert_eq!(status.code(), Some(code.into())),
                        (result, _) => panic!("{result:?}"),
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_killable_command_has_a_process_id() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.stdout("guestexec-pid:42\n").await;
                server.stay().await;
            })
            .await;
            let client = peer.client();
            let exec = || pod(&client).exec(["x"]).transport(form);
            let mut child = exec().killable().spawn().await.unwrap();
            assert_eq!(child.process_id().await, Some(42));
            assert_eq!(child.process_id().await, Some(42), "it is told again");
            assert_eq!(exec().spawn().await.unwrap().process_id().await, None);
        }
    })
    .await;
}
