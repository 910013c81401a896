//! What the client does around each generated exchange: it authenticates and sends the request, and
//! brings the answer to a documented form.

use std::future::Future;

use guestexec_core::{
    Answer, Attempts, CallError, Counts, MAX_ANSWER, Mark, Marks, Operation, Refusal, Secret,
    Secrets, Underway, buffered, exchange, header_value, read_ahead, secret_header, unix_seconds,
    within,
};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
};
use tokio::time::Instant;

use crate::{
    Client, Credentials, Error, JobId, answer,
    auth::{Kind, Session},
    error, sign,
    types::ErrorCode,
};

/// What a client holds besides its address.
pub(crate) type Inner = guestexec_core::Inner<Credentials, Call>;

/// The state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Whether the request was sent.
    pub(crate) underway: Underway,
    /// The job the command runs under, and when the caller gives up.
    pub(crate) job: Option<(JobId, Instant)>,
    /// Whether the caller repeats the call itself.
    pub(crate) repeated: bool,
    /// Whether the request carries credentials even if the operation needs none: a proxy may.
    pub(crate) identified: bool,
    /// What a shape is told of the texts that were made for the call.
    pub(crate) marks: Vec<Mark>,
    /// The password hash in the body of a login.
    pub(crate) proof: Option<Secret>,
}

impl Client {
    /// How many requests were sent, throttled and retried so far, by this client and its clones.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// client.vm("fc022ba201c135d8809c5e02bf6bf156").run("uptime").await?;
    /// let counts = client.counts();
    /// // Two, with the one that logged in.
    /// assert_eq!((counts.requests, counts.throttled, counts.retried), (2, 0, 0));
    /// println!("{counts}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn counts(&self) -> Counts {
        self.inner.counts()
    }

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
            Some((job, _)) => job.clone(),
            None => JobId::random().map_err(|error| error.to_string())?,
        };
        request.headers_mut().insert("x-job-uuid", secret_header(job.expose())?);
        Ok(())
    }
}

/// Authenticates and sends the request of a call, and retries it where that does no harm.
pub(crate) async fn send(client: &Client, mut request: Request) -> Result<Response, CallError> {
    let Inner { operation, call, .. } = &client.inner;
    Marks { operation, times: &["date"], nonces: &["x-job-uuid"], made: &call.marks }
        .put(&mut request);
    if request.body().is_some() {
        let json = HeaderValue::from_static("application/json;charset=UTF-8");
        request.headers_mut().insert(CONTENT_TYPE, json);
    }
    if operation.starts_command {
        client.name_job(&mut request).map_err(CallError::InvalidRequest)?;
    }
    let mut attempts = match call.repeated {
        true => client.inner.single_attempt(),
        false => client.inner.attempts(call.job.as_ref().map(|(_, deadline)| *deadline)),
    };
    loop {
        let spare = request.try_clone();
        let limit = attempts.limit();
        let result = within(limit, client.attempt(request, &mut attempts)).await;
        match spare {
            Some(spare) if attempts.follow(&result, &call.underway).await => request = spare,
            _ => return result.map(|(response, _)| response),
        }
    }
}

impl Client {
    /// Authenticates and sends a request once. With an answer that is an error comes its meaning.
    async fn attempt(
        &self,
        mut request: Request,
        attempts: &mut Attempts<'_>,
    ) -> Result<(Response, Option<Refusal<ErrorCode>>), CallError> {
        let Inner { operation, call, .. } = &self.inner;
        if self.identifies(operation) {
            self.authenticate(&mut request).map_err(CallError::InvalidRequest)?;
        }
        if let Some((_, deadline)) = &call.job {
            let left = deadline.saturating_duration_since(Instant::now());
            *request.timeout_mut() = Some(left);
        }
        self.inner.prepare(&mut request)?;
        attempts.begin();
        call.underway.begin();
        let response = self.inner.send(request).await?;
        let response = match response.status().is_success() {
            true => {
                let answer = buffered(response, MAX_ANSWER).await?;
                Response::from(answer::documented(answer, operation))
            }
            false => response,
        };
        if response.status().is_success() {
            return Ok((response, None));
        }
        let (response, answer) = read_ahead(response).await;
        let refusal = error::read(&answer, self.signs(operation));
        Ok((response, Some(refusal)))
    }

    /// Whether a request of the call is signed with an AccessKey.
    fn signs(&self, operation: &Operation) -> bool {
        self.session().is_none() && self.identifies(operation)
    }
}

/// Makes the call whose `answer` is awaited; its failure becomes the provider's error.
pub(crate) async fn call<T>(
    client: &Client,
    operation: &'static Operation,
    answer: impl Future<Output = Result<Answer<T>, CallError>>,
) -> Result<Answer<T>, Error> {
    // `Client::with_credentials` does not check them.
    client.inner.shared.check().map_err(|error| error.during(operation.id))?;
    match client.session() {
        Some(session) if client.identifies(operation) => {
            session.open(client).await?;
        }
        _ => {}
    }
    let underway = &client.inner.call.underway;
    let signed = client.signs(operation);
    let decode = |answer: &_| error::read(answer, signed);
    exchange("zstack", operation, underway, || client.secrets(), answer, decode).await
}
