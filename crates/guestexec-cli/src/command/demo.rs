//! `guestexec demo`: real commands through each generated client.

use std::time::Duration;

use guestexec::{cci, tat, zstack};
use guestexec_sandbox::Sandbox;

use crate::{ending::Exit, failure::Failure};

/// The first command.
const COMMAND: &str = "uname -a";
/// The second command, with both outputs and an exit code.
const SCRIPT: &str = "echo to standard output; echo to standard error >&2; exit 3";

/// Starts a sandbox and runs both commands through each client.
pub(crate) async fn run() -> Result<Exit, Failure> {
    let sandbox = Sandbox::start().await?;
    println!("A sandbox of the three services runs on this machine during this demo.");
    through_cci(&sandbox).await?;
    through_zstack(&sandbox).await?;
    through_tat(&sandbox).await?;
    println!("\nEach command above really ran here, through signed requests over loopback.");
    Ok(Exit::SUCCESS)
}

async fn through_cci(sandbox: &Sandbox) -> Result<(), Failure> {
    let service = sandbox.cci();
    heading("cci", "exec over a WebSocket, signed with AK/SK", &service.endpoint());
    let keys = cci::Credentials::access_key(service.access_key(), service.secret_key());
    let client = cci::Client::builder()
        .endpoint(service.endpoint())
        .iam_endpoint(service.iam_endpoint())
        .credentials(keys)
        .build()?;
    let pod = client.pod(service.namespace(), service.pod());
    let uname = pod.exec(COMMAND.split(' ')).output().await?;
    show(COMMAND, &uname.stdout);
    let script = pod.exec(["sh", "-c", SCRIPT]).output().await?;
    show(SCRIPT, &script.stdout);
    show_more("standard error", &script.stderr);
    if let Some(code) = script.exit_code() {
        println!("  exit code: {code}");
    }
    Ok(())
}

async fn through_zstack(sandbox: &Sandbox) -> Result<(), Failure> {
    let service = sandbox.zstack();
    let call = format!("{} in a session", zstack::operations::EXECUTE_GUEST_VM_COMMAND.id);
    heading("zstack", &call, &service.endpoint());
    let client = zstack::Client::builder()
        .endpoint(service.endpoint())
        .login(service.account_name(), service.password())
        .await?;
    let vm = client.vm(service.vm_uuid());
    let uname = vm.run(COMMAND).await?;
    show(COMMAND, &uname.stdout);
    let script = vm.run(SCRIPT).await?;
    show(SCRIPT, &script.stdout);
    show_more("standard error", &script.stderr);
    if let Some(code) = script.exit_code() {
        println!("  exit code: {code}");
    }
    client.logout().await?;
    Ok(())
}

async fn through_tat(sandbox: &Sandbox) -> Result<(), Failure> {
    let service = sandbox.tat();
    let call = format!("{}, signed with TC3-HMAC-SHA256", tat::operations::RUN_COMMAND.id);
    heading("tat", &call, &service.endpoint());
    let client = tat::Client::builder()
        .endpoint(service.endpoint())
        .credentials(tat::Credentials::new(service.secret_id(), service.secret_key()))
        .region(service.region())
        .build()?;
    let instances: Vec<String> = service.instances().into_iter().take(2).collect();
    for script in [COMMAND, SCRIPT] {
        let timeout = Duration::from_secs(10);
        let invocation = client.instances(instances.clone()).run(script).timeout(timeout).await?;
        for result in invocation.results() {
            show(&format!("{script}   (on {})", result.instance_id()), result.output());
            println!("  {result}");
        }
    }
    Ok(())
}

fn heading(provider: &str, what: &str, endpoint: &str) {
    println!("\n== {provider}: {what}, at {endpoint}");
}

fn show(command: &str, output: &[u8]) {
    println!("$ {command}");
    show_lines(output);
}

fn show_more(stream: &str, output: &[u8]) {
    println!("  {stream}:");
    show_lines(output);
}

fn show_lines(output: &[u8]) {
    for line in String::from_utf8_lossy(output).lines() {
        println!("  | {line}");
    }
}
