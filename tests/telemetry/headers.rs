//! The headers by which a trace goes on at the service.

use std::sync::{Arc, Mutex};

use guestexec_core::{
    Endpoint, HttpOptions, HttpTransport, Operation, PlainHttp, Request, ResponseFuture, Transport,
};
use tracing::Span;

use super::{VM, collect, sandbox};

/// Keeps the trace's headers of each request.
#[derive(Clone, Debug)]
struct Watch {
    http: HttpTransport,
    seen: Seen,
}

type Seen = Arc<Mutex<Vec<(&'static str, Option<String>, Option<String>)>>>;

impl Transport for Watch {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let header = |name| {
            let mut values = request.headers().get_all(name).iter();
            let value = values.next().map(|value| value.to_str().unwrap().to_owned());
            assert!(values.next().is_none(), "{name} is there twice");
            value
        };
        let all = (operation.id, header("traceparent"), header("tracestate"));
        assert_ne!(header("host").as_deref(), Some("elsewhere"));
        self.seen.lock().unwrap().push(all);
        self.http.execute(operation, request)
    }
}

fn watch(endpoint: String) -> Watch {
    let endpoint = Endpoint::parse(&endpoint, PlainHttp::Loopback).unwrap();
    let http = HttpTransport::for_endpoints(&HttpOptions::default(), &[&endpoint]).unwrap();
    Watch { http, seen: Arc::default() }
}

/// The headers that an exporter would make of the current span, and what no request can have.
fn headers() -> Vec<(&'static str, String)> {
    let id = Span::current().id().map_or(0, |id| id.into_u64());
    vec![
        ("traceparent", format!("00-0af7651916cd43dd8448eb211c80319c-{id:016x}-01")),
        ("TraceState", "vendor=1".to_owned()),
        ("host", "elsewhere".to_owned()),
        ("authorization", "elsewhere".to_owned()),
        ("connection", "close".to_owned()),
        ("no name", "x".to_owned()),
        ("x-broken", "a\r\nb".to_owned()),
    ]
}

#[tokio::test]
async fn each_request_carries_on_the_span_of_its_call() {
    let sandbox = sandbox().await;
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    // What is signed is checked by the sandbox.
    let watches = [watch(tat.endpoint()), watch(zstack.endpoint()), watch(cci.endpoint())];
    let tat = guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .endpoint(tat.endpoint())
        .trace_headers(headers)
        .transport(watches[0].clone())
        .build()
        .unwrap();
    let key = guestexec_zstack::Credentials::access_key(
        zstack.access_key_id(),
        zstack.access_key_secret(),
    );
    let zstack = guestexec_zstack::Client::builder()
        .credentials(key)
        .endpoint(zstack.endpoint())
        .trace_headers(headers)
        .transport(watches[1].clone())
        .build()
        .unwrap();
    let key = guestexec_cci::Credentials::access_key(cci.access_key(), cci.secret_key());
    let cci = guestexec_cci::Client::builder()
        .credentials(key)
        .endpoint(cci.endpoint())
        .trace_headers(headers)
        .transport(watches[2].clone())
        .build()
        .unwrap();

    let (spans, guard) = collect();
    assert!(tat.instances(["ins-zj0f57ew"]).run("true").await.unwrap().success());
    assert!(zstack.vm(VM).run("true").await.unwrap().success());
    let pod = cci.pod("default", "demo");
    for transport in
        [guestexec_cci::ExecTransport::WebSocketV5, guestexec_cci::ExecTransport::SpdyPost]
    {
        assert!(pod.exec(["true"]).transport(transport).await.unwrap().success());
    }
    drop(guard);

    let all = spans.all();
    for watch in &watches {
        let seen = watch.seen.lock().unwrap().clone();
        assert!(!seen.is_empty());
        for (operation, parent, state) in seen {
            let parent = parent.unwrap();
            let id = u64::from_str_radix(parent.split('-').nth(2).unwrap(), 16).unwrap();
            let span = all.iter().find(|span| span.id == id && span.name == "call").unwrap();
            assert_eq!(span.fields.get("operation"), Some(operation));
            assert_eq!(state.as_deref(), Some("vendor=1"));
        }
    }
}

#[tokio::test]
async fn no_header_is_added_unasked_and_a_calls_own_comes_first() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let watch = watch(tat.endpoint());
    let builder = guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .endpoint(tat.endpoint())
        .transport(watch.clone());
    let plain = builder.clone().build().unwrap();
    plain.describe_regions().send().await.unwrap();
    let traced = builder.trace_headers(|| [("traceparent", "of the client")]).build().unwrap();
    traced.describe_regions().header("traceparent", "of the call").send().await.unwrap();
    traced.describe_regions().send().await.unwrap();
    let seen = watch.seen.lock().unwrap().clone();
    let seen: Vec<_> = seen.iter().map(|(_, parent, _)| parent.as_deref()).collect();
    assert_eq!(seen, [None, Some("of the call"), Some("of the client")]);
}
