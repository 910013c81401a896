//! Credentials that were copied with stray characters are refused by name before anything is sent. And the
//! hosts that credentials are sent to.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::{
    process::Command,
    sync::{Arc, Mutex},
};

use guestexec_core::{Error, ErrorKind, Operation, Request, ResponseFuture, Transport};
use guestexec_testkit::{Reply, Tape};
use http::StatusCode;
use serde_json::json;

/// Stray characters that are copied along with a line, a cell or a file.
const SPOILED: [fn(&str) -> String; 6] = [
    |text| format!("{text}\n"),
    |text| format!("{text}\r\n"),
    |text| format!(" {text}"),
    |text| format!("{text}\t"),
    |text| format!("\u{feff}{text}"),
    |text| format!("{text}\u{a0}"),
];

/// A credential's name in an error, and what is built with a spoiled one.
type Form<C> = (&'static str, Box<dyn Fn(&str) -> C>);

fn each_is_refused_by_name<C, T, D>(
    forms: Vec<Form<C>>,
    value: &str,
    build: impl Fn(C) -> Result<T, Error<D>>,
) {
    for (name, form) in forms {
        assert!(build(form(value)).is_ok(), "{name}");
        for spoil in SPOILED {
            let Err(error) = build(form(&spoil(value))) else { panic!("a blank in the {name}") };
            assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
            let says = format!("the {name} has a blank or a line break at its beginning or end");
            assert!(error.to_string().contains(&says), "{name}: {error}");
            assert!(!error.to_string().contains(value), "{name}: {error}");
        }
        let error = build(form("")).err().unwrap();
        assert!(error.to_string().contains(&format!("the {name} is empty")), "{error}");
    }
}

#[test]
fn tat_refuses_blanks_around_every_part() {
    use guestexec_tat::{Client, Credentials};
    let forms: Vec<Form<Credentials>> = vec![
        ("SecretId", Box::new(|text| Credentials::new(text, "key"))),
        ("SecretKey", Box::new(|text| Credentials::new("AKID", text))),
        (
            "session token",
            Box::new(|text| Credentials::new("AKID", "key").with_security_token(text)),
        ),
    ];
    each_is_refused_by_name(forms, "s3cretvalue", |credentials| {
        Client::builder().region("ap-guangzhou").credentials(credentials).build()
    });
}

#[test]
fn cci_refuses_blanks_around_every_part() {
    use guestexec_cci::{Client, Credentials};
    let forms: Vec<Form<Credentials>> = vec![
        ("token", Box::new(|text| Credentials::token(text))),
        ("access key id", Box::new(|text| Credentials::access_key(text, "sk"))),
        ("secret access key", Box::new(|text| Credentials::access_key("AK", text))),
        (
            "security token",
            Box::new(|text| Credentials::access_key("AK", "sk").with_security_token(text)),
        ),
        ("project id", Box::new(|text| Credentials::access_key("AK", "sk").project_id(text))),
        ("domain (account) name", Box::new(|text| Credentials::password(text, "u", "pw", "p"))),
        ("user name", Box::new(|text| Credentials::password("d", text, "pw", "p"))),
        ("password", Box::new(|text| Credentials::password("d", "u", text, "p"))),
        ("project", Box::new(|text| Credentials::password("d", "u", "pw", text))),
        ("access key id", Box::new(|text| Credentials::access_key_token(text, "sk", "p"))),
        ("secret access key", Box::new(|text| Credentials::access_key_token("AK", text, "p"))),
        ("project", Box::new(|text| Credentials::access_key_token("AK", "sk", text))),
    ];
    each_is_refused_by_name(forms, "s3cretvalue", |credentials| {
        Client::builder().region("cn-north-4").credentials(credentials).build()
    });
}

#[test]
fn zstack_refuses_blanks_around_every_part() {
    use guestexec_zstack::{Client, Credentials};
    let forms: Vec<Form<Credentials>> = vec![
        ("session UUID", Box::new(|text| Credentials::session(text))),
        ("AccessKey id", Box::new(|text| Credentials::access_key(text, "secret"))),
        ("AccessKey secret", Box::new(|text| Credentials::access_key("id", text))),
    ];
    each_is_refused_by_name(forms, "s3cretvalue", |credentials| {
        Client::builder()
            .endpoint("http://zstack:8080")
            .allow_plain_http()
            .credentials(credentials)
            .build()
    });
}

#[tokio::test]
async fn zstack_logins_and_later_credentials_are_checked_too() {
    use guestexec_zstack::{Client, Credentials};
    let tape = Tape::new();
    let builder = || {
        Client::builder().endpoint("http://zstack:8080").allow_plain_http().transport(tape.clone())
    };
    for spoil in SPOILED {
        for (name, account, password) in [
            ("account name", spoil("admin"), "password".to_owned()),
            ("password", "admin".to_owned(), spoil("password")),
        ] {
            let error = builder().login(account, password).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
            assert!(error.to_string().contains(&format!("the {name} has a blank")), "{error}");
        }
        let session = Credentials::session("0123456789abcdef0123456789abcdef");
        let client = builder().credentials(session).build().unwrap();
        let client = client.with_credentials(Credentials::access_key("id", spoil("secret")));
        let error = client.vm("fc022ba201c135d8809c5e02bf6bf156").run("true").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
        assert!(error.to_string().contains("the AccessKey secret has a blank"), "{error}");
        assert!(!error.may_have_run());
    }
    assert!(tape.requests().is_empty(), "nothing is sent");
}

/// The next test runs this one in another process, with its own environment: it prints what is wrong there.
#[test]
fn environment_of_this_process() {
    let Ok(provider) = std::env::var("GUESTEXEC_TEST_PROVIDER") else { return };
    let error = match provider.as_str() {
        "tat" => guestexec_tat::Client::builder()
            .from_env()
            .and_then(|builder| builder.region("ap-guangzhou").build())
            .map(drop)
            .map_err(|error| (error.kind(), error.to_string())),
        "zstack" => guestexec_zstack::Client::builder()
            .from_env()
            .and_then(|builder| builder.endpoint("https://zstack.example").build())
            .map(drop)
            .map_err(|error| (error.kind(), error.to_string())),
        _ => guestexec_cci::Client::builder()
            .from_env()
            .and_then(|builder| builder.region("cn-north-4").build())
            .map(drop)
            .map_err(|error| (error.kind(), error.to_string())),
    };
    let (kind, text) = error.unwrap_err();
    assert_eq!(kind, ErrorKind::Credentials, "{text}");
    println!("says: {text}");
}

#[test]
fn environment_variables_with_a_line_break_are_refused_by_name() {
    let user = [("OS_USERNAME", "u"), ("OS_DOMAIN_NAME", "d"), ("OS_PROJECT_NAME", "p")];
    for (provider, good, spoiled, says) in [
        (
            "tat",
            &[("TENCENTCLOUD_SECRET_KEY", "k")][..],
            "TENCENTCLOUD_SECRET_ID",
            "variable TENCENTCLOUD_SECRET_ID has a blank",
        ),
        (
            "tat",
            &[("TENCENTCLOUD_SECRET_ID", "i")],
            "TENCENTCLOUD_SECRET_KEY",
            "variable TENCENTCLOUD_SECRET_KEY has a blank",
        ),
        (
            "tat",
            &[("TENCENTCLOUD_SECRET_ID", "i"), ("TENCENTCLOUD_SECRET_KEY", "k")],
            "TENCENTCLOUD_TOKEN",
            "variable TENCENTCLOUD_TOKEN has a blank",
        ),
        (
            "cci",
            &[("HUAWEICLOUD_SDK_AK", "a")],
            "HUAWEICLOUD_SDK_SK",
            "secret access key has a blank",
        ),
        ("cci", &[("OS_ACCESS_KEY", "a")], "OS_SECRET_KEY", "secret access key has a blank"),
        ("cci", &[], "OS_AUTH_TOKEN", "token has a blank"),
        ("cci", &user, "OS_PASSWORD", "password has a blank"),
        (
            "zstack",
            &[("ZSTACK_ACCESS_KEY_ID", "i"), ("ZSTACK_ACCOUNT_NAME", "a")],
            "ZSTACK_ACCESS_KEY_SECRET",
            "AccessKey secret has a blank",
        ),
        ("zstack", &[("ZSTACK_ACCOUNT_NAME", "a")], "ZSTACK_PASSWORD", "password has a blank"),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "environment_of_this_process", "--nocapture"])
            .env_clear()
            .env("GUESTEXEC_TEST_PROVIDER", provider)
            .envs(good.iter().copied())
            .env(spoiled, "s3cretvalue\n")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(says), "{spoiled}: {said}");
        assert!(!said.contains("s3cretvalue"), "{spoiled}: {said}");
    }
}

