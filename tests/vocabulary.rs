//! The same thing has the same name and type in all three clients, as CONTRIBUTING.md's "One
//! vocabulary" says. That this file compiles is the test.

use std::{
    borrow::Cow,
    fmt::{Debug, Display},
    future::{Future, IntoFuture},
    time::Duration,
};

use guestexec_cci as cci;
use guestexec_core::ExitStatus;
use guestexec_tat as tat;
use guestexec_zstack as zstack;
use serde::Serialize;

/// The settings that all clients have, and what their errors tell.
macro_rules! client {
    ($name:ident, $of:ident) => {
        mod $name {
            use std::time::Duration;

            use guestexec_core::{Counts, ErrorKind, HttpOptions, Retries, SystemClock, Transport};
            use $of::{
                Client, ClientBuilder, CredentialSource, Credentials, Error, Lease, LeaseFuture,
                ProvideCredentials, SourceCheck, SourceState,
            };

            #[derive(Debug)]
            struct Own(Credentials);

            impl ProvideCredentials<Credentials> for Own {
                fn provide(&self) -> LeaseFuture<'_> {
                    let lease: Lease = Lease::lasting(self.0.clone());
                    Box::pin(std::future::ready(Ok(lease)))
                }
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            fn source(credentials: Credentials) -> CredentialSource {
                CredentialSource::environment()
                    .or(CredentialSource::default_chain())
                    .or(CredentialSource::new(Own(credentials.clone())))
                    .or(credentials)
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            async fn check(source: CredentialSource) -> Option<SourceState> {
                let checks: Vec<SourceCheck> = source.check().await;
                checks.first().map(|check| check.state())
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            fn build(transport: impl Transport + 'static) -> Result<Client, Error> {
                let builder: ClientBuilder = Client::builder();
                builder
                    .from_env()?
                    .credentials(Credentials::from_env()?)
                    .credentials(CredentialSource::default_chain())
                    .endpoint("https://service.example")
                    .allow_plain_http()
                    .http_options(HttpOptions::default())
                    .call_timeout(Duration::MAX)
                    .retries(Retries::none())
                    .retries(5)
                    .app_id("my-tool/1.2")
                    .trace_headers(|| [("traceparent", "00-1-2-01")])
                    .transport(transport)
                    .clock(SystemClock)
                    .checks(true)
                    .build()
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            async fn named(
                client: &Client,
            ) -> Result<guestexec_core::Answer<guestexec_core::Bytes>, Error> {
                let call: $of::NamedCall<'_, Error> =
                    client.call_by_name("Any", serde_json::Map::new(), None)?;
                call.send().await
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            fn counts(client: &Client) -> Counts {
                client.counts()
            }

            #[expect(dead_code, reason = "its types are what is tested")]
            fn read(error: &Error) -> (ErrorKind, Option<&str>, bool, bool, Option<Duration>) {
                let (kind, code) = (error.kind(), error.code());
                (kind, code, error.may_have_run(), error.is_retryable(), error.retry_after())
            }
        }
    };
}

client!(cci_client, guestexec_cci);
client!(tat_client, guestexec_tat);
client!(zstack_client, guestexec_zstack);

type Get<T, V> = fn(&T) -> V;
type Text<T> = for<'a> fn(&'a T) -> Cow<'a, str>;
type Decode<T, E> = for<'a> fn(&'a T, &str) -> Result<Cow<'a, str>, E>;
type Set<T> = fn(T, Duration) -> T;
type Find<E, T> = for<'a> fn(&'a E) -> Option<&'a T>;

/// Takes what is awaited for a result.
fn gives<T>(_: impl IntoFuture<Output = T>) {}

/// Takes a future of a handle.
fn starts<T>(_: impl Future<Output = T>) {}

#[test]
fn results_are_read_alike() {
    type Status = Option<ExitStatus>;
    let _: [Get<tat::InstanceResult, Status>; 1] = [tat::InstanceResult::exit_status];
    let _: [Get<zstack::Captured, Status>; 1] = [zstack::Captured::exit_status];
    let _: [Get<zstack::ScriptResult, Status>; 1] = [zstack::ScriptResult::exit_status];
    let _: [Get<cci::Output, Status>; 1] = [cci::Output::exit_status];

    let _: [Get<tat::InstanceResult, Option<i64>>; 1] = [tat::InstanceResult::exit_code];
    let _: [Get<zstack::Captured, Option<i64>>; 1] = [zstack::Captured::exit_code];
    let _: [Get<zstack::ScriptResult, Option<i64>>; 1] = [zstack::ScriptResult::exit_code];
    let _: [Get<cci::Output, Option<i64>>; 1] = [cci::Output::exit_code];

    let _: [Get<tat::InstanceResult, bool>; 1] = [tat::InstanceResult::success];
    let _: [Get<tat::Finished, bool>; 1] = [tat::Finished::success];
    let _: [Get<zstack::Captured, bool>; 1] = [zstack::Captured::success];
    let _: [Get<zstack::ScriptResult, bool>; 1] = [zstack::ScriptResult::success];
    let _: [Get<cci::Output, bool>; 1] = [cci::Output::success];

    // One stream is a field, because it is moved out; the merged output is read in place.
    let _: fn(zstack::Captured) -> [Vec<u8>; 2] = |it| [it.stdout, it.stderr];
    let _: fn(zstack::ScriptResult) -> [Vec<u8>; 2] = |it| [it.stdout, it.stderr];
    let _: fn(cci::Output) -> [Vec<u8>; 2] = |it| [it.stdout, it.stderr];
    let _: for<'a> fn(&'a tat::InstanceResult) -> &'a [u8] = tat::InstanceResult::output;

    let _: [Text<tat::InstanceResult>; 1] = [tat::InstanceResult::output_lossy];
    let _: [Text<zstack::Captured>; 2] =
        [zstack::Captured::stdout_lossy, zstack::Captured::stderr_lossy];
    let _: [Text<zstack::ScriptResult>; 2] =
        [zstack::ScriptResult::stdout_lossy, zstack::ScriptResult::stderr_lossy];
    let _: [Text<zstack::Output>; 2] = [zstack::Output::stdout_lossy, zstack::Output::stderr_lossy];
    let _: [Text<cci::Output>; 2] = [cci::Output::stdout_lossy, cci::Output::stderr_lossy];

    let _: [Decode<tat::InstanceResult, tat::Error>; 1] = [tat::InstanceResult::output_in];
    let _: [Decode<zstack::Captured, zstack::Error>; 2] =
        [zstack::Captured::stdout_in, zstack::Captured::stderr_in];
    let _: [Decode<cci::Output, cci::Error>; 2] = [cci::Output::stdout_in, cci::Output::stderr_in];
}

