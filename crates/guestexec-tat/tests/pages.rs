//! Lists that are read in pages.

#![allow(clippy::unwrap_used)]

use guestexec_tat::{Client, Credentials, ErrorKind};
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::{Value, json};

fn client(tape: &Tape) -> Client {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "very-secret"))
        .region("ap-guangzhou")
        .retries(0)
        .transport(tape.clone())
        .build()
        .unwrap()
}

/// A page of invocations with these ids, or odd things in their place, of so many in all.
fn page(set: Value, total: u64) -> Reply {
    let answer = json!({ "InvocationSet": set, "TotalCount": total, "RequestId": "r-1" });
    json!({ "Response": answer }).into()
}

fn named(id: &str) -> Value {
    json!({ "InvocationId": id })
}

/// What was asked for: the offset of each request.
fn offsets(tape: &Tape) -> Vec<Option<u64>> {
    let requests = tape.requests();
    requests.iter().map(|request| request.body.as_ref().unwrap()["Offset"].as_u64()).collect()
}

#[tokio::test]
async fn a_page_is_asked_for_when_the_one_before_was_taken() {
    let tape = Tape::new()
        .reply(page(json!([named("inv-1"), named("inv-2")]), 5))
        .reply(page(json!([named("inv-3"), 7]), 5))
        .reply(page(json!([named("inv-5")]), 5));
    let client = client(&tape);
    let mut pages = client.describe_invocations().limit(2).pages();
    assert_eq!(tape.requests().len(), 0);
    let first = pages.next().await.unwrap().unwrap();
    assert_eq!((first.invocation_set.len(), first.request_id.as_deref()), (2, Some("r-1")));
    assert_eq!(tape.requests().len(), 1);
    // What cannot be read counts, or the next page would have it again.
    assert_eq!(pages.next().await.unwrap().unwrap().invocation_set.len(), 1);
    assert_eq!(pages.next().await.unwrap().unwrap().invocation_set.len(), 1);
    assert!(pages.next().await.is_none() && pages.next().await.is_none());
    assert_eq!(offsets(&tape), [None, Some(2), Some(4)]);
    tape.assert_complete();
}

#[tokio::test]
async fn a_list_ends_where_a_page_is_empty_whatever_the_total_says() {
    let tape = Tape::new().reply(page(json!([named("inv-21")]), 100)).reply(page(Value::Null, 100));
    let ids: Vec<_> = client(&tape)
        .describe_invocations()
        .offset(20)
        .items()
        .all()
        .await
        .unwrap()
        .into_iter()
        .filter_map(|invocation| invocation.invocation_id)
        .collect();
    assert_eq!(ids, ["inv-21"]);
    assert_eq!(offsets(&tape), [Some(20), Some(21)]);
}

#[tokio::test]
async fn an_error_ends_a_list_and_takes_nothing_back() {
    let tape = Tape::new()
        .reply(page(json!([named("inv-1")]), 2))
        .reply(Reply::text(StatusCode::BAD_GATEWAY, "no"));
    let client = client(&tape);
    let mut items = client.describe_invocations().items();
    assert_eq!(items.next().await.unwrap().unwrap().invocation_id.as_deref(), Some("inv-1"));
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(items.next().await.is_none());
    // A limit of the page is checked before anything is sent.
    let asked = tape.requests().len();
    let mut items = client.describe_invocations().limit(1000).items();
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(tape.requests().len(), asked);
}

#[tokio::test]
async fn a_list_that_is_dropped_in_mid_page_asks_no_more() {
    let tape =
        Tape::new().reply(page(json!([named("inv-1"), named("inv-2")]), 9)).reply(Reply::pending());
    let client = client(&tape);
    let mut items = client.describe_invocations().items();
    items.next().await.unwrap().unwrap();
    items.next().await.unwrap().unwrap();
    {
        // The page is asked for, and nobody waits for it.
        let third = items.next();
        tokio::pin!(third);
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        assert!(std::future::Future::poll(third.as_mut(), &mut context).is_pending());
    }
    assert_eq!(tape.requests().len(), 2);
    drop(items);
    assert_eq!(tape.requests().len(), 2);
}
