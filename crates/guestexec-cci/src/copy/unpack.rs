//! Unpacking a container's archive, entry by entry, each checked before anything is made of it.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
};

use filetime::FileTime;
use guestexec_core::ErrorKind;
use tokio::sync::mpsc::{Receiver, Sender};

use super::{
    Copied, CopyProgress, Limits,
    archive::{Archive, Entry, Kind, quoted, refused},
    platform,
    stage::{Stage, unwritable},
    worker::dropped,
};
use crate::Error;

/// The archive as the session hands it on.
pub(super) struct Pieces {
    pieces: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    read: usize,
}

impl Pieces {
    pub(super) fn new(pieces: Receiver<Vec<u8>>) -> Self {
        Self { pieces, piece: Vec::new(), read: 0 }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            let Some(piece) = self.pieces.blocking_recv() else { return Ok(0) };
            self.piece = piece;
            self.read = 0;
        }
        let count = buffer.len().min(self.piece.len() - self.read);
        buffer[..count].copy_from_slice(&self.piece[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Unpacks an archive into a stage.
pub(super) struct Unpacker {
    pub(super) stage: Stage,
    pub(super) is_file: bool,
    pub(super) limits: Limits,
    pub(super) progress: Sender<CopyProgress>,
    pub(super) copied: Copied,
}

impl Unpacker {
    /// Unpacks all of it. The stage is then complete, and not yet in its place.
    pub(super) fn unpack(mut self, input: impl Read) -> Result<(Stage, Copied), Error> {
        let mut archive = Archive::new(input);
        while let Some(entry) = archive.next()? {
            self.add(&mut archive, &entry)?;
        }
        if self.copied.entries() == 0 {
            return Err(refused("it is empty"));
        }
        if !self.limits.outside_links {
            let outside =
                self.stage.outside_link().map_err(|error| unwritable(&self.stage.at, error))?;
            if let Some(link) = outside {
                return Err(refused(format!(
                    "the symbolic link `{}` leads out of the tree",
                    link.display()
                ))
                .with_advice("copy such links as they are with `allow_outside_links`"));
            }
        }
        self.stage.finish()?;
        Ok((self.stage, self.copied))
    }

    fn add<R: Read>(&mut self, archive: &mut Archive<R>, entry: &Entry) -> Result<(), Error> {
        if self.copied.entries() >= self.limits.entries {
            return Err(too_large(
                format!("has more than {} entries", self.limits.entries),
                "entry_limit",
            ));
        }
        let name = self.checked(entry)?;
        match entry.kind {
            Kind::Directory => self.copied.directories += 1,
            Kind::File => self.copied.files += 1,
            Kind::Symlink | Kind::HardLink => self.copied.links += 1,
        }
        self.tell(&name)?;
        if entry.kind == Kind::File {
            return self.write(archive, entry, &name);
        }
        if entry.size != 0 {
            return Err(refused(format!("{} has content, and is no file", quoted(&entry.name))));
        }
        let path = self.stage.path(&name);
        let made = match entry.kind {
            Kind::Directory => self.stage.add_directory(&name, entry.mode, time(entry)),
            Kind::Symlink => {
                self.stage.add_link(name);
                link_text(&entry.target).and_then(|target| {
                    platform::symlink(&target, &path)?;
                    filetime::set_symlink_file_times(&path, time(entry), time(entry))
                })
            }
            _ => fs::hard_link(self.linked(entry)?, &path),
        };
        made.map_err(|error| taken(&entry.name, &path, error))
    }

    /// The name of an entry within the tree; empty for the tree itself, and for a single file.
    fn checked(&self, entry: &Entry) -> Result<PathBuf, Error> {
        let name = relative(&entry.name, "the name")?;
        if self.is_file {
            return match (&entry.kind, self.copied.entries()) {
                (Kind::File, 0) => Ok(PathBuf::new()),
                _ => Err(refused(format!(
                    "{} comes where one file was asked for",
                    quoted(&entry.name)
                ))),
            };
        }
        match name.parent() {
            Some(parent) if !self.stage.has_directory(parent) => Err(refused(format!(
                "{} lies in something that is no directory of the archive",
                quoted(&entry.name)
            ))),
            None if entry.kind != Kind::Directory => {
                Err(refused(format!("{} names the tree itself", quoted(&entry.name))))
            }
            _ => Ok(name),
        }
    }

    /// The file that a hard link is another name of.
    fn linked(&self, entry: &Entry) -> Result<PathBuf, Error> {
        let target = relative(&entry.target, "the target of a hard link")?;
        let path = self.stage.path(&target);
        let is_in_tree = target.parent().is_some_and(|parent| self.stage.has_directory(parent));
        let is_file = || fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if is_in_tree && is_file() {
            return Ok(path);
        }
        Err(refused(format!(
            "{} is a hard link to {}, which is no file that came before",
            quoted(&entry.name),
            quoted(&entry.target)
        )))
    }

    fn write<R: Read>(
        &mut self,
        archive: &mut Archive<R>,
        entry: &Entry,
        name: &Path,
    ) -> Result<(), Error> {
        let left = self.limits.bytes - self.copied.bytes;
        if entry.size > left {
            return Err(too_large(
                format!("has more than {} bytes of content", self.limits.bytes),
                "size_limit",
            ));
        }
        let path = self.stage.path(name);
        let mut file = platform::create(&path).map_err(|error| taken(&entry.name, &path, error))?;
        archive.content(entry.size, |bytes| {
            file.write_all(bytes).map_err(|error| unwritable(&path, error))?;
            self.copied.bytes += bytes.len() as u64;
            self.tell(name)
        })?;
        platform::set_file_mode(&file, entry.mode & platform::PERMISSIONS)
            .and_then(|()| filetime::set_file_handle_times(&file, None, Some(time(entry))))
            .map_err(|error| unwritable(&path, error))
    }

    fn tell(&self, name: &Path) -> Result<(), Error> {
        let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
        let progress = CopyProgress {
            bytes: self.copied.bytes,
            entries: self.copied.entries(),
            name: name.to_owned(),
        };
        self.progress
            .blocking_send(progress)
            .map_err(|_| Error::new(ErrorKind::Output, dropped().to_string()))
    }
}

fn time(entry: &Entry) -> FileTime {
    platform::time(entry.seconds, entry.nanoseconds)
}

fn too_large(what: String, setter: &str) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the container's archive {what}"))
        .with_may_have_run(true)
        .with_advice(format!("raise `{setter}` if the tree may be that large"))
}

/// The error of an entry that cannot be made.
fn taken(name: &[u8], path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => refused(format!("{} appears twice", quoted(name))),
        io::ErrorKind::InvalidInput => refused(format!("{}: {error}", quoted(name))),
        _ => unwritable(path, error),
    }
}

/// The text of a symbolic link.
fn link_text(bytes: &[u8]) -> io::Result<OsString> {
    let odd = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if bytes.is_empty() {
        return odd("the link has no target");
    }
    if bytes.contains(&0) {
        return odd("the link's target holds a NUL");
    }
    #[cfg(unix)]
    return platform::name(bytes);
    #[cfg(not(unix))]
    odd("this system has no such links")
}

/// Reads a name that may lead nowhere but down.
fn relative(name: &[u8], what: &str) -> Result<PathBuf, Error> {
    let wrong = |why: &str| Err(refused(format!("{what} {} {why}", quoted(name))));
    if name.is_empty() {
        return wrong("is empty");
    }
    if name.starts_with(b"/") {
        return wrong("is absolute");
    }
    if name.contains(&0) {
        return wrong("holds a NUL");
    }
    let mut path = PathBuf::new();
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return wrong("has a component `..`"),
            component => match platform::name(component) {
                Ok(component) => path.push(component),
                Err(error) => return wrong(&format!("cannot be used: {error}")),
            },
        }
    }
    Ok(path)
}
