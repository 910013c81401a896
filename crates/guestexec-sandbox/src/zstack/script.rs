//! Saved scripts, their executions in VMs, and the records of these.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use guestexec_core::Base64;
use guestexec_zstack::types::{
    CreateGuestVmScriptRequest, ExecuteGuestVmScriptRequest, UpdateGuestVmScriptRequest,
};
use hyper::{StatusCode, http::request::Parts};
use serde_json::{Value, json};

use super::{
    Zstack,
    asynchronous::job_uuid,
    error::{ApiError, answer},
    job::Ended,
    query,
};
use crate::{body::Body, clock, random, service::Answer};

/// Scripts that are kept.
const MAX_SCRIPTS: usize = 1000;
/// Records that are kept, the newest ones.
const MAX_RECORDS: usize = 1000;
/// How long a script may run by default, in seconds.
const DEFAULT_TIMEOUT: i32 = 60;

/// The members that queries can ask for.
const OF_SCRIPT: [&str; 11] = [
    "uuid", "name", "description", "encodingType", "scriptContent", "renderParams", "platform",
    "scriptType", "scriptTimeout", "createDate", "lastOpDate",
];
const OF_RECORD: [&str; 12] = [
    "uuid", "scriptUuid", "recordName", "scriptTimeout", "status", "executor", "executionCount",
    "version", "encodingType", "scriptContent", "startTime", "endTime",
];
const OF_DETAIL: [&str; 10] = [
    "recordUuid", "vmInstanceUuid", "vmName", "status", "exitCode", "stdout", "errCause", "stderr",
    "startTime", "endTime",
];

/// What is saved and recorded.
#[derive(Debug, Default)]
pub(super) struct Scripts(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    scripts: Vec<Script>,
    /// Oldest first.
    records: VecDeque<Record>,
}

#[derive(Clone, Debug)]
struct Script {
    uuid: String,
    name: String,
    description: Option<String>,
    content: Vec<u8>,
    render_params: Option<String>,
    platform: String,
    language: String,
    timeout: i32,
    version: i32,
    executions: i32,
    created: i64,
    changed: i64,
}

#[derive(Debug)]
struct Record {
    uuid: String,
    script: Script,
    timeout: i32,
    started: i64,
    ended: Option<i64>,
    details: Vec<Detail>,
}

/// What an execution did in one VM.
#[derive(Debug)]
struct Detail {
    vm: String,
    name: String,
    started: i64,
    end: Option<(i64, Ended)>,
}

impl Ended {
    /// The status in the records: as the guest tools do, it takes any text on standard error for a failure.
    fn status(&self) -> &'static str {
        match self {
            Self::Exited { code: 0, stderr, .. } if stderr.is_empty() => "Succeed",
            Self::Exited { .. } => "Failed",
            Self::Not(_) => "Exception",
        }
    }
}

