//! Decides by the error how to go on, so that no command runs twice: `after_an_error INSTANCE SCRIPT`.
use std::env;

use guestexec_tat::{
    Client, Error, ErrorKind, Finished, Unconfirmed, Unfinished, enums::ErrorCode,
};

/// Runs a script, and sees to what was started in spite of an error.
async fn run(tat: &Client, instance: &str, script: &str) -> Result<Finished, Error> {
    let error = match tat.instances([instance]).run(script).await {
        Ok(finished) => return Ok(finished),
        Err(error) => error,
    };
    eprintln!("{error}");
    let started = if let Some(unfinished) = Unfinished::of(&error) {
        unfinished.invocations()[0].clone()
    } else if let Some(unconfirmed) = Unconfirmed::of(&error)
        && let Ok(found) = tat.find_unconfirmed(unconfirmed).await
        && let [only] = &found[..]
    {
        only.invocation_id.clone()
    } else {
        return Err(error);
    };
    match tat.invocation(started).await {
        Ok(running) => running.await,
        // The first error says that the command may have run; the failure to resume it does not.
        Err(_) => Err(error),
    }
}

fn next_step(error: &Error) -> &'static str {
    match (error.kind(), error.detail()) {
        _ if error.may_have_run() => "look at the instance before you run it again",
        // The client has retried by itself for a while.
        _ if error.is_retryable() => "run it again later",
        (_, Some(ErrorCode::ResourceUnavailableAgentStatusNotOnline)) => "start the agent",
        (ErrorKind::Unauthenticated, _) => "check the key",
        _ => "correct the request",
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (Some(instance), Some(script)) = (env::args().nth(1), env::args().nth(2)) else {
        return Err("usage: after_an_error INSTANCE SCRIPT".into());
    };
    let tat = Client::builder().from_env()?.build()?;
    match run(&tat, &instance, &script).await {
        Ok(finished) => println!("{finished}"),
        Err(error) => println!("{}", next_step(&error)),
    }
    Ok(())
}
