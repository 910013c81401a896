//! `guestexec man`: the manual, made of the same help.

use std::{fs, io, path::PathBuf};

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use crate::{ending::Exit, failure::Failure, global::Global, say};

/// Print the manual page, or write those of all commands.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Write a page for each command into this folder, which is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Examples:
  guestexec man | man -l -
  guestexec man --dir ~/.local/share/man/man1";

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let mut command = crate::Arguments::command().disable_help_subcommand(true);
        let Some(folder) = self.dir else {
            command.build();
            let mut page = Vec::new();
            Man::new(command).render(&mut page)?;
            say::bytes(&page).await?;
            return Ok(Exit::SUCCESS);
        };
        let problem = |error: io::Error| {
            Failure::new(format!("{} cannot be written: {error}", folder.display()))
                .advise("Give --dir a folder that you may write to.")
        };
        fs::create_dir_all(&folder).map_err(problem)?;
        clap_mangen::generate_to(command, &folder).map_err(problem)?;
        say::note(global, &format!("the pages are in {}", folder.display()));
        Ok(Exit::SUCCESS)
    }
}
