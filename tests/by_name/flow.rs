//! Every operation that can be called by its name, against the sandbox.

use std::{collections::BTreeSet, time::Duration};

use guestexec_core::NamedOperation;
use guestexec_sandbox::Sandbox;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::object;

/// What was called, and fails unless that is all there is.
#[derive(Default)]
struct Seen(BTreeSet<&'static str>);

impl Seen {
    #[track_caller]
    fn all_of(&self, all: &[NamedOperation]) {
        let named = all.iter().filter(|it| !it.is_upgrade);
        assert_eq!(self.0, named.map(|it| it.operation.id).collect());
    }
}

/// Calls an operation by its name, and returns the answer as JSON; null for no body.
macro_rules! call {
    ($seen:ident, $client:expr, $name:literal, $parameters:tt, $body:expr) => {{
        let body: Option<Value> = $body;
        let call = $client.call_by_name($name, object(json!($parameters)), body).unwrap();
        $seen.0.insert(call.operation().operation.id);
        let answer = call.send().await.unwrap_or_else(|error| panic!("{}: {error}", $name));
        serde_json::from_slice::<Value>(&answer).unwrap_or_default()
    }};
}

/// Calls an operation of TAT, all of whose inputs are in the body.
macro_rules! tat {
    ($seen:ident, $client:expr, $name:literal, $($body:tt)+) => {
        call!($seen, $client, $name, {}, Some(json!($($body)+)))["Response"].take()
    };
}

#[tokio::test]
async fn tat() {
    let machine = "rins-uf673dgi";
    let sandbox = Sandbox::builder().tat_instance(machine).start().await.unwrap();
    let tat = sandbox.tat().client().unwrap();
    let on = sandbox.tat().instances().remove(0);
    let mut seen = Seen::default();

    let regions = call!(seen, tat, "DescribeRegions", {}, None);
    assert!(regions["Response"]["RegionSet"].is_array(), "{regions}");
    let agents = tat!(seen, tat, "DescribeAutomationAgentStatus", { "InstanceIds": [on] });
    assert_eq!(agents["AutomationAgentSet"][0]["AgentStatus"], "Online");
    let created = tat!(seen, tat, "CreateCommand", {
        "CommandName": "greet", "Content": "ZWNobyB7e2dyZWV0aW5nfX0gdGhlcmU=", "EnableParameter": true,
        "DefaultParameters": "{\"greeting\":\"hello\"}",
    });
    let command = created["CommandId"].as_str().unwrap().to_owned();
    tat!(seen, tat, "ModifyCommand", { "CommandId": command, "Timeout": 120 });
    let commands = tat!(seen, tat, "DescribeCommands", { "CommandIds": [command] });
    assert_eq!(commands["CommandSet"][0]["Timeout"], 120);
    let machines = tat!(seen, tat, "DescribeRegisterInstances", { "InstanceIds": [machine] });
    assert_eq!(machines["RegisterInstanceSet"][0]["Status"], "Online");
    let quotas = tat!(seen, tat, "DescribeQuotas", { "ResourceNames": ["COMMAND"] });
    assert_eq!(quotas["GeneralResourceQuotaSet"][0]["ResourceQuotaUsed"], 1);
    let preview = tat!(seen, tat, "PreviewReplacedCommandContent", { "CommandId": command });
    assert_eq!(preview["ReplacedContent"], "ZWNobyBoZWxsbyB0aGVyZQ==");

    let invoked = tat!(seen, tat, "InvokeCommand", { "CommandId": command, "InstanceIds": [on] });
    let filters = json!([{ "Name": "invocation-id", "Values": [invoked["InvocationId"]] }]);
    let output = loop {
        let tasks = tat!(seen, tat, "DescribeInvocationTasks", {
            "Filters": filters, "HideOutput": false,
        });
        let task = &tasks["InvocationTaskSet"][0];
        if task["TaskStatus"] == "SUCCESS" {
            break task["TaskResult"]["Output"].clone();
        }
    };
    assert_eq!(output, "aGVsbG8gdGhlcmUK");
    let slow = tat!(seen, tat, "RunCommand", {
        "Content": "c2xlZXAgMTAwMA==", "InstanceIds": [on], "Timeout": 2000,
    });
    tat!(seen, tat, "CancelInvocation", { "InvocationId": slow["InvocationId"] });
    let invocations =
        tat!(seen, tat, "DescribeInvocations", { "InvocationIds": [slow["InvocationId"]] });
    assert_eq!(invocations["TotalCount"], 1);

    let invoker = tat!(seen, tat, "CreateInvoker", {
        "Name": "hourly", "Type": "SCHEDULE", "CommandId": command, "InstanceIds": [on],
        "ScheduleSettings": { "Policy": "RECURRENCE", "Recurrence": "0 * * * *" },
    });
    let invoker = invoker["InvokerId"].as_str().unwrap().to_owned();
    tat!(seen, tat, "DisableInvoker", { "InvokerId": invoker });
    tat!(seen, tat, "ModifyInvoker", { "InvokerId": invoker, "Name": "again" });
    let invokers = tat!(seen, tat, "DescribeInvokers", { "InvokerIds": [invoker] });
    assert_eq!(invokers["InvokerSet"][0]["Name"], "again");
    tat!(seen, tat, "EnableInvoker", { "InvokerId": invoker });
    sandbox.tat().advance_schedules(Duration::from_secs(3600));
    let started = loop {
        let records = tat!(seen, tat, "DescribeInvokerRecords", { "InvokerIds": [invoker] });
        if let Some(started) = records["InvokerRecordSet"][0]["InvocationId"].as_str() {
            break started.to_owned();
        }
    };
    // A command cannot be deleted while it is being run.
    tat.invocation(&started).await.unwrap().await.unwrap();
    tat!(seen, tat, "DeleteInvoker", { "InvokerId": invoker });
    tat!(seen, tat, "DeleteCommand", { "CommandId": command });
    let other = tat!(seen, tat, "CreateCommand", { "CommandName": "o", "Content": "dHJ1ZQ==" });
    tat!(seen, tat, "DeleteCommands", { "CommandIds": [other["CommandId"]] });
    seen.all_of(guestexec_tat::by_name::ALL);
}

#[tokio::test]
async fn zstack() {
    for jobs in [false, true] {
        let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
        let service = sandbox.zstack();
        let zstack = service.client().unwrap();
        let vm = service.vm_uuid();
        let mut seen = Seen::default();
        let password = Sha512::digest(service.password())
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let login = call!(
            seen,
            zstack,
            "LogInByAccount",
            {},
            Some(json!({
                "logInByAccount": { "accountName": service.account_name(), "password": password },
            }))
        );
        let session = login["inventory"]["uuid"].as_str().unwrap().to_owned();
        let valid = call!(seen, zstack, "ValidateSession", { "uuid": session }, None);
        assert_eq!(valid["valid"], true);

        // An answer, or what its job came to.
        macro_rules! done {
            ($answer:expr) => {{
                let answer: Value = $answer;
                match answer["location"].as_str() {
                    None => answer,
                    Some(location) => {
                        let job = location.rsplit('/').next().unwrap().to_owned();
                        loop {
                            let uuid = object(json!({ "uuid": job }));
                            let call = zstack.call_by_name("GetApiJob", uuid, None).unwrap();
                            seen.0.insert(call.operation().operation.id);
                            let result = call.send().await.unwrap();
                            if result.status() == 200 {
                                break serde_json::from_slice(&result).unwrap_or_default();
                            }
                        }
                    }
                }
            }};
        }

        // The body's outer object alone.
        done!(call!(seen, zstack, "RenewSession", { "uuid": session }, None));
        call!(seen, zstack, "LogOut", { "uuid": session }, None);
        let tools = call!(seen, zstack, "GetVmGuestToolsInfo", { "uuid": vm }, None);
        assert_eq!(tools["status"], "Running", "{tools}");
        let vms = call!(seen, zstack, "QueryVmInstance", { "q": [format!("uuid={vm}")] }, None);
        assert_eq!(vms["inventories"].as_array().map(Vec::len), Some(1), "{vms}");
        let body = json!({ "command": "echo out", "platform": "Linux", "vmInstanceUuid": vm });
        let ran = call!(
            seen,
            zstack,
            "ExecuteGuestVmCommand",
            {},
            Some(json!({
                "params": body,
            }))
        );
        let ran = done!(ran);
        assert!(ran.to_string().contains("standardStream: out"), "{ran}");
        let ran = call!(
            seen,
            zstack,
            "ExecuteGuestVmCommandByPost",
            {},
            Some(json!({
                "params": body,
            }))
        );
        let ran = done!(ran);
        assert!(ran.to_string().contains("standardStream: out"), "{ran}");

        let created = done!(call!(
            seen,
            zstack,
            "CreateGuestVmScript",
            {},
            Some(json!({
                "params": {
                    "name": "greet", "scriptContent": "ZWNobyBoZWxsbw==", "platform": "Linux", "scriptType": "Shell",
                },
            }))
        ));
        let script = created["inventory"]["uuid"].as_str().unwrap().to_owned();
        done!(call!(seen, zstack, "UpdateGuestVmScript", { "uuid": script }, Some(json!({
            "updateGuestVmScript": { "scriptContent": "ZWNobyBoaQ==" },
        }))));
        let scripts = call!(seen, zstack, "QueryGuestVmScript", { "q": ["name=greet"] }, None);
        assert_eq!(scripts["inventories"][0]["scriptContent"], "ZWNobyBoaQ==");
        let run =
            done!(call!(seen, zstack, "ExecuteGuestVmScript", { "uuid": script }, Some(json!({
                "executeGuestVmScript": { "vmInstanceUuids": [vm], "scriptTimeout": 20 },
            }))));
        let record = run["inventory"]["uuid"].as_str().unwrap().to_owned();
        let of = [format!("uuid={record}")];
        call!(seen, zstack, "QueryGuestVmScriptExecutedRecord", { "q": of }, None);
        let of = [format!("recordUuid={record}")];
        call!(seen, zstack, "QueryGuestVmScriptExecutedRecordDetail", { "q": of }, None);
        done!(call!(seen, zstack, "DeleteGuestVmScript", { "uuid": script }, None));
        if jobs {
            seen.all_of(guestexec_zstack::by_name::ALL);
        }
    }
}

#[tokio::test]
async fn cci() {
    let sandbox = Sandbox::start().await.unwrap();
    let service = sandbox.cci();
    let cci = service.client().unwrap();
    let (namespace, name) = (service.namespace(), service.pod());
    let mut seen = Seen::default();
    let mine = json!({ "namespace": namespace, "name": name });
    let pod = call!(seen, cci, "read_pod", (mine), None);
    assert_eq!(pod["metadata"]["name"], name);
    let pods = call!(seen, cci, "listCciV2NamespacedPod", { "namespace": namespace }, None);
    assert!(pods["items"].as_array().unwrap().len() > 1);

    service.write_log(name, "main", "one\ntwo\n");
    let last = object(json!({ "namespace": namespace, "name": name, "tailLines": 1 }));
    let log = cci.call_by_name("read-pod-log", last.clone(), None).unwrap();
    assert_eq!(&**log.send().await.unwrap(), b"two\n");
    let log = cci.call_by_name("readCciV2NamespacedPodLog", last, None).unwrap();
    seen.0.insert(log.operation().operation.id);
    let mut log = log.send_streamed().await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = log.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes, b"two\n");

    let tests = json!({ "metadata": { "name": "tests" } });
    call!(seen, cci, "createCciV2Namespace", {}, Some(tests));
    let namespaces = call!(seen, cci, "listCciV2Namespace", {}, None);
    assert_eq!(namespaces["items"].as_array().map(Vec::len), Some(2));
    let pod = json!({
        "metadata": { "name": "sleeper" },
        "spec": {
            "containers": [{ "name": "main", "image": "busybox:1", "command": ["sleep", "600"] }],
            "terminationGracePeriodSeconds": 0,
        },
    });
    call!(seen, cci, "createCciV2NamespacedPod", { "namespace": "tests" }, Some(pod));
    let gone = json!({ "namespace": "tests", "name": "sleeper", "gracePeriodSeconds": 0 });
    call!(seen, cci, "deleteCciV2NamespacedPod", (gone), None);
    cci.pod("tests", "sleeper").wait_until_deleted().await.unwrap();
    let read = call!(seen, cci, "readCciV2Namespace", { "name": "tests" }, None);
    assert_eq!(read["metadata"]["name"], "tests");
    call!(seen, cci, "deleteCciV2Namespace", { "name": "tests" }, None);

    let by_name = guestexec_cci::by_name::ALL;
    let token = by_name.iter().find(|it| it.operation.id == "keystoneCreateUserTokenByPassword");
    let outer: Vec<&str> = token.unwrap().inputs.iter().map(|input| input.name).collect();
    let body = json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": {
            "name": service.user(), "password": service.password(),
            "domain": { "name": service.domain() },
        } } },
        "scope": { "project": { "name": service.project() } },
    } });
    assert!(!outer.is_empty());
    let call = cci.call_by_name("create_user_token", object(json!({})), Some(body)).unwrap();
    seen.0.insert(call.operation().operation.id);
    let answer = call.send().await.unwrap();
    assert!(answer.headers().contains_key("x-subject-token"));
    seen.all_of(by_name);
}
