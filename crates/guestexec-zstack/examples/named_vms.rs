//! Runs a command in each running VM with a name, `%` in it for any characters: `named_vms web-% uptime`.
use std::{env, error::Error};

use guestexec_zstack::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(command)) = (arguments.next(), arguments.next()) else {
        return Err("usage: named_vms NAME COMMAND".into());
    };
    let zstack = Client::builder().from_env()?.build()?;
    let mut results = zstack.query_vms().name(name).running().run_each(command).concurrency(4);
    while let Some(ended) = results.next().await {
        match ended? {
            (uuid, Ok(ended)) => print!("{uuid} {ended}\n{}", ended.stdout_lossy()),
            (uuid, Err(error)) => println!("{uuid}: {error}"),
        }
    }
    zstack.logout().await?;
    Ok(())
}
