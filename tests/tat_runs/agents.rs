//! A command on all instances whose agents are chosen.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use guestexec_core::ErrorKind;
use guestexec_tat::enums::AgentEnvironment;
use serde_json::{Value, json};

use crate::{
    scripted::{Answer, Service, ids},
    unhurried,
};

const LIST: &str = "DescribeAutomationAgentStatus";

/// The page of the agents of `all` that a request asks for; every tenth is offline.
fn agents(all: &[String], request: &Value) -> Value {
    let number = |name: &str| request[name].as_u64().unwrap_or_default() as usize;
    let named = request["InstanceIds"].as_array();
    let is_asked = |id: &String| named.is_none_or(|ids| ids.iter().any(|asked| asked == id));
    let is_online = |place: usize| place % 10 != 9;
    let filters = request["Filters"].to_string();
    let chosen: Vec<Value> = all
        .iter()
        .enumerate()
        .filter(|(place, id)| is_asked(id) && (is_online(*place) || !filters.contains("Online")))
        .map(|(place, id)| {
            let status = if is_online(place) { "Online" } else { "Offline" };
            json!({ "InstanceId": id, "AgentStatus": status, "Environment": "Linux" })
        })
        .collect();
    let total = chosen.len();
    let page: Vec<Value> =
        chosen.into_iter().skip(number("Offset")).take(number("Limit").max(1)).collect();
    json!({ "TotalCount": total, "AutomationAgentSet": page })
}

#[tokio::test(start_paused = true)]
async fn results_come_before_the_list_is_read_and_no_more_run_than_allowed() {
    let all = ids(1000);
    let service = Service::new(move |action, request, _| {
        (action == LIST).then(|| Answer::Says(agents(&all, request)))
    });
    // The first of each hundred is slow.
    let service = service
        .ends(|number, time| time > Duration::from_secs(if number % 100 == 0 { 3 } else { 1 }));
    let client = service.client();
    let mut results = client.agents().online().run_each("true");
    assert_eq!(service.count(LIST), 0);
    let mut done = 0;
    while let Some(ended) = results.next().await {
        let (_, result) = ended.unwrap();
        assert!(result.unwrap().success());
        done += 1;
        if done % 25 != 1 {
            continue;
        }
        // Each call starts the command on a hundred.
        let begun = 100 * service.count("RunCommand");
        assert!(begun < done + 200 && begun <= 900, "{begun} begun, {done} done");
        if done == 1 {
            assert!(begun <= 200 && service.count(LIST) <= 3, "{begun}");
        }
    }
    assert_eq!(done, 900);
    assert_eq!((service.count(LIST), service.count("RunCommand")), (9, 9));
}

#[tokio::test(start_paused = true)]
async fn no_instance_has_the_command_twice_where_the_list_moves() {
    // An agent that appears at the beginning moves all others by one.
    let lists = Arc::new(Mutex::new(0));
    let service = Service::new(move |action, request, _| {
        (action == LIST).then(|| {
            let mut lists = lists.lock().unwrap();
            *lists += 1;
            let mut all = ids(250);
            (1..*lists).for_each(|more| all.insert(0, format!("ins-{}", 1000 + more)));
            Answer::Says(agents(&all, request))
        })
    });
    let client = service.client();
    let all = client.agents().run_each("true").concurrency(100).await;
    let mut names: Vec<String> = all.into_iter().map(|ended| ended.unwrap().0).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), count >= 250), (count, true));
}

#[tokio::test(start_paused = true)]
async fn ids_beside_other_conditions_are_asked_for_in_parts() {
    let all = ids(300);
    let service = Service::new(move |action, request, _| {
        (action == LIST).then(|| Answer::Says(agents(&all, request)))
    });
    let client = service.client();
    let wanted: Vec<String> = ids(250).into_iter().chain(["ins-9999".to_owned()]).collect();
    let chosen = client.agents().ids(&wanted).online().environment(AgentEnvironment::Linux);
    let finished = chosen.instances().await.unwrap().run("true").await.unwrap();
    assert_eq!(finished.results().len(), 225);
    for request in service.requests(LIST) {
        assert!(request["InstanceIds"].as_array().unwrap().len() <= 100);
        assert!(request.get("Filters").is_none());
    }
    let none = client.agents().environment(AgentEnvironment::Windows).instances().await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(client.agents().ids([] as [&str; 0]).list().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_told_of_the_list_or_of_each_instance() {
    let all = ids(150);
    let service = Service::new(move |action, request, before| match (action, before) {
        (LIST, 0) => Some(Answer::Says(agents(&all, request))),
        (LIST, _) => Some(Answer::Refuses("UnauthorizedOperation.CamAuthFailed")),
        ("RunCommand", _) => Some(Answer::Refuses("InvalidParameterValue.InvalidContent")),
        _ => None,
    });
    let client = service.builder().retries(0).build().unwrap();
    let all = client.agents().run_each("true").await;
    let (lists, results): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_err);
    assert_eq!(
        lists.into_iter().map(|list| list.unwrap_err().kind()).collect::<Vec<_>>(),
        [ErrorKind::Forbidden]
    );
    assert_eq!(results.len(), 100);
    for ended in results {
        let (instance, result) = ended.unwrap();
        let error = result.unwrap_err();
        assert!(instance.starts_with("ins-") && !error.may_have_run(), "{instance}: {error}");
    }
    // A script that is too long is refused for each, and not sent.
    let service = Service::new(|action, request, _| {
        (action == LIST).then(|| Answer::Says(agents(&ids(3), request)))
    });
    let client = service.client();
    let all = client.agents().run_each("x".repeat(60_000)).await;
    assert_eq!((all.len(), service.count("RunCommand")), (3, 0));
    assert!(all.iter().all(|ended| ended.as_ref().unwrap().1.is_err()));
}

#[tokio::test]
async fn instances_that_are_offline_are_told_or_left_out() {
    let sandbox = unhurried(2).await;
    let client = crate::client(&sandbox);
    let count = client.agents().list().await.unwrap().len();
    let online = client.agents().online().list().await.unwrap();
    assert_eq!(online.len(), count - 1, "one is offline");

    let all = client.agents().run_each("true").await;
    let (good, bad): (Vec<_>, Vec<_>) =
        all.into_iter().map(Result::unwrap).partition(|(_, result)| result.is_ok());
    assert_eq!((good.len(), bad.len()), (count - 1, 1));
    assert_eq!(bad[0].0, sandbox.tat().offline_instance());

    // Those without a result keep no other back.
    let each = client.agents().each(|on| on.run("true").skip_unreachable()).concurrency(1);
    let ended = each.await.into_iter().map(Result::unwrap);
    let (good, bad): (Vec<_>, Vec<_>) = ended.partition(|(_, result)| result.is_ok());
    assert_eq!((good.len(), bad.len() <= 1), (count - 1, true));
}
