//! The versions of the protocol, and how two sides agree on one.

use std::fmt;

/// The client's `Sec-WebSocket-Protocol` header. It must stay one header, since servers read only the first.
pub const WEBSOCKET_OFFER: &str = "v5.channel.k8s.io, v4.channel.k8s.io";

/// The client's [`STREAM_PROTOCOL_HEADER`]. Servers support nothing newer than version 4 over SPDY.
pub const SPDY_OFFER: &str = "v4.channel.k8s.io";

/// The `Upgrade` header that asks for SPDY.
pub const SPDY_UPGRADE: &str = "SPDY/3.1";

/// The header of a SPDY upgrade with the client's list of stream protocols, or with the one that the server chose.
pub const STREAM_PROTOCOL_HEADER: &str = "X-Stream-Protocol-Version";

/// The header with one protocol that the server supports, in the 403 to a client that offers none of them.
pub const ACCEPTED_STREAM_PROTOCOLS_HEADER: &str = "X-Accepted-Stream-Protocol-Versions";

/// A version of the remote-command protocol.
///
/// Kubernetes serves versions 1, 4 and 5 over WebSocket and 1 to 4 over SPDY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subprotocol {
    /// `channel.k8s.io`: plain text on the error channel for a failure, nothing for a success.
    V1,
    /// `base64.channel.k8s.io`: version 1 in text messages.
    V1Base64,
    /// `v2.channel.k8s.io`, SPDY only.
    V2,
    /// `v3.channel.k8s.io`, SPDY only: adds resizing.
    V3,
    /// `v4.channel.k8s.io`: the exit code, as a JSON Status on the error channel.
    V4,
    /// `v4.base64.channel.k8s.io`: version 4 in text messages.
    V4Base64,
    /// `v5.channel.k8s.io`: version 4 with a close message, which is the only way to end stdin over WebSocket.
    V5,
}

impl Subprotocol {
    const ALL: [Self; 7] =
        [Self::V5, Self::V4, Self::V4Base64, Self::V3, Self::V2, Self::V1, Self::V1Base64];

    /// The name in the headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "channel.k8s.io",
            Self::V1Base64 => "base64.channel.k8s.io",
            Self::V2 => "v2.channel.k8s.io",
            Self::V3 => "v3.channel.k8s.io",
            Self::V4 => "v4.channel.k8s.io",
            Self::V4Base64 => "v4.base64.channel.k8s.io",
            Self::V5 => "v5.channel.k8s.io",
        }
    }

    /// The version with exactly this name. Other names are extensions, one of which carries a bearer token.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether messages are text: the channel's number as a digit, then base64.
    pub const fn is_base64(self) -> bool {
        matches!(self, Self::V1Base64 | Self::V4Base64)
    }

    /// Whether the error channel carries a JSON Status rather than plain text.
    pub const fn has_json_status(self) -> bool {
        matches!(self, Self::V4 | Self::V4Base64 | Self::V5)
    }

    /// Whether a side can close one channel, so that a client can end stdin over WebSocket.
    pub const fn can_close_channel(self) -> bool {
        matches!(self, Self::V5)
    }

    /// Client: reads the server's `answer` (its `Sec-WebSocket-Protocol` or [`STREAM_PROTOCOL_HEADER`]) to the
    /// comma-separated `offer` that was sent.
    ///
    /// # Errors
    ///
    /// [`NegotiationError::NoAnswer`] without a header, [`NegotiationError::NotOffered`] for a name that was not offered:
    /// drop the connection, whose protocol is unknown.
    pub fn accepted(offer: &str, answer: Option<&str>) -> Result<Self, NegotiationError> {
        let answer = answer.ok_or(NegotiationError::NoAnswer)?.trim();
        names(offer)
            .find(|name| *name == answer)
            .and_then(Self::parse)
            .ok_or(NegotiationError::NotOffered)
    }

    /// Server: chooses from the client's `Sec-WebSocket-Protocol` headers.
    ///
    /// Version 5 wins wherever it is in the list, as in kube-apiserver; otherwise the client's first name that is
    /// `supported`. `Ok(None)` means that the client named no protocol: use [`Subprotocol::V1`], and send no such header.
    ///
    /// # Errors
    ///
    /// [`NegotiationError::NoneCommon`]; Kubernetes answers 403 with an empty body.
    pub fn choose_websocket<'a>(
        offers: impl IntoIterator<Item = &'a str>,
        supported: &[Self],
    ) -> Result<Option<Self>, NegotiationError> {
        match Self::choose_spdy(offers, supported) {
            Err(NegotiationError::NoOffer) if supported.contains(&Self::V1) => Ok(None),
            Err(NegotiationError::NoOffer) => Err(NegotiationError::NoneCommon),
            chosen => chosen.map(Some),
        }
    }

    /// Server: chooses from the client's [`STREAM_PROTOCOL_HEADER`] headers, each of which may be a comma-separated list.
    ///
    /// # Errors
    ///
    /// [`NegotiationError::NoOffer`] (Kubernetes answers 400) or [`NegotiationError::NoneCommon`] (403 with
    /// [`ACCEPTED_STREAM_PROTOCOLS_HEADER`]).
    pub fn choose_spdy<'a>(
        offers: impl IntoIterator<Item = &'a str>,
        supported: &[Self],
    ) -> Result<Self, NegotiationError> {
        let mut failure = NegotiationError::NoOffer;
        let mut first = None;
        for name in offers.into_iter().flat_map(names) {
            failure = NegotiationError::NoneCommon;
            match Self::parse(name).filter(|known| supported.contains(known)) {
                Some(Self::V5) => return Ok(Self::V5),
                known => first = first.or(known),
            }
        }
        first.ok_or(failure)
    }
}

