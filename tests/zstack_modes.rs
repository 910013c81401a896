//! Every operation of ZStack in every mode of the sandbox, and runs under random faults, after which the
//! sandbox's count shows whether the caller was told the truth.

#![allow(clippy::unwrap_used)]

use std::{future::IntoFuture as _, time::Duration};

use futures_util::future::Either;
use guestexec_core::ErrorKind;
use guestexec_sandbox::{Builder, Fault, FaultKind, Provider, Sandbox, ZstackHandle};
use guestexec_zstack::{Client, Credentials, JobId, Method, Uncaptured, causes};
use tokio::task::JoinSet;

async fn by_session(service: &ZstackHandle) -> Client {
    let builder = Client::builder().endpoint(service.endpoint());
    builder.login(service.account_name(), service.password()).await.unwrap()
}

fn by_key(service: &ZstackHandle) -> Client {
    let key = Credentials::access_key(service.access_key_id(), service.access_key_secret());
    Client::builder().endpoint(service.endpoint()).credentials(key).build().unwrap()
}

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

/// Login, check, command by PUT and POST under both kinds of credentials, its job, logout.
async fn every_operation(mode: &str, builder: Builder) {
    let sandbox = builder.start().await.unwrap();
    let service = sandbox.zstack();
    let client = by_session(service).await;
    let key = by_key(service);
    for (number, client) in [&client, &key].into_iter().enumerate() {
        for method in [Method::Put, Method::Post] {
            let run = client.vm(service.vm_uuid()).run("echo out; echo err >&2").method(method);
            let output = run.unchecked().await.unwrap_or_else(|error| panic!("{mode}: {error}"));
            assert_eq!(output.stdout_lossy(), "out", "{mode}");
            assert_eq!(output.stderr_lossy(), "err", "{mode}");
        }
        assert_eq!(service.executions(service.vm_uuid()), 2 * (number + 1), "{mode}");
    }
    let unknown = "0123456789abcdef0123456789abcdef";
    let valid = client.validate_session(unknown).send().await;
    assert_eq!(valid.unwrap().into_inner().valid, Some(false), "{mode}");
    let job = client.get_api_job(unknown).send().await.unwrap_err();
    assert_eq!(job.kind(), ErrorKind::NotFound, "{mode}");
    assert_eq!(service.sessions(), 1, "{mode}");
    client.logout().await.unwrap();
    assert_eq!(service.sessions(), 0, "{mode}");
}

