//! Scripts, inputs and bytes at random, from fixed seeds.

use std::time::Duration;

use fastrand::Rng;
use guestexec_cci::{ExecTransport, Input, operations::EXEC_IN_POD};
use guestexec_core::Transport as _;
use guestexec_testkit::{ExecScript, Tape};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{client, foreign, pod};

fn bytes(rng: &mut Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(..=most)];
    rng.fill(&mut bytes);
    bytes
}

/// A reader that yields pieces of any size, some of them late.
fn in_pieces(input: &[u8], rng: &mut Rng) -> Input {
    let (mut writer, reader) = tokio::io::duplex(64 * 1024);
    let (input, mut rng) = (input.to_vec(), rng.fork());
    tokio::spawn(async move {
        let mut rest = &input[..];
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rng.usize(1..=rest.len()));
            // The script may end before.
            _ = writer.write_all(piece).await;
            rest = more;
            tokio::time::sleep(Duration::from_millis(rng.u64(..100))).await;
        }
    });
    Input::reader(reader)
}

#[tokio::test(start_paused = true)]
async fn scripts_play_alike_over_every_transport_however_input_is_cut() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let input = bytes(&mut rng, 3000);
        let (mut stdout, mut stderr, mut left) = (Vec::new(), Vec::new(), input.len());
        let mut script = ExecScript::new();
        for _ in 0..rng.usize(..8) {
            script = match rng.u8(..5) {
                0 => {
                    let output = bytes(&mut rng, 100_000);
                    stdout.extend_from_slice(&output);
                    script.stdout(output)
                }
                1 => {
                    let output = bytes(&mut rng, 100_000);
                    stderr.extend_from_slice(&output);
                    script.stderr(output)
                }
                2 => script.after(Duration::from_millis(rng.u64(..5000))),
                3 => {
                    let part = rng.usize(..=left);
                    left -= part;
                    script.wait_for_stdin(part)
                }
                _ => script.wait_for_end_of_stdin(),
            };
            // After its end, no more input is waited for.
            if format!("{script:?}").contains("EndOfStdin") {
                left = 0;
            }
        }
        let code = i32::from(rng.u8(..));
        let script = script.exit(code);
        let mut records = Vec::new();
        for transport in
            [ExecTransport::WebSocketV5, ExecTransport::SpdyPost, ExecTransport::SpdyGet]
        {
            let tape = Tape::new().reply(script.clone());
            let client = client(&tape);
            let input = in_pieces(&input, &mut rng);
            let exec = pod(&client).exec(["program"]).transport(transport).stdin(input);
            let output = exec.await.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{tape}"));
            assert!(output.stdout == stdout && output.stderr == stderr, "seed {seed}");
            assert_eq!(output.exit_code(), Some(code.into()), "seed {seed}");
            records.push(tape.sessions()[0].lines());
        }
        records.dedup();
        assert_eq!(records.len(), 1, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_bytes_of_a_client_panic_or_hang() {
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let script = ExecScript::new().wait_for_stdin(10).stdout("a").wait_for_end_of_stdin();
        let tape = Tape::new().reply(script);
        let query = "command=cat&stdin=1&stdout=1&tty=1";
        let request = if rng.bool() { foreign::spdy(query) } else { foreign::websocket(query) };
        let answer = tape.execute(&EXEC_IN_POD, request).await;
        let mut stream = answer.unwrap().into_reqwest().upgrade().await.unwrap();
        for _ in 0..rng.usize(..20) {
            let mut piece = bytes(&mut rng, 30);
            if let Some(first) = piece.first_mut().filter(|_| rng.bool()) {
                // The first byte of a message, a ping, or a control frame.
                *first = *rng.choice(&[0x82, 0x89, 0x80, 0]).unwrap_or(&0);
            }
            stream.write_all(&piece).await.unwrap();
        }
        // The peer gives up after at most half a minute.
        let mut received = Vec::new();
        let end = stream.read_to_end(&mut received);
        tokio::time::timeout(Duration::from_secs(60), end).await.unwrap().unwrap();
        drop(stream);
        assert!(!tape.to_string().is_empty());
    }
}
