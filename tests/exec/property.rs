//! No byte is lost, duplicated or changed, however the streams are cut into pieces.

use guestexec_cci::ExecTransport;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::sandbox::{client, sandbox};

const CASES: u32 = 128;

/// The pieces of the input, and the sizes of the reads.
fn cases() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>, usize)> {
    let size = prop_oneof![4 => 0usize..40, 2 => 0usize..5_000, 1 => 0usize..90_000];
    let piece = size.prop_flat_map(|size| vec(any::<u8>(), size));
    (vec(piece, 1..8), vec(1usize..70_000, 1..6), 1usize..300_000)
}

fn every_byte_comes_back(transport: ExecTransport, v5: bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(sandbox(v5));
    let client = client(&sandbox);
    let pod = client.pod("default", sandbox.cci().pod());
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let result = runner.run(&cases(), |(pieces, reads, buffer)| {
        let whole = pieces.concat();
        let length = whole.len().to_string();
        // Where input cannot be ended, the command has to know how much to read.
        let argv = match transport {
            ExecTransport::WebSocketV4 => ["sh", "-c", "head -c $0 | tee /dev/stderr", &length],
            _ => ["sh", "-c", "tee /dev/stderr", &length],
        };
        let run = async {
            let exec = pod.exec(argv).transport(transport).buffer(buffer).stdin_piped();
            let mut child = exec.spawn().await.unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let write = async {
                for piece in &pieces {
                    stdin.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(stdin);
            };
            let read_out = async {
                let (mut got, mut sizes) = (Vec::new(), reads.iter().cycle());
                let mut piece = vec![0; 70_000];
                loop {
                    let count = out.read(&mut piece[..*sizes.next().unwrap()]).await.unwrap();
                    if count == 0 {
                        break got;
                    }
                    got.extend_from_slice(&piece[..count]);
                }
            };
            let read_err = async {
                let mut got = Vec::new();
                err.read_to_end(&mut got).await.unwrap();
                got
            };
            let ((), stdout, stderr) = tokio::join!(write, read_out, read_err);
            (child.wait().await.unwrap(), stdout, stderr)
        };
        let (status, stdout, stderr) = runtime.block_on(run);
        prop_assert!(status.success());
        prop_assert!(stdout == whole, "{} bytes of {} on stdout", stdout.len(), whole.len());
        prop_assert!(stderr == whole, "{} bytes of {} on stderr", stderr.len(), whole.len());
        Ok(())
    });
    result.unwrap();
}

#[test]
fn over_version_5() {
    every_byte_comes_back(ExecTransport::WebSocketV5, true);
}

#[test]
fn over_version_4() {
    every_byte_comes_back(ExecTransport::WebSocketV4, false);
}

#[test]
fn over_spdy() {
    every_byte_comes_back(ExecTransport::SpdyPost, false);
}
