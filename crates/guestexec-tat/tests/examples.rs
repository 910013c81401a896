//! The examples, as programs against the sandbox.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../../../tests/common/examples.rs"]
mod programs;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use guestexec_sandbox::{Builder, Sandbox};
use guestexec_tat::{Client, Credentials};
use programs::{example, run};
use rustix::process::{Pid, Signal, kill_process};

async fn start(builder: Builder) -> Sandbox {
    builder.start().await.unwrap()
}

fn client(sandbox: &Sandbox) -> Client {
    let tat = sandbox.tat();
    let key = Credentials::new(tat.secret_id(), tat.secret_key());
    let builder = Client::builder().endpoint(tat.endpoint()).region(tat.region());
    builder.credentials(key).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_output_writes_all_of_it_to_a_file() {
    let sandbox = start(Sandbox::builder()).await;
    let file = std::env::temp_dir().join(format!("guestexec-output-{}", std::process::id()));
    let bucket = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
    let arguments = ["ins-zj0f57ew", bucket, "seq 10000", file.to_str().unwrap()];
    let done = run(&sandbox, "full_output", arguments);
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!((written.len(), written.ends_with("\n10000\n")), (48_894, true), "{done:?}");
    assert!(done.stdout.contains("24318 bytes of its output were cut off"), "{done:?}");
    assert!(done.stdout.contains("48894 bytes are in"), "{done:?}");
    assert!(!done.stdout.contains("q-sign"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_fleet_reports_each_failure_of_450_instances() {
    let sandbox = start(Sandbox::builder().tat_instances(450)).await;
    let tat = sandbox.tat();
    let broken = [tat.instances()[7].clone(), tat.instances()[301].clone()];
    let marked = client(&sandbox).instances(&broken).run("touch broken").await.unwrap();
    assert!(marked.success(), "{marked}");

    let script = "if test -e broken; then echo no space left; exit 28; fi";
    let done = run(&sandbox, "patch_fleet", [script]);
    assert_eq!(done.code, Some(1), "{done:?}");
    for id in &broken {
        let report = format!("{id} exited with 28\nno space left\n");
        assert!(done.stdout.contains(&report), "{report}: {done:?}");
    }
    let offline = format!("{} was not started, as the service refused it", tat.offline_instance());
    assert!(done.stdout.contains(&offline), "{done:?}");
    // 450, the Lighthouse instance and the one that is offline.
    assert!(done.stdout.ends_with("3 of 452 failed\n"), "{done:?}");
    assert!(tat.instances().iter().all(|id| tat.executions_on(id) >= 1));

    let done = run(&sandbox, "patch_fleet", [] as [&str; 0]);
    assert!(done.stderr.contains("usage: patch_fleet SCRIPT"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instance_reports_every_one_that_is_online() {
    let sandbox = start(Sandbox::builder().tat_instances(3)).await;
    let tat = sandbox.tat();
    let done = run(&sandbox, "each_instance", ["echo hello"]);
    for id in &tat.instances() {
        assert!(done.stdout.contains(&format!("{id} exited with 0\nhello\n")), "{done:?}");
        assert_eq!(tat.executions_on(id), 1);
    }
    assert!(!done.stdout.contains(tat.offline_instance()), "{done:?}");
    let done = run(&sandbox, "each_instance", [] as [&str; 0]);
    assert!(done.stderr.contains("usage: each_instance SCRIPT"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn registered_machines_run_a_script_and_other_instances_do_not() {
    let builder = Sandbox::builder().tat_instance("rins-1").tat_instance("rins-2");
    let sandbox = start(builder).await;
    let done = run(&sandbox, "registered_machines", ["echo here"]);
    assert_eq!(done.stdout, "rins-1 exited with 0\nhere\n\nrins-2 exited with 0\nhere\n\n");
    let tat = sandbox.tat();
    assert_eq!(tat.instances().iter().map(|id| tat.executions_on(id)).sum::<usize>(), 2);

    let none = start(Sandbox::builder()).await;
    let done = run(&none, "registered_machines", ["echo here"]);
    assert!(done.stderr.contains("`InstanceIds` has 0 items"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_makes_one_schedule_though_the_answer_is_lost() {
    let fault = "tat.CreateInvoker:lose-answer".parse().unwrap();
    let sandbox = start(Sandbox::builder().fault(fault)).await;
    let tat = sandbox.tat();
    let [instance, ..] = &tat.instances()[..] else { unreachable!() };
    let done = run(&sandbox, "schedule", ["add", instance, "*/30 * * * *", "echo backup"]);
    assert!(done.stdout.starts_with("ivk-"), "{done:?}");
    let invoker = done.stdout.trim();
    let all = client(&sandbox).describe_invokers().send().await.unwrap();
    assert_eq!(all.total_count, Some(1));

    tat.advance_schedules(Duration::from_secs(1800));
    while tat.executions_on(instance) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let done = run(&sandbox, "schedule", ["show", invoker]);
    let shown = format!("{instance} exited with 0\nbackup\n");
    assert!(done.stdout.contains(&shown), "{done:?}");
    let done = run(&sandbox, "schedule", ["delete", invoker]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let done = run(&sandbox, "schedule", ["add", instance, "nightly", "true"]);
    assert!(done.stderr.contains("CommandNameDuplicated"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_what_runs() {
    let sandbox = start(Sandbox::builder()).await;
    let [first, second, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let mut command = example(&sandbox, "ctrl_c");
    let mut child =
        command.args(["SHELL", "nginx", first, second]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut shown = BTreeSet::new();
    let running = [format!("{first} is RUNNING"), format!("{second} is RUNNING")];
    while !running.iter().all(|line| shown.contains(line)) {
        shown.insert(lines.next().expect("both instances run"));
    }
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    shown.extend(lines);
    assert!(child.wait().unwrap().success());
    for id in [first, second] {
        assert!(
            shown.contains(&format!("{id} was cancelled while it ran, and killed")),
            "{shown:?}"
        );
    }
    let invocation = &sandbox.tat().invocations()[0];
    let finished = client(&sandbox).invocation(invocation).await.unwrap().await.unwrap();
    assert_eq!(finished.results()[0].output_lossy(), "installing nginx\n");

    // The sandbox's machines are Linux, where the service refuses PowerShell.
    let done = run(&sandbox, "ctrl_c", ["POWERSHELL", "nginx", first]);
    assert!(done.stderr.contains("RunCommand"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_invocations_goes_through_all_pages() {
    let sandbox = start(Sandbox::builder()).await;
    let [instance, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let tat = client(&sandbox);
    for number in 0..22 {
        tat.run_command(format!("echo {number}"), [instance]).timeout(30).send().await.unwrap();
    }
    let other = sandbox.tat().lighthouse_instance();
    tat.run_command("echo other", [other]).send().await.unwrap();

    let done = run(&sandbox, "list_invocations", [instance]);
    let (started, listed) = done.stdout.split_once('\n').unwrap();
    let mut expected: BTreeSet<_> = sandbox.tat().invocations().into_iter().collect();
    assert!(expected.contains(started), "{done:?}");
    let mut ids = BTreeSet::new();
    for line in listed.lines() {
        let invocation: serde_json::Value = serde_json::from_str(line).unwrap();
        ids.insert(invocation["InvocationId"].as_str().unwrap().to_owned());
    }
    assert_eq!(listed.lines().count(), 23);
    expected.retain(|id| ids.contains(id));
    assert_eq!(ids, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_tasks_cancels_what_takes_too_long() {
    let sandbox = start(Sandbox::builder()).await;
    let [first, second, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let done = run(&sandbox, "in_tasks", ["1", "sleep 600", first, second]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for id in [first, second] {
        assert!(done.stdout.contains(&format!("{id} was cancelled")), "{done:?}");
    }
    let done = run(&sandbox, "in_tasks", ["600", "exit 3", first]);
    assert!(done.stdout.ends_with(&format!("{first} exited with 3\n")), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_transport_sees_each_attempt() {
    let fault = "tat.DescribeRegions:bad-gateway=first:2".parse().unwrap();
    let sandbox = start(Sandbox::builder().fault(fault)).await;
    let done = run(&sandbox, "own_transport", [] as [&str; 0]);
    let attempt = "DescribeRegions: 502 Bad Gateway\n";
    let begin = format!("{attempt}{attempt}DescribeRegions: 200 OK\n");
    assert!(done.stdout.starts_with(&begin), "{done:?}");
    assert!(done.stdout.ends_with(" regions\n"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_tell_parallel_runs_apart() {
    let sandbox = start(Sandbox::builder()).await;
    let [first, second, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let done = run(&sandbox, "traces", [first, second]);
    assert_eq!(done.stdout, format!("{first} exited with 0\n{second} exited with 0\n"));
    for id in [first, second] {
        let span = format!("instances=\"{id}\"");
        let of_it: Vec<_> = done.stderr.lines().filter(|line| line.contains(&span)).collect();
        for operation in ["RunCommand", "DescribeInvocation"] {
            assert!(of_it.iter().any(|line| line.contains(operation)), "{operation}: {done:?}");
        }
    }
    assert!(!done.stderr.contains(sandbox.tat().secret_key()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_no_command_runs_twice() {
    let fault = "tat.RunCommand:lose-answer=first:1".parse().unwrap();
    let sandbox = start(Sandbox::builder().fault(fault)).await;
    let tat = sandbox.tat();
    let [instance, ..] = &tat.instances()[..] else { unreachable!() };
    let done = run(&sandbox, "after_an_error", [instance, "exit 3"]);
    assert_eq!(done.stdout, format!("{instance} exited with 3\n"), "{done:?}");
    assert!(done.stderr.contains("RunCommand"), "{done:?}");
    assert_eq!(tat.executions_on(instance), 1);

    let done = run(&sandbox, "after_an_error", [tat.offline_instance(), "exit 3"]);
    assert_eq!(done.stdout, "start the agent\n", "{done:?}");
    let done = run(&sandbox, "after_an_error", ["no-instance", "exit 3"]);
    assert_eq!(done.stdout, "correct the request\n", "{done:?}");
    let mut command = example(&sandbox, "after_an_error");
    command.args([instance, "exit 3"]).env("TENCENTCLOUD_SECRET_KEY", "another");
    assert_eq!(command.output().unwrap().stdout, b"check the key\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_as_set_for_the_client_and_for_a_call() {
    let fault = "tat.DescribeRegions:bad-gateway=first:4".parse().unwrap();
    let sandbox = start(Sandbox::builder().fault(fault)).await;
    let done = run(&sandbox, "retries", [] as [&str; 0]);
    assert!(done.stderr.contains("DescribeRegions") && done.stderr.contains("502"), "{done:?}");
    assert!(
        done.stdout.ends_with(" regions: 5 requests, 3 of them again; 0 throttled\n"),
        "{done:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_what_cannot_be_found_is_not_run_again() {
    // The command is sent, and nothing can be asked of it.
    let lost = "tat.RunCommand:lose-answer".parse().unwrap();
    let silent = "tat.DescribeInvocationTasks:lose-request".parse().unwrap();
    let gone = "tat.DescribeInvocations:lose-request".parse().unwrap();
    let sandbox = start(Sandbox::builder().fault(lost).fault(silent).fault(gone)).await;
    let [instance, ..] = &sandbox.tat().instances()[..] else { unreachable!() };
    let done = run(&sandbox, "after_an_error", [instance, "exit 3"]);
    assert_eq!(sandbox.tat().executions_on(instance), 1);
    assert_eq!(done.stdout, "look at the instance before you run it again\n", "{done:?}");
}
