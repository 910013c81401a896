//! One command in many VMs.

use std::future::IntoFuture;

use futures_util::stream;
use guestexec_core::Each;

use crate::{Client, Vm};

/// How many commands run at once by default.
pub(crate) const CONCURRENCY: usize = 8;

impl Client {
    /// Runs a command in each of several VMs, 8 at once unless [`Each::concurrency`] says otherwise; `command`
    /// makes it. Each UUID comes with its result, in the order in which the commands end. A slow or failed
    /// command does not affect the others.
    ///
    /// `command` makes a future of a VM: a [`Run`](crate::Run), an
    /// [`Unchecked`](crate::Unchecked), or a future.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// let uuids = ["fc022ba201c135d8809c5e02bf6bf156", "00000000000000000000000000000000"];
    /// let mut results = client.each_vm(uuids, |vm| vm.run("uptime")).concurrency(4);
    /// while let Some((uuid, result)) = results.next().await {
    ///     match result {
    ///         Ok(ended) => println!("{uuid} {ended}"),
    ///         Err(error) => println!("{uuid}: {error}"),
    ///     }
    /// }
    ///
    /// // All at once, when the last has ended.
    /// let results = client.each_vm(uuids, |vm| vm.run("uptime").unchecked()).await;
    /// assert_eq!(results.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn each_vm<'a, I, R>(
        &'a self,
        uuids: I,
        command: impl Fn(Vm<'a>) -> R + Send + 'a,
    ) -> Each<'a, (String, R::Output)>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
        R: IntoFuture<Output: Send, IntoFuture: Send> + 'a,
    {
        let uuids: Vec<_> = uuids.into_iter().map(|uuid| Ok(uuid.as_ref().to_owned())).collect();
        Each::one_by_one(CONCURRENCY, stream::iter(uuids), move |uuid: String| {
            let run = command(self.vm(&uuid)).into_future();
            async move { (uuid, run.await) }
        })
    }
}
