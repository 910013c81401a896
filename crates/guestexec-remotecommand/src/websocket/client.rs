//! Messages that a client receives.

use super::{Error, Splitter};
use crate::status::StatusBuffer;
use crate::{Channel, StatusError, Subprotocol, Termination};

/// A message from the server. Data borrows from the message, or from the decoder if it was base64.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent<'a> {
    /// The first message: the server is ready, and starts the command.
    Ready,
    /// Standard output.
    Stdout(&'a [u8]),
    /// Standard error.
    Stderr(&'a [u8]),
    /// How the command ended. Output may still follow before the server closes.
    Terminated(Termination),
    /// The server ended one channel (version 5).
    Closed(Channel),
    /// An empty message, or a piece of a status, which [`ClientDecoder::status`] and [`ClientDecoder::finish`] read.
    Nothing,
    /// A message on a channel that servers do not use, with its first byte. Ignore it.
    Unknown(u8),
}

/// Decodes the messages a client receives.
#[derive(Debug)]
pub struct ClientDecoder {
    splitter: Splitter,
    ready: bool,
    status: StatusBuffer,
}

impl ClientDecoder {
    /// A decoder for the agreed protocol.
    pub fn new(protocol: Subprotocol) -> Self {
        Self {
            splitter: Splitter::new(protocol),
            ready: false,
            status: StatusBuffer::new(protocol.has_json_status()),
        }
    }

    /// Decodes one whole message, binary or text. Only a status is buffered, up to [`MAX_STATUS`](crate::MAX_STATUS)
    /// bytes. The [`FrameDecoder`](super::FrameDecoder) limits messages, which are at most 32 769 bytes long.
    ///
    /// # Errors
    ///
    /// [`Error`]: drop the connection. It is not known how the command ended.
    pub fn decode<'a>(&'a mut self, message: &'a [u8]) -> Result<ClientEvent<'a>, Error> {
        let protocol = self.splitter.protocol;
        let Some((number, payload)) = self.splitter.split(message)? else {
            return Ok(ClientEvent::Nothing);
        };
        let first = !std::mem::replace(&mut self.ready, true);
        Ok(match Channel::from_number(number) {
            Some(Channel::Stdout | Channel::Stderr | Channel::Error) if payload.is_empty() => {
                if first {
                    ClientEvent::Ready
                } else {
                    ClientEvent::Nothing
                }
            }
            Some(Channel::Stdout) => ClientEvent::Stdout(payload),
            Some(Channel::Stderr) => ClientEvent::Stderr(payload),
            Some(Channel::Error) => match self.status.push(payload)? {
                Some(end) => ClientEvent::Terminated(end),
                None => ClientEvent::Nothing,
            },
            Some(Channel::Stdin | Channel::Resize) => ClientEvent::Unknown(number),
            None => match Splitter::closed(protocol, number, payload)? {
                Some(channel) => ClientEvent::Closed(channel),
                None => ClientEvent::Unknown(number),
            },
        })
    }

    /// How the command ended, once a whole status has come, in one message or in several.
    pub fn status(&mut self) -> Option<&Termination> {
        self.status.known()
    }

    /// How the command ended, once the connection is over: the same as [`ClientEvent::Terminated`] if that came.
    ///
    /// `clean` says whether the server closed with code 1000. Before version 4 a clean close without text is the only sign
    /// of success; since then a close without a status is [`Termination::Unknown`].
    ///
    /// # Errors
    ///
    /// [`StatusError`] when a status came and cannot be read.
    pub fn finish(&mut self, clean: bool) -> Result<Termination, StatusError> {
        self.status.finish(clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitStatus;
    use proptest::prelude::*;

    #[test]
    fn a_session() {
        let success = Termination::Exited(ExitStatus::SUCCESS);
        let mut decoder = ClientDecoder::new(Subprotocol::V4);
        for (message, event) in [
            (&b"\x01"[..], ClientEvent::Ready),
            (b"\x01hi\n", ClientEvent::Stdout(b"hi\n")),
            (b"\x02err", ClientEvent::Stderr(b"err")),
            (b"\x01", ClientEvent::Nothing),
            (b"", ClientEvent::Nothing),
            (b"\x03", ClientEvent::Nothing),
            (b"\x00x", ClientEvent::Unknown(0)),
            (b"\x04{}", ClientEvent::Unknown(4)),
            (b"\x09x", ClientEvent::Unknown(9)),
            (b"\xff\x01", ClientEvent::Unknown(255)),
            (
                b"\x03{\"metadata\":{},\"status\":\"Success\"}",
                ClientEvent::Terminated(success.clone()),
            ),
            (b"\x03again", ClientEvent::Nothing),
        ] {
            assert_eq!(decoder.decode(message), Ok(event), "{message:?}");
        }
        assert_eq!(decoder.finish(true), Ok(success));
    }

    #[test]
    fn ready_comes_only_first() {
        // Without outputs, the ready message is an empty one on the error channel. It is no status.
        let mut decoder = ClientDecoder::new(Subprotocol::V5);
        assert_eq!(decoder.decode(b"\x03"), Ok(ClientEvent::Ready));
        assert_eq!(decoder.finish(true), Ok(Termination::Unknown));
        let mut decoder = ClientDecoder::new(Subprotocol::V5);
        assert_eq!(decoder.decode(b"\x01x"), Ok(ClientEvent::Stdout(b"x")));
        assert_eq!(decoder.decode(b"\x01"), Ok(ClientEvent::Nothing));
    }

    #[test]
    fn close_messages() {
        let mut v5 = ClientDecoder::new(Subprotocol::V5);
        assert_eq!(v5.decode(&[255, 1]), Ok(ClientEvent::Closed(Channel::Stdout)));
        assert_eq!(v5.decode(&[255, 5]), Err(Error::BadClose));
        assert_eq!(v5.decode(&[255]), Err(Error::BadClose));
    }

    #[test]
    fn version_1_ends() {
        let ends = |text: Option<&[u8]>, clean| {
            let mut decoder = ClientDecoder::new(Subprotocol::V1);
            decoder.decode(b"\x01").unwrap();
            if let Some(text) = text {
                assert_eq!(decoder.decode(text), Ok(ClientEvent::Nothing));
            }
            decoder.finish(clean).unwrap()
        };
        assert_eq!(ends(None, true), Termination::Exited(ExitStatus::SUCCESS));
        assert_eq!(ends(None, false), Termination::Unknown);
        let Termination::Exited(failed) =
            ends(Some(b"\x03command terminated with non-zero exit code: x"), true)
        else {
            panic!("a version 1 failure is an exit")
        };
        assert_eq!((failed.success(), failed.code()), (false, None));
        assert!(matches!(ends(Some(b"\x03no such container"), true), Termination::Failed { .. }));
    }

    #[test]
    fn base64() {
        let mut decoder = ClientDecoder::new(Subprotocol::V4Base64);
        assert_eq!(decoder.decode(b"1"), Ok(ClientEvent::Ready));
        assert_eq!(decoder.decode(b"1aGkK"), Ok(ClientEvent::Stdout(b"hi\n")));
        assert_eq!(decoder.decode(b"7aGkK"), Ok(ClientEvent::Unknown(b'7')));
        assert_eq!(decoder.decode(b"1!"), Err(Error::NotBase64(1)));
    }

    #[test]
    fn an_endless_status_is_refused() {
        let mut decoder = ClientDecoder::new(Subprotocol::V4);
        let mut message = vec![3];
        message.resize(32 * 1024, b' ');
        assert_eq!(decoder.decode(&message), Ok(ClientEvent::Nothing));
        assert_eq!(decoder.decode(&message), Ok(ClientEvent::Nothing));
        assert_eq!(decoder.decode(&message), Err(Error::Status(StatusError::TooLong)));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(messages: Vec<Vec<u8>>) {
            for protocol in [Subprotocol::V1, Subprotocol::V4Base64, Subprotocol::V5] {
                let mut decoder = ClientDecoder::new(protocol);
                for message in &messages {
                    let _ = decoder.decode(message);
                }
                let _ = decoder.finish(true);
            }
        }
    }
}
