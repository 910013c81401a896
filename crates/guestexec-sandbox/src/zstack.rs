//! ZStack: sessions, AccessKeys, and commands in VMs.

mod auth;
mod error;
mod job;
mod message;

use std::{
    collections::HashSet,
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use guestexec_core::{Operation, Validate};
use guestexec_zstack::{
    operations::{
        EXECUTE_GUEST_VM_COMMAND, EXECUTE_GUEST_VM_COMMAND_BY_POST, GET_API_JOB, LOG_IN_BY_ACCOUNT,
        LOG_OUT, VALIDATE_SESSION,
    },
    types::{ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest},
};
use hyper::{
    Request, StatusCode, Uri, body::Incoming, header::AUTHORIZATION, http::request::Parts,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::{
    auth::{Account, Caller},
    error::{ApiError, answer},
    job::{Jobs, Sender, State, Vm},
};
use crate::{
    body::{Body, BodyError},
    builder::Builder,
    json::array_for_object,
    process::Processes,
    provider::{MESSAGE, MESSAGE_RESULT, Provider, RouteError},
    random,
    service::{self, Answer, Service},
    tasks::Tasks,
};

/// Where the REST interface is served.
const CONTEXT_PATH: &str = "/zstack";
/// The UUID of the running VM: the one in the vendor's own example.
const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
/// Longest body of a log-in, in bytes.
const MAX_LOGIN: usize = 64 * 1024;
/// Longest body in bytes from a sender without a valid session: a command of 65 536 characters, escaped.
const MAX_MESSAGE: usize = 512 * 1024;
/// How long the server works on a job, in milliseconds, as its answer says.
const API_TIMEOUT: u32 = 1_800_000;

/// The service.
pub(crate) struct Zstack {
    address: SocketAddr,
    account: Account,
    /// The running ones, then one that is stopped and one that is broken.
    vms: Vec<Vm>,
    answers_with_jobs: bool,
    job_delay: Duration,
    location_host: Option<String>,
    jobs: Jobs,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
}

impl Zstack {
    pub(crate) fn new(
        builder: &Builder,
        address: SocketAddr,
        processes: Arc<Processes>,
        tasks: Arc<Tasks>,
    ) -> Self {
        Self {
            address,
            account: Account::new(builder.zstack_utc_offset),
            vms: vms(builder),
            answers_with_jobs: builder.zstack_jobs,
            job_delay: builder.zstack_job_delay,
            location_host: builder.zstack_location_host.clone(),
            jobs: Jobs::new(builder.zstack_job_life),
            processes,
            tasks,
        }
    }

    async fn route(self: &Arc<Self>, head: &Parts, body: &mut Body) -> Result<Answer, ApiError> {
        let (operation, parameters) = Self::PROVIDER
            .route(head.method.as_str(), api_path(&head.uri))
            .map_err(|error| match error {
                RouteError::NotFound => {
                    ApiError::Text(StatusCode::NOT_FOUND, "no such API".to_owned())
                }
                RouteError::MethodNotAllowed => ApiError::Text(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "the method is not one of this API".to_owned(),
                ),
            })?;
        let uuid = parameters.first().copied().unwrap_or_default();
        match *operation {
            LOG_IN_BY_ACCOUNT => {
                let body = body.read_unproven(MAX_LOGIN).await.map_err(unread)?;
                let body = self.account.log_in(&parse(&body.bytes)?)?;
                Ok(answer(StatusCode::OK, &body))
            }
            VALIDATE_SESSION => {
                Ok(answer(StatusCode::OK, &json!({ "valid": self.account.is_session(uuid) })))
            }
            LOG_OUT => {
                // The session's UUID is enough, and the vendor's Java SDK sends nothing else.
                if head.headers.contains_key(AUTHORIZATION) {
                    self.authenticate(head)?;
                }
                self.account.log_out(uuid);
                Ok(answer(StatusCode::OK, &json!({})))
            }
            GET_API_JOB => self.job(uuid),
            EXECUTE_GUEST_VM_COMMAND | EXECUTE_GUEST_VM_COMMAND_BY_POST => {
                self.execute(head, body).await
            }
            MESSAGE => self.message(body).await,
            MESSAGE_RESULT => self.message_result(uuid),
            _ => Err(ApiError::Text(
                StatusCode::NOT_IMPLEMENTED,
                format!("the sandbox does not serve {}", operation.id),
            )),
        }
    }

    /// Refuses a caller without a valid session or AccessKey.
    fn authenticate(&self, head: &Parts) -> Result<(), ApiError> {
        match self.account.caller(head)? {
            Caller::Known => Ok(()),
            Caller::NoSession => Err(no_session()),
        }
    }

    /// How a job ended, if it has. It needs no credentials: the UUID is enough.
    fn outcome(&self, uuid: &str) -> Result<Option<Result<Value, ApiError>>, ApiError> {
        let result = self.jobs.get(uuid).ok_or_else(|| {
            ApiError::Text(StatusCode::NOT_FOUND, "the job is unknown, or was forgotten".to_owned())
        })?;
        let outcome = result.borrow().clone();
        Ok(outcome)
    }

    /// A job's result.
    fn job(&self, uuid: &str) -> Result<Answer, ApiError> {
        match self.outcome(uuid)? {
            None => Ok(answer(StatusCode::ACCEPTED, &json!({}))),
            Some(result) => Ok(answer(StatusCode::OK, &result?)),
        }
    }

    async fn execute(self: &Arc<Self>, head: &Parts, body: &mut Body) -> Result<Answer, ApiError> {
        let caller = self.account.caller(head)?;
        let uuid = match auth::text(&head.headers, "x-job-uuid")? {
            Some(uuid) if uuid.len() != 32 || !uuid.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                return Err(ApiError::bad_request("X-Job-UUID has to be 32 letters and digits"));
            }
            uuid => uuid.map(str::to_owned),
        };
        let body = match caller {
            Caller::Known => body.read().await,
            Caller::NoSession => body.read_unproven(MAX_MESSAGE).await.map(|body| body.bytes),
        }
        .map_err(unread)?;
        let request: Checked<ExecuteGuestVmCommandRequest> = parse_unchecked(&body)?;
        let (uuid, sender) = self.jobs.create(uuid, &caller)?;
        let mut result = self.jobs.get(&uuid).unwrap_or_else(|| sender.subscribe());
        let params = match caller {
            Caller::NoSession => Err(no_session()),
            Caller::Known => request.map(|request| request.params),
        };
        self.start_job(&uuid, sender, params);
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

    /// Starts a job in a task of its own: the command runs on if the caller hangs up, as in the real service.
    fn start_job(
        self: &Arc<Self>,
        uuid: &str,
        sender: Sender,
        params: Result<ExecuteGuestVmCommandParams, ApiError>,
    ) {
        let (zstack, uuid) = (Arc::clone(self), uuid.to_owned());
        self.tasks.spawn(async move {
            let outcome = match params {
                Err(error) => Err(error),
                Ok(params) => {
                    let outcome = zstack.run(&params).await;
                    sleep(zstack.job_delay).await;
                    outcome
                }
            };
            sender.send_replace(Some(outcome));
            zstack.jobs.finish(&uuid);
        });
    }

    async fn run(&self, params: &ExecuteGuestVmCommandParams) -> Result<Value, ApiError> {
        if params.command.trim().is_empty() {
            return Err(ApiError::failed("SYS.1007", "`command` is empty"));
        }
        let uuid = &params.vm_instance_uuid;
        let vm = self.vms.iter().find(|vm| vm.uuid == *uuid).ok_or_else(|| {
            ApiError::failed("SYS.1003", "`vmInstanceUuid` is the UUID of no vm of this account")
        })?;
        vm.run(&self.processes, params).await
    }

    fn endpoint(&self) -> String {
        format!("http://{}{CONTEXT_PATH}", self.address)
    }
}

/// The VMs with the UUIDs that were set, then the counted ones, of which the first is the vendor's example, then the two
/// that run no commands.
fn vms(builder: &Builder) -> Vec<Vm> {
    let mut uuids = builder.zstack_vm_uuids.clone();
    let more = std::iter::once(VM.to_owned()).chain(std::iter::repeat_with(random::hex32));
    uuids.extend(more.take(builder.zstack_vms));
    let mut known = HashSet::new();
    uuids.retain(|uuid| known.insert(uuid.clone()));
    let running = uuids.into_iter().map(|uuid| (uuid, State::Running));
    let others = [State::Stopped, State::Broken].map(|state| (random::hex32(), state));
    let all = running.chain(others).enumerate();
    all.map(|(index, (uuid, state))| Vm::new(index, uuid, state, builder.zstack_utc_offset))
        .collect()
}

impl Service for Zstack {
    const PROVIDER: Provider = Provider::Zstack;

    fn operation(&self, request: &Request<Incoming>) -> Option<&'static Operation> {
        let routed = Self::PROVIDER.route(request.method().as_str(), api_path(request.uri()));
        routed.ok().map(|(operation, _)| operation)
    }

    fn throttled(&self) -> Answer {
        service::text(StatusCode::TOO_MANY_REQUESTS, "too many requests from this address")
    }

    fn expire(&self, request: &Request<Incoming>) -> Option<Answer> {
        let authorization = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        match authorization.strip_prefix("OAuth ") {
            Some(session) => {
                self.account.log_out(session.trim());
                None
            }
            None => Some(ApiError::forbidden("the AccessKey has expired").answer()),
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let (head, mut body) = Body::split(request);
        let answer = self.route(&head, &mut body).await.unwrap_or_else(ApiError::answer);
        body.discard().await;
        answer
    }
}

/// The path as the operations have it; empty outside of the interface.
fn api_path(uri: &Uri) -> &str {
    match uri.path().strip_prefix(CONTEXT_PATH).unwrap_or_default() {
        // The vendor's clients call the message interface both ways.
        "/api" => MESSAGE.path,
        path => path,
    }
}

fn no_session() -> ApiError {
    ApiError::failed("ID.1001", "the session does not exist or has expired; log in again")
}

/// The error for a body that was not read.
fn unread(error: BodyError) -> ApiError {
    match error {
        BodyError::TooLong => ApiError::Text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than this API accepts: 64 KiB to log in, 512 KiB without a good session, else 10 MB"
                .to_owned(),
        ),
        BodyError::Incomplete => ApiError::bad_request("the body did not arrive completely"),
    }
}

/// A request within its limits, or the operation's error.
type Checked<T> = Result<T, ApiError>;

fn parse<T: DeserializeOwned + Serialize + Validate>(body: &[u8]) -> Result<T, ApiError> {
    parse_unchecked(body)?
}

/// Reads a request. The outer error is the REST layer's, the inner one the operation's.
fn parse_unchecked<T: DeserializeOwned + Serialize + Validate>(
    body: &[u8],
) -> Result<Checked<T>, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(request) => match array_for_object(body, &request) {
            Some(path) => {
                Err(ApiError::bad_request(format!("`{path}` is a list, and has to be an object")))
            }
            None => Ok(request
                .validate()
                .map_err(|violation| ApiError::failed("SYS.1007", violation.to_string()))
                .map(|()| request)),
        },
        Err(error) if error.inner().to_string().starts_with("missing field") => {
            let member = error.inner().to_string();
            let member = member.split('`').nth(1).unwrap_or_default().to_owned();
            Ok(Err(ApiError::failed(
                "SYS.1007",
                format!("`{member}` is mandatory, but was not given"),
            )))
        }
        Err(error) if error.inner().is_data() => {
            Err(ApiError::bad_request(format!("`{}` has the wrong type", error.path())))
        }
        Err(_) => Err(ApiError::bad_request("the body is not JSON")),
    }
}

