//! Making a client.

use std::{iter, sync::Arc};

use guestexec_core::{Endpoint, ErrorKind, Settings, check_region, common_settings, variable};

use crate::{
    Client, CredentialSource, Error,
    auth::{Method, iam::without_version, keyring, region_of_koocli},
    hooks::Shared,
    upgrade::ServerSupport,
};

/// Where the vendor's SDKs find the address of IAM.
const IAM_ENDPOINT: &str = "HUAWEICLOUD_SDK_IAM_ENDPOINT";

/// Makes a [`Client`]; begun by [`Client::builder`].
///
/// A region (or an endpoint) and credentials are needed, all else has a default. The order of the
/// setters has no meaning.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::{Client, Credentials, HttpOptions, HttpTransport, Retries, SystemClock};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let (cci, iam_endpoint) = (sandbox.cci(), sandbox.cci().iam_endpoint());
/// # let (id, secret, endpoint) = (cci.access_key(), cci.secret_key(), cci.endpoint());
/// let http = HttpOptions::new().connect_timeout(Duration::from_secs(5));
/// let client = Client::builder()
///     .region("cn-north-4")
///     .credentials(Credentials::access_key(id, secret))
///     // What follows has a default.
///     .endpoint(endpoint)
///     .iam_endpoint(iam_endpoint)
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
/// assert!(client.pod("default", "demo").exec(["true"]).await?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
    credentials: Option<CredentialSource>,
    region: Option<String>,
    iam_endpoint: Option<String>,
}

impl Client {
    /// Begins a client. The operations are methods of the client; [`Client::pod`] begins the short
    /// way to run a command.
    ///
    /// ```
    /// use guestexec_cci::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_cci::Error> {
    /// let client = Client::builder()
    ///     .region("cn-north-4")
    ///     .credentials(Credentials::access_key("its-id", "its-secret"))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> ClientBuilder {
        let settings = Settings::default();
        ClientBuilder { settings, credentials: None, region: None, iam_endpoint: None }
    }
}

impl ClientBuilder {
    /// Takes credentials from the environment (see [`CredentialSource::environment`]); and what was not given
    /// yet: the region from `HUAWEICLOUD_SDK_REGION` or `OS_REGION_NAME`, the endpoint from
    /// `GUESTEXEC_CCI_ENDPOINT`, that of IAM from `GUESTEXEC_CCI_IAM_ENDPOINT`,
    /// `HUAWEICLOUD_SDK_IAM_ENDPOINT` or `OS_AUTH_URL`, which may end with `/v3`.
    ///
    /// ```no_run
    /// use guestexec_cci::Client;
    ///
    /// # fn main() -> Result<(), guestexec_cci::Error> {
    /// let client = Client::builder().from_env()?.build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], if the environment holds none.
    pub fn from_env(mut self) -> Result<Self, Error> {
        self.credentials = Some(CredentialSource::of_environment()?);
        Ok(self.address_from_env())
    }

