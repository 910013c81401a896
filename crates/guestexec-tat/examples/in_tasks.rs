//! Follows a run in a task for each instance, and cancels what takes too long: `in_tasks SECONDS SCRIPT INSTANCE…`.
use std::{env, time::Duration};

use guestexec_tat::{Client, Error};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

async fn follow(tat: Client, instance: String, script: String, end: Instant) -> Result<(), Error> {
    let mut events = tat.instances([instance]).run(script).start().await?.events();
    while let Ok(Some(event)) = timeout_at(end, events.next()).await {
        println!("{event}");
    }
    if events.unfinished().next().is_some() {
        events.cancel().await?;
    }
    while let Some(event) = events.next().await {
        println!("{event}");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(seconds), Some(script)) = (arguments.next(), arguments.next()) else {
        return Err("usage: in_tasks SECONDS SCRIPT INSTANCE…".into());
    };
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let tat = Client::builder().from_env()?.build()?;
    let mut tasks = JoinSet::new();
    for instance in arguments {
        tasks.spawn(follow(tat.clone(), instance, script.clone(), end));
    }
    while let Some(followed) = tasks.join_next().await {
        followed??;
    }
    Ok(())
}
