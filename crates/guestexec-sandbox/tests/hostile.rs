//! Random heads, bodies and frames. Nothing panics or hangs, and the services keep serving.
//!
//! `SANDBOX_CASES=20` tries twenty times as many.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_sandbox::Sandbox;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::Value;
use support::{
    raw::{self, address, exchange, until_closed},
    tat::Call,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, runtime::Runtime, time::timeout};

/// Counts panics in any thread; the panic of a task would otherwise go unnoticed.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Far longer than any exchange takes, so that only a hang exceeds it.
const HANG: Duration = Duration::from_secs(50);

/// Tests a property with its own sandbox, which has to serve as before afterwards.
fn try_all<S: Strategy>(cases: u32, strategy: &S, property: impl AsyncFn(&Sandbox, S::Value)) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            usual(panic);
        }));
    });
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::builder().tat_rate(None).start()).unwrap();
    let times = std::env::var("SANDBOX_CASES").map_or(1, |times| times.parse().unwrap());
    let cases: u32 = cases * times;
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let mut runner = TestRunner::new(config);
    let ended = runner.run(strategy, |value| {
        let hang =
            runtime.block_on(async { timeout(HANG, property(&sandbox, value)).await }).is_err();
        prop_assert!(!hang, "it hangs");
        prop_assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
        Ok(())
    });
    ended.unwrap();
    runtime.block_on(async {
        let tat = sandbox.tat();
        let regions = support::tat::call(tat, "DescribeRegions", serde_json::json!({})).await;
        assert!(regions["TotalCount"].is_number());
        let _entered = runtime.enter();
        drop(sandbox);
    });
}

fn endpoints(sandbox: &Sandbox) -> [String; 3] {
    [sandbox.tat().endpoint(), sandbox.zstack().endpoint(), sandbox.cci().endpoint()]
}

/// Sends bytes, ends the sending side, and reads until the server closes.
async fn send(endpoint: &str, bytes: &[u8]) -> Vec<u8> {
    let mut tcp = TcpStream::connect(address(endpoint)).await.unwrap();
    // The server may refuse it before it has read all of it.
    _ = tcp.write_all(bytes).await;
    // A client that has closed its side gets no answer, so the end is sent a little later.
    _ = timeout(Duration::from_millis(5), tcp.readable()).await;
    _ = tcp.shutdown().await;
    until_closed(&mut tcp).await
}

/// A nearly valid request head.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("PUT"), Just("DELETE"), Just("FOO")];
    let path = prop_oneof![
        Just("/".to_owned()),
        Just("/zstack/v1/vm-instances/commands/exec".to_owned()),
        Just("/zstack/api/".to_owned()),
        Just("/v3/auth/tokens".to_owned()),
        Just("/apis/cci/v2/namespaces/default/pods/demo/exec".to_owned()),
        Just("/kubernetes/x/api/v1".to_owned()),
        "[/a-z0-9%.?&=+;-]{0,60}",
    ];
    let name = prop_oneof![
        Just("authorization"),
        Just("x-tc-timestamp"),
        Just("x-tc-action"),
        Just("content-type"),
        Just("content-length"),
        Just("transfer-encoding"),
        Just("date"),
        Just("x-job-uuid"),
        Just("x-auth-token"),
        Just("x-sdk-date"),
        Just("connection"),
        Just("upgrade"),
        Just("sec-websocket-protocol"),
        Just("expect"),
    ];
    let value = prop_oneof![
        "[ -~]{0,40}",
        Just("TC3-HMAC-SHA256 Credential=AKID/2026-11-22/tat/tc3_request, SignedHeaders=;, Signature=".to_owned()),
        Just("SDK-HMAC-SHA256 Access=, SignedHeaders=;;, Signature=0".to_owned()),
        Just("ZStack :".to_owned()),
        Just("OAuth ".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("20261122T103839Z".to_owned()),
        Just("Sun, 22 Nov 2026 10:38:39 XYZ".to_owned()),
        Just("chunked".to_owned()),
        Just("upgrade, close".to_owned()),
        Just("\u{e9}\u{4e16}".to_owned()),
    ];
    (method, path, vec((name, value), 0..8), vec(any::<u8>(), 0..40)).prop_map(
        |(method, path, headers, tail)| {
            let mut text = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n");
            for (name, value) in headers {
                text += &format!("{name}: {value}\r\n");
            }
            [text.as_bytes(), b"\r\n", &tail].concat()
        },
    )
}

#[test]
fn any_bytes() {
    try_all(40, &vec(any::<u8>(), 0..2000), async |sandbox, bytes| {
        for endpoint in endpoints(sandbox) {
            send(&endpoint, &bytes).await;
        }
    });
}

#[test]
fn any_head() {
    try_all(150, &heads(), async |sandbox, head| {
        for endpoint in endpoints(sandbox) {
            send(&endpoint, &head).await;
        }
    });
}

