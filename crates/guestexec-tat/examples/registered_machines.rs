//! Runs a script on every machine registered with TAT that is online: `registered_machines SCRIPT`.
use std::{env, error::Error};

use guestexec_tat::{Client, types::Filter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let script = env::args().nth(1).ok_or("usage: registered_machines SCRIPT")?;
    let tat = Client::builder().from_env()?.build()?;
    let online = Filter::new("register-status", ["Online"]);
    let machines = tat.describe_register_instances().filters([online]).limit(100).items();
    let ids = machines.all().await?.into_iter().filter_map(|machine| machine.instance_id);
    for result in tat.instances(ids).run(script).await?.results() {
        println!("{result}\n{}", result.output_lossy());
    }
    Ok(())
}
