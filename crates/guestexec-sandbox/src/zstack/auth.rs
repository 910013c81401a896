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

use super::{error::ApiError, no_session};
use crate::{
    clock, random,
    secret::{SecretDigest, constant_time_eq},
};

/// Life of a session, in seconds; a renewed one has as much again by default.
const SESSION_LIFE: i64 = 7200;
/// Sessions that an account may have.
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
    pub(super) utc_offset: i32,
    /// The sessions by UUID.
    sessions: Mutex<HashMap<SecretDigest, Session>>,
}

/// When a session was opened and when it ends.
#[derive(Clone, Copy, Debug)]
struct Session {
    begin: i64,
    end: i64,
}

/// The caller of a request, as far as its credentials tell.
pub(super) enum Caller {
    /// It has a valid session, or an AccessKey with a valid signature.
    Known,
    /// Its session is not valid.
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

    fn sessions(&self) -> MutexGuard<'_, HashMap<SecretDigest, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log_in(&self, request: &LogInByAccountRequest) -> Result<Value, ApiError> {
        let given = &request.log_in_by_account;
        let hashed = Sha512::digest(self.password.as_bytes());
        let hashed: String = hashed.iter().map(|byte| format!("{byte:02x}")).collect();
        if given.account_name != self.name || !constant_time_eq(given.password.expose(), hashed) {
            return Err(ApiError::failed(
                "ID.1000",
                "wrong account name or password; the password is sent as the hexadecimal SHA-512 of the real one",
            ));
        }
        let now = clock::now();
        let mut sessions = self.sessions();
        sessions.retain(|_, session| session.end > now);
        if sessions.len() >= MAX_SESSIONS {
            return Err(ApiError::failed(
                "ID.1006",
                format!("the account has {MAX_SESSIONS} sessions already; log out of some"),
            ));
        }
        let session = random::hex32();
        let times = Session { begin: now, end: now + SESSION_LIFE };
        sessions.insert(SecretDigest::of(&session), times);
        Ok(self.inventory(&session, times))
    }

    /// Moves the end of a session to this many seconds from now.
    pub(super) fn renew(&self, uuid: &str, duration: Option<i64>) -> Result<Value, ApiError> {
        let now = clock::now();
        let mut sessions = self.sessions();
        let session = sessions.get_mut(&SecretDigest::of(uuid)).filter(|it| it.end > now);
        let session = session.ok_or_else(no_session)?;
        session.end = now + duration.unwrap_or(SESSION_LIFE);
        Ok(self.inventory(uuid, *session))
    }

    /// The answer that shows a session.
    fn inventory(&self, uuid: &str, session: Session) -> Value {
        let local = |time| clock::us_medium(time + i64::from(self.utc_offset));
        json!({
            "inventory": {
                "uuid": uuid,
                "accountUuid": self.uuid,
                "userUuid": self.uuid,
                "expiredDate": local(session.end),
                "createDate": local(session.begin),
            },
        })
    }

    pub(super) fn is_session(&self, uuid: &str) -> bool {
        self.sessions()
            .get(&SecretDigest::of(uuid))
            .is_some_and(|session| session.end > clock::now())
    }

    pub(super) fn session_count(&self) -> usize {
        let now = clock::now();
        self.sessions().values().filter(|session| session.end > now).count()
    }

    pub(super) fn log_out(&self, uuid: &str) {
        self.sessions().remove(&SecretDigest::of(uuid));
    }

    pub(super) fn expire_all(&self) {
        self.sessions().clear();
    }

    /// Checks the `Authorization` header. An invalid session is no error here: it fails only the job.
    pub(super) fn caller(&self, head: &Parts) -> Result<Caller, ApiError> {
        let authorization = text(&head.headers, AUTHORIZATION.as_str())?.ok_or_else(|| {
            ApiError::bad_request(
                "no Authorization header: log in, then send `OAuth <session uuid>`",
            )
        })?;
        if let Some(session) = authorization.strip_prefix("OAuth ") {
            let known = self.is_session(session.trim());
            return Ok(if known { Caller::Known } else { Caller::NoSession });
        }
        let key = sign::parse_authorization(authorization)
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        let date = text(&head.headers, "date")?
            .ok_or_else(|| ApiError::bad_request("an AccessKey needs a Date header"))?;
        if key.access_key_id != self.key_id {
            return Err(ApiError::forbidden("the AccessKey does not exist"));
        }
        let (local_time, _zone) =
            sign::parse_date(date).map_err(|error| ApiError::bad_request(error.to_string()))?;
        // Local times are compared, whatever zone the header names, as the real service does by default.
        let own_local_time = clock::now() + i64::from(self.utc_offset);
        if own_local_time.abs_diff(local_time) > SKEW {
            return Err(ApiError::forbidden("requestTimeTooSkewed"));
        }
        let path = sign::signed_path(head.uri.path())
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        let signed = sign::string_to_sign(head.method.as_str(), date, &path);
        let expected = sign::signature(&self.key_secret, &signed);
        // Decoded, since different base64 texts can stand for the same bytes.
        let decoded = |text: &str| BASE64_STANDARD.decode(text).unwrap_or_default();
        if !constant_time_eq(decoded(key.signature), decoded(&expected)) {
            return Err(ApiError::forbidden("the signature does not match the request"));
        }
        Ok(Caller::Known)
    }
}

/// The text of a header that may appear once.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::bad_request(format!("the header {name} appears more than once")));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| ApiError::bad_request(format!("the header {name} is not printable ASCII")))
}
