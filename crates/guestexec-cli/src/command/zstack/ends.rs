//! How commands end in VMs, in this program's words, and what to do about failures.

use guestexec::{
    ErrorKind, Operation,
    zstack::{
        self, Captured, Client, JobId, Uncaptured, Unfinished,
        operations::{EXECUTE_GUEST_VM_COMMAND, GET_API_JOB},
    },
};

use crate::{
    connect::zstack::Settings,
    ending::Ended,
    failure::Failure,
    report::{Outcome, Report, Stream},
};

/// Writes both outputs of a command that has ended, and returns its end.
pub(super) async fn write(
    report: &mut Report,
    vm: &str,
    captured: &Captured,
) -> Result<Outcome, Failure> {
    report.output(vm, Stream::Stdout, &captured.stdout).await?;
    report.output(vm, Stream::Stderr, &captured.stderr).await?;
    let ended = captured.exit_status().map_or(Ended::Unknown, Ended::from);
    let missing = captured.stdout_dropped + captured.stderr_dropped;
    let rest = (missing > 0).then(|| {
        format!(
            "They are the beginning: {} of standard output, {} of standard error. The guest tools keep the last 720 KiB; have the command write to a file in the VM.",
            captured.stdout_dropped, captured.stderr_dropped
        )
    });
    Ok(Outcome { missing, rest, ..ended.into() })
}

/// The failure of a call, with what to do on a command line.
pub(super) fn of_error(error: &zstack::Error) -> Failure {
    let failure = Failure::from(error.clone());
    if let Some(unfinished) = Unfinished::of(error) {
        // The wait is over, not the time of the command.
        return failure.with_end(Ended::Unknown).advise(match error.kind() {
            ErrorKind::NotFound => format!(
                "Look inside the VM. A node keeps results for three hours as installed; `{}` asks again.",
                resume(unfinished.job())
            ),
            _ => format!("Resume it with `{}`, or look inside the VM.", resume(unfinished.job())),
        });
    }
    if let Some(uncaptured) = Uncaptured::of(error) {
        let text = uncaptured.output().stdout_lossy().replace(char::is_control, " ");
        let text: String = text.trim().chars().take(200).collect();
        return failure.advise(format!("The service's text begins: {text}"));
    }
    let is_of = |operation: &Operation| error.operation() == Some(operation.id);
    let (runs, asks) = (is_of(&EXECUTE_GUEST_VM_COMMAND), is_of(&GET_API_JOB));
    match error.kind() {
        ErrorKind::NotFound if runs => {
            failure.advise("Check the UUID: `guestexec zstack vms` lists the VMs.")
        }
        ErrorKind::Refused if runs || asks => failure.advise(
            "See with `guestexec zstack vms` whether the VM runs, and in it whether the guest tools do.",
        ),
        ErrorKind::Unsupported => {
            failure.advise("Install what is missing in the VM, and run the command again.")
        }
        _ => failure,
    }
}

/// How to come back to a command.
pub(super) fn resume(job: &JobId) -> String {
    format!("guestexec zstack result {}", job.expose())
}

/// Ends the session that this program has opened. What fails here changes nothing for the commands, and a session
/// ends by itself.
pub(super) async fn log_out(client: &Client, is_own_session: bool, report: &mut Report) {
    if is_own_session && let Err(error) = client.logout().await {
        // Nobody reads it, then.
        let _ = report.note(&format!("the session was not ended: {}", error.summary())).await;
    }
}

/// Whether the session is one that this program opens. One that was given is the caller's, who may go on with it.
pub(super) fn is_own_session(settings: &Settings) -> bool {
    settings.token_from.is_none() || settings.account.is_some()
}
