//! Situations of the protocol itself, most of which our client never causes.

use std::time::Duration;

use guestexec_remotecommand::{Channel, Streams};

use crate::{
    raw::{
        self, Answer,
        Close::{self, Broken, Clean, StillOpen},
        Heard,
        Status::{self, Exit, Failure, Missing, Text},
        Step::{
            self, Await, EndStdin, Flood, Frame, HalfClose, Message, Pause, Ping, Reset, Resize,
            Stdin,
        },
        Wire::{self, Spdy, V1, V4, V4Base64, V5},
    },
    target::Target,
};

/// One session, and what its client is to receive.
pub struct Situation {
    pub name: &'static str,
    pub over: &'static [Wire],
    pub streams: Streams,
    /// What `sh -c` is given; or, with blanks in between, a command of its own after a `!`.
    pub command: &'static str,
    pub steps: &'static [Step],
    pub status: Status,
    pub stdout: &'static str,
    pub stderr: &'static str,
    pub close: Close,
    pub pongs: usize,
}

impl Situation {
    fn argv(&self) -> Vec<&'static str> {
        match self.command.strip_prefix('!') {
            Some(command) => command.split(' ').collect(),
            None => vec!["sh", "-c", self.command],
        }
    }

    pub fn expected(&self) -> Heard {
        Heard {
            status: self.status,
            stdout: self.stdout.to_owned(),
            stderr: self.stderr.to_owned(),
            close: self.close,
            pongs: self.pongs,
        }
    }

    pub async fn run(&self, target: &Target, wire: Wire) -> Result<Heard, Answer> {
        raw::run(target, wire, &self.argv(), self.streams, self.steps, self.patience()).await
    }

    /// How long the client waits: briefly where the session is expected to stay open.
    fn patience(&self) -> Duration {
        match self.close {
            StillOpen => Duration::from_secs(6),
            _ => Duration::from_secs(60),
        }
    }
}

const OUT: Streams = Streams { stdin: false, stdout: true, stderr: true, tty: false };
const ALL: Streams = Streams { stdin: true, ..OUT };
const TTY: Streams = Streams { stdin: true, stdout: true, stderr: false, tty: true };
const BASE: Situation = Situation {
    name: "",
    over: EVERY,
    streams: ALL,
    command: "",
    steps: &[],
    status: Exit(0),
    stdout: "",
    stderr: "",
    close: Clean,
    pongs: 0,
};

const EVERY: &[Wire] = &[V5, V4, V4Base64, Spdy];
/// The transports that can end standard input.
const ENDING: &[Wire] = &[V5, Spdy];
const OLD: &[Wire] = &[V4];
const FRAMED: &[Wire] = &[V5, V4];

const fn ms(milliseconds: u64) -> Step {
    Pause(Duration::from_millis(milliseconds))
}

