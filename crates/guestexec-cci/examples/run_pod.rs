//! Runs a command in a pod of its own: creates it, waits, runs the command, shows the pod's log, and deletes it:
//! `run_pod NAMESPACE NAME IMAGE COMMAND…`.
use std::{env, error::Error, process::ExitCode, time::Duration};

use guestexec_cci::{
    Client, Pod,
    types::{NewContainer, NewPod, NewPodMeta, NewPodSpec},
};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [namespace, name, image, command @ ..] = &arguments[..] else {
        return Err("usage: run_pod NAMESPACE NAME IMAGE COMMAND…".into());
    };
    let cci = Client::builder().from_env()?.build()?;
    // The pod's own process: it lives until the pod is deleted.
    let script = "echo ready; while :; do sleep 1; done";
    let container = NewContainer::new("main", image).command(["sh", "-c", script]);
    let spec =
        NewPodSpec::new([container]).restart_policy("Never").termination_grace_period_seconds(1);
    cci.pods(namespace).create(NewPod::new(NewPodMeta::new().name(name), spec)).await?;

    // Whatever happens now, the pod is deleted.
    let pod = cci.pod(namespace, name);
    let result = run(&pod, command).await;
    pod.delete().await?;
    pod.wait_until_deleted().await?;
    result
}

async fn run(pod: &Pod<'_>, command: &[String]) -> Result<ExitCode, Box<dyn Error>> {
    pod.wait_until_running().wait_at_most(Duration::from_secs(120)).await?;
    let output = pod.exec(command).await?;
    print!("{}", output.stdout_lossy());
    eprint!("{}", output.stderr_lossy());
    eprint!("log of the pod: {}", pod.logs().text_lossy().await?);
    Ok(match output.exit_code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(255)),
        None => return Err("the end of the command is not known".into()),
    })
}
