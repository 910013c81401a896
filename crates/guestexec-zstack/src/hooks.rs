//! What the client does around each generated exchange: it authenticates and sends the request, and
//! brings the answer to a documented form.

use std::{future::Future, time::Duration};

use guestexec_core::{
    MAX_ANSWER, Mark, Marks, Operation, Secret, Secrets, Underway, buffered, exchange,
    header_value, limit_answer, secret_header, unix_seconds,
};
use progenitor_client::{ClientHooks, Error as CallError, OperationInfo, ResponseValue};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
};

use crate::{
    Client, Credentials, Error, JobId, answer,
    auth::{Kind, Session},
    error, sign,
};

/// What a client holds besides its address.
pub(crate) type Inner = guestexec_core::Inner<Credentials, Call>;

/// The state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether the request was sent.
    pub(crate) underway: Underway,
    /// The job the command runs under, and how long the answer may take.
    pub(crate) job: Option<(JobId, Duration)>,
    /// Whether the request carries credentials even if the operation needs none: a proxy may.
    pub(crate) identified: bool,
    /// What a shape is told of the texts that were made for the call.
    pub(crate) marks: Vec<Mark>,
    /// The password hash in the body of a login.
    pub(crate) proof: Option<Secret>,
}

impl Client {
    /// The session, if the credentials are not an access key.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.inner.shared.0 {
            Kind::Session(session) => Some(session),
            Kind::AccessKey { .. } => None,
        }
    }

    /// What no error may show.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.inner.call.proof.iter().for_each(|proof| secrets.add(proof.expose()));
        match &self.inner.shared.0 {
            Kind::Session(session) => {
                session.uuid().into_iter().for_each(|uuid| secrets.add(uuid.expose()));
                session.password_hash().into_iter().for_each(|hash| secrets.add(hash.expose()));
            }
            Kind::AccessKey { secret, .. } => secrets.add(secret.expose()),
        }
        secrets
    }

    /// Whether a request of the call carries credentials.
    fn identifies(&self, operation: &Operation) -> bool {
        !operation.open || self.inner.call.identified
    }

    fn authenticate(&self, request: &mut Request) -> Result<(), String> {
        let authorization = match &self.inner.shared.0 {
            Kind::Session(session) => match session.uuid() {
                Some(uuid) => format!("OAuth {}", uuid.expose()),
                None => return Ok(()),
            },
            Kind::AccessKey { id, secret, zone } => {
                let date = sign::format_date(unix_seconds(self.inner.clock.now()), zone)
                    .map_err(|e| e.to_string())?;
                let path = sign::signed_path(request.url().path()).map_err(|e| e.to_string())?;
                let string = sign::string_to_sign(request.method().as_str(), &date, &path);
                let signature = sign::signature(secret.expose(), &string);
                request.headers_mut().insert(DATE, header_value(&date)?);
                sign::authorization(id, &signature)
            }
        };
        request.headers_mut().insert(AUTHORIZATION, secret_header(&authorization)?);
        Ok(())
    }

    /// Names the job of a request that starts a command, so that its result can be polled.
    fn name_job(&self, request: &mut Request) -> Result<(), String> {
        let job = match &self.inner.call.job {
            Some((job, timeout)) => {
                *request.timeout_mut() = Some(*timeout);
                job.clone()
            }
            None => JobId::random().map_err(|error| error.to_string())?,
        };
        request.headers_mut().insert("x-job-uuid", secret_header(job.expose())?);
        Ok(())
    }
}

impl ClientHooks<Inner> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), CallError<E>> {
        let operation = self.inner.operation;
        let made = &self.inner.call.marks;
        Marks { operation, times: &["date"], nonces: &["x-job-uuid"], made }.put(request);
        if request.body().is_some() {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        if operation.starts_command {
            self.name_job(request).map_err(CallError::InvalidRequest)?;
        }
        if !self.identifies(operation) {
            return Ok(());
        }
        self.authenticate(request).map_err(CallError::InvalidRequest)
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        self.inner.call.underway.begin();
        let response = self.inner.transport.execute(self.inner.operation, request).await?;
        if !response.status().is_success() {
            return Ok(limit_answer(response, MAX_ANSWER));
        }
        let answer = buffered(response, MAX_ANSWER).await?;
        Ok(answer::documented(answer, self.inner.operation).into())
    }
}

/// Makes the call `request`; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    request: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
) -> Result<ResponseValue<T>, Error> {
    // `Client::with_credentials` does not check them.
    client.inner.shared.check().map_err(|error| error.during(operation.id))?;
    match client.session() {
        Some(session) if client.identifies(operation) => {
            session.open(client).await?;
        }
        _ => {}
    }
    let underway = &client.inner.call.underway;
    let signed = client.session().is_none() && client.identifies(operation);
    let read = |answer: &_| error::read(answer, signed);
    exchange("zstack", operation, underway, || client.secrets(), request, read).await
}
