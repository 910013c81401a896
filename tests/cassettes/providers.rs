//! A program of each provider: the same result without the service.

use std::{sync::Arc, time::Duration};

use guestexec_cci::{ErrorKind, operations::EXEC_IN_POD};
use guestexec_sandbox::{Fault, Sandbox};
use guestexec_testkit::{ExecScript, Tape};
use serde_json::json;

use crate::{Account, Folder, NOWHERE, cci, cci_user, record, sandbox, tat};

/// The outputs of a script on three instances.
async fn patch(client: &guestexec_tat::Client, instances: &[String]) -> Vec<String> {
    let run = client.instances(instances.iter().take(3)).run("echo one\necho two >&2; exit 3");
    let finished = run.timeout(Duration::from_secs(60)).await.unwrap();
    let mut lines: Vec<_> = finished
        .results()
        .iter()
        .map(|it| format!("{} {:?} {:?}", it.instance_id(), it.exit_code(), it.output_lossy()))
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_run_on_tat_instances_is_replayed() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let (instances, endpoint) = (service.instances(), service.endpoint());
    let live = patch(&tat(service, &endpoint, &tape), &instances).await;
    assert!(live.len() == 3 && live[0].contains("one") && live[0].contains("Some(3)"), "{live:?}");
    let text = folder.save(&tape);
    let (key, secret, token) = service.temporary_key();
    assert!(text.contains("<base64> one") && !text.contains(token) && !text.contains(secret));
    assert!(!text.contains(key) && !text.contains(endpoint.rsplit_once(':').unwrap().1), "{text}");

    let replay = folder.replay(&text);
    let client = tat(service, NOWHERE, &replay);
    drop(sandbox);
    assert_eq!(patch(&client, &instances).await, live);
    replay.assert_complete();
    assert_eq!(replay.unplayed(), 0);
}

#[tokio::test]
async fn instances_that_end_one_after_the_other_are_replayed_again_and_again() {
    let (folder, tape) = (Folder::new(), record());
    let sandbox = Sandbox::builder().tat_rate(None).tat_instances(12).start().await.unwrap();
    let service = sandbox.tat();
    let (instances, endpoint) = (service.instances(), service.endpoint());
    let run = async |client: guestexec_tat::Client| {
        let run = client.instances(&instances).run("sleep 0.$(($$ % 9)); echo $$; sleep 0.3");
        let finished = run.await.unwrap();
        let mut outputs: Vec<_> = finished
            .results()
            .iter()
            .map(|it| (it.instance_id().to_owned(), it.output_lossy().into_owned()))
            .collect();
        outputs.sort();
        outputs
    };
    let live = run(tat(service, &endpoint, &tape)).await;
    let text = folder.save(&tape);
    for _ in 0..4 {
        let replay = folder.replay(&text);
        assert_eq!(run(tat(service, NOWHERE, &replay)).await, live);
        replay.assert_complete();
    }
}

#[tokio::test]
async fn an_address_that_is_secret_has_an_address_in_its_place() {
    let (folder, url) = (Folder::new(), "https://bucket.example/output?sign=abcdef");
    let task = json!({ "InvocationTaskId": "invt-1", "TaskResult": { "OutputUrl": url } });
    let answer = json!({ "Response": { "InvocationTaskSet": [task], "RequestId": "r" } });
    let call = async |tape: &Tape| {
        let client = guestexec_tat::Client::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret-key"))
            .region("ap-guangzhou")
            .transport(tape.clone())
            .build()
            .unwrap();
        let tasks = client.describe_invocation_tasks().send().await.unwrap();
        serde_json::to_string(&tasks.into_inner()).unwrap()
    };
    let tape = Tape::record(Tape::new().reply(answer));
    assert!(call(&tape).await.contains(url));
    let text = folder.save(&tape);
    assert!(text.contains("\"<secret-1> https://secret.invalid/1\""), "{text}");
    let shown = call(&folder.replay(&text)).await;
    assert!(shown.contains("\"https://secret.invalid/1\""), "{shown}");
}

async fn capture(account: &Account, tape: &Tape) -> String {
    let client = account.client(tape);
    let output = client.vm(&*account.vm).run("echo out; echo err >&2; exit 7").await.unwrap();
    client.logout().await.unwrap();
    format!("{:?} {:?} {:?}", output.exit_code(), output.stdout_lossy(), output.stderr_lossy())
}

