//! Programs that use `guestexec-cci` against a scripted exec peer.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod endings;
mod foreign;
mod input;
mod random;
mod snapshot;
mod transports;

use std::time::Duration;

use guestexec_cci::{Client, Credentials, ExecTransport, Pod};
use guestexec_testkit::Tape;

/// Every way to a session.
const TRANSPORTS: [ExecTransport; 4] = [
    ExecTransport::WebSocketV5,
    ExecTransport::WebSocketV4,
    ExecTransport::SpdyPost,
    ExecTransport::SpdyGet,
];

const MINUTE: Duration = Duration::from_secs(60);

fn client(tape: &Tape) -> Client {
    Client::builder()
        .region("cn-north-4")
        .credentials(Credentials::token("token"))
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn pod(client: &Client) -> Pod<'_> {
    client.pod("default", "web")
}
