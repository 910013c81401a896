//! TLS by rustls, without effect on the rest of the program.
//!
//! The default provider of cryptography follows from the features of rustls, which are the sum of what
//! all crates of a program turn on. With two of them on, rustls has no default: a feature turned on here
//! would break a program that turned on the other. So none is turned on and none is installed. The
//! provider of our own client is made here from `ring` or `aws-lc-rs`, by the interface that rustls has
//! for that. It follows rustls' own provider (Apache-2.0, ISC or MIT) suite by suite.

mod keys;
mod kx;
mod records;
mod suites;

use std::sync::{Arc, LazyLock};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::{CryptoProvider, GetRandomFailed, SecureRandom},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use crate::http::{Identity, NO_IDENTITY};

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as primitives;
#[cfg(not(feature = "aws-lc-rs"))]
use ring as primitives;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        cipher_suites: suites::ALL.to_vec(),
        kx_groups: kx::ALL.to_vec(),
        signature_verification_algorithms: suites::SIGNATURES,
        secure_random: &System,
        key_provider: &keys::Keys,
    })
});

/// A configuration that trusts the certificates of this machine and those in `roots`, and shows
/// `identity` to a server that asks for it.
///
/// # Errors
/// A sentence, if `roots` is not empty and holds no certificate, if `identity` cannot be used, or if this
/// machine's certificates cannot be read.
pub(crate) fn client_config(
    roots: &str,
    identity: Option<&Identity>,
) -> Result<ClientConfig, String> {
    let roots = certificates(roots)?;
    let failed = |e: rustls::Error| format!("TLS could not be set up on this machine: {e}");
    let verifier = verifier(roots).map_err(failed)?;
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    with_identity(builder, identity).map(http1)
}

/// A configuration without trusted certificates, for clients that never speak TLS.
///
/// # Errors
/// A sentence, if `identity` cannot be used, or the provider supports no protocol version.
pub(crate) fn offline_config(identity: Option<&Identity>) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS could not be set up: {e}"))?;
    with_identity(builder.with_root_certificates(RootCertStore::empty()), identity).map(http1)
}

fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, String> {
    let Some(Identity { chain, key }) = identity else { return Ok(builder.with_no_client_auth()) };
    // The cause is left out: it might quote the key.
    let unusable = || NO_IDENTITY.to_owned();
    let chain = certificates(chain).ok().filter(|chain| !chain.is_empty()).ok_or_else(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| unusable())?;
    builder.with_client_auth_cert(chain, key).map_err(|_| unusable())
}

fn http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(any(all(unix, not(target_os = "android")), windows))]
fn verifier(roots: Vec<CertificateDer<'static>>) -> Result<Verifier, rustls::Error> {
    match roots.is_empty() {
        true => Verifier::new(PROVIDER.clone()),
        false => Verifier::new_with_extra_roots(roots, PROVIDER.clone()),
    }
}

#[cfg(not(any(all(unix, not(target_os = "android")), windows)))]
fn verifier(roots: Vec<CertificateDer<'static>>) -> Result<Verifier, rustls::Error> {
    match roots.is_empty() {
        true => Verifier::new(PROVIDER.clone()),
        false => Err(rustls::Error::General(
            "this platform takes no certificates besides its own".to_owned(),
        )),
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    if pem.trim().is_empty() {
        return Ok(Vec::new());
    }
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let mut nobody = RootCertStore::empty();
    match read {
        // PEM may hold anything: each has to be a certificate.
        Ok(roots) if !roots.is_empty() && roots.iter().all(|r| nobody.add(r.clone()).is_ok()) => {
            Ok(roots)
        }
        _ => Err(crate::http::NO_CERTIFICATE.to_owned()),
    }
}

/// Random numbers.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        use primitives::rand::SecureRandom as _;
        primitives::rand::SystemRandom::new().fill(buffer).map_err(|_| GetRandomFailed)
    }
}

#[cfg(test)]
mod tests;
