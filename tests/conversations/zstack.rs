//! Commands in ZStack's VMs.

use std::time::Duration;

use guestexec_core::ErrorKind;
use guestexec_testkit::{Reply, StatusCode, Tape, Value};
use guestexec_zstack::{
    Client, ClientBuilder, Credentials, JobId, Method, Shell, Uncaptured, Unfinished,
    UnfinishedScript, enums::ScriptType, operations::*, sign::DateZone,
};
use serde_json::json;

use crate::stage::{Stage, talks};

talks! { "zstack",
    "run": run, "A command, answered at once.";
    "run-failing": failing, "A command with output on both streams and an exit code.";
    "run-by-post": post, "POST instead of PUT, bash, a command of two lines, and a time limit.";
    "run-unchecked": unchecked, "A command as it is, whose answer has no exit code.";
    "windows-cmd": windows, "A command of cmd.exe.";
    "windows-powershell": powershell, "A command of PowerShell.";
    "windows-unchecked": windows_unchecked, "A command as it is in a Windows guest.";
    "polled": polled, "The node answers with a job, which is polled until it is done.";
    "polled-failing": polled_failing, "The job's end is an error.";
    "job-resumed": resumed, "A job that another program started, as checked and as unchecked command.";
    "job-named": named, "A job name of the caller's own.";
    "each-vm": each_vm, "A command in three VMs at once; sorted, as their order is not fixed.";
    "script": script, "A script that the service runs, and its end in one VM.";
    "scripts-polled": scripts_polled, "By jobs, in two VMs, of which one has not ended at first.";
    "script-lost": script_lost, "The answer to the execution is lost; a record of the script says how it ended.";
    "script-refused": script_refused, "The execution is refused; the script is deleted.";
    "script-gave-up": script_gave_up, "The script does not end in time; its records tell later.";
    "login": login, "Login, command, logout.";
    "login-first": login_first, "A login when the client is built, and a logout without a command.";
    "session-expired": expired, "The session has ended: one login, and the command again.";
    "session-expired-named": expired_named, "A command with a name of its own checks the session first.";
    "session-given": session, "A session that the program was given cannot be renewed.";
    "lost-found": lost_found, "The answer is lost; its job has the result.";
    "no-answer": no_answer, "No answer comes in time; its job has the result.";
    "lost-unknown": lost_unknown, "The answer is lost, and the node does not know the job.";
    "poll-lost": poll_lost, "The answer to a poll is lost, and polled again.";
    "gave-up": gave_up, "The job does not end in time.";
    "refused": refused, "The node refuses the command.";
    "throttled": throttled, "Too many requests: the command is retried.";
    "connection-refused": refused_connection, "Nothing was sent, so the command is retried.";
    "not-captured": uncaptured, "An answer that does not tell the exit code.";
    "access-key": key, "An AccessKey whose dates are in the node's zone.";
    "operations": operations, "Operations that have no short way.";
}

const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
const JOB: &str = "0123456789abcdef0123456789abcdef";

fn builder(stage: &Stage, tape: &Tape) -> ClientBuilder {
    Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .clock(stage.now)
        .transport(stage.transport(tape))
}

fn client(stage: &Stage, tape: &Tape) -> Client {
    let session = Credentials::session("fedcba9876543210fedcba9876543210");
    builder(stage, tape).credentials(session).build().unwrap()
}

/// A client that logs in by itself.
fn user(stage: &Stage, tape: &Tape) -> Client {
    builder(stage, tape).credentials(Credentials::password("admin", "password")).build().unwrap()
}

/// The end of a checked command that printed `hi`.
fn done() -> Value {
    let line = "guestexec:<nonce>:0:0:0:aGkK::<nonce>";
    json!({ "stream": format!("standardStream: {line}, errorStream: ") })
}

fn accepted() -> Reply {
    let location = format!("http://zstack:8080/zstack/v1/api-jobs/{JOB}");
    Reply::json(StatusCode::ACCEPTED, &json!({ "location": location, "apiTimeout": 60_000 }))
}

fn running() -> Reply {
    Reply::json(StatusCode::ACCEPTED, &json!({}))
}

fn failed(error: Value) -> Reply {
    Reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": error }))
}

fn ended_session() -> Reply {
    failed(json!({ "code": "ID.1001", "description": "Session expired" }))
}

fn opened(digit: char) -> Value {
    json!({ "inventory": { "uuid": String::from(digit).repeat(32) } })
}

/// Runs `uptime`, which prints `hi`.
async fn uptime(client: &Client) {
    let output = client.vm(VM).run("uptime").await.unwrap();
    assert_eq!((output.exit_code(), &*output.stdout_lossy()), (Some(0), "hi\n"));
}

