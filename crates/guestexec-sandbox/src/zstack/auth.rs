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

use super::error::ApiError;
use crate::{
    clock, random,
    secret::{SecretDigest, constant_time_eq},
};

/// Life of a session, in seconds.
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
    utc_offset: i32,
    /// The sessions by UUID, and when each ends.
    sessions: Mutex<HashMap<SecretDigest, i64>>,
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

    fn sessions(&self) -> MutexGuard<'_, HashMap<SecretDigest, i64>> {
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
        sessions.retain(|_, end| *end > now);
        if sessions.len() >= MAX_SESSIONS {
            return Err(ApiError::failed(
                "ID.1006",
                format!("the account has {MAX_SESSIONS} sessions already; log out of some"),
            ));
        }
        let session = random::hex32();
        sessions.insert(SecretDigest::of(&session), now + SESSION_LIFE);
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
        self.sessions().get(&SecretDigest::of(uuid)).is_some_and(|end| *end > clock::now())
    }

    pub(super) fn session_count(&self) -> usize {
        let now = clock::now();
        self.sessions().values().filter(|end| **end > now).count()
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
