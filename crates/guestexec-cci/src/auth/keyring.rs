//! The credentials that a client holds.

use std::time::Duration;

use guestexec_core::Keyring;

use super::CredentialSource;
use crate::{Credentials, Error, token::Tokens};

/// How long before the end of a lease the next one is fetched, as by the vendor's SDKs.
const EARLY: Duration = Duration::from_secs(40 * 60);

/// A client's credentials, shared by its clones.
pub(crate) type Holders = Keyring<Credentials, Holder>;

/// Checks given credentials at once, so that bad ones are reported where they are given.
pub(crate) fn keyring(source: CredentialSource) -> Result<Holders, Error> {
    let make = |credentials| Holder { credentials, tokens: Tokens::default() };
    Keyring::new(source.into_source(), EARLY, make)
}

/// Credentials, and the token that IAM gave for them, if they need one.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) credentials: Credentials,
    pub(crate) tokens: Tokens,
}

impl Holder {
    /// True if both are of the same credentials.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let secrets = |holder: &Self| {
            let all = holder.credentials.secrets().map(|secret| secret.expose().to_owned());
            all.collect::<Vec<_>>()
        };
        secrets(self) == secrets(other)
    }
}