#[tokio::test]
async fn every_operation_in_every_mode() {
    let jobs = || Sandbox::builder().zstack_jobs(true);
    let slowly = Duration::from_millis(30);
    let modes = [
        ("at once", Sandbox::builder()),
        ("by a job", jobs()),
        ("a slow job", jobs().zstack_job_delay(Duration::from_millis(700))),
        ("an internal name", jobs().zstack_location_host("zstack-1.internal:8080")),
        ("far away", jobs().latency(Provider::Zstack, slowly)),
        ("drop by drop", jobs().fault(Fault::new(Provider::Zstack, FaultKind::Drip))),
        ("busy", Sandbox::builder().fault(fault("zstack.Execute:throttle=first:1"))),
        ("busy with jobs", jobs().fault(fault("zstack.Execute:throttle=first:1"))),
    ];
    let mut runs = JoinSet::new();
    for (mode, builder) in modes {
        runs.spawn(every_operation(mode, builder));
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

#[tokio::test]
async fn a_run_has_an_exit_code_and_an_unchecked_run_the_services_text() {
    for jobs in [false, true] {
        let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
        let service = sandbox.zstack();
        let client = by_session(service).await;
        let vm = client.vm(service.vm_uuid());
        let failed = vm.run("exit 4").await.unwrap();
        assert_eq!((failed.exit_code(), failed.success()), (Some(4), false));
        let ended = vm.run("echo out; echo err >&2").await.unwrap();
        assert_eq!((&*ended.stdout, &*ended.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert!(ended.success());
        let much = vm.run("yes 0123456 | head -c 3000000; exit 5").await.unwrap();
        assert_eq!((much.exit_code(), much.stdout.len()), (Some(5), 737_280), "the end of it");
        assert_eq!(much.stdout_dropped, 3_000_000 - 737_280);
        let text = vm.run("echo out; exit 4").unchecked().await.unwrap();
        assert_eq!(
            (text.stream(), text.ambiguous()),
            ("standardStream: out, errorStream: ", false)
        );
        // A background process continues, and does not delay the run.
        let left = vm.run("sleep 100 & echo left").await.unwrap();
        assert_eq!(&*left.stdout, b"left\n");
        // Its result can be read by the job's id.
        let job = JobId::random().unwrap();
        vm.run("exit 6").job(job.clone()).await.unwrap();
        let again = client.job(&job).wait_at_most(Duration::from_secs(5)).await.unwrap();
        assert_eq!(again.exit_code(), Some(6));
        // A command that kills its wrapper script has no known result.
        let error = vm.run("kill -9 0").await.unwrap_err();
        assert!(error.may_have_run(), "{error}");
        assert!(Uncaptured::of(&error).is_some(), "{error}");
    }
}

#[tokio::test]
async fn a_job_that_the_service_forgot() {
    let builder = Sandbox::builder().zstack_jobs(true).zstack_job_life(Duration::ZERO);
    let sandbox = builder.start().await.unwrap();
    let service = sandbox.zstack();
    let error = by_key(service).vm(service.vm_uuid()).run("true").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotFound, true), "{error}");
    assert!(error.to_string().contains("forgotten"), "{error}");
    assert_eq!(service.executions(service.vm_uuid()), 1);
}

#[tokio::test]
async fn a_lost_answer_and_a_forgotten_job() {
    let builder = Sandbox::builder().zstack_job_life(Duration::ZERO);
    let sandbox = builder.fault(fault("zstack.Execute:lose-answer")).start().await.unwrap();
    let service = sandbox.zstack();
    let error = by_key(service).vm(service.vm_uuid()).run("true").await.unwrap_err();
    assert!(error.may_have_run(), "{error}");
    assert_eq!(service.executions(service.vm_uuid()), 1);
}

#[tokio::test]
async fn a_failing_job_with_its_causes() {
    for jobs in [false, true] {
        let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
        let service = sandbox.zstack();
        let error = by_key(service).vm(service.broken_vm_uuid()).run("true").await.unwrap_err();
        assert_eq!(error.code(), Some("SYS.1006"), "{error}");
        let detail = error.detail().unwrap();
        assert_eq!(causes(detail).count(), 3);
        let text = error.to_string();
        let reasons =
            ["channel of the guest agent is closed", "did not answer", "was not run in vm"];
        let places = reasons.map(|reason| text.find(reason).unwrap_or_else(|| panic!("{text}")));
        assert!(places.is_sorted(), "{text}");
        let innermost = causes(detail).last().unwrap();
        let global = innermost.global_error_code.as_deref();
        assert_eq!(global, Some("ORG_ZSTACK_GUESTTOOLS_10007"));
        assert_eq!(service.executions(service.broken_vm_uuid()), 0);
    }
}

#[tokio::test]
async fn an_expired_session_in_the_first_answer_and_in_the_poll() {
    for jobs in [false, true] {
        let builder = Sandbox::builder().zstack_jobs(jobs);
        let sandbox = builder.fault(fault("zstack.Execute:expire=first")).start().await.unwrap();
        let service = sandbox.zstack();
        let client = by_session(service).await;
        let output = client.vm(service.vm_uuid()).run("echo again").await.unwrap();
        assert_eq!(output.stdout_lossy(), "again\n");
        assert_eq!(service.executions(service.vm_uuid()), 1);
        // A caller who gave only a session gets the error.
        let stranger = Credentials::session("0123456789abcdef0123456789abcdef");
        let stranger =
            Client::builder().endpoint(service.endpoint()).credentials(stranger).build().unwrap();
        let error = stranger.vm(service.vm_uuid()).run("true").await.unwrap_err();
        assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false), "{error}");
        assert_eq!(service.executions(service.vm_uuid()), 1);
        assert_eq!(sandbox.faults_struck(Provider::Zstack), 1);
    }
}

