//! CCI: keys that the metadata service and IAM issue.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use guestexec_cci::{
    AssumeAgency, CredentialSource, Credentials, EcsAgency, ErrorKind, StatusCode,
    WorkloadIdentity,
    sign::{self, Canonical},
};
use guestexec_sandbox::Sandbox;
use guestexec_testkit::{
    Reply, Tape,
    peer::{Answer, Peer, Request, response},
};
use serde_json::{Value, json};

use crate::{
    Ahead, Log,
    cci::{client, fails, get, works},
    later,
};

/// A time in the form of IAM.
fn date(after: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let text = sign::format_date(i64::try_from(now).unwrap() + after).unwrap();
    let (day, time) = (&text[..8], &text[9..15]);
    format!(
        "{}-{}-{}T{}:{}:{}.168000Z",
        &day[..4],
        &day[4..6],
        &day[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    )
}

fn keys(id: &str, secret: &str, token: &str, after: i64) -> Value {
    json!({ "credential": {
        "access": id, "secret": secret, "securitytoken": token, "expires_at": date(after),
    }})
}

/// The sandbox's temporary key, as an answer.
fn good(sandbox: &Sandbox, after: i64) -> Value {
    let (id, secret, token) = sandbox.cci().temporary_key();
    keys(id, secret, token, after)
}

/// A metadata service with tokens, whose answers a test may change.
async fn metadata(first: &Value) -> (Peer, Arc<Mutex<Answer>>) {
    let answer = Arc::new(Mutex::new(Answer::json("200 OK", &first.to_string())));
    let given = answer.clone();
    let peer = Peer::answering(move |request, _| match (&*request.method, request.path()) {
        ("PUT", "/meta-data/latest/api/token") => {
            assert!(request.header("x-metadata-token-ttl-seconds").is_some());
            Answer::http("200 OK", "text/plain", "its-metadata-token")
        }
        ("GET", "/openstack/latest/securitykey") => match request.header("x-metadata-token") {
            Some("its-metadata-token") => given.lock().unwrap().clone(),
            _ => Answer::json("401 Unauthorized", "{}"),
        },
        _ => Answer::json("404 Not Found", "{}"),
    })
    .await;
    (peer, answer)
}

fn agency(peer: &Peer) -> EcsAgency {
    EcsAgency::new().endpoint(&*peer.endpoint)
}

#[tokio::test]
async fn the_agency_of_an_instance() {
    let sandbox = Sandbox::start().await.unwrap();
    let (peer, answer) = metadata(&good(&sandbox, 7200)).await;
    let named = "the agency of the ECS instance";
    works(&sandbox, agency(&peer), named).await;
    let project = agency(&peer).project_id(sandbox.cci().project_id());
    works(&sandbox, project, named).await;
    // An instance whose service knows no tokens.
    let old = good(&sandbox, 7200);
    let old = Peer::answering(move |request, _| match &*request.method {
        "PUT" => Answer::json("405 Method Not Allowed", ""),
        _ => Answer::json("200 OK", &old.to_string()),
    })
    .await;
    works(&sandbox, agency(&old), named).await;

    let set = |is: Answer| *answer.lock().unwrap() = is;
    for (status, body, says) in [
        ("500 Internal Server Error", "s3cret", "answers 500"),
        ("200 OK", "{\"credential\": {\"access\": \"s3cret", "documented form"),
        ("200 OK", "{\"credential\": {\"access\": \"s3cret\"}}", "gives no keys"),
        ("200 OK", "[]", "gives no keys"),
    ] {
        set(Answer::json(status, body));
        fails(&sandbox, agency(&peer), &[says]).await;
        let (log, _guard) = Log::begin();
        let fallback = Credentials::token(sandbox.cci().token());
        let chain = CredentialSource::from(agency(&peer)).or(fallback);
        get(&client(&sandbox, chain)).await.unwrap();
        let told = log.take();
        assert!(told.contains("WARN") && told.contains(says) && !told.contains("s3cret"), "{told}");
    }
    // Without an agency there is nothing to warn of.
    set(Answer::json(
        "401 Unauthorized",
        r#"{"message": "Please configure Cloud Service Agency first"}"#,
    ));
    fails(&sandbox, agency(&peer), &["has no agency"]).await;
    let (log, _guard) = Log::begin();
    let chain = CredentialSource::from(agency(&peer)).or(Credentials::token(sandbox.cci().token()));
    get(&client(&sandbox, chain)).await.unwrap();
    assert!(!log.take().contains("WARN"));
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let sandbox = Sandbox::start().await.unwrap();
    let peer = Peer::answering(|_, _| Answer::silence()).await;
    let on = client(&sandbox, agency(&peer));
    let call = tokio::spawn(async move { get(&on).await });
    while peer.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    later(Duration::from_secs(6)).await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(error.to_string().contains("the metadata service of ECS did not answer"), "{error}");
}

#[tokio::test]
async fn keys_are_renewed_by_one_before_they_expire_and_after_a_refusal() {
    let sandbox = Sandbox::start().await.unwrap();
    let (peer, answer) = metadata(&good(&sandbox, 600)).await;
    let clock = Ahead::default();
    let on = guestexec_cci::Client::builder()
        .credentials(agency(&peer))
        .endpoint(sandbox.cci().endpoint())
        .retries(0)
        .clock(clock.clone())
        .build()
        .unwrap();
    let asked = || peer.count(|request| request.method == "GET");
    let twenty = async || {
        for got in join_all((0..20).map(|_| get(&on))).await {
            got.unwrap();
        }
    };
    twenty().await;
    twenty().await;
    assert_eq!(asked(), 1);
    // A quarter of their life is left.
    clock.by(Duration::from_secs(460));
    later(Duration::from_secs(11)).await;
    *answer.lock().unwrap() = Answer::json("200 OK", &good(&sandbox, 7200).to_string());
    twenty().await;
    twenty().await;
    assert_eq!(asked(), 2);

    // Keys that the service does not take are fetched again, once.
    let (peer, answer) = metadata(&keys("OLD", "old-secret", "old-token", 7200)).await;
    let on = client(&sandbox, agency(&peer));
    let error = get(&on).await.unwrap_err();
    assert_eq!((error.kind(), on.counts().requests), (ErrorKind::Unauthenticated, 1), "{error}");
    assert!(!error.to_string().contains("old-token"), "{error}");
    *answer.lock().unwrap() = Answer::json("200 OK", &good(&sandbox, 7200).to_string());
    later(Duration::from_secs(11)).await;
    get(&on).await.unwrap();
    assert_eq!(on.counts().retried, 1);
}

#[tokio::test]
async fn expired_keys_are_used_only_if_there_are_no_others() {
    let sandbox = Sandbox::start().await.unwrap();
    let (peer, _) = metadata(&good(&sandbox, -60)).await;
    get(&client(&sandbox, agency(&peer))).await.unwrap();
    let (log, _guard) = Log::begin();
    let chain = CredentialSource::from(agency(&peer)).or(Credentials::token(sandbox.cci().token()));
    get(&client(&sandbox, chain)).await.unwrap();
    let told = log.take();
    assert!(told.contains("have expired") && told.contains("the program"), "{told}");
}

/// IAM's two steps for a workload: what each asks is checked.
async fn iam(keys: Value, tokens: Arc<Mutex<Vec<String>>>) -> Peer {
    Peer::answering(move |request, _| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        match request.path() {
            "/v3.0/OS-AUTH/id-token/tokens" => {
                assert_eq!(request.header("x-idp-id"), Some("my-cluster"));
                let token = body["auth"]["id_token"]["id"].as_str().unwrap().to_owned();
                tokens.lock().unwrap().push(token.clone());
                let error = match &*token {
                    "refused" => Some(json!({ "code": 401, "message": "bad refused" })),
                    "silently" => Some(json!({ "code": 401, "title": "Unauthorized" })),
                    "by-code" => Some(json!({ "code": "IAM.0061", "message": " " })),
                    _ => None,
                };
                if let Some(error) = error {
                    let text = json!({ "error": error }).to_string();
                    return Answer::json("401 Unauthorized", &text);
                }
                let headers = "X-Subject-Token: iam-token\r\nContent-Type: application/json\r\n";
                Answer::raw(response("201 Created", headers, r#"{"token": {}}"#))
            }
            "/v3.0/OS-CREDENTIAL/securitytokens" => {
                let identity = &body["auth"]["identity"];
                let token = json!({ "id": "iam-token", "duration_seconds": 21600 });
                assert_eq!(identity["methods"], json!(["token"]));
                assert_eq!(identity["token"], token);
                Answer::json("201 Created", &keys.to_string())
            }
            path => panic!("{path}"),
        }
    })
    .await
}

#[tokio::test]
async fn the_identity_of_a_workload() {
    let sandbox = Sandbox::start().await.unwrap();
    let tokens = Arc::default();
    let peer = iam(good(&sandbox, 21_600), Arc::clone(&tokens)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let identity =
        || WorkloadIdentity::new().identity("my-cluster", &file).endpoint(&*peer.endpoint);
    fs::write(&file, "first\n").unwrap();
    works(&sandbox, identity(), "the workload identity").await;
    // The cluster replaces the token.
    fs::write(&file, "second\n").unwrap();
    works(&sandbox, identity(), "the workload identity").await;
    assert_eq!(*tokens.lock().unwrap(), ["first", "second"]);
    // By the client's own IAM.
    let on = guestexec_cci::Client::builder()
        .credentials(WorkloadIdentity::new().identity("my-cluster", &file))
        .endpoint(sandbox.cci().endpoint())
        .iam_endpoint(format!("{}/v3/", peer.endpoint))
        .build()
        .unwrap();
    get(&on).await.unwrap();
    // In a profile file.
    let profile = folder.path().join("credentials");
    let text = format!(
        "[basic]\nidp_id = my-cluster\nid_token_file = {}\niam_endpoint = {}\n",
        file.display(),
        peer.endpoint
    );
    fs::write(&profile, text).unwrap();
    works(&sandbox, CredentialSource::file(&profile), "the workload identity of").await;

    for (token, said) in [
        ("refused", ": bad <redacted>"),
        ("silently", " and gives no message"),
        ("by-code", " (IAM.0061) and gives no message"),
    ] {
        fs::write(&file, token).unwrap();
        let says = format!("IAM refuses CreateTokenWithIdToken with 401 Unauthorized{said}");
        fails(&sandbox, identity(), &[&says]).await;
    }
    fs::write(&file, " \n").unwrap();
    fails(&sandbox, identity(), &["token of the workload is empty"]).await;
    fs::remove_file(&file).unwrap();
    fails(&sandbox, identity(), &["no credentials could be read", "token"]).await;
    // A token leaves this machine by HTTPS only, and nobody guesses an IAM.
    fs::write(&file, "first").unwrap();
    fails(&sandbox, identity().endpoint("http://iam.example"), &["plain http"]).await;
    let on = guestexec_cci::Client::builder()
        .credentials(WorkloadIdentity::new().identity("my-cluster", &file))
        .endpoint(sandbox.cci().endpoint())
        .build()
        .unwrap();
    let error = get(&on).await.unwrap_err();
    assert!(error.to_string().contains("no IAM endpoint"), "{error}");
}

/// Checks the signature of a request, as IAM does.
fn is_signed(request: &Request, secret: &str) -> bool {
    let authorization = request.header("authorization").unwrap();
    let authorization = sign::parse_authorization(authorization).unwrap();
    let names = authorization.signed_headers.split(';');
    let signed: Vec<_> = names.map(|name| (name, request.header(name).unwrap())).collect();
    let canonical = sign::canonical_request(&Canonical {
        method: &request.method,
        path: request.path(),
        query: &[],
        signed_headers: &signed,
        payload_hash: &sign::payload_hash(&request.body, None),
    });
    let date = request.header("x-sdk-date").unwrap();
    authorization.signature == sign::signature(secret, &sign::string_to_sign(date, &canonical))
}

#[tokio::test]
async fn an_agency_is_assumed_by_any_key_or_token() {
    let sandbox = Sandbox::start().await.unwrap();
    let answer = good(&sandbox, 3600);
    let peer = Peer::answering(move |request, _| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let identity = &body["auth"]["identity"];
        assert_eq!(identity["methods"], json!(["assume_role"]));
        let is_known = match request.header("x-auth-token") {
            Some(token) => token == "base-token",
            None => is_signed(request, "base-secret"),
        };
        let role = &identity["assume_role"];
        let named = role["domain_name"] == "owner" || role["domain_id"] == "0".repeat(32);
        if is_known && named && role["agency_name"] == "deployer" {
            let life = role["duration_seconds"].as_u64().unwrap();
            assert!([900, 3600].contains(&life));
            return Answer::json("201 Created", &answer.to_string());
        }
        Answer::json("403 Forbidden", r#"{"error": {"message": "no base-secret"}}"#)
    })
    .await;
    let assume = |base: Credentials, domain: &str| {
        AssumeAgency::new(base, domain, "deployer").endpoint(&*peer.endpoint)
    };
    let key = || Credentials::access_key("BASE", "base-secret").project_id("elsewhere");
    let temporary = key().with_security_token("base-security-token");
    let named = "the agency deployer, assumed with the program";
    works(&sandbox, assume(key(), "owner"), named).await;
    works(&sandbox, assume(key(), &"0".repeat(32)).life(Duration::from_secs(900)), named).await;
    works(&sandbox, assume(temporary, "owner").session_user("nightly"), named).await;
    let sent = peer.requests().pop().unwrap();
    assert_eq!(sent.header("x-security-token"), Some("base-security-token"));
    assert_eq!(sent.header("x-project-id"), None);
    works(&sandbox, assume(Credentials::token("base-token"), "owner"), named).await;

    let says = ["IAM refuses CreateTemporaryAccessKey with 403", "no <redacted>"];
    fails(&sandbox, assume(key(), "somebody else"), &says).await;
    fails(&sandbox, assume(key(), "owner").life(Duration::from_secs(60)), &["15 minutes"]).await;
    let user = Credentials::password("d", "u", "p4ssword", "p");
    fails(&sandbox, assume(user, "owner"), &["an access key or a token"]).await;
    let nobody = AssumeAgency::new(CredentialSource::file("/nowhere"), "owner", "deployer");
    fails(&sandbox, nobody, &["/nowhere"]).await;
}

#[tokio::test]
async fn a_tape_sees_the_requests_of_a_source() {
    let keys = keys("ID", "its-secret", "its-token", 7200);
    let tape = Tape::new()
        .reply(Reply::text(StatusCode::OK, "its-metadata-token"))
        .reply(Reply::json(StatusCode::OK, &keys))
        .reply(Reply::json(StatusCode::OK, &json!({ "metadata": { "name": "p" } })));
    let on = guestexec_cci::Client::builder()
        .credentials(EcsAgency::new())
        .region("cn-north-4")
        .transport(tape.clone())
        .build()
        .unwrap();
    get(&on).await.unwrap();
    let shown: Vec<String> = tape.requests().iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown[0].contains("/meta-data/latest/api/token"), "{}", shown[0]);
    assert!(shown[1].contains("/openstack/latest/securitykey"), "{}", shown[1]);
    for secret in ["its-secret", "its-token", "its-metadata-token"] {
        assert!(!shown.join("\n").contains(secret), "{shown:?}");
    }
}
