//! ZStack.

use guestexec_core::{Counts, ErrorKind, Retries, Transport};
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{Client, ClientBuilder, Credentials, operations::*};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    Call, Headers, SECOND, Ticking, by_kind, empty, ended, passes, requests, shares_and_stops,
    status,
};

const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
const SESSION: &str = "fedcba9876543210fedcba9876543210";
const JOB: &str = "0123456789abcdef0123456789abcdef";

pub fn builder() -> ClientBuilder {
    Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .credentials(Credentials::access_key("example", "s3cr3t"))
}

impl crate::Client for Client {
    fn new(tape: impl Transport + 'static, retries: Retries) -> Self {
        builder().transport(tape).retries(retries).build().unwrap()
    }

    fn counts(&self) -> Counts {
        self.counts()
    }
}

const READ: Call<Client> = (&VALIDATE_SESSION, |client| {
    Box::pin(async { ended(client.validate_session(SESSION).send().await) })
});
const POLL: Call<Client> =
    (&GET_API_JOB, |client| Box::pin(async { ended(client.get_api_job(JOB).send().await) }));
const LOG_IN: Call<Client> = (&LOG_IN_BY_ACCOUNT, |client| {
    Box::pin(async { ended(client.log_in_by_account("admin", "a".repeat(128)).send().await) })
});
const LEAVE: Call<Client> =
    (&LOG_OUT, |client| Box::pin(async { ended(client.log_out(SESSION).send().await) }));
const RUN: Call<Client> = (&EXECUTE_GUEST_VM_COMMAND, |client| {
    Box::pin(async { ended(client.vm(VM).run("true").await) })
});

#[tokio::test(start_paused = true)]
async fn kinds() {
    by_kind(READ, true).await;
    by_kind(POLL, true).await;
    by_kind(LOG_IN, false).await;
    by_kind(LEAVE, true).await;
    by_kind(RUN, false).await;
}

#[tokio::test(start_paused = true)]
async fn waits() {
    passes(LEAVE, empty()).await;
}

#[tokio::test(start_paused = true)]
async fn limits() {
    shares_and_stops(READ).await;
    shares_and_stops(LOG_IN).await;
}

/// A session that is opened for a command is opened by the rules of a login.
#[tokio::test(start_paused = true)]
async fn logins() {
    for (reply, logins) in
        [(Reply::refused(), 4), (Reply::lost(), 1), (status(StatusCode::BAD_GATEWAY), 1)]
    {
        let tape = Tape::new().on(LOG_IN_BY_ACCOUNT, reply);
        let client = builder()
            .credentials(Credentials::password("admin", "s3cr3t"))
            .transport(tape.clone())
            .build()
            .unwrap();
        let error = client.vm(VM).run("true").await.unwrap_err();
        assert!(
            !error.may_have_run() && error.operation() == Some(LOG_IN_BY_ACCOUNT.id),
            "{error}"
        );
        assert_eq!(tape.requests().len(), logins);
    }
}

/// Each attempt is signed anew, under the same job.
#[tokio::test(start_paused = true)]
async fn signatures() {
    let headers = Headers::new(Tape::new().on(EXECUTE_GUEST_VM_COMMAND, Reply::refused()));
    let client = builder().clock(Ticking::default()).transport(headers.clone()).build().unwrap();
    client.vm(VM).run("true").await.unwrap_err();
    assert_eq!(headers.of("date").len(), 4);
    assert_eq!(headers.different("date"), 4);
    assert_eq!(headers.different("authorization"), 4);
    assert_eq!(headers.different("x-job-uuid"), 1);
}

/// The time limit of a run is its own, and polls are not multiplied.
#[tokio::test(start_paused = true)]
async fn runs() {
    let busy = status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "25");
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, busy);
    let client = builder().transport(tape.clone()).build().unwrap();
    let begin = Instant::now();
    let error = client.vm(VM).run("true").timeout(10 * SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    // The run gives up after 40 s, ten of the command and thirty of grace.
    assert_eq!((begin.elapsed(), tape.requests().len()), (25 * SECOND, 2));

    // A poll that fails is followed by the next one, and not retried besides.
    let started = json!({ "location": format!("http://zstack:8080/zstack/v1/api-jobs/{JOB}") });
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, Reply::json(StatusCode::ACCEPTED, &started))
        .on(GET_API_JOB, Reply::lost().times(20))
        .on(GET_API_JOB, json!({ "success": true, "stream": "" }));
    let client = builder().transport(tape.clone()).build().unwrap();
    client.vm(VM).run("true").unchecked().await.unwrap();
    assert_eq!(requests(&tape, &GET_API_JOB), 21);
    assert_eq!(client.counts().retried, 0);
}

/// A node answers 503 to whatever it refuses: that is no reason to ask again.
#[tokio::test(start_paused = true)]
async fn refusals() {
    for (code, made) in [("SYS.1007", 1), ("ID.1001", 1), ("SYS.1000", 1), ("SYS.1001", 4)] {
        let body = json!({ "error": { "code": code, "details": "no" } });
        let refusal = Reply::json(StatusCode::SERVICE_UNAVAILABLE, &body);
        let tape = Tape::new().on(VALIDATE_SESSION, refusal);
        let client = builder().transport(tape.clone()).build().unwrap();
        client.validate_session(SESSION).send().await.unwrap_err();
        assert_eq!(tape.requests().len(), made, "{code}");
    }
}
