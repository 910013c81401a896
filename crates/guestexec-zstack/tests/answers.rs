//! The results and errors that a management node's answers become, over real sockets.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod node;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_zstack::{Client, Credentials, ErrorKind, JobId, Method, Shell, Uncaptured, causes};

use node::{
    Answer, DONE, JOB, Node, SESSION, VM, accepted, failed, html, is_check, is_command, is_login,
    is_of, job, json, opened, run, session, text,
};

#[tokio::test]
async fn a_synchronous_answer_is_the_result_for_put_and_post() {
    let node = Node::start(|request, count| {
        assert!(is_of(request, SESSION));
        let content_type = request.header("content-type").unwrap();
        assert!(content_type.eq_ignore_ascii_case("application/json;charset=utf-8"));
        assert_eq!(job(request).len(), 32);
        let method = if count == 0 { "PUT" } else { "POST" };
        assert_eq!(
            request.line(),
            format!("{method} /zstack/v1/vm-instances/commands/exec HTTP/1.1")
        );
        json("200 OK", DONE)
    })
    .await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    let output = node.client().vm(VM).run("df").method(Method::Post).unchecked().await.unwrap();
    assert_eq!(output.stream(), "standardStream: hi, errorStream: ");
}

#[tokio::test]
async fn a_job_is_polled_at_the_location_of_the_answer() {
    let node = Node::start(|request, count| match count {
        0 => accepted(),
        1 => json("202 Accepted", "{}"),
        2 => Answer::closed(),
        3 => html("502 Bad Gateway"),
        _ => {
            assert_eq!(request.line(), format!("GET /zstack/v1/api-jobs/{JOB} HTTP/1.1"));
            json("200 OK", DONE)
        }
    })
    .await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn the_message_of_a_failed_job_has_the_innermost_cause_first() {
    let error = r#"{"code":"SYS.1006","description":"operation failed","details":"outer",
        "cause":{"code":"KVM.1","details":"middle","cause":{"code":"QGA.1","details":"qga is not running"}},
        "globalErrorCode":"ORG_X_1","somethingNew":[1]}"#;
    let node =
        Node::start(move |_, count| if count == 0 { accepted() } else { failed(error) }).await;
    let error = run(&node.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.code(), Some("SYS.1006"));
    assert_eq!(error.message(), "qga is not running; therefore: middle; therefore: outer");
    assert!(error.may_have_run(), "a failure of the API may be that of a command that ran");
    let detail = error.detail().unwrap();
    let codes: Vec<_> = causes(detail).filter_map(|cause| cause.code.as_deref()).collect();
    assert_eq!(codes, ["SYS.1006", "KVM.1", "QGA.1"]);
    assert_eq!(detail.extra["somethingNew"], serde_json::json!([1]));
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn a_forgotten_job_is_an_error_that_says_so() {
    let node = Node::start(|_, count| match count {
        0 => accepted(),
        _ => text("404 Not Found", "no such job"),
    })
    .await;
    let error = run(&node.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.may_have_run() && error.to_string().contains("forgotten"), "{error}");
    assert!(!error.to_string().contains(JOB), "{error}");
}

#[tokio::test]
async fn after_a_lost_answer_the_job_is_polled_by_its_id() {
    let named = Arc::new(std::sync::Mutex::new(String::new()));
    let seen = named.clone();
    let node = Node::start(move |request, count| match count {
        0 => {
            job(request).clone_into(&mut seen.lock().unwrap());
            Answer::closed()
        }
        1 => text("404 Not Found", "not yet"),
        _ => {
            assert!(request.target.contains(&*seen.lock().unwrap()), "{request:?}");
            json("200 OK", DONE)
        }
    })
    .await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 1);
    assert_eq!(named.lock().unwrap().len(), 32);
}

#[tokio::test]
async fn a_lost_answer_without_a_job_leaves_open_whether_the_command_ran() {
    for first in [0, 1, 2] {
        let node = Node::start(move |_, count| match (count, first) {
            (0, 0) => Answer::closed(),
            (0, 1) => html("502 Bad Gateway"),
            (0, _) => json("200 OK", "{"),
            _ => text("404 Not Found", "no such job"),
        })
        .await;
        let error = run(&node.client()).await.unwrap_err();
        assert!(error.may_have_run() && !error.is_retryable(), "{error}");
        assert!(error.to_string().contains("look inside the VM"), "{error}");
        assert_eq!(node.commands(), 1);
    }
}

