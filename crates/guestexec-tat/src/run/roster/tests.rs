use serde_json::{Value, json};

use super::*;
use crate::{
    enums::{AgentEnvironment, AgentStatus, ErrorCode},
    run::report::{InvocationReport, TaskReport},
    types::InvocationTask,
};

/// A roster of `ins-0`, `ins-1` and so on in calls of `sizes`, all of which are accepted.
fn started(sizes: &[usize]) -> Roster {
    let mut roster = unstarted(sizes, false);
    while let Some((call, ..)) = roster.next_call(0) {
        let invocation_id = format!("inv-{call}");
        let started = Started { invocation_id, command_id: None };
        roster.started(call, started, Instant::now());
    }
    roster
}

fn unstarted(sizes: &[usize], saves: bool) -> Roster {
    let count = sizes.iter().sum();
    let mut slots = 0..count;
    let calls = sizes.iter().map(|size| slots.by_ref().take(*size).collect()).collect();
    let ids = (0..count).map(|number| format!("ins-{number}")).collect();
    Roster::new(ids, calls, saves, false)
}

/// What is reported of tasks: `RUNNING ins-0 invt-0`, with `-` for what is not.
fn report(over: bool, tasks: &[&str]) -> InvocationReport {
    let task = |text: &&str| {
        let mut words = text.split(' ').map(|word| (word != "-").then(|| word.to_owned()));
        let status =
            words.next().flatten().map(|word| serde_json::from_value(word.into()).unwrap());
        let [instance, task_id] = [words.next().flatten(), words.next().flatten()];
        TaskReport { instance, task_id, status, over: false }
    };
    let tasks = tasks.iter().map(task).collect();
    InvocationReport { id: None, timeout: 60, over, tasks, unreadable: Vec::new() }
}

#[test]
fn reports_of_tasks() {
    // Whether the invocation is over, and its tasks: whether there is news, whether they have to be
    // listed, how many wait to be fetched, and how many are still polled.
    for (over, tasks, want) in [
        (false, &["RUNNING ins-0 invt-0", "PENDING ins-1 invt-1"][..], (true, false, 0, 2)),
        (false, &["SUCCESS ins-0 invt-0", "PENDING ins-1 invt-1"], (true, false, 1, 1)),
        (false, &["SUCCESS ins-0 invt-0", "FAILED ins-1 invt-1"], (true, false, 2, 0)),
        (false, &[], (false, false, 0, 2)),
        (true, &[], (false, true, 0, 2)),
        (true, &["- ins-0 invt-0", "SUCCESS ins-1 invt-1"], (true, false, 2, 0)),
        (false, &["- ins-0 invt-0"], (false, true, 0, 2)),
        (false, &["ORBITING ins-0 invt-0"], (true, false, 0, 2)),
        (true, &["ORBITING ins-0 invt-0", "SUCCESS ins-1 invt-1"], (true, false, 2, 0)),
        // The one without a name is the one that is left; of two it is not known which is which.
        (false, &["SUCCESS ins-0 invt-0", "FAILED - -"], (true, false, 2, 0)),
        (false, &["SUCCESS - -", "FAILED - -"], (false, true, 0, 2)),
        (false, &["SUCCESS ins-9 invt-9"], (false, true, 0, 2)),
    ] {
        let mut roster = started(&[2]);
        let (news, listed) = roster.polled(0, report(over, tasks));
        let open = roster.slots.iter().filter(|slot| slot.state == State::Open).count();
        assert_eq!((news, listed, roster.waiting(), open), want, "{over} {tasks:?}");
        assert_eq!(roster.to_poll().len(), open.min(1), "{over} {tasks:?}");
        let again = roster.polled(0, report(over, tasks));
        assert!(!again.0, "the same again is no news: {over} {tasks:?}");
    }
}

