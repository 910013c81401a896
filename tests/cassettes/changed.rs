//! Programs that do something else than was recorded.

use std::time::Duration;

use guestexec_tat::operations;
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::json;

use crate::{Account, Folder, NOWHERE, record, sandbox, tat};

#[tokio::test]
async fn a_changed_program_fails_and_the_line_is_named() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let (instances, endpoint) = (service.instances(), service.endpoint());
    let run = async |endpoint: &str, tape: &Tape, script: &str| {
        let client = tat(service, endpoint, tape);
        client.instances([&*instances[0]]).run(script).unmarked().await.map(drop)
    };
    run(&endpoint, &tape, "set -e\nuname -a\nuptime").await.unwrap();
    let replay = folder.replay(&folder.save(&tape));
    let error = run(NOWHERE, &replay, "set -e\nuname -r\nuptime").await.unwrap_err();
    assert!(error.to_string().contains("has no such request of RunCommand left"), "{error}");
    let unmet = replay.verify().unwrap_err().to_string();
    for line in [
        "1 request without a reply:",
        "exchange 1: `-` was recorded, `+` is sent",
        "    -  | uname -a",
        "    +  | uname -r",
        "       | uptime",
        "that no request asked for:",
        "exchange 1: RunCommand: POST http://127.0.0.1:<port>/",
    ] {
        assert!(unmet.contains(line), "{line}: {unmet}");
    }
}

#[tokio::test]
async fn what_was_recorded_and_is_not_asked_for_is_told() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let account = Account::of(sandbox.zstack());
    let client = account.client(&tape);
    client.vm(&*account.vm).run("true").await.unwrap();
    client.logout().await.unwrap();
    let replay = folder.replay(&folder.save(&tape));
    account.elsewhere().client(&replay).vm(&*account.vm).run("true").await.unwrap();
    assert_eq!(replay.unplayed(), 1);
    let unmet = replay.verify().unwrap_err().to_string();
    assert!(unmet.contains("1 exchange of the cassette"), "{unmet}");
    assert!(unmet.contains("LogOut: DELETE"), "{unmet}");
    assert!(replay.lenient().verify().is_ok());
}

#[tokio::test(start_paused = true)]
async fn another_number_of_polls_is_no_difference() {
    use guestexec_zstack::{ErrorKind, JobId, operations};

    let folder = Folder::new();
    let accepted = || Reply::json(StatusCode::ACCEPTED, &json!({}));
    let service = Tape::new()
        .on(operations::LOG_IN_BY_ACCOUNT, json!({ "inventory": { "uuid": "0".repeat(32) } }))
        .on(operations::EXECUTE_GUEST_VM_COMMAND, accepted())
        .on(operations::GET_API_JOB, accepted().times(4))
        .on(operations::GET_API_JOB, json!({ "stream": "standardStream: x, errorStream: " }));
    let account = Account {
        endpoint: NOWHERE.to_owned(),
        name: "admin".to_owned(),
        password: "password".to_owned(),
        vm: "fc022ba201c135d8809c5e02bf6bf156".to_owned(),
    };
    let run = async |tape: &Tape| {
        account.client(tape).vm(&*account.vm).run("true").unchecked().await.unwrap()
    };
    let polls = |tape: &Tape| {
        tape.requests().iter().filter(|it| it.operation.as_deref() == Some("GetApiJob")).count()
    };
    let tape = Tape::record(service);
    run(&tape).await;
    assert_eq!(polls(&tape), 5);
    let text = folder.save(&tape);
    // What polls in a row were answered alike stands there once.
    assert_eq!(text.matches("GetApiJob: GET").count(), 2, "{text}");
    let replay = folder.replay(&text);
    run(&replay).await;
    assert_eq!(polls(&replay), 2);
    replay.assert_complete();

    // More polls than answers: the last is given again.
    let never = text.replace("status = 200\n", "status = 202\n");
    let replay = folder.replay(&never);
    let client = account.client(&replay);
    let job = client.job(&JobId::random().unwrap()).wait_at_most(Duration::from_secs(60)).await;
    assert_eq!(job.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(polls(&replay) > 10, "{replay}");
    // A series of polls is asked for once one of them is.
    assert!(!replay.verify().unwrap_err().to_string().contains("GetApiJob: GET"));
}

#[tokio::test]
async fn a_call_that_is_not_repeatable_is_answered_once() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let call = async |endpoint: &str, tape: &Tape| {
        let run = tat(service, endpoint, tape);
        let run = run.instances([service.instances()[0].clone()]).run("true");
        run.unmarked().start().await.map(drop)
    };
    call(&service.endpoint(), &tape).await.unwrap();
    let replay = folder.replay(&folder.save(&tape));
    call(NOWHERE, &replay).await.unwrap();
    call(NOWHERE, &replay).await.unwrap_err();
    let unmet = replay.verify().unwrap_err().to_string();
    assert!(unmet.contains("has it once, and it is played"), "{unmet}");
}

#[tokio::test]
async fn replies_of_the_tape_come_before_the_cassette_and_the_service() {
    let (folder, sandbox) = (Folder::new(), sandbox().await);
    let service = sandbox.tat();
    let answer = json!({ "Response": { "RequestId": "r-1" } });
    let call = async |endpoint: &str, tape: &Tape| {
        tat(service, endpoint, tape).cancel_invocation("inv-1").send().await.map(drop)
    };
    let tape = record().on(operations::CANCEL_INVOCATION, Reply::from(answer.clone()));
    call(&service.endpoint(), &tape).await.unwrap();
    let text = folder.save(&tape);
    assert!(!text.contains("CancelInvocation"), "{text}");
    let replay = folder.replay(&text).reply(answer);
    call(NOWHERE, &replay).await.unwrap();
    replay.assert_complete();
}

#[tokio::test]
async fn a_tape_that_does_not_record_is_not_saved() {
    let folder = Folder::new();
    let error = Tape::new().save(folder.path("x.toml")).unwrap_err();
    assert_eq!(error.to_string(), "the tape does not record: make it with `Tape::record`");
    assert!(!folder.path("x.toml").exists());
}
