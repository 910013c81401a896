//! Runs a script from a program that is not async; keys and region come from the environment.
use guestexec_tat::Client;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tat = Client::builder().from_env()?.build()?;
    let run = tat.instances(["ins-zj0f57ew"]).run("uname -a");
    for result in runtime.block_on(async { run.await })?.results() {
        println!("{}: {}", result.instance_id(), result.output_lossy());
    }
    Ok(())
}
