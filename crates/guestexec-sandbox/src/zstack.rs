//! ZStack: sessions, AccessKeys, and commands in VMs.

mod auth;
mod job;
mod refusal;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use guestexec_core::Validate;
use guestexec_zstack::types::{ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest};
use hyper::{Method, Request, StatusCode, body::Incoming, http::request::Parts};
use serde::de::DeserializeOwned;
use serde_json::json;

use self::{
    auth::{Account, Caller},
    job::{Jobs, Vm},
    refusal::{Refusal, answer},
};
use crate::{
    builder::Builder,
    process::Processes,
    random,
    server::{self, Answer, BodyError, Service},
    tasks::Tasks,
};

/// Where the REST interface is served.
const CONTEXT_PATH: &str = "/zstack";
/// The UUID of the running VM: the one in the vendor's own example.
const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";
/// How long the server works on a job, as it says in its answer, in milliseconds.
const API_TIMEOUT: u32 = 1_800_000;

/// The service.
pub(crate) struct Zstack {
    address: SocketAddr,
    account: Account,
    vms: [Arc<Vm>; 2],
    answers_with_jobs: bool,
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
        let offset = builder.zstack_utc_offset;
        Self {
            address,
            account: Account::new(offset),
            vms: [
                Arc::new(Vm::new(0, VM.to_owned(), "vm_1", true, offset)),
                Arc::new(Vm::new(1, random::hex32(), "vm_2", false, offset)),
            ],
            answers_with_jobs: builder.zstack_jobs,
            jobs: Jobs::default(),
            processes,
            tasks,
        }
    }

    async fn route(self: &Arc<Self>, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let not_found = || Refusal::Text(StatusCode::NOT_FOUND, "no such API".to_owned());
        let segments: Vec<&str> = path
            .strip_prefix(CONTEXT_PATH)
            .and_then(|path| path.strip_prefix("/v1/"))
            .ok_or_else(not_found)?
            .split('/')
            .collect();
        let only = |methods: &[Method]| {
            if methods.contains(&head.method) {
                return Ok(());
            }
            let text = "the method is not one of this API".to_owned();
            Err(Refusal::Text(StatusCode::METHOD_NOT_ALLOWED, text))
        };
        match segments[..] {
            ["accounts", "login"] => {
                only(&[Method::PUT])?;
                let body = self.account.log_in(&parse(&read(body).await?)?)?;
                Ok(answer(StatusCode::OK, &body))
            }
            ["accounts", "sessions", uuid, "valid"] => {
                only(&[Method::GET])?;
                Ok(answer(StatusCode::OK, &json!({ "valid": self.account.is_session(uuid) })))
            }
            ["accounts", "sessions", uuid] => {
                only(&[Method::DELETE])?;
                self.known(&head)?;
                self.account.log_out(uuid);
                Ok(answer(StatusCode::OK, &json!({})))
            }
            ["api-jobs", uuid] => {
                only(&[Method::GET])?;
                self.job(uuid)
            }
            ["vm-instances", "commands", "exec"] => {
                only(&[Method::PUT, Method::POST])?;
                self.execute(&head, body).await
            }
            _ => Err(not_found()),
        }
    }

    /// A caller with a good session or AccessKey.
    fn known(&self, head: &Parts) -> Result<(), Refusal> {
        match self.account.caller(head)? {
            Caller::Known => Ok(()),
            Caller::NoSession => Err(no_session()),
        }
    }

    /// A job's result. Nobody is asked who they are: the UUID is enough.
    fn job(&self, uuid: &str) -> Result<Answer, Refusal> {
        let result = self.jobs.get(uuid).ok_or_else(|| {
            Refusal::Text(StatusCode::NOT_FOUND, "the job is unknown, or was forgotten".to_owned())
        })?;
        let result = result.borrow().clone();
        match result {
            None => Ok(answer(StatusCode::ACCEPTED, &json!({}))),
            Some(result) => Ok(answer(StatusCode::OK, &result?)),
        }
    }

    async fn execute(self: &Arc<Self>, head: &Parts, body: Incoming) -> Result<Answer, Refusal> {
        let caller = self.account.caller(head)?;
        let uuid = match auth::text(&head.headers, "x-job-uuid")? {
            Some(uuid) if uuid.len() != 32 || !uuid.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                return Err(Refusal::bad_request("X-Job-UUID has to be 32 letters and digits"));
            }
            uuid => uuid.map(str::to_owned),
        };
        let body = read(body).await?;
        let request: Checked<ExecuteGuestVmCommandRequest> = parse_unchecked(&body)?;
        let (uuid, sender) = self.jobs.create(uuid)?;
        let mut result = self.jobs.get(&uuid).unwrap_or_else(|| sender.subscribe());
        let zstack = Arc::clone(self);
        let name = uuid.clone();
        // A task of its own: the command goes on if the caller hangs up, as in the real service.
        self.tasks.spawn(async move {
            let outcome = match (caller, request) {
                (Caller::NoSession, _) => Err(no_session()),
                (Caller::Known, Err(refusal)) => Err(refusal),
                (Caller::Known, Ok(request)) => zstack.run(&request.params).await,
            };
            sender.send_replace(Some(outcome));
            zstack.jobs.over(&name);
        });
        if self.answers_with_jobs {
            let location = format!("{}/v1/api-jobs/{uuid}", self.endpoint());
            let body = json!({ "location": location, "apiTimeout": API_TIMEOUT });
            return Ok(answer(StatusCode::ACCEPTED, &body));
        }
        let outcome = match result.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        };
        let stopping = || Err(Refusal::failed("SYS.1017", "the management node is stopping"));
        Ok(answer(StatusCode::OK, &outcome.unwrap_or_else(stopping)?))
    }

    async fn run(
        &self,
        params: &ExecuteGuestVmCommandParams,
    ) -> Result<serde_json::Value, Refusal> {
        if params.command.trim().is_empty() {
            return Err(Refusal::failed("SYS.1007", "`command` is empty"));
        }
        let uuid = &params.vm_instance_uuid;
        let vm = self.vms.iter().find(|vm| vm.uuid == *uuid).ok_or_else(|| {
            Refusal::failed("SYS.1003", "`vmInstanceUuid` is the UUID of no vm of this account")
        })?;
        vm.run(&self.processes, params).await
    }

    fn endpoint(&self) -> String {
        format!("http://{}{CONTEXT_PATH}", self.address)
    }
}

