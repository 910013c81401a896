//! A copy that comes into being beside its place.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

use filetime::FileTime;
use guestexec_core::ErrorKind;

use super::platform;
use crate::Error;

/// How many links are followed one after another: the limit of Linux.
const MAX_LINKS: usize = 40;

/// The final place of a copy.
#[derive(Clone, Debug)]
pub(super) struct Target {
    path: PathBuf,
    folder: PathBuf,
    overwrite: bool,
}

impl Target {
    /// Checks that a copy can appear at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if it names nothing, there is something already, or its folder is none.
    pub(super) fn new(path: &Path, overwrite: bool) -> Result<Self, Error> {
        let shown = path.display();
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
        if path.file_name().is_none() {
            return invalid(format!(
                "the local path `{shown}` does not end in a name for the copy"
            ));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        match fs::metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return invalid(format!("`{}` is not a folder", folder.display())),
            Err(error) => {
                return invalid(format!(
                    "the folder `{}` cannot be used: {error}",
                    folder.display()
                ));
            }
        }
        let target = Self { path: path.to_owned(), folder, overwrite };
        match platform::is_present(path) {
            Ok(true) if !overwrite => Err(target.present()),
            Ok(_) => Ok(target),
            Err(error) => invalid(format!("`{shown}` cannot be used: {error}")),
        }
    }

    fn present(&self) -> Error {
        Error::new(
            ErrorKind::InvalidRequest,
            format!("there is something at `{}` already", self.path.display()),
        )
        .with_advice("choose another path, or replace it with `overwrite`")
    }
}

/// A failure to write here.
pub(super) fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Output, format!("`{}` could not be written: {error}", path.display()))
        .with_may_have_run(true)
        .with_source(error)
}

/// The unfinished copy. Drop removes it.
#[derive(Debug)]
pub(super) struct Stage {
    target: Target,
    /// Its temporary path: a file, or a directory that other users cannot enter.
    pub(super) at: PathBuf,
    /// The directories that were made, with the mode and time that they get at the end.
    directories: BTreeMap<PathBuf, (u32, FileTime)>,
    links: Vec<PathBuf>,
    is_placed: bool,
}

impl Stage {
    pub(super) fn new(target: Target, id: &str) -> Self {
        let at = target.folder.join(id);
        Self { target, at, directories: BTreeMap::new(), links: Vec::new(), is_placed: false }
    }

    /// The path of an entry by its name within the tree.
    pub(super) fn path(&self, name: &Path) -> PathBuf {
        if name.as_os_str().is_empty() { self.at.clone() } else { self.at.join(name) }
    }

    /// Whether this is a directory that was made here, and therefore no link.
    pub(super) fn has_directory(&self, name: &Path) -> bool {
        self.directories.contains_key(name)
    }

    /// Makes a directory. One that is there gets the mode and the time.
    pub(super) fn add_directory(
        &mut self,
        name: &Path,
        mode: u32,
        time: FileTime,
    ) -> io::Result<()> {
        if !self.has_directory(name) {
            platform::create_directory(&self.path(name))?;
        }
        self.directories.insert(name.to_owned(), (mode & platform::PERMISSIONS, time));
        Ok(())
    }

    /// Remembers a symbolic link that was made.
    pub(super) fn add_link(&mut self, name: PathBuf) {
        self.links.push(name);
    }

    /// The first symbolic link that leads out of the tree, directly or by way of others.
    pub(super) fn outside_link(&self) -> io::Result<Option<&Path>> {
        for link in &self.links {
            if self.leads_outside(link)? {
                return Ok(Some(link));
            }
        }
        Ok(None)
    }

    fn leads_outside(&self, link: &Path) -> io::Result<bool> {
        let mut at: Vec<OsString> =
            link.parent().into_iter().flatten().map(OsString::from).collect();
        let mut ahead: VecDeque<PathBuf> = VecDeque::new();
        ahead.push_back(PathBuf::from(link.file_name().unwrap_or_default()));
        let mut followed = 0;
        while let Some(step) = ahead.pop_front() {
            match step.components().next() {
                Some(Component::Normal(name)) => at.push(name.to_owned()),
                Some(Component::ParentDir) => {
                    if at.pop().is_none() {
                        return Ok(true);
                    }
                    continue;
                }
                Some(Component::RootDir | Component::Prefix(_)) => return Ok(true),
                Some(Component::CurDir) | None => continue,
            }
            let path = self.at.join(at.iter().collect::<PathBuf>());
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    followed += 1;
                    if followed > MAX_LINKS {
                        return Ok(false);
                    }
                    at.pop();
                    let target = fs::read_link(&path)?;
                    for component in target.components().rev() {
                        ahead.push_front(PathBuf::from(component.as_os_str()));
                    }
                }
                Ok(_) => {}
                // A link to nothing leads where its text says.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound
                            | io::ErrorKind::NotADirectory
                            | io::ErrorKind::InvalidFilename
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Gives the directories their modes and times, those within others first.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        for (name, (mode, time)) in self.directories.iter().rev() {
            let path = self.path(name);
            filetime::set_file_mtime(&path, *time)
                .and_then(|()| platform::set_mode(&path, *mode))
                .map_err(|error| unwritable(&path, error))?;
        }
        Ok(())
    }

    /// Puts the copy in its place.
    pub(super) fn place(mut self) -> Result<(), Error> {
        let path = &self.target.path;
        self.rename().map_err(|error| unwritable(path, error)).and_then(|placed| {
            self.is_placed = placed;
            if placed { Ok(()) } else { Err(self.target.present()) }
        })
    }

    /// False if there is something that may not be replaced.
    fn rename(&self) -> io::Result<bool> {
        let path = &self.target.path;
        let present = match fs::symlink_metadata(path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(present) = present else { return fs::rename(&self.at, path).map(|()| true) };
        if !self.target.overwrite {
            return Ok(false);
        }
        let is_file = self.directories.is_empty();
        if is_file && !present.is_dir() {
            return fs::rename(&self.at, path).map(|()| true);
        }
        let mut aside = self.at.clone().into_os_string();
        aside.push(".old");
        let aside = PathBuf::from(aside);
        fs::rename(path, &aside)?;
        if let Err(error) = fs::rename(&self.at, path) {
            fs::rename(&aside, path)?;
            return Err(error);
        }
        if present.is_dir() {
            remove_tree(&aside)?
        } else {
            fs::remove_file(&aside)?
        }
        Ok(true)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.is_placed {
            return;
        }
        // A drop reports no error. The name of what is left tells what it is.
        let _ = match fs::symlink_metadata(&self.at) {
            Ok(metadata) if metadata.is_dir() => remove_tree(&self.at),
            Ok(_) => fs::remove_file(&self.at),
            Err(_) => Ok(()),
        };
    }
}

/// Removes a directory and all in it, also from directories that forbid it.
fn remove_tree(path: &Path) -> io::Result<()> {
    let Err(error) = fs::remove_dir_all(path) else { return Ok(()) };
    if error.kind() != io::ErrorKind::PermissionDenied {
        return Err(error);
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        platform::set_mode(&folder, 0o700)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(path)
}
