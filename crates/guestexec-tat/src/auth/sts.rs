//! The service STS, which issues temporary keys for roles.

use guestexec_core::{
    AskedBy, Endpoint, Issuer, Operation, PlainHttp, header_value, identifier, secret_header,
    unusable,
};
use reqwest::{
    Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use serde_json::Value;

use super::{Lease, metadata::lease};
use crate::{
    Credentials, Error, RootDomain,
    sign::{self, Canonical, Scope, SigningKey},
};

/// The requested life of keys, in seconds, as by the vendor's SDKs.
pub(super) const DURATION: u64 = 7200;
/// The secret parts of the answers, in the notation of the operation table.
pub(super) const ANSWER_SECRETS: &str =
    "body/Response/Credentials/TmpSecretKey,body/Response/Credentials/Token";

const STS: Issuer = Issuer { name: "the token exchange (STS)", is_near: false };

/// The exchange, for one request.
pub(super) struct Sts<'a> {
    pub(super) endpoint: Endpoint,
    by: &'a AskedBy,
}

impl<'a> Sts<'a> {
    /// The exchange of the client's site, or the one at `given`.
    pub(super) fn at(given: Option<&str>, by: &'a AskedBy) -> Result<Self, Error> {
        let endpoint = match (given, &by.issuer) {
            (Some(given), _) => Endpoint::parse(given, PlainHttp::Loopback),
            (None, Some(issuer)) => Ok(issuer.clone()),
            (None, None) => RootDomain::default().sts(),
        };
        Ok(Self { endpoint: endpoint.map_err(unusable)?, by })
    }

    /// A request made at `now`, in seconds since 1970, without its signature.
    pub(super) fn request(
        &self,
        operation: &Operation,
        region: &str,
        now: i64,
        body: &Value,
    ) -> Result<Request, Error> {
        let mut request = Issuer::post(&self.endpoint, "/", body);
        let headers = request.headers_mut();
        for (name, value) in [
            ("x-tc-action", operation.id),
            ("x-tc-version", "2018-08-13"),
            ("x-tc-region", region),
            ("x-tc-timestamp", &now.to_string()),
        ] {
            headers.insert(name, header_value(value).map_err(unusable)?);
        }
        Ok(request)
    }

    /// Sends the request that `proof` allows, and takes the keys from the answer. A refusal is told without
    /// `secrets`.
    pub(super) async fn lease(
        &self,
        operation: &'static Operation,
        request: Request,
        secrets: &[&str],
        proof: &str,
    ) -> Result<Lease, Error> {
        let Issuer { name, .. } = STS;
        let answer = self.by.reach.ask(STS, operation, &self.endpoint, request).await?;
        let answer = &STS.read(&answer)?["Response"];
        let error = &answer["Error"];
        if !error.is_null() {
            // The answer may quote what was sent.
            let is_secret = |code: &str| secrets.iter().any(|secret| code.contains(secret));
            let code = error["Code"].as_str().filter(|code| !is_secret(code));
            let code = identifier(code.unwrap_or("a code that cannot be read"));
            return Err(unusable(format!("{name} refuses {proof} with {code}")));
        }
        lease(&answer["Credentials"], answer)
            .ok_or_else(|| unusable(format!("the answer of {name} has no keys in it")))
    }
}

/// Signs a request for `action` with a pair, at `now` in seconds since 1970.
pub(super) fn sign(
    request: &mut Request,
    pair: &Credentials,
    action: &str,
    now: i64,
) -> Result<(), String> {
    let date = sign::utc_date(now).map_err(|e| e.to_string())?;
    let scope = Scope { date: &date, service: "sts" };
    // An endpoint has neither user nor password.
    let host = request.url().authority().to_owned();
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|text| text.to_str().ok());
    let signed = [
        ("content-type", content_type.unwrap_or_default()),
        ("host", &*host),
        ("x-tc-action", action),
    ];
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    let canonical = sign::canonical_request(&Canonical {
        method: request.method().as_str(),
        path: request.url().path(),
        query: "",
        signed_headers: &signed,
        payload_hash: &sign::payload_hash(body),
    });
    let key = SigningKey::derive(pair.secret_key().expose(), scope);
    let signature = sign::signature(&key, &sign::string_to_sign(now, scope, &canonical));
    let names = sign::signed_header_names(&signed);
    let authorization = sign::authorization(pair.secret_id(), scope, &names, &signature);
    let headers = request.headers_mut();
    headers.insert(HOST, header_value(&host)?);
    headers.insert(AUTHORIZATION, secret_header(&authorization)?);
    if let Some(token) = pair.token() {
        headers.insert("x-tc-token", secret_header(token.expose())?);
    }
    Ok(())
}
