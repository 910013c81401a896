//! Secrets, compared and looked up without telling by the time it takes how much of a guess was right.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Whether two secrets, or two things made with one, are the same. Their lengths are no secret.
pub(crate) fn same(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    a.as_ref().ct_eq(b.as_ref()).into()
}

/// What a secret is filed under. Nobody can choose a guess by what it becomes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Filed([u8; 32]);

impl Filed {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_and_not() {
        assert!(same("abc", b"abc") && same("", ""));
        assert!(!same("abc", "abd") && !same("abc", "ab") && !same("", "a"));
        assert_eq!(Filed::of("a"), Filed::of("a"));
        assert_ne!(Filed::of("a"), Filed::of("b"));
    }
}
