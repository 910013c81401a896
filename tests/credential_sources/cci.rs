//! CCI: the environment and the profile file, and what a chain does.

use std::{fs, path::PathBuf, time::Duration};

use guestexec_cci::{
    Client, CredentialSource, Credentials, EcsAgency, ErrorKind, NoCredentials, SourceCheck,
    SourceState,
};
use guestexec_sandbox::Sandbox;
use tempfile::TempDir;

use crate::{Log, is_alone, run_alone};

pub(crate) fn client(sandbox: &Sandbox, source: impl Into<CredentialSource>) -> Client {
    let cci = sandbox.cci();
    Client::builder()
        .credentials(source)
        .endpoint(cci.endpoint())
        .iam_endpoint(cci.iam_endpoint())
        .retries(0)
        .build()
        .unwrap()
}

pub(crate) async fn get(client: &Client) -> Result<(), guestexec_cci::Error> {
    client.pod("default", "demo").get().await.map(drop)
}

/// The source has credentials, and one line of the log names it and no secret.
pub(crate) async fn works(sandbox: &Sandbox, source: impl Into<CredentialSource>, named: &str) {
    let (log, _guard) = Log::begin();
    get(&client(sandbox, source)).await.unwrap_or_else(|error| panic!("{named}: {error}"));
    let told = log.take();
    let lines: Vec<_> = told.lines().filter(|line| line.contains("credentials taken")).collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(lines[0].starts_with("INFO") && lines[0].contains(named), "{named}: {told}");
    let (_, secret, token) = sandbox.cci().temporary_key();
    for secret in [sandbox.cci().secret_key(), secret, token] {
        assert!(!told.contains(secret), "{told}");
    }
}

pub(crate) async fn fails(sandbox: &Sandbox, source: impl Into<CredentialSource>, says: &[&str]) {
    let error = get(&client(sandbox, source)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "`{text}` is not in: {error}");
    }
}

struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

