//! A transport that keeps what it is given, and sends nothing.

use std::sync::{Arc, Mutex, PoisonError};

use guestexec::{
    HeaderName, HeaderValue, Operation, Request, RequestShape, Response, ResponseFuture,
    StatusCode, Transport, TransportError, cci, zstack,
};

use super::curl;
use crate::{
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    say,
};

/// The requests that would be sent, up to the one of the operation that is wanted. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct DryRun {
    wanted: &'static str,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// A request that was not sent.
#[derive(Clone, Debug)]
struct Kept {
    operation: &'static str,
    request: Request,
}

impl DryRun {
    pub(super) fn new(wanted: &'static str) -> Self {
        Self { wanted, kept: Arc::default() }
    }

    /// Shows the requests; `failed` is how the call ended.
    ///
    /// # Errors
    /// The call's, if it failed before its request was made.
    pub(super) async fn show(
        &self,
        failed: Option<Failure>,
        as_curl: bool,
        global: &Global,
    ) -> Result<Exit, Failure> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_whole = kept.last().is_some_and(|last| last.operation == self.wanted);
        if let (true, Some(failed)) = (kept.is_empty(), &failed) {
            return Err(failed.clone());
        }
        for (index, Kept { request, .. }) in kept.iter().enumerate() {
            let text = match (as_curl, global.output) {
                (true, _) => curl::line(request)?,
                (false, Format::Text) => {
                    let apart = if index > 0 { "\n" } else { "" };
                    format!("{apart}{}", RequestShape::of(request).to_string().trim_end())
                }
                (false, _) => {
                    let shape = serde_json::to_string(&RequestShape::of(request));
                    shape.map_err(|error| Failure::new(error.to_string()))?
                }
            };
            say::line(text).await?;
        }
        if !is_whole {
            return Err(Failure::new(
                "the credentials are in the answer to this request, which a dry run does not send",
            )
            .advise("Give a key, or run it without --dry-run and --curl."));
        }
        if kept.len() > 1 {
            say::note(global, "the login comes first; the call then has what it is answered with");
        }
        Ok(Exit::SUCCESS)
    }
}

impl Transport for DryRun {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let kept = Kept { operation: operation.id, request };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        let answer = if operation.id == self.wanted { None } else { login(operation) };
        let result = answer.ok_or_else(|| TransportError::not_sent("a dry run sends nothing"));
        Box::pin(std::future::ready(result))
    }
}

/// The answer to a login, so that the call after it can be shown.
fn login(operation: &Operation) -> Option<Response> {
    if *operation == zstack::operations::LOG_IN_BY_ACCOUNT {
        let session = r#"{"inventory":{"uuid":"00000000000000000000000000000000"}}"#;
        return Some(Response::new(StatusCode::OK, session));
    }
    if *operation == cci::operations::CREATE_USER_TOKEN {
        let token = HeaderValue::from_static("token");
        let name = HeaderName::from_static("x-subject-token");
        return Some(Response::new(StatusCode::CREATED, "{}").with_header(name, token));
    }
    None
}
