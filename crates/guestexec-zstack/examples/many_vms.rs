//! Runs a command in many VMs, four at a time: `many_vms COMMAND VM…`.
use std::{env, error::Error, time::Duration};

use guestexec_zstack::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().ok_or("usage: many_vms COMMAND VM…")?;
    let zstack = Client::builder().from_env()?.build()?;
    let runs = zstack.each_vm(arguments, |vm| vm.run(&command).timeout(Duration::from_secs(60)));
    let results = runs.concurrency(4).await;
    zstack.logout().await?;
    for (uuid, result) in results {
        match result {
            Ok(ended) => println!("{uuid} {ended}"),
            Err(error) => println!("{uuid}: {error}"),
        }
    }
    Ok(())
}
