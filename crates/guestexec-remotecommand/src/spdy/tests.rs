//! The two sides against each other, and against invalid frames.

use super::frame;
use super::header::HeaderWriter;
use super::{Client, Error, Event, Server};
use crate::{Channel, ExitStatus, StatusError, Streams, TerminalSize, Termination};
use proptest::prelude::*;

pub(super) const OUTPUTS: Streams =
    Streams { stdin: false, stdout: true, stderr: true, tty: false };
pub(super) const PIPES: Streams = Streams { stdin: true, ..OUTPUTS };

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn client_error(bytes: &[u8]) -> Result<(), Error> {
    let mut client = Client::open(PIPES, &mut Vec::new());
    let mut input = bytes;
    while client.next(&mut input)?.is_some() {}
    Ok(())
}

fn server_error(bytes: &[u8]) -> Result<(), Error> {
    let mut server = Server::new(PIPES);
    let mut input = bytes;
    while server.next(&mut input)?.is_some() {}
    Ok(())
}

#[test]
fn malformed_frames() {
    for (hex, error) in [
        ("80020001 00000000", Error::Version(2)),
        ("80030001 00004001", Error::TooLong(0x4001)),
        ("80030001 00ffffff", Error::TooLong(0xff_ffff)),
        ("80030001 00000009 000000000000000000", Error::Malformed("SYN_STREAM")),
        ("80030002 00000003 000000", Error::Malformed("SYN_REPLY")),
        ("80030002 00000004 00000000", Error::Malformed("SYN_REPLY")),
        ("80030003 00000004 00000001", Error::Malformed("RST_STREAM")),
        ("80030006 00000008 0000000000000001", Error::Malformed("PING")),
        ("80030007 00000004 00000001", Error::Malformed("GOAWAY")),
        ("00000000 00000000", Error::Malformed("DATA")),
    ] {
        assert_eq!(client_error(&unhex(hex)), Err(error), "{hex}");
        assert_eq!(server_error(&unhex(hex)), Err(error), "{hex}");
    }
}

#[test]
fn frames_that_are_tolerated() {
    // SETTINGS with one entry, WINDOW_UPDATE, an unknown kind, then DATA and a reset of an unknown stream.
    let frames = unhex(
        "80030004 0000000c 00000001 00000007 00000064 80030009 00000008 00000001 00001000 8003000a 00000000",
    );
    let late = unhex("00000063 01000001 41 80030003 00000008 00000063 00000001");
    assert_eq!(client_error(&frames), Ok(()));
    assert_eq!(server_error(&[frames, late].concat()), Ok(()));
}

fn syn(streams: &[(u32, &[(&str, &str)])]) -> Vec<u8> {
    let (mut zlib, mut out) = (HeaderWriter::default(), Vec::new());
    for (id, headers) in streams {
        frame::syn_stream(*id, headers, &mut zlib, &mut out);
    }
    out
}

#[test]
fn streams_are_limited() {
    let one: &[_] = &[("streamtype", "stdin")];
    let other: &[_] = &[("streamtype", "error")];
    for streams in [
        &[(2, one)][..],
        &[(1, one), (1, other)],
        &[(3, one), (1, other)],
        &[(1, one), (3, one)],
        &[(1, &[("streamtype", "other")])],
        &[(1, &[])],
    ] {
        let result = server_error(&syn(streams));
        assert!(matches!(result, Err(Error::Unexpected(_))), "{streams:?}: {result:?}");
    }
    assert!(matches!(client_error(&syn(&[(2, one)])), Err(Error::Unexpected(_))));
    let mut fin = syn(&[(1, one)]);
    fin[4] = 1;
    let mut server = Server::new(PIPES);
    let mut input = &fin[..];
    assert_eq!(server.next(&mut input), Ok(Some(Event::Opened(Channel::Stdin))));
    assert_eq!(server.next(&mut input), Ok(Some(Event::Fin(Channel::Stdin))));
}

