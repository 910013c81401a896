//! Lists the pods with a label, page by page: `list_pods NAMESPACE app=web`.
use std::{env, error::Error};

use guestexec_cci::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Some(namespace), Some(selector)) = (env::args().nth(1), env::args().nth(2)) else {
        return Err("usage: list_pods NAMESPACE SELECTOR".into());
    };
    let cci = Client::builder().from_env()?.build()?;
    let mut pods = cci.list_pods(namespace).label_selector(selector).limit(100).items();
    while let Some(pod) = pods.next().await {
        let pod = pod?;
        let name = pod.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        let phase = pod.status.and_then(|status| status.phase);
        println!("{name} {}", phase.as_ref().map_or("Unknown", |phase| phase.as_str()));
    }
    Ok(())
}
