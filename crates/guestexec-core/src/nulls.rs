//! Tolerance for `null` in place of an array.

use serde::{Deserialize, Deserializer};

/// Reads `null` as the type's default: vendors send `null` for an empty list.
///
/// For `#[serde(deserialize_with = "…")]` in generated code.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
