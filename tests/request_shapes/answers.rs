//! Answers without their secrets, as a recording has them.

use guestexec_core::{Example, Operation};
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::{Value, json};

/// The answers of an example as a recording keeps them.
fn recorded(operations: &[&'static Operation], example: &Example) -> Vec<Reply> {
    let operation = operations.iter().find(|operation| operation.id == example.operation).unwrap();
    let answers = example.answers.iter().map(|answer| {
        let status = StatusCode::from_u16(answer.status).unwrap();
        if answer.content_type == "text/plain" {
            return Reply::text(status, answer.body);
        }
        let mut body: Value = serde_json::from_str(answer.body).unwrap();
        operation.hide_answer_secrets(&mut body);
        Reply::json(status, &body)
    });
    answers.collect()
}

macro_rules! each_is_read {
    ($provider:ident, $client:expr) => {
        for example in $provider::examples::ALL {
            for reply in recorded($provider::operations::ALL, example) {
                let tape = Tape::new().reply(reply);
                let client = $client.transport(tape).build().unwrap();
                let read = $provider::examples::send(&client, example).await;
                assert!(read.is_ok(), "{}: {read:?}", example.operation);
            }
        }
    };
}

#[tokio::test]
async fn an_answer_without_its_secrets_can_be_read() {
    each_is_read!(
        guestexec_tat,
        guestexec_tat::Client::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
    );
    each_is_read!(
        guestexec_zstack,
        guestexec_zstack::Client::builder()
            .endpoint("https://zstack.example")
            .credentials(guestexec_zstack::Credentials::access_key("example", "secret"))
    );
    each_is_read!(
        guestexec_cci,
        guestexec_cci::Client::builder()
            .region("cn-north-4")
            .credentials(guestexec_cci::Credentials::access_key("example", "secret"))
    );
}

#[test]
fn the_documents_say_what_is_secret_in_an_answer() {
    use guestexec_cci::operations as cci;
    use guestexec_tat::operations as tat;
    use guestexec_zstack::operations as zstack;
    assert!(cci::CREATE_USER_TOKEN.is_secret_answer_header("x-subject-token"));
    for (operation, answer, kept) in [
        (
            &zstack::LOG_IN_BY_ACCOUNT,
            json!({ "inventory": { "uuid": "S1", "accountUuid": "a" } }),
            json!({ "inventory": { "uuid": "<secret>", "accountUuid": "a" } }),
        ),
        (
            &zstack::GET_API_JOB,
            json!({ "location": "S1", "stream": "what a command wrote" }),
            json!({ "location": "<secret>", "stream": "what a command wrote" }),
        ),
        (
            &cci::READ_POD,
            json!({ "spec": { "containers": [{ "env": [{ "name": "PW", "value": "S1" }] }] } }),
            json!({ "spec": { "containers": [{ "env": [{ "name": "PW", "value": "<secret>" }] }] } }),
        ),
        (
            &tat::DESCRIBE_INVOCATIONS,
            json!({ "Response": { "InvocationSet": [{ "Parameters": "{\"pw\": \"S1\"}" }] } }),
            json!({ "Response": { "InvocationSet": [{ "Parameters": "{\"pw\":\"<secret>\"}" }] } }),
        ),
        (
            &tat::PREVIEW_REPLACED_COMMAND_CONTENT,
            json!({ "Response": { "ReplacedContent": "UzE=" } }),
            json!({ "Response": { "ReplacedContent": "<secret>" } }),
        ),
    ] {
        let mut body = answer.clone();
        operation.hide_answer_secrets(&mut body);
        assert_eq!(body, kept, "{}", operation.id);
        assert!(!operation.readable_answer(answer).to_string().contains("S1"));
    }
    let task = json!({ "TaskResult": { "Output": "aGk=" } });
    let task = json!({ "Response": { "InvocationTaskSet": [task] } });
    let shown = tat::DESCRIBE_INVOCATION_TASKS.readable_answer(task);
    let shown = &shown["Response"]["InvocationTaskSet"][0]["TaskResult"];
    assert_eq!(shown["Output"], "<base64> hi");
}
