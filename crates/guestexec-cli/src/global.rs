//! What all subcommands are told alike.

use std::io::{self, IsTerminal as _};

use clap::{ArgAction, Args, ValueEnum};

use crate::{ending::ExitCodes, log};

/// Settings of every subcommand.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Global {
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// End with this code in place of 124 to 127 where the code is not the command's own
    #[arg(
        long,
        global = true,
        value_name = "CODE",
        env = "GUESTEXEC_FAILURE_CODE",
        value_parser = clap::value_parser!(u8).range(1..)
    )]
    pub(crate) failure_code: Option<u8>,
    /// When to use colours [also: NO_COLOR, CLICOLOR_FORCE]
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Say on standard error which calls are made; twice, with each attempt. No secret is among it
    #[arg(long, short, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing on standard error but failures
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As a person reads it; of one target, its bytes and nothing else
    #[default]
    Text,
    /// One JSON object a target, when it has ended
    Json,
    /// One JSON object a line, for each event as it comes
    Jsonl,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On terminals
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Global {
    pub(crate) fn exit_codes(&self) -> ExitCodes {
        ExitCodes { failure: self.failure_code }
    }

    /// Whether progress may be shown: a person watches, and nothing else is written there.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && self.verbose == 0 && io::stderr().is_terminal()
    }

    /// Sets what `anstream` does about colours, which knows the variables and terminals.
    pub(crate) fn choose_colors(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
    }

    /// Writes the library's events to standard error, if they are wanted.
    pub(crate) fn log(&self) {
        log::begin(self.quiet, self.verbose);
    }
}
