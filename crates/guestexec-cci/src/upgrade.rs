//! The upgrade that turns a connection into an exec session: what a request asks for, and whether
//! the answer grants it.

mod support;

use std::fmt;

use guestexec_core::Operation;
use guestexec_remotecommand::{
    NegotiationError, SPDY_OFFER, SPDY_UPGRADE, STREAM_PROTOCOL_HEADER, Subprotocol,
    WEBSOCKET_OFFER,
    websocket::{accept_key, request_key},
};
use reqwest::{
    Response, StatusCode,
    header::{
        CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        UPGRADE,
    },
};

pub(crate) use support::ServerSupport;

use crate::operations;

/// One way to ask for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// Version 5 alone: a server without it refuses and starts nothing, but would start the command
    /// with version 4 if that were offered too.
    WebSocketV5 = 1,
    /// Version 5, or else version 4.
    WebSocket = 2,
    WebSocketV4 = 3,
    SpdyPost = 4,
    SpdyGet = 5,
}

/// Why an upgraded connection cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct UpgradeError(String);

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebSocketV5 => "a WebSocket with v5.channel.k8s.io",
            Self::WebSocket => "a WebSocket",
            Self::WebSocketV4 => "a WebSocket with v4.channel.k8s.io",
            Self::SpdyPost => "SPDY by POST",
            Self::SpdyGet => "SPDY by GET",
        })
    }
}

impl Upgrade {
    /// The upgrade that an operation asks for by default.
    pub(crate) fn of_operation(operation: &Operation) -> Option<Self> {
        match *operation {
            operations::EXEC_IN_POD => Some(Self::WebSocket),
            operations::EXEC_IN_POD_BY_POST => Some(Self::SpdyPost),
            _ => None,
        }
    }

    /// The id of the operation that asks for it.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::SpdyPost => operations::EXEC_IN_POD_BY_POST.id,
            _ => operations::EXEC_IN_POD.id,
        }
    }

    /// Whether the session runs over SPDY, and not over a WebSocket.
    pub(crate) fn is_spdy(self) -> bool {
        matches!(self, Self::SpdyPost | Self::SpdyGet)
    }

    /// The stream protocols that are offered, as one list: servers read only the first header.
    fn offer(self) -> &'static str {
        match self {
            Self::WebSocketV5 => Subprotocol::V5.as_str(),
            Self::WebSocket => WEBSOCKET_OFFER,
            Self::WebSocketV4 => Subprotocol::V4.as_str(),
            Self::SpdyPost | Self::SpdyGet => SPDY_OFFER,
        }
    }

    /// Adds the headers of the handshake: of RFC 6455, section 4, or of SPDY/3.1.
    ///
    /// # Errors
    /// A sentence, if this machine has no random bytes.
    pub(crate) fn add_headers(self, headers: &mut HeaderMap) -> Result<(), String> {
        let offer = HeaderValue::from_static(self.offer());
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if self.is_spdy() {
            headers.insert(UPGRADE, HeaderValue::from_static(SPDY_UPGRADE));
            headers.insert(STREAM_PROTOCOL_HEADER, offer);
            return Ok(());
        }
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            format!("this machine gives no random bytes for a WebSocket's key: {error}")
        })?;
        if let Ok(key) = HeaderValue::from_str(&request_key(random)) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        headers.insert(SEC_WEBSOCKET_PROTOCOL, offer);
        Ok(())
    }

    /// Checks a 101 against the headers of its request. Any other status is a refusal, and passes.
    pub(crate) fn verify(
        self,
        requested: &HeaderMap,
        response: &Response,
    ) -> Result<(), UpgradeError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        let headers = response.headers();
        let mismatch = |what: &str| {
            Err(UpgradeError(format!(
                "the server switched protocols, but {what}: something on the way has changed or made up the answer"
            )))
        };
        let wanted =
            requested.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !single(headers, &UPGRADE).is_some_and(|got| got.eq_ignore_ascii_case(wanted)) {
            return mismatch("its Upgrade header does not name the protocol asked for");
        }
        if !headers.get_all(CONNECTION).iter().any(lists_upgrade) {
            return mismatch("its Connection header does not say `Upgrade`");
        }
        if !self.is_spdy() {
            let key =
                requested.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
            if single(headers, &SEC_WEBSOCKET_ACCEPT) != Some(&accept_key(key)) {
                return mismatch("its Sec-WebSocket-Accept header is not that of this handshake");
            }
            if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
                return mismatch("it chose a WebSocket extension, and none was offered");
            }
        }
        self.protocol(headers).map(|_| ()).map_err(|error| UpgradeError(error.to_string()))
    }

    /// The stream protocol that the server chose.
    pub(crate) fn protocol(self, headers: &HeaderMap) -> Result<Subprotocol, NegotiationError> {
        let name = match self.is_spdy() {
            true => HeaderName::from_static("x-stream-protocol-version"),
            false => SEC_WEBSOCKET_PROTOCOL,
        };
        // A header that is there twice names no protocol, as one with other text does not.
        let answer =
            headers.contains_key(&name).then(|| single(headers, &name).unwrap_or_default());
        Subprotocol::accepted(self.offer(), answer)
    }
}

/// The value of a header that occurs exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok().map(str::trim)
}

fn lists_upgrade(value: &HeaderValue) -> bool {
    value
        .to_str()
        .is_ok_and(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade")))
}
