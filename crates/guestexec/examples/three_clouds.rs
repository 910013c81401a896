//! Runs a command on a machine of any of the three clouds: `three_clouds COMMAND tat:ins-… zstack:UUID cci:NAMESPACE/POD`.
use std::env;

use guestexec::{Error, ExitStatus, cci, tat, zstack};

/// How a command ended, and what it wrote to standard output.
type Ended = (Option<ExitStatus>, Vec<u8>);

async fn run(target: &str, command: &str) -> Result<Ended, Error> {
    let (service, id) = target.split_once(':').unwrap_or(("cci", target));
    Ok(match service {
        "tat" => {
            let client = tat::Client::builder().from_env()?.build()?;
            let run = client.instances([id]).run(command).await?;
            let result = &run.results()[0];
            (result.exit_status(), result.output().to_vec())
        }
        "zstack" => {
            let client = zstack::Client::builder().from_env()?.build()?;
            let result = client.vm(id).run(command).await?;
            (result.exit_status(), result.stdout)
        }
        _ => {
            let client = cci::Client::builder().from_env()?.build()?;
            let (namespace, pod) = id.split_once('/').unwrap_or(("default", id));
            let result = client.pod(namespace, pod).exec(["sh", "-c", command]).await?;
            (result.exit_status(), result.stdout)
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().ok_or("usage: three_clouds COMMAND TARGET…")?;
    for target in arguments {
        match run(&target, &command).await {
            Ok((Some(status), stdout)) => {
                println!("{target} {status}: {}", String::from_utf8_lossy(&stdout))
            }
            Ok((None, _)) => println!("{target}: it never ran, or its end is not known"),
            Err(error) => println!("{target}: {error} (may have run: {})", error.may_have_run()),
        }
    }
    Ok(())
}
