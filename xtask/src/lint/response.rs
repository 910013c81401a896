//! Rules about answers.

use serde_json::Value;

use super::{Complaints, Kind, names};
use crate::spec::{Operation, Spec, component};

pub(super) fn check(
    spec: &Spec,
    operation: &Operation<'_>,
    place: &str,
    complaints: &mut Complaints<'_>,
) {
    let responses = &operation.node["responses"];
    for status in names(responses) {
        let response = spec.resolve(&responses[status]);
        one(status, response, &format!("{place}: response {status}"), complaints);
    }
    let successes = operation.successes();
    complaints.unless(!successes.is_empty(), place, || {
        "there is no successful response (1xx or 2xx) by its number; declare one".to_owned()
    });
    let upgrades = successes.iter().any(|(status, _)| *status == 101);
    complaints.unless(!upgrades || successes.len() == 1, place, || {
        "101 stands beside another success, which panics; keep 101 and tell of the other in a comment"
            .to_owned()
    });
    let body = |response: &Value| {
        component(&response["content"]["application/json"]["schema"]).map(str::to_owned)
    };
    let same = successes.windows(2).all(|pair| body(pair[0].1) == body(pair[1].1));
    complaints.unless(same, place, || {
        "its successful responses have different bodies, which panics; use one schema for all"
            .to_owned()
    });
}

fn one(status: &str, response: &Value, place: &str, complaints: &mut Complaints<'_>) {
    let is_number = |status: &str| status.len() == 3 && status.parse().is_ok_and(|n: u16| n >= 100);
    if status == "default" {
        complaints.add(
            place,
            "`default` hides success and failure alike; give the numbers, or `4XX` and `5XX`",
        );
    } else {
        complaints.unless(is_number(status) || matches!(status, "4XX" | "5XX"), place, || {
            "is neither the number of a status nor `4XX` or `5XX`; write one of these".to_owned()
        });
    }
    complaints.only(&["description", "headers", "content"], place, response);
    complaints.unless(response["description"].is_string(), place, || {
        "has no description; say what it means".to_owned()
    });
    let content = &response["content"];
    let json = &content["application/json"];
    let is_success = status.starts_with(['1', '2']);
    complaints.unless(
        !is_success || names(content).next().is_none() || json.is_object(),
        place,
        || {
            "has content but none of `application/json`; describe that, or leave `content` out"
                .to_owned()
        },
    );
    complaints.unless(json.is_null() || component(&json["schema"]).is_some(), place, || {
        "the schema is missing or inline; refer to a component schema".to_owned()
    });
    complaints.unless(status != "101" || content.is_null(), place, || {
        "has content, but after 101 the connection is no longer HTTP; leave it out".to_owned()
    });
    complaints.kinds(&[("content", Kind::Mapping)], place, response);
    for media in names(content) {
        let node = &content[media];
        complaints.kinds(&[("examples", Kind::Mapping)], place, node);
        complaints.only(&["schema", "examples"], &format!("{place}: {media}"), node);
        for name in names(&node["examples"]) {
            complaints.kinds(&[("summary", Kind::Text)], place, &node["examples"][name]);
            let given = node["examples"][name].get("value").is_some();
            complaints
                .unless(given, place, || format!("the example `{name}` has no `value`; give it"));
        }
    }
}
