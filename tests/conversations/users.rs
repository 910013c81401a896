//! Programs as users write and test them: each is a function of a client, and its test one snapshot.

use std::time::Duration;

use guestexec_testkit::{ExecScript, Reply, StatusCode, Tape};
use serde_json::json;

use crate::stage::{Stage, talks};

talks! { "users",
    "patch": patch_run, "Packages are upgraded on an instance.";
    "patch-json": patch_json, "The same as JSON.";
    "uptime": uptime_run, "The uptime of a VM.";
    "login": login_run, "A login, a command and a logout.";
    "hostname": hostname_run, "The hostname of a container.";
}

/// Upgrades the packages of instances; returns how that ended on each.
async fn patch(
    tat: &guestexec_tat::Client,
    ids: &[&str],
) -> Result<Vec<(String, Option<i64>)>, guestexec_tat::Error> {
    let run = tat
        .instances(ids.iter().copied())
        .run("apt-get -y upgrade")
        .name("patch")
        .hidden_parameter("token", "s3cret")
        .timeout(Duration::from_secs(600));
    let results = run.await?;
    Ok(results
        .results()
        .iter()
        .map(|result| (result.instance_id().to_owned(), result.exit_code()))
        .collect())
}

/// Runs `uptime` in a VM.
async fn uptime(
    zstack: &guestexec_zstack::Client,
    uuid: &str,
) -> Result<(Option<i64>, String), guestexec_zstack::Error> {
    let ended = zstack.vm(uuid).run("uptime").timeout(Duration::from_secs(30)).await?;
    Ok((ended.exit_code(), ended.stdout_lossy().into_owned()))
}

/// Asks the first container of a pod for its name.
async fn hostname(cci: &guestexec_cci::Client) -> Result<String, guestexec_cci::Error> {
    let pod = cci.pod("default", "web").choose_container().await?;
    Ok(pod.exec(["hostname"]).output().await?.stdout_lossy().into_owned())
}

async fn patched(stage: Stage) -> Tape {
    use guestexec_tat::operations::*;
    let answer = |content| json!({ "Response": content });
    let tape = Tape::new()
        .on(RUN_COMMAND, answer(json!({ "CommandId": "cmd-1", "InvocationId": "inv-1" })))
        .on(
            DESCRIBE_INVOCATIONS,
            answer(json!({ "InvocationSet": [{
                "InvocationId": "inv-1",
                "InvocationTaskBasicInfoSet": [{
                    "InvocationTaskId": "invt-1", "TaskStatus": "SUCCESS", "InstanceId": "ins-1",
                }],
            }]})),
        )
        .on(
            DESCRIBE_INVOCATION_TASKS,
            answer(json!({ "InvocationTaskSet": [{
                "InvocationTaskId": "invt-1", "TaskStatus": "SUCCESS", "InstanceId": "ins-1",
                "TaskResult": { "ExitCode": 0, "Output": "aGkK" },
            }]})),
        );
    let credentials = guestexec_tat::Credentials::new("AKIDexample", "secret");
    let tat = guestexec_tat::Client::builder()
        .credentials(credentials.with_security_token("token"))
        .region("ap-guangzhou")
        .transport(stage.transport(&tape))
        .build()
        .unwrap();
    assert_eq!(patch(&tat, &["ins-1"]).await.unwrap(), [("ins-1".to_owned(), Some(0))]);
    tape.assert_complete();
    tape
}

async fn patch_run(stage: Stage) -> String {
    patched(stage).await.to_string()
}

async fn patch_json(stage: Stage) -> String {
    serde_json::to_string_pretty(&patched(stage).await.conversation()).unwrap()
}

fn zstack(stage: &Stage, tape: &Tape) -> guestexec_zstack::ClientBuilder {
    guestexec_zstack::Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .transport(stage.transport(tape))
}

const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
const SESSION: &str = "0123456789abcdef0123456789abcdef";

async fn uptime_run(stage: Stage) -> String {
    use guestexec_zstack::operations::*;
    let location = format!("http://zstack:8080/zstack/v1/api-jobs/{SESSION}");
    let line = "guestexec:<nonce>:0:0:0:aGkK::<nonce>";
    let tape = Tape::new()
        .on(
            EXECUTE_GUEST_VM_COMMAND,
            Reply::json(StatusCode::ACCEPTED, &json!({ "location": location })),
        )
        .on(GET_API_JOB, Reply::json(StatusCode::ACCEPTED, &json!({})))
        .on(GET_API_JOB, json!({ "stream": format!("standardStream: {line}, errorStream: ") }));
    let session = guestexec_zstack::Credentials::session(SESSION);
    let client = zstack(&stage, &tape).credentials(session).build().unwrap();
    assert_eq!(uptime(&client, VM).await.unwrap(), (Some(0), "hi\n".to_owned()));
    tape.assert_complete();
    tape.to_string()
}

async fn login_run(stage: Stage) -> String {
    use guestexec_zstack::operations::*;
    let tape = Tape::new()
        .on(LOG_IN_BY_ACCOUNT, json!({ "inventory": { "uuid": SESSION } }))
        .on(EXECUTE_GUEST_VM_COMMAND, json!({ "stream": "standardStream: hi, errorStream: " }))
        .on(LOG_OUT, json!({}));
    let client = zstack(&stage, &tape).login("admin", "password").await.unwrap();
    let output = client.vm(VM).run("uptime").unchecked().await.unwrap();
    assert_eq!(output.stdout_lossy(), "hi");
    client.logout().await.unwrap();
    tape.assert_complete();
    tape.to_string()
}

async fn hostname_run(stage: Stage) -> String {
    use guestexec_cci::operations::*;
    let tape = Tape::new()
        .on(
            READ_POD,
            json!({ "spec": { "containers": [{ "name": "nginx" }] }, "status": { "phase": "Running" } }),
        )
        .on(EXEC_IN_POD, ExecScript::new().stdout("web-1\n"));
    let client = guestexec_cci::Client::builder()
        .region("cn-north-4")
        .credentials(guestexec_cci::Credentials::token("token"))
        .transport(stage.transport(&tape))
        .build()
        .unwrap();
    assert_eq!(hostname(&client).await.unwrap(), "web-1\n");
    tape.assert_complete();
    tape.to_string()
}
