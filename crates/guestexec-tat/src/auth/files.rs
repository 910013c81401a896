//! Credentials in files: the SDKs' ini file and tccli's profiles.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use guestexec_core::{Secret, read_members};
use serde_json::Value;

use super::{Absent, Lease, since_1970, unusable, variable};
use crate::{Credentials, Error, file};

/// Longest file read, in bytes; those of the vendor's tools have a few hundred.
const LONGEST: u64 = 64 * 1024;

fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// Reads the SDKs' file in the first place that they look for it.
pub(super) fn default_file() -> Result<Lease, Error> {
    if let Some(path) = variable("TENCENTCLOUD_CREDENTIALS_FILE") {
        return read_ini(Path::new(&path));
    }
    let own = home().map(|home| home.join(".tencentcloud/credentials"));
    let path = own.filter(|path| path.exists());
    read_ini(&path.unwrap_or_else(|| PathBuf::from("/etc/tencentcloud/credentials")))
}

/// Reads a small file: UTF-8, or UTF-16 with a byte-order mark. Other bytes, as in a comment in another
/// encoding, are replaced and spoil nothing else.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    read(path).map_err(|error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        let error =
            unusable(format!("no credentials could be read from {}: {error}", path.display()));
        if absent { error.with_source(Absent) } else { error }
    })
}

fn read(path: &Path) -> io::Result<String> {
    let bytes = file::read(path, LONGEST)?;
    let units = |order: fn([u8; 2]) -> u16| -> String {
        let pairs = bytes[2..].chunks(2).map(|pair| order([pair[0], *pair.get(1).unwrap_or(&0)]));
        char::decode_utf16(pairs).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    Ok(match bytes[..] {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ref rest @ ..] | ref rest @ [..] => {
            String::from_utf8_lossy(rest).into_owned()
        }
    })
}

/// Checks a pair from a file.
fn checked(pair: Credentials, names: [&str; 3], path: &Path) -> Result<Credentials, Error> {
    pair.check_in(|part| format!("(`{}` in {})", names[part], path.display()))?;
    Ok(pair)
}

/// Reads an ini file: `secret_id`, `secret_key`, perhaps `token`, in the section `[default]`.
pub(super) fn read_ini(path: &Path) -> Result<Lease, Error> {
    let text = text(path)?;
    let mut inside = false;
    let [mut id, mut key, mut token] = [None, None, None];
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = section.trim() == "default";
        } else if let Some((name, value)) = line.split_once(['=', ':']).filter(|_| inside) {
            let value = Some(value.trim()).filter(|value| !value.is_empty());
            match name.trim().to_ascii_lowercase().as_str() {
                "secret_id" => id = value,
                "secret_key" => key = value,
                "token" => token = value,
                _ => {}
            }
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

/// Reads a profile of tccli by its name.
pub(super) fn tccli_profile(profile: &str) -> Result<Lease, Error> {
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
pub(super) fn read_tccli(path: &Path) -> Result<Lease, Error> {
    struct Profile {
        secret_id: String,
        secret_key: Option<Secret>,
        token: Option<String>,
        /// Seconds since 1970; present after a browser login.
        expires_at: Value,
        role_arn: Option<String>,
        other_role_arn: Option<String>,
    }
    read_members!(Profile {
        secret_id = "secretId" optional, secret_key = "secretKey" optional, token = "token" optional,
        expires_at = "expiresAt" optional, role_arn = "role-arn" optional,
        other_role_arn = "roleArn" optional,
    });
    let text = text(path)?;
    // The parser's message may quote the file.
    let profile: Profile = serde_json::from_str(&text).map_err(|_| {
        unusable(format!("{} is not a tccli profile: run `tccli configure`", path.display()))
    })?;
    // Without the role, the pair is another identity than tccli's.
    if profile.role_arn.or(profile.other_role_arn).is_some_and(|role| !role.is_empty()) {
        return Err(unusable(format!(
            "{} names a role (`role-arn`), and this library assumes none: give the client that \
             role's temporary keys",
            path.display()
        )));
    }
    match profile {
        Profile { secret_id, secret_key: Some(key), token, expires_at, .. }
            if !secret_id.is_empty() && !key.is_empty() =>
        {
            let pair = Credentials::new(secret_id, key).with_optional_token(token);
            let pair = checked(pair, ["secretId", "secretKey", "token"], path)?;
            Ok(match since_1970(&expires_at) {
                Some(expires) => Lease::until(pair, expires),
                None => Lease::lasting(pair),
            })
        }
        _ => Err(unusable(format!(
            "{} has no `secretId` and `secretKey`: run `tccli configure`",
            path.display()
        ))),
    }
}
