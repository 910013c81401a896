//! From a request to an upgraded connection: which form of the protocol to ask for, and what to do
//! if the server does not have it.

use guestexec_core::{ErrorKind, Underway};
use guestexec_remotecommand::{Streams, Subprotocol};
use progenitor_client::ResponseValue;
use reqwest::{StatusCode, Upgraded};

use super::{
    failure::unclosable,
    forms::{Form, Outlook, outlook, together},
};
use crate::{Error, Pod, hooks::Call};

/// What carries a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecTransport {
    /// The first that works: a WebSocket with `v5.channel.k8s.io`; with `v4.channel.k8s.io`, unless
    /// the command's input is [given](crate::Exec::stdin), since that cannot tell it where the input
    /// ends; SPDY by POST; SPDY by GET. What worked is remembered for the client and its clones.
    ///
    /// The next is tried only after a refusal that is about the form, not about the pod, the caller
    /// or the command. The crate's README has the table, with the answers of gateways after which
    /// the command may be started twice. If all fail the error tells each reason.
    #[default]
    Auto,
    /// A WebSocket with `v5.channel.k8s.io` (Kubernetes 1.30 and later).
    WebSocketV5,
    /// A WebSocket with `v4.channel.k8s.io`, on which no input can be ended but a
    /// [terminal](crate::Exec::tty)'s.
    WebSocketV4,
    /// SPDY/3.1, by POST. All servers have it, as far as no gateway on the way forbids it; it needs
    /// the permission to `create` exec sessions where a WebSocket needs that to `get` them.
    SpdyPost,
    /// SPDY/3.1, by GET.
    SpdyGet,
}