/// All that was said.
fn told(tape: &Tape) -> String {
    tape.assert_complete();
    tape.to_string()
}

async fn run(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn failing(stage: Stage) -> String {
    let line = "guestexec:<nonce>:3:0:7:b3V0:ZXJy:<nonce>";
    let answer = json!({ "stream": format!("standardStream: {line}, errorStream: ") });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, answer);
    let output = client(&stage, &tape).vm(VM).run("cat 'it''s' >&2; exit 3").await.unwrap();
    assert_eq!((output.exit_code(), output.stderr_dropped), (Some(3), 7));
    assert_eq!((&*output.stdout, &*output.stderr), (&b"out"[..], &b"err"[..]));
    told(&tape)
}

async fn post(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND_BY_POST, done());
    let client = client(&stage, &tape);
    let run = client.vm(VM).run("set -e\nuptime").method(Method::Post).shell(Shell::Bash);
    assert!(run.timeout(Duration::from_millis(29_500)).await.unwrap().success());
    told(&tape)
}

async fn unchecked(stage: Stage) -> String {
    let answer = json!({ "stream": "standardStream: hi, errorStream: " });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, answer);
    let client = client(&stage, &tape);
    let output = client.vm(VM).run("uname -a").unchecked().await.unwrap();
    assert_eq!(output.stdout_lossy(), "hi");
    told(&tape)
}

async fn windows(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = client(&stage, &tape);
    assert!(client.vm(VM).windows().run("ver & dir C:\\").await.unwrap().success());
    told(&tape)
}

async fn powershell(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = client(&stage, &tape);
    let run = client.vm(VM).windows().run("Get-Date\n'größe'").shell(Shell::PowerShell);
    assert!(run.await.unwrap().success());
    told(&tape)
}

async fn windows_unchecked(stage: Stage) -> String {
    let answer = json!({ "stream": "standardStream: hi, errorStream: " });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, answer);
    let client = client(&stage, &tape);
    assert_eq!(client.vm(VM).windows().run("ver").unchecked().await.unwrap().stdout_lossy(), "hi");
    told(&tape)
}

async fn polled(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, accepted())
        .on(GET_API_JOB, running().times(2))
        .on(GET_API_JOB, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn polled_failing(stage: Stage) -> String {
    let error = json!({ "code": "SYS.1006", "description": "the guest tools do not answer" });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, accepted()).on(GET_API_JOB, failed(error));
    let error = client(&stage, &tape).vm(VM).run("uptime").await.unwrap_err();
    assert!(error.code() == Some("SYS.1006") && error.may_have_run());
    told(&tape)
}

async fn resumed(stage: Stage) -> String {
    let line = format!("guestexec:{JOB}:0:0:0:aGkK::{JOB}");
    let answer = json!({ "stream": format!("standardStream: {line}, errorStream: ") });
    let tape = Tape::new().on(GET_API_JOB, running()).on(GET_API_JOB, answer);
    let client = client(&stage, &tape);
    let job = JobId::parse(JOB).unwrap();
    let captured = client.job(&job).wait_at_most(Duration::from_secs(60)).await.unwrap();
    assert_eq!(captured.stdout_lossy(), "hi\n");
    client.job(&job).unchecked().await.unwrap();
    told(&tape)
}

async fn named(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = client(&stage, &tape);
    let run = client.vm(VM).run("uptime").job(JobId::parse(JOB).unwrap());
    assert!(run.await.unwrap().success());
    told(&tape)
}

async fn each_vm(stage: Stage) -> String {
    let tape = Tape::new().on_with(EXECUTE_GUEST_VM_COMMAND, |request| {
        let vm = request.body.as_ref().unwrap()["params"]["vmInstanceUuid"].as_str().unwrap();
        match vm.starts_with("2") {
            true => failed(json!({ "code": "SYS.1003", "details": "vmInstance not found" })),
            false => Reply::from(done()).after(Duration::from_millis(u64::from(vm.as_bytes()[0]))),
        }
    });
    let client = client(&stage, &tape);
    let uuids = ["3", "1", "2"].map(|digit| digit.repeat(32));
    let results = client.each_vm(uuids, |vm| vm.run("uptime")).concurrency(2).await;
    assert_eq!(results.iter().filter(|(_, result)| result.is_ok()).count(), 2);
    tape.assert_complete();
    tape.sorted().to_string()
}

const RECORD: &str = "e5dc4c630a7138a692e45ad372c5ba17";

fn saved() -> Value {
    json!({ "inventory": { "uuid": "<nonce>", "name": "guestexec-<nonce>" } })
}

