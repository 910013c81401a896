//! Connections to an endpoint: private certificates, proxies, timeouts. Every byte goes over real
//! sockets, to the sandbox behind a TLS server or a proxy of these tests.

#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use guestexec_cci::ExecTransport;
use guestexec_core::{ErrorKind, HttpOptions, Proxy, ResponseFuture, Transport};
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client as Tat, ClientBuilder};
use guestexec_testkit::peer::{Answer, Peer, closed_endpoint};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

/// The address of an endpoint of the sandbox.
fn address(endpoint: &str) -> SocketAddr {
    let url = reqwest::Url::parse(endpoint).unwrap();
    url.socket_addrs(|| None).unwrap()[0]
}

/// A private certificate authority, and a TLS server with a certificate of it.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server = params.signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![server.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    .unwrap();
    Authority { pem: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
}

/// Serves `endpoint` over HTTPS, and returns the URL for it.
async fn https(front: &mut JoinSet<()>, acceptor: TlsAcceptor, endpoint: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (listener.local_addr().unwrap().port(), address(endpoint));
    front.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                // The handshake fails if the client does not trust the certificate.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    let path = reqwest::Url::parse(endpoint).unwrap().path().trim_end_matches('/').to_owned();
    format!("https://127.0.0.1:{port}{path}")
}

fn trusting(pem: &str) -> HttpOptions {
    let mut options = HttpOptions::default();
    options.root_certificates = pem.to_owned();
    options
}

fn tat(sandbox: &Sandbox) -> ClientBuilder {
    let tat = sandbox.tat();
    Tat::builder()
        .credentials(guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .max_retries(0)
}

#[tokio::test]
async fn an_untrusted_certificate_fails_the_call_before_it_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut front = JoinSet::new();
    let endpoint = https(&mut front, authority().acceptor, &sandbox.tat().endpoint()).await;
    for pem in [String::new(), authority().pem] {
        let client =
            tat(&sandbox).endpoint(&endpoint).http_options(trusting(&pem)).build().unwrap();
        let error = client.instances(sandbox.tat().instances()).run("true").await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Connect, false), "{error:?}");
        assert!(error.message().to_lowercase().contains("cert"), "{error:?}");
    }
    assert_eq!(sandbox.tat().invocations().len(), 0);
}

#[tokio::test]
async fn commands_run_over_https_with_a_private_authority() {
    let sandbox = Sandbox::start().await.unwrap();
    let Authority { pem, acceptor } = authority();
    let mut front = JoinSet::new();

    let endpoint = https(&mut front, acceptor.clone(), &sandbox.tat().endpoint()).await;
    let client = tat(&sandbox).endpoint(endpoint).http_options(trusting(&pem)).build().unwrap();
    let run = client.instances(sandbox.tat().instances()).run("echo over tls").await.unwrap();
    assert_eq!(run.results()[0].output_lossy(), "over tls\n");

    let zstack = sandbox.zstack();
    let endpoint = https(&mut front, acceptor.clone(), &zstack.endpoint()).await;
    let client = guestexec_zstack::Client::builder()
        .endpoint(endpoint)
        .http_options(trusting(&pem))
        .login(zstack.account_name(), zstack.password())
        .await
        .unwrap();
    let vm = zstack.vm_uuid();
    assert_eq!(client.vm(vm).run("echo over tls").await.unwrap().stdout_lossy().trim(), "over tls");

    let cci = sandbox.cci();
    let endpoint = https(&mut front, acceptor, &cci.endpoint()).await;
    let client = guestexec_cci::Client::builder()
        .endpoint(endpoint)
        .credentials(guestexec_cci::Credentials::token(cci.token()))
        .http_options(trusting(&pem))
        .build()
        .unwrap();
    for transport in [ExecTransport::WebSocketV4, ExecTransport::SpdyPost] {
        let pod = client.pod(cci.namespace(), cci.pod());
        let output = pod.exec(["echo", "over", "tls"]).transport(transport).output().await.unwrap();
        assert_eq!(output.stdout, b"over tls\n", "{transport:?}");
    }
}

#[tokio::test]
async fn a_configured_proxy_is_used_and_its_password_is_not_printed() {
    let sandbox = Sandbox::start().await.unwrap();
    let behind = address(&sandbox.tat().endpoint());
    let proxy = Peer::new(move |request, mut stream| async move {
        let mut behind = TcpStream::connect(behind).await.unwrap();
        behind.write_all(&request.to_bytes()).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut behind).await;
    })
    .await;
    let url = format!("http://me:private@{}", proxy.address());

    let mut options = HttpOptions::default();
    options.proxy = Proxy::Url(url.as_str().into());
    assert!(!format!("{options:?}").contains("private"));
    let builder = tat(&sandbox).endpoint("http://tat.example").allow_plain_http();
    let client = builder.clone().http_options(options).build().unwrap();
    assert!(!format!("{client:?}").contains("private"));
    let run = client.instances(sandbox.tat().instances()).run("echo by proxy").await.unwrap();
    assert_eq!(run.results()[0].output_lossy(), "by proxy\n");
    let head = proxy.requests()[0].head.to_lowercase();
    assert!(head.starts_with("post http://tat.example/ http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic "), "{head}");

    let mut options = HttpOptions::default();
    options.proxy = Proxy::Url("private@:::".into());
    let refused = builder.http_options(options).build().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("proxy") && !refused.to_string().contains("private"));
}

