//! Request bodies, with limits on what callers make the sandbox hold before they are authenticated.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::{
    Request,
    body::{Body as _, Bytes, Incoming},
    header::EXPECT,
    http::request::Parts,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::connections::Connection;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take where its sender is not authenticated yet.
const UNPROVEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unwanted body is read, so that its sender gets the answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest body in bytes, that of a Tencent POST request.
pub(crate) const MAX_BODY: usize = 10 * 1024 * 1024;
/// Bytes of a body that take nothing from the budget.
const FREE: usize = 4 * 1024;
/// KiB beyond [`FREE`] that all unauthenticated senders together may hold.
static BUDGET: Semaphore = Semaphore::const_new(16 * 1024);

/// Why a body was not read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is too long.
    TooLong,
    /// It did not arrive completely, or not in time.
    Incomplete,
}

/// The body of a request, until it is read.
pub(crate) struct Body {
    incoming: Option<Incoming>,
    connection: Option<Connection>,
    /// The sender waits for `100 Continue`.
    expects_continue: bool,
}

/// A body whose sender is not authenticated yet. Dropping it gives its share of the budget back.
pub(crate) struct Unproven {
    pub(crate) bytes: Bytes,
    _budget: Option<SemaphorePermit<'static>>,
}

impl Body {
    /// Splits a request into its head and its body.
    pub(crate) fn split(request: Request<Incoming>) -> (Parts, Self) {
        let (mut head, incoming) = request.into_parts();
        let connection = head.extensions.remove();
        let expects_continue = head.headers.contains_key(EXPECT);
        (head, Self { incoming: Some(incoming), connection, expects_continue })
    }

    /// Reads the whole body of an authenticated sender, up to 10 MB.
    pub(crate) async fn read(&mut self) -> Result<Bytes, BodyError> {
        self.collect(MAX_BODY, BODY_TIMEOUT).await
    }

    /// Reads the whole body of a sender that is not authenticated yet, up to `limit` bytes.
    ///
    /// It may wait until other such bodies have been answered. Meanwhile the connection counts as idle, and may be
    /// closed in favour of a new one.
    pub(crate) async fn read_unproven(&mut self, limit: usize) -> Result<Unproven, BodyError> {
        let Some(incoming) = &self.incoming else {
            return Ok(Unproven { bytes: Bytes::new(), _budget: None });
        };
        let length = incoming.size_hint().exact();
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        if length.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLong);
        }
        if let Some(connection) = &self.connection {
            connection.set_idle();
        }
        // Acquired all at once, so that no two bodies wait for each other.
        let kib = length.unwrap_or(limit).saturating_sub(FREE).div_ceil(1024);
        let budget = match u32::try_from(kib) {
            Ok(0) => None,
            kib => {
                let permit = BUDGET.acquire_many(kib.unwrap_or(u32::MAX));
                let permit =
                    timeout(BODY_TIMEOUT, permit).await.map_err(|_| BodyError::Incomplete)?;
                Some(permit.map_err(|_| BodyError::Incomplete)?)
            }
        };
        let bytes = self.collect(limit, UNPROVEN_TIMEOUT).await;
        if self.connection.as_ref().is_some_and(|connection| !connection.set_busy()) {
            return Err(BodyError::Incomplete);
        }
        Ok(Unproven { bytes: bytes?, _budget: budget })
    }

    /// Takes the body, unless it proves too long: then the rest stays, to be discarded.
    async fn collect(&mut self, limit: usize, time: Duration) -> Result<Bytes, BodyError> {
        let Some(mut incoming) = self.incoming.take() else { return Ok(Bytes::new()) };
        let mut bytes = Vec::new();
        let reading = async {
            while let Some(chunk) = next_chunk(&mut incoming).await? {
                if bytes.len() + chunk.len() > limit {
                    return Err(BodyError::TooLong);
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        };
        let read = timeout(time, reading).await.unwrap_or(Err(BodyError::Incomplete));
        if let Err(BodyError::TooLong) = read {
            self.incoming = Some(incoming);
        }
        read.map(|()| bytes.into())
    }

    /// Reads and drops the rest: many clients lose an answer that comes before the end of their request.
    pub(crate) async fn discard(mut self) {
        let Some(mut incoming) = self.incoming.take().filter(|_| !self.expects_continue) else {
            return;
        };
        if let Some(connection) = &self.connection {
            connection.set_idle();
        }
        _ = timeout(DISCARD_TIMEOUT, async {
            while let Ok(Some(_)) = next_chunk(&mut incoming).await {}
        })
        .await;
    }
}

async fn next_chunk(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    match incoming.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(_)) => Err(BodyError::Incomplete),
    }
}
