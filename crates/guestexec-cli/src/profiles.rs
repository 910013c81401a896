//! The file of profiles: settings of the three services under names of the user's own.

pub(crate) mod edit;
mod read;

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    connect::{cci, tat, zstack},
    failure::Failure,
    secret_from::SecretFrom,
};
use etcetera::base_strategy::{BaseStrategy as _, choose_native_strategy};

/// The variable that names the folder of the configuration.
pub(crate) const FOLDER: &str = "GUESTEXEC_CONFIG_DIR";
/// The file's name.
const FILE: &str = "profiles.toml";

/// All profiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles {
    /// For each provider, the profile that is used if none is named.
    pub(crate) in_use: BTreeMap<String, String>,
    /// The profiles by name.
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// The settings of one service.
#[derive(Clone, Debug)]
pub(crate) enum Profile {
    Cci(cci::Settings),
    Tat(tat::Settings),
    Zstack(zstack::Settings),
}

impl Profile {
    /// The provider, as its crate's name ends.
    pub(crate) fn provider(&self) -> &'static str {
        match self {
            Self::Cci(_) => "cci",
            Self::Tat(_) => "tat",
            Self::Zstack(_) => "zstack",
        }
    }

    /// The places of its secrets, each with what it holds and the flag that gives it.
    pub(crate) fn secrets_mut(
        &mut self,
    ) -> [(&'static str, &'static str, &mut Option<SecretFrom>); 2] {
        match self {
            Self::Cci(settings) => settings.secrets_mut(),
            Self::Tat(settings) => settings.secrets_mut(),
            Self::Zstack(settings) => settings.secrets_mut(),
        }
    }

    /// The file of certificates.
    pub(crate) fn ca_file_mut(&mut self) -> &mut Option<PathBuf> {
        match self {
            Self::Cci(settings) => &mut settings.ca_file,
            Self::Tat(settings) => &mut settings.ca_file,
            Self::Zstack(settings) => &mut settings.ca_file,
        }
    }

    /// Its settings by their names in the file.
    pub(crate) fn members(&self) -> Result<toml::Table, Failure> {
        let members = match self {
            Self::Cci(settings) => toml::Table::try_from(settings),
            Self::Tat(settings) => toml::Table::try_from(settings),
            Self::Zstack(settings) => toml::Table::try_from(settings),
        };
        members.map_err(|error| Failure::new(error.to_string()))
    }
}

/// The folder of the configuration.
///
/// # Errors
/// If the user has no home.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
        // The paths of kept secrets are in the file, and count from any folder.
        return Ok(std::path::absolute(folder)?);
    }
    let places = choose_native_strategy().map_err(|_| {
        Failure::new("the folder of profiles is unknown, as there is no home folder")
            .advise(format!("Set HOME, or set {FOLDER} to a folder."))
    })?;
    Ok(places.config_dir().join("guestexec"))
}

impl Profiles {
    /// The path of the file.
    ///
    /// # Errors
    /// As [`folder`].
    pub(crate) fn path() -> Result<PathBuf, Failure> {
        Ok(folder()?.join(FILE))
    }

    /// Reads the file. None is no profile.
    ///
    /// # Errors
    /// If it cannot be read, is malformed, or others can change it.
    pub(crate) fn load() -> Result<Self, Failure> {
        let path = match Self::path() {
            Ok(path) => path,
            // A machine without homes, such as a container, has no profiles.
            Err(_) => return Ok(Self::default()),
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(Failure::new(format!("{} cannot be read: {error}", path.display()))
                    .advise("Make it readable, or move it away."));
            }
        };
        refuse_foreign_changes(&path)?;
        read::parse(&text).map_err(|problem| problem.in_file(&path, &text))
    }

    /// The profile `name` of `provider`.
    ///
    /// # Errors
    /// If there is none, or it is of another provider.
    pub(crate) fn named(&self, name: &str, provider: &str) -> Result<&Profile, Failure> {
        let Some(profile) = self.profiles.get(name) else {
            let known: Vec<&str> = self
                .profiles
                .iter()
                .filter(|(_, profile)| profile.provider() == provider)
                .map(|(name, _)| &**name)
                .collect();
            let advice = if known.is_empty() {
                format!("Make one: `guestexec profile add {name} {provider} …`.")
            } else {
                format!("Profiles of {provider}: {}.", known.join(", "))
            };
            return Err(Failure::new(format!("there is no profile `{name}`")).advise(advice));
        };
        if profile.provider() == provider {
            return Ok(profile);
        }
        Err(Failure::new(format!(
            "the profile `{name}` is one of {}, not of {provider}",
            profile.provider()
        ))
        .advise("See `guestexec profile list`."))
    }

    /// The profile that is used for `provider` if none is named.
    ///
    /// # Errors
    /// As [`Self::named`].
    pub(crate) fn used(&self, provider: &str) -> Result<Option<(&str, &Profile)>, Failure> {
        let Some(name) = self.in_use.get(provider) else { return Ok(None) };
        if !self.profiles.contains_key(name) {
            return Err(Failure::new(format!(
                "the profile `{name}`, which is in use for {provider}, is not there"
            ))
            .advise(
                "Choose another by `guestexec profile use`, or make it by `guestexec profile add`.",
            ));
        }
        Ok(Some((name, self.named(name, provider)?)))
    }
}

/// Refuses a file that others can change: a profile may name a command that prints a secret.
#[cfg(unix)]
fn refuse_foreign_changes(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let shown = path.display().to_string();
    Err(Failure::new(format!("others can change {shown} (its mode is {mode:03o})"))
        .advise(format!("Run `chmod 600 {}`.", shlex::try_quote(&shown).unwrap_or_default())))
}

/// The permissions of other systems are lists, which are left alone.
#[cfg(not(unix))]
fn refuse_foreign_changes(_: &Path) -> Result<(), Failure> {
    Ok(())
}
