//! Pods and namespaces from creation to deletion, in the sandbox and with servers that lose answers.

use std::time::Duration;

use guestexec_cci::{
    Client, Credentials, ErrorKind,
    enums::{NamespacePhase, PodPhase},
    types::{
        NewContainer, NewEnvironmentVariable, NewNamespaceMeta, NewPod, NewPodMeta, NewPodSpec, Pod,
    },
};
use guestexec_sandbox::Sandbox;
use guestexec_testkit::peer::{Answer, Peer};

fn shell(script: &str) -> NewContainer {
    NewContainer::new("main", "busybox:1").command(["sh", "-c", script])
}

fn named(name: &str, spec: NewPodSpec) -> NewPod {
    NewPod::new(NewPodMeta::new().name(name), spec)
}

fn once(name: &str, script: &str) -> NewPod {
    named(name, NewPodSpec::new([shell(script)]).restart_policy("Never"))
}

fn phase(pod: &Pod) -> Option<PodPhase> {
    pod.status.as_ref()?.phase.clone()
}

fn code(pod: &Pod) -> Option<i32> {
    pod.status.as_ref()?.container_statuses.first()?.state.as_ref()?.terminated.as_ref()?.exit_code
}

#[tokio::test]
async fn a_pod_is_created_runs_its_command_takes_others_and_is_deleted() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    let container = shell("trap 'echo bye; exit 0' TERM; echo \"$GREETING from $(pwd)\"; while :; do sleep 0.05; done")
        .env([NewEnvironmentVariable::new("GREETING").value("hello")])
        .working_dir("/srv/app");
    let meta = NewPodMeta::new().name("web").labels([("app".to_owned(), "web".to_owned())].into());
    let pods = client.pods("default");
    let created = pods.create(NewPod::new(meta, NewPodSpec::new([container]))).await.unwrap();
    assert_eq!(created.api_version.as_deref(), Some("cci/v2"));
    let pod = client.pod("default", "web");
    let running = pod.wait_until_running().await.unwrap();
    assert_eq!(phase(&running), Some(PodPhase::Running));
    let listed = client.pods("default").label_selector("app=web").list().await.unwrap();
    assert_eq!(listed.len(), 1);

    let output =
        pod.exec(["sh", "-c", "echo $GREETING; pwd"]).await.unwrap().stdout_lossy().into_owned();
    assert!(output.starts_with("hello\n") && output.ends_with("/srv/app\n"), "{output}");
    let mut log = pod.logs().follow().stream().await.unwrap();
    let line = String::from_utf8(log.next_line().await.unwrap().unwrap()).unwrap();
    assert!(line.starts_with("hello from /") && line.ends_with("/srv/app"), "{line}");

    // Its command ends with the pod, whose own process may say goodbye.
    let session = pod.exec(["sleep", "600"]).spawn().await.unwrap();
    let deleted = pod.delete().await.unwrap();
    assert!(deleted.metadata.unwrap().deletion_timestamp.is_some());
    let mut rest = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        rest.push(line);
    }
    // A shell may also say that its command was terminated.
    assert!(rest.iter().any(|line| line == b"bye"), "{rest:?}");
    assert_eq!(session.wait_with_output().await.unwrap().exit_code(), Some(137));
    pod.wait_until_deleted().await.unwrap();
    assert_eq!(pod.get().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(pod.delete().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(pod.wait_until_running().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn pods_end_in_the_phase_that_their_policy_says() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    let pods = client.pods("default");
    for (name, script, expected, exit) in [
        ("good", "echo fine", PodPhase::Succeeded, 0),
        ("bad", "echo broken >&2; exit 3", PodPhase::Failed, 3),
        // `$$` is a `$`, as `$(NAME)` is a variable.
        ("killed", "kill -9 $$$$", PodPhase::Failed, 137),
    ] {
        pods.create(once(name, script)).await.unwrap();
        let pod = client.pod("default", name);
        let ended = pod.wait_until_ended().await.unwrap();
        assert_eq!((phase(&ended), code(&ended)), (Some(expected), Some(exit)), "{name}");
        let error = pod.wait_until_running().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("has ended"), "{error}");
    }
    let log = client.pod("default", "bad").logs().text_lossy().await.unwrap();
    assert_eq!(log, "broken\n");

    let unknown = NewContainer::new("main", "x").command(["no-such-program"]);
    let spec = NewPodSpec::new([unknown]).restart_policy("Never");
    pods.create(named("unknown", spec)).await.unwrap();
    let ended = client.pod("default", "unknown").wait_until_ended().await.unwrap();
    assert_eq!(code(&ended), Some(128));

    // The second run succeeds, and the log of the first one is kept.
    let script = "if [ -e again ]; then echo second; else touch again; echo first; exit 1; fi";
    let spec = NewPodSpec::new([shell(script)]).restart_policy("OnFailure");
    pods.create(named("twice", spec)).await.unwrap();
    let pod = client.pod("default", "twice");
    let ended = pod.wait_until_ended().await.unwrap();
    assert_eq!(phase(&ended), Some(PodPhase::Succeeded));
    assert_eq!(ended.status.unwrap().container_statuses[0].restart_count, Some(1));
    assert_eq!(pod.logs().text_lossy().await.unwrap(), "second\n");
    assert_eq!(pod.logs().previous().text_lossy().await.unwrap(), "first\n");
}

#[tokio::test]
async fn init_containers_run_first_and_a_deadline_ends_a_pod() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    let pods = client.pods("default");
    let init = NewContainer::new("init", "x").command(["sh", "-c", "echo prepared; exit 4"]);
    let spec =
        NewPodSpec::new([shell("echo never")]).init_containers([init]).restart_policy("Never");
    pods.create(named("stuck", spec)).await.unwrap();
    let pod = client.pod("default", "stuck");
    assert_eq!(phase(&pod.wait_until_ended().await.unwrap()), Some(PodPhase::Failed));
    let init = pod.clone().container("init");
    assert_eq!(init.logs().text_lossy().await.unwrap(), "prepared\n");
    let error = pod.clone().container("main").logs().text_lossy().await.unwrap_err();
    assert!(error.to_string().contains("waiting to start"), "{error}");

    let spec = NewPodSpec::new([shell("exec sleep 600")]).active_deadline_seconds(1);
    pods.create(named("late", spec.termination_grace_period_seconds(0))).await.unwrap();
    let ended = client.pod("default", "late").wait_until_ended().await.unwrap();
    assert_eq!(ended.status.unwrap().reason.as_deref(), Some("DeadlineExceeded"));
}

