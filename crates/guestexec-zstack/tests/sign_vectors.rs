//! The signer against vectors of the vendor's SDKs and guide, stage by stage.
//!
//! `GUESTEXEC_ZSTACK_VECTORS` names further files of the same form, separated as in `PATH`.

use guestexec_testkit::vectors::{Check, check_files, stage, text};
use guestexec_zstack::sign::{
    DateZone, authorization, format_date, parse_authorization, parse_date, signature, signed_path,
    string_to_sign,
};
use serde_json::Value;

#[test]
fn vectors_of_the_vendor() {
    check_files(
        ("vectors/accesskey.json", include_str!("../vectors/accesskey.json")),
        "GUESTEXEC_ZSTACK_VECTORS",
        check,
    );
}

fn check(vector: &Value) -> Check {
    let date = text(vector, "date")?;
    // A date of our form has to be written the same way, but for the weekday, which vectors may invent.
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
