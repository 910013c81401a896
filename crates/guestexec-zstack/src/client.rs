//! Making a client.

use guestexec_core::{ErrorKind, Settings, common_settings, variable};

use crate::{Client, CredentialSource, Credentials, Error, auth::keyring};

/// The path below which a management node serves its REST interface.
const CONTEXT_PATH: &str = "/zstack";

/// Makes a [`Client`]: begin with [`Client::builder`], end with [`build`](Self::build) or
/// [`login`](Self::login).
///
/// An endpoint and credentials are needed, all else has a default. The order of the setters has no
/// meaning.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::{Client, Credentials, HttpOptions, HttpTransport, Retries, SystemClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let zstack = sandbox.zstack();
/// # let (id, secret) = (zstack.access_key_id(), zstack.access_key_secret());
/// # let endpoint = zstack.endpoint();
/// let http = HttpOptions::new().connect_timeout(Duration::from_secs(5));
/// let client = Client::builder()
///     .endpoint(endpoint)
///     .credentials(Credentials::access_key(id, secret))
///     // What follows has a default.
///     .allow_plain_http()
///     .call_timeout(Duration::from_secs(20))
///     .retries(Retries::from(5).total_timeout(Duration::from_secs(120)))
///     .app_id("my-tool/1.2")
///     .trace_headers(|| [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")])
///     .http_options(http.clone())
///     // Or a transport of your own, or a clock that stands still.
///     .transport(HttpTransport::new(&http)?)
///     .clock(SystemClock)
///     .checks(true)
///     .build()?;
/// assert!(client.vm("fc022ba201c135d8809c5e02bf6bf156").run("true").await?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
    credentials: Option<CredentialSource>,
}

impl Client {
    /// Begins a client. Its methods are the operations; [`Client::vm`] is the short way to run a command.
    ///
    /// ```
    /// use guestexec_zstack::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_zstack::Error> {
    /// let client = Client::builder()
    ///     .endpoint("https://zstack.example")
    ///     .credentials(Credentials::access_key("its-id", "its-secret"))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> ClientBuilder {
        ClientBuilder { settings: Settings::default(), credentials: None }
    }

    /// Replaces the credentials; clones keep theirs.
    ///
    /// ```
    /// use guestexec_zstack::Credentials;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// # let (account, password) = (sandbox.zstack().account_name(), sandbox.zstack().password());
    /// let other = client.clone().with_credentials(Credentials::password(account, password));
    /// assert!(other.vm("fc022ba201c135d8809c5e02bf6bf156").run("true").await?.success());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_credentials(mut self, credentials: impl Into<CredentialSource>) -> Self {
        self.inner.shared = keyring(credentials.into());
        self
    }
}

impl ClientBuilder {
    /// Takes the credentials from the environment (see [`Credentials::from_env`]); and if no endpoint was
    /// given, that in `ZSTACK_ENDPOINT`, or that of the host in `ZSTACK_HOST` and the port in `ZSTACK_PORT`,
    /// which is 8080 by default.
    ///
    /// A host without a scheme is reached by plain HTTP, as by the vendor's tools that read these
    /// variables. Unless it is this machine, that needs [`Self::allow_plain_http`].
    ///
    /// ```no_run
    /// use guestexec_zstack::Client;
    ///
    /// # fn main() -> Result<(), guestexec_zstack::Error> {
    /// let client = Client::builder().from_env()?.build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], if the environment holds none.
    pub fn from_env(mut self) -> Result<Self, Error> {
        self.credentials = Some(Credentials::from_env()?.into());
        Ok(self.address_from_env())
    }

