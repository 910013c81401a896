//! The one seam: every request is authenticated and carried here, every answer first seen here.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use guestexec_core::{
    Clock, MAX_ANSWER, Marks, Operation, Secret, Secrets, Transport, Underway, buffered,
    unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
};

use crate::{
    Client, Credentials, Error, answer,
    auth::{Kind, Session},
    error,
    job::JobId,
    sign,
};

/// That of a client which is not calling anything.
const IDLE: Operation = Operation::undocumented("", "", "");

/// What a client holds besides its address: what its clones share, and the state of one call.
#[derive(Clone)]
pub struct Inner {
    credentials: Credentials,
    shared: Arc<Shared>,
    /// What is being called; of no meaning between calls.
    operation: &'static Operation,
    call: Call,
}

pub(crate) struct Shared {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checks: bool,
}

/// The state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether its request has left.
    underway: Underway,
    /// The job its command is to run under, and how long the answer may take.
    job: Option<(JobId, Duration)>,
    /// Whether it is sent with credentials even where none are needed.
    identified: bool,
    /// What its body proves the account with.
    proof: Option<Secret>,
}

impl Call {
    /// That of a call whose command is to run under `job`, and whose answer may take `timeout`.
    pub(crate) fn under(job: JobId, timeout: Duration) -> Self {
        Self { job: Some((job, timeout)), ..Self::default() }
    }

    /// That of a call which says who makes it, though a node asks for no credentials: something in
    /// between may.
    pub(crate) fn identified(identified: bool) -> Self {
        Self { identified, ..Self::default() }
    }

    /// That of a login with this.
    pub(crate) fn proving(proof: Secret) -> Self {
        Self { proof: Some(proof), ..Self::default() }
    }
}

impl Client {
    /// This client for one call of `operation`, which `call` is the state of.
    pub(crate) fn with_call(&self, operation: &'static Operation, call: Call) -> Self {
        let mut client = self.clone();
        client.inner.operation = operation;
        client.inner.call = call;
        client
    }
}

impl Inner {
    pub(crate) fn new(credentials: Credentials, shared: Shared) -> Self {
        Self { credentials, shared: Arc::new(shared), operation: &IDLE, call: Call::default() }
    }

    /// Whether requests are checked against the spec's limits.
    pub(crate) fn checks(&self) -> bool {
        self.shared.checks
    }

    pub(crate) fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.credentials.0 {
            Kind::Session(session) => Some(session),
            Kind::AccessKey { .. } => None,
        }
    }

    /// All that is not to be told.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.call.proof.iter().for_each(|proof| secrets.add(proof.expose()));
        match &self.credentials.0 {
            Kind::Session(session) => {
                session.uuid().into_iter().for_each(|uuid| secrets.add(uuid.expose()));
                session.password_hash().into_iter().for_each(|hash| secrets.add(hash.expose()));
            }
            Kind::AccessKey { secret, .. } => secrets.add(secret.expose()),
        }
        secrets
    }

    fn authenticate(&self, request: &mut Request) -> Result<(), String> {
        let authorization = match &self.credentials.0 {
            Kind::Session(session) => match session.uuid() {
                Some(uuid) => format!("OAuth {}", uuid.expose()),
                None => return Ok(()),
            },
            Kind::AccessKey { id, secret, zone } => {
                let date = sign::format_date(unix_seconds(self.shared.clock.now()), zone)
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
        let job = match &self.call.job {
            Some((job, timeout)) => {
                *request.timeout_mut() = Some(*timeout);
                job.clone()
            }
            None => JobId::random().map_err(|error| error.to_string())?,
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
            .field("checks", &self.shared.checks)
            .finish_non_exhaustive()
    }
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        let operation = self.inner.operation;
        Marks { operation, times: &["date"], nonces: &["x-job-uuid"] }.put(request);
        if request.body().is_some() {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        if operation.starts_command {
            self.inner.name_job(request).map_err(CallError::InvalidRequest)?;
        }
        if operation.open && !self.inner.call.identified {
            return Ok(());
        }
        self.inner.authenticate(request).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.inner.call.underway.begin();
        let response = self.inner.shared.transport.execute(self.inner.operation, request).await?;
        if !response.status().is_success() {
            return Ok(guestexec_core::limit_answer(response, MAX_ANSWER));
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        Ok(answer::documented(answer, self.inner.operation).into())
    }
}

/// Makes a generated exchange, and its failure the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    exchange: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    // Those of `Client::with_credentials` are not checked before.
    client.inner.credentials.check().map_err(|error| error.during(operation.id))?;
    match client.inner.session() {
        Some(session) if !operation.open || client.inner.call.identified => {
            session.open(client).await?;
        }
        _ => {}
    }
    let underway = &client.inner.call.underway;
    let secrets = || client.inner.secrets();
    guestexec_core::exchange("zstack", operation, underway, secrets, exchange, error::read).await
}
