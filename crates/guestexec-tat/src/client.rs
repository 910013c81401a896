//! Making a client.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
};

use guestexec_core::{
    AppId, Endpoint, ErrorKind, PlainHttp, Settings, check_region, common_settings, header_value,
    variable,
};
use reqwest::header::HeaderValue;

use crate::{
    Client, CredentialSource, Error,
    auth::{keyring, region_of_tccli},
    hooks::Shared,
    limit::Limiter,
};

/// Which of the vendor's two sites an account belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootDomain {
    /// `tat.tencentcloudapi.com`: the site in mainland China.
    #[default]
    Mainland,
    /// `tat.intl.tencentcloudapi.com`: the international site.
    International,
}

impl RootDomain {
    /// The address of the site's token exchange.
    pub(crate) fn sts(self) -> Result<Endpoint, String> {
        let endpoint = match self {
            Self::Mainland => "https://sts.tencentcloudapi.com",
            Self::International => "https://sts.intl.tencentcloudapi.com",
        };
        Endpoint::parse(endpoint, PlainHttp::Loopback)
    }

    fn tat(self) -> &'static str {
        match self {
            Self::Mainland => "https://tat.tencentcloudapi.com",
            Self::International => "https://tat.intl.tencentcloudapi.com",
        }
    }
}

/// The language of the service's messages (`X-TC-Language`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// `en-US`.
    #[default]
    English,
    /// `zh-CN`.
    Chinese,
}

/// Makes a [`Client`]; begun by [`Client::builder`].
///
/// A region and credentials are needed, all else has a default. The order of the setters has no
/// meaning.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_tat::{
///     Client, Credentials, HttpOptions, HttpTransport, Language, Retries, RootDomain, SystemClock,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let tat = sandbox.tat();
/// # let (id, key, endpoint) = (tat.secret_id(), tat.secret_key(), tat.endpoint());
/// let http = HttpOptions::new().connect_timeout(Duration::from_secs(5));
/// let client = Client::builder()
///     .region("ap-guangzhou")
///     .credentials(Credentials::new(id, key))
///     // What follows has a default.
///     .root_domain(RootDomain::Mainland)
///     .endpoint(endpoint)
///     .allow_plain_http()
///     .language(Language::Chinese)
///     .rate(10)
///     .rate_of("DescribeInvocationTasks", 5)
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
/// assert!(client.instances(["ins-zj0f57ew"]).run("true").await?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
    credentials: Option<CredentialSource>,
    region: Option<String>,
    root_domain: RootDomain,
    language: Language,
    rate: Option<Option<u32>>,
    rates: HashMap<String, Option<u32>>,
}

impl Client {
    /// Begins a client. The operations are methods of the client; [`Client::instances`] begins the
    /// short way to run a command.
    ///
    /// ```
    /// use guestexec_tat::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_tat::Error> {
    /// let client = Client::builder()
    ///     .region("ap-guangzhou")
    ///     .credentials(Credentials::new("AKIDEXAMPLE", "its-secret-key"))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            settings: Settings::default(),
            credentials: None,
            region: None,
            root_domain: RootDomain::default(),
            language: Language::default(),
            rate: None,
            rates: HashMap::new(),
        }
    }
}

impl ClientBuilder {
    /// Takes credentials from the environment (see [`CredentialSource::environment`]); and what was not given
    /// yet: the region from `TENCENTCLOUD_REGION`, the endpoint from `GUESTEXEC_TAT_ENDPOINT`, as a
    /// sandbox prints them.
    ///
    /// ```no_run
    /// use guestexec_tat::Client;
    ///
    /// # fn main() -> Result<(), guestexec_tat::Error> {
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