impl Scripts {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, request: CreateGuestVmScriptRequest, zone: i32) -> Result<Value, ApiError> {
        let given = request.params;
        if given.script_content.as_bytes().is_empty() {
            return Err(ApiError::failed("SYS.1007", "`scriptContent` is empty"));
        }
        let uuid = given.resource_uuid.unwrap_or_else(random::hex32);
        let mut shelf = self.shelf();
        if shelf.scripts.iter().any(|script| script.uuid == uuid) {
            return Err(ApiError::failed(
                "SYS.1007",
                "`resourceUuid` is the UUID of a script already",
            ));
        }
        if shelf.scripts.len() >= MAX_SCRIPTS {
            let details = format!("there are {MAX_SCRIPTS} scripts already; delete some");
            return Err(ApiError::failed("SYS.1006", details));
        }
        let now = clock::now();
        let script = Script {
            uuid,
            name: given.name,
            description: given.description,
            content: given.script_content.into_bytes(),
            render_params: given.render_params,
            platform: given.platform.to_string(),
            language: given.script_type.to_string(),
            timeout: given.script_timeout.unwrap_or(DEFAULT_TIMEOUT),
            version: 1,
            executions: 0,
            created: now,
            changed: now,
        };
        let answer = json!({ "inventory": script.to_json(zone) });
        shelf.scripts.push(script);
        Ok(answer)
    }

    fn update(&self, uuid: &str, request: UpdateGuestVmScriptRequest) -> Result<Value, ApiError> {
        let given = request.update_guest_vm_script;
        let mut shelf = self.shelf();
        let script = shelf.script(uuid)?;
        script.name = given.name.unwrap_or_else(|| script.name.clone());
        script.description = given.description.or_else(|| script.description.take());
        if let Some(content) = given.script_content {
            script.content = content.into_bytes();
        }
        script.render_params = given.render_params.or_else(|| script.render_params.take());
        if let Some(platform) = given.platform {
            script.platform = platform.to_string();
        }
        if let Some(language) = given.script_type {
            script.language = language.to_string();
        }
        script.timeout = given.script_timeout.unwrap_or(script.timeout);
        script.version = script.version.saturating_add(1);
        script.changed = clock::now();
        Ok(json!({}))
    }

    fn delete(&self, uuid: &str) {
        self.shelf().scripts.retain(|script| script.uuid != uuid);
    }

    /// Notes what the execution did in a VM.
    fn ended(&self, record: &str, vm: &str, ended: Ended) {
        let now = clock::now();
        let mut shelf = self.shelf();
        let Some(record) = shelf.records.iter_mut().find(|it| it.uuid == record) else { return };
        if let Some(detail) = record.details.iter_mut().find(|it| it.vm == vm) {
            detail.end = Some((now, ended));
        }
        if record.details.iter().all(|detail| detail.end.is_some()) {
            record.ended = Some(now);
        }
    }
}

impl Shelf {
    fn script(&mut self, uuid: &str) -> Result<&mut Script, ApiError> {
        let script = self.scripts.iter_mut().find(|script| script.uuid == uuid);
        script.ok_or_else(|| ApiError::failed("SYS.1003", "`uuid` is the UUID of no script"))
    }

    fn add(&mut self, record: Record) -> Result<(), ApiError> {
        if self.records.iter().any(|it| it.uuid == record.uuid) {
            return Err(ApiError::failed(
                "SYS.1007",
                "`recordUuid` is the UUID of a record already",
            ));
        }
        if self.records.len() >= MAX_RECORDS {
            // The oldest one that has ended makes room.
            let Some(oldest) = self.records.iter().position(|it| it.ended.is_some()) else {
                let details = format!("{MAX_RECORDS} executions are running already");
                return Err(ApiError::failed("SYS.1006", details));
            };
            self.records.remove(oldest);
        }
        self.records.push_back(record);
        Ok(())
    }
}

impl Script {
    fn to_json(&self, zone: i32) -> Value {
        let local = |time: i64| clock::us_medium(time + i64::from(zone));
        json!({
            "uuid": self.uuid,
            "name": self.name,
            "description": self.description,
            "encodingType": "Base64",
            "scriptContent": Base64::from(self.content.clone()).to_encoded(),
            "renderParams": self.render_params,
            "platform": self.platform,
            "scriptType": self.language,
            "scriptTimeout": self.timeout,
            "createDate": local(self.created),
            "lastOpDate": local(self.changed),
        })
    }
}

