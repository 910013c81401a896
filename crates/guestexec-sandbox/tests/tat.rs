//! TAT by raw HTTP: signatures, refusals, and scripts that really run.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use guestexec_sandbox::{Sandbox, TatAgents};
use serde_json::{Value, json};
use support::tat::*;

async fn unhurried() -> Sandbox {
    Sandbox::builder().tat_rate(None).start().await.unwrap()
}

#[tokio::test]
async fn a_script_runs_once_and_stdout_and_stderr_keep_their_order() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; exit 3";
    let invocation = start(tat, json!({ "Content": encoded(script) })).await;
    let task = task_when(tat, &invocation, is_over).await;
    assert_eq!(output(&task), "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
    assert_eq!(task["TaskStatus"], "FAILED");
    assert_eq!(task["TaskResult"]["ExitCode"], 3);
    assert_eq!(task["TaskResult"]["Dropped"], 0);
    assert_eq!(tat.executions(&invocation), 1);
    assert_eq!(tat.invocations(), std::slice::from_ref(&invocation));
    assert_eq!(tat.executions("inv-none"), 0);

    // Output is hidden by default.
    let body = json!({ "InvocationTaskIds": [task["InvocationTaskId"]] });
    let answer = call(tat, "DescribeInvocationTasks", body).await;
    assert_eq!(answer["InvocationTaskSet"][0]["TaskResult"]["Output"], "");
    let answer = call(tat, "DescribeInvocations", json!({ "InvocationIds": [invocation] })).await;
    assert_eq!(answer["InvocationSet"][0]["InvocationStatus"], "FAILED");
}

#[tokio::test]
async fn every_style_of_signature_is_verified_over_the_bytes_sent() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let plain = || Call::new(tat);
    let (temporary_id, temporary_key, token) = tat.temporary_key();
    for good in [
        plain(),
        Call { content_type: "application/json; charset=utf-8", ..plain() },
        Call { sign_action: true, ..plain() },
        Call { unsigned_payload: true, ..plain() },
        Call { unsigned_payload: true, tamper: true, ..plain() },
        Call { host: "tat.tencentcloudapi.com".to_owned(), ..plain() },
        Call { host: tat.endpoint(), ..plain() },
        Call { timestamp: now() - 290, ..plain() },
        Call { timestamp: now() + 290, ..plain() },
        Call { region: None, ..plain() },
        Call {
            id: temporary_id.to_owned(),
            secret: temporary_key.to_owned(),
            token: Some(token.to_owned()),
            ..plain()
        },
    ] {
        let answer = good.send(tat, "DescribeRegions", "{}".to_owned()).await;
        assert_eq!(answer["TotalCount"], 11, "{answer}");
    }
    for (bad, expected) in [
        (Call { secret: "wrong".to_owned(), ..plain() }, "AuthFailure.SignatureFailure"),
        (Call { tamper: true, ..plain() }, "AuthFailure.SignatureFailure"),
        (Call { id: "AKIDwrong".to_owned(), ..plain() }, "AuthFailure.SecretIdNotFound"),
        (Call { id: "wrong".to_owned(), ..plain() }, "AuthFailure.InvalidSecretId"),
        (Call { timestamp: now() - 310, ..plain() }, "AuthFailure.SignatureExpire"),
        (Call { timestamp: now() + 310, ..plain() }, "AuthFailure.SignatureExpire"),
        (Call { token: Some("wrong".to_owned()), ..plain() }, "AuthFailure.TokenFailure"),
        (
            Call { id: temporary_id.to_owned(), secret: temporary_key.to_owned(), ..plain() },
            "AuthFailure.TokenFailure",
        ),
        (Call { version: "2017-03-12", ..plain() }, "NoSuchVersion"),
        (Call { region: Some("mars-north".to_owned()), ..plain() }, "UnsupportedRegion"),
        (Call { content_type: "text/plain", ..plain() }, "InvalidParameter"),
    ] {
        assert_eq!(code(&bad.send(tat, "DescribeRegions", "{}".to_owned()).await), expected);
    }
    let no_region = Call { region: None, ..plain() };
    assert_eq!(
        code(&no_region.send(tat, "DescribeCommands", "{}".to_owned()).await),
        "MissingParameter"
    );
    assert_eq!(code(&call(tat, "DescribeScenes", json!({})).await), "InvalidAction");
    // Without a signature, and with another method.
    let http = http();
    for request in [http.post(tat.endpoint()), http.get(tat.endpoint())] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        assert!(
            answer["Response"]["Error"]["Code"].is_string()
                && answer["Response"]["RequestId"].is_string()
        );
    }
}

