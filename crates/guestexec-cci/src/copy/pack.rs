//! Packing local files into an archive.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    vec,
};

use guestexec_core::ErrorKind;
use tar::{EntryType, Header};
use tokio::sync::mpsc::Sender;

use super::{
    Copied, CopyProgress,
    archive::{BLOCK, END, NAME, padding},
    platform,
    worker::{PIECE, dropped},
};
use crate::Error;

/// The name of the entry that stands for a single file.
const FILE: &[u8] = b"./file";
/// The name of entries that hold a longer name than a header has room for.
const LONG: &[u8] = b"././@LongLink";

/// The messages of the packing thread to the session.
pub(super) enum Piece {
    /// Comes first: the lengths of both archives, in bytes, and whether it is a single file that is copied.
    Begin { sizes: [u64; 2], is_file: bool },
    /// The next bytes of an archive.
    Data(Vec<u8>),
    /// The first archive has ended.
    Second,
    /// How far it has come.
    Progress(CopyProgress),
}

/// Packs what is at `path`, and hands it on in pieces: an archive of everything, and one that has the
/// directories again.
///
/// For busybox gives a directory its mode and time at once, which would forbid what is in it, and makes links
/// only at the end of an archive, which changes the times of their directories.
pub(super) fn pack(path: &Path, pieces: Sender<Piece>) -> Result<Copied, Error> {
    // A link that was named itself is followed.
    let root = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
    let mut sizes = [END, 0];
    let mut is_file = true;
    for entry in Walk::new(&root)? {
        let entry = entry?;
        is_file = entry.name == FILE;
        sizes[usize::from(entry.is_second())] += entry.length();
    }
    if !is_file {
        sizes[1] += END;
    }
    pieces.blocking_send(Piece::Begin { sizes, is_file }).map_err(|_| stopped())?;

    let mut sink = Sink { pieces, buffer: Vec::with_capacity(PIECE), left: 0 };
    let mut copied = Copied::default();
    for (is_second, size) in [(false, sizes[0]), (true, sizes[1])] {
        if size == 0 {
            break;
        }
        if is_second {
            sink.pieces.blocking_send(Piece::Second).map_err(|_| stopped())?;
        }
        sink.left = size;
        for entry in Walk::new(&root)? {
            let entry = entry?;
            if entry.is_second() == is_second {
                entry.write(&mut sink, &mut copied)?;
            }
        }
        sink.put(&[0; END as usize])?;
        sink.flush()?;
        if sink.left > 0 {
            return Err(changed(&root));
        }
    }
    Ok(copied)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Input, format!("`{}` could not be read: {error}", path.display()))
        .with_source(error)
}

fn changed(path: &Path) -> Error {
    Error::new(ErrorKind::Input, format!("`{}` changed while it was copied", path.display()))
        .with_advice("copy it again when nothing writes to it")
}

fn stopped() -> Error {
    Error::new(ErrorKind::Input, dropped().to_string())
}

enum Kind {
    Directory,
    /// A directory again, after all that is in it.
    DirectoryEnd,
    File {
        size: u64,
    },
    Symlink {
        target: Vec<u8>,
    },
    /// A further name of a file that came before.
    HardLink {
        target: Vec<u8>,
    },
}

struct Entry {
    /// Its name in the archive.
    name: Vec<u8>,
    /// Its name within the tree.
    shown: PathBuf,
    path: PathBuf,
    kind: Kind,
    mode: u32,
    seconds: u64,
}

impl Entry {
    fn target(&self) -> &[u8] {
        match &self.kind {
            Kind::Symlink { target } | Kind::HardLink { target } => target,
            Kind::Directory | Kind::DirectoryEnd | Kind::File { .. } => &[],
        }
    }

    /// Whether it belongs to the second archive.
    fn is_second(&self) -> bool {
        matches!(self.kind, Kind::DirectoryEnd)
    }