    /// Takes region and endpoints from the variables of [`Self::from_env`], and no credentials. What has been set stays.
    ///
    /// ```no_run
    /// use guestexec_cci::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_cci::Error> {
    /// let keys = Credentials::access_key("AK", "secret");
    /// let client = Client::builder().address_from_env().credentials(keys).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn address_from_env(mut self) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
        self.region = self.region.or_else(|| first(&["HUAWEICLOUD_SDK_REGION", "OS_REGION_NAME"]));
        self.settings.read_endpoint("GUESTEXEC_CCI_ENDPOINT");
        self.iam_endpoint = self
            .iam_endpoint
            .or_else(|| first(&["GUESTEXEC_CCI_IAM_ENDPOINT", IAM_ENDPOINT, "OS_AUTH_URL"]));
        self
    }

    /// Takes the region from the settings of KooCLI, if none was given.
    #[doc(hidden)]
    pub fn region_of_vendor_cli(mut self) -> Self {
        self.region = self.region.or_else(region_of_koocli);
        self
    }

    /// The region as it is now.
    #[doc(hidden)]
    pub fn given_region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// True if there is an endpoint now.
    #[doc(hidden)]
    pub fn has_endpoint(&self) -> bool {
        self.settings.endpoint.is_some()
    }

    common_settings! {
        /// Default: the region's own host, by HTTPS.
        ///
        /// A client with its own endpoint needs its own [`Self::iam_endpoint`] too, if it is to get
        /// tokens: a password is never sent to a host that was not named.
        endpoint,
        /// It applies to [`Self::iam_endpoint`] too: tokens and passwords can then be read as well.
        allow_plain_http,
        /// It bounds the beginning of a command, not the command: see
        /// [`Exec::timeout`](crate::Exec::timeout).
        call_timeout,
        /// The pods' operations and the fetch of a token are retried too, the latter and a command only if the
        /// request was not sent or was one too many. No pause goes beyond
        /// [`Exec::handshake_timeout`](crate::Exec::handshake_timeout).
        retries,
        app_id,
        trace_headers,
        http_options,
        ///
        /// A `reqwest::Client` needs `tcp_user_timeout(None)`: by default its connections end when a
        /// server takes nothing for 30 s, as one whose command does not read its input.
        transport,
        /// It also tells when a token has become old.
        clock,
        /// The names of pod and namespace are always checked, since they become part of a path.
        checks,
    }

    /// Sets what authenticates the caller: [`Credentials`](crate::Credentials), or a [`CredentialSource`] to
    /// fetch them from when the first request is made.
    pub fn credentials(mut self, credentials: impl Into<CredentialSource>) -> Self {
        self.credentials = Some(credentials.into());
        self
    }

    /// Sets the region of the pods, such as `cn-north-4`. The service is then reached at
    /// `https://cci.{region}.myhuaweicloud.com` and IAM at
    /// `https://iam.{region}.myhuaweicloud.com`; for Huawei's European cloud (`eu-west-101`) both are
    /// below `myhuaweicloud.eu`. Regions of other European clouds (`eu-west-0`, `eu-de`) are refused
    /// without an endpoint.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the address of IAM, scheme included, with or without `/v3` at the end. Default: the
    /// region's own host, by HTTPS, unless the client has its own [`Self::endpoint`]. For a
    /// [`CredentialSource`] that gets keys from IAM, `HUAWEICLOUD_SDK_IAM_ENDPOINT` comes before that default.
    pub fn iam_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.iam_endpoint = Some(endpoint.into());
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] or [`ErrorKind::Config`], naming what is missing or malformed.
    pub fn build(self) -> Result<Client, Error> {
        let config = |reason: String| Error::new(ErrorKind::Config, reason);
        let credentials = self.credentials.ok_or_else(|| {
            Error::new(ErrorKind::Credentials, "there are no credentials")
                .with_advice("give the builder `credentials(…)` or `from_env()`")
        })?;
        let given = credentials.source().as_given();
        let is_fetched = given.is_none();
        let needs_token = given.is_some_and(|given| matches!(given.method(), Method::Login(_)));
        let keyring = keyring(credentials)?;
        if let Some(region) = &self.region {
            check_region(region, "cn-north-4").map_err(config)?;
        }
        let parse = |text: &str| self.settings.parse_endpoint(text).map_err(config);
        let of_region = |service: &str| {
            let region = self.region.as_deref()?;
            Some(domain(region).map(|domain| format!("https://{service}.{region}.{domain}")))
        };
        let named = || variable(IAM_ENDPOINT).filter(|_| is_fetched);
        let iam = match (self.iam_endpoint.clone().or_else(named), &self.settings.endpoint) {
            (Some(given), _) => Some(without_version(&given).to_owned()),
            (None, Some(_)) => None,
            (None, None) => of_region("iam").transpose().map_err(config)?,
        };
        let iam = iam.as_deref().map(parse).transpose()?;
        if iam.is_none() && needs_token {
            return Err(config("there is no IAM endpoint to get a token from".to_owned())
                .with_advice("give the builder `iam_endpoint(…)`"));
        }
        let endpoint = match (&self.settings.endpoint, of_region("cci")) {
            (Some(given), _) => given.clone(),
            (None, Some(of_region)) => of_region.map_err(config)?,
            (None, None) => {
                return Err(config("there is no region".to_owned())
                    .with_advice("give the builder `region(\"cn-north-4\")`, say"));
            }
        };
        let endpoint = parse(&endpoint)?;
        let endpoints: Vec<&Endpoint> = iter::once(&endpoint).chain(&iam).collect();
        let shared = Shared {
            keyring: keyring.reaching(iam.clone(), self.settings.reach()),
            iam: iam.clone(),
            server_support: ServerSupport::default(),
        };
        let (http, inner) = self.settings.build(&endpoints, Arc::new(shared)).map_err(config)?;
        Ok(Client { baseurl: endpoint.base().to_owned(), client: http, inner })
    }
}

/// The parent domain of a region's services.
fn domain(region: &str) -> Result<&'static str, String> {
    if region.starts_with("eu-west-1") {
        // Huawei's European cloud has its own accounts and domain.
        Ok("myhuaweicloud.eu")
    } else if region.starts_with("eu-") {
        Err(format!(
            "the region `{region}` is none of Huawei's own clouds, so the addresses of its services are \
             unknown: give the builder `endpoint(…)`, and `iam_endpoint(…)` for tokens"
        ))
    } else {
        Ok("myhuaweicloud.com")
    }
}
