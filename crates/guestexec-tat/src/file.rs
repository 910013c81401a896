//! Reads small files that a caller names.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

/// Reads a regular file of at most `longest` bytes.
///
/// # Errors
/// Those of the file system; [`InvalidInput`](io::ErrorKind::InvalidInput), with a reason for people,
/// if it is no regular file or has more bytes.
pub(crate) fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
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
