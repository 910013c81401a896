//! What programs do with results: write them as JSON or as a line, compare them, make them by hand for
//! tests of their own, and pass errors of all providers on as one.
//!
//! `tests/snapshots/results/<provider>.<type>.snap` has the JSON and the line of each type of result.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    collections::HashSet,
    fmt::{Debug, Display, Write as _},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use common::{Snapshots, clock};
use guestexec::{Error, ErrorKind, ExitStatus, StatusCode, cci, tat, zstack};
use serde::Serialize;
use serde_json::json;

/// Cuts text and binary output, and a character that is cut.
const BINARY: &[u8] = b"a\0\xff";

const SECRET: &str = "q-signature=s3cret";

/// The JSON of values, one after another.
fn json_of(values: &[&dyn erased::Json]) -> String {
    values.iter().map(|value| value.json()).collect::<Vec<_>>().join("\n")
}

/// Values of different types in one list.
mod erased {
    use serde::Serialize;

    pub trait Json {
        fn json(&self) -> String;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string_pretty(self).unwrap()
        }
    }
}

/// JSON and line of a value.
fn both<T: Serialize + Display>(value: &T) -> String {
    format!("{value}\n{}", json_of(&[value]))
}

fn all<T: Serialize + Display>(values: &[T]) -> String {
    values.iter().map(both).collect::<Vec<_>>().join("\n\n")
}

/// What results have in common.
fn is_a_value<T: Clone + Debug + PartialEq>(value: &T) {
    assert_eq!(&value.clone(), value);
}

/// Of results that can be kept in sets.
fn is_a_key<T: Clone + Debug + Eq + Hash>(value: &T) {
    let set: HashSet<T> = [value.clone(), value.clone()].into();
    assert_eq!(set.len(), 1);
}

fn refusal() -> tat::Error {
    tat::Error::new(ErrorKind::Refused, "the agent is offline")
        .during(tat::operations::RUN_COMMAND.id)
        .with_code(Some("ResourceUnavailable.AgentStatusNotOnline".to_owned()))
        .with_request_id(Some("r-1".to_owned()))
        .with_status(StatusCode::OK)
        .with_advice("start the TAT agent on the instance, or wait until it is online")
        .with_detail(Some(tat::enums::ErrorCode::ResourceUnavailableAgentStatusNotOnline))
}

fn lost() -> tat::Error {
    tat::Error::new(ErrorKind::Lost, "the connection ended").with_may_have_run(true)
}

/// One result of each outcome.
fn tat_results() -> Vec<tat::InstanceResult> {
    use tat::{InstanceResult, Outcome};
    let ended = |outcome| InstanceResult::for_test("ins-1", 0).with_outcome(outcome);
    vec![
        InstanceResult::for_test("ins-1", 0)
            .with_output("héllo\n")
            .with_ids("inv-1", "invt-1")
            .with_times("2026-11-05T07:49:58Z", "2026-11-05T07:49:59Z"),
        // Windows' code of a program that Ctrl-C ended, with a sign and without.
        InstanceResult::for_test("ins-2", -1_073_741_510).with_output(BINARY).with_dropped(7),
        InstanceResult::for_test("ins-3", ExitStatus::from_code(4_294_967_295))
            .with_output_url(format!("https://b.cos.example/invt-3.log?{SECRET}"))
            .with_upload_error("no such bucket"),
        ended(Outcome::Killed),
        ended(Outcome::TimedOut),
        ended(Outcome::AgentSilent),
        ended(Outcome::NotStarted).with_error_info("no such user"),
        ended(Outcome::NotDelivered),
        ended(Outcome::Cancelled),
        ended(Outcome::Terminated),
        ended(Outcome::Refused),
        ended(Outcome::Unknown),
        InstanceResult::for_test_failure("ins-4", refusal()),
    ]
}