fn files() -> Files {
    Files(tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn the_profile_file_is_that_of_the_vendors_sdks() {
    let sandbox = Sandbox::start().await.unwrap();
    let files = files();
    let (ak, sk) = (sandbox.cci().access_key(), sandbox.cci().secret_key());
    let project = sandbox.cci().project_id();
    for (name, text) in [
        ("plain", format!("[basic]\nak = {ak}\nsk = {sk}\n")),
        ("global", format!("# a comment\n[global]\r\nak={ak}\r\nsk={sk}\r\ndomain_id = d\r\n")),
        (
            "both",
            format!(
                "[global]\nak = x\nsk = y\n[basic]\n#ak = z\nAK: {ak}\nsk: {sk}\nproject_id = {project}\nsecurity_token =\n"
            ),
        ),
    ] {
        works(&sandbox, CredentialSource::file(files.write(name, &text)), name).await;
    }
    let (id, secret, token) = sandbox.cci().temporary_key();
    let temporary = format!("[basic]\nak = {id}\nsk = {secret}\nsecurity_token = {token}\n");
    works(&sandbox, CredentialSource::file(files.write("temporary", &temporary)), "temporary")
        .await;

    for (name, text, says) in [
        ("no-sk", "[basic]\nak = a\n", "`ak` without `sk`"),
        ("nothing", "[basic]\n", "no `ak` and `sk`, and no `idp_id`"),
        ("no-section", "ak = a\nsk = s3cret\n", "no section [basic] or [global]"),
        ("half-identity", "[basic]\nak = a\nsk = s\nidp_id = i\n", "without the other"),
        ("blank", "[basic]\nak = a b\nsk = s3cret\n", "access key id"),
    ] {
        let path = files.write(name, text);
        fails(&sandbox, CredentialSource::file(&path), &[says, name]).await;
    }
    fails(&sandbox, CredentialSource::file(files.0.path()), &["a directory"]).await;
    fails(&sandbox, CredentialSource::file("/nowhere/at-all"), &["/nowhere/at-all"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::start().await.unwrap();
    let files = files();
    let (ak, sk) = (sandbox.cci().access_key(), sandbox.cci().secret_key());
    let path = files.write("credentials", &format!("[basic]\nak = {ak}\nsk = {sk}\n"));
    for (mode, is_warned) in [(0o600, false), (0o644, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (log, _guard) = Log::begin();
        get(&client(&sandbox, CredentialSource::file(&path))).await.unwrap();
        let told = log.take();
        assert_eq!(told.contains("chmod 600"), is_warned, "{told}");
    }
}

#[tokio::test]
async fn a_chain_says_what_it_tried_and_warns_of_what_is_broken() {
    let sandbox = Sandbox::start().await.unwrap();
    let files = files();
    let nowhere = || CredentialSource::file(files.0.path().join("nowhere"));
    let unreachable = || CredentialSource::from(EcsAgency::new().endpoint("http://127.0.0.1:1"));
    let broken = || CredentialSource::file(files.write("broken", "[basic]\nak = a\n"));
    let good = Credentials::access_key(sandbox.cci().access_key(), sandbox.cci().secret_key());

    let (log, _guard) = Log::begin();
    get(&client(&sandbox, nowhere().or(unreachable()).or(good.clone()))).await.unwrap();
    let told = log.take();
    assert!(!told.contains("WARN") && told.contains("the program"), "{told}");
    get(&client(&sandbox, nowhere().or(broken()).or(good))).await.unwrap();
    let told = log.take();
    let warned = |line: &str| line.starts_with("WARN") && line.contains("`ak` without `sk`");
    assert!(told.lines().any(warned), "{told}");

    let all = nowhere().or(broken().or(unreachable()));
    let checks = all.check().await;
    let states: Vec<SourceState> = checks.iter().map(SourceCheck::state).collect();
    assert_eq!(states, [SourceState::Absent, SourceState::Unusable, SourceState::Absent]);
    assert!(checks[1].reason().unwrap().contains("broken"), "{checks:?}");
    let error = get(&client(&sandbox, all.clone())).await.unwrap_err();
    assert_eq!(error.cause::<NoCredentials>().unwrap().checks(), checks);
    let says = [
        "none of 3 sources",
        "(1) no credentials could be read from",
        "nowhere",
        "(2) section [basic]",
        "broken",
        "(3) the metadata service of ECS cannot be reached",
    ];
    fails(&sandbox, all, &says).await;
}

#[tokio::test]
async fn what_comes_after_usable_credentials_is_not_asked() {
    let files = files();
    let broken = CredentialSource::file(files.write("broken", "[basic]\nak = a\n"));
    let good = Credentials::access_key("its-id", "its-secret");
    let metadata = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    metadata.set_nonblocking(true).unwrap();
    let address = format!("http://{}", metadata.local_addr().unwrap());
    let agency = CredentialSource::from(EcsAgency::new().endpoint(address));
    let checks = broken.or(good).or(agency).check().await;
    let states: Vec<SourceState> = checks.iter().map(SourceCheck::state).collect();
    assert_eq!(states, [SourceState::Unusable, SourceState::Usable, SourceState::NotAsked]);
    assert_eq!((checks[1].place(), checks[1].reason()), ("the program", None));
    assert_eq!(checks[2].place(), "the agency of the ECS instance");
    assert_eq!(checks[2].reason(), Some("the program has credentials"));
    let asked = metadata.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(asked, Err(std::io::ErrorKind::WouldBlock), "a connection was made");
}

/// Runs in a process of its own, started by the next test.
#[tokio::test]
async fn default_chain_alone() {
    if !is_alone() {
        return;
    }
    let endpoint = std::env::var("GUESTEXEC_CCI_ENDPOINT").unwrap();
    let chained = Client::builder().credentials(CredentialSource::default_chain());
    let chained = chained.endpoint(&*endpoint).retries(0).build().unwrap();
    get(&chained).await.unwrap();
    if std::env::var_os("HUAWEICLOUD_SDK_AK").is_some() {
        let client = Client::builder().from_env().unwrap().retries(0).build().unwrap();
        get(&client).await.unwrap();
    }
}

#[tokio::test]
async fn the_default_chain_looks_in_the_vendors_order() {
    let sandbox = Sandbox::start().await.unwrap();
    let files = files();
    let (ak, sk) = (sandbox.cci().access_key(), sandbox.cci().secret_key());
    let (endpoint, home) = (sandbox.cci().endpoint(), files.0.path().display().to_string());
    let good = format!("[basic]\nak = {ak}\nsk = {sk}\n");
    let wrong = "[basic]\nak = WRONG\nsk = wrong\n";
    let run = async |variables: &[(&str, &str)]| {
        let common = [("HOME", &*home), ("GUESTEXEC_CCI_ENDPOINT", &*endpoint)];
        run_alone("cci::default_chain_alone", &[&common, variables].concat()).await
    };
    let elsewhere = files.write("elsewhere", wrong).display().to_string();
    // The first place with credentials counts; the later ones have wrong ones.
    files.write(".huaweicloud/credentials", &good);
    run(&[]).await.unwrap();
    let named = ("HUAWEICLOUD_SDK_CREDENTIALS_FILE", &*elsewhere);
    assert!(run(&[named]).await.unwrap_err().contains("the access key does not exist"));
    let keys = [("HUAWEICLOUD_SDK_AK", ak), ("HUAWEICLOUD_SDK_SK", sk)];
    run(&[&[named][..], &keys].concat()).await.unwrap();
    let old = [("OS_ACCESS_KEY", ak), ("OS_SECRET_KEY", sk), named];
    run(&old).await.unwrap();
    // An identity comes before keys, and its failure is no reason to take them: it is logged.
    let nowhere = files.0.path().join("no-token").display().to_string();
    let identity =
        [("HUAWEICLOUD_SDK_IDP_ID", "idp"), ("HUAWEICLOUD_SDK_ID_TOKEN_FILE", &*nowhere), named];
    let told = run(&identity).await.unwrap_err();
    assert!(told.contains("the access key does not exist"), "the named file is next: {told}");
}

#[tokio::test]
async fn keys_in_a_file_that_were_replaced_are_read_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let files = files();
    let (id, secret, token) = sandbox.cci().temporary_key();
    let path = files.write("credentials", "[basic]\nak = OLD\nsk = old\n");
    let on = client(&sandbox, CredentialSource::file(&path));
    let error = get(&on).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert_eq!(on.counts().requests, 1, "the file has no other keys");
    let text = format!("[basic]\nak = {id}\nsk = {secret}\nsecurity_token = {token}\n");
    files.write("credentials", &text);
    // The file was read a moment ago, for the refusal.
    crate::later(Duration::from_secs(11)).await;
    get(&on).await.unwrap();
    assert_eq!((on.counts().requests, on.counts().retried), (3, 1));
    // A command is sent again too, since a refused one was not started.
    files.write("credentials", "[basic]\nak = OLD\nsk = old\n");
    let on = client(&sandbox, CredentialSource::file(&path));
    get(&on).await.unwrap_err();
    files.write("credentials", &text);
    crate::later(Duration::from_secs(11)).await;
    assert!(on.pod("default", "demo").exec(["true"]).await.unwrap().success());
    assert_eq!(sandbox.cci().executions("demo"), 1);
}
