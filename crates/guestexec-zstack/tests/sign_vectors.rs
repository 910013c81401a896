//! The signer against vectors that the vendor's SDKs and guide agree with, stage by stage.
//!
//! `GUESTEXEC_ZSTACK_VECTORS` names further files of the same form, separated as in `PATH`.

use std::{env, fs};

use guestexec_zstack::sign::{
    DateZone, authorization, format_date, parse_authorization, parse_date, signature, signed_path,
    string_to_sign,
};
use serde_json::Value;

#[test]
fn vectors_of_the_vendor() {
    check_files(
        include_str!("../vectors/accesskey.json"),
        "vectors/accesskey.json",
        "GUESTEXEC_ZSTACK_VECTORS",
        check,
    );
}

fn check(vector: &Value) -> Check {
    let date = text(vector, "date")?;
    // Where the date has our form, we have to write it as the vendor does. A made-up weekday is let pass.
    if let Ok((seconds, zone)) = parse_date(date) {
        let zone = DateZone { name: zone.to_owned().into(), utc_offset: 0 };
        let again = format_date(seconds, &zone).map_err(|error| error.to_string())?;
        stage("date", &date[5..].into(), &again[5..])?;
    }
    let path = text(vector, "path")?;
    if path.starts_with("/v1/") {
        let escaped = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        let target = format!("/zstack{escaped}?limit=1");
        let signed = signed_path(&target).map_err(|error| error.to_string())?;
        stage("path", &vector["path"], &signed)?;
    }

    let to_sign = string_to_sign(text(vector, "method")?, date, path);
    stage("string to sign", &vector["string_to_sign"], &to_sign)?;
    let signature = signature(text(vector, "access_key_secret")?, &to_sign);
    stage("signature", &vector["signature"], &signature)?;

    let id = text(vector, "access_key_id")?;
    let value = authorization(id, &signature);
    stage("Authorization", &vector["authorization"], &value)?;
    let parsed = parse_authorization(&value).map_err(|error| error.to_string())?;
    if (parsed.access_key_id, parsed.signature) != (id, &*signature) {
        return Err("the Authorization header does not read back".to_owned());
    }
    Ok(())
}

fn text<'v>(from: &'v Value, member: &str) -> Result<&'v str, String> {
    from[member].as_str().ok_or_else(|| format!("the vector has no text `{member}`"))
}

type Check = Result<(), String>;

/// `Err` names the stage where what we make differs from the vector; a stage the vector lacks passes.
fn stage(name: &str, expected: &Value, got: &str) -> Check {
    match expected.as_str() {
        Some(expected) if expected != got => {
            Err(format!("{name} differs\n  expected: {expected:?}\n  got:      {got:?}"))
        }
        _ => Ok(()),
    }
}

/// Checks every vector of our own file and of those that the environment variable names, and reports all that fail.
fn check_files(own: &str, own_name: &str, variable: &str, check: fn(&Value) -> Check) {
    let mut files = vec![(own_name.to_owned(), own.to_owned())];
    for path in env::var_os(variable).iter().flat_map(env::split_paths) {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{name}, named by {variable}, cannot be read: {error}"));
        files.push((name, text));
    }
    let mut failures = String::new();
    for (file, text) in files {
        let json: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{file} is not JSON: {error}"));
        let vectors = json["vectors"].as_array().or(json.as_array());
        let vectors = vectors
            .filter(|vectors| !vectors.is_empty())
            .unwrap_or_else(|| panic!("{file} holds no vectors"));
        for (index, vector) in vectors.iter().enumerate() {
            let name =
                [&vector["name"], &vector["input"]["name"]].iter().find_map(|name| name.as_str());
            if let Err(problem) = check(vector) {
                let name = name.unwrap_or("unnamed");
                failures += &format!("\n{file}, vector {index} ({name}): {problem}");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
