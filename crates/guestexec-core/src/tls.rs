//! TLS by rustls, in a way that the rest of a program does not notice.
//!
//! Which provider of cryptography rustls takes where it is not told follows from its crate features,
//! and those add up over a whole program: turning one on here would leave another part of the
//! program, which turned on the other, without any. So none is turned on, none is installed, and the
//! provider handed to our own client is put together here from `ring` or `aws-lc-rs`, by the
//! interface rustls has for that. It follows rustls' own provider (Apache-2.0, ISC or MIT) suite by
//! suite.

mod kx;
mod records;
mod suites;

use std::sync::{Arc, LazyLock};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::SigningKey,
};
use rustls_platform_verifier::Verifier;

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
        key_provider: &System,
    })
});

/// What a client checks servers with: the certificates this machine trusts, and those in `roots`.
///
/// # Errors
/// A sentence, if there is no certificate in `roots`, though it is not empty, or if this machine's
/// cannot be read.
pub(crate) fn client_config(roots: &str) -> Result<ClientConfig, String> {
    let roots = certificates(roots)?;
    let failed = |e: rustls::Error| format!("TLS could not be set up on this machine: {e}");
    let verifier = verifier(roots).map_err(failed)?;
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(http1(builder.with_no_client_auth()))
}

/// A configuration that trusts nobody, for clients that never speak TLS.
///
/// # Errors
/// A sentence, which no machine should ever tell.
pub(crate) fn offline_config() -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS could not be set up: {e}"))?;
    Ok(http1(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
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
        // Each has to be one by its form, too.
        Ok(roots) if !roots.is_empty() && roots.iter().all(|r| nobody.add(r.clone()).is_ok()) => {
            Ok(roots)
        }
        _ => Err(crate::http::NO_CERTIFICATE.to_owned()),
    }
}

/// Random numbers, and the keys of client certificates, of which there are none.
#[derive(Debug)]
struct System;

impl SecureRandom for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        use primitives::rand::SecureRandom as _;
        primitives::rand::SystemRandom::new().fill(buffer).map_err(|_| GetRandomFailed)
    }
}

impl KeyProvider for System {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("clients here have no certificates of their own".to_owned()))
    }
}

#[cfg(test)]
mod tests;
