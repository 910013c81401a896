//! How a session goes and how it ends.

use std::time::Duration;

use guestexec_cci::{Error, ErrorKind, ExecTransport, Output, operations::EXEC_IN_POD};
use guestexec_testkit::{ExecScript, Reply, Tape};
use tokio::{
    io::AsyncReadExt as _,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{MINUTE, TRANSPORTS, client, pod};

async fn run(script: ExecScript, transport: ExecTransport) -> (Tape, Result<Output, Error>) {
    let tape = Tape::new().reply(script);
    let client = client(&tape);
    let result = pod(&client).exec(["hostname"]).transport(transport).timeout(MINUTE).await;
    (tape, result)
}

#[tokio::test(start_paused = true)]
async fn both_outputs_and_the_exit_code_arrive_over_every_transport() {
    let every_byte: Vec<u8> = (0..=255).collect();
    for transport in TRANSPORTS {
        let script =
            ExecScript::new().stdout(every_byte.clone()).stderr("warn\n").stdout("end").exit(3);
        let (tape, result) = run(script, transport).await;
        let output = result.unwrap();
        assert_eq!(output.stdout, [&every_byte[..], b"end"].concat(), "{transport:?}");
        assert_eq!(output.stderr, b"warn\n", "{transport:?}");
        assert_eq!(output.exit_code(), Some(3), "{transport:?}");
        assert!(output.is_complete());
        tape.assert_complete();
    }
}

#[tokio::test(start_paused = true)]
async fn a_script_without_an_end_exits_with_0() {
    for transport in TRANSPORTS {
        let (_, result) = run(ExecScript::new(), transport).await;
        let output = result.unwrap();
        assert!(output.success() && output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn delays_go_by_a_paused_clock() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(
            ExecScript::new()
                .stdout("a")
                .after(Duration::from_secs(2))
                .stdout("b")
                .after(Duration::from_secs(3600))
                .exit(0),
        );
        let client = client(&tape);
        let begun = Instant::now();
        let mut child = pod(&client).exec(["build"]).transport(transport).spawn().await.unwrap();
        let mut stdout = child.stdout.take().unwrap();
        assert_eq!((stdout.read_u8().await.unwrap(), begun.elapsed()), (b'a', Duration::ZERO));
        assert_eq!(stdout.read_u8().await.unwrap(), b'b');
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert!(child.wait().await.unwrap().success());
        assert_eq!(begun.elapsed().as_secs(), 3602);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_cut_is_lost_and_keeps_what_came() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(ExecScript::new().stdout("half a li").cut());
        let client = client(&tape);
        let mut child =
            pod(&client).exec(["cat", "log"]).transport(transport).spawn().await.unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut received = Vec::new();
        stdout.read_to_end(&mut received).await.unwrap_err();
        assert_eq!(received, b"half a li");
        let error = child.wait().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{transport:?}");
        assert!(error.may_have_run());
        assert_eq!(tape.sessions()[0].lines(), "stdout \"half a li\"\ncut");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_without_a_status_is_lost() {
    for transport in TRANSPORTS {
        let (tape, result) = run(ExecScript::new().stdout("all").close(), transport).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{transport:?}");
        assert!(error.may_have_run());
        assert_eq!(tape.sessions()[0].lines(), "stdout \"all\"\nclosed without a status");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_program_is_a_refusal_and_nothing_ran() {
    for transport in TRANSPORTS {
        let (tape, result) = run(ExecScript::new().no_such_program("hostname"), transport).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{transport:?}");
        assert_eq!(error.code(), Some("InternalError"));
        assert!(!error.may_have_run());
        assert!(error.message().contains(r#""hostname": executable file not found in $PATH"#));
        assert!(tape.to_string().ends_with(
            r#"cannot start: unable to start container process: exec: "hostname": executable file not found in $PATH"#
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_an_exit_code() {
    for transport in TRANSPORTS {
        let (_, result) = run(ExecScript::new().stdout("a").killed_by(9), transport).await;
        let output = result.unwrap();
        assert_eq!(
            (output.exit_code(), output.exit_status().unwrap().signal()),
            (Some(137), Some(9))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn output_after_the_status_is_output() {
    for transport in TRANSPORTS {
        let script = ExecScript::new().stdout("early ").exit(4).stdout("late");
        let (_, result) = run(script, transport).await;
        let output = result.unwrap();
        assert_eq!((&*output.stdout_lossy(), output.exit_code()), ("early late", Some(4)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_ends_by_the_callers_timeout() {
    for transport in TRANSPORTS {
        let begun = Instant::now();
        let (tape, result) = run(ExecScript::new().stdout("a").hang(), transport).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{transport:?}");
        assert!(error.may_have_run());
        // Pings were answered, or the session would have ended by `dead_after`.
        assert_eq!(begun.elapsed(), MINUTE);
        assert_eq!(tape.sessions()[0].lines(), "stdout \"a\"\nhangs\nclosed by the client");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_ends_when_its_handle_is_dropped() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(ExecScript::new().hang());
        let client = client(&tape);
        let child = pod(&client).exec(["sleep"]).transport(transport).spawn().await.unwrap();
        tokio::time::sleep(MINUTE).await;
        assert_eq!(tape.sessions()[0].lines(), "hangs");
        drop(child);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(tape.sessions()[0].lines(), "hangs\nclosed by the client");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_counts_as_dead() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(ExecScript::new().silence());
        let client = client(&tape);
        let call = pod(&client).exec(["sleep"]).transport(transport).output();
        let error = timeout(10 * MINUTE, call).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{transport:?}");
        assert!(error.may_have_run());
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_broken_server_break_the_protocol() {
    for transport in TRANSPORTS {
        // A reserved bit of a WebSocket's frame, and another version of SPDY.
        let (tape, result) = run(ExecScript::new().raw([0xf2; 16]).hang(), transport).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{transport:?}: {error}");
        assert!(error.may_have_run());
        assert!(tape.to_string().contains("bytes \"\\xf2\\xf2"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_killable_command_is_killed_by_a_second_one() {
    for transport in TRANSPORTS {
        let tape = Tape::new()
            .reply(ExecScript::new().pid(42).stdout("up\n").after(MINUTE / 6).killed_by(9))
            .reply(ExecScript::new());
        let client = client(&tape);
        let exec = pod(&client).exec(["server"]).transport(transport).killable();
        let mut child = exec.spawn().await.unwrap();
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(137));
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).await.unwrap();
        assert_eq!(output, "up\n");
        let kill = tape.last_request().unwrap();
        assert_eq!(kill.query[4], ("command".to_owned(), "42".to_owned()), "{kill}");
        tape.assert_complete();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_comes_too_late_is_a_timeout() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(Reply::from(ExecScript::new()).after(MINUTE));
        let client = client(&tape);
        let error = pod(&client).exec(["hostname"]).transport(transport).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.may_have_run());
        assert!(tape.to_string().ends_with("→ given up before the answer after 60s"), "{tape}");
        assert!(tape.sessions().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_sessions_at_once_give_one_snapshot() {
    let mut texts = Vec::new();
    for _ in 0..2 {
        let exec = EXEC_IN_POD;
        let tape = Tape::new().on_with(exec, |request| {
            let text = request.query.iter().find(|(name, _)| name == "command").unwrap().1.clone();
            let script = ExecScript::new().stdout(text).after(Duration::from_millis(1));
            script.wait_for_end_of_stdin().stdout_with(<[u8]>::to_vec).exit(0)
        });
        let client = client(&tape);
        let mut sessions = JoinSet::new();
        for index in 0..100 {
            let client = client.clone();
            sessions.spawn(async move {
                let input = format!("input of {index}").repeat(1000);
                let exec = pod(&client).exec([format!("command {index}")]);
                let transport = ExecTransport::WebSocketV5;
                let output = exec.transport(transport).stdin(&*input).await.unwrap();
                assert_eq!(output.stdout_lossy(), format!("command {index}{input}"));
            });
        }
        sessions.join_all().await;
        texts.push(tape.sorted().to_string());
    }
    assert!(texts[0] == texts[1]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_scripts_closure_ends_the_session() {
    let script = ExecScript::new().stdout("a").stdout_with(|_| panic!("as the test wants it"));
    let (tape, result) = run(script, ExecTransport::WebSocketV5).await;
    let error = result.unwrap_err();
    assert!(error.message().contains("the closure that computes the output panicked"), "{error}");
    assert!(tape.to_string().contains("given up: the closure"));
}

#[tokio::test(start_paused = true)]
async fn five_megabytes_arrive_whole() {
    let long: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    for transport in TRANSPORTS {
        let script = ExecScript::new().stdout(long.clone()).stderr(long.clone()).exit(0);
        let (tape, result) = run(script, transport).await;
        let output = result.unwrap();
        assert!(output.stdout == long && output.stderr == long, "{transport:?}");
        assert!(tape.to_string().len() < 50_000);
    }
}

#[tokio::test]
async fn a_peer_waits_for_a_client_that_reads_slowly() {
    for transport in TRANSPORTS {
        let tape = Tape::new().reply(ExecScript::new().stdout(vec![b'a'; 300_000]).exit(0));
        let client = client(&tape);
        let exec = pod(&client).exec(["cat"]).transport(transport).buffer(1000);
        let mut child = exec.spawn().await.unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut received = 0;
        let mut buffer = [0; 999];
        loop {
            tokio::task::yield_now().await;
            match stdout.read(&mut buffer).await.unwrap() {
                0 => break,
                length => received += length,
            }
        }
        assert_eq!(received, 300_000);
        assert!(child.wait().await.unwrap().success());
    }
}