/// Java's and Node's SDK take the service from the endpoint's first label, and Node's signs the host without its port.
#[tokio::test]
async fn the_signatures_of_the_vendors_sdks_are_accepted() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let (_, port) =
        tat.endpoint().rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let local = format!("localhost:{port}");
    let plain = || Call::new(tat);
    let form = "application/x-www-form-urlencoded";
    for good in [
        Call { service: "127".to_owned(), ..plain() },
        Call { signed_host: Some("127.0.0.1".to_owned()), ..plain() },
        Call { service: "127".to_owned(), signed_host: Some("127.0.0.1".to_owned()), ..plain() },
        Call { host: local.clone(), service: "localhost".to_owned(), ..plain() },
        Call { host: local.clone(), service: local.clone(), ..plain() },
        Call { host: "my-box.lan:80".to_owned(), service: "my-box".to_owned(), ..plain() },
        Call { host: "tat.tencentcloudapi.com".to_owned(), ..plain() },
    ] {
        let answer = good.send(tat, "DescribeRegions", "{}".to_owned()).await;
        assert_eq!(answer["TotalCount"], 11, "{answer}");
        let get = Call { content_type: form, ..good };
        let answer = get.get(tat, "DescribeAutomationAgentStatus", "Limit=1").await;
        assert_eq!(answer["AutomationAgentSet"].as_array().unwrap().len(), 1, "{answer}");
    }
    for bad in [
        Call { service: "cvm".to_owned(), ..plain() },
        Call { service: "0".to_owned(), ..plain() },
        Call { signed_host: Some("127.0.0.2".to_owned()), ..plain() },
        Call { signed_host: Some("127.0.0.1:1".to_owned()), ..plain() },
        Call { host: "cvm.tencentcloudapi.com".to_owned(), service: "cvm".to_owned(), ..plain() },
    ] {
        let answer = bad.send(tat, "DescribeRegions", "{}".to_owned()).await;
        assert_eq!(code(&answer), "AuthFailure.SignatureFailure");
    }
}

