//! The command line of guestexec: commands in the machines of three clouds, in one grammar.

mod command;
mod complete;
mod connect;
mod ending;
mod failure;
mod global;
mod interrupt;
mod listing;
mod log;
mod profiles;
mod report;
mod say;
mod secret_from;
mod signals;
mod stdin;
mod targets;
mod terminal;
mod time;

use std::{env, ffi::OsString, io::Write as _, process::ExitCode, time::Duration};

use clap::{Parser, error::ErrorKind};

use serde_json::json;

use crate::{
    command::Command,
    ending::{Exit, FAILURE},
    failure::Failure,
    global::{Format, Global},
};

/// How long the end of the program waits for what still runs, such as a read of standard input.
const LAST_WAIT: Duration = Duration::from_millis(100);

/// Run commands inside cloud machines that have no SSH
#[derive(Debug, Parser)]
#[command(name = "guestexec", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Exit codes:
  The exit code of a command is that of guestexec. Of many targets, it is 1 if any failed.
  124  the command's time ran out          126  the file cannot be run
  125  guestexec failed, or a connection   127  the machine has no such command
  --failure-code CODE takes the place of these four.
  130  interrupted by SIGINT; 129 and 143 by SIGHUP and SIGTERM
  141  nobody reads the output any more";

fn main() -> ExitCode {
    if complete::answers() {
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let Arguments { global, command } = arguments;
    global.choose_colors();
    global.log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&global, &error.into()),
    };
    let ended = runtime.block_on(command.run(&global));
    // A blocked read of standard input must not keep the program.
    runtime.shutdown_timeout(LAST_WAIT);
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_pipe() => Exit::CLOSED_PIPE.into(),
        Err(failure) => fail(&global, &failure),
    }
}

/// Shows a failure on two lines and, to programs that read JSON, as an object without a target.
fn fail(global: &Global, failure: &Failure) -> ExitCode {
    if global.output != Format::Text {
        let ended = failure.ended;
        let object =
            json!({ "ended": ended.as_str(), "exit_code": ended.exit_code(), "error": failure });
        // As below.
        let _ = writeln!(anstream::stdout(), "{object}");
    }
    let mut to = anstream::stderr().lock();
    // Nobody can be told that nobody can be told.
    let _ = writeln!(to, "guestexec: {failure}");
    global.exit_codes().of_one(failure.ended).into()
}

/// Shows what is wrong with the arguments, or the help that they ask for. A wrong argument ends as any failure does,
/// so that no script takes it for a command's own exit code.
fn usage(error: &clap::Error) -> ExitCode {
    // As above.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => failure_code(env::args_os()).into(),
    }
}

/// The code of a failure, where the arguments could not be read as a whole.
fn failure_code(arguments: impl Iterator<Item = OsString>) -> u8 {
    let mut given = env::var("GUESTEXEC_FAILURE_CODE").ok();
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.split_once('=') {
            _ if argument == "--" => break,
            _ if argument == "--failure-code" => given = arguments.next(),
            Some(("--failure-code", code)) => given = Some(code.to_owned()),
            _ => {}
        }
    }
    given.and_then(|code| code.parse().ok()).filter(|code| *code > 0).unwrap_or(FAILURE)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_failure_code_is_found_in_arguments_that_are_wrong() {
        let code = |line: &str| failure_code(line.split(' ').map(OsString::from));
        assert_eq!(code("guestexec cci exec --bogus"), 125);
        assert_eq!(code("guestexec --failure-code 99 cci --bogus"), 99);
        assert_eq!(code("guestexec --failure-code=98 --bogus"), 98);
        assert_eq!(code("guestexec --bogus -- --failure-code 97"), 125);
    }
}