#[tokio::test]
async fn the_error_of_a_failed_signature_advises_what_to_check() {
    for (code, says) in [
        ("AuthFailure.SignatureFailure", "check that the SecretKey is whole"),
        ("AuthFailure.InvalidSecretId", "copy it again"),
    ] {
        let refusal = json!({ "Response": { "Error": { "Code": code, "Message": "No." }, "RequestId": "r" } });
        let tape = Tape::new().reply(Reply::json(StatusCode::OK, &refusal));
        let client = guestexec_tat::Client::builder()
            .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
            .transport(tape)
            .build()
            .unwrap();
        let error = client.describe_regions().send().await.unwrap_err();
        assert!(error.advice().is_some_and(|advice| advice.contains(says)), "{error}");
    }
}

/// Records the hosts that requests go to.
#[derive(Clone, Debug)]
struct Noting(Tape, Arc<Mutex<Vec<String>>>);

impl Transport for Noting {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        self.1.lock().unwrap().push(request.url().to_string());
        self.0.execute(operation, request)
    }
}

#[tokio::test]
async fn cci_uses_the_european_clouds_domain_for_its_regions() {
    use guestexec_cci::{Client, Credentials};
    let url = |region: &'static str| async move {
        let token = json!({ "token": { "expires_at": "2026-01-02T00:00:00Z" } });
        let tape = Tape::new()
            .reply(Reply::json(StatusCode::CREATED, &token).header("x-subject-token", "t"))
            .reply(Reply::json(StatusCode::OK, &json!({ "metadata": { "name": "p" } })));
        let noting = Noting(tape, Arc::default());
        let client = Client::builder()
            .credentials(Credentials::password("d", "u", "pw", "p"))
            .region(region)
            .transport(noting.clone())
            .build()
            .unwrap();
        client.pod("default", "p").get().await.unwrap();
        let urls = noting.1.lock().unwrap();
        urls.join(" ")
    };
    for (region, domain) in [
        ("eu-west-101", "eu-west-101.myhuaweicloud.eu"),
        ("cn-north-4", "cn-north-4.myhuaweicloud.com"),
        ("tr-west-1", "tr-west-1.myhuaweicloud.com"),
    ] {
        let requests = url(region).await;
        for service in ["iam", "cci"] {
            assert!(requests.contains(&format!("https://{service}.{domain}/")), "{requests}");
        }
    }
    // Other operators' European clouds.
    for region in ["eu-west-0", "eu-de"] {
        let builder = || Client::builder().credentials(Credentials::token("t")).region(region);
        let error = builder().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains("endpoint(…)"), "{error}");
        assert!(builder().endpoint("https://cci.example.com").build().is_ok());
    }
}
