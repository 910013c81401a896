//! Making a client.

use guestexec_core::{ErrorKind, Settings, common_settings};

use crate::{Client, Credentials, Error};

/// The path below which a management node serves its REST interface.
const CONTEXT_PATH: &str = "/zstack";

/// Makes a [`Client`]: begin with [`Client::builder`], end with [`build`](Self::build) or
/// [`login`](Self::login).
///
/// An endpoint and credentials are needed, all else has a default. The order of the setters has no
/// meaning.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
    credentials: Option<Credentials>,
}

impl Client {
    /// Begins a client. Its methods are the operations; [`Client::vm`] is the short way to run a command.
    pub fn builder() -> ClientBuilder {
        ClientBuilder { settings: Settings::default(), credentials: None }
    }

    /// Replaces the credentials; clones keep theirs.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.inner.shared = credentials;
        self
    }
}

impl ClientBuilder {
    /// Takes the credentials from the environment (see [`Credentials::from_env`]), and the endpoint from
    /// `ZSTACK_ENDPOINT` if none was given.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], if the environment holds none.
    pub fn from_env(mut self) -> Result<Self, Error> {
        self.credentials = Some(Credentials::from_env()?);
        self.settings.read_endpoint("ZSTACK_ENDPOINT");
        Ok(self)
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
        http_options,
        transport,
        clock,
        checks,
    }

    /// Sets the credentials of each request: a session, an account or an AccessKey.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] or [`ErrorKind::Config`], naming what is missing or malformed.
    pub fn build(self) -> Result<Client, Error> {
        let config = |reason: String| Error::new(ErrorKind::Config, reason);
        let credentials = self.credentials.ok_or_else(|| {
            Error::new(
                ErrorKind::Credentials,
                "there are no credentials: give the builder `credentials(…)` or `from_env()`, or end it \
                 with `login(…)`",
            )
        })?;
        credentials.check()?;
        let endpoint = self.settings.endpoint.as_deref().ok_or_else(|| {
            config(
                "there is no endpoint: give the builder `endpoint(\"https://zstack.example\")`, say"
                    .to_owned(),
            )
        })?;
        let endpoint = self.settings.parse_endpoint(endpoint).map_err(config)?;
        let base = match endpoint.url().path() {
            "/" => format!("{}{CONTEXT_PATH}", endpoint.base()),
            _ => endpoint.base().to_owned(),
        };
        let (http, inner) = self.settings.build(&[&endpoint], credentials).map_err(config)?;
        Ok(Client::new_with_client(&base, http, inner))
    }
}
