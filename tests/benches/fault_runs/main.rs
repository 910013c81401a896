//! Sends commands through each client while the service fails on purpose, and compares what callers are told with
//! the sandbox's own count of what ran.
//!
//! ```sh
//! cargo bench -p tests --bench fault_runs
//! cargo bench -p tests --bench fault_runs -- zstack cci --faults 2000 --seed 17 --rounds 1
//! ```
//!
//! Each run has its own instance, VM or command line, so that the sandbox can count its starts. Three things make the
//! program fail:
//!
//! - a command that was started twice;
//! - a call that hangs;
//! - a wrong verdict: the caller is told that its command has not run or may be sent again, although it ran; or that
//!   it succeeded, although it did not run or printed something else.
//!
//! A round has a seed, which determines the faults. It does not determine the order in which concurrent requests
//! arrive, so the same seed gives the same mixture and nearly the same run.

mod cci;
mod report;
mod tat;
mod zstack;

use std::{process::ExitCode, time::Duration};

use guestexec_sandbox::{Builder, Fault, FaultKind, Provider, Sandbox};

use crate::report::{Report, Told};

/// How long a run may take before it counts as a hang; nothing in it waits for as long.
const HANG: Duration = Duration::from_secs(180);
/// Longer than the clients below wait for an answer.
const LATE: Duration = Duration::from_millis(2500);
/// The number of mixtures of faults. In the last one the service is also late.
const MIXTURES: u64 = 6;

/// What is to be run.
struct Options {
    providers: Vec<Provider>,
    faults: usize,
    rounds: u64,
    seed: u64,
    runs: usize,
    concurrency: usize,
    shows_progress: bool,
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        providers: Vec::new(),
        faults: 10_000,
        rounds: u64::MAX,
        seed: 1,
        runs: 480,
        concurrency: 240,
        shows_progress: true,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--bench" => {}
            "--faults" => options.faults = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--rounds" => options.rounds = number()?,
            "--seed" => options.seed = number()?,
            name => {
                let provider = Provider::ALL.into_iter().find(|known| known.name() == name);
                options.providers.push(provider.ok_or_else(|| {
                    format!("{name}: give tat, zstack, cci, --faults N, --rounds N or --seed N")
                })?);
            }
        }
    }
    if options.providers.is_empty() {
        options.providers = Provider::ALL.to_vec();
    }
    Ok(options)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let options = if arguments.iter().any(|argument| argument == "--bench") {
        match options(&arguments) {
            Ok(options) => options,
            Err(problem) => {
                eprintln!("{problem}");
                return ExitCode::from(2);
            }
        }
    } else {
        // Each mixture once.
        let providers = Provider::ALL.to_vec();
        Options {
            providers,
            faults: usize::MAX,
            rounds: MIXTURES,
            seed: 1,
            runs: 16,
            concurrency: 16,
            shows_progress: false,
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    // Concurrently, since most of the time is spent waiting.
    let runs = options.providers.iter().map(|provider| runs_of(*provider, &options));
    let reports = runtime.block_on(futures_util::future::join_all(runs));
    for report in &reports {
        println!("{report}");
    }
    if reports.iter().all(Report::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs rounds until enough faults have struck.
async fn runs_of(provider: Provider, options: &Options) -> Report {
    let mut report = Report::new(provider);
    for round in 0..options.rounds {
        if report.faults() >= options.faults {
            break;
        }
        let seed = options.seed + round;
        match provider {
            Provider::Tat => tat::round(seed, options, &mut report).await,
            Provider::Zstack => zstack::round(seed, options, &mut report).await,
            Provider::Cci => cci::round(seed, options, &mut report).await,
        }
        if options.shows_progress {
            eprintln!("{}: seed {seed} done, {}", provider.name(), report.so_far());
        }
    }
    report
}

/// A sandbox in which this provider fails as the seed says.
fn failing(provider: Provider, seed: u64) -> Builder {
    use FaultKind::{
        BadGateway, Clock, Drip, Expire, GatewayTimeout, Latency, LoseAnswer, LoseRequest, Reset,
        Throttle,
    };
    let short = Latency(Duration::from_millis(20));
    let mix: &[(FaultKind, f64)] = match seed % MIXTURES {
        0 => &[
            (short, 0.1),
            (Throttle, 0.08),
            (BadGateway, 0.08),
            (GatewayTimeout, 0.05),
            (LoseRequest, 0.05),
            (LoseAnswer, 0.05),
            (Reset, 0.05),
            (Drip, 0.1),
            (Expire, 0.03),
        ],
        1 => &[(LoseRequest, 0.15), (LoseAnswer, 0.2), (Reset, 0.2)],
        2 => &[(BadGateway, 0.15), (GatewayTimeout, 0.2), (Throttle, 0.15)],
        3 => {
            &[(Throttle, 0.2), (BadGateway, 0.2), (LoseAnswer, 0.15), (Reset, 0.05), (Expire, 0.1)]
        }
        4 => &[(Clock(-3600), 0.1), (Clock(3600), 0.1), (Expire, 0.1), (Reset, 0.15)],
        _ => &[(Latency(LATE), 0.1), (Drip, 0.15), (LoseAnswer, 0.1), (Expire, 0.1)],
    };
    let mut builder = Sandbox::builder().seed(seed).tat_rate(None);
    // A run of CCI is one request; those of the others are several.
    let factor = if provider == Provider::Cci { 1.7 } else { 1.0 };
    for (kind, probability) in mix {
        builder = builder.fault(Fault::new(provider, *kind).probability(probability * factor));
    }
    builder
}

/// A run's call, with a bound on its time.
async fn told(call: impl Future<Output = Told>) -> Told {
    tokio::time::timeout(HANG, call).await.unwrap_or(Told::Hung)
}

/// Waits until no command can start any more whose caller has given up.
async fn settled(seed: u64, count: impl Fn() -> usize) {
    let mut last = count();
    let mut quiet = Duration::ZERO;
    let step = Duration::from_millis(100);
    let late = if seed % MIXTURES == MIXTURES - 1 { LATE } else { Duration::ZERO };
    while quiet < late + Duration::from_millis(500) {
        tokio::time::sleep(step).await;
        let now = count();
        quiet = if now == last { quiet + step } else { Duration::ZERO };
        last = now;
    }
}
