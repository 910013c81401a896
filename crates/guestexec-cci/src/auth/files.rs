//! The files of the vendor's tools: the SDKs' profile, and KooCLI's settings.

use std::path::Path;

use guestexec_core::{
    absent, credentials_text, home, ini_section, read_file, unusable, variable, warn_if_exposed,
};
use serde_json::Value;

use super::{WorkloadIdentity, source::Found};
use crate::{Credentials, Error};

/// The largest file of KooCLI's settings that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The region of the profile that KooCLI uses where none is named. The keys beside it are encrypted.
pub(crate) fn region_of_koocli() -> Option<String> {
    let path = home()?.join(".hcloud/config.json");
    let settings: Value = serde_json::from_slice(&read_file(&path, LARGEST).ok()?).ok()?;
    let profiles = settings["profiles"].as_array()?;
    let current = profiles.iter().find(|profile| profile["name"] == settings["current"])?;
    current["region"].as_str().filter(|region| !region.is_empty()).map(str::to_owned)
}

/// Reads the credentials file of the SDKs.
pub(super) fn read_default() -> Result<Found, Error> {
    match (variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE"), home()) {
        // A file that was named and is not there is a mistake, not a place without credentials.
        (Some(path), _) => read(Path::new(&path)).map_err(|error| unusable(error.message())),
        (None, Some(home)) => read(&home.join(".huaweicloud/credentials")),
        (None, None) => {
            Err(absent("there is no home directory to look for .huaweicloud/credentials in"))
        }
    }
}

/// Reads a profile file.
pub(super) fn read(path: &Path) -> Result<Found, Error> {
    let text = credentials_text(path)?;
    warn_if_exposed(path);
    let section = |name| ini_section(&text, name).map(|entries| (name, entries));
    let (section, entries) = section("basic").or_else(|| section("global")).ok_or_else(|| {
        unusable(format!("{} has no section [basic] or [global]: add one", path.display()))
    })?;
    // The last one counts, as for the SDKs' parsers that take more than one.
    let entry =
        |name: &str| entries.iter().rev().find(|(is, _)| is == name).map(|(_, value)| *value);
    let place = format!("section [{section}] of {}", path.display());
    let [ak, sk, idp_id, token_file] = ["ak", "sk", "idp_id", "id_token_file"].map(entry);
    let found = match (idp_id, token_file, ak, sk) {
        (Some(idp_id), Some(token_file), ..) => {
            let identity = WorkloadIdentity::new().identity(idp_id, token_file);
            let identity = match entry("project_id") {
                Some(id) => identity.project_id(id),
                None => identity,
            };
            return Ok(Found::Identity(match entry("iam_endpoint") {
                Some(endpoint) => identity.endpoint(endpoint),
                None => identity,
            }));
        }
        (None, None, Some(ak), Some(sk)) => Credentials::access_key(ak, sk),
        _ => {
            let lacks = match (idp_id.or(token_file), ak) {
                (Some(_), _) => "one of `idp_id` and `id_token_file` without the other",
                (None, Some(_)) => "`ak` without `sk`",
                (None, None) => "no `ak` and `sk`, and no `idp_id` and `id_token_file`",
            };
            return Err(unusable(format!("{place} has {lacks}: complete it")));
        }
    };
    let found = match entry("security_token") {
        Some(token) => found.with_security_token(token),
        None => found,
    };
    let found = match entry("project_id") {
        Some(id) => found.project_id(id),
        None => found,
    };
    found.check_parts().map_err(|problem| unusable(format!("{problem} ({place})")))?;
    Ok(Found::Credentials(found))
}
