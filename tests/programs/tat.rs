//! Runs a script on a Tencent Cloud instance; keys and region come from the environment.
use guestexec::tat::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tat = Client::builder().from_env()?.build()?;
    let invocation = tat.instances(["ins-zj0f57ew"]).run("uname -a").await?;
    for result in invocation.results() {
        println!("{}: {}", result.instance_id(), result.output_lossy());
    }
    Ok(())
}
