//! Runs a script by a crontab expression, and shows what became of each run:
//! `schedule add INSTANCE CRONTAB SCRIPT`, then `schedule show INVOKER`, and `schedule delete INVOKER`.
use std::{env, error::Error};

use guestexec_tat::{
    Client,
    enums::{InvokerType, SchedulePolicy},
    types::{Filter, ScheduleSettings},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tat = Client::builder().from_env()?.build()?;
    match words[..] {
        ["add", instance, crontab, script] => {
            println!("{}", add(&tat, instance, crontab, script).await?);
        }
        ["show", invoker] => {
            let mut records = tat.describe_invoker_records().invoker_ids([invoker]).items();
            while let Some(record) = records.next().await.transpose()? {
                println!(
                    "{} {}",
                    record.invoke_time.unwrap_or_default(),
                    record.reason.unwrap_or_default()
                );
                let Some(id) = record.invocation_id.filter(|id| !id.is_empty()) else { continue };
                for result in tat.invocation(&id).await?.await?.results() {
                    println!("{result}\n{}", result.output_lossy());
                }
            }
        }
        ["delete", invoker] => {
            tat.delete_invoker(invoker).send().await?;
        }
        _ => Err("usage: schedule add INSTANCE CRONTAB SCRIPT | show INVOKER | delete INVOKER")?,
    }
    Ok(())
}

/// Schedules a script, and gives the id of its invoker.
async fn add(
    tat: &Client,
    on: &str,
    crontab: &str,
    script: &str,
) -> Result<String, Box<dyn Error>> {
    let name = format!("scheduled-for-{on}");
    let saved = tat.create_command(name, script).send().await?.into_inner().command_id;
    let command = saved.ok_or("the service gave no id of the command")?;
    let schedule = ScheduleSettings::new(SchedulePolicy::Recurrence).recurrence(crontab);
    let made = tat
        .create_invoker("by the example", InvokerType::Schedule, &command, [on])
        .schedule_settings(schedule)
        .send()
        .await;
    let id = match made {
        Ok(answer) => answer.into_inner().invoker_id,
        // The answer was lost. A second call might make a second schedule, and the script would run twice.
        Err(error) if error.may_have_run() => {
            let of_command = Filter::new("command-id", [&command]);
            let found = tat.describe_invokers().filters([of_command]).items().all().await?;
            Some(found.into_iter().find_map(|invoker| invoker.invoker_id).ok_or(error)?)
        }
        Err(error) => return Err(error.into()),
    };
    Ok(id.ok_or("the service gave no id of the invoker")?)
}
