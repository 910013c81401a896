//! The cipher suites, and what they are made of besides the encryption of records.

use rustls::{
    CipherSuite, CipherSuiteCommon, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
    crypto::{
        KeyExchangeAlgorithm, WebPkiSupportedAlgorithms,
        hash::{self, HashAlgorithm},
        hmac,
        tls12::PrfUsingHmac,
        tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError},
    },
};
#[cfg(feature = "aws-lc-rs")]
use webpki::aws_lc_rs as algorithms;
#[cfg(not(feature = "aws-lc-rs"))]
use webpki::ring as algorithms;

use super::{
    primitives::{self, aead, digest, hkdf},
    records::{EXPLICIT, Records12, Records13},
};

/// How many records AES-GCM may encrypt under one key (RFC 8446, section 5.5).
const GCM_RECORDS: u64 = 1 << 24;

/// Best first.
pub(super) const ALL: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&AES_256_13),
    SupportedCipherSuite::Tls13(&AES_128_13),
    SupportedCipherSuite::Tls13(&CHACHA_13),
    SupportedCipherSuite::Tls12(&ECDSA_AES_256),
    SupportedCipherSuite::Tls12(&ECDSA_AES_128),
    SupportedCipherSuite::Tls12(&ECDSA_CHACHA),
    SupportedCipherSuite::Tls12(&RSA_AES_256),
    SupportedCipherSuite::Tls12(&RSA_AES_128),
    SupportedCipherSuite::Tls12(&RSA_CHACHA),
];

static SHA256: Hash = Hash(&digest::SHA256, HashAlgorithm::SHA256);
static SHA384: Hash = Hash(&digest::SHA384, HashAlgorithm::SHA384);
static HMAC_SHA256: Hmac = Hmac(&primitives::hmac::HMAC_SHA256);
static HMAC_SHA384: Hmac = Hmac(&primitives::hmac::HMAC_SHA384);
static PRF_SHA256: PrfUsingHmac<'_> = PrfUsingHmac(&HMAC_SHA256);
static PRF_SHA384: PrfUsingHmac<'_> = PrfUsingHmac(&HMAC_SHA384);
static HKDF_SHA256: ByRing = ByRing(&hkdf::HKDF_SHA256, &primitives::hmac::HMAC_SHA256);
static HKDF_SHA384: ByRing = ByRing(&hkdf::HKDF_SHA384, &primitives::hmac::HMAC_SHA384);

const fn common(suite: CipherSuite, hash: &'static Hash, records: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: hash, confidentiality_limit: records }
}

const fn tls13(
    common: CipherSuiteCommon,
    hkdf_provider: &'static ByRing,
    aead_alg: &'static Records13,
) -> Tls13CipherSuite {
    Tls13CipherSuite { common, hkdf_provider, aead_alg, quic: None }
}

const fn tls12(
    common: CipherSuiteCommon,
    prf_provider: &'static PrfUsingHmac<'static>,
    aead_alg: &'static Records12,
    sign: &'static [SignatureScheme],
) -> Tls12CipherSuite {
    Tls12CipherSuite { common, kx: KeyExchangeAlgorithm::ECDHE, sign, aead_alg, prf_provider }
}

static AES_256_12: Records12 = Records12(&aead::AES_256_GCM, EXPLICIT);
static AES_128_12: Records12 = Records12(&aead::AES_128_GCM, EXPLICIT);
static CHACHA_12: Records12 = Records12(&aead::CHACHA20_POLY1305, 0);

