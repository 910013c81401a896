//! A command at this terminal, as ssh has it: every key goes to the command, but for those after the escape character.

use std::{io, pin::pin};

use guestexec::cci::ChildStdin;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, stderr},
    sync::watch,
};

use super::{
    Arguments, Killable,
    session::{Asked, End, Job, Reason, Sink, Stop, Way, asked_for, ended_by, until},
};
use crate::{
    failure::Failure,
    signals::Signal,
    stdin::Stdin,
    terminal::{
        self, Change, Changes, Raw,
        escape::{Escapes, Typed},
    },
};

/// The most keys that wait for a command that does not read them, in bytes. Escapes are then not seen any more.
const WAITING: usize = 1024 * 1024;
/// The end of a session whose terminal is gone: its signal may come later.
const HUNG_UP: Stop = Stop::Asked(Reason::Signal(Signal::Hangup));

/// Runs the command to its end, or to that of the session.
pub(super) async fn run(
    job: Job<'_>,
    arguments: &Arguments,
    sink: &mut Sink<'_>,
    asked: &mut watch::Receiver<Asked>,
) -> Result<End, Failure> {
    let deadline = job.deadline();
    let way = match job.killable {
        Killable::Always => Way::Killable,
        _ => Way::Plain("only the connection was ended"),
    };
    let mut changes = Changes::listen()?;
    let exec = job.exec(way).tty(terminal::size());
    let mut child = match job.start(exec, deadline, asked).await {
        Ok(child) => child,
        Err(end) => return Ok(end),
    };
    let output = child.stdout.take();
    let keys = child.stdin.take();
    let escapes = Escapes::new(arguments.escape_char, arguments.detach_keys.clone());

    // Until here, Ctrl-C interrupts this program.
    let raw = Raw::enter()?;
    let ended = {
        let mut copied = pin!(sink.copy(output, None::<tokio::io::Empty>));
        let mut typed = pin!(type_keys(keys, escapes, &raw));
        loop {
            tokio::select! {
                copied = &mut copied => break copied.map_err(|failure| {
                    if terminal::is_gone() { HUNG_UP } else { Stop::Unwritable(failure) }
                }),
                stop = &mut typed => break Err(stop.or_else(gone)?),
                change = changes.next() => {
                    // A terminal that is gone continues the program, too.
                    if change == Change::All && let Err(error) = raw.again() {
                        break Err(gone(error)?);
                    }
                    let size = terminal::size();
                    // If the session has ended, the end of its output says how.
                    let _ = child.resize(size.width, size.height).await;
                }
                reason = asked_for(asked, 1) => break Err(Stop::Asked(reason)),
                () = until(deadline) => {
                    break Err(Stop::TimedOut(job.timeout.unwrap_or_default()));
                }
            }
        }
    };
    let ended = match ended {
        Ok(copied) => Ok(match child.wait().await {
            Ok(status) => Ok(copied.outcome(status)),
            Err(error) => Err(ended_by(error, way, copied)),
        }),
        Err(stop) => Err(stop),
    };
    if !matches!(ended, Ok(Ok(_))) {
        // The words that follow begin a line.
        let _ = stderr().write_all(b"\r\n").await;
    }
    drop(raw);
    match ended {
        Ok(Ok(outcome)) => Ok(outcome.into()),
        Ok(Err(failure)) => Ok(failure.into()),
        Err(stop) => job.give_up(stop, child, way, asked).await,
    }
}

/// What a failure at the terminal means.
///
/// # Errors
/// The failure, if the terminal is still there.
fn gone(error: io::Error) -> io::Result<Stop> {
    if terminal::is_gone() { Ok(HUNG_UP) } else { Err(error) }
}

/// Sends what is typed, until a key ends the session or the terminal is gone.
async fn type_keys(keys: Option<ChildStdin>, mut escapes: Escapes, raw: &Raw) -> io::Result<Stop> {
    let (mut stdin, mut keys) = (Stdin::open()?, keys);
    let mut read = vec![0; 4096];
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        let sent = async {
            match &mut keys {
                Some(keys) if !waiting.is_empty() => keys.write(&waiting).await,
                _ => std::future::pending().await,
            }
        };
        let count = tokio::select! {
            sent = sent => {
                match sent {
                    Ok(count) => drop(waiting.drain(..count)),
                    // The session has ended, and the end of its output says how.
                    Err(_) => keys = None,
                }
                continue;
            }
            count = stdin.read(&mut read), if waiting.len() < WAITING => count,
        };
        let count = match count {
            // What a terminal gives that has closed.
            Ok(0) | Err(_) => return Ok(HUNG_UP),
            Ok(count) => count,
        };
        for typed in escapes.read(&read[..count]) {
            match typed {
                Typed::Keys(more) if keys.is_some() => waiting.extend(more),
                Typed::Keys(_) => {}
                Typed::End => return Ok(Stop::Left("the session was ended from here")),
                Typed::Detach => return Ok(Stop::Left("the session was left")),
                Typed::Suspend => raw.suspend()?,
                Typed::Help => stderr().write_all(escapes.help().as_bytes()).await?,
            }
        }
    }
}
