//! No byte of a credential reaches a proxy, another host, a log, a snapshot, a printed text or a
//! command's environment, whatever kind of credentials of the three providers it is.
//!
//! The clients run in their own process. Its environment names a proxy that only records, and every
//! log of every library is collected there. The sandbox is in the parent process.

#![allow(clippy::unwrap_used)]

use std::{
    env,
    fmt::{Debug, Display, Write as _},
    fs,
    io::{self, Write as _},
    sync::Mutex,
    time::Duration,
};

use guestexec_core::{
    Endpoint, HttpOptions, HttpTransport, Operation, PlainHttp, Request, RequestShape,
    ResponseFuture, Transport,
};
use guestexec_sandbox::Sandbox;
use guestexec_tat::{AssumeRole, CredentialSource, CvmRole, TkeOidc};
use guestexec_testkit::peer::{Answer, Peer, response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use tokio::process::Command;
use tracing_subscriber::fmt::format::FmtSpan;

const CHILD: &str = "GUESTEXEC_TEST_CHILD";
const POD_TOKEN: &str = "canary-web-identity-token";
const IAM_TOKEN: &str = "canary-iam-token";
const METADATA_TOKEN: &str = "canary-metadata-token";
const REMOTE: &str = "guestexec.invalid";

/// All text of this process: logs, shapes, and what is printed.
static TOLD: Mutex<String> = Mutex::new(String::new());

fn tell(text: impl Display) {
    let _ = writeln!(TOLD.lock().unwrap(), "{text}");
}

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        tell(format_args!("log {} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Writes what `tracing-subscriber` makes of all spans and events, with all their fields.
impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        tell(format_args!("trace {}", String::from_utf8_lossy(line).trim_end()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints the shapes of the requests that it sends.
#[derive(Debug)]
struct Shapes(HttpTransport);

impl Transport for Shapes {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let shape = RequestShape::of(&request);
        tell(format_args!("{shape}{shape:?}{}", serde_json::to_string(&shape).unwrap()));
        self.0.execute(operation, request)
    }
}

fn shapes(endpoint: &str) -> Shapes {
    let endpoint = Endpoint::parse(endpoint, PlainHttp::Loopback).unwrap();
    Shapes(HttpTransport::for_endpoints(&HttpOptions::default(), &[&endpoint]).unwrap())
}

/// Prints an error in every way.
fn failed<D: Debug>(error: &guestexec_core::Error<D>) {
    tell(format_args!("{error}{error:?}{:?}{:?}", error.detail(), error.code()));
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        tell(format_args!("{error}{error:?}"));
        cause = error.source();
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn tat(credentials: impl Into<CredentialSource>, form: &str) {
    let credentials = credentials.into();
    let endpoint = variable("GUESTEXEC_TAT_ENDPOINT");
    let builder = guestexec_tat::Client::builder()
        .credentials(credentials.clone())
        .region(variable("TENCENTCLOUD_REGION"))
        .rate(None)
        .retries(0);
    let instance = variable("GUESTEXEC_TAT_INSTANCE_ID");
    let direct = builder.clone().endpoint(&*endpoint).build().unwrap();
    let recorded = builder.clone().endpoint(&*endpoint).transport(shapes(&endpoint));
    for client in [direct, recorded.build().unwrap()] {
        tell(format_args!("{client:?} {credentials:?} {builder:?}"));
        let ended = client.instances([&*instance]).run("env").await;
        let ended = ended.unwrap_or_else(|error| panic!("{form}: {error}"));
        assert!(ended.success(), "{form}");
        ended.results().iter().for_each(|result| tell(result.output_lossy()));
        failed(&client.instances(["ins-00000000"]).run("true").await.unwrap_err());
    }
    let elsewhere = [variable("REDIRECTING"), format!("https://tat.{REMOTE}")];
    for endpoint in elsewhere {
        let client = builder.clone().endpoint(endpoint).build().unwrap();
        failed(&client.describe_regions().send().await.unwrap_err());
    }
}

async fn cci(credentials: impl Into<guestexec_cci::CredentialSource>, form: &str) {
    let credentials = credentials.into();
    let (endpoint, iam) =
        (variable("GUESTEXEC_CCI_ENDPOINT"), variable("GUESTEXEC_CCI_IAM_ENDPOINT"));
    let builder = guestexec_cci::Client::builder().credentials(credentials.clone()).retries(0);
    let direct = builder.clone().endpoint(&*endpoint).iam_endpoint(&*iam);
    let recorded = direct.clone().transport(shapes(&endpoint));
    let (namespace, pod) = (variable("GUESTEXEC_CCI_NAMESPACE"), variable("GUESTEXEC_CCI_POD"));
    for client in [direct.build().unwrap(), recorded.build().unwrap()] {
        tell(format_args!("{client:?} {credentials:?} {builder:?}"));
        let output = client.pod(&*namespace, &*pod).exec(["env"]).output().await;
        let output = output.unwrap_or_else(|error| panic!("{form}: {error}"));
        tell(String::from_utf8(output.stdout).unwrap());
        failed(&client.pod(&*namespace, "no-such-pod").exec(["true"]).output().await.unwrap_err());
    }
    let (remote, redirecting) = (format!("https://cci.{REMOTE}"), variable("REDIRECTING"));
    for (endpoint, iam) in [
        (&*remote, &*iam),
        (&*endpoint, &*remote),
        (&*redirecting, &*iam),
        (&*endpoint, &*redirecting),
    ] {
        let client = builder.clone().endpoint(endpoint).iam_endpoint(iam).build().unwrap();
        if let Err(error) = client.pod(&*namespace, &*pod).exec(["true"]).output().await {
            failed(&error);
        }
    }
}

/// CCI's sources, and what they send to hosts that they should not trust.
async fn cci_sources(home: &str, ak: &str, sk: &str) {
    use guestexec_cci::{AssumeAgency, CredentialSource, Credentials, EcsAgency, WorkloadIdentity};
    cci(CredentialSource::environment(), "environment").await;
    cci(CredentialSource::default_file(), "profile file").await;
    cci(EcsAgency::new().endpoint(variable("METADATA")), "ECS agency").await;
    let workload = |endpoint: String| {
        WorkloadIdentity::new().identity("idp", format!("{home}/pod-token")).endpoint(endpoint)
    };
    let key = Credentials::access_key(ak, sk).with_security_token(variable("TEMPORARY_TOKEN"));
    let agency = |endpoint: String| AssumeAgency::new(key.clone(), "d", "a").endpoint(endpoint);
    cci(workload(variable("METADATA")), "workload identity").await;
    cci(agency(variable("METADATA")), "agency").await;
    for endpoint in [variable("REDIRECTING"), format!("https://iam-keys.{REMOTE}")] {
        let sources: [CredentialSource; 2] =
            [workload(endpoint.clone()).into(), agency(endpoint).into()];
        for source in sources {
            let client = guestexec_cci::Client::builder()
                .credentials(source)
                .endpoint(variable("GUESTEXEC_CCI_ENDPOINT"))
                .build()
                .unwrap();
            failed(&client.pods("default").list().await.unwrap_err());
        }
    }
}

async fn zstack(credentials: guestexec_zstack::Credentials, form: &str) {
    let endpoint = variable("ZSTACK_ENDPOINT");
    let build = |endpoint: &str| {
        guestexec_zstack::Client::builder()
            .endpoint(endpoint)
            .credentials(credentials.clone())
            .retries(0)
    };
    let recorded = build(&endpoint).transport(shapes(&endpoint)).build().unwrap();
    for client in [build(&endpoint).build().unwrap(), recorded] {
        zstack_runs(&client, form).await;
    }
    for endpoint in [variable("REDIRECTING"), format!("https://zstack.{REMOTE}")] {
        let client = build(&endpoint).call_timeout(Duration::from_secs(20)).build().unwrap();
        failed(&client.get_api_job("0".repeat(32)).send().await.unwrap_err());
        let started = client.execute_guest_vm_command("0".repeat(32), "Linux", "true");
        failed(&started.send().await.unwrap_err());
    }
}

async fn zstack_runs(client: &guestexec_zstack::Client, form: &str) {
    tell(format_args!("{client:?}"));
    let output = client.vm(variable("ZSTACK_VM_UUID")).run("env").await;
    let output = output.unwrap_or_else(|error| panic!("{form}: {error}"));
    tell(format_args!("{output:?}"));
    tell(output.stdout_lossy());
    let output = client.vm(variable("ZSTACK_VM_UUID")).run("env").unchecked().await;
    let output = output.unwrap_or_else(|error| panic!("{form}: {error}"));
    tell(format_args!("{output:?}{:?}", output.answer()));
    tell(output.stdout_lossy());
    failed(&client.vm("0".repeat(32)).run("true").await.unwrap_err());
}

fn sha512(text: &str) -> String {
    Sha512::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The next test runs this one in another process, with its own environment.
#[tokio::test]
async fn in_a_process_of_its_own() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(|| Lines)
        .try_init()
        .unwrap();

    let (id, key) = (variable("TENCENTCLOUD_SECRET_ID"), variable("TENCENTCLOUD_SECRET_KEY"));
    let pair = || guestexec_tat::Credentials::new(&*id, &*key);
    tat(pair(), "static").await;
    let temporary =
        guestexec_tat::Credentials::new(variable("TEMPORARY_ID"), variable("TEMPORARY_KEY"));
    tat(temporary.with_security_token(variable("TEMPORARY_TOKEN")), "session token").await;
    tat(CredentialSource::environment(), "environment").await;
    let home = variable("HOME");
    tat(CredentialSource::default_file(), "credentials file").await;
    tat(CredentialSource::tccli(None), "tccli").await;
    tat(CvmRole::new().endpoint(variable("METADATA")), "CVM role").await;
    let role = |endpoint| {
        TkeOidc::new().endpoint(endpoint).identity("r", "p", "a", format!("{home}/pod-token"))
    };
    tat(role(variable("METADATA")), "TKE OIDC").await;
    let assume = |endpoint| AssumeRole::new(pair(), "role").endpoint(endpoint);
    tat(assume(variable("METADATA")), "assumed role").await;
    for endpoint in [variable("REDIRECTING"), format!("https://sts.{REMOTE}")] {
        let sources: [CredentialSource; 2] =
            [role(endpoint.clone()).into(), assume(endpoint).into()];
        for source in sources {
            let client = guestexec_tat::Client::builder()
                .credentials(source)
                .region("ap-guangzhou")
                .endpoint(variable("GUESTEXEC_TAT_ENDPOINT"))
                .build()
                .unwrap();
            failed(&client.describe_regions().send().await.unwrap_err());
        }
    }

    let [domain, user, password, project] = ["DOMAIN", "USER", "PASSWORD", "PROJECT"]
        .map(|name| variable(&format!("GUESTEXEC_CCI_{name}")));
    let (ak, sk) = (variable("HUAWEICLOUD_SDK_AK"), variable("HUAWEICLOUD_SDK_SK"));
    use guestexec_cci::Credentials as Cci;
    cci(Cci::token(variable("GUESTEXEC_CCI_TOKEN")), "token").await;
    cci(Cci::password(domain, user, password, &*project), "password").await;
    cci(
        Cci::access_key(&*ak, &*sk).project_id(variable("HUAWEICLOUD_SDK_PROJECT_ID")),
        "access key",
    )
    .await;
    cci(Cci::access_key_token(&*ak, &*sk, &*project), "token of an access key").await;
    cci_sources(&home, &ak, &sk).await;
    let tape = guestexec_testkit::Tape::new();
    let client = guestexec_cci::Client::builder()
        .credentials(Cci::access_key(&*ak, &*sk).with_security_token(POD_TOKEN))
        .region("cn-north-4")
        .transport(tape.clone())
        .build()
        .unwrap();
    failed(&client.pods("default").list().await.unwrap_err());
    tell(format_args!("{client:?}{:?}{}", tape, tape.last_request().unwrap()));

    use guestexec_zstack::Credentials as Zstack;
    let (account, password) = (variable("ZSTACK_ACCOUNT_NAME"), variable("ZSTACK_PASSWORD"));
    let builder = || guestexec_zstack::Client::builder().endpoint(variable("ZSTACK_ENDPOINT"));
    let client = builder().login(&*account, &*password).await.unwrap();
    zstack_runs(&client, "login").await;
    let session = client.log_in_by_account(&*account, sha512(&password)).send().await.unwrap();
    tell(format_args!("{session:?}"));
    let session = session.into_inner().inventory.unwrap().uuid.unwrap();
    zstack(Zstack::session(session.clone()), "session").await;
    let key =
        Zstack::access_key(variable("ZSTACK_ACCESS_KEY_ID"), variable("ZSTACK_ACCESS_KEY_SECRET"));
    zstack(key, "access key").await;
    for endpoint in [variable("REDIRECTING"), format!("https://zstack.{REMOTE}")] {
        let login = guestexec_zstack::Client::builder()
            .endpoint(endpoint)
            .retries(0)
            .login(&*account, &*password);
        failed(&login.await.unwrap_err());
    }
    client.logout().await.unwrap();

    // A sandbox of this process passes on none of the credentials in the environment.
    let sandbox = Sandbox::start().await.unwrap();
    let client = guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new(
            sandbox.tat().secret_id(),
            sandbox.tat().secret_key(),
        ))
        .region(sandbox.tat().region())
        .endpoint(sandbox.tat().endpoint())
        .build()
        .unwrap();
    let ended = client.instances([&sandbox.tat().instances()[0]]).run("env").await.unwrap();
    ended.results().iter().for_each(|result| tell(result.output_lossy()));

    let told = TOLD.lock().unwrap();
    assert!(told.contains("log ") && told.contains("trace ") && told.contains("RunCommand"));
    for field in
        ["otel.kind", "server.address", "invocation=", "job=", "subprotocol=", "error.type"]
    {
        assert!(told.contains(field), "no log has `{field}`");
    }
    let mut secrets: Vec<String> = env::vars()
        .filter(|(name, _)| {
            ["KEY", "SK", "TOKEN", "PASSWORD", "SECRET"].iter().any(|end| name.ends_with(end))
        })
        .map(|(_, value)| value)
        .collect();
    let hash = sha512(&variable("ZSTACK_PASSWORD"));
    secrets.extend([hash, session.expose().to_owned()]);
    secrets.extend([POD_TOKEN, IAM_TOKEN, METADATA_TOKEN].map(str::to_owned));
    assert!(secrets.len() >= 15, "{}", secrets.len());
    for secret in secrets {
        if let Some(at) = told.find(&secret) {
            let line = told[..at].rfind('\n').map_or(0, |at| at + 1);
            let end = told[at..].find('\n').map_or(told.len(), |end| at + end);
            panic!("`{secret}` is told:\n{}", &told[line..end]);
        }
    }
}

#[tokio::test]
async fn no_byte_of_a_credential_goes_astray() {
    let sandbox = Sandbox::builder().tat_rate(None).start().await.unwrap();
    let (id, key, token) = sandbox.tat().temporary_key();
    let proxy = Peer::answering(|_, _| Answer::closed()).await;
    let other = Peer::answering(|_, _| Answer::closed()).await;
    let location = format!("Location: {}/there\r\n", other.endpoint);
    let redirecting = Peer::saying("307 Temporary Redirect", &location, "").await;
    let role = json!({
        "TmpSecretId": id, "TmpSecretKey": key, "Token": token, "ExpiredTime": 4_000_000_000u64,
        "Code": "Success",
    });
    let exchanged = json!({ "Response": {
        "Credentials": { "TmpSecretId": id, "TmpSecretKey": key, "Token": token },
        "ExpiredTime": 4_000_000_000u64,
    }});
    let (ak, sk, security_token) = sandbox.cci().temporary_key();
    let keys = json!({ "credential": {
        "access": ak, "secret": sk, "securitytoken": security_token,
        "expires_at": "2100-01-01T00:00:00.000000Z",
    }});
    let metadata = Peer::answering(move |request, _| {
        if request.path().ends_with("/id-token/tokens") {
            let headers = format!("X-Subject-Token: {IAM_TOKEN}\r\n");
            return Answer::raw(response("201 Created", &headers, "{}"));
        }
        let body = match () {
            () if request.method == "PUT" => METADATA_TOKEN.to_owned(),
            () if request.path().ends_with("/securitykey") => keys.to_string(),
            () if request.path().ends_with("/securitytokens") => keys.to_string(),
            () if request.method == "POST" => exchanged.to_string(),
            () if request.path().ends_with("/security-credentials/") => "app-role".to_owned(),
            () => role.to_string(),
        };
        Answer::http("200 OK", "text/plain", &body)
    })
    .await;

    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let (own_id, own_key) = (sandbox.tat().secret_id(), sandbox.tat().secret_key());
    let ini = format!("[default]\nsecret_id = {own_id}\nsecret_key = {own_key}\n");
    write(".tencentcloud/credentials", &ini);
    let profile: Value = json!({ "secretId": own_id, "secretKey": own_key });
    write(".tccli/default.credential", &profile.to_string());
    write("pod-token", POD_TOKEN);
    let (own_ak, own_sk) = (sandbox.cci().access_key(), sandbox.cci().secret_key());
    write(".huaweicloud/credentials", &format!("[basic]\nak = {own_ak}\nsk = {own_sk}\n"));

    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "in_a_process_of_its_own", "--nocapture"])
        .env_clear()
        .envs(sandbox.env())
        .env(CHILD, "1")
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("TEMPORARY_ID", id)
        .env("TEMPORARY_KEY", key)
        .env("TEMPORARY_TOKEN", token)
        .env("ISSUED_KEY", sk)
        .env("ISSUED_TOKEN", security_token)
        .env("REDIRECTING", &redirecting.endpoint)
        .env("METADATA", &metadata.endpoint)
        .env("HTTP_PROXY", &proxy.endpoint)
        .env("HTTPS_PROXY", &proxy.endpoint)
        .env("ALL_PROXY", &proxy.endpoint)
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stdout));

    let asked = String::from_utf8(redirecting.received()).unwrap();
    assert!(asked.contains("POST ") && asked.contains("GET "), "{asked}");
    assert_eq!(String::from_utf8(other.received()).unwrap(), "");
    let proxied = String::from_utf8(proxy.received()).unwrap();
    let lines: Vec<&str> = proxied.lines().filter(|line| !line.is_empty()).collect();
    for service in ["tat", "cci", "zstack", "sts", "iam-keys"] {
        let opening = format!("CONNECT {service}.{REMOTE}:443 HTTP/1.1");
        assert!(lines.contains(&&*opening), "{service}: {proxied}");
    }
    // The lines that a proxy has to get, and no other.
    for line in lines {
        let line = line.to_ascii_lowercase();
        let harmless = ["connect ", "host: ", "user-agent: "];
        assert!(harmless.iter().any(|begin| line.starts_with(begin)), "{line}");
        assert!(line.contains(REMOTE) || line.starts_with("user-agent: guestexec/"), "{line}");
    }
}
