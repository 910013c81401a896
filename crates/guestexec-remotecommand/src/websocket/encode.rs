use base64::Engine as _;

use super::{BASE64, CLOSE};
use crate::{Channel, Streams, Subprotocol, TerminalSize, Termination};

/// The longest message of [`Encoder::data`], in bytes, with its channel.
///
/// Kubernetes servers drop the connection at 32 MiB. This is far below that, and more than any pipe yields at once.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// The payload of one WebSocket message, to be sent as one unfragmented frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A binary message.
    Binary(Vec<u8>),
    /// A text message, in the base64 protocols.
    Text(String),
}

/// Encodes messages, for either side.
///
/// It has no state, so it can be copied.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    protocol: Subprotocol,
}

impl Encoder {
    /// An encoder for the agreed protocol.
    pub const fn new(protocol: Subprotocol) -> Self {
        Self { protocol }
    }

    /// Encodes all of `data` as messages of at most [`MAX_MESSAGE`] bytes; none for empty `data`.
    ///
    /// A buffer that begins with [`Channel::number`] already is a binary message, and can be sent without a copy.
    pub fn data(self, channel: Channel, data: &[u8]) -> impl Iterator<Item = Message> {
        let room =
            if self.protocol.is_base64() { (MAX_MESSAGE - 1) / 4 * 3 } else { MAX_MESSAGE - 1 };
        data.chunks(room).map(move |part| self.message(channel, part))
    }

    /// Client: encodes an empty stdin message, which only counts as traffic for servers and gateways that cut idle
    /// sessions (after five minutes in CCI).
    pub fn keepalive(self) -> Message {
        self.message(Channel::Stdin, &[])
    }

    /// Client: encodes the terminal's new size. Servers ignore it in a session without a terminal.
    pub fn resize(self, size: TerminalSize) -> Message {
        self.message(Channel::Resize, size.to_json().as_bytes())
    }

    /// Encodes the end of one channel, such as stdin; the others go on.
    ///
    /// `None` before version 5, where nothing ends stdin: closing the WebSocket instead loses the output and the exit
    /// code.
    pub fn close(self, channel: Channel) -> Option<Message> {
        self.protocol.can_close_channel().then(|| Message::Binary(vec![CLOSE, channel.number()]))
    }

    /// Server: encodes the empty first message, which says that the session is ready.
    pub fn ready(self, streams: Streams) -> Message {
        self.message(streams.first_output(), &[])
    }

    /// Server: encodes the last message; then close the WebSocket with code 1000. `None` if the protocol has no such
    /// message: for a success before version 4, and for [`Termination::Unknown`].
    pub fn status(self, end: &Termination) -> Option<Message> {
        let status = if self.protocol.has_json_status() {
            end.to_status()
        } else {
            end.to_text().map(String::into_bytes)
        };
        Some(self.message(Channel::Error, &status?))
    }

    fn message(self, channel: Channel, payload: &[u8]) -> Message {
        if self.protocol.is_base64() {
            let mut text = String::with_capacity(1 + payload.len().div_ceil(3) * 4);
            text.push(char::from(b'0' + channel.number()));
            BASE64.encode_string(payload, &mut text);
            return Message::Text(text);
        }
        let mut bytes = Vec::with_capacity(1 + payload.len());
        bytes.push(channel.number());
        bytes.extend_from_slice(payload);
        Message::Binary(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitStatus;

    fn binary(bytes: &[u8]) -> Message {
        Message::Binary(bytes.to_vec())
    }

    #[test]
    fn client_messages() {
        let size = TerminalSize { width: 100, height: 40 };
        let v5 = Encoder::new(Subprotocol::V5);
        assert!(v5.data(Channel::Stdin, b"ab").eq([binary(b"\0ab")]));
        assert_eq!(v5.data(Channel::Stdin, b"").count(), 0);
        assert_eq!(v5.keepalive(), binary(b"\0"));
        assert_eq!(v5.resize(size), binary(b"\x04{\"Width\":100,\"Height\":40}\n"));
        assert_eq!(v5.close(Channel::Stdin), Some(binary(&[255, 0])));
        assert_eq!(Encoder::new(Subprotocol::V4).close(Channel::Stdin), None);
        let text = Encoder::new(Subprotocol::V4Base64);
        assert!(text.data(Channel::Stdin, b"ab").eq([Message::Text("0YWI=".into())]));
        assert_eq!(text.keepalive(), Message::Text("0".into()));
    }

    #[test]
    fn server_messages() {
        let v4 = Encoder::new(Subprotocol::V4);
        let streams = Streams { stderr: true, ..Streams::default() };
        let success = Termination::Exited(ExitStatus::SUCCESS);
        assert_eq!(v4.ready(streams), binary(&[2]));
        assert_eq!(
            v4.status(&success),
            Some(binary(b"\x03{\"metadata\":{},\"status\":\"Success\"}"))
        );
        assert_eq!(v4.status(&Termination::Unknown), None);
        let v1 = Encoder::new(Subprotocol::V1Base64);
        assert_eq!(v1.ready(streams), Message::Text("2".into()));
        assert_eq!(v1.status(&success), None);
        assert!(v1.status(&Termination::could_not_start("x")).is_some());
    }

    #[test]
    fn long_data_is_split() {
        let data = vec![7; 2 * MAX_MESSAGE + 5];
        for protocol in [Subprotocol::V4, Subprotocol::V4Base64] {
            let lengths: Vec<_> = Encoder::new(protocol)
                .data(Channel::Stdin, &data)
                .map(|message| match message {
                    Message::Binary(bytes) => bytes.len(),
                    Message::Text(text) => text.len(),
                })
                .collect();
            assert!(lengths.iter().all(|len| *len <= MAX_MESSAGE), "{lengths:?}");
            assert!(lengths.len() <= 3, "{lengths:?}");
        }
    }
}
