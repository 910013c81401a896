//! Every violation of a request's schema is refused: each example of the documents with one fault in it.
//!
//! The services read requests into the generated types and check them with the clients' own validation, so
//! what the documents forbid is refused at any depth.

#![allow(clippy::unwrap_used)]

mod support;

use guestexec_sandbox::Sandbox;
use guestexec_tat::examples;
use serde_json::{Value, json};
use support::tat::{Call, call, code};

/// The paths of all objects (or of all leaves) in a value.
fn places(value: &Value, leaves: bool) -> Vec<String> {
    fn walk(value: &Value, path: &str, leaves: bool, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                if !leaves {
                    found.push(path.to_owned());
                }
                for (name, member) in members {
                    walk(member, &format!("{path}/{name}"), leaves, found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{path}/{index}"), leaves, found);
                }
            }
            _ if leaves => found.push(path.to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", leaves, &mut found);
    found
}

fn with(body: &Value, place: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = body.clone();
    change(changed.pointer_mut(place).unwrap());
    changed
}

#[tokio::test]
async fn an_unknown_member_or_a_wrong_type_anywhere_is_refused_by_tat() {
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let tat = sandbox.tat();
    let (mut members, mut types) = (0, 0);
    for example in examples::ALL {
        let body: Value = serde_json::from_str(example.body.unwrap()).unwrap();
        for place in places(&body, false) {
            let bad = with(&body, &place, |object| object["Unknown"] = json!(1));
            let answer = call(tat, example.operation, bad).await;
            assert_eq!(code(&answer), "UnknownParameter", "{} {place}", example.operation);
            let message = answer["Error"]["Message"].as_str().unwrap();
            assert!(message.contains("Unknown`"), "{place}: {message}");
            members += 1;
        }
        for place in places(&body, true) {
            for wrong in [json!({}), json!([]), json!([[]]), json!(1.5)] {
                let bad = with(&body, &place, |leaf| *leaf = wrong.clone());
                let answer = call(tat, example.operation, bad).await;
                let code = code(&answer);
                assert!(
                    code.starts_with("InvalidParameter"),
                    "{} {place}: {code}",
                    example.operation
                );
                types += 1;
            }
        }
    }
    assert!(members > 40 && types > 400, "{members} members, {types} types");
    assert!(tat.invocations().is_empty());
}

#[tokio::test]
async fn a_missing_member_is_refused_by_tat() {
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let tat = sandbox.tat();
    for (action, body) in [
        ("RunCommand", json!({ "Content": "bHM=" })),
        ("RunCommand", json!({ "InstanceIds": ["ins-a"] })),
        (
            "RunCommand",
            json!({ "Content": "bHM=", "InstanceIds": ["ins-a"], "Tags": [{ "Key": "a" }] }),
        ),
        ("InvokeCommand", json!({ "CommandId": "cmd-a" })),
        ("CreateCommand", json!({ "Content": "bHM=" })),
        ("DeleteCommand", json!({})),
        ("CancelInvocation", json!({})),
        ("DescribeInvocations", json!({ "Filters": [{ "Name": "invocation-id" }] })),
    ] {
        assert_eq!(code(&call(tat, action, body.clone()).await), "MissingParameter", "{body}");
    }
    // Bodies that are no JSON object, with a valid signature.
    for body in ["null", "[]", "1", "\"\"", "{\"Content\":"] {
        let answer = Call::new(tat).send(tat, "RunCommand", body.to_owned()).await;
        assert!(code(&answer).starts_with("InvalidParameter"), "{body}: {answer}");
    }
}

#[tokio::test]
async fn wrong_types_are_refused_by_zstack_and_by_iam() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = support::zstack::session(zstack).await;
    let good = support::zstack::params(zstack.vm_uuid(), "true");
    let mut refused = 0;
    for place in places(&good, true) {
        for wrong in [json!({}), json!([]), json!(1.5)] {
            let bad = with(&good, &place, |leaf| *leaf = wrong.clone());
            let exec = support::http()
                .put(format!("{}{}", zstack.endpoint(), support::zstack::EXEC))
                .header("authorization", format!("OAuth {session}"))
                .json(&bad);
            assert_eq!(exec.send().await.unwrap().status(), 400, "{bad}");
            refused += 1;
        }
    }
    assert_eq!(zstack.executions(zstack.vm_uuid()), 0);
    let cci = sandbox.cci();
    let good = json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": {
            "name": cci.user(), "password": cci.password(), "domain": { "name": cci.domain() },
        } } },
        "scope": { "project": { "name": cci.project() } },
    } });
    let log_in = async |body: &Value| {
        let url = format!("{}/v3/auth/tokens", cci.iam_endpoint());
        support::http().post(url).json(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(log_in(&good).await, 201);
    for place in places(&good, true) {
        for wrong in [json!({}), json!([[]]), json!(1.5)] {
            let bad = with(&good, &place, |leaf| *leaf = wrong.clone());
            assert_eq!(log_in(&bad).await, 400, "{bad}");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused}");
}
