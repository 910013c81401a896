//! A session over WebSocket.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use guestexec_remotecommand::{
    Channel, Subprotocol,
    websocket::{Encoder, Message as Payload, ServerDecoder, ServerEvent},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{sync::watch, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::process::{Input, Outputs, Plan};

/// Longest message of the client's, beyond which Kubernetes drops the connection.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;
/// How long the client may take to close its side at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Sink = futures_util::stream::SplitSink<Socket, Message>;
type Stream = futures_util::stream::SplitStream<Socket>;

fn message(payload: Payload) -> Message {
    match payload {
        Payload::Binary(bytes) => Message::Binary(bytes.into()),
        Payload::Text(text) => Message::Text(text.into()),
    }
}

/// Runs the command and carries its streams until one side is through.
///
/// After `idle` without a message either way it is cut, and the command killed.
pub(super) async fn serve(upgraded: Upgraded, protocol: Subprotocol, plan: Plan, idle: Duration) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (mut sink, mut stream) = socket.split();
    // A client that is gone hears nothing, whatever went wrong.
    _ = session(&mut sink, &mut stream, protocol, &plan, idle).await;
}

async fn session(
    sink: &mut Sink,
    stream: &mut Stream,
    protocol: Subprotocol,
    plan: &Plan,
    idle: Duration,
) -> Result<(), Error> {
    let encoder = Encoder::new(protocol);
    sink.send(message(encoder.ready(plan.streams))).await?;
    let Some(_permit) = plan.processes.permit().await else { return Ok(()) };
    let end = match plan.start() {
        Err(end) => end,
        Ok(process) => {
            let (running, mut input, outputs) = process.split();
            let decoder = ServerDecoder::new(protocol, plan.streams);
            let running = async { Ok(running.wait().await) };
            let traffic = Traffic::new();
            tokio::select! {
                // The client closed or broke the connection; the process is killed as `running` is dropped.
                () = receive(stream, decoder, &mut input, &traffic) => return Ok(()),
                () = traffic.idle_for(idle) => return Ok(()),
                end = async { tokio::try_join!(running, send(sink, encoder, outputs, &traffic)) } => end?.0,
            }
        }
    };
    if let Some(status) = encoder.status(&end) {
        sink.send(message(status)).await?;
    }
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    sink.send(Message::Close(Some(close))).await?;
    if plan.is_mute() {
        return Ok(());
    }
    // The client's own close, so that the connection does not end in a reset that loses the status.
    _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = stream.next().await {} }).await;
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
    sink: &mut Sink,
    encoder: Encoder,
    mut outputs: Outputs,
    traffic: &Traffic,
) -> Result<(), Error> {
    while let Some((channel, data)) = outputs.recv().await {
        for payload in encoder.data(channel, &data) {
            sink.send(message(payload)).await?;
            traffic.seen();
        }
    }
    Ok(())
}

/// The client's messages, until it is gone.
async fn receive(
    stream: &mut Stream,
    mut decoder: ServerDecoder,
    input: &mut Input,
    traffic: &Traffic,
) {
    while let Some(Ok(message)) = stream.next().await {
        traffic.seen();
        let payload = match &message {
            Message::Binary(bytes) => &bytes[..],
            Message::Text(text) => text.as_bytes(),
            Message::Close(_) => return,
            // Pings are answered by the library.
            _ => continue,
        };
        match decoder.decode(payload) {
            Ok(ServerEvent::Stdin(data)) => input.write(data).await,
            Ok(ServerEvent::Closed(Channel::Stdin)) => input.close(),
            Ok(ServerEvent::Resize(size)) => input.resize(size),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
