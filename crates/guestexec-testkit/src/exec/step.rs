//! The steps of a script.

use std::{fmt, sync::Arc, time::Duration};

use guestexec_remotecommand::{Channel, ExitStatus, TerminalSize, Termination};

/// Makes output of the input so far.
pub(super) type Compute = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// What a script does next.
#[derive(Clone)]
pub(super) enum Step {
    Output(Channel, Arc<[u8]>),
    Computed(Channel, Compute),
    Delay(Duration),
    Wait(Wait),
    /// The Status, and the words for it in the record.
    Status(Termination, String),
    /// Bytes in place of a frame.
    Raw(Arc<[u8]>),
    /// Ends the session in order.
    Close,
    /// Ends the connection.
    Cut,
    /// Plays nothing more, and answers pings.
    Hang,
    /// Answers nothing more.
    Silence,
}

/// What a script waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Stdin(u64),
    EndOfStdin,
    Size(TerminalSize),
}

impl Step {
    pub(super) fn exit(code: i32) -> Self {
        let end = Termination::Exited(ExitStatus::from_code(code));
        Self::Status(end, format!("exit code {code}"))
    }

    pub(super) fn cannot_start(cause: &str) -> Self {
        Self::Status(Termination::could_not_start(cause), format!("cannot start: {cause}"))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(channel, bytes) => {
                write!(f, "{} bytes of {}", bytes.len(), channel.stream_type())
            }
            Self::Computed(channel, _) => write!(f, "computed {}", channel.stream_type()),
            Self::Delay(length) => write!(f, "after {length:?}"),
            Self::Wait(wait) => write!(f, "wait for {wait:?}"),
            Self::Status(_, words) => f.write_str(words),
            Self::Raw(bytes) => write!(f, "{} bytes as they are", bytes.len()),
            Self::Close => f.write_str("close"),
            Self::Cut => f.write_str("cut"),
            Self::Hang => f.write_str("hang"),
            Self::Silence => f.write_str("silence"),
        }
    }
}
