//! A walk through JSON that keeps nothing and checks a rule at each part.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A rule for the parts of a document. By default, all are accepted.
pub(crate) trait Rule: Sized {
    /// Checks a number that is no 64-bit integer.
    fn float<E: Error>(_: f64) -> Result<(), E> {
        Ok(())
    }

    /// Checks the members of an object.
    fn members<'de, A: MapAccess<'de>>(mut members: A) -> Result<(), A::Error> {
        while members.next_entry::<Walk<Self>, Walk<Self>>()?.is_some() {}
        Ok(())
    }
}

/// True if `serde_json` parses all of the text, and each part obeys the rule.
pub(crate) fn follows<R: Rule>(json: &[u8]) -> bool {
    serde_json::from_slice::<Walk<R>>(json).is_ok()
}

/// A value of any kind. Unlike `IgnoredAny` it checks every part.
pub(crate) struct Walk<R>(PhantomData<R>);

impl<'de, R: Rule> Deserialize<'de> for Walk<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self(PhantomData))
    }
}

impl<'de, R: Rule> Visitor<'de> for Walk<R> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self, E> {
        R::float(number).map(|()| self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self, A::Error> {
        R::members(members).map(|()| self)
    }
}
