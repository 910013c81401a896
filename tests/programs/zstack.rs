//! Runs a command in a ZStack VM; account and endpoint come from the environment.
use guestexec::zstack::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let zstack = Client::builder().from_env()?.build()?;
    let output = zstack.vm("fc022ba201c135d8809c5e02bf6bf156").run("uname -a").await?;
    zstack.logout().await?;
    print!("{}", output.stdout_lossy());
    assert!(output.success(), "it exited with {:?}", output.exit_code());
    Ok(())
}
