//! What an account keeps in TAT: saved commands, registered machines, quotas.

#![allow(clippy::unwrap_used)]

mod support;

use guestexec_sandbox::Sandbox;
use serde_json::{Value, json};
use support::tat::*;

async fn sandbox() -> Sandbox {
    let machine = "rins-uf673dgi";
    Sandbox::builder().tat_rate(None).tat_instance(machine).start().await.unwrap()
}

async fn command(tat: &guestexec_sandbox::TatHandle, body: Value) -> Value {
    call(tat, "CreateCommand", body).await["CommandId"].clone()
}

/// Asserts that the service takes the call.
async fn accepted(tat: &guestexec_sandbox::TatHandle, action: &str, body: Value) {
    let answer = call(tat, action, body).await;
    assert!(answer["Error"].is_null(), "{answer}");
}

#[tokio::test]
async fn what_is_given_of_a_saved_command_is_changed_and_the_next_run_has_it() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let id = command(
        tat,
        json!({ "CommandName": "greet", "Content": encoded("echo {{a}}"), "EnableParameter": true,
                "DefaultParameters": r#"{"a":"1","b":"2"}"#, "Timeout": 77 }),
    )
    .await;
    let plain = command(tat, json!({ "CommandName": "plain", "Content": "bHM=" })).await;

    let body = json!({ "CommandId": id, "CommandName": "greet", "Content": encoded("echo {{c}} {{b}}"),
        "DefaultParameterConfs": [{ "ParameterName": "c", "ParameterValue": "3" }] });
    accepted(tat, "ModifyCommand", body).await;
    let answer = call(tat, "DescribeCommands", json!({ "CommandIds": [id] })).await;
    let modified = &answer["CommandSet"][0];
    // The new defaults replace all old ones; what was not given stays.
    assert_eq!(modified["DefaultParameters"], r#"{"c":"3"}"#);
    assert_eq!((&modified["Timeout"], &modified["CommandName"]), (&json!(77), &json!("greet")));

    let on = json!({ "CommandId": id, "InstanceIds": ["rins-uf673dgi"] });
    let started = call(tat, "InvokeCommand", on).await;
    let task = task_when(tat, started["InvocationId"].as_str().unwrap(), is_over).await;
    assert_eq!(output(&task), "3 {{b}}\n");

    for (body, refusal) in [
        (json!({ "CommandId": "cmd-00000000" }), "ResourceNotFound.CommandNotFound"),
        (json!({ "CommandId": "greet" }), "InvalidParameterValue.InvalidCommandId"),
        (
            json!({ "CommandId": plain, "CommandName": "greet" }),
            "InvalidParameterValue.CommandNameDuplicated",
        ),
        (
            json!({ "CommandId": plain, "DefaultParameters": "{}" }),
            "InvalidParameterValue.SupportParametersOnlyIfEnableParameter",
        ),
        (json!({ "CommandId": plain, "Timeout": 0 }), "InvalidParameterValue.Range"),
        (json!({ "CommandId": plain, "EnableParameter": true }), "UnknownParameter"),
    ] {
        assert_eq!(code(&call(tat, "ModifyCommand", body.clone()).await), refusal, "{body}");
    }
    // A refused change changes nothing.
    let answer = call(tat, "DescribeCommands", json!({ "CommandIds": [plain] })).await;
    assert_eq!(answer["CommandSet"][0]["CommandName"], "plain");
}

#[tokio::test]
async fn commands_are_deleted_together_or_not_at_all() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(
            command(tat, json!({ "CommandName": name, "Content": encoded("sleep 1000") })).await,
        );
    }
    let total = async || call(tat, "DescribeCommands", json!({})).await["TotalCount"].clone();

    let unknown = json!({ "CommandIds": [ids[0], "cmd-00000000"] });
    let refused = call(tat, "DeleteCommands", unknown).await;
    assert_eq!(code(&refused), "ResourceNotFound.CommandNotFound");
    let on = json!({ "CommandId": ids[1], "InstanceIds": [tat.instances()[0]] });
    let running = call(tat, "InvokeCommand", on).await["InvocationId"].clone();
    let refused = call(tat, "DeleteCommands", json!({ "CommandIds": ids })).await;
    assert_eq!(code(&refused), "ResourceUnavailable.CommandInExecuting");
    assert_eq!(total().await, 3);

    call(tat, "CancelInvocation", json!({ "InvocationId": running })).await;
    task_when(tat, running.as_str().unwrap(), is_over).await;
    accepted(tat, "DeleteCommands", json!({ "CommandIds": [ids[0], ids[1], ids[0]] })).await;
    assert_eq!(total().await, 1);
}

