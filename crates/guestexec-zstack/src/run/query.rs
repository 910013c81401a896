//! Choosing VMs by a query of the service.

use std::{
    collections::HashSet,
    future::{IntoFuture, ready},
};

use futures_util::StreamExt as _;
use guestexec_core::{Each, ErrorKind, PageItems};

use super::{Captured, Vm, vms::CONCURRENCY};
use crate::{
    Client, Error,
    builder::QueryVmInstance,
    enums::{Platform, VmInstanceState},
    operations::QUERY_VM_INSTANCE,
    types::VmInstanceInventory,
};

/// The VMs of one page.
const PAGE: i32 = 100;

impl Client {
    /// The VMs that the caller may see, to choose from. Sends nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// for vm in client.query_vms().name("vm_%").list().await? {
    ///     println!("{:?}: {:?}", vm.name, vm.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query_vms(&self) -> QueryVms<'_> {
        QueryVms { client: self, conditions: Vec::new() }
    }
}

/// All VMs, or some, made by [`Client::query_vms`].
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_zstack::enums::Platform;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// // One command in each, with results as they come.
/// let mut results = client.query_vms().name("vm_%").running().run_each("uptime").concurrency(4);
/// while let Some(ended) = results.next().await {
///     let (uuid, result) = ended?;
///     println!("{uuid}: {:?}", result.map(|ended| ended.exit_code()));
/// }
///
/// // With all that a command can have.
/// let one = client.query_vms().condition("uuid=fc022ba201c135d8809c5e02bf6bf156");
/// let each = one.each(|vm| vm.run("id").timeout(Duration::from_secs(10)));
/// assert_eq!(each.await.len(), 1);
///
/// // The VMs themselves: all, or a page at a time.
/// let linux = client.query_vms().platform(Platform::Linux).list().await?;
/// assert!(!linux.is_empty());
/// let mut vms = client.query_vms().items();
/// while let Some(vm) = vms.next().await {
///     println!("{:?}", vm?.uuid);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `list` is called or a stream is read"]
pub struct QueryVms<'a> {
    client: &'a Client,
    conditions: Vec<String>,
}

/// The result of a command on one of many VMs: its UUID, and the command's result there. An error in their
/// place is that of the list, which then has no more of them.
pub type Ended<T> = Result<(String, Result<T, Error>), Error>;

impl<'a> QueryVms<'a> {
    /// Chooses those with this name; `%` in it stands for any characters. Several VMs may have one name.
    pub fn name(self, name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        let operator = if name.contains('%') { "~=" } else { "=" };
        self.condition(format!("name{operator}{name}"))
    }

    /// Chooses those that run: commands run in no others.
    pub fn running(self) -> Self {
        self.condition(format!("state={}", VmInstanceState::Running))
    }

    /// Chooses those with this family of operating systems.
    pub fn platform(self, platform: Platform) -> Self {
        self.condition(format!("platform={platform}"))
    }

    /// Chooses those that meet a condition of the service, besides all others: a member, an operator and a
    /// value, such as `vmNics.ip=192.168.20.100`; see [`QueryVmInstance::q`](crate::builder::QueryVmInstance::q).
    pub fn condition(mut self, condition: impl Into<String>) -> Self {
        self.conditions.push(condition.into());
        self
    }

    fn call(self) -> QueryVmInstance<'a> {
        let call = self.client.query_vm_instance().limit(PAGE).sort("+uuid");
        if self.conditions.is_empty() { call } else { call.q(self.conditions) }
    }

    /// The VMs as a stream, 100 with each call, which is made when it is needed. Where the list changes while it
    /// is read, one may come twice or not at all.
    pub fn items(self) -> PageItems<'a, QueryVmInstance<'a>> {
        self.call().items()
    }

    /// Lists the VMs.
    ///
    /// # Errors
    /// Any error of a call; what came before it is lost, unlike with [`items`](Self::items).
    pub async fn list(self) -> Result<Vec<VmInstanceInventory>, Error> {
        let mut items = self.items();
        let mut all = Vec::new();
        while let Some(vm) = items.next().await {
            all.push(vm?);
        }
        Ok(all)
    }

    /// Runs a command in each of the VMs. As [`each`](Self::each), with nothing else set.
    pub fn run_each(self, command: impl Into<String>) -> Each<'a, Ended<Captured>> {
        let command = command.into();
        self.each(move |vm| vm.run(command.clone()))
    }

    /// Runs in each of the VMs what `command` makes, in 8 at once unless [`Each::concurrency`] says otherwise. The
    /// UUID of each VM comes with its result, in the order in which the commands end. A slow or failed command
    /// does not affect the others.
    ///
    /// The list is read page by page, as there is room to run the command, and no VM has the command twice. A VM
    /// that the service knows as a Windows machine is given to `command` as one. An error in the place of a VM and
    /// its result is that of the list, which then has no more VMs.
    pub fn each<R, T>(self, command: impl Fn(Vm<'a>) -> R + Send + 'a) -> Each<'a, Ended<T>>
    where
        R: IntoFuture<Output = Result<T, Error>, IntoFuture: Send> + 'a,
        T: Send + 'a,
    {
        let client = self.client;
        let mut seen = HashSet::new();
        let list = self.items().filter(move |vm| {
            let uuid = vm.as_ref().ok().and_then(|vm| vm.uuid.clone());
            ready(uuid.is_none_or(|uuid| seen.insert(uuid)))
        });
        let list = list.map(|vm| vm.map_err(Err));
        Each::one_by_one(CONCURRENCY, list, move |vm: VmInstanceInventory| {
            let uuid = vm.uuid.unwrap_or_default();
            let is_windows = vm.platform == Some(Platform::Windows);
            let run = (!uuid.is_empty()).then(|| {
                let vm = client.vm(&uuid);
                command(if is_windows { vm.windows() } else { vm }).into_future()
            });
            async move {
                Ok(match run {
                    Some(run) => (uuid, run.await),
                    None => {
                        let message = "an entry of the list has no `uuid`";
                        let error = Error::new(ErrorKind::Protocol, message);
                        (uuid, Err(error.during(QUERY_VM_INSTANCE.id)))
                    }
                })
            }
        })
    }
}
