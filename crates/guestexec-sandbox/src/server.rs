//! HTTP/1.1 on a loopback port, with limits on everything a client can send or hold open.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    fault::{Faults, Provider},
    line::{Control, Line},
};

/// Connections one service holds open at once; later ones wait.
const MAX_CONNECTIONS: usize = 1024;
/// How long a request's head may take to arrive, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest body, that of a Tencent POST request.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// What a service answers.
pub(crate) type Answer = Response<Content>;

/// The body of an answer, of which nearly all are whole at once.
pub(crate) type Content = UnsyncBoxBody<Bytes, Infallible>;

/// One of the services.
pub(crate) trait Service: Send + Sync + 'static {
    /// Which one.
    const PROVIDER: Provider;

    /// The name of the operation that is asked for; empty if there is none such.
    fn operation(&self, request: &Request<Incoming>) -> &'static str;

    /// The answer to a caller that asks too often.
    fn throttled(&self) -> Answer;

    /// Ends what the request proves its sender with, so that the service refuses it; where it cannot be ended,
    /// the refusal.
    fn expire(&self, request: &Request<Incoming>) -> Option<Answer>;

    /// Answers one request.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
}

/// A listener on a free port.
pub(crate) async fn listen(address: IpAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((address, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until the future is dropped, and with it every connection.
pub(crate) async fn serve<S: Service>(listener: TcpListener, service: Arc<S>, faults: Arc<Faults>) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: give the others time to end.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Latency is all that is at stake, so a refusal is none of our business.
        _ = stream.set_nodelay(true);
        let (service, faults) = (Arc::clone(&service), Arc::clone(&faults));
        connections.spawn(async move {
            let _permit = permit;
            let control = Arc::new(Control::default());
            let line = Line::new(stream, Arc::clone(&control));
            let answer =
                service_fn(|request| faults.answer(Arc::clone(&service), &control, request));
            // What breaks a connection is the client's to notice.
            _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(512 * 1024)
                .serve_connection(TokioIo::new(line), answer)
                .with_upgrades()
                .await;
        });
    }
}

/// Why there is no body.
pub(crate) enum BodyError {
    /// It is longer than 10 MB.
    TooLong,
    /// It did not arrive whole, or not in time.
    Broken,
}

/// The whole body of a request.
pub(crate) async fn body(body: Incoming) -> Result<Bytes, BodyError> {
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(_)) | Err(_) => Err(BodyError::Broken),
    }
}

/// An answer with a body of this type.
pub(crate) fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    answer
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

/// An answer in plain text.
pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    answer(status, "text/plain;charset=utf-8", body.into())
}
