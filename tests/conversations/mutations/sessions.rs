//! Changes of handshakes and sessions, over both protocols and with both versions, and what of them a diff shows.

use reqwest::Method;

use super::{
    table::{Mutation, change, find, header, query},
    transport::Edit::{Request as Of, Session},
};

/// The end of a stream, among the flags of a SPDY frame.
const FIN: u8 = 1;

/// Replaces a part of a message or frame by another of its length.
fn replace(message: &mut [u8], part: &[u8], by: &[u8]) {
    if let Some(at) = find(message, part) {
        message[at..at + part.len()].copy_from_slice(by);
    }
}

/// The payload of a frame that carries data over SPDY.
fn data(frame: &mut [u8]) -> Option<&mut [u8]> {
    (frame[0] & 0x80 == 0).then_some(&mut frame[8..])
}

/// Changes of how commands run.
pub const SESSIONS: &[Mutation] = &[
    // Handshakes.
    change(
        "a version of the protocol is not offered",
        "cci/exec-stdin-piped",
        Of(1, |request| header(request, "sec-websocket-protocol", "v5.channel.k8s.io")),
        &[
            "-sec-websocket-protocol: v5.channel.k8s.io, v4.channel.k8s.io",
            "+sec-websocket-protocol: v5.channel.k8s.io",
        ],
    ),
    change(
        "versions of the protocol have another order",
        "cci/exec-forbidden",
        Of(1, |request| {
            header(request, "sec-websocket-protocol", "v4.channel.k8s.io, v5.channel.k8s.io")
        }),
        &[
            "-sec-websocket-protocol: v5.channel.k8s.io, v4.channel.k8s.io",
            "+sec-websocket-protocol: v4.channel.k8s.io, v5.channel.k8s.io",
        ],
    ),
    change(
        "the protocol of the upgrade is another",
        "cci/exec-lost",
        Of(1, |request| header(request, "upgrade", "SPDY/3.1")),
        &["-upgrade: websocket", "+upgrade: SPDY/3.1"],
    ),
    change(
        "the version of the WebSocket is another",
        "cci/exec-lost",
        Of(1, |request| header(request, "sec-websocket-version", "12")),
        &["-sec-websocket-version: 13", "+sec-websocket-version: 12"],
    ),
    change(
        "version 4 is offered twice",
        "cci/exec-v4",
        Of(1, |request| {
            header(request, "sec-websocket-protocol", "v4.channel.k8s.io, v4.channel.k8s.io")
        }),
        &[
            "-sec-websocket-protocol: v4.channel.k8s.io",
            "+sec-websocket-protocol: v4.channel.k8s.io, v4.channel.k8s.io",
        ],
    ),
    change(
        "arguments have another order with version 4",
        "cci/exec-v4",
        Of(1, |request| query(request, "command=nginx&command=-t", "command=-t&command=nginx")),
        &["-  ? command=nginx", "-  & command=-t", "+  ? command=-t", "+  & command=nginx"],
    ),
    change(
        "one more version is offered over SPDY",
        "cci/exec-spdy-post",
        Of(1, |request| {
            header(request, "x-stream-protocol-version", "v4.channel.k8s.io, v3.channel.k8s.io")
        }),
        &[
            "-x-stream-protocol-version: v4.channel.k8s.io",
            "+x-stream-protocol-version: v4.channel.k8s.io, v3.channel.k8s.io",
        ],
    ),
    change(
        "arguments have another order over SPDY",
        "cci/exec-spdy-post",
        Of(1, |request| query(request, "command=nginx&command=-t", "command=-t&command=nginx")),
        &["-  ? command=nginx", "-  & command=-t", "+  ? command=-t", "+  & command=nginx"],
    ),
    change(
        "the method of a handshake for SPDY is another",
        "cci/exec-spdy-get",
        Of(1, |request| *request.method_mut() = Method::POST),
        &[
            "-connectCciV2GetNamespacedPodExec: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web/exec",
            "+connectCciV2GetNamespacedPodExec: POST https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web/exec",
        ],
    ),
    // Sessions over a WebSocket, with version 5.
    change(
        "a byte of the input is another",
        "cci/exec-terminal-v5",
        Session(|message| {
            if message == b"\0id\n" {
                message[1] = b'I'
            }
        }),
        &[r#"-stdin "id\n""#, r#"+stdin "Id\n""#],
    ),
    change(
        "a line of the input is another",
        "cci/exec-stdin-unread",
        Session(|message| {
            if message == b"\0one\ntwo\n" {
                message[5] = b'T'
            }
        }),
        &[r#"-      "two\n""#, r#"+      "Two\n""#],
    ),
    change(
        "the input does not end",
        "cci/exec-stdin-unread",
        Session(|message| {
            if message == b"\xff\0" {
                message[1] = 2
            }
        }),
        &["-stdin ends"],
    ),
    change(
        "the size of a terminal is another",
        "cci/exec-resized",
        Session(|message| {
            if let Some(at) = find(message, b"120") {
                message[at + 2] = b'1'
            }
        }),
        &["-resize 120x40", "+resize 121x40"],
    ),
    change(
        "a size of a terminal does not come",
        "cci/exec-resized",
        Session(|message| {
            if find(message, b"120").is_some() {
                message[0] = 0x7f
            }
        }),
        &["-resize 120x40"],
    ),
    // With version 4.
    change(
        "a byte of the input is another with version 4",
        "cci/exec-terminal-v4",
        Session(|message| replace(message, b"\0id\n", b"\0Id\n")),
        &[r#"-stdin "id\n""#, r#"+stdin "Id\n""#],
    ),
    change(
        "the size of a terminal is another with version 4",
        "cci/exec-resized-v4",
        Session(|message| replace(message, b"120", b"121")),
        &["-resize 120x40", "+resize 121x40"],
    ),
    change(
        "a size of a terminal does not come with version 4",
        "cci/exec-resized-v4",
        Session(|message| {
            if find(message, b"120").is_some() {
                message[0] = 0x7f
            }
        }),
        &["-resize 120x40"],
    ),
    // Over SPDY.
    change(
        "a byte of the input is another over SPDY",
        "cci/exec-terminal-spdy",
        Session(|frame| {
            if let Some(data) = data(frame) {
                replace(data, b"id\n", b"Id\n");
            }
        }),
        &[r#"-stdin "id\n""#, r#"+stdin "Id\n""#],
    ),
    change(
        "a line of the input is another over SPDY",
        "cci/exec-stdin-unread-spdy",
        Session(|frame| {
            if let Some(data) = data(frame) {
                replace(data, b"two", b"Two");
            }
        }),
        &[r#"-      "two\n""#, r#"+      "Two\n""#],
    ),
    change(
        "the input does not end over SPDY",
        "cci/exec-stdin-unread-spdy",
        Session(|frame| {
            if data(frame).is_some() {
                frame[4] &= !FIN;
            }
        }),
        &["-stdin ends"],
    ),
    change(
        "the size of a terminal is another over SPDY",
        "cci/exec-resized-spdy",
        Session(|frame| {
            if let Some(data) = data(frame) {
                replace(data, b"120", b"121");
            }
        }),
        &["-resize 120x40", "+resize 121x40"],
    ),
    change(
        "a size of a terminal does not come over SPDY",
        "cci/exec-resized-spdy",
        Session(|frame| {
            if let Some(data) = data(frame).filter(|data| find(data, b"120").is_some()) {
                data.fill(b' ');
            }
        }),
        &["-resize 120x40"],
    ),
];
