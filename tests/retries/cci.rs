//! Huawei CCI.

use guestexec_cci::{Client, ClientBuilder, Credentials, ExecTransport, operations::*, types};
use guestexec_core::{Counts, ErrorKind, Retries, Transport};
use guestexec_testkit::{ExecScript, Reply, StatusCode, Tape};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    Call, Headers, SECOND, Ticking, by_kind, ended, passes, requests, shares_and_stops, status,
};

pub fn builder() -> ClientBuilder {
    Client::builder().region("cn-north-4").credentials(Credentials::access_key("example", "s3cr3t"))
}

impl crate::Client for Client {
    fn new(tape: impl Transport + 'static, retries: Retries) -> Self {
        builder().transport(tape).retries(retries).build().unwrap()
    }

    fn counts(&self) -> Counts {
        self.counts()
    }
}

const READ: Call<Client> =
    (&READ_POD, |client| Box::pin(async { ended(client.read_pod("ns", "web-0").send().await) }));
const LIST: Call<Client> =
    (&LIST_PODS, |client| Box::pin(async { ended(client.list_pods("ns").send().await) }));
const TOKEN: Call<Client> = (&CREATE_USER_TOKEN, |client| {
    Box::pin(async {
        let user = types::IamPasswordUser::new(types::IamUserDomain::new("account"), "u", "s3cr3t");
        let identity = types::IamIdentity::new([guestexec_cci::enums::IamAuthMethod::Password])
            .password(types::IamPassword::new(user));
        ended(client.create_user_token(types::IamAuth::new(identity)).send().await)
    })
});
const EXEC: Call<Client> = (&EXEC_IN_POD, |client| {
    Box::pin(async { ended(client.pod("ns", "web-0").exec(["true"]).output().await) })
});
const POST: Call<Client> = (&EXEC_IN_POD_BY_POST, |client| {
    Box::pin(async {
        let pod = client.pod("ns", "web-0");
        ended(pod.exec(["true"]).transport(ExecTransport::SpdyPost).output().await)
    })
});

#[tokio::test(start_paused = true)]
async fn kinds() {
    by_kind(READ, true).await;
    by_kind(LIST, true).await;
    by_kind(TOKEN, false).await;
    by_kind(EXEC, false).await;
    by_kind(POST, false).await;
}

#[tokio::test(start_paused = true)]
async fn waits() {
    passes(LIST, json!({ "items": [] }).into()).await;
    // Kubernetes says it in the body, too.
    let body = json!({ "kind": "Status", "details": { "retryAfterSeconds": 8 } });
    let tape = Tape::new()
        .reply_to(LIST_PODS, Reply::json(StatusCode::TOO_MANY_REQUESTS, &body))
        .reply_to(LIST_PODS, json!({ "items": [] }));
    let client = builder().transport(tape.clone()).build().unwrap();
    let begin = Instant::now();
    client.list_pods("ns").send().await.unwrap();
    assert_eq!(begin.elapsed(), 8 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn limits() {
    shares_and_stops(READ).await;
    shares_and_stops(TOKEN).await;
}

/// A token that is fetched for a call is fetched by its own rules, and the call is not repeated for it.
#[tokio::test(start_paused = true)]
async fn tokens() {
    for (reply, made) in
        [(Reply::refused(), 4), (Reply::lost(), 1), (status(StatusCode::BAD_GATEWAY), 1)]
    {
        let tape = Tape::new().on(CREATE_USER_TOKEN, reply);
        let login = Credentials::password("account", "user", "s3cr3t", "cn-north-4");
        let client = builder().credentials(login).transport(tape.clone()).build().unwrap();
        client.read_pod("ns", "web-0").send().await.unwrap_err();
        assert_eq!(tape.requests().len(), made);
    }
}

/// Each attempt is signed anew, with a key of its own for the WebSocket.
#[tokio::test(start_paused = true)]
async fn signatures() {
    let headers = Headers::new(Tape::new().on(EXEC_IN_POD, Reply::refused()));
    let client = builder().clock(Ticking::default()).transport(headers.clone()).build().unwrap();
    EXEC.1(&client).await.unwrap_err();
    for name in ["x-sdk-date", "authorization", "sec-websocket-key"] {
        assert_eq!((headers.of(name).len(), headers.different(name)), (4, 4), "{name}");
    }
}

/// A throttled command is started by the attempt that is let through, within the handshake's time.
#[tokio::test(start_paused = true)]
async fn handshakes() {
    let busy = |seconds: &str| status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", seconds);
    let tape =
        Tape::new().reply_to(EXEC_IN_POD, busy("10")).on(EXEC_IN_POD, ExecScript::new().exit(0));
    let client = builder().transport(tape.clone()).build().unwrap();
    let begin = Instant::now();
    assert!(client.pod("ns", "web-0").exec(["true"]).output().await.unwrap().success());
    assert_eq!((begin.elapsed(), requests(&tape, &EXEC_IN_POD)), (10 * SECOND, 2));

    // A pause that would outlast it is not begun.
    let tape = Tape::new().on(EXEC_IN_POD, busy("20"));
    let client = builder().transport(tape.clone()).build().unwrap();
    let begin = Instant::now();
    let error = client.pod("ns", "web-0").exec(["true"]).output().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Throttled, false));
    assert_eq!((begin.elapsed(), requests(&tape, &EXEC_IN_POD)), (20 * SECOND, 2));
}
