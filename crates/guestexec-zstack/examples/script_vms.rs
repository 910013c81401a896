//! Runs a Python script in many VMs by one execution of the service: `script_vms FILE VM…`.
use std::{env, error::Error, fs, time::Duration};

use guestexec_zstack::{Client, enums::ScriptType};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().ok_or("usage: script_vms FILE VM…")?;
    let zstack = Client::builder().from_env()?.build()?;
    let vms: Vec<String> = arguments.collect();
    let script = zstack.vms(&vms).script(fs::read(file)?).language(ScriptType::Python);
    for (uuid, result) in script.timeout(Duration::from_secs(60)).await {
        match result {
            Ok(ended) => println!("{uuid} {ended}: {}", ended.stdout_lossy().trim_end()),
            Err(error) => println!("{uuid}: {error}"),
        }
    }
    zstack.logout().await?;
    Ok(())
}
