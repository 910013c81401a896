//! Reading and writing of objects, member by member: what a derive macro of serde does.
//!
//! The macro itself would be a twentieth of a cold build of a program on one provider.

use std::collections::BTreeMap;

use serde::{
    Deserialize, Serialize,
    de::{Error as DeError, IgnoredAny, MapAccess},
    ser::SerializeMap,
};
use serde_json::{Map, Value};

/// A value that stands for its own absence.
pub trait Absent {
    /// Whether the member is left out.
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

macro_rules! collections {
    ($($ty:ty [$($item:ident)?]),*) => {$(
        impl$(<$item>)? Absent for $ty {
            fn is_absent(&self) -> bool {
                self.is_empty()
            }
        }
    )*};
}
collections!(Vec<T> [T], BTreeMap<String, T> [T], Map<String, Value> []);

/// Writes a member that has a value.
///
/// # Errors
/// The serializer's.
pub fn write_optional<M: SerializeMap, T: Absent + Serialize>(
    to: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    if value.is_absent() { Ok(()) } else { to.serialize_entry(name, value) }
}

/// Reads a member; an error, if it was read before.
///
/// # Errors
/// The deserializer's.
pub fn read_needed<'de, M: MapAccess<'de>, T: Deserialize<'de>>(
    from: &mut M,
    name: &'static str,
    slot: &mut Option<T>,
) -> Result<(), M::Error> {
    if slot.is_some() {
        return Err(M::Error::duplicate_field(name));
    }
    *slot = Some(from.next_value()?);
    Ok(())
}

/// The same for a member that may be null: vendors write that for an empty list.
///
/// # Errors
/// The deserializer's.
pub fn read_optional<'de, M: MapAccess<'de>, T: Default + Deserialize<'de>>(
    from: &mut M,
    name: &'static str,
    slot: &mut Option<T>,
) -> Result<(), M::Error> {
    if slot.is_some() {
        return Err(M::Error::duplicate_field(name));
    }
    *slot = Some(from.next_value::<Option<T>>()?.unwrap_or_default());
    Ok(())
}

/// Reads a member that has no field into `map`.
///
/// # Errors
/// The deserializer's.
pub fn keep<'de, M: MapAccess<'de>, T: Deserialize<'de>>(
    from: &mut M,
    name: String,
    map: &mut impl Extend<(String, T)>,
) -> Result<(), M::Error> {
    map.extend([(name, from.next_value()?)]);
    Ok(())
}

/// Reads a member that is ignored.
///
/// # Errors
/// The deserializer's.
pub fn skip<'de, M: MapAccess<'de>>(from: &mut M) -> Result<(), M::Error> {
    from.next_value::<IgnoredAny>().map(drop)
}

/// Takes a member that was to be read.
///
/// # Errors
/// If it was not.
pub fn needed<T, E: DeError>(slot: Option<T>, name: &'static str) -> Result<T, E> {
    slot.ok_or_else(|| E::missing_field(name))
}

