//! Asynchronous calls: each is a job, whose result the answer waits for or gives the address of.

use std::{future::Future, sync::Arc};

use guestexec_core::Validate;
use hyper::{StatusCode, body::Bytes, http::request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    CONTEXT_PATH, Checked, MAX_MESSAGE, Zstack,
    auth::{self, Caller},
    error::{ApiError, answer},
    job::Sender,
    no_session, parse_unchecked, unread,
};
use crate::{body::Body, service::Answer};

/// How long the server works on a job, in milliseconds, as its answer says.
const API_TIMEOUT: u32 = 1_800_000;

impl Zstack {
    /// Answers a call with a body: `work` is what the operation does with a request within its limits.
    pub(super) async fn asynchronous<T, W>(
        self: &Arc<Self>,
        head: &Parts,
        body: &mut Body,
        work: impl FnOnce(Arc<Self>, T) -> W + Send + 'static,
    ) -> Result<Answer, ApiError>
    where
        T: DeserializeOwned + Serialize + Validate + Send + 'static,
        W: Future<Output = Result<Value, ApiError>> + Send,
    {
        let caller = self.account.caller(head)?;
        let job = job_uuid(head)?;
        let body = self.read(&caller, body).await?;
        let request = parse_unchecked::<T>(&body)?;
        self.answer_by_job(&caller, job, request, work).await
    }

    /// Reads the body of a call, which may be long if its caller is known.
    pub(super) async fn read(&self, caller: &Caller, body: &mut Body) -> Result<Bytes, ApiError> {
        match caller {
            Caller::Known => body.read().await,
            Caller::NoSession => body.read_unproven(MAX_MESSAGE).await.map(|body| body.bytes),
        }
        .map_err(unread)
    }

    /// Creates the job of a call, whose work begins at once, and answers as the sandbox is set to.
    pub(super) async fn answer_by_job<T, W>(
        self: &Arc<Self>,
        caller: &Caller,
        job: Option<String>,
        request: Checked<T>,
        work: impl FnOnce(Arc<Self>, T) -> W + Send + 'static,
    ) -> Result<Answer, ApiError>
    where
        T: Send + 'static,
        W: Future<Output = Result<Value, ApiError>> + Send,
    {
        let (uuid, sender) = self.jobs.create(job, caller)?;
        let mut result = self.jobs.get(&uuid).unwrap_or_else(|| sender.subscribe());
        let request = match caller {
            Caller::NoSession => Err(no_session()),
            Caller::Known => request,
        };
        self.start_job(&uuid, sender, request, work);
        if self.answers_with_jobs {
            let own = || self.address.to_string();
            let host = self.location_host.clone().unwrap_or_else(own);
            let location = format!("http://{host}{CONTEXT_PATH}/v1/api-jobs/{uuid}");
            let body = json!({ "location": location, "apiTimeout": API_TIMEOUT });
            return Ok(answer(StatusCode::ACCEPTED, &body));
        }
        let outcome = match result.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        };
        let stopping = || Err(ApiError::failed("SYS.1017", "the management node is stopping"));
        Ok(answer(StatusCode::OK, &outcome.unwrap_or_else(stopping)?))
    }

    /// Starts a job in a task of its own: the work goes on if the caller hangs up, as in the real service.
    pub(super) fn start_job<T, W>(
        self: &Arc<Self>,
        uuid: &str,
        sender: Sender,
        request: Checked<T>,
        work: impl FnOnce(Arc<Self>, T) -> W + Send + 'static,
    ) where
        T: Send + 'static,
        W: Future<Output = Result<Value, ApiError>> + Send,
    {
        let (zstack, uuid) = (Arc::clone(self), uuid.to_owned());
        self.tasks.spawn(async move {
            let outcome = match request {
                Err(error) => Err(error),
                Ok(request) => {
                    let outcome = work(Arc::clone(&zstack), request).await;
                    sleep(zstack.job_delay).await;
                    outcome
                }
            };
            sender.send_replace(Some(outcome));
            zstack.jobs.finish(&uuid);
        });
    }
}

/// The UUID that the caller gives the job, if it does.
pub(super) fn job_uuid(head: &Parts) -> Result<Option<String>, ApiError> {
    match auth::text(&head.headers, "x-job-uuid")? {
        Some(uuid) if uuid.len() != 32 || !uuid.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err(ApiError::bad_request("X-Job-UUID has to be 32 letters and digits"))
        }
        uuid => Ok(uuid.map(str::to_owned)),
    }
}
