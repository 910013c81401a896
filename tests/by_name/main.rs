//! Operations called by their names, with JSON: the same request as by their builders, every operation
//! against the sandbox, the pages of a list, and what is refused before anything is sent.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod flow;
mod refusals;

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use guestexec_core::Example;
use guestexec_testkit::Tape;
use serde_json::{Map, Value, json};

/// The time of every request.
fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_327_461)
}

/// The members of an object.
fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value} is no object") };
    members
}

/// The parameters and the body of an example.
fn given(example: &Example) -> (Map<String, Value>, Option<Value>) {
    let parameters = object(serde_json::from_str(example.parameters).unwrap());
    (parameters, example.body.map(|body| serde_json::from_str(body).unwrap()))
}

/// The tests of one provider. Each provider's client is its own type, so this is a macro.
macro_rules! provider {
    ($provider:ident, $crate_name:ident, $client:expr) => {
        mod $provider {
            use super::*;
            use $crate_name::{Client, by_name, examples, operations};

            #[tokio::test]
            async fn an_example_by_name_is_the_same_request() {
                let client: fn(Tape) -> Client = $client;
                let mut called = BTreeSet::new();
                for example in examples::ALL {
                    let (typed, named) =
                        (Tape::new().reply(json!({})), Tape::new().reply(json!({})));
                    let (parameters, body) = given(example);
                    let named_client = client(named.clone());
                    let id = example.operation;
                    let call = named_client.call_by_name(id, parameters, body);
                    let at = format!("{id}/{}", example.name);
                    if by_name::ALL.iter().any(|it| it.operation.id == id && it.is_upgrade) {
                        let error = call.unwrap_err().to_string();
                        assert!(error.contains("a live session"), "{at}: {error}");
                        continue;
                    }
                    // What the answers are is not looked at here.
                    let _ = call.unwrap_or_else(|error| panic!("{at}: {error}")).send().await;
                    let _ = examples::send(&client(typed.clone()), example).await;
                    assert_eq!(typed.requests(), named.requests(), "{at}");
                    assert_eq!(named.requests().len(), 1, "{at}");
                    called.insert(id);
                }
                for operation in by_name::ALL {
                    let id = operation.operation.id;
                    assert!(operation.is_upgrade || called.contains(id), "{id} has no example");
                }
            }

            #[test]
            fn the_table_has_every_operation_under_both_names() {
                assert_eq!(by_name::ALL.len(), operations::ALL.len());
                for operation in by_name::ALL {
                    let id = operation.operation.id;
                    for name in [id, operation.method, &id.to_uppercase()] {
                        let found = guestexec_core::NamedOperation::find(by_name::ALL, name);
                        assert_eq!(found.unwrap().operation.id, id, "{name}");
                    }
                    assert!(operation.summary.ends_with('.'), "{id}");
                }
            }
        }
    };
}

include!("../common/providers.rs");