impl Record {
    fn status(&self) -> &'static str {
        let mut ends = self.details.iter().map(|detail| detail.end.as_ref());
        match self.ended {
            None => "Running",
            Some(_) if ends.all(|end| end.is_some_and(|(_, it)| it.status() == "Succeed")) => {
                "Succeed"
            }
            Some(_) => "Failed",
        }
    }

    fn to_json(&self, executor: &str, zone: i32) -> Value {
        let local = |time: i64| clock::us_medium(time + i64::from(zone));
        json!({
            "uuid": self.uuid,
            "scriptUuid": self.script.uuid,
            "recordName": format!("{}_{}", self.started, self.script.name),
            "scriptTimeout": self.timeout,
            "status": self.status(),
            "executor": executor,
            "executionCount": self.script.executions,
            "version": self.script.version,
            "encodingType": "Base64",
            "scriptContent": Base64::from(self.script.content.clone()).to_encoded(),
            "renderParams": self.script.render_params,
            "startTime": local(self.started),
            "endTime": local(self.ended.unwrap_or(self.started)),
        })
    }

    fn details(&self, zone: i32) -> impl Iterator<Item = Value> {
        let local = move |time: i64| clock::us_medium(time + i64::from(zone));
        self.details.iter().map(move |detail| {
            let end = detail.end.as_ref();
            let mut shown = json!({
                "recordUuid": self.uuid,
                "vmInstanceUuid": detail.vm,
                "vmName": detail.name,
                "status": end.map_or("Running", |(_, it)| it.status()),
                "startTime": local(detail.started),
                "endTime": local(end.map_or(detail.started, |(time, _)| *time)),
            });
            match end {
                Some((_, Ended::Exited { code, stdout, stderr })) => {
                    shown["exitCode"] = (*code).into();
                    shown["stdout"] = stdout.as_str().into();
                    shown["stderr"] = stderr.as_str().into();
                    shown["errCause"] = "".into();
                }
                Some((_, Ended::Not(cause))) => shown["errCause"] = cause.as_str().into(),
                None => {}
            }
            shown
        })
    }
}

impl Zstack {
    /// `POST /v1/scripts`.
    pub(super) async fn create_script(
        self: &Arc<Self>,
        head: &Parts,
        body: &mut Body,
    ) -> Result<Answer, ApiError> {
        self.asynchronous(head, body, |zstack, request| async move {
            zstack.scripts.create(request, zstack.account.utc_offset)
        })
        .await
    }

    /// `DELETE /v1/scripts/UUID`.
    pub(super) async fn delete_script(
        self: &Arc<Self>,
        head: &Parts,
        uuid: &str,
    ) -> Result<Answer, ApiError> {
        let caller = self.account.caller(head)?;
        self.answer_by_job(
            &caller,
            job_uuid(head)?,
            Ok(uuid.to_owned()),
            |zstack, uuid| async move {
                zstack.scripts.delete(&uuid);
                Ok(json!({}))
            },
        )
        .await
    }

    /// `PUT /v1/scripts/UUID/actions`: the body's member says what is to be done.
    pub(super) async fn act_on_script(
        self: &Arc<Self>,
        head: &Parts,
        body: &mut Body,
        uuid: &str,
    ) -> Result<Answer, ApiError> {
        let uuid = uuid.to_owned();
        let caller = self.account.caller(head)?;
        let job = job_uuid(head)?;
        let body = self.read(&caller, body).await?;
        let members: Value = serde_json::from_slice(&body)
            .map_err(|_| ApiError::bad_request("the body is not JSON"))?;
        if members.get("updateGuestVmScript").is_some() {
            let request = super::parse_unchecked::<UpdateGuestVmScriptRequest>(&body)?;
            let work =
                |zstack: Arc<Self>, request| async move { zstack.scripts.update(&uuid, request) };
            return self.answer_by_job(&caller, job, request, work).await;
        }
        let request = super::parse_unchecked::<ExecuteGuestVmScriptRequest>(&body)?;
        let work =
            |zstack: Arc<Self>, request| async move { zstack.execute_script(&uuid, request) };
        self.answer_by_job(&caller, job, request, work).await
    }

    /// `GET /v1/scripts`.
    pub(super) fn query_scripts(&self, head: &Parts) -> Result<Answer, ApiError> {
        self.authenticate(head)?;
        let zone = self.account.utc_offset;
        let all = self.scripts.shelf().scripts.iter().map(|it| it.to_json(zone)).collect();
        listed(head, &OF_SCRIPT, all)
    }