/// The outcomes of a run's commands.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    not_run: usize,
    unknown: usize,
    faults: usize,
}

/// The faults of a run.
const FAULTS: [&str; 7] = [
    "zstack.Execute:lose-request=0.1",
    "zstack.Execute:lose-answer=0.15",
    "zstack.Execute:bad-gateway=0.1",
    "zstack.Execute:gateway-timeout=0.1",
    "zstack.Execute:reset=0.15",
    "zstack.Execute:throttle=0.1",
    "zstack.GetApiJob:lose-answer=0.2",
];

/// Runs five commands, one after the other, and compares each outcome with the count.
async fn run_with(seed: u64) -> Tally {
    let (jobs, session) = (seed % 2 < 1, seed % 4 < 2);
    let mut builder = Sandbox::builder().seed(seed).zstack_jobs(jobs);
    for text in FAULTS {
        builder = builder.fault(fault(text));
    }
    if session {
        builder = builder.fault(fault("zstack.Execute:expire=0.1"));
    }
    let sandbox = builder.start().await.unwrap();
    let service = sandbox.zstack();
    let client = if session { by_session(service).await } else { by_key(service) };
    let mut tally = Tally::default();
    for number in 0..5 {
        let before = service.executions(service.vm_uuid());
        let text = format!("echo {seed} {number}; exit 3");
        let ended = client.vm(service.vm_uuid()).run(text).await;
        let times = service.executions(service.vm_uuid()) - before;
        match ended {
            Ok(output) => {
                assert_eq!(times, 1, "seed {seed}, command {number}");
                assert_eq!(output.stdout_lossy(), format!("{seed} {number}\n"));
                assert_eq!(output.exit_code(), Some(3));
                tally.done += 1;
            }
            Err(error) if error.may_have_run() => {
                // Jobs are kept, so a command that ran is always found.
                assert_eq!(times, 0, "seed {seed}, command {number}: {error}");
                tally.unknown += 1;
            }
            Err(error) => {
                assert_eq!(times, 0, "seed {seed}, command {number}: {error}");
                tally.not_run += 1;
            }
        }
    }
    tally.faults = sandbox.faults_struck(Provider::Zstack);
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_runs_a_command_twice_or_misinforms_its_caller() {
    let mut runs = JoinSet::new();
    for seed in 0..80 {
        runs.spawn(run_with(seed));
    }
    let mut total = Tally::default();
    while let Some(run) = runs.join_next().await {
        let tally = run.unwrap();
        total.done += tally.done;
        total.not_run += tally.not_run;
        total.unknown += tally.unknown;
        total.faults += tally.faults;
    }
    println!("{total:?}");
    assert_eq!(total.done + total.not_run + total.unknown, 400);
    assert!(total.faults > 100 && total.done > 200, "{total:?}");
}

/// Waits for the deletions, which may be jobs.
async fn no_script_stays(service: &ZstackHandle) {
    let deleted = async {
        while service.scripts() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, deleted).await.expect("no script stays");
}

#[tokio::test]
async fn a_vm_that_is_stopped_has_certainly_not_run_the_command() {
    for jobs in [false, true] {
        let sandbox = Sandbox::builder().zstack_jobs(jobs).start().await.unwrap();
        let service = sandbox.zstack();
        let client = by_session(service).await;
        let error = client.vm(service.stopped_vm_uuid()).run("true").await.unwrap_err();
        assert!(!error.may_have_run() && !error.is_retryable(), "{error}");
        assert_eq!(error.code(), Some("SYS.1006"));
    }
}

#[tokio::test]
async fn a_script_has_an_exit_code_and_both_streams_in_every_vm() {
    for jobs in [false, true] {
        let sandbox = Sandbox::builder().zstack_vms(3).zstack_jobs(jobs).start().await.unwrap();
        let service = sandbox.zstack();
        let client = by_session(service).await;
        let mut vms = service.vm_uuids();
        vms.push(service.stopped_vm_uuid().to_owned());
        let ended = client.vms(&vms).script("echo out; echo err >&2; exit 4").await;
        assert!(ended.iter().map(|(uuid, _)| uuid).eq(&vms), "in the order of the VMs");
        for (uuid, result) in &ended[..3] {
            let result = result.as_ref().unwrap_or_else(|error| panic!("{uuid}: {error}"));
            assert_eq!((result.exit_code(), &*result.stdout_lossy()), (Some(4), "out\n"));
            assert_eq!(&*result.stderr_lossy(), "err\n");
            assert_eq!(service.executions(uuid), 1);
        }
        let error = ended[3].1.as_ref().unwrap_err();
        assert!(error.to_string().contains("the vm is not running"), "{error}");
        let each = client.each_vm(&vms[..2], |vm| vm.script("exit 5")).await;
        assert!(each.iter().all(|(_, it)| it.as_ref().is_ok_and(|it| it.exit_code() == Some(5))));
        no_script_stays(service).await;
    }
}

#[tokio::test]
async fn a_script_runs_once_whatever_is_lost() {
    let faults = [
        "zstack.CreateGuestVmScript:lose-answer=first:1",
        "zstack.ExecuteGuestVmScript:lose-answer=first:1",
        "zstack.ExecuteGuestVmScript:gateway-timeout=first:1",
        "zstack.ExecuteGuestVmScript:throttle=first:1",
        "zstack.CreateGuestVmScript:expire=first:1",
        "zstack.ExecuteGuestVmScript:expire=first:1",
        "zstack.ExecutedRecordDetail:lose-answer=first:1",
        "zstack.ExecutedRecordDetail:expire=first:1",
        "zstack.GetApiJob:lose-answer=first:1",
        "zstack.DeleteGuestVmScript:lose-answer=first:1",
        "zstack.DeleteGuestVmScript:expire=first:1",
    ];
    let mut runs = JoinSet::new();
    for text in faults {
        for jobs in [false, true] {
            runs.spawn(async move {
                let builder = Sandbox::builder().zstack_jobs(jobs).fault(fault(text));
                let sandbox = builder.start().await.unwrap();
                let service = sandbox.zstack();
                let client = by_session(service).await;
                let result = client.vm(service.vm_uuid()).script("echo once").await;
                let ran = service.executions(service.vm_uuid());
                match result {
                    Ok(ended) => assert_eq!((&*ended.stdout_lossy(), ran), ("once\n", 1), "{text}"),
                    Err(error) => {
                        assert!(ran <= usize::from(error.may_have_run()), "{text}: {error}");
                        // What began has a result by its records.
                        assert!(!text.contains("lose-answer") || ran == 0, "{text}: {error}");
                    }
                }
                // By a job, an ended session shows only when nobody asks any more.
                if !(jobs && text.contains("DeleteGuestVmScript:expire")) {
                    no_script_stays(service).await;
                }
            });
        }
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

#[tokio::test]
async fn a_script_that_is_not_waited_for_goes_on_and_is_found_by_its_name() {
    let sandbox = Sandbox::start().await.unwrap();
    let service = sandbox.zstack();
    let client = by_session(service).await;
    let vm = client.vm(service.vm_uuid());
    let waiting = vm.script("sleep 0.3; echo done");
    let wait = Box::pin(waiting.into_future());
    let until = async {
        while service.executions(service.vm_uuid()) == 0 {
            tokio::task::yield_now().await;
        }
    };
    // The future is dropped when the script has begun.
    assert!(matches!(futures_util::future::select(wait, Box::pin(until)).await, Either::Right(_)));
    let left = client.query_guest_vm_script().q(["name~=guestexec-%"]).send().await.unwrap();
    let script = left.inventories[0].uuid.clone().unwrap();
    let ended = client.script_record(&script).await.unwrap();
    assert_eq!(&*ended[0].1.as_ref().unwrap().stdout_lossy(), "done\n");
    client.delete_guest_vm_script(&script).send().await.unwrap();
    no_script_stays(service).await;
    assert_eq!(service.executions(service.vm_uuid()), 1);
}
