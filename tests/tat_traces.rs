//! Clients trace every attempt, and no secret. Each test needs its own process, because whether a
//! trace point is enabled is cached for all threads.

#![allow(clippy::unwrap_used)]

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use guestexec_cci::operations::READ_POD;
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client, Credentials, types};
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::operations::VALIDATE_SESSION;
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
        "attempt=1",
        // A refusal comes with 200.
        "status=200 code=",
        "request_id=\"",
        "elapsed_ms=",
        "code=\"ResourceNotFound.InstanceNotFound\"",
    ] {
        assert!(text.contains(says), "`{says}` is not in:\n{text}");
    }
    for secret in [key, token, "private", "cHJpdmF0ZS", "TC3-HMAC"] {
        assert!(!text.contains(secret), "`{secret}` is in:\n{text}");
    }

    // Of an attempt that is followed by another, the trace has the reason and the pause, for all clients.
    tokio::time::pause();
    let tape = Tape::new()
        .on(READ_POD, Reply::text(StatusCode::BAD_GATEWAY, "private").header("retry-after", "3"))
        .on(VALIDATE_SESSION, Reply::lost());
    let key = guestexec_cci::Credentials::access_key("example", "private-key");
    let cci = guestexec_cci::Client::builder().region("cn-north-4").credentials(key);
    let cci = cci.transport(tape.clone()).build().unwrap();
    cci.read_pod("ns", "web-0").send().await.unwrap_err();
    let key = guestexec_zstack::Credentials::access_key("example", "private-key");
    let zstack =
        guestexec_zstack::Client::builder().endpoint("http://127.0.0.1:1").credentials(key);
    let zstack = zstack.transport(tape).build().unwrap();
    zstack.validate_session("5e551000000000005e55100000000000").send().await.unwrap_err();
    let text = log.0.lock().unwrap().clone();
    let attempts = |operation: &str| -> Vec<String> {
        let is_attempt = |line: &&str| line.contains("attempt=") && line.contains(operation);
        text.lines().filter(is_attempt).map(str::to_owned).collect()
    };
    let [read, validated] =
        [READ_POD, VALIDATE_SESSION].map(|of| attempts(&format!("operation=\"{}\"", of.id)));
    assert_eq!((read.len(), validated.len()), (4, 4), "{text}");
    for (number, line) in read.iter().enumerate() {
        assert!(line.contains(&format!("attempt={}", number + 1)), "{line}");
        assert!(line.contains("status=502") && line.contains("kind=\"unavailable\""), "{line}");
        assert_eq!(line.contains("retry_in_ms=3000"), number < 3, "{line}");
    }
    assert!(
        validated.iter().all(|line| line.contains("kind=\"lost\"") && !line.contains("status"))
    );
    assert!(!text.contains("private"), "{text}");
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