#[rustfmt::skip]
pub const TABLE: &[Situation] = &[
    Situation { name: "a code and both outputs", command: "echo out; echo err >&2; exit 3", stdout: "out\n", stderr: "err\n", status: Exit(3), ..BASE },
    Situation { name: "nothing at all", streams: OUT, command: "!true", ..BASE },
    Situation { name: "stdin alone is asked for", streams: Streams { stdin: true, stdout: false, stderr: false, tty: false }, command: "echo lost; exit 2", status: Exit(2), ..BASE },
    Situation { name: "stderr alone is asked for", streams: Streams { stdin: false, stdout: false, stderr: true, tty: false }, command: "echo lost; echo err >&2", stderr: "err\n", ..BASE },
    Situation { name: "no such program", command: "!no-such-program", status: Failure, ..BASE },
    Situation { name: "no such program, with a terminal", streams: TTY, command: "!no-such-program", status: Failure, ..BASE },
    Situation { name: "a signal", command: "kill -9 $$", status: Exit(137), ..BASE },
    Situation { name: "version 1 says nothing of a success", over: &[V1], command: "echo out", stdout: "out\n", status: Missing, ..BASE },
    Situation { name: "version 1 says a failure in words", over: &[V1], command: "echo out; exit 3", stdout: "out\n", status: Text, ..BASE },
    // Standard input.
    Situation { name: "stdin is ended", over: ENDING, command: "cat; sleep 0.3; echo late; exit 4", steps: &[Stdin(b"text\n"), EndStdin], stdout: "text\nlate\n", status: Exit(4), ..BASE },
    Situation { name: "stdin is ended at once", over: ENDING, command: "cat; echo end", steps: &[EndStdin], stdout: "end\n", ..BASE },
    Situation { name: "stdin after its end is dropped", over: &[V5], command: "cat; sleep 0.5; cat", steps: &[Stdin(b"one"), EndStdin, Stdin(b"two")], stdout: "one", ..BASE },
    Situation { name: "stdin is ended twice", over: &[V5], command: "cat; sleep 0.5; echo end", steps: &[Stdin(b"one"), EndStdin, EndStdin], stdout: "oneend\n", ..BASE },
    Situation { name: "version 5's end means nothing before it", over: OLD, command: "cat", steps: &[Stdin(b"text\n"), Message(&[255, 0])], stdout: "text\n", status: Missing, close: StillOpen, ..BASE },
    Situation { name: "an empty message is no end", command: "head -c 4", steps: &[Stdin(b"ab"), Stdin(b""), Stdin(b"cd")], over: &[V5, V4, Spdy], stdout: "abcd", ..BASE },
    Situation { name: "a message of no bytes is ignored", over: FRAMED, command: "head -c 4", steps: &[Message(b""), Stdin(b"abcd")], stdout: "abcd", ..BASE },
    Situation { name: "stdin that was not asked for", streams: OUT, over: FRAMED, command: "cat; sleep 0.3; echo end", steps: &[Stdin(b"text")], stdout: "end\n", ..BASE },
    Situation { name: "stdin stays open", command: "head -c 4; cat", over: &[V5, V4, Spdy], steps: &[Stdin(b"text")], stdout: "text", status: Missing, close: StillOpen, ..BASE },
    Situation { name: "a little stdin is left unread", over: &[V5, V4, Spdy], command: "sleep 0.5; echo out; exit 4", steps: &[Stdin(b"text")], stdout: "out\n", status: Exit(4), ..BASE },
    Situation { name: "the command closes stdin", over: &[V5, V4, Spdy], command: "exec <&-; echo closed; sleep 0.5; exit 5", steps: &[Await("closed"), Stdin(b"text"), Stdin(b"text")], stdout: "closed\n", status: Exit(5), ..BASE },
    Situation { name: "100 kB of stdin are left unread", over: &[V5, V4, Spdy], command: "sleep 2; exit 4", steps: &[Flood(100_000)], status: Exit(4), ..BASE },
    Situation { name: "a megabyte of stdin is left unread: no status", over: &[V5, V4, Spdy], command: "echo out; sleep 3; echo late; exit 4", steps: &[Await("out"), Flood(1_000_000)], stdout: "out\nlate\n", status: Missing, close: StillOpen, ..BASE },
    Situation { name: "a megabyte of stdin is left unread and ended: no status", over: ENDING, command: "echo out; sleep 3; exit 4", steps: &[Await("out"), Flood(1_000_000), EndStdin], stdout: "out\n", status: Missing, close: StillOpen, ..BASE },
    Situation { name: "much stdin is read in part: no status", over: &[V5, V4, Spdy], command: "head -c 100000 | wc -c; sleep 2; exit 4", steps: &[Flood(100_000_000)], stdout: "100000\n", status: Missing, close: StillOpen, ..BASE },
    // An output that ends takes standard input with it.
    Situation { name: "stdin ends with stderr", command: "exec 2>&-; cat; echo end", stdout: "end\n", ..BASE },
    Situation { name: "stdin ends with stdout", command: "exec >&-; cat >/dev/null; echo end >&2", stderr: "end\n", ..BASE },
    Situation { name: "stdin ends with both outputs", command: "exec >&- 2>&-; cat >/dev/null; exit 7", status: Exit(7), ..BASE },
    Situation { name: "stdin that came before the end of stderr is read", over: &[V5, V4, Spdy], command: "sleep 1; exec 2>&-; cat; echo end", steps: &[Stdin(b"one\n"), Stdin(b"two\n")], stdout: "one\ntwo\nend\n", ..BASE },
    Situation { name: "stdin that came after the end of stderr is dropped", over: &[V5, V4, Spdy], command: "exec 2>&-; echo begun; sleep 1; cat; echo end", steps: &[Await("begun"), ms(300), Stdin(b"lost\n")], stdout: "begun\nend\n", ..BASE },
    Situation { name: "stdin does not end while another process has stderr", over: &[V5, V4, Spdy], command: "sleep 2 & exec 2>&-; cat; echo end", steps: &[Stdin(b"text\n")], stdout: "text\nend\n", ..BASE },
    Situation { name: "stdin does not end with the command while another process has the outputs", over: &[V5, V4, Spdy], command: "exec 3<&0; { head -n 2 <&3; echo late; } & exit 3", steps: &[ms(500), Stdin(b"one\n"), ms(300), Stdin(b"two\n")], stdout: "one\ntwo\nlate\n", status: Exit(3), ..BASE },
    // Messages that close.
    Situation { name: "a close message without a channel", over: &[V5], command: "sleep 3; echo lost", steps: &[Message(&[255])], status: Missing, ..BASE },
    Situation { name: "a close message for no channel", over: &[V5], command: "sleep 3; echo lost", steps: &[Message(&[255, 9])], status: Missing, ..BASE },
    Situation { name: "a close message that is too long", over: &[V5], command: "sleep 3; echo lost", steps: &[Message(&[255, 0, 0])], status: Missing, ..BASE },
    Situation { name: "a close message for stdout", over: &[V5], command: "sleep 1; echo out", steps: &[Message(&[255, 1])], stdout: "out\n", ..BASE },
    Situation { name: "a close message for stdin that was not asked for", streams: OUT, over: &[V5], command: "sleep 1; echo out", steps: &[Message(&[255, 0])], stdout: "out\n", ..BASE },
    Situation { name: "the client's close frame", over: FRAMED, command: "echo begun; sleep 3; echo lost", steps: &[Await("begun"), Frame(0x88, &[3, 232])], stdout: "begun\n", status: Missing, ..BASE },
    Situation { name: "the client's close frame without a code", over: FRAMED, command: "echo begun; sleep 3; echo lost", steps: &[Await("begun"), Frame(0x88, &[])], stdout: "begun\n", status: Missing, ..BASE },
    Situation { name: "the client sends no more", over: &[V5, V4, Spdy], command: "echo begun; sleep 3; echo lost", steps: &[Await("begun"), HalfClose], stdout: "begun\n", status: Missing, close: Broken, ..BASE },
    Situation { name: "the client resets stdin", over: &[Spdy], command: "cat; echo end", steps: &[ms(300), Reset(Channel::Stdin)], stdout: "end\n", ..BASE },
    // Frames.
    Situation { name: "fragments are messages of their own", over: FRAMED, command: "head -c 3", steps: &[Frame(0x02, b"\0a"), Frame(0x00, b"\0b"), Frame(0x80, b"\0c")], stdout: "abc", ..BASE },
    Situation { name: "a fragment's first byte is a channel", over: FRAMED, command: "head -c 3", steps: &[Frame(0x02, b"\0ab"), Frame(0x80, b"xyz"), ms(500), Stdin(b"c")], stdout: "abc", ..BASE },
    Situation { name: "a text frame is bytes", over: FRAMED, command: "head -c 3", steps: &[Frame(0x81, b"\0abc")], stdout: "abc", ..BASE },
    Situation { name: "channels that are the server's, and unknown ones", over: FRAMED, command: "head -c 3", steps: &[Message(b"\x01x"), Message(b"\x02x"), Message(b"\x03x"), Message(b"\x07x"), Stdin(b"abc")], stdout: "abc", ..BASE },
    Situation { name: "pings are answered", over: &[V5, V4, Spdy], command: "echo begun; sleep 1", steps: &[Await("begun"), Ping, Ping], stdout: "begun\n", pongs: 2, ..BASE },
    Situation { name: "a pong nobody asked for", over: FRAMED, command: "head -c 3", steps: &[Frame(0x8a, b"x"), Stdin(b"abc")], stdout: "abc", ..BASE },
    Situation { name: "a ping behind input that is not read", over: &[V4], command: "sleep 30", steps: &[Flood(300_000), Ping], status: Missing, close: StillOpen, ..BASE },
    Situation { name: "a ping behind input that is read late", over: FRAMED, command: "sleep 1; head -c 300000 | wc -c; sleep 1", steps: &[Flood(300_000), Ping], stdout: "300000\n", pongs: 1, ..BASE },
    // Terminals.
    Situation { name: "a terminal", streams: TTY, command: "test -t 0 && test -t 1 && test -t 2; echo $?; echo err >&2; exit 7", stdout: "0\r\nerr\r\n", status: Exit(7), ..BASE },
    Situation { name: "a terminal whose stdin is ended: a detach", over: ENDING, streams: TTY, command: "sleep 2; echo lost; exit 5", steps: &[EndStdin], status: Exit(5), ..BASE },
    Situation { name: "a terminal whose stdin is ended, and more output than fits somewhere", over: ENDING, streams: TTY, command: "sleep 2; head -c 300000 /dev/zero; exit 5", steps: &[EndStdin], status: Missing, close: StillOpen, ..BASE },
    Situation { name: "a terminal whose stdin is ended later", over: ENDING, streams: TTY, command: "echo before; sleep 3; echo after; exit 5", steps: &[Await("before"), EndStdin], stdout: "before\r\n", status: Exit(5), ..BASE },
    Situation { name: "a terminal without stdin, where the runtime speaks WebSocket itself", streams: Streams { stdin: false, ..TTY }, over: &[V4, V4Base64], command: "sleep 2; echo lost; exit 5", status: Exit(5), ..BASE },
    Situation { name: "a terminal without stdin, where the runtime speaks SPDY", streams: Streams { stdin: false, ..TTY }, over: ENDING, command: "sleep 1; echo out; exit 5", stdout: "out\r\n", status: Exit(5), ..BASE },
    Situation { name: "a terminal and stderr", streams: Streams { stderr: true, ..TTY }, over: &[V5, V4], command: "echo out; echo err >&2", stdout: "out\r\nerr\r\n", ..BASE },
    Situation { name: "^D ends what a terminal's command reads", over: &[V5, V4, Spdy], streams: TTY, command: "cat; echo end", steps: &[Stdin(b"text\n"), Stdin(b"\x04")], stdout: "text\r\ntext\r\nend\r\n", ..BASE },
    Situation { name: "^C interrupts a terminal's command", over: &[V5, V4, Spdy], streams: TTY, command: "echo begun; sleep 30", steps: &[Await("begun"), Stdin(b"\x03")], stdout: "begun\r\n^C", status: Exit(130), ..BASE },
    Situation { name: "a terminal's size, twice", over: &[V5, V4, Spdy], streams: TTY, command: "until [ \"$(stty size 2>/dev/null)\" = '11 22' ]; do sleep 0.1; done; echo first; until [ \"$(stty size 2>/dev/null)\" = '33 44' ]; do sleep 0.1; done; echo second", steps: &[Resize(22, 11), Await("first"), Resize(44, 33)], stdout: "first\r\nsecond\r\n", ..BASE },
    Situation { name: "sizes in other letters, with more members, two at once", over: FRAMED, streams: TTY, command: "until [ \"$(stty size 2>/dev/null)\" = '33 44' ]; do sleep 0.1; done; echo second", steps: &[Message(b"\x04{\"width\":22,\"HEIGHT\":11,\"x\":1}{\"Width\":44,\"Height\":33}")], stdout: "second\r\n", ..BASE },
    Situation { name: "a size that is no JSON ends all sizes", over: FRAMED, streams: TTY, command: "sleep 1; stty size", steps: &[Resize(22, 11), ms(500), Message(b"\x04{Width"), Resize(44, 33)], stdout: "11 22\r\n", ..BASE },
    Situation { name: "a size without a terminal", over: FRAMED, command: "echo out", steps: &[Resize(22, 11)], stdout: "out\n", ..BASE },
    // Output.
    Situation { name: "much on both outputs", streams: OUT, command: "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2", stdout: "<3000000 bytes of 0>", stderr: "<2000000 bytes of 0>", ..BASE },
    Situation { name: "much from a terminal", streams: TTY, command: "head -c 300000 /dev/zero", stdout: "<300000 bytes of 0>", ..BASE },
    Situation { name: "a process in the background holds the output", streams: OUT, command: "(sleep 2; echo late) & echo out", stdout: "out\nlate\n", ..BASE },
    Situation { name: "a process in the background holds the terminal", streams: TTY, command: "trap '' HUP; (sleep 3; echo late) & echo out; sleep 0.5", stdout: "out\r\n", ..BASE },
    Situation { name: "a process in the background holds the terminal for long", streams: TTY, command: "trap '' HUP; sleep 90 & echo out; sleep 0.5", stdout: "out\r\n", ..BASE },
    Situation { name: "a process in the background holds nothing", streams: OUT, command: "sleep 2 >/dev/null 2>&1 & echo out", stdout: "out\n", ..BASE },
    Situation { name: "the command closes its outputs and goes on", streams: OUT, command: "echo out; exec >&- 2>&-; sleep 1; exit 6", stdout: "out\n", status: Exit(6), ..BASE },
];
