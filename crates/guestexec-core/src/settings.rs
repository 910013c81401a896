//! The settings that the builders of all clients share.

use std::{env, sync::Arc, time::Duration};

use reqwest::header::HeaderValue;

use crate::{
    AppId, CallOptions, Clock, Endpoint, HttpOptions, Inner, PlainHttp, Reach, Retries,
    SystemClock, TraceHeaders, Transport, hooks::IDLE, retry::Retrying, transport::build_transport,
};

/// The settings that the setters of [`common_settings!`](crate::common_settings) change.
///
/// A setting has one setter and a setter one setting, so their order has no meaning.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address of the service, if it is not the default one.
    pub endpoint: Option<String>,
    /// Where an endpoint may be plain `http`.
    pub plain_http: PlainHttp,
    /// How the HTTP client works.
    pub http: HttpOptions,
    /// How long each attempt of a call may take, if not what `http` says.
    pub call_timeout: Option<Duration>,
    /// The retries.
    pub retries: Retries,
    /// The name of the program.
    pub app_id: Option<String>,
    /// The function that yields the headers of a trace.
    pub trace_headers: Option<TraceHeaders>,
    /// The transport, if it is not an HTTP client made here.
    pub transport: Option<Arc<dyn Transport>>,
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// Whether requests are checked before they are sent.
    pub checks: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            plain_http: PlainHttp::Loopback,
            http: HttpOptions::default(),
            call_timeout: None,
            retries: Retries::default(),
            app_id: None,
            trace_headers: None,
            transport: None,
            clock: Arc::new(SystemClock),
            checks: true,
        }
    }
}

/// Reads an environment variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Checks the name of a region; `example` is one of the vendor's.
///
/// # Errors
/// A sentence, if it cannot be a part of a host's name.
pub fn check_region(region: &str, example: &str) -> Result<(), String> {
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match !region.is_empty() && is_name(region) {
        true => Ok(()),
        false => Err(format!(
            "the region is not made of letters, digits and `-`: give one such as `{example}`"
        )),
    }
}

impl Settings {
    /// Takes the endpoint from the environment variable `name` if there is none yet.
    pub fn read_endpoint(&mut self, name: &str) {
        self.endpoint = self.endpoint.take().or_else(|| variable(name));
    }

    /// Reads an endpoint; plain `http` as the settings allow it.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn parse_endpoint(&self, text: &str) -> Result<Endpoint, String> {
        Endpoint::parse(text, self.plain_http)
    }

    /// How the requests of the client's sources of credentials are carried.
    pub fn reach(&self) -> Reach {
        Reach { transport: self.transport.clone(), http: self.http.clone() }
    }

    /// Reads the name of the program, if it has given one.
    ///
    /// # Errors
    /// As [`AppId::parse`].
    pub fn parse_app_id(&self) -> Result<Option<AppId>, String> {
        self.app_id.as_deref().map(AppId::parse).transpose()
    }

    /// Builds the HTTP client that makes the requests to `endpoints`, and the state of a client whose
    /// clones share `shared`.
    ///
    /// # Errors
    /// As [`http_client`](crate::http_client), where a given transport needs no TLS; and as
    /// [`parse_app_id`](Self::parse_app_id).
    pub fn build<S, C: Default>(
        self,
        endpoints: &[&Endpoint],
        shared: S,
    ) -> Result<(reqwest::Client, Inner<S, C>), String> {
        let app_id = self.parse_app_id()?;
        let Self {
            mut http, call_timeout, trace_headers, transport, clock, checks, retries, ..
        } = self;
        http.timeout = call_timeout.unwrap_or(http.timeout);
        let call_timeout = http.timeout;
        let user_agent = app_id.map(|app_id| {
            let agent = format!("{} {}", http.user_agent, app_id.as_str());
            HeaderValue::from_str(agent.trim_start())
                .map_err(|_| "the `User-Agent` of the HTTP options is not printable".to_owned())
        });
        let user_agent = user_agent.transpose()?;
        let (http, transport) = build_transport(&http, endpoints, transport)?;
        let (operation, call, options) = (&IDLE, C::default(), CallOptions::default());
        let retrying = Arc::new(Retrying::new(retries));
        let inner = Inner {
            transport,
            clock,
            checks,
            shared,
            operation,
            call,
            options,
            user_agent,
            trace_headers,
            retrying,
            call_timeout,
        };
        Ok((http, inner))
    }
}