/// The ZStack service of a [`Sandbox`](crate::Sandbox): its endpoint, its credentials, and what it ran.
#[derive(Clone)]
pub struct ZstackHandle(pub(crate) Arc<Zstack>);

impl fmt::Debug for ZstackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZstackHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl ZstackHandle {
    /// Makes a client of this service, which logs in by the account's name and password when the first
    /// request is made.
    ///
    /// # Errors
    /// Those of [`guestexec_zstack::ClientBuilder::build`].
    pub fn client(&self) -> Result<guestexec_zstack::Client, guestexec_zstack::Error> {
        let credentials =
            guestexec_zstack::Credentials::password(self.account_name(), self.password());
        guestexec_zstack::Client::builder()
            .endpoint(self.endpoint())
            .credentials(credentials)
            .build()
    }

    /// The URL of the REST interface, `http://127.0.0.1:<port>/zstack`.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// The account's name.
    pub fn account_name(&self) -> &str {
        &self.0.account.name
    }

    /// The account's password, not hashed.
    pub fn password(&self) -> &str {
        &self.0.account.password
    }

    /// The id of the account's AccessKey.
    pub fn access_key_id(&self) -> &str {
        &self.0.account.key_id
    }

    /// The secret of the account's AccessKey.
    pub fn access_key_secret(&self) -> &str {
        &self.0.account.key_secret
    }

