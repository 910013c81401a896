//! ZStack by raw HTTP.

use guestexec_sandbox::ZstackHandle;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

pub use super::{http, now};

pub const EXEC: &str = "/v1/vm-instances/commands/exec";

pub fn request(zstack: &ZstackHandle, method: Method, path: &str) -> RequestBuilder {
    http().request(method, format!("{}{path}", zstack.endpoint()))
}

pub async fn log_in(zstack: &ZstackHandle, password: &str) -> Response {
    let hash: String = Sha512::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
    let body =
        json!({ "logInByAccount": { "accountName": zstack.account_name(), "password": hash } });
    request(zstack, Method::PUT, "/v1/accounts/login").json(&body).send().await.unwrap()
}

pub async fn session(zstack: &ZstackHandle) -> String {
    let answer: Value = log_in(zstack, zstack.password()).await.json().await.unwrap();
    answer["inventory"]["uuid"].as_str().unwrap().to_owned()
}

pub fn params(vm: &str, command: &str) -> Value {
    json!({ "params": { "vmInstanceUuid": vm, "platform": "Linux", "command": command } })
}

/// Status and body of a JSON answer.
pub async fn json_of(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], "application/json;charset=UTF-8");
    (status, answer.json().await.unwrap())
}

/// Status of a text answer that is not empty.
pub async fn text_of(request: RequestBuilder) -> (StatusCode, String) {
    let answer = request.send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    (answer.status(), answer.text().await.unwrap())
}
