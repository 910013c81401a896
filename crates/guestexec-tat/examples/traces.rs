//! Runs scripts at the same time, with a line on standard error for each attempt of a call: `traces INSTANCE…`.
use std::{env, error::Error, io};

use futures_util::future::try_join_all;
use guestexec_tat::Client;
use tracing::{Instrument as _, Level, info_span};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_writer(io::stderr).init();
    let tat = Client::builder().from_env()?.build()?;
    let runs = env::args().skip(1).map(|instance| {
        // The calls of a run are in its span, so the lines of parallel runs can be told apart.
        let span = info_span!("patch", instance);
        let run = tat.instances([instance]).run("uptime");
        run.into_future().instrument(span)
    });
    for finished in try_join_all(runs).await? {
        println!("{finished}");
    }
    Ok(())
}
