//! The whole output of a task, from where the service has put it.

use std::{
    fmt,
    future::{Future, IntoFuture, poll_fn},
    io,
    pin::Pin,
    time::Duration,
};

use guestexec_core::{
    ErrorKind, MAX_ERROR_BODY, Operation, PlainHttp, Request, Response, StatusCode, TransportError,
    ensure_runtime, is_loopback_url,
};
use reqwest::{Method, Url};
use tokio::{
    io::AsyncWrite,
    time::{Instant, timeout_at},
};

use super::result::{InstanceResult, OutputUrl};
use crate::{Client, Error};

/// The parts of an answer of COS that are read. COS is no part of the service's API.
const GET_OBJECT: Operation = Operation::undocumented("GetObject", "GET", "/{Key}");

/// The longest timeout: a longer one is more than clocks can add.
const MAX_TIMEOUT: Duration = Duration::from_secs(10 * 365 * 86_400);

impl InstanceResult {
    /// Prepares the fetch of the whole output: awaiting it gives the bytes.
    ///
    /// If nothing was cut off, it is [`Self::output`], and nothing is sent. Otherwise it is fetched from COS,
    /// for which the run has to name a bucket: see [`Run::output_to_cos`](crate::Run::output_to_cos).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.tat().client()?;
    /// let bucket = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
    /// let long = client.instances(["ins-zj0f57ew"]).run("seq 10000").output_to_cos(bucket).await?;
    /// let result = &long.results()[0];
    /// assert_eq!(result.output().len(), 24 * 1024);
    /// let whole = result.full_output(&client).await?;
    /// assert_eq!(whole.len() as u64, 24 * 1024 + result.dropped());
    /// # Ok(())
    /// # }
    /// ```
    pub fn full_output<'a>(&'a self, client: &'a Client) -> FullOutput<'a> {
        FullOutput { client, result: self, limit: None, timeout: Duration::from_secs(600) }
    }
}

/// The fetch of a whole output, made by [`InstanceResult::full_output`].
///
/// The address is used as the service gave it, without keys, cookies or a signature of this client. It has to
/// be `https`, or on this machine, unless
/// [`ClientBuilder::allow_plain_http`](crate::ClientBuilder::allow_plain_http) was set; `https` also where the
/// client's endpoint is plain HTTP, by the certificates of this machine and the client's own. Redirects are not
/// followed. No error and no log has the query of the address, which may grant access. The request goes
/// through the client's transport, and is sent once: a fetch that fails may be repeated.
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.tat().client()?;
/// # let bucket = "https://logs-1250000000.cos.ap-guangzhou.myqcloud.com";
/// let long = client.instances(["ins-zj0f57ew"]).run("seq 10000").output_to_cos(bucket).await?;
/// let mut file = Vec::new(); // Or a tokio::fs::File.
/// let fetch = long.results()[0].full_output(&client);
/// let fetch = fetch.output_limit(1024 * 1024).timeout(Duration::from_secs(60));
/// let bytes = fetch.write_to(&mut file).await?;
/// assert_eq!(bytes, file.len() as u64);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::NotFound`] if output was cut off and is not in COS, with the reason, or no longer there;
/// [`ErrorKind::Unauthenticated`] if the address has expired, and [`ErrorKind::Forbidden`] if it grants no access;
/// [`ErrorKind::InvalidRequest`] for an address that may not be used; [`ErrorKind::TooLarge`] above
/// [`Self::output_limit`]; [`ErrorKind::Output`] if the writer fails; [`ErrorKind::Timeout`],
/// [`ErrorKind::Connect`], [`ErrorKind::Lost`] and so on as of a call. None of them says anything of the
/// command, which has run.
#[must_use = "nothing is fetched until it is awaited or `write_to` is called"]
#[derive(Clone)]
pub struct FullOutput<'a> {
    client: &'a Client,
    result: &'a InstanceResult,
    limit: Option<u64>,
    timeout: Duration,
}

