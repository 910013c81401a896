//! `guestexec cci logs`: what a container's main process wrote.

use clap::Args;
use guestexec::cci::Pod;
use serde_json::{Value, json};

use super::container;
use crate::{
    connect::cci::Settings,
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    report::text_member,
    say,
    signals::Signals,
    time::Time,
};

/// Show what the main process of a container wrote, not what commands write
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The pod
    #[arg(value_name = "POD")]
    pod: String,
    /// The container, if the pod has several
    #[arg(long, short, value_name = "CONTAINER")]
    container: Option<String>,
    /// Go on with what it writes, until it ends
    #[arg(long, short = 'f')]
    follow: bool,
    /// Begin with the last so many lines [default: all]
    #[arg(long, value_name = "COUNT")]
    tail: Option<u64>,
    /// Show only what was written within this time before now, such as 5m
    #[arg(long, value_name = "TIME")]
    since: Option<Time>,
    /// Show the log of before the container's last restart
    #[arg(long, short = 'p')]
    previous: bool,
    /// Begin each line with the time at which it was written
    #[arg(long)]
    timestamps: bool,
    /// End after about so many bytes
    #[arg(long, value_name = "BYTES")]
    limit_bytes: Option<u64>,
    /// Fail if the log has not ended after this time [default: no limit]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,
}

/// Shows it.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let settings = settings.resolved()?;
    let client = settings.client().await?;
    // Until here, Ctrl-C ends the program by itself, also at a question for a secret.
    let mut signals = Signals::listen()?;
    let mut pod = client.pod(settings.namespace(), &arguments.pod);
    if let Some(container) = &arguments.container {
        pod = pod.container(container);
    }
    let shown = async {
        match show(&pod, &arguments, global).await {
            Err(failure) if container::is_needed(&failure) => {
                let pod = container::choose(pod, global).await?;
                show(&pod, &arguments, global).await
            }
            shown => shown,
        }
    };
    tokio::select! {
        biased;
        signal = signals.next() => Ok(signal.exit()),
        ended = shown => ended.map(|()| Exit::SUCCESS),
    }
}

async fn show(pod: &Pod<'_>, arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let mut logs = pod.logs();
    if arguments.follow {
        logs = logs.follow();
    }
    if arguments.previous {
        logs = logs.previous();
    }
    if arguments.timestamps {
        logs = logs.timestamps();
    }
    if let Some(lines) = arguments.tail {
        logs = logs.tail_lines(lines);
    }
    if let Some(time) = arguments.since {
        logs = logs.since(time.0);
    }
    if let Some(bytes) = arguments.limit_bytes {
        logs = logs.limit_bytes(bytes);
    }
    if let Some(time) = arguments.timeout {
        logs = logs.timeout(time.0);
    }
    let target = json!({ "provider": "cci", "target": arguments.pod });
    match global.output {
        Format::Text => {
            let mut log = logs.stream().await?;
            while let Some(bytes) = log.next_chunk().await? {
                say::bytes(&bytes).await?;
            }
            Ok(())
        }
        Format::Json => say::document(&with(&target, "log", &logs.bytes().await?), false).await,
        Format::Jsonl => {
            let mut log = logs.stream().await?;
            while let Some(line) = log.next_line().await? {
                say::document(&with(&target, "line", &line), true).await?;
            }
            Ok(())
        }
    }
}

fn with(target: &Value, name: &str, bytes: &[u8]) -> Value {
    let mut value = target.clone();
    text_member(&mut value, name, bytes);
    value
}
