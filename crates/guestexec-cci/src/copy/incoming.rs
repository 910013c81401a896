//! The session of a copy out of a container.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use guestexec_core::ErrorKind;
use tokio::{
    io::AsyncBufReadExt as _,
    sync::{mpsc, oneshot},
};

use super::{
    Copied, CopyProgress, Limits, OnProgress, Options,
    remote::{self, Complaints, Lines, Place, Word},
    stage::{Stage, Target},
    unpack::{Pieces, Unpacker},
    worker::{PIECE, QUEUE, Worker},
};
use crate::{ChildStderr, ChildStdout, Error};

/// The thread that unpacks. Its channels are dropped first, at which it removes what it has made and ends.
struct Receiver {
    pieces: Option<mpsc::Sender<Vec<u8>>>,
    progress: mpsc::Receiver<CopyProgress>,
    unpacked: oneshot::Receiver<()>,
    place: oneshot::Sender<()>,
    worker: Worker<Result<Copied, Error>>,
}

impl Receiver {
    fn start(target: Target, id: &str, is_file: bool, limits: Limits) -> Result<Self, Error> {
        let (pieces, archive) = mpsc::channel(QUEUE);
        let (sender, progress) = mpsc::channel(QUEUE);
        let (is_unpacked, unpacked) = oneshot::channel();
        let (place, may_place) = oneshot::channel();
        let stage = Stage::new(target, id);
        let copied = Copied::default();
        let unpacker = Unpacker { stage, is_file, limits, progress: sender, copied };
        let worker = Worker::start(move || {
            let (stage, copied) = unpacker.unpack(Pieces::new(archive))?;
            let _ = is_unpacked.send(());
            if may_place.blocking_recv().is_err() {
                return Err(Error::new(ErrorKind::Output, "the copy was dropped"));
            }
            stage.place()?;
            Ok(copied)
        })?;
        Ok(Self { pieces: Some(pieces), progress, unpacked, place, worker })
    }
}

/// Standard error, read at the same time as everything else, because unread output stops a session.
struct Stderr {
    stderr: ChildStderr,
    is_over: bool,
    complaints: Complaints,
}

impl Stderr {
    async fn read_during<T>(&mut self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        poll_fn(|cx| {
            if !self.is_over && self.complaints.poll_read(cx, &mut self.stderr).is_ready() {
                self.is_over = true;
            }
            main.as_mut().poll(cx)
        })
        .await
    }
}

pub(super) async fn copy(mut options: Options<'_>, limits: Limits) -> Result<Copied, Error> {
    let place = Place::new(&options.remote)?;
    let target = Target::new(&options.local, options.overwrite)?;
    let id = remote::new_id()?;
    let mut child = remote::pack(&options, &place, &id).spawn().await?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Error::new(ErrorKind::Protocol, "the session has no streams"));
    };
    let mut stderr = Stderr { stderr, is_over: false, complaints: Complaints::default() };
    let mut lines = Lines::new(stdout, &id);
    let is_file = match stderr.read_during(lines.word()).await {
        Word::Tree => false,
        Word::File => true,
        word => {
            let complaints = match lines.complaints.text() {
                text if text.is_empty() => stderr.complaints.text(),
                text => text,
            };
            drop((lines, stderr));
            return Err(remote::failure(word, &complaints, child, &place).await);
        }
    };
    let mut receiver = Receiver::start(target, &id, is_file, limits)?;
    let mut output = lines.into_output();
    let receiving = receive(&mut receiver, &mut output, &mut options.progress);
    let was_read = stderr.read_during(receiving).await;
    let is_unpacked = (&mut receiver.unpacked).await.is_ok();
    if !was_read {
        // The thread has refused something, and the rest is of no interest.
        return receiver.worker.result().await?;
    }
    let ended = stderr.read_during(child.wait()).await;
    if !ended.as_ref().is_ok_and(|status| status.success()) {
        return Err(remote::ended(&stderr.complaints.text(), ended));
    }
    if is_unpacked {
        let _ = receiver.place.send(());
    }
    receiver.worker.result().await?
}

/// Hands the archive to the thread. False if the thread takes no more of it.
async fn receive(
    receiver: &mut Receiver,
    output: &mut ChildStdout,
    progress: &mut OnProgress<'_>,
) -> bool {
    let Receiver { pieces, progress: told, .. } = receiver;
    let mut reading = pin!(async {
        let Some(sender) = pieces.take() else { return false };
        // A session that broke says why at its end.
        while let Ok(bytes) = output.fill_buf().await {
            if bytes.is_empty() {
                break;
            }
            let piece = bytes[..bytes.len().min(PIECE)].to_vec();
            let length = piece.len();
            if sender.send(piece).await.is_err() {
                return false;
            }
            output.consume(length);
        }
        true
    });
    let mut was_read = None;
    poll_fn(|cx| {
        if was_read.is_none()
            && let Poll::Ready(read) = reading.as_mut().poll(cx)
        {
            was_read = Some(read);
        }
        loop {
            match told.poll_recv(cx) {
                Poll::Ready(Some(at)) => progress(&at),
                // The thread has unpacked all, or has stopped.
                Poll::Ready(None) => return Poll::Ready(was_read.unwrap_or(false)),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
