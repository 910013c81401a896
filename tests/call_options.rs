//! What one call does differently from its client, what an answer has besides its content, and
//! transports of a user's own: the same in all three crates.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use guestexec_core::{
    CallOptions, Error, ErrorKind, HttpOptions, HttpTransport, Operation, Request, Response,
    ResponseFuture, Transport, TransportError,
};
use guestexec_testkit::{
    Reply, Tape,
    peer::{Answer, Peer},
};
use reqwest::{StatusCode, header::HeaderValue};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
/// Far beyond the time that a test may take.
const LONG: Duration = Duration::from_secs(3600);

const REGIONS: &str = r#"{"Response":{"TotalCount":0,"RegionSet":[],"RequestId":"r-1"}}"#;
const POD: &str = r#"{"metadata":{"name":"web"}}"#;
const SESSION: &str = r#"{"valid":true}"#;

fn tat(endpoint: &str) -> guestexec_tat::ClientBuilder {
    guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .retries(0)
}

fn zstack(endpoint: &str) -> guestexec_zstack::ClientBuilder {
    guestexec_zstack::Client::builder()
        .credentials(guestexec_zstack::Credentials::access_key("id", "secret"))
        .endpoint(endpoint)
        .retries(0)
}

fn cci(endpoint: &str) -> guestexec_cci::ClientBuilder {
    guestexec_cci::Client::builder()
        .credentials(guestexec_cci::Credentials::token("token"))
        .endpoint(endpoint)
        .retries(0)
}

/// What became of a call, whatever its provider.
#[derive(Debug)]
struct Outcome(Result<String, (ErrorKind, bool, String)>);

impl Outcome {
    fn of<T: Debug, D>(result: Result<T, Error<D>>) -> Self {
        Self(match result {
            Ok(answer) => Ok(format!("{answer:?}")),
            Err(error) => Err((error.kind(), error.may_have_run(), error.to_string())),
        })
    }

    #[track_caller]
    fn kind(&self) -> ErrorKind {
        self.0.as_ref().expect_err("the call fails").0
    }
}

/// Makes a call of each provider with these options, once by the builder's setters and once by
/// `with_options`.
macro_rules! calls {
    ([$tat:expr, $zstack:expr, $cci:expr], $($setter:ident($($argument:expr),*)),*) => {{
        let (tat, zstack, cci) = (&$tat, &$zstack, &$cci);
        let options = || CallOptions::new()$(.$setter($($argument),*))*;
        let uuid = "0".repeat(32);
        vec![
            Outcome::of(tat.describe_regions()$(.$setter($($argument),*))*.send().await),
            Outcome::of(tat.with_options(options()).describe_regions().send().await),
            Outcome::of(zstack.validate_session(&uuid)$(.$setter($($argument),*))*.send().await),
            Outcome::of(zstack.with_options(options()).validate_session(&uuid).send().await),
            Outcome::of(cci.read_pod("default", "web")$(.$setter($($argument),*))*.send().await),
            Outcome::of(cci.with_options(options()).read_pod("default", "web").send().await),
        ]
    }};
}

/// The answer that the provider of a request documents.
fn body(request: &guestexec_testkit::peer::Request) -> &'static str {
    match request.path() {
        "/" => REGIONS,
        path if path.contains("sessions") => SESSION,
        _ => POD,
    }
}

async fn peer() -> Peer {
    Peer::answering(|request, _| Answer::json("200 OK", body(request))).await
}

#[tokio::test]
async fn a_header_of_a_call_arrives() {
    let peer = peer().await;
    let at = &*peer.endpoint;
    let clients = [tat(at).build().unwrap()];
    let (zstack, cci) = (zstack(at).build().unwrap(), cci(at).build().unwrap());
    let outcomes = calls!([clients[0], zstack, cci], header("traceparent", "00-1-2-01"));
    for outcome in &outcomes {
        assert!(outcome.0.is_ok(), "{outcome:?}");
    }
    let requests = peer.requests();
    assert_eq!(requests.len(), outcomes.len());
    for request in requests {
        assert_eq!(request.header("traceparent"), Some("00-1-2-01"), "{}", request.head);
    }
}