#[tokio::test]
async fn a_capture_through_a_job_is_replayed_with_its_login_and_logout() {
    for slow in [Duration::ZERO, Duration::from_millis(900)] {
        let (folder, tape) = (Folder::new(), record());
        let sandbox = Sandbox::builder().zstack_jobs(true).zstack_job_delay(slow);
        let sandbox = sandbox.start().await.unwrap();
        let account = Account::of(sandbox.zstack());
        let live = capture(&account, &tape).await;
        assert_eq!(live, r#"Some(7) "out\n" "err\n""#);
        let text = folder.save(&tape);
        drop(sandbox);
        assert!(text.contains("<secret-1> 00000000000000000000000000000001"), "{text}");
        assert!(text.contains("guestexec:<random 2>:7"), "{text}");

        let replay = folder.replay(&text);
        assert_eq!(capture(&account.elsewhere(), &replay).await, live);
        replay.assert_complete();
        // What is shown of it is the same on each run.
        let again = folder.replay(&text);
        assert_eq!(capture(&account.elsewhere(), &again).await, live);
        assert_eq!(again.to_string(), replay.to_string());
    }
}

#[tokio::test]
async fn concurrent_jobs_get_each_their_own_result() {
    let (folder, tape) = (Folder::new(), record());
    let sandbox = Sandbox::builder().zstack_jobs(true).zstack_job_delay(Duration::from_millis(300));
    let sandbox = sandbox.start().await.unwrap();
    let account = Account::of(sandbox.zstack());
    async fn both(account: &Account, tape: &Tape) -> Vec<String> {
        let client = Arc::new(account.client(tape));
        let run = async |text: &str| {
            let output = client.vm(&*account.vm).run(format!("echo {text}")).await.unwrap();
            output.stdout_lossy().into_owned()
        };
        let (a, b) = futures_util::future::join(run("first"), run("second")).await;
        vec![a, b]
    }
    assert_eq!(both(&account, &tape).await, ["first\n", "second\n"]);
    let text = folder.save(&tape);
    drop(sandbox);
    let replay = folder.replay(&text);
    assert_eq!(both(&account.elsewhere(), &replay).await, ["first\n", "second\n"]);
    replay.assert_complete();
}

#[tokio::test]
async fn a_list_of_pods_is_replayed_with_the_token_it_needs() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.cci();
    let [domain, user, password, project] = cci_user(service);
    let (endpoint, iam) = (service.endpoint(), service.iam_endpoint());
    let list = async |client: guestexec_cci::Client| {
        let pods = client.list_pods("default").send().await.unwrap();
        serde_json::to_value(pods.into_inner()).unwrap()
    };
    let live = list(cci([&endpoint, &iam], [&domain, &user, &password, &project], &tape)).await;
    let text = folder.save(&tape);
    assert!(text.contains("x-subject-token: <secret-1>"), "{text}");
    assert!(!text.contains(&password), "{text}");
    drop(sandbox);

    let replay = folder.replay(&text);
    let user = [&*domain, &*user, "another", &*project];
    assert_eq!(list(cci([NOWHERE, NOWHERE], user, &replay)).await, live);
    replay.assert_complete();
}

#[tokio::test]
async fn an_exec_session_is_passed_on_and_not_recorded() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.cci();
    let user = cci_user(service);
    let user = user.each_ref().map(|part| &**part);
    let client = cci([&service.endpoint(), &service.iam_endpoint()], user, &tape);
    let output = client.pod("default", "demo").exec(["echo", "hi"]).output().await.unwrap();
    assert_eq!(output.stdout_lossy(), "hi\n");
    drop(client);
    let text = folder.save(&tape);
    assert!(text.contains("ended = \"session\""), "{text}");

    let replay = folder.replay(&text);
    let client = cci([NOWHERE, NOWHERE], user, &replay);
    let error = client.pod("default", "demo").exec(["echo", "hi"]).output().await.unwrap_err();
    assert!(error.to_string().contains("`ExecScript`"), "{error}");
    let unmet = replay.verify().unwrap_err().to_string();
    assert!(unmet.contains("has no exec sessions: give the tape an `ExecScript`"), "{unmet}");

    // The rest of the conversation is recorded, the session is scripted.
    let script = ExecScript::new().stdout("hi\n");
    let replay = folder.replay(&text).on(EXEC_IN_POD, script);
    let client = cci([NOWHERE, NOWHERE], user, &replay);
    let output = client.pod("default", "demo").exec(["echo", "hi"]).output().await.unwrap();
    assert_eq!(output.stdout_lossy(), "hi\n");
    replay.assert_complete();
}