/// The longest command and arguments that any server or gateway takes for sure, in bytes of a URL.
const SHORT: usize = 4096;

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
    /// Whether an earlier form was refused by an answer that proves nothing.
    pub(super) in_doubt: Underway,
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
    /// Whether the command may run although this did not come to a session.
    pub(super) fn may_have_run(&self) -> bool {
        self.underway.may_have_run() || self.in_doubt.may_have_run()
    }

    /// The operation that is asked first, for errors that come before any answer.
    pub(super) fn operation(&self) -> &'static str {
        match self.transport {
            ExecTransport::SpdyPost => Form::SpdyPost.operation(),
            _ => Form::V5.operation(),
        }
    }

    /// Makes the connection: in the form that was chosen, or in the first that works.
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        let result = match self.transport {
            ExecTransport::Auto => self.open_in_any().await,
            ExecTransport::WebSocketV5 => self.ask(Form::V5).await,
            ExecTransport::WebSocketV4 if self.ends_input => {
                Err(unclosable(Subprotocol::V4).during(self.operation()))
            }
            ExecTransport::WebSocketV4 => self.ask(Form::V4).await,
            ExecTransport::SpdyPost => self.ask(Form::SpdyPost).await,
            ExecTransport::SpdyGet => self.ask(Form::SpdyGet).await,
        };
        result.map_err(|error| self.of_length(error))
    }

    /// Tries one form after the other, as long as each refusal shows that the command does not run
    /// and that another form may do better.
    async fn open_in_any(&self) -> Result<Opened, Error> {
        let speaks = &self.pod.client.inner.shared().speaks;
        let mut refused: Vec<(Form, Error)> = Vec::new();
        let mut forbidden: Vec<&str> = Vec::new();
        for form in speaks.forms(self.ends_input) {
            if forbidden.contains(&form.operation()) {
                continue;
            }
            let error = match self.ask(form).await {
                Ok(opened) => {
                    speaks.learn(form, self.ends_input, opened.protocol);
                    return Ok(opened);
                }
                Err(error) => error,
            };
            if error.may_have_run() {
                self.in_doubt.begin();
            }
            let is_bad_gateway = error.status() == Some(StatusCode::BAD_GATEWAY);
            match outlook(&error) {
                // The form is not what is wrong, so the gateway may have lost a session that began.
                _ if is_bad_gateway && speaks.has_worked(form, self.ends_input) => {
                    return Err(together(refused, (form, error)));
                }
                Outlook::Open => {}
                Outlook::OtherOperation => forbidden.push(form.operation()),
                Outlook::Closed => return Err(together(refused, (form, error))),
            }
            refused.push((form, error));
        }
        speaks.forget();
        let Some(last) = refused.pop() else {
            // There is always a form to try.
            return Err(unclosable(Subprotocol::V4).during(self.operation()));
        };
        let error = together(refused, last);
        Err(match self.ends_input && !error.may_have_run() {
            true => error.with_advice(
                "the server takes neither v5.channel.k8s.io nor SPDY, one of which it takes to tell a command where its input ends; use `stdin_piped` and a command that knows how much to read, such as `head -c`; SPDY by POST also needs the permission to create exec sessions",
            ),
            false => error,
        })
    }

    /// Adds the length of the request to a refusal that may be about it.
    fn of_length(&self, error: Error) -> Error {
        let length = self.argv.iter().map(|argument| encoded(argument)).sum::<usize>();
        let status = error.status().map(|status| status.as_u16());
        let says_so = matches!(status, Some(414 | 431));
        // A gateway that takes no more says it without a word of the service's, or hangs up.
        let says_nothing = match status {
            Some(400 | 403 | 404 | 413 | 500..=599) => {
                error.code().is_none() && error.detail().is_none()
            }
            Some(_) => false,
            None => error.kind() == ErrorKind::Lost,
        };
        if !(says_so || says_nothing && length > SHORT) {
            return error;
        }
        error.with_advice(format!(
            "the command and its arguments take {length} bytes of the request's address, of which gateways are known to take 8 kB or less: send the script by stdin, as in `exec([\"sh\"]).stdin(script)`"
        ))
    }

    async fn ask(&self, form: Form) -> Result<Opened, Error> {
        let upgrade = form.upgrade();
        let answer: Result<ResponseValue<Upgraded>, Error> = match form {
            Form::SpdyPost => {
                request!(self, upgrade, connect_cci_v2_post_namespaced_pod_exec).await
            }
            _ => request!(self, upgrade, connect_cci_v2_get_namespaced_pod_exec).await,
        };
        let (answer, operation) = (answer?, form.operation());
        let protocol = upgrade.agreed(answer.headers()).map_err(|error| {
            Error::new(ErrorKind::Protocol, error.to_string())
                .during(operation)
                .with_may_have_run(true)
        })?;
        let transport = match (form, protocol) {
            (Form::SpdyPost, _) => ExecTransport::SpdyPost,
            (Form::SpdyGet, _) => ExecTransport::SpdyGet,
            (_, Subprotocol::V5) => ExecTransport::WebSocketV5,
            _ => ExecTransport::WebSocketV4,
        };
        Ok(Opened { connection: answer.into_inner(), protocol, transport, operation })
    }
}

/// How long an argument is in the query of a URL, in bytes, with the name in front of it.
fn encoded(argument: &str) -> usize {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-._".contains(byte);
    let short = argument.as_bytes().iter().filter(|byte| plain(byte)).count();
    "&command=".len() + short + 3 * (argument.len() - short)
}

/// Refuses what no process and no container can be called.
pub(super) fn check(argv: &[String], pod: &Pod<'_>) -> Result<(), Error> {
    let refused = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
    if argv.is_empty() {
        return refused("the command is empty: give at least the name of a program".to_owned());
    }
    if let Some(place) = argv.iter().position(|argument| argument.contains('\0')) {
        let what = match place {
            0 => "the program's name".to_owned(),
            place => format!("argument {place} of the command"),
        };
        return refused(format!(
            "{what} holds a NUL character, which no program can be given in an argument: send the data by stdin"
        ));
    }
    if pod.container.as_ref().is_some_and(|name| name.contains(char::is_control)) {
        return refused("the container's name holds a control character".to_owned());
    }
    Ok(())
}