/// Implements `Deserialize` for a struct: its fields with their names on the wire, perhaps several, those
/// that may be missing marked as `optional`. Of other members, `refusing others` makes an error; `keeping` puts them into a map.
/// Without either they are skipped. What begins with `__` has no name that a document's type may have.
#[doc(hidden)]
#[macro_export]
macro_rules! read_members {
    ($name:ident { $($field:ident = $wire:literal $(| $alias:literal)* $($optional:ident)?),* $(,)? } $($others:tt)*) => {
        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<__D: $crate::__private::Deserializer<'de>>(
                deserializer: __D,
            ) -> ::std::result::Result<Self, __D::Error> {
                const NAMES: &[&str] = &[$($wire),*];
                struct __Members;
                impl<'de> $crate::__private::Visitor<'de> for __Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str(concat!("struct ", stringify!($name)))
                    }

                    fn visit_map<__A: $crate::__private::MapAccess<'de>>(
                        self,
                        mut from: __A,
                    ) -> ::std::result::Result<$name, __A::Error> {
                        $(let mut $field = None;)*
                        $crate::read_members!(@begin others $($others)*);
                        while let Some(name) = from.next_key::<::std::string::String>()? {
                            // One `?` for all, because each is compiled.
                            match name.as_str() {
                                $($wire $(| $alias)* => $crate::read_members!(@read from $field $wire $($optional)?),)*
                                _ => $crate::read_members!(@other from name others NAMES $($others)*),
                            }?;
                        }
                        Ok($crate::read_members!(
                            @made $name others
                            { $($field: $crate::read_members!(@take __A $field $wire $($optional)?),)* }
                            $($others)*
                        ))
                    }
                }
                deserializer.deserialize_struct(stringify!($name), NAMES, __Members)
            }
        }
    };
    (@read $from:ident $field:ident $wire:literal) => {
        $crate::__private::read_needed(&mut $from, $wire, &mut $field)
    };
    (@read $from:ident $field:ident $wire:literal optional) => {
        $crate::__private::read_optional(&mut $from, $wire, &mut $field)
    };
    (@take $access:ident $field:ident $wire:literal) => {
        $crate::__private::needed::<_, $access::Error>($field, $wire)?
    };
    (@take $access:ident $field:ident $wire:literal optional) => { $field.unwrap_or_default() };
    (@begin $map:ident keeping $extra:ident) => { let mut $map = ::std::default::Default::default(); };
    (@begin $map:ident $($others:tt)*) => {};
    (@other $from:ident $name:ident $map:ident $names:ident refusing others) => {
        Err($crate::__private::DeError::unknown_field(&$name, $names))
    };
    (@other $from:ident $name:ident $map:ident $names:ident keeping $extra:ident) => {
        $crate::__private::keep(&mut $from, $name, &mut $map)
    };
    (@other $from:ident $name:ident $map:ident $names:ident) => {
        $crate::__private::skip(&mut $from)
    };
    (@made $name:ident $map:ident { $($made:tt)* } keeping $extra:ident) => {
        $name { $($made)* $extra: $map }
    };
    (@made $name:ident $map:ident { $($made:tt)* } $($others:tt)*) => { $name { $($made)* } };
}

/// Implements `Serialize` for a struct, as [`read_members!`] implements `Deserialize`. A member marked as
/// `optional` is left out where its value is empty.
#[doc(hidden)]
#[macro_export]
macro_rules! write_members {
    ($name:ident { $($field:ident = $wire:literal $($optional:ident)?),* $(,)? } $($others:tt)*) => {
        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                let mut to = serializer.serialize_map(None)?;
                $($crate::write_members!(@write to self $field $wire $($optional)?);)*
                $crate::write_members!(@rest to self $($others)*);
                $crate::__private::SerializeMap::end(to)
            }
        }
    };
    (@write $to:ident $self:ident $field:ident $wire:literal) => {
        $crate::__private::SerializeMap::serialize_entry(&mut $to, $wire, &$self.$field)?
    };
    (@write $to:ident $self:ident $field:ident $wire:literal optional) => {
        $crate::__private::write_optional(&mut $to, $wire, &$self.$field)?
    };
    (@rest $to:ident $self:ident keeping $extra:ident) => {
        for (name, value) in &$self.$extra {
            $crate::__private::SerializeMap::serialize_entry(&mut $to, name, value)?;
        }
    };
    (@rest $($others:tt)*) => {};
}

/// Implements `Deserialize` and `Serialize` for the type of a request; see [`read_members!`].
#[doc(hidden)]
#[macro_export]
macro_rules! request {
    ($name:ident { $($members:tt)* } $($others:tt)*) => {
        $crate::read_members!($name { $($members)* } $($others)*);
        $crate::write_members!($name { $($members)* } $($others)*);
    };
}

/// Implements `Deserialize` and `Serialize` for a type that is its content.
#[doc(hidden)]
#[macro_export]
macro_rules! content {
    ($name:ident) => {
        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::__private::Deserialize::deserialize(deserializer).map(Self)
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    };
}
