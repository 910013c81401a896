//! The older message interface: one path, a message's class as the only member, a reply as JSON text inside JSON.
//!
//! It serves what the vendor's own clients use: log in and out, validate a session, query VMs, run a command. Failures
//! are replies too, with HTTP 200.

use std::sync::Arc;

use guestexec_core::Validate as _;
use guestexec_zstack::types::{
    ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest, LogInByAccountRequest,
};
use hyper::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    MAX_MESSAGE, Zstack,
    auth::Caller,
    error::{ApiError, answer},
    no_session, unread,
};
use crate::{body::Body, json::find_array_for_object, random, service::Answer};

/// The class of the event that reports a command's end.
const EVENT: &str = "org.zstack.guesttools.APIExecuteGuestVmCommandEvent";

/// The outcome of a message.
enum Handled {
    /// A reply of this class.
    Reply(&'static str, Result<Value, ApiError>),
    /// A job, whose result is an event.
    Job(String),
}

/// A reply or an event in the interface's envelope, as JSON text.
fn done(uuid: &str, class: &str, result: Result<Value, ApiError>) -> Value {
    let reply = match result {
        Ok(mut reply) => {
            reply["success"] = true.into();
            reply
        }
        Err(error) => json!({ "success": false, "error": error.error_code() }),
    };
    json!({ "uuid": uuid, "state": "Done", "result": json!({ class: reply }).to_string() })
}

fn invalid(details: impl Into<String>) -> ApiError {
    ApiError::failed("SYS.1007", details)
}

fn fields<T: DeserializeOwned + Serialize>(message: Value) -> Result<T, ApiError> {
    let wrong = |error| invalid(format!("the message is wrong: {error}"));
    let fields: T = serde_json::from_value(message.clone()).map_err(wrong)?;
    match find_array_for_object(&message, &serde_json::to_value(&fields).map_err(wrong)?) {
        Some(_) => Err(invalid("the message has to be a JSON object, not an array")),
        None => Ok(fields),
    }
}

fn text<'a>(message: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    let text = message[member].as_str();
    text.ok_or_else(|| invalid(format!("`{member}` is mandatory, but was not given")))
}

impl Zstack {
    /// `POST /zstack/api/`.
    pub(super) async fn message(self: &Arc<Self>, body: &mut Body) -> Result<Answer, ApiError> {
        let body = body.read_unproven(MAX_MESSAGE).await.map_err(unread)?;
        let body: Map<String, Value> = serde_json::from_slice(&body.bytes)
            .map_err(|_| ApiError::bad_request("the body is not a message in JSON"))?;
        let mut members = body.into_iter();
        let (Some((class, message)), None) = (members.next(), members.next()) else {
            return Err(ApiError::bad_request(
                "the body has to have one member, the message's class",
            ));
        };
        let body = match self.handle(&class, message)? {
            Handled::Reply(class, result) => done(&random::hex32(), class, result),
            Handled::Job(uuid) => json!({ "uuid": uuid, "state": "Processing" }),
        };
        Ok(answer(StatusCode::OK, &body))
    }

    /// `GET /zstack/api/result/UUID`.
    pub(super) fn message_result(&self, uuid: &str) -> Result<Answer, ApiError> {
        let body = match self.outcome(uuid)? {
            None => json!({ "uuid": uuid, "state": "Processing" }),
            Some(result) => done(uuid, EVENT, result),
        };
        Ok(answer(StatusCode::OK, &body))
    }

    fn handle(self: &Arc<Self>, class: &str, message: Value) -> Result<Handled, ApiError> {
        // A message's class, and that of its reply.
        Ok(match class {
            "org.zstack.header.identity.APILogInByAccountMsg" => Handled::Reply(
                "org.zstack.header.identity.APILogInReply",
                fields::<LogInByAccountRequest>(json!({ "logInByAccount": message }))
                    .and_then(|request| self.account.log_in(&request)),
            ),
            "org.zstack.header.identity.APILogOutMsg" => Handled::Reply(
                "org.zstack.header.identity.APILogOutReply",
                text(&message, "sessionUuid").map(|session| {
                    self.account.log_out(session);
                    json!({})
                }),
            ),
            "org.zstack.header.identity.APIValidateSessionMsg" => Handled::Reply(
                "org.zstack.header.identity.APIValidateSessionReply",
                text(&message, "sessionUuid")
                    .map(|session| json!({ "validSession": self.account.is_session(session) })),
            ),
            "org.zstack.header.vm.APIQueryVmInstanceMsg" => Handled::Reply(
                "org.zstack.header.vm.APIQueryVmInstanceReply",
                self.authorize(&message).and_then(|()| self.query(&message["conditions"])),
            ),
            "org.zstack.guesttools.APIExecuteGuestVmCommandMsg" => {
                match self.authorize(&message) {
                    Ok(()) => {
                        let (uuid, sender) = self.jobs.create(None, &Caller::Known)?;
                        let work =
                            |zstack: Arc<Self>, params| async move { zstack.run(&params).await };
                        self.start_job(&uuid, sender, params(message), work);
                        Handled::Job(uuid)
                    }
                    // Anybody can send a message, so only one with a valid session creates a job.
                    Err(error) => Handled::Reply(EVENT, Err(error)),
                }
            }
            _ => Handled::Reply(
                "org.zstack.header.message.APIReply",
                Err(invalid("the sandbox does not know this class of message")),
            ),
        })
    }

    fn authorize(&self, message: &Value) -> Result<(), ApiError> {
        let session = message["session"]["uuid"].as_str().unwrap_or_default();
        if self.account.is_session(session) { Ok(()) } else { Err(no_session()) }
    }

    /// The VMs that meet all conditions.
    fn query(&self, conditions: &Value) -> Result<Value, ApiError> {
        let mut found: Vec<Value> = self.vms.iter().map(|vm| vm.to_json()).collect();
        for condition in conditions.as_array().into_iter().flatten() {
            let (name, value) = (text(condition, "name")?, &condition["value"]);
            let equal = match text(condition, "op")? {
                "=" => true,
                "!=" => false,
                _ => return Err(invalid("the sandbox knows the operators = and != only")),
            };
            found.retain(|vm| (vm[name] == *value) == equal);
        }
        let total = found.len();
        Ok(json!({ "inventories": found, "total": total }))
    }
}

fn params(message: Value) -> Result<ExecuteGuestVmCommandParams, ApiError> {
    let request: ExecuteGuestVmCommandRequest = fields(json!({ "params": message }))?;
    request.validate().map_err(|violation| invalid(violation.to_string()))?;
    Ok(request.params)
}