#[test]
fn tat_results_go_on() {
    use tat::{Cancellation, Event, Failure, Finished, Found, Outcome, Unconfirmed, Unfinished};
    let mut snapshots = Snapshots::of("results/tat");
    let results = tat_results();
    results.iter().for_each(is_a_key);
    snapshots.check("instance-result", "", &all(&results));
    let outcomes: Vec<Outcome> = results.iter().map(tat::InstanceResult::outcome).collect();
    outcomes.iter().for_each(is_a_key);
    snapshots.check("outcome", "", &all(&outcomes));
    let urls: Vec<_> = results.iter().filter_map(|result| result.output_url().cloned()).collect();
    urls.iter().for_each(is_a_key);
    snapshots.check("output-url", "The query may grant access.", &all(&urls));
    let failure = Failure::for_test(refusal(), ["ins-4", "ins-5"]);
    is_a_key(&failure);
    snapshots.check("failure", "", &both(&failure));
    let finished = Finished::for_test([results[0].clone(), results[12].clone()]);
    let finished = finished.with_command_id("cmd-1");
    is_a_key(&finished);
    snapshots.check("finished", "", &both(&finished));
    let cancelled = Cancellation::for_test([results[9].clone()], [("inv-2".to_owned(), refusal())]);
    is_a_key(&cancelled);
    snapshots.check("cancellation", "", &both(&cancelled));
    let events = [
        Event::Changed { instance_id: "ins-1".to_owned(), status: tat::enums::TaskStatus::Running },
        Event::Finished(results[1].clone()),
        Event::Failed(Arc::new(failure)),
    ];
    events.iter().for_each(is_a_key);
    snapshots.check("event", "", &all(&events));
    let found = [Found::for_test("inv-1", true), Found::for_test("inv-2", false)];
    found.iter().for_each(is_a_key);
    snapshots.check("found", "", &all(&found));
    let call = tat::UnconfirmedCall::for_test(["ins-1"], clock(), clock() + Duration::from_secs(9));
    is_a_key(&call);
    let error = Unconfirmed::for_test([call], lost());
    let unconfirmed = Unconfirmed::of(&error).unwrap();
    is_a_key(unconfirmed);
    assert!(error.may_have_run());
    snapshots.check("unconfirmed", "", &both(unconfirmed));
    let error = Unfinished::for_test(["inv-1", "inv-2"], lost());
    let unfinished = Unfinished::of(&error).unwrap();
    is_a_key(unfinished);
    snapshots.check("unfinished", "", &both(unfinished));
    let error = tat::Unreadable::for_test(json!({ "TaskResult": [] }));
    let unreadable = tat::Unreadable::of(&error).unwrap();
    is_a_key(unreadable);
    assert_eq!(unreadable.raw(), &json!({ "TaskResult": [] }));
    let mut counts = tat::Counts::default();
    (counts.requests, counts.throttled, counts.retried) = (9, 1, 2);
    is_a_key(&counts);
    snapshots.check("counts", "", &both(&counts));
    snapshots.finish();
}

#[test]
fn zstack_results_go_on() {
    use zstack::{Captured, JobId, Output, ScriptResult, Uncaptured, Unfinished, UnfinishedScript};
    let mut snapshots = Snapshots::of("results/zstack");
    let captured = [
        Captured::for_test(0).with_stdout("héllo\n"),
        Captured::for_test(137).with_stdout(BINARY).with_stderr(BINARY).with_stdout_dropped(7),
        Captured::for_test(-1_073_741_510).with_stderr_dropped(8),
    ];
    captured.iter().for_each(is_a_key);
    snapshots.check("captured", "", &all(&captured));
    let vm = "fc022ba201c135d8809c5e02bf6bf156";
    let scripts = [
        ScriptResult::for_test(vm, 0).with_stdout("héllo\n"),
        ScriptResult::for_test(vm, 3).with_stderr("oh\n"),
    ];
    scripts.iter().for_each(is_a_key);
    snapshots.check("script-result", "", &all(&scripts));
    let error = zstack::Error::new(ErrorKind::Timeout, "it did not end");
    let error = UnfinishedScript::for_test("da3f23e42960342b81c8d7f4cbceeb69", error);
    let unfinished = UnfinishedScript::of(&error).unwrap();
    is_a_key(unfinished);
    snapshots.check("unfinished-script", "", &both(unfinished));
    let output = Output::for_test("standardStream: out, errorStream: err");
    is_a_value(&output);
    snapshots.check("output", "", &json_of(&[&output]));
    let job = JobId::random().unwrap();
    is_a_key(&job);
    assert_eq!(job.expose().parse::<JobId>().as_ref(), Ok(&job));
    let error = zstack::Error::new(ErrorKind::Timeout, "it did not end");
    let error = Unfinished::for_test(job.clone(), Some("fc022ba201c135d8809c5e02bf6bf156"), error);
    let unfinished = Unfinished::of(&error).unwrap();
    is_a_key(unfinished);
    assert_eq!(unfinished.job(), &job);
    // The job's id grants access to the output.
    assert!(!both(unfinished).contains(job.expose()));
    snapshots.check("unfinished", "", &both(unfinished));
    let error = Uncaptured::for_test(output);
    let uncaptured = Uncaptured::of(&error).unwrap();
    is_a_value(uncaptured);
    snapshots.check("uncaptured", "", &both(uncaptured));
    snapshots.finish();
}

