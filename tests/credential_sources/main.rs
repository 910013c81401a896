//! Where credentials come from, for CCI and ZStack: each source from real files and real services, found,
//! absent, broken, slow, expired and rotated; and which one was used, in the log. TAT's are in `tat_runs`.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod cci;
mod cci_issued;
mod zstack;

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// Collects what this thread logs from INFO on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// What was logged since the last call.
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("guestexec")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Fields<'a>(&'a mut String);
        impl Visit for Fields<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                let _ = write!(self.0, "{field}={value:?} ");
            }
        }
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "{} ", event.metadata().level());
        event.record(&mut Fields(&mut text));
        text.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Advances the clock that measures pauses.
async fn later(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

/// A clock that a test sets forward.
#[derive(Clone, Debug, Default)]
struct Ahead(Arc<Mutex<Duration>>);

impl Ahead {
    fn by(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl guestexec_core::Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemTime::now() + *self.0.lock().unwrap()
    }
}

/// Runs the test `name` in a process of its own, with these variables and no others.
async fn run_alone(name: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env_clear()
        .env("GUESTEXEC_TEST_ALONE", "1")
        .envs(variables.iter().copied());
    // The sandbox serves from this runtime.
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&told).into_owned())
}

/// True in such a process.
fn is_alone() -> bool {
    std::env::var_os("GUESTEXEC_TEST_ALONE").is_some()
}
