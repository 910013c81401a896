//! Every operation of every document, through the real client, against the sandbox.
//!
//! Each test records the operations that have worked, and fails if one of the document is missing.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::collections::BTreeSet;

use guestexec_core::{ErrorKind, Example};
use guestexec_sandbox::Sandbox;

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
        enums::{AgentStatus, CommandType, TaskStatus},
        examples,
        types::Filter,
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
        let sandbox = Sandbox::start().await.unwrap();
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

        client.delete_command(&command).send().await.unwrap();

        let seen = [
            "CancelInvocation",
            "CreateCommand",
            "DeleteCommand",
            "DescribeAutomationAgentStatus",
            "DescribeCommands",
            "DescribeInvocationTasks",
            "DescribeInvocations",
            "DescribeRegions",
            "InvokeCommand",
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
    use guestexec_zstack::{Client, Credentials, Method, examples};

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

            // A session is no longer valid after the logout.
            assert_eq!(service.sessions(), 1);
            by_session.logout().await.unwrap();
            assert_eq!(service.sessions(), 0);
            let error = by_session.vm(service.vm_uuid()).run("true").await.unwrap_err();
            assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false), "{error}");
            assert_eq!(service.sessions(), 0);
        }
        let seen = [
            "ExecuteGuestVmCommand",
            "ExecuteGuestVmCommandByPost",
            "GetApiJob",
            "LogInByAccount",
            "LogOut",
            "ValidateSession",
        ];
        complete(examples::ALL, &seen);
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
    use guestexec_cci::{Client, Credentials, examples};

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
            "keystoneCreateUserTokenByPassword",
            "listCciV2NamespacedPod",
            "readCciV2NamespacedPod",
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
