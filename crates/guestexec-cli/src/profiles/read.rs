//! From the text of the file of profiles to the profiles.

use std::{collections::BTreeMap, ops::Range, path::Path};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

use super::{Profile, Profiles};
use crate::failure::Failure;

/// What is wrong with the text, and where.
#[derive(Debug)]
pub(super) struct Problem {
    what: String,
    place: Option<Range<usize>>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        // Some messages go on in a second line, with what was expected.
        let what = error.message().trim().replace('\n', ", ");
        Self { what, place: error.span() }
    }
}

impl Problem {
    fn at<T>(place: &Spanned<T>, what: impl Into<String>) -> Self {
        Self { what: what.into(), place: Some(place.span()) }
    }

    /// A failure that names the line.
    pub(super) fn in_file(self, path: &Path, text: &str) -> Failure {
        let line = self.place.map(|place| {
            let before = text.as_bytes().get(..place.start).unwrap_or(text.as_bytes());
            before.iter().filter(|byte| **byte == b'\n').count() + 1
        });
        let shown = path.display();
        let place = line.map_or_else(|| shown.to_string(), |line| format!("{shown}, line {line}"));
        Failure::new(format!("{place}: {}", self.what))
            .advise("Correct the file there, or move it away and make the profiles anew.")
    }
}

/// Reads all profiles. A type with a tag would lose the places of what is wrong.
pub(super) fn parse(text: &str) -> Result<Profiles, Problem> {
    let mut profiles = Profiles::default();
    for (key, value) in DeTable::parse(text)?.into_inner() {
        match &**key.get_ref() {
            "in-use" => profiles.in_use = read(value)?,
            "profiles" => profiles.profiles = all(value)?,
            other => {
                let what = format!("unknown key `{other}`, expected `in-use` or `profiles`");
                return Err(Problem::at(&key, what));
            }
        }
    }
    Ok(profiles)
}

fn all(value: Spanned<DeValue<'_>>) -> Result<BTreeMap<String, Profile>, Problem> {
    let place = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        return Err(Problem { what: "`profiles` is no table".to_owned(), place: Some(place) });
    };
    let mut all = BTreeMap::new();
    for (name, value) in table {
        let profile = one(name.get_ref(), value)?;
        all.insert(name.into_inner().into_owned(), profile);
    }
    Ok(all)
}

fn one(name: &str, value: Spanned<DeValue<'_>>) -> Result<Profile, Problem> {
    let place = value.span();
    let DeValue::Table(mut table) = value.into_inner() else {
        return Err(Problem { what: format!("`{name}` is no table"), place: Some(place) });
    };
    let provider = table.remove("provider").ok_or_else(|| Problem {
        what: format!("the profile `{name}` has no `provider`: cci, tat or zstack"),
        place: Some(place.clone()),
    })?;
    let rest = |table| Spanned::new(place, DeValue::Table(table));
    Ok(match provider.get_ref().as_str() {
        Some("cci") => Profile::Cci(read(rest(table))?),
        Some("tat") => Profile::Tat(read(rest(table))?),
        Some("zstack") => Profile::Zstack(read(rest(table))?),
        _ => {
            let what = format!("the `provider` of `{name}` is none of cci, tat and zstack");
            return Err(Problem::at(&provider, what));
        }
    })
}

fn read<T: DeserializeOwned>(value: Spanned<DeValue<'_>>) -> Result<T, Problem> {
    Ok(T::deserialize(ValueDeserializer::from(value))?)
}