#[test]
fn closed_streams_refuse_writing() {
    let mut out = Vec::new();
    let client = Client::open(OUTPUTS, &mut out);
    assert!(!client.is_open());
    assert_eq!(client.stdin(b"x", &mut out), Err(Error::NotOpen(Channel::Stdin)));
    assert_eq!(
        client.resize(TerminalSize::default(), &mut out),
        Err(Error::NotOpen(Channel::Resize))
    );
    let mut client = Client::open(PIPES, &mut out);
    let header = client.stdin_header(3).unwrap();
    let mut frame = Vec::new();
    client.stdin(b"abc", &mut frame).unwrap();
    assert_eq!([&header[..], b"abc"].concat(), frame);
    assert_eq!(client.stdin_header(2 << 20), Err(Error::TooLong(2 << 20)));
    client.close_stdin(&mut out).unwrap();
    assert_eq!(client.stdin_header(1), Err(Error::NotOpen(Channel::Stdin)));
    assert_eq!(client.stdin(b"x", &mut out), Err(Error::NotOpen(Channel::Stdin)));
    let mut server = Server::new(PIPES);
    assert_eq!(server.accept(Channel::Stdout, &mut out), Err(Error::NotOpen(Channel::Stdout)));
}

#[test]
fn an_endless_status_is_refused() {
    let mut out = Vec::new();
    frame::data(1, &vec![b' '; 200_000], &mut out);
    assert_eq!(client_error(&out), Err(Error::Status(StatusError::TooLong)));
}

/// Runs a whole session between our two sides, in pieces of `cut` bytes.
fn converse(stdin: &[u8], stdout: &[u8], stderr: &[u8], end: &Termination, cut: usize) {
    let mut to_server = Vec::new();
    let mut client = Client::open(PIPES, &mut to_server);
    client.stdin(stdin, &mut to_server).unwrap();
    client.close_stdin(&mut to_server).unwrap();
    client.ping(&mut to_server);

    let mut server = Server::new(PIPES);
    let (mut to_client, mut received, mut ended) = (Vec::new(), Vec::new(), false);
    for mut input in to_server.chunks(cut) {
        while let Some(event) = server.next(&mut input).unwrap() {
            match event {
                Event::Opened(channel) => server.accept(channel, &mut to_client).unwrap(),
                Event::Data(Channel::Stdin, bytes) => received.extend_from_slice(bytes),
                Event::Fin(Channel::Stdin) => ended = true,
                Event::Ping(id) => server.pong(id, &mut to_client),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(ended && server.is_open());
    assert_eq!(received, stdin);

    server.write(Channel::Stdout, stdout, &mut to_client).unwrap();
    server.write(Channel::Stderr, stderr, &mut to_client).unwrap();
    server.finish(end, &mut to_client);
    let (mut out, mut err, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for mut input in to_client.chunks(cut) {
        while let Some(event) = client.next(&mut input).unwrap() {
            match event {
                Event::Data(Channel::Stdout, bytes) => out.extend_from_slice(bytes),
                Event::Data(_, bytes) => err.extend_from_slice(bytes),
                Event::Terminated(terminated) => assert_eq!(terminated, *end),
                other => others.push(format!("{other:?}")),
            }
        }
    }
    assert!(client.is_open());
    assert_eq!((out, err), (stdout.to_vec(), stderr.to_vec()));
    assert_eq!(
        others[4..],
        ["Pong(1)", "Fin(Stdout)", "Fin(Stderr)", "Reset(Stdin, 5)", "GoAway(0)"]
            .map(str::to_owned)
    );
    assert_eq!(client.finish().as_ref(), Ok(end));
}

#[test]
fn more_than_one_frame_of_data() {
    let data = vec![7; 3 << 20];
    converse(&data, &data, b"", &Termination::Exited(ExitStatus::SUCCESS), 64 * 1024);
}

proptest! {
    #[test]
    fn sessions_survive_any_cutting(
        stdin: Vec<u8>, stdout: Vec<u8>, stderr: Vec<u8>, code: i32, cut in 1usize..200,
    ) {
        converse(&stdin, &stdout, &stderr, &Termination::Exited(ExitStatus::from_code(code)), cut);
    }
}
