//! A session over WebSocket.
//!
//! Frames are read as Kubernetes servers read them: each is a message, also one that continues another. A pong is written
//! before the next read, so that a client that pings without reading is blocked and costs no memory.

use std::{io, pin::pin, time::Duration};

use guestexec_remotecommand::{
    Channel, Subprotocol, Termination,
    websocket::{
        Encoder, FrameKind, MAX_HEADER, Message, ServerDecoder, ServerEvent, encode_frame, mask,
    },
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf},
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

use super::process::{Input, Outputs, Plan};

/// Longest message of a client in bytes; Kubernetes closes the connection at a longer one.
const MAX_MESSAGE: u64 = 32 * 1024 * 1024;
/// Longest payload of a ping, pong or close frame in bytes.
const MAX_CONTROL: u64 = 125;
/// How long the client may take to close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Code 1000, the only one with which these servers close.
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

type Io = TokioIo<Upgraded>;
type Reader = BufReader<ReadHalf<Io>>;

/// Writes each frame by one write.
struct Writer(Mutex<WriteHalf<Io>>);

impl Writer {
    async fn frame(&self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(MAX_HEADER + payload.len());
        encode_frame(kind, payload, None, &mut bytes);
        self.0.lock().await.write_all(&bytes).await
    }

    async fn message(&self, message: &Message) -> io::Result<()> {
        match message {
            Message::Binary(bytes) => self.frame(FrameKind::Binary, bytes).await,
            Message::Text(text) => self.frame(FrameKind::Text, text.as_bytes()).await,
        }
    }
}

/// Reads one frame: its opcode and its payload.
async fn read_frame(reader: &mut Reader) -> io::Result<(u8, Vec<u8>)> {
    let [first, second] = [reader.read_u8().await?, reader.read_u8().await?];
    let opcode = first & 15;
    let length = match second & 127 {
        126 => u64::from(reader.read_u16().await?),
        127 => reader.read_u64().await?,
        length => u64::from(length),
    };
    let is_masked = second & 128 != 0;
    let max_length = if opcode < CLOSE { MAX_MESSAGE } else { MAX_CONTROL };
    if !is_masked || length > max_length {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut key = [0; 4];
    reader.read_exact(&mut key).await?;
    let mut payload = Vec::new();
    if reader.take(length).read_to_end(&mut payload).await? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    mask(&mut payload, key, 0);
    Ok((opcode, payload))
}

/// Runs the command and carries its streams until one side ends the session.
///
/// After `idle` without a message either way, the connection closes and the command is killed.
pub(super) async fn serve(upgraded: Upgraded, protocol: Subprotocol, plan: Plan, idle: Duration) {
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let (mut reader, writer) = (BufReader::new(reader), Writer(Mutex::new(writer)));
    // An error means that the client is gone, so nobody is left to tell.
    _ = session(&mut reader, &writer, protocol, &plan, idle).await;
}

async fn session(
    reader: &mut Reader,
    writer: &Writer,
    protocol: Subprotocol,
    plan: &Plan,
    idle: Duration,
) -> io::Result<()> {
    let encoder = Encoder::new(protocol);
    writer.message(&encoder.ready(plan.streams)).await?;
    let Some(permit) = plan.processes.permit().await else { return Ok(()) };
    let process = match plan.start() {
        Ok(process) => process,
        Err(end) => {
            let until_closed = async {
                while read_frame(reader).await.is_ok_and(|(opcode, _)| opcode != CLOSE) {}
            };
            return finish(writer, encoder, plan, &end, idle, until_closed).await;
        }
    };
    let (running, mut input, outputs) = process.split();
    // The runtime sees standard input that was not requested as closed. Not with version 5, which reaches it by SPDY,
    // where such a stream does not exist.
    if !plan.streams.stdin && protocol != Subprotocol::V5 {
        input.close();
    }
    let attachment = running.attachment();
    let decoder = ServerDecoder::new(protocol, plan.streams);
    let running = async { Ok(running.wait().await) };
    let traffic = Traffic::new();
    let mut receive =
        pin!(receive(reader, writer, decoder, plan.streams.stdin, &mut input, &traffic));
    let end = tokio::select! {
        // The client closed or broke the connection. Dropping `running` kills the process.
        () = &mut receive => {
            _ = timeout(CLOSE_TIMEOUT, writer.frame(FrameKind::Close, &NORMAL)).await;
            return Ok(());
        }
        () = traffic.idle_for(idle) => return Ok(()),
        end = async { tokio::try_join!(running, send(writer, encoder, outputs, &traffic)) } => end?.0,
    };
    if plan.withholds_status && attachment.is_stuck() {
        drop(permit);
        sleep(idle).await;
        return Ok(());
    }
    finish(writer, encoder, plan, &end, idle, receive).await
}

/// Writes the status and the close frame, within `idle`, and waits for the client's close: closing before would reset the
/// connection and lose the status.
async fn finish(
    writer: &Writer,
    encoder: Encoder,
    plan: &Plan,
    end: &Termination,
    idle: Duration,
    until_closed: impl Future<Output = ()>,
) -> io::Result<()> {
    let last_frames = async {
        if let Some(status) = encoder.status(end) {
            writer.message(&status).await?;
        }
        writer.frame(FrameKind::Close, &NORMAL).await
    };
    let Ok(Ok(())) = timeout(idle, last_frames).await else { return Ok(()) };
    if !plan.is_muted() {
        _ = timeout(CLOSE_TIMEOUT, until_closed).await;
    }
    Ok(())
}

/// Tells when messages are sent or received.
struct Traffic(watch::Sender<()>);

impl Traffic {
    fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    fn record(&self) {
        self.0.send_replace(());
    }

    /// Completes after so long without a message.
    async fn idle_for(&self, limit: Duration) {
        let mut seen = self.0.subscribe();
        while timeout(limit, seen.changed()).await.is_ok() {}
    }
}

/// Sends output until its end.
async fn send(
    writer: &Writer,
    encoder: Encoder,
    mut outputs: Outputs,
    traffic: &Traffic,
) -> io::Result<()> {
    while let Some((channel, data)) = outputs.recv().await {
        for message in encoder.data(channel, &data) {
            writer.message(&message).await?;
            traffic.record();
        }
    }
    Ok(())
}

/// Handles the client's messages until it closes the connection.
async fn receive(
    reader: &mut Reader,
    writer: &Writer,
    mut decoder: ServerDecoder,
    has_stdin: bool,
    input: &mut Input,
    traffic: &Traffic,
) {
    while let Ok((opcode, payload)) = read_frame(reader).await {
        traffic.record();
        match opcode {
            CLOSE => return,
            PING => {
                if writer.frame(FrameKind::Pong, &payload).await.is_err() {
                    return;
                }
                continue;
            }
            PONG => continue,
            _ => {}
        }
        match decoder.decode(&payload) {
            Ok(ServerEvent::Stdin(data)) => input.write(data).await,
            Ok(ServerEvent::Closed(Channel::Stdin)) if has_stdin => input.close(),
            Ok(ServerEvent::Resize(size)) => input.resize(size),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