#[tokio::test]
async fn faults_of_the_network_are_replayed_as_such() {
    for (fault, kind) in [
        ("tat.CancelInvocation:reset=first:1", ErrorKind::Lost),
        ("tat.CancelInvocation:lose-request=first:1", ErrorKind::Lost),
        ("tat.CancelInvocation:lose-answer=first:1", ErrorKind::Lost),
    ] {
        let fault: Fault = fault.parse().unwrap();
        let (folder, tape) = (Folder::new(), record());
        let sandbox = Sandbox::builder().fault(fault).start().await.unwrap();
        let service = sandbox.tat();
        let call = async |endpoint: &str, tape: &Tape| {
            let client = guestexec_tat::Client::builder()
                .credentials(guestexec_tat::Credentials::new(
                    service.secret_id(),
                    service.secret_key(),
                ))
                .region(service.region())
                .endpoint(endpoint)
                .retries(0)
                .transport(tape.clone())
                .build()
                .unwrap();
            client.cancel_invocation("inv-12345678").send().await.map(drop)
        };
        let live = call(&service.endpoint(), &tape).await.unwrap_err();
        assert_eq!(live.kind(), kind, "{live}");
        let replay = folder.replay(&folder.save(&tape));
        let again = call(NOWHERE, &replay).await.unwrap_err();
        assert_eq!((again.kind(), again.may_have_run()), (kind, live.may_have_run()));
        replay.assert_complete();
    }
}

#[tokio::test]
async fn a_refused_connection_and_a_caller_that_gave_up_are_replayed() {
    let folder = Folder::new();
    let sandbox = sandbox().await;
    let service = sandbox.tat();
    let call = async |endpoint: &str, tape: &Tape| {
        let client = guestexec_tat::Client::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret-key"))
            .region(service.region())
            .endpoint(endpoint)
            .retries(0)
            .call_timeout(Duration::from_millis(300))
            .transport(tape.clone())
            .build()
            .unwrap();
        client.describe_regions().send().await.unwrap_err().kind()
    };
    let refused = record();
    assert_eq!(call(NOWHERE, &refused).await, ErrorKind::Connect);
    let text = folder.save(&refused);
    assert!(text.contains("ended = \"refused\""), "{text}");
    assert_eq!(call(NOWHERE, &folder.replay(&text)).await, ErrorKind::Connect);

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let given_up = record();
    assert_eq!(call(&address, &given_up).await, ErrorKind::Timeout);
    let text = folder.save(&given_up);
    assert!(text.contains("ended = \"given-up\""), "{text}");
    assert_eq!(call(NOWHERE, &folder.replay(&text)).await, ErrorKind::Timeout);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_corrected_on_replay_too() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let call = async |endpoint: &str, tape: &Tape| {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        let client = guestexec_tat::Client::builder()
            .credentials(guestexec_tat::Credentials::new(service.secret_id(), service.secret_key()))
            .region(service.region())
            .endpoint(endpoint)
            .clock(at)
            .transport(tape.clone())
            .build()
            .unwrap();
        client.describe_regions().send().await.unwrap().into_inner().total_count
    };
    let live = call(&service.endpoint(), &tape).await;
    let text = folder.save(&tape);
    assert!(text.contains("date: <now>"), "{text}");
    assert_eq!(tape.requests().len(), 2, "the clock was corrected");
    let replay = folder.replay(&text);
    assert_eq!(call(NOWHERE, &replay).await, live);
    replay.assert_complete();
}

#[tokio::test]
async fn two_recordings_of_a_program_differ_in_ids_and_times_of_the_service_only() {
    let folder = Folder::new();
    let mut texts = Vec::new();
    for _ in 0..2 {
        // Without jobs: whether a poll still finds one running is a matter of time.
        let (tape, sandbox) = (record(), Sandbox::start().await.unwrap());
        let account = Account::of(sandbox.zstack());
        let client = account.client(&tape);
        client.vm(&*account.vm).run("echo out").await.unwrap();
        client.logout().await.unwrap();
        assert_eq!(folder.save(&tape), folder.save(&tape), "saved twice");
        texts.push(folder.save(&tape));
    }
    let untimed = |text: &String| -> String {
        let lines = text.lines().filter(|line| !line.contains("Date\": "));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let is_id =
        |word: &str| word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let without_ids = |text: &String| -> String {
        let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        words
            .filter(|word| !is_id(word.trim_end_matches(|c: char| !c.is_ascii_hexdigit())))
            .collect()
    };
    assert_eq!(without_ids(&untimed(&texts[0])), without_ids(&untimed(&texts[1])));
}
