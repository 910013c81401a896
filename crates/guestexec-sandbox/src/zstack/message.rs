//! The older message interface: one path, a message's class as the only member, a reply as JSON in text.
//!
//! Followed as far as the vendor's own clients use it: log in and out, ask whether a session is good, query VMs,
//! run a command. Its failures are replies too, under HTTP 200.

use std::sync::Arc;

use guestexec_core::Validate as _;
use guestexec_zstack::types::{
    ExecuteGuestVmCommandParams, ExecuteGuestVmCommandRequest, LogInByAccountRequest,
};
use hyper::{Method, StatusCode, http::request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    MAX_MESSAGE, Zstack,
    auth::Caller,
    no_session,
    refusal::{Refusal, answer},
    unread,
};
use crate::{
    json::differs,
    random,
    server::{Answer, Body},
};

/// Where a message that starts a command has its result.
pub(super) const RESULT: &str = "result";
/// The class of what tells how a command ended.
const EVENT: &str = "org.zstack.guesttools.APIExecuteGuestVmCommandEvent";

/// What becomes of a message.
enum Handled {
    /// A reply of this class.
    Reply(&'static str, Result<Value, Refusal>),
    /// A job, whose result is an event.
    Job(String),
}

/// A reply or an event as the interface wraps it: JSON in a text.
fn done(uuid: &str, class: &str, result: Result<Value, Refusal>) -> Value {
    let reply = match result {
        Ok(mut reply) => {
            reply["success"] = true.into();
            reply
        }
        Err(refusal) => json!({ "success": false, "error": refusal.error_code() }),
    };
    json!({ "uuid": uuid, "state": "Done", "result": json!({ class: reply }).to_string() })
}

fn invalid(details: impl Into<String>) -> Refusal {
    Refusal::failed("SYS.1007", details)
}

fn fields<T: DeserializeOwned + Serialize>(message: Value) -> Result<T, Refusal> {
    let wrong = |error| invalid(format!("the message is wrong: {error}"));
    let fields: T = serde_json::from_value(message.clone()).map_err(wrong)?;
    match differs(&message, &serde_json::to_value(&fields).map_err(wrong)?) {
        Some(_) => Err(invalid("the message is a list, and has to be an object")),
        None => Ok(fields),
    }
}

fn text<'a>(message: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    let text = message[member].as_str();
    text.ok_or_else(|| invalid(format!("`{member}` is mandatory, but was not given")))
}

impl Zstack {
    /// `POST /zstack/api/`.
    pub(super) async fn message(
        self: &Arc<Self>,
        head: &Parts,
        body: &mut Body,
    ) -> Result<Answer, Refusal> {
        if head.method != Method::POST {
            return Err(method_not_allowed());
        }
        let body = body.read_unproven(MAX_MESSAGE).await.map_err(unread)?;
        let body: Map<String, Value> = serde_json::from_slice(&body.bytes)
            .map_err(|_| Refusal::bad_request("the body is no message in JSON"))?;
        let mut members = body.into_iter();
        let (Some((class, message)), None) = (members.next(), members.next()) else {
            return Err(Refusal::bad_request(
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
    pub(super) fn message_result(&self, head: &Parts, uuid: &str) -> Result<Answer, Refusal> {
        if head.method != Method::GET {
            return Err(method_not_allowed());
        }
        let body = match self.outcome(uuid)? {
            None => json!({ "uuid": uuid, "state": "Processing" }),
            Some(result) => done(uuid, EVENT, result),
        };
        Ok(answer(StatusCode::OK, &body))
    }

    fn handle(self: &Arc<Self>, class: &str, message: Value) -> Result<Handled, Refusal> {
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
                        self.begin(&uuid, sender, params(message));
                        Handled::Job(uuid)
                    }
                    // Anybody can send a message, so it makes no job before it has proved its sender.
                    Err(refusal) => Handled::Reply(EVENT, Err(refusal)),
                }
            }
            _ => Handled::Reply(
                "org.zstack.header.message.APIReply",
                Err(invalid("the sandbox does not know this class of message")),
            ),
        })
    }

    fn authorize(&self, message: &Value) -> Result<(), Refusal> {
        let session = message["session"]["uuid"].as_str().unwrap_or_default();
        if self.account.is_session(session) { Ok(()) } else { Err(no_session()) }
    }

    /// VMs whose members are, or are not, what each condition says.
    fn query(&self, conditions: &Value) -> Result<Value, Refusal> {
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

fn params(message: Value) -> Result<ExecuteGuestVmCommandParams, Refusal> {
    let request: ExecuteGuestVmCommandRequest = fields(json!({ "params": message }))?;
    request.validate().map_err(|violation| invalid(violation.to_string()))?;
    Ok(request.params)
}

fn method_not_allowed() -> Refusal {
    let text = "the method is not one of the message interface".to_owned();
    Refusal::Text(StatusCode::METHOD_NOT_ALLOWED, text)
}
