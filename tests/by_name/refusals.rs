//! What is refused before anything is sent, and lists in pages.

use guestexec_core::{Error, ErrorKind};
use guestexec_testkit::{Reply, Tape};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{clock, object};

fn tat(tape: &Tape) -> guestexec_tat::Client {
    let key = guestexec_tat::Credentials::new("AKIDexample", "s3cr3t-k3y");
    let builder = guestexec_tat::Client::builder().credentials(key).region("ap-guangzhou");
    builder.clock(clock()).transport(tape.clone()).build().unwrap()
}

fn cci(tape: &Tape) -> guestexec_cci::Client {
    let token = guestexec_cci::Credentials::token("t0k3n");
    let builder = guestexec_cci::Client::builder().credentials(token).region("cn-north-4");
    builder.clock(clock()).transport(tape.clone()).build().unwrap()
}

fn zstack(tape: &Tape) -> guestexec_zstack::Client {
    let key = guestexec_zstack::Credentials::access_key("example", "s3cr3t-k3y");
    let builder = guestexec_zstack::Client::builder().endpoint("https://zstack:8080");
    builder.credentials(key).clock(clock()).transport(tape.clone()).build().unwrap()
}

fn refused<T, D>(result: Result<T, Error<D>>) -> String {
    let Err(error) = result else { panic!("it was not refused") };
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_name_or_a_value_that_does_not_fit_is_refused_with_what_was_meant() {
    let tape = Tape::new();
    let (tat, cci, zstack) = (tat(&tape), cci(&tape), zstack(&tape));
    let mut said = Vec::new();
    for (operation, body) in [
        ("RunComand", json!({})),
        ("describe_task", json!({})),
        ("Reboot", json!({})),
        ("RunCommand", json!({})),
        ("RunCommand", json!([])),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceId": ["ins-1"] })),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceIds": "ins-1" })),
        ("RunCommand", json!({ "Content": 5, "InstanceIds": ["ins-1"] })),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceIds": ["ins-1", 2] })),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceIds": [], "Timeout": "s3cr3t" })),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceIds": [], "Timeout": -1 })),
        ("RunCommand", json!({ "Content": "aGk=", "InstanceIds": [], "Timeout": 1.5 })),
        (
            "RunCommand",
            json!({ "Content": "aGk=", "InstanceIds": [], "Tags": [{ "Key": "a", "Valeu": "b" }] }),
        ),
        ("CreateInvoker", json!({ "ScheduleSettings": { "Policy": true } })),
    ] {
        said.push(refused(tat.call_by_name(operation, object(json!({})), Some(body))));
    }
    let parameters = |value: Value| tat.call_by_name("DescribeCommands", object(value), None);
    said.push(refused(parameters(json!({ "Limit": 5 }))));
    said.push(refused(parameters(json!({ "colour": 5 }))));
    for (operation, parameters) in [
        ("readCciV2NamespacedPod", json!({ "namespace": "default" })),
        ("readCciV2NamespacedPod", json!({ "namespace": "default", "nmae": "web" })),
        ("readCciV2NamespacedPod", json!({ "namespace": "default", "name": 5 })),
        ("list_pods", json!({ "namespace": "default", "limit": "5" })),
        ("exec_in_pod", json!({ "namespace": "default", "name": "web" })),
    ] {
        said.push(refused(cci.call_by_name(operation, object(parameters), None)));
    }
    let uuid = object(json!({ "uuid": "u" }));
    said.push(refused(zstack.call_by_name("LogOut", uuid.clone(), Some(json!({})))));
    said.push(refused(zstack.call_by_name("LogInByAccount", uuid, None)));
    said.push(refused(zstack.call_by_name("LogInByAccount", object(json!({})), None)));

    // Limits are checked when it is sent.
    let long = json!({ "Content": "aGk=", "InstanceIds": ["ins-1"], "Timeout": 90_000 });
    let call = tat.call_by_name("RunCommand", object(json!({})), Some(long)).unwrap();
    said.push(refused(call.send().await));
    // What an answer is not.
    let regions = || tat.call_by_name("DescribeRegions", object(json!({})), None).unwrap();
    said.push(refused(regions().pages()));
    said.push(refused(regions().send_streamed().await));

    assert_eq!(tape.requests(), []);
    let said = said.join("\n");
    assert!(!said.contains("s3cr3t"), "{said}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots/by_name");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("refusals", said));
}

#[tokio::test]
async fn pages_come_as_they_are_one_after_another() {
    let page = |ids: &[&str]| {
        let set: Vec<Value> = ids.iter().map(|id| json!({ "CommandId": id, "New": 1 })).collect();
        Reply::json(
            StatusCode::OK,
            &json!({ "Response": { "TotalCount": 3, "CommandSet": set, "RequestId": "r" } }),
        )
    };
    let tape = Tape::new().reply(page(&["cmd-1", "cmd-2"])).reply(page(&["cmd-3"]));
    let client = tat(&tape);
    let body = Some(json!({ "Limit": 2 }));
    let call = client.call_by_name("DescribeCommands", object(json!({})), body).unwrap();
    let mut pages = call.pages().unwrap();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page: Value = serde_json::from_slice(&page.unwrap()).unwrap();
        // A member that no field has.
        assert_eq!(page["Response"]["CommandSet"][0]["New"], 1);
        count += 1;
        assert_eq!(tape.requests().len(), count, "a page is asked for when it is wanted");
    }
    let offsets: Vec<_> = tape.requests().into_iter().map(|it| it.body.unwrap()).collect();
    assert_eq!(offsets, [json!({ "Limit": 2 }), json!({ "Limit": 2, "Offset": 2 })]);

    let list = |next: &str| json!({ "metadata": { "continue": next }, "items": [{ "odd": 1 }] });
    let tape = Tape::new().reply(list("next")).reply(list(""));
    let client = cci(&tape);
    let namespace = object(json!({ "namespace": "default" }));
    let mut pages = client.call_by_name("list_pods", namespace, None).unwrap().pages().unwrap();
    assert!(pages.next().await.unwrap().is_ok() && pages.next().await.unwrap().is_ok());
    assert!(pages.next().await.is_none());
    assert_eq!(tape.requests()[1].query, [("continue".to_owned(), "next".to_owned())]);

    // A page that does not tell where the list goes on.
    let tape = Tape::new().reply(json!({ "metadata": { "continue": 5 }, "items": [] }));
    let client = cci(&tape);
    let mut pages =
        client.call_by_name("list-namespaces", object(json!({})), None).unwrap().pages().unwrap();
    assert_eq!(pages.next().await.unwrap().unwrap_err().kind(), ErrorKind::Protocol);
    assert!(pages.next().await.is_none());
}
