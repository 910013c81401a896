//! The HTTP client of all providers, and how answers are read.

use std::{env, error::Error as _, future::ready, io, time::Duration};

use http_body_util::Limited;
use reqwest::{
    NoProxy, Response, StatusCode, Url,
    dns::{Name, Resolve, Resolving},
    redirect,
};

#[cfg(feature = "__rustls")]
use crate::tls;
use crate::{Endpoint, Secret, endpoint::is_loopback, reason::causes, repair::repaired};

/// Largest answer read into memory, in bytes: ten times the largest regular one, a page of 100 task
/// results with their outputs.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// Settings of the HTTP client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How long connecting may take. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long one exchange may take, from the first byte sent to the last one received. It does not
    /// end an upgraded stream. Default: 60 s.
    pub timeout: Duration,
    /// The `User-Agent` header. Default: this library's name and version.
    pub user_agent: String,
    /// The proxy. An endpoint on this machine (`localhost`, `127.0.0.0/8`, `::1`) is
    /// always reached directly.
    pub proxy: Proxy,
    /// Certificates in PEM that are trusted besides those of this machine, such as the one of a
    /// company's own authority. Default: none.
    pub root_certificates: String,
}

/// The proxy that requests go through.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// That of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), if there is one.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one: `http://host:port`, with `user:password@` before the host if it needs them.
    Url(Secret),
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            user_agent: concat!("guestexec/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: Proxy::default(),
            root_certificates: String::new(),
        }
    }
}

/// Builds the client that carries requests to `endpoints`: HTTP/1.1, TLS verified, redirects not
/// followed. An endpoint on this machine is reached directly, without the proxy of `options` or the
/// environment. If no endpoint is HTTPS, the certificates of this machine are not read.
///
/// HTTP/1.1 because a connection negotiated to HTTP/2 cannot be upgraded; no redirects because each
/// request carries credentials meant for one host.
///
/// # Errors
/// A sentence, if an option cannot be used, if TLS could not be set up on this machine, or if the
/// program was built without it and an endpoint needs it.
pub fn http_client(
    options: &HttpOptions,
    endpoints: &[&Endpoint],
) -> Result<reqwest::Client, String> {
    let needs_tls = endpoints.iter().any(|endpoint| endpoint.url().scheme() == "https");
    if needs_tls && !cfg!(any(feature = "__rustls", feature = "native-tls")) {
        return Err(format!(
            "an endpoint is https, and this program was built without it: {TURN_ON}, or give the \
             client a transport of your own"
        ));
    }
    build(with_tls(client_builder(options)?, &options.root_certificates, needs_tls)?)
}

/// Builds a client for requests that another [`Transport`](crate::Transport) carries. It trusts no
/// certificate, so this machine's are not read.
///
/// # Errors
/// As [`http_client`].
pub(crate) fn offline_client(options: &HttpOptions) -> Result<reqwest::Client, String> {
    build(with_tls(client_builder(options)?, &options.root_certificates, false)?)
}

/// Builds a client that finds no host, so that each of its requests fails before anything is sent: the error
/// is a failed connection. It asks neither the network nor a proxy. The address has to have a name, because
/// an IP address is not looked up.
///
/// # Errors
/// As [`http_client`].
#[doc(hidden)]
pub fn refusing_client() -> Result<reqwest::Client, String> {
    let options = HttpOptions { proxy: Proxy::Direct, ..HttpOptions::default() };
    build(with_tls(client_builder(&options)?, "", false)?.dns_resolver(NoHosts))
}

/// A resolver that knows no host.
struct NoHosts;

impl Resolve for NoHosts {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(ready(Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())))
    }
}

fn client_builder(options: &HttpOptions) -> Result<reqwest::ClientBuilder, String> {
    let builder = match proxy(&options.proxy)? {
        Some(proxy) => reqwest::Client::builder().proxy(proxy),
        None => reqwest::Client::builder().no_proxy(),
    };
    // By default the kernel ends a connection whose peer accepts no data for 30 s. A command that does
    // not read its input is such a peer, and healthy. Each call has a deadline of its own.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let builder = builder.tcp_user_timeout(None);
    Ok(builder
        .http1_only()
        .redirect(redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout)
        .user_agent(options.user_agent.as_str()))
}

