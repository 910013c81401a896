//! A shell in a pod, in this terminal and of its size: `shell NAMESPACE POD`.
use std::{env, error::Error, fs::File, io::stdin, os::fd::AsFd as _, pin::pin, process::exit};

use guestexec_cci::{Client, TerminalSize};
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::{
    io::{copy, stdout},
    select,
    signal::unix::{SignalKind, signal},
};

fn size() -> Result<TerminalSize, Box<dyn Error>> {
    let size = tcgetwinsize(stdin())?;
    Ok(TerminalSize { width: size.ws_col, height: size.ws_row })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Some(namespace), Some(pod)) = (env::args().nth(1), env::args().nth(2)) else {
        return Err("usage: shell NAMESPACE POD".into());
    };
    let mut resized = signal(SignalKind::window_change())?;
    let cci = Client::builder().from_env()?.build()?;
    let keys = File::from(stdin().as_fd().try_clone_to_owned()?);
    let mut child = cci.pod(namespace, pod).exec(["sh"]).tty(size()?).stdin(keys).spawn().await?;

    let cooked = tcgetattr(stdin())?;
    let mut raw = cooked.clone();
    raw.make_raw();
    tcsetattr(stdin(), OptionalActions::Now, &raw)?;
    let (mut output, mut screen) = (child.stdout.take().ok_or("no output")?, stdout());
    let mut shown = pin!(copy(&mut output, &mut screen));
    let ended = loop {
        select! {
            ended = &mut shown => break ended,
            _ = resized.recv() => {
                let TerminalSize { width, height } = size()?;
                child.resize(width, height).await?;
            }
        }
    };
    tcsetattr(stdin(), OptionalActions::Now, &cooked)?;
    ended?;
    exit(child.wait().await?.code().map_or(1, |code| code as i32));
}
