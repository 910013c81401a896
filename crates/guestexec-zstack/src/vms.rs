//! One command in many VMs.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use futures_util::{StreamExt as _, stream};

use crate::{Client, Error, Output, Run, Vm};

/// How many commands are under way at once where nothing else is said.
const CONCURRENCY: usize = 8;

impl Client {
    /// One command for each of several VMs; `command` makes it, with the settings it needs:
    ///
    /// ```no_run
    /// # async fn run(zstack: guestexec_zstack::Client, uuids: Vec<String>) {
    /// let results = zstack.each_vm(uuids, |vm| vm.run("uptime")).concurrency(4).await;
    /// for (uuid, result) in results {
    ///     println!("{uuid}: {:?}", result.map(|output| output.stdout_lossy().into_owned()));
    /// }
    /// # }
    /// ```
    pub fn each_vm<'a, I>(&'a self, uuids: I, command: impl Fn(Vm<'a>) -> Run<'a>) -> EachVm<'a>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let runs = uuids.into_iter().map(|uuid| {
            let uuid = uuid.into();
            let run = command(self.vm(uuid.clone()));
            (uuid, run)
        });
        EachVm { runs: runs.collect(), concurrency: CONCURRENCY }
    }
}

/// Commands for several VMs, as [`Client::each_vm`] makes them. Awaiting it gives one result a VM,
/// in the order the VMs were given; a failure in one does not touch the others.
#[must_use = "nothing runs until it is awaited"]
pub struct EachVm<'a> {
    runs: Vec<(String, Run<'a>)>,
    concurrency: usize,
}

impl EachVm<'_> {
    /// How many commands may be under way at once, at least 1. Default: 8.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }
}

impl<'a> IntoFuture for EachVm<'a> {
    type Output = Vec<(String, Result<Output, Error>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let runs = self.runs.into_iter().map(|(uuid, run)| async move { (uuid, run.await) });
        Box::pin(stream::iter(runs).buffered(self.concurrency).collect())
    }
}

impl fmt::Debug for EachVm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EachVm({} VMs, {} at once)", self.runs.len(), self.concurrency)
    }
}
