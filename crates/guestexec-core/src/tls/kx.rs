//! Agreeing on a secret: ephemeral Diffie-Hellman on the curves in use.

use std::fmt;

use rustls::{
    Error, NamedGroup, PeerMisbehaved,
    crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup},
};

use super::primitives::{agreement, rand::SystemRandom};

pub(super) const ALL: &[&dyn SupportedKxGroup] = &[
    &Group { name: NamedGroup::X25519, algorithm: &agreement::X25519 },
    &Group { name: NamedGroup::secp256r1, algorithm: &agreement::ECDH_P256 },
    &Group { name: NamedGroup::secp384r1, algorithm: &agreement::ECDH_P384 },
];

struct Group {
    name: NamedGroup,
    algorithm: &'static agreement::Algorithm,
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let private =
            agreement::EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new())
                .map_err(|_| GetRandomFailed)?;
        let public = private.compute_public_key().map_err(|_| GetRandomFailed)?;
        Ok(Box::new(Exchange { name: self.name, algorithm: self.algorithm, private, public }))
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

struct Exchange {
    name: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    private: agreement::EphemeralPrivateKey,
    public: agreement::PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let invalid = || Error::from(PeerMisbehaved::InvalidKeyShare);
        // TLS allows uncompressed points only, and not every library knows no others.
        let has_form = match self.name {
            NamedGroup::X25519 => peer.len() == 32,
            _ => peer.first() == Some(&4),
        };
        if !has_form {
            return Err(invalid());
        }
        let peer = agreement::UnparsedPublicKey::new(self.algorithm, peer);
        agree(self.private, &peer).ok_or_else(invalid)
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

#[cfg(not(feature = "aws-lc-rs"))]
fn agree(
    private: agreement::EphemeralPrivateKey,
    peer: &agreement::UnparsedPublicKey<&[u8]>,
) -> Option<SharedSecret> {
    agreement::agree_ephemeral(private, peer, |secret| SharedSecret::from(secret)).ok()
}

#[cfg(feature = "aws-lc-rs")]
fn agree(
    private: agreement::EphemeralPrivateKey,
    peer: &agreement::UnparsedPublicKey<&[u8]>,
) -> Option<SharedSecret> {
    agreement::agree_ephemeral(private, peer, (), |secret| Ok(SharedSecret::from(secret))).ok()
}
