//! Handshakes with rustls' own provider on the server's side, in memory.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

use super::{PROVIDER, certificates, client_config, offline_config, with_identity};
use crate::http::Identity;

const RSA: [&str; 2] =
    [include_str!("../../vectors/rsa.pem"), include_str!("../../vectors/rsa.key")];
const ECDSA: [&str; 2] =
    [include_str!("../../vectors/ecdsa.pem"), include_str!("../../vectors/ecdsa.key")];

/// Client certificates, each with the forms of its key.
const CLIENTS: [(&str, &[&str]); 4] = [
    (RSA[0], &[RSA[1], include_str!("../../vectors/rsa-pkcs1.key")]),
    (ECDSA[0], &[ECDSA[1], include_str!("../../vectors/ecdsa-sec1.key")]),
    (
        include_str!("../../vectors/p384.pem"),
        &[include_str!("../../vectors/p384.key"), include_str!("../../vectors/p384-sec1.key")],
    ),
    (include_str!("../../vectors/ed25519.pem"), &[include_str!("../../vectors/ed25519.key")]),
];

fn identity(chain: &str, key: &str) -> Identity {
    Identity { chain: chain.to_owned(), key: key.into() }
}

/// A server that demands the certificate `client`.
fn demanding(client: &str) -> ServerConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificates(client).unwrap().remove(0)).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            certificates(ECDSA[0]).unwrap(),
            PrivateKeyDer::from_pem_slice(ECDSA[1].as_bytes()).unwrap(),
        )
        .unwrap();
    ServerConnection::new(Arc::new(config)).unwrap()
}

/// A client with a certificate of its own.
fn identified(
    version: &'static SupportedProtocolVersion,
    identity: Option<&Identity>,
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificates(ECDSA[0]).unwrap().remove(0)).unwrap();
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = with_identity(builder, identity).unwrap();
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

fn server([certificate, key]: [&str; 2]) -> ServerConnection {
    let certificates = CertificateDer::pem_slice_iter(certificate.as_bytes());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            certificates.collect::<Result<_, _>>().unwrap(),
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn client(provider: CryptoProvider, trusted: &str) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(certificates(trusted).unwrap().remove(0)).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// Carries what either side has to say to the other, until neither has.
fn talk(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = &wire[..];
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok(())
}

fn is_ecdsa(suite: &SupportedCipherSuite) -> bool {
    format!("{:?}", suite.suite()).contains("_ECDSA_")
}

#[test]
fn each_suite_and_curve_is_understood_by_rustls_own_provider() {
    assert_eq!(
        PROVIDER.cipher_suites.iter().map(SupportedCipherSuite::suite).collect::<Vec<_>>(),
        ring::ALL_CIPHER_SUITES.iter().map(SupportedCipherSuite::suite).collect::<Vec<_>>(),
    );
    for suite in &PROVIDER.cipher_suites {
        for group in &PROVIDER.kx_groups {
            let provider = CryptoProvider {
                cipher_suites: vec![*suite],
                kx_groups: vec![*group],
                ..(**PROVIDER).clone()
            };
            let identity = if is_ecdsa(suite) { ECDSA } else { RSA };
            let mut server = server(identity);
            let mut client = client(provider, identity[0]);
            // More than one record each way.
            let question = vec![b'?'; 100_000];
            let mut heard = Vec::new();
            talk(&mut client, &mut server).unwrap();
            assert_eq!(client.negotiated_cipher_suite().unwrap().suite(), suite.suite());
            assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), group.name());
            for piece in question.chunks(10_000) {
                client.writer().write_all(piece).unwrap();
                talk(&mut client, &mut server).unwrap();
                let mut buffer = vec![0; piece.len()];
                server.reader().read_exact(&mut buffer).unwrap();
                heard.extend_from_slice(&buffer);
                server.writer().write_all(&buffer).unwrap();
                talk(&mut client, &mut server).unwrap();
                client.reader().read_exact(&mut buffer).unwrap();
                assert_eq!(buffer, piece);
            }
            assert_eq!(heard, question);
        }
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    for (identity, trusted) in [(RSA, ECDSA[0]), (ECDSA, RSA[0])] {
        let mut client = client((**PROVIDER).clone(), trusted);
        let error = talk(&mut client, &mut server(identity)).unwrap_err();
        assert!(matches!(error, rustls::Error::InvalidCertificate(_)), "{error}");
    }
}

#[test]
fn a_changed_record_is_noticed() {
    for suite in &PROVIDER.cipher_suites {
        let provider = CryptoProvider { cipher_suites: vec![*suite], ..(**PROVIDER).clone() };
        let identity = if is_ecdsa(suite) { ECDSA } else { RSA };
        let (mut server, mut client) = (server(identity), client(provider, identity[0]));
        talk(&mut client, &mut server).unwrap();
        server.writer().write_all(b"answer").unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        *wire.last_mut().unwrap() ^= 1;
        client.read_tls(&mut &wire[..]).unwrap();
        let error = client.process_new_packets().unwrap_err();
        assert_eq!(error, rustls::Error::DecryptError, "{:?}", suite.suite());
    }
}

#[test]
fn nothing_of_it_is_the_default_of_the_program() {
    client_config(RSA[0], Some(&identity(RSA[0], RSA[1]))).unwrap();
    offline_config(None).unwrap();
    assert!(CryptoProvider::get_default().is_none());
}

#[test]
fn a_server_that_demands_a_certificate_gets_it() {
    for version in [&TLS12, &TLS13] {
        for (chain, keys) in CLIENTS {
            for key in keys {
                let identity = identity(chain, key);
                let mut client = identified(version, Some(&identity));
                let mut server = demanding(chain);
                talk(&mut client, &mut server).unwrap();
                assert!(!server.is_handshaking() && !client.is_handshaking());
                let shown = server.peer_certificates().unwrap();
                assert_eq!(shown, certificates(chain).unwrap());
            }
        }
        // Without one, or with another, there is no connection.
        for identity in [None, Some(&identity(ECDSA[0], ECDSA[1]))] {
            talk(&mut identified(version, identity), &mut demanding(RSA[0])).unwrap_err();
        }
    }
}

#[test]
fn a_certificate_or_key_that_cannot_be_used_is_refused_without_a_quotation() {
    let [rsa, ecdsa] = [RSA, ECDSA];
    let cut = &rsa[1][..rsa[1].len() / 2];
    for (chain, key) in [
        ("", rsa[1]),
        (rsa[0], ""),
        ("certificate", rsa[1]),
        (rsa[0], "private"),
        (rsa[0], cut),
        (rsa[1], rsa[1]),
        (rsa[0], rsa[0]),
        // The key of another certificate.
        (rsa[0], ecdsa[1]),
        (ecdsa[0], rsa[1]),
    ] {
        let identity = identity(chain, key);
        for refused in [client_config("", Some(&identity)), offline_config(Some(&identity))] {
            assert_eq!(refused.unwrap_err(), crate::http::NO_IDENTITY);
        }
        let shown = format!("{identity:?}");
        assert!(key.is_empty() || !shown.contains(key), "{shown}");
    }
}
