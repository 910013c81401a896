//! What each client sends again, and what it does not. Time is paused, so that waits take none.

#![allow(clippy::unwrap_used)]

mod cci;
mod tat;
mod zstack;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use guestexec_core::{
    Clock, Counts, Error, ErrorKind, Operation, Request, ResponseFuture, Retries, Transport,
};
use guestexec_testkit::{Reply, StatusCode, Tape};
use serde_json::json;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A provider's client, as far as these tests differ.
trait Client: Clone {
    fn new(tape: impl Transport + 'static, retries: Retries) -> Self;

    fn counts(&self) -> Counts;
}

/// How a call ended: the kind of its error, and whether a command may have run.
type Ended = Result<(), (ErrorKind, bool)>;

fn ended<T, D>(result: Result<T, Error<D>>) -> Ended {
    result.map(drop).map_err(|error| (error.kind(), error.may_have_run()))
}

/// A call, and the operation whose requests are counted.
type Call<C> = (&'static Operation, for<'a> fn(&'a C) -> Pin<Box<dyn Future<Output = Ended> + 'a>>);

fn status(status: StatusCode) -> Reply {
    Reply::text(status, "not now")
}

fn requests(tape: &Tape, operation: &Operation) -> usize {
    let is_of = |id: &Option<String>| id.as_deref() == Some(operation.id);
    tape.requests().iter().filter(|request| is_of(&request.operation)).count()
}

/// The kinds of failure that can pass, each with a reply that causes it.
fn failures() -> [(ErrorKind, Reply); 5] {
    [
        (ErrorKind::Connect, Reply::refused()),
        (ErrorKind::Lost, Reply::lost()),
        (ErrorKind::Timeout, Reply::pending()),
        (ErrorKind::Unavailable, status(StatusCode::SERVICE_UNAVAILABLE)),
        (ErrorKind::Throttled, status(StatusCode::TOO_MANY_REQUESTS)),
    ]
}

/// Each kind of failure, for a call that may be repeated or not.
async fn by_kind<C: Client>((operation, call): Call<C>, is_repeatable: bool) {
    for (kind, reply) in failures() {
        let tape = Tape::new().on(operation, reply.clone()).lenient();
        let client = C::new(tape.clone(), Retries::new());
        let begin = Instant::now();
        let (ended, may_have_run) = call(&client).await.unwrap_err();
        let what = format!("{} after {kind:?}", operation.id);
        let made = requests(&tape, operation);
        if kind == ErrorKind::Throttled {
            assert!(made > 5, "{what}: {made}");
            assert!(begin.elapsed() <= 61 * SECOND, "{what}: {:?}", begin.elapsed());
        } else {
            let again = is_repeatable || kind == ErrorKind::Connect;
            assert_eq!(made, if again { 4 } else { 1 }, "{what}");
        }
        assert_eq!(ended, kind, "{what}");
        let is_sure = matches!(kind, ErrorKind::Connect | ErrorKind::Throttled);
        assert_eq!(may_have_run, operation.starts_command && !is_sure, "{what}");
        let counts = client.counts();
        assert!(counts.requests >= made as u64, "{what}");
        assert_eq!(counts.throttled > 0, kind == ErrorKind::Throttled, "{what}");

        // Without retries there are none.
        for client in [C::new(tape.clone(), Retries::none()), C::new(tape.clone(), 0.into())] {
            let before = requests(&tape, operation);
            call(&client).await.unwrap_err();
            assert_eq!(requests(&tape, operation), before + 1, "{what}");
        }
    }
}

/// A failure that passes: the call succeeds, and takes as long as the service asks for.
async fn passes<C: Client>((operation, call): Call<C>, success: Reply) {
    for code in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
        let tape = Tape::new()
            .reply_to(operation, status(code).header("retry-after", "7"))
            .reply_to(operation, status(code).header("retry-after", "9"))
            .reply_to(operation, success.clone());
        let client = C::new(tape.clone(), Retries::new());
        let begin = Instant::now();
        call(&client).await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 16, "{}", operation.id);
        assert_eq!((client.counts().requests, client.counts().retried), (3, 2));
        tape.assert_complete();

        // Who asks for more than the patience gets none.
        let tape = Tape::new().on(operation, status(code).header("retry-after", "61"));
        let client = C::new(tape.clone(), Retries::new());
        let begin = Instant::now();
        call(&client).await.unwrap_err();
        assert_eq!((begin.elapsed(), requests(&tape, operation)), (Duration::ZERO, 1));
    }
}

