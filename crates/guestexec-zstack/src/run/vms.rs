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
        I::Item: AsRef<str>,
        R: IntoFuture,
    {
        let runs = uuids.into_iter().map(|uuid| {
            let uuid = uuid.as_ref().to_owned();
            let run = command(self.vm(&uuid));
            (uuid, run)
        });
        EachVm { runs: runs.collect(), concurrency: CONCURRENCY, client: PhantomData }
    }
}

/// Commands for several VMs, made by [`Client::each_vm`]. Awaiting it gives one result for each VM, in the
/// order of the VMs; a slow or failed command does not affect the others.
///
/// `R` is whatever the function makes of a VM: a [`Run`](crate::Run), an
/// [`Unchecked`](crate::Unchecked), or a future. A function that takes any of them:
///
/// ```
/// use std::future::IntoFuture;
///
/// use guestexec_zstack::{Client, Error, Vm};
///
/// /// Runs a command in each VM, and returns the results where there are some.
/// async fn results<'a, R, T>(
///     zstack: &'a Client,
///     uuids: &[&str],
///     command: impl Fn(Vm<'a>) -> R,
/// ) -> Vec<T>
/// where
///     R: IntoFuture<Output = Result<T, Error>, IntoFuture: Send> + Send + 'a,
///     T: Send,
/// {
///     let each = zstack.each_vm(uuids, command).concurrency(4).await;
///     each.into_iter().filter_map(|(_, result)| result.ok()).collect()
/// }
///
/// # async fn example(zstack: &Client) {
/// let uuids = ["fc022ba201c135d8809c5e02bf6bf156"];
/// let captured = results(zstack, &uuids, |vm| vm.run("uptime")).await;
/// let texts = results(zstack, &uuids, |vm| vm.run("uptime").unchecked()).await;
/// # }
/// ```
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
