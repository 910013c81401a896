//! Runs that go well.

use std::{io::Write as _, time::Duration};

use guestexec_tat::{
    Credentials, Event, Language, RootDomain,
    enums::{CommandType, InvokerType, QuotaResource, SchedulePolicy},
    operations::*,
    types::ScheduleSettings,
};
use guestexec_testkit::{Reply, Tape};
use serde_json::json;

use super::{answer, builder, client, ended, listed, refusal, service, started, task, texts};
use crate::stage::Stage;

pub async fn run(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "RUNNING")]))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS")]));
    let finished = client(&stage, &tape).instances(["ins-1"]).run("uname -a").await.unwrap();
    assert_eq!(finished.results()[0].output_lossy(), "hi\n");
    tape.assert_complete();
    tape.to_string()
}

pub async fn many(stage: Stage) -> String {
    let tape = Tape::new()
        .on_with(RUN_COMMAND, |request| {
            let first = texts(request, "InstanceIds").swap_remove(0);
            answer(json!({ "InvocationId": format!("inv-of-{first}") }))
        })
        .on_with(DESCRIBE_INVOCATIONS, |request| {
            let set = texts(request, "InvocationIds").into_iter().map(|id| {
                let count = if id == "inv-of-ins-000" { 200 } else { 1 };
                let first: usize = id.strip_prefix("inv-of-ins-").unwrap().parse().unwrap();
                let tasks = (first..first + count).map(|number| {
                    json!({
                        "InvocationTaskId": format!("invt-{number:03}"),
                        "InstanceId": format!("ins-{number:03}"), "TaskStatus": "SUCCESS",
                    })
                });
                let tasks: Vec<_> = tasks.collect();
                json!({ "InvocationId": id, "InvocationTaskBasicInfoSet": tasks })
            });
            answer(json!({ "InvocationSet": set.collect::<Vec<_>>() }))
        })
        .on_with(DESCRIBE_INVOCATION_TASKS, |request| {
            let ids = texts(request, "InvocationTaskIds");
            let set = ids.iter().map(|id| task(&id.replace("invt-", "ins-"), "SUCCESS"));
            answer(json!({ "InvocationTaskSet": set.collect::<Vec<_>>() }))
        })
        .expect(RUN_COMMAND, 2);
    let ids: Vec<_> = (0..201).map(|number| format!("ins-{number:03}")).collect();
    let finished = client(&stage, &tape).instances(ids).run("uptime").await.unwrap();
    assert!(finished.success() && finished.results().len() == 201);
    tape.assert_complete();
    // The answers say nothing more than the requests.
    let requests = tape.sorted().into_iter().map(|exchange| exchange.request.to_string());
    requests.collect::<Vec<_>>().join("\n\n---\n\n")
}

pub async fn settings(stage: Stage) -> String {
    let tape = service();
    let client = client(&stage, &tape);
    let run = client
        .instances(["ins-1"])
        .run("cd logs\ntail -n 5 *\n")
        .name("logs")
        .description("the ends of all logs")
        .username("deploy")
        .working_directory("/srv/größe")
        .timeout(Duration::from_secs(90))
        .command_type(CommandType::Shell)
        .enable_parameters()
        .wait_at_most(Duration::from_secs(600));
    assert!(run.await.unwrap().success());
    tape.to_string()
}

pub async fn powershell(stage: Stage) -> String {
    let tape = service();
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1"]).run("Get-Date\r\n'größe'\r\n").powershell();
    assert!(run.await.unwrap().success());
    tape.to_string()
}

pub async fn bat(stage: Stage) -> String {
    let tape = service();
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1"]).run("ver\ndir C:\\").bat();
    assert!(run.await.unwrap().success());
    tape.to_string()
}

pub async fn unmarked(stage: Stage) -> String {
    let tape = service();
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1"]).run("cat <<end\n hi\nend").unmarked();
    assert!(run.await.unwrap().success());
    tape.to_string()
}

pub async fn saved(stage: Stage) -> String {
    let tape = service();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"#!/bin/sh\nset -e\nuptime\n").unwrap();
    let client = client(&stage, &tape);
    let run = client
        .instances(["ins-1"])
        .run_file(file.path())
        .unwrap()
        .name("kept")
        .save()
        .tag("team", "operations")
        .tag("for", "all");
    assert_eq!(run.await.unwrap().command_id(), Some("cmd-1"));
    tape.to_string()
}

