//! Sets what is retried and for how long, for a client and for one call, and shows how often that was needed.
use std::{error::Error, time::Duration};

use guestexec_tat::{Client, Retries};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let retries = Retries::new()
        .count(5)
        .pauses(Duration::from_millis(100), Duration::from_secs(10))
        .patience(Duration::from_secs(120))
        .total_timeout(Duration::from_secs(180));
    let tat = Client::builder().from_env()?.retries(retries).build()?;
    if let Err(error) = tat.describe_regions().retries(0).send().await {
        eprintln!("{error}");
    }
    let regions = tat.describe_regions().send().await?;
    println!("{} regions: {}", regions.region_set.len(), tat.counts());
    Ok(())
}