    /// `GET /v1/scripts/records`.
    pub(super) fn query_records(&self, head: &Parts) -> Result<Answer, ApiError> {
        self.authenticate(head)?;
        let (executor, zone) = (&self.account.name, self.account.utc_offset);
        let shelf = self.scripts.shelf();
        let all = shelf.records.iter().map(|it| it.to_json(executor, zone)).collect();
        drop(shelf);
        listed(head, &OF_RECORD, all)
    }

    /// `GET /v1/scripts/records/details`.
    pub(super) fn query_details(&self, head: &Parts) -> Result<Answer, ApiError> {
        self.authenticate(head)?;
        let zone = self.account.utc_offset;
        let all = self.scripts.shelf().records.iter().flat_map(|it| it.details(zone)).collect();
        listed(head, &OF_DETAIL, all)
    }

    /// Starts a script in VMs, and answers with its record.
    fn execute_script(
        self: &Arc<Self>,
        uuid: &str,
        request: ExecuteGuestVmScriptRequest,
    ) -> Result<Value, ApiError> {
        let given = request.execute_guest_vm_script;
        let mut known = HashSet::new();
        let mut details = Vec::new();
        for vm in &given.vm_instance_uuids {
            let vm = self.vm(vm, "vmInstanceUuids")?;
            if known.insert(&vm.uuid) {
                let (vm, name) = (vm.uuid.clone(), vm.name.clone());
                details.push(Detail { vm, name, started: clock::now(), end: None });
            }
        }
        let vms: Vec<String> = details.iter().map(|detail| detail.vm.clone()).collect();
        let mut shelf = self.scripts.shelf();
        let script = shelf.script(uuid)?;
        let has_params =
            script.render_params.as_deref().is_some_and(|it| !matches!(it.trim(), "" | "[]"));
        if has_params || given.runtime_params.is_some() {
            // How a script marks where values go is not documented.
            let details = "the sandbox puts no parameters into scripts";
            return Err(ApiError::failed("SYS.1007", details));
        }
        script.executions = script.executions.saturating_add(1);
        let script = script.clone();
        let record = Record {
            uuid: given.record_uuid.unwrap_or_else(random::hex32),
            timeout: given.script_timeout.unwrap_or(script.timeout),
            script: script.clone(),
            started: clock::now(),
            ended: None,
            details,
        };
        let answer =
            json!({ "inventory": record.to_json(&self.account.name, self.account.utc_offset) });
        let (uuid, timeout) = (record.uuid.clone(), record.timeout);
        shelf.add(record)?;
        drop(shelf);
        let limit = Duration::from_secs(u64::try_from(timeout).unwrap_or_default());
        let script = Arc::new(script);
        for vm in vms {
            let (zstack, script, record) = (Arc::clone(self), Arc::clone(&script), uuid.clone());
            self.tasks.spawn(async move {
                let ended = match zstack.vm(&vm, "vmInstanceUuids") {
                    Ok(found) => {
                        found
                            .run_script(
                                &zstack.processes,
                                (&script.platform, &script.language),
                                &script.content,
                                &record,
                                limit,
                            )
                            .await
                    }
                    Err(_) => Ended::Not("the vm is gone".to_owned()),
                };
                zstack.scripts.ended(&record, &vm, ended);
            });
        }
        Ok(answer)
    }

    /// How many scripts are saved.
    pub(super) fn saved_scripts(&self) -> usize {
        self.scripts.shelf().scripts.len()
    }
}

pub(super) fn listed(
    head: &Parts,
    members: &[&str],
    items: Vec<Value>,
) -> Result<Answer, ApiError> {
    let query = head.uri.query().unwrap_or_default();
    Ok(answer(StatusCode::OK, &query::list(query, members, items)?))
}