static AES_256_13: Tls13CipherSuite = tls13(
    common(CipherSuite::TLS13_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    &HKDF_SHA384,
    &Records13(&aead::AES_256_GCM),
);
static AES_128_13: Tls13CipherSuite = tls13(
    common(CipherSuite::TLS13_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    &HKDF_SHA256,
    &Records13(&aead::AES_128_GCM),
);
static CHACHA_13: Tls13CipherSuite = tls13(
    common(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    &HKDF_SHA256,
    &Records13(&aead::CHACHA20_POLY1305),
);
static ECDSA_AES_256: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    &PRF_SHA384,
    &AES_256_12,
    ECDSA,
);
static ECDSA_AES_128: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    &PRF_SHA256,
    &AES_128_12,
    ECDSA,
);
static ECDSA_CHACHA: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    &PRF_SHA256,
    &CHACHA_12,
    ECDSA,
);
static RSA_AES_256: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, &SHA384, GCM_RECORDS),
    &PRF_SHA384,
    &AES_256_12,
    RSA,
);
static RSA_AES_128: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &SHA256, GCM_RECORDS),
    &PRF_SHA256,
    &AES_128_12,
    RSA,
);
static RSA_CHACHA: Tls12CipherSuite = tls12(
    common(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, &SHA256, u64::MAX),
    &PRF_SHA256,
    &CHACHA_12,
    RSA,
);
const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
];
const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// The signatures of certificates and of handshakes that are understood.
pub(super) const SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        algorithms::ECDSA_P256_SHA256,
        algorithms::ECDSA_P256_SHA384,
        algorithms::ECDSA_P384_SHA256,
        algorithms::ECDSA_P384_SHA384,
        algorithms::ED25519,
        algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        algorithms::RSA_PKCS1_2048_8192_SHA256,
        algorithms::RSA_PKCS1_2048_8192_SHA384,
        algorithms::RSA_PKCS1_2048_8192_SHA512,
        algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    mapping: &[
        // TLS 1.2 leaves the curve open, so that a scheme stands for several algorithms.
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[algorithms::ECDSA_P384_SHA384, algorithms::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA256],
        ),
        (SignatureScheme::ED25519, &[algorithms::ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[algorithms::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[algorithms::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[algorithms::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

struct Hash(&'static digest::Algorithm, HashAlgorithm);

impl hash::Hash for Hash {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Hashing(digest::Context::new(self.0)))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(digest::digest(self.0, data).as_ref())
    }

    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.1
    }
}

struct Hashing(digest::Context);

impl hash::Context for Hashing {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(self.0.clone().finish().as_ref())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(self.0.finish().as_ref())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

struct Hmac(&'static primitives::hmac::Algorithm);

impl hmac::Hmac for Hmac {
    fn with_key(&self, key: &[u8]) -> Box<dyn hmac::Key> {
        Box::new(Keyed(primitives::hmac::Key::new(*self.0, key)))
    }

    fn hash_output_len(&self) -> usize {
        self.0.digest_algorithm().output_len()
    }
}

struct Keyed(primitives::hmac::Key);

impl hmac::Key for Keyed {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> hmac::Tag {
        let mut signing = primitives::hmac::Context::with_key(&self.0);
        signing.update(first);
        middle.iter().for_each(|part| signing.update(part));
        signing.update(last);
        hmac::Tag::new(signing.sign().as_ref())
    }

    fn tag_len(&self) -> usize {
        self.0.algorithm().digest_algorithm().output_len()
    }
}

/// The derivation of TLS 1.3's keys (RFC 5869).
struct ByRing(&'static hkdf::Algorithm, &'static primitives::hmac::Algorithm);

impl ByRing {
    fn expander(&self, prk: hkdf::Prk) -> Box<dyn HkdfExpander> {
        Box::new(Expander { prk, length: length(*self.0) })
    }

    fn extract(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        let zeroes = [0; OkmBlock::MAX_LEN];
        let salt = salt.unwrap_or(&zeroes[..length(*self.0)]);
        self.expander(hkdf::Salt::new(*self.0, salt).extract(secret))
    }
}

fn length(algorithm: hkdf::Algorithm) -> usize {
    use hkdf::KeyType as _;
    algorithm.len()
}

impl Hkdf for ByRing {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        self.extract(salt, &[0; OkmBlock::MAX_LEN][..length(*self.0)])
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        self.extract(salt, secret)
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        self.expander(hkdf::Prk::new_less_safe(*self.0, okm.as_ref()))
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> hmac::Tag {
        let key = primitives::hmac::Key::new(*self.1, key.as_ref());
        hmac::Tag::new(primitives::hmac::sign(&key, message).as_ref())
    }
}

struct Expander {
    prk: hkdf::Prk,
    length: usize,
}

impl HkdfExpander for Expander {
    fn expand_slice(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        let expanded = self.prk.expand(info, Length(output.len()));
        expanded.and_then(|okm| okm.fill(output)).map_err(|_| OutputLengthError)
    }

    fn expand_block(&self, info: &[&[u8]]) -> OkmBlock {
        let mut block = [0; OkmBlock::MAX_LEN];
        let output = &mut block[..self.length];
        self.expand_slice(info, output).expect("a hash's own length can be expanded to");
        OkmBlock::new(output)
    }

    fn hash_len(&self) -> usize {
        self.length
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
