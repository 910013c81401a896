//! Answers that are a list.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use crate::lossless::Lenient;

/// An answer that is a list.
///
/// It is used as a `Vec`. An item of another kind than documented costs no other: it is in
/// [`odd`](Self::odd), as it came.
///
/// ```
/// use guestexec_core::Items;
///
/// let numbers: Items<u64> = serde_json::from_str("[1, 2, null]")?;
/// assert_eq!(numbers.len(), 2);
/// assert_eq!(numbers.odd().len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items<T> {
    items: Vec<T>,
    odd: Vec<Value>,
}

impl<T> Items<T> {
    /// The items that could not be read.
    pub fn odd(&self) -> &[Value] {
        &self.odd
    }

    /// The items that could be read.
    pub fn into_vec(self) -> Vec<T> {
        self.items
    }
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new(), odd: Vec::new() }
    }
}

impl<T> Deref for Items<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

impl<T> DerefMut for Items<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

impl<T> IntoIterator for Items<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Items<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'de, T: Lenient> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Self::default();
        let raw = match Value::deserialize(deserializer)? {
            Value::Array(raw) => raw,
            // No list and none in it are one.
            Value::Null => return Ok(list),
            _ => return Err(D::Error::custom("it is no list")),
        };
        for raw in raw {
            match T::lenient(&raw).0 {
                Some(item) => list.items.push(item),
                None => list.odd.push(raw),
            }
        }
        Ok(list)
    }
}

impl<T: Serialize> Serialize for Items<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let odd = self.odd.iter().map(Ok);
        let items = self.items.iter().map(Err);
        serializer.collect_seq(items.chain(odd).map(Either))
    }
}

struct Either<'a, T>(Result<&'a Value, &'a T>);

impl<T: Serialize> Serialize for Either<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Ok(value) => value.serialize(serializer),
            Err(item) => item.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Items;

    #[test]
    fn an_odd_item_costs_no_other() {
        let raw = json!(["a", ["b"], "c", null]);
        let list: Items<String> = serde_json::from_value(raw).unwrap();
        assert_eq!(*list, ["a", "c"]);
        assert_eq!(list.odd(), [json!(["b"]), Value::Null]);
        assert_eq!(serde_json::to_value(&list).unwrap(), json!(["a", "c", ["b"], null]));
        assert_eq!((&list).into_iter().count(), 2);
        assert_eq!(serde_json::from_str::<Items<String>>("null").unwrap().into_vec().len(), 0);
        assert!(serde_json::from_str::<Items<String>>("{}").is_err());
    }
}
