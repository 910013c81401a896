//! What a peer grants, and what a client does where it does not.

use guestexec_cci::{
    ErrorKind, ExecTransport,
    operations::{EXEC_IN_POD, EXEC_IN_POD_BY_POST},
};
use guestexec_testkit::{ExecProtocol, ExecScript, Reply, StatusCode, Tape};

use crate::{client, pod};

/// The operation and the offer of each request, and what it was answered with.
fn asked(tape: &Tape) -> Vec<String> {
    let conversation = tape.conversation();
    let each = conversation.exchanges().iter().map(|exchange| {
        let request = &exchange.request;
        let offers = ["sec-websocket-protocol", "x-stream-protocol-version"];
        let offer = request.headers.iter().find(|(name, _)| offers.contains(&&**name));
        let offer = offer.map_or("", |(_, offer)| offer);
        format!("{} {offer} → {}", request.method, exchange.answer)
    });
    each.collect()
}

#[tokio::test(start_paused = true)]
async fn a_client_falls_back_from_a_websocket_to_spdy() {
    let tape = Tape::new()
        .reply(ExecScript::new().stdout("web-1\n").grants([ExecProtocol::Spdy]))
        .reply(ExecScript::new().stdout("again\n").grants([ExecProtocol::Spdy]));
    let client = client(&tape);
    assert_eq!(pod(&client).exec(["hostname"]).await.unwrap().stdout, b"web-1\n");
    assert_eq!(pod(&client).exec(["hostname"]).await.unwrap().stdout, b"again\n");
    assert_eq!(
        asked(&tape),
        [
            "GET v5.channel.k8s.io, v4.channel.k8s.io → 400 application/json",
            "GET v4.channel.k8s.io → 400 application/json",
            "POST v4.channel.k8s.io → 101 v4.channel.k8s.io over SPDY/3.1",
            // The client remembers what worked.
            "POST v4.channel.k8s.io → 101 v4.channel.k8s.io over SPDY/3.1",
        ]
    );
    tape.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn a_server_of_version_4_gives_version_4_and_ends_input_by_spdy() {
    let server = [ExecProtocol::WebSocketV4, ExecProtocol::Spdy];
    let tape = Tape::new()
        .reply(ExecScript::new().grants(server))
        .reply(ExecScript::new().wait_for_end_of_stdin().grants(server));
    for (input, expected) in [
        (
            "",
            &["GET v5.channel.k8s.io, v4.channel.k8s.io → 101 v4.channel.k8s.io over a WebSocket"]
                [..],
        ),
        (
            "text",
            &[
                "GET v5.channel.k8s.io → 403 text/plain",
                "POST v4.channel.k8s.io → 101 v4.channel.k8s.io over SPDY/3.1",
            ],
        ),
    ] {
        let before = tape.requests().len();
        let client = client(&tape);
        assert!(pod(&client).exec(["cat"]).stdin(input).await.unwrap().success());
        assert_eq!(asked(&tape)[before..], *expected);
    }
    tape.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn scripts_may_belong_to_one_operation() {
    let tape = Tape::new()
        .on(EXEC_IN_POD, ExecScript::new().grants([]))
        .on(EXEC_IN_POD_BY_POST, ExecScript::new().stdout("by POST"));
    let client = client(&tape);
    for _ in 0..2 {
        assert_eq!(pod(&client).exec(["hostname"]).await.unwrap().stdout, b"by POST");
    }
    assert_eq!(tape.requests().len(), 4);
    tape.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_may_be_the_gateways() {
    let page = Reply::bytes(StatusCode::NOT_IMPLEMENTED, "text/html", "<h1>no upgrades</h1>");
    let script = ExecScript::new().grants([ExecProtocol::Spdy]).refuse_with(page).exit(7);
    let tape = Tape::new().reply(script);
    let client = client(&tape);
    assert_eq!(pod(&client).exec(["hostname"]).await.unwrap().exit_code(), Some(7));
    assert_eq!(asked(&tape)[0], "GET v5.channel.k8s.io, v4.channel.k8s.io → 501 text/html");
}

#[tokio::test(start_paused = true)]
async fn a_transport_of_the_callers_choice_is_refused_for_good() {
    for (transport, status) in [
        (ExecTransport::WebSocketV5, 403),
        (ExecTransport::SpdyPost, 400),
        (ExecTransport::SpdyGet, 400),
    ] {
        let script = ExecScript::new().grants([ExecProtocol::WebSocketV4]);
        let tape = Tape::new().reply(script);
        let client = client(&tape);
        let error = pod(&client).exec(["hostname"]).transport(transport).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{transport:?}");
        assert!(!error.may_have_run());
        // The script waits for a handshake that it grants.
        let unmet = tape.verify().unwrap_err().to_string();
        assert!(unmet.contains("an exec session"), "{unmet}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_grants_nothing_says_so_to_every_handshake() {
    let tape = Tape::new().on(EXEC_IN_POD, ExecScript::new().grants([]));
    let tape = tape.on(EXEC_IN_POD_BY_POST, ExecScript::new().grants([]));
    let client = client(&tape);
    let error = pod(&client).exec(["hostname"]).await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::InvalidRequest | ErrorKind::Unsupported | ErrorKind::Refused
        ),
        "{error:?}"
    );
    assert!(!error.may_have_run());
    assert_eq!(tape.requests().len(), 4);
    tape.assert_complete();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_asks_for_no_upgrade_is_refused() {
    let tape = Tape::new().reply(ExecScript::new());
    let client = client(&tape);
    let error = client.read_pod("default", "web").send().await.unwrap_err();
    assert!(error.to_string().contains("Upgrade request required"), "{error}");
    tape.assert_complete();
}
