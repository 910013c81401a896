//! ZStack: sessions, AccessKeys, and commands and scripts in VMs.

mod asynchronous;
mod auth;
mod error;
mod job;
mod message;
mod query;
mod script;

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
        CREATE_GUEST_VM_SCRIPT, DELETE_GUEST_VM_SCRIPT, EXECUTE_GUEST_VM_COMMAND,
        EXECUTE_GUEST_VM_COMMAND_BY_POST, EXECUTE_GUEST_VM_SCRIPT, GET_API_JOB,
        GET_VM_GUEST_TOOLS_INFO, LOG_IN_BY_ACCOUNT, LOG_OUT, QUERY_GUEST_VM_SCRIPT,
        QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD, QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL,
        QUERY_VM_INSTANCE, RENEW_SESSION, UPDATE_GUEST_VM_SCRIPT, VALIDATE_SESSION,
    },
    types::{ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest, RenewSessionRequest},
};
use hyper::{
    Request, StatusCode, Uri, body::Incoming, header::AUTHORIZATION, http::request::Parts,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::{
    auth::{Account, Caller},
    error::{ApiError, answer},
    job::{Jobs, State, Vm},
    script::{Scripts, listed},
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
    scripts: Scripts,
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
            scripts: Scripts::default(),
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
                self.asynchronous(
                    head,
                    body,
                    |zstack, request: ExecuteGuestVmCommandRequest| async move {
                        zstack.run(&request.params).await
                    },
                )
                .await
            }
            RENEW_SESSION => {
                let uuid = uuid.to_owned();
                self.asynchronous(head, body, |zstack, request: RenewSessionRequest| async move {
                    zstack.account.renew(&uuid, request.renew_session.duration)
                })
                .await
            }
            GET_VM_GUEST_TOOLS_INFO => {
                self.authenticate(head)?;
                Ok(answer(StatusCode::OK, &self.vm(uuid, "uuid")?.guest_tools()?))
            }
            CREATE_GUEST_VM_SCRIPT => self.create_script(head, body).await,
            DELETE_GUEST_VM_SCRIPT => self.delete_script(head, uuid).await,
            EXECUTE_GUEST_VM_SCRIPT | UPDATE_GUEST_VM_SCRIPT => {
                self.act_on_script(head, body, uuid).await
            }
            QUERY_VM_INSTANCE => {
                self.authenticate(head)?;
                listed(head, &job::QUERIED, self.vms.iter().map(Vm::to_json).collect())
            }
            QUERY_GUEST_VM_SCRIPT => self.query_scripts(head),
            QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD => self.query_records(head),
            QUERY_GUEST_VM_SCRIPT_EXECUTED_RECORD_DETAIL => self.query_details(head),
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

    async fn run(&self, params: &ExecuteGuestVmCommandParams) -> Result<Value, ApiError> {
        if params.command.trim().is_empty() {
            return Err(ApiError::failed("SYS.1007", "`command` is empty"));
        }
        let vm = self.vm(&params.vm_instance_uuid, "vmInstanceUuid")?;
        vm.run(&self.processes, params).await
    }

    /// The VM with this UUID, which is the value of `parameter`.
    fn vm(&self, uuid: &str, parameter: &str) -> Result<&Vm, ApiError> {
        self.vms.iter().find(|vm| vm.uuid == uuid).ok_or_else(|| {
            let details = format!("`{parameter}` is the UUID of no vm of this account");
            ApiError::failed("SYS.1003", details)
        })
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

    /// How many scripts are saved.
    pub fn scripts(&self) -> usize {
        self.0.saved_scripts()
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.0.account.session_count()
    }
}