/// The signature before TC3, which Tencent's SDKs can still make.
#[tokio::test]
async fn the_older_signature_is_accepted() {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let host = tat.endpoint().replace("http://", "");
    let timestamp = now().to_string();
    let pairs = |more: &[(&str, &str)]| {
        let mut pairs: Vec<(String, String)> = [
            ("Action", "RunCommand"),
            ("Version", "2020-10-28"),
            ("Region", tat.region()),
            ("SecretId", tat.secret_id()),
            ("Nonce", "42"),
            ("Timestamp", &timestamp),
            ("RequestClient", "SDK"),
            ("Content", &encoded("echo a+b é")),
            ("InstanceIds.0", &tat.instances()[0]),
            ("Timeout", "30"),
        ]
        .into_iter()
        .chain(more.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        pairs.sort();
        pairs
    };
    let send = async |method: &str, host: &str, secret: &str, pairs: Vec<(String, String)>| {
        let list: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = format!("{method}{host}/?{}", list.join("&"));
        let sha256 = pairs.iter().any(|(_, value)| value == "HmacSHA256");
        let signature = if sha256 {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(text.as_bytes());
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        } else {
            let mut mac = Hmac::<sha1::Sha1>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(text.as_bytes());
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        };
        let escaped = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b' ' => "+".to_owned(),
                    byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                })
                .collect()
        };
        let mut all: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        all.push(format!("Signature={}", escaped(&signature)));
        let all = all.join("&");
        read(match method {
            "GET" => http().get(format!("{}/?{all}", tat.endpoint())),
            _ => http()
                .post(tat.endpoint())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(all),
        })
        .await
    };
    let secret = tat.secret_key();
    for method in ["GET", "POST"] {
        for more in [
            &[][..],
            &[("SignatureMethod", "HmacSHA1")],
            &[("SignatureMethod", "HmacSHA256"), ("Language", "en-US")],
        ] {
            let answer = send(method, &host, secret, pairs(more)).await;
            let invocation = answer["InvocationId"].as_str().unwrap_or_else(|| panic!("{answer}"));
            let task = task_when(tat, invocation, is_over).await;
            assert_eq!(output(&task), "a+b é\n");
        }
    }
    let (id, key, token) = tat.temporary_key();
    let with = |name: &str, value: &str| {
        let mut pairs = pairs(&[]);
        pairs.retain(|(given, _)| given != name);
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        pairs.sort();
        pairs
    };
    let mut temporary = with("SecretId", id);
    temporary.push(("Token".to_owned(), token.to_owned()));
    temporary.sort();
    assert!(send("GET", &host, key, temporary.clone()).await["InvocationId"].is_string());
    let before = tat.invocations().len();
    for (pairs, key, expected) in [
        (pairs(&[]), "wrong", "AuthFailure.SignatureFailure"),
        (with("SecretId", "AKIDwrong"), secret, "AuthFailure.SecretIdNotFound"),
        (with("SecretId", id), key, "AuthFailure.TokenFailure"),
        (with("Timestamp", "1600000000"), secret, "AuthFailure.SignatureExpire"),
        (with("Timestamp", ""), secret, "MissingParameter"),
        (with("Nonce", "x"), secret, "InvalidParameter"),
        (with("SignatureMethod", "HmacMD5"), secret, "InvalidParameter"),
        (with("Version", "2017-03-12"), secret, "NoSuchVersion"),
        (with("Region", ""), secret, "MissingParameter"),
        (with("Colour", "red"), secret, "UnknownParameter"),
    ] {
        assert_eq!(code(&send("POST", &host, key, pairs.clone()).await), expected, "{pairs:?}");
    }
    let elsewhere = send("GET", "tat.tencentcloudapi.com", secret, pairs(&[])).await;
    assert_eq!(code(&elsewhere), "AuthFailure.SignatureFailure");
    assert_eq!(tat.invocations().len(), before);
}

#[tokio::test]
async fn details_are_those_of_the_service() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    // There is nothing yet to filter.
    let unknown = json!({ "Filters": [{ "Name": "colour", "Values": ["red"] }] });
    for action in [
        "DescribeCommands",
        "DescribeInvocations",
        "DescribeInvocationTasks",
        "DescribeAutomationAgentStatus",
    ] {
        let answer = call(tat, action, unknown.clone()).await;
        assert_eq!(code(&answer), "InvalidParameterValue.InvalidFilter", "{action}");
    }
    let elsewhere = Call { region: Some("ap-seoul".to_owned()), ..Call::new(tat) };
    let answer = elsewhere.send(tat, "DescribeAutomationAgentStatus", unknown.to_string()).await;
    assert_eq!(code(&answer), "InvalidParameterValue.InvalidFilter");

    let invocation = start(tat, json!({ "Content": encoded("true") })).await;
    let twice =
        json!({ "Filters": [{ "Name": "invocation-id", "Values": [invocation, invocation] }] });
    for action in ["DescribeInvocationTasks", "DescribeInvocations"] {
        assert_eq!(call(tat, action, twice.clone()).await["TotalCount"], 1, "{action}");
    }
    let ids = json!({ "InvocationIds": [invocation, invocation] });
    assert_eq!(call(tat, "DescribeInvocations", ids).await["TotalCount"], 1);

    let id = &tat.instances()[0];
    for (body, expected) in [
        (json!([encoded("true"), [id]]), "InvalidParameter"),
        (json!([]), "InvalidParameter"),
        (
            json!({ "Content": encoded("true"), "InstanceIds": [id], "Tags": [["k", "v"]] }),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(code(&call(tat, "RunCommand", body.clone()).await), expected, "{body}");
    }
    let list = json!({ "Filters": [["invocation-id", [invocation]]] });
    assert_eq!(code(&call(tat, "DescribeInvocations", list).await), "InvalidParameterValue");
    assert_eq!(tat.invocations().len(), 1);
}

