//! The session of a copy into a container.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::Poll,
};

use guestexec_core::ErrorKind;
use tokio::{io::AsyncWriteExt as _, sync::mpsc};

use super::{
    Copied, Options,
    pack::{self, Piece},
    remote::{self, Lines, Place, Word},
    worker::{QUEUE, Worker},
};
use crate::{Child, ChildStdin, Error};

/// The thread that packs. Its channel is dropped first, at which it ends.
struct Packer {
    pieces: mpsc::Receiver<Piece>,
    worker: Worker<Result<Copied, Error>>,
}

impl Packer {
    fn start(options: &Options<'_>) -> Result<Self, Error> {
        let (sender, pieces) = mpsc::channel(QUEUE);
        let path = options.local.clone();
        Ok(Self { pieces, worker: Worker::start(move || pack::pack(&path, sender))? })
    }

    /// Whether it has failed or handed on everything.
    fn has_ended(&self) -> bool {
        self.pieces.is_closed() && self.pieces.is_empty()
    }

    async fn result(&mut self) -> Result<Copied, Error> {
        self.worker.result().await?
    }
}

/// How the sending of an archive ended.
enum Sent {
    /// All of it, and perhaps it is known to be unpacked already.
    All(Option<Word>),
    /// The session takes no more input.
    Broken,
    /// The command has sent another word instead.
    Interrupted(Word),
}

pub(super) async fn copy(mut options: Options<'_>) -> Result<Copied, Error> {
    let place = Place::new(&options.remote)?;
    place.check_name()?;
    let id = options.id.take().map_or_else(remote::new_id, Ok)?;
    let mut packer = Packer::start(&options)?;
    let Some(Piece::Begin { sizes, is_file }) = packer.pieces.recv().await else {
        return packer.result().await;
    };
    let command = remote::unpack(&options, &place, &id, sizes, is_file);
    let mut child = command.spawn().await?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::new(ErrorKind::Protocol, "the session has no streams"));
    };
    // Everything comes on standard output.
    drop(child.stderr.take());
    let mut lines = Lines::new(stdout, &id);
    let word = lines.word().await;
    if word != Word::Ready {
        return Err(failure(word, lines, child, &place).await);
    }
    let mut sent = send(&mut options, &mut packer, &mut stdin, &mut lines).await;
    if !is_file
        && let Sent::All(word) = sent
        && !packer.has_ended()
    {
        // More would be lost to a `head` that reads more than it passes on, as that of busybox does.
        sent = match next(word, &mut lines).await {
            Word::Unpacked => send(&mut options, &mut packer, &mut stdin, &mut lines).await,
            word => Sent::Interrupted(word),
        };
    }
    let word = match sent {
        Sent::All(word) => match packer.result().await {
            Ok(copied) => {
                let word = next(word, &mut lines).await;
                return confirm(copied, word, stdin, lines, child, &place).await;
            }
            Err(error) => {
                drop((stdin, child));
                // The error of the copy is the one to report.
                let _ = remote::remove(&options.pod, options.transport, &place, &id).await;
                return Err(error.with_may_have_run(true));
            }
        },
        Sent::Broken => lines.word().await,
        Sent::Interrupted(word) => word,
    };
    Err(failure(word, lines, child, &place).await)
}

async fn failure(word: Word, lines: Lines, child: Child, place: &Place) -> Error {
    let complaints = lines.complaints.text();
    // Unread output would stop the session.
    drop(lines);
    remote::failure(word, &complaints, child, place).await
}

/// Sends the archive, while the command may say that it failed.
async fn send(
    options: &mut Options<'_>,
    packer: &mut Packer,
    stdin: &mut ChildStdin,
    lines: &mut Lines,
) -> Sent {
    let progress = &mut options.progress;
    let mut sending = pin!(async {
        while let Some(piece) = packer.pieces.recv().await {
            match piece {
                Piece::Data(bytes) => stdin.write_all(&bytes).await?,
                Piece::Progress(at) => progress(&at),
                Piece::Begin { .. } => {}
                Piece::Second => break,
            }
        }
        stdin.flush().await
    });
    let mut unpacked = None;
    poll_fn(|cx| {
        if let Poll::Ready(result) = sending.as_mut().poll(cx) {
            let result: io::Result<()> = result;
            return Poll::Ready(if result.is_ok() { Sent::All(unpacked) } else { Sent::Broken });
        }
        while unpacked.is_none() {
            match lines.poll_word(cx) {
                // The last bytes may be unpacked before it is known here that they were sent.
                Poll::Ready(word @ Word::Unpacked) => unpacked = Some(word),
                Poll::Ready(word) => return Poll::Ready(Sent::Interrupted(word)),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    })
    .await
}

/// The word that was received already, or the command's next one.
async fn next(word: Option<Word>, lines: &mut Lines) -> Word {
    match word {
        Some(word) => word,
        None => lines.word().await,
    }
}

/// Lets the copy take its place. Until now a lost connection leaves nothing.
async fn confirm(
    copied: Copied,
    mut word: Word,
    mut stdin: ChildStdin,
    mut lines: Lines,
    child: Child,
    place: &Place,
) -> Result<Copied, Error> {
    if word == Word::Unpacked {
        // A session that takes no more input says why at its end.
        let _ = stdin.write_all(b"commit\n").await;
        let _ = stdin.flush().await;
        word = lines.word().await;
    }
    if word != Word::Done {
        return Err(failure(word, lines, child, place).await);
    }
    // The copy is complete, however the session ends.
    Ok(copied)
}
