//! Situations of our client: what its caller gets.

use std::time::Duration;

use guestexec_cci::{Child, Error, ErrorKind, ExecTransport, TerminalSize};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    outcome::{
        End::{self, Exit, Failed, NotStarted, Open},
        Outcome, shown,
    },
    target::Target,
};

/// What the caller does with standard input.
#[derive(Clone, Copy, Debug)]
pub enum Stdin {
    /// No call concerns it.
    None,
    /// It is given whole, and the caller awaits `output()`.
    Given(&'static [u8]),
    /// So many bytes are given.
    Much(usize),
    /// It is piped, written to, and then ended or kept.
    Piped(&'static [u8], Then),
    /// It is piped, and so many bytes are written as far as they are taken.
    PipedMuch(usize),
}

/// What the caller does with the handle of a piped input.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// It is kept to the end.
    Kept,
    /// It is shut down.
    Shut,
    /// It is dropped.
    Dropped,
    /// It is left to `wait_with_output`.
    Left,
}

/// One command, and the expected outcome.
pub struct Situation {
    pub name: &'static str,
    pub over: &'static [ExecTransport],
    pub tty: bool,
    pub killable: bool,
    pub stdin: Stdin,
    /// What `sh -c` is given; or, with blanks in between, a command of its own after a `!`.
    pub command: &'static str,
    /// The limit the command is given.
    pub timeout: Option<Duration>,
    pub end: End,
    pub stdout: &'static str,
    pub stderr: &'static str,
}

const AUTO: ExecTransport = ExecTransport::Auto;
const V5: ExecTransport = ExecTransport::WebSocketV5;
const V4: ExecTransport = ExecTransport::WebSocketV4;
const POST: ExecTransport = ExecTransport::SpdyPost;
const GET: ExecTransport = ExecTransport::SpdyGet;
const EVERY: &[ExecTransport] = &[AUTO, V5, V4, POST, GET];
/// The transports that can end a command's input.
const ENDING: &[ExecTransport] = &[AUTO, V5, POST, GET];
const DIRECT: &[ExecTransport] = &[V5, V4, POST];
const ONLY_V4: &[ExecTransport] = &[V4];
const REFUSED: End = NotStarted(ErrorKind::Refused);
const SECOND: Option<Duration> = Some(Duration::from_secs(3));
const BASE: Situation = Situation {
    name: "",
    over: EVERY,
    tty: false,
    killable: false,
    stdin: Stdin::None,
    command: "",
    timeout: None,
    end: Exit(0),
    stdout: "",
    stderr: "",
};

#[rustfmt::skip]
pub const TABLE: &[Situation] = &[
    // How commands end.
    Situation { name: "nothing at all", command: "!true", ..BASE },
    Situation { name: "a code and both outputs", command: "echo out; echo err >&2; exit 3", end: Exit(3), stdout: "out\n", stderr: "err\n", ..BASE },
    Situation { name: "the largest code", command: "exit 255", end: Exit(255), ..BASE },
    Situation { name: "SIGKILL", command: "echo out; kill -9 $$", end: Exit(137), stdout: "out\n", ..BASE },
    Situation { name: "SIGTERM", command: "kill $$", end: Exit(143), ..BASE },
    Situation { name: "SIGHUP", command: "kill -1 $$", end: Exit(129), ..BASE },
    Situation { name: "a shell that finds no program", command: "no-such-program 2>/dev/null", end: Exit(127), ..BASE },
    Situation { name: "a shell that may not run a file", command: "/etc/passwd 2>/dev/null", end: Exit(126), ..BASE },
    Situation { name: "words of a failure to start, from the command", command: "echo 'executable file not found in $PATH: no such file or directory' >&2; exit 1", end: Exit(1), stderr: "executable file not found in $PATH: no such file or directory\n", ..BASE },
    Situation { name: "no such program", command: "!no-such-program", end: REFUSED, ..BASE },
    Situation { name: "no such path", command: "!/no/such/program", end: REFUSED, ..BASE },
    Situation { name: "a file that may not be run", command: "!/etc/passwd", end: REFUSED, ..BASE },
    Situation { name: "a directory", command: "!/tmp", end: REFUSED, ..BASE },
    Situation { name: "no such program, with input", over: ENDING, command: "!no-such-program", stdin: Stdin::Given(b"text"), end: REFUSED, ..BASE },
    Situation { name: "no such program, with input left open", command: "!no-such-program", stdin: Stdin::Piped(b"", Then::Kept), end: REFUSED, ..BASE },
    Situation { name: "no such program, with a terminal", tty: true, command: "!no-such-program", end: REFUSED, ..BASE },
    Situation { name: "no such program, killable", killable: true, command: "!no-such-program", end: REFUSED, ..BASE },
    Situation { name: "a file that may not be run, killable", killable: true, command: "!/etc/passwd", end: REFUSED, ..BASE },
    Situation { name: "a limit passes", over: DIRECT, command: "echo out; sleep 20", timeout: SECOND, end: Failed(ErrorKind::Timeout), ..BASE },
    Situation { name: "a limit passes, with a terminal", over: DIRECT, tty: true, command: "echo out; sleep 20", timeout: SECOND, end: Failed(ErrorKind::Timeout), ..BASE },
    // Output.
    Situation { name: "output that is late", command: "sleep 0.5; echo out; sleep 0.5; echo err >&2", stdout: "out\n", stderr: "err\n", ..BASE },
    Situation { name: "output without a line's end", command: "!printf \\001\\377x", stdout: "\u{1}\u{fffd}x", ..BASE },
    Situation { name: "much output", command: "head -c 3000000 /dev/zero; exit 4", end: Exit(4), stdout: "<3000000 bytes of 0>", ..BASE },
    Situation { name: "much of both outputs", command: "head -c 2000000 /dev/zero >&2; head -c 3000000 /dev/zero", stdout: "<3000000 bytes of 0>", stderr: "<2000000 bytes of 0>", ..BASE },
    Situation { name: "output of a process in the background", command: "(sleep 2; echo late) & echo out; exit 3", end: Exit(3), stdout: "out\nlate\n", ..BASE },
    Situation { name: "outputs that are closed before the end", command: "echo out; exec >&- 2>&-; sleep 1; exit 6", end: Exit(6), stdout: "out\n", ..BASE },
    // Input.
    Situation { name: "no input", command: "cat; echo end", stdout: "end\n", ..BASE },
    Situation { name: "empty input", command: "cat; echo end", stdin: Stdin::Given(b""), stdout: "end\n", ..BASE },
    Situation { name: "input", over: ENDING, command: "cat; echo end", stdin: Stdin::Given(b"text\n"), stdout: "text\nend\n", ..BASE },
    Situation { name: "input that cannot be ended", over: ONLY_V4, command: "cat", stdin: Stdin::Given(b"text\n"), end: NotStarted(ErrorKind::Unsupported), ..BASE },
    Situation { name: "input, output after its end, and a code", over: ENDING, command: "cat; sleep 0.5; echo late; exit 4", stdin: Stdin::Given(b"text\n"), end: Exit(4), stdout: "text\nlate\n", ..BASE },
    Situation { name: "input, and a signal", over: ENDING, command: "cat; kill -9 $$", stdin: Stdin::Given(b"text\n"), end: Exit(137), stdout: "text\n", ..BASE },
    Situation { name: "much input", over: ENDING, command: "wc -c", stdin: Stdin::Much(5_000_000), stdout: "5000000\n", ..BASE },
    Situation { name: "much input that comes back", over: ENDING, command: "cat", stdin: Stdin::Much(5_000_000), stdout: "<5000000 bytes of 120>", ..BASE },
    Situation { name: "much input that is read late", over: ENDING, command: "sleep 2; wc -c", stdin: Stdin::Much(5_000_000), stdout: "5000000\n", ..BASE },
    Situation { name: "input of which the command reads a part", over: ENDING, command: "head -c 2; exit 5", stdin: Stdin::Given(b"text\n"), end: Exit(5), stdout: "te", ..BASE },
    Situation { name: "input that is not read", over: ENDING, command: "sleep 1; echo out; exit 5", stdin: Stdin::Given(b"text\n"), end: Exit(5), stdout: "out\n", ..BASE },
    Situation { name: "100 kB of input that are not read", over: ENDING, command: "sleep 2; echo out; exit 5", stdin: Stdin::Much(100_000), end: Exit(5), stdout: "out\n", ..BASE },
    Situation { name: "much input that is not read", over: ENDING, command: "sleep 2; echo out; exit 5", stdin: Stdin::Much(5_000_000), timeout: Some(Duration::from_secs(8)), end: Failed(ErrorKind::Timeout), ..BASE },
    Situation { name: "input into a closed descriptor", over: ENDING, command: "exec <&-; sleep 1; echo out", stdin: Stdin::Given(b"text\n"), stdout: "out\n", ..BASE },
    Situation { name: "input left open, a command that does not care", command: "echo out; exit 3", stdin: Stdin::Piped(b"", Then::Kept), end: Exit(3), stdout: "out\n", ..BASE },
    Situation { name: "input left open, a command that knows its length", command: "head -c 4", stdin: Stdin::Piped(b"text", Then::Kept), stdout: "text", ..BASE },
    Situation { name: "input left open, a command that waits for its end", over: DIRECT, command: "cat", stdin: Stdin::Piped(b"text", Then::Kept), end: Open, stdout: "text", ..BASE },
    Situation { name: "piped input that is shut down", over: &[V5, POST, GET], command: "cat; echo end", stdin: Stdin::Piped(b"text\n", Then::Shut), stdout: "text\nend\n", ..BASE },
    Situation { name: "piped input that is dropped", over: &[V5, POST, GET], command: "cat; echo end; exit 4", stdin: Stdin::Piped(b"text\n", Then::Dropped), end: Exit(4), stdout: "text\nend\n", ..BASE },
    Situation { name: "piped input that is left to the wait", over: &[V5, POST, GET], command: "cat; echo end", stdin: Stdin::Piped(b"text\n", Then::Left), stdout: "text\nend\n", ..BASE },
    Situation { name: "piped input that is dropped and cannot be ended", over: ONLY_V4, command: "cat", stdin: Stdin::Piped(b"text\n", Then::Dropped), end: Open, stdout: "text\n", ..BASE },
    Situation { name: "much piped input, a command that knows its length", over: DIRECT, command: "head -c 3000000 | wc -c", stdin: Stdin::PipedMuch(3_000_000), stdout: "3000000\n", ..BASE },
    // Terminals.
    Situation { name: "a terminal, nothing said of input", tty: true, command: "test -t 0 && test -t 1 && test -t 2; echo $?; exit 7", end: Exit(7), stdout: "0\r\n", ..BASE },
    Situation { name: "a terminal, late output", tty: true, command: "sleep 1; echo out; sleep 0.5; echo late", stdout: "out\r\nlate\r\n", ..BASE },
    Situation { name: "a terminal, both outputs in one", tty: true, command: "echo out; echo err >&2", stdout: "out\r\nerr\r\n", ..BASE },
    Situation { name: "a terminal, a signal", tty: true, command: "echo out; kill -9 $$", end: Exit(137), stdout: "out\r\n", ..BASE },
    Situation { name: "a terminal, no output", tty: true, command: "exit 9", end: Exit(9), ..BASE },
    Situation { name: "a terminal, much output", tty: true, command: "head -c 300000 /dev/zero", stdout: "<300000 bytes of 0>", ..BASE },
    Situation { name: "a terminal, its size", tty: true, command: "until [ \"$(stty size 2>/dev/null)\" = '24 80' ]; do sleep 0.1; done; echo size", stdout: "size\r\n", ..BASE },
    Situation { name: "a terminal, a line of input", tty: true, stdin: Stdin::Given(b"text\n"), command: "read line; echo \"<$line>\"; exit 3", end: Exit(3), stdout: "text\r\n<text>\r\n", ..BASE },
    Situation { name: "a terminal, input to its end", tty: true, stdin: Stdin::Given(b"text\n"), command: "cat; sleep 0.5; echo end; exit 3", end: Exit(3), stdout: "text\r\ntext\r\nend\r\n", ..BASE },
    Situation { name: "a terminal, input that ends within a line", tty: true, stdin: Stdin::Given(b"text"), command: "cat; echo; echo end", stdout: "texttext\r\nend\r\n", ..BASE },
    Situation { name: "a terminal, empty input", tty: true, stdin: Stdin::Given(b""), command: "sleep 1; echo out", stdout: "out\r\n", ..BASE },
    Situation { name: "a terminal, input that is not read", tty: true, stdin: Stdin::Given(b"text\n"), command: "sleep 1; echo out; exit 3", end: Exit(3), stdout: "text\r\nout\r\n", ..BASE },
    Situation { name: "a terminal, input kept open", tty: true, stdin: Stdin::Piped(b"text\n", Then::Kept), command: "read line; echo \"<$line>\"; exit 3", end: Exit(3), stdout: "text\r\n<text>\r\n", ..BASE },
    Situation { name: "a terminal, input kept open and awaited", tty: true, over: DIRECT, stdin: Stdin::Piped(b"text\n", Then::Kept), command: "cat", end: Open, stdout: "text\r\ntext\r\n", ..BASE },
    Situation { name: "a terminal, input shut down", tty: true, stdin: Stdin::Piped(b"text\n", Then::Shut), command: "cat; echo end; exit 4", end: Exit(4), stdout: "text\r\ntext\r\nend\r\n", ..BASE },
    Situation { name: "a terminal, input dropped", tty: true, stdin: Stdin::Piped(b"text\n", Then::Dropped), command: "cat; echo end; exit 4", end: Exit(4), stdout: "text\r\ntext\r\nend\r\n", ..BASE },
    Situation { name: "a terminal, input left to the wait", tty: true, stdin: Stdin::Piped(b"", Then::Left), command: "sleep 1; echo out; cat; echo end; exit 4", end: Exit(4), stdout: "out\r\nend\r\n", ..BASE },
    // Killable commands.
    Situation { name: "killable, a code and both outputs", killable: true, command: "echo out; echo err >&2; exit 3", end: Exit(3), stdout: "out\n", stderr: "err\n", ..BASE },
    Situation { name: "killable, input", killable: true, over: ENDING, command: "cat; exit 3", stdin: Stdin::Given(b"text\n"), end: Exit(3), stdout: "text\n", ..BASE },
    Situation { name: "killable, a terminal", killable: true, tty: true, command: "sleep 0.5; echo out; exit 3", end: Exit(3), stdout: "out\r\n", ..BASE },
    Situation { name: "killable, a terminal with input at once", killable: true, tty: true, stdin: Stdin::Piped(b"text\n", Then::Left), command: "cat; exit 3", end: Exit(3), stdout: "text\r\ntext\r\n", ..BASE },
];

impl Situation {
    pub fn expected(&self) -> Outcome {
        Outcome {
            end: self.end,
            stdout: self.stdout.to_owned(),
            stderr: self.stderr.to_owned(),
            error: String::new(),
        }
    }

