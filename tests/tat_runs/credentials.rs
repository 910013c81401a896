//! Credentials from files, from an instance's role and from a pod's identity, against real HTTP services.

use std::{
    fmt::{self, Write as _},
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::future::join_all;
use guestexec_core::ErrorKind;
use guestexec_sandbox::Sandbox;
use guestexec_tat::{
    Client, CredentialSource, Credentials, CvmRole, Lease, LeaseFuture, ProvideCredentials,
    RootDomain, TkeOidc,
};
use guestexec_testkit::peer::{Answer, Peer, Request};
use serde_json::json;

use crate::unhurried;

fn client(sandbox: &Sandbox, source: impl Into<CredentialSource>) -> Client {
    let tat = sandbox.tat();
    Client::builder()
        .credentials(source)
        .region(tat.region())
        .endpoint(tat.endpoint())
        .build()
        .unwrap()
}

async fn works(sandbox: &Sandbox, source: impl Into<CredentialSource>) {
    client(sandbox, source).describe_regions().send().await.unwrap();
}

async fn fails(sandbox: &Sandbox, source: impl Into<CredentialSource>, says: &[&str]) {
    let error = client(sandbox, source).describe_regions().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "`{text}` is not in: {error}");
    }
}

#[tokio::test]
async fn files_of_the_vendors_tools() {
    let sandbox = unhurried(1).await;
    let tat = sandbox.tat();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (id, key, token) = tat.temporary_key();
    let lasting = write(
        "credentials",
        format!(
            "# comment\n[other]\nsecret_id = wrong\n[default]\n secret_id = {}\nSECRET_KEY={}\n",
            tat.secret_id(),
            tat.secret_key()
        ),
    );
    works(&sandbox, CredentialSource::file(&lasting)).await;
    let temporary = format!("[default]\r\nsecret_id={id}\r\nsecret_key={key}\r\ntoken={token}\r\n");
    works(&sandbox, CredentialSource::file(write("temporary", temporary))).await;
    let profile = json!({ "secretId": id, "secretKey": key, "token": token });
    let profile = write("default.credential", profile.to_string());
    works(&sandbox, CredentialSource::tccli_file(&profile)).await;

    let broken = write("broken", "[default]\nsecret_id = AKIDx\n".to_owned());
    fails(&sandbox, CredentialSource::file(&broken), &["secret_key", "broken"]).await;
    let odd = write("odd", r#"{"secretId": 1, "secretKey": "hunter2"}"#.to_owned());
    fails(&sandbox, CredentialSource::tccli_file(&odd), &["tccli configure"]).await;
    fails(&sandbox, CredentialSource::tccli(Some("../x")), &["slash"]).await;
    // Expired keys are used only if there are no others.
    let ended = json!({ "secretId": id, "secretKey": key, "token": token, "expiresAt": 1 });
    let ended = write("ended.credential", ended.to_string());
    works(
        &sandbox,
        CredentialSource::tccli_file(&ended).or(CredentialSource::tccli_file(&profile)),
    )
    .await;
    // A chain tries each source, and reports every failure if all fail.
    let nowhere = || CredentialSource::file(folder.path().join("nowhere"));
    works(
        &sandbox,
        nowhere().or(CredentialSource::file(&broken)).or(CredentialSource::tccli_file(&profile)),
    )
    .await;
    fails(&sandbox, nowhere().or(CredentialSource::file(&broken)), &["nowhere", "broken"]).await;
    // A file with an unusable key is an error.
    let unusable = write("unusable", "[default]\nsecret_id = a b\nsecret_key = c\n".to_owned());
    fails(&sandbox, CredentialSource::file(&unusable), &["SecretId"]).await;
}

#[tokio::test]
async fn files_as_windows_and_old_editors_write_them() {
    let sandbox = unhurried(1).await;
    let tat = sandbox.tat();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let (id, key) = (tat.secret_id(), tat.secret_key());
    let ini = format!("[default]\r\nsecret_id = {id}\r\nsecret_key = {key}\r\n");
    let json = json!({ "secretId": id, "secretKey": key }).to_string();
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| {
        ["\u{feff}", text].concat().encode_utf16().flat_map(order).collect::<Vec<u8>>()
    };
    let marked = |text: &str| ["\u{feff}", text].concat().into_bytes();
    let comment = [&b"# cl\xe9 de d\xe9ploiement\n; \xd6\n"[..], ini.as_bytes()].concat();
    for bytes in [
        marked(&ini),
        utf16(&ini, u16::to_le_bytes),
        utf16(&ini, u16::to_be_bytes),
        comment.clone(),
        [&b"\xef\xbb\xbf"[..], &comment].concat(),
    ] {
        works(&sandbox, CredentialSource::file(write("ini", bytes))).await;
    }
    let mut named = json.clone().into_bytes();
    named.splice(1..1, *b"\"note\": \"cl\xe9\", ");
    for bytes in [marked(&json), utf16(&json, u16::to_le_bytes), named] {
        works(&sandbox, CredentialSource::tccli_file(write("json", bytes))).await;
    }
    // A key with bytes that are no text, or with a line break, is an error.
    let spoiled = [ini.trim_end().as_bytes(), b"\xe9\r\n"].concat();
    fails(
        &sandbox,
        CredentialSource::file(write("spoiled", spoiled)),
        &["`secret_key`", "spoiled", "unreadable"],
    )
    .await;
    let spoiled = json!({ "secretId": id, "secretKey": format!("{key}\n") }).to_string();
    let spoiled = write("line-break", spoiled.into_bytes());
    fails(
        &sandbox,
        CredentialSource::tccli_file(spoiled),
        &["`secretKey`", "line-break", "a blank"],
    )
    .await;
    // A file that is too large is not read in part.
    let large = [ini.as_bytes(), &vec![b'#'; 70_000][..]].concat();
    fails(&sandbox, CredentialSource::file(write("large", large)), &["large", "far larger"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_refused_and_never_waited_for() {
    let sandbox = unhurried(1).await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let no_file = "not a regular file";
    let paths =
        [(&*pipe, no_file), (folder.path(), "a directory"), ("/dev/zero".as_ref(), no_file)];
    for (path, says) in paths {
        let named = path.display().to_string();
        fails(&sandbox, CredentialSource::file(path), &[says, &named]).await;
        fails(&sandbox, CredentialSource::tccli_file(path), &[says, &named]).await;
        let role = TkeOidc::new().endpoint("http://127.0.0.1:1").identity("r", "p", "a", path);
        fails(&sandbox, role, &[says, &named]).await;
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Visit<'a>(&'a mut String);
        impl tracing::field::Visit for Visit<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                let _ = write!(self.0, "{field}={value:?} ");
            }
        }
        event.record(&mut Visit(&mut self.0.lock().unwrap()));
    }
    fn enter(&self, _: &tracing::Id) {}
    fn exit(&self, _: &tracing::Id) {}
}

#[tokio::test]
async fn a_chain_warns_of_what_is_there_and_broken_and_not_of_what_is_absent() {
    let sandbox = unhurried(1).await;
    let tat = sandbox.tat();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = || CredentialSource::file(folder.path().join("nowhere"));
    let good = Credentials::new(tat.secret_id(), tat.secret_key());
    let log = Log::default();
    let _log = tracing::subscriber::set_default(log.clone());
    works(&sandbox, nowhere().or(good.clone())).await;
    works(
        &sandbox,
        CredentialSource::from(CvmRole::new().role("r").endpoint("http://127.0.0.1:1"))
            .or(good.clone()),
    )
    .await;
    assert_eq!(*log.0.lock().unwrap(), "");
    for (name, text) in [
        ("keyless", "[default]\nsecret_id = AKIDx\n"),
        ("blank", "[default]\nsecret_id = AKID x\nsecret_key = s3cret\n"),
    ] {
        let broken = folder.path().join(name);
        fs::write(&broken, text).unwrap();
        works(&sandbox, nowhere().or(CredentialSource::file(&broken)).or(good.clone())).await;
        let logged = std::mem::take(&mut *log.0.lock().unwrap());
        let path = broken.display().to_string();
        assert!(logged.contains(&path) && !logged.contains("s3cret"), "{logged}");
    }
}

/// Runs in a process of its own, started by the next test.
#[tokio::test]
async fn token_exchange_in_a_process_of_its_own() {
    let Ok(site) = std::env::var("GUESTEXEC_TEST_SITE") else { return };
    let builder = || Client::builder().region("ap-guangzhou");
    let token = std::env::var("GUESTEXEC_TEST_TOKEN_FILE").unwrap();
    let role = || TkeOidc::new().identity("ap-singapore", "p", "a", &token);
    let client = match site.as_str() {
        "default" => builder().credentials(role()),
        "international" => builder().credentials(role()).root_domain(RootDomain::International),
        "as a source" => builder()
            .credentials(CredentialSource::new(role()))
            .root_domain(RootDomain::International),
        "in a chain" => builder()
            .credentials(CredentialSource::file("/nowhere").or(role()))
            .root_domain(RootDomain::International),
        _ => builder().credentials(role()).endpoint("https://tat.intl.tencentcloudapi.com"),
    };
    let error = client.build().unwrap().describe_regions().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
}

#[tokio::test]
async fn the_token_exchange_is_that_of_the_clients_site() {
    for (site, host) in [
        ("default", "sts.tencentcloudapi.com:443"),
        ("international", "sts.intl.tencentcloudapi.com:443"),
        ("as a source", "sts.intl.tencentcloudapi.com:443"),
        ("in a chain", "sts.intl.tencentcloudapi.com:443"),
        ("by endpoint", "sts.intl.tencentcloudapi.com:443"),
    ] {
        // A proxy learns the host before anything is encrypted.
        let proxy = Peer::answering(|_, _| Answer::closed()).await;
        let token = tempfile::NamedTempFile::new().unwrap();
        fs::write(token.path(), "\u{feff}the-pods-token\n").unwrap();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "credentials::token_exchange_in_a_process_of_its_own"])
            .env_clear()
            .env("GUESTEXEC_TEST_SITE", site)
            .env("GUESTEXEC_TEST_TOKEN_FILE", token.path())
            .env("HTTPS_PROXY", &proxy.endpoint);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = run.await.unwrap();
        assert!(output.status.success(), "{site}: {}", String::from_utf8_lossy(&output.stdout));
        let requests = proxy.requests();
        let request = requests.first().expect("the proxy is asked");
        assert_eq!((&*request.method, &*request.target), ("CONNECT", host), "{site}");
    }
}