fn record(status: &str) -> Value {
    json!({ "uuid": RECORD, "scriptUuid": "<nonce>", "status": status, "version": 1 })
}

fn one(inventory: Value) -> Value {
    json!({ "inventories": [inventory], "total": 1 })
}

fn detail(vm: &str, exit_code: i32) -> Value {
    json!({ "recordUuid": RECORD, "vmInstanceUuid": vm, "status": "Completed", "exitCode": exit_code,
            "stdout": "out\n", "stderr": "err\n", "errCause": "" })
}

async fn script(stage: Stage) -> String {
    let tape = Tape::new()
        .on(CREATE_GUEST_VM_SCRIPT, saved())
        .on(EXECUTE_GUEST_VM_SCRIPT, json!({ "inventory": record("Running") }))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL, one(detail(VM, 3)))
        .on(DELETE_GUEST_VM_SCRIPT, json!({}));
    let client = client(&stage, &tape);
    let script = client.vm(VM).script("echo out; echo err >&2; exit 3");
    let ended = script.timeout(Duration::from_secs(60)).await.unwrap();
    assert_eq!(
        (ended.exit_code(), &*ended.stdout, &*ended.stderr),
        (Some(3), &b"out\n"[..], &b"err\n"[..])
    );
    told(&tape)
}

async fn scripts_polled(stage: Stage) -> String {
    let other = "0123456789abcdef0123456789abcdef";
    let running = json!({ "recordUuid": RECORD, "vmInstanceUuid": other, "status": "Running" });
    let failed = json!({ "recordUuid": RECORD, "vmInstanceUuid": other, "status": "Exception",
                         "errCause": "the guest agent did not answer" });
    let two = |last: Value| json!({ "inventories": [detail(VM, 0), last], "total": 2 });
    let tape = Tape::new()
        .on(CREATE_GUEST_VM_SCRIPT, accepted())
        .on(GET_API_JOB, saved())
        .on(EXECUTE_GUEST_VM_SCRIPT, accepted())
        .on(GET_API_JOB, json!({ "inventory": record("Running") }))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL, two(running))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD, one(record("Running")))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL, two(failed))
        .on(DELETE_GUEST_VM_SCRIPT, json!({}));
    let client = client(&stage, &tape);
    let ended = client.vms([VM, other]).script("print(1)").language(ScriptType::Python).await;
    let [(_, first), (_, second)] = &ended[..] else { panic!("{ended:?}") };
    assert!(first.as_ref().unwrap().success());
    let error = second.as_ref().unwrap_err();
    assert!(error.to_string().contains("the guest agent did not answer"), "{error}");
    assert!(error.may_have_run(), "{error}");
    told(&tape)
}

async fn script_lost(stage: Stage) -> String {
    let tape = Tape::new()
        .on(CREATE_GUEST_VM_SCRIPT, saved())
        .on(EXECUTE_GUEST_VM_SCRIPT, Reply::lost())
        .on(GET_API_JOB, Reply::text(StatusCode::NOT_FOUND, ""))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD, one(record("Succeed")))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL, one(detail(VM, 0)))
        .on(DELETE_GUEST_VM_SCRIPT, json!({}));
    assert!(client(&stage, &tape).vm(VM).script("uptime").await.unwrap().success());
    told(&tape)
}

async fn script_refused(stage: Stage) -> String {
    let error = json!({ "code": "SYS.1003", "details": "no VmInstance has this UUID" });
    let tape = Tape::new()
        .on(CREATE_GUEST_VM_SCRIPT, saved())
        .on(EXECUTE_GUEST_VM_SCRIPT, failed(error))
        .on(DELETE_GUEST_VM_SCRIPT, json!({}));
    let error = client(&stage, &tape).vm(VM).script("uptime").await.unwrap_err();
    assert_eq!((error.code(), error.may_have_run()), (Some("SYS.1003"), false), "{error}");
    told(&tape)
}

async fn script_gave_up(stage: Stage) -> String {
    let running = json!({ "recordUuid": RECORD, "vmInstanceUuid": VM, "status": "Running" });
    let tape = Tape::new()
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD, one(record("Running")))
        .on(QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL, one(running));
    let client = client(&stage, &tape);
    let script = "da3f23e42960342b81c8d7f4cbceeb69";
    let error = client.script_record(script).wait_at_most(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(UnfinishedScript::of(&error).map(UnfinishedScript::script), Some(script));
    told(&tape)
}

async fn login(stage: Stage) -> String {
    let tape = Tape::new()
        .on(LOG_IN_BY_ACCOUNT, opened('a'))
        .on(EXECUTE_GUEST_VM_COMMAND, done())
        .on(LOG_OUT, json!({}));
    let client = user(&stage, &tape);
    uptime(&client).await;
    client.logout().await.unwrap();
    told(&tape)
}

