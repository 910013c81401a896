//! Temporary keys, as IAM and the metadata service issue them.

use std::time::{Duration, UNIX_EPOCH};

use guestexec_core::{
    AskedBy, Endpoint, Issuer, Operation, PlainHttp, Secrets, beginning, readable, unusable,
};
use reqwest::{Request, StatusCode};
use serde_json::{Value, json};

use super::Lease;
use crate::{Credentials, Error, error, token::seconds};

/// The assumed life of keys whose end is unknown: short, because they are temporary.
const UNTOLD: Duration = Duration::from_secs(600);
/// Longest text of a refusal that is shown, in bytes.
const LONGEST: usize = 300;

const IAM: Issuer = Issuer { name: "IAM", is_near: false };

/// The path at which IAM issues temporary keys.
pub(super) const KEYS_PATH: &str = "/v3.0/OS-CREDENTIAL/securitytokens";

pub(super) const ISSUE_KEYS: Operation = Operation {
    secrets: "body/auth/identity/token/id",
    answer_secrets: "body/credential/secret,body/credential/securitytoken",
    ..Operation::undocumented("CreateTemporaryAccessKey", "POST", KEYS_PATH)
};

/// IAM, for the requests of a source.
pub(super) struct Iam<'a> {
    pub(super) endpoint: Endpoint,
    by: &'a AskedBy,
}

impl<'a> Iam<'a> {
    /// IAM at the address `given`, or where the client has it.
    pub(super) fn at(given: Option<&str>, by: &'a AskedBy) -> Result<Self, Error> {
        let endpoint = match (given, &by.issuer) {
            // The caller's proof leaves this machine by HTTPS only.
            (Some(given), _) => {
                Endpoint::parse(without_version(given), PlainHttp::Loopback).map_err(unusable)?
            }
            (None, Some(issuer)) => issuer.clone(),
            (None, None) => {
                return Err(unusable(
                    "there is no IAM endpoint to get keys from: give the client's builder a region, or \
                     `iam_endpoint(…)`",
                ));
            }
        };
        Ok(Self { endpoint, by })
    }

    /// Sends a request, and takes an answer of success. The error of a refusal hides `secrets`.
    pub(super) async fn ask(
        &self,
        operation: &'static Operation,
        request: Request,
        secrets: &Secrets,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        let answer = self.by.reach.ask(IAM, operation, &self.endpoint, request).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED => Ok(answer),
            status => {
                let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
                let named = |names: [&Value; 3]| {
                    let text = names.into_iter().find_map(error::text)?;
                    let text = readable(&secrets.hidden_in(text));
                    Some(beginning(&text, LONGEST).to_owned())
                };
                let inner = &body["error"];
                let code = named([&body["error_code"], &body["code"], &inner["code"]]);
                let code = code.filter(|code| code != status.as_str());
                let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
                let text = named([&inner["message"], &body["error_msg"], &body["message"]]);
                let text = text
                    .map_or_else(|| " and gives no message".to_owned(), |text| format!(": {text}"));
                Err(unusable(format!("IAM refuses {} with {status}{code}{text}", operation.id)))
            }
        }
    }

    /// Gets keys for an IAM token.
    pub(super) async fn keys_for(&self, token: &str, life: u64) -> Result<Lease, Error> {
        let identity = json!({
            "methods": ["token"],
            "token": { "id": token, "duration_seconds": life },
        });
        let body = json!({ "auth": { "identity": identity } });
        let mut secrets = Secrets::default();
        secrets.add(token);
        self.keys(Issuer::post(&self.endpoint, KEYS_PATH, &body), &secrets).await
    }

    /// Sends a request for keys.
    pub(super) async fn keys(&self, request: Request, secrets: &Secrets) -> Result<Lease, Error> {
        let answer = self.ask(&ISSUE_KEYS, request, secrets).await?;
        lease(&IAM.read(&answer)?, self.by)
            .ok_or_else(|| unusable("the answer of IAM has no keys in it"))
    }
}

/// The address of IAM without the version that some tools want at its end.
pub(crate) fn without_version(endpoint: &str) -> &str {
    let endpoint = endpoint.trim_end_matches('/');
    endpoint.strip_suffix("/v3").unwrap_or(endpoint)
}

/// The keys in an answer, by the names that the SDKs know; `None` if there are none.
pub(super) fn lease(answer: &Value, by: &AskedBy) -> Option<Lease> {
    let keys = ["credential", "credentials"].into_iter().find_map(|name| answer.get(name));
    let keys = keys.unwrap_or(answer);
    let text = |names: &[&str]| {
        let text = names.iter().find_map(|name| keys[*name].as_str());
        text.filter(|text| !text.is_empty())
    };
    let id = text(&["access", "accessKeyId", "access_key_id"])?;
    let secret = text(&["secret", "secretAccessKey", "secret_access_key"])?;
    let token = text(&["securitytoken", "securityToken", "security_token"])?;
    let found = Credentials::access_key(id, secret).with_security_token(token);
    let expires = text(&["expires_at", "expiration"])
        .and_then(seconds)
        .and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at.try_into().ok()?)))
        .or_else(|| by.now.checked_add(UNTOLD));
    Some(Lease::expiring(found, expires))
}
