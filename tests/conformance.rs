//! Every operation of every document, through the real client, against the sandbox.
//!
//! Each test records the operations that have worked, and fails if one of the document is missing.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{collections::BTreeSet, time::Duration};

use guestexec_core::{ErrorKind, Example};
use guestexec_sandbox::Sandbox;
use sha2::{Digest as _, Sha512};

/// The hexadecimal SHA-512 of a text.
fn sha512(text: &str) -> String {
    Sha512::digest(text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Fails unless `seen` has exactly the operations of the document's examples.
#[track_caller]
fn complete(all: &[Example], seen: &[&str]) {
    let documented: BTreeSet<&str> = all.iter().map(|example| example.operation).collect();
    assert_eq!(documented, seen.iter().copied().collect());
}

mod tat {
    use super::*;
    use guestexec_tat::{
        Base64, Client, Credentials,
        enums::{AgentStatus, CommandType, InvokerType, QuotaResource, SchedulePolicy, TaskStatus},
        examples,
        types::{Filter, ScheduleSettings},
    };

    fn client(sandbox: &Sandbox) -> Client {
        let service = sandbox.tat();
        Client::builder()
            .endpoint(service.endpoint())
            .credentials(Credentials::new(service.secret_id(), service.secret_key()))
            .region(service.region())
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn every_operation() {
        let machine = "rins-uf673dgi";
        let sandbox = Sandbox::builder().tat_instance(machine).start().await.unwrap();
        let client = client(&sandbox);
        let instance = sandbox.tat().instances().remove(0);
        let on = || vec![instance.clone()];

        let regions = client.describe_regions().send().await.unwrap().into_inner();
        assert!(regions.region_set.iter().any(|r| r.region.as_deref() == Some("ap-guangzhou")));

        let agents = client.describe_automation_agent_status().instance_ids(on());
        let agents = agents.send().await.unwrap();
        assert_eq!(agents.automation_agent_set[0].agent_status, Some(AgentStatus::Online));

        let created = client
            .create_command("greet", "echo {{greeting}} there")
            .command_type(CommandType::Shell)
            .enable_parameter(true)
            .default_parameters(r#"{"greeting":"hello"}"#)
            .send()
            .await
            .unwrap();
        let command = created.into_inner().command_id.unwrap();

        let commands = client.describe_commands().command_ids([&command]).send().await.unwrap();
        assert_eq!(commands.command_set[0].command_name.as_deref(), Some("greet"));

        let longer = client.modify_command(&command).timeout(120).description("Greets somebody.");
        longer.send().await.unwrap();
        let commands = client.describe_commands().command_ids([&command]).send().await.unwrap();
        assert_eq!(commands.command_set[0].timeout, Some(120));

        let machines = client.describe_register_instances().instance_ids([machine]);
        let machines = machines.send().await.unwrap();
        assert_eq!(machines.register_instance_set[0].status, Some(AgentStatus::Online));

        let quotas = client.describe_quotas([QuotaResource::Command]).send().await.unwrap();
        assert_eq!(quotas.general_resource_quota_set[0].resource_quota_used, Some(1));

        let preview = client.preview_replaced_command_content().command_id(&command).send().await;
        let preview = preview.unwrap().into_inner().replaced_content;
        assert_eq!(preview.unwrap().to_text_lossy(), "echo hello there");

        let invoked = client.invoke_command(&command, on());
        let invoked = invoked.parameters(r#"{"greeting":"good day"}"#);
        let invoked = invoked.send().await.unwrap().into_inner().invocation_id.unwrap();
        let filter = Filter::new("invocation-id", [&invoked]);
        let tasks = client.describe_invocation_tasks().filters([filter]).hide_output(false);
        let task = loop {
            let page = tasks.clone().send().await.unwrap().into_inner();
            let task = page.invocation_task_set.into_iter().next();
            if let Some(task) = task.filter(|t| t.task_status == Some(TaskStatus::Success)) {
                break task;
            }
        };
        let output = task.task_result.and_then(|result| result.output);
        assert_eq!(output.as_ref().map(Base64::to_text_lossy).unwrap(), "good day there\n");

        let slow = client.run_command("sleep 1000", on()).timeout(2000);
        let slow = slow.send().await.unwrap().into_inner().invocation_id.unwrap();
        client.cancel_invocation(&slow).send().await.unwrap();
        let invocations = client.describe_invocations().invocation_ids([&slow]);
        let invocations = invocations.send().await.unwrap();
        assert_eq!(invocations.invocation_set[0].invocation_id.as_deref(), Some(&*slow));

        let hourly = ScheduleSettings::new(SchedulePolicy::Recurrence).recurrence("0 * * * *");
        let invoker = client.create_invoker("hourly", InvokerType::Schedule, &command, on());
        let invoker = invoker.schedule_settings(hourly).send().await.unwrap();
        let invoker = invoker.into_inner().invoker_id.unwrap();
        client.disable_invoker(&invoker).send().await.unwrap();
        client.modify_invoker(&invoker).name("again").send().await.unwrap();
        let shown = client.describe_invokers().invoker_ids([&invoker]).send().await.unwrap();
        let shown = &shown.invoker_set[0];
        assert_eq!((shown.name.as_deref(), shown.enable), (Some("again"), Some(false)));
        client.enable_invoker(&invoker).send().await.unwrap();
        sandbox.tat().advance_schedules(Duration::from_secs(3600));
        let records = client.describe_invoker_records().invoker_ids([&invoker]);
        let started = loop {
            let page = records.clone().send().await.unwrap().into_inner();
            if let Some(record) = page.invoker_record_set.into_iter().next() {
                break record.invocation_id.unwrap();
            }
        };
        let scheduled = client.invocation(&started).await.unwrap().await.unwrap();
        assert_eq!(scheduled.results()[0].output_lossy(), "hello there\n");
        client.delete_invoker(&invoker).send().await.unwrap();

        client.delete_command(&command).send().await.unwrap();
        let other = client.create_command("other", "true").send().await.unwrap();
        let other = other.into_inner().command_id.unwrap();
        client.delete_commands([&other]).send().await.unwrap();

        let seen = [
            "CancelInvocation",
            "CreateCommand",
            "CreateInvoker",
            "DeleteCommand",
            "DeleteCommands",
            "DeleteInvoker",
            "DescribeAutomationAgentStatus",
            "DescribeCommands",
            "DescribeInvocationTasks",
            "DescribeInvocations",
            "DescribeInvokerRecords",
            "DescribeInvokers",
            "DescribeQuotas",
            "DescribeRegions",
            "DescribeRegisterInstances",
            "DisableInvoker",
            "EnableInvoker",
            "InvokeCommand",
            "ModifyCommand",
            "ModifyInvoker",
            "PreviewReplacedCommandContent",
            "RunCommand",
        ];
        complete(examples::ALL, &seen);
    }

    #[tokio::test]
    async fn refusals_of_the_service_become_typed_errors() {
        let sandbox = Sandbox::start().await.unwrap();
        let service = sandbox.tat();
        let error = client(&sandbox).instances(["ins-nowhere0"]).run("true").await.unwrap_err();
        assert!(error.code().unwrap().contains("Instance"), "{error}");
        assert!(error.request_id().is_some() && !error.may_have_run(), "{error}");

        let with = |credentials| {
            let builder = Client::builder().endpoint(service.endpoint()).region(service.region());
            builder.credentials(credentials).build().unwrap()
        };
        for credentials in [
            Credentials::new(service.secret_id(), "another-secret"),
            Credentials::new("AKIDnobody", service.secret_key()),
        ] {
            let error = with(credentials).describe_regions().send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        }
    }
}

mod zstack {
    use super::*;
    use guestexec_zstack::{
        Answer, Bytes, Client, Credentials, Method,
        enums::{GuestVmScriptStatus, Platform, ScriptType},
        examples,
    };

    #[tokio::test]
    async fn every_operation_works_synchronously_and_as_a_job() {
        for jobs in [false, true] {
            let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
            let service = sandbox.zstack();
            let builder = Client::builder().endpoint(service.endpoint());
            let login = builder.login(service.account_name(), service.password());
            let by_session = login.await.unwrap();
            let key = Credentials::access_key(service.access_key_id(), service.access_key_secret());
            let builder = Client::builder().endpoint(service.endpoint());
            let by_key = builder.credentials(key).build().unwrap();

            for client in [&by_session, &by_key] {
                for method in [Method::Put, Method::Post] {
                    let run = client.vm(service.vm_uuid()).run("echo out; echo err >&2");
                    let output = run.method(method).unchecked().await.unwrap();
                    assert_eq!(output.stdout_lossy().trim(), "out", "{}", output.stream());
                    assert_eq!(output.stderr_lossy().trim(), "err", "{}", output.stream());
                }
                let ended = client.vm(service.vm_uuid()).run("echo out; exit 7").await.unwrap();
                assert_eq!((ended.exit_code(), &*ended.stdout), (Some(7), &b"out\n"[..]));
            }
            assert_eq!(service.executions(service.vm_uuid()), 6);

            let tools = by_key.get_vm_guest_tools_info(service.vm_uuid()).send().await.unwrap();
            assert_eq!(tools.status.as_deref(), Some("Running"));
            let broken = by_key.get_vm_guest_tools_info(service.broken_vm_uuid()).send().await;
            assert_eq!(broken.unwrap().status.as_deref(), Some("NotRunning"));

            // A session is no longer valid after the logout.
            assert_eq!(service.sessions(), 1);
            by_session.logout().await.unwrap();
            assert_eq!(service.sessions(), 0);
            let error = by_session.vm(service.vm_uuid()).run("true").await.unwrap_err();
            assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false), "{error}");
            assert_eq!(service.sessions(), 0);
        }
        let seen = [
            "CreateGuestVmScript",
            "DeleteGuestVmScript",
            "ExecuteGuestVmCommand",
            "ExecuteGuestVmCommandByPost",
            "ExecuteGuestVmScript",
            "GetApiJob",
            "GetVmGuestToolsInfo",
            "LogInByAccount",
            "LogOut",
            "QueryGuestVmScript",
            "QueryGuestVmScriptExecutedRecord",
            "QueryGuestVmScriptExecutedRecordDetail",
            "QueryVmInstance",
            "RenewSession",
            "UpdateGuestVmScript",
            "ValidateSession",
        ];
        complete(examples::ALL, &seen);
    }

    /// The inventory of an answer, or of the result of the job whose address it has.
    async fn inventory(client: &Client, answer: Answer<Bytes>) -> serde_json::Value {
        let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        let answer = json(&answer.into_inner());
        let Some(location) = answer["location"].as_str() else {
            return answer["inventory"].clone();
        };
        let job = location.rsplit('/').next().unwrap();
        loop {
            let result = client.get_api_job(job).send_raw().await.unwrap();
            if result.status().as_u16() == 200 {
                return json(&result.into_inner())["inventory"].clone();
            }
        }
    }

    #[tokio::test]
    async fn scripts_are_saved_changed_run_recorded_and_deleted() {
        for jobs in [false, true] {
            let sandbox = Sandbox::builder().zstack_vms(2).zstack_jobs(jobs).start().await.unwrap();
            let service = sandbox.zstack();
            let client = service.client().unwrap();
            let vms = service.vm_uuids();
            let create = client.create_guest_vm_script(
                "greet",
                "echo hello",
                Platform::Linux,
                ScriptType::Shell,
            );
            let script = inventory(&client, create.send_raw().await.unwrap()).await;
            let uuid = script["uuid"].as_str().unwrap();
            let update =
                client.update_guest_vm_script(uuid).script_content("echo hi; echo oh >&2; exit 3");
            inventory(&client, update.send_raw().await.unwrap()).await;
            let listed = client.query_guest_vm_script().q(["name=greet"]).reply_with_count(true);
            let listed = listed.send().await.unwrap().into_inner();
            assert_eq!((listed.total, listed.inventories.len()), (Some(1), 1));

            let machines = [&*vms[0], &*vms[1], service.stopped_vm_uuid()];
            let run = client.execute_guest_vm_script(uuid, machines).script_timeout(20);
            let record = inventory(&client, run.send_raw().await.unwrap()).await;
            let of_record = [format!("uuid={}", record["uuid"].as_str().unwrap())];
            let record = loop {
                let records = client.query_guest_vm_script_executed_record().q(&of_record);
                let record = records.send().await.unwrap().into_inner().inventories.remove(0);
                if record.status != Some(GuestVmScriptStatus::Running) {
                    break record;
                }
            };
            assert_eq!(
                (record.status, record.version),
                (Some(GuestVmScriptStatus::Failed), Some(2))
            );
            let of_record = format!("recordUuid={}", record.uuid.unwrap());
            let details = client.query_guest_vm_script_executed_record_detail().q([of_record]);
            let mut details = details.limit(2).items();
            let mut seen = Vec::new();
            while let Some(detail) = details.next().await {
                let it = detail.unwrap();
                seen.push((it.exit_code, it.stdout, it.stderr, it.err_cause.unwrap()));
            }
            let text = |text: &str| Some(text.to_owned());
            let ran = (Some(3), text("hi\n"), text("oh\n"), String::new());
            let not = (None, None, None, "the vm is not running".to_owned());
            assert_eq!(seen, [ran.clone(), ran, not]);
            assert_eq!(service.executions(&vms[0]), 1);

            assert_eq!(service.scripts(), 1);
            client.delete_guest_vm_script(uuid).send().await.unwrap();
            while service.scripts() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn refusals_of_scripts_name_what_is_wrong() {
        let sandbox = Sandbox::start().await.unwrap();
        let service = sandbox.zstack();
        let client = service.client().unwrap();
        let code = |error: &guestexec_zstack::Error| error.code().unwrap_or_default().to_owned();
        let create = client
            .create_guest_vm_script("a", "true", Platform::Linux, ScriptType::Shell)
            .resource_uuid("0123456789abcdef0123456789abcdef");
        create.clone().send().await.unwrap();
        assert_eq!(code(&create.send().await.unwrap_err()), "SYS.1007");
        let script = "0123456789abcdef0123456789abcdef";
        let unknown = "f".repeat(32);
        let run = client.execute_guest_vm_script(script, [&*unknown]).send().await.unwrap_err();
        assert_eq!((&*code(&run), run.may_have_run()), ("SYS.1003", false), "{run}");
        let run = client.execute_guest_vm_script(&unknown, [service.vm_uuid()]).send().await;
        let run = run.unwrap_err();
        assert_eq!((&*code(&run), run.may_have_run()), ("SYS.1003", false), "{run}");
        let query = client.query_guest_vm_script().q(["colour=red"]).send().await.unwrap_err();
        assert_eq!(code(&query), "SYS.1007", "{query}");
        let params = r#"[{"key":"a","value":"b"}]"#;
        let run =
            client.execute_guest_vm_script(script, [service.vm_uuid()]).runtime_params(params);
        assert_eq!(code(&run.send().await.unwrap_err()), "SYS.1007");
        assert_eq!(service.executions(service.vm_uuid()), 0);
    }

    #[tokio::test]
    async fn a_session_is_renewed_synchronously_and_as_a_job() {
        for jobs in [false, true] {
            let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
            let service = sandbox.zstack();
            let client = service.client().unwrap();
            let hash = sha512(service.password());
            let opened = client.log_in_by_account(service.account_name(), hash).send().await;
            let opened = opened.unwrap().into_inner().inventory.unwrap();
            let uuid = opened.uuid.unwrap();
            let renewed = client.renew_session(uuid.expose()).duration(86_400).send_raw().await;
            let inventory = inventory(&client, renewed.unwrap()).await;
            assert_ne!(inventory["expiredDate"], opened.expired_date.unwrap());
            assert_eq!(inventory["createDate"], opened.create_date.unwrap());

            let unknown = client.renew_session("0123456789abcdef0123456789abcdef");
            let error = unknown.clone().duration(59).send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
            if !jobs {
                let error = unknown.send().await.unwrap_err();
                assert_eq!(error.code(), Some("ID.1001"), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn sessions() {
        let sandbox = Sandbox::start().await.unwrap();
        let service = sandbox.zstack();
        let builder = || Client::builder().endpoint(service.endpoint());
        let client = builder().login(service.account_name(), service.password()).await.unwrap();
        let unknown = "0123456789abcdef0123456789abcdef";
        let valid = client.validate_session(unknown).send().await.unwrap();
        assert_eq!(valid.into_inner().valid, Some(false));

        let error = builder().login(service.account_name(), "wrong").await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (Some("ID.1000"), ErrorKind::Unauthenticated));
        let stranger = builder().credentials(Credentials::session(unknown)).build().unwrap();
        let error = stranger.vm(service.vm_uuid()).run("true").await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false), "{error}");
        assert_eq!(service.executions(service.vm_uuid()), 0);
    }
}

mod cci {
    use super::*;
    use guestexec_cci::{
        Client, Credentials, examples,
        types::{NewContainer, NewNamespaceMeta, NewPodMeta, NewPodSpec},
    };

    fn clients(sandbox: &Sandbox) -> Vec<Client> {
        let service = sandbox.cci();
        [
            Credentials::access_key(service.access_key(), service.secret_key()),
            Credentials::token(service.token()),
            Credentials::password(
                service.domain(),
                service.user(),
                service.password(),
                service.project(),
            ),
        ]
        .into_iter()
        .map(|credentials| {
            Client::builder()
                .endpoint(service.endpoint())
                .iam_endpoint(service.iam_endpoint())
                .credentials(credentials)
                .build()
                .unwrap()
        })
        .collect()
    }

    #[tokio::test]
    async fn every_operation_works_with_each_kind_of_credentials() {
        for v5 in [true, false] {
            let sandbox = Sandbox::builder().cci_v5(v5).start().await.unwrap();
            let service = sandbox.cci();
            let (namespace, name) = (service.namespace(), service.pod());
            for client in clients(&sandbox) {
                let list = client.list_pods(namespace).send().await;
                assert!(list.unwrap().into_inner().items.len() > 1);
                let pod = client.read_pod(namespace, name);
                let metadata = pod.send().await.unwrap().into_inner().metadata.unwrap();
                assert_eq!(metadata.name.as_deref(), Some(name));

                service.write_log(name, "main", "ready\n");
                let log = client.read_pod_log(namespace, name).tail_lines(1).send().await;
                assert_eq!(*log.unwrap(), "ready\n");

                let tests = client.create_namespace(NewNamespaceMeta::new("tests")).send().await;
                assert_eq!(
                    tests.unwrap().metadata.as_ref().unwrap().name.as_deref(),
                    Some("tests")
                );
                assert_eq!(client.list_namespaces().send().await.unwrap().items.len(), 2);
                let container = NewContainer::new("main", "busybox:1").command(["sleep", "600"]);
                let meta = NewPodMeta::new().name("sleeper");
                let spec = NewPodSpec::new([container]).termination_grace_period_seconds(0);
                client.create_pod("tests", meta, spec).send().await.unwrap();
                let sleeper = client.pod("tests", "sleeper");
                sleeper.wait_until_running().await.unwrap();
                assert!(sleeper.exec(["true"]).await.unwrap().success());
                let deleted = client.delete_pod("tests", "sleeper").grace_period_seconds(0);
                deleted.send().await.unwrap();
                sleeper.wait_until_deleted().await.unwrap();
                let tests = client.read_namespace("tests").send().await.unwrap();
                assert!(tests.metadata.as_ref().unwrap().deletion_timestamp.is_none());
                client.delete_namespace("tests").send().await.unwrap();
                assert!(client.read_namespace("tests").send().await.is_err());

                let script = "printf out; printf err >&2; exit 3";
                let output = client.pod(namespace, name).exec(["sh", "-c", script]).output().await;
                let output = output.unwrap();
                assert_eq!((&*output.stdout, &*output.stderr), (&b"out"[..], &b"err"[..]));
                assert_eq!(output.exit_code(), Some(3));
            }
            // The same by POST, up to the upgrade to SPDY.
            let post = clients(&sandbox)
                .remove(0)
                .exec_in_pod_by_post(namespace, name)
                .command(vec!["true".to_owned()])
                .stdout(true)
                .send()
                .await
                .unwrap();
            assert_eq!(post.status().as_u16(), 101);
        }
        let seen = [
            "connectCciV2GetNamespacedPodExec",
            "connectCciV2PostNamespacedPodExec",
            "createCciV2Namespace",
            "createCciV2NamespacedPod",
            "deleteCciV2Namespace",
            "deleteCciV2NamespacedPod",
            "keystoneCreateUserTokenByPassword",
            "listCciV2Namespace",
            "listCciV2NamespacedPod",
            "readCciV2Namespace",
            "readCciV2NamespacedPod",
            "readCciV2NamespacedPodLog",
        ];
        complete(examples::ALL, &seen);
    }

    #[tokio::test]
    async fn refusals_of_the_service_become_typed_errors() {
        let sandbox = Sandbox::start().await.unwrap();
        let service = sandbox.cci();
        let client = clients(&sandbox).remove(0);
        let missing = client.pod(service.namespace(), "not-there").exec(["true"]).output().await;
        let error = missing.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotFound, false), "{error}");

        let builder = Client::builder().endpoint(service.endpoint());
        let stranger = builder.credentials(Credentials::token("stolen")).build().unwrap();
        let list = stranger.list_pods("default").send().await;
        assert_eq!(list.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }
}
