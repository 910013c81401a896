//! What every server of the protocol has to support, over every transport.

use std::{process::Stdio, time::Duration};

use guestexec_cci::{Client, ErrorKind, Exec, ExecTransport, Input, Pod, TerminalSize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

/// A server, and the pods on it.
pub struct Target {
    pub client: Client,
    pub namespace: String,
    /// A pod with one container that has `sh` and the usual programs of busybox.
    pub pod: String,
    /// A pod with the containers `a` and `b`.
    pub two: String,
    pub transport: ExecTransport,
    /// Bytes sent to a command.
    pub input: usize,
    /// Bytes a command sends.
    pub output: usize,
}

impl Target {
    fn pod(&self) -> Pod<'_> {
        self.client.pod(&*self.namespace, &*self.pod)
    }

    fn exec<const N: usize>(&self, argv: [&str; N]) -> Exec<'_> {
        self.pod().exec(argv).transport(self.transport)
    }

    fn sh(&self, script: &str) -> Exec<'_> {
        self.exec(["sh", "-c", script])
    }

    fn can_end_input(&self) -> bool {
        self.transport != ExecTransport::WebSocketV4
    }

    /// Every part of the suite, one after the other.
    pub async fn run_all(&self) {
        let limit = Duration::from_secs(600);
        let named = |name, error| panic!("{name} over {:?}: {error}", self.transport);
        macro_rules! run {
            ($($part:ident),*) => {$(
                if let Err(error) = timeout(limit, self.$part()).await {
                    named(stringify!($part), error);
                }
            )*};
        }
        run!(exit_codes, missing_executable, argv, errors_before_the_upgrade, terminal);
        run!(end_of_a_terminals_input);
        run!(unread_stderr, whole_input, large_input, large_output, kill);
    }

    async fn exit_codes(&self) {
        for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("exit 255", 255)]
        {
            let output =
                self.sh(&format!("echo out; echo err >&2; {script}")).output().await.unwrap();
            assert_eq!(output.exit_code(), Some(code), "{script}");
            assert_eq!(output.success(), code == 0);
            assert_eq!(output.exit_status().unwrap().signal(), (code == 137).then_some(9));
            assert_eq!((&*output.stdout_lossy(), &*output.stderr_lossy()), ("out\n", "err\n"));
        }
    }

    async fn missing_executable(&self) {
        let error = self.exec(["no-such-program"]).output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.message().contains("executable file not found"), "{error}");
        assert!(!error.may_have_run(), "{error}");
    }

    async fn argv(&self) {
        let argv =
            ["printf", "[%s]", "", "äöü 你好 🦀", "a&b=c+d%2Fe", "two  spaces", "\t\n", "-c", ""];
        let output = self.exec(argv).output().await.unwrap();
        let expected: String = argv[2..].iter().map(|element| format!("[{element}]")).collect();
        assert_eq!(output.stdout_lossy(), expected);
    }

    async fn errors_before_the_upgrade(&self) {
        let nowhere = self.client.pod(&*self.namespace, "not-there");
        let error = nowhere.exec(["true"]).transport(self.transport).output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::NotFound, false), "{error}");

        let two = self.client.pod(&*self.namespace, &*self.two);
        let error = two.exec(["true"]).transport(self.transport).output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Refused, false), "{error}");
        let names = |order: &str| error.message().contains(order);
        assert!(names("[a b]") || names("[b a]"), "{error}");
        let chosen = two.clone().container("b").exec(["true"]).transport(self.transport);
        assert!(chosen.output().await.unwrap().success());
        let wrong = two.container("c").exec(["true"]).transport(self.transport);
        let error = wrong.output().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Refused, false), "{error}");
    }

    /// The command waits for each size, since the first one races with its start.
    async fn terminal(&self) {
        let until = |size: &str| {
            format!("until [ \"$(stty size 2>/dev/null)\" = \"{size}\" ]; do sleep 0.01; done;")
        };
        let script =
            format!("{} echo ready; {} echo $(stty size); exit 7", until("24 80"), until("40 120"));
        let mut child =
            self.sh(&script).tty(TerminalSize { width: 80, height: 24 }).spawn().await.unwrap();
        assert!(child.stderr.is_none() && child.stdin.is_some());
        let stdin = child.stdin.take();
        let mut stdout = child.stdout.take().unwrap();
        let mut ready = [0; 7];
        stdout.read_exact(&mut ready).await.unwrap();
        assert_eq!(&ready, b"ready\r\n");
        child.resize(120, 40).await.unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "40 120\r\n");
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
        drop(stdin);

        let mut child = self
            .sh("read line; echo \"<$line>\"")
            .tty(TerminalSize { width: 80, height: 24 })
            .spawn()
            .await
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(b"typed\n").await.unwrap();
        let stdin = child.stdin.take();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("<typed>\r\n"), "{text:?}");
        assert!(child.wait().await.unwrap().success());
        drop(stdin);
    }

    /// The output survives a kill, over every transport and by every signal.
    async fn end_of_a_terminals_input(&self) {
        let cat = || {
            let exec = self.sh("cat; sleep 0.5; echo end; exit 4");
            exec.tty(TerminalSize { width: 80, height: 24 })
        };
        let expected = "typed\r\ntyped\r\nend\r\n";
        let output = cat().stdin("typed\n").output().await.unwrap();
        assert_eq!((output.exit_code(), &*output.stdout_lossy()), (Some(4), expected));
        for is_shut_down in [true, false] {
            let mut child = cat().spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(b"typed\n").await.unwrap();
            if is_shut_down {
                stdin.shutdown().await.unwrap();
            }
            drop(stdin);
            let output = child.wait_with_output().await.unwrap();
            assert_eq!((output.exit_code(), &*output.stdout_lossy()), (Some(4), expected));
        }
    }

    async fn unread_stderr(&self) {
        const ERR: usize = 10_000_000;
        const OUT: usize = 3_000_000;
        let script = format!("head -c {ERR} /dev/zero >&2; head -c {OUT} /dev/zero; echo done");
        let mut child = self.sh(&script).spawn().await.unwrap();
        let mut stdout = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut stdout).await.unwrap();
        assert_eq!(stdout.len(), OUT + 5);
        assert!(stdout.ends_with(b"\0done\n"));
        assert!(child.wait().await.unwrap().success());
        let mut stderr = Vec::new();
        child.stderr.take().unwrap().read_to_end(&mut stderr).await.unwrap();
        assert!(stderr.len() == ERR && stderr.iter().all(|byte| *byte == 0));

        // With a smaller bound the command blocks, and nothing is lost.
        let mut child = self.sh(&script).buffer(1_000_000).spawn().await.unwrap();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut first = [0; 1];
        assert!(timeout(Duration::from_millis(200), out.read(&mut first)).await.is_err());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (a, b) = tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr));
        assert_eq!((a.unwrap(), b.unwrap()), (OUT + 5, ERR));
        assert!(child.wait().await.unwrap().success());
    }

    async fn whole_input(&self) {
        let result = self.exec(["wc", "-c"]).stdin("0123456789").output().await;
        if !self.can_end_input() {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::Unsupported, false));
            assert!(error.advice().unwrap().contains("SpdyPost"), "{error}");
            return;
        }
        assert_eq!(result.unwrap().stdout_lossy().trim(), "10");
        // The end of the input does not end the output.
        let script = "cat >/dev/null; sleep 0.2; echo late; exit 4";
        let output = self.sh(script).stdin(vec![7; 300_000]).output().await.unwrap();
        assert_eq!((output.exit_code(), &*output.stdout), (Some(4), &b"late\n"[..]));
    }

    async fn large_input(&self) {
        let mut local = hash();
        let mut digest = local.stdin.take().unwrap();
        let script = match self.can_end_input() {
            true => "sha256sum".to_owned(),
            false => format!("head -c {} | sha256sum", self.input),
        };
        let mut exec = self.sh(&script);
        let mut child;
        let mut data = Noise::new(self.input);
        if self.can_end_input() {
            // From a reader, so that it is never in memory as a whole.
            let (near, far) = tokio::io::duplex(1 << 20);
            exec = exec.stdin(Input::reader(far));
            let feed = tokio::spawn(async move {
                let mut near = near;
                while let Some(piece) = data.next() {
                    near.write_all(piece).await.unwrap();
                    digest.write_all(piece).await.unwrap();
                }
            });
            child = exec.spawn().await.unwrap();
            feed.await.unwrap();
        } else {
            child = exec.stdin_piped().spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            while let Some(piece) = data.next() {
                stdin.write_all(piece).await.unwrap();
                digest.write_all(piece).await.unwrap();
            }
            drop(digest);
        }
        let output = child.wait_with_output().await.unwrap();
        assert!(output.success());
        assert_eq!(
            digest_of(&output.stdout),
            digest_of(&local.wait_with_output().await.unwrap().stdout)
        );
    }

    /// The command hashes its output, and prints the digest on standard error.
    async fn large_output(&self) {
        let script = format!(
            "f=/tmp/guestexec-$$; mkfifo $f; sha256sum <$f >&2 & head -c {} /dev/urandom | tee $f; wait; rm $f",
            self.output
        );
        let mut child = self.sh(&script).spawn().await.unwrap();
        let mut local = hash();
        let mut digest = local.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let copied = tokio::io::copy_buf(&mut stdout, &mut digest).await.unwrap();
        assert_eq!(copied, self.output as u64);
        drop(digest);
        let mut told = Vec::new();
        child.stderr.take().unwrap().read_to_end(&mut told).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        assert_eq!(digest_of(&told), digest_of(&local.wait_with_output().await.unwrap().stdout));
    }

    async fn kill(&self) {
        let mut child = self
            .sh("echo begun; sleep 1000 & sleep 1000; echo not reached")
            .killable()
            .spawn()
            .await
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut begun = [0; 6];
        stdout.read_exact(&mut begun).await.unwrap();
        assert_eq!(&begun, b"begun\n");
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        // A second call does no harm.
        child.kill().await.unwrap();
        let mut rest = Vec::new();
        stdout.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
        let output = self.exec(["echo", "whole"]).killable().output().await.unwrap();
        assert_eq!(output.stdout, b"whole\n");
    }
}

/// `sha256sum` of this machine, which shares no code with what is tested.
fn hash() -> tokio::process::Child {
    let mut command = tokio::process::Command::new("sha256sum");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn digest_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let digest = text.split_whitespace().next().unwrap_or_default().to_owned();
    assert_eq!(digest.len(), 64, "{text}");
    digest
}

/// Bytes without repetitions.
pub struct Noise {
    left: usize,
    state: u64,
    piece: Vec<u8>,
}

impl Noise {
    pub fn new(length: usize) -> Self {
        Self { left: length, state: 0x9e37_79b9_7f4a_7c15, piece: vec![0; 1 << 16] }
    }

    pub fn next(&mut self) -> Option<&[u8]> {
        let length = self.left.min(self.piece.len());
        self.left -= length;
        for word in self.piece.chunks_exact_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            word.copy_from_slice(&self.state.to_ne_bytes());
        }
        (length > 0).then(|| &self.piece[..length])
    }
}
