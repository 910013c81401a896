//! Text that is never printed.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A password, token or key: sent when it must be, never printed, wiped from memory when dropped.
///
/// `Debug` shows a placeholder and there is no `Display`; only [`Secret::expose`] gives the text.
/// Serializing writes the clear text, because request bodies carry passwords.
///
/// ```
/// use guestexec_core::Secret;
///
/// let password = Secret::from("its-password");
/// assert_eq!(password.expose(), "its-password");
/// assert_eq!(format!("{password:?}"), "<redacted>");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The clear text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True for the empty text, which is never a usable secret.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Redacted.fmt(f)
    }
}

/// A placeholder for a secret value in a `Debug` text.
pub struct Redacted;

/// Implements `Debug` for a struct with fields that are `hidden`; of one that is `optional`, the text tells
/// whether it has a value.
#[doc(hidden)]
#[macro_export]
macro_rules! redacted {
    ($name:ident { $($field:ident $($hidden:ident)*),* $(,)? }) => {
        impl ::std::fmt::Debug for $name {
            #[inline]
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(::std::stringify!($name))
                    $(.field(
                        ::std::stringify!($field),
                        $crate::redacted!(@shown self $field $($hidden)*),
                    ))*
                    .finish()
            }
        }
    };
    (@shown $self:ident $field:ident) => { &$self.$field };
    (@shown $self:ident $field:ident hidden) => { &$crate::Redacted };
    (@shown $self:ident $field:ident hidden optional) => {
        &$self.$field.as_ref().map(|_| $crate::Redacted)
    };
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Secret {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

/// In a time that depends on the lengths only.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (mine, others) = (self.expose().as_bytes(), other.expose().as_bytes());
        let different = mine.iter().zip(others).fold(0, |all, (a, b)| all | (a ^ b));
        mine.len() == others.len() && different == 0
    }
}

impl Eq for Secret {}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "password" })
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "<redacted>");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""hunter2""#);
    }

    #[test]
    fn secrets_are_compared_whole() {
        let is_same = |a: &str, b: &str| Secret::from(a) == Secret::from(b);
        assert!(is_same("", "") && is_same("hunter2", "hunter2"));
        for other in ["", "hunter", "hunter3", "xunter2", "hunter22"] {
            assert!(!is_same("hunter2", other), "{other}");
        }
    }
}