    /// Takes the endpoint from the variables of [`Self::from_env`], and no credentials. What has been set stays.
    ///
    /// ```no_run
    /// use guestexec_zstack::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_zstack::Error> {
    /// let account = Credentials::password("admin", "password");
    /// let client = Client::builder().address_from_env().credentials(account).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn address_from_env(mut self) -> Self {
        self.settings.read_endpoint("ZSTACK_ENDPOINT");
        if let (None, Some(host)) = (&self.settings.endpoint, variable("ZSTACK_HOST")) {
            self.settings.endpoint = Some(endpoint_of(&host, variable("ZSTACK_PORT").as_deref()));
        }
        self
    }

    /// True if there is an endpoint now.
    #[doc(hidden)]
    pub fn has_endpoint(&self) -> bool {
        self.settings.endpoint.is_some()
    }

    common_settings! {
        /// It is a management node, such as `https://zstack.example` or `http://zstack:8080`. Without a
        /// path, `/zstack` is added.
        endpoint,
        /// Plain HTTP is what a node speaks as installed: allow it where the network is yours alone,
        /// and put HTTPS in front of the node elsewhere. Sessions and password hashes can be read too.
        allow_plain_http,
        /// A node answers only when a command has ended, so [`Run`](crate::Run) waits longer by itself.
        call_timeout,
        /// A login and a command are retried only if the request was not sent or was one too many. No
        /// pause goes beyond the timeout of a [`Run`](crate::Run).
        retries,
        app_id,
        trace_headers,
        http_options,
        transport,
        clock,
        checks,
    }

    /// Sets the credentials of each request: a session, an account or an AccessKey, or a
    /// [`CredentialSource`] to fetch them from when the first request is made.
    pub fn credentials(mut self, credentials: impl Into<CredentialSource>) -> Self {
        self.credentials = Some(credentials.into());
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] or [`ErrorKind::Config`], naming what is missing or malformed.
    pub fn build(self) -> Result<Client, Error> {
        let config = |reason: String| Error::new(ErrorKind::Config, reason);
        let credentials = self.credentials.ok_or_else(|| {
            Error::new(ErrorKind::Credentials, "there are no credentials").with_advice(
                "give the builder `credentials(…)` or `from_env()`, or end it with `login(…)`",
            )
        })?;
        let keyring = keyring(credentials)?;
        let endpoint = self.settings.endpoint.as_deref().ok_or_else(|| {
            config("there is no endpoint".to_owned())
                .with_advice("give the builder `endpoint(\"https://zstack.example\")`, say")
        })?;
        let endpoint = self.settings.parse_endpoint(endpoint).map_err(config)?;
        let base = match endpoint.url().path() {
            "/" => format!("{}{CONTEXT_PATH}", endpoint.base()),
            _ => endpoint.base().to_owned(),
        };
        let (http, inner) = self.settings.build(&[&endpoint], Ok(keyring)).map_err(config)?;
        Ok(Client { baseurl: base, client: http, inner })
    }
}

/// The endpoint at a host, which may have a scheme and a port of its own.
fn endpoint_of(host: &str, port: Option<&str>) -> String {
    let (scheme, host) = host.split_once("://").unwrap_or(("http", host));
    let host = host.trim_end_matches('/');
    // For an IPv6 address, the part after the bracket.
    let tail = host.rsplit_once(']').map_or(host, |(_, tail)| tail);
    match (port, scheme) {
        _ if tail.contains([':', '/']) => format!("{scheme}://{host}"),
        (Some(port), _) => format!("{scheme}://{host}:{port}"),
        (None, "https") => format!("{scheme}://{host}"),
        (None, _) => format!("{scheme}://{host}:8080"),
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint_of;

    #[test]
    fn a_host_becomes_the_endpoint_that_the_vendors_tools_mean() {
        for (host, port, endpoint) in [
            ("zstack", None, "http://zstack:8080"),
            ("10.0.0.7", Some("5000"), "http://10.0.0.7:5000"),
            ("[::1]", None, "http://[::1]:8080"),
            ("[::1]:81", Some("82"), "http://[::1]:81"),
            ("zstack:81", Some("82"), "http://zstack:81"),
            ("https://zstack.example/", None, "https://zstack.example"),
            ("https://zstack.example", Some("8443"), "https://zstack.example:8443"),
            ("http://zstack/proxied", Some("80"), "http://zstack/proxied"),
        ] {
            assert_eq!(endpoint_of(host, port), endpoint);
        }
    }
}
