//! How commands end, and what the typed results say.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use guestexec_core::ErrorKind;
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Event, Events, InstanceResult, Outcome, Run, enums::TaskStatus};

use crate::{builder, client, unhurried};

async fn only(run: Run<'_>) -> InstanceResult {
    let finished = run.await.expect("the run has a result");
    assert_eq!(finished.failures().count(), 0);
    let [result] = finished.results() else { panic!("{finished:?}") };
    result.clone()
}

#[tokio::test]
async fn every_way_to_end() {
    let sandbox = unhurried(1).await;
    let client = client(&sandbox);
    let id = sandbox.tat().instances()[0].clone();
    let on = client.instances([&id]);
    let before = SystemTime::now() - Duration::from_secs(2);

    let result = only(on.run("echo out; echo err >&2; exit 3")).await;
    assert_eq!((result.outcome(), result.exit_code()), (Outcome::Exited(3), Some(3)));
    assert_eq!((result.output_lossy().as_ref(), result.dropped()), ("out\nerr\n", 0));
    assert_eq!(result.status(), Some(&TaskStatus::Failed));
    assert!(!result.success() && result.instance_id() == id);
    assert!(result.invocation_id().is_some_and(|id| id.starts_with("inv-")));
    assert!(result.task_id().is_some_and(|id| id.starts_with("invt-")));
    let (start, end) = (result.started_at().unwrap(), result.ended_at().unwrap());
    assert!(before <= start && start <= end && end <= SystemTime::now());
    assert!(result.started_text().is_some_and(|text| text.ends_with("+00:00")));

    // The agent keeps 24 KiB and counts the rest.
    let result = only(on.run("head -c 30000 /dev/zero | tr '\\0' x")).await;
    assert_eq!((result.output().len(), result.dropped()), (24_576, 30_000 - 24_576));
    let text = format!("{id} exited with 0; 5424 bytes of its output were cut off");
    assert_eq!(result.to_string(), text);
    assert_eq!(result.outcome(), Outcome::Exited(0));

    let result = only(on.run("echo so far; kill -9 $$")).await;
    assert_eq!((result.outcome(), result.exit_code()), (Outcome::Killed, None));
    assert_eq!(result.output_lossy(), "so far\n");

    let run = on.run("echo so far; sleep 1000").timeout(Duration::from_millis(900));
    let result = only(run).await;
    assert_eq!((result.outcome(), result.exit_code()), (Outcome::TimedOut, None));
    assert_eq!(result.output_lossy(), "so far\n");

    let result = only(on.run("true").username("nobody-here")).await;
    assert_eq!((result.outcome(), result.exit_code()), (Outcome::NotStarted, None));
    assert_eq!(result.error_info(), Some("InvalidUser: user `nobody-here` not exists"));
    let text = format!("{id} could not be started: InvalidUser: user `nobody-here` not exists");
    assert_eq!(result.to_string(), text);
    assert_eq!((result.started_at().is_some(), result.output()), (true, &[][..]));

    let result = only(on.run("true").working_directory("/nowhere")).await;
    assert_eq!(result.outcome(), Outcome::NotStarted);
    assert!(result.error_info().is_some_and(|text| text.contains("`/nowhere` not exists")));

    let bytes = b"printf '\\377\\000'".as_slice();
    assert_eq!(only(on.run(bytes)).await.output(), [0xff, 0]);

    let result = only(on.run("echo hi").output_to_cos_below("https://b.cos.example", "logs")).await;
    assert!(result.success() && result.upload_error().is_none());
    let url = result.output_url().unwrap().to_string();
    let key = format!(
        "/b.cos.example/logs/{}/{}.log?…",
        result.invocation_id().unwrap(),
        result.task_id().unwrap()
    );
    assert!(url.ends_with(&key), "{url}");
}

#[tokio::test]
async fn a_file_is_sent_as_it_is() {
    let sandbox = unhurried(1).await;
    let client = client(&sandbox);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "echo 'quoted \"twice\"' # {{not a placeholder}}\n").unwrap();
    let on = client.instances(sandbox.tat().instances());
    let result = only(on.run_file(file.path()).unwrap()).await;
    assert_eq!(result.output_lossy(), "quoted \"twice\"\n");
}

#[tokio::test]
async fn parameters_saved_commands_and_dry_runs() {
    let sandbox = unhurried(2).await;
    let client = client(&sandbox);
    let ids = sandbox.tat().instances();
    let on = client.instances([&ids[0]]);
    let greet = || on.run("echo {{greeting}} '{{tat-hidden:name}}' {{other}}");

    let run = greet().default_parameter("greeting", "hello").hidden_parameter("name", "the world");
    let preview = run.preview().await.unwrap();
    assert_eq!(preview.to_text_lossy(), "echo hello 'the world' {{other}}");
    assert_eq!(only(run).await.output_lossy(), "hello the world {{other}}\n");
    // Without parameters, placeholders are text.
    let plain = on.run("echo '{{a}}'");
    assert_eq!(plain.preview().await.unwrap().to_text_lossy(), "echo '{{a}}'");
    assert_eq!(only(plain).await.output_lossy(), "{{a}}\n");

    let kept = greet()
        .name("greet")
        .description("greets")
        .described_parameter("greeting", "hi", "the first word")
        .parameter("name", "you")
        .tag("team", "operations")
        .await
        .unwrap();
    assert_eq!(kept.results()[0].output_lossy(), "hi you {{other}}\n");
    let command = kept.command_id().unwrap().to_owned();

    let invoke = client.instances(&ids).invoke(&command).hidden_parameter("name", "all");
    assert_eq!(invoke.preview().await.unwrap().to_text_lossy(), "echo hi 'all' {{other}}");
    let finished = invoke.working_directory("/tmp").timeout(Duration::from_secs(5)).await.unwrap();
    assert!(finished.success() && finished.results().len() == 2);
    assert_eq!(finished.results()[1].output_lossy(), "hi all {{other}}\n");
    assert_eq!(finished.command_id(), Some(&*command));
}

