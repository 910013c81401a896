//! Jobs whose polls are refused, lost, or oddly answered.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod node;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use guestexec_zstack::{ErrorKind, JobId, Unfinished};
use node::{
    Answer, DONE, JOB, Node, VM, accepted, failed, html, is_check, is_command, is_login, is_of,
    job, json, opened, run, session, text, valid,
};
use tokio::task::JoinSet;

const ENDED: &str = r#"{"code":"ID.1001","description":"Session expired"}"#;

/// Answers by which the node, or something in between, refuses a poll.
fn refusals() -> Vec<fn() -> Answer> {
    vec![
        || text("400 Bad Request", "missing header 'Authorization'"),
        || text("401 Unauthorized", "a proxy wants to know you"),
        || text("403 Forbidden", "not from here"),
        || html("404 Not Found"),
        || text("405 Method Not Allowed", ""),
        || text("410 Gone", ""),
        || html("301 Moved Permanently"),
        || failed(ENDED),
        || failed(r#"{"globalErrorCode":"ORG_ZSTACK_IDENTITY_10020"}"#),
        || failed(r#"{"code":"ID.1002","details":"denied"}"#),
        || failed(r#"{"code":"ID.1006","details":"too many sessions"}"#),
        || failed(r#"{"code":"SYS.1003","details":"job[uuid:x] not found"}"#),
        || failed(r#"{"code":"SYS.1007","details":"invalid job uuid"}"#),
        || json("503 Service Unavailable", r#"{"status":503,"error":"Service Unavailable"}"#),
    ]
}

#[tokio::test]
async fn a_refused_poll_does_not_end_the_command() {
    let mut cases = JoinSet::new();
    for (number, refusal) in refusals().into_iter().enumerate() {
        for (stays, after_running) in [(false, false), (false, true), (true, false), (true, true)] {
            cases.spawn(async move {
                let questions = AtomicUsize::new(0);
                let node = Node::start(move |request, _| {
                    if is_login(request) {
                        return opened(&session(0));
                    }
                    if is_check(request) {
                        return valid(true);
                    }
                    if is_command(request) {
                        return accepted();
                    }
                    match questions.fetch_add(1, Ordering::SeqCst) {
                        0 if after_running => json("202 Accepted", "{}"),
                        0..3 => refusal(),
                        _ if stays => refusal(),
                        _ => json("200 OK", DONE),
                    }
                })
                .await;
                let ended = run(&node.log_in().await).await;
                assert_eq!(node.commands(), 1, "{number}: sent once");
                if !stays {
                    assert_eq!(ended.unwrap(), "hi", "{number}");
                    return;
                }
                let error = ended.unwrap_err();
                assert!(error.may_have_run() && !error.is_retryable(), "{number}: {error}");
                let unfinished = Unfinished::of(&error).expect("the job is kept");
                assert_eq!((unfinished.job().expose(), unfinished.vm()), (JOB, Some(VM)));
                assert!(!format!("{error} {error:?}").contains(JOB), "{error}");
                let logins = node.logins();
                assert_eq!(logins, 1, "{number}: the session is good");
            });
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_expires_during_polls_is_renewed_and_the_command_runs_once() {
    // The first session expires once the command has begun.
    for running_was_seen in [false, true] {
        let questions = AtomicUsize::new(0);
        let logins = AtomicUsize::new(0);
        let node = Node::start(move |request, _| {
            if is_login(request) {
                return opened(&session(logins.fetch_add(1, Ordering::SeqCst)));
            }
            if is_command(request) {
                return accepted();
            }
            if is_check(request) {
                return valid(!request.target.contains(&session(0)));
            }
            match questions.fetch_add(1, Ordering::SeqCst) {
                0 if running_was_seen => json("202 Accepted", "{}"),
                _ if is_of(request, &session(1)) => json("200 OK", DONE),
                _ => failed(ENDED),
            }
        })
        .await;
        let client = node.log_in().await;
        assert_eq!(run(&client).await.unwrap(), "hi");
        assert_eq!((node.logins(), node.commands()), (2, 1));
    }
}

#[tokio::test]
async fn a_command_seen_running_is_not_sent_again_when_the_session_expires() {
    let questions = AtomicUsize::new(0);
    let node = Node::start(move |request, count| {
        if is_login(request) {
            return opened(&session(count));
        }
        if is_command(request) {
            return accepted();
        }
        if is_check(request) {
            return valid(false);
        }
        match questions.fetch_add(1, Ordering::SeqCst) {
            0 => json("202 Accepted", "{}"),
            _ => failed(ENDED),
        }
    })
    .await;
    let error = run(&node.log_in().await).await.unwrap_err();
    assert!(error.may_have_run() && Unfinished::of(&error).is_some(), "{error}");
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn an_error_of_a_proxy_proves_nothing() {
    let mut cases = JoinSet::new();
    let statuses = [
        "408 Request Timeout",
        "409 Conflict",
        "422 Unprocessable Content",
        "499 Client Closed Request",
        "302 Found",
        "502 Bad Gateway",
    ];
    for status in statuses {
        for known in [false, true] {
            cases.spawn(async move {
                let node = Node::start(move |request, _| match is_command(request) {
                    true => text(status, "gave up"),
                    false if known => json("200 OK", DONE),
                    false => text("404 Not Found", "no such job"),
                })
                .await;
                let ended = run(&node.client()).await;
                assert_eq!(node.commands(), 1, "{status}");
                if known {
                    assert_eq!(ended.unwrap(), "hi", "{status}");
                } else {
                    let error = ended.unwrap_err();
                    assert!(error.may_have_run() && !error.is_retryable(), "{error}");
                    assert!(error.to_string().contains("look inside the VM"), "{error}");
                    assert!(Unfinished::of(&error).is_some(), "{error}");
                }
            });
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

/// A node that answers a command with `first`, and knows it only by the job id it was sent with.
async fn node_that_knows_the_sent_id(first: Answer) -> Node {
    let (named, first) = (Mutex::new(String::new()), Mutex::new(Some(first)));
    Node::start(move |request, _| {
        if is_command(request) {
            *named.lock().unwrap() = job(request).to_owned();
            return first.lock().unwrap().take().unwrap();
        }
        match request.target.contains(&*named.lock().unwrap()) {
            true => json("200 OK", DONE),
            false => text("404 Not Found", "no such job"),
        }
    })
    .await
}

#[tokio::test]
async fn an_accepted_command_is_polled_by_the_job_id_it_was_sent_with() {
    let dashed = "01234567-89ab-cdef-0123-456789abcdef";
    for first in [
        json("202 Accepted", "{}"),
        json("202 Accepted", r#"{"apiTimeout":20000}"#),
        json("202 Accepted", r#"{"location":null}"#),
        json("202 Accepted", r#"{"location":"http://h/zstack/v1/api-jobs/.."}"#),
        json("202 Accepted", format!(r#"{{"location":"http://h/zstack/v1/api-jobs/{dashed}"}}"#)),
        json("202 Accepted", format!(r#"{{"location":"http://h/zstack/v1/tasks/{JOB}"}}"#)),
        text("202 Accepted", ""),
        text("202 Accepted", "accepted"),
        json("200 OK", r#"{"state":"Processing"}"#),
        json("200 OK", "{}"),
        text("200 OK", ""),
        html("200 OK"),
        json("201 Created", "{}"),
    ] {
        let node = node_that_knows_the_sent_id(first).await;
        assert_eq!(run(&node.client()).await.unwrap(), "hi");
        assert_eq!(node.commands(), 1);
    }
}

#[tokio::test]
async fn a_job_in_progress_is_no_success() {
    let processing = format!(r#"{{"uuid":"{JOB}","state":"Processing"}}"#);
    let again = processing.clone();
    let node = Node::start(move |request, count| match count {
        0 => json("200 OK", processing.clone()),
        1 => json("200 OK", again.clone()),
        _ => {
            assert!(request.target.ends_with(&format!("/api-jobs/{JOB}")), "{request:?}");
            let event = format!(r#"{{"org.zstack.X":{DONE}}}"#);
            let result = serde_json::Value::String(event);
            json("200 OK", format!(r#"{{"uuid":"{JOB}","state":"Done","result":{result}}}"#))
        }
    })
    .await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn stray_answers_to_a_poll_do_not_end_the_wait() {
    let strays: [fn() -> Answer; 10] = [
        || html("200 OK"),
        || html("503 Service Unavailable"),
        || text("200 OK", ""),
        || text("204 No Content", ""),
        || text("202 Accepted", ""),
        || json("200 OK", "{}"),
        || json("200 OK", r#"{"uuid":"x","state":"Processing"}"#),
        || text("404 Not Found", "no such job"),
        || text("408 Request Timeout", ""),
        || Answer::closed(),
    ];
    let mut cases = JoinSet::new();
    for (number, stray) in strays.into_iter().enumerate() {
        cases.spawn(async move {
            let node = Node::start(move |_, count| match count {
                0 => accepted(),
                1..5 => stray(),
                _ => json("200 OK", DONE),
            })
            .await;
            assert_eq!(run(&node.client()).await.unwrap(), "hi", "stray {number}");
            assert_eq!(node.commands(), 1);
        });
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

/// A result line as the wrapper script writes it.
fn captured(exit_code: i32) -> String {
    let nonce = "f".repeat(32);
    let line = format!("guestexec:{nonce}:{exit_code}:0:0:aGk=::{nonce}");
    json_text(&format!("standardStream: {line}, errorStream: "))
}

fn json_text(stream: &str) -> String {
    format!(r#"{{"stream":"{stream}"}}"#)
}

#[tokio::test]
async fn the_job_of_an_unfinished_run_is_kept_and_can_be_resumed() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    let node = Node::start(move |request, _| {
        if is_command(request) {
            let location = format!("http://n/zstack/v1/api-jobs/{JOB}");
            return json(
                "202 Accepted",
                format!(r#"{{"location":"{location}","apiTimeout":700}}"#),
            );
        }
        match seen.load(Ordering::SeqCst) {
            true => json("200 OK", captured(4)),
            false => json("202 Accepted", "{}"),
        }
    })
    .await;
    let client = node.client();
    let error = client.vm(VM).run("sleep 60; exit 4").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, true), "{error}");
    assert!(error.to_string().contains("`Unfinished::of`"), "{error}");
    let unfinished = Unfinished::of(&error).unwrap();
    assert_eq!((unfinished.job().expose(), unfinished.vm()), (JOB, Some(VM)));
    assert!(!format!("{error} {error:?} {unfinished}").contains(JOB));

    let still =
        client.job(unfinished.job()).wait_at_most(Duration::from_millis(300)).await.unwrap_err();
    assert_eq!(still.kind(), ErrorKind::Timeout, "{still}");
    assert_eq!(Unfinished::of(&still).unwrap().job().expose(), JOB);
    ended.store(true, Ordering::SeqCst);
    let result = client.job(unfinished.job()).wait_at_most(Duration::MAX).await.unwrap();
    assert_eq!((result.exit_code(), &*result.stdout), (Some(4), &b"hi"[..]));
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn any_length_of_wait_is_accepted() {
    let node = Node::start(|_, count| match count {
        0..3 => json("202 Accepted", "{}"),
        _ => json("200 OK", DONE),
    })
    .await;
    let client = node.client();
    let job = JobId::random().unwrap();
    for wait in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40)] {
        client.job(&job).wait_at_most(wait).unchecked().await.unwrap();
    }
    // Whether the answer arrives in no time is not certain; that the call ends is.
    let _ = client.job(&job).wait_at_most(Duration::ZERO).unchecked().await;
}

#[tokio::test]
async fn a_job_id_is_not_used_up_by_an_expired_session() {
    let logins = AtomicUsize::new(0);
    let node = Node::start(move |request, _| {
        if is_login(request) {
            return opened(&session(logins.fetch_add(1, Ordering::SeqCst)));
        }
        if is_check(request) {
            return valid(!request.target.contains(&session(0)));
        }
        match is_of(request, &session(1)) {
            true => json("200 OK", DONE),
            false => failed(ENDED),
        }
    })
    .await;
    let client = node.log_in().await;
    let job = JobId::parse(JOB).unwrap();
    client.vm(VM).run("df").job(job).unchecked().await.unwrap();
    assert_eq!((node.logins(), node.commands()), (2, 1));
}

#[tokio::test]
async fn an_expired_session_is_an_error_where_the_job_id_is_used_up() {
    // The check of the session fails, so the command finds it expired; the job id is not used again.
    let node = Node::start(|request, count| {
        if is_login(request) {
            return opened(&session(count));
        }
        match is_command(request) {
            true => failed(ENDED),
            false => html("502 Bad Gateway"),
        }
    })
    .await;
    let client = node.log_in().await;
    let job = JobId::parse(JOB).unwrap();
    let error = client.vm(VM).run("df").job(job).await.unwrap_err();
    assert_eq!((error.code(), error.may_have_run()), (Some("ID.1001"), false), "{error}");
    assert!(error.to_string().contains("another name"), "{error}");
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn a_duplicate_job_id_is_polled_if_the_client_made_it() {
    let duplicate = || text("400 Bad Request", "duplicate job uuid");
    // A proxy has sent the request twice.
    let node = node_that_knows_the_sent_id(duplicate()).await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 1);
    // Another command may have a job id that the caller chose.
    let node = Node::start(move |request, _| match is_command(request) {
        true => duplicate(),
        false => json("200 OK", DONE),
    })
    .await;
    let job = JobId::parse(JOB).unwrap();
    let error = node.client().vm(VM).run("df").job(job).await.unwrap_err();
    assert!(error.may_have_run() && error.to_string().contains("name"), "{error}");
    assert_eq!(Unfinished::of(&error).unwrap().job().expose(), JOB);
}

#[tokio::test]
async fn an_error_member_that_is_no_object_is_of_a_gateway() {
    let gateway = r#"{"timestamp":1,"status":504,"error":"Gateway Timeout"}"#;
    let node = node_that_knows_the_sent_id(json("504 Gateway Timeout", gateway)).await;
    assert_eq!(run(&node.client()).await.unwrap(), "hi");
    assert_eq!(node.commands(), 1);
}

#[tokio::test]
async fn a_started_command_has_the_job_under_which_the_node_has_accepted_it() {
    for names_it in [true, false] {
        let node = Node::start(move |request, _| {
            if is_command(request) {
                // Without a location, the id is that of the request.
                return if names_it { accepted() } else { json("202 Accepted", "{}") };
            }
            let is_known = !names_it || request.target.ends_with(JOB);
            if is_known { json("202 Accepted", "{}") } else { text("404 Not Found", "") }
        })
        .await;
        let client = node.client();
        let job = client.vm(VM).run("df").start().await.unwrap();
        assert_eq!(job.expose() == JOB, names_it);
        assert_eq!(node.commands(), 1);
    }
}

#[tokio::test]
async fn a_command_that_was_not_started_has_no_job() {
    let node = Node::start(|request, _| match is_command(request) {
        true => failed(r#"{"code":"SYS.1003","details":"vmInstance[uuid:x] not found"}"#),
        false => text("404 Not Found", ""),
    })
    .await;
    let error = node.client().vm(VM).run("df").start().await.unwrap_err();
    assert!(!error.may_have_run() && Unfinished::of(&error).is_none(), "{error}");
    // Nor is the id of another command taken for its own.
    let node = Node::start(|_, _| json("200 OK", DONE)).await;
    let client = node.client();
    let error = client.vm(VM).run("df").job(JobId::parse(JOB).unwrap()).start().await.unwrap_err();
    assert_eq!((error.kind(), node.commands()), (ErrorKind::InvalidRequest, 0), "{error}");
}
