use std::time::Duration;

use reqwest::{Request, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{Operation, Secrets, TransportError};

const READS: Operation =
    Operation { repeatable: true, ..Operation::undocumented("Read", "GET", "/") };
const LOGS_IN: Operation = Operation::undocumented("LogIn", "PUT", "/");
const STARTS: Operation =
    Operation { starts_command: true, ..Operation::undocumented("Run", "POST", "/") };
/// A document that is wrong about a command.
const STARTS_REPEATABLY: Operation = Operation { repeatable: true, ..STARTS };

const SECOND: Duration = Duration::from_secs(1);

fn failed(kind: ErrorKind) -> Verdict {
    let no_effect = matches!(kind, ErrorKind::Connect | ErrorKind::Throttled);
    Verdict::Failed { kind, no_effect }
}

fn request() -> Request {
    Request::new(reqwest::Method::GET, "http://127.0.0.1/".parse().unwrap())
}

/// How many attempts a call makes whose attempts all end with `verdict`, and how long it takes.
async fn attempts(
    retrying: &Retrying,
    operation: &'static Operation,
    verdict: Verdict,
    asked: Option<Duration>,
) -> (u32, Duration) {
    let begin = Instant::now();
    let mut attempts = Attempts::new(retrying, operation, None, None);
    loop {
        attempts.begin(&request());
        let seen = Seen { retry_after: asked, ..Seen::default() };
        if !attempts.again(verdict, seen, &Secrets::default).await {
            return (attempts.made(), begin.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_retried_follows_from_kind_and_operation() {
    use ErrorKind::{Connect, Lost, NotFound, Refused, Timeout, TooLarge, Unavailable};
    for (operation, retried) in [
        (&READS, &[Connect, Lost, Timeout, Unavailable][..]),
        (&LOGS_IN, &[Connect]),
        (&STARTS, &[Connect]),
        (&STARTS_REPEATABLY, &[Connect]),
    ] {
        for kind in [Connect, Lost, Timeout, Unavailable, Refused, NotFound, TooLarge] {
            let retrying = Retrying::new(Retries::new());
            let (made, _) = attempts(&retrying, operation, failed(kind), None).await;
            assert_eq!(made, if retried.contains(&kind) { 4 } else { 1 }, "{operation:?} {kind:?}");
            let counts = retrying.counts();
            assert_eq!((counts.requests, counts.retried), (made.into(), (made - 1).into()));
        }
        // Too many requests are waited out, for as long as the patience lasts.
        let retrying = Retrying::new(Retries::new());
        let (made, took) = attempts(&retrying, operation, failed(ErrorKind::Throttled), None).await;
        assert!(made > 10 && took <= 60 * SECOND && took > 50 * SECOND, "{made} {took:?}");
        assert_eq!(retrying.counts().throttled, u64::from(made));
    }
}

/// Only these two kinds let a command be sent again, whatever else a provider reads from an answer.
#[tokio::test(start_paused = true)]
async fn an_answer_that_proves_nothing_started_is_not_enough() {
    let verdict = Verdict::Failed { kind: ErrorKind::Unavailable, no_effect: true };
    let retrying = Retrying::new(Retries::new());
    assert_eq!(attempts(&retrying, &STARTS, verdict, None).await.0, 1);
    for kind in [ErrorKind::Connect, ErrorKind::Throttled] {
        let doubtful = Verdict::Failed { kind, no_effect: false };
        assert_eq!(attempts(&retrying, &STARTS, doubtful, None).await.0, 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn none_is_none_and_a_kind_that_is_left_out_is_not_retried() {
    let kinds = [ErrorKind::Connect, ErrorKind::Throttled, ErrorKind::Lost];
    for retries in [Retries::none(), 0.into(), Retries::new().kinds([]), Retries::new().count(0)] {
        for kind in kinds {
            let retrying = Retrying::new(retries.clone());
            assert_eq!(attempts(&retrying, &READS, failed(kind), None).await.0, 1, "{kind:?}");
        }
    }
    let chosen = Retrying::new(Retries::from(2).kinds([ErrorKind::Lost, ErrorKind::Refused]));
    assert_eq!(attempts(&chosen, &READS, failed(ErrorKind::Lost), None).await.0, 3);
    assert_eq!(attempts(&chosen, &READS, failed(ErrorKind::Connect), None).await.0, 1);
    assert_eq!(attempts(&chosen, &READS, failed(ErrorKind::Refused), None).await.0, 1);
    // An attempt whose cause the client has corrected is no failure.
    let mut corrected = Attempts::new(&chosen, &STARTS, Some(0), None);
    corrected.begin(&request());
    assert!(corrected.again(Verdict::Corrected, Seen::default(), &Secrets::default).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_own_number_of_retries() {
    for (own, made) in [(Some(1), 2), (Some(0), 1), (None, 4)] {
        let retrying = Retrying::new(Retries::new());
        let mut attempts = Attempts::new(&retrying, &READS, own, None);
        loop {
            attempts.begin(&request());
            if !attempts.again(failed(ErrorKind::Lost), Seen::default(), &Secrets::default).await {
                break;
            }
        }
        assert_eq!(attempts.made(), made, "{own:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_gets_the_pause_that_it_asks_for_up_to_the_patience() {
    let retrying = || Retrying::new(Retries::from(2).patience(10 * SECOND));
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled] {
        let (made, took) = attempts(&retrying(), &READS, failed(kind), Some(4 * SECOND)).await;
        assert_eq!((made, took), (3, 8 * SECOND), "{kind:?}");
        let (made, took) = attempts(&retrying(), &READS, failed(kind), Some(11 * SECOND)).await;
        assert_eq!((made, took), (1, Duration::ZERO), "{kind:?}");
    }
    let impatient = Retrying::new(Retries::new().patience(Duration::ZERO));
    let throttled = failed(ErrorKind::Throttled);
    assert_eq!(attempts(&impatient, &READS, throttled, None).await.0, 1);
    let (made, _) = attempts(&impatient, &READS, failed(ErrorKind::Unavailable), None).await;
    assert_eq!(made, 4);
}

/// An answer that comes after the deadline says less than that of a service that is busy.
#[tokio::test(start_paused = true)]
async fn no_busy_service_is_asked_again_that_would_answer_too_late() {
    for (answers_after, made) in [(SECOND / 2, 2), (SECOND, 1)] {
        let retrying = Retrying::new(Retries::new().pauses(SECOND / 5, SECOND / 5));
        let deadline = Instant::now() + SECOND * 3 / 2;
        let mut attempts = Attempts::new(&retrying, &STARTS, None, Some(deadline));
        loop {
            attempts.begin(&request());
            sleep(answers_after).await;
            let verdict = failed(ErrorKind::Throttled);
            if !attempts.again(verdict, Seen::default(), &Secrets::default).await {
                break;
            }
        }
        assert_eq!(attempts.made(), made, "{answers_after:?}");
        assert!(Instant::now() < deadline);
    }
}

#[tokio::test(start_paused = true)]
async fn no_pause_goes_beyond_the_limit_or_the_callers_deadline() {
    let limited = Retrying::new(Retries::from(9).total_timeout(10 * SECOND));
    let (made, took) = attempts(&limited, &READS, failed(ErrorKind::Lost), Some(4 * SECOND)).await;
    assert_eq!((made, took), (3, 8 * SECOND));
    let (made, took) =
        attempts(&limited, &READS, failed(ErrorKind::Throttled), Some(6 * SECOND)).await;
    assert_eq!((made, took), (2, 6 * SECOND));

    let retrying = Retrying::new(Retries::from(9));
    let deadline = Some(Instant::now() + 3 * SECOND);
    let mut attempts = Attempts::new(&retrying, &READS, None, deadline);
    attempts.begin(&request());
    let seen = Seen { retry_after: Some(2 * SECOND), ..Seen::default() };
    assert!(attempts.again(failed(ErrorKind::Lost), seen, &Secrets::default).await);
    attempts.begin(&request());
    assert!(!attempts.again(failed(ErrorKind::Lost), seen, &Secrets::default).await);
    assert!(deadline > Some(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_the_limit() {
    let limited = Retrying::new(Retries::new().total_timeout(5 * SECOND));
    let attempts = Attempts::new(&limited, &READS, None, None);
    let begin = Instant::now();
    let hung = within(attempts.limit(), std::future::pending::<Result<(), TransportError>>()).await;
    assert!(hung.unwrap_err().is_timeout());
    assert_eq!(begin.elapsed(), 5 * SECOND);
    // A limit that no clock can represent is none.
    let endless = Retrying::new(Retries::new().total_timeout(Duration::MAX));
    assert_eq!(Attempts::new(&endless, &READS, None, None).limit(), None);
}

/// A service that is down gets little more than one attempt for each call.
#[tokio::test(start_paused = true)]
async fn the_store_of_retries_runs_dry_and_successes_fill_it() {
    let retrying = Retrying::new(Retries::new().budget(7));
    let lost = failed(ErrorKind::Lost);
    for made in [4, 4, 2, 1, 1] {
        assert_eq!(attempts(&retrying, &READS, lost, None).await.0, made);
    }
    // Throttled calls take none.
    assert!(attempts(&retrying, &READS, failed(ErrorKind::Throttled), None).await.0 > 1);
    for _ in 0..4 {
        assert_eq!(attempts(&retrying, &READS, Verdict::Final, None).await.0, 1);
    }
    assert_eq!(attempts(&retrying, &READS, lost, None).await.0, 1);
    for _ in 0..7 {
        attempts(&retrying, &READS, Verdict::Final, None).await;
    }
    assert_eq!(attempts(&retrying, &READS, lost, None).await.0, 3, "eleven successes pay for two");
    // It never holds more than at the beginning.
    for _ in 0..1000 {
        attempts(&retrying, &READS, Verdict::Final, None).await;
    }
    let made = [4, 4, 2, 1];
    for made in made {
        assert_eq!(attempts(&retrying, &READS, lost, None).await.0, made);
    }
    let unlimited = Retrying::new(Retries::new().budget(None));
    for _ in 0..200 {
        assert_eq!(attempts(&unlimited, &READS, lost, None).await.0, 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_a_pause_is_not_counted_as_retried() {
    let retrying = Retrying::new(Retries::new());
    let mut attempts = Attempts::new(&retrying, &READS, None, None);
    attempts.begin(&request());
    let seen = Seen { retry_after: Some(30 * SECOND), ..Seen::default() };
    let pause = attempts.again(failed(ErrorKind::Unavailable), seen, &Secrets::default);
    assert!(timeout(SECOND, pause).await.is_err());
    sleep(60 * SECOND).await;
    let counts = retrying.counts();
    assert_eq!((counts.requests, counts.retried), (1, 0));
}

#[test]
fn verdicts() {
    let of_status = |status| Verdict::of_status(StatusCode::from_u16(status).unwrap());
    for (status, kind) in [
        (408, ErrorKind::Timeout),
        (425, ErrorKind::Unavailable),
        (499, ErrorKind::Lost),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (504, ErrorKind::Unavailable),
    ] {
        assert_eq!(of_status(status), failed(kind), "{status}");
    }
    for status in [101, 200, 202, 301, 400, 401, 403, 404, 409, 501, 505, 520] {
        assert_eq!(of_status(status), Verdict::Final, "{status}");
    }
    for (error, verdict) in [
        (TransportError::not_sent("no route"), failed(ErrorKind::Connect)),
        (TransportError::lost("reset"), failed(ErrorKind::Lost)),
        (TransportError::timed_out(), failed(ErrorKind::Timeout)),
        (TransportError::setup("no TLS".to_owned()), Verdict::Final),
    ] {
        assert_eq!(Verdict::of_error(&error), verdict, "{error}");
    }
}

#[test]
fn pauses_double_within_their_bounds() {
    let retries = Retries::new().pauses(SECOND, 10 * SECOND);
    for (number, doubled) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (u32::MAX, 10)] {
        let pause = retries.pause(number);
        assert!(pause <= doubled * SECOND && pause >= doubled * SECOND / 2, "{number}: {pause:?}");
    }
    // The first is no longer than the longest.
    assert!(Retries::new().pauses(SECOND, SECOND / 4).pause(1) <= SECOND / 4);
    assert_eq!(Retries::new().pauses(Duration::ZERO, SECOND).pause(9), Duration::ZERO);
    let longest = Retries::new().pauses(Duration::MAX, Duration::MAX);
    assert!(longest.pause(u32::MAX) <= DAY);
}

#[test]
fn pauses_differ_from_caller_to_caller() {
    let retries = Retries::new();
    assert_ne!(retries.pause(3), retries.pause(3));
}
