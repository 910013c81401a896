//! Compares frames with those of another implementation, and feeds garbage.

use std::io::{self, Read, Write};

use fastrand::Rng;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use super::{
    CloseReason, FrameDecoder, FrameError, FrameKind, Incoming, MAX_HEADER, Side, encode_frame,
    frame_in_place,
};

/// The longest message in these tests.
const LIMIT: usize = 100_000;
const SIDES: [Side; 2] = [Side::Client, Side::Server];

fn random_bytes(random: &mut Rng, length: u64) -> Vec<u8> {
    (0..length).map(|_| random.u8(..)).collect()
}

/// A decoded frame or message.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseReason>),
}

/// Decodes these bytes by our decoder, in pieces of at most `piece`.
fn ours(side: Side, bytes: &[u8], piece: usize) -> (Vec<Event>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(side, LIMIT);
    let mut events = Vec::new();
    for mut input in bytes.chunks(piece) {
        loop {
            events.push(match decoder.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Incoming::Message(message))) => Event::Message(message.to_vec()),
                Ok(Some(Incoming::Ping(payload))) => Event::Ping(payload.to_vec()),
                Ok(Some(Incoming::Pong(payload))) => Event::Pong(payload.to_vec()),
                Ok(Some(Incoming::Close(reason))) => Event::Close(reason),
                Err(error) => return (events, Some(error)),
            });
        }
    }
    (events, None)
}

/// A connection with only these bytes to read, which discards what is written.
struct Recorded<'a>(&'a [u8]);

impl Read for Recorded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Recorded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decodes these bytes by the other implementation; true if it reports an error.
fn theirs(side: Side, bytes: &[u8]) -> (Vec<Event>, bool) {
    let role = match side {
        Side::Client => Role::Client,
        Side::Server => Role::Server,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT))
        .read_buffer_size(1024);
    let mut socket = WebSocket::from_raw_socket(Recorded(bytes), role, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Binary(payload)) => Event::Message(payload.to_vec()),
            Ok(Message::Text(text)) => Event::Message(text.as_bytes().to_vec()),
            Ok(Message::Ping(payload)) => Event::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Event::Pong(payload.to_vec()),
            Ok(Message::Frame(_)) => unreachable!("frames are not read"),
            Ok(Message::Close(reason)) => {
                events.push(Event::Close(reason.map(|reason| CloseReason {
                    code: reason.code.into(),
                    reason: reason.reason.to_string(),
                })));
                return (events, false);
            }
            Err(tungstenite::Error::Io(_) | tungstenite::Error::ConnectionClosed) => {
                return (events, false);
            }
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => return (events, false),
            Err(_) => return (events, true),
        });
    }
}