#[tokio::test]
async fn invalid_requests_start_nothing() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let id = tat.instances()[0].clone();
    let two = [id.clone(), tat.lighthouse_instance().to_owned()];
    for (body, expected) in [
        (json!({}), "MissingParameter"),
        (json!({ "Content": "bHM=", "InstanceIds": [id], "Bogus": 1 }), "UnknownParameter"),
        (
            json!({ "Content": "bHM=", "InstanceIds": vec![&id; 201] }),
            "InvalidParameterValue.LimitExceeded",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": [id, id] }),
            "InvalidParameterValue.InvalidInstanceId",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": ["i-1"] }),
            "InvalidParameterValue.InvalidInstanceId",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": ["ins-00000000"] }),
            "ResourceNotFound.InstanceNotFound",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": [tat.offline_instance()] }),
            "ResourceUnavailable.AgentStatusNotOnline",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": two }),
            "InvalidParameterValue.InconsistentInstance",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": [id], "CommandType": "BAT" }),
            "InvalidParameterValue.AgentUnsupportedCommandType",
        ),
        (
            json!({ "Content": "bHM=", "InstanceIds": [id], "Timeout": 0 }),
            "InvalidParameterValue.Range",
        ),
        (
            json!({ "Content": "?", "InstanceIds": [id] }),
            "InvalidParameterValue.CommandContentInvalid",
        ),
        (
            json!({ "Content": encoded(vec![b'#'; 49_153]), "InstanceIds": [id] }),
            "InvalidParameterValue.TooLong",
        ),
        (
            json!({ "Content": encoded("echo {{a}}"), "InstanceIds": [id], "EnableParameter": true }),
            "InvalidParameterValue.LackOfParameterInfo",
        ),
    ] {
        assert_eq!(code(&call(tat, "RunCommand", body.clone()).await), expected, "{body}");
    }
    let elsewhere = Call { region: Some("ap-seoul".to_owned()), ..Call::new(tat) };
    let body = json!({ "Content": "bHM=", "InstanceIds": [id] }).to_string();
    assert_eq!(
        code(&elsewhere.send(tat, "RunCommand", body).await),
        "ResourceNotFound.InstanceNotFound"
    );
    let answer =
        call(tat, "DescribeInvocationTasks", json!({ "Filters": [{ "Name": "x", "Values": [] }] }))
            .await;
    assert_eq!(code(&answer), "InvalidParameterValue.InvalidFilter");
    assert_eq!(
        code(&call(tat, "CancelInvocation", json!({ "InvocationId": "inv-00000000" })).await),
        "ResourceNotFound.InvocationNotFound"
    );
    assert!(tat.invocations().is_empty());
}

#[tokio::test]
async fn the_agent_behaves_like_the_vendors() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    // One byte more than the limit on output.
    let task =
        run(tat, json!({ "Content": encoded("head -c 24577 /dev/zero | tr '\\0' x") })).await;
    assert_eq!((output(&task).len(), &task["TaskResult"]["Dropped"]), (24_576, &json!(1)));
    // Kills itself by a signal.
    let task = run(tat, json!({ "Content": encoded("kill -9 $$") })).await;
    assert_eq!(
        (&task["TaskStatus"], &task["TaskResult"]["ExitCode"]),
        (&json!("FAILED"), &json!(-1))
    );
    // Runs past its timeout.
    let task =
        run(tat, json!({ "Content": encoded("echo so far; sleep 1000"), "Timeout": 2 })).await;
    assert_eq!(
        (&task["TaskStatus"], &task["TaskResult"]["ExitCode"]),
        (&json!("TIMEOUT"), &json!(-1))
    );
    assert_eq!(output(&task), "so far\n");
    // Never starts.
    for (member, value, text) in [
        ("Username", "nobody-here", "InvalidUser: user `nobody-here` not exists"),
        (
            "WorkingDirectory",
            "/nowhere",
            "InvalidWorkingDirectory: working_directory `/nowhere` not exists",
        ),
    ] {
        let mut body = json!({ "Content": "bHM=", "InstanceIds": [tat.instances()[0]] });
        body[member] = value.into();
        let task = run(tat, body).await;
        assert_eq!(
            (&task["TaskStatus"], &task["TaskResult"]["ExitCode"]),
            (&json!("START_FAILED"), &json!(-1))
        );
        assert_eq!(task["ErrorInfo"], text);
        assert_eq!(tat.executions(task["InvocationId"].as_str().unwrap()), 0);
    }
    // The script's environment, its directory, its end of input, and no `#!` line.
    let script = "#!/usr/bin/python3\ncat; pwd; cd /; echo $HOME $USER $TERM ${TENCENTCLOUD_SECRET_KEY-none}";
    let task = run(tat, json!({ "Content": encoded(script), "Username": "root" })).await;
    let text = output(&task);
    let home = text.lines().next().unwrap();
    assert_eq!(text, format!("{home}\n{home} root xterm-color none\n"));
    let task = run(tat, json!({ "Content": encoded("pwd"), "WorkingDirectory": "/tmp" })).await;
    assert_eq!(output(&task), "/tmp\n");
}

