//! What a RunCommand costs before it leaves: built, checked, encoded and signed, up to the transport.
//!
//! The floor is what cannot be done without: SHA-256 of the body that is sent, and six HMACs. The
//! table at the end has the ratio, the difference, and the allocations of one call; both sides are
//! timed in turns, so that a busy machine slows both alike. How fast the machine hashes is told too:
//! with instructions for SHA-256 (1 500 MB/s and more) the floor is low, and all else weighs more.

use std::{
    cell::Cell,
    env,
    future::pending,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput};
use guestexec_core::{Operation, Request, ResponseFuture, Transport};
use guestexec_tat::{Client, Credentials};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Builder;

const SIZES: [(&str, usize); 3] = [("100 B", 100), ("4 KB", 4096), ("64 KB", 65_536)];

thread_local! {
    static LEFT: Cell<Option<Instant>> = const { Cell::new(None) };
    static SENT: Cell<usize> = const { Cell::new(0) };
}

/// Takes note of when a request arrives, and never answers.
#[derive(Debug)]
struct End;

impl Transport for End {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        LEFT.set(Some(Instant::now()));
        SENT.set(request.body().len());
        Box::pin(pending())
    }
}

fn client() -> Client {
    Client::builder()
        .credentials(Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .rate(None)
        .transport(End)
        .build()
        .expect("the client is complete")
}

/// A script that has `size` characters once it is Base64.
fn script(size: usize) -> String {
    "echo 'a line of a script'; # and so on\n".repeat(size / 39 + 1)[..size * 3 / 4].to_owned()
}

/// Makes one call up to the transport, and gives the time that took.
fn call(client: &Client, script: &str) -> Duration {
    let script = script.to_owned();
    let begin = Instant::now();
    let run = client.run_command(script, ["ins-zj0f57ew"]).timeout(60);
    let sending = pin!(run.send());
    let polled = sending.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "the request was refused");
    LEFT.take().expect("the request arrived") - begin
}

fn floor(body: &[u8], key: &[u8; 32]) -> Duration {
    let begin = Instant::now();
    black_box(Sha256::digest(black_box(body)));
    for _ in 0..6 {
        let mut mac = Hmac::<Sha256>::new_from_slice(black_box(key)).expect("any key will do");
        mac.update(b"TC3-HMAC-SHA256 and about as much text as a string to sign holds, or less");
        black_box(mac.finalize());
    }
    begin.elapsed()
}

/// The medians of two measures taken in turns.
fn medians<const N: usize>(mut measures: [&mut dyn FnMut() -> Duration; N]) -> [Duration; N] {
    let rounds = if env::args().any(|argument| argument == "--bench") { 4001 } else { 1 };
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (measure, times) in measures.iter_mut().zip(&mut times) {
            times.push(measure());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

fn main() {
    // The client's deadline for a transport of one's own needs a runtime's clock.
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _clock = runtime.enter();
    let mut criterion = Criterion::default().configure_from_args();
    let client = client();
    let key = [7; 32];
    let mut group = criterion.benchmark_group("RunCommand up to the transport");
    for (name, size) in SIZES {
        let script = script(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("built and signed", name), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| call(&client, &script)).sum());
        });
        let body = vec![b'x'; SENT.get().max(size)];
        group.bench_function(BenchmarkId::new("floor", name), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| floor(&body, &key)).sum());
        });
    }
    group.finish();
    // Who asks for the list of benches reads nothing else.
    if env::args().any(|argument| argument == "--list") {
        return;
    }
    println!(
        "\n{:>8} {:>10} {:>10} {:>7} {:>10} {:>12} {:>10} {:>12}",
        "content", "call", "floor", "ratio", "over", "allocations", "bytes", "hashing"
    );
    for (name, size) in SIZES {
        let script = script(size);
        call(&client, &script);
        let body = vec![b'x'; SENT.get()];
        let mut hash = || {
            let begin = Instant::now();
            black_box(Sha256::digest(black_box(&body)));
            begin.elapsed()
        };
        let [signed, floor, hash] =
            medians([&mut || call(&client, &script), &mut || floor(&body, &key), &mut hash]);
        let used = allocation_counter::measure(|| {
            call(&client, &script);
        });
        println!(
            "{name:>8} {:>8.2}us {:>8.2}us {:>7.2} {:>8.2}us {:>12} {:>10} {:>7.0} MB/s",
            signed.as_secs_f64() * 1e6,
            floor.as_secs_f64() * 1e6,
            signed.as_secs_f64() / floor.as_secs_f64(),
            (signed.saturating_sub(floor)).as_secs_f64() * 1e6,
            used.count_total,
            used.bytes_total,
            body.len() as f64 / hash.as_secs_f64() / 1e6,
        );
    }
    criterion.final_summary();
}