#[tokio::test]
async fn headers_that_cannot_be_added_are_refused_before_anything_is_sent() {
    let peer = peer().await;
    let at = &*peer.endpoint;
    let tat = tat(at).build().unwrap();
    let (zstack, cci) = (zstack(at).build().unwrap(), cci(at).build().unwrap());
    for (name, value, says) in [
        ("accept", "text/html", "set by the client itself"),
        ("Host", "elsewhere.example", "set by the client itself"),
        ("Connection", "close", "set by the client itself"),
        ("Content-Length", "1", "set by the client itself"),
        ("Transfer-Encoding", "chunked", "set by the client itself"),
        ("Upgrade", "h2c", "set by the client itself"),
        ("two words", "s3cret", "no valid name"),
        ("", "s3cret", "no valid name"),
        ("x-lines", "s3cret\r\nhost: elsewhere", "line breaks"),
    ] {
        for outcome in calls!([tat, zstack, cci], header(name, value)) {
            let (kind, may_have_run, text) = outcome.0.unwrap_err();
            assert_eq!((kind, may_have_run), (ErrorKind::InvalidRequest, false), "{text}");
            assert!(text.contains(says) && !text.contains("s3cret"), "{name}: {text}");
        }
    }
    for result in [
        Outcome::of(tat.describe_regions().header("authorization", "mine").send().await),
        Outcome::of(tat.describe_regions().header("X-TC-Region", "mine").send().await),
        Outcome::of(tat.run_command("reboot", ["ins-1"]).header("host", "mine").send().await),
        Outcome::of(zstack.log_out("0".repeat(32)).header("Authorization", "mine").send().await),
        Outcome::of(
            zstack
                .execute_guest_vm_command("0".repeat(32), "Linux", "reboot")
                .header("X-Job-UUID", "mine")
                .send()
                .await,
        ),
        Outcome::of(cci.list_pods("default").header("X-Auth-Token", "mine").send().await),
        Outcome::of(cci.exec_in_pod("a", "b").command(["id"]).header("upgrade", "x").send().await),
    ] {
        assert_eq!(result.kind(), ErrorKind::InvalidRequest, "{result:?}");
    }
    assert!(peer.requests().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn a_call_ends_by_its_own_timeout() {
    let peer = Peer::answering(|_, _| Answer::silence()).await;
    let at = &*peer.endpoint;
    let tat = tat(at).call_timeout(LONG).build().unwrap();
    let zstack = zstack(at).call_timeout(LONG).build().unwrap();
    let cci = cci(at).call_timeout(LONG).build().unwrap();
    for outcome in calls!([tat, zstack, cci], call_timeout(Duration::from_millis(50))) {
        assert_eq!(outcome.kind(), ErrorKind::Timeout, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_call_holds_for_a_custom_transport() {
    let tape = Tape::new();
    let tape = (0..6).fold(tape, |tape, _| tape.reply(Reply::pending()));
    let at = "http://127.0.0.1:9";
    let tat = tat(at).call_timeout(LONG).transport(tape.clone()).build().unwrap();
    let zstack = zstack(at).call_timeout(LONG).transport(tape.clone()).build().unwrap();
    let cci = cci(at).call_timeout(LONG).transport(tape.clone()).build().unwrap();
    let begin = tokio::time::Instant::now();
    for outcome in calls!([tat, zstack, cci], call_timeout(7 * SECOND)) {
        assert_eq!(outcome.kind(), ErrorKind::Timeout, "{outcome:?}");
    }
    assert_eq!(begin.elapsed(), 6 * 7 * SECOND);
}

#[tokio::test]
async fn options_of_a_call_come_before_those_of_its_client() {
    let peer = peer().await;
    let client = tat(&peer.endpoint).build().unwrap();
    let held = CallOptions::new().header("x-both", "client").header("x-client", "client");
    let client = client.with_options(held.clone().call_timeout(LONG));
    let answer = client.describe_regions().header("X-Both", "call").send().await.unwrap();
    assert_eq!(answer.total_count, Some(0));
    let request = &peer.requests()[0];
    let both: Vec<_> =
        request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-both")).collect();
    assert!(matches!(both[..], [(_, value)] if value == "call"), "{}", request.head);
    assert_eq!(request.header("x-client"), Some("client"));

    // A client made of such a client keeps what is not set again.
    let client = client.with_options(CallOptions::new().header("x-client", "later"));
    client.describe_regions().send().await.unwrap();
    let request = &peer.requests()[1];
    assert_eq!(request.header("x-client"), Some("later"));
    assert_eq!(request.header("x-both"), Some("client"));
}

#[test]
fn no_debug_shows_the_value_of_a_header() {
    let options = CallOptions::new().header("x-session", "s3cret").retries(2);
    let at = "http://127.0.0.1:9";
    let tat = tat(at).build().unwrap();
    let cci = cci(at).build().unwrap();
    let zstack = zstack(at).build().unwrap();
    for shown in [
        format!("{options:?}"),
        format!("{:?}", tat.describe_regions().header("x-session", "s3cret")),
        format!("{:?}", cci.list_pods("default").header("x-session", "s3cret")),
        format!("{:?}", zstack.log_out("0").header("x-session", "s3cret")),
        format!("{:?}", tat.with_options(options.clone())),
        format!("{:?}", zstack.with_options(options.clone())),
        format!("{:?}", cci.with_options(options.clone())),
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[tokio::test]
async fn the_value_of_a_header_is_in_no_shape() {
    let tape = Tape::new().reply(json!({ "Response": { "TotalCount": 0, "RegionSet": [] } }));
    let client = tat("http://127.0.0.1:9").transport(tape.clone()).build().unwrap();
    client.describe_regions().header("x-session", "s3cret").send().await.unwrap();
    assert!(tape.to_string().contains("x-session: <secret>"), "{tape}");
}

#[tokio::test]
async fn a_raw_answer_has_every_byte_and_refusals_stay_errors() {
    // Spaces that a parser would drop, and a member that no document has.
    let regions = r#"{ "Response": {"New":[1.0],"RequestId":"r-1"} }"#;
    let peer = Peer::answering(move |request, _| {
        let body = match request.path() {
            "/" => regions,
            _ => body(request),
        };
        Answer::json("200 OK", body)
    })
    .await;
    let at = &*peer.endpoint;
    let answer = tat(at).build().unwrap().describe_regions().send_raw().await.unwrap();
    assert_eq!(&answer[..], regions.as_bytes());
    assert_eq!((answer.status(), answer.request_id()), (StatusCode::OK, Some("r-1")));
    let zstack = zstack(at).build().unwrap();
    let answer = zstack.validate_session("0".repeat(32)).send_raw().await.unwrap();
    assert_eq!(&answer[..], SESSION.as_bytes());
    let answer = cci(at).build().unwrap().read_pod("default", "web").send_raw().await.unwrap();
    assert_eq!(&answer[..], POD.as_bytes());
    assert_eq!(answer.headers()["content-type"], "application/json");

    let refusal = r#"{"Response":{"Error":{"Code":"AuthFailure","Message":"no"},"RequestId":"r"}}"#;
    let peer = Peer::answering(move |_, _| Answer::json("200 OK", refusal)).await;
    let refused = tat(&peer.endpoint).build().unwrap().describe_regions().send_raw().await;
    assert_eq!(refused.unwrap_err().code(), Some("AuthFailure"));
}

#[tokio::test]
async fn an_answer_has_the_vendors_id_of_its_request() {
    let reply = Reply::json(StatusCode::OK, &json!({ "metadata": { "name": "web" } }))
        .header("x-request-id", "c-1");
    let tape = Tape::new()
        .reply(json!({ "Response": { "TotalCount": 0, "RegionSet": [], "RequestId": "r-1" } }))
        .reply(reply);
    let at = "http://127.0.0.1:9";
    let tat = tat(at).transport(tape.clone()).build().unwrap();
    let answer = tat.describe_regions().send().await.unwrap();
    assert_eq!(answer.request_id(), Some("r-1"));
    let cci = cci(at).transport(tape.clone()).build().unwrap();
    let answer = cci.read_pod("default", "web").send().await.unwrap();
    assert_eq!(answer.request_id(), Some("c-1"));
}

/// A user's layer: it notes each attempt, and adds a header to it.
#[derive(Debug)]
struct Layer {
    inner: HttpTransport,
    seen: Mutex<Vec<(String, Result<u16, String>)>>,
}

impl Layer {
    fn new() -> Arc<Self> {
        let inner = HttpTransport::new(&HttpOptions::default()).unwrap();
        Arc::new(Self { inner, seen: Mutex::default() })
    }

    fn seen(&self) -> Vec<(String, Result<u16, String>)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Transport for Layer {
    fn execute(&self, operation: &'static Operation, mut request: Request) -> ResponseFuture<'_> {
        Box::pin(async move {
            let call = format!("{} {}", request.method(), operation.id);
            request.headers_mut().insert("x-layer", HeaderValue::from_static("yes"));
            let result = self.inner.execute(operation, request).await;
            let told = result.as_ref().map(|response| response.status().as_u16());
            let told = told.map_err(ToString::to_string);
            self.seen.lock().unwrap().push((call, told));
            result
        })
    }
}

#[tokio::test]
async fn a_layer_around_the_http_transport_sees_each_attempt() {
    let peer = Peer::answering(|request, before| match before {
        0 => Answer::closed(),
        _ => Answer::json("200 OK", body(request)),
    })
    .await;
    let (at, layer) = (&*peer.endpoint, Layer::new());
    let tat = tat(at).retries(2).transport(layer.clone()).build().unwrap();
    tat.describe_regions().send().await.unwrap();
    let seen = layer.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|(call, _)| call == "POST DescribeRegions"), "{seen:?}");
    let lost = seen[0].1.as_ref().unwrap_err();
    assert!(lost.contains("connection ended") && !lost.contains(at), "{lost}");
    assert_eq!(seen[1].1, Ok(200));

    let zstack = zstack(at).transport(layer.clone()).build().unwrap();
    zstack.validate_session("0".repeat(32)).send().await.unwrap();
    let cci = cci(at).transport(layer.clone()).build().unwrap();
    cci.read_pod("default", "web").send().await.unwrap();
    assert_eq!(layer.seen().len(), 2);
    assert!(peer.requests().iter().all(|request| request.header("x-layer") == Some("yes")));
}

/// A transport that fails as a user's program says.
#[derive(Debug)]
struct Failing(fn() -> TransportError, Mutex<usize>);

impl Transport for Failing {
    fn execute(&self, _: &'static Operation, _: Request) -> ResponseFuture<'_> {
        *self.1.lock().unwrap() += 1;
        Box::pin(async { Err((self.0)()) })
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_users_transport_decides_what_is_sent_again() {
    type Case = (fn() -> TransportError, ErrorKind, bool, usize, &'static str);
    let cases: [Case; 3] = [
        (
            || TransportError::not_sent("the tunnel is down"),
            ErrorKind::Connect,
            false,
            3,
            "the tunnel is down",
        ),
        (
            || TransportError::lost(io::Error::other("the tunnel broke")),
            ErrorKind::Lost,
            true,
            1,
            "the tunnel broke",
        ),
        (TransportError::timed_out, ErrorKind::Timeout, true, 1, "deadline"),
    ];
    for (fail, kind, may_have_run, sent, says) in cases {
        let at = "http://127.0.0.1:9";
        let [of_tat, of_zstack, of_cci] = [(); 3].map(|()| Arc::new(Failing(fail, Mutex::new(0))));
        let tat = tat(at).retries(2).transport(of_tat.clone()).build().unwrap();
        let tat = Outcome::of(tat.run_command("reboot", ["ins-1"]).send().await);
        let zstack = zstack(at).retries(2).transport(of_zstack.clone()).build().unwrap();
        let run = zstack.execute_guest_vm_command("0".repeat(32), "Linux", "reboot");
        let zstack = Outcome::of(run.send().await);
        let cci = cci(at).retries(2).transport(of_cci.clone()).build().unwrap();
        let cci = Outcome::of(cci.exec_in_pod("default", "web").command(["id"]).send().await);
        for transport in [of_tat, of_zstack, of_cci] {
            assert_eq!(*transport.1.lock().unwrap(), sent, "{says}");
        }
        for outcome in [tat, zstack, cci] {
            let (is, may, text) = outcome.0.unwrap_err();
            assert_eq!((is, may), (kind, may_have_run), "{text}");
            assert!(text.contains(says), "{text}");
        }
    }
}

/// A transport that answers with a response of its own.
#[derive(Debug)]
struct Canned;

impl Transport for Canned {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        assert_eq!(request.method(), "POST");
        assert!(!format!("{request:?}").contains("Credential"), "{request:?}");
        let json = HeaderValue::from_static("application/json");
        let response =
            Response::new(StatusCode::OK, REGIONS).with_header(http::header::CONTENT_TYPE, json);
        Box::pin(async { Ok(response) })
    }
}

#[tokio::test]
async fn a_transport_may_answer_by_itself() {
    let client = tat("http://127.0.0.1:9").transport(Canned).build().unwrap();
    let answer = client.describe_regions().send().await.unwrap();
    assert_eq!(answer.request_id(), Some("r-1"));
    assert_eq!(answer.headers()["content-type"], "application/json");
}
