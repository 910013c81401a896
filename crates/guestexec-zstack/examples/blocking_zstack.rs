//! Runs a command from a program that is not async; account and endpoint come from the environment.
use guestexec_zstack::Client;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let zstack = Client::builder().from_env()?.build()?;
    let run = zstack.vm("fc022ba201c135d8809c5e02bf6bf156").run("uname -a");
    print!("{}", runtime.block_on(async { run.await })?.stdout_lossy());
    runtime.block_on(zstack.logout())?;
    Ok(())
}
