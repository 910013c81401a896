//! IAM's tokens, and SDK-HMAC-SHA256 signatures verified over the headers as they were received.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use guestexec_cci::{
    sign::{self, Canonical},
    types::KeystoneCreateUserTokenByPasswordRequest,
};
use guestexec_core::Validate as _;
use hyper::{HeaderMap, StatusCode, header::HeaderValue, http::request::Parts};
use serde_json::{Value, json};

use super::error::{ErrorAnswer, forbidden, iam, status, unauthorized};
use crate::{
    clock,
    json::array_for_object,
    random,
    secret::{SecretDigest, constant_time_eq},
    service::{self, Answer},
};

/// Life of a token, in seconds.
const TOKEN_LIFE: i64 = 24 * 3600;
/// Tokens that are kept.
const MAX_TOKENS: usize = 10_000;
/// How far an `X-Sdk-Date` may be from the clock, in seconds.
const WINDOW: u64 = 900;

/// The account, its user and keys.
pub(super) struct Account {
    pub(super) domain: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) access_key: String,
    pub(super) secret_key: String,
    /// Access key, secret key and security token of a temporary key.
    pub(super) temporary: [String; 3],
    pub(super) project: String,
    pub(super) project_id: String,
    domain_id: String,
    user_id: String,
    tokens: Mutex<HashMap<SecretDigest, Token>>,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    ends: i64,
    has_project: bool,
}

