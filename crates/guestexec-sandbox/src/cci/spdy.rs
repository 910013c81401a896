//! A session over SPDY/3.1.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use guestexec_remotecommand::{
    Channel,
    spdy::{Event, Server},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    sync::Mutex as AsyncMutex,
    time::{sleep, timeout},
};

use super::process::{Input, Outputs, Plan};

/// How long the client may take to open its streams.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How many bytes of input are kept while the client opens its streams.
const MAX_EARLY: usize = 1024 * 1024;
/// The most bytes that are read at once.
const BUFFER: usize = 64 * 1024;

type Io = TokioIo<Upgraded>;

/// Both halves of a connection, and the protocol's state between them.
struct Session {
    server: Mutex<Server>,
    writer: AsyncMutex<WriteHalf<Io>>,
}

/// Runs the command and carries its streams until one side ends the session.
///
/// The client has `idle` to read the last data; a withheld status delays the end by as long.
pub(super) async fn serve(upgraded: Upgraded, plan: Plan, idle: Duration) {
    let (mut reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let session =
        Session { server: Mutex::new(Server::new(plan.streams)), writer: AsyncMutex::new(writer) };
    // An error means that the client is gone, so nobody is left to tell.
    _ = session.run(&mut reader, &plan, idle).await;
}

impl Session {
    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.writer.lock().await.write_all(bytes).await
    }

    async fn run(&self, reader: &mut ReadHalf<Io>, plan: &Plan, idle: Duration) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        // Input and a terminal size may follow the opening of their streams, before the process starts.
        let mut early = Vec::new();
        let mut ended = false;
        let mut early_size = None;
        timeout(OPEN_TIMEOUT, async {
            while !self.server().is_open() {
                let length = reader.read(&mut buffer).await?;
                if length == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let mut input = &buffer[..length];
                while let Some(event) = self.next(&mut input)? {
                    match event {
                        Event::Data(Channel::Stdin, data) if early.len() > MAX_EARLY => {
                            return Err(io::Error::other(format!(
                                "{} bytes too early",
                                data.len()
                            )));
                        }
                        Event::Data(Channel::Stdin, data) => early.extend_from_slice(data),
                        Event::Fin(Channel::Stdin) | Event::Reset(Channel::Stdin, _) => {
                            ended = true;
                        }
                        Event::Resize(size) => early_size = Some(size),
                        event => self.answer(&event).await?,
                    }
                }
            }
            Ok(())
        })
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;

        let Some(permit) = plan.processes.permit().await else { return Ok(()) };
        let end = match plan.start() {
            Err(end) => end,
            Ok(process) => {
                let (running, mut input, outputs) = process.split();
                let attachment = running.attachment();
                let receive = async {
                    if let Some(size) = early_size {
                        input.resize(size);
                    }
                    input.write(&early).await;
                    if ended {
                        input.close();
                    }
                    self.receive(reader, &mut buffer, &mut input).await
                };
                let running = async { Ok(running.wait().await) };
                let end = tokio::select! {
                    // The client is gone. Dropping `running` kills the process.
                    gone = receive => return gone,
                    end = async { tokio::try_join!(running, self.send(outputs)) } => end?.0,
                };
                if plan.withholds_status && attachment.is_stuck() {
                    drop(permit);
                    sleep(idle).await;
                    return Ok(());
                }
                end
            }
        };
        let mut out = Vec::new();
        self.server().finish(&end, &mut out);
        let last_frames = async {
            let mut writer = self.writer.lock().await;
            writer.write_all(&out).await?;
            writer.shutdown().await
        };
        let Ok(Ok(())) = timeout(idle, last_frames).await else { return Ok(()) };
        if plan.is_muted() {
            return Ok(());
        }
        // Reads until the client closes its side: closing with unread data would reset the connection and lose the
        // status.
        _ = timeout(Duration::from_secs(5), async {
            while let Ok(1..) = reader.read(&mut buffer).await {}
        })
        .await;
        Ok(())
    }

    fn next<'a>(&self, input: &mut &'a [u8]) -> io::Result<Option<Event<'a>>> {
        self.server().next(input).map_err(io::Error::other)
    }

    /// Answers events that need an answer.
    async fn answer(&self, event: &Event<'_>) -> io::Result<()> {
        let mut out = Vec::new();
        match event {
            Event::Opened(channel) => {
                self.server().accept(*channel, &mut out).map_err(io::Error::other)?;
            }
            Event::Ping(id) => self.server().pong(*id, &mut out),
            _ => return Ok(()),
        }
        self.write(&out).await
    }

    async fn receive(
        &self,
        reader: &mut ReadHalf<Io>,
        buffer: &mut [u8],
        input: &mut Input,
    ) -> io::Result<()> {
        loop {
            let length = reader.read(buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let mut bytes = &buffer[..length];
            while let Some(event) = self.next(&mut bytes)? {
                match event {
                    Event::Data(Channel::Stdin, data) => input.write(data).await,
                    Event::Fin(Channel::Stdin) | Event::Reset(Channel::Stdin, _) => input.close(),
                    Event::Resize(size) => input.resize(size),
                    Event::GoAway(_) => return Ok(()),
                    event => self.answer(&event).await?,
                }
            }
        }
    }

    async fn send(&self, mut outputs: Outputs) -> io::Result<()> {
        let mut out = Vec::new();
        while let Some((channel, data)) = outputs.recv().await {
            out.clear();
            // The write fails if the client has reset the stream, whose output it does not want then.
            if self.server().write(channel, &data, &mut out).is_ok() {
                self.write(&out).await?;
            }
        }
        Ok(())
    }
}