impl<'a> FullOutput<'a> {
    /// Bounds the output, in bytes. Default: 64 MiB in memory, and 16 GiB to a writer.
    pub fn output_limit(mut self, bytes: u64) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// Bounds the time of the whole fetch. Default: ten minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Writes the output as it comes, flushes the writer, and gives the number of bytes. What was written
    /// before an error stays.
    ///
    /// # Errors
    /// As of the [fetch](Self).
    pub async fn write_to<W>(self, writer: &mut W) -> Result<u64, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let limit = self.limit.unwrap_or(16 * 1024 * 1024 * 1024);
        self.fetch(limit, writer).await
    }

    async fn fetch<W>(self, limit: u64, writer: &mut W) -> Result<u64, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        ensure_runtime()?;
        let length = self.timeout.min(MAX_TIMEOUT);
        let late = || {
            Error::new(
                ErrorKind::Timeout,
                format!("the whole output did not come within {length:?}"),
            )
            .during(GET_OBJECT.id)
        };
        match Instant::now().checked_add(length) {
            Some(deadline) => {
                timeout_at(deadline, self.run(limit, writer)).await.unwrap_or_else(|_| Err(late()))
            }
            None => self.run(limit, writer).await,
        }
    }

    async fn run<W>(&self, limit: u64, writer: &mut W) -> Result<u64, Error>
    where
        W: AsyncWrite + Unpin + Send,
    {
        let mut fetched = 0;
        if let Some(url) = self.source()? {
            let mut answer = self.get(url).await?;
            let told = answer.headers().get("content-length");
            let told = told.and_then(|length| length.to_str().ok()?.parse().ok());
            if told.is_some_and(|length: u64| length > limit) {
                return Err(too_large(limit));
            }
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                fetched += chunk.len() as u64;
                if fetched > limit {
                    return Err(too_large(limit));
                }
                write(writer, &chunk).await.map_err(unwritable)?;
            }
        } else {
            fetched = self.result.output().len() as u64;
            if fetched > limit {
                return Err(too_large(limit));
            }
            write(writer, self.result.output()).await.map_err(unwritable)?;
        }
        poll_fn(|cx| Pin::new(&mut *writer).poll_flush(cx)).await.map_err(unwritable)?;
        Ok(fetched)
    }

    /// The address of the output; none if the result has all of it.
    #[inline]
    fn source(&self) -> Result<Option<&'a OutputUrl>, Error> {
        let result = self.result;
        if result.status().is_none() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the task on {} has no output that is known", result.instance_id()),
            ));
        }
        if result.dropped() == 0 {
            return Ok(None);
        }
        let dropped = result.dropped();
        match (result.output_url(), result.upload_error()) {
            (Some(url), _) => Ok(Some(url)),
            (None, Some(reason)) => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{dropped} bytes of output were cut off, and the upload to COS failed: {reason}"
                ),
            )),
            (None, None) => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{dropped} bytes of output were cut off, and no bucket was given to keep them"
                ),
            )
            .with_advice("run the command with `output_to_cos`, or let it print less")),
        }
    }

    async fn get(&self, url: &OutputUrl) -> Result<Response, Error> {
        let address = checked(url, self.client.inner.shared.plain_http)?;
        let mut request = reqwest::Request::new(Method::GET, address);
        *request.timeout_mut() = Some(self.timeout.min(MAX_TIMEOUT));
        let sent = self.client.inner.transport.execute(&GET_OBJECT, Request::from_reqwest(request));
        let answer = sent.await.map_err(failed)?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refusal(url, answer).await),
        }
    }

    /// The error of an answer that is no output.
    async fn refusal(&self, url: &OutputUrl, answer: Response) -> Error {
        let status = answer.status();
        let body = answer.bytes(MAX_ERROR_BODY).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let (code, message) = (element(&body, "Code"), element(&body, "Message"));
        let is_signed = url.expose().contains('?');
        let has_expired = [code, message].into_iter().flatten().any(|text| {
            let text = text.to_ascii_lowercase();
            text.contains("expired") || text.contains("requesttimetooskewed")
        });
        let (kind, advice) = match status.as_u16() {
            401 | 403 if has_expired => (
                ErrorKind::Unauthenticated,
                Some(
                    "the address of an output is valid for a while only: get a new one with the results of the same run, by `client.invocation(id).await?.await?`",
                ),
            ),
            401 | 403 if is_signed => (
                ErrorKind::Forbidden,
                Some(
                    "the address may have expired: get a new one with the results of the same run, by `client.invocation(id).await?.await?`",
                ),
            ),
            401 | 403 => (
                ErrorKind::Forbidden,
                Some(
                    "the address has no signature, so the bucket has to be readable for all: read the object with a COS key instead",
                ),
            ),
            404 => (
                ErrorKind::NotFound,
                Some("the object was removed, or the bucket has another name by now"),
            ),
            300..=399 => (
                ErrorKind::Protocol,
                Some("a proxy on the way may have sent the redirect, which is not followed"),
            ),
            429 => (ErrorKind::Throttled, None),
            500..=599 => (ErrorKind::Unavailable, None),
            200..=299 => (ErrorKind::Protocol, None),
            _ => (ErrorKind::Refused, None),
        };
        // The service's text may quote the address.
        let said = message.filter(|text| !text.contains('?') && !text.contains("q-sign"));
        let message = match said {
            Some(said) => format!("the whole output at {url} cannot be read: {said}"),
            None => format!("the whole output at {url} cannot be read"),
        };
        let error = Error::new(kind, message)
            .during(GET_OBJECT.id)
            .with_code(code.map(str::to_owned))
            .with_request_id(element(&body, "RequestId").map(str::to_owned))
            .with_status(status);
        match advice {
            Some(advice) => error.with_advice(advice),
            None => error,
        }
    }
}