impl Account {
    pub(super) fn new() -> Self {
        Self {
            domain: "sandbox-domain".to_owned(),
            user: "sandbox-user".to_owned(),
            password: random::secret(),
            access_key: random::secret()[..20].to_uppercase(),
            secret_key: random::secret(),
            temporary: [
                random::secret()[..20].to_uppercase(),
                random::secret(),
                [random::secret(), random::secret()].concat(),
            ],
            project: "cn-north-4".to_owned(),
            project_id: random::hex32(),
            domain_id: random::hex32(),
            user_id: random::hex32(),
            tokens: Mutex::default(),
        }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<SecretDigest, Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a token; `None` when there are too many.
    pub(super) fn issue(&self, has_project: bool) -> Option<String> {
        let now = clock::now();
        let mut tokens = self.tokens();
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, token| token.ends > now);
        }
        let token = [random::secret(), random::secret(), random::secret()].concat();
        let room = tokens.len() < MAX_TOKENS;
        if room {
            tokens.insert(SecretDigest::of(&token), Token { ends: now + TOKEN_LIFE, has_project });
        }
        room.then_some(token)
    }

    /// Revokes a token, as a changed password does.
    pub(super) fn revoke(&self, token: &str) {
        self.tokens().remove(&SecretDigest::of(token));
    }

    /// Issues a token to a user who is known by password or access key.
    pub(super) fn log_in(&self, body: &[u8]) -> Result<Answer, ErrorAnswer> {
        let Ok(request) = serde_json::from_slice::<KeystoneCreateUserTokenByPasswordRequest>(body)
        else {
            return Err(iam(StatusCode::BAD_REQUEST, "The request body is invalid."));
        };
        if array_for_object(body, &request).is_some() {
            return Err(iam(StatusCode::BAD_REQUEST, "The request body is invalid."));
        }
        if let Err(violation) = request.validate() {
            let message = format!("The request body is invalid: {violation}.");
            return Err(iam(StatusCode::BAD_REQUEST, &message));
        }
        let auth = request.auth;
        let method = auth.identity.methods.first().map_or("", |method| method.as_str());
        let known = match (method, auth.identity.password, auth.identity.hw_ak_sk) {
            ("password", Some(password), _) => {
                let user = password.user;
                user.domain.name == self.domain
                    && user.name == self.user
                    && constant_time_eq(user.password.expose(), &self.password)
            }
            ("hw_ak_sk", _, Some(key)) => {
                key.access.key == self.access_key
                    && constant_time_eq(key.secret.key.expose(), &self.secret_key)
            }
            _ => {
                return Err(iam(
                    StatusCode::BAD_REQUEST,
                    "The identity method is unknown or incomplete.",
                ));
            }
        };
        if !known {
            return Err(iam(StatusCode::UNAUTHORIZED, "The username or password is wrong."));
        }
        let project = auth.scope.map(|scope| scope.project);
        if let Some(project) = &project {
            let is = |given: &Option<String>, own: &str| {
                given.as_deref().is_none_or(|given| given == own)
            };
            if !is(&project.id, &self.project_id)
                || !is(&project.name, &self.project)
                || (project.id.is_none() && project.name.is_none())
            {
                return Err(iam(
                    StatusCode::UNAUTHORIZED,
                    "The project does not exist for this user.",
                ));
            }
        }
        let Some(token) = self.issue(project.is_some()) else {
            return Err(iam(StatusCode::SERVICE_UNAVAILABLE, "There are too many tokens."));
        };
        let mut answer = service::json(
            StatusCode::CREATED,
            &json!({ "token": self.token_json(method, project.is_some()) }),
        );
        if let Ok(mut token) = HeaderValue::from_str(&token) {
            token.set_sensitive(true);
            answer.headers_mut().insert("x-subject-token", token);
        }
        Ok(answer)
    }

    fn token_json(&self, method: &str, has_project: bool) -> Value {
        let now = clock::now();
        let domain = json!({ "id": self.domain_id, "name": self.domain });
        let mut token = json!({
            "catalog": [],
            "expires_at": clock::iso8601(now + TOKEN_LIFE, ".000000Z"),
            "issued_at": clock::iso8601(now, ".000000Z"),
            "methods": [method],
            "roles": [{ "id": "0", "name": "te_admin" }],
            "user": {
                "domain": domain,
                "id": self.user_id,
                "name": self.user,
                "password_expires_at": "",
            },
        });
        if has_project {
            token["project"] =
                json!({ "domain": domain, "id": self.project_id, "name": self.project });
        }
        token
    }

    /// Refuses a Kubernetes client whose token is not valid.
    pub(super) fn verify_token(&self, token: &str) -> Result<(), ErrorAnswer> {
        let token = self.tokens().get(&SecretDigest::of(token)).copied();
        match token.filter(|token| token.ends > clock::now()) {
            Some(_) => Ok(()),
            None => Err(status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", None)),
        }
    }

    /// Refuses a request with neither a valid token nor a valid signature over what was received.
    pub(super) fn verify(&self, head: &Parts, body: &[u8]) -> Result<(), ErrorAnswer> {
        if let Some(token) = header(&head.headers, "x-auth-token")? {
            let token = self.tokens().get(&SecretDigest::of(token)).copied();
            return match token.filter(|token| token.ends > clock::now()) {
                Some(Token { has_project: true, .. }) => Ok(()),
                Some(_) => Err(forbidden(
                    "the token was not issued for a project; ask for one with a scope",
                )),
                None => Err(unauthorized("decrypt token fail")),
            };
        }
        match header(&head.headers, "authorization")? {
            Some(authorization) => self.verify_signature(head, body, authorization),
            None => Err(unauthorized("the request has neither X-Auth-Token nor Authorization")),
        }
    }

    fn verify_signature(
        &self,
        head: &Parts,
        body: &[u8],
        authorization: &str,
    ) -> Result<(), ErrorAnswer> {
        let authorization = sign::parse_authorization(authorization)
            .map_err(|error| unauthorized(&error.to_string()))?;
        let date = header(&head.headers, "x-sdk-date")?
            .ok_or_else(|| unauthorized("the header X-Sdk-Date is missing"))?;
        let time = sign::parse_date(date).map_err(|error| unauthorized(&error.to_string()))?;
        if clock::now().abs_diff(time) > WINDOW {
            return Err(unauthorized("X-Sdk-Date is more than 15 minutes from the server's clock"));
        }
        let [temporary, temporary_secret, token] = &self.temporary;
        let (secret_key, token) = match authorization.access_key {
            key if key == self.access_key => (&self.secret_key, None),
            key if key == temporary => (temporary_secret, Some(token)),
            _ => return Err(unauthorized("the access key does not exist")),
        };
        let mut signed = Vec::new();
        for name in authorization.signed_headers.split(';') {
            let value = header(&head.headers, name)?
                .ok_or_else(|| unauthorized("a header is signed but was not sent"))?;
            signed.push((name, value));
        }
        let query = sign::query_pairs(head.uri.query().unwrap_or_default())
            .map_err(|error| unauthorized(&error.to_string()))?;
        let hash = sign::payload_hash(body, header(&head.headers, "x-sdk-content-sha256")?);
        let canonical = sign::canonical_request(&Canonical {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: &query,
            signed_headers: &signed,
            payload_hash: &hash,
        });
        let expected = sign::signature(secret_key, &sign::string_to_sign(date, &canonical));
        if !constant_time_eq(expected, authorization.signature.to_ascii_lowercase()) {
            let shown = canonical.replace('\n', "|");
            return Err(unauthorized(&format!(
                "verify aksk signature fail,canonicalRequest:{shown}"
            )));
        }
        match (header(&head.headers, "x-security-token")?, token) {
            (None, None) => {}
            (Some(sent), Some(token)) if constant_time_eq(token.clone(), sent) => {}
            (Some(_), None) => {
                return Err(unauthorized("the access key is permanent and has no security token"));
            }
            (_, Some(_)) => {
                return Err(unauthorized("the security token is not that of the access key"));
            }
        }
        match header(&head.headers, "x-project-id")? {
            Some(project) if project != self.project_id => {
                Err(forbidden("X-Project-Id is not a project of this account"))
            }
            _ => Ok(()),
        }
    }
}

/// The text of a header that may appear once.
pub(super) fn header<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, ErrorAnswer> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(unauthorized("a header of the authentication appears more than once"));
    }
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| unauthorized("a header of the authentication is not UTF-8"))
}
