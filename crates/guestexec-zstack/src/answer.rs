//! Undocumented forms of successful answers, and their documented equivalents.
//!
//! Documented are 200 with the result and 202 with or without the address of a job.

use guestexec_core::{Operation, mark_as_error};
use http::Response;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::{error::error_in, operations};

/// Brings a successful answer to its documented form: one with an error becomes an error, and one about a
/// job that is still running becomes a 202. `of_run` says that the job is a command's, whose result is not empty.
pub(crate) fn documented(
    mut answer: Response<Vec<u8>>,
    operation: &Operation,
    of_run: bool,
) -> Response<Vec<u8>> {
    let is_final = answer.status() == StatusCode::OK;
    if is_final && error_in(answer.body(), false).is_some() {
        return mark_as_error(answer);
    }
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(answer.body()) else {
        // The status alone says that the job runs, or that the session was closed.
        if !is_final || *operation == operations::LOG_OUT {
            *answer.body_mut() = b"{}".to_vec();
        }
        return answer;
    };
    let of_command = operation.starts_command || *operation == operations::GET_API_JOB;
    // A job that has nothing to tell, such as a deletion's, ends with an empty object.
    let is_told = of_run || operation.starts_command || !members.is_empty();
    if of_command && is_final && is_told { of_job(answer, &members) } else { answer }
}

/// Documents a 200 about a command: without a result, it is a 202.
fn of_job(mut answer: Response<Vec<u8>>, members: &Map<String, Value>) -> Response<Vec<u8>> {
    let there = |name: &str| members.get(name).filter(|value| !value.is_null());
    if ["stream", "vmInstance", "success", "inventory"].iter().any(|name| there(name).is_some()) {
        return answer;
    }
    // The older message interface has a job's UUID, its state, and its result as JSON in a text.
    let is_done = there("state").is_some_and(|state| state == "Done");
    if let Some(event) = there("result").filter(|_| is_done).and_then(event) {
        *answer.body_mut() = event;
        return match error_in(answer.body(), false) {
            Some(_) => mark_as_error(answer),
            None => answer,
        };
    }
    *answer.status_mut() = StatusCode::ACCEPTED;
    if there("location").is_none() {
        let body = match there("uuid").and_then(Value::as_str) {
            Some(uuid) => json!({ "location": format!("/v1/api-jobs/{uuid}") }),
            None => json!({}),
        };
        *answer.body_mut() = body.to_string().into_bytes();
    }
    answer
}

/// The event in a result of the older interface, which is `{"CLASS": {…}}` as an object or a text.
fn event(result: &Value) -> Option<Vec<u8>> {
    let parsed = match result {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let event = parsed.as_object()?.values().next().filter(|event| event.is_object())?;
    Some(event.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status, and the body as JSON, that an answer is brought to.
    fn documented(status: u16, body: &str) -> (u16, Value) {
        let answer = Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap();
        let answer = super::documented(answer, &operations::GET_API_JOB, true);
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }

    #[test]
    fn what_is_documented_stays() {
        for (status, body) in [
            (200, json!({ "stream": "standardStream: a, errorStream: " })),
            (200, json!({ "vmInstance": { "uuid": "u" } })),
            (200, json!({ "success": true })),
            (200, json!({ "inventory": { "uuid": "u" } })),
            (202, json!({ "location": "http://n/zstack/v1/api-jobs/j", "apiTimeout": 1 })),
            (202, json!({})),
            (200, json!({ "stream": null, "vmInstance": { "uuid": "u" } })),
        ] {
            assert_eq!(documented(status, &body.to_string()), (status, body));
        }
        let empty = Response::new(b"{}".to_vec());
        let empty = super::documented(empty, &operations::GET_API_JOB, false);
        assert_eq!(empty.status(), 200, "the job of a deletion has ended");
        assert_eq!(documented(200, "<html>"), (200, Value::Null));
        assert_eq!(documented(200, ""), (200, Value::Null));
    }

    #[test]
    fn a_job_under_way_is_a_202() {
        let location = |uuid: &str| json!({ "location": format!("/v1/api-jobs/{uuid}") });
        for (status, body, right) in [
            (200, r#"{"uuid":"abc","state":"Processing"}"#, location("abc")),
            (200, r#"{"uuid":"abc","state":"Waiting","result":null}"#, location("abc")),
            (200, r#"{"uuid":"abc","state":"Done","result":"not JSON"}"#, location("abc")),
            (200, r#"{"state":"Processing"}"#, json!({})),
            (200, r#"{"uuid":7,"state":["Processing"]}"#, json!({})),
            (200, "{}", json!({})),
            (200, r#"{"location":"x"}"#, json!({ "location": "x" })),
            (202, "", json!({})),
            (202, "accepted", json!({})),
        ] {
            assert_eq!(documented(status, body), (202, right), "{body}");
        }
    }

    #[test]
    fn an_event_is_taken_out_of_its_wrapping() {
        let event = json!({ "stream": "s", "success": true });
        let result = json!({ "org.zstack.X": event });
        for result in [Value::String(result.to_string()), result] {
            let body = json!({ "uuid": "u", "state": "Done", "result": result });
            assert_eq!(documented(200, &body.to_string()), (200, event.clone()));
        }
        let failed = r#"{"uuid":"u","state":"Done","result":"{\"X\":{\"success\":false,\"error\":{\"code\":\"SYS.1006\"}}}"}"#;
        let (status, body) = documented(200, failed);
        assert_eq!((status, &body["error"]["code"]), (400, &json!("SYS.1006")), "a refusal");
    }
}