/// The text of an XML element without others in it.
#[inline]
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(guestexec_core::beginning(text.trim(), 500)).filter(|text| !text.is_empty())
}

/// Checks that an address may be used.
#[inline]
fn checked(url: &OutputUrl, plain: PlainHttp) -> Result<Url, Error> {
    let refused = |why: &str| {
        Err(Error::new(ErrorKind::InvalidRequest, format!("the output's address {url} {why}"))
            .during(GET_OBJECT.id))
    };
    let Ok(address) = Url::parse(url.expose()) else {
        return refused("is not a URL");
    };
    if !address.username().is_empty() || address.password().is_some() {
        return Err(Error::new(
            ErrorKind::InvalidRequest,
            "the output's address holds a user name or password",
        )
        .during(GET_OBJECT.id));
    }
    match address.scheme() {
        "https" => Ok(address),
        "http" if plain == PlainHttp::Allowed || is_loopback_url(&address) => Ok(address),
        "http" => {
            refused("is plain http and not on this machine, and the client does not allow that")
        }
        _ => refused("is neither https nor http"),
    }
}

#[inline]
fn failed(error: TransportError) -> Error {
    let kind = match &error {
        error if error.is_unusable() => ErrorKind::Config,
        error if error.is_not_sent() => ErrorKind::Connect,
        error if error.is_timeout() => ErrorKind::Timeout,
        _ => ErrorKind::Lost,
    };
    Error::new(kind, error.to_string()).during(GET_OBJECT.id).with_source(error)
}

fn too_large(limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the output is longer than the {limit} bytes allowed"))
        .during(GET_OBJECT.id)
        .with_advice("raise `output_limit`, or write the output to a file with `write_to`")
}

#[inline]
fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorKind::Output, format!("the output could not be written: {error}"))
        .during(GET_OBJECT.id)
        .with_source(error)
}

async fn write<W: AsyncWrite + Unpin>(writer: &mut W, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match poll_fn(|cx| Pin::new(&mut *writer).poll_write(cx, bytes)).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

impl<'a> IntoFuture for FullOutput<'a> {
    type Output = Result<Vec<u8>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut output = Vec::new();
            let limit = self.limit.unwrap_or(64 * 1024 * 1024);
            self.fetch(limit, &mut output).await?;
            Ok(output)
        })
    }
}

impl fmt::Debug for FullOutput<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FullOutput")
            .field("url", &self.result.output_url())
            .field("output_limit", &self.limit)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
