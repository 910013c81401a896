//! Messages that a server receives.

use super::{Error, Splitter};
use crate::{Channel, ResizeDecoder, Streams, Subprotocol, TerminalSize};

/// A message from the client. Data borrows from the message, or from the decoder if it was base64.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// Standard input.
    Stdin(&'a [u8]),
    /// The terminal's new size.
    Resize(TerminalSize),
    /// The client ended one channel (version 5), such as [`Channel::Stdin`].
    Closed(Channel),
    /// Nothing to act on, such as an empty message that keeps the session alive.
    Nothing,
    /// A message on a channel that clients do not use, with its first byte. Ignore it.
    Unknown(u8),
}

/// Decodes the messages a server receives.
///
/// Like Kubernetes it silently drops input that was not asked for or comes after its end, sizes without a terminal, and
/// all sizes after an invalid one.
#[derive(Debug)]
pub struct ServerDecoder {
    splitter: Splitter,
    stdin: bool,
    resize: Option<ResizeDecoder>,
}

impl ServerDecoder {
    /// A decoder for the agreed protocol and the streams that the request asked for.
    pub fn new(protocol: Subprotocol, streams: Streams) -> Self {
        Self {
            splitter: Splitter::new(protocol),
            stdin: streams.stdin,
            resize: streams.tty.then(ResizeDecoder::default),
        }
    }

    /// Decodes one whole message, binary or text. At most 1 KiB is buffered, for an unfinished size. The
    /// [`FrameDecoder`](super::FrameDecoder) limits messages; Kubernetes accepts up to 32 MiB.
    ///
    /// # Errors
    ///
    /// [`Error`]: close the WebSocket; Kubernetes sends no status then.
    pub fn decode<'a>(&'a mut self, message: &'a [u8]) -> Result<ServerEvent<'a>, Error> {
        let protocol = self.splitter.protocol;
        let Some((number, payload)) = self.splitter.split(message)? else {
            return Ok(ServerEvent::Nothing);
        };
        Ok(match Channel::from_number(number) {
            Some(Channel::Stdin) if self.stdin && !payload.is_empty() => {
                ServerEvent::Stdin(payload)
            }
            Some(Channel::Stdin) => ServerEvent::Nothing,
            Some(Channel::Resize) => {
                match self.resize.as_mut().and_then(|resize| resize.push(payload)) {
                    Some(size) => ServerEvent::Resize(size),
                    None => ServerEvent::Nothing,
                }
            }
            Some(Channel::Stdout | Channel::Stderr | Channel::Error) => {
                ServerEvent::Unknown(number)
            }
            None => match Splitter::closed(protocol, number, payload)? {
                Some(channel) => {
                    self.stdin &= channel != Channel::Stdin;
                    ServerEvent::Closed(channel)
                }
                None => ServerEvent::Unknown(number),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{ClientDecoder, ClientEvent, Encoder, Message};
    use proptest::prelude::*;

    const ALL: Streams = Streams { stdin: true, stdout: true, stderr: false, tty: true };

    #[test]
    fn a_session() {
        let size = TerminalSize { width: 3, height: 4 };
        let mut decoder = ServerDecoder::new(Subprotocol::V5, ALL);
        for (message, event) in [
            (&b"\0abc"[..], ServerEvent::Stdin(b"abc")),
            (b"\0", ServerEvent::Nothing),
            (b"", ServerEvent::Nothing),
            (b"\x04{\"width\":3,\"HEIGHT\":4}\n", ServerEvent::Resize(size)),
            (b"\x04{\"Width\":", ServerEvent::Nothing),
            (b"\x043,\"Height\":4}", ServerEvent::Resize(size)),
            (b"\x01x", ServerEvent::Unknown(1)),
            (b"\x07x", ServerEvent::Unknown(7)),
            (b"\xff\x01", ServerEvent::Closed(Channel::Stdout)),
            (b"\xff\x00", ServerEvent::Closed(Channel::Stdin)),
            (b"\0late", ServerEvent::Nothing),
        ] {
            assert_eq!(decoder.decode(message), Ok(event), "{message:?}");
        }
        for bad in [&b"\xff"[..], b"\xff\x05", b"\xff\x00\x00"] {
            assert_eq!(decoder.decode(bad), Err(Error::BadClose));
        }
    }

    #[test]
    fn what_was_not_asked_for_is_dropped() {
        let mut decoder = ServerDecoder::new(Subprotocol::V4, Streams::default());
        assert_eq!(decoder.decode(b"\0abc"), Ok(ServerEvent::Nothing));
        assert_eq!(decoder.decode(b"\x04{\"Width\":3,\"Height\":4}"), Ok(ServerEvent::Nothing));
        assert_eq!(decoder.decode(b"\xff\x00"), Ok(ServerEvent::Unknown(255)));
    }

    fn bytes(message: &Message) -> &[u8] {
        match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.as_bytes(),
        }
    }

    proptest! {
        #[test]
        fn data_round_trips(data: Vec<u8>) {
            for protocol in [Subprotocol::V1, Subprotocol::V1Base64, Subprotocol::V4Base64, Subprotocol::V5] {
                let encoder = Encoder::new(protocol);
                let mut server = ServerDecoder::new(protocol, ALL);
                for message in encoder.data(Channel::Stdin, &data) {
                    prop_assert_eq!(server.decode(bytes(&message)), Ok(ServerEvent::Stdin(&data)));
                }
                let mut client = ClientDecoder::new(protocol);
                for message in encoder.data(Channel::Stderr, &data) {
                    prop_assert_eq!(client.decode(bytes(&message)), Ok(ClientEvent::Stderr(&data)));
                }
            }
        }

        #[test]
        fn garbage_never_panics(messages: Vec<Vec<u8>>) {
            for protocol in [Subprotocol::V1, Subprotocol::V4Base64, Subprotocol::V5] {
                let mut decoder = ServerDecoder::new(protocol, ALL);
                for message in &messages {
                    let _ = decoder.decode(message);
                }
            }
        }
    }
}