#[tokio::test]
async fn cancelled_before_and_while_running() {
    let sandbox =
        Sandbox::builder().tat_rate(None).tat_instances(3).max_processes(1).start().await.unwrap();
    let client = client(&sandbox);
    let ids = sandbox.tat().instances();
    let running = client.instances(&ids[..1]).run("echo on; sleep 1000").start().await.unwrap();
    let invocation = running.invocations().next().unwrap().to_owned();
    while sandbox.tat().executions(&invocation) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let waiting = client.instances(&ids[1..]).run("sleep 1000").start().await.unwrap();

    let cancelled = waiting.cancel().await.unwrap();
    assert_eq!(cancelled.before_start().count(), 2);
    assert_eq!((cancelled.killed().count(), cancelled.results().len()), (0, 2));
    assert_eq!(cancelled.results()[0].outcome(), Outcome::Cancelled);
    assert_eq!(cancelled.results()[0].exit_code(), None);

    // The same by a caller that knows the id only.
    drop(running);
    let cancelled = client.invocation(invocation).await.unwrap().cancel().await.unwrap();
    let [killed] = &cancelled.killed().collect::<Vec<_>>()[..] else { panic!("{cancelled:?}") };
    assert_eq!((killed.outcome(), killed.exit_code()), (Outcome::Terminated, None));
    assert_eq!((killed.instance_id(), killed.output_lossy().as_ref()), (&*ids[0], "on\n"));

    let unknown = client.invocation("inv-00000000").await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound, "{unknown}");
}

async fn next_end(events: &mut Events) -> InstanceResult {
    loop {
        match events.next().await {
            Some(Event::Finished(result)) => return result,
            Some(_) => {}
            None => panic!("the events ended"),
        }
    }
}

#[tokio::test]
async fn events_come_as_instances_end_and_some_can_be_cancelled() {
    let sandbox = unhurried(3).await;
    let client = client(&sandbox);
    let ids = sandbox.tat().instances();
    // Each instance has its own home directory. The command ends once a file is in it.
    let script = "touch running; until [ -e stop ]; do sleep 0.05; done; echo stopped";
    let mut events = client.instances(&ids).run(script).start().await.unwrap().events();
    loop {
        match events.next().await {
            Some(Event::Changed { status: TaskStatus::Running, instance_id }) => {
                assert!(ids.contains(&instance_id));
                break;
            }
            Some(Event::Changed { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(events.unfinished().count(), 3);

    let none: [&str; 0] = [];
    let refused = events.cancel_on(none).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
    assert!(refused.to_string().contains("means all"), "{refused}");
    assert!(events.cancel_on(["ins-other"]).await.is_err());
    events.cancel_on([&ids[1]]).await.unwrap();
    let ended = next_end(&mut events).await;
    assert_eq!((ended.instance_id(), events.unfinished().count()), (&*ids[1], 2));
    assert!(matches!(ended.outcome(), Outcome::Terminated | Outcome::Cancelled));

    let stopped = client.instances([&ids[2]]).run("touch stop").await.unwrap();
    assert!(stopped.success());
    let ended = next_end(&mut events).await;
    assert_eq!((ended.instance_id(), ended.output_lossy().as_ref()), (&*ids[2], "stopped\n"));

    events.cancel().await.unwrap();
    // The events as a stream.
    let rest: Vec<Event> = StreamExt::collect(events).await;
    assert!(matches!(&rest[..], [.., Event::Finished(last)] if last.instance_id() == ids[0]));
}

#[tokio::test]
async fn deadlines_and_dropping() {
    let sandbox = unhurried(2).await;
    let client = builder(&sandbox).build().unwrap();
    let ids = sandbox.tat().instances();
    let run = client.instances(&ids[..1]).run("sleep 1000");
    let late = run.wait_at_most(Duration::from_millis(600)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout, "{late}");
    assert!(late.may_have_run() && late.to_string().contains("inv-"), "{late}");

    // One ends in time, the other does not: both have results.
    let script = "case $HOME in */0) ;; *) sleep 1000 ;; esac";
    let finished =
        client.instances(&ids).run(script).wait_at_most(Duration::from_secs(2)).await.unwrap();
    let [done, open] = finished.results() else { panic!("{finished:?}") };
    assert!(done.success() && open.outcome() == Outcome::Unknown && !finished.success());
    let failure = open.failure().unwrap();
    assert_eq!(failure.instances, [ids[1].clone()]);
    assert!(failure.error.may_have_run() && failure.invocation_id.is_some(), "{failure}");
    let text = open.to_string();
    assert!(text.starts_with(&format!("{} has an end that is not known: ", ids[1])), "{text}");
    assert!(text.contains("were not seen to end in time"), "{text}");

    // Longer than a clock can represent.
    let run = client.instances(&ids[..1]).run("true").wait_at_most(Duration::MAX);
    assert!(run.await.unwrap().success());

    let mut events = client.instances(&ids[..1]).run("sleep 1000").start().await.unwrap().events();
    let _ = events.next().await;
    drop(events);
    let requests = client.counts().requests;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(client.counts().requests, requests, "it is polled although it was dropped");
}
