//! A command in one pod.

use guestexec::cci::{Client, Pod};
use tokio::sync::watch;

use super::{
    super::container,
    Arguments, interactive,
    session::{Asked, End, Job, Sink, asked, listen},
};
use crate::{
    connect::cci::Settings,
    ending::Exit,
    failure::Failure,
    global::Global,
    report::{Report, Targets},
    signals::Signals,
    terminal,
};

/// Runs the command in the pod that was named.
pub(super) async fn run(
    client: &Client,
    settings: &Settings,
    arguments: &Arguments,
    has_keyboard: bool,
    global: &Global,
    signals: Signals,
) -> Result<Exit, Failure> {
    let mut report = Report::new("cci", Targets::One, global);
    let target = arguments.pod.as_deref().unwrap_or_default();
    if arguments.tty && arguments.stdin && !has_keyboard {
        // Its bytes would be taken for keys, and change on their way.
        report.note("standard input is no terminal, so that the command has none (-t)").await?;
    }
    let (to, mut asked) = asked();
    let run = async {
        let mut pod = client.pod(settings.namespace(), target);
        if let Some(container) = &arguments.container {
            pod = pod.container(container);
        }
        report.started(target, None).await?;
        let mut end =
            attempt(pod.clone(), arguments, has_keyboard, &mut report, &mut asked).await?;
        if pod.container_name().is_none()
            && end.outcome.failure.as_ref().is_some_and(container::is_needed)
        {
            // Only then, so that a pod with one container costs no call and no permission more.
            end = match container::choose(pod, global).await {
                Ok(pod) => attempt(pod, arguments, has_keyboard, &mut report, &mut asked).await?,
                Err(failure) => failure.into(),
            };
        }
        if end.exit.is_some() {
            // Whoever reads the output may have stopped to.
            report.hurry();
        }
        let told = report.ended(target, end.outcome).await;
        match end.exit {
            // A terminal that has hung up, or a closed pipe, does not change why this ends.
            Some(exit) => Ok(exit),
            None => {
                told?;
                report.finish().await
            }
        }
    };
    tokio::select! {
        exit = run => exit,
        never = listen(signals, to) => match never {},
    }
}

/// Runs the command in the pod's container.
async fn attempt(
    pod: Pod<'_>,
    arguments: &Arguments,
    has_keyboard: bool,
    report: &mut Report,
    asked: &mut watch::Receiver<Asked>,
) -> Result<End, Failure> {
    let target = pod.name().to_owned();
    let needs_terminal = arguments.tty && !arguments.stdin;
    let job = Job {
        pod,
        argv: &arguments.command,
        transport: arguments.transport.into(),
        killable: arguments.killable,
        stdin: arguments.stdin,
        tty: needs_terminal.then(terminal::size),
        timeout: arguments.timeout.map(|time| time.0),
    };
    let mut sink = Sink::Report(report, &target);
    match has_keyboard {
        true => interactive::run(job, arguments, &mut sink, asked).await,
        false => job.run(&mut sink, asked).await,
    }
}