/// Names the endpoint for the process that finds credentials.
const ENDPOINT: &str = "GUESTEXEC_TEST_ENDPOINT";

/// Runs in a process of its own, started by the next test.
#[tokio::test]
async fn default_chain_in_a_process_of_its_own() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return };
    let client = Client::builder()
        .credentials(CredentialSource::default_chain())
        .region("ap-guangzhou")
        .endpoint(endpoint)
        .build()
        .unwrap();
    client.describe_regions().send().await.unwrap();
}

#[tokio::test]
async fn the_default_chain_looks_in_the_vendors_order() {
    let sandbox = unhurried(1).await;
    let tat = sandbox.tat();
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let ini = |id: &str, key: &str| format!("[default]\nsecret_id = {id}\nsecret_key = {key}\n");
    let json = |id: &str, key: &str| json!({ "secretId": id, "secretKey": key }).to_string();
    let (id, key) = (tat.secret_id().to_owned(), tat.secret_key().to_owned());
    let elsewhere = home.path().join("elsewhere").display().to_string();
    let endpoint = tat.endpoint();
    let run = |variables: Vec<(&str, &str)>| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "credentials::default_chain_in_a_process_of_its_own"])
            .env_clear()
            .env("HOME", home.path())
            .env(ENDPOINT, &endpoint)
            .envs(variables);
        // The sandbox serves from this runtime.
        async move {
            let run = tokio::task::spawn_blocking(move || command.output().unwrap());
            run.await.unwrap().status.success()
        }
    };
    // The first place with credentials counts; the later ones have wrong ones.
    write(".tccli/work.credential", &json(&id, &key));
    write(".tccli/default.credential", &json("AKIDwrong", "wrong"));
    assert!(run(vec![("TCCLI_PROFILE", "work")]).await);
    assert!(!run(vec![]).await);
    write(".tccli/work.credential", &json("AKIDwrong", "wrong"));
    write(".tencentcloud/credentials", &ini(&id, &key));
    assert!(run(vec![("TCCLI_PROFILE", "work")]).await);
    write(".tencentcloud/credentials", &ini("AKIDwrong", "wrong"));
    write("elsewhere", &ini(&id, &key));
    assert!(run(vec![("TENCENTCLOUD_CREDENTIALS_FILE", &elsewhere)]).await);
    write("elsewhere", &ini("AKIDwrong", "wrong"));
    let pair = [("TENCENTCLOUD_SECRET_ID", &*id), ("TENCENTCLOUD_SECRET_KEY", &*key)];
    assert!(run([&pair[..], &[("TENCENTCLOUD_CREDENTIALS_FILE", &elsewhere)]].concat()).await);
    assert!(!run(vec![("TENCENTCLOUD_CREDENTIALS_FILE", &elsewhere)]).await);
}

