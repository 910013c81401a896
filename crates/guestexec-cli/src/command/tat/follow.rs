//! Following a run to its end, whoever started it.

use std::{collections::HashSet, pin::pin, time::Duration};

use guestexec::tat::{Client, Event, Events, InstanceResult, Outcome as TatOutcome, Running};
use tokio::{
    io::{AsyncReadExt as _, duplex},
    select,
    time::{Instant, sleep_until, timeout},
};

use super::ends::{of_error, outcome, resume};
use crate::{
    ending::{Ended, Exit},
    failure::Failure,
    interrupt::{Wish, wish},
    report::{LAST_WRITE, Outcome, Report, Stream, few},
    say,
    signals::{Signal, Signals},
};

/// How long a cancelled script may take to end.
const CANCEL_WAIT: Duration = Duration::from_secs(60);
/// How many bytes of a whole output are held at once.
const CHUNK: usize = 64 * 1024;

/// A run that is followed.
pub(super) struct Following<'a> {
    client: &'a Client,
    pub(super) report: Report,
    /// Whether what the service has cut off is fetched.
    full_output: bool,
    /// Whether a signal that ends this program cancels the run.
    cancels: bool,
    begun: HashSet<String>,
    /// How many instances a cancelled run was killed on, had not begun on, and was over on.
    killed: usize,
    unbegun: usize,
    over: usize,
    /// Whether the run is being cancelled, so that nobody wonders why it ends.
    stopping: bool,
}

/// What a signal has led to.
struct Stop {
    signal: Signal,
    cancelled: bool,
    /// When the wait for the end of what was cancelled is over.
    until: Instant,
}

impl<'a> Following<'a> {
    pub(super) fn new(
        client: &'a Client,
        report: Report,
        full_output: bool,
        cancels: bool,
    ) -> Self {
        let begun = HashSet::new();
        Self {
            client,
            report,
            full_output,
            cancels,
            begun,
            killed: 0,
            unbegun: 0,
            over: 0,
            stopping: false,
        }
    }

    /// Writes what becomes of the run on each instance. A signal that ends it gives the exit code; one may have come
    /// already.
    pub(super) async fn follow(
        &mut self,
        running: Running,
        signals: &mut Signals,
        heard: Option<Signal>,
    ) -> Result<Option<Exit>, Failure> {
        let invocations: Vec<String> = running.invocations().map(str::to_owned).collect();
        let mut events = running.events();
        let targets: Vec<String> = events.unfinished().map(str::to_owned).collect();
        self.report.expect(&targets);
        let followed = self.events(&mut events, &targets, &invocations, signals, heard).await;
        let stop = match followed {
            Ok(stop) => stop,
            Err(failure) => {
                if failure.is_closed_pipe() {
                    self.unread(&mut events, signals, &invocations).await;
                }
                return Err(failure.advise(resume(&invocations)));
            }
        };
        let Some(stop) = stop else { return Ok(None) };
        let left = self.report.without_end(&targets);
        self.stopped(&stop, &left, &invocations).await?;
        Ok(Some(stop.signal.exit()))
    }

    /// Ends a run whose output nobody reads any more, as SIGPIPE ends a command here.
    async fn unread(&mut self, events: &mut Events, signals: &mut Signals, invocations: &[String]) {
        self.report.pause();
        let is_cancelled = self.cancels
            && select! {
                answer = events.cancel() => answer.is_ok(),
                _ = signals.next() => false,
            };
        if is_cancelled {
            say::warn("nobody reads the output any more: the run was cancelled");
        } else {
            say::warn(&format!(
                "nobody reads the output any more, and the run goes on\n  {} End it with `guestexec tat cancel {}`.",
                resume(invocations),
                invocations.join(" ")
            ));
        }
    }

