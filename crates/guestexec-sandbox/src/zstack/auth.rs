//! Sessions and AccessKeys.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use guestexec_zstack::{sign, types::LogInByAccountRequest};
use hyper::{HeaderMap, header::AUTHORIZATION, http::request::Parts};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::refusal::Refusal;
use crate::{
    clock, random,
    secret::{Filed, same},
};

/// Life of a session, in seconds.
const SESSION_LIFE: i64 = 7200;
/// Sessions an account holds at most.
const MAX_SESSIONS: usize = 500;
/// How far a `Date` may be from the clock, in seconds.
const SKEW: u64 = 900;

/// The account and its sessions.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) key_id: String,
    pub(super) key_secret: String,
    uuid: String,
    utc_offset: i32,
    /// The sessions by UUID, and when each ends.
    sessions: Mutex<HashMap<Filed, i64>>,
}

/// What a request proves about its sender.
pub(super) enum Caller {
    /// A session that is good, or an AccessKey whose signature is.
    Known,
    /// A session that is not.
    NoSession,
}

impl Account {
    pub(super) fn new(utc_offset: i32) -> Self {
        Self {
            name: "admin".to_owned(),
            password: random::secret(),
            key_id: random::secret()[..20].to_owned(),
            key_secret: random::secret(),
            uuid: random::hex32(),
            utc_offset,
            sessions: Mutex::default(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Filed, i64>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log_in(&self, request: &LogInByAccountRequest) -> Result<Value, Refusal> {
        let given = &request.log_in_by_account;
        let hashed = Sha512::digest(self.password.as_bytes());
        let hashed: String = hashed.iter().map(|byte| format!("{byte:02x}")).collect();
        if given.account_name != self.name || !same(given.password.expose(), hashed) {
            return Err(Refusal::failed(
                "ID.1000",
                "wrong account name or password; the password is sent as the hexadecimal SHA-512 of the real one",
            ));
        }
        let now = clock::now();
        let mut sessions = self.sessions();
        sessions.retain(|_, end| *end > now);
        if sessions.len() >= MAX_SESSIONS {
            return Err(Refusal::failed(
                "ID.1006",
                format!("the account has {MAX_SESSIONS} sessions already; log out of some"),
            ));
        }
        let session = random::hex32();
        sessions.insert(Filed::of(&session), now + SESSION_LIFE);
        let local = |time| clock::us_medium(time + i64::from(self.utc_offset));
        Ok(json!({
            "inventory": {
                "uuid": session,
                "accountUuid": self.uuid,
                "userUuid": self.uuid,
                "expiredDate": local(now + SESSION_LIFE),
                "createDate": local(now),
            },
        }))
    }

    pub(super) fn is_session(&self, uuid: &str) -> bool {
        self.sessions().get(&Filed::of(uuid)).is_some_and(|end| *end > clock::now())
    }

    pub(super) fn session_count(&self) -> usize {
        let now = clock::now();
        self.sessions().values().filter(|end| **end > now).count()
    }

    pub(super) fn log_out(&self, uuid: &str) {
        self.sessions().remove(&Filed::of(uuid));
    }

    pub(super) fn expire_all(&self) {
        self.sessions().clear();
    }

    /// Looks at the `Authorization` header. A bad session is not refused here: for a job it shows only in
    /// the job's result.
    pub(super) fn caller(&self, head: &Parts) -> Result<Caller, Refusal> {
        let authorization = text(&head.headers, AUTHORIZATION.as_str())?.ok_or_else(|| {
            Refusal::bad_request(
                "no Authorization header: log in, then send `OAuth <session uuid>`",
            )
        })?;
        if let Some(session) = authorization.strip_prefix("OAuth ") {
            let known = self.is_session(session.trim());
            return Ok(if known { Caller::Known } else { Caller::NoSession });
        }
        let key = sign::parse_authorization(authorization)
            .map_err(|error| Refusal::bad_request(error.to_string()))?;
        let date = text(&head.headers, "date")?
            .ok_or_else(|| Refusal::bad_request("an AccessKey needs a Date header"))?;
        if key.access_key_id != self.key_id {
            return Err(Refusal::forbidden("the AccessKey does not exist"));
        }
        let (face, _zone) =
            sign::parse_date(date).map_err(|error| Refusal::bad_request(error.to_string()))?;
        // The zone's name does not count, as installed: clock faces are compared.
        let own_face = clock::now() + i64::from(self.utc_offset);
        if own_face.abs_diff(face) > SKEW {
            return Err(Refusal::forbidden("requestTimeTooSkewed"));
        }
        let path = sign::signed_path(head.uri.path())
            .map_err(|error| Refusal::bad_request(error.to_string()))?;
        let signed = sign::string_to_sign(head.method.as_str(), date, &path);
        let expected = sign::signature(&self.key_secret, &signed);
        // Decoded, as base64 has more than one way to write the same bytes.
        let decoded = |text: &str| BASE64_STANDARD.decode(text).unwrap_or_default();
        if !same(decoded(key.signature), decoded(&expected)) {
            return Err(Refusal::forbidden("the signature does not match the request"));
        }
        Ok(Caller::Known)
    }
}

/// The text of a header that is there once.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::bad_request(format!("the header {name} is there more than once")));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refusal::bad_request(format!("the header {name} is not printable ASCII")))
}