/// An HTTP service: `answer` makes the body for a request, or a 404.
async fn service(answer: impl Fn(&Request) -> Option<String> + Send + 'static) -> Peer {
    Peer::answering(move |request, _| match answer(request) {
        Some(body) => Answer::http("200 OK", "text/plain", &body),
        None => Answer::http("404 Not Found", "text/plain", ""),
    })
    .await
}

fn in_seconds(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
}

#[tokio::test]
async fn the_role_of_an_instance() {
    let sandbox = unhurried(1).await;
    let (id, key, token) = sandbox.tat().temporary_key();
    let keys = json!({
        "TmpSecretId": id, "TmpSecretKey": key, "Token": token,
        "ExpiredTime": in_seconds(7200), "Expiration": "2026-11-22T12:00:00Z", "Code": "Success",
    });
    let service = service(move |request| {
        match request.path().strip_prefix("/latest/meta-data/cam/security-credentials/")? {
            "" => Some("app-role\n".to_owned()),
            "app-role" => Some(keys.to_string()),
            "refused" => Some(keys.to_string().replace("Success", "Failed")),
            "garbage" => Some("<html>".to_owned()),
            _ => None,
        }
    })
    .await;
    let role = || CvmRole::new().endpoint(&*service.endpoint);
    works(&sandbox, role()).await;
    works(&sandbox, role().role("app-role")).await;
    fails(&sandbox, role().role("other"), &["404"]).await;
    fails(&sandbox, role().role("refused"), &["no keys"]).await;
    fails(&sandbox, role().role("garbage"), &["documented form"]).await;
    fails(&sandbox, role().role("a/b"), &["no role"]).await;
    fails(&sandbox, CvmRole::new().endpoint("http://127.0.0.1:1"), &["cannot be reached"]).await;
}