/// Writes the setters of the [`Settings`] that a client's builder has in its field `settings`. Comments
/// before a name are added to the documentation of that setter.
#[macro_export]
macro_rules! common_settings {
    (
        $(#[$endpoint:meta])* endpoint,
        $(#[$allow_plain_http:meta])* allow_plain_http,
        $(#[$call_timeout:meta])* call_timeout,
        $(#[$retries:meta])* retries,
        $(#[$app_id:meta])* app_id,
        $(#[$trace_headers:meta])* trace_headers,
        $(#[$http_options:meta])* http_options,
        $(#[$transport:meta])* transport,
        $(#[$clock:meta])* clock,
        $(#[$checks:meta])* checks $(,)?
    ) => {
        /// Sets the address of the service, scheme included. Plain `http` is taken only on this
        /// machine, unless [`Self::allow_plain_http`] says otherwise.
        $(#[$endpoint])*
        pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
            self.settings.endpoint = Some(endpoint.into());
            self
        }

        /// Allows plain `http` endpoints on other machines. Whoever can read the traffic then reads commands
        /// and their output.
        $(#[$allow_plain_http])*
        pub fn allow_plain_http(mut self) -> Self {
            self.settings.plain_http = $crate::PlainHttp::Allowed;
            self
        }

        /// Sets how long each attempt of a call may take, from the first byte sent to the last one
        /// received, in place of [`HttpOptions::timeout`](crate::HttpOptions::timeout). Default: 60 s.
        ///
        /// A call that is retried takes longer: [`Retries::total_timeout`](crate::Retries::total_timeout)
        /// limits all attempts together.
        $(#[$call_timeout])*
        pub fn call_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.settings.call_timeout = Some(timeout);
            self
        }

        /// Sets what is retried after a failure: [`Retries`](crate::Retries), or a number of retries, of
        /// which zero is none. Default: three, with growing pauses, and a minute for a service that is
        /// busy. What may have started a command is never sent again.
        $(#[$retries])*
        pub fn retries(mut self, retries: impl Into<$crate::Retries>) -> Self {
            self.settings.retries = retries.into();
            self
        }

        /// Names the program to the service, such as `my-tool/1.2`: at most 64 printable characters of
        /// ASCII. The `User-Agent` is then this library's, a space, and the name.
        $(#[$app_id])*
        pub fn app_id(mut self, name: impl Into<String>) -> Self {
            self.settings.app_id = Some(name.into());
            self
        }

        /// Sets what yields the headers that continue a trace at the service, such as `traceparent` and
        /// `tracestate`: a function that is called in the span of each call. Default: none, so that no id of
        /// a trace leaves the program.
        ///
        /// The headers are not signed. One that cannot be a header, or that the call has already, is left out.
        /// With `tracing-opentelemetry` the function is four lines, see the section Telemetry of the README
        /// of `guestexec`.
        $(#[$trace_headers])*
        pub fn trace_headers<I, N, V>(
            mut self,
            headers: impl Fn() -> I + Send + Sync + 'static,
        ) -> Self
        where
            I: IntoIterator<Item = (N, V)>,
            N: Into<String>,
            V: Into<String>,
        {
            self.settings.trace_headers = Some($crate::TraceHeaders::new(headers));
            self
        }

        /// Replaces all HTTP settings: timeouts, proxy, certificates.
        $(#[$http_options])*
        pub fn http_options(mut self, options: $crate::HttpOptions) -> Self {
            self.settings.http = options;
            self
        }

        /// Sets what carries the requests, instead of an HTTP client made here. It sees credentials.
        $(#[$transport])*
        pub fn transport(mut self, transport: impl $crate::Transport + 'static) -> Self {
            self.settings.transport = Some(::std::sync::Arc::new(transport));
            self
        }

        /// Sets the clock that dates signatures. Default: this machine's.
        $(#[$clock])*
        pub fn clock(mut self, clock: impl $crate::Clock + 'static) -> Self {
            self.settings.clock = ::std::sync::Arc::new(clock);
            self
        }

        /// Sets whether requests are checked against the limits of the vendor's page before they are
        /// sent. Default: yes. Turn it off if the vendor has raised a limit.
        $(#[$checks])*
        pub fn checks(mut self, on: bool) -> Self {
            self.settings.checks = on;
            self
        }
    };
}
