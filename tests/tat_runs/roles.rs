//! Roles that other keys assume, against an exchange that checks the signature.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use guestexec_core::{
    Endpoint, ErrorKind, HttpOptions, HttpTransport, Operation, PlainHttp, ResponseFuture,
    Transport,
};
use guestexec_sandbox::Sandbox;
use guestexec_tat::{
    AssumeRole, Client, CredentialSource, Credentials,
    sign::{self, Canonical, Scope, SigningKey},
};
use guestexec_testkit::peer::{Answer, Peer, Request};
use serde_json::{Value, json};

use crate::unhurried;

const ROLE: &str = "qcs::cam::uin/1:roleName/deployer";
const BASE: (&str, &str) = ("AKIDbase", "base-secret-key");

/// Checks the signature of a request, as the exchange does.
fn is_signed(request: &Request) -> bool {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let given = sign::parse_authorization(header("authorization")).unwrap();
    assert_eq!(given.secret_id, BASE.0);
    let timestamp: i64 = header("x-tc-timestamp").parse().unwrap();
    let date = sign::utc_date(timestamp).unwrap();
    let scope = Scope { date: &date, service: "sts" };
    let signed: Vec<_> = given.signed_headers.split(';').map(|name| (name, header(name))).collect();
    let canonical = sign::canonical_request(&Canonical {
        method: &request.method,
        path: request.path(),
        query: "",
        signed_headers: &signed,
        payload_hash: &sign::payload_hash(&request.body),
    });
    let key = SigningKey::derive(BASE.1, scope);
    given.signature == sign::signature(&key, &sign::string_to_sign(timestamp, scope, &canonical))
}

