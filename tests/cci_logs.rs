//! A session's input and output are in no log, whatever the level.

#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use guestexec_cci::{Client, Credentials, ExecTransport};
use guestexec_sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Collects what every crate logs.
struct Kept(Mutex<String>);

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

static KEPT: Kept = Kept(Mutex::new(String::new()));

#[tokio::test]
async fn input_and_output_are_in_no_log_at_trace() {
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let client = Client::builder()
        .endpoint(cci.endpoint())
        .credentials(Credentials::token(cci.token()))
        .build()
        .unwrap();
    for transport in
        [ExecTransport::WebSocketV4, ExecTransport::WebSocketV5, ExecTransport::SpdyPost]
    {
        let exec = client.pod(cci.namespace(), cci.pod()).exec(["head", "-c", "12"]);
        let mut child = exec.transport(transport).stdin_piped().spawn().await.unwrap();
        child.stdin.as_mut().unwrap().write_all(b"canaryCANARY").await.unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).await.unwrap();
        assert_eq!(output, "canaryCANARY", "{transport:?}");
        assert!(child.wait().await.unwrap().success());
    }
    log::trace!("the logger works");
    let kept = KEPT.0.lock().unwrap();
    assert!(kept.contains("the logger works"));
    for trace in ["canary", "CANARY", "63616e617279", "43414e415259", "99, 97, 110, 97, 114, 121"] {
        assert!(!kept.contains(trace), "{trace}: {kept}");
    }
}
