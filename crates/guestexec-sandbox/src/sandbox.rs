//! The sandbox as a whole: starting and ending.

use std::{
    fs::Permissions,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Handle, task::JoinSet};

use crate::{
    builder::Builder,
    cci::{Cci, CciHandle},
    fault::{Fault, FaultPlan},
    process::{Limits, Processes},
    provider::Provider,
    random, server, signals,
    tasks::Tasks,
    tat::{Tat, TatHandle},
    zstack::{Zstack, ZstackHandle},
};

/// The three services, running. Dropping it ends them: ports closed, commands killed, files removed.
#[derive(Debug)]
pub struct Sandbox {
    tat: TatHandle,
    zstack: ZstackHandle,
    cci: CciHandle,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
    listeners: JoinSet<()>,
    directory: Option<TempDir>,
    /// Dropped once everything is killed.
    _subreaper: Option<Subreaper>,
    seed: u64,
    faults: [Arc<FaultPlan>; 3],
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No port on the loopback interface, or wherever else the sandbox was told to listen.
    #[error("cannot listen on {0}; allow this program to open a port there")]
    Listen(IpAddr, #[source] io::Error),
    /// There is no Tokio runtime to serve on.
    #[error(
        "a sandbox needs a Tokio runtime; start it within `Runtime::block_on` of one built with `enable_all`"
    )]
    Runtime,
    /// The temporary directory cannot be written.
    #[error("the temporary directory cannot be written; set TMPDIR to one that can")]
    Directory(#[source] io::Error),
    /// The operating system does not make this process the child subreaper of its commands.
    #[error(
        "this process cannot become the child subreaper of its commands; start without `child_subreaper`"
    )]
    Subreaper(#[source] io::Error),
}

/// Makes this process the child subreaper of its descendants while it lives: their orphans become its children.
#[derive(Debug)]
struct Subreaper;

impl Subreaper {
    #[cfg(target_os = "linux")]
    fn new(builder: &Builder) -> io::Result<Option<Self>> {
        use rustix::process::{getpid, set_child_subreaper};
        if !builder.child_subreaper {
            return Ok(None);
        }
        set_child_subreaper(Some(getpid()))?;
        Ok(Some(Self))
    }

    #[cfg(not(target_os = "linux"))]
    fn new(_: &Builder) -> io::Result<Option<Self>> {
        Ok(None)
    }
}

impl Drop for Subreaper {
    fn drop(&mut self) {
        // Setting it succeeded, so that resetting does.
        #[cfg(target_os = "linux")]
        {
            _ = rustix::process::set_child_subreaper(None);
        }
    }
}

impl Sandbox {
    /// Starts the three services with default settings.
    ///
    /// Needs a Tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    /// [`StartError`] if it cannot listen, or cannot write the temporary directory.
    pub async fn start() -> Result<Self, StartError> {
        Builder::default().start().await
    }

