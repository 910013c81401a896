//! Finds what a lost call started, in odd lists of tasks.

use std::sync::{Arc, Mutex};

use guestexec_tat::{Client, Found, Outcome, Unconfirmed};
use serde_json::{Value, json};

use crate::scripted::{Answer, Service};

/// Loses the answer to RunCommand, then finds the call among 230 tasks, of which it is the first or the
/// last. The list's `TotalCount` is `total`.
async fn found(total: Value, newest_first: bool) -> (Vec<Found>, usize) {
    let content = Arc::new(Mutex::new(Value::Null));
    let service = Service::new(move |action, request, _| match action {
        "RunCommand" => {
            *content.lock().unwrap() = request["Content"].clone();
            Some(Answer::Fails)
        }
        "DescribeInvocationTasks" => {
            let content = content.lock().unwrap().clone();
            let task = |place: u64| match if newest_first { 229 - place } else { place } {
                229 => json!({
                    "InvocationId": "inv-mine", "InstanceId": "ins-0",
                    "CommandDocument": { "Content": content },
                }),
                other => json!({
                    "InvocationId": format!("inv-{other}"), "InstanceId": "ins-0",
                    "CommandDocument": { "Content": "ZWNobyBvdGhlcg==" },
                    "CreatedTime": format!("2020-01-01T00:00:{:02}Z", other / 10),
                }),
            };
            let number = |name: &str| request[name].as_u64().unwrap_or_default();
            let places =
                number("Offset")..230.min(number("Offset").saturating_add(number("Limit")));
            let page: Vec<Value> = places.map(task).collect();
            Some(Answer::Says(json!({ "TotalCount": total, "InvocationTaskSet": page })))
        }
        _ => None,
    });
    let client: Client = service.client();
    let error = client.instances(["ins-0"]).run("echo hi").await.unwrap_err();
    let found = client.find_unconfirmed(Unconfirmed::of(&error).unwrap()).await.unwrap();
    (found, service.count("DescribeInvocationTasks"))
}

#[tokio::test(start_paused = true)]
async fn what_was_started_is_found_though_the_count_of_tasks_is_odd() {
    for total in
        [json!(230), json!("230"), json!(null), json!("many"), json!(-1), json!({}), json!([230])]
    {
        for newest_first in [false, true] {
            let (found, pages) = found(total.clone(), newest_first).await;
            let [Found { invocation_id, certain: true, .. }] = &found[..] else {
                panic!("{total}, {newest_first}: {found:?}")
            };
            assert_eq!(invocation_id, "inv-mine");
            assert!(pages <= 3, "{total}: {pages}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_is_far_too_high_does_not_prolong_the_search() {
    for total in [json!(u64::MAX), json!(1_000_000)] {
        let (found, pages) = found(total, false).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(pages <= 5, "{pages}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_to_an_invocation_has_each_instance_once() {
    let task = |number: u32, id: Value| {
        json!({
            "InvocationId": "inv-1", "InvocationTaskId": format!("invt-{number}"), "InstanceId": id,
            "TaskStatus": "SUCCESS", "TaskResult": { "ExitCode": 0, "Output": "aGk=" },
        })
    };
    let [one, two] = ["ins-1", "ins-2"].map(Value::from);
    let lists = [
        json!([task(1, one.clone()), task(1, one.clone()), task(2, two.clone())]),
        // The other action has the second one's name.
        json!([task(1, one.clone()), task(2, json!({}))]),
    ];
    for list in lists {
        let tasks = [task(1, one.clone()), task(2, two.clone())];
        let service = Service::new(move |action, request, _| match action {
            "DescribeInvocations" => Some(Answer::Says(json!({
                "TotalCount": 1,
                "InvocationSet": [{
                    "InvocationId": "inv-1", "InvocationStatus": "SUCCESS",
                    "InvocationTaskBasicInfoSet": list,
                }],
            }))),
            "DescribeInvocationTasks" => {
                let asked = request["InvocationTaskIds"].as_array();
                let is_asked =
                    |task: &&Value| asked.is_none_or(|ids| ids.contains(&task["InvocationTaskId"]));
                let tasks: Vec<&Value> = tasks.iter().filter(is_asked).collect();
                Some(Answer::Says(json!({ "TotalCount": tasks.len(), "InvocationTaskSet": tasks })))
            }
            _ => None,
        });
        let begin = tokio::time::Instant::now();
        let finished = service.client().invocation("inv-1").await.unwrap().await.unwrap();
        let results = finished.results();
        assert_eq!(results.len(), 2, "{results:?}");
        assert!(results.iter().all(|result| result.outcome() == Outcome::Exited(0)));
        assert!(begin.elapsed().as_secs() < 600, "{:?}", begin.elapsed());
    }
}