    /// Handles all events, or those up to a signal that ends the run.
    async fn events(
        &mut self,
        events: &mut Events,
        targets: &[String],
        invocations: &[String],
        signals: &mut Signals,
        mut heard: Option<Signal>,
    ) -> Result<Option<Stop>, Failure> {
        let mut stop: Option<Stop> = None;
        loop {
            if let Some(signal) = heard.take() {
                // The second one ends the wait for the first.
                if stop.is_some() {
                    return Ok(stop);
                }
                let open = events.unfinished().count();
                let question = format!(
                    "Not ended: {}. Cancel the run there? y: yes, l: leave it running, n: go on",
                    instances(open)
                );
                let wish = match self.cancels {
                    true => wish(signal, signals, &mut self.report, &question).await,
                    false => Wish::Leave,
                };
                match wish {
                    Wish::GoOn => {}
                    Wish::Leave => {
                        self.report.hurry();
                        return Ok(Some(Stop { signal, cancelled: false, until: Instant::now() }));
                    }
                    Wish::End => {
                        self.report.hurry();
                        self.over = targets.len().saturating_sub(open);
                        self.stopping = true;
                        let cancelled = self.cancel(events, signals).await?;
                        let until = Instant::now() + CANCEL_WAIT;
                        stop = Some(Stop { signal, cancelled, until });
                        if !cancelled {
                            return Ok(stop);
                        }
                    }
                }
            }
            let until = stop.as_ref().map_or_else(Instant::now, |stop| stop.until);
            let event = select! {
                biased;
                signal = signals.next() => {
                    heard = Some(signal);
                    continue;
                }
                () = sleep_until(until), if stop.is_some() => return Ok(stop),
                event = events.next() => event,
            };
            let Some(event) = event else { return Ok(stop) };
            let mut handling = pin!(self.handle(event, invocations));
            select! {
                handled = &mut handling => handled?,
                // Whoever reads the output may have stopped to, and a fetch may take long.
                signal = signals.next() => {
                    heard = Some(signal);
                    timeout(LAST_WRITE, handling).await.unwrap_or(Ok(()))?;
                }
            }
        }
    }

    /// Cancels the run, and says whether that was accepted. Another signal ends the wait for the answer.
    async fn cancel(
        &mut self,
        events: &mut Events,
        signals: &mut Signals,
    ) -> Result<bool, Failure> {
        let answer = select! {
            answer = events.cancel() => answer,
            _ = signals.next() => return Ok(false),
        };
        match answer {
            Ok(()) => Ok(true),
            Err(error) => {
                let failure = of_error(&error);
                self.report.warn(&format!("the run was not cancelled: {failure}")).await?;
                Ok(false)
            }
        }
    }

