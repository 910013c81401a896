//! The HTTP client of all providers, and how answers are read.

use std::{env, error::Error as _, time::Duration};

use http_body_util::Limited;
use reqwest::{NoProxy, Response, StatusCode, Url, redirect};

#[cfg(feature = "__rustls")]
use crate::tls;
use crate::{
    Endpoint, Secret, TransportError, endpoint::is_loopback, reason::causes, repair::repaired,
};

/// Largest answer read into memory, in bytes: ten times the largest regular one, a page of 100 task
/// results with their outputs.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// Whether the program was built with TLS.
pub(crate) const HAS_TLS: bool = cfg!(any(feature = "__rustls", feature = "native-tls"));

/// Settings of the HTTP client.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_core::{HttpOptions, Proxy};
///
/// let options = HttpOptions::new()
///     .connect_timeout(Duration::from_secs(3))
///     .proxy(Proxy::Url("http://proxy:3128".into()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct HttpOptions {
    connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) user_agent: String,
    proxy: Proxy,
    root_certificates: String,
    client_certificate: Option<Identity>,
}

/// A certificate of the client's own, and its key.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "__rustls", feature = "native-tls")),
    expect(dead_code, reason = "without HTTPS it is refused unread")
)]
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: Secret,
}

/// The proxy that requests go through.
///
/// ```
/// use guestexec_core::{HttpOptions, Proxy};
///
/// let options = HttpOptions::new().proxy(Proxy::Url("http://user:password@proxy:3128".into()));
/// let direct = HttpOptions::new().proxy(Proxy::Direct);
/// // client.http_options(options)
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// That of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), if there is one.
    #[default]
    Environment,
    /// None. Variables of the environment are ignored.
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
            client_certificate: None,
        }
    }
}

impl HttpOptions {
    /// The usual settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long connecting may take. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long one exchange may take, from the first byte sent to the last one received. It does not
    /// end an upgraded stream. Default: 60 s.
    ///
    /// A client's `call_timeout` comes before it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the `User-Agent` header. Default: this library's name and version. A client's `app_id` adds the
    /// name of the program.
    pub fn user_agent(mut self, text: impl Into<String>) -> Self {
        self.user_agent = text.into();
        self
    }

    /// Sets the proxy. An endpoint on this machine (`localhost`, `127.0.0.0/8`, `::1`) is always reached
    /// directly. Default: that of the environment.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets certificates in PEM that are trusted besides those of this machine, such as the one of a
    /// company's own authority. Default: none.
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.root_certificates = pem.into();
        self
    }

    /// Sets the certificate by which the client proves to a server or gateway who it is (mutual TLS), and
    /// its key. Default: none.
    ///
    /// `chain` is in PEM: the client's certificate first, then those that vouch for it, if the server needs
    /// them. `key` is its private key in PEM (`-----BEGIN PRIVATE KEY-----`, PKCS #8), of RSA, of ECDSA on
    /// P-256 or P-384, or of Ed25519. With rustls the older forms of a key (PKCS #1, SEC 1) serve too.
    ///
    /// A client made with a certificate or key that cannot be used is refused when it is built. `Debug`
    /// does not show the key.
    ///
    /// ```no_run
    /// use guestexec_core::HttpOptions;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let options = HttpOptions::new().client_certificate(
    ///     std::fs::read_to_string("client.pem")?,
    ///     std::fs::read_to_string("client.key")?,
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_certificate(mut self, chain: impl Into<String>, key: impl Into<Secret>) -> Self {
        self.client_certificate = Some(Identity { chain: chain.into(), key: key.into() });
        self
    }

    /// How long connecting may take.
    pub fn get_connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// How long one exchange may take.
    pub fn get_timeout(&self) -> Duration {
        self.timeout
    }

    /// The `User-Agent` header.
    pub fn get_user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The proxy.
    pub fn get_proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The certificates that are trusted besides those of this machine, in PEM.
    pub fn get_root_certificates(&self) -> &str {
        &self.root_certificates
    }
}

/// Builds the client that carries requests to `endpoints`: HTTP/1.1, TLS verified, redirects not
/// followed. An endpoint on this machine is reached directly, without the proxy of `options` or the
/// environment. If no endpoint is HTTPS, the certificates of this machine are not read, and none is trusted.
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
    let needs_tls = needs_tls(endpoints);
    if needs_tls && !HAS_TLS {
        return Err(format!(
            "an endpoint is https, and this program was built without it: {TURN_ON}, or give the \
             client a transport of your own"
        ));
    }
    build(with_tls(client_builder(options)?, options, needs_tls)?)
}

