//! Tencent TAT.

use guestexec_core::{Counts, Operation, Retries, Transport};
use guestexec_tat::{Client, ClientBuilder, Credentials, operations::*};
use guestexec_testkit::{Reply, Tape};
use serde_json::json;

use crate::{Call, Headers, Ticking, by_kind, ended, passes, shares_and_stops};

pub fn builder() -> ClientBuilder {
    Client::builder().credentials(Credentials::new("AKIDexample", "s3cr3t")).region("ap-guangzhou")
}

impl crate::Client for Client {
    fn new(tape: impl Transport + 'static, retries: Retries) -> Self {
        builder().rate(None).transport(tape).retries(retries).build().unwrap()
    }

    fn counts(&self) -> Counts {
        self.counts()
    }
}

const READ: Call<Client> =
    (&DESCRIBE_REGIONS, |client| Box::pin(async { ended(client.describe_regions().send().await) }));
const CHANGE: Call<Client> = (&DELETE_COMMAND, |client| {
    Box::pin(async { ended(client.delete_command("cmd-12345678").send().await) })
});
const START: Call<Client> = (&RUN_COMMAND, |client| {
    Box::pin(async { ended(client.run_command("true", ["ins-12345678"]).send().await) })
});
const RUN: Call<Client> = (&RUN_COMMAND, |client| {
    Box::pin(async { ended(client.instances(["ins-12345678"]).run("true").await) })
});

#[tokio::test(start_paused = true)]
async fn kinds() {
    by_kind(READ, true).await;
    by_kind(CHANGE, false).await;
    by_kind(START, false).await;
    by_kind(RUN, false).await;
}

#[tokio::test(start_paused = true)]
async fn waits() {
    let regions = json!({ "Response": { "TotalCount": 0, "RegionSet": [], "RequestId": "r" } });
    passes(READ, regions.into()).await;
}

#[tokio::test(start_paused = true)]
async fn limits() {
    shares_and_stops(READ).await;
    shares_and_stops(START).await;
}

/// An attempt that failed is signed anew.
#[tokio::test(start_paused = true)]
async fn signatures() {
    let headers = Headers::new(Tape::new().on(DESCRIBE_REGIONS, Reply::lost()));
    let client = builder().clock(Ticking::default()).transport(headers.clone()).build().unwrap();
    client.describe_regions().send().await.unwrap_err();
    assert_eq!(headers.different("authorization"), 4);
    assert_eq!(headers.different("x-tc-timestamp"), 4);
}

/// The service's own words come with status 200.
#[tokio::test(start_paused = true)]
async fn codes() {
    let refusal = |code: &str| {
        let error = json!({ "Code": code, "Message": "No." });
        Reply::from(json!({ "Response": { "Error": error, "RequestId": "r-1" } }))
    };
    for (code, reads, starts) in [
        ("InternalError", 4..5, 1..2),
        ("ServiceUnavailable.New", 4..5, 1..2),
        ("RequestLimitExceeded", 6..99, 6..99),
        ("InvalidParameter", 1..2, 1..2),
        ("ResourceNotFound", 1..2, 1..2),
    ] {
        for ((operation, call), made) in [(READ, reads), (START, starts)] {
            let tape = Tape::new().on(operation, refusal(code));
            let client = <Client as crate::Client>::new(tape.clone(), Retries::new());
            call(&client).await.unwrap_err();
            assert!(made.contains(&tape.requests().len()), "{code} {}", id(operation));
        }
    }
}

fn id(operation: &Operation) -> &str {
    operation.id
}