#[tokio::test]
async fn a_wait_says_what_the_pod_was_doing() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    client.pods("default").create(named("loop", NewPodSpec::new([shell("exit 5")]))).await.unwrap();
    let wait = client.pod("default", "loop").wait_until_ended();
    let error = wait.wait_at_most(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("`loop`") && text.contains("300ms") && text.contains("it is Running"),
        "{text}"
    );
}

#[tokio::test]
async fn refusals_of_a_creation_have_the_service_s_words_and_create_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    let pods = client.pods("default");
    let before = pods.clone().list().await.unwrap().len();
    let taken = pods.create(once("demo", "true")).await.unwrap_err();
    assert_eq!(
        (taken.status().unwrap().as_u16(), taken.code()),
        (409, Some("AlreadyExists")),
        "{taken}"
    );
    assert!(taken.to_string().contains("pods \"demo\" already exists"), "{taken}");
    assert!(taken.advice().unwrap().contains("generateName"), "{taken}");
    let twice = NewPodSpec::new([shell("true"), shell("true")]);
    let twice = pods.create(named("twice", twice)).await.unwrap_err();
    assert_eq!(
        (twice.status().unwrap().as_u16(), twice.kind()),
        (422, ErrorKind::Refused),
        "{twice}"
    );
    let cause = &twice.detail().unwrap().details.as_ref().unwrap().causes[0];
    assert_eq!(cause.field.as_deref(), Some("spec.containers[1].name"));
    let absent = client.pods("absent").create(once("a", "true")).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound, "{absent}");
    assert!(absent.advice().unwrap().contains("namespace"), "{absent}");
    for error in [taken, twice, absent] {
        assert!(!error.may_have_run(), "{error}");
    }
    for (pod, words) in [
        (named("No", NewPodSpec::new([shell("true")])), "`body.metadata.name`"),
        (NewPod::new(NewPodMeta::new(), NewPodSpec::new([shell("true")])), "generateName"),
        (named("a", NewPodSpec::new(Vec::<NewContainer>::new())), "containers"),
        (named("a", NewPodSpec::new([shell("true")]).restart_policy("Sometimes")), "restartPolicy"),
    ] {
        let error = pods.create(pod).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
        assert!(
            error.to_string().contains(words.trim_start_matches("`body.").trim_matches('`')),
            "{error}"
        );
    }
    let checked = client.create_pod(
        "default",
        NewPodMeta::new().generate_name("x-"),
        NewPodSpec::new([shell("true")]),
    );
    let checked = checked.dry_run("All").send().await.unwrap();
    assert!(checked.metadata.as_ref().unwrap().name.as_ref().unwrap().starts_with("x-"));
    assert_eq!(pods.list().await.unwrap().len(), before);
}

