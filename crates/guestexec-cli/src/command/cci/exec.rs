//! `guestexec cci exec`: a command in a container, its streams live.

mod interactive;
mod many;
mod one;
mod session;

use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use guestexec::cci::ExecTransport;

use crate::{
    connect::{cci::Settings, refuse_stdin},
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    signals::Signals,
    terminal::escape::{DetachKeys, EscapeChar},
    time::Time,
};

/// What to run, and where.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The pod
    #[arg(value_name = "POD", required_unless_present = "selector", help_heading = "Target")]
    pod: Option<String>,
    /// Run it in all pods with these labels, in place of POD
    #[arg(
        long,
        short = 'l',
        value_name = "LABELS",
        conflicts_with_all = ["pod", "stdin", "tty"],
        help_heading = "Target"
    )]
    selector: Option<String>,
    /// In how many pods it runs at once
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..),
        help_heading = "Target"
    )]
    concurrency: u16,
    /// The container, if the pod has several [default: as the pod says, else the first]
    #[arg(long, short, value_name = "CONTAINER", help_heading = "Target")]
    container: Option<String>,

    /// Pass standard input on to the command
    #[arg(long, short = 'i', help_heading = "Command")]
    stdin: bool,
    /// Give the command a terminal; with -i, this one
    #[arg(long, short = 't', help_heading = "Command")]
    tty: bool,
    /// How long the command may run
    #[arg(long, value_name = "TIME", help_heading = "Command")]
    timeout: Option<Time>,
    /// Whether `sh` of the container starts the command, without which nothing can end it early
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Command")]
    killable: Killable,
    /// How the connection is made
    #[arg(long, value_enum, default_value_t, value_name = "TRANSPORT", help_heading = "Command")]
    transport: Transport,
    /// The command and its arguments, which no shell interprets
    #[arg(last = true, required = true, value_name = "COMMAND", help_heading = "Command")]
    command: Vec<String>,

    /// The key before those of guestexec in a terminal, at the start of a line: a character, ^ and a letter, or none
    #[arg(long, value_name = "KEY", default_value = "~", help_heading = "Terminal")]
    escape_char: EscapeChar,
    /// Keys that leave the session, such as ctrl-p,ctrl-q
    #[arg(long, value_name = "KEYS", help_heading = "Terminal")]
    detach_keys: Option<DetachKeys>,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Examples:
  A command, its output and its exit code
    guestexec cci exec web-0 -- cat /etc/os-release
    guestexec cci exec web-0 -- sh -c 'cd /srv && ls | wc -l'
  A shell in this terminal
    guestexec cci exec -it web-0 -- sh
    guestexec cci exec -it -c sidecar --detach-keys ctrl-p,ctrl-q web-0 -- bash
  Data in and out
    guestexec cci exec -i db-0 -- psql < dump.sql
    guestexec cci exec db-0 -- pg_dump shop | gzip > shop.sql.gz
  Many pods
    guestexec cci exec -l app=web --concurrency 16 -- nginx -t
    guestexec cci exec -l app=web --output jsonl -- cat /etc/hostname
  A limit
    guestexec cci exec --timeout 30s web-0 -- sync

Keys with -it, at the start of a line (--escape-char):
  ~.   end the session, also a dead one    ~?  show these keys
  ~^Z  suspend guestexec                   ~~  send ~
  Ctrl-C, Ctrl-D and Ctrl-Z go to the command.

How it ends:
  SIGINT, SIGTERM, --timeout and an output that nobody reads any more kill the command, if the container has `sh`.
  Otherwise only the connection ends, and standard error says that the command may go on. The exit codes are then
  130, 143, 124 and 141, and that of SIGHUP is 129. A session that ~. or detach keys have left ends with 125.";

/// Whether the command can be killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Killable {
    /// If the container has `sh`, and not in a terminal with -i
    #[default]
    Auto,
    /// Or else not started
    Always,
    /// Started as it is given
    Never,
}

/// How the connection is made.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Transport {
    /// The first that works
    #[default]
    Auto,
    /// A WebSocket with v5.channel.k8s.io
    Websocket,
    /// A WebSocket with v4.channel.k8s.io, which cannot end the command's input
    WebsocketV4,
    /// SPDY/3.1, by POST
    Spdy,
    /// SPDY/3.1, by GET
    SpdyGet,
}

impl From<Transport> for ExecTransport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Websocket => Self::WebSocketV5,
            Transport::WebsocketV4 => Self::WebSocketV4,
            Transport::Spdy => Self::SpdyPost,
            Transport::SpdyGet => Self::SpdyGet,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let has_keyboard = arguments.stdin && arguments.tty && io::stdin().is_terminal();
    if has_keyboard && global.output != Format::Text {
        return Err(Failure::new("--output json and jsonl do not go with a terminal (-it)")
            .advise("Leave out -t, or --output."));
    }
    let settings = settings.resolved()?;
    if arguments.stdin {
        refuse_stdin([&settings.secret_from, &settings.token_from], "the command")?;
    }
    let client = settings.client().await?;
    // From here on, a signal is no reason to leave a command behind without a word.
    let signals = Signals::listen()?;
    match &arguments.selector {
        Some(selector) => {
            many::run(&client, &settings, selector, &arguments, global, signals).await
        }
        None => one::run(&client, &settings, &arguments, has_keyboard, global, signals).await,
    }
}