/// Random frames, most of them valid.
fn traffic(random: &mut Rng, side: Side) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.u64(..6) {
        let opcode = match random.u64(..10) {
            0..3 => 2,
            3 => 1,
            4..6 => 0,
            6 => 9,
            7 => 10,
            8 => 8,
            _ => random.u8(..16),
        };
        let fin = if random.u64(..4) == 0 { 0 } else { 0x80 };
        let reserved = if random.u64(..40) == 0 { 0x40 } else { 0 };
        let length = match random.u64(..400) {
            0..30 => 126,
            30 => random.u64(..70_000),
            _ => random.u64(..40),
        };
        let payload = match random.u64(..3) {
            0 => random_bytes(random, length),
            _ => "äx".bytes().cycle().take(length as usize).collect(),
        };
        let masked = (side == Side::Server) != (random.u64(..40) == 0);
        let key = [(); 4].map(|()| random.u8(..));
        let flag = if masked { 0x80 } else { 0 };
        bytes.push(fin | reserved | opcode);
        // A length may be encoded in more bytes than it needs.
        match (payload.len(), random.u64(..10)) {
            (0..126, 1..) => bytes.push(flag | payload.len() as u8),
            (0..65_536, 1..) => {
                bytes.push(flag | 126);
                bytes.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                bytes.push(flag | 127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend(key);
        }
        let coded = payload.iter().zip(key.iter().cycle());
        bytes.extend(coded.map(|(byte, key)| if masked { byte ^ key } else { *byte }));
    }
    for _ in 0..random.u64(..3) {
        match (bytes.len() as u64, random.u64(..3)) {
            (0, _) => {}
            (length, 0) => bytes.truncate(random.u64(..length) as usize),
            (length, _) => bytes[random.u64(..length.min(64)) as usize] = random.u8(..),
        }
    }
    bytes
}

#[test]
fn another_implementation_reads_a_hundred_thousand_streams_alike() {
    let mut random = Rng::with_seed(0x9e37_79b9_7f4a_7c15);
    let mut messages = 0;
    for round in 0..100_000 {
        let side = SIDES[round % 2];
        let bytes = traffic(&mut random, side);
        let piece = 1 + random.u64(..if round % 16 == 0 { 16 } else { 4096 }) as usize;
        let (mut ours, fault) = ours(side, &bytes, piece);
        let (mut theirs, their_fault) = theirs(side, &bytes);
        messages += ours.iter().filter(|event| matches!(event, Event::Message(_))).count();
        // Our decoder returns each close frame unchanged; theirs refuses some and changes others.
        if let Some(Event::Close(reason)) = ours.last().cloned() {
            ours.pop();
            if matches!(theirs.last(), Some(Event::Close(_))) {
                theirs.pop();
            } else {
                let reason = reason.expect("both accept an empty one").reason;
                assert!(their_fault && reason.contains('\u{fffd}'), "{bytes:02x?}");
            }
        } else {
            // Our decoder may report an error earlier, when the header shows it.
            assert!(fault.is_some() || !their_fault, "{bytes:02x?}");
        }
        if fault == Some(FrameError::Control) {
            // Theirs accepts a control frame whose length is encoded in more bytes than it needs.
            theirs.truncate(ours.len());
        }
        assert_eq!(ours, theirs, "{bytes:02x?}");
    }
    assert!(messages > 20_000, "{messages}");
}

#[test]
fn garbage_never_panics_and_is_bounded() {
    let mut random = Rng::with_seed(7);
    for round in 0..100_000 {
        let length = random.u64(..64);
        let bytes = random_bytes(&mut random, length);
        ours(SIDES[round % 2], &bytes, 1 + round % 7);
    }
    // The announced length of a message allocates nothing.
    let mut decoder = FrameDecoder::new(Side::Client, usize::MAX);
    let mut input = &[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1][..];
    assert_eq!(decoder.next(&mut input), Ok(None));
    let mut input = &[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1][..];
    let mut decoder = FrameDecoder::new(Side::Client, LIMIT);
    assert_eq!(decoder.next(&mut input), Err(FrameError::TooLong(LIMIT)));
}

#[test]
fn codes_that_must_not_be_sent_are_shown_as_they_came() {
    for code in [0u16, 999, 1000, 1005, 1006, 1015, 2999, 65_535] {
        let payload = [&code.to_be_bytes()[..], b"why"].concat();
        let mut bytes = Vec::new();
        encode_frame(FrameKind::Close, &payload, None, &mut bytes);
        let reason = CloseReason { code, reason: "why".to_owned() };
        assert_eq!(ours(Side::Client, &bytes, 99), (vec![Event::Close(Some(reason))], None));
    }
    assert_eq!(ours(Side::Client, &[0x88, 0], 1), (vec![Event::Close(None)], None));
    assert_eq!(ours(Side::Client, &[0x88, 1, 3], 1), (vec![], Some(FrameError::Close)));
}

#[test]
fn a_message_that_arrives_whole_is_not_copied() {
    let mut bytes = Vec::new();
    encode_frame(FrameKind::Binary, b"one", None, &mut bytes);
    encode_frame(FrameKind::Binary, &[7; 70_000], None, &mut bytes);
    let mut decoder = FrameDecoder::new(Side::Client, LIMIT);
    let mut input = &bytes[..];
    for _ in 0..2 {
        let Ok(Some(Incoming::Message(message))) = decoder.next(&mut input) else {
            panic!("a message")
        };
        assert!(bytes.as_ptr_range().contains(&message.as_ptr()));
    }
}

proptest! {
    #[test]
    fn frames_round_trip(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        repeat in 1usize..400,
        key: [u8; 4],
        piece in 1usize..5000,
    ) {
        let payload = payload.repeat(repeat);
        prop_assume!(payload.len() <= LIMIT);
        for (side, key) in [(Side::Server, Some(key)), (Side::Client, None)] {
            let mut bytes = Vec::new();
            encode_frame(FrameKind::Binary, &payload, key, &mut bytes);
            prop_assert_eq!(theirs(side, &bytes), (vec![Event::Message(payload.clone())], false));
            let events = vec![Event::Message(payload.clone())];
            prop_assert_eq!(ours(side, &bytes, piece), (events, None));
            let mut buffer = vec![0; MAX_HEADER];
            buffer.extend_from_slice(&payload);
            let begin = frame_in_place(FrameKind::Binary, &mut buffer, key);
            prop_assert_eq!(&buffer[begin..], bytes);
        }
    }
}
