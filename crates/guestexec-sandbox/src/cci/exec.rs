//! The exec operations up to the upgrade, with the answers of a Kubernetes server and its runtime.

use std::sync::Arc;

use guestexec_cci::sign::QueryPair;
use guestexec_remotecommand::{
    ACCEPTED_STREAM_PROTOCOLS_HEADER, NegotiationError, SPDY_UPGRADE, STREAM_PROTOCOL_HEADER,
    Streams, Subprotocol, websocket::accept_key,
};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{CONNECTION, HeaderName, HeaderValue, UPGRADE},
    http::request::Parts,
    upgrade::OnUpgrade,
};

use super::{
    Cci,
    container::Container,
    error::{ErrorAnswer, bad_request, text},
    pod::Pod,
    process::Plan,
    spdy, websocket,
};
use crate::service::Answer;

const WEBSOCKET_PROTOCOL: &str = "sec-websocket-protocol";

/// The first value of a parameter of the query.
pub(super) fn parameter<'a>(query: &'a [QueryPair<'_>], name: &str) -> Option<&'a str> {
    query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
}

/// A boolean parameter, read as Kubernetes does: present, and neither `false` nor `0`.
pub(super) fn flag(query: &[QueryPair<'_>], name: &str) -> bool {
    parameter(query, name).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
}

/// Whether a comma-separated header contains this token.
fn has_token(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let texts = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|list| list.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// The container that a query chooses.
pub(super) fn container(pod: &Pod, query: &[QueryPair<'_>]) -> Result<String, ErrorAnswer> {
    match (parameter(query, "container").filter(|name| !name.is_empty()), &pod.containers[..]) {
        (Some(name), _) if pod.container(name).is_some() => Ok(name.to_owned()),
        (Some(name), _) => {
            Err(bad_request(&format!("container {name} is not valid for pod {}", pod.name)))
        }
        (None, [only]) => Ok(only.name.clone()),
        (None, several) => Err(bad_request(&format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            pod.name,
            several.iter().map(|it| &*it.name).collect::<Vec<_>>().join(" ")
        ))),
    }
}

fn switching(headers: &[(&str, &str)]) -> Answer {
    let mut answer = Response::new(Empty::new().boxed_unsync());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// An error of the WebSocket library of these servers, which sends no Content-Type.
fn bare(code: StatusCode, words: &'static str) -> ErrorAnswer {
    let mut answer = Response::new(Full::from(words).boxed_unsync());
    *answer.status_mut() = code;
    Box::new(answer)
}

/// The protocol that an exec connection is upgraded to.
enum Upgrade {
    WebSocket(Option<Subprotocol>, String),
    Spdy,
}

impl Cci {
    /// Answers an exec request of an authenticated caller, and runs the session in a task.
    pub(super) fn exec(
        &self,
        mut head: Parts,
        pod: &Arc<Pod>,
        query: &[QueryPair<'_>],
    ) -> Result<Answer, ErrorAnswer> {
        let container = container(pod, query)?;
        let chosen = self.negotiate_upgrade(&head)?;
        let streams = Streams {
            stdin: flag(query, "stdin"),
            stdout: flag(query, "stdout"),
            stderr: flag(query, "stderr"),
            tty: flag(query, "tty"),
        };
        if !(streams.stdin || streams.stdout || streams.stderr) {
            let problem = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(text(StatusCode::BAD_REQUEST, problem));
        }
        if !pod.container(&container).is_some_and(Container::is_running) {
            let problem = format!("container not found (\"{container}\")");
            return Err(text(StatusCode::INTERNAL_SERVER_ERROR, problem));
        }
        // The runtime checks last, so that its error comes only now.
        let chosen = chosen?;
        let commands = query.iter().filter(|(name, _)| name == "command");
        let plan = Plan {
            processes: Arc::clone(&self.processes),
            pod: Arc::clone(pod),
            container,
            argv: commands.map(|(_, value)| value.clone().into_owned()).collect(),
            streams,
            withholds_status: self.withholds_status,
            stream_faults: head.extensions.remove(),
        };
        let Some(upgrade) = head.extensions.remove::<OnUpgrade>() else {
            return Err(bad_request("Upgrade request required"));
        };
        let idle = self.idle;
        Ok(match chosen {
            Upgrade::WebSocket(protocol, accept) => {
                self.tasks.spawn(async move {
                    if let Ok(upgraded) = upgrade.await {
                        let protocol = protocol.unwrap_or(Subprotocol::V1);
                        websocket::serve(upgraded, protocol, plan, idle).await;
                    }
                });
                let mut headers =
                    vec![("upgrade", "websocket"), ("sec-websocket-accept", &*accept)];
                if let Some(protocol) = protocol {
                    headers.push((WEBSOCKET_PROTOCOL, protocol.as_str()));
                }
                switching(&headers)
            }
            Upgrade::Spdy => {
                self.tasks.spawn(async move {
                    if let Ok(upgraded) = upgrade.await {
                        spdy::serve(upgraded, plan, idle).await;
                    }
                });
                let protocol = Subprotocol::V4.as_str();
                switching(&[("upgrade", SPDY_UPGRADE), (STREAM_PROTOCOL_HEADER, protocol)])
            }
        })
    }

    /// Chooses the protocol to upgrade to. The outer error is the API server's, the inner one the runtime's.
    fn negotiate_upgrade(&self, head: &Parts) -> Result<Result<Upgrade, ErrorAnswer>, ErrorAnswer> {
        let headers = &head.headers;
        let upgrades = has_token(headers, CONNECTION, "upgrade");
        if upgrades && has_token(headers, UPGRADE, SPDY_UPGRADE) {
            let offers = values(headers, STREAM_PROTOCOL_HEADER);
            return Ok(match Subprotocol::choose_spdy(offers, &[Subprotocol::V4]) {
                Ok(_) => Ok(Upgrade::Spdy),
                Err(error @ NegotiationError::NoOffer) => {
                    Err(text(StatusCode::BAD_REQUEST, error.to_string()))
                }
                Err(error) => {
                    let mut answer = text(StatusCode::FORBIDDEN, error.to_string());
                    if let Ok(name) = HeaderName::try_from(ACCEPTED_STREAM_PROTOCOLS_HEADER) {
                        let accepted = HeaderValue::from_static(Subprotocol::V4.as_str());
                        answer.headers_mut().insert(name, accepted);
                    }
                    Err(answer)
                }
            });
        }
        if !upgrades || !has_token(headers, UPGRADE, "websocket") {
            return Err(bad_request("Upgrade request required"));
        }
        if head.method != Method::GET {
            return Err(bare(StatusCode::METHOD_NOT_ALLOWED, "bad method"));
        }
        let version = values(headers, "sec-websocket-version").next();
        let key = headers.get("sec-websocket-key").filter(|key| !key.is_empty());
        let (Some("13"), Some(key)) = (version, key) else {
            return Ok(Err(bare(StatusCode::BAD_REQUEST, "not websocket protocol")));
        };
        let mut supported =
            vec![Subprotocol::V4, Subprotocol::V4Base64, Subprotocol::V1, Subprotocol::V1Base64];
        if self.v5 {
            supported.push(Subprotocol::V5);
        }
        // The library behind these servers reads the first such header only.
        let offers = values(headers, WEBSOCKET_PROTOCOL).take(1);
        Ok(match Subprotocol::choose_websocket(offers, &supported) {
            Ok(protocol) => Ok(Upgrade::WebSocket(protocol, accept_key(key.as_bytes()))),
            // Without a text and without a list of protocols, as Kubernetes does.
            Err(_) => Err(bare(StatusCode::FORBIDDEN, "")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_kubernetes_does() {
        for (value, expected) in [
            ("true", true),
            ("1", true),
            ("", true),
            ("yes", true),
            ("false", false),
            ("FALSE", false),
            ("0", false),
        ] {
            assert_eq!(flag(&[("tty".into(), value.into())], "tty"), expected, "{value}");
        }
        assert!(!flag(&[], "tty"));
    }
}