/// The kind and message of the error of each client's call.
async fn failures(endpoint: &str, options: HttpOptions) -> [(ErrorKind, String); 3] {
    let tat = Tat::builder()
        .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .max_retries(0)
        .http_options(options.clone());
    let tat = tat.build().unwrap().describe_invocations().send().await.unwrap_err();
    let zstack =
        guestexec_zstack::Client::builder().endpoint(endpoint).http_options(options.clone());
    let zstack = zstack.login("admin", "password").await.unwrap_err();
    let cci = guestexec_cci::Client::builder()
        .endpoint(endpoint)
        .credentials(guestexec_cci::Credentials::token("token"))
        .http_options(options);
    let cci = cci.build().unwrap().pod("ns", "pod").get().await.unwrap_err();
    [
        (tat.kind(), tat.message().to_owned()),
        (zstack.kind(), zstack.message().to_owned()),
        (cci.kind(), cci.message().to_owned()),
    ]
}

#[tokio::test]
async fn the_message_names_what_kept_the_call_from_the_service() {
    let proxy = Peer::saying("407 Proxy Authentication Required", "", "").await;
    let mut options = HttpOptions::default();
    options.proxy = Proxy::Url(proxy.endpoint.as_str().into());
    for (kind, message) in failures("https://service.example", options).await {
        assert_eq!(kind, ErrorKind::Connect, "{message}");
        assert!(message.contains("proxy authorization required"), "{message}");
    }
    let shell = Peer::answering(|_, _| Answer::raw("SSH-2.0-OpenSSH_9.6\r\n")).await;
    for (kind, message) in failures(&shell.endpoint, HttpOptions::default()).await {
        assert_eq!(kind, ErrorKind::Protocol, "{message}");
        assert!(message.contains("HTTP") && !message.contains("SSH"), "{message}");
    }
    for (kind, message) in failures(&closed_endpoint().await, HttpOptions::default()).await {
        assert_eq!(kind, ErrorKind::Connect, "{message}");
        assert!(message.contains("refused"), "{message}");
    }
}

#[test]
fn an_invalid_certificate_is_refused_when_the_client_is_built() {
    for pem in ["-----BEGIN NOTHING-----", "/etc/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        let builder = Tat::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou");
        let refused = builder.http_options(trusting(pem)).build().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config, "{pem}");
        assert!(refused.to_string().contains("PEM"), "{refused}");
    }
}

/// A transport that never answers, or whose answer never ends.
#[derive(Clone, Debug)]
struct Hanging {
    answers: bool,
}

impl Transport for Hanging {
    fn execute(
        &self,
        _: &'static guestexec_core::Operation,
        _: reqwest::Request,
    ) -> ResponseFuture<'_> {
        let answers = self.answers;
        Box::pin(async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            let never = futures_util::stream::pending::<std::io::Result<Vec<u8>>>();
            let body = reqwest::Body::wrap_stream(never);
            Ok(http::Response::builder()
                .header("content-type", "application/json")
                .body(body)
                .unwrap()
                .into())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_timeout_applies_to_a_custom_transport() {
    let second = Duration::from_secs(1);
    for hanging in [Hanging { answers: false }, Hanging { answers: true }] {
        let tat = Tat::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
            .max_retries(0)
            .call_timeout(second)
            .http_options(slow())
            .transport(hanging.clone())
            .build()
            .unwrap();
        let begin = tokio::time::Instant::now();
        let error = tat.describe_regions().send().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false), "{error}");
        let error = tat.instances(["ins-1"]).run("reboot").await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true), "{error}");

        let cci = guestexec_cci::Client::builder()
            .credentials(guestexec_cci::Credentials::token("token"))
            .region("cn-north-4")
            .transport(hanging.clone())
            .call_timeout(second)
            .http_options(slow())
            .build()
            .unwrap();
        let error = cci.pods("default").list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");

        let zstack = guestexec_zstack::Client::builder()
            .endpoint("http://zstack")
            .allow_plain_http()
            .credentials(guestexec_zstack::Credentials::access_key("id", "secret"))
            .http_options(slow())
            .call_timeout(second)
            .transport(hanging)
            .build()
            .unwrap();
        let job = zstack.get_api_job().uuid("fc022ba201c135d8809c5e02bf6bf156");
        assert_eq!(job.send().await.unwrap_err().kind(), ErrorKind::Timeout);
        // After the loss the client looks for the command, so the bound is loose.
        assert!(begin.elapsed() < 60 * second, "{:?}", begin.elapsed());
    }
}

/// Settings whose timeout must not replace that of a call, whichever setter comes first.
fn slow() -> HttpOptions {
    let mut options = HttpOptions::default();
    options.timeout = Duration::from_secs(3600);
    options
}

/// The call timeout does not apply to an upgraded session.
#[tokio::test]
async fn a_session_over_a_custom_transport_outlasts_the_call_timeout() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = guestexec_cci::Client::builder()
        .credentials(guestexec_cci::Credentials::token(sandbox.cci().token()))
        .endpoint(sandbox.cci().endpoint())
        .call_timeout(Duration::from_secs(2))
        .transport(guestexec_core::http_client(&HttpOptions::default(), &[]).unwrap())
        .build()
        .unwrap();
    let exec = client.pod(sandbox.cci().namespace(), sandbox.cci().pod());
    let output = exec.exec(["sh", "-c", "sleep 3; echo done"]).output().await.unwrap();
    assert_eq!(output.stdout, b"done\n");
}