#[tokio::test]
async fn cancelling_before_and_while_running() {
    let sandbox = Sandbox::builder().tat_rate(None).max_processes(1).start().await.unwrap();
    let tat = sandbox.tat();
    let body = json!({ "Content": encoded("echo started; sleep 1000 & wait") });
    let running = start(tat, body.clone()).await;
    task_when(tat, &running, |task| output(task) == "started\n").await;
    let waiting = start(tat, body).await;
    for (invocation, status, code) in [(&waiting, "CANCELLED", 0), (&running, "TERMINATED", -1)] {
        let answer = call(tat, "CancelInvocation", json!({ "InvocationId": invocation })).await;
        assert!(answer["Error"].is_null(), "{answer}");
        let task = task_when(tat, invocation, is_over).await;
        assert_eq!(task["TaskStatus"], status);
        assert_eq!(task["TaskResult"]["ExitCode"], code);
        let answer =
            call(tat, "DescribeInvocations", json!({ "InvocationIds": [invocation] })).await;
        assert_eq!(answer["InvocationSet"][0]["InvocationStatus"], "CANCELLED");
    }
    assert_eq!(tat.executions(&waiting), 0);
    let other = json!({ "InvocationId": running, "InstanceIds": ["ins-other"] });
    assert_eq!(
        code(&call(tat, "CancelInvocation", other).await),
        "InvalidParameterValue.InstanceIsNotRelatedToInvocation"
    );
}

#[tokio::test]
async fn saved_commands_and_parameters() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let body = json!({
        "CommandName": "greet",
        "Content": encoded("echo {{greeting}} {{tat-hidden:name}} {{other}}"),
        "EnableParameter": true,
        "DefaultParameters": "{\"greeting\": \"hello\", \"name\": \"world\"}",
        "Tags": [{ "Key": "team", "Value": "operations" }],
    });
    let command = call(tat, "CreateCommand", body.clone()).await["CommandId"].clone();
    assert_eq!(
        code(&call(tat, "CreateCommand", body).await),
        "InvalidParameterValue.CommandNameDuplicated"
    );

    let preview = json!({ "CommandId": command, "Parameters": "{\"name\":\"TAT\"}" });
    let answer = call(tat, "PreviewReplacedCommandContent", preview).await;
    assert_eq!(answer["ReplacedContent"], encoded("echo hello TAT {{other}}"));

    let invoke = json!({
        "CommandId": command,
        "InstanceIds": [tat.instances()[1]],
        "Parameters": "{\"name\":\"secret\"}",
    });
    let answer = call(tat, "InvokeCommand", invoke).await;
    let invocation = answer["InvocationId"].as_str().unwrap().to_owned();
    let task = task_when(tat, &invocation, is_over).await;
    assert_eq!(output(&task), "hello secret {{other}}\n");
    let shown = task["CommandDocument"]["Content"].as_str().unwrap();
    assert_eq!(decoded(shown), b"echo hello ******** {{other}}");
    let answer = call(tat, "DescribeInvocations", json!({ "InvocationIds": [invocation] })).await;
    assert!(!answer["InvocationSet"][0]["Parameters"].as_str().unwrap().contains("secret"));

    let saved = json!({
        "Content": "bHM=", "InstanceIds": [tat.instances()[0]], "SaveCommand": true, "CommandName": "kept",
    });
    call(tat, "RunCommand", saved).await;
    for (filter, total) in [
        (json!([{ "Name": "tag:team", "Values": ["operations"] }]), 1),
        (json!([{ "Name": "command-name", "Values": ["greet", "kept"] }]), 2),
        (json!([{ "Name": "created-by", "Values": ["TAT"] }]), 0),
    ] {
        let answer = call(tat, "DescribeCommands", json!({ "Filters": filter })).await;
        assert_eq!(answer["TotalCount"], total, "{answer}");
    }
    let answer = call(tat, "DescribeCommands", json!({ "Limit": 1, "Offset": 1 })).await;
    assert_eq!(answer["CommandSet"][0]["CommandName"], "kept");
    assert_eq!(
        (&answer["TotalCount"], answer["CommandSet"].as_array().unwrap().len()),
        (&json!(2), 1)
    );

    assert!(call(tat, "DeleteCommand", json!({ "CommandId": command })).await["Error"].is_null());
    assert_eq!(
        code(&call(tat, "DeleteCommand", json!({ "CommandId": command })).await),
        "ResourceNotFound.CommandNotFound"
    );
}

