//! Faults on demand in each of the services, and the counts of what they struck.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use guestexec_sandbox::{Builder, Fault, FaultKind, Provider, Sandbox};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{
    tat::{Call, encoded},
    zstack::{EXEC, params, session},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn started(text: &str) -> Sandbox {
    Sandbox::builder().tat_rate(None).fault(text.parse().unwrap()).start().await.unwrap()
}

fn run_command(sandbox: &Sandbox) -> RequestBuilder {
    let tat = sandbox.tat();
    let body = json!({ "Content": encoded("true"), "InstanceIds": [tat.instances()[0]] });
    Call::new(tat).request(tat, "RunCommand", "", &body.to_string())
}

fn list_pods(sandbox: &Sandbox) -> RequestBuilder {
    let cci = sandbox.cci();
    let url = format!("{}/apis/cci/v2/namespaces/default/pods", cci.endpoint());
    support::http().get(url).header("x-auth-token", cci.token())
}

fn look_at_job(sandbox: &Sandbox) -> RequestBuilder {
    support::http().get(format!("{}/v1/api-jobs/x", sandbox.zstack().endpoint()))
}

/// A request that each service answers.
fn any(sandbox: &Sandbox, provider: Provider) -> RequestBuilder {
    match provider {
        Provider::Tat => run_command(sandbox),
        Provider::Zstack => look_at_job(sandbox),
        Provider::Cci => list_pods(sandbox),
    }
}

