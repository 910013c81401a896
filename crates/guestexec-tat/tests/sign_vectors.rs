//! The signer against vectors made by Tencent's own, stage by stage.
//!
//! `GUESTEXEC_TC3_VECTORS` names further files of the same form, separated as in `PATH`.

use guestexec_tat::sign::{
    Canonical, Scope, SigningKey, UNSIGNED_PAYLOAD, authorization, canonical_request, derived_keys,
    parse_authorization, payload_hash as sha256, signature, signed_header_names, string_to_sign,
    utc_date,
};
use guestexec_testkit::vectors::{Check, check_files, stage, text};
use serde_json::Value;

#[test]
fn vectors_of_the_official_signer() {
    check_files(
        ("vectors/tc3.json", include_str!("../vectors/tc3.json")),
        "GUESTEXEC_TC3_VECTORS",
        check,
    );
}

fn check(vector: &Value) -> Check {
    let stages = &vector["intermediate"];
    let header = |name: &str| {
        let mut headers = vector["headers"].as_object().into_iter().flatten();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str())
    };

    let method = vector["method"].as_str().unwrap_or("POST");
    let unsigned = header("x-tc-content-sha256") == Some(UNSIGNED_PAYLOAD);
    let payload = match vector["body_utf8"].as_str() {
        _ if unsigned => UNSIGNED_PAYLOAD,
        Some(body) if method != "GET" => body,
        _ => "",
    };
    let body_left_out = vector["body_utf8"].is_null() && vector["body_len"] != 0;
    let payload_hash = match stages["hashed_payload"].as_str() {
        Some(given) if method != "GET" && body_left_out => given.to_owned(),
        _ => sha256(payload.as_bytes()),
    };
    stage("hashed payload", &stages["hashed_payload"], &payload_hash)?;

    let mut signed_headers = Vec::new();
    let names = vector["signed_headers"].as_str();
    for name in names.unwrap_or("content-type;host").split(';') {
        let value = header(name).or_else(|| vector[name].as_str());
        signed_headers.push((
            name,
            value.ok_or_else(|| format!("the vector has no value for header `{name}`"))?,
        ));
    }
    let names = signed_header_names(&signed_headers);
    stage("signed headers", &vector["signed_headers"], &names)?;

    let canonical = canonical_request(&Canonical {
        method,
        path: vector["uri"].as_str().unwrap_or("/"),
        query: vector["query"].as_str().unwrap_or_default(),
        signed_headers: &signed_headers,
        payload_hash: &payload_hash,
    });
    stage("canonical request", &stages["canonical_request"], &canonical)?;
    let hash = sha256(canonical.as_bytes());
    stage("hashed canonical request", &stages["hashed_canonical_request"], &hash)?;

    let timestamp = vector["timestamp"]
        .as_i64()
        .or_else(|| header("x-tc-timestamp")?.parse().ok())
        .ok_or("the vector has no `timestamp`")?;
    let date = utc_date(timestamp).map_err(|error| error.to_string())?;
    let service = vector["service"].as_str().unwrap_or("tat");
    let scope = Scope { date: &date, service };
    stage("credential scope", &stages["credential_scope"], &scope.to_string())?;
    let to_sign = string_to_sign(timestamp, scope, &canonical);
    stage("string to sign", &stages["string_to_sign"], &to_sign)?;

    let secret_key = text(vector, "secret_key")?;
    let members = ["secret_date", "secret_service", "secret_signing"];
    for (member, key) in members.iter().zip(derived_keys(secret_key, scope)) {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        stage(member, &stages[member], &hex)?;
    }
    let signature = signature(&SigningKey::derive(secret_key, scope), &to_sign);
    stage("signature", &stages["signature"], &signature)?;

    let secret_id = text(vector, "secret_id")?;
    let value = authorization(secret_id, scope, &names, &signature);
    stage("Authorization", &vector["authorization"], &value)?;
    let parsed = parse_authorization(&value).map_err(|error| error.to_string())?;
    if (parsed.secret_id, parsed.scope, parsed.signed_headers, parsed.signature)
        != (secret_id, scope, &*names, &*signature)
    {
        return Err("the Authorization header does not read back".to_owned());
    }
    Ok(())
}
