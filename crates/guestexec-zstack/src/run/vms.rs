//! One command in many VMs.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
};

use futures_util::{StreamExt as _, stream};

use crate::{Client, Vm};

/// How many commands run at once by default.
const CONCURRENCY: usize = 8;

impl Client {
    /// Prepares a command for each of several VMs; `command` makes it:
    ///
    /// ```no_run
    /// # async fn run(zstack: guestexec_zstack::Client, uuids: Vec<String>) {
    /// let results = zstack.each_vm(uuids, |vm| vm.run("uptime")).concurrency(4).await;
    /// for (uuid, result) in results {
    ///     println!("{uuid}: {:?}", result.map(|ended| ended.exit_code()));
    /// }
    /// # }
    /// ```
    pub fn each_vm<'a, I, R>(&'a self, uuids: I, command: impl Fn(Vm<'a>) -> R) -> EachVm<'a, R>
    where
        I: IntoIterator,
        I::Item: Into<String>,
        R: IntoFuture,
    {
        let runs = uuids.into_iter().map(|uuid| {
            let uuid = uuid.into();
            let run = command(self.vm(uuid.clone()));
            (uuid, run)
        });
        EachVm { runs: runs.collect(), concurrency: CONCURRENCY, client: PhantomData }
    }
}

/// Commands for several VMs, made by [`Client::each_vm`]. Awaiting it gives one result for each VM, in the
/// order of the VMs; a slow or failed command does not affect the others.
#[must_use = "nothing runs until it is awaited"]
pub struct EachVm<'a, R> {
    runs: Vec<(String, R)>,
    concurrency: usize,
    client: PhantomData<&'a Client>,
}

impl<R> EachVm<'_, R> {
    /// Sets how many commands may run at once, at least 1. Default: 8.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }
}

impl<'a, R> IntoFuture for EachVm<'a, R>
where
    R: IntoFuture + Send + 'a,
    R::IntoFuture: Send,
    R::Output: Send,
{
    type Output = Vec<(String, R::Output)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let runs = self.runs.into_iter().enumerate();
            let runs = runs.map(|(place, (uuid, run))| async move { (place, uuid, run.await) });
            let ended = stream::iter(runs).buffer_unordered(self.concurrency);
            let mut ended: Vec<(usize, String, R::Output)> = ended.collect().await;
            ended.sort_by_key(|(place, ..)| *place);
            ended.into_iter().map(|(_, uuid, result)| (uuid, result)).collect()
        })
    }
}

impl<R> fmt::Debug for EachVm<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EachVm({} VMs, {} at once)", self.runs.len(), self.concurrency)
    }
}
