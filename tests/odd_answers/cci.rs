//! CCI: errors in its three forms and in IAM's, tokens, and lists of pods.

use guestexec_cci::{Client, Credentials};
use guestexec_core::ErrorKind;
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::{Value, json};

use crate::{Mutation, mutations};

fn builder(tape: &Tape) -> guestexec_cci::ClientBuilder {
    Client::builder().region("cn-north-4").transport(tape.clone())
}

pub fn on(tape: &Tape) -> Client {
    builder(tape).credentials(Credentials::token("token")).build().unwrap()
}

fn reply(status: u16, mutation: &Mutation) -> Reply {
    let status = StatusCode::from_u16(status).unwrap();
    Reply::bytes(status, "application/json", mutation.body.clone())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_keeps_its_code_whatever_its_other_members_are() {
    let forms: [(Value, &str, &str); 4] = [
        (
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "no such pod", "reason": "NotFound", "code": 404,
                "details": { "name": "demo", "kind": "pods", "causes": [{ "reason": "a" }] },
            }),
            "/reason",
            "NotFound",
        ),
        (
            json!({ "errorCode": "CCI.02.404", "message": "gone", "reason": "x", "code": 404 }),
            "/errorCode",
            "CCI.02.404",
        ),
        (
            json!({ "error_code": "APIG.0301", "error_msg": "no", "request_id": "r" }),
            "/error_code",
            "APIG.0301",
        ),
        (
            json!({ "error": { "code": 1101, "message": "no", "title": "Not Found" } }),
            "/error/code",
            "1101",
        ),
    ];
    for (document, place, code) in forms {
        for mutation in mutations(&document) {
            let shown = mutation.shown();
            let tape = Tape::new().reply(reply(404, &mutation));
            let error = on(&tape).pod("default", "demo").get().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{shown}: {error}");
            assert_eq!(error.status(), Some(StatusCode::NOT_FOUND), "{shown}");
            if !place.starts_with(&mutation.pointer) {
                assert_eq!(error.code(), Some(code), "{shown}: {error}");
                assert!(error.detail().is_some(), "{shown}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_used_whatever_the_body_says() {
    let token = json!({ "token": {
        "expires_at": "2030-01-02T00:00:00.000000Z", "issued_at": "2030-01-01T00:00:00.000000Z",
        "methods": ["password"], "user": { "name": "u", "domain": { "id": "d" } }, "roles": [{}],
    } });
    let mut bodies: Vec<Mutation> = mutations(&token);
    for body in ["", "[]", "<html>", "null", "5"] {
        let pointer = "/token".to_owned();
        bodies.push(Mutation { pointer, put: body.into(), body: body.into() });
    }
    for mutation in bodies {
        let shown = mutation.shown();
        let pod = json!({ "metadata": { "name": "demo" } });
        let tape =
            Tape::new().reply(reply(201, &mutation).header("x-subject-token", "t")).reply(pod);
        let login = Credentials::password("domain", "user", "password", "cn-north-4");
        let client = builder(&tape).credentials(login).build().unwrap();
        let pod = client.pod("default", "demo").get().await;
        let pod = pod.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(pod.metadata.unwrap().name.as_deref(), Some("demo"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_may_continue_is_never_taken_for_complete() {
    let part = json!({
        "metadata": { "continue": "more", "resourceVersion": "5", "remainingItemCount": 1 },
        "items": [{ "metadata": { "name": "a" } }, { "metadata": { "name": "b" } }],
    });
    let rest = json!({ "metadata": {}, "items": [{ "metadata": { "name": "c" } }] });
    for mutation in mutations(&part) {
        let shown = mutation.shown();
        let tape = Tape::new().reply(reply(200, &mutation)).reply(rest.clone());
        match on(&tape).pods("default").list().await {
            Ok(pods) => {
                let ends = ["/metadata", "/metadata/continue"].contains(&mutation.pointer.as_str());
                let whole = tape.unplayed() == 0;
                let nothing =
                    mutation.is_nothing() || [&b"\"\""[..], b"{}"].contains(&&*mutation.put);
                let other = mutation.put.starts_with(b"{\"Code");
                assert!(whole || (ends && (nothing || other)), "{shown}");
                if !mutation.pointer.starts_with("/items") {
                    assert_eq!(pods.len(), if whole { 3 } else { 2 }, "{shown}");
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Protocol, "{shown}: {error}");
                let decides = ["/metadata", "/metadata/continue", "/items"];
                assert!(decides.contains(&mutation.pointer.as_str()), "{shown}: {error}");
            }
        }
    }
}
