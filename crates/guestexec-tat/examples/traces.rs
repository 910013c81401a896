//! Runs scripts at the same time, with a line on standard error for each attempt of a call: `traces INSTANCE…`.
use std::{env, error::Error, io};

use futures_util::future::try_join_all;
use guestexec_tat::Client;
use tracing::Level;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_writer(io::stderr).init();
    let tat = Client::builder().from_env()?.build()?;
    // The calls of a run are in its span, which names the instances, so parallel runs can be told apart.
    let runs = env::args().skip(1).map(|id| tat.instances([id]).run("uptime").into_future());
    for finished in try_join_all(runs).await? {
        println!("{finished}");
    }
    Ok(())
}
