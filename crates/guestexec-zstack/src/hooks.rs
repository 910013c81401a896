//! What the client does around each generated exchange: it authenticates and sends the request, and
//! brings the answer to a documented form.

use std::{future::Future, sync::Arc};

use guestexec_core::{
    Answer, Attempts, CallError, Counts, ErrorKind, MAX_ANSWER, Mark, Marks, Operation, Refusal,
    Secret, Secrets, Seen, Underway, Verdict, buffered, exchange, header_value, read_ahead,
    secret_header, unix_seconds, within,
};
use reqwest::{
    Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue},
};
use tokio::time::Instant;

use crate::{
    Client, Credentials, Error, JobId, answer,
    auth::{Holder, Kind, Session},
    error, operations, sign,
    types::ErrorCode,
};

/// The content of a client besides its address.
pub(crate) type Inner = guestexec_core::Inner<Holder, Call>;

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
    /// The marks of texts that code made for the call; a shape replaces them.
    pub(crate) marks: Vec<Mark>,
    /// The password hash in the body of a login.
    pub(crate) proof: Option<Secret>,
}

/// The caller's proof in a request.
#[derive(Default)]
struct Proof {
    held: Option<Arc<Credentials>>,
    session: Option<Arc<Secret>>,
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
    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        match &self.held()?.0 {
            Kind::Session(session) => Some(session.clone()),
            Kind::AccessKey { .. } => None,
        }
    }

    /// The credentials as they are now, if they were fetched.
    fn held(&self) -> Option<Arc<Credentials>> {
        self.inner.shared.as_ref().ok()?.current()
    }

    /// Fetches the credentials, if need be.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let keyring = self.inner.shared.as_ref().map_err(Error::clone)?;
        keyring.ready(self.inner.clock.now()).await.map(drop)
    }

    /// The secrets that no error may show.
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.inner.call.proof.iter().for_each(|proof| secrets.add(proof.expose()));
        let Some(held) = self.held() else { return secrets };
        match &held.0 {
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

    /// Adds session or signature, and returns the credentials and the session used.
    fn authenticate(&self, request: &mut Request) -> Result<Proof, String> {
        let Some(held) = self.held() else { return Ok(Proof::default()) };
        let mut session = None;
        let authorization = match &held.0 {
            Kind::Session(open) => match open.uuid() {
                Some(uuid) => {
                    let text = format!("OAuth {}", uuid.expose());
                    session = Some(uuid);
                    text
                }
                None => return Ok(Proof { held: Some(held), session }),
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
        Ok(Proof { held: Some(held), session })
    }

    /// Removes the reason for which the node refused the caller's proof: opens the session again, or
    /// fetches other credentials. False if nothing is better now.
    ///
    /// The handle of a command decides this itself, because it knows the job and the deadline.
    async fn renew_proof(&self, proof: &Proof, refusal: &Refusal<ErrorCode>) -> bool {
        let Inner { operation, call, shared, clock, .. } = &self.inner;
        let is_spared = call.job.is_some() || call.repeated || **operation == operations::LOG_OUT;
        if is_spared || operation.starts_command && !refusal.not_started {
            return false;
        }
        let Some(held) = &proof.held else { return false };
        let ended = refusal.detail.as_ref().is_some_and(error::is_session_end);
        match (&held.0, &proof.session) {
            (Kind::Session(session), Some(used)) if ended && session.can_be_renewed() => {
                session.renew(self, used).await.unwrap_or(false)
            }
            (Kind::Session(_), _) if !ended => false,
            // A node answers 403 to AccessKeys that it does not know.
            (Kind::AccessKey { .. }, _) if refusal.kind != ErrorKind::Forbidden => false,
            _ => match shared {
                Ok(keyring) => {
                    let now = clock.now();
                    keyring.renew(now, |credentials| credentials.is_same(held)).await
                }
                Err(_) => false,
            },
        }
    }

    /// Names the job of a request, so that its result can be polled.
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
    if operation.starts_command || call.job.is_some() {
        client.name_job(&mut request).map_err(CallError::InvalidRequest)?;
    }
    let secrets = || client.secrets();
    let mut attempts = match call.repeated {
        true => client.inner.single_attempt(),
        false => client.inner.attempts(call.job.as_ref().map(|(_, deadline)| *deadline)),
    };
    let mut may_renew = client.identifies(operation);
    loop {
        let spare = request.try_clone();
        let limit = attempts.limit();
        let mut proof = Proof::default();
        let attempt = client.attempt(request, &mut attempts, &mut proof);
        let mut result = within(limit, attempt).await;
        // Taken out, because a result with an answer in it is no `Sync`.
        let refusal = result.as_mut().ok().and_then(|(_, refusal)| refusal.take());
        let is_renewed = match &refusal {
            Some(refusal) if may_renew => client.renew_proof(&proof, refusal).await,
            _ => false,
        };
        if is_renewed {
            may_renew = false;
            call.underway.refute();
        }
        if let Ok((_, place)) = &mut result {
            *place = refusal;
        }
        let Some(mut spare) = spare else { return result.map(|(response, _)| response) };
        let goes_on = match is_renewed {
            true => attempts.again(Verdict::Corrected, Seen::default(), &secrets).await,
            false => attempts.follow(&result, &call.underway, &secrets).await,
        };
        if !goes_on {
            return result.map(|(response, _)| response);
        }
        // The refused request may have used up the job's name.
        if is_renewed && operation.starts_command {
            client.name_job(&mut spare).map_err(CallError::InvalidRequest)?;
        }
        request = spare;
    }
}

impl Client {
    /// Authenticates and sends a request once. With an answer that is an error comes its meaning.
    async fn attempt(
        &self,
        mut request: Request,
        attempts: &mut Attempts<'_>,
        proof: &mut Proof,
    ) -> Result<(Response, Option<Refusal<ErrorCode>>), CallError> {
        let Inner { operation, call, .. } = &self.inner;
        if self.identifies(operation) {
            *proof = self.authenticate(&mut request).map_err(CallError::InvalidRequest)?;
        }
        if let Some((_, deadline)) = &call.job {
            let left = deadline.saturating_duration_since(Instant::now());
            *request.timeout_mut() = Some(left);
        }
        self.inner.prepare(&mut request)?;
        attempts.begin(&request);
        call.underway.begin();
        let response = self.inner.send(request).await?;
        let response = match response.status().is_success() {
            true => {
                let answer = buffered(response, MAX_ANSWER).await?;
                Response::from(answer::documented(answer, operation, call.repeated))
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
    // `Client::with_credentials` does not report bad ones.
    let ready = match (&client.inner.shared, client.identifies(operation)) {
        (Ok(_), false) => Ok(()),
        _ => client.ready().await,
    };
    ready.map_err(|error| error.during(operation.id))?;
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
