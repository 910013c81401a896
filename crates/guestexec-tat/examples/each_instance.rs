//! Runs a script on all Linux instances that are online, with results as they come: `each_instance SCRIPT`.
use std::{env, error::Error};

use guestexec_tat::{Client, enums::AgentEnvironment};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let script = env::args().nth(1).ok_or("usage: each_instance SCRIPT")?;
    let tat = Client::builder().from_env()?.build()?;
    let agents = tat.agents().online().environment(AgentEnvironment::Linux);
    let mut results = agents.run_each(script).concurrency(400);
    while let Some(ended) = results.next().await {
        match ended? {
            (_, Ok(result)) => print!("{result}\n{}", result.output_lossy()),
            (instance, Err(error)) => println!("{instance}: {error}"),
        }
    }
    Ok(())
}