#[tokio::test]
async fn registered_machines_are_listed_by_what_the_service_knows_of_them() {
    let builder = Sandbox::builder().tat_tag("rins-uf673dgi", "team", "web");
    let sandbox = builder.tat_tag("rins-uf673dgi", "stage", "test").start().await.unwrap();
    let tat = sandbox.tat();
    let answer = call(tat, "DescribeRegisterInstances", json!({})).await;
    let machine = answer["RegisterInstanceSet"][0].clone();
    assert_eq!(
        (&answer["TotalCount"], &machine["InstanceId"]),
        (&json!(1), &json!("rins-uf673dgi"))
    );
    let tags = json!([{ "Key": "team", "Value": "web" }, { "Key": "stage", "Value": "test" }]);
    assert_eq!(machine["Tags"], tags);
    for (filter, total) in [
        (json!({ "Name": "instance-name", "Values": ["rins-uf673dgi", "other"] }), 1),
        (json!({ "Name": "register-status", "Values": ["Offline"] }), 0),
        (json!({ "Name": "register-code-id", "Values": [machine["RegisterCodeId"]] }), 1),
        (json!({ "Name": "sys-name", "Values": ["Windows"] }), 0),
        (json!({ "Name": "local-ip", "Values": [machine["LocalIp"]] }), 1),
        (json!({ "Name": "tag:team", "Values": ["operations"] }), 0),
        (json!({ "Name": "tag:team", "Values": ["operations", "web"] }), 1),
        (json!({ "Name": "tag:stage", "Values": ["web"] }), 0),
        (json!({ "Name": "tag-key", "Values": ["stage"] }), 1),
        (json!({ "Name": "tag-value", "Values": ["test"] }), 1),
        (json!({ "Name": "tag-value", "Values": ["team"] }), 0),
    ] {
        let answer = call(tat, "DescribeRegisterInstances", json!({ "Filters": [filter] })).await;
        assert_eq!(answer["TotalCount"], total, "{filter}");
    }
    let none = json!({ "InstanceIds": ["rins-uf673dgi"], "Offset": 1, "Limit": 1 });
    let answer = call(tat, "DescribeRegisterInstances", none).await;
    assert_eq!((&answer["TotalCount"], &answer["RegisterInstanceSet"]), (&json!(1), &json!([])));
    for (body, refusal) in [
        (
            json!({ "InstanceIds": [tat.instances()[1]] }),
            "InvalidParameterValue.InvalidRegisterInstanceId",
        ),
        (
            json!({ "Filters": [{ "Name": "agent-status", "Values": ["Online"] }] }),
            "InvalidParameterValue.InvalidFilter",
        ),
    ] {
        let answer = call(tat, "DescribeRegisterInstances", body).await;
        assert_eq!(code(&answer), refusal, "{answer}");
    }
}

#[tokio::test]
async fn quotas_count_what_is_there() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    command(tat, json!({ "CommandName": "one", "Content": "bHM=" })).await;
    let both = json!({ "ResourceNames": ["COMMAND", "REGISTER_CODE"] });
    let quotas = call(tat, "DescribeQuotas", both).await["GeneralResourceQuotaSet"].clone();
    assert_eq!(quotas[0]["ResourceQuotaUsed"], 1);
    assert_eq!(quotas[1]["ResourceName"], "REGISTER_CODE");
    assert_eq!(quotas[1]["ResourceQuotaUsed"], 1);
    for (body, refusal) in [
        (json!({}), "MissingParameter"),
        (json!({ "ResourceNames": [] }), "MissingParameter"),
        (
            json!({ "ResourceNames": ["COMMANDS"] }),
            "ResourceUnavailable.InvalidResourceQuotaResourceCode",
        ),
    ] {
        assert_eq!(code(&call(tat, "DescribeQuotas", body).await), refusal);
    }
}
