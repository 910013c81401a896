//! Recorded sessions of kubectl with containerd: decoded, answered, reproduced and damaged.

use super::frame::{Frame, FrameDecoder};
use super::inflate::HeaderReader;
use super::tests::{OUTPUTS, PIPES, unhex};
use super::{Client, Error, Event, Server};
use crate::{Channel, ExitStatus, Streams, TerminalSize, Termination};
use proptest::prelude::*;

const FAILURE: &str = include_str!("../../tests/data/failure.hex");
const STDIN: &str = include_str!("../../tests/data/stdin.hex");
const TTY: &str = include_str!("../../tests/data/tty.hex");
const PING: &str = include_str!("../../tests/data/ping.hex");

const TERMINAL: Streams = Streams { stdin: true, stdout: true, stderr: false, tty: true };

/// The bytes of the client and of the server.
fn recording(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (client, server) = text.split_once("server\n").unwrap();
    let (_, client) = client.split_once("client\n").unwrap();
    (unhex(client), unhex(server))
}

/// Decodes all frames, one a line, with inflated headers.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let (mut decoder, mut headers) = (FrameDecoder::default(), HeaderReader::new());
    let mut inflate = |block: &[u8]| -> Vec<String> {
        let pairs = headers.read(block).unwrap();
        pairs.iter().map(|(n, v)| format!("{}={}", n.escape_ascii(), v.escape_ascii())).collect()
    };
    let mut lines = Vec::new();
    while let Some(frame) = decoder.next(&mut bytes).unwrap() {
        lines.push(match frame {
            Frame::SynStream { stream, fin, block } => {
                format!("SYN_STREAM {stream} {fin} {:?}", inflate(&block))
            }
            Frame::SynReply { stream, fin, block } => {
                format!("SYN_REPLY {stream} {fin} {:?}", inflate(&block))
            }
            Frame::Data { stream, payload, fin } => {
                format!("DATA {stream} {fin} {}", payload.escape_ascii())
            }
            Frame::Reset { stream, code } => format!("RST_STREAM {stream} {code}"),
            Frame::GoAway { last_stream, status } => format!("GOAWAY {last_stream} {status}"),
            Frame::Ping(id) => format!("PING {id}"),
            other => format!("{other:?}"),
        });
    }
    lines
}

#[test]
fn recorded_frames_in_order() {
    let (client, server) = recording(PING);
    assert_eq!(
        frames(&client),
        [
            "SYN_STREAM 1 false [\"streamtype=error\"]",
            "SYN_STREAM 3 false [\"streamtype=stdin\"]",
            "SYN_STREAM 5 false [\"streamtype=stdout\"]",
            "SYN_STREAM 7 false [\"streamtype=stderr\"]",
            "DATA 3 false x",
            "DATA 3 true ",
            "PING 1",
        ]
    );
    assert_eq!(
        frames(&server),
        [
            "SYN_REPLY 1 false []",
            "SYN_REPLY 3 false []",
            "SYN_REPLY 5 false []",
            "SYN_REPLY 7 false []",
            "PING 1",
            "DATA 5 false x",
            "DATA 5 true ",
            "DATA 7 true ",
            r#"DATA 1 false {\"metadata\":{},\"status\":\"Success\"}"#,
            "RST_STREAM 1 5",
            "RST_STREAM 3 5",
            "GOAWAY 7 0",
        ]
    );
}

#[test]
fn we_send_what_kubectl_sends() {
    let size = TerminalSize { width: 99, height: 33 };
    for (text, streams) in [(FAILURE, OUTPUTS), (STDIN, PIPES), (TTY, TERMINAL), (PING, PIPES)] {
        let mut out = Vec::new();
        let mut client = Client::open(streams, &mut out);
        match text {
            STDIN => {
                client.stdin(b"hello\n", &mut out).unwrap();
                client.close_stdin(&mut out).unwrap();
            }
            TTY => {
                client.resize(size, &mut out).unwrap();
                client.stdin(b"stty size\n", &mut out).unwrap();
                client.stdin(b"exit 0\n", &mut out).unwrap();
            }
            PING => {
                client.stdin(b"x", &mut out).unwrap();
                client.close_stdin(&mut out).unwrap();
                assert_eq!(client.ping(&mut out), 1);
            }
            _ => {}
        }
        assert_eq!(frames(&out), frames(&recording(text).0));
    }
}

#[test]
fn we_send_what_containerd_sends() {
    let (client, server) = recording(PING);
    let mut session = Server::new(PIPES);
    let mut out = Vec::new();
    let mut input = &client[..];
    while let Some(event) = session.next(&mut input).unwrap() {
        assert!(!session.is_open() || !matches!(event, Event::Opened(_)));
        match event {
            Event::Opened(channel) => session.accept(channel, &mut out).unwrap(),
            Event::Ping(id) => session.pong(id, &mut out),
            _ => {}
        }
    }
    assert!(session.is_open());
    session.write(Channel::Stdout, b"x", &mut out).unwrap();
    session.fin(Channel::Stdout, &mut out).unwrap();
    let success = Termination::Exited(ExitStatus::SUCCESS);
    session.finish(&success, &mut out);
    assert_eq!(frames(&out), frames(&server));
    // After the replies, whose zlib differs, every byte is the same.
    let replies = 28 + 3 * 22;
    assert!(out.ends_with(&server[replies..]));
    assert_eq!(
        session.write(Channel::Stdout, b"x", &mut out),
        Err(Error::NotOpen(Channel::Stdout))
    );
}

