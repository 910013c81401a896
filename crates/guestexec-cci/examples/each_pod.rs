//! Runs a command in each running pod with a label, four at a time: `each_pod NAMESPACE app=web COMMAND…`.
use std::{env, error::Error};

use guestexec_cci::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(namespace), Some(selector)) = (arguments.next(), arguments.next()) else {
        return Err("usage: each_pod NAMESPACE SELECTOR COMMAND…".into());
    };
    let cci = Client::builder().from_env()?.build()?;
    let pods = cci.pods(namespace).label_selector(selector);
    let pods = pods.field_selector("status.phase=Running");
    let mut results = pods.exec_each(arguments).concurrency(4);
    while let Some(ended) = results.next().await {
        match ended? {
            (pod, Ok(output)) => print!("{pod} {output}\n{}", output.stdout_lossy()),
            (pod, Err(error)) => println!("{pod}: {error}"),
        }
    }
    Ok(())
}
