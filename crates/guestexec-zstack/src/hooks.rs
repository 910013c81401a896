//! The one seam: every request is authenticated and carried here, every answer first seen here.

use std::{fmt, fmt::Write as _, future::Future, sync::Arc, time::Duration};

use guestexec_core::{
    Clock, MAX_ANSWER, Operation, Secret, Transport, buffered, prepare, refused, unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
};

use crate::{
    Client, Credentials, Error,
    auth::{Kind, Session},
    error, sign,
    types::ExecuteGuestVmCommandResponse,
};

/// What a client holds besides its address.
#[derive(Clone)]
pub struct Inner {
    credentials: Option<Credentials>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    checks: bool,
    /// The job the next command is to run under, and how long its answer may take; set by a handle
    /// on its own clone.
    job: Option<(JobId, Duration)>,
}

/// The name a command runs under, by which its result can be asked for: 32 hex digits. Whoever
/// knows it reads the result, so it prints as little as a secret.
#[derive(Clone)]
pub(crate) struct JobId(Secret);

impl JobId {
    /// A random one.
    pub(crate) fn random() -> Result<Self, String> {
        let mut octets = [0u8; 16];
        getrandom::fill(&mut octets)
            .map_err(|e| format!("this machine gives no random numbers: {e}"))?;
        let hex = octets.iter().fold(String::with_capacity(32), |mut hex, octet| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{octet:02x}");
            hex
        });
        Ok(Self(hex.into()))
    }

    /// The one a `location` ends in. Only the name is used: the host in it is what the node thinks
    /// it is called, which is often not how it is reached.
    pub(crate) fn from_location(location: &Secret) -> Option<Self> {
        let path = location.expose().split(['?', '#']).next().unwrap_or_default();
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let is_uuid = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_uuid.then(|| Self(name.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Inner {
    pub(crate) fn new(
        credentials: Option<Credentials>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        checks: bool,
    ) -> Self {
        Self { credentials, transport, clock, checks, job: None }
    }

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.checks
    }

    pub(crate) fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    pub(crate) fn set_job(&mut self, job: JobId, timeout: Duration) {
        self.job = Some((job, timeout));
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.credentials.as_ref()?.0 {
            Kind::Session(session) => Some(session),
            Kind::AccessKey { .. } => None,
        }
    }

    fn authenticate(&self, request: &mut Request) -> Result<(), String> {
        let authorization = match self.credentials.as_ref().map(|credentials| &credentials.0) {
            None => return Ok(()),
            Some(Kind::Session(session)) => format!("OAuth {}", session.uuid().expose()),
            Some(Kind::AccessKey { id, secret, zone }) => {
                let date = sign::format_date(unix_seconds(self.clock.now()), zone)
                    .map_err(|e| e.to_string())?;
                let path = sign::signed_path(request.url().path()).map_err(|e| e.to_string())?;
                let string = sign::string_to_sign(request.method().as_str(), &date, &path);
                let signature = sign::signature(secret.expose(), &string);
                request.headers_mut().insert(DATE, header(&date)?);
                sign::authorization(id, &signature)
            }
        };
        let mut authorization = header(&authorization)?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(())
    }

    /// Names the job of a request that starts a command, so that its result can be asked for.
    fn name_job(&self, request: &mut Request) -> Result<(), String> {
        let job = match &self.job {
            Some((job, timeout)) => {
                *request.timeout_mut() = Some(*timeout);
                job.clone()
            }
            None => JobId::random()?,
        };
        let mut name = header(job.expose())?;
        name.set_sensitive(true);
        request.headers_mut().insert("x-job-uuid", name);
        Ok(())
    }
}

fn header(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| "a header value is not printable".to_owned())
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("credentials", &self.credentials)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}

fn starts_command(info: &OperationInfo) -> bool {
    info.operation_id.starts_with("execute_guest_vm_command")
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(
        &self,
        request: &mut Request,
        info: &OperationInfo,
    ) -> Result<(), CallError<E>> {
        prepare(request);
        if request.body().is_some() {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        if starts_command(info) {
            self.inner.name_job(request).map_err(CallError::InvalidRequest)?;
        }
        // A login is made by who has no session yet.
        if info.operation_id == "log_in_by_account" {
            return Ok(());
        }
        self.inner.authenticate(request).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        let response = self.inner.transport.execute(request).await?;
        let may_hold_error = starts_command(info) || info.operation_id == "get_api_job";
        if !(may_hold_error && response.status() == StatusCode::OK) {
            return Ok(guestexec_core::limit_answer(response, MAX_ANSWER));
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        let failed = serde_json::from_slice::<ExecuteGuestVmCommandResponse>(answer.body())
            .is_ok_and(|answer| answer.error.is_some() || answer.success == Some(false));
        Ok(if failed { refused(answer) } else { answer }.into())
    }
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    _: &Client,
    operation: Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    guestexec_core::exchange("zstack", operation, exchange, error::read).await
}