    /// Returns the default settings, to change before the start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn with(builder: &Builder) -> Result<Self, StartError> {
        Handle::try_current().map_err(|_| StartError::Runtime)?;
        signals::keep_from_children();
        let directory = tempfile::Builder::new()
            .prefix("guestexec-sandbox-")
            // It holds scripts with their parameters, and what commands write.
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(StartError::Directory)?;
        let subreaper = Subreaper::new(builder).map_err(StartError::Subreaper)?;
        let processes = Arc::new(
            Processes::new(
                directory.path().canonicalize().map_err(StartError::Directory)?,
                random::hex32(),
                Limits {
                    processes: builder.max_processes,
                    time: builder.max_command_time,
                    output: builder.max_output,
                },
                subreaper.is_some(),
            )
            .with_programs(builder.programs.clone()),
        );
        let tasks = Arc::new(Tasks::new());
        let seed = builder.seed.unwrap_or_else(random::seed);
        let faults =
            Provider::ALL.map(|provider| Arc::new(FaultPlan::new(provider, &builder.faults, seed)));
        let [tat_faults, zstack_faults, cci_faults] = &faults;
        let mut listeners = JoinSet::new();
        let (listener, address) = listen(builder).await?;
        let tat = Tat::new(builder, address, Arc::clone(&processes), Arc::clone(&tasks));
        let tat = Arc::new(tat);
        listeners.spawn(server::serve(listener, Arc::clone(&tat), Arc::clone(tat_faults)));
        let (listener, address) = listen(builder).await?;
        let zstack = Zstack::new(builder, address, Arc::clone(&processes), Arc::clone(&tasks));
        let zstack = Arc::new(zstack);
        listeners.spawn(server::serve(listener, Arc::clone(&zstack), Arc::clone(zstack_faults)));
        let (listener, address) = listen(builder).await?;
        let cci = Cci::new(builder, address, Arc::clone(&processes), Arc::clone(&tasks));
        let cci = Arc::new(cci);
        listeners.spawn(server::serve(listener, Arc::clone(&cci), Arc::clone(cci_faults)));
        Ok(Self {
            tat: TatHandle(tat),
            zstack: ZstackHandle(zstack),
            cci: CciHandle(cci),
            processes,
            tasks,
            listeners,
            directory: Some(directory),
            _subreaper: subreaper,
            seed,
            faults,
        })
    }

    /// Tencent TAT.
    pub fn tat(&self) -> &TatHandle {
        &self.tat
    }

    /// ZStack.
    pub fn zstack(&self) -> &ZstackHandle {
        &self.zstack
    }

    /// Huawei CCI, and its IAM.
    pub fn cci(&self) -> &CciHandle {
        &self.cci
    }

    /// The seed that decides which requests faults strike; [`Builder::seed`] takes it to strike the same ones again.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many faults have struck in this service so far.
    pub fn faults_struck(&self, provider: Provider) -> usize {
        self.faults[provider as usize].struck().map(|(_, count)| count).sum()
    }

    /// This service's faults, and how often each has struck so far.
    pub fn faults(&self, provider: Provider) -> Vec<(Fault, usize)> {
        let faults = self.faults[provider as usize].struck();
        faults.map(|(fault, count)| (fault.clone(), count)).collect()
    }

    /// Names and values of environment variables for programs that use the sandbox.
    ///
    /// Credentials have the names that the vendors' tools read, where there are any. No value needs quoting in a shell.
    pub fn env(&self) -> Vec<(String, String)> {
        let (tat, zstack, cci) = (&self.tat, &self.zstack, &self.cci);
        let first = tat.instances().into_iter().next();
        [
            ("TENCENTCLOUD_SECRET_ID", tat.secret_id().to_owned()),
            ("TENCENTCLOUD_SECRET_KEY", tat.secret_key().to_owned()),
            ("TENCENTCLOUD_REGION", tat.region().to_owned()),
            ("GUESTEXEC_TAT_ENDPOINT", tat.endpoint()),
            (
                "GUESTEXEC_TAT_INSTANCE_ID",
                first.unwrap_or_else(|| tat.lighthouse_instance().to_owned()),
            ),
            ("ZSTACK_ENDPOINT", zstack.endpoint()),
            ("ZSTACK_ACCOUNT_NAME", zstack.account_name().to_owned()),
            ("ZSTACK_PASSWORD", zstack.password().to_owned()),
            ("ZSTACK_ACCESS_KEY_ID", zstack.access_key_id().to_owned()),
            ("ZSTACK_ACCESS_KEY_SECRET", zstack.access_key_secret().to_owned()),
            ("ZSTACK_VM_UUID", zstack.vm_uuid().to_owned()),
            ("HUAWEICLOUD_SDK_AK", cci.access_key().to_owned()),
            ("HUAWEICLOUD_SDK_SK", cci.secret_key().to_owned()),
            ("HUAWEICLOUD_SDK_PROJECT_ID", cci.project_id().to_owned()),
            ("GUESTEXEC_CCI_ENDPOINT", cci.endpoint()),
            ("GUESTEXEC_CCI_IAM_ENDPOINT", cci.iam_endpoint()),
            ("GUESTEXEC_CCI_KUBERNETES_ENDPOINT", cci.kubernetes_endpoint()),
            ("GUESTEXEC_CCI_TOKEN", cci.token().to_owned()),
            ("GUESTEXEC_CCI_DOMAIN", cci.domain().to_owned()),
            ("GUESTEXEC_CCI_USER", cci.user().to_owned()),
            ("GUESTEXEC_CCI_PASSWORD", cci.password().to_owned()),
            ("GUESTEXEC_CCI_PROJECT", cci.project().to_owned()),
            ("GUESTEXEC_CCI_NAMESPACE", cci.namespace().to_owned()),
            ("GUESTEXEC_CCI_POD", cci.pod().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// Returns a listener, and the address at which this machine reaches it.
async fn listen(builder: &Builder) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen(builder.address, error);
    let (listener, mut address) = server::listen(builder.address).await.map_err(failed)?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv6() {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        } else {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        });
    }
    Ok((listener, address))
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.listeners.abort_all();
        self.tasks.abort_all();
        self.processes.kill_all();
        let Some(directory) = self.directory.take() else { return };
        let path = directory.keep();
        // A process that was just killed may still write to the directory.
        for _ in 0..50 {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    thread::sleep(Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}