fn task(value: &Value) -> InvocationTask {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn fetched_tasks() {
    let whole = |n: usize| {
        json!({
            "InvocationId": "inv-0", "InvocationTaskId": format!("invt-{n}"),
            "InstanceId": format!("ins-{n}"), "TaskStatus": "SUCCESS",
            "TaskResult": { "ExitCode": 0, "Output": "aGk=" },
        })
    };
    let nameless = json!({ "TaskStatus": "SUCCESS" });
    let bad_output = json!({ "InstanceId": "ins-0", "TaskResult": { "Output": 7 } });
    let alien = json!({
        "InvocationId": "inv-9", "InvocationTaskId": "invt-9", "InstanceId": "ins-9",
    });
    let running = json!({ "InstanceId": "ins-0", "TaskStatus": "RUNNING" });
    // What comes for two tasks that are over, and what in the place of tasks: whether it is known what
    // came, how many are finished, how many failed, and how many are polled again.
    for (tasks, unreadable, want) in [
        (vec![whole(0), whole(1)], 0, (true, 2, 0, 0)),
        (vec![whole(0)], 0, (true, 1, 0, 1)),
        (vec![whole(0), nameless.clone()], 0, (true, 2, 0, 0)),
        (vec![nameless.clone()], 0, (false, 0, 0, 2)),
        (vec![nameless.clone(), nameless], 0, (true, 0, 2, 0)),
        (vec![bad_output, whole(1)], 0, (true, 1, 1, 0)),
        (vec![whole(0)], 1, (true, 1, 1, 0)),
        (vec![], 1, (false, 0, 0, 2)),
        (vec![], 2, (true, 0, 2, 0)),
        (vec![alien], 0, (true, 0, 0, 2)),
        (vec![running, whole(1)], 0, (true, 1, 0, 1)),
    ] {
        let mut roster = started(&[2]);
        roster.polled(0, report(false, &["SUCCESS ins-0 invt-0", "SUCCESS ins-1 invt-1"]));
        let (asked, others) = roster.next_fetch(2);
        assert_eq!((&asked[..], others.len()), (&[0, 1][..], 0));
        let is_known =
            roster.fetched(&asked, tasks.iter().map(task).collect(), vec![json!(0); unreadable]);
        roster.reopen(&asked);
        let again = roster.unfinished().count();
        let finished = roster.events.iter().filter(|it| matches!(it, Event::Finished(_))).count();
        let failed = roster.events.len() - finished;
        assert_eq!((is_known, finished, failed, again), want, "{tasks:?} {unreadable}");
        assert_eq!(roster.is_over(), again == 0, "{tasks:?}");
    }
}

#[test]
fn a_task_that_does_not_come_by_its_id_is_fetched_by_its_instance() {
    let mut roster = started(&[1]);
    for by_id in [true, true, true, false] {
        roster.polled(0, report(false, &["SUCCESS ins-0 invt-0"]));
        let (ids, instances) = roster.next_fetch(1);
        assert_eq!((ids.len(), instances.len()), (usize::from(by_id), usize::from(!by_id)));
        assert!(roster.reopen(&[0]));
    }
}

fn refusal(code: ErrorCode) -> Error {
    Error::new(ErrorKind::Refused, "InstanceIds[0] is refused")
        .with_code(Some(code.to_string()))
        .with_detail(Some(code))
}

fn offline() -> Error {
    refusal(ErrorCode::ResourceUnavailableAgentStatusNotOnline)
}

#[test]
fn a_refused_call_is_split() {
    use AgentEnvironment::{Linux, Windows};
    use AgentStatus::{Offline, Online};
    // The states of the agents of four instances: those of each call that is made next, and how many
    // are refused.
    let states = |all: [Option<(AgentStatus, AgentEnvironment)>; 4]| -> Option<Agents> {
        let known = (0..).zip(all).filter_map(|(n, state)| Some((n, state?)));
        Some(known.map(|(n, (s, e))| (format!("ins-{n}"), (Some(s), Some(e)))).collect())
    };
    let online = || Some((Online, Linux));
    for (agents, want, refused) in [
        (None, &[&[0, 1][..], &[2, 3]][..], 0),
        (states([online(), online(), online(), online()]), &[&[0, 1], &[2, 3]], 0),
        (states([None, None, None, None]), &[&[0, 1], &[2, 3]], 0),
        (states([online(), Some((Offline, Linux)), None, online()]), &[&[0, 3], &[2]], 1),
        (states([Some((Online, Windows)), None, None, Some((Offline, Windows))]), &[&[1, 2]], 2),
    ] {
        let mut roster = unstarted(&[4], false);
        let (call, ..) = roster.next_call(0).unwrap();
        let (error, ids) = roster.refused(call, offline()).unwrap();
        assert_eq!(ids.len(), 4);
        match &agents {
            Some(agents) => roster.sort(call, &error, agents, Some(&Linux)),
            None => roster.halve(call),
        }
        let made = std::iter::from_fn(|| roster.next_call(0));
        let made: Vec<Vec<String>> = made.map(|(_, ids, _)| ids).collect();
        let name = |slots: &&[i32]| slots.iter().map(|n| format!("ins-{n}")).collect::<Vec<_>>();
        assert_eq!(made, want.iter().map(name).collect::<Vec<_>>(), "{agents:?}");
        let failed = roster.events.iter().map(|event| match event {
            Event::Failed(failure) => failure.instances.len(),
            _ => 0,
        });
        assert_eq!(failed.sum::<usize>(), refused, "{agents:?}");
    }
}

#[test]
fn an_instance_refused_alone_is_named_by_its_place_in_the_whole_list() {
    let mut roster = unstarted(&[1, 1], false);
    roster.next_call(0).unwrap();
    let (call, ..) = roster.next_call(1).unwrap();
    assert!(roster.refused(call, offline()).is_none());
    let Some(Event::Failed(failure)) = roster.events.pop_front() else { panic!() };
    assert_eq!(failure.error.message(), "InstanceIds[1] is refused");
    assert_eq!(failure.instances, ["ins-1"]);
}

#[test]
fn a_command_is_saved_by_one_call() {
    let other = || refusal(ErrorCode::from("LimitExceeded".to_owned()));
    // How the first call ends, and whether the second saves the command.
    for (refused, saves) in [(Some(offline()), true), (Some(other()), false), (None, false)] {
        let mut roster = unstarted(&[1, 1, 1], true);
        assert!(roster.next_call(0).unwrap().2);
        assert!(roster.next_call(1).is_none(), "none is made beside it");
        match refused {
            Some(error) if blames_instances(&error) => assert!(roster.refused(0, error).is_none()),
            Some(error) => roster.failed(0, error),
            None => {
                let command_id = Some("cmd-0".to_owned());
                let started = Started { invocation_id: "inv-0".to_owned(), command_id };
                roster.started(0, started, Instant::now());
            }
        }
        assert_eq!(roster.next_call(0).unwrap().2, saves);
        assert_eq!(roster.next_call(1).is_none(), saves);
    }
}

#[test]
fn what_is_open_in_the_end_has_failed() {
    let mut roster = started(&[2, 1]);
    roster.polled(0, report(false, &["SUCCESS ins-0 invt-0", "RUNNING ins-1 invt-1"]));
    roster.fail(1, offline());
    assert_eq!(roster.unfinished().collect::<Vec<_>>(), ["ins-0", "ins-1"]);
    roster.give_up(None);
    assert!(roster.is_over() && roster.waiting() == 0);
    let Some(Event::Failed(failure)) = roster.events.pop_back() else { panic!() };
    let message = failure.error.message();
    assert!(message.starts_with("inv-0 was started, but 2 of its 2 instances"), "{message}");
    assert!(failure.error.may_have_run());
}
