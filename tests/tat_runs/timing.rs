//! Deadlines, pauses and numbers of calls, under a paused clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_core::ErrorKind;
use guestexec_tat::{
    CredentialSource, Credentials, Event, Lease, LeaseFuture, Outcome, ProvideCredentials, Retries,
    Unconfirmed, Unfinished,
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    BATCH, MANY,
    scripted::{Answer, Service, Ticking, ids},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn any_length_of_time_can_be_waited() {
    // The longest time that the clock can represent from now, and a second less or more.
    let longest = || {
        let (mut told, mut untold) = (0, u64::MAX);
        while untold - told > 1 {
            let middle = told + (untold - told) / 2;
            match Instant::now().checked_add(Duration::from_secs(middle)) {
                Some(_) => told = middle,
                None => untold = middle,
            }
        }
        Duration::from_secs(told)
    };
    let waits: [&dyn Fn() -> Duration; 5] =
        [&|| Duration::MAX, &longest, &|| longest() - SECOND, &|| longest() + SECOND, &|| {
            Duration::ZERO
        }];
    for wait in waits {
        let service = Service::plain().ends(|_, so_far| so_far > 20 * SECOND);
        let patience =
            service.builder().retries(Retries::new().patience(wait())).call_timeout(wait());
        let client = patience.build().unwrap();
        let run = client.instances(ids(2)).run("true").wait_at_most(wait());
        let running = run.start().await;
        if wait().is_zero() {
            assert_eq!(running.unwrap_err().kind(), ErrorKind::Timeout);
        } else {
            assert!(running.unwrap().await.unwrap().success());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn results_of_long_ago_are_still_read() {
    let service = Service::plain();
    let client = service.client();
    let run = client.instances(ids(300)).run("true").timeout(30 * SECOND);
    let running = run.start().await.unwrap();
    sleep(1000 * SECOND).await;
    assert!(running.await.unwrap().success());

    // Also by a caller that takes a minute over each.
    let run = client.instances(ids(300)).run("true").timeout(30 * SECOND);
    let mut events = run.start().await.unwrap().events();
    let mut finished = 0;
    while let Some(event) = events.next().await {
        assert!(matches!(event, Event::Finished(_)), "{event:?}");
        finished += 1;
        sleep(60 * SECOND).await;
    }
    assert_eq!(finished, 300);
}

#[tokio::test(start_paused = true)]
async fn the_last_poll_is_made_once_and_in_the_way_the_service_takes() {
    // With smaller pages, or by the other action.
    let small = Service::new(|action, request, _| {
        let large = action == "DescribeInvocationTasks" && request["Limit"].as_u64() > Some(60);
        large.then_some(Answer::Refuses("ResponseSizeLimitExceeded"))
    });
    let forbidden = Service::new(|action, _, _| {
        (action == "DescribeInvocations")
            .then_some(Answer::Refuses("UnauthorizedOperation.CamAuthFailed"))
    });
    for service in [small, forbidden] {
        let client = service.client();
        let run = client.instances(ids(300)).run("true").timeout(30 * SECOND);
        let running = run.start().await.unwrap();
        sleep(1000 * SECOND).await;
        assert!(running.await.unwrap().success());
    }

    // Instances that end meanwhile do not prolong it.
    let slow = |ends: Duration| {
        Service::new(|action, _, _| {
            action.starts_with("Describe").then_some(Answer::Late(SECOND / 5))
        })
        .ends(move |number, age| age > ends * number as u32)
    };
    let begin = Instant::now();
    let service = slow(Duration::from_millis(20));
    let run = service.client().instances(ids(1000)).run("true").wait_at_most(2 * SECOND).await;
    assert!(run.unwrap().results().iter().any(|result| result.failure().is_some()));
    assert!(begin.elapsed() < 3 * SECOND, "{:?}", begin.elapsed());

    // A caller that seldom polls gets everything all the same.
    let service = slow(Duration::ZERO);
    let client = service.client();
    let run = client.instances(ids(3)).run("true").wait_at_most(5 * SECOND);
    let mut events = run.start().await.unwrap().events();
    let mut finished = 0;
    loop {
        sleep(60 * SECOND).await;
        match timeout(SECOND / 10, events.next()).await {
            Ok(Some(event)) => {
                assert!(matches!(event, Event::Finished(_)), "{event:?}");
                finished += 1;
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert_eq!(finished, 3);
}

#[tokio::test(start_paused = true)]
async fn polls_keep_to_a_wait_that_is_longer_than_the_patience_of_a_call() {
    for action in ["DescribeInvocations", "DescribeInvocationTasks"] {
        let service = Service::new(move |asked, _, before| {
            (asked == action && before == 0).then_some(Answer::Asks(90))
        });
        let begin = Instant::now();
        let client = service.client();
        let run = client.instances(ids(3)).run("true").timeout(300 * SECOND);
        assert!(run.await.unwrap().success(), "{action}");
        let waited = begin.elapsed();
        assert!(waited >= 90 * SECOND && waited < 100 * SECOND, "{action}: {waited:?}");
        assert_eq!(service.count(action), 2, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_after_the_deadline() {
    let service = Service::plain();
    let client = service.builder().rate_of("RunCommand", 1).build().unwrap();
    let run = client.instances(ids(2400)).run("true").wait_at_most(SECOND / 2);
    let running = run.start().await.unwrap();
    let started = service.count("RunCommand");
    assert!(started < 4, "{started}");
    let cancelled = running.cancel().await.unwrap();
    sleep(100 * SECOND).await;
    assert_eq!((service.count("RunCommand"), cancelled.results().len()), (started, 2400));
    let unmade = &cancelled.results()[2399];
    let error = &unmade.failure().unwrap().error;
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false));
    assert_eq!(cancelled.results()[0].outcome(), Outcome::Exited(0));

    let error = client
        .instances(ids(1))
        .run("true")
        .wait_at_most(Duration::ZERO)
        .start()
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false), "{error}");
    assert_eq!(service.count("RunCommand"), started);

    // Nor if nobody polled when it passed.
    let service = Service::new(|action, _, before| {
        (action == "RunCommand" && before == 0).then_some(Answer::Refuses("RequestLimitExceeded"))
    });
    let client = service.client();
    let mut run = client.instances(ids(1)).run("true").wait_at_most(2 * SECOND).into_future();
    assert!(timeout(SECOND / 20, &mut run).await.is_err());
    sleep(100 * SECOND).await;
    let error = run.await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false), "{error}");
    assert_eq!(service.count("RunCommand"), 1);
}

/// A source that never returns credentials.
#[derive(Debug)]
struct Never;

impl ProvideCredentials<Credentials> for Never {
    fn provide(&self) -> LeaseFuture<'_> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_every_wait_before_the_start() {
    let throttled = Service::new(|action, _, _| {
        (action == "RunCommand").then_some(Answer::Refuses("RequestLimitExceeded"))
    });
    let begin = Instant::now();
    let run = throttled.client().instances(ids(1)).run("true").wait_at_most(2 * SECOND).await;
    let error = run.unwrap_err();
    assert!(!error.may_have_run() && begin.elapsed() < 3 * SECOND, "{error} {:?}", begin.elapsed());

    let service = Service::plain();
    let hanging = service.builder().credentials(CredentialSource::new(Never)).build().unwrap();
    let run = hanging.instances(ids(1)).run("true").wait_at_most(2 * SECOND).into_future();
    let error = timeout(3 * SECOND, run).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Timeout, false), "{error}");
    // Every other call ends as well, all by one attempt to get credentials.
    let calls = (0..20).map(|_| hanging.describe_regions().send());
    let ends = timeout(100 * SECOND, futures_util::future::join_all(calls)).await.unwrap();
    assert!(ends.into_iter().all(|end| end.unwrap_err().kind() == ErrorKind::Credentials));

    // A request that has left may start the command, so its answer is waited for.
    let slow =
        Service::new(|action, _, _| (action == "RunCommand").then_some(Answer::Late(20 * SECOND)));
    let run = slow.client().instances(ids(1)).run("true").wait_at_most(2 * SECOND).await;
    assert!(run.unwrap().success());
}

#[tokio::test(start_paused = true)]
async fn unfinished_invocations_can_be_followed_later() {
    let service = Service::plain().ends(|_, age| age > 60 * SECOND);
    let client = service.client();
    let run = client.instances(ids(5 * BATCH)).run("true").wait_at_most(5 * SECOND).await;
    let error = run.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let mut invocations = Unfinished::of(&error).unwrap().invocations().to_vec();
    invocations.sort();
    assert_eq!(invocations, ["inv-0", "inv-1", "inv-2", "inv-3", "inv-4"]);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.ends_with("and 4 more were started"), "{source}");
    for invocation in invocations {
        let finished = client.invocation(invocation).await.unwrap().await.unwrap();
        assert!(finished.success() && finished.results().len() == BATCH);
    }
}

#[tokio::test(start_paused = true)]
async fn instances_that_end_one_after_another_do_not_take_a_call_each() {
    // One ends each second, or each three seconds, or twenty each second.
    for (count, gap) in [(200, 1000), (200, 3000), (2_000, 50)] {
        let gap = Duration::from_millis(gap);
        let service = Service::plain().ends(move |number, age| age > gap * number as u32);
        let client = service.client();
        let run = client.instances(ids(count)).run("true").timeout(3600 * SECOND);
        let begin = Instant::now();
        assert!(run.await.unwrap().success());
        let last = gap * count as u32;
        assert!(begin.elapsed() < last + last / 10 + SECOND, "{:?}", begin.elapsed());
        let calls = client.counts().requests;
        // A poll each five seconds in the end, and a page for each poll.
        let polls = 100 + last.as_secs() / 5;
        let most = polls * 2 + (count / 50) as u64 + polls * (count / 4000) as u64;
        println!("{count} instances, one ends each {gap:?}: {calls} calls, {most} at most");
        assert!(calls < most, "{calls} calls, {most} at most");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_are_too_large_lose_no_results() {
    let service = Service::new(|action, request, _| {
        let large = action == "DescribeInvocationTasks" && request["Limit"].as_u64() > Some(60);
        large.then_some(Answer::Refuses("ResponseSizeLimitExceeded"))
    });
    let service = service.ends(|_, age| age > 10 * SECOND);
    let finished = service.client().instances(ids(10_000)).run("true").await.unwrap();
    assert!(finished.success() && finished.results().len() == 10_000);
    let fetches = service.count("DescribeInvocationTasks");
    assert!(fetches < 300, "{fetches} for 200 pages of 50");
}

#[tokio::test(start_paused = true)]
async fn one_invocation_that_cannot_be_polled_ends_no_other() {
    let service = Service::new(|action, request, _| {
        let mut asked = request["InvocationIds"].as_array().into_iter().flatten();
        let bad =
            action == "DescribeInvocations" && asked.any(|id| id == "inv-7" || id == "inv-27");
        bad.then_some(Answer::Refuses("InvalidParameterValue"))
    });
    // Those polled together with it end soon, the others late.
    let service =
        service.ends(|number, age| age > if number >= 10 * BATCH { 1000 * SECOND } else { SECOND });
    let client = service.client();
    let run = client.instances(ids(20 * BATCH)).run("true").timeout(2000 * SECOND);
    let mut events = run.start().await.unwrap().events();
    let begin = Instant::now();
    for _ in 0..9 * BATCH {
        while !matches!(events.next().await.unwrap(), Event::Finished(_)) {}
    }
    assert!(begin.elapsed() < 30 * SECOND, "{:?}", begin.elapsed());
    drop(events);
    let client = service.client();
    let finished =
        client.instances(ids(20 * BATCH)).run("true").timeout(2000 * SECOND).await.unwrap();
    let (known, lost): (Vec<_>, Vec<_>) =
        finished.results().iter().partition(|result| result.failure().is_none());
    assert_eq!((known.len(), lost.len()), (19 * BATCH, BATCH));
    let [failure] = &finished.failures().collect::<Vec<_>>()[..] else { panic!("{finished:?}") };
    assert_eq!(failure.error.code(), Some("InvalidParameterValue"));
    assert_eq!(failure.invocation_id.as_deref(), Some("inv-27"));
    assert!(failure.error.may_have_run());
    assert!(client.counts().requests < 900, "{:?}", client.counts());
}

#[tokio::test(start_paused = true)]
async fn one_slow_instance_does_not_multiply_polls() {
    // Not listed at first; then one of each two hundred takes two minutes.
    let service = Service::new(|action, _, before| {
        (action == "DescribeInvocations" && before < 3)
            .then_some(Answer::Refuses("InvalidParameterValue.InvalidInvocationId"))
    });
    let service =
        service.ends(|number, age| age > if number % 200 == 0 { 120 * SECOND } else { SECOND });
    let client = service.client();
    let run = client.instances(ids(10_000)).run("true").timeout(300 * SECOND);
    assert!(run.await.unwrap().success());
    let (polls, fetches) =
        (service.count("DescribeInvocations"), service.count("DescribeInvocationTasks"));
    assert!(polls < 350 && fetches < 200, "{polls} polls, {fetches} fetches");
}

#[tokio::test(start_paused = true)]
async fn without_permission_to_list_invocations_tasks_are_listed_and_each_output_fetched_once() {
    let service = Service::new(|action, _, _| {
        (action == "DescribeInvocations")
            .then_some(Answer::Refuses("UnauthorizedOperation.CamAuthFailed"))
    });
    let service = service.ends(|number, age| age > SECOND * (number as u32 / 50));
    let client = service.client();
    let finished = client.instances(ids(MANY)).run("true").await.unwrap();
    assert!(finished.success() && finished.results().len() == MANY);
    let requests = service.requests("DescribeInvocationTasks");
    let outputs: usize = requests
        .iter()
        .filter(|request| request["HideOutput"] == false)
        .map(|request| request["InvocationTaskIds"].as_array().unwrap().len())
        .sum();
    assert_eq!(outputs, MANY);
    let has_pages = requests.iter().any(|request| request["Offset"] == 100);
    assert_eq!(has_pages, BATCH > 100, "a page has a hundred tasks");
    // The same for an invocation of another program.
    let finished = client.invocation("inv-0").await.unwrap().await.unwrap();
    assert_eq!((finished.results().len(), finished.success()), (BATCH, true));

    // And if a hundred scripts are too long for an answer.
    let service = Service::new(|action, request, _| match action {
        "DescribeInvocations" => Some(Answer::Refuses("UnauthorizedOperation.CamAuthFailed")),
        _ if request["Limit"].as_u64() > Some(60) => {
            Some(Answer::Refuses("ResponseSizeLimitExceeded"))
        }
        _ => None,
    });
    let client = service.client();
    let finished = client.instances(ids(MANY)).run("true").await.unwrap();
    assert!(finished.success() && finished.results().len() == MANY);
    let finished = client.invocation("inv-0").await.unwrap().await.unwrap();
    assert_eq!((finished.results().len(), finished.success()), (BATCH, true));
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_lists_its_instances_late() {
    let late = |action: &str, before| {
        let empty = json!({ "InvocationId": "inv-0", "InvocationTaskBasicInfoSet": [] });
        match action {
            "DescribeInvocations" if before < 3 => {
                Some(Answer::Says(json!({ "TotalCount": 1, "InvocationSet": [empty] })))
            }
            "DescribeInvocationTasks" if before < 2 => Some(Answer::Says(json!({}))),
            _ => None,
        }
    };
    let service = Service::new(move |action, _, before| late(action, before));
    let client = service.client();
    client.run_command("x", ids(3)).send().await.unwrap();
    let finished = client.invocation("inv-0").await.unwrap().await.unwrap();
    assert_eq!((finished.results().len(), finished.success()), (3, true));

    // If it never does, that is an error.
    let service = Service::new(move |action, _, _| late(action, 0));
    let error = service.client().invocation("inv-0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test(start_paused = true)]
async fn cancelling_survives_a_lost_answer_and_reports_refusals() {
    let service = Service::new(|action, _, before| {
        (action == "CancelInvocation" && before == 0).then_some(Answer::Fails)
    });
    let service = service.ends(|_, age| age > 20 * SECOND);
    let client = service.client();
    let running = client.instances(ids(1)).run("true").start().await.unwrap();
    let cancelled = running.cancel().await.unwrap();
    assert_eq!((cancelled.results().len(), cancelled.refused().count()), (1, 0));
    assert_eq!(service.count("CancelInvocation"), 2);

    let refuse = |which: fn(&str) -> bool| {
        Service::new(move |action, request, _| {
            let id = request["InvocationId"].as_str().unwrap_or_default();
            (action == "CancelInvocation" && which(id)).then_some(Answer::Refuses("LimitExceeded"))
        })
    };
    let service = refuse(|id| id == "inv-1").ends(|_, age| age > 20 * SECOND);
    let running = service.client().instances(ids(3 * BATCH)).run("true").start().await.unwrap();
    let cancelled = running.cancel().await.unwrap();
    let [(invocation, error)] = &cancelled.refused().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!((*invocation, error.code()), ("inv-1", Some("LimitExceeded")));
    assert_eq!(cancelled.results().len(), 3 * BATCH);

    // If all are refused, the command runs on, and its ids are in the error.
    let service = refuse(|_| true).ends(|_, age| age > 20 * SECOND);
    let running = service.client().instances(ids(3 * BATCH)).run("true").start().await.unwrap();
    let error = running.cancel().await.unwrap_err();
    assert_eq!(error.code(), Some("LimitExceeded"), "{error}");
    assert_eq!(Unfinished::of(&error).unwrap().invocations().len(), 3);
    // Results are kept all the same, and so is what may have started.
    let service = Service::new(|action, _, before| match action {
        "RunCommand" if before == 1 => Some(Answer::Fails),
        "CancelInvocation" => Some(Answer::Refuses("LimitExceeded")),
        _ => None,
    });
    let running = service.client().instances(ids(2 * BATCH)).run("true").start().await.unwrap();
    let cancelled = running.cancel().await.unwrap();
    let (known, open): (Vec<_>, Vec<_>) =
        cancelled.results().iter().partition(|result| result.failure().is_none());
    assert_eq!((known.len(), open.len(), cancelled.refused().count()), (BATCH, BATCH, 1));
    assert!(Unconfirmed::of(&open[0].failure().unwrap().error).is_some());
    // If the command is over, there are results and no error.
    let service = refuse(|_| true);
    let running = service.client().instances(ids(3 * BATCH)).run("true").start().await.unwrap();
    assert_eq!(running.cancel().await.unwrap().results().len(), 3 * BATCH);
}

#[tokio::test(start_paused = true)]
async fn the_command_id_is_that_of_the_saved_command() {
    let service = Service::new(|_, request, _| {
        (request["SaveCommand"] == true).then_some(Answer::Late(SECOND / 4))
    });
    let run = service.client().instances(ids(500)).run("true").save().await.unwrap();
    assert_eq!(service.requests("RunCommand")[0]["SaveCommand"], true);
    assert_eq!(run.command_id(), Some("cmd-0"));

    // If the call that was to save it is refused, nothing was saved.
    let service = Service::new(|_, request, _| {
        (request["SaveCommand"] == true).then_some(Answer::Refuses("ResourceInsufficient"))
    });
    let run = service.client().instances(ids(500)).run("true").save().await.unwrap();
    assert_eq!((run.command_id(), run.failures().count()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_started_under_a_corrected_clock_is_found() {
    // For the service it is 1994, for this machine an hour later.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let sent = Arc::new(std::sync::Mutex::new(json!(null)));
    let script = sent.clone();
    let service = Service::new(move |action, request, before| match (action, before) {
        ("RunCommand", 0) => Some(Answer::Refuses("AuthFailure.SignatureExpire")),
        ("RunCommand", _) => {
            *script.lock().unwrap() = request["Content"].clone();
            Some(Answer::Fails)
        }
        ("DescribeInvocationTasks", _) => Some(Answer::Says(json!({
            "TotalCount": 1,
            "InvocationTaskSet": [{
                "InvocationId": "inv-0", "InstanceId": "ins-0",
                "CreatedTime": "1994-11-06T08:49:38Z",
                "CommandDocument": { "Content": *script.lock().unwrap() },
            }],
        }))),
        _ => None,
    })
    .dated("Sun, 06 Nov 1994 08:49:37 GMT");
    let client =
        service.builder().clock(Ticking::from(now + Duration::from_secs(3600))).build().unwrap();
    let error = client.instances(ids(1)).run("uptime").await.unwrap_err();
    assert!(error.may_have_run(), "{error}");
    let unconfirmed = Unconfirmed::of(&error).unwrap();
    let (from, to) = unconfirmed.calls()[0].window();
    assert!(now - 5 * SECOND <= from && from <= to && to <= now + 5 * SECOND, "{unconfirmed}");
    let found = client.find_unconfirmed(unconfirmed).await.unwrap();
    assert!(found.len() == 1 && found[0].certain, "{found:?}");
}

/// Leases of some length; after the first, failures if `fails`.
#[derive(Clone, Debug)]
struct Leases {
    clock: Arc<Ticking>,
    lasts: Duration,
    fetched: Arc<AtomicUsize>,
    fails: bool,
}

impl ProvideCredentials<Credentials> for Leases {
    fn provide(&self) -> LeaseFuture<'_> {
        use guestexec_core::Clock as _;
        let before = self.fetched.fetch_add(1, Ordering::SeqCst);
        let expires = self.clock.now() + self.lasts;
        Box::pin(async move {
            sleep(SECOND / 20).await;
            match before > 0 && self.fails {
                true => Err(guestexec_tat::Error::new(ErrorKind::Credentials, "sealed")),
                false => Ok(Lease::until(Credentials::new("AKIDexample", "secret"), expires)),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn leases_are_renewed_five_minutes_early_by_one_call() {
    let clock = Arc::new(Ticking::from(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)));
    let leases = |lasts, fails| Leases {
        clock: clock.clone(),
        lasts: lasts * SECOND,
        fetched: Arc::default(),
        fails,
    };
    let client = |leases: &Leases| {
        let begin = guestexec_core::Clock::now(&*clock);
        let builder = Service::plain().builder().rate(None).clock(Ticking::from(begin));
        builder.credentials(CredentialSource::new(leases.clone())).build().unwrap()
    };
    let twenty = |client: guestexec_tat::Client| async move {
        let calls = (0..20).map(|_| client.describe_regions().send());
        futures_util::future::join_all(calls).await.into_iter().all(|answer| answer.is_ok())
    };
    let source = leases(3600, false);
    let on = client(&source);
    let mut fetches = Vec::new();
    for _ in 0..5 {
        assert!(twenty(on.clone()).await);
        fetches.push(source.fetched.load(Ordering::SeqCst));
        sleep(1650 * SECOND).await;
    }
    // Each is used for 55 minutes.
    assert_eq!(fetches, [1, 1, 2, 2, 3]);

    // Short leases are renewed as well, when a quarter of their time is left.
    let source = leases(240, false);
    let on = client(&source);
    for _ in 0..29 {
        assert!(twenty(on.clone()).await);
        sleep(20 * SECOND).await;
    }
    assert_eq!(source.fetched.load(Ordering::SeqCst), 4);

    // A renewal that fails fails no call before the lease ends, and is retried each 20 s.
    let source = leases(240, true);
    let on = client(&source);
    for _ in 0..11 {
        assert!(twenty(on.clone()).await);
        sleep(20 * SECOND).await;
    }
    assert_eq!(source.fetched.load(Ordering::SeqCst), 3);
    sleep(20 * SECOND).await;
    assert!(!twenty(on).await);
}
