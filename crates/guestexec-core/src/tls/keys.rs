//! The private keys of client certificates.

use std::{fmt, sync::Arc};

use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    crypto::KeyProvider,
    pki_types::{AlgorithmIdentifier, PrivateKeyDer, SubjectPublicKeyInfoDer, alg_id},
    sign::{Signer, SigningKey, public_key_to_spki},
};

use super::primitives::{
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair},
};

/// The signatures of an RSA key, best first.
static RSA: [(SignatureScheme, &dyn RsaEncoding); 6] = [
    (SignatureScheme::RSA_PSS_SHA512, &signature::RSA_PSS_SHA512),
    (SignatureScheme::RSA_PSS_SHA384, &signature::RSA_PSS_SHA384),
    (SignatureScheme::RSA_PSS_SHA256, &signature::RSA_PSS_SHA256),
    (SignatureScheme::RSA_PKCS1_SHA512, &signature::RSA_PKCS1_SHA512),
    (SignatureScheme::RSA_PKCS1_SHA384, &signature::RSA_PKCS1_SHA384),
    (SignatureScheme::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_SHA256),
];

/// A curve of ECDSA.
struct Curve {
    scheme: SignatureScheme,
    algorithm: &'static signature::EcdsaSigningAlgorithm,
    id: AlgorithmIdentifier,
    /// The beginning of PKCS #8 in front of a SEC 1 key: the version, and the name of the curve.
    prefix: &'static [u8],
}

static CURVES: [Curve; 2] = [
    Curve {
        scheme: SignatureScheme::ECDSA_NISTP256_SHA256,
        algorithm: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        id: alg_id::ECDSA_P256,
        prefix: b"\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
    },
    Curve {
        scheme: SignatureScheme::ECDSA_NISTP384_SHA384,
        algorithm: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        id: alg_id::ECDSA_P384,
        prefix: b"\x02\x01\x00\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
    },
];

/// Loads keys.
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let pair = Pair::read(&key).ok_or_else(|| {
            Error::General("the private key is of no kind that is known here".to_owned())
        })?;
        Ok(Arc::new(Key(Arc::new(pair))))
    }
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair, &'static Curve),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    fn read(key: &PrivateKeyDer<'_>) -> Option<Self> {
        match key {
            PrivateKeyDer::Pkcs1(key) => {
                RsaKeyPair::from_der(key.secret_pkcs1_der()).ok().map(Self::Rsa)
            }
            PrivateKeyDer::Sec1(key) => {
                let wrapped = |curve: &Curve| {
                    let content = [curve.prefix, &der(0x04, key.secret_sec1_der())].concat();
                    der(0x30, &content)
                };
                Self::ecdsa(wrapped)
            }
            PrivateKeyDer::Pkcs8(key) => {
                let key = key.secret_pkcs8_der();
                let rsa = || RsaKeyPair::from_pkcs8(key).ok().map(Self::Rsa);
                let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).ok();
                rsa()
                    .or_else(|| Self::ecdsa(|_| key.to_vec()))
                    .or_else(|| ed25519().map(Self::Ed25519))
            }
            _ => None,
        }
    }

    /// A key of the curve for which `pkcs8` gives one.
    fn ecdsa(pkcs8: impl Fn(&Curve) -> Vec<u8>) -> Option<Self> {
        CURVES.iter().find_map(|curve| Some(Self::Ecdsa(ecdsa(curve, &pkcs8(curve))?, curve)))
    }
}

#[cfg(feature = "aws-lc-rs")]
fn ecdsa(curve: &Curve, pkcs8: &[u8]) -> Option<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(curve.algorithm, pkcs8).ok()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn ecdsa(curve: &Curve, pkcs8: &[u8]) -> Option<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(curve.algorithm, pkcs8, &SystemRandom::new()).ok()
}

#[cfg(feature = "aws-lc-rs")]
fn modulus_length(pair: &RsaKeyPair) -> usize {
    pair.public_modulus_len()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn modulus_length(pair: &RsaKeyPair) -> usize {
    pair.public().modulus_len()
}

/// A value in DER: the keys wrapped here have less than 256 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    let mut value = vec![tag];
    if length > 127 {
        value.push(0x81);
    }
    value.push(length);
    value.extend_from_slice(content);
    value
}

/// A key, for as many signatures as are asked for.
struct Key(Arc<Pair>);

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let is_offered = |scheme: &SignatureScheme| offered.contains(scheme);
        let (scheme, encoding) = match &*self.0 {
            Pair::Rsa(_) => {
                let (scheme, encoding) = RSA.iter().find(|(scheme, _)| is_offered(scheme))?;
                (*scheme, Some(*encoding))
            }
            Pair::Ecdsa(_, curve) => (curve.scheme, None),
            Pair::Ed25519(_) => (SignatureScheme::ED25519, None),
        };
        let by_key = || Box::new(ByKey { pair: self.0.clone(), scheme, encoding });
        is_offered(&scheme).then(|| by_key() as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(match &*self.0 {
            Pair::Rsa(pair) => public_key_to_spki(&alg_id::RSA_ENCRYPTION, pair.public_key()),
            Pair::Ecdsa(pair, curve) => public_key_to_spki(&curve.id, pair.public_key()),
            Pair::Ed25519(pair) => public_key_to_spki(&alg_id::ED25519, pair.public_key()),
        })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match &*self.0 {
            Pair::Rsa(_) => SignatureAlgorithm::RSA,
            Pair::Ecdsa(..) => SignatureAlgorithm::ECDSA,
            Pair::Ed25519(_) => SignatureAlgorithm::ED25519,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.algorithm())
    }
}

struct ByKey {
    pair: Arc<Pair>,
    scheme: SignatureScheme,
    /// The encoding of a signature by RSA.
    encoding: Option<&'static dyn RsaEncoding>,
}

impl Signer for ByKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed =
            || Error::General("the key of the client certificate does not sign".to_owned());
        let random = SystemRandom::new();
        match (&*self.pair, self.encoding) {
            (Pair::Rsa(pair), Some(encoding)) => {
                let mut signature = vec![0; modulus_length(pair)];
                let signed = pair.sign(encoding, &random, message, &mut signature);
                signed.map(|()| signature).map_err(|_| failed())
            }
            (Pair::Rsa(_), None) => Err(failed()),
            (Pair::Ecdsa(pair, _), _) => {
                let signed = pair.sign(&random, message);
                signed.map(|signature| signature.as_ref().to_vec()).map_err(|_| failed())
            }
            (Pair::Ed25519(pair), _) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for ByKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByKey({:?})", self.scheme)
    }
}
