//! Changes that no diff shows, each with the reason.

use serde_json::json;

use super::{
    table::{Mutation, change, header, json, path, query, text},
    transport::Edit::{Request as Of, Swap},
};

/// What is not seen, by design: it means nothing to a service, or it is a secret or random. Signatures are
/// held by the signers' vectors, and sessions, tokens and names of jobs by the clients' tests.
pub const UNSEEN: &[Mutation] = &[
    // A service reads members by name.
    change(
        "members have another order",
        "tat/resumed",
        Of(1, |request| {
            *request.body_mut() = Some(r#"{"Limit":1,"InvocationIds":["inv-1"]}"#.into())
        }),
        &[],
    ),
    // Outside of texts it has no meaning.
    change(
        "JSON has blanks",
        "tat/resumed",
        Of(1, |request| {
            *request.body_mut() = Some("{ \"InvocationIds\":\n[\"inv-1\"], \"Limit\": 1 }".into())
        }),
        &[],
    ),
    // Both forms are the same text.
    change(
        "a letter of a text is escaped",
        "tat/run-settings",
        Of(1, |request| text(request, "größe", "gr\\u00f6\\u00dfe")),
        &[],
    ),
    // Headers of different names have no order in HTTP.
    change(
        "headers have another order",
        "tat/resumed",
        Of(1, |request| {
            let region = request.headers_mut().remove("x-tc-region").unwrap();
            request.headers_mut().insert("x-tc-region", region);
        }),
        &[],
    ),
    // The service reads parameters by name; repeated names keep their order.
    change(
        "names of the query have another order",
        "cci/exec-v5",
        Of(1, |request| {
            query(
                request,
                "command=nginx&command=-t&container=nginx",
                "container=nginx&command=nginx&command=-t",
            )
        }),
        &[],
    ),
    // It is never sent.
    change(
        "the marks are others",
        "zstack/login-first",
        Of(2, |request| {
            let marks = request.url().fragment().unwrap().to_owned();
            request.url_mut().set_fragment(Some(&format!("{marks},nonce/x-none")));
        }),
        &[],
    ),
    change(
        "a signature is another",
        "tat/resumed",
        Of(1, |request| header(request, "authorization", "TC3-HMAC-SHA256 Credential=abc")),
        &[],
    ),
    change(
        "the time is another",
        "tat/resumed",
        Of(1, |request| header(request, "x-tc-timestamp", "7")),
        &[],
    ),
    change(
        "the name of a job is another",
        "zstack/run",
        Of(1, |request| header(request, "x-job-uuid", "0")),
        &[],
    ),
    change(
        "a session is another",
        "zstack/run",
        Of(1, |request| header(request, "authorization", "OAuth 0")),
        &[],
    ),
    change(
        "a secret member is another",
        "zstack/login-first",
        Of(1, |request| json(request, |body| body["logInByAccount"]["password"] = json!("x"))),
        &[],
    ),
    change(
        "a secret segment of the path is another",
        "zstack/login-first",
        Of(2, |request| path(request, "aaaa", "bbbb")),
        &[],
    ),
    // `Tape::sorted` is for calls that are made at once.
    change(
        "calls made at once have another order",
        "tat/run-many",
        Swap(1, || json!({ "Response": { "InvocationId": "inv-of-ins-000" } })),
        &[],
    ),
];
