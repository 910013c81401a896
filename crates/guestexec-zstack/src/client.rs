//! Making a client.

use std::{sync::Arc, time::Duration};

use guestexec_core::{
    Clock, Endpoint, ErrorKind, HttpOptions, PlainHttp, SystemClock, Transport, carrier,
};

use crate::{
    Client, Credentials, Error,
    hooks::{Inner, Shared},
};

/// The path below which a management node serves its REST interface.
const CONTEXT_PATH: &str = "/zstack";

/// Makes a [`Client`]; begun by [`Client::builder`], ended by [`login`](Self::login) or
/// [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    endpoint: String,
    credentials: Option<Credentials>,
    http: HttpOptions,
    transport: Option<Arc<dyn Transport>>,
    clock: Arc<dyn Clock>,
    checks: bool,
}

impl Client {
    /// Begins a client of the management node at `endpoint`, such as `http://zstack:8080`.
    ///
    /// Plain HTTP is what a node speaks as installed, so it is taken as given; put HTTPS in front
    /// of it where the network is not yours alone. Without a path, `/zstack` is added.
    pub fn builder(endpoint: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            endpoint: endpoint.into(),
            credentials: None,
            http: HttpOptions::default(),
            transport: None,
            clock: Arc::new(SystemClock),
            checks: true,
        }
    }

    /// The same client under other credentials; clones keep theirs.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.inner.set_credentials(credentials);
        self
    }
}

impl ClientBuilder {
    /// The credentials of each request: a session or an AccessKey.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How long one call may take. Default: 60 s. The node answers only when a command has ended,
    /// so [`Run`](crate::Run) waits longer by itself.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.http.timeout = timeout;
        self
    }

    /// How the client reaches its endpoints: timeouts, proxy, certificates of one's own. It says all
    /// of them anew, so call it before [`Self::call_timeout`].
    pub fn http_options(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// What carries the requests, instead of an HTTP client made here. It sees credentials.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The clock that dates signatures. Default: this machine's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether requests are checked against the limits of the vendor's page before they are sent.
    /// Default: yes. Turn it off where the vendor has raised a limit.
    pub fn checks(mut self, on: bool) -> Self {
        self.checks = on;
        self
    }

    /// Makes the client, with credentials given before. For a login, see [`Self::login`].
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] or [`ErrorKind::Config`], naming what is missing or malformed.
    pub fn build(mut self) -> Result<Client, Error> {
        let credentials = self.credentials.take().ok_or_else(|| {
            Error::new(
                ErrorKind::Credentials,
                "there are no credentials: give the builder `credentials(…)`, or end it with `login(…)`",
            )
        })?;
        credentials.check()?;
        self.build_with(Some(credentials))
    }

    pub(crate) fn build_with(self, credentials: Option<Credentials>) -> Result<Client, Error> {
        let config = |reason: String| Error::new(ErrorKind::Config, reason);
        let endpoint = Endpoint::parse(&self.endpoint, PlainHttp::Allowed).map_err(config)?;
        let base = match endpoint.url().path() {
            "/" => format!("{}{CONTEXT_PATH}", endpoint.base()),
            _ => endpoint.base().to_owned(),
        };
        let (http, transport) =
            carrier(&self.http, &[&endpoint], self.transport).map_err(config)?;
        let shared = Shared { transport, clock: self.clock, checks: self.checks };
        let inner = Inner::new(credentials, shared);
        Ok(Client::new_with_client(&base, http, inner))
    }
}
