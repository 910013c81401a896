//! A command on each of many targets: no more at once than allowed, results as they end, and lists that are
//! read when there is room. Those of TAT are in `tat_runs`.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod cci;
mod zstack;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::time::sleep;

/// How many targets there are.
const MANY: usize = 1000;

/// How many commands were begun, and how many at once at most.
#[derive(Clone, Default)]
struct Load(Arc<[AtomicUsize; 3]>);

impl Load {
    /// Runs a command that takes a second.
    async fn of<T>(self, command: impl Future<Output = T>) -> T {
        self.0[0].fetch_add(1, SeqCst);
        self.0[2].fetch_max(self.0[1].fetch_add(1, SeqCst) + 1, SeqCst);
        sleep(Duration::from_secs(1)).await;
        let result = command.await;
        self.0[1].fetch_sub(1, SeqCst);
        result
    }

    fn begun(&self) -> usize {
        self.0[0].load(SeqCst)
    }

    fn most(&self) -> usize {
        self.0[2].load(SeqCst)
    }
}
