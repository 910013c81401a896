//! Invokers of TAT: saved commands that really run at their times.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use guestexec_sandbox::{Sandbox, TatHandle};
use serde_json::{Value, json};
use support::tat::*;

const HOUR: Duration = Duration::from_secs(3600);

async fn sandbox() -> Sandbox {
    Sandbox::builder().tat_rate(None).start().await.unwrap()
}

async fn command(tat: &TatHandle, body: Value) -> String {
    let answer = call(tat, "CreateCommand", body).await;
    answer["CommandId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn invoker(tat: &TatHandle, command: &str, schedule: Value) -> Value {
    json!({ "Name": "nightly", "Type": "SCHEDULE", "CommandId": command,
            "InstanceIds": [tat.instances()[0]], "ScheduleSettings": schedule })
}

async fn scheduled(tat: &TatHandle, body: Value) -> String {
    let answer = call(tat, "CreateInvoker", body).await;
    answer["InvokerId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn accepted(tat: &TatHandle, action: &str, body: Value) {
    let answer = call(tat, action, body).await;
    assert!(answer["Error"].is_null(), "{action}: {answer}");
}

/// An hour's end in Beijing is one everywhere; a time so many hours from now, to the second.
fn hours_from_now(hours: i64) -> Value {
    let time = now() + hours * 3600;
    let (days, rest) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let date = guestexec_tat::sign::utc_date(days * 86_400).unwrap();
    json!(format!("{date}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60))
}

/// The records of an invoker, as soon as there are so many.
async fn records(tat: &TatHandle, id: &str, count: usize) -> Vec<Value> {
    loop {
        let body = json!({ "InvokerIds": [id], "Limit": 100 });
        let answer = call(tat, "DescribeInvokerRecords", body).await;
        let records = answer["InvokerRecordSet"].as_array().unwrap().clone();
        if records.len() >= count {
            assert_eq!(answer["TotalCount"], records.len());
            return records;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn shown(tat: &TatHandle, id: &str) -> Value {
    call(tat, "DescribeInvokers", json!({ "InvokerIds": [id] })).await["InvokerSet"][0].clone()
}

#[tokio::test]
async fn a_command_runs_once_at_its_time_as_it_is_then() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let body = json!({ "CommandName": "greet", "Content": encoded("echo {{word}} $PWD"),
        "EnableParameter": true, "DefaultParameters": r#"{"word":"hello"}"# });
    let command = command(tat, body).await;
    let mut body =
        invoker(tat, &command, json!({ "Policy": "ONCE", "InvokeTime": hours_from_now(1) }));
    body["Parameters"] = json!(r#"{"word":"good night"}"#);
    let id = scheduled(tat, body).await;
    let made = shown(tat, &id).await;
    assert_eq!(
        (&made["Enable"], &made["ScheduleSettings"]["Policy"]),
        (&json!(true), &json!("ONCE"))
    );
    assert_eq!(tat.invocations().len(), 0);

    let changed = json!({ "CommandId": command, "WorkingDirectory": "/" });
    accepted(tat, "ModifyCommand", changed).await;
    tat.advance_schedules(2 * HOUR);
    let record = &records(tat, &id, 1).await[0];
    let invocation = record["InvocationId"].as_str().unwrap();
    let task = task_when(tat, invocation, is_over).await;
    assert_eq!(
        (output(&task), &task["InvocationSource"]),
        ("good night /\n".to_owned(), &json!("INVOKER"))
    );
    let answer = call(tat, "DescribeInvocations", json!({ "InvocationIds": [invocation] })).await;
    assert_eq!(answer["InvocationSet"][0]["InvocationSource"], "INVOKER");
    assert_eq!(records(tat, &id, 1).await[0]["Result"], "SUCCESS");

    // It was due once, whatever is done with it later.
    accepted(tat, "DisableInvoker", json!({ "InvokerId": id })).await;
    accepted(tat, "EnableInvoker", json!({ "InvokerId": id })).await;
    tat.advance_schedules(48 * HOUR);
    assert_eq!(records(tat, &id, 1).await.len(), 1);
    assert_eq!(tat.invocations().len(), 1);
}

#[tokio::test]
async fn a_time_comes_by_itself() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let command = command(tat, json!({ "CommandName": "c", "Content": encoded("true") })).await;
    // An hour from a clock that is nearly an hour ahead.
    let schedule = json!({ "Policy": "ONCE", "InvokeTime": hours_from_now(1) });
    tat.advance_schedules(HOUR - Duration::from_secs(1));
    let id = scheduled(tat, invoker(tat, &command, schedule)).await;
    assert_eq!(records(tat, &id, 1).await.len(), 1);
}

#[tokio::test]
async fn a_recurrence_runs_at_each_of_its_times_and_the_newest_is_listed_first() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let command = command(tat, json!({ "CommandName": "c", "Content": encoded("exit 3") })).await;
    let every = json!({ "Policy": "RECURRENCE", "Recurrence": "*/10 * * * *" });
    let id = scheduled(tat, invoker(tat, &command, every)).await;
    let due = shown(tat, &id).await["ScheduleSettings"]["InvokeTime"].clone();
    tat.advance_schedules(HOUR / 2);
    let listed = records(tat, &id, 3).await;
    let times: Vec<&str> = listed.iter().map(|it| it["InvokeTime"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer > older), "{times:?}");
    assert_eq!(times.last().copied(), due.as_str());
    assert!(times.iter().all(|time| time.ends_with("0:00Z")), "{times:?}");
    for record in &listed {
        let task = task_when(tat, record["InvocationId"].as_str().unwrap(), is_over).await;
        assert_eq!(task["TaskResult"]["ExitCode"], 3);
    }
    let page = json!({ "InvokerIds": [id], "Limit": 1, "Offset": 1 });
    let answer = call(tat, "DescribeInvokerRecords", page).await;
    assert_eq!(answer["InvokerRecordSet"][0]["InvokeTime"], listed[1]["InvokeTime"]);
    assert_eq!(answer["InvokerRecordSet"][0]["Result"], "FAILED");
}

#[tokio::test]
async fn what_is_disabled_or_deleted_does_not_run_and_is_not_made_up_for() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let body = json!({ "CommandName": "c", "Content": encoded("true"), "EnableParameter": true });
    let command = command(tat, body).await;
    let hourly = json!({ "Policy": "RECURRENCE", "Recurrence": "30 * * * *" });
    let id = scheduled(tat, invoker(tat, &command, hourly.clone())).await;
    let other = scheduled(tat, invoker(tat, &command, hourly)).await;
    accepted(tat, "DisableInvoker", json!({ "InvokerId": id })).await;
    accepted(tat, "DeleteInvoker", json!({ "InvokerId": other })).await;
    tat.advance_schedules(3 * HOUR);
    accepted(tat, "EnableInvoker", json!({ "InvokerId": id })).await;
    accepted(tat, "EnableInvoker", json!({ "InvokerId": id })).await;
    assert_eq!(tat.invocations().len(), 0);
    tat.advance_schedules(HOUR);
    let started = records(tat, &id, 1).await.len();
    assert!(started < 3, "{started}");

    // Another schedule, and a command that cannot start: the record says why.
    let daily = json!({ "Policy": "RECURRENCE", "Recurrence": "0 0 * * *" });
    let body = json!({ "InvokerId": id, "Name": "daily", "ScheduleSettings": daily });
    accepted(tat, "ModifyInvoker", body).await;
    let body = json!({ "CommandId": command, "Content": encoded("echo {{lost}}") });
    accepted(tat, "ModifyCommand", body).await;
    tat.advance_schedules(24 * HOUR);
    let record = &records(tat, &id, started + 1).await[0];
    assert_eq!((&record["InvocationId"], &record["Result"]), (&json!(""), &json!("FAILED")));
    assert!(record["Reason"].as_str().unwrap().contains("placeholders"), "{record}");
    assert_eq!(shown(tat, &id).await["Name"], "daily");

    let by_command = json!({ "Filters": [{ "Name": "command-id", "Values": [command] }] });
    assert_eq!(call(tat, "DescribeInvokers", by_command).await["TotalCount"], 1);
    for action in ["DeleteCommand", "DeleteCommands"] {
        let body = match action {
            "DeleteCommand" => json!({ "CommandId": command }),
            _ => json!({ "CommandIds": [command] }),
        };
        let refused = call(tat, action, body).await;
        assert_eq!(code(&refused), "ResourceUnavailable.CommandInInvoker");
    }
    accepted(tat, "DeleteInvoker", json!({ "InvokerId": id })).await;
    accepted(tat, "DeleteCommand", json!({ "CommandId": command })).await;
}

#[tokio::test]
async fn requests_that_cannot_be_kept_are_refused() {
    let sandbox = sandbox().await;
    let tat = sandbox.tat();
    let plain = command(tat, json!({ "CommandName": "c", "Content": encoded("true") })).await;
    let weekly = json!({ "Policy": "RECURRENCE", "Recurrence": "0 9 * * 1" });
    let with = |member: &str, value: Value| {
        let mut body = invoker(tat, &plain, weekly.clone());
        body[member] = value;
        body
    };
    let on = |schedule: Value| invoker(tat, &plain, schedule);
    for (body, refusal) in [
        (with("CommandId", json!("cmd-00000000")), "ResourceNotFound.CommandNotFound"),
        (with("CommandId", json!("c")), "InvalidParameterValue.InvalidCommandId"),
        (with("InstanceIds", json!(["ins-00000000"])), "ResourceNotFound.InstanceNotFound"),
        (
            with("InstanceIds", json!([tat.offline_instance()])),
            "ResourceUnavailable.AgentStatusNotOnline",
        ),
        (with("InstanceIds", json!(vec!["ins-1"; 101])), "InvalidParameterValue.LimitExceeded"),
        (with("Parameters", json!("{}")), "InvalidParameterValue.ParameterDisabled"),
        (with("Parameters", json!("{")), "InvalidParameterValue.ParameterInvalidJsonFormat"),
        (with("Name", json!("n".repeat(121))), "InvalidParameterValue.TooLong"),
        (with("Type", json!("EVENT")), "InvalidParameterValue"),
        (with("ScheduleSettings", Value::Null), "InvalidParameter"),
        (on(json!({ "Policy": "ONCE" })), "InvalidParameter"),
        (on(json!({ "Policy": "ONCE", "Recurrence": "* * * * *" })), "InvalidParameter"),
        (on(json!({ "Policy": "RECURRENCE" })), "InvalidParameter"),
        (
            on(json!({ "Policy": "RECURRENCE", "Recurrence": "every night" })),
            "InvalidParameterValue.InvalidCronExpression",
        ),
        (
            on(json!({ "Policy": "ONCE", "InvokeTime": "tomorrow" })),
            "InvalidParameterValue.InvalidTimeFormat",
        ),
        (
            on(json!({ "Policy": "ONCE", "InvokeTime": "2021-09-01T00:00:00+08:00" })),
            "InvalidParameterValue.InvokeTimeExpired",
        ),
    ] {
        assert_eq!(code(&call(tat, "CreateInvoker", body.clone()).await), refusal, "{body}");
    }
    assert_eq!(call(tat, "DescribeInvokers", json!({})).await["TotalCount"], 0);

    let id = scheduled(tat, on(weekly.clone())).await;
    for action in ["ModifyInvoker", "EnableInvoker", "DisableInvoker", "DeleteInvoker"] {
        let unknown = call(tat, action, json!({ "InvokerId": "ivk-00000000" })).await;
        assert_eq!(code(&unknown), "ResourceNotFound", "{action}");
        let malformed = call(tat, action, json!({ "InvokerId": "nightly" })).await;
        assert_eq!(code(&malformed), "InvalidParameterValue.InvalidInvokerId", "{action}");
    }
    let body = json!({ "InvokerId": id, "Parameters": r#"{"a":"1"}"# });
    let refused = call(tat, "ModifyInvoker", body).await;
    assert_eq!(code(&refused), "InvalidParameterValue.ParameterDisabled");
    assert_eq!(shown(tat, &id).await["Parameters"], "");
    let filter = json!({ "Filters": [{ "Name": "type", "Values": ["SCHEDULE"] }] });
    let refused = call(tat, "DescribeInvokers", filter).await;
    assert_eq!(code(&refused), "InvalidParameterValue.InvalidFilter");

    let query = format!(
        "InvokerId={id}&ScheduleSettings.Policy=RECURRENCE&ScheduleSettings.Recurrence=0+3+*+*+*"
    );
    let by_get = Call { content_type: "application/x-www-form-urlencoded", ..Call::new(tat) };
    let answer = by_get.get(tat, "ModifyInvoker", &query).await;
    assert!(answer["Error"].is_null(), "{answer}");
    assert_eq!(shown(tat, &id).await["ScheduleSettings"]["Recurrence"], "0 3 * * *");
}