async fn each(fault: &str, check: impl AsyncFn(&Sandbox, Provider)) {
    for provider in Provider::ALL {
        let sandbox = started(&format!("{}:{fault}", provider.name())).await;
        check(&sandbox, provider).await;
        assert_eq!(sandbox.faults_struck(provider), 1, "{provider:?}");
        for other in Provider::ALL.into_iter().filter(|other| *other != provider) {
            any(&sandbox, other).send().await.unwrap().bytes().await.unwrap();
            assert_eq!(sandbox.faults_struck(other), 0, "{other:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_request_never_reaches_the_service() {
    each("lose-request=first", async |sandbox, provider| {
        let error = any(sandbox, provider).send().await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{error}");
        assert!(sandbox.tat().invocations().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_request_whose_answer_is_lost_is_carried_out() {
    each("lose-answer=first", async |sandbox, provider| {
        any(sandbox, provider).send().await.unwrap_err();
        let deeds = usize::from(provider == Provider::Tat);
        assert_eq!(sandbox.tat().invocations().len(), deeds);
    })
    .await;
}

#[tokio::test]
async fn gateways_answer_in_html() {
    for (fault, status, deeds) in [
        ("bad-gateway=first", StatusCode::BAD_GATEWAY, 0),
        ("gateway-timeout=first", StatusCode::GATEWAY_TIMEOUT, 1),
    ] {
        each(fault, async |sandbox, provider| {
            let answer = any(sandbox, provider).send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()["content-type"], "text/html");
            assert!(answer.text().await.unwrap().starts_with("<html>"));
            let deeds = if provider == Provider::Tat { deeds } else { 0 };
            assert_eq!(sandbox.tat().invocations().len(), deeds);
        })
        .await;
    }
}

#[tokio::test]
async fn each_service_throttles_in_its_own_words() {
    each("throttle=first", async |sandbox, provider| {
        let answer = any(sandbox, provider).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        match provider {
            Provider::Tat => assert!(status == 200 && text.contains("RequestLimitExceeded")),
            Provider::Zstack => assert!(status == 429 && !text.starts_with('{')),
            Provider::Cci => assert!(status == 429 && text.contains("APIGW.0308")),
        }
        assert!(sandbox.tat().invocations().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_reset_breaks_the_body() {
    each("reset=first", async |sandbox, provider| {
        let mut answer = any(sandbox, provider).send().await.unwrap();
        let length = answer.content_length().unwrap();
        let mut read = 0;
        let error = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => read += chunk.len() as u64,
                Ok(None) => panic!("{provider:?}: the whole body came"),
                Err(error) => break error,
            }
        };
        assert!(read < length, "{provider:?}: {read} of {length}: {error}");
    })
    .await;
}

#[tokio::test]
async fn a_drip_is_slow_but_whole() {
    each("drip=first", async |sandbox, provider| {
        let answer = any(sandbox, provider).send().await.unwrap();
        let length = answer.content_length().unwrap();
        assert_eq!(answer.bytes().await.unwrap().len() as u64, length);
    })
    .await;
}

#[tokio::test]
async fn latency_delays_every_answer() {
    // A lower bound holds however busy the machine is.
    each("latency=60ms", async |sandbox, provider| {
        let began = Instant::now();
        any(sandbox, provider).send().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(60));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_clock_shows_in_dates_and_refuses_signatures() {
    for offset in ["-1h", "+1h"] {
        each(&format!("clock={offset}"), async |sandbox, provider| {
            let answer = any(sandbox, provider).send().await.unwrap();
            let told = answer.headers()["date"].to_str().unwrap().to_owned();
            let right = if provider == Provider::Cci { Provider::Zstack } else { Provider::Cci };
            let right = any(sandbox, right).send().await.unwrap();
            let right = right.headers()["date"].to_str().unwrap();
            // The hour differs, even where the day does not.
            assert_ne!(told[..19], right[..19]);
            if provider == Provider::Tat {
                let text = answer.text().await.unwrap();
                assert!(text.contains("AuthFailure.SignatureExpire"), "{text}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_has_expired_is_refused() {
    let sandbox = started("tat:expire=first").await;
    let text = run_command(&sandbox).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("AuthFailure.TokenFailure"), "{text}");
    let text = run_command(&sandbox).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("InvocationId"), "{text}");

    let sandbox = started("cci:expire=first").await;
    for _ in 0..2 {
        // They do not become valid again.
        assert_eq!(list_pods(&sandbox).send().await.unwrap().status(), 401);
    }

    let sandbox = started("zstack.Execute:expire=first").await;
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    for _ in 0..2 {
        let exec = support::http()
            .put(format!("{}{EXEC}", zstack.endpoint()))
            .header("authorization", format!("OAuth {session}"))
            .json(&params(zstack.vm_uuid(), "true"));
        let answer: Value = exec.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"]["code"], "ID.1001");
    }
    assert_eq!(zstack.executions(zstack.vm_uuid()), 0);
}

/// The bytes of an exec session that arrive, and whether it ended in an error.
async fn session_bytes(builder: Builder, script: &str) -> (Vec<u8>, bool, usize) {
    let sandbox = builder.start().await.unwrap();
    let cci = sandbox.cci();
    let address = cci.endpoint().replace("http://", "");
    let mut tcp = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "GET /apis/cci/v2/namespaces/default/pods/demo/exec?stdout=1&command=sh&command=-c&command={} HTTP/1.1\r\n\
         host: {address}\r\nx-auth-token: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
         sec-websocket-protocol: v4.channel.k8s.io\r\n\r\n",
        script.replace(' ', "%20"),
        cci.token(),
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let broken = loop {
        match tcp.read(&mut piece).await {
            Ok(0) => break false,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(_) => break true,
        }
        // The close frame: now the client has to close the connection.
        if bytes.ends_with(&[0x88, 2, 3, 0xe8]) {
            break false;
        }
    };
    (bytes, broken, cci.executions(cci.pod()))
}

#[tokio::test]
async fn an_exec_session_breaks_inside_a_frame() {
    let (whole, broken, _) = session_bytes(Sandbox::builder(), "echo hello").await;
    assert!(!broken && whole.ends_with(&[0x88, 2, 3, 0xe8]));
    let text = String::from_utf8_lossy(&whole).into_owned();
    assert!(text.contains("hello"), "{text}");
    let mut places = HashMap::new();
    for seed in 0..12 {
        let builder = Sandbox::builder().seed(seed).fault("cci.exec:reset".parse().unwrap());
        let (bytes, broken, executions) = session_bytes(builder, "echo hello").await;
        assert!(broken && bytes.len() < whole.len(), "seed {seed}: {bytes:?}");
        assert!(bytes.starts_with(b"HTTP/1.1 101"), "seed {seed}");
        *places.entry(bytes.len()).or_insert(0) += 1;
        assert!(executions <= 1);
    }
    assert!(places.len() > 1, "{places:?}");
}

#[tokio::test]
async fn an_exec_session_may_fall_silent() {
    let builder = Sandbox::builder().fault("cci.exec:lose-answer".parse().unwrap());
    let (bytes, _, executions) = session_bytes(builder, "echo hello").await;
    assert_eq!((bytes.len(), executions), (0, 1));
    let builder = Sandbox::builder().fault("cci.exec:lose-request".parse().unwrap());
    let (bytes, _, executions) = session_bytes(builder, "echo hello").await;
    assert_eq!((bytes.len(), executions), (0, 0));
}

#[tokio::test]
async fn an_exec_session_may_drip() {
    let builder = Sandbox::builder().fault(Fault::new(Provider::Cci, FaultKind::Drip));
    let (bytes, broken, executions) = session_bytes(builder, "echo hello").await;
    assert!(!broken && bytes.ends_with(&[0x88, 2, 3, 0xe8]) && executions == 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let story = async |seed| {
        let sandbox = Sandbox::builder()
            .tat_rate(None)
            .seed(seed)
            .fault("tat:lose-request=0.3".parse().unwrap())
            .fault("tat:lose-answer=0.3".parse().unwrap())
            .start()
            .await
            .unwrap();
        assert_eq!(sandbox.seed(), seed);
        let answers = futures_util::stream::iter(0..30).then(async |_| {
            let lost = run_command(&sandbox).send().await.is_err();
            (lost, sandbox.tat().invocations().len())
        });
        answers.collect::<Vec<_>>().await
    };
    let first = story(7).await;
    assert_eq!(first, story(7).await);
    assert_ne!(first, story(8).await);
    let (lost, ran) = (first.iter().filter(|(lost, _)| *lost).count(), first.last().unwrap().1);
    // Some requests were lost before they were carried out, some after.
    assert!(30 - lost < ran && ran < 30, "{lost} lost, {ran} ran");
}

#[tokio::test]
async fn limits_on_commands_are_enforced() {
    let builder = Sandbox::builder().max_command_time(Duration::from_millis(200));
    let (bytes, ..) = session_bytes(builder, "echo hello; sleep 1000").await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("hello") && text.contains("137"), "{text}");
    let builder = Sandbox::builder().max_output(100_000);
    let (bytes, ..) = session_bytes(builder, "cat /dev/zero").await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("137") && bytes.len() < 110_000, "{}", bytes.len());
}
