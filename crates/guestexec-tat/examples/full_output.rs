//! Runs a script whose output is long, and writes all of it to a file:
//! `full_output INSTANCE BUCKET_URL SCRIPT FILE`.
use std::{env, error::Error};

use guestexec_tat::Client;
use tokio::fs::File;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [instance, bucket, script, file] = &arguments[..] else {
        return Err("usage: full_output INSTANCE BUCKET_URL SCRIPT FILE".into());
    };
    let tat = Client::builder().from_env()?.build()?;
    let finished = tat.instances([instance]).run(script).output_to_cos(bucket).await?;
    let result = finished.results().first().ok_or("the service has no result")?;
    println!("{result}");
    let bytes = result.full_output(&tat).write_to(&mut File::create(file).await?).await?;
    println!("{bytes} bytes are in {file}");
    Ok(())
}
