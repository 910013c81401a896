//! HTTP/1.1 on a loopback port, with limits on everything a client can send or hold open.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{CONTENT_TYPE, EXPECT},
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    connections::{Connections, Place},
    fault::{Cut, Faults, Provider},
    line::{Control, Line},
    origin,
};

/// How long a request's head may take to arrive, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head; an exec request's URL may have 64 KiB.
const MAX_HEAD: usize = 160 * 1024;
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take where its sender has proved nothing yet.
const UNPROVEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long is listened to a body nobody wants, so that its sender gets the answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest body, that of a Tencent POST request.
pub(crate) const MAX_BODY: usize = 10 * 1024 * 1024;
/// Bytes of a body that are read of anybody.
const FREE: usize = 4 * 1024;
/// KiB beyond those that all senders together may hold who have proved nothing yet.
static BUDGET: Semaphore = Semaphore::const_new(16 * 1024);

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
    let connections = Arc::new(Connections::default());
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: give the others time to end.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        connections.room().await;
        // Latency is all that is at stake, so a refusal is none of our business.
        _ = stream.set_nodelay(true);
        let (service, faults) = (Arc::clone(&service), Arc::clone(&faults));
        let control = Arc::new(Control::default());
        let line = Line::new(stream, Arc::clone(&control));
        connections.open(&mut tasks, Arc::clone(&control), async move |place| {
            let answer = service_fn(|mut request: Request<Incoming>| {
                let (service, faults, control, place) = (&service, &faults, &control, &place);
                async move {
                    if !place.busy() {
                        return Err(Cut);
                    }
                    let answer = if origin::is_no_page(request.headers()) {
                        request.extensions_mut().insert(place.clone());
                        faults.answer(Arc::clone(service), control, request).await
                    } else {
                        let problem = "The request comes from a web page: its Origin is another than its Host.";
                        Ok(text(StatusCode::FORBIDDEN, problem))
                    };
                    place.waits();
                    answer
                }
            });
            // What breaks a connection is the client's to notice.
            _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(line), answer)
                .with_upgrades()
                .await;
        });
    }
}

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than it may be.
    TooLong,
    /// It did not arrive whole, or not in time.
    Broken,
}

/// The body of a request, until it is read.
pub(crate) struct Body {
    incoming: Option<Incoming>,
    place: Option<Place>,
    /// Its sender waits to be told whether to send it.
    on_demand: bool,
}

/// A body whose sender has proved nothing yet. What it takes of the budget is given back when it is dropped.
pub(crate) struct Unproven {
    pub(crate) bytes: Bytes,
    _budget: Option<SemaphorePermit<'static>>,
}

impl Body {
    /// The two parts of a request.
    pub(crate) fn of(request: Request<Incoming>) -> (Parts, Self) {
        let (mut head, incoming) = request.into_parts();
        let place = head.extensions.remove();
        let on_demand = head.headers.contains_key(EXPECT);
        (head, Self { incoming: Some(incoming), place, on_demand })
    }

    /// The whole body, up to 10 MB, of a sender that is known.
    pub(crate) async fn read(&mut self) -> Result<Bytes, BodyError> {
        let Some(mut incoming) = self.incoming.take() else { return Ok(Bytes::new()) };
        let bytes = Self::collect(&mut incoming, MAX_BODY, BODY_TIMEOUT).await;
        if let Err(BodyError::TooLong) = bytes {
            self.incoming = Some(incoming);
        }
        bytes
    }

    /// The whole body, up to so many bytes, of a sender that has proved nothing yet.
    ///
    /// It may have to wait until others that have proved nothing either have been answered, and meanwhile its
    /// connection may be closed in favour of another.
    pub(crate) async fn read_unproven(&mut self, limit: usize) -> Result<Unproven, BodyError> {
        let length = self.incoming.as_ref().map(|incoming| incoming.size_hint().exact());
        let length =
            length.unwrap_or(Some(0)).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLong);
        }
        let Some(mut incoming) = self.incoming.take() else {
            return Ok(Unproven { bytes: Bytes::new(), _budget: None });
        };
        if let Some(place) = &self.place {
            place.waits();
        }
        // All at once, so that no two wait for each other.
        let kib = length.unwrap_or(limit).saturating_sub(FREE).div_ceil(1024);
        let budget = match u32::try_from(kib) {
            Ok(0) => None,
            kib => {
                let permit = BUDGET.acquire_many(kib.unwrap_or(u32::MAX));
                let permit = timeout(BODY_TIMEOUT, permit).await.map_err(|_| BodyError::Broken)?;
                Some(permit.map_err(|_| BodyError::Broken)?)
            }
        };
        let bytes = Self::collect(&mut incoming, limit, UNPROVEN_TIMEOUT).await;
        if self.place.as_ref().is_some_and(|place| !place.busy()) {
            return Err(BodyError::Broken);
        }
        if let Err(BodyError::TooLong) = bytes {
            self.incoming = Some(incoming);
        }
        Ok(Unproven { bytes: bytes?, _budget: budget })
    }

    async fn collect(
        incoming: &mut Incoming,
        limit: usize,
        time: Duration,
    ) -> Result<Bytes, BodyError> {
        let mut bytes = Vec::new();
        let reading = async {
            while let Some(piece) = next(incoming).await? {
                if bytes.len() + piece.len() > limit {
                    return Err(BodyError::TooLong);
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(())
        };
        timeout(time, reading).await.unwrap_or(Err(BodyError::Broken))?;
        Ok(bytes.into())
    }

    /// Reads what is left and keeps nothing of it: an answer that comes before the end of its request is lost to
    /// many clients.
    pub(crate) async fn discard(mut self) {
        let Some(mut incoming) = self.incoming.take().filter(|_| !self.on_demand) else { return };
        if let Some(place) = &self.place {
            place.waits();
        }
        _ = timeout(DISCARD_TIMEOUT, async {
            while let Ok(Some(_)) = next(&mut incoming).await {}
        })
        .await;
    }
}

/// The next piece of a body.
async fn next(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    match incoming.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(BodyError::Broken),
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