async fn login_first(stage: Stage) -> String {
    let tape = Tape::new().on(LOG_IN_BY_ACCOUNT, opened('a')).on(LOG_OUT, json!({}));
    let client = builder(&stage, &tape).login("admin", "password").await.unwrap();
    client.logout().await.unwrap();
    told(&tape)
}

async fn expired(stage: Stage) -> String {
    let tape = Tape::new()
        .on(LOG_IN_BY_ACCOUNT, opened('a'))
        .on(LOG_IN_BY_ACCOUNT, opened('b'))
        .on(EXECUTE_GUEST_VM_COMMAND, done())
        .on(EXECUTE_GUEST_VM_COMMAND, ended_session())
        .on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = user(&stage, &tape);
    uptime(&client).await;
    uptime(&client).await;
    told(&tape)
}

async fn expired_named(stage: Stage) -> String {
    let tape = Tape::new()
        .on(LOG_IN_BY_ACCOUNT, opened('a'))
        .on(LOG_IN_BY_ACCOUNT, opened('b'))
        .on(EXECUTE_GUEST_VM_COMMAND, done())
        .on(VALIDATE_SESSION, json!({ "valid": false }));
    let client = user(&stage, &tape);
    uptime(&client).await;
    let run = client.vm(VM).run("uptime").job(JobId::parse(JOB).unwrap());
    assert!(run.await.unwrap().success());
    told(&tape)
}

async fn session(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, ended_session());
    let error = client(&stage, &tape).vm(VM).run("uptime").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unauthenticated && !error.may_have_run());
    told(&tape)
}

async fn lost_found(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, Reply::lost())
        .on(GET_API_JOB, running())
        .on(GET_API_JOB, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn no_answer(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, Reply::pending()).on(GET_API_JOB, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn lost_unknown(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, Reply::lost())
        .on(GET_API_JOB, Reply::text(StatusCode::NOT_FOUND, ""));
    let error = client(&stage, &tape).vm(VM).run("reboot").await.unwrap_err();
    assert!(error.may_have_run() && Unfinished::of(&error).is_some());
    told(&tape)
}

async fn poll_lost(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, accepted())
        .on(GET_API_JOB, Reply::lost())
        .on(GET_API_JOB, Reply::refused())
        .on(GET_API_JOB, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn gave_up(stage: Stage) -> String {
    let tape = Tape::new().on(GET_API_JOB, running());
    let client = client(&stage, &tape);
    let job = client.job(&JobId::parse(JOB).unwrap()).wait_at_most(Duration::from_secs(2));
    let error = job.await.unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.may_have_run());
    told(&tape)
}

async fn refused(stage: Stage) -> String {
    let error = json!({ "code": "SYS.1007", "details": "the VM has no guest tools" });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, failed(error));
    let error = client(&stage, &tape).vm(VM).run("uptime").await.unwrap_err();
    assert!(error.code() == Some("SYS.1007") && !error.may_have_run());
    told(&tape)
}

async fn throttled(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, Reply::text(StatusCode::TOO_MANY_REQUESTS, "").times(2))
        .on(EXECUTE_GUEST_VM_COMMAND, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn refused_connection(stage: Stage) -> String {
    let tape = Tape::new()
        .on(EXECUTE_GUEST_VM_COMMAND, Reply::refused())
        .on(EXECUTE_GUEST_VM_COMMAND, done());
    uptime(&client(&stage, &tape)).await;
    told(&tape)
}

async fn uncaptured(stage: Stage) -> String {
    let answer = json!({ "stream": "standardStream: hi, errorStream: " });
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, answer);
    let error = client(&stage, &tape).vm(VM).run("exit").await.unwrap_err();
    assert!(Uncaptured::of(&error).is_some());
    told(&tape)
}

async fn key(stage: Stage) -> String {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, accepted()).on(GET_API_JOB, done());
    let zone = DateZone { name: "CST".into(), utc_offset: 8 * 3600 };
    let key = Credentials::access_key("example", "secret").date_zone(zone);
    uptime(&builder(&stage, &tape).credentials(key).build().unwrap()).await;
    told(&tape)
}

async fn operations(stage: Stage) -> String {
    let tape = Tape::new()
        .on(VALIDATE_SESSION, json!({ "valid": true }))
        .on(LOG_OUT, json!({}))
        .on(GET_API_JOB, running());
    let client = client(&stage, &tape);
    client.validate_session("a".repeat(32)).send().await.unwrap();
    client.get_api_job(JOB).send().await.unwrap();
    client.log_out("a".repeat(32)).send().await.unwrap();
    told(&tape)
}