impl Service for Zstack {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        self.route(request).await.unwrap_or_else(Refusal::answer)
    }
}

fn no_session() -> Refusal {
    Refusal::failed("ID.1001", "the session does not exist or has expired; log in again")
}

async fn read(body: Incoming) -> Result<hyper::body::Bytes, Refusal> {
    server::body(body).await.map_err(|error| match error {
        BodyError::TooLong => {
            Refusal::Text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 10 MB".to_owned())
        }
        BodyError::Broken => Refusal::bad_request("the body did not arrive whole"),
    })
}

/// A request whose limits were checked, or why it failed them.
type Checked<T> = Result<T, Refusal>;

fn parse<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<T, Refusal> {
    parse_unchecked(body)?
}

/// What the REST layer refuses is an error; what the operation refuses is inside.
fn parse_unchecked<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<Checked<T>, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(request) => Ok(request
            .validate()
            .map_err(|violation| Refusal::failed("SYS.1007", violation.to_string()))
            .map(|()| request)),
        Err(error) if error.inner().to_string().starts_with("missing field") => {
            let member = error.inner().to_string();
            let member = member.split('`').nth(1).unwrap_or_default().to_owned();
            Ok(Err(Refusal::failed(
                "SYS.1007",
                format!("`{member}` is mandatory, but was not given"),
            )))
        }
        Err(error) if error.inner().is_data() => {
            Err(Refusal::bad_request(format!("`{}` has the wrong type", error.path())))
        }
        Err(_) => Err(Refusal::bad_request("the body is not JSON")),
    }
}

/// The ZStack service of a [`Sandbox`](crate::Sandbox): where it is, who may use it, what it did.
#[derive(Clone)]
pub struct ZstackHandle(pub(crate) Arc<Zstack>);

impl fmt::Debug for ZstackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZstackHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl ZstackHandle {
    /// The URL of the REST interface, `http://127.0.0.1:<port>/zstack`.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// The account's name.
    pub fn account_name(&self) -> &str {
        &self.0.account.name
    }

    /// The account's password, in clear.
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

    /// The UUID of a running Linux VM, the one in the vendor's example: `fc022ba201c135d8809c5e02bf6bf156`.
    pub fn vm_uuid(&self) -> &str {
        &self.0.vms[0].uuid
    }

    /// The UUID of a Linux VM that is stopped.
    pub fn stopped_vm_uuid(&self) -> &str {
        &self.0.vms[1].uuid
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
