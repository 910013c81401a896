//! `guestexec tat status`: how far runs are.

use clap::Args;
use guestexec::tat::{
    Client,
    enums::TaskStatus,
    types::{Filter, Invocation, InvocationTask},
};
use serde_json::{Value, json};

use super::ends::{check_invocations, of_error};
use crate::{
    connect::tat::Settings, ending::Exit, failure::Failure, global::Global, listing::Listing,
};

/// The page of a list.
const PAGE: u64 = 100;

const EXAMPLES: &str = "\
Examples:
  guestexec tat status                 # the newest runs
  guestexec tat status inv-1a2b3c4d    # each instance of a run";

/// Which runs.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The ids of runs, inv-…, to see each of their instances [default: the newest runs]
    #[arg(value_name = "INVOCATION")]
    invocations: Vec<String>,
    /// How many of the newest runs are listed
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = clap::value_parser!(u8).range(1..=100), conflicts_with = "invocations")]
    limit: u8,
}

/// Lists them.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    check_invocations(&arguments.invocations)?;
    let client = settings.client().await?;
    if arguments.invocations.is_empty() {
        let mut list = Listing::new(["INVOCATION", "STATUS", "INSTANCES", "CREATED", "COMMAND"]);
        for invocation in newest(&client).await?.into_iter().take(arguments.limit.into()) {
            list.add(run_row(invocation));
        }
        return list.write(global).await;
    }
    let mut list =
        Listing::new(["INVOCATION", "INSTANCE", "STATUS", "CODE", "STARTED", "ENDED", "ERROR"]);
    for id in &arguments.invocations {
        let call = client.describe_invocation_tasks();
        let call = call.filters([Filter::new("invocation-id", [id.as_str()])]);
        let call = call.limit(PAGE).hide_output(true);
        let tasks = call.items().all().await.map_err(|error| of_error(&error))?;
        if tasks.is_empty() {
            return Err(Failure::new(format!("the service lists no run {id}"))
                .advise("Check the id and --region: `guestexec tat status` lists the newest."));
        }
        for task in tasks {
            list.add(task_row(id, task));
        }
    }
    list.write(global).await
}

/// The newest runs, from the newest on. The service does not say in which order it lists them.
async fn newest(client: &Client) -> Result<Vec<Invocation>, Failure> {
    let page = async |offset: u64| {
        let call = client.describe_invocations().limit(PAGE).offset(offset);
        call.send().await.map_err(|error| of_error(&error))
    };
    let first = page(0).await?.into_inner();
    let total = first.total_count.unwrap_or_default();
    let mut all = first.invocation_set;
    if total > PAGE {
        let last = page(total - PAGE).await?.into_inner().invocation_set;
        let time =
            |page: &[Invocation]| page.iter().filter_map(|run| run.created_time.clone()).max();
        if time(&last) > time(&all) {
            all = last;
        }
    }
    all.sort_by(|one, other| other.created_time.cmp(&one.created_time));
    Ok(all)
}

fn run_row(invocation: Invocation) -> [Value; 5] {
    [
        json!(invocation.invocation_id),
        json!(invocation.invocation_status.map(|status| status.to_string())),
        json!(invocation.invocation_task_basic_info_set.len()),
        json!(invocation.created_time),
        json!(invocation.command_name.filter(|name| !name.is_empty())),
    ]
}

fn task_row(id: &str, task: InvocationTask) -> [Value; 7] {
    let result = task.task_result.unwrap_or_default();
    // Before the end there is a 0 already.
    let has_code = matches!(task.task_status, Some(TaskStatus::Success | TaskStatus::Failed));
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    [
        json!(task.invocation_id.as_deref().unwrap_or(id)),
        json!(task.instance_id),
        json!(task.task_status.map(|status| status.to_string())),
        json!(result.exit_code.filter(|_| has_code)),
        json!(some(result.exec_start_time).or(some(task.start_time))),
        json!(some(result.exec_end_time).or(some(task.end_time))),
        json!(some(task.error_info)),
    ]
}