/// Clones share the store of retries, and a call that is dropped makes no attempt more.
async fn shares_and_stops<C: Client>((operation, call): Call<C>) {
    let tape = Tape::new().on(operation, Reply::refused());
    let client = C::new(tape.clone(), Retries::new().budget(4));
    for (client, made) in [(client.clone(), 4), (client.clone(), 2), (client, 1)] {
        let before = requests(&tape, operation);
        call(&client).await.unwrap_err();
        assert_eq!(requests(&tape, operation) - before, made);
    }

    let busy = status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "30");
    let tape = Tape::new().on(operation, busy);
    let client = C::new(tape.clone(), Retries::new());
    assert!(timeout(10 * SECOND, call(&client)).await.is_err());
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(requests(&tape, operation), 1);

    // All attempts together have a limit, too.
    let tape = Tape::new().on(operation, Reply::pending());
    let client = C::new(tape.clone(), Retries::new().total_timeout(5 * SECOND));
    let begin = Instant::now();
    assert_eq!(call(&client).await.unwrap_err().0, ErrorKind::Timeout);
    assert_eq!((begin.elapsed(), requests(&tape, operation)), (5 * SECOND, 1));
}

/// A clock that is a second later each time it is read.
#[derive(Debug, Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        let seconds = 1_700_000_000 + self.0.fetch_add(1, Ordering::Relaxed);
        UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

/// A transport that keeps the headers of each attempt, secrets included.
#[derive(Clone, Debug)]
struct Headers {
    tape: Tape,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Headers {
    fn new(tape: Tape) -> Self {
        Self { tape, seen: Arc::default() }
    }

    /// The values of a header, one for each attempt.
    fn of(&self, name: &str) -> Vec<String> {
        let value = |request: &Request| {
            let value = request.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        self.seen.lock().unwrap().iter().map(value).collect()
    }

    /// How many different values a header had.
    fn different(&self, name: &str) -> usize {
        let mut values = self.of(name);
        values.sort();
        values.dedup();
        values.len()
    }
}

impl Transport for Headers {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        self.seen.lock().unwrap().push(request.clone());
        self.tape.execute(operation, request)
    }
}

/// A program that has a name says it, and its number of retries for one call is another.
#[tokio::test(start_paused = true)]
async fn a_call_has_its_own_number_of_retries() {
    let client = <guestexec_tat::Client as Client>::new(
        Tape::new().on(guestexec_tat::operations::DESCRIBE_REGIONS, Reply::lost()),
        Retries::from(2),
    );
    for (retries, made) in [(None, 3), (Some(0), 1), (Some(5), 6)] {
        let before = client.counts().requests;
        let call = client.describe_regions();
        let call = retries.into_iter().fold(call, |call, retries| call.retries(retries));
        call.send().await.unwrap_err();
        assert_eq!(client.counts().requests - before, made, "{retries:?}");
    }
    let options = guestexec_tat::CallOptions::new().retries(1);
    let before = client.counts().requests;
    client.with_options(options).describe_regions().send().await.unwrap_err();
    assert_eq!(client.counts().requests - before, 2);
}

#[tokio::test]
async fn a_program_says_its_name() {
    let tape = Tape::new().lenient();
    let headers = Headers::new(tape);
    let tat = tat::builder().transport(headers.clone());
    let zstack = zstack::builder().transport(headers.clone());
    let cci = cci::builder().transport(headers.clone());
    let agent = guestexec_core::HttpOptions::new().user_agent("proxied");
    let _ = tat.clone().app_id("my-tool/1.2").build().unwrap().describe_regions().send().await;
    let _ = tat.clone().build().unwrap().describe_regions().send().await;
    let named = zstack.clone().app_id("my-tool/1.2").http_options(agent).build().unwrap();
    let _ = named.get_api_job("0123456789abcdef0123456789abcdef").send().await;
    let named = cci.clone().app_id("my-tool/1.2").build().unwrap();
    let _ = named.read_pod("ns", "web-0").send().await;
    let version = env!("CARGO_PKG_VERSION");
    let own = format!("guestexec/{version} my-tool/1.2");
    // Without a name, the header is the transport's own.
    assert_eq!(headers.of("user-agent"), [&*own, "", "proxied my-tool/1.2", &*own]);
    let own = format!("guestexec_{version}");
    assert_eq!(headers.of("x-tc-requestclient"), [&*format!("{own};my-tool_1.2"), &*own, "", ""]);
    // A version does not change a snapshot.
    let shape = &headers.tape.requests()[0];
    let shown = |name: &str| shape.headers.iter().find(|(own, _)| own == name).unwrap().1.clone();
    assert_eq!(shown("user-agent"), "guestexec/<version> my-tool/1.2");
    assert_eq!(shown("x-tc-requestclient"), "guestexec_<version>;my-tool_1.2");

    for bad in ["", "a\nb", "ä", &"x".repeat(65)] {
        let refused = [
            tat.clone().app_id(bad).build().map(drop).map_err(|error| error.to_string()),
            zstack.clone().app_id(bad).build().map(drop).map_err(|error| error.to_string()),
            cci.clone().app_id(bad).build().map(drop).map_err(|error| error.to_string()),
        ];
        for refused in refused {
            assert!(refused.unwrap_err().contains("app id"), "{bad:?}");
        }
    }
}

/// What a service of all three says when it has nothing to say.
fn empty() -> Reply {
    json!({}).into()
}