    /// How many bytes of the archive it takes.
    fn length(&self) -> u64 {
        let long = |name: &[u8]| match name.len() {
            0..=NAME => 0,
            length => BLOCK as u64 + padded(length as u64 + 1),
        };
        let content = if let Kind::File { size } = self.kind { padded(size) } else { 0 };
        long(&self.name) + long(self.target()) + BLOCK as u64 + content
    }

    fn write(&self, sink: &mut Sink, copied: &mut Copied) -> Result<(), Error> {
        let (kind, size) = match &self.kind {
            Kind::Directory | Kind::DirectoryEnd => (EntryType::Directory, 0),
            Kind::File { size } => (EntryType::Regular, *size),
            Kind::Symlink { .. } => (EntryType::Symlink, 0),
            Kind::HardLink { .. } => (EntryType::Link, 0),
        };
        match self.kind {
            Kind::Directory => copied.directories += 1,
            Kind::DirectoryEnd => {}
            Kind::File { .. } => copied.files += 1,
            Kind::Symlink { .. } | Kind::HardLink { .. } => copied.links += 1,
        }
        if !self.is_second() {
            self.tell(sink, copied)?;
        }
        for (kind, name) in
            [(EntryType::GNULongName, &*self.name), (EntryType::GNULongLink, self.target())]
        {
            if name.len() > NAME {
                let length = name.len() as u64 + 1;
                sink.put(header(kind, LONG, &[], length, 0o644, 0).as_bytes())?;
                sink.put(name)?;
                sink.put(&[0])?;
                sink.pad(length)?;
            }
        }
        let header = header(kind, &self.name, self.target(), size, self.mode, self.seconds);
        sink.put(header.as_bytes())?;
        if size == 0 {
            return Ok(());
        }
        let mut file = platform::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&self.path, error))?;
        if !metadata.is_file() || metadata.len() != size {
            return Err(changed(&self.path));
        }
        let mut left = size;
        let mut buffer = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE))];
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(PIECE));
            let read = match file.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(changed(&self.path)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(&self.path, error)),
            };
            sink.put(&buffer[..read])?;
            left -= read as u64;
            copied.bytes += read as u64;
            self.tell(sink, copied)?;
        }
        sink.pad(size)
    }

    fn tell(&self, sink: &Sink, copied: &Copied) -> Result<(), Error> {
        let progress = CopyProgress {
            bytes: copied.bytes,
            entries: copied.entries(),
            name: self.shown.clone(),
        };
        sink.pieces.blocking_send(Piece::Progress(progress)).map_err(|_| stopped())
    }
}

fn padded(length: u64) -> u64 {
    length + padding(length)
}

fn header(
    kind: EntryType,
    name: &[u8],
    target: &[u8],
    size: u64,
    mode: u32,
    seconds: u64,
) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(seconds);
    header.set_uid(0);
    header.set_gid(0);
    // The setters for names change them: they take paths, and these are bytes.
    if let Some(gnu) = header.as_gnu_mut() {
        for (field, value) in [(&mut gnu.name, name), (&mut gnu.linkname, target)] {
            let length = value.len().min(NAME);
            field[..length].copy_from_slice(&value[..length]);
        }
    }
    header.set_cksum();
    header
}

/// Sends the archive, and no more of it than was announced.
struct Sink {
    pieces: Sender<Piece>,
    buffer: Vec<u8>,
    left: u64,
}

impl Sink {
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(changed(Path::new("the folder")));
        };
        self.left = left;
        while !bytes.is_empty() {
            let (taken, rest) = bytes.split_at(bytes.len().min(PIECE - self.buffer.len()));
            self.buffer.extend_from_slice(taken);
            bytes = rest;
            if self.buffer.len() == PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn pad(&mut self, length: u64) -> Result<(), Error> {
        self.put(&[0; BLOCK][..padding(length) as usize])
    }

    fn flush(&mut self) -> Result<(), Error> {
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        self.pieces.blocking_send(Piece::Data(piece)).map_err(|_| stopped())
    }
}