pub async fn parameters(stage: Stage) -> String {
    let tape = service().reply_to(
        PREVIEW_REPLACED_COMMAND_CONTENT,
        answer(json!({ "ReplacedContent": "ZGVwbG95IDEuMi4zIC0tdG9rZW4gJyoqKicK" })),
    );
    let client = client(&stage, &tape);
    let run = client
        .instances(["ins-1"])
        .run("deploy {{version}} --to {{where}} --token '{{tat-hidden:token}}'\n")
        .default_parameter("version", "latest")
        .described_parameter("where", "here", "where it goes")
        .parameter("version", "1.2.3 \"final\"")
        .hidden_parameter("token", "s3cret");
    assert_eq!(run.preview().await.unwrap().to_text_lossy(), "deploy 1.2.3 --token '***'\n");
    assert!(run.await.unwrap().success());
    tape.assert_complete();
    assert!(!tape.to_string().contains("s3cret"));
    tape.to_string()
}

pub async fn invoke(stage: Stage) -> String {
    let tape = Tape::new()
        .on(INVOKE_COMMAND, answer(json!({ "InvocationId": "inv-1" })))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS")]));
    let client = client(&stage, &tape);
    let run = client
        .instances(["ins-1"])
        .invoke("cmd-1")
        .parameter("version", "1.2.3")
        .hidden_parameter("token", "s3cret")
        .timeout(Duration::from_secs(60));
    assert!(run.await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn start(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "PENDING")]))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "RUNNING")]))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "FAILED")]))
        .on(
            DESCRIBE_INVOCATION_TASKS,
            answer(json!({
                "TotalCount": 1,
                "InvocationTaskSet": [{
                    "InvocationId": "inv-1", "InvocationTaskId": "invt-1", "InstanceId": "ins-1",
                    "TaskStatus": "FAILED",
                    "TaskResult": { "ExitCode": 3, "Output": "Y2MgbWFpbi5jCmVycm9yOiBubwo=", "Dropped": 0 },
                }],
            })),
        );
    let running = client(&stage, &tape).instances(["ins-1"]).run("make").start().await.unwrap();
    assert_eq!(running.invocations().collect::<Vec<_>>(), ["inv-1"]);
    let finished = running.await.unwrap();
    assert_eq!(finished.results()[0].exit_code(), Some(3));
    tape.assert_complete();
    tape.to_string()
}

pub async fn events(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "RUNNING"), ("ins-2", "PENDING")]))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "RUNNING"), ("ins-2", "CANCELLED")]))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "TERMINATED"), ("ins-2", "CANCELLED")]))
        .on_with(DESCRIBE_INVOCATION_TASKS, |request| {
            let ids = texts(request, "InvocationTaskIds");
            ended(&[match &*ids[0] {
                "invt-1" => ("ins-1", "TERMINATED"),
                _ => ("ins-2", "CANCELLED"),
            }])
        })
        .on(CANCEL_INVOCATION, answer(json!({})));
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1", "ins-2"]).run("sleep 3600");
    let mut events = run.start().await.unwrap().events();
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Changed { instance_id, .. } if seen.is_empty() => {
                seen.push(instance_id);
                events.cancel_on(["ins-2"]).await.unwrap();
            }
            Event::Finished(result) => {
                seen.push(result.instance_id().to_owned());
                if seen.len() == 2 {
                    events.cancel().await.unwrap();
                }
            }
            Event::Changed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["ins-1", "ins-2", "ins-1"]);
    tape.assert_complete();
    tape.to_string()
}

pub async fn cancel(stage: Stage) -> String {
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(CANCEL_INVOCATION, answer(json!({})))
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "TERMINATED"), ("ins-2", "CANCELLED")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "TERMINATED"), ("ins-2", "CANCELLED")]));
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1", "ins-2"]).run("sleep 3600");
    let cancelled = run.start().await.unwrap().cancel().await.unwrap();
    assert_eq!((cancelled.killed().count(), cancelled.before_start().count()), (1, 1));
    tape.assert_complete();
    tape.to_string()
}