/// What every result is: written as JSON, compared, and shown as a line.
fn goes_on<T: Clone + Debug + Display + PartialEq + Serialize>() {}

/// Errors that hold what is left of a command.
fn is_of_an_error<T: Clone + PartialEq + std::error::Error>() {}

#[test]
fn results_go_on_alike() {
    goes_on::<tat::InstanceResult>();
    goes_on::<tat::Finished>();
    goes_on::<tat::Cancellation>();
    goes_on::<tat::Event>();
    goes_on::<tat::Failure>();
    goes_on::<zstack::Captured>();
    goes_on::<zstack::ScriptResult>();
    goes_on::<cci::Output>();
    goes_on::<cci::Copied>();
    goes_on::<ExitStatus>();
    goes_on::<tat::Error>();
    goes_on::<zstack::Error>();
    goes_on::<cci::Error>();
    goes_on::<guestexec::Error>();
    is_of_an_error::<tat::Unconfirmed>();
    is_of_an_error::<tat::Unfinished>();
    is_of_an_error::<tat::Unreadable>();
    is_of_an_error::<zstack::Unfinished>();
    is_of_an_error::<zstack::Uncaptured>();
    is_of_an_error::<zstack::UnfinishedScript>();
    is_of_an_error::<cci::StartFailure>();
}

#[test]
fn results_are_made_by_hand_alike() {
    let tat = tat::InstanceResult::for_test("ins-1", 3).with_output("out");
    let zstack = zstack::Captured::for_test(3).with_stdout("out").with_stderr("err");
    let cci = cci::Output::for_test(3).with_stdout("out").with_stderr("err");
    assert_eq!((tat.exit_code(), &*tat.output_lossy()), (Some(3), "out"));
    let streams = (zstack.stdout_lossy(), zstack.stderr_lossy());
    assert_eq!(streams, (cci.stdout_lossy(), cci.stderr_lossy()));
    assert_eq!(zstack.exit_status(), cci.exit_status());
}

