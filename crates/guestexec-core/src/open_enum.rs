//! Enumerations that a vendor may extend at any time.

/// Declares an open enumeration: the known values, and `Unlisted` for any other.
///
/// Reading never fails, and an unknown value is written as it was read.
#[macro_export]
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $value:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
            /// A value that this version does not list, as it was received.
            Unlisted(::std::string::String),
        }

        impl $name {
            /// The values known to this version, as they are written on the wire.
            pub const KNOWN: &'static [&'static str] = &[$($value),+];

            /// The value as it is written on the wire.
            #[inline]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $value, )+
                    Self::Unlisted(value) => value,
                }
            }
        }

        impl ::std::convert::From<&str> for $name {
            #[inline]
            fn from(value: &str) -> Self {
                value.to_owned().into()
            }
        }

        impl ::std::convert::From<::std::string::String> for $name {
            #[inline]
            fn from(value: ::std::string::String) -> Self {
                match value.as_str() {
                    $( $value => Self::$variant, )+
                    _ => Self::Unlisted(value),
                }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::convert::Infallible;

            #[inline]
            fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
                ::std::result::Result::Ok(value.into())
            }
        }

        impl ::std::fmt::Display for $name {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                <::std::string::String as $crate::__private::Deserialize>::deserialize(deserializer)
                    .map(Self::from)
            }
        }

        impl $crate::__private::Lenient for $name {
            #[inline]
            fn lenient(
                raw: &$crate::__private::Value,
            ) -> (::std::option::Option<Self>, bool) {
                let (text, whole) =
                    <::std::string::String as $crate::__private::Lenient>::lenient(raw);
                (text.map(Self::from), whole)
            }

            #[inline]
            fn json(&self) -> $crate::__private::Value {
                $crate::__private::Value::from(self.as_str())
            }
        }

        $crate::__open_enum_schema!($name, [$($value),+]);
    };
}

/// The schema half of [`open_enum!`](crate::open_enum): present only with the feature `schemars`.
#[cfg(feature = "schemars")]
#[doc(hidden)]
#[macro_export]
macro_rules! __open_enum_schema {
    ($name:ident, [$($value:literal),+]) => {
        impl $crate::__private::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(::std::stringify!($name))
            }

            fn json_schema(_: &mut $crate::__private::SchemaGenerator) -> $crate::__private::Schema {
                $crate::__private::json_schema!({ "type": "string", "examples": [$($value),+] })
            }
        }
    };
}

/// Nothing without the feature `schemars`.
#[cfg(not(feature = "schemars"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __open_enum_schema {
    ($($anything:tt)*) => {};
}

/// Not an interface: names for the macros [`answer!`](crate::answer),
/// [`request!`](crate::request) and [`open_enum!`](crate::open_enum) alone.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "schemars")]
    pub use crate::json_schema;
    pub use crate::lossless::{
        Answer, Lenient, Member, deserialize as deserialize_answer, serialize as serialize_answer,
    };
    pub use crate::members::{keep, needed, read_needed, read_optional, skip, write_optional};
    #[cfg(feature = "schemars")]
    pub use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    pub use serde::{
        Deserialize, Deserializer, Serialize, Serializer,
        de::{Error as DeError, MapAccess, Visitor},
        ser::SerializeMap,
    };
    pub use serde_json::{Result as JsonResult, Value, json};
}

#[cfg(test)]
mod tests {
    crate::open_enum! {
        /// Colours.
        pub enum Colour {
            /// Like blood.
            Red = "RED",
            /// Like grass.
            DarkGreen = "dark-green",
        }
    }

    #[test]
    fn unknown_values_survive_a_round_trip() {
        let read: Vec<Colour> = serde_json::from_str(r#"["RED","dark-green","MAUVE"]"#).unwrap();
        assert_eq!(read, [Colour::Red, Colour::DarkGreen, Colour::Unlisted("MAUVE".into())]);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["RED","dark-green","MAUVE"]"#);
        assert_eq!(Colour::KNOWN, ["RED", "dark-green"]);
        assert_eq!("RED".parse(), Ok(Colour::Red));
    }
}
