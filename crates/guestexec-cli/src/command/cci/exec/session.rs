//! One command in one pod, from its start to its end or to that of the patience with it.

use std::{convert::Infallible, fmt, future::pending, pin::pin, time::Duration};

use guestexec::{
    ExitStatus,
    cci::{self, Child, Exec, ExecTransport, Input, Pod, StartFailure, TerminalSize},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{Killable, many::Said};
use crate::{
    ending::{Ended, Exit},
    failure::Failure,
    report::{Outcome, Report, Stream},
    signals::{Signal, Signals},
    stdin::{Gate, Stdin},
};

/// How many bytes of an output are read at once.
const CHUNK: usize = 64 * 1024;
/// How many bytes of an output wait for who reads it. Then the command waits.
const BUFFER: usize = 1024 * 1024;

/// A command, and how it runs.
#[derive(Clone, Debug)]
pub(super) struct Job<'a> {
    pub(super) pod: Pod<'a>,
    pub(super) argv: &'a [String],
    pub(super) transport: ExecTransport,
    pub(super) killable: Killable,
    /// Standard input goes to the command.
    pub(super) stdin: bool,
    /// A terminal on which nobody types.
    pub(super) tty: Option<TerminalSize>,
    pub(super) timeout: Option<Duration>,
}

/// What became of a command.
#[derive(Debug)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    /// The exit code of this program, where the outcome does not say it.
    pub(super) exit: Option<Exit>,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, exit: None }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Outcome::from(failure).into()
    }
}

/// Why a command is to end before its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A signal came.
    Signal(Signal),
    /// The output of many commands cannot be written any more.
    Unwritable,
}

impl Reason {
    /// How this program ends then.
    fn exit(self) -> Option<Exit> {
        match self {
            Self::Signal(signal) => Some(signal.exit()),
            Self::Unwritable => None,
        }
    }
}

/// The begin of a sentence about it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "interrupted by {}", signal.as_str()),
            Self::Unwritable => f.write_str("the output cannot be written any more"),
        }
    }
}

/// How often the end was asked for, and why first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    why: Option<Reason>,
    times: usize,
}

impl Asked {
    /// Why the end was asked for, if it was.
    pub(super) fn why(self) -> Option<Reason> {
        self.why
    }
}

/// Makes the sender and the receiver of wishes for the end.
pub(super) fn asked() -> (watch::Sender<Asked>, watch::Receiver<Asked>) {
    watch::channel(Asked::default())
}

/// Asks for the end once more.
pub(super) fn ask(to: &watch::Sender<Asked>, reason: Reason) {
    to.send_modify(|asked| {
        asked.why.get_or_insert(reason);
        asked.times += 1;
    });
}

/// Passes signals on, for ever.
pub(super) async fn listen(mut signals: Signals, to: watch::Sender<Asked>) -> Infallible {
    loop {
        ask(&to, Reason::Signal(signals.next().await));
    }
}

/// Waits until the end was asked for so many times.
pub(super) async fn asked_for(asked: &mut watch::Receiver<Asked>, times: usize) -> Reason {
    match asked.wait_for(|asked| asked.times >= times).await.map(|asked| asked.why) {
        Ok(Some(reason)) => reason,
        _ => pending().await,
    }
}

/// Waits until a deadline, if there is one.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// Where output goes.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// To the report, as that of its only target.
    Report(&'a mut Report, &'a str),
    /// To the report of many targets, with the pod's name.
    Channel(mpsc::Sender<Said>, String),
}

impl Sink<'_> {
    async fn output(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Report(report, target) => report.output(target, stream, bytes).await,
            Self::Channel(to, pod) => {
                // Whoever does not read it any more has said why.
                let _ = to.send(Said::Output(pod.clone(), stream, bytes.to_vec())).await;
                Ok(())
            }
        }
    }

    /// Writes both outputs as they come, and says how much that was.
    ///
    /// # Errors
    /// If it cannot be written. A failure of the connection is that of the command's end, too.
    pub(super) async fn copy(
        &mut self,
        mut stdout: Option<impl AsyncRead + Unpin>,
        mut stderr: Option<impl AsyncRead + Unpin>,
    ) -> Result<Copied, Failure> {
        let (mut out, mut err) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut copied = Copied::default();
        while stdout.is_some() || stderr.is_some() {
            let (stream, count) = tokio::select! {
                count = read(&mut stdout, &mut out) => (Stream::Stdout, count),
                count = read(&mut stderr, &mut err) => (Stream::Stderr, count),
            };
            copied.is_cut |= count.is_err();
            let (open, buffer): (&mut dyn Closing, _) = match stream {
                Stream::Stdout => (&mut stdout, &out),
                Stream::Stderr => (&mut stderr, &err),
            };
            match count {
                Ok(0) | Err(_) => open.close(),
                Ok(count) => {
                    copied.has_any = true;
                    self.output(stream, &buffer[..count]).await?;
                }
            }
        }
        Ok(copied)
    }
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copied {
    has_any: bool,
    /// Some of it did not come.
    is_cut: bool,
}