    /// The UUID of a running Linux VM, the first of [`Self::vm_uuids`]; empty if there is none.
    ///
    /// It is the one in the vendor's example, `fc022ba201c135d8809c5e02bf6bf156`, unless
    /// [`Builder::zstack_vm`](crate::Builder::zstack_vm) set another.
    pub fn vm_uuid(&self) -> &str {
        let running = &self.0.vms[..self.0.vms.len() - 2];
        running.first().map_or("", |vm| &vm.uuid)
    }

    /// The UUIDs of all running Linux VMs that take commands.
    pub fn vm_uuids(&self) -> Vec<String> {
        let running = &self.0.vms[..self.0.vms.len() - 2];
        running.iter().map(|vm| vm.uuid.clone()).collect()
    }

    /// The UUID of a Linux VM that is stopped.
    pub fn stopped_vm_uuid(&self) -> &str {
        &self.0.vms[self.0.vms.len() - 2].uuid
    }

    /// The UUID of a running Linux VM in which every command fails before it starts, with a chain of three causes as
    /// newer nodes report it.
    pub fn broken_vm_uuid(&self) -> &str {
        &self.0.vms[self.0.vms.len() - 1].uuid
    }

    /// The URL of the older message interface, `http://127.0.0.1:<port>/zstack/api/`.
    pub fn message_endpoint(&self) -> String {
        format!("{}/api/", self.0.endpoint())
    }

    /// Expires all sessions now.
    pub fn expire_sessions(&self) {
        self.0.account.expire_all();
    }

    /// How many commands were really started in this VM; 0 for an unknown one.
    pub fn executions(&self, vm_uuid: &str) -> usize {
        let vm = self.0.vms.iter().find(|vm| vm.uuid == vm_uuid);
        vm.map_or(0, |vm| vm.executions.load(Ordering::Relaxed))
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.0.account.session_count()
    }
}
