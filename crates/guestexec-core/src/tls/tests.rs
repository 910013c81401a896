//! Handshakes with rustls' own provider on the server's side, in memory.

use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

use super::{PROVIDER, certificates, client_config, offline_config};

const RSA: [&str; 2] =
    [include_str!("../../vectors/rsa.pem"), include_str!("../../vectors/rsa.key")];
const ECDSA: [&str; 2] =
    [include_str!("../../vectors/ecdsa.pem"), include_str!("../../vectors/ecdsa.key")];

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
    client_config(RSA[0]).unwrap();
    offline_config().unwrap();
    assert!(CryptoProvider::get_default().is_none());
}
