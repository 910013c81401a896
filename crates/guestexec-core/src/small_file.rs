//! Small files that a caller or the environment names.

use std::{
    env,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use tracing::warn;

use crate::{Error, absent, unusable};

/// Longest file of credentials, in bytes; those of the vendors' tools have a few hundred.
const LONGEST: u64 = 64 * 1024;

/// The home directory of the user, in which the vendors' tools keep their files.
#[inline]
pub fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// Reads a regular file of at most `longest` bytes.
///
/// # Errors
/// Those of the file system; [`InvalidInput`](io::ErrorKind::InvalidInput), with a reason for people,
/// if it is no regular file or has more bytes.
#[inline]
pub fn read_file(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let refused = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        // Opening a pipe would wait for a writer.
        let what = if kind.is_dir() { "a directory" } else { "not a regular file" };
        return refused(format!("it is {what}"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return refused(format!(
            "it is far larger than such files are: it has more than {longest} bytes"
        ));
    }
    Ok(bytes)
}

/// Reads a small file: UTF-8, or UTF-16 with a byte-order mark. Other bytes, as in a comment in another
/// encoding, are replaced and spoil nothing else.
///
/// # Errors
/// An error of [`ErrorKind::Credentials`](crate::ErrorKind) that names the file; [`absent`] if there is
/// none.
pub fn credentials_text<D>(path: &Path) -> Result<String, Error<D>> {
    let bytes = read_file(path, LONGEST).map_err(|error| {
        let text = format!("no credentials could be read from {}: {error}", path.display());
        if error.kind() == io::ErrorKind::NotFound { absent(text) } else { unusable(text) }
    })?;
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

/// Logs a warning if other users of this machine may read a file with keys.
#[cfg(unix)]
#[inline]
pub fn warn_if_exposed(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_exposed = |kind: fs::Metadata| kind.permissions().mode() & 0o004 != 0;
    if fs::metadata(path).is_ok_and(is_exposed) {
        let path = path.display();
        warn!("every user of this machine can read the keys in {path}: `chmod 600` it");
    }
}

/// Logs a warning if other users of this machine may read a file with keys.
#[cfg(not(unix))]
#[inline]
pub fn warn_if_exposed(_: &Path) {}

/// The entries of a section of an ini file: their names in lower case, and their values, of which empty
/// ones are left out. `None` if there is no such section.
#[inline]
pub fn ini_section<'a>(text: &'a str, name: &str) -> Option<Vec<(String, &'a str)>> {
    let mut found = None;
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_inside = section.trim() == name;
            if is_inside {
                found.get_or_insert_with(Vec::new);
            }
        } else if line.starts_with(['#', ';']) {
            // A comment may hold an old key.
        } else if let Some((name, value)) = line.split_once(['=', ':']).filter(|_| is_inside)
            && !value.trim().is_empty()
            && let Some(entries) = &mut found
        {
            entries.push((name.trim().to_ascii_lowercase(), value.trim()));
        }
    }
    found
}