#[test]
fn cci_results_go_on() {
    use cci::Output;
    let mut snapshots = Snapshots::of("results/cci");
    let outputs = [
        Output::for_test(0).with_stdout("héllo\n"),
        Output::for_test(137).with_stdout(BINARY).with_stderr(BINARY).with_complete(false),
        Output::for_test(ExitStatus::WITHOUT_CODE),
    ];
    outputs.iter().for_each(is_a_key);
    snapshots.check("output", "", &all(&outputs));
    let copied = [
        cci::Copied::for_test(1, 1),
        cci::Copied::for_test(3, 120).with_directories(1).with_links(2),
    ];
    copied.iter().for_each(is_a_key);
    snapshots.check("copied", "", &all(&copied));
    use cci::ExecTransport::{Auto, SpdyGet, SpdyPost, WebSocketV4, WebSocketV5};
    let transports = [Auto, WebSocketV5, WebSocketV4, SpdyPost, SpdyGet];
    transports.iter().for_each(is_a_key);
    snapshots.check("exec-transport", "", &all(&transports));
    snapshots.finish();
}

#[test]
fn no_secret_is_serialized() {
    let finished = tat::Finished::for_test(tat_results());
    let cancelled = tat::Cancellation::for_test(tat_results(), []);
    let events: Vec<_> = tat_results().into_iter().map(tat::Event::Finished).collect();
    let written = json_of(&[&finished, &cancelled, &events]);
    assert!(written.contains("invt-3.log") && !written.contains("s3cret"), "{written}");
}

/// One error of each provider, by `?` of one function.
fn fail(provider: &str) -> Result<(), Error> {
    match provider {
        "cci" => Err(cci::Error::new(ErrorKind::NotFound, "no such pod")
            .with_detail(Some(serde_json::from_value(json!({ "reason": "NotFound" })).unwrap())))?,
        "tat" => Err(tat::Unfinished::for_test(["inv-1"], refusal()))?,
        _ => Err(zstack::Error::new(ErrorKind::Throttled, "too many calls")
            .with_retry_after(Some(Duration::from_secs(3))))?,
    }
    Ok(())
}

#[test]
fn one_error_holds_what_each_providers_says() {
    let mut seen = String::new();
    for provider in ["cci", "tat", "zstack"] {
        let error = fail(provider).unwrap_err();
        is_a_key(&error);
        assert_eq!(error.provider(), provider);
        let _ = writeln!(seen, "{}\n", both(&error));
    }
    let mut snapshots = Snapshots::of("results/error");
    snapshots.check("any", "", &seen);
    snapshots.finish();

    let [cci, tat, zstack] = ["cci", "tat", "zstack"].map(|name| fail(name).unwrap_err());
    let body: &cci::types::ErrorBody = cci.detail().unwrap();
    assert_eq!(body.reason, Some(cci::enums::StatusReason::NotFound));
    let code: &tat::enums::ErrorCode = tat.detail().unwrap();
    assert_eq!(*code, tat::enums::ErrorCode::ResourceUnavailableAgentStatusNotOnline);
    assert!(tat.detail::<cci::types::ErrorBody>().is_none());
    assert!(zstack.detail::<zstack::types::ErrorCode>().is_none(), "the service said nothing");
    assert_eq!(zstack.retry_after(), Some(Duration::from_secs(3)));
    // What only one provider has is reached from the common error too.
    assert_eq!(tat.cause::<tat::Unfinished>().unwrap().invocations(), ["inv-1"]);
    let own: &tat::Error = tat.downcast_ref::<tat::enums::ErrorCode>().unwrap();
    assert!(tat::Unfinished::of(own).is_some());
}

