//! Connections to an endpoint: private certificates, proxies, timeouts. Every byte goes over real
//! sockets, to the sandbox behind a TLS server or a proxy of these tests.

#![allow(clippy::unwrap_used)]

use std::{env, net::SocketAddr, process::Command, sync::Arc, time::Duration};

use guestexec_cci::ExecTransport;
use guestexec_core::{
    ErrorKind, HttpOptions, HttpTransport, Operation, Proxy, Request, ResponseFuture, Transport,
};
use guestexec_sandbox::Sandbox;
use guestexec_tat::{Client as Tat, ClientBuilder, InstanceResult};
use guestexec_testkit::peer::{Answer, Peer, closed_endpoint};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::PrivateKeyDer,
        server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    },
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
    /// The same, for clients that show a certificate of the authority.
    demanding: TlsAcceptor,
    /// Such a certificate, and its key.
    client: [String; 2],
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let server = params.signed_by(&key, &authority).unwrap();
    let client_key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["client.example".to_owned()]).unwrap();
    let client = params.signed_by(&client_key, &authority).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = verifier.build().unwrap();
    let acceptor = |clients: Option<Arc<dyn ClientCertVerifier>>| {
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => config.with_client_cert_verifier(clients),
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = config.with_single_cert(vec![server.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    };
    Authority {
        pem: authority.pem(),
        acceptor: acceptor(None),
        demanding: acceptor(Some(verifier)),
        client: [client.pem(), client_key.serialize_pem()],
    }
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
    HttpOptions::new().root_certificates(pem)
}

fn tat(sandbox: &Sandbox) -> ClientBuilder {
    let tat = sandbox.tat();
    Tat::builder()
        .credentials(guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .retries(0)
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
    let Authority { pem, acceptor, .. } = authority();
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

    let options = HttpOptions::new().proxy(Proxy::Url(url.as_str().into()));
    assert!(!format!("{options:?}").contains("private"));
    let builder = tat(&sandbox).endpoint("http://tat.example").allow_plain_http();
    let client = builder.clone().http_options(options).build().unwrap();
    assert!(!format!("{client:?}").contains("private"));
    let run = client.instances(sandbox.tat().instances()).run("echo by proxy").await.unwrap();
    assert_eq!(run.results()[0].output_lossy(), "by proxy\n");
    let head = proxy.requests()[0].head.to_lowercase();
    assert!(head.starts_with("post http://tat.example/ http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: basic "), "{head}");

    let options = HttpOptions::new().proxy(Proxy::Url("private@:::".into()));
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
        .retries(0)
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
    let options = HttpOptions::new().proxy(Proxy::Url(proxy.endpoint.as_str().into()));
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
    fn execute(&self, _: &'static Operation, _: Request) -> ResponseFuture<'_> {
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
            .retries(0)
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
        let job = zstack.get_api_job("fc022ba201c135d8809c5e02bf6bf156");
        assert_eq!(job.send().await.unwrap_err().kind(), ErrorKind::Timeout);
        // After the loss the client looks for the command, so the bound is loose.
        assert!(begin.elapsed() < 60 * second, "{:?}", begin.elapsed());
    }
}

/// Settings whose timeout must not replace that of a call, whichever setter comes first.
fn slow() -> HttpOptions {
    HttpOptions::new().timeout(Duration::from_secs(3600))
}

/// The call timeout does not apply to an upgraded session.
#[tokio::test]
async fn a_session_over_a_custom_transport_outlasts_the_call_timeout() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = guestexec_cci::Client::builder()
        .credentials(guestexec_cci::Credentials::token(sandbox.cci().token()))
        .endpoint(sandbox.cci().endpoint())
        .call_timeout(Duration::from_secs(2))
        .transport(HttpTransport::for_endpoints(&HttpOptions::default(), &[]).unwrap())
        .build()
        .unwrap();
    let exec = client.pod(sandbox.cci().namespace(), sandbox.cci().pod());
    let output = exec.exec(["sh", "-c", "sleep 3; echo done"]).output().await.unwrap();
    assert_eq!(output.stdout, b"done\n");
}

/// A service that lets nobody in without a certificate.
#[tokio::test]
async fn a_client_shows_its_certificate_where_it_is_demanded() {
    let sandbox = Sandbox::builder().tat_instances(1).start().await.unwrap();
    let Authority { pem, demanding, client: [chain, key], .. } = authority();
    let mut front = JoinSet::new();
    let options = trusting(&pem).client_certificate(chain.clone(), key.clone());
    let shown = format!("{options:?}");
    assert!(
        !shown.contains(key.lines().nth(1).unwrap()) && shown.contains("<redacted>"),
        "{shown}"
    );

    let at = https(&mut front, demanding.clone(), &sandbox.tat().endpoint()).await;
    let client = tat(&sandbox).endpoint(&at).http_options(options.clone()).build().unwrap();
    assert!(!format!("{client:?}").contains(key.lines().nth(1).unwrap()));
    let run = client.instances(sandbox.tat().instances()).run("echo proved").await.unwrap();
    assert_eq!(run.results()[0].output_lossy(), "proved\n");

    let zstack = sandbox.zstack();
    let at_zstack = https(&mut front, demanding.clone(), &zstack.endpoint()).await;
    let client = guestexec_zstack::Client::builder()
        .endpoint(at_zstack)
        .http_options(options.clone())
        .login(zstack.account_name(), zstack.password())
        .await
        .unwrap();
    assert!(client.vm(zstack.vm_uuid()).run("true").await.unwrap().success());

    let cci = sandbox.cci();
    let at_cci = https(&mut front, demanding, &cci.endpoint()).await;
    let client = guestexec_cci::Client::builder()
        .endpoint(at_cci)
        .credentials(guestexec_cci::Credentials::token(cci.token()))
        .http_options(options)
        .build()
        .unwrap();
    assert!(client.pod(cci.namespace(), cci.pod()).exec(["true"]).await.unwrap().success());

    // Without a certificate, or with one of another authority, nothing gets through.
    let stranger = authority();
    let [chain, key] = stranger.client;
    for options in [trusting(&pem), trusting(&pem).client_certificate(chain, key)] {
        let client = tat(&sandbox).endpoint(&at).http_options(options).retries(0).build().unwrap();
        let error = client.describe_regions().send().await.unwrap_err();
        let expected = [ErrorKind::Connect, ErrorKind::Lost];
        assert!(expected.contains(&error.kind()), "{error}");
    }
}

#[test]
fn a_client_certificate_that_cannot_be_used_is_refused_when_the_client_is_made() {
    let Authority { client: [chain, key], .. } = authority();
    let [other_chain, _] = authority().client;
    for (chain, key) in
        [(&*chain, "private"), ("", &*key), (&*other_chain, &*key), (&*key, &*chain)]
    {
        let options = HttpOptions::new().client_certificate(chain, key);
        let builder = Tat::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
            .endpoint("http://127.0.0.1:1");
        let refused = builder.http_options(options).build().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config);
        let text = refused.to_string();
        assert!(text.contains("client certificate") && !text.contains("private\""), "{text}");
    }
}

/// The variables of the process that fetches an output.
const OUTPUT: &str = "GUESTEXEC_TEST_OUTPUT";
const SERVICE: &str = "GUESTEXEC_TEST_SERVICE";

/// Fetches an output by a client of a service that is plain HTTP, and prints what becomes of it.
#[tokio::test]
async fn fetches_an_output_by_a_client_of_plain_http() {
    let (Ok(output), Ok(service)) = (env::var(OUTPUT), env::var(SERVICE)) else { return };
    let key = guestexec_tat::Credentials::new("AKIDx", "k3y");
    let builder = Tat::builder().credentials(key).region("ap-guangzhou").endpoint(service);
    let client = builder.allow_plain_http().retries(0).build().unwrap();
    let cut = InstanceResult::for_test("ins-1", 0).with_dropped(7).with_output_url(&output);
    let said = match cut.full_output(&client).await {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(error) => format!("{:?} {error}", error.kind()),
    };
    println!("said: {said}");
}

#[tokio::test]
async fn an_output_at_https_is_fetched_by_a_client_of_plain_http() {
    let peer = Peer::answering(|_, _| Answer::http("200 OK", "text/plain", "all of it")).await;
    let Authority { pem, acceptor, .. } = authority();
    let mut front = JoinSet::new();
    let output = https(&mut front, acceptor, &peer.endpoint).await + "/b/k.log?q-sign=s3cret";
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, pem).unwrap();
    let run = async |trusted: &[(&str, &std::path::Path)]| {
        let mut this = Command::new(env::current_exe().unwrap());
        this.args(["--exact", "fetches_an_output_by_a_client_of_plain_http", "--nocapture"]);
        this.env_clear().env(OUTPUT, &output).env(SERVICE, "http://tat.example");
        this.envs(trusted.iter().copied());
        let done = tokio::task::spawn_blocking(move || this.output().unwrap()).await.unwrap();
        let printed = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(done.status.success() && !printed.contains("s3cret"), "{printed}");
        printed.lines().find_map(|line| line.split_once("said: ")).unwrap().1.to_owned()
    };
    // The certificates of the machine, here those of a file, decide what is trusted.
    assert_eq!(run(&[("SSL_CERT_FILE", &*trusted)]).await, "all of it");
    assert_eq!(peer.requests().len(), 1);
    let said = run(&[]).await;
    assert!(said.starts_with("Connect") && said.to_lowercase().contains("cert"), "{said}");
    assert_eq!(peer.requests().len(), 1);
}
