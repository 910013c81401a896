//! Commands with a terminal: how their input ends, and how they are killed.

use std::{sync::Arc, time::Duration};

use guestexec_cci::{Child, ErrorKind, ExecTransport, TerminalSize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};

use crate::{
    forms::{FORMS, Said, Server, serving},
    peer::{Peer, PeerExt as _, pod, within},
    spdy::Spdy,
};

const SIZE: TerminalSize = TerminalSize { width: 80, height: 24 };

/// A server whose command has a terminal and writes only after it has read its whole input. Like a
/// real one, it takes the end of the stream for a detach, after which there is no output.
async fn sorting(form: ExecTransport, expected: &'static [u8]) -> Peer {
    serving(form, move |request, mut server| async move {
        for there in ["stdin=true", "stdout=true", "tty=true"] {
            assert!(request.query().contains(there), "{}", request.query());
        }
        let input = server.input_up_to(expected).await;
        assert_eq!(input, expected);
        assert!(server.is_quiet().await, "something comes behind the end of the input");
        server.stdout("sorted").await;
        let rest = server.exit(5).await;
        assert_eq!(rest, [], "the stream is to stay open");
    })
    .await
}

#[tokio::test]
async fn a_terminals_input_ends_with_ctrl_d_and_the_stream_stays_open() {
    /// The ways to end the input.
    #[derive(Clone, Copy, Debug)]
    enum By {
        Wait,
        WaitWithOutput,
        Drop,
        Shutdown,
    }

    async fn ended(mut child: Child, by: By) -> (Option<i64>, Vec<u8>) {
        child.stdin.as_mut().unwrap().write_all(b"b\na\n").await.unwrap();
        match by {
            By::WaitWithOutput => {
                let output = child.wait_with_output().await.unwrap();
                return (output.exit_code(), output.stdout);
            }
            By::Wait => {}
            By::Drop => drop(child.stdin.take()),
            By::Shutdown => child.stdin.as_mut().unwrap().shutdown().await.unwrap(),
        }
        let code = child.wait().await.unwrap().code();
        let mut stdout = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap();
        (code, stdout)
    }

    within(async {
        for form in FORMS {
            for by in [By::Wait, By::WaitWithOutput, By::Drop, By::Shutdown] {
                let peer = sorting(form, b"b\na\n\x04").await;
                let client = peer.client();
                let exec = pod(&client).exec(["sort"]).tty(SIZE).transport(form);
                let child = exec.spawn().await.unwrap();
                let (code, stdout) = ended(child, by).await;
                assert_eq!((code, &*stdout), (Some(5), &b"sorted"[..]), "{by:?} over {form:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whole_input_of_a_terminal_ends_with_one_or_two_ctrl_d() {
    within(async {
        for form in FORMS {
            for (input, sent) in [
                ("a line\n", &b"a line\n\x04"[..]),
                ("a key\r", b"a key\r\x04"),
                // The first one only delivers the unfinished line.
                ("part", b"part\x04\x04"),
                ("a line\npart", b"a line\npart\x04\x04"),
                ("by hand\x04", b"by hand\x04\x04"),
            ] {
                let peer = sorting(form, sent).await;
                let client = peer.client();
                for first in [true, false] {
                    let exec = pod(&client).exec(["sort"]).transport(form);
                    let exec = match first {
                        true => exec.tty(SIZE).stdin(input),
                        false => exec.stdin(input).tty(SIZE),
                    };
                    let output = exec.output().await.unwrap();
                    assert_eq!(output.exit_code(), Some(5), "{input:?} over {form:?}");
                    assert_eq!(output.stdout, b"sorted", "{input:?} over {form:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn input_of_a_terminal_needs_no_transport_that_can_end_it() {
    within(async {
        let peer = sorting(ExecTransport::WebSocketV4, b"a\n\x04").await;
        let client = peer.client();
        let output = pod(&client).exec(["sort"]).tty(SIZE).stdin("a\n").output().await.unwrap();
        assert_eq!(output.stdout, b"sorted");
        // Asked for at once, together with version 5.
        let [request] = &peer.requests()[..] else { panic!("one request") };
        let offer = request.header("sec-websocket-protocol");
        assert_eq!(offer, Some("v5.channel.k8s.io, v4.channel.k8s.io"));
    })
    .await;
}

#[tokio::test]
async fn a_terminal_without_input_gets_ctrl_d_at_once() {
    within(async {
        for form in FORMS {
            let peer = sorting(form, b"\x04").await;
            let client = peer.client();
            let exec = || pod(&client).exec(["sort"]).transport(form);
            for exec in [
                exec().tty(SIZE),
                exec().tty(SIZE).stdin_piped(),
                exec().stdin_piped().tty(SIZE),
                exec().tty(SIZE).stdin(""),
                exec().stdin("").tty(SIZE),
            ] {
                let output = exec.output().await.unwrap();
                assert_eq!(output.exit_code(), Some(5), "{form:?}");
                assert_eq!(output.stdout, b"sorted", "{form:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_child_sends_its_terminal_nothing_more() {
    within(async {
        for form in FORMS {
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let peer = serving(form, move |_, mut server| {
                let tell = tell.clone();
                async move {
                    server.input_up_to(b"typed").await;
                    server.stdout("ready").await;
                    tell.send(server.rest().await).unwrap();
                }
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sh"]).tty(SIZE).transport(form);
            let mut child = exec.spawn().await.unwrap();
            child.stdin.as_mut().unwrap().write_all(b"typed").await.unwrap();
            let mut ready = [0; 5];
            child.stdout.as_mut().unwrap().read_exact(&mut ready).await.unwrap();
            drop(child);
            assert_eq!(told.recv().await.unwrap(), [], "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn unread_output_of_a_terminal_does_not_delay_the_end_of_input() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.stdout([b'x'; 100_000]).await;
                server.input_up_to(b"\x04").await;
                server.stdout([b'y'; 100_000]).await;
                server.exit(0).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sh"]).tty(SIZE).transport(form);
            let mut child = exec.spawn().await.unwrap();
            assert!(child.wait().await.unwrap().success(), "{form:?}");
            let mut stdout = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap();
            assert_eq!(stdout.len(), 200_000, "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_latest_size_is_sent_first_when_the_streams_open() {
    within(async {
        let (open, opened) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let go = open.clone();
        let upgraded = opened.clone();
        let peer = Peer::new(move |request, stream| {
            let (go, upgraded) = (go.clone(), upgraded.clone());
            async move {
                let mut spdy = Spdy::upgrade(&request, stream).await;
                upgraded.notify_one();
                go.notified().await;
                spdy.open().await;
                let mut server = Server::Spdy(Box::new(spdy));
                let size = server.hear().await.unwrap();
                assert_eq!(size, Said::Size("{\"Width\":132,\"Height\":50}\n".to_owned()));
                server.input_up_to(b"typed\x04\x04").await;
                server.exit(0).await;
            }
        })
        .await;
        let client = peer.client();
        let exec = pod(&client).exec(["sh"]).tty(SIZE).transport(ExecTransport::SpdyPost);
        let mut child = exec.spawn().await.unwrap();
        opened.notified().await;
        child.stdin.as_mut().unwrap().write_all(b"typed").await.unwrap();
        child.resize(100, 40).await.unwrap();
        child.resize(132, 50).await.unwrap();
        open.notify_one();
        assert!(child.wait().await.unwrap().success());
    })
    .await;
}

/// A server with a killable command on a terminal, which echoes its input. After a while without
/// input it sends `before` and then the report.
async fn killable(form: ExecTransport, before: &'static str) -> Peer {
    let killed = Arc::new(Notify::new());
    serving(form, move |request, mut server| {
        let killed = killed.clone();
        async move {
            if request.query().contains("guestexec-kill") {
                assert!(request.query().ends_with("&command=42&stderr=true&stdout=true"));
                killed.notify_one();
                server.exit(0).await;
                return;
            }
            server.stdout(before).await;
            let mut early = Vec::new();
            while let Ok(said) =
                tokio::time::timeout(Duration::from_millis(300), server.hear()).await
            {
                match said.unwrap() {
                    Said::Input(input) => {
                        server.stdout(&input).await;
                        early.extend(input);
                    }
                    Said::Size(_) => {}
                    Said::EndOfInput => panic!("the end of a terminal's input"),
                }
            }
            server.stdout("guestexec-pid:42\r\n").await;
            let rest = &b"hello\n"[early.len()..];
            if !rest.is_empty() {
                let input = server.input_up_to(rest).await;
                server.stdout(&input).await;
            }
            killed.notified().await;
            server.exit(137).await;
        }
    })
    .await
}

#[tokio::test]
async fn input_of_a_killable_terminal_waits_for_the_process_id() {
    within(async {
        for form in FORMS {
            for before in ["", "sh: warning: setlocale: LC_ALL: cannot change locale\r\n"] {
                let peer = killable(form, before).await;
                let client = peer.client();
                let exec = pod(&client).exec(["cat"]).tty(SIZE).killable().transport(form);
                let mut child = exec.spawn().await.unwrap();
                child.stdin.as_mut().unwrap().write_all(b"hello\n").await.unwrap();
                let mut stdout = child.stdout.take().unwrap();
                let mut text = vec![0; before.len() + 6];
                stdout.read_exact(&mut text).await.unwrap();
                assert_eq!(
                    String::from_utf8(text).unwrap(),
                    format!("{before}hello\n"),
                    "{form:?}"
                );
                child.kill().await.unwrap();
                assert_eq!(child.wait().await.unwrap().signal(), Some(9));
                let mut rest = String::new();
                stdout.read_to_string(&mut rest).await.unwrap();
                assert_eq!(rest, "", "{form:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whole_input_of_a_killable_terminal_waits_too() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                assert!(matches!(server.hear().await, Some(Said::Size(_))));
                assert!(server.is_quiet().await);
                server.stdout("guestexec-pid:42\r\n").await;
                server.input_up_to(b"a\n\x04").await;
                server.stdout("sorted").await;
                server.exit(0).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sort"]).tty(SIZE).killable().transport(form);
            assert_eq!(exec.stdin("a\n").output().await.unwrap().stdout, b"sorted", "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_wait_of_input_for_a_process_id_is_bounded() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.input_up_to(b"a\n\x04").await;
                server.stdout("sorted").await;
                server.exit(0).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["sort"]).tty(SIZE).killable().transport(form);
            let exec = exec.handshake_timeout(Duration::from_secs(3)).stdin("a\n");
            assert_eq!(exec.output().await.unwrap().stdout, b"sorted", "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_process_id_no_output_is_lost_and_killing_is_an_error() {
    within(async {
        let long = "x".repeat(5000);
        for form in FORMS {
            for tty in [false, true] {
                for first in ["early output\n", "guestexec-pid:none\n", &*long] {
                    let text = match tty {
                        // A terminal may print other lines first.
                        true => format!("{first}{}", "another line\n".repeat(400)),
                        false => first.to_owned(),
                    };
                    let output = text.clone();
                    let peer = serving(form, move |_, mut server| {
                        let output = output.clone();
                        async move {
                            server.stdout(output).await;
                            server.stay().await;
                        }
                    })
                    .await;
                    let client = peer.client();
                    let exec = pod(&client).exec(["cat"]).killable().transport(form);
                    let exec = if tty { exec.tty(SIZE) } else { exec };
                    let mut child = exec.spawn().await.unwrap();
                    let mut got = vec![0; text.len()];
                    child.stdout.as_mut().unwrap().read_exact(&mut got).await.unwrap();
                    assert_eq!(String::from_utf8(got).unwrap(), text, "{form:?}");
                    let error = child.kill().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                    assert!(error.message().contains("process id"), "{error}");
                    assert_eq!(peer.requests().len(), 1);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_input_of_a_killable_command_without_a_terminal_does_not_wait() {
    within(async {
        for form in FORMS {
            let peer = serving(form, |_, mut server| async move {
                server.input_up_to(b"hello\n").await;
                server.stderr("early").await;
                server.stdout("guestexec-pid:42\nhello\n").await;
                server.exit(0).await;
            })
            .await;
            let client = peer.client();
            let exec = pod(&client).exec(["head", "-n1"]).killable().stdin_piped().transport(form);
            let mut child = exec.spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(b"hello\n").await.unwrap();
            let output = child.wait_with_output().await.unwrap();
            assert_eq!((&*output.stdout, &*output.stderr), (&b"hello\n"[..], &b"early"[..]));
            drop(stdin);
        }
    })
    .await;
}