/// JSON that contains the services' own names.
fn json() -> impl Strategy<Value = Value> {
    let name = || {
        prop_oneof![
            Just("Content".to_owned()),
            Just("InstanceIds".to_owned()),
            Just("Parameters".to_owned()),
            Just("EnableParameter".to_owned()),
            Just("DefaultParameterConfs".to_owned()),
            Just("Filters".to_owned()),
            Just("Name".to_owned()),
            Just("Values".to_owned()),
            Just("Timeout".to_owned()),
            Just("params".to_owned()),
            Just("vmInstanceUuid".to_owned()),
            Just("session".to_owned()),
            Just("conditions".to_owned()),
            Just("auth".to_owned()),
            Just("identity".to_owned()),
            Just("methods".to_owned()),
            "[a-zA-Z]{0,8}",
        ]
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
        "\\PC{0,10}".prop_map(Value::from),
        Just(Value::from("{{{tat-hidden:a}}}")),
        Just(Value::from("{\"a\":\"b\"}")),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn any_json_under_a_good_signature() {
    let actions = prop_oneof![
        Just("RunCommand"),
        Just("CreateCommand"),
        Just("InvokeCommand"),
        Just("DescribeCommands"),
        Just("DescribeInvocationTasks"),
        Just("PreviewReplacedCommandContent"),
        Just("CancelInvocation"),
        Just("DescribeAutomationAgentStatus"),
    ];
    try_all(150, &(actions, json()), async |sandbox, (action, body)| {
        let tat = sandbox.tat();
        Call::new(tat).send(tat, action, body.to_string()).await;
        let messages = sandbox.zstack().message_endpoint();
        support::http().post(messages).body(body.to_string()).send().await.unwrap();
        let exec = format!("{}{}", sandbox.zstack().endpoint(), support::zstack::EXEC);
        let exec = support::http().put(exec).header("authorization", "OAuth x");
        exec.body(body.to_string()).send().await.unwrap();
        let tokens = format!("{}/v3/auth/tokens", sandbox.cci().endpoint());
        support::http().post(tokens).body(body.to_string()).send().await.unwrap();
    });
}

#[test]
fn any_query_under_a_good_signature() {
    let query = "(&?(Content|InstanceIds|Filters|Timeout|a)(\\.[0-9a-zV]{1,3}){0,9}=?[a-zA-Z0-9%+=.]{0,6}){1,6}";
    try_all(150, &query, async |sandbox, query| {
        let tat = sandbox.tat();
        let content_type = "application/x-www-form-urlencoded";
        let call = Call { content_type, ..Call::new(tat) };
        let request = raw::bytes(call.request(tat, "RunCommand", &query, ""));
        let mut tcp = TcpStream::connect(address(&tat.endpoint())).await.unwrap();
        assert_eq!(exchange(&mut tcp, &request).await.0, 200, "{query}");
    });
}

/// WebSocket frames, good and bad.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (any::<u8>(), any::<bool>(), 0..5u8, vec(any::<u8>(), 0..200)).prop_map(
        |(head, masked, channel, mut payload)| {
            if let Some(first) = payload.first_mut() {
                *first = if channel == 3 { 255 } else { channel };
            }
            // Mostly whole binary messages, which reach the most code.
            let head = if head % 3 == 0 { head } else { 0x82 };
            let mask = if masked || head == 0x82 { 0x80 } else { 0 };
            let mut bytes = vec![head];
            if payload.len() < 126 {
                bytes.push(mask | u8::try_from(payload.len()).unwrap());
            } else {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
            if mask != 0 {
                bytes.extend_from_slice(&[0; 4]);
            }
            bytes.extend_from_slice(&payload);
            bytes
        },
    );
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

/// SPDY frames, good and bad, after the streams were opened or not.
fn spdy_frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        (0..9u32, any::<u8>(), vec(any::<u8>(), 0..60)).prop_map(|(stream, flags, payload)| {
            let length = u32::try_from(payload.len()).unwrap() | u32::from(flags) << 24;
            [&stream.to_be_bytes()[..], &length.to_be_bytes(), &payload].concat()
        }),
        (0..11u16, any::<u8>(), vec(any::<u8>(), 0..60)).prop_map(|(kind, flags, payload)| {
            let length = u32::try_from(payload.len()).unwrap() | u32::from(flags) << 24;
            let head = [0x80, 3, kind.to_be_bytes()[0], kind.to_be_bytes()[1]];
            [&head[..], &length.to_be_bytes(), &payload].concat()
        }),
    ];
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

async fn session(sandbox: &Sandbox, headers: &str, bytes: &[u8]) {
    let cci = sandbox.cci();
    let mut tcp = TcpStream::connect(address(&cci.endpoint())).await.unwrap();
    let query = "command=cat&stdin=1&stdout=1&stderr=1";
    let head = raw::upgrade(cci, query, headers);
    assert_eq!(exchange(&mut tcp, head.as_bytes()).await.0, 101);
    _ = tcp.write_all(bytes).await;
    _ = tcp.shutdown().await;
    until_closed(&mut tcp).await;
}

#[test]
fn any_websocket_frames() {
    try_all(60, &frames(), async |sandbox, bytes| session(sandbox, raw::WEBSOCKET, &bytes).await);
}

#[test]
fn any_spdy_frames() {
    try_all(60, &spdy_frames(), async |sandbox, bytes| session(sandbox, raw::SPDY, &bytes).await);
}

#[test]
fn any_bytes_after_an_upgrade() {
    try_all(40, &vec(any::<u8>(), 0..500), async |sandbox, bytes| {
        session(sandbox, raw::WEBSOCKET, &bytes).await;
        session(sandbox, raw::SPDY, &bytes).await;
    });
}
