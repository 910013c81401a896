//! The credentials that sign a client's requests, or open its session.

use std::{sync::Arc, time::Duration};

use guestexec_core::Keyring;

use super::CredentialSource;
use crate::{Credentials, Error};

/// How long before the end of a lease the next one is fetched.
const EARLY: Duration = Duration::from_secs(300);

/// A client's credentials, shared by its clones, or why they can never be used.
pub(crate) type Holder = Result<Arc<Keyring<Credentials, Credentials>>, Error>;

/// Checks given credentials at once, so that bad ones are reported where they are given.
pub(crate) fn keyring(source: CredentialSource) -> Holder {
    Keyring::new(source.into_source(), EARLY, |credentials| credentials).map(Arc::new)
}
