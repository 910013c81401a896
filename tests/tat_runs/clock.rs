//! A wrong clock is corrected once, by the service's `Date`.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use guestexec_core::{Clock, ErrorKind};
use guestexec_tat::{Client, Credentials};
use guestexec_testkit::{Reply, Tape};
use reqwest::StatusCode;
use serde_json::json;

use crate::{builder, unhurried};

/// This machine's clock, off by some seconds.
#[derive(Debug)]
struct Wrong(i64);

impl Clock for Wrong {
    fn now(&self) -> SystemTime {
        let off = Duration::from_secs(self.0.unsigned_abs());
        let now = SystemTime::now();
        if self.0 < 0 { now - off } else { now + off }
    }
}

#[tokio::test]
async fn an_hour_off_is_found_and_corrected_once() {
    let sandbox = unhurried(1).await;
    for off in [-3600, 3600, 86_400] {
        let client = builder(&sandbox).clock(Wrong(off)).build().unwrap();
        let clone = client.clone();
        let on = client.instances(sandbox.tat().instances());
        assert!(on.run("true").await.unwrap().success(), "{off}");
        let requests = client.counts().requests;
        assert_eq!(client.counts().retried, 1, "{off}: it is corrected once");
        clone.describe_regions().send().await.unwrap();
        assert_eq!(client.counts().requests, requests + 1, "clones know it too");
    }
    // Concurrent calls that all find the clock wrong.
    let client = builder(&sandbox).clock(Wrong(-3600)).build().unwrap();
    for answer in join_all((0..16).map(|_| client.describe_regions().send())).await {
        answer.unwrap();
    }
    assert_eq!(client.counts().retried, 16);
}

#[tokio::test]
async fn a_second_refusal_is_returned() {
    let refusal = || {
        let error = json!({ "Code": "AuthFailure.SignatureExpire", "Message": "No." });
        let body = json!({ "Response": { "Error": error, "RequestId": "r" } });
        Reply::json(StatusCode::OK, &body).header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
    };
    let tape = Tape::new().reply(refusal()).reply(refusal()).reply(refusal());
    let client = Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .transport(tape.clone())
        .build()
        .unwrap();
    let error = client.instances(["ins-1"]).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(!error.may_have_run());
    assert_eq!(tape.requests().len(), 2);

    // A clock that is right is not corrected.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let tape = Tape::new().reply(refusal()).reply(refusal());
    let client = Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .clock(now)
        .transport(tape.clone())
        .build()
        .unwrap();
    client.describe_regions().send().await.unwrap_err();
    assert_eq!(tape.requests().len(), 1);
}