/// The proxy of a client. Requests to this machine never go through it, because they may be in clear
/// text.
fn proxy(chosen: &Proxy) -> Result<Option<reqwest::Proxy>, String> {
    let (http, https, exempt) = match chosen {
        Proxy::Direct => return Ok(None),
        Proxy::Url(url) => {
            // The error would quote the address, which may hold a password.
            let url = proxy_url(url.expose()).ok_or(
                "the proxy's address cannot be read: give one such as `http://proxy:3128`",
            )?;
            (Some(url.clone()), Some(url), String::new())
        }
        // In a CGI program a header of a request may have set the variable HTTP_PROXY.
        Proxy::Environment if env::var_os("REQUEST_METHOD").is_some() => return Ok(None),
        Proxy::Environment => {
            let named = |name: &str| {
                let read = |name: String| env::var(name).ok();
                read(name.to_ascii_uppercase()).or_else(|| read(name.to_owned()))
            };
            let url = |name| named(name).and_then(|text| proxy_url(&text));
            let all = url("all_proxy");
            let http = url("http_proxy").or_else(|| all.clone());
            (http, url("https_proxy").or(all), named("no_proxy").unwrap_or_default())
        }
    };
    if http.is_none() && https.is_none() {
        return Ok(None);
    }
    let proxy = reqwest::Proxy::custom(move |target| match target.scheme() {
        _ if is_loopback(target) => None,
        "https" => https.clone(),
        _ => http.clone(),
    });
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&exempt))))
}

/// The address of a proxy; `http` where it names no scheme.
fn proxy_url(text: &str) -> Option<Url> {
    let text = text.trim();
    let url = match text.contains("://") {
        true => Url::parse(text),
        false => Url::parse(&format!("http://{text}")),
    };
    let url = url.ok().filter(Url::has_host)?;
    // Which schemes reqwest supports depends on its features in this program.
    reqwest::Proxy::all(url.clone()).ok().map(|_| url)
}

#[cfg(feature = "__rustls")]
fn with_tls(
    builder: reqwest::ClientBuilder,
    pem: &str,
    needed: bool,
) -> Result<reqwest::ClientBuilder, String> {
    // Text that is no certificate is rejected in any case.
    let config = match needed || !pem.trim().is_empty() {
        true => tls::client_config(pem)?,
        false => tls::offline_config()?,
    };
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(all(feature = "native-tls", not(feature = "__rustls")))]
fn with_tls(
    builder: reqwest::ClientBuilder,
    pem: &str,
    needed: bool,
) -> Result<reqwest::ClientBuilder, String> {
    let builder = builder.tls_backend_native();
    if pem.trim().is_empty() {
        return Ok(if needed { builder } else { builder.tls_certs_only([]) });
    }
    match reqwest::Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(roots) if !roots.is_empty() => Ok(builder.tls_certs_merge(roots)),
        _ => Err(NO_CERTIFICATE.to_owned()),
    }
}

#[cfg(not(any(feature = "__rustls", feature = "native-tls")))]
fn with_tls(
    builder: reqwest::ClientBuilder,
    pem: &str,
    _: bool,
) -> Result<reqwest::ClientBuilder, String> {
    match pem.trim().is_empty() {
        true => Ok(builder),
        false => Err(format!(
            "this program was built without HTTPS, so root certificates have no use: {TURN_ON}"
        )),
    }
}

#[cfg(any(feature = "__rustls", feature = "native-tls"))]
pub(crate) const NO_CERTIFICATE: &str = "the root certificates hold none in PEM: give the text of \
     a file that begins with `-----BEGIN CERTIFICATE-----`";

/// The remedy for a program without TLS.
const TURN_ON: &str = "build it with the crate's feature `rustls` or `native-tls`";

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, String> {
    builder.build().map_err(|e| {
        let message = format!("the HTTP client could not be set up: {e}");
        causes(e.source()).fold(message, |message, cause| format!("{message}: {cause}"))
    })
}

/// Makes reading more than `limit` bytes of an answer an error. An upgraded connection is left as it is.
#[must_use]
pub fn limit_answer(response: Response, limit: usize) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    let body = reqwest::Body::wrap(Limited::new(body, limit));
    Response::from(http::Response::from_parts(parts, body))
}

/// The status of an answer on the wire, if [`mark_as_error`] changed it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireStatus(pub(crate) StatusCode);

/// Reads a whole answer of at most `limit` bytes. JSON that a strict parser rejects is repaired: a byte
/// that is not UTF-8, or a number that is too large.
///
/// # Errors
/// The transport's, if the answer is incomplete or larger.
pub async fn buffered(
    response: Response,
    limit: usize,
) -> reqwest::Result<http::Response<Vec<u8>>> {
    let (parts, body) =
        http::Response::<reqwest::Body>::from(limit_answer(response, limit)).into_parts();
    let body = Response::from(http::Response::new(body)).bytes().await?;
    Ok(http::Response::from_parts(parts, repaired(body.into())))
}

/// Marks an answer as an error although its status is one of success: the generated code then hands it
/// to the provider's error. The status on the wire is kept beside it.
#[must_use]
pub fn mark_as_error(mut answer: http::Response<Vec<u8>>) -> http::Response<Vec<u8>> {
    let wire = WireStatus(answer.status());
    answer.extensions_mut().insert(wire);
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    answer
}
