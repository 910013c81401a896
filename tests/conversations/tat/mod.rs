//! Commands on TAT's instances.

mod faults;
mod runs;

use guestexec_tat::{
    Client, ClientBuilder, Credentials,
    operations::{DESCRIBE_INVOCATION_TASKS, DESCRIBE_INVOCATIONS, RUN_COMMAND},
};
use guestexec_testkit::{RequestShape, Tape, Value};
use serde_json::json;

use crate::stage::{Stage, talks};

talks! { "tat",
    "run": runs::run, "A script on one instance, and the wait for its end.";
    "run-many": runs::many, "201 instances take two calls that start; sorted, as calls are made at once.";
    "run-settings": runs::settings, "Every setting of a run.";
    "run-powershell": runs::powershell, "A PowerShell script.";
    "run-bat": runs::bat, "A batch file of several lines.";
    "run-unmarked": runs::unmarked, "A script that is sent as it is.";
    "run-saved": runs::saved, "A script of a file that is kept as a command, with tags.";
    "parameters": runs::parameters, "Parameters, one of them hidden, and the preview before the run.";
    "invoke": runs::invoke, "A saved command, with parameters.";
    "start-then-wait": runs::start, "A run that is started, and waited for afterwards.";
    "events": runs::events, "The events of a run on two instances; one is cancelled, then the other.";
    "cancel": runs::cancel, "A run that is cancelled on two instances.";
    "resumed": runs::resumed, "The output of a run that another program started long ago.";
    "output-to-cos": runs::cos, "A run whose output goes to a bucket.";
    "not-yet-listed": runs::unlisted, "A service that does not list the invocation at once.";
    "tasks-only": runs::tasks_only, "A caller who may not list invocations: tasks are listed instead.";
    "other-site": runs::other_site, "The vendor's international site, another region, temporary credentials, in Chinese.";
    "operations": runs::operations, "Operations that have no short way.";
    "unfinished": faults::unfinished, "The client waits no longer, and resumes the run later.";
    "throttled": faults::throttled, "A throttled call is retried.";
    "lost": faults::lost, "The answer to the start is lost: it is not retried, and found by the script's marker.";
    "lost-unmarked": faults::lost_unmarked, "A lost start of a script without a marker is found by what is like it.";
    "lost-half": faults::lost_half, "The answer is cut within its body, which is the same as lost.";
    "lost-read": faults::lost_read, "A lost answer to a poll: it is retried.";
    "unconfirmed-not-found": faults::not_found, "A lost start of a saved command is looked up, and was not started.";
    "no-answer": faults::no_answer, "A start that is never answered ends by its timeout.";
    "connection-refused": faults::refused_connection, "Refused connections are retried, as nothing was sent.";
    "refused": faults::refused, "The service refuses the run.";
    "offline": faults::offline, "One of three instances is offline; the others are started.";
    "offline-skipped": faults::skipped, "An instance that is offline is left out.";
    "gateway": faults::gateway, "A gateway's page instead of an answer.";
    "credentials-renewed": faults::renewed, "Temporary credentials are refused, and renewed once.";
    "clock-corrected": faults::clock, "The time of the signature is refused, and the clock corrected once.";
}

fn builder(stage: &Stage, tape: &Tape) -> ClientBuilder {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .clock(stage.now)
        .transport(stage.transport(tape))
}

fn client(stage: &Stage, tape: &Tape) -> Client {
    builder(stage, tape).build().unwrap()
}

/// The vendor's envelope.
fn answer(content: Value) -> Value {
    let mut content = content;
    content["RequestId"] = json!("r-1");
    json!({ "Response": content })
}

fn refusal(code: &str, message: &str) -> Value {
    answer(json!({ "Error": { "Code": code, "Message": message } }))
}

fn started() -> Value {
    answer(json!({ "CommandId": "cmd-1", "InvocationId": "inv-1" }))
}

/// A list of one invocation, with the states of its instances.
fn listed(tasks: &[(&str, &str)]) -> Value {
    let over =
        |(_, status): &(&str, &str)| !matches!(*status, "PENDING" | "DELIVERING" | "RUNNING");
    let status = if tasks.iter().all(over) { "SUCCESS" } else { "RUNNING" };
    let tasks: Vec<_> = tasks
        .iter()
        .map(|(instance, status)| {
            let task = instance.replace("ins-", "invt-");
            json!({ "InvocationTaskId": task, "InstanceId": instance, "TaskStatus": status })
        })
        .collect();
    answer(json!({
        "TotalCount": 1,
        "InvocationSet": [{
            "InvocationId": "inv-1", "InvocationStatus": status,
            "InvocationTaskBasicInfoSet": tasks,
        }],
    }))
}

fn task(instance: &str, status: &str) -> Value {
    let result = match status {
        "SUCCESS" => json!({ "ExitCode": 0, "Output": "aGkK", "Dropped": 0 }),
        "TERMINATED" => json!({ "ExitCode": -1, "Output": "", "Dropped": 0 }),
        _ => Value::Null,
    };
    json!({
        "InvocationId": "inv-1", "InvocationTaskId": instance.replace("ins-", "invt-"),
        "InstanceId": instance, "TaskStatus": status, "TaskResult": result,
    })
}

/// A list of tasks that are over.
fn ended(tasks: &[(&str, &str)]) -> Value {
    let set: Vec<_> = tasks.iter().map(|(instance, status)| task(instance, status)).collect();
    answer(json!({ "TotalCount": set.len(), "InvocationTaskSet": set }))
}

/// A service on which a run in `ins-1` succeeds.
fn service() -> Tape {
    Tape::new()
        .on(RUN_COMMAND, started())
        .on(DESCRIBE_INVOCATIONS, listed(&[("ins-1", "SUCCESS")]))
        .on(DESCRIBE_INVOCATION_TASKS, ended(&[("ins-1", "SUCCESS")]))
}

/// The texts in a member of a request.
fn texts(request: &RequestShape, member: &str) -> Vec<String> {
    let values = request.body.as_ref().and_then(|body| body[member].as_array());
    let texts = values.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
