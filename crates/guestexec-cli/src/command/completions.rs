//! `guestexec completions`: the scripts of the shells.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, env::Shells};

use crate::{complete, ending::Exit, failure::Failure, say};

/// Print the script by which a shell completes commands, flags, profiles and machines.
///
/// The shell asks guestexec itself, which lists machines with the credentials that a command would use, if they are at
/// hand: it asks no person, runs no command for a secret, logs in nowhere, and gives up after a moment.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
    /// A script that knows commands and flags alone, and calls nothing
    #[arg(long = "static")]
    is_static: bool,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Examples:
  source <(guestexec completions bash)                       in ~/.bashrc
  source <(guestexec completions zsh)                        in ~/.zshrc
  guestexec completions fish | source                        in ~/.config/fish/config.fish
  eval (guestexec completions elvish | slurp)                in ~/.config/elvish/rc.elv
  guestexec completions powershell | Out-String | Invoke-Expression   in $PROFILE
  guestexec completions bash --static > guestexec.bash       for a package";

/// The name by which a shell calls the program.
const NAME: &str = "guestexec";

impl Arguments {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        match Shells::builtins().completer(&self.shell.to_string()) {
            Some(shell) if !self.is_static => {
                shell.write_registration(complete::VARIABLE, NAME, NAME, NAME, &mut script)?;
            }
            _ => {
                let mut command = crate::Arguments::command();
                clap_complete::generate(self.shell, &mut command, NAME, &mut script);
            }
        }
        say::bytes(&script).await?;
        Ok(Exit::SUCCESS)
    }
}
