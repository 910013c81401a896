//! The differences between operating systems: names, modes, links.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

use filetime::FileTime;

/// The latest time that is set: the end of the year 9999, in seconds.
const LATEST: i64 = 253_402_300_799;

/// The bits of a mode that are kept of what a container sends: none that gives a program other rights.
pub(super) const PERMISSIONS: u32 = 0o777;

/// A time of change that any file system can be asked for.
pub(super) fn time(seconds: i64, nanoseconds: u32) -> FileTime {
    FileTime::from_unix_time(seconds.clamp(0, LATEST), nanoseconds.min(999_999_999))
}

/// The time of change of a file, in whole seconds.
pub(super) fn seconds(metadata: &Metadata) -> u64 {
    FileTime::from_last_modification_time(metadata).unix_seconds().max(0).cast_unsigned()
}

#[cfg(unix)]
mod unix {
    use std::os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    };

    use rustix::fs::OFlags;

    use super::*;

    pub(in super::super) fn bytes(name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(name.as_bytes().to_vec())
    }

    pub(in super::super) fn name(bytes: &[u8]) -> io::Result<OsString> {
        Ok(OsString::from_vec(bytes.to_vec()))
    }

    pub(in super::super) fn mode(metadata: &Metadata) -> u32 {
        metadata.mode() & 0o7777
    }

    /// The identity of a file that may have another name.
    pub(in super::super) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
        (metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()))
    }

    /// Opens a file that is no link. A pipe that has replaced it does not block.
    pub(in super::super) fn open(path: &Path) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
    }

    pub(in super::super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    pub(in super::super) fn create_directory(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    pub(in super::super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    pub(in super::super) fn set_file_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    pub(in super::super) fn symlink(target: &OsStr, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, path)
    }
}

#[cfg(not(unix))]
mod other {
    use super::*;

    pub(in super::super) fn bytes(name: &OsStr) -> io::Result<Vec<u8>> {
        let text = name.to_str().ok_or_else(|| invalid("a name is not Unicode"))?;
        Ok(text.replace('\\', "/").into_bytes())
    }

    /// Refuses what has a meaning of its own in a path of this system.
    pub(in super::super) fn name(bytes: &[u8]) -> io::Result<OsString> {
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("a name is not UTF-8"))?;
        let is_odd = |c: char| c.is_control() || "\\:*?\"<>|".contains(c);
        if text.contains(is_odd) || text.ends_with(['.', ' ']) {
            return Err(invalid("a name has characters that this system does not allow"));
        }
        Ok(text.into())
    }

    pub(in super::super) fn mode(metadata: &Metadata) -> u32 {
        if metadata.is_dir() { 0o755 } else { 0o644 }
    }

    pub(in super::super) fn identity(_: &Metadata) -> Option<(u64, u64)> {
        None
    }

    pub(in super::super) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(in super::super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(in super::super) fn create_directory(path: &Path) -> io::Result<()> {
        DirBuilder::new().create(path)
    }

    pub(in super::super) fn set_mode(_: &Path, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn set_file_mode(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn symlink(_: &OsStr, _: &Path) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such links"))
    }

    fn invalid(why: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, why)
    }
}

#[cfg(not(unix))]
pub(super) use other::*;
#[cfg(unix)]
pub(super) use unix::*;

/// Whether there is something at the path, be it a link to nothing.
pub(super) fn is_present(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