#[test]
fn the_time_of_a_command_and_of_a_wait_is_set_alike() {
    let _: [Set<tat::Run<'_>>; 2] = [tat::Run::timeout, tat::Run::wait_at_most];
    let _: [Set<zstack::Run<'_>>; 1] = [zstack::Run::timeout];
    let _: [Set<zstack::ScriptRun<'_>>; 1] = [zstack::ScriptRun::timeout];
    let _: [Set<zstack::ScriptRuns<'_>>; 1] = [zstack::ScriptRuns::timeout];
    let _: [Set<tat::Running>; 1] = [tat::Running::wait_at_most];
    let _: [Set<zstack::Job<'_>>; 1] = [zstack::Job::wait_at_most];
    let _: [Set<zstack::ScriptRecord<'_>>; 1] = [zstack::ScriptRecord::wait_at_most];
    let _: [Set<cci::Exec<'_>>; 1] = [cci::Exec::timeout];
    let _: [Set<tat::FullOutput<'_>>; 1] = [tat::FullOutput::timeout];
    let _: [Set<cci::CopyIn<'_>>; 1] = [cci::CopyIn::timeout];
    let _: [Set<cci::CopyOut<'_>>; 1] = [cci::CopyOut::timeout];
}

#[test]
fn errors_carry_what_is_left_of_a_command_alike() {
    let _: Find<tat::Error, tat::Unfinished> = tat::Unfinished::of;
    let _: Find<tat::Error, tat::Unconfirmed> = tat::Unconfirmed::of;
    let _: Find<tat::Error, tat::Unreadable> = tat::Unreadable::of;
    let _: Find<zstack::Error, zstack::Unfinished> = zstack::Unfinished::of;
    let _: Find<zstack::Error, zstack::Uncaptured> = zstack::Uncaptured::of;
    let _: Find<zstack::Error, zstack::UnfinishedScript> = zstack::UnfinishedScript::of;
    let _: fn(&cci::Error) -> Option<cci::StartFailure> = cci::StartFailure::of;
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
fn many(tat: &tat::Client, zstack: &zstack::Client, cci: &cci::Client) {
    let _: tat::Each<'_, tat::Ended<tat::InstanceResult>> =
        tat.agents().run_each("uptime").concurrency(4);
    let _: zstack::Each<'_, zstack::Ended<zstack::Captured>> =
        zstack.query_vms().run_each("uptime").concurrency(4);
    let _: cci::Each<'_, cci::Ended<cci::Output>> =
        cci.pods("default").exec_each(["uptime"]).concurrency(4);
    let _: tat::Each<'_, tat::Ended<tat::InstanceResult>> =
        tat.agents().each(|on| on.run("uptime"));
    let _: zstack::Each<'_, zstack::Ended<zstack::Captured>> =
        zstack.query_vms().each(|vm| vm.run("uptime"));
    let _: cci::Each<'_, cci::Ended<cci::Output>> =
        cci.pods("default").each(|pod| pod.exec(["uptime"]));
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
fn handles(tat: &tat::Client, zstack: &zstack::Client, job: &zstack::JobId, cci: &cci::Client) {
    gives::<Result<tat::Finished, tat::Error>>(tat.instances(["ins-1"]).run("uptime"));
    gives::<Result<zstack::Captured, zstack::Error>>(zstack.vm("uuid").run("uptime"));
    gives::<Result<zstack::ScriptResult, zstack::Error>>(zstack.vm("uuid").script("uptime"));
    gives::<Result<cci::Output, cci::Error>>(cci.pod("default", "demo").exec(["uptime"]));

    let result = tat::InstanceResult::for_test("ins-1", 0);
    gives::<Result<Vec<u8>, tat::Error>>(result.full_output(tat));
    let pod = cci.pod("default", "demo");
    gives::<Result<cci::Copied, cci::Error>>(pod.copy_in("local", "/remote"));
    gives::<Result<cci::Copied, cci::Error>>(pod.copy_out("/remote", "local"));

    starts::<Result<tat::Running, tat::Error>>(tat.instances(["ins-1"]).run("uptime").start());
    starts::<Result<zstack::JobId, zstack::Error>>(zstack.vm("1").run("uptime").start());
    starts::<Result<cci::Child, cci::Error>>(cci.pod("default", "demo").exec(["uptime"]).spawn());

    starts::<Result<tat::Running, tat::Error>>(tat.invocation("inv-1"));
    gives::<Result<zstack::Captured, zstack::Error>>(zstack.job(job));
    gives::<Result<zstack::Output, zstack::Error>>(zstack.job(job).unchecked());
}