/// Goes through a tree: a directory comes before what is in it, and its names come in order.
struct Walk {
    /// The root, if it comes next.
    root: Option<PathBuf>,
    folders: Vec<Folder>,
    /// The first names of files that may have more.
    names: HashMap<(u64, u64), Vec<u8>>,
}

struct Folder {
    /// Its name in the archive, with a slash at its end.
    name: Vec<u8>,
    shown: PathBuf,
    path: PathBuf,
    mode: u32,
    seconds: u64,
    left: vec::IntoIter<OsString>,
}

impl Walk {
    fn new(root: &Path) -> Result<Self, Error> {
        let metadata = fs::symlink_metadata(root).map_err(|error| unreadable(root, error))?;
        if !metadata.is_dir() && !metadata.is_file() {
            return Err(special(root));
        }
        Ok(Self { root: Some(root.to_owned()), folders: Vec::new(), names: HashMap::new() })
    }

    fn entry(&mut self, path: PathBuf, mut name: Vec<u8>, shown: PathBuf) -> Result<Entry, Error> {
        let unreadable = |error| unreadable(&path, error);
        let metadata = fs::symlink_metadata(&path).map_err(unreadable)?;
        let kind = if metadata.is_dir() {
            let names = fs::read_dir(&path).map_err(unreadable)?;
            let names = names.map(|entry| Ok(entry?.file_name()));
            let mut left = names.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
            left.sort();
            if !name.ends_with(b"/") {
                name.push(b'/');
            }
            self.folders.push(Folder {
                name: name.clone(),
                shown: shown.clone(),
                path: path.clone(),
                mode: platform::mode(&metadata),
                seconds: platform::seconds(&metadata),
                left: left.into_iter(),
            });
            Kind::Directory
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).map_err(unreadable)?;
            Kind::Symlink { target: platform::bytes(target.as_os_str()).map_err(unreadable)? }
        } else if metadata.is_file() {
            let first =
                platform::identity(&metadata).filter(|_| name != FILE).and_then(|identity| {
                    self.names.insert(identity, name.clone()).map(|it| (identity, it))
                });
            match first {
                Some((identity, target)) => {
                    self.names.insert(identity, target.clone());
                    Kind::HardLink { target }
                }
                None => Kind::File { size: metadata.len() },
            }
        } else {
            return Err(special(&path));
        };
        let enterable = if metadata.is_dir() { 0o700 } else { 0 };
        let mode = platform::mode(&metadata) | enterable;
        let seconds = platform::seconds(&metadata);
        Ok(Entry { name, shown, path, kind, mode, seconds })
    }

    fn step(&mut self) -> Result<Option<Entry>, Error> {
        if let Some(root) = self.root.take() {
            let is_directory = root.is_dir();
            let name = if is_directory { b"./".to_vec() } else { FILE.to_vec() };
            return self.entry(root, name, PathBuf::from(".")).map(Some);
        }
        if let Some(folder) = self.folders.last_mut() {
            let Some(next) = folder.left.next() else {
                let ended = self.folders.pop().map(|folder| Entry {
                    name: folder.name,
                    shown: folder.shown,
                    path: folder.path,
                    kind: Kind::DirectoryEnd,
                    mode: folder.mode,
                    seconds: folder.seconds,
                });
                return Ok(ended);
            };
            let path = folder.path.join(&next);
            let bytes = platform::bytes(&next).map_err(|error| unreadable(&path, error))?;
            let name = [&*folder.name, &bytes].concat();
            let shown = match folder.shown == Path::new(".") {
                true => PathBuf::from(&next),
                false => folder.shown.join(&next),
            };
            return self.entry(path, name, shown).map(Some);
        }
        Ok(None)
    }
}

fn special(path: &Path) -> Error {
    Error::new(
        ErrorKind::InvalidRequest,
        format!(
            "`{}` is neither a file, a folder nor a link, and cannot be copied",
            path.display()
        ),
    )
}

impl Iterator for Walk {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
