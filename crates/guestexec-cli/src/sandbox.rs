//! `guestexec sandbox`: the three services, until interrupted.

use std::error::Error;

use guestexec_sandbox::Sandbox;

/// Serves until Ctrl-C; prints the variables by which programs find the services.
pub(crate) async fn serve() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    println!("# Tencent TAT, ZStack and Huawei CCI on this machine. Commands run here, as you.");
    println!("# Paste these lines into the shell of your program; Ctrl-C here ends the services.");
    for (name, value) in sandbox.env() {
        println!("export {name}='{value}'");
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}
