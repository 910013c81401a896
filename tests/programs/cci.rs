//! Runs a command in a Huawei CCI pod; keys and endpoint come from the environment.
use guestexec::cci::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cci = Client::builder().from_env()?.build()?;
    let output = cci.pod("default", "demo").exec(["uname", "-a"]).output().await?;
    print!("{}", output.stdout_lossy());
    assert!(output.success(), "it exited with {:?}", output.exit_code());
    Ok(())
}