    /// Runs the command, and returns what its caller gets.
    pub async fn run(&self, target: &Target, transport: ExecTransport) -> Outcome {
        let argv: Vec<&str> = match self.command.strip_prefix('!') {
            Some(command) => command.split(' ').collect(),
            None => vec!["sh", "-c", self.command],
        };
        let pod = target.pod();
        let mut exec = pod.exec(argv).transport(transport);
        if self.tty {
            exec = exec.tty(TerminalSize { width: 80, height: 24 });
        }
        if self.killable {
            exec = exec.killable();
        }
        if let Some(limit) = self.timeout {
            exec = exec.timeout(limit);
        }
        let output = match self.stdin {
            Stdin::None => exec.output(),
            Stdin::Given(text) => exec.stdin(text).output(),
            Stdin::Much(length) => exec.stdin(vec![b'x'; length]).output(),
            Stdin::Piped(text, then) => {
                return match exec.stdin_piped().spawn().await {
                    Ok(child) => self.talk(child, text.to_vec(), then).await,
                    Err(error) => failed(&error),
                };
            }
            Stdin::PipedMuch(length) => {
                return match exec.stdin_piped().spawn().await {
                    Ok(child) => self.talk(child, vec![b'x'; length], Then::Kept).await,
                    Err(error) => failed(&error),
                };
            }
        };
        match timeout(self.patience(), output).await {
            Ok(Ok(output)) => Outcome {
                end: output.exit_code().map_or(Failed(ErrorKind::Protocol), Exit),
                stdout: shown(&output.stdout),
                stderr: self.stderr_of(&output.stderr),
                error: String::new(),
            },
            Ok(Err(error)) => failed(&error),
            Err(_) => ended(Open, String::new()),
        }
    }

