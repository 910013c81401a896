//! A session over WebSocket.
//!
//! Frames are read as the servers of Kubernetes read them: each is a message of its own, also one that continues
//! another. A pong is written before anything more is read, so that a client that pings and does not read comes to
//! wait, and costs no memory.

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

/// Longest message of the client's, beyond which Kubernetes drops the connection.
const MAX_MESSAGE: u64 = 32 * 1024 * 1024;
/// Longest payload of a ping, a pong or a close frame.
const MAX_CONTROL: u64 = 125;
/// How long the client may take to close its side at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Code 1000, the only one these servers close with.
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

type Io = TokioIo<Upgraded>;
type Reader = BufReader<ReadHalf<Io>>;

/// Where frames are written, each by one write.
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
    let most = if opcode < CLOSE { MAX_MESSAGE } else { MAX_CONTROL };
    if !is_masked || length > most {
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

/// Runs the command and carries its streams until one side is through.
///
/// After `idle` without a message either way it is cut, and the command killed.
pub(super) async fn serve(upgraded: Upgraded, protocol: Subprotocol, plan: Plan, idle: Duration) {
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let (mut reader, writer) = (BufReader::new(reader), Writer(Mutex::new(writer)));
    // A client that is gone hears nothing, whatever went wrong.
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
    // A stream that was not asked for is at its end for the runtime; version 5 comes to it by SPDY, where such a
    // stream does not exist.
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
        // The client closed or broke the connection; the process is killed as `running` is dropped.
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

/// The status and the close, which a client has `idle` to take, and then the client's own close, so that the
/// connection does not end in a reset that loses the status.
async fn finish(
    writer: &Writer,
    encoder: Encoder,
    plan: &Plan,
    end: &Termination,
    idle: Duration,
    until_closed: impl Future<Output = ()>,
) -> io::Result<()> {
    let last_words = async {
        if let Some(status) = encoder.status(end) {
            writer.message(&status).await?;
        }
        writer.frame(FrameKind::Close, &NORMAL).await
    };
    let Ok(Ok(())) = timeout(idle, last_words).await else { return Ok(()) };
    if !plan.is_mute() {
        _ = timeout(CLOSE_TIMEOUT, until_closed).await;
    }
    Ok(())
}

/// When something was last sent or received.
struct Traffic(watch::Sender<()>);

impl Traffic {
    fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    fn seen(&self) {
        self.0.send_replace(());
    }

    /// Becomes ready when nothing was for so long.
    async fn idle_for(&self, limit: Duration) {
        let mut seen = self.0.subscribe();
        while timeout(limit, seen.changed()).await.is_ok() {}
    }
}

/// Outputs as messages, until there are no more.
async fn send(
    writer: &Writer,
    encoder: Encoder,
    mut outputs: Outputs,
    traffic: &Traffic,
) -> io::Result<()> {
    while let Some((channel, data)) = outputs.recv().await {
        for message in encoder.data(channel, &data) {
            writer.message(&message).await?;
            traffic.seen();
        }
    }
    Ok(())
}

/// The client's messages, until it is gone.
async fn receive(
    reader: &mut Reader,
    writer: &Writer,
    mut decoder: ServerDecoder,
    has_stdin: bool,
    input: &mut Input,
    traffic: &Traffic,
) {
    while let Ok((opcode, payload)) = read_frame(reader).await {
        traffic.seen();
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