#[test]
fn one_exit_status_tells_how_a_command_ended() {
    let of_tat = tat::InstanceResult::for_test("ins-1", 3).exit_status();
    let of_zstack = zstack::Captured::for_test(3).exit_status();
    let of_cci = cci::Output::for_test(3).exit_status();
    assert_eq!([of_tat, of_zstack, of_cci], [Some(ExitStatus::from_code(3)); 3]);
    let statuses = |result: &tat::InstanceResult| (result.exit_status(), result.exit_code());
    for result in tat_results() {
        use tat::Outcome::{Exited, Killed, Terminated, TimedOut};
        let status = match result.outcome() {
            Exited(code) => Some(ExitStatus::from_code(code)),
            Killed | TimedOut | Terminated => Some(ExitStatus::WITHOUT_CODE),
            _ => None,
        };
        assert_eq!(statuses(&result), (status, status.and_then(ExitStatus::code)), "{result}");
        assert_eq!(result.success(), status.is_some_and(ExitStatus::success), "{result}");
    }
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
fn commands_are_made_of_what_is_at_hand<'a>(
    tat: &'a tat::Client,
    zstack: &'a zstack::Client,
    cci: &'a cci::Client,
    text: &'a String,
    bytes: &'a Vec<u8>,
    ids: &'a [&'a str],
) {
    use std::{borrow::Cow, fs::File, path::Path, path::PathBuf};
    let cow: Cow<'_, str> = Cow::Borrowed(text);
    let (owned, some) = (text.clone(), Some(text));

    // Ids: of one thing, and of many.
    let _ = [tat.instances(ids), tat.instances([text]), tat.instances(vec![owned.clone()])];
    let _ =
        [tat.instances(std::slice::from_ref(&owned)), tat.instances(some), tat.instances([&cow])];
    let _ = [zstack.vm(text), zstack.vm(&**text), zstack.vm(cow.clone())];
    let _ = zstack.each_vm(ids, |vm| vm.run("uptime"));
    let _ = zstack.each_vm(std::slice::from_ref(&owned), |vm| vm.run("uptime"));
    let pods = [cci.pod(text, text), cci.pod("default", owned.clone())];

    // Commands: text, or bytes where the service takes them.
    let on = tat.instances(ids);
    let _ = [on.run(&**text), on.run(text), on.run(owned.clone()), on.run(cow.clone())];
    let _ = [on.run(bytes), on.run(&bytes[..]), on.run(bytes.clone()), on.run(b"uptime")];
    let _ = [on.invoke(text), on.invoke("cmd-1")];
    let vm = zstack.vm(text);
    let _ = [vm.run(&**text), vm.run(text), vm.run(owned.clone()), vm.run(cow.clone())];
    let pod = &pods[0];
    let _ = [
        pod.exec([text]),
        pod.exec(["a", text]),
        pod.exec(ids),
        pod.exec(std::slice::from_ref(&owned)),
    ];

    // Input: text, bytes, an open file.
    let exec = || pod.exec(["cat"]);
    let _ = [exec().stdin(text), exec().stdin(&**text), exec().stdin(cow), exec().stdin(owned)];
    let _ = [exec().stdin(bytes), exec().stdin(&bytes[..]), exec().stdin(bytes.clone())];
    let _ = exec().stdin(b"bytes");
    let open = |path: PathBuf| File::open(path).map(|file| exec().stdin(file));
    let _ = open(PathBuf::from("input"));

    // Paths.
    let _ = [tat::CredentialSource::file("keys"), tat::CredentialSource::file(Path::new("keys"))];
    let _ = [on.run_file("a.sh"), on.run_file(text), on.run_file(Path::new("a.sh"))];
    let _ = on.run_file(PathBuf::from("a.sh"));
}
