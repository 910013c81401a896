//! The client traces every attempt, and no secret. Each test needs its own process, because whether a
//! trace point is enabled is cached for all threads.

#![allow(clippy::unwrap_used)]

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, Credentials, types};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Collects the events and spans of every level as lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Log {
    fn line(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line<'_>)) {
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "{} {}", metadata.level(), metadata.name());
        record(&mut Line(&mut text));
        text.push('\n');
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn every_attempt_is_traced_and_no_secret_is() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let sandbox = Sandbox::builder().tat_rate(None).tat_instances(1).start().await.unwrap();
    let tat = sandbox.tat();
    let (id, key, token) = tat.temporary_key();
    let client = Client::builder()
        .credentials(Credentials::new(id, key).with_security_token(token))
        .region(tat.region())
        .endpoint(tat.endpoint())
        .build()
        .unwrap();
    let run = client.instances(sandbox.tat().instances()).run("echo private-output {{x}}");
    assert!(run.parameter("x", "private-value").await.unwrap().success());
    client.instances(["ins-00000000"]).run("echo private-output").await.unwrap_err();

    let text = log.0.lock().unwrap().clone();
    for says in [
        "operation=\"RunCommand\"",
        "operation=\"DescribeInvocationTasks\"",
        "action=\"RunCommand\"",
        "attempt=1",
        "request_id=\"",
        "elapsed_ms=",
        "code=\"ResourceNotFound.InstanceNotFound\"",
    ] {
        assert!(text.contains(says), "`{says}` is not in:\n{text}");
    }
    for secret in [key, token, "private", "cHJpdmF0ZS", "TC3-HMAC"] {
        assert!(!text.contains(secret), "`{secret}` is in:\n{text}");
    }
}

#[test]
fn debug_of_the_types_shows_no_parameter_and_no_signed_url() {
    let request = types::RunCommandRequest::new("echo {{x}}", ["ins-zj0f57ew"])
        .enable_parameter(true)
        .parameters(r#"{"x":"private"}"#)
        .default_parameter_confs([types::DefaultParameterConf::new("y", "private")]);
    let result = serde_json::json!({
        "OutputUrl": "https://b.cos.example/log?q-signature=private", "ExitCode": 3,
    });
    let result: types::TaskResult = serde_json::from_value(result).unwrap();
    let shown = format!("{request:?} {result:?}");
    assert!(!shown.contains("private"), "{shown}");
    for told in
        ["ins-zj0f57ew", "Some(<redacted>)", "Some(3)", "parameters: Some(<redacted>)", "\"y\""]
    {
        assert!(shown.contains(told), "`{told}` is not in: {shown}");
    }
}
