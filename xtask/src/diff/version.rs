//! Versions: what a crate has, and what its changes ask for.

use std::fmt;

/// A version of three numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u64, pub u64, pub u64);

/// The step of the version that the changes require.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// None: nothing changed that a program could notice.
    #[default]
    None,
    /// Something was corrected, or is described in another way.
    Patch,
    /// Something was added.
    Feature,
    /// A program may break.
    Breaking,
}

impl Version {
    /// Reads `1.2.3`; what follows a `-` or `+` is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['-', '+']).next()?.split('.').map(str::parse);
        let version = Self(numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        numbers.next().is_none().then_some(version)
    }

    /// The version of a crate, from its manifest and that of the workspace.
    pub fn of(manifest: &str, workspace: &str) -> Option<Self> {
        match value(manifest, "[package]", "version") {
            Some(version) => Self::parse(version),
            None => Self::parse(value(workspace, "[workspace.package]", "version")?),
        }
    }

    /// The next version after a step. Before 1.0, what breaks raises the second number, and all else
    /// the third.
    pub fn after(self, step: Step) -> Self {
        let Self(major, minor, patch) = self;
        match (step, major) {
            (Step::None, _) => self,
            (Step::Breaking, 0) => Self(0, minor.saturating_add(1), 0),
            (Step::Breaking, _) => Self(major.saturating_add(1), 0, 0),
            (Step::Feature, 1..) => Self(major, minor.saturating_add(1), 0),
            (Step::Feature | Step::Patch, _) => Self(major, minor, patch.saturating_add(1)),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The text of `key` in a section of a manifest.
fn value<'a>(manifest: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut lines = manifest.lines().map(str::trim);
    lines.find(|line| *line == section)?;
    let lines = lines.take_while(|line| !line.starts_with('['));
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then_some(value.trim())
    });
    values.next()?.strip_prefix('"')?.split('"').next()
}
