//! The five byte streams of a session, and which of them a request asks for.

/// One of the five byte streams of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Client to server: the process's standard input.
    Stdin,
    /// Server to client: standard output, and all output of a terminal.
    Stdout,
    /// Server to client: standard error; absent with a terminal.
    Stderr,
    /// Server to client: how the process ended.
    Error,
    /// Client to server: the terminal's size.
    Resize,
}

impl Channel {
    /// All channels, in the order in which kubectl opens its SPDY streams.
    pub const ALL: [Self; 5] = [Self::Error, Self::Stdin, Self::Stdout, Self::Stderr, Self::Resize];

    /// The channel's number, which is the first byte of a WebSocket message.
    pub const fn number(self) -> u8 {
        match self {
            Self::Stdin => 0,
            Self::Stdout => 1,
            Self::Stderr => 2,
            Self::Error => 3,
            Self::Resize => 4,
        }
    }

    /// The channel with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.number() == number)
    }

    /// The channel's name, which is the value of the `streamtype` header of its SPDY stream.
    pub const fn stream_type(self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Error => "error",
            Self::Resize => "resize",
        }
    }

    /// The channel with this `streamtype`.
    pub fn from_stream_type(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.stream_type().as_bytes() == name)
    }
}

/// The query parameters `stdin`, `stdout`, `stderr` and `tty` of a request.
///
/// Kubernetes answers 400 if the first three are all false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Streams {
    /// The client sends standard input.
    pub stdin: bool,
    /// The client wants standard output.
    pub stdout: bool,
    /// The client wants standard error. Servers ignore it if `tty` is set.
    pub stderr: bool,
    /// The process gets a terminal.
    pub tty: bool,
}

impl Streams {
    /// The channels of the session, in the order of [`Channel::ALL`].
    pub fn channels(self) -> impl Iterator<Item = Channel> {
        Channel::ALL.into_iter().filter(move |channel| match channel {
            Channel::Error => true,
            Channel::Stdin => self.stdin,
            Channel::Stdout => self.stdout,
            Channel::Stderr => self.stderr && !self.tty,
            Channel::Resize => self.tty,
        })
    }

    /// The channel on which a WebSocket server announces that it is ready: the first output, or else the error channel.
    pub fn first_output(self) -> Channel {
        self.channels()
            .find(|c| matches!(c, Channel::Stdout | Channel::Stderr))
            .unwrap_or(Channel::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_round_trip() {
        for (channel, number, name) in [
            (Channel::Stdin, 0, "stdin"),
            (Channel::Stdout, 1, "stdout"),
            (Channel::Stderr, 2, "stderr"),
            (Channel::Error, 3, "error"),
            (Channel::Resize, 4, "resize"),
        ] {
            assert_eq!((channel.number(), channel.stream_type()), (number, name));
            assert_eq!(Channel::from_number(number), Some(channel));
            assert_eq!(Channel::from_stream_type(name.as_bytes()), Some(channel));
        }
        assert_eq!(Channel::from_number(5), None);
        assert_eq!(Channel::from_number(255), None);
        assert_eq!(Channel::from_stream_type(b"Stdin"), None);
    }

    #[test]
    fn streams_follow_the_request() {
        use Channel::*;
        let all = Streams { stdin: true, stdout: true, stderr: true, tty: false };
        assert!(all.channels().eq([Error, Stdin, Stdout, Stderr]));
        assert!(Streams { tty: true, ..all }.channels().eq([Error, Stdin, Stdout, Resize]));
        assert!(Streams::default().channels().eq([Error]));
        assert_eq!(all.first_output(), Stdout);
        assert_eq!(Streams { stdout: false, ..all }.first_output(), Stderr);
        assert_eq!(Streams { stdin: true, ..Streams::default() }.first_output(), Error);
    }
}
