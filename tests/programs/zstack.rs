//! Runs a command in a ZStack VM, under a session of its own.
use guestexec::zstack::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (node, password) = (std::env::var("ZSTACK_ENDPOINT")?, std::env::var("ZSTACK_PASSWORD")?);
    let zstack = Client::builder(node).login("admin", password).await?;
    let output = zstack.vm("fc022ba201c135d8809c5e02bf6bf156").run("uname -a").await?;
    zstack.logout().await?;
    print!("{}", output.stdout_lossy());
    assert!(output.success(), "it exited with {}", output.exit_code);
    Ok(())
}
