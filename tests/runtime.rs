//! Calls outside a Tokio runtime are errors, by every way of every client, and nothing is sent. Handles that
//! were taken out of one fail as well, and say what goes on.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use guestexec_core::{Error, ErrorKind};
use guestexec_sandbox::{Sandbox, StartError};
use guestexec_tat::ProvideCredentials as _;
use tokio::runtime::Runtime;

/// The smallest executor there is, which is no runtime.
fn block_on<F: IntoFuture>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future.into_future());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Checks that a way is refused for the lack of a runtime.
fn refused<T, D: fmt::Debug>(way: &str, call: impl IntoFuture<Output = Result<T, Error<D>>>) {
    let Err(error) = block_on(call) else { panic!("{way}: it has an answer") };
    assert_eq!(error.kind(), ErrorKind::Config, "{way}: {error}");
    assert!(error.to_string().contains("outside a Tokio runtime"), "{way}: {error}");
    assert!(!error.may_have_run() && !error.is_retryable(), "{way}: {error}");
}

/// A sandbox, and the runtime that serves it on other threads.
fn sandbox() -> (Runtime, Sandbox) {
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    (runtime, sandbox)
}

fn tat(sandbox: &Sandbox) -> guestexec_tat::Client {
    let tat = sandbox.tat();
    let builder = guestexec_tat::Client::builder().endpoint(tat.endpoint()).region(tat.region());
    let key = guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key());
    builder.credentials(key).build().unwrap()
}

fn cci(sandbox: &Sandbox) -> guestexec_cci::Client {
    let cci = sandbox.cci();
    let login = guestexec_cci::Credentials::password(
        cci.domain(),
        cci.user(),
        cci.password(),
        cci.project(),
    );
    let builder = guestexec_cci::Client::builder().endpoint(cci.endpoint());
    builder.iam_endpoint(cci.iam_endpoint()).credentials(login).build().unwrap()
}

#[test]
fn every_way_of_tat_is_refused() {
    let (_runtime, sandbox) = sandbox();
    let client = tat(&sandbox);
    for example in guestexec_tat::examples::ALL {
        refused(example.operation, guestexec_tat::examples::send(&client, example));
    }
    let instances = || client.instances(sandbox.tat().instances());
    refused("run", instances().run("uptime"));
    refused("start", instances().run("uptime").start());
    refused("invoke", instances().invoke("cmd-1"));
    refused("preview", instances().invoke("cmd-1").preview());
    refused("invocation", client.invocation("inv-1"));
    refused("role", guestexec_tat::CvmRole::new().endpoint(sandbox.tat().endpoint()).provide());
    assert_eq!(sandbox.tat().invocations(), [""; 0]);
}

#[test]
fn every_way_of_zstack_is_refused() {
    use guestexec_zstack::{Client, Credentials, JobId};
    let (_runtime, sandbox) = sandbox();
    let zstack = sandbox.zstack();
    let builder = || Client::builder().endpoint(zstack.endpoint());
    let by_key = Credentials::access_key(zstack.access_key_id(), zstack.access_key_secret());
    let by_password = Credentials::password(zstack.account_name(), zstack.password());
    for credentials in [by_key, by_password] {
        let client = builder().credentials(credentials).build().unwrap();
        for example in guestexec_zstack::examples::ALL {
            refused(example.operation, guestexec_zstack::examples::send(&client, example));
        }
        let vm = || client.vm(zstack.vm_uuid());
        refused("run", vm().run("uptime"));
        refused("run in a job", vm().run("uptime").job(JobId::random().unwrap()));
        refused("unchecked", vm().run("uptime").unchecked());
        refused("script", vm().script("uptime"));
        refused("script record", client.script_record("0123456789abcdef0123456789abcdef"));
        for (uuid, result) in block_on(client.vms(zstack.vm_uuids()).script("uptime")) {
            refused(&uuid, async { result });
        }
        for (uuid, result) in block_on(client.each_vm(zstack.vm_uuids(), |vm| vm.run("uptime"))) {
            refused(&uuid, async { result });
        }
        // The job of another program may be running.
        let job = JobId::random().unwrap();
        let error = block_on(client.job(&job)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(guestexec_zstack::Unfinished::of(&error).is_some());
    }
    refused("login", builder().login(zstack.account_name(), zstack.password()));
    assert_eq!((zstack.sessions(), zstack.executions(zstack.vm_uuid())), (0, 0));
}

#[test]
fn every_way_of_cci_is_refused() {
    let (_runtime, sandbox) = sandbox();
    let client = cci(&sandbox);
    for example in guestexec_cci::examples::ALL {
        refused(example.operation, guestexec_cci::examples::send(&client, example));
    }
    let handle = sandbox.cci();
    let pod = || client.pod(handle.namespace(), handle.pod());
    refused("get", pod().get());
    refused("choose_container", pod().choose_container());
    refused("list", client.pods(handle.namespace()).list());
    refused("exec", pod().exec(["true"]));
    refused("output", pod().exec(["true"]).output());
    refused("spawn", pod().exec(["true"]).spawn());
    assert_eq!(handle.executions(handle.pod()), 0);
}

#[test]
fn a_run_of_tat_taken_out_of_its_runtime_says_what_goes_on() {
    let (runtime, sandbox) = sandbox();
    let client = tat(&sandbox);
    let instances = sandbox.tat().instances();
    let start = || runtime.block_on(client.instances(&instances).run("sleep 60").start()).unwrap();

    let error = block_on(start()).unwrap_err();
    assert!(error.may_have_run(), "{error}");
    let unfinished = guestexec_tat::Unfinished::of(&error).unwrap();
    assert_eq!(unfinished.invocations().len(), 1);

    let mut events = start().events();
    let mut failures = 0;
    while let Some(event) = block_on(events.next()) {
        failures += usize::from(matches!(event, guestexec_tat::Event::Failed(_)));
    }
    assert_eq!(failures, 1);
    assert!(block_on(start().cancel()).is_err());
}

#[test]
fn a_session_of_cci_goes_on_while_its_runtime_does() {
    let (runtime, sandbox) = sandbox();
    let client = cci(&sandbox);
    let handle = sandbox.cci();
    let exec = |argv: [&'static str; 3]| client.pod(handle.namespace(), handle.pod()).exec(argv);

    let child = runtime.block_on(exec(["sh", "-c", "echo hello"]).spawn()).unwrap();
    let output = block_on(child.wait_with_output()).unwrap();
    assert_eq!(output.stdout_lossy(), "hello\n");

    let mut child =
        runtime.block_on(exec(["sh", "-c", "exec sleep 60"]).killable().spawn()).unwrap();
    let error = block_on(child.kill()).unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Config, true), "{error}");
    runtime.block_on(child.kill()).unwrap();
}

#[test]
fn a_sandbox_needs_a_runtime() {
    let error = block_on(Sandbox::start()).unwrap_err();
    assert!(matches!(error, StartError::Runtime), "{error}");
}