/// The events of a recording's client, fed in pieces of `piece` bytes, with data joined.
fn events(text: &str, streams: Streams, piece: usize) -> (Vec<String>, Termination) {
    let mut client = Client::open(streams, &mut Vec::new());
    let mut lines: Vec<String> = Vec::new();
    for mut input in recording(text).1.chunks(piece) {
        while let Some(event) = client.next(&mut input).unwrap() {
            match event {
                Event::Data(channel, bytes) => {
                    let head = format!("{channel:?}: ");
                    let tail = bytes.escape_ascii().to_string();
                    match lines.last_mut() {
                        Some(last) if last.starts_with(&head) => last.push_str(&tail),
                        _ => lines.push(head + &tail),
                    }
                }
                other => lines.push(format!("{other:?}")),
            }
        }
        assert!(input.is_empty());
    }
    assert!(client.is_open());
    (lines, client.finish().unwrap())
}

#[test]
fn client_reads_the_recordings() {
    for piece in [1, 2, 3, 7, 8, 9, 64, 10_000] {
        let (lines, end) = events(FAILURE, OUTPUTS, piece);
        assert_eq!(end, Termination::Exited(ExitStatus::from_code(3)));
        let end = format!("{:?}", Event::Terminated(end));
        assert_eq!(
            lines,
            [
                "Opened(Error)", "Opened(Stdout)", "Opened(Stderr)", "Stdout: hi\\n",
                "Stderr: err\\n", "Fin(Stderr)", "Fin(Stdout)", &end, "GoAway(0)",
            ]
        );
        let (lines, end) = events(TTY, TERMINAL, piece);
        assert_eq!(end, Termination::Exited(ExitStatus::SUCCESS));
        let end = format!("{:?}", Event::Terminated(end));
        assert_eq!(
            lines[5..],
            ["Fin(Stdout)", "Reset(Resize, 5)", &end, "Reset(Stdin, 5)", "GoAway(0)"]
                .map(str::to_owned)
        );
        assert!(lines[4].ends_with(r"33 99\r\n/ # exit 0\r\n"), "{}", lines[4]);
        let (lines, _) = events(PING, PIPES, piece);
        assert_eq!(lines[4..6], ["Pong(1)", "Stdout: x"].map(str::to_owned));
    }
}

#[test]
fn server_reads_kubectls_terminal() {
    let mut session = Server::new(TERMINAL);
    let (mut stdin, mut sizes) = (Vec::new(), Vec::new());
    for mut input in recording(TTY).0.chunks(5) {
        while let Some(event) = session.next(&mut input).unwrap() {
            match event {
                Event::Opened(channel) => session.accept(channel, &mut Vec::new()).unwrap(),
                Event::Data(Channel::Stdin, bytes) => stdin.extend_from_slice(bytes),
                Event::Resize(size) => sizes.push(size),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(session.is_open());
    assert_eq!(stdin, b"stty size\nexit 0\n");
    assert_eq!(sizes, [TerminalSize { width: 99, height: 33 }]);
}

#[test]
fn a_server_that_vanishes() {
    let (_, server) = recording(STDIN);
    let status = server.windows(8).position(|window| window == b"metadata").unwrap();
    for (len, expected) in [
        (0, Ok(Termination::Unknown)),
        (status - 2, Ok(Termination::Unknown)),
        (status + 5, Err(())),
        (status + 32, Ok(Termination::Exited(ExitStatus::SUCCESS))),
    ] {
        let mut client = Client::open(PIPES, &mut Vec::new());
        let mut input = &server[..len];
        while client.next(&mut input).unwrap().is_some() {}
        assert_eq!(client.finish().map_err(|_| ()), expected, "{len}");
    }
}

proptest! {
    #[test]
    fn garbage_is_bounded(pieces: Vec<Vec<u8>>, recorded: bool) {
        // Alone, and within a session.
        let (client_bytes, server_bytes) = recording(TTY);
        let mut client = Client::open(TERMINAL, &mut Vec::new());
        let mut server = Server::new(TERMINAL);
        if recorded {
            let mut input = &server_bytes[..100];
            while client.next(&mut input).unwrap().is_some() {}
            let mut input = &client_bytes[..];
            while server.next(&mut input).unwrap().is_some() {}
        }
        for piece in &pieces {
            let mut input = &piece[..];
            while let Ok(Some(_)) = client.next(&mut input) {}
            let mut input = &piece[..];
            while let Ok(Some(_)) = server.next(&mut input) {}
        }
        let _ = client.finish();
    }

    #[test]
    fn flipped_bits_never_panic(at in 0usize..1000, flip in 1u8.., cut in 1usize..100) {
        for text in [FAILURE, STDIN, TTY, PING] {
            let (mut to_server, mut to_client) = recording(text);
            let (a, b) = (at % to_server.len(), at % to_client.len());
            to_server[a] ^= flip;
            to_client[b] ^= flip;
            let mut client = Client::open(PIPES, &mut Vec::new());
            let mut server = Server::new(PIPES);
            'client: for mut input in to_client.chunks(cut) {
                loop {
                    match client.next(&mut input) {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'client,
                    }
                }
            }
            'server: for mut input in to_server.chunks(cut) {
                loop {
                    match server.next(&mut input) {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'server,
                    }
                }
            }
        }
    }
}
