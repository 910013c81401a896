//! The examples, as programs against the sandbox.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../../../tests/common/examples.rs"]
mod programs;

use std::{env, fs, process};

use guestexec_sandbox::{Provider, Sandbox};
use programs::{example, run};

/// The sessions end at the first call of each kind, and each command is a job.
#[tokio::test(flavor = "multi_thread")]
async fn many_vms_run_four_at_a_time_and_survive_the_end_of_a_session() {
    let builder = Sandbox::builder().zstack_vms(20).zstack_jobs(true);
    let builder = builder.fault("zstack.ExecuteGuestVmCommand:expire=first:1".parse().unwrap());
    let builder =
        builder.fault("zstack.ExecuteGuestVmCommandByPost:expire=first:1".parse().unwrap());
    let sandbox = builder.start().await.unwrap();
    let zstack = sandbox.zstack();
    let log = env::temp_dir().join(format!("guestexec-many-vms-{}", process::id()));
    // No command ends before four have started.
    let script = "echo + >> LOG; until [ $(grep -c + LOG) -ge 4 ]; do sleep 0.05; done; \
                  echo - >> LOG; exit 3";
    let script = script.replace("LOG", &format!("'{}'", log.display()));

    let mut command = example(&sandbox, "many_vms");
    // An AccessKey has no session.
    command.env_remove("ZSTACK_ACCESS_KEY_ID").env_remove("ZSTACK_ACCESS_KEY_SECRET");
    let output = command.arg(script).args(zstack.vm_uuids()).output().unwrap();
    let events = fs::read_to_string(&log).unwrap();
    fs::remove_file(log).unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut printed: Vec<&str> = printed.lines().collect();
    let expected = zstack.vm_uuids().into_iter().map(|id| format!("{id} exited with 3"));
    let mut expected: Vec<_> = expected.collect();
    printed.sort();
    expected.sort();
    assert_eq!(printed, expected);
    assert!(zstack.vm_uuids().iter().all(|id| zstack.executions(id) == 1));
    assert_eq!(sandbox.faults_struck(Provider::Zstack), 1);
    assert_eq!(zstack.sessions(), 0);

    let mut running = 0_usize;
    let mut most = 0;
    for event in events.lines() {
        running = if event == "+" { running + 1 } else { running - 1 };
        most = most.max(running);
    }
    assert_eq!((events.lines().count(), most), (40, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_vms_reports_what_cannot_run() {
    let sandbox = Sandbox::start().await.unwrap();
    let stopped = sandbox.zstack().stopped_vm_uuid();
    let done = run(&sandbox, "many_vms", ["uptime", stopped]);
    assert!(done.stdout.starts_with(&format!("{stopped}: ")), "{done:?}");
    let done = run(&sandbox, "many_vms", [] as [&str; 0]);
    assert!(done.stderr.contains("usage: many_vms COMMAND VM…"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn named_vms_runs_where_the_name_fits_and_the_vm_runs() {
    let sandbox = Sandbox::builder().zstack_vms(3).start().await.unwrap();
    let zstack = sandbox.zstack();
    let done = run(&sandbox, "named_vms", ["vm_%", "echo hello"]);
    for uuid in zstack.vm_uuids() {
        assert!(done.stdout.contains(&format!("{uuid} exited with 0\nhello\n")), "{done:?}");
        assert_eq!(zstack.executions(&uuid), 1);
    }
    assert!(!done.stdout.contains(zstack.stopped_vm_uuid()), "{done:?}");
    let done = run(&sandbox, "named_vms", ["vm_1", "echo one"]);
    let uuid = &zstack.vm_uuids()[0];
    assert_eq!(done.stdout, format!("{uuid} exited with 0\none\n"));
    let done = run(&sandbox, "named_vms", [] as [&str; 0]);
    assert!(done.stderr.contains("usage: named_vms NAME COMMAND"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn script_vms_runs_a_file_everywhere_and_reports_where_it_cannot() {
    let sandbox = Sandbox::builder().zstack_vms(3).start().await.unwrap();
    let zstack = sandbox.zstack();
    let file = env::temp_dir().join(format!("guestexec-script-vms-{}", process::id()));
    fs::write(&file, "print('hello')\nraise SystemExit(3)\n").unwrap();
    let mut vms = zstack.vm_uuids();
    vms.push(zstack.stopped_vm_uuid().to_owned());
    let arguments = [file.to_str().unwrap()].into_iter().chain(vms.iter().map(String::as_str));
    let done = run(&sandbox, "script_vms", arguments.collect::<Vec<_>>());
    fs::remove_file(&file).unwrap();
    let lines: Vec<&str> = done.stdout.lines().collect();
    for (line, uuid) in lines.iter().zip(zstack.vm_uuids()) {
        assert_eq!(*line, format!("{uuid} exited with 3: hello"));
    }
    assert!(lines[3].contains("the vm is not running"), "{done:?}");
    assert_eq!((lines.len(), zstack.scripts()), (4, 0));
    let done = run(&sandbox, "script_vms", [] as [&str; 0]);
    assert!(done.stderr.contains("usage: script_vms FILE VM…"), "{done:?}");
}