/// Values in place of a time, or beside keys.
const ODD: [&str; 11] = [
    "null", "true", "\"2026-11-22\"", "\"\"", "-1", "1e30", "18446744073709551615", "\"\\ud800\"",
    "[1]", "{}", "1e999",
];

#[tokio::test]
async fn the_keys_of_a_role_are_read_whatever_stands_beside_them() {
    let sandbox = unhurried(1).await;
    let (id, key, token) = sandbox.tat().temporary_key();
    let keys = format!(r#""TmpSecretId": "{id}", "TmpSecretKey": "{key}", "Token": "{token}""#);
    let (number, text) = (in_seconds(7200), format!("\"{}\"", in_seconds(7200)));
    let float = format!("{number}.0");
    for odd in ODD.into_iter().chain([&*text, &*float]) {
        for answer in [
            format!(r#"{{{keys}, "Code": "Success", "ExpiredTime": {odd}, "Expiration": {odd}}}"#),
            format!(r#"{{{keys}, "Code": "Success", "ExpiredTime": {number}, "New": {odd}}}"#),
        ] {
            let service = service(move |_| Some(answer.clone())).await;
            works(&sandbox, CvmRole::new().role("r").endpoint(&*service.endpoint)).await;
        }
        let answer = format!(
            r#"{{"Response": {{"Credentials": {{{keys}, "New": {odd}}}, "ExpiredTime": {odd}, "RequestId": {odd}, "Error": null}}}}"#
        );
        let service = service(move |_| Some(answer.clone())).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "the-pods-token").unwrap();
        let pod =
            || TkeOidc::new().endpoint(&*service.endpoint).identity("r", "p", "a", file.path());
        works(&sandbox, pod()).await;

        // The same in a file of tccli.
        let profile = tempfile::NamedTempFile::new().unwrap();
        let small = !odd.contains("ud800") && odd != "1e999";
        let text = format!(
            r#"{{"secretId": "{id}", "secretKey": "{key}", "token": "{token}", "expiresAt": {odd}}}"#
        );
        fs::write(profile.path(), text).unwrap();
        if small {
            works(&sandbox, CredentialSource::tccli_file(profile.path())).await;
        }
    }
    // Keys without an expiry are fetched again after a while.
    let untold = format!(r#"{{{keys}, "ExpiredTime": "soon"}}"#);
    let service = service(move |_| Some(untold.clone())).await;
    let lease = CvmRole::new().role("r").endpoint(&*service.endpoint).provide().await.unwrap();
    let left = lease.expires().unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(600), "{left:?}");
}

#[tokio::test]
async fn a_refusal_of_a_token_is_told_in_readable_words_and_without_the_token() {
    let sandbox = unhurried(1).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "the-pods-token").unwrap();
    let long = format!("\"{}\"", "x".repeat(9000));
    for (code, says) in [
        (r#""A\u001b[2J\nB""#, "with A[2JB"),
        (&*long, "xxxxx…"),
        (r#""not the-pods-token""#, "cannot be read"),
        ("7", "cannot be read"),
        ("{}", "cannot be read"),
    ] {
        let answer = format!(r#"{{"Response": {{"Error": {{"Code": {code}}}}}}}"#);
        let service = service(move |_| Some(answer.clone())).await;
        let pod = TkeOidc::new().endpoint(&*service.endpoint).identity("r", "p", "a", file.path());
        let error = client(&sandbox, pod).describe_regions().send().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says) && text.len() < 500, "{text}");
        assert!(!text.contains("the-pods-token"), "{text}");
    }
}

#[tokio::test]
async fn the_role_of_a_pod() {
    let sandbox = unhurried(1).await;
    let (id, key, token) = sandbox.tat().temporary_key();
    let good = json!({ "Response": {
        "Credentials": { "TmpSecretId": id, "TmpSecretKey": key, "Token": token },
        "ExpiredTime": in_seconds(7200), "RequestId": "r",
    }});
    let refusal = json!({ "Response": {
        "Error": { "Code": "InvalidParameter.WebIdentityTokenError", "Message": "the-pods-token" },
        "RequestId": "r",
    }});
    let service = service(move |request| {
        for (name, value) in [
            ("authorization", "SKIP"),
            ("x-tc-action", "AssumeRoleWithWebIdentity"),
            ("x-tc-version", "2018-08-13"),
            ("x-tc-region", "ap-nanjing"),
        ] {
            assert_eq!(request.header(name), Some(value));
        }
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let right = body["WebIdentityToken"] == "the-pods-token"
            && body["ProviderId"] == "provider"
            && body["RoleArn"] == "qcs::cam::uin/1:roleName/app"
            && body["DurationSeconds"] == 7200
            && body["RoleSessionName"].is_string();
        Some(if right { good.to_string() } else { refusal.to_string() })
    })
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "the-pods-token\n").unwrap();
    let pod = |role: &str| {
        TkeOidc::new().endpoint(&*service.endpoint).identity(
            "ap-nanjing",
            "provider",
            role,
            file.path(),
        )
    };
    works(&sandbox, pod("qcs::cam::uin/1:roleName/app")).await;
    fails(&sandbox, pod("other"), &["WebIdentityTokenError"]).await;
    let no_file = TkeOidc::new().identity("r", "p", "a", "/nowhere/token");
    fails(&sandbox, no_file, &["/nowhere/token"]).await;
    let in_clear = pod("other").endpoint("http://sts.tencentcloudapi.com");
    fails(&sandbox, in_clear, &["plain http"]).await;
}

/// A slow source of leases of some length, which counts its calls.
#[derive(Clone, Debug)]
struct Counting {
    pair: Credentials,
    fetched: Arc<AtomicUsize>,
    lasts: Duration,
    fails_from: usize,
}

impl ProvideCredentials<Credentials> for Counting {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(async {
            let count = self.fetched.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            if count >= self.fails_from {
                let reason = "the vault is sealed";
                return Err(guestexec_tat::Error::new(ErrorKind::Credentials, reason));
            }
            Ok(Lease::until(self.pair.clone(), SystemTime::now() + self.lasts))
        })
    }
}

