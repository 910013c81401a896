//! The examples, as programs against the sandbox.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../../../tests/common/examples.rs"]
mod programs;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::Stdio,
};

use guestexec_sandbox::Sandbox;
use programs::{example, run};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn three_clouds_share_one_function_and_one_error() {
    let sandbox = Sandbox::start().await.unwrap();
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    let good = [
        format!("tat:{}", tat.instances()[0]),
        format!("zstack:{}", zstack.vm_uuid()),
        format!("cci:{}/{}", cci.namespace(), cci.pod()),
    ];
    let bad = [
        format!("tat:{}", tat.offline_instance()),
        format!("zstack:{}", "0".repeat(32)),
        format!("cci:{}/none", cci.namespace()),
    ];
    let targets = good.iter().chain(&bad).map(String::as_str);
    let done = run(&sandbox, "three_clouds", ["printf 42; exit 3"].into_iter().chain(targets));
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{done:?}");
    for (target, line) in good.iter().zip(&lines) {
        assert_eq!(*line, format!("{target} exited with 3: 42"));
    }
    for (target, line) in bad.iter().zip(&lines[3..]) {
        assert!(line.starts_with(&format!("{target}: ")), "{line}");
        assert!(line.ends_with(" (may have run: false)"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opentelemetry_exports_the_spans_of_one_trace() {
    let sandbox = Sandbox::start().await.unwrap();
    let [instance, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let done = run(&sandbox, "opentelemetry", [&**instance, "printf private"]);
    assert!(done.stdout.contains(&format!("{instance} exited with 0\n")), "{done:?}");
    let all = |name: &str| {
        let lines = done.stdout.lines().filter_map(|line| line.trim().split_once(':'));
        let of_it = lines.filter(|(key, _)| key.trim() == name);
        of_it.map(|(_, value)| value.trim().to_owned()).collect::<Vec<_>>()
    };
    let names = all("Name");
    for name in ["patch", "command", "POST RunCommand", "POST DescribeInvocations"] {
        assert!(names.iter().any(|known| known.trim_matches('"') == name), "{name}: {done:?}");
    }
    let mut traces = all("TraceId");
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 1, "{done:?}");
    assert!(done.stdout.contains("server.address") && !done.stdout.contains("private"), "{done:?}");
}

/// Ends the program, also where an assertion fails.
struct Service(std::process::Child);

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Sends a command to the service, and returns the status and the JSON of the answer.
fn post(address: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn web_service_answers_with_results_and_errors_as_json() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut command = example(&sandbox, "web_service");
    let mut service = Service(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap();

    let [instance, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let (status, result) = post(address, &format!("/tat/{instance}"), "echo out; exit 3");
    assert_eq!(
        (status, &result["exit_code"], &result["output"]),
        (200, &json!(3), &json!("out\n"))
    );
    let vm = format!("/zstack/{}", sandbox.zstack().vm_uuid());
    let (status, result) = post(address, &vm, "echo err >&2");
    assert_eq!(
        (status, &result["exit_code"], &result["stderr"]),
        (200, &json!(0), &json!("err\n"))
    );

    let (status, error) = post(address, "/tat/no-instance", "uptime");
    assert_eq!(
        (status, &error["kind"], &error["provider"]),
        (400, &json!("refused"), &json!("tat"))
    );
    let unknown = format!("/zstack/{}", "0".repeat(32));
    let (_, error) = post(address, &unknown, "uptime");
    assert_eq!((&error["provider"], &error["may_have_run"]), (&json!("zstack"), &json!(false)));
}
