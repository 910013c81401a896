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
    let expected: String =
        zstack.vm_uuids().iter().map(|id| format!("{id} exited with 3\n")).collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
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