/// An exchange that gives the sandbox's temporary key for the role.
async fn exchange(sandbox: &Sandbox) -> (Peer, Arc<AtomicBool>) {
    let (id, key, token) = sandbox.tat().temporary_key();
    let ends = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 7200;
    let good = json!({ "Response": {
        "Credentials": { "TmpSecretId": id, "TmpSecretKey": key, "Token": token },
        "ExpiredTime": ends, "RequestId": "r",
    }});
    let is_broken = Arc::new(AtomicBool::new(false));
    let broken = is_broken.clone();
    let peer = Peer::answering(move |request, _| {
        if broken.load(Ordering::SeqCst) {
            return Answer::json("200 OK", "{\"Response\": {\"Credentials\": \"base-secret-key");
        }
        assert_eq!(request.header("x-tc-action"), Some("AssumeRole"));
        assert_eq!(request.header("x-tc-version"), Some("2018-08-13"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let is_allowed = is_signed(request) && body["RoleArn"] == ROLE;
        let code =
            |code: &str| json!({ "Response": { "Error": { "Code": code }, "RequestId": "r" }});
        let answer =
            if is_allowed { good.clone() } else { code("AuthFailure.UnauthorizedOperation") };
        Answer::json("200 OK", &answer.to_string())
    })
    .await;
    (peer, is_broken)
}

fn client(sandbox: &Sandbox, source: impl Into<CredentialSource>) -> Client {
    let tat = sandbox.tat();
    Client::builder()
        .credentials(source)
        .region(tat.region())
        .endpoint(tat.endpoint())
        .build()
        .unwrap()
}

async fn fails(sandbox: &Sandbox, source: impl Into<CredentialSource>, says: &str) {
    let error = client(sandbox, source).describe_regions().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
    assert!(!error.to_string().contains(BASE.1), "{error}");
}

#[tokio::test]
async fn a_role_is_assumed_by_the_keys_of_any_source() {
    let sandbox = unhurried(1).await;
    let (peer, is_broken) = exchange(&sandbox).await;
    let base = || Credentials::new(BASE.0, BASE.1);
    let role = |base: Credentials| AssumeRole::new(base, ROLE).endpoint(&*peer.endpoint);
    let works = async |source: AssumeRole| {
        client(&sandbox, source).describe_regions().send().await.unwrap();
        let sent = peer.requests().pop().unwrap();
        (serde_json::from_slice::<Value>(&sent.body).unwrap(), sent)
    };
    let (body, sent) = works(role(base())).await;
    assert_eq!(body["DurationSeconds"], 7200);
    assert!(body["RoleSessionName"].as_str().unwrap().starts_with("guestexec-"), "{body}");
    assert_eq!(sent.header("x-tc-token"), None);
    let role_with = role(base().with_security_token("base-token"))
        .session_name("nightly")
        .life(Duration::from_secs(900))
        .external_id("their-id");
    let (body, sent) = works(role_with).await;
    let right = json!({
        "RoleArn": ROLE, "RoleSessionName": "nightly", "DurationSeconds": 900,
        "ExternalId": "their-id",
    });
    assert_eq!(body, right);
    assert_eq!(sent.header("x-tc-token"), Some("base-token"));

    // One exchange serves until the keys expire.
    let on = client(&sandbox, role(base()));
    let before = peer.requests().len();
    for _ in 0..3 {
        on.describe_regions().send().await.unwrap();
    }
    assert_eq!(peer.requests().len(), before + 1);

    let other = AssumeRole::new(base(), "qcs::cam::uin/1:roleName/other").endpoint(&*peer.endpoint);
    fails(&sandbox, other, "refuses these keys the role with AuthFailure.UnauthorizedOperation")
        .await;
    fails(&sandbox, role(base()).life(Duration::ZERO), "from 1 second to 12 hours").await;
    let in_clear = role(base()).endpoint("http://sts.tencentcloudapi.com");
    fails(&sandbox, in_clear, "plain http").await;
    let nobody = AssumeRole::new(CredentialSource::file("/nowhere"), ROLE);
    fails(&sandbox, nobody, "/nowhere").await;
    is_broken.store(true, Ordering::SeqCst);
    fails(&sandbox, role(base()), "documented form").await;
}

/// Sends what is meant for the exchange to another one; the rest goes its way.
#[derive(Debug)]
struct Redirected(HttpTransport, String);

impl Transport for Redirected {
    fn execute(
        &self,
        operation: &'static Operation,
        request: guestexec_tat::Request,
    ) -> ResponseFuture<'_> {
        let mut request = request.into_reqwest();
        if request.url().host_str() == Some("sts.tencentcloudapi.com") {
            // The signature covers the host, which stays.
            let to: &str = &self.1;
            *request.url_mut() = format!("{to}/").parse().unwrap();
        }
        self.0.execute(operation, guestexec_tat::Request::from_reqwest(request))
    }
}

/// Runs in a process of its own, started by the next test.
#[tokio::test]
async fn environment_in_a_process_of_its_own() {
    let Ok(exchange) = std::env::var("GUESTEXEC_TEST_EXCHANGE") else { return };
    let plain = |text: &str| Endpoint::parse(text, PlainHttp::Loopback).unwrap();
    let service = std::env::var("GUESTEXEC_TAT_ENDPOINT").unwrap();
    let endpoints = [&plain(&exchange), &plain(&service)];
    let transport = || {
        let http = HttpTransport::for_endpoints(&HttpOptions::default(), &endpoints);
        Redirected(http.unwrap(), exchange.clone())
    };
    let builder = Client::builder().region("ap-guangzhou").transport(transport());
    let client = match std::env::var("TENCENTCLOUD_SECRET_ID") {
        Ok(_) => builder.from_env().unwrap().build().unwrap(),
        Err(_) => {
            let chain = builder.credentials(CredentialSource::default_chain());
            chain.endpoint(&*service).build().unwrap()
        }
    };
    client.describe_regions().send().await.unwrap();
}

#[tokio::test]
async fn the_environment_and_tccli_name_roles() {
    let sandbox = unhurried(1).await;
    let (peer, _) = exchange(&sandbox).await;
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let endpoint = sandbox.tat().endpoint();
    let run = async |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "roles::environment_in_a_process_of_its_own", "--nocapture"])
            .env_clear()
            .env("HOME", home.path())
            .env("GUESTEXEC_TAT_ENDPOINT", &endpoint)
            .env("GUESTEXEC_TEST_EXCHANGE", &peer.endpoint)
            .envs(variables.iter().copied());
        // The services run in this runtime.
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let told = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
        let sent = peer.requests().pop().unwrap();
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        body["RoleSessionName"].as_str().unwrap().to_owned()
    };
    let role = [("TENCENTCLOUD_ROLE_ARN", ROLE), ("TENCENTCLOUD_ROLE_SESSION_NAME", "by-env")];
    let keys = [("TENCENTCLOUD_SECRET_ID", BASE.0), ("TENCENTCLOUD_SECRET_KEY", BASE.1)];
    assert_eq!(run(&[&keys[..], &role].concat()).await, "by-env");
    assert!(run(&[keys[0], keys[1], role[0]]).await.starts_with("guestexec-"));
    let mut profile = json!({
        "secretId": BASE.0, "secretKey": BASE.1, "role-arn": ROLE, "role-session-name": "by-profile",
    });
    write(".tccli/default.credential", &profile.to_string());
    assert_eq!(run(&[]).await, "by-profile");
    profile["role-arn"] = "another".into();
    write(".tccli/default.credential", &profile.to_string());
    assert_eq!(run(&role).await, "by-env");
    let ini = format!("[default]\nsecret_id = {}\nsecret_key = {}\n", BASE.0, BASE.1);
    write(".tencentcloud/credentials", &ini);
    assert_eq!(run(&role).await, "by-env");
}
