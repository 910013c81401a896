//! Runs a command in many VMs, four at a time, with results as they come: `many_vms COMMAND VM…`.
use std::{env, error::Error, time::Duration};

use guestexec_zstack::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().ok_or("usage: many_vms COMMAND VM…")?;
    let zstack = Client::builder().from_env()?.build()?;
    let runs = zstack.each_vm(arguments, |vm| vm.run(&command).timeout(Duration::from_secs(60)));
    let mut results = runs.concurrency(4);
    while let Some((uuid, result)) = results.next().await {
        match result {
            Ok(ended) => println!("{uuid} {ended}"),
            Err(error) => println!("{uuid}: {error}"),
        }
    }
    zstack.logout().await?;
    Ok(())
}
