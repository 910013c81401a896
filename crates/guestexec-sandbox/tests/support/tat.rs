//! TAT by raw HTTP.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use guestexec_sandbox::TatHandle;
use guestexec_tat::sign::{self, Canonical, Scope, SigningKey};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

pub use super::{http, now};

/// A request that is signed in one of the styles of the clients in use.
pub struct Call {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
    pub timestamp: i64,
    pub content_type: &'static str,
    pub host: String,
    pub sign_action: bool,
    pub unsigned_payload: bool,
    pub region: Option<String>,
    pub version: &'static str,
    pub tamper: bool,
    /// The service's name in the scope.
    pub service: String,
    /// The host that is signed, where it differs from the one sent.
    pub signed_host: Option<String>,
}

impl Call {
    pub fn new(tat: &TatHandle) -> Self {
        Self {
            id: tat.secret_id().to_owned(),
            secret: tat.secret_key().to_owned(),
            token: None,
            timestamp: now(),
            content_type: "application/json",
            host: tat.endpoint().replace("http://", ""),
            sign_action: false,
            unsigned_payload: false,
            region: Some(tat.region().to_owned()),
            version: "2020-10-28",
            tamper: false,
            service: "tat".to_owned(),
            signed_host: None,
        }
    }

    /// A signed request, GET where there is a query and POST otherwise.
    pub fn request(
        &self,
        tat: &TatHandle,
        action: &str,
        query: &str,
        body: &str,
    ) -> RequestBuilder {
        let host = self.signed_host.as_ref().unwrap_or(&self.host);
        let mut headers = vec![("content-type", self.content_type), ("host", &**host)];
        if self.sign_action {
            headers.push(("x-tc-action", action));
        }
        let hash = sign::payload_hash(if self.unsigned_payload {
            sign::UNSIGNED_PAYLOAD.as_bytes()
        } else {
            body.as_bytes()
        });
        let method = if query.is_empty() { Method::POST } else { Method::GET };
        let canonical = sign::canonical_request(&Canonical {
            method: method.as_str(),
            path: "/",
            query,
            signed_headers: &headers,
            payload_hash: &hash,
        });
        let date = sign::utc_date(self.timestamp).unwrap();
        let scope = Scope { date: &date, service: &self.service };
        let signature = sign::signature(
            &SigningKey::derive(&self.secret, scope),
            &sign::string_to_sign(self.timestamp, scope, &canonical),
        );
        let names = sign::signed_header_names(&headers);
        let mut request = http()
            .request(method, format!("{}/?{query}", tat.endpoint()).trim_end_matches('?'))
            .header("authorization", sign::authorization(&self.id, scope, &names, &signature))
            .header("content-type", self.content_type)
            .header("host", &self.host)
            .header("x-tc-action", action)
            .header("x-tc-version", self.version)
            .header("x-tc-timestamp", self.timestamp);
        if let Some(region) = &self.region {
            request = request.header("x-tc-region", region);
        }
        if let Some(token) = &self.token {
            request = request.header("x-tc-token", token);
        }
        if self.unsigned_payload {
            request = request.header("x-tc-content-sha256", sign::UNSIGNED_PAYLOAD);
        }
        let tail = if self.tamper { " " } else { "" };
        request.body(format!("{body}{tail}"))
    }

    pub async fn send(&self, tat: &TatHandle, action: &str, body: String) -> Value {
        read(self.request(tat, action, "", &body)).await
    }

    pub async fn get(&self, tat: &TatHandle, action: &str, query: &str) -> Value {
        read(self.request(tat, action, query, "")).await
    }
}

/// The `Response` of an answer, good or bad.
pub async fn read(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // Exactly this: one of the official SDKs reads errors of no other content type.
    assert_eq!(answer.headers()["content-type"], "application/json");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["Response"]["RequestId"].as_str().unwrap().len(), 36);
    answer["Response"].clone()
}

pub async fn call(tat: &TatHandle, action: &str, body: Value) -> Value {
    Call::new(tat).send(tat, action, body.to_string()).await
}

pub fn code(answer: &Value) -> &str {
    answer["Error"]["Code"].as_str().unwrap_or_else(|| panic!("no error: {answer}"))
}

pub fn encoded(script: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(script)
}

pub fn decoded(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

pub fn output(task: &Value) -> String {
    let output = task["TaskResult"]["Output"].as_str().unwrap();
    String::from_utf8(decoded(output)).unwrap()
}

/// Polls an invocation's first task until `done` holds for it.
pub async fn task_when(tat: &TatHandle, invocation: &str, done: impl Fn(&Value) -> bool) -> Value {
    loop {
        let body = json!({
            "Filters": [{ "Name": "invocation-id", "Values": [invocation] }],
            "HideOutput": false,
        });
        let answer = call(tat, "DescribeInvocationTasks", body).await;
        let task = &answer["InvocationTaskSet"][0];
        if done(task) {
            return task.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn is_over(task: &Value) -> bool {
    !task["EndTime"].is_null()
}

pub async fn start(tat: &TatHandle, mut body: Value) -> String {
    if body["InstanceIds"].is_null() {
        body["InstanceIds"] = json!([tat.instances()[0]]);
    }
    let answer = call(tat, "RunCommand", body).await;
    answer["InvocationId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

pub async fn run(tat: &TatHandle, body: Value) -> Value {
    let invocation = start(tat, body).await;
    task_when(tat, &invocation, is_over).await
}
