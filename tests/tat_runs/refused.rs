//! Instances that the service refuses are reported by name, and the command runs on the others.

use std::collections::HashMap;

use guestexec_core::ErrorKind;
use guestexec_tat::{Event, Finished, Outcome};
use serde_json::Value;

use crate::{
    client,
    scripted::{Answer, Service, ids},
    unhurried,
};

const OFFLINE: &str = "ResourceUnavailable.AgentStatusNotOnline";

/// A service that refuses each call with one of these instances.
fn refusing(code: &'static str, bad: &[&str]) -> Service {
    let bad: Vec<String> = bad.iter().map(|id| (*id).to_owned()).collect();
    Service::new(move |action, request, _| {
        let has_bad = instances(request).iter().any(|id| bad.contains(id));
        (action == "RunCommand" && has_bad).then_some(Answer::Refuses(code))
    })
}

fn instances(request: &Value) -> Vec<String> {
    let ids = request["InstanceIds"].as_array().into_iter().flatten();
    ids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The instances whose command was refused, after checks of their results.
fn refused<'a>(finished: &'a Finished, code: &str) -> Vec<&'a str> {
    let of_outcome = finished.results().iter().filter(|it| it.outcome() == Outcome::Refused);
    let refused: Vec<_> = of_outcome.collect();
    for result in &refused {
        let failure = result.failure().unwrap();
        assert_eq!(failure.error.code(), Some(code), "{failure}");
        assert!(!failure.error.may_have_run() && failure.invocation_id.is_none(), "{failure}");
        assert!(failure.instances.iter().any(|id| id == result.instance_id()), "{failure}");
        assert!(result.to_string().contains("was not started, as the service refused it"));
    }
    refused.into_iter().map(|result| result.instance_id()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_offline_and_one_unknown_instance_among_52_keep_nothing_from_the_other_50() {
    let sandbox = unhurried(50).await;
    let client = client(&sandbox);
    let mut ids = sandbox.tat().instances();
    ids.insert(7, "ins-00000000".to_owned());
    ids.push(sandbox.tat().offline_instance().to_owned());
    let finished = client.instances(&ids).run("echo hi").await.unwrap();
    let order: Vec<&str> = finished.results().iter().map(|result| result.instance_id()).collect();
    assert_eq!(order, ids);
    assert!(!finished.success());
    for (position, result) in finished.results().iter().enumerate() {
        let code = match position {
            7 => "ResourceNotFound.InstanceNotFound",
            51 => OFFLINE,
            _ => {
                assert_eq!((result.output_lossy().as_ref(), result.success()), ("hi\n", true));
                continue;
            }
        };
        assert_eq!(result.outcome(), Outcome::Refused, "{result}");
        let error = &result.failure().unwrap().error;
        assert_eq!((error.code(), error.may_have_run()), (Some(code), false), "{error}");
        assert!(error.detail().is_some() && error.operation() == Some("RunCommand"));
        assert!(!result.to_string().contains("InstanceIds[0]"), "{result}");
    }
    let tat = sandbox.tat();
    let started: usize = tat.invocations().iter().map(|id| tat.executions(id)).sum();
    assert_eq!(started, 50, "once on each");
    assert_eq!(finished.invocations().len(), 1, "the agents were asked who can");

    // Without results for them.
    let finished = client.instances(&ids).run("true").skip_unreachable().await.unwrap();
    assert!(finished.success() && finished.results().len() == 50);
    assert_eq!(finished.failures().count(), 0);
    let running = client.instances(&ids).run("true").skip_unreachable().start().await.unwrap();
    let mut events = running.events();
    let mut over = 0;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Failed(_)), "{event:?}");
        over += usize::from(matches!(event, Event::Finished(_)));
    }
    assert_eq!(over, 50);
}