pub async fn resumed(stage: Stage) -> String {
    let tape = Tape::new()
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS")]));
    let running = client(&stage, &tape).invocation("inv-1").await.unwrap();
    assert!(running.await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn cos(stage: Stage) -> String {
    let url = "https://logs-1251783334.cos.ap-guangzhou.myqcloud.com";
    let tape = service();
    let client = client(&stage, &tape);
    let run = client.instances(["ins-1"]).run("journalctl");
    assert!(run.output_to_cos_below(url, "tat/logs").await.unwrap().success());
    tape.to_string()
}

pub async fn unlisted(stage: Stage) -> String {
    let nothing = answer(json!({ "TotalCount": 0, "InvocationSet": [] }));
    let tape = service().reply_to(DESCRIBE_INVOCATIONS, nothing);
    assert!(client(&stage, &tape).instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn tasks_only(stage: Stage) -> String {
    let refused = refusal("UnauthorizedOperation", "you may not DescribeInvocations");
    let tape = Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, refused)
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "RUNNING")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS")]));
    assert!(client(&stage, &tape).instances(["ins-1"]).run("id").await.unwrap().success());
    tape.assert_complete();
    tape.to_string()
}

pub async fn other_site(stage: Stage) -> String {
    let tape = service();
    let client = builder(&stage, &tape)
        .credentials(Credentials::new("AKIDexample", "secret").with_security_token("token"))
        .region("eu-frankfurt")
        .root_domain(RootDomain::International)
        .language(Language::Chinese)
        .build()
        .unwrap();
    assert!(client.instances(["ins-1"]).run("id").await.unwrap().success());
    tape.to_string()
}

pub async fn operations(stage: Stage) -> String {
    let tape = Tape::new()
        .on(CREATE_COMMAND, answer(json!({ "CommandId": "cmd-1" })))
        .on(DESCRIBE_COMMANDS, answer(json!({ "TotalCount": 0, "CommandSet": [] })))
        .on(MODIFY_COMMAND, answer(json!({})))
        .on(DELETE_COMMAND, answer(json!({})))
        .on(DELETE_COMMANDS, answer(json!({})))
        .on(CREATE_INVOKER, answer(json!({ "InvokerId": "ivk-1" })))
        .on(MODIFY_INVOKER, answer(json!({})))
        .on(DISABLE_INVOKER, answer(json!({})))
        .on(ENABLE_INVOKER, answer(json!({})))
        .on(DESCRIBE_INVOKERS, answer(json!({ "TotalCount": 0, "InvokerSet": [] })))
        .on(DESCRIBE_INVOKER_RECORDS, answer(json!({ "TotalCount": 0, "InvokerRecordSet": [] })))
        .on(DELETE_INVOKER, answer(json!({})))
        .on(
            DESCRIBE_AUTOMATION_AGENT_STATUS,
            answer(json!({ "TotalCount": 0, "AutomationAgentSet": [] })),
        )
        .on(
            DESCRIBE_REGISTER_INSTANCES,
            answer(json!({ "TotalCount": 0, "RegisterInstanceSet": [] })),
        )
        .on(DESCRIBE_QUOTAS, answer(json!({ "GeneralResourceQuotaSet": [] })))
        .on(DESCRIBE_REGIONS, Reply::from(answer(json!({ "TotalCount": 0, "RegionSet": [] }))));
    let client = client(&stage, &tape);
    client.create_command("logs", "tail -n 5 /var/log/*").send().await.unwrap();
    client.describe_commands().command_ids(["cmd-1"]).send().await.unwrap();
    client.modify_command("cmd-1").content("df -h").timeout(30).send().await.unwrap();
    client.delete_command("cmd-1").send().await.unwrap();
    client.delete_commands(["cmd-2", "cmd-3"]).send().await.unwrap();
    let nightly = ScheduleSettings::new(SchedulePolicy::Recurrence).recurrence("0 3 * * *");
    let made = client.create_invoker("nightly", InvokerType::Schedule, "cmd-4", ["ins-1"]);
    made.schedule_settings(nightly).parameters(r#"{"to":"a"}"#).send().await.unwrap();
    client.modify_invoker("ivk-1").username("backup").send().await.unwrap();
    client.disable_invoker("ivk-1").send().await.unwrap();
    client.enable_invoker("ivk-1").send().await.unwrap();
    client.describe_invokers().invoker_ids(["ivk-1"]).send().await.unwrap();
    client.describe_invoker_records().invoker_ids(["ivk-1"]).send().await.unwrap();
    client.delete_invoker("ivk-1").send().await.unwrap();
    client.describe_automation_agent_status().instance_ids(["ins-1"]).send().await.unwrap();
    client.describe_register_instances().instance_ids(["rins-1"]).send().await.unwrap();
    client.describe_quotas([QuotaResource::Command]).send().await.unwrap();
    client.describe_regions().send().await.unwrap();
    tape.assert_complete();
    tape.to_string()
}
