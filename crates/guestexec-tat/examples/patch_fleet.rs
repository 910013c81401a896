//! Runs a script on every instance that has an agent, and reports where it failed: `patch_fleet SCRIPT`.
use std::{env, error::Error, process::ExitCode, time::Duration};

use guestexec_tat::Client;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let script = env::args().nth(1).ok_or("usage: patch_fleet SCRIPT")?;
    let tat = Client::builder().from_env()?.build()?;
    let fleet = tat.agents().instances().await?;
    let run = fleet.run(script).timeout(Duration::from_secs(600)).await?;

    let failed: Vec<_> = run.results().iter().filter(|result| !result.success()).collect();
    for result in &failed {
        println!("{result}\n{}", result.output_lossy());
    }
    println!("{} of {} failed", failed.len(), run.results().len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