/// Whether one of these endpoints is `https`.
pub(crate) fn needs_tls(endpoints: &[&Endpoint]) -> bool {
    endpoints.iter().any(|endpoint| endpoint.url().scheme() == "https")
}

/// Builds a client for `https` addresses beside the endpoints, as [`http_client`] does for an endpoint.
///
/// # Errors
/// As [`http_client`].
pub(crate) fn https_client(options: &HttpOptions) -> Result<reqwest::Client, String> {
    if !HAS_TLS {
        return Err(format!(
            "the address is https, and this program was built without it: {TURN_ON}, or give the \
             client a transport of your own"
        ));
    }
    build(with_tls(client_builder(options)?, options, true)?)
}

/// Builds a client for requests that another [`Transport`](crate::Transport) carries. It trusts no
/// certificate, so this machine's are not read.
///
/// # Errors
/// As [`http_client`].
pub(crate) fn offline_client(options: &HttpOptions) -> Result<reqwest::Client, String> {
    build(with_tls(client_builder(options)?, options, false)?)
}

/// Builds a client for any endpoint, see [`HttpTransport`](crate::HttpTransport): with TLS, if the program
/// was built with it.
///
/// # Errors
/// As [`http_client`].
pub(crate) fn any_client(options: &HttpOptions) -> Result<reqwest::Client, String> {
    build(with_tls(client_builder(options)?, options, HAS_TLS)?)
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
    options: &HttpOptions,
    needed: bool,
) -> Result<reqwest::ClientBuilder, String> {
    let (roots, identity) = (&*options.root_certificates, options.client_certificate.as_ref());
    // Text that is no certificate or key is rejected in any case.
    let config = match needed || !roots.trim().is_empty() {
        true => tls::client_config(roots, identity)?,
        false => tls::offline_config(identity)?,
    };
    Ok(builder.tls_backend_preconfigured(config))
}

#[cfg(all(feature = "native-tls", not(feature = "__rustls")))]
fn with_tls(
    builder: reqwest::ClientBuilder,
    options: &HttpOptions,
    needed: bool,
) -> Result<reqwest::ClientBuilder, String> {
    let mut builder = builder.tls_backend_native();
    if let Some(Identity { chain, key }) = &options.client_certificate {
        let identity = reqwest::Identity::from_pkcs8_pem(chain.as_bytes(), key.expose().as_bytes());
        // The library's error may quote the key.
        builder = builder.identity(identity.map_err(|_| NO_IDENTITY.to_owned())?);
    }
    let pem = &options.root_certificates;
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
    options: &HttpOptions,
    _: bool,
) -> Result<reqwest::ClientBuilder, String> {
    let without = |what: &str| {
        Err(format!("this program was built without HTTPS, so {what} no use: {TURN_ON}"))
    };
    match options {
        _ if options.client_certificate.is_some() => without("a client certificate has"),
        _ if !options.root_certificates.trim().is_empty() => without("root certificates have"),
        _ => Ok(builder),
    }
}

#[cfg(any(feature = "__rustls", feature = "native-tls"))]
pub(crate) const NO_IDENTITY: &str = "the client certificate cannot be used: give a certificate in PEM \
     (`-----BEGIN CERTIFICATE-----`) and the private key that belongs to it (`-----BEGIN PRIVATE \
     KEY-----`), of RSA, of ECDSA on P-256 or P-384, or of Ed25519, without a password";

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
) -> Result<http::Response<Vec<u8>>, TransportError> {
    let (parts, body) =
        http::Response::<reqwest::Body>::from(limit_answer(response, limit)).into_parts();
    let body = Response::from(http::Response::new(body)).bytes().await;
    let body = body.map_err(TransportError::from_reqwest)?;
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

#[cfg(test)]
#[cfg(any(feature = "__rustls", feature = "native-tls"))]
mod tests;

#[cfg(test)]
#[cfg(not(any(feature = "__rustls", feature = "native-tls")))]
mod tests {
    use crate::{HttpOptions, HttpTransport, Operation, Request, Transport as _};

    #[tokio::test]
    async fn an_https_address_is_refused_with_what_to_do_where_there_is_no_tls() {
        const READ: Operation = Operation::undocumented("Read", "GET", "/");
        let options = HttpOptions::new();
        for transport in [HttpTransport::new(&options), HttpTransport::for_endpoints(&options, &[])]
        {
            let url = "https://127.0.0.1:1/".parse().unwrap();
            let request = Request::from_reqwest(reqwest::Request::new(reqwest::Method::GET, url));
            let error = transport.unwrap().execute(&READ, request).await.unwrap_err();
            assert!(error.is_unusable(), "{error}");
            assert!(error.to_string().contains("feature `rustls` or `native-tls`"), "{error}");
        }
    }
}
