//! Starts a script by a raw operation, and lists the invocations on CVM instances: `list_invocations INSTANCE`.
use std::{env, error::Error};

use guestexec_tat::{Client, types::Filter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let instance = env::args().nth(1).ok_or("usage: list_invocations INSTANCE")?;
    let tat = Client::builder().from_env()?.build()?;
    let started = tat.run_command("uptime", [instance]).timeout(30).send().await?;
    println!("{}", started.invocation_id.as_deref().unwrap_or_default());

    let on_cvm = Filter::new("instance-kind", ["CVM"]);
    let mut invocations = tat.describe_invocations().filters([on_cvm]).limit(10).items();
    while let Some(invocation) = invocations.next().await {
        println!("{}", serde_json::to_string(&invocation?)?);
    }
    Ok(())
}
