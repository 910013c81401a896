//! What is refused before anything is sent.

use guestexec_cci::{Client, ClientBuilder, Credentials, ErrorKind};

use crate::peer::{Peer, PeerExt as _, closed_endpoint, within};

fn token() -> Credentials {
    Credentials::token("t")
}

#[test]
fn a_client_that_could_never_work_is_not_built() {
    let with = |credentials| Client::builder().region("cn-north-4").credentials(credentials);
    let key = || Credentials::access_key("AKID", "sk");
    let password = |user: &str, password: &str| Credentials::password("d", user, password, "p");
    let endpoint = |text: &str| Client::builder().credentials(token()).endpoint(text);
    let cases: Vec<(ClientBuilder, ErrorKind, &str)> = vec![
        (Client::builder().region("cn-north-4"), ErrorKind::Credentials, "no credentials"),
        (Client::builder().credentials(token()), ErrorKind::Config, "no region"),
        (Client::builder().credentials(token()).region("a/b"), ErrorKind::Config, "region"),
        (with(Credentials::token("")), ErrorKind::Credentials, "token"),
        (with(Credentials::token("a\nb")), ErrorKind::Credentials, "token"),
        (with(Credentials::access_key("", "sk")), ErrorKind::Credentials, "access key id"),
        (with(Credentials::access_key("a,b", "sk")), ErrorKind::Credentials, "access key id"),
        (with(Credentials::access_key("a", "")), ErrorKind::Credentials, "secret access key"),
        (with(key().with_security_token("")), ErrorKind::Credentials, "security token"),
        (with(key().project_id("a b")), ErrorKind::Credentials, "project id"),
        (with(token().project_id("a")), ErrorKind::Credentials, "access key only"),
        (with(password("", "pw")), ErrorKind::Credentials, "user name"),
        (with(password("u", "")), ErrorKind::Credentials, "password"),
        (endpoint("cci.example.com"), ErrorKind::Config, "no scheme"),
        (endpoint("localhost:8080"), ErrorKind::Config, "no scheme"),
        (endpoint("http://cci.example.com"), ErrorKind::Config, "plain http"),
        (endpoint("https://u:p@cci.example.com"), ErrorKind::Config, "user name"),
        (endpoint("https://a.example").iam_endpoint("b.example"), ErrorKind::Config, "no scheme"),
        (
            endpoint("https://a.example").credentials(password("u", "pw")).region("r"),
            ErrorKind::Config,
            "IAM endpoint",
        ),
    ];
    for (builder, kind, says) in cases {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    assert!(with(token()).build().is_ok());
    assert!(with(password("u", "pw")).build().is_ok());
    assert!(endpoint("http://cci.example.com").allow_plain_http().build().is_ok());
}

#[test]
fn secrets_are_not_shown() {
    let shown = [
        Credentials::token("s3cret"),
        Credentials::access_key("AKID", "s3cret").with_security_token("s3cret2"),
        Credentials::password("dom", "usr", "s3cret", "prj"),
    ]
    .map(|credentials| {
        let client = Client::builder().region("r").credentials(credentials.clone());
        format!("{credentials:?} {client:?} {:?}", client.clone().build().unwrap())
    });
    assert!(shown.iter().all(|text| !text.contains("s3cret")), "{shown:?}");
    let client = Client::builder().region("r").credentials(token()).build().unwrap();
    let exec = client.pod("ns", "p").exec(["login", "--password=s3cret"]).stdin("s3cret");
    assert!(!format!("{exec:?}").contains("s3cret"));
    assert!(shown[1].contains("AKID") && shown[2].contains("usr"));
}

#[tokio::test]
async fn a_malformed_request_is_not_sent() {
    within(async {
        let peer = Peer::saying("500 Internal Server Error", "", "").await;
        for checks in [true, false] {
            let client = peer.builder().checks(checks).build().unwrap();
            let long = "a".repeat(64);
            let mut execs = vec![
                client.pod("ns", "..").exec(["x"]),
                client.pod("", "p").exec(["x"]),
                client.pod("ns", "p/exec?command=y").exec(["x"]),
                client.pod(&*long, "p").exec(["x"]),
                client.pod("ns", "p").exec(Vec::<String>::new()),
            ];
            if checks {
                execs.push(client.pod("ns", "p").container(&*long).exec(["x"]));
                execs.push(client.pod("ns", "p").container("").exec(["x"]));
            }
            for exec in execs {
                let error = exec.output().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
                assert!(!error.may_have_run());
            }
            assert_eq!(
                client.pod("ns", ".").get().await.unwrap_err().kind(),
                ErrorKind::InvalidRequest
            );
            assert_eq!(
                client.pods("..").list().await.unwrap_err().kind(),
                ErrorKind::InvalidRequest
            );
        }
        assert!(peer.requests().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_closed_port_is_a_connect_error() {
    within(async {
        let client = Client::builder()
            .endpoint(closed_endpoint().await)
            .credentials(token())
            .build()
            .unwrap();
        let error = client.pod("ns", "p").exec(["x"]).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(error.is_retryable() && !error.may_have_run());
    })
    .await;
}
