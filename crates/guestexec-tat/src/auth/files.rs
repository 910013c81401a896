//! Credentials in files: the SDKs' ini file and tccli's profiles.

use std::path::{Path, PathBuf};

use guestexec_core::{
    Secret, credentials_text, home, ini_section, read_file, read_members, unusable, variable,
    warn_if_exposed,
};
use serde_json::Value;

use super::{Lease, assume::Role, since_1970};
use crate::{Credentials, Error};

/// The largest file of tccli's settings that is read, in bytes. It has a line for each service.
const LARGEST: u64 = 1024 * 1024;

/// Reads the first credentials file that exists, in the order of the SDKs.
#[inline]
pub(super) fn default_file() -> Result<Lease, Error> {
    if let Some(path) = variable("TENCENTCLOUD_CREDENTIALS_FILE") {
        return read_ini(Path::new(&path));
    }
    let own = home().map(|home| home.join(".tencentcloud/credentials"));
    let path = own.filter(|path| path.exists());
    read_ini(&path.unwrap_or_else(|| PathBuf::from("/etc/tencentcloud/credentials")))
}

/// Checks a pair from a file.
#[inline]
fn checked(pair: Credentials, names: [&str; 3], path: &Path) -> Result<Credentials, Error> {
    pair.check_in(|part| format!("(`{}` in {})", names[part], path.display()))?;
    Ok(pair)
}

/// Reads an ini file: `secret_id`, `secret_key`, perhaps `token`, in the section `[default]`.
#[inline]
pub(super) fn read_ini(path: &Path) -> Result<Lease, Error> {
    let text = credentials_text(path)?;
    warn_if_exposed(path);
    let [mut id, mut key, mut token] = [None, None, None];
    for (name, value) in ini_section(&text, "default").unwrap_or_default() {
        match name.as_str() {
            "secret_id" => id = Some(value),
            "secret_key" => key = Some(value),
            "token" => token = Some(value),
            _ => {}
        }
    }
    let missing = |what: &str| {
        unusable(format!("{} has no `{what}` in its section [default]: add it", path.display()))
    };
    let pair = Credentials::new(
        id.ok_or_else(|| missing("secret_id"))?,
        key.ok_or_else(|| missing("secret_key"))?,
    );
    let pair = pair.with_optional_token(token.map(str::to_owned));
    checked(pair, ["secret_id", "secret_key", "token"], path).map(Lease::lasting)
}

/// The credentials that a tccli profile describes.
pub(super) enum Profiled {
    /// Keys, and the role that they assume, if there is one.
    Keys(Box<Lease>, Option<Role>),
    /// The role of the CVM instance.
    CvmRole,
}

/// The profile that tccli uses where none is named.
#[inline]
pub(super) fn usual_profile() -> String {
    variable("TCCLI_PROFILE").unwrap_or_else(|| "default".to_owned())
}

/// The region in the settings of the profile that tccli would use.
#[inline]
pub(crate) fn region_of_tccli() -> Option<String> {
    let profile = usual_profile();
    if profile.contains(['/', '\\']) {
        return None;
    }
    let path = home()?.join(".tccli").join(format!("{profile}.configure"));
    let settings: Value = serde_json::from_slice(&read_file(&path, LARGEST).ok()?).ok()?;
    // Old versions have it at the top, where newer ones have the service of this name.
    let region = [&settings["_sys_param"]["region"], &settings["region"]];
    region.iter().find_map(|region| region.as_str()).filter(|it| !it.is_empty()).map(str::to_owned)
}

/// Reads a profile of tccli by its name.
#[inline]
pub(super) fn tccli_profile(profile: &str) -> Result<Profiled, Error> {
    // The name becomes part of a path.
    if profile.contains(['/', '\\']) {
        return Err(unusable("the name of the tccli profile holds a slash: give one without"));
    }
    let home = home().ok_or_else(|| {
        unusable("there is no home directory to look for tccli's profile in: set HOME")
    })?;
    read_tccli(&home.join(".tccli").join(format!("{profile}.credential")))
}

/// Reads the file of a tccli profile.
#[inline]
pub(super) fn read_tccli(path: &Path) -> Result<Profiled, Error> {
    struct Profile {
        secret_id: String,
        secret_key: Option<Secret>,
        token: Option<String>,
        /// Seconds since 1970; present after a browser login.
        expires_at: Value,
        role_arn: Option<String>,
        role_session_name: Option<String>,
        kind: Value,
    }
    read_members!(Profile {
        secret_id = "secretId" optional, secret_key = "secretKey" optional, token = "token" optional,
        expires_at = "expiresAt" optional, role_arn = "role-arn" | "roleArn" optional,
        role_session_name = "role-session-name" | "roleSessionName" optional, kind = "type" optional,
    });
    let text = credentials_text(path)?;
    warn_if_exposed(path);
    // The parser's message may quote the file.
    let profile: Profile = serde_json::from_str(&text).map_err(|_| {
        unusable(format!("{} is not a tccli profile: run `tccli configure`", path.display()))
    })?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let session_name = filled(profile.role_session_name);
    let role = filled(profile.role_arn).map(|arn| Role::new(arn, session_name));
    if role.is_none() && profile.kind == "cvm-role" {
        return Ok(Profiled::CvmRole);
    }
    match profile {
        Profile { secret_id, secret_key: Some(key), token, expires_at, .. }
            if !secret_id.is_empty() && !key.is_empty() =>
        {
            let pair = Credentials::new(secret_id, key).with_optional_token(token);
            let pair = checked(pair, ["secretId", "secretKey", "token"], path)?;
            let lease = Lease::expiring(pair, since_1970(&expires_at));
            Ok(Profiled::Keys(lease.into(), role))
        }
        _ => Err(unusable(format!(
            "{} has no `secretId` and `secretKey`: run `tccli configure`",
            path.display()
        ))),
    }
}