#[tokio::test]
async fn fetched_by_one_and_never_for_nothing() {
    let sandbox = unhurried(1).await;
    let (id, key, token) = sandbox.tat().temporary_key();
    let pair = Credentials::new(id, key).with_security_token(token);
    let counting = |lasts, fails_from| Counting {
        pair: pair.clone(),
        fetched: Arc::default(),
        lasts: Duration::from_secs(lasts),
        fails_from,
    };
    let twenty = |client: Client| async move {
        for answer in join_all((0..20).map(|_| client.describe_regions().send())).await {
            answer.unwrap();
        }
    };
    // A long lease is fetched once, although twenty calls need it at the same time.
    let source = counting(7200, usize::MAX);
    let client_of = |source: &Counting| client(&sandbox, CredentialSource::new(source.clone()));
    let long = client_of(&source);
    twenty(long.clone()).await;
    twenty(long).await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
    // A lease with less than five minutes left is not fetched again at once.
    let source = counting(200, usize::MAX);
    let short = client_of(&source);
    twenty(short.clone()).await;
    twenty(short).await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
    // After its end it is, but at most each ten seconds.
    let source = counting(0, 1);
    let expired = client_of(&source);
    twenty(expired.clone()).await;
    twenty(expired.clone()).await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
    later(Duration::from_secs(11)).await;
    let error = expired.describe_regions().send().await.unwrap_err();
    // Nor is a failing source called for each request.
    for _ in 0..5 {
        let same = expired.describe_regions().send().await.unwrap_err();
        assert_eq!(same.message(), error.message());
    }
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(!error.may_have_run() && error.to_string().contains("sealed"), "{error}");
}

