//! From a request to an upgraded connection: which form of the protocol to ask for, and what to do
//! if the server does not have it.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use guestexec_core::{ErrorKind, Underway};
use guestexec_remotecommand::{Streams, Subprotocol, WEBSOCKET_OFFER};
use progenitor_client::ResponseValue;
use reqwest::Upgraded;

use super::{failure::unclosable, handshake::Upgrade};
use crate::{Error, Pod, hooks::Call};

const GET: &str = "connectCciV2GetNamespacedPodExec";
const POST: &str = "connectCciV2PostNamespacedPodExec";

/// What carries a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecTransport {
    /// A WebSocket with `v5.channel.k8s.io` if the server has it. If not: SPDY by POST for a command
    /// whose input is [given](crate::Exec::stdin), since nothing else can tell it where the input
    /// ends; a WebSocket with `v4.channel.k8s.io` for any other.
    #[default]
    Auto,
    /// A WebSocket with `v5.channel.k8s.io` (Kubernetes 1.30 and later).
    WebSocketV5,
    /// A WebSocket with `v4.channel.k8s.io`, on which input cannot be ended.
    WebSocketV4,
    /// SPDY/3.1, by POST. All servers have it, as far as no gateway on the way forbids it; it needs
    /// the permission to `create` exec sessions where a WebSocket needs that to `get` them.
    SpdyPost,
    /// SPDY/3.1, by GET.
    SpdyGet,
}

/// What is known of the server: nothing yet, or whether it has `v5.channel.k8s.io`. One for all
/// clones of a client, which all have the one endpoint.
#[derive(Default)]
pub(crate) struct Speaks(AtomicU8);

impl Speaks {
    fn v5(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known == 1),
        }
    }

    fn learn(&self, v5: Option<bool>) {
        self.0.store(v5.map_or(0, |v5| if v5 { 1 } else { 2 }), Ordering::Relaxed);
    }
}

impl fmt::Debug for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Speaks").field(&self.v5()).finish()
    }
}

/// An exec request.
pub(super) struct Opening<'a> {
    pub(super) pod: Pod<'a>,
    pub(super) argv: Vec<String>,
    pub(super) streams: Streams,
    /// The command has to be told where its input ends.
    pub(super) ends_input: bool,
    pub(super) transport: ExecTransport,
    /// Whether a request of it has left.
    pub(super) underway: Underway,
}

/// A connection that has become a session.
pub(super) struct Opened {
    pub(super) connection: Upgraded,
    pub(super) protocol: Subprotocol,
    pub(super) transport: ExecTransport,
    pub(super) operation: &'static str,
}

/// The setters are the same in both generated builders, and the types are not.
macro_rules! request {
    ($self:ident, $upgrade:ident, $method:ident) => {{
        let Opening { pod, argv, streams, underway, .. } = $self;
        let mut call = pod
            .client
            .$method()
            .namespace(&*pod.namespace)
            .name(&*pod.name)
            .command(argv.clone())
            .stdout(streams.stdout);
        if let Some(container) = &pod.container {
            call = call.container(&**container);
        }
        if streams.stdin {
            call = call.stdin(true);
        }
        if streams.stderr {
            call = call.stderr(true);
        }
        if streams.tty {
            call = call.tty(true);
        }
        call.send_in(Call::upgrading($upgrade, underway.clone()))
    }};
}

impl Opening<'_> {
    /// The operation that is asked first, for errors that come before any answer.
    pub(super) fn operation(&self) -> &'static str {
        match self.transport {
            ExecTransport::SpdyPost => POST,
            _ => GET,
        }
    }

    /// Makes the connection, by a second request only if the first is known to have started nothing.
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        let v5 = Upgrade::WebSocket(Subprotocol::V5.as_str());
        let v4 = Upgrade::WebSocket(Subprotocol::V4.as_str());
        match self.transport {
            ExecTransport::Auto if self.ends_input => self.open_to_end_input(v5).await,
            ExecTransport::Auto => self.ask(Upgrade::WebSocket(WEBSOCKET_OFFER)).await,
            ExecTransport::WebSocketV5 => self.ask(v5).await,
            ExecTransport::WebSocketV4 if self.ends_input => {
                Err(unclosable(Subprotocol::V4).during(GET))
            }
            ExecTransport::WebSocketV4 => self.ask(v4).await,
            ExecTransport::SpdyPost => self.ask(Upgrade::SpdyPost).await,
            ExecTransport::SpdyGet => self.ask(Upgrade::SpdyGet).await,
        }
    }

    /// Version 5 alone is offered, because a server that is offered version 4 too starts the command
    /// with it. One that has no version 5 refuses instead, and starts nothing.
    async fn open_to_end_input(&self, v5: Upgrade) -> Result<Opened, Error> {
        let speaks = &self.pod.client.inner.shared().speaks;
        if speaks.v5() != Some(false) {
            match self.ask(v5).await {
                Err(error) if error.kind() == ErrorKind::Unsupported && !error.may_have_run() => {}
                other => return other,
            }
        }
        let result = self.ask(Upgrade::SpdyPost).await;
        if let Err(error) = result {
            // Whatever is wrong, the next command begins without prejudice.
            speaks.learn(None);
            // What a gateway says that lets no such request through.
            let barred = matches!(
                error.status().map(|status| status.as_u16()),
                Some(400 | 403 | 405 | 426 | 501)
            );
            return Err(match barred && !error.may_have_run() {
                true => error.with_advice(
                    "the server has no v5.channel.k8s.io, so that the input's end needs SPDY by POST, and the permission to create exec sessions; without them use `stdin_piped` and a command that knows how much to read, such as `head -c`",
                ),
                false => error,
            });
        }
        result
    }

    async fn ask(&self, upgrade: Upgrade) -> Result<Opened, Error> {
        let (operation, answer): (_, Result<ResponseValue<Upgraded>, Error>) = match upgrade {
            Upgrade::SpdyPost => {
                (POST, request!(self, upgrade, connect_cci_v2_post_namespaced_pod_exec).await)
            }
            Upgrade::WebSocket(_) | Upgrade::SpdyGet => {
                (GET, request!(self, upgrade, connect_cci_v2_get_namespaced_pod_exec).await)
            }
        };
        let offers_v5 = upgrade.offers(Subprotocol::V5);
        let speaks = &self.pod.client.inner.shared().speaks;
        let answer = answer.inspect_err(|error| {
            if offers_v5 && error.kind() == ErrorKind::Unsupported {
                speaks.learn(Some(false));
            }
        })?;
        let protocol = upgrade.agreed(answer.headers()).map_err(|error| {
            Error::new(ErrorKind::Protocol, error.to_string())
                .during(operation)
                .with_may_have_run(true)
        })?;
        if offers_v5 {
            speaks.learn(Some(protocol == Subprotocol::V5));
        }
        let transport = match (upgrade, protocol) {
            (Upgrade::SpdyPost, _) => ExecTransport::SpdyPost,
            (Upgrade::SpdyGet, _) => ExecTransport::SpdyGet,
            (Upgrade::WebSocket(_), Subprotocol::V5) => ExecTransport::WebSocketV5,
            (Upgrade::WebSocket(_), _) => ExecTransport::WebSocketV4,
        };
        Ok(Opened { connection: answer.into_inner(), protocol, transport, operation })
    }
}
