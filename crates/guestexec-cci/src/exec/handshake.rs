//! The upgrade of a connection: what is asked for, and whether the answer is what was asked for.

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

/// What an exec operation turns its connection into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Upgrade {
    /// By GET, with this offer of protocols; RFC 6455, section 4.
    WebSocket(&'static str),
    SpdyPost,
    SpdyGet,
}

/// Why an upgraded connection cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Upgrade {
    /// The upgrade that an operation by itself stands for.
    pub(crate) fn usual(operation: &Operation) -> Option<Self> {
        match operation.method {
            _ if !operation.starts_command => None,
            "GET" => Some(Self::WebSocket(WEBSOCKET_OFFER)),
            _ => Some(Self::SpdyPost),
        }
    }

    fn offer(self) -> &'static str {
        match self {
            Self::WebSocket(offer) => offer,
            Self::SpdyPost | Self::SpdyGet => SPDY_OFFER,
        }
    }

    /// Adds the headers that ask for it.
    ///
    /// # Errors
    /// A sentence, if this machine has no random bytes.
    pub(crate) fn ask(self, headers: &mut HeaderMap) -> Result<(), String> {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        match self {
            Self::WebSocket(offer) => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                let mut random = [0; 16];
                getrandom::fill(&mut random).map_err(|error| {
                    format!("this machine gives no random bytes for a WebSocket's key: {error}")
                })?;
                if let Ok(key) = HeaderValue::from_str(&request_key(random)) {
                    headers.insert(SEC_WEBSOCKET_KEY, key);
                }
                // Servers read only the first header of the name, so the offer is one list.
                headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offer));
            }
            Self::SpdyPost | Self::SpdyGet => {
                headers.insert(UPGRADE, HeaderValue::from_static(SPDY_UPGRADE));
                headers.insert(STREAM_PROTOCOL_HEADER, HeaderValue::from_static(SPDY_OFFER));
            }
        }
        Ok(())
    }

    /// Checks a 101 against what was asked for; other answers are refusals, with nothing to check.
    pub(crate) fn check(self, asked: &HeaderMap, answer: &Response) -> Result<(), Fault> {
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        let headers = answer.headers();
        let fault = |what: &str| {
            Err(Fault(format!(
                "the server switched protocols, but {what}: something on the way has changed or made up the answer"
            )))
        };
        let wanted = asked.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !one(headers, &UPGRADE).is_some_and(|got| got.eq_ignore_ascii_case(wanted)) {
            return fault("its Upgrade header does not name the protocol asked for");
        }
        if !headers.get_all(CONNECTION).iter().any(names_upgrade) {
            return fault("its Connection header does not say `Upgrade`");
        }
        if let Self::WebSocket(_) = self {
            let key = asked.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
            if one(headers, &SEC_WEBSOCKET_ACCEPT) != Some(&accept_key(key)) {
                return fault("its Sec-WebSocket-Accept header is not that of this handshake");
            }
            if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
                return fault("it chose a WebSocket extension, and none was offered");
            }
        }
        match self.agreed(headers) {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault(error.to_string())),
        }
    }

    /// The stream protocol the server chose.
    pub(crate) fn agreed(self, headers: &HeaderMap) -> Result<Subprotocol, NegotiationError> {
        let offer = self.offer();
        let name = match self {
            Self::WebSocket(_) => SEC_WEBSOCKET_PROTOCOL,
            Self::SpdyPost | Self::SpdyGet => HeaderName::from_static("x-stream-protocol-version"),
        };
        match headers.get_all(&name).iter().count() {
            0 => Subprotocol::accepted(offer, None),
            // Text that is no offered name, as two headers are not one either.
            _ => Subprotocol::accepted(offer, Some(one(headers, &name).unwrap_or_default())),
        }
    }
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok().map(str::trim)
}

fn names_upgrade(value: &HeaderValue) -> bool {
    value
        .to_str()
        .is_ok_and(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade")))
}
