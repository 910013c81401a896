//! The signer against vectors made by Huawei's own, stage by stage.
//!
//! `GUESTEXEC_HUAWEI_VECTORS` names further files of the same form, separated as in `PATH`.

use std::borrow::Cow;

use guestexec_cci::sign::{
    Canonical, QueryPair, authorization, canonical_request, content_sha256, format_date,
    parse_authorization, parse_date, payload_hash, query_pairs, signature, signed_header_names,
    string_to_sign,
};
use guestexec_testkit::vectors::{Check, check_files, stage, text};
use serde_json::Value;

#[test]
fn vectors_of_the_official_signer() {
    check_files(
        ("vectors/huawei.json", include_str!("../vectors/huawei.json")),
        "GUESTEXEC_HUAWEI_VECTORS",
        check,
    );
}

fn check(vector: &Value) -> Check {
    let [input, expected] = ["input", "expected"].map(|part| vector.get(part).unwrap_or(vector));
    let headers = headers(input)?;
    let signed_headers: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !name.contains('_'))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let names = signed_header_names(&signed_headers);
    stage("signed headers", &expected["signed_headers"], &names)?;

    let body = input["body"].as_str().unwrap_or_default();
    let content_sha256 = value_of(&headers, "x-sdk-content-sha256");
    let payload_hash = payload_hash(body.as_bytes(), content_sha256);
    let given = expected["canonical_request"].as_str();
    let given_hash = given.and_then(|text| text.lines().last()).into();
    stage("hashed payload", &given_hash, &payload_hash)?;

    let query = raw_query(&input["query"]);
    let parts = Canonical {
        method: text(input, "method")?,
        path: text(input, "path")?,
        query: &query,
        signed_headers: &signed_headers,
        payload_hash: &payload_hash,
    };
    let canonical = canonical_request(&parts);
    stage("canonical request", &expected["canonical_request"], &canonical)?;
    if let Some(target) = expected["request_target_sent_by_sdk"].as_str() {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query_pairs(query).map_err(|error| error.to_string())?;
        let received = canonical_request(&Canonical { path, query: &query, ..parts });
        let name = "canonical request of the target as received";
        stage(name, &canonical.clone().into(), &received)?;
    }

    let date = value_of(&headers, "x-sdk-date").ok_or("the vector has no `x_sdk_date`")?;
    let seconds = parse_date(date).map_err(|error| error.to_string())?;
    let again = format_date(seconds).map_err(|error| error.to_string())?;
    stage("date", &date.into(), &again)?;
    let to_sign = string_to_sign(date, &canonical);
    stage("string to sign", &expected["string_to_sign"], &to_sign)?;
    let signature = signature(text(input, "sk")?, &to_sign);
    stage("signature", &expected["signature"], &signature)?;

    let access_key = text(input, "ak")?;
    let value = authorization(access_key, &names, &signature);
    stage("Authorization", &expected["authorization"], &value)?;
    let parsed = parse_authorization(&value).map_err(|error| error.to_string())?;
    if (parsed.access_key, parsed.signed_headers, parsed.signature)
        != (access_key, &*names, &*signature)
    {
        return Err("the Authorization header does not read back".to_owned());
    }
    Ok(())
}

type Headers = Vec<(String, String)>;

fn value_of<'h>(headers: &'h Headers, wanted: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.as_str())
}

/// The headers the official SDK sends for this input.
fn headers(input: &Value) -> Result<Headers, String> {
    let given = input["headers"].as_object().into_iter().flatten();
    let mut headers: Headers =
        given.map(|(name, value)| (name.clone(), plain(value).into_owned())).collect();
    for (name, member) in [
        ("X-Sdk-Date", "x_sdk_date"),
        ("X-Project-Id", "project_id"),
        ("X-Domain-Id", "domain_id"),
        ("X-Security-Token", "security_token"),
        ("Host", "host"),
    ] {
        match input[member].as_str() {
            Some(value) if value_of(&headers, name).is_none() => {
                headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    if let Some(value) = content_sha256(value_of(&headers, "content-type")) {
        headers.push(("X-Sdk-Content-Sha256".to_owned(), value.to_owned()));
    }
    Ok(headers)
}

/// The pairs of a `[[name, value or values], ...]` list.
fn raw_query(query: &Value) -> Vec<QueryPair<'_>> {
    let mut pairs = Vec::new();
    for pair in query.as_array().into_iter().flatten() {
        let name = plain(&pair[0]);
        match pair[1].as_array() {
            Some(values) => pairs.extend(values.iter().map(|value| (name.clone(), plain(value)))),
            None => pairs.push((name, plain(&pair[1]))),
        }
    }
    pairs
}

/// The text of a scalar as the SDK writes it.
fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}