    /// Takes region and endpoint from the variables of [`Self::from_env`], and no credentials. What has been set stays.
    ///
    /// ```no_run
    /// use guestexec_tat::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), guestexec_tat::Error> {
    /// let key = Credentials::new("AKIDexample", "secret");
    /// let client = Client::builder().address_from_env().credentials(key).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn address_from_env(mut self) -> Self {
        self.region = self.region.or_else(|| variable("TENCENTCLOUD_REGION"));
        self.settings.read_endpoint("GUESTEXEC_TAT_ENDPOINT");
        self
    }

    /// Takes the region from the settings of tccli, if none was given.
    #[doc(hidden)]
    #[inline]
    pub fn region_of_vendor_cli(mut self) -> Self {
        self.region = self.region.or_else(region_of_tccli);
        self
    }

    /// The region as it is now.
    #[doc(hidden)]
    pub fn given_region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    common_settings! {
        /// Default: the site's own host, by HTTPS.
        endpoint,
        allow_plain_http,
        /// How long a *script* may take is its own timeout.
        call_timeout,
        /// Calls that change nothing are repeated after a lost answer too. A clock that was corrected and
        /// renewed credentials give each call one attempt more, regardless of this setting.
        retries,
        /// It is in the header `X-TC-RequestClient` too, where other characters than letters, digits and
        /// `-_,;.` are `_`.
        app_id,
        trace_headers,
        http_options,
        transport,
        clock,
        checks,
    }

    /// Sets the keys that sign each request: [`Credentials`](crate::Credentials), or a [`CredentialSource`] to fetch them
    /// from when the first request is made.
    pub fn credentials(mut self, credentials: impl Into<CredentialSource>) -> Self {
        self.credentials = Some(credentials.into());
        self
    }

    /// Sets the region of the machines and commands, such as `ap-guangzhou`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets the site of the account, which decides where the service and, for
    /// [`TkeOidc`](crate::TkeOidc), the token exchange are reached. Default: mainland China, unless
    /// [`Self::endpoint`] is one of the international site.
    pub fn root_domain(mut self, root_domain: RootDomain) -> Self {
        self.root_domain = root_domain;
        self
    }

    /// Sets the language of the service's messages. Default: English.
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Sets how many calls of each action this client and its clones make in a second; `None` is no
    /// limit. Default: 20, which is what the service takes from an account.
    /// Leave room where other programs use the account too.
    pub fn rate(mut self, calls: impl Into<Option<u32>>) -> Self {
        self.rate = Some(calls.into());
        self
    }

    /// Sets the same for one action, such as `DescribeAutomationAgentStatus`.
    pub fn rate_of(mut self, action: impl Into<String>, calls: impl Into<Option<u32>>) -> Self {
        self.rates.insert(action.into(), calls.into());
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
        // An address of the international site says the site too.
        let international = self
            .settings
            .endpoint
            .as_deref()
            .is_some_and(|at| at.contains(".intl.tencentcloudapi.com"));
        let site = if international { RootDomain::International } else { self.root_domain };
        let keyring = keyring(credentials)?.reaching(site.sts().ok(), self.settings.reach());
        let region = self.region.ok_or_else(|| {
            config("there is no region".to_owned())
                .with_advice("give the builder `region(\"ap-guangzhou\")`, say")
        })?;
        check_region(&region, "ap-guangzhou").map_err(config)?;
        let endpoint = self.settings.endpoint.as_deref().unwrap_or(self.root_domain.tat());
        let endpoint = self.settings.parse_endpoint(endpoint).map_err(config)?;
        let app_id = self.settings.parse_app_id().map_err(config)?;
        let shared = Shared {
            keyring,
            plain_http: self.settings.plain_http,
            // An endpoint has neither user nor password.
            host: header_value(endpoint.url().authority()).map_err(config)?,
            region: header_value(&region).map_err(config)?,
            language: HeaderValue::from_static(match self.language {
                Language::English => "en-US",
                Language::Chinese => "zh-CN",
            }),
            limiter: Limiter::new(self.rate, self.rates),
            request_client: header_value(&AppId::of_client(app_id.as_ref())).map_err(config)?,
            skew: AtomicI64::new(0),
            begun: AtomicU64::new(0),
        };
        let (http, inner) = self.settings.build(&[&endpoint], Arc::new(shared)).map_err(config)?;
        Ok(Client { baseurl: endpoint.base().to_owned(), client: http, inner })
    }
}
