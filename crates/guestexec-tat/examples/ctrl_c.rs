//! Shows the progress of a script with a parameter, and cancels it at Ctrl-C: `ctrl_c POWERSHELL PACKAGE INSTANCE…`.
use std::{env, error::Error, pin::pin, time::Duration};

use guestexec_tat::Client;
use tokio::{select, signal::ctrl_c};

// PowerShell and a POSIX shell both read it, so the first argument may be SHELL too.
const SCRIPT: &str = "echo \"installing {{package}}\"\nsleep 60";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(kind), Some(package)) = (arguments.next(), arguments.next()) else {
        return Err("usage: ctrl_c POWERSHELL PACKAGE INSTANCE…".into());
    };
    let tat = Client::builder().from_env()?.build()?;
    let run = tat.instances(arguments).run(SCRIPT).command_type(kind.into());
    let run = run.parameter("package", package).timeout(Duration::from_secs(300));
    let mut events = run.start().await?.events();
    // One future for the whole run, and asked first: no Ctrl-C is missed between two events.
    let (mut pressed, mut cancelled) = (pin!(ctrl_c()), false);
    loop {
        select! {
            biased;
            heard = &mut pressed, if !cancelled => {
                heard?;
                cancelled = true;
                events.cancel().await?;
            }
            event = events.next() => match event {
                Some(event) => println!("{event}"), // ins-1 is RUNNING
                None => return Ok(()),
            },
        }
    }
}