    /// How long the caller waits: briefly where the session is expected to stay open.
    fn patience(&self) -> Duration {
        Duration::from_secs(if self.end == Open { 4 } else { 60 })
    }

    /// Standard error. A `*` in the table matches text that differs between shells.
    fn stderr_of(&self, bytes: &[u8]) -> String {
        if self.stderr == "*" { "*".to_owned() } else { shown(bytes) }
    }

    async fn talk(&self, mut child: Child, text: Vec<u8>, then: Then) -> Outcome {
        let mut stdin = child.stdin.take();
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let end = timeout(self.patience(), async {
            let write = async {
                if let Some(stdin) = &mut stdin {
                    // A command that has ended takes no more input.
                    _ = stdin.write_all(&text).await;
                    _ = stdin.flush().await;
                }
                match then {
                    Then::Kept => {}
                    Then::Shut => {
                        // Where the input cannot be ended, the outcome shows it.
                        _ = stdin.as_mut().unwrap().shutdown().await;
                    }
                    Then::Dropped => drop(stdin.take()),
                    Then::Left => child.stdin = stdin.take(),
                }
                child.wait().await
            };
            let ((), (), end) =
                tokio::join!(collect(&mut stdout, &mut out), collect(&mut stderr, &mut err), write);
            end
        });
        let (end, error) = match end.await {
            Ok(Ok(status)) => {
                (status.code().map_or(Failed(ErrorKind::Protocol), Exit), String::new())
            }
            Ok(Err(error)) => (failed(&error).end, error.to_string()),
            Err(_) => (Open, String::new()),
        };
        Outcome { end, stdout: shown(&out), stderr: self.stderr_of(&err), error }
    }
}

async fn collect(stream: &mut Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) {
    if let Some(stream) = stream {
        // `wait` returns the reason.
        _ = stream.read_to_end(bytes).await;
    }
}

fn failed(error: &Error) -> Outcome {
    let end = match error.may_have_run() {
        true => Failed(error.kind()),
        false => NotStarted(error.kind()),
    };
    ended(end, error.to_string())
}

fn ended(end: End, error: String) -> Outcome {
    Outcome { end, stdout: String::new(), stderr: String::new(), error }
}
