//! Runs a command from a program that is not async; keys and endpoint come from the environment.
use guestexec_cci::Client;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cci = Client::builder().from_env()?.build()?;
    let exec = cci.pod("default", "demo").exec(["uname", "-a"]);
    print!("{}", runtime.block_on(exec.output())?.stdout_lossy());
    Ok(())
}