impl fmt::Display for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Why two sides could not agree on a [`Subprotocol`]. The error quotes nothing of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The server switched protocols without naming a stream protocol.
    NoAnswer,
    /// The server named a protocol that was not offered.
    NotOffered,
    /// The client's request names no stream protocol.
    NoOffer,
    /// The server supports none of the client's protocols.
    NoneCommon,
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => {
                "the server accepted the upgrade without naming a stream protocol; it does not speak \
                 remote command"
            }
            Self::NotOffered => "the server answered with a stream protocol that was not offered",
            Self::NoOffer => {
                return write!(
                    f,
                    "the request names no stream protocol; send {STREAM_PROTOCOL_HEADER}"
                );
            }
            Self::NoneCommon => "the request names no stream protocol that this server supports",
        })
    }
}

impl std::error::Error for NegotiationError {}

#[cfg(test)]
mod tests {
    use super::{NegotiationError as E, Subprotocol as P, *};

    #[test]
    fn names_round_trip() {
        for protocol in P::ALL {
            assert_eq!(P::parse(protocol.as_str()), Some(protocol));
            assert_eq!(protocol.to_string(), protocol.as_str());
        }
        for other in ["", "v6.channel.k8s.io", "V4.channel.k8s.io", " v4.channel.k8s.io"] {
            assert_eq!(P::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn client_checks_the_answer() {
        for (offer, answer, expected) in [
            (WEBSOCKET_OFFER, Some("v5.channel.k8s.io"), Ok(P::V5)),
            (WEBSOCKET_OFFER, Some(" v4.channel.k8s.io "), Ok(P::V4)),
            (WEBSOCKET_OFFER, Some("channel.k8s.io"), Err(E::NotOffered)),
            (WEBSOCKET_OFFER, Some("v5.channel.k8s.io, v4.channel.k8s.io"), Err(E::NotOffered)),
            (WEBSOCKET_OFFER, Some(""), Err(E::NotOffered)),
            (WEBSOCKET_OFFER, None, Err(E::NoAnswer)),
            (SPDY_OFFER, Some("v4.channel.k8s.io"), Ok(P::V4)),
            (SPDY_OFFER, Some("v5.channel.k8s.io"), Err(E::NotOffered)),
        ] {
            assert_eq!(P::accepted(offer, answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn websocket_server_chooses() {
        let v4_only = [P::V1, P::V1Base64, P::V4, P::V4Base64];
        let apiserver = [P::V4, P::V5, P::V1];
        for (offers, supported, expected) in [
            (&["v5.channel.k8s.io, v4.channel.k8s.io"][..], &v4_only[..], Ok(Some(P::V4))),
            (&["v4.channel.k8s.io,v5.channel.k8s.io"], &v4_only, Ok(Some(P::V4))),
            (&["v4.channel.k8s.io,v5.channel.k8s.io"], &apiserver, Ok(Some(P::V5))),
            (&["v4.channel.k8s.io", "v5.channel.k8s.io"], &apiserver, Ok(Some(P::V5))),
            (&["base64.channel.k8s.io, v4.channel.k8s.io"], &v4_only, Ok(Some(P::V1Base64))),
            (&["v2.channel.k8s.io"], &v4_only, Err(E::NoneCommon)),
            (
                &["base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io"],
                &apiserver,
                Ok(Some(P::V4)),
            ),
            (&[], &v4_only, Ok(None)),
            (&["", " , "], &[P::V4], Err(E::NoneCommon)),
        ] {
            assert_eq!(
                P::choose_websocket(offers.iter().copied(), supported),
                expected,
                "{offers:?}"
            );
        }
    }

    #[test]
    fn spdy_server_chooses() {
        let supported = [P::V4, P::V3, P::V2, P::V1];
        // One header for each protocol, as kubectl sends them, and the same as a list.
        let kubectl =
            ["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "channel.k8s.io"];
        assert_eq!(P::choose_spdy(kubectl, &supported), Ok(P::V4));
        assert_eq!(P::choose_spdy([kubectl.join(", ").as_str()], &supported), Ok(P::V4));
        assert_eq!(P::choose_spdy(["v3.channel.k8s.io,v4.channel.k8s.io"], &supported), Ok(P::V3));
        assert_eq!(P::choose_spdy([], &supported), Err(E::NoOffer));
        assert_eq!(P::choose_spdy(["v9.channel.k8s.io"], &supported), Err(E::NoneCommon));
    }
}