#[tokio::test]
async fn agents_and_pages_over_many_instances() {
    let sandbox = Sandbox::builder()
        .tat_rate(None)
        .tat_instances(150)
        .tat_instance("rins-ar5wyn40")
        .start()
        .await
        .unwrap();
    let tat = sandbox.tat();
    assert_eq!(tat.instances().len(), 151);
    let answer =
        call(tat, "DescribeAutomationAgentStatus", json!({ "Limit": 100, "Offset": 100 })).await;
    assert_eq!(answer["TotalCount"], 153);
    assert_eq!(answer["AutomationAgentSet"].as_array().unwrap().len(), 53);
    let filter = json!({ "Filters": [{ "Name": "agent-status", "Values": ["Offline"] }] });
    let answer = call(tat, "DescribeAutomationAgentStatus", filter).await;
    assert_eq!(answer["AutomationAgentSet"][0]["InstanceId"], tat.offline_instance());

    let body = json!({ "Content": encoded("true"), "InstanceIds": tat.instances() });
    let invocation = start(tat, body).await;
    loop {
        let answer =
            call(tat, "DescribeInvocations", json!({ "InvocationIds": [invocation] })).await;
        if answer["InvocationSet"][0]["InvocationStatus"] == "SUCCESS" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(tat.executions(&invocation), 151);
    let page = json!({
        "Filters": [{ "Name": "invocation-id", "Values": [invocation] }], "Limit": 100, "Offset": 100,
    });
    let answer = call(tat, "DescribeInvocationTasks", page).await;
    assert_eq!(answer["TotalCount"], 151);
    assert_eq!(answer["InvocationTaskSet"].as_array().unwrap().len(), 51);
}

#[tokio::test]
async fn too_many_calls_in_a_second_are_throttled() {
    let sandbox = Sandbox::builder().tat_rate(Some(0)).tat_late_tasks(true).start().await.unwrap();
    let answer = call(sandbox.tat(), "DescribeRegions", json!({})).await;
    assert_eq!(code(&answer), "RequestLimitExceeded");
}

#[tokio::test]
async fn tasks_may_be_listed_late() {
    let sandbox = Sandbox::builder().tat_rate(None).tat_late_tasks(true).start().await.unwrap();
    let tat = sandbox.tat();
    let invocation = start(tat, json!({ "Content": "bHM=" })).await;
    let body = json!({ "Filters": [{ "Name": "invocation-id", "Values": [invocation] }] });
    let answer = call(tat, "DescribeInvocationTasks", body.clone()).await;
    assert_eq!((&answer["TotalCount"], &answer["InvocationTaskSet"]), (&json!(0), &json!([])));
    assert_eq!(call(tat, "DescribeInvocationTasks", body).await["TotalCount"], 1);
}

#[tokio::test]
async fn parameters_may_be_in_the_query() {
    let sandbox = unhurried().await;
    let tat = sandbox.tat();
    let form = || Call { content_type: "application/x-www-form-urlencoded", ..Call::new(tat) };
    let instance = &tat.instances()[0];
    // In the order of the model, with Python's booleans, as Tencent's Python SDK sends them.
    let script = encoded("echo {{a-b}} $((40 + 2))").replace('=', "%3D").replace('+', "%2B");
    let query = format!(
        "Content={script}&InstanceIds.0={instance}&Timeout=60&SaveCommand=False&EnableParameter=True\
         &Parameters=%7B%22a-b%22%3A+%22hello+world%22%7D"
    );
    let started = form().get(tat, "RunCommand", &query).await;
    let invocation = started["InvocationId"].as_str().unwrap_or_else(|| panic!("{started}"));
    let task = task_when(tat, invocation, is_over).await;
    assert_eq!(output(&task), "hello world 42\n");
    let query =
        format!("Filters.0.Name=invocation-id&Filters.0.Values.0={invocation}&HideOutput=True");
    let tasks = form().get(tat, "DescribeInvocationTasks", &query).await;
    assert_eq!(tasks["TotalCount"], 1, "{tasks}");

    for (bad, code_is) in [
        ("Contents=1", "UnknownParameter"),
        ("Content=bHM=&InstanceIds.1=ins-a", "InvalidParameterValue"),
        ("Content=bHM=&InstanceIds.0=ins-a&Timeout=x", "InvalidParameterValue"),
        ("Content=bHM=", "MissingParameter"),
    ] {
        let answer = form().get(tat, "RunCommand", bad).await;
        assert_eq!(code(&answer), code_is, "{bad}");
    }
    let long = format!("Content={}", "x".repeat(33_000));
    let answer = form().get(tat, "RunCommand", &long).await;
    assert_eq!(code(&answer), "RequestSizeLimitExceeded");
    // A query other than the signed one, and the wrong content type.
    let request = form().request(tat, "DescribeRegions", "a=1", "");
    let mut request = request.build().unwrap();
    request.url_mut().set_query(Some("a=2"));
    let answer: Value = http().execute(request).await.unwrap().json().await.unwrap();
    assert_eq!(code(&answer["Response"]), "AuthFailure.SignatureFailure");
    let answer = Call::new(tat).get(tat, "DescribeRegions", "a=1").await;
    assert_eq!(code(&answer), "InvalidParameter");
}

#[tokio::test]
async fn tasks_pass_through_the_pending_states() {
    let long = Duration::from_secs(1000);
    for (builder, status) in [
        (Sandbox::builder().tat_delivering(long), "DELIVERING"),
        (Sandbox::builder().tat_deliver_delayed(long), "DELIVER_DELAYED"),
    ] {
        let sandbox = builder.tat_rate(None).start().await.unwrap();
        let tat = sandbox.tat();
        let invocation = start(tat, json!({ "Content": encoded("true") })).await;
        task_when(tat, &invocation, |task| task["TaskStatus"] == status).await;
        let body = json!({ "InvocationIds": [invocation] });
        let seen = call(tat, "DescribeInvocations", body).await;
        assert_eq!(seen["InvocationSet"][0]["InvocationStatus"], "PENDING");
        call(tat, "CancelInvocation", json!({ "InvocationId": invocation })).await;
        let task = task_when(tat, &invocation, is_over).await;
        assert_eq!(task["TaskStatus"], "CANCELLED");
        assert_eq!(tat.executions(&invocation), 0);
    }
    let short = Duration::from_millis(50);
    let builder = Sandbox::builder().tat_delivering(short).tat_deliver_delayed(short);
    let sandbox = builder.tat_rate(None).start().await.unwrap();
    let task = run(sandbox.tat(), json!({ "Content": encoded("echo there") })).await;
    assert_eq!((&*output(&task), &task["TaskStatus"]), ("there\n", &json!("SUCCESS")));
}

#[tokio::test]
async fn agents_may_be_offline_or_unresponsive() {
    for (agents, status, executions) in
        [(TatAgents::Unreachable, "DELIVER_FAILED", 0), (TatAgents::Silent, "TASK_TIMEOUT", 1)]
    {
        let sandbox = Sandbox::builder().tat_rate(None).tat_agents(agents).start().await.unwrap();
        let tat = sandbox.tat();
        let invocation = start(tat, json!({ "Content": encoded("echo here") })).await;
        let task = task_when(tat, &invocation, is_over).await;
        assert_eq!(task["TaskStatus"], status);
        assert!(task["ErrorInfo"].as_str().is_some_and(|error| !error.is_empty()), "{task}");
        assert_eq!(tat.executions(&invocation), executions);
    }
}