#[tokio::test]
async fn what_runs_nowhere_is_an_error_that_names_the_instances() {
    let sandbox = unhurried(1).await;
    let client = client(&sandbox);
    let offline = sandbox.tat().offline_instance().to_owned();
    let ids = [&*offline, "ins-00000001", "ins-00000002"];
    for skip in [false, true] {
        let run = || {
            let run = client.instances(ids).run("true");
            if skip { run.skip_unreachable() } else { run }
        };
        for error in [run().await.unwrap_err(), run().start().await.unwrap_err()] {
            assert!(!error.may_have_run(), "{error}");
            for id in ids {
                assert!(error.to_string().contains(id), "{error}");
            }
        }
    }
    let windows = client.instances(sandbox.tat().instances()).run("Get-Date").powershell();
    let error = windows.await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue.AgentUnsupportedCommandType"), "{error}");
    assert!(sandbox.tat().invocations().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_the_agents_states_halves_are_tried_and_nothing_runs_twice() {
    for code in [
        OFFLINE,
        "ResourceUnavailable.AgentNotInstalled",
        "ResourceUnavailable.InstanceStateNotRunning",
        "ResourceUnavailable.InstanceHibernating",
        "ResourceNotFound.InstanceNotFound",
        "InvalidParameterValue.InvalidInstanceId",
        "InvalidParameterValue.AgentUnsupportedCommandType",
    ] {
        for bad in [&["ins-50"][..], &["ins-0", "ins-199"], &["ins-3", "ins-4", "ins-250"]] {
            let service = refusing(code, bad);
            let ids = ids(260);
            let finished = service.client().instances(&ids).run("uptime").await.unwrap();
            assert_eq!(refused(&finished, code), bad, "{code}");
            let accepted = finished.results().iter().filter(|result| result.success()).count();
            assert_eq!(accepted, ids.len() - bad.len());
            let mut runs: HashMap<String, usize> = HashMap::new();
            for request in service.requests("RunCommand") {
                let called = instances(&request);
                if !called.iter().any(|id| bad.contains(&id.as_str())) {
                    called.into_iter().for_each(|id| *runs.entry(id).or_default() += 1);
                }
            }
            assert!(runs.values().all(|count| *count == 1) && runs.len() == accepted, "{runs:?}");
            assert!(service.count("RunCommand") <= 2 + bad.len() * 16);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_refusals_and_lost_answers_are_not_tried_by_halves() {
    for code in
        ["UnauthorizedOperation.CamAuthFailed", "InvalidParameterValue.TooLong", "InternalError"]
    {
        let service = refusing(code, &["ins-50"]);
        let error = service.client().instances(ids(52)).run("uptime").await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{error}");
        assert_eq!(service.count("RunCommand"), 1, "{code}");
    }
    let lost = Service::new(|action, _, _| (action == "RunCommand").then_some(Answer::Fails));
    let error = lost.client().instances(ids(52)).run("uptime").await.unwrap_err();
    assert!(error.may_have_run() && lost.count("RunCommand") == 1, "{error}");
}

#[tokio::test(start_paused = true)]
async fn where_the_service_knows_none_of_thousands_few_are_tried() {
    let service = Service::new(|action, _, _| {
        (action == "RunCommand").then_some(Answer::Refuses("ResourceNotFound.InstanceNotFound"))
    });
    let error = service.client().instances(ids(2_000)).run("uptime").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("ins-0") && error.to_string().contains("more"), "{error}");
    assert!(service.count("RunCommand") < 200, "{}", service.count("RunCommand"));
}

#[tokio::test(start_paused = true)]
async fn a_command_to_be_kept_is_kept_once_whichever_call_is_refused() {
    for bad in [&["ins-0"][..], &["ins-0", "ins-1", "ins-2"], &["ins-230"]] {
        let service = refusing(OFFLINE, bad);
        let run = service.client().instances(ids(240)).run("uptime").name("kept").save().await;
        assert_eq!(refused(&run.unwrap(), OFFLINE), bad);
        let kept = service.requests("RunCommand").into_iter().filter(|request| {
            let accepted = !instances(request).iter().any(|id| bad.contains(&id.as_str()));
            accepted && request["SaveCommand"] == true
        });
        assert_eq!(kept.count(), 1, "{bad:?}");
    }
}