#[tokio::test]
async fn a_lost_creation_or_deletion_is_not_sent_again() {
    let peer = Peer::answering(|_, _| Answer::closed()).await;
    let client = Client::builder()
        .endpoint(&peer.endpoint)
        .credentials(Credentials::token("t0ken-of-the-test"))
        .build()
        .unwrap();
    let error = client.pods("default").create(once("a", "true")).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, true), "{error}");
    let error = client.pod("default", "a").delete().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Lost, false), "{error}");
    assert_eq!(peer.requests().len(), 2);

    for (status, may_have_run) in
        [("409 Conflict", true), ("500 Oops", true), ("422 No", false), ("503 Busy", true)]
    {
        let peer = Peer::saying(status, "", "executable file not found in $PATH").await;
        let client = Client::builder()
            .endpoint(&peer.endpoint)
            .credentials(Credentials::token("t0ken-of-the-test"))
            .retries(0)
            .build()
            .unwrap();
        let error = client.pods("default").create(once("a", "true")).await.unwrap_err();
        assert_eq!(error.may_have_run(), may_have_run, "{error}");
        assert_eq!(peer.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_namespace_is_created_and_deleted_with_its_pods() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.cci().client().unwrap();
    let created = client.create_namespace(NewNamespaceMeta::new("tests")).send().await.unwrap();
    assert_eq!(created.status.as_ref().unwrap().phase, Some(NamespacePhase::Active));
    let taken = client.create_namespace(NewNamespaceMeta::new("tests")).send().await.unwrap_err();
    assert_eq!(taken.code(), Some("AlreadyExists"), "{taken}");
    let names = client.list_namespaces().limit(1).items().all().await.unwrap();
    let names: Vec<_> = names.into_iter().filter_map(|it| it.metadata?.name).collect();
    assert_eq!(names, ["default", "tests"]);

    let spec = NewPodSpec::new([shell("trap '' TERM; echo up; sleep 600")]);
    let spec = spec.termination_grace_period_seconds(1);
    client.pods("tests").create(named("web", spec)).await.unwrap();
    let pod = client.pod("tests", "web");
    pod.wait_until_running().await.unwrap();
    assert!(pod.exec(["true"]).await.unwrap().success());

    let deleted = client.delete_namespace("tests").send().await.unwrap();
    assert_eq!(deleted.status.as_ref().unwrap().phase, Some(NamespacePhase::Terminating));
    let late = client.pods("tests").create(once("b", "true")).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Forbidden, "{late}");
    pod.wait_until_deleted().await.unwrap();
    let gone = client.read_namespace("tests").send().await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    let kept = client.delete_namespace("default").send().await.unwrap_err();
    assert_eq!(kept.kind(), ErrorKind::Forbidden, "{kept}");
}
