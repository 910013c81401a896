//! Whether JSON names each member of an object once.

use std::collections::HashSet;

use serde::de::{Error, MapAccess};

use crate::walk::{Rule, follows};

/// True for JSON whose objects have no two members of the same name.
#[inline]
pub(super) fn members(json: &[u8]) -> bool {
    follows::<Unique>(json)
}

/// Each name of an object stands there once.
struct Unique;

impl Rule for Unique {
    fn members<'de, A: MapAccess<'de>>(mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member is named twice"));
            }
            members.next_value::<crate::walk::Walk<Self>>()?;
        }
        Ok(())
    }
}
