//! Responses to requests for an upgrade, most of them refusals.

use guestexec_remotecommand::Streams;

use crate::{
    raw::{self, Answer, Request, spdy_headers, websocket_headers},
    target::Target,
};

/// One request, and its answer.
pub struct Situation {
    pub name: &'static str,
    pub method: &'static str,
    /// The pod: `pod` and `two` stand for the target's, others are names.
    pub pod: &'static str,
    /// The rest of the query besides the command.
    pub query: &'static str,
    /// The value of `Upgrade`: `SPDY/3.1`, `websocket`, or none.
    pub upgrade: &'static str,
    /// The headers that offer protocols; each is a list.
    pub offers: &'static [&'static str],
    pub code: u16,
    pub protocol: &'static str,
    /// The content type of a refusal: `json`, `text`, or none.
    pub body: &'static str,
    /// Whether the row is for servers with `v5.channel.k8s.io`, for those without, or for both.
    pub v5: Option<bool>,
}

const WEBSOCKET: Situation = Situation {
    name: "",
    method: "GET",
    pod: "pod",
    query: "stdout=true",
    upgrade: "websocket",
    offers: &["v4.channel.k8s.io"],
    code: 101,
    protocol: "",
    body: "",
    v5: None,
};
const SPDY: Situation = Situation { method: "POST", upgrade: "SPDY/3.1", ..WEBSOCKET };

#[rustfmt::skip]
pub const TABLE: &[Situation] = &[
    Situation { name: "version 4", protocol: "v4.channel.k8s.io", ..WEBSOCKET },
    Situation { name: "no version", offers: &[], ..WEBSOCKET },
    Situation { name: "version 1", offers: &["channel.k8s.io"], protocol: "channel.k8s.io", ..WEBSOCKET },
    Situation { name: "version 1 in base64", offers: &["base64.channel.k8s.io"], protocol: "base64.channel.k8s.io", ..WEBSOCKET },
    Situation { name: "version 4 in base64", offers: &["v4.base64.channel.k8s.io"], protocol: "v4.base64.channel.k8s.io", ..WEBSOCKET },
    Situation { name: "version 2", offers: &["v2.channel.k8s.io"], code: 403, ..WEBSOCKET },
    Situation { name: "version 3", offers: &["v3.channel.k8s.io"], code: 403, ..WEBSOCKET },
    Situation { name: "a version nobody has", offers: &["v6.channel.k8s.io"], code: 403, ..WEBSOCKET },
    Situation { name: "version 5 where there is none", offers: &["v5.channel.k8s.io"], code: 403, v5: Some(false), ..WEBSOCKET },
    Situation { name: "version 5 where it is", offers: &["v5.channel.k8s.io"], protocol: "v5.channel.k8s.io", v5: Some(true), ..WEBSOCKET },
    Situation { name: "versions 5 and 4 where there is no 5", offers: &["v5.channel.k8s.io, v4.channel.k8s.io"], protocol: "v4.channel.k8s.io", v5: Some(false), ..WEBSOCKET },
    Situation { name: "versions 5 and 4", offers: &["v5.channel.k8s.io, v4.channel.k8s.io"], protocol: "v5.channel.k8s.io", v5: Some(true), ..WEBSOCKET },
    Situation { name: "versions 4 and 5", offers: &["v4.channel.k8s.io,v5.channel.k8s.io"], protocol: "v5.channel.k8s.io", v5: Some(true), ..WEBSOCKET },
    Situation { name: "version 4, then 1 in another header", offers: &["v4.channel.k8s.io", "channel.k8s.io"], protocol: "v4.channel.k8s.io", ..WEBSOCKET },
    Situation { name: "version 1, then 4 in another header", offers: &["channel.k8s.io", "v4.channel.k8s.io"], protocol: "channel.k8s.io", ..WEBSOCKET },
    Situation { name: "a version nobody has, then 4 in another header", offers: &["v6.channel.k8s.io", "v4.channel.k8s.io"], code: 403, ..WEBSOCKET },
    Situation { name: "version 4, then 5 in another header", offers: &["v4.channel.k8s.io", "v5.channel.k8s.io"], protocol: "v4.channel.k8s.io", v5: Some(true), ..WEBSOCKET },
    Situation { name: "a WebSocket by POST", method: "POST", code: 405, ..WEBSOCKET },
    Situation { name: "no stream", query: "stdin=false", code: 400, body: "text", ..WEBSOCKET },
    Situation { name: "no upgrade", upgrade: "", code: 400, body: "json", ..WEBSOCKET },
    Situation { name: "no such pod", pod: "not-there", code: 404, body: "json", ..WEBSOCKET },
    Situation { name: "no container of two", pod: "two", code: 400, body: "json", ..WEBSOCKET },
    Situation { name: "one container of two", pod: "two", query: "stdout=true&container=b", protocol: "v4.channel.k8s.io", ..WEBSOCKET },
    Situation { name: "no such container", query: "stdout=true&container=nobody", code: 400, body: "json", ..WEBSOCKET },
    Situation { name: "SPDY", offers: &["v4.channel.k8s.io"], protocol: "v4.channel.k8s.io", ..SPDY },
    Situation { name: "SPDY by GET", method: "GET", protocol: "v4.channel.k8s.io", ..SPDY },
    Situation { name: "SPDY, kubectl's offers", offers: &["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"], protocol: "v4.channel.k8s.io", ..SPDY },
    Situation { name: "SPDY, no version", offers: &[], code: 400, body: "text", ..SPDY },
    Situation { name: "SPDY, version 5 alone", offers: &["v5.channel.k8s.io"], code: 403, body: "text", ..SPDY },
    Situation { name: "SPDY, no such pod", pod: "not-there", code: 404, body: "json", ..SPDY },
    Situation { name: "SPDY, no stream", query: "stdin=false", code: 400, body: "text", ..SPDY },
];

impl Situation {
    pub fn expected(&self) -> Answer {
        Answer { code: self.code, protocol: self.protocol.to_owned(), body: self.body }
    }

    pub async fn ask(&self, target: &Target) -> Answer {
        let pod = match self.pod {
            "pod" => &target.url.pod,
            "two" => &target.url.two,
            other => other,
        };
        let headers = match self.upgrade {
            "websocket" => websocket_headers(self.offers),
            "" => Vec::new(),
            _ => spdy_headers(self.offers),
        };
        let query = raw::query(&["true"], Streams::default());
        let (command, _) = query.split_once("&stdin").unwrap();
        let query = format!("{command}&{}", self.query);
        let request = Request { method: self.method, pod, query, headers };
        raw::ask(target, request).await.unwrap().0
    }
}
