//! Credentials from files, from an instance's role and from a pod's, against services that are there.

use std::{
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
    Client, CredentialSource, Credentials, CvmRole, Lease, LeaseFuture, ProvideCredentials, TkeOidc,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

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
    // What is meant to be another identity, or has ended, is not used as it stands.
    let mut role = json!({ "secretId": id, "secretKey": key, "token": token });
    role["role-arn"] = "qcs::cam::uin/1:roleName/deployer".into();
    let role = write("role.credential", role.to_string());
    fails(&sandbox, CredentialSource::tccli_file(&role), &["role-arn", "temporary keys"]).await;
    let ended = json!({ "secretId": id, "secretKey": key, "token": token, "expiresAt": 1 });
    let ended = write("ended.credential", ended.to_string());
    works(
        &sandbox,
        CredentialSource::tccli_file(&ended).or(CredentialSource::tccli_file(&profile)),
    )
    .await;
    // A chain goes on, and tells every failure if none is left.
    let nowhere = || CredentialSource::file(folder.path().join("nowhere"));
    works(
        &sandbox,
        nowhere().or(CredentialSource::file(&broken)).or(CredentialSource::tccli_file(&profile)),
    )
    .await;
    fails(&sandbox, nowhere().or(CredentialSource::file(&broken)), &["nowhere", "broken"]).await;
    // A file that names an unusable key is no better than none.
    let unusable = write("unusable", "[default]\nsecret_id = a b\nsecret_key = c\n".to_owned());
    fails(&sandbox, CredentialSource::file(&unusable), &["SecretId"]).await;
}

/// Names the endpoint, in a process that is to look for credentials.
const ENDPOINT: &str = "GUESTEXEC_TEST_ENDPOINT";

/// Run by the test after it, in an environment of its own.
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
    // Each place is the first that has any; those after it have wrong ones.
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

/// A small HTTP service: `answer` makes the body for a request's head and body, or a 404.
async fn service(
    answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let count = stream.read(&mut piece).await.unwrap_or(0);
                request.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&request);
                let done = text
                    .split_once("\r\n\r\n")
                    .is_some_and(|(head, body)| head.starts_with("GET ") || body.ends_with('}'));
                if count == 0 || done {
                    break;
                }
            }
            let (status, body) = match answer(&String::from_utf8_lossy(&request)) {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", String::new()),
            };
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    (endpoint, tasks)
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
    let (endpoint, _service) = service(move |request| {
        let path = request.split(' ').nth(1)?;
        match path.strip_prefix("/latest/meta-data/cam/security-credentials/")? {
            "" => Some("app-role\n".to_owned()),
            "app-role" => Some(keys.to_string()),
            "refused" => Some(keys.to_string().replace("Success", "Failed")),
            "garbage" => Some("<html>".to_owned()),
            _ => None,
        }
    })
    .await;
    let role = || CvmRole::new().endpoint(&endpoint);
    works(&sandbox, role()).await;
    works(&sandbox, role().role("app-role")).await;
    fails(&sandbox, role().role("other"), &["404"]).await;
    fails(&sandbox, role().role("refused"), &["no keys"]).await;
    fails(&sandbox, role().role("garbage"), &["documented form"]).await;
    fails(&sandbox, role().role("a/b"), &["no role"]).await;
    fails(&sandbox, CvmRole::new().endpoint("http://127.0.0.1:1"), &["cannot be reached"]).await;
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
    let (endpoint, _service) = service(move |request| {
        let (head, body) = request.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        assert!(head.contains("authorization: skip"), "{head}");
        assert!(head.contains("x-tc-action: assumerolewithwebidentity"), "{head}");
        assert!(head.contains("x-tc-version: 2018-08-13"), "{head}");
        assert!(head.contains("x-tc-region: ap-nanjing"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
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
        TkeOidc::new().endpoint(&endpoint).identity("ap-nanjing", "provider", role, file.path())
    };
    works(&sandbox, pod("qcs::cam::uin/1:roleName/app")).await;
    fails(&sandbox, pod("other"), &["WebIdentityTokenError"]).await;
    let no_file = TkeOidc::new().identity("r", "p", "a", "/nowhere/token");
    fails(&sandbox, no_file, &["/nowhere/token"]).await;
    let in_clear = pod("other").endpoint("http://sts.tencentcloudapi.com");
    fails(&sandbox, in_clear, &["plain http"]).await;
}

/// Gives leases of some length, slowly, and counts.
#[derive(Clone, Debug)]
struct Counting {
    pair: Credentials,
    fetched: Arc<AtomicUsize>,
    lasts: Duration,
    fails_from: usize,
}

impl ProvideCredentials for Counting {
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
    let pair = Credentials::new(id, key).with_token(token);
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
    // Long enough: fetched once, though twenty wanted it at the same time.
    let source = counting(7200, usize::MAX);
    let client_of = |source: &Counting| client(&sandbox, CredentialSource::new(source.clone()));
    let long = client_of(&source);
    twenty(long.clone()).await;
    twenty(long).await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
    // What comes with less than five minutes left is not asked for again at once.
    let source = counting(200, usize::MAX);
    let short = client_of(&source);
    twenty(short.clone()).await;
    twenty(short).await;
    assert_eq!(source.fetched.load(Ordering::SeqCst), 1);
    // After its end, it is.
    let expired = client_of(&counting(0, 1));
    expired.describe_regions().send().await.unwrap();
    let error = expired.describe_regions().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(!error.may_have_run() && error.to_string().contains("sealed"), "{error}");
}

/// Two pairs, of which the service knows the second only.
#[derive(Debug)]
struct Rotated(AtomicUsize, [Credentials; 2]);

impl ProvideCredentials for Rotated {
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
    assert_eq!(on.counts().repeated, 1);

    // Many that are refused at the same time.
    let on = client(&sandbox, rotated([old(), good()]));
    for answer in join_all((0..16).map(|_| on.describe_regions().send())).await {
        answer.unwrap();
    }

    let never = client(&sandbox, rotated([old(), old()]));
    let error = never.instances(tat.instances()).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert_eq!(never.counts().requests, 1);
}