    /// Writes what an event tells.
    async fn handle(&mut self, event: Event, invocations: &[String]) -> Result<(), Failure> {
        let (report, begun) = (&mut self.report, &mut self.begun);
        let only = match invocations {
            [only] => Some(&**only),
            _ => None,
        };
        match event {
            Event::Changed { instance_id, status } => {
                if begun.insert(instance_id.clone()) {
                    report.started(&instance_id, only).await?;
                }
                report.state(&instance_id, status.as_str()).await?;
            }
            Event::Finished(result) => {
                match result.outcome() {
                    TatOutcome::Terminated => self.killed += 1,
                    TatOutcome::Cancelled => self.unbegun += 1,
                    _ => {}
                }
                let is_new = begun.insert(result.instance_id().to_owned());
                let how = (self.full_output, is_new, self.stopping);
                finished(self.client, report, &result, how).await?;
            }
            Event::Failed(failure) => {
                let mut told = of_error(&failure.error);
                if let Some(invocation) = &failure.invocation_id {
                    for instance in &failure.instances {
                        report.identify(instance, invocation);
                    }
                    // The wait is over, not the time of the script.
                    told = told
                        .advise(resume(std::slice::from_ref(invocation)))
                        .with_end(Ended::Unknown);
                }
                begun.extend(failure.instances.iter().cloned());
                report.all_ended(&failure.instances, told.into()).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Says what a signal has left.
    async fn stopped(
        &mut self,
        stop: &Stop,
        left: &[String],
        invocations: &[String],
    ) -> Result<(), Failure> {
        let name = stop.signal.as_str();
        if !left.is_empty() {
            let failure = Failure::new(format!("{name} came before its end was seen"))
                .with_end(Ended::Unknown)
                .advise(format!(
                    "It may go on there. {} End it with `guestexec tat cancel {}`.",
                    resume(invocations),
                    invocations.join(" ")
                ));
            self.report.all_ended(left, Outcome::from(failure)).await?;
        }
        if stop.cancelled {
            let text = cancelled(self.killed, self.unbegun, self.over);
            self.report.warn(&format!("{name}: {text}")).await?;
        }
        Ok(())
    }
}

/// What a cancellation has come to.
fn cancelled(killed: usize, unbegun: usize, over: usize) -> String {
    let parts = [
        (killed, "killed on"),
        (unbegun, "cancelled before its start on"),
        (over, "over already on"),
    ];
    let parts = parts.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> =
        parts.map(|(number, what)| format!("{what} {}", instances(*number))).collect();
    match parts.is_empty() {
        true => "nothing was left to cancel".to_owned(),
        false => format!("the run was {}", parts.join(", ")),
    }
}

fn instances(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

/// Writes the end of an instance.
async fn finished(
    client: &Client,
    report: &mut Report,
    result: &InstanceResult,
    (full_output, is_new, stopping): (bool, bool, bool),
) -> Result<(), Failure> {
    let target = result.instance_id();
    match result.invocation_id() {
        Some(id) if is_new => report.started(target, Some(id)).await?,
        Some(id) => report.identify(target, id),
        None => {}
    }
    let mut outcome = outcome(result);
    if full_output && result.dropped() > 0 {
        if let Err(failure) = fetch(client, report, result, &mut outcome).await? {
            outcome.rest = Some(format!("It could not be fetched: {}", failure.what()));
        }
    } else {
        report.output(target, Stream::Stdout, result.output()).await?;
    }
    match stopping {
        true => report.ended_as_told(target, outcome).await,
        false => report.ended(target, outcome).await,
    }
}

/// Writes all of an output that the service has cut off, as it comes.
async fn fetch(
    client: &Client,
    report: &mut Report,
    result: &InstanceResult,
    outcome: &mut Outcome,
) -> Result<Result<(), Failure>, Failure> {
    let target = result.instance_id();
    let (mut near, mut far) = duplex(CHUNK);
    let fetching = async {
        let fetched = result.full_output(client).write_to(&mut far).await;
        // So that the other end sees the end.
        drop(far);
        fetched
    };
    let writing = async {
        let (mut chunk, mut written) = (vec![0; CHUNK], 0);
        loop {
            match near.read(&mut chunk).await {
                Ok(0) | Err(_) => return Ok::<u64, Failure>(written),
                Ok(count) => {
                    report.output(target, Stream::Stdout, &chunk[..count]).await?;
                    written += count as u64;
                }
            }
        }
    };
    let (fetched, written) = tokio::join!(fetching, writing);
    let written = written?;
    let whole = result.output().len() as u64 + result.dropped();
    if written == 0 {
        report.output(target, Stream::Stdout, result.output()).await?;
    }
    match fetched {
        Ok(_) => {
            outcome.missing = 0;
            Ok(Ok(()))
        }
        Err(error) => {
            if written > 0 {
                outcome.missing = whole.saturating_sub(written);
            }
            Ok(Err(of_error(&error)))
        }
    }
}

/// Says which of the instances were left out.
pub(super) async fn tell_skipped(report: &mut Report, targets: &[String]) -> Result<(), Failure> {
    let skipped = report.without_end(targets);
    if skipped.is_empty() {
        return Ok(());
    }
    report.note(&format!("left out, offline or unknown: {}", few(skipped.into_iter()))).await
}
