//! The request of a session: whether it is granted, and the answer.

use guestexec_core::Request;
use guestexec_remotecommand::{
    ACCEPTED_STREAM_PROTOCOLS_HEADER, NegotiationError, SPDY_UPGRADE, STREAM_PROTOCOL_HEADER,
    Streams, Subprotocol, websocket::accept_key,
};
use reqwest::{
    StatusCode,
    header::{
        CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use serde_json::json;

use super::ExecProtocol;
use crate::Reply;

/// A session that is granted.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) protocol: Subprotocol,
    pub(super) is_spdy: bool,
    pub(super) streams: Streams,
    /// The answer that switches protocols.
    pub(super) head: String,
}

/// Why a session is not granted.
pub(super) struct Refused {
    pub(super) reply: Box<Reply>,
    /// The peer does not have what was asked for, rather than that the request is wrong.
    pub(super) is_about_transport: bool,
}

impl Refused {
    fn wrong(reply: Reply) -> Self {
        Self { reply: Box::new(reply), is_about_transport: false }
    }

    fn transport(reply: Reply) -> Self {
        Self { reply: Box::new(reply), is_about_transport: true }
    }
}

impl Granted {
    /// Reads a request as Kubernetes servers do, and refuses as they do.
    pub(super) fn of(request: &Request, granted: &[ExecProtocol]) -> Result<Self, Refused> {
        let streams = Streams {
            stdin: flag(request, "stdin"),
            stdout: flag(request, "stdout"),
            stderr: flag(request, "stderr"),
            tty: flag(request, "tty"),
        };
        let (protocol, is_spdy, head) = negotiated(request, granted)?;
        if !(streams.stdin || streams.stdout || streams.stderr) {
            let text = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(Refused::wrong(Reply::text(StatusCode::BAD_REQUEST, text)));
        }
        Ok(Self { protocol, is_spdy, streams, head })
    }

    /// The protocol, for the record.
    pub(super) fn described(&self) -> String {
        let over = if self.is_spdy { "SPDY/3.1" } else { "a WebSocket" };
        format!("{} over {over}", self.protocol)
    }
}

fn negotiated(
    request: &Request,
    granted: &[ExecProtocol],
) -> Result<(Subprotocol, bool, String), Refused> {
    let headers = request.headers();
    let upgrades = has_token(headers, &CONNECTION, "upgrade");
    if upgrades && has_token(headers, &UPGRADE, SPDY_UPGRADE) {
        if !granted.contains(&ExecProtocol::Spdy) {
            return Err(Refused::transport(upgrade_required()));
        }
        let offers = texts(headers, STREAM_PROTOCOL_HEADER);
        let protocol = Subprotocol::choose_spdy(offers, &[Subprotocol::V4]).map_err(|error| {
            let refuse = |status| Reply::text(status, error.to_string());
            Refused::wrong(match error {
                NegotiationError::NoOffer => refuse(StatusCode::BAD_REQUEST),
                _ => refuse(StatusCode::FORBIDDEN)
                    .header(ACCEPTED_STREAM_PROTOCOLS_HEADER, Subprotocol::V4.as_str()),
            })
        })?;
        let head = switching(&[
            (UPGRADE.as_str(), SPDY_UPGRADE),
            (STREAM_PROTOCOL_HEADER, protocol.as_str()),
        ]);
        return Ok((protocol, true, head));
    }
    if !upgrades || !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refused::wrong(upgrade_required()));
    }
    let mut supported = Vec::new();
    for (protocol, name) in
        [(ExecProtocol::WebSocketV5, Subprotocol::V5), (ExecProtocol::WebSocketV4, Subprotocol::V4)]
    {
        supported.extend(granted.contains(&protocol).then_some(name));
    }
    if supported.is_empty() {
        return Err(Refused::transport(upgrade_required()));
    }
    if request.method() != "GET" {
        return Err(Refused::wrong(Reply::text(StatusCode::METHOD_NOT_ALLOWED, "bad method")));
    }
    let version = texts(headers, SEC_WEBSOCKET_VERSION.as_str()).next();
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    let (Some("13"), Some(key)) = (version, key) else {
        let reply = Reply::text(StatusCode::BAD_REQUEST, "not websocket protocol");
        return Err(Refused::wrong(reply));
    };
    // Servers read the first such header only.
    let offers = texts(headers, SEC_WEBSOCKET_PROTOCOL.as_str()).take(1);
    let Ok(Some(protocol)) = Subprotocol::choose_websocket(offers, &supported) else {
        // Servers send neither a text nor a list of what they have.
        return Err(Refused::transport(Reply::text(StatusCode::FORBIDDEN, "")));
    };
    let head = switching(&[
        (UPGRADE.as_str(), "websocket"),
        ("sec-websocket-accept", &accept_key(key.as_bytes())),
        (SEC_WEBSOCKET_PROTOCOL.as_str(), protocol.as_str()),
    ]);
    Ok((protocol, false, head))
}

/// A boolean parameter of the query, read as Kubernetes does: there, and neither `false` nor `0`.
fn flag(request: &Request, name: &str) -> bool {
    let mut query = request.query();
    let found = query.find(|(given, _)| given == name);
    found.is_some_and(|(_, value)| value != "0" && !value.eq_ignore_ascii_case("false"))
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let mut items = texts(headers, name.as_str()).flat_map(|list| list.split(','));
    items.any(|item| item.trim().eq_ignore_ascii_case(word))
}

fn switching(headers: &[(&str, &str)]) -> String {
    let mut head = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n".to_owned();
    for (name, value) in headers {
        head.extend([*name, ": ", *value, "\r\n"]);
    }
    head + "\r\n"
}

fn upgrade_required() -> Reply {
    Reply::json(
        StatusCode::BAD_REQUEST,
        &json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "Upgrade request required", "reason": "BadRequest", "code": 400,
        }),
    )
}
