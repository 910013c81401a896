//! Secrets are compared and looked up in a time that reveals nothing about them.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether two secrets or signatures are equal. Their lengths are not secret.
pub(crate) fn constant_time_eq(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    a.as_ref().ct_eq(b.as_ref()).into()
}

/// The key of a secret in a map: a hash, so that the time of a lookup tells nothing about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_and_not() {
        assert!(constant_time_eq("abc", b"abc") && constant_time_eq("", ""));
        assert!(
            !constant_time_eq("abc", "abd")
                && !constant_time_eq("abc", "ab")
                && !constant_time_eq("", "a")
        );
        assert_eq!(SecretDigest::of("a"), SecretDigest::of("a"));
        assert_ne!(SecretDigest::of("a"), SecretDigest::of("b"));
    }
}
