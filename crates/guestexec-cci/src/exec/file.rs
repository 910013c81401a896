//! Files as input, without a thread that waits where a FIFO or a terminal has nothing to read.

use std::{
    io,
    os::fd::AsFd as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    fs::File,
    io::{AsyncRead, ReadBuf},
    net::unix::pipe::Receiver,
};

/// Reads a file once the operating system says that a read does not block.
///
/// Tokio reads files on threads, and a thread that waits for a FIFO cannot be stopped: it would
/// outlive the session and hold up the end of the runtime. Making the file non-blocking would make it
/// so for other processes that share it, as they share a terminal.
pub(super) struct FileReader {
    file: File,
    readiness: Readiness,
}

enum Readiness {
    Unknown,
    Awaited(Receiver),
    Readable,
    /// The file can always be read, as regular files can.
    Always,
}

impl FileReader {
    pub(super) fn new(file: File) -> Self {
        Self { file, readiness: Readiness::Unknown }
    }

    /// Registers the file again before each read, since the runtime reports readiness only when it
    /// changes or is registered.
    fn register(&self) -> io::Result<Readiness> {
        let fd = self.file.as_fd().try_clone_to_owned()?;
        let file = std::fs::File::from(fd);
        if file.metadata()?.is_file() {
            return Ok(Readiness::Always);
        }
        // Nothing is read by the receiver, so it may stand for any file that the runtime can wait for.
        let registered = Receiver::from_file_unchecked(file);
        Ok(registered.map_or(Readiness::Always, Readiness::Awaited))
    }
}

impl AsyncRead for FileReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Readiness::Unknown = self.readiness {
            self.readiness = self.register()?;
        }
        if let Readiness::Awaited(fd) = &self.readiness {
            ready!(fd.poll_read_ready(cx))?;
            self.readiness = Readiness::Readable;
        }
        ready!(Pin::new(&mut self.file).poll_read(cx, buffer))?;
        if let Readiness::Readable = self.readiness {
            self.readiness = Readiness::Unknown;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        io::{PipeReader, Write as _},
        os::fd::OwnedFd,
    };

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::Input;

    fn file(pipe: PipeReader) -> std::fs::File {
        std::fs::File::from(OwnedFd::from(pipe))
    }

    #[tokio::test]
    async fn a_fifo_without_data_holds_no_thread() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut messages = Input::from(file(reader)).messages(0);
        writer.write_all(b"first").unwrap();
        let first = poll_fn(|cx| messages.poll_next(cx)).await.unwrap();
        assert_eq!(first.as_deref(), Some(&b"first"[..]));
        assert!(poll_fn(|cx| Poll::Ready(messages.poll_next(cx))).await.is_pending());
        // A thread that reads would keep the reading end open.
        drop(messages);
        let error = writer.write_all(b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn all_bytes_arrive_in_order() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let (reader, mut writer) = io::pipe().unwrap();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || {
            for part in sent.chunks(70_001) {
                writer.write_all(part).unwrap();
            }
        });
        let mut received = Vec::new();
        let mut fifo = FileReader::new(File::from_std(file(reader)));
        fifo.read_to_end(&mut received).await.unwrap();
        writing.join().unwrap();
        assert!(received == bytes);

        let path = std::env::temp_dir().join(format!("guestexec-input-{}", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        received.clear();
        let mut regular = FileReader::new(File::open(&path).await.unwrap());
        regular.read_to_end(&mut received).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(received == bytes);

        received.clear();
        let mut null = FileReader::new(File::open("/dev/null").await.unwrap());
        null.read_to_end(&mut received).await.unwrap();
        assert!(received.is_empty());
    }
}
