//! Changes of the file of profiles, which keep its comments, and the files of kept secrets beside it.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use guestexec::Secret;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{Profile, Profiles, folder};
use crate::failure::Failure;

/// The folder of kept secrets.
const SECRETS: &str = "secrets";

/// The file, to be changed.
#[derive(Debug)]
pub(crate) struct Edit {
    path: PathBuf,
    document: DocumentMut,
    profiles: Profiles,
}

impl Edit {
    /// Reads the file.
    ///
    /// # Errors
    /// As [`Profiles::load`].
    pub(crate) fn begin() -> Result<Self, Failure> {
        let path = Profiles::path()?;
        let profiles = Profiles::load()?;
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            Failure::new(format!("{} cannot be changed: {}", path.display(), error.message()))
        })?;
        Ok(Self { path, document, profiles })
    }

    /// What the file holds.
    pub(crate) fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a profile, or replaces that of its name.
    ///
    /// # Errors
    /// If the settings cannot be written.
    pub(crate) fn put(&mut self, name: &str, profile: &Profile) -> Result<(), Failure> {
        let members = profile.members()?;
        self.leave_use(name);
        let table = self.table("profiles");
        table.set_implicit(true);
        // A table that is replaced keeps its comment.
        let mut entry = match table.remove(name) {
            Some(Item::Table(mut old)) => {
                old.clear();
                old
            }
            _ => Table::new(),
        };
        entry.insert("provider", value(profile.provider()));
        for (key, member) in members {
            entry.insert(
                &key,
                match member {
                    toml::Value::Boolean(on) => value(on),
                    toml::Value::Integer(count) => value(count),
                    toml::Value::String(text) => value(text),
                    other => value(other.to_string()),
                },
            );
        }
        table.insert(name, Item::Table(entry));
        self.profiles.profiles.insert(name.to_owned(), profile.clone());
        Ok(())
    }

    /// Uses a profile where none of its provider is named.
    pub(crate) fn use_profile(&mut self, name: &str, provider: &str) {
        self.table("in-use").insert(provider, value(name));
        self.profiles.in_use.insert(provider.to_owned(), name.to_owned());
    }

    /// Removes a profile.
    pub(crate) fn remove(&mut self, name: &str) {
        self.table("profiles").remove(name);
        self.leave_use(name);
        self.profiles.profiles.remove(name);
    }

    /// Makes the profile one that is not in use.
    fn leave_use(&mut self, name: &str) {
        self.profiles.in_use.retain(|_, used| used != name);
        let table = self.table("in-use");
        table.retain(|_, used| used.as_str() != Some(name));
        if table.is_empty() {
            self.document.remove("in-use");
        }
    }

    fn table(&mut self, name: &str) -> &mut Table {
        let item = self.document.entry(name).or_insert_with(|| Item::Table(Table::new()));
        if !item.is_table() {
            // One written as `{ … }`.
            let inline = std::mem::take(item).into_table().unwrap_or_default();
            *item = Item::Table(inline);
        }
        item.as_table_mut().expect("it was made a table")
    }

    /// Writes the file as a whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        write(&self.path, self.document.to_string().as_bytes())
    }
}

/// The file of a profile's kept secret. `part` tells its secrets apart.
///
/// # Errors
/// If there is no folder.
pub(crate) fn secret_path(name: &str, part: &str) -> Result<PathBuf, Failure> {
    let file = if part == "secret" { name.to_owned() } else { format!("{name}.{part}") };
    Ok(folder()?.join(SECRETS).join(file))
}

/// Keeps a secret in a file of its own.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn keep(path: &Path, secret: &Secret) -> Result<(), Failure> {
    write(path, secret.expose().as_bytes())
}

/// Removes the file of a kept secret. None is none.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn forget(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(format!("{} cannot be removed: {error}", path.display()))
                .advise("Remove it by hand: it holds a secret."))
        }
        _ => Ok(()),
    }
}

/// Writes a file of which others can read nothing: whole, or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    // A link stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let problem = |error: io::Error| {
        Failure::new(format!("{} cannot be written: {error}", path.display()))
            .advise("See whether its folder is yours, and whether there is room.")
    };
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        private_folder(folder)?;
        // It is for its owner alone from its beginning.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(problem)
}

/// Makes a folder for its owner alone, unless it is there.
fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
