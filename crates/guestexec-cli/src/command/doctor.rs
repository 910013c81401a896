//! `guestexec doctor`: whether commands could run, and if not, why.

mod check;
mod network;
mod service;
mod watch;

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use serde_json::json;

use self::check::{Check, State};
use crate::{
    connect::{cci, tat, zstack},
    ending::Exit,
    failure::{Failure, remedy::service},
    global::{Format, Global},
    say,
};

/// The exit code if something is wrong.
const WRONG: Exit = Exit(1);

/// Look at settings, credentials, network and clock, and make one call that changes nothing.
///
/// Without a provider, each is looked at, and one of which nothing is set up is no fault.
#[derive(Args, Debug)]
#[command(
    subcommand_value_name = "PROVIDER",
    subcommand_help_heading = "Providers",
    after_help = AFTER_HELP
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    provider: Option<Provider>,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Exit codes:
  0    nothing is wrong          1    something is, and the line says what to do
  125  guestexec could not look

Examples:
  guestexec doctor
  guestexec doctor tat --profile prod
  guestexec --output json doctor zstack";

/// Which service, and its settings.
#[derive(Clone, Debug, Subcommand)]
enum Provider {
    /// Huawei Cloud Container Instance
    Cci(Box<cci::Settings>),
    /// Tencent Cloud TAT
    Tat(Box<tat::Settings>),
    /// ZStack Cloud
    Zstack(Box<zstack::Settings>),
}

impl Provider {
    fn name(&self) -> &'static str {
        match self {
            Self::Cci(_) => "cci",
            Self::Tat(_) => "tat",
            Self::Zstack(_) => "zstack",
        }
    }
}

impl Arguments {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit, Failure> {
        let is_asked_for = self.provider.is_some();
        let providers = match self.provider {
            Some(provider) => vec![provider],
            None => vec![
                Provider::Cci(Box::default()),
                Provider::Tat(Box::default()),
                Provider::Zstack(Box::default()),
            ],
        };
        let mut all = Vec::new();
        for provider in providers {
            let name = provider.name();
            let checks = match provider {
                Provider::Cci(settings) => service::cci(*settings, is_asked_for).await,
                Provider::Tat(settings) => service::tat(*settings, is_asked_for).await,
                Provider::Zstack(settings) => service::zstack(*settings, is_asked_for).await,
            };
            // A person sees what is known while the rest is looked at.
            match global.output {
                Format::Text => write(&text(name, &checks)).await?,
                Format::Jsonl => {
                    for check in &checks {
                        write(&format!("{}\n", check.to_json(name))).await?;
                    }
                }
                Format::Json => {}
            }
            all.push((name, checks));
        }
        let is_wrong =
            all.iter().any(|(_, checks)| checks.iter().any(|check| check.state == State::Fail));
        if global.output == Format::Json {
            let checks: Vec<_> = (all.iter())
                .flat_map(|(name, checks)| checks.iter().map(|check| check.to_json(name)))
                .collect();
            let whole = json!({ "ok": !is_wrong, "checks": checks });
            say::document(&whole, false).await?;
        }
        Ok(if is_wrong { WRONG } else { Exit::SUCCESS })
    }
}

/// The checks of a service as people read them.
fn text(provider: &str, checks: &[Check]) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}{}{bold:#} ({provider})\n", service(provider));
    for check in checks {
        let color = match check.state {
            State::Ok => AnsiColor::Green,
            State::Warn => AnsiColor::Yellow,
            State::Fail => AnsiColor::Red,
            State::Skip => AnsiColor::BrightBlack,
        };
        let style = Style::new().fg_color(Some(color.into()));
        let state = check.state.as_str();
        text += &format!("  {style}{state:<4}{style:#}  {:<11}  {}\n", check.name, check.found);
        for line in check.more.iter().chain(&check.remedy) {
            text += &format!("                     {line}\n");
        }
    }
    text
}

/// Writes to standard output, with colours where they are wanted.
async fn write(text: &str) -> Result<(), Failure> {
    match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::Never => {
            say::bytes(anstream::adapter::strip_str(text).to_string().as_bytes()).await
        }
        _ => say::bytes(text.as_bytes()).await,
    }
}
