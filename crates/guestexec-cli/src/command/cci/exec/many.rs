//! A command in all pods with some labels.

use std::{pin::pin, time::Instant};

use guestexec::cci::{Client, Error, Pods};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::timeout,
};

use super::{
    Arguments,
    session::{Asked, End, Job, Reason, Sink, ask, asked},
};
use crate::{
    connect::cci::Settings,
    ending::{Ended, Exit, WhyNot},
    failure::Failure,
    global::Global,
    interrupt::{Wish, wish},
    report::{LAST_WRITE, Outcome, Report, Stream, Targets},
    signals::{Signal, Signals},
};

/// How many pieces of output wait to be written. Then the commands wait.
const WAITING: usize = 64;

/// What a command has said, and in which pod.
#[derive(Debug)]
pub(super) enum Said {
    Started(String),
    Output(String, Stream, Vec<u8>),
    /// It has ended.
    Ended(String, Box<Outcome>),
}

/// Runs the command in each of the pods.
pub(super) async fn run(
    client: &Client,
    settings: &Settings,
    selector: &str,
    arguments: &Arguments,
    global: &Global,
    mut signals: Signals,
) -> Result<Exit, Failure> {
    let pods = || {
        let pods = client.pods(settings.namespace()).label_selector(selector);
        match &arguments.container {
            Some(container) => pods.container(container),
            None => pods,
        }
    };
    let listed = select! {
        listed = pods().list() => listed?,
        signal = signals.next() => return Ok(signal.exit()),
    };
    let names: Vec<String> = listed
        .into_iter()
        .filter_map(|pod| pod.metadata.and_then(|metadata| metadata.name))
        .collect();
    if names.is_empty() {
        let namespace = settings.namespace();
        let what = format!("no pod in the namespace `{namespace}` has the labels `{selector}`");
        return Err(Failure::new(what).advise("Check --selector and --namespace."));
    }
    let mut report = Report::new("cci", Targets::Many, global);
    report.expect(&names);
    let (to, asked) = asked();
    let many = Many {
        report,
        signals,
        to,
        names,
        heard: None,
        signal: None,
        written: Ok(()),
        unlisted: None,
    };
    many.run(pods(), arguments, asked).await
}

/// Commands in many pods.
struct Many {
    report: Report,
    signals: Signals,
    /// Asks the commands to end.
    to: watch::Sender<Asked>,
    names: Vec<String>,
    /// A signal that came meanwhile.
    heard: Option<Signal>,
    /// The signal that asked for the end.
    signal: Option<Signal>,
    /// Whether the output can be written.
    written: Result<(), Failure>,
    /// Why not all pods were found again.
    unlisted: Option<Failure>,
}

impl Many {
    async fn run(
        mut self,
        pods: Pods<'_>,
        arguments: &Arguments,
        asked: watch::Receiver<Asked>,
    ) -> Result<Exit, Failure> {
        let (to, mut said) = mpsc::channel::<Said>(WAITING);
        let each = pods.each(|pod| {
            let name = pod.name().to_owned();
            let job = Job {
                pod,
                argv: &arguments.command,
                transport: arguments.transport.into(),
                killable: arguments.killable,
                stdin: false,
                tty: None,
                timeout: arguments.timeout.map(|time| time.0),
            };
            let (to, mut asked) = (to.clone(), asked.clone());
            async move {
                let why = asked.borrow().why();
                let outcome = match why {
                    Some(reason) => {
                        Failure::new(format!("{reason} before the command was started"))
                            .with_end(Ended::NotStarted(WhyNot::Failed))
                            .into()
                    }
                    None => {
                        let begin = Instant::now();
                        let _ = to.send(Said::Started(name.clone())).await;
                        let mut sink = Sink::Channel(to, name);
                        let end = job.run(&mut sink, &mut asked).await.unwrap_or_else(End::from);
                        Outcome { took: Some(begin.elapsed()), ..end.outcome }
                    }
                };
                Ok::<_, Error>(outcome)
            }
        });
        let mut ends = pin!(each.concurrency(arguments.concurrency.into()));
        loop {
            if let Some(signal) = self.heard.take() {
                self.hear(signal).await;
            }
            let ended = select! {
                biased;
                signal = self.signals.next() => {
                    self.heard = Some(signal);
                    continue;
                }
                Some(said) = said.recv() => {
                    self.write(said).await;
                    continue;
                }
                ended = ends.next() => ended,
            };
            // What a command had said before it ended.
            while let Ok(said) = said.try_recv() {
                self.write(said).await;
            }
            let Some(ended) = ended else { break };
            match ended {
                Ok((pod, outcome)) => {
                    let outcome = outcome.unwrap_or_else(|error| Failure::from(error).into());
                    self.write(Said::Ended(pod, Box::new(outcome))).await;
                }
                // The pods are listed anew while the commands run. What runs is seen to its end.
                Err(error) => self.unlisted = Some(error.into()),
            }
        }
        self.end().await
    }

    /// Finds out what a signal means, and asks the commands to end.
    async fn hear(&mut self, signal: Signal) {
        if self.signal.is_none() {
            let open = match self.report.without_end(&self.names).len() {
                1 => "1 pod".to_owned(),
                open => format!("{open} pods"),
            };
            let question = format!("Not ended: {open}. End the command there? y: yes, n: go on");
            match wish(signal, &mut self.signals, &mut self.report, &question).await {
                Wish::End => {}
                Wish::Leave | Wish::GoOn => return,
            }
            self.signal = Some(signal);
            self.report.hurry();
        }
        ask(&self.to, Reason::Signal(signal));
    }

    /// Writes what a command has said. Where that is not possible, the commands are not left to themselves.
    async fn write(&mut self, said: Said) {
        // What goes on is said even where the output is not read.
        let matters = matches!(&said, Said::Ended(_, outcome) if outcome.ended == Ended::Unknown);
        if self.written.is_err() && !matters {
            return;
        }
        let report = &mut self.report;
        let written = {
            let mut writing = pin!(async {
                match said {
                    Said::Started(pod) => {
                        report.started(&pod, None).await?;
                        report.state(&pod, "RUNNING").await
                    }
                    Said::Output(pod, stream, bytes) => report.output(&pod, stream, &bytes).await,
                    Said::Ended(pod, outcome) => report.ended(&pod, *outcome).await,
                }
            });
            select! {
                written = &mut writing => written,
                // Whoever reads the output may have stopped to.
                signal = self.signals.next() => {
                    self.heard = Some(signal);
                    timeout(LAST_WRITE, writing).await.unwrap_or(Ok(()))
                }
            }
        };
        if written.is_err() && self.written.is_ok() {
            self.written = written;
            ask(&self.to, Reason::Unwritable);
        }
    }

    async fn end(mut self) -> Result<Exit, Failure> {
        if self.signal.is_none() {
            // Nobody reads a summary either.
            self.written?;
        }
        let rest = self.report.without_end(&self.names);
        if !rest.is_empty() {
            let gone = || Failure::new("it was gone before the command was started");
            let failure = self.unlisted.take().unwrap_or_else(gone);
            let ended = Ended::NotStarted(WhyNot::Failed);
            self.report.all_ended(&rest, failure.with_end(ended).into()).await?;
        }
        let exit = self.report.finish().await;
        match self.signal {
            // The summary may have no reader any more.
            Some(signal) => Ok(signal.exit()),
            None => exit,
        }
    }
}