/// A stream that can be given up.
trait Closing {
    fn close(&mut self);
}

impl<T> Closing for Option<T> {
    fn close(&mut self) {
        *self = None;
    }
}

/// Reads from a stream that may have ended. Then it waits for the other one.
async fn read(
    stream: &mut Option<impl AsyncRead + Unpin>,
    buffer: &mut [u8],
) -> std::io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => pending().await,
    }
}

/// Why a command is not waited for any longer.
#[derive(Debug)]
pub(super) enum Stop {
    /// Its output cannot be written.
    Unwritable(Failure),
    /// Somebody asked for it.
    Asked(Reason),
    /// Its time ran out.
    TimedOut(Duration),
    /// A key ended the session: this is the begin of a sentence about it.
    Left(&'static str),
}

/// Whether a command can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `sh` of the container starts it.
    Killable,
    /// It cannot, for this reason.
    Plain(&'static str),
}

/// What is left of a command that was not waited for.
#[derive(Debug)]
enum Left {
    /// Nothing: it was killed.
    Nothing(Ended),
    /// Whatever the service leaves, for this reason.
    Unknown(String),
}

impl<'a> Job<'a> {
    /// Prepares the command.
    pub(super) fn exec(&self, way: Way) -> Exec<'a> {
        let exec = self.pod.exec(self.argv).transport(self.transport).buffer(BUFFER);
        if way == Way::Killable { exec.killable() } else { exec }
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// If its output cannot be written here.
    pub(super) async fn run(
        self,
        sink: &mut Sink<'_>,
        asked: &mut watch::Receiver<Asked>,
    ) -> Result<End, Failure> {
        let deadline = self.deadline();
        let mut way = match self.killable {
            Killable::Never => Way::Plain("--killable never"),
            _ => Way::Killable,
        };
        loop {
            let mut exec = self.exec(way);
            if let Some(size) = self.tty {
                exec = exec.tty(size);
            }
            let mut gate = None;
            if self.stdin {
                let (closed, gated) = Gate::before(Stdin::open()?);
                exec = exec.stdin(Input::reader(gated));
                gate = Some(closed);
            }
            let mut child = match self.start(exec, deadline, asked).await {
                Ok(child) => child,
                Err(end) => return Ok(end),
            };
            let outputs = (child.stdout.take(), child.stderr.take());
            let copied = {
                let mut copied = pin!(sink.copy(outputs.0, outputs.1));
                let mut has_begun = false;
                loop {
                    tokio::select! {
                        copied = &mut copied => break copied.map_err(Stop::Unwritable),
                        // What a shell that cannot be started had read would be missing in the next attempt.
                        _ = child.process_id(), if !has_begun => {
                            has_begun = true;
                            gate.iter().for_each(Gate::open);
                        }
                        reason = asked_for(asked, 1) => break Err(Stop::Asked(reason)),
                        () = until(deadline) => {
                            break Err(Stop::TimedOut(self.timeout.unwrap_or_default()));
                        }
                    }
                }
            };
            let copied = match copied {
                Ok(copied) => copied,
                Err(stop) => return self.give_up(stop, child, way, asked).await,
            };
            let error = match child.wait().await {
                Ok(status) => return Ok(copied.outcome(status).into()),
                Err(error) => error,
            };
            let is_untouched = !gate.is_some_and(|gate| gate.was_used());
            if !(lacks_sh(&error, way, copied) && is_untouched && self.killable == Killable::Auto) {
                return Ok(ended_by(error, way, copied).into());
            }
            // Nothing was started.
            way = Way::Plain("its container has no `sh`, by which it could be killed");
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// Starts the command, or says how it ended before.
    pub(super) async fn start(
        &self,
        exec: Exec<'_>,
        deadline: Option<Instant>,
        asked: &mut watch::Receiver<Asked>,
    ) -> Result<Child, End> {
        let unanswered = |why: String| {
            Failure::new(format!(
                "{why} before the service had answered: the command may run in the pod `{}`",
                self.pod.name()
            ))
            .advise(LOOK)
        };
        tokio::select! {
            started = exec.spawn() => started.map_err(|error| Failure::from(error).into()),
            reason = asked_for(asked, 1) => {
                let failure = unanswered(reason.to_string()).with_end(Ended::Unknown);
                Err(End { outcome: failure.into(), exit: reason.exit() })
            }
            () = until(deadline) => {
                let failure = unanswered(after(self.timeout.unwrap_or_default()));
                Err(failure.with_end(Ended::TimedOut).into())
            }
        }
    }

    /// Ends a command that is not waited for.
    ///
    /// # Errors
    /// If nobody reads its output any more, and the command is gone.
    pub(super) async fn give_up(
        &self,
        stop: Stop,
        child: Child,
        way: Way,
        asked: &mut watch::Receiver<Asked>,
    ) -> Result<End, Failure> {
        let why = match &stop {
            Stop::Asked(reason) => reason.to_string(),
            Stop::TimedOut(time) => after(*time),
            Stop::Unwritable(failure) => failure.what().to_owned(),
            Stop::Left(why) => (*why).to_owned(),
        };
        let pod = self.pod.name();
        let (failure, ended) = match kill(child, way, asked).await {
            Left::Nothing(ended) => {
                let what = format!("{why}: the command in the pod `{pod}` was killed");
                (Failure::new(what), ended)
            }
            Left::Unknown(reason) => {
                let what = format!("{why}: the command may go on in the pod `{pod}` ({reason})");
                (Failure::new(what).advise(LOOK), Ended::Unknown)
            }
        };
        let (ended, exit) = match stop {
            Stop::Asked(reason) => (ended, reason.exit()),
            Stop::TimedOut(_) => (Ended::TimedOut, None),
            // What reads the output has what it wanted, and a command that is gone needs no word.
            Stop::Unwritable(closed) if closed.is_closed_pipe() && ended != Ended::Unknown => {
                return Err(closed);
            }
            Stop::Unwritable(closed) if closed.is_closed_pipe() => {
                (Ended::Unknown, Some(Exit::CLOSED_PIPE))
            }
            Stop::Unwritable(_) | Stop::Left(_) => (Ended::Unknown, None),
        };
        Ok(End { outcome: failure.with_end(ended).into(), exit })
    }
}

impl Copied {
    /// What became of a command whose output this was.
    pub(super) fn outcome(self, status: ExitStatus) -> Outcome {
        let failure = self.is_cut.then(|| {
            Failure::new("the end of the command's output did not come")
                .advise("The connection broke, or something went on writing after the command.")
        });
        Outcome { failure, ..Ended::from(status).into() }
    }
}

/// Whether a command was not started because the container has no `sh` that can be run. A shell that does not find the
/// command says so.
fn lacks_sh(error: &cci::Error, way: Way, copied: Copied) -> bool {
    way == Way::Killable && !copied.has_any && StartFailure::of(error).is_some()
}

/// The failure of a command that was waited for.
pub(super) fn ended_by(error: cci::Error, way: Way, copied: Copied) -> Failure {
    if lacks_sh(&error, way, copied) {
        return Failure::new("the container has no `sh`, which `--killable always` needs")
            .advise("Leave it out. Then only the connection can be ended, and not the command.");
    }
    error.into()
}

/// Kills a command, or at least ends the connection. The next signal does not wait for it.
async fn kill(mut child: Child, way: Way, asked: &mut watch::Receiver<Asked>) -> Left {
    if let Way::Plain(reason) = way {
        return Left::Unknown(reason.to_owned());
    }
    let times = asked.borrow().times + 1;
    tokio::select! {
        killed = child.kill() => match killed {
            // The process has ended, however the session did.
            Ok(()) => Left::Nothing(child.wait().await.map_or(Ended::Signaled(None), Ended::from)),
            Err(error) => Left::Unknown(error.summary()),
        },
        _ = asked_for(asked, times) => {
            Left::Unknown("nobody waited until it was killed".to_owned())
        }
    }
}

/// What to do about a command that may go on.
pub(super) const LOOK: &str = "Look for it there, by `ps` if the container has that.";

fn after(time: Duration) -> String {
    format!("the command's time of {} ran out", crate::time::Time(time))
}
