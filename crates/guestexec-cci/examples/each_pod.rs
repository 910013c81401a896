//! Runs a command in each running pod with a label, four at a time: `each_pod NAMESPACE app=web COMMAND…`.
use std::{env, error::Error};

use futures_util::{StreamExt as _, stream};
use guestexec_cci::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(namespace), Some(selector)) = (arguments.next(), arguments.next()) else {
        return Err("usage: each_pod NAMESPACE SELECTOR COMMAND…".into());
    };
    let command: Vec<_> = arguments.collect();
    let cci = Client::builder().from_env()?.build()?;
    let pods = cci.pods(&namespace).label_selector(selector);
    let pods = pods.field_selector("status.phase=Running").list().await?;

    let names = pods.into_iter().filter_map(|pod| pod.metadata?.name);
    let outputs = names.map(async |name| {
        let run =
            async || cci.pod(&namespace, &name).choose_container().await?.exec(&command).await;
        (run().await, name)
    });
    let mut outputs = stream::iter(outputs).buffered(4);
    while let Some((output, name)) = outputs.next().await {
        match output {
            Ok(output) => print!("{name} {output}\n{}", output.stdout_lossy()),
            Err(error) => println!("{name}: {error}"),
        }
    }
    Ok(())
}