#[tokio::test]
async fn an_expired_session_is_renewed_once_and_the_command_sent_again() {
    // The error is in the first answer, or in the poll as with an asynchronous API.
    for in_poll in [false, true] {
        let opened = AtomicUsize::new(0);
        let node = Node::start(move |request, _| {
            if is_login(request) {
                let uuid = session(opened.fetch_add(1, Ordering::SeqCst));
                return json("200 OK", format!(r#"{{"inventory":{{"uuid":"{uuid}"}}}}"#));
            }
            let again = is_of(request, &session(1));
            if again && is_command(request) {
                return json("200 OK", DONE);
            }
            if is_check(request) {
                return json("200 OK", r#"{"valid":false}"#);
            }
            let ended = failed(r#"{"code":"ID.1001","description":"Session expired"}"#);
            if in_poll && is_command(request) { accepted() } else { ended }
        })
        .await;
        let client = node.log_in().await;
        assert_eq!(run(&client).await.unwrap(), "hi");
        assert_eq!((node.logins(), node.commands()), (2, 2));

        // A session that the client did not open cannot be renewed.
        let error = run(&node.client()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(!error.may_have_run(), "{error}");
        assert_eq!(node.logins(), 2);
    }
}

#[tokio::test]
async fn one_login_serves_all_calls_that_found_the_session_expired() {
    let logins = Arc::new(AtomicUsize::new(0));
    let counted = logins.clone();
    let node = Node::start(move |request, _| {
        if is_login(request) {
            let uuid = session(counted.fetch_add(1, Ordering::SeqCst));
            return json("200 OK", format!(r#"{{"inventory":{{"uuid":"{uuid}"}}}}"#));
        }
        if is_of(request, &session(0)) {
            return failed(r#"{"globalErrorCode":"ORG_ZSTACK_IDENTITY_10020","code":"X"}"#);
        }
        json("200 OK", DONE)
    })
    .await;
    let client = node.log_in().await;
    let results = client.each_vm([VM; 6], |vm| vm.run("df").unchecked()).concurrency(6).await;
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_account_logs_in_once_when_the_first_request_is_made() {
    let node = Node::start(|request, _| match request {
        login if is_login(login) => opened(&session(0)),
        command if is_of(command, &session(0)) => json("200 OK", DONE),
        _ => failed(r#"{"code":"ID.1001","description":"No session"}"#),
    })
    .await;
    let account = Credentials::password("admin", "password");
    let client = Client::builder().endpoint(node.endpoint()).credentials(account).build().unwrap();
    assert_eq!(node.logins(), 0);
    let results = client.each_vm([VM; 6], |vm| vm.run("df").unchecked()).concurrency(6).await;
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
    assert_eq!(node.logins(), 1);
    // After a logout no request logs in again.
    client.logout().await.unwrap();
    client.logout().await.unwrap();
    assert_eq!(node.logins(), 1);
}

#[tokio::test]
async fn a_throttled_request_is_sent_again_later() {
    let node = Node::start(|_, count| match count {
        0 => text("429 Too Many Requests", "slow down"),
        _ => json("200 OK", DONE),
    })
    .await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 2, "the first was refused before anything started");
}

#[tokio::test]
async fn refusals_are_read_from_text_and_from_json() {
    for (status, body, kind, may_have_run) in [
        (
            "400 Bad Request",
            "the header Authorization is missing",
            ErrorKind::Unauthenticated,
            false,
        ),
        ("403 Forbidden", "requestTimeTooSkewed", ErrorKind::Unauthenticated, false),
        ("403 Forbidden", "access key is not valid", ErrorKind::Forbidden, false),
        ("404 Not Found", "no such api", ErrorKind::NotFound, false),
        ("405 Method Not Allowed", "", ErrorKind::Refused, false),
    ] {
        let node = Node::start(move |_, _| text(status, body)).await;
        let error = run(&node.client()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.may_have_run(), may_have_run, "{error}");
        assert!(error.to_string().contains(body), "{error}");
    }
    for (error, kind, may_have_run) in [
        (r#"{"code":"ID.1002","details":"denied"}"#, ErrorKind::Forbidden, false),
        (r#"{"code":"SYS.1007","details":"bad uuid"}"#, ErrorKind::Refused, false),
        (r#"{"code":"SYS.1001","details":"timed out"}"#, ErrorKind::Timeout, true),
        (r#"{"code":"SYS.1006","details":"failed"}"#, ErrorKind::Refused, true),
        (r#"{"details":null}"#, ErrorKind::Refused, true),
    ] {
        let node = Node::start(move |_, _| failed(error)).await;
        let error = run(&node.client()).await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (kind, may_have_run), "{error}");
    }
    // An error in the body of a 200 is an error.
    let body = r#"{"success":false,"error":{"code":"SYS.1006","details":"failed"}}"#;
    let node = Node::start(move |_, _| json("200 OK", body)).await;
    let error = run(&node.client()).await.unwrap_err();
    assert_eq!((error.code(), error.status().unwrap().as_u16()), (Some("SYS.1006"), 200));
}

#[tokio::test]
async fn only_the_jobs_own_error_proves_that_nothing_ran() {
    for (answer, may_have_run) in [(0, true), (1, true), (2, false), (3, true)] {
        let node = Node::start(move |_, count| match (count, answer) {
            (0, _) => accepted(),
            (_, 0) => text("403 Forbidden", "requestTimeTooSkewed"),
            (_, 1) => text("401 Unauthorized", "a proxy wants to know you"),
            (_, 2) => failed(r#"{"code":"SYS.1007","details":"bad uuid"}"#),
            _ => failed(r#"{"code":"SYS.1006","details":"failed"}"#),
        })
        .await;
        let error = run(&node.client()).await.unwrap_err();
        assert_eq!(error.may_have_run(), may_have_run, "{answer}: {error}");
        assert_eq!(node.commands(), 1);
    }
}

#[tokio::test]
async fn a_failure_with_a_mebibyte_of_output_keeps_its_code() {
    for at_once in [true, false] {
        let stream = "x".repeat(1 << 20);
        let error = format!(r#"{{"details":"{stream}","code":"SYS.1006"}}"#);
        let node = Node::start(move |_, _| match at_once {
            true => json("200 OK", format!(r#"{{"success":false,"error":{error}}}"#)),
            false => failed(&error),
        })
        .await;
        let error = run(&node.client()).await.unwrap_err();
        assert_eq!(error.code(), Some("SYS.1006"));
        assert!(error.message().len() < 10_000, "{}", error.message().len());
        assert_eq!(node.commands(), 1);
    }
}

#[tokio::test]
async fn a_job_id_of_the_callers_own_finds_the_result_later() {
    let node = Node::start(|request, count| match count {
        0 => {
            assert!(job(request) == JOB);
            json("200 OK", DONE)
        }
        _ => {
            assert!(request.target.ends_with(&format!("/api-jobs/{JOB}")));
            json("200 OK", DONE)
        }
    })
    .await;
    let job = JobId::parse(JOB).unwrap();
    let client = node.client();
    client.vm(VM).run("df").job(job.clone()).unchecked().await.unwrap();
    let later = client.job(&job).wait_at_most(Duration::from_secs(5)).unchecked().await.unwrap();
    assert_eq!(later.stdout_lossy(), "hi");
    assert!(JobId::parse("../../x").is_err());
    assert!(!format!("{job:?}").contains(JOB));
}

#[tokio::test]
async fn a_session_that_was_logged_out_is_not_renewed() {
    let node = Node::start(|request, _| {
        if is_login(request) {
            return json("200 OK", format!(r#"{{"inventory":{{"uuid":"{SESSION}"}}}}"#));
        }
        match request.method == "DELETE" {
            true => json("200 OK", "{}"),
            false => failed(r#"{"code":"ID.1001"}"#),
        }
    })
    .await;
    let client = node.log_in().await;
    client.logout().await.unwrap();
    let error = run(&client).await.unwrap_err();
    assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false));
    assert_eq!(node.logins(), 1);
}

#[tokio::test]
async fn a_windows_command_line_has_one_line() {
    let node = Node::start(|_, _| json("200 OK", DONE)).await;
    let client = node.client();
    let run = client.vm(VM).windows().run("dir\necho x");
    let error = run.clone().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert_eq!(node.commands(), 0);
    // PowerShell takes several lines; this node's answer has no captured result.
    let error = run.shell(Shell::PowerShell).await.unwrap_err();
    assert!(error.may_have_run(), "{error}");
    let told = Uncaptured::of(&error).unwrap().output();
    assert_eq!(told.stdout_lossy(), "hi", "the node's output is kept");
}

#[tokio::test]
async fn an_answer_of_the_wrong_type_is_not_quoted() {
    let body = format!(r#"{{"inventory":"{SESSION}"}}"#);
    let node = Node::start(move |_, _| json("200 OK", body.clone())).await;
    let error =
        Client::builder().endpoint(node.endpoint()).login("admin", "password").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
    assert!(!shown.contains(SESSION), "{shown}");
}

#[test]
fn nothing_secret_is_printed() {
    let client = |credentials| {
        Client::builder()
            .endpoint("http://zstack:8080")
            .allow_plain_http()
            .credentials(credentials)
            .build()
            .unwrap()
    };
    let session = client(Credentials::session(SESSION));
    let key = client(Credentials::access_key("id", "very-secret"));
    let run = session.vm(VM).run("echo very-private");
    let logout = session.log_out(SESSION);
    let job = session.get_api_job(JOB);
    let shown = format!("{session:?} {key:?} {run:?} {logout:?} {job:?}");
    for secret in [SESSION, JOB, "very-secret", "very-private"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