/// Advances the clock that measures pauses.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

/// Two pairs of keys, of which the service knows the second only.
#[derive(Debug)]
struct Rotated(AtomicUsize, [Credentials; 2]);

impl ProvideCredentials<Credentials> for Rotated {
    fn provide(&self) -> LeaseFuture<'_> {
        let index = self.0.fetch_add(1, Ordering::SeqCst).min(1);
        Box::pin(std::future::ready(Ok(Lease::lasting(self.1[index].clone()))))
    }
}

#[tokio::test]
async fn refused_keys_are_fetched_anew_once() {
    let sandbox = unhurried(1).await;
    let tat = sandbox.tat();
    let good = || Credentials::new(tat.secret_id(), tat.secret_key());
    let old = || Credentials::new("AKIDold", "old");
    let rotated = |pairs| CredentialSource::new(Rotated(AtomicUsize::new(0), pairs));
    let on = client(&sandbox, rotated([old(), good()]));
    assert!(on.instances(tat.instances()).run("true").await.unwrap().success());
    assert_eq!(on.counts().retried, 1);

    // Concurrent calls that are refused together.
    let on = client(&sandbox, rotated([old(), good()]));
    for answer in join_all((0..16).map(|_| on.describe_regions().send())).await {
        answer.unwrap();
    }

    let never = client(&sandbox, rotated([old(), old()]));
    let error = never.instances(tat.instances()).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert_eq!(never.counts().requests, 1);

    // A source without better keys is not called for each request.
    let source = Counting {
        pair: old(),
        fetched: Arc::default(),
        lasts: Duration::from_secs(7200),
        fails_from: usize::MAX,
    };
    let refused = client(&sandbox, CredentialSource::new(source.clone()));
    for _ in 0..5 {
        let error = refused.describe_regions().send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    }
    assert_eq!(source.fetched.load(Ordering::SeqCst), 2);
    later(Duration::from_secs(11)).await;
    refused.describe_regions().send().await.unwrap_err();
    assert_eq!(source.fetched.load(Ordering::SeqCst), 3);
}
