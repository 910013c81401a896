//! Handshakes over a socket of this machine, with whichever library is built in.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, Stream,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

use super::*;
use crate::{HttpTransport, Operation, PlainHttp, Request, Transport as _};

const SERVER: [&str; 2] =
    [include_str!("../../vectors/ecdsa.pem"), include_str!("../../vectors/ecdsa.key")];
const CLIENT: [&str; 2] =
    [include_str!("../../vectors/rsa.pem"), include_str!("../../vectors/rsa.key")];

const READ: Operation = Operation::undocumented("Read", "GET", "/");

/// Answers one request of a client that shows the certificate `CLIENT`. Returns its port.
fn demanding() -> u16 {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(CLIENT[0])).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate(SERVER[0])],
            PrivateKeyDer::from_pem_slice(SERVER[1].as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = Stream::new(&mut connection, &mut socket);
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            // A client that is refused ends the connection.
            if !stream.read(&mut byte).is_ok_and(|read| read == 1) {
                return;
            }
            head.extend_from_slice(&byte);
        }
        let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
        stream.flush().unwrap();
    });
    port
}

async fn asked(options: HttpOptions) -> Result<StatusCode, TransportError> {
    let endpoint = format!("https://localhost:{}", demanding());
    let endpoint = Endpoint::parse(&endpoint, PlainHttp::Loopback).unwrap();
    let options = options.root_certificates(SERVER[0]);
    let transport = HttpTransport::for_endpoints(&options, &[&endpoint])?;
    asked_by(&transport, endpoint.base()).await
}

async fn asked_by(transport: &HttpTransport, url: &str) -> Result<StatusCode, TransportError> {
    let url = Url::parse(url).unwrap();
    let request = Request::from_reqwest(reqwest::Request::new(reqwest::Method::GET, url));
    transport.execute(&READ, request).await.map(|response| response.status())
}

#[tokio::test]
async fn a_transport_of_plain_http_reaches_an_https_address() {
    let [chain, key] = CLIENT;
    let options = HttpOptions::new().client_certificate(chain, key).root_certificates(SERVER[0]);
    let endpoint = Endpoint::parse("http://127.0.0.1:1", PlainHttp::Loopback).unwrap();
    let transport = HttpTransport::for_endpoints(&options, &[&endpoint]).unwrap();
    for _ in 0..2 {
        let address = format!("https://localhost:{}", demanding());
        let answer = asked_by(&transport.clone(), &address).await;
        assert_eq!(answer.unwrap(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_over_tls() {
    let [chain, key] = CLIENT;
    let answer = asked(HttpOptions::new().client_certificate(chain, key)).await;
    assert_eq!(answer.unwrap(), StatusCode::NO_CONTENT);
    let [chain, key] = SERVER;
    for options in [HttpOptions::new(), HttpOptions::new().client_certificate(chain, key)] {
        asked(options).await.unwrap_err();
    }
}

#[test]
fn a_client_certificate_that_is_none_is_refused_before_tls() {
    let [chain, key] = CLIENT;
    for (chain, key) in [("", key), (chain, ""), (chain, "private"), ("chain", key)] {
        let options = HttpOptions::new().client_certificate(chain, key);
        assert!(!format!("{options:?}").contains("BEGIN PRIVATE"));
        let refused = [http_client(&options, &[]), offline_client(&options), any_client(&options)];
        for refused in refused {
            assert_eq!(refused.unwrap_err(), NO_IDENTITY);
        }
    }
}
