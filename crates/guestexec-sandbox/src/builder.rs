//! The settings of a sandbox.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

use guestexec_tat::{operations::RUN_COMMAND, types::Tag};

use crate::{Fault, FaultKind, Provider, Sandbox, StartError};

/// The settings of a sandbox; made by [`Sandbox::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) tat_instances: usize,
    pub(crate) tat_instance_ids: Vec<String>,
    pub(crate) tat_tags: Vec<(String, Tag)>,
    pub(crate) tat_region: String,
    pub(crate) tat_rate: Option<u32>,
    pub(crate) tat_late_tasks: bool,
    pub(crate) tat_delivering: Duration,
    pub(crate) tat_deliver_delayed: Duration,
    pub(crate) tat_agents: TatAgents,
    pub(crate) tat_output_url_life: Duration,
    pub(crate) zstack_vms: usize,
    pub(crate) zstack_vm_uuids: Vec<String>,
    pub(crate) zstack_jobs: bool,
    pub(crate) zstack_job_delay: Duration,
    pub(crate) zstack_job_life: Duration,
    pub(crate) zstack_location_host: Option<String>,
    pub(crate) zstack_utc_offset: i32,
    pub(crate) cci_v5: bool,
    pub(crate) cci_idle: Duration,
    pub(crate) cci_withholds_status: bool,
    pub(crate) programs: Option<PathBuf>,
    pub(crate) max_processes: usize,
    pub(crate) max_command_time: Duration,
    pub(crate) max_output: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) seed: Option<u64>,
    pub(crate) address: IpAddr,
    pub(crate) child_subreaper: bool,
}

/// How TAT's agents treat the scripts they are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TatAgents {
    /// Scripts run, and the agents report how they ended.
    #[default]
    Prompt,
    /// Scripts never reach the agents: the tasks end as `DELIVER_FAILED`, and nothing runs.
    Unreachable,
    /// Scripts run, but the agents do not report how they ended: the tasks end as `TASK_TIMEOUT`.
    Silent,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            tat_instances: 4,
            tat_instance_ids: Vec::new(),
            tat_tags: Vec::new(),
            tat_region: "ap-guangzhou".to_owned(),
            tat_rate: RUN_COMMAND.rate,
            tat_late_tasks: false,
            tat_delivering: Duration::ZERO,
            tat_deliver_delayed: Duration::ZERO,
            tat_agents: TatAgents::Prompt,
            tat_output_url_life: Duration::from_secs(3600),
            zstack_vms: 1,
            zstack_vm_uuids: Vec::new(),
            zstack_jobs: false,
            zstack_job_delay: Duration::ZERO,
            zstack_job_life: Duration::from_secs(10_800),
            zstack_location_host: None,
            zstack_utc_offset: 0,
            cci_v5: true,
            cci_idle: Duration::from_secs(300),
            cci_withholds_status: false,
            programs: None,
            max_processes: 64,
            max_command_time: Duration::from_secs(86_400),
            max_output: 16 * 1024 * 1024 * 1024,
            faults: Vec::new(),
            seed: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            child_subreaper: false,
        }
    }
}

impl Builder {
    /// How many online CVM instances TAT has, besides one Lighthouse and one offline instance. Default: 4.
    ///
    /// They cost nothing until a command runs on them. The first three have the ids of the vendor's examples.
    #[must_use]
    pub fn tat_instances(mut self, count: usize) -> Self {
        self.tat_instances = count;
        self
    }

    /// Adds an online instance with this id (`ins-…`, `lhins-…` or `rins-…`), before those that
    /// [`Self::tat_instances`] counts.
    #[must_use]
    pub fn tat_instance(mut self, id: impl Into<String>) -> Self {
        self.tat_instance_ids.push(id.into());
        self
    }

    /// Gives a machine registered with TAT (`rins-…`) a tag, and adds it as [`Self::tat_instance`] does. TAT does not
    /// know the tags of other instances.
    #[must_use]
    pub fn tat_tag(
        self,
        id: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let id = id.into();
        let mut with = self.tat_instance(id.clone());
        with.tat_tags.push((id, Tag::new(key, value)));
        with
    }

    /// The region of TAT's instances, one that DescribeRegions lists. Default: `ap-guangzhou`.
    #[must_use]
    pub fn tat_region(mut self, region: impl Into<String>) -> Self {
        self.tat_region = region.into();
        self
    }

    /// How many calls of one action TAT takes in one second of its clock before it answers RequestLimitExceeded;
    /// `None` for any number. Default: 20, as the vendor documents.
    #[must_use]
    pub fn tat_rate(mut self, calls: Option<u32>) -> Self {
        self.tat_rate = calls;
        self
    }

    /// Whether the first poll of an invocation's tasks finds none, as if they were not created yet. Default: false.
    #[must_use]
    pub fn tat_late_tasks(mut self, late: bool) -> Self {
        self.tat_late_tasks = late;
        self
    }

    /// How long TAT's tasks are `DELIVERING` before their scripts start. Default: zero.
    #[must_use]
    pub fn tat_delivering(mut self, time: Duration) -> Self {
        self.tat_delivering = time;
        self
    }

    /// How long TAT's tasks are then `DELIVER_DELAYED`, as with agents that have lost their connection. Default: zero.
    #[must_use]
    pub fn tat_deliver_delayed(mut self, time: Duration) -> Self {
        self.tat_deliver_delayed = time;
        self
    }

    /// How TAT's agents treat scripts. Default: [`TatAgents::Prompt`].
    #[must_use]
    pub fn tat_agents(mut self, agents: TatAgents) -> Self {
        self.tat_agents = agents;
        self
    }

    /// How long the address of a whole output in TAT's results is valid, in whole seconds. Default: an hour.
    ///
    /// All buckets of COS are at the address of the service, and their addresses are signed.
    #[must_use]
    pub fn tat_output_url_life(mut self, time: Duration) -> Self {
        self.tat_output_url_life = time;
        self
    }

    /// How many running VMs ZStack has, besides a stopped and a broken one. Default: 1.
    ///
    /// They cost nothing until a command runs in them. The first has the UUID of the vendor's example.
    #[must_use]
    pub fn zstack_vms(mut self, count: usize) -> Self {
        self.zstack_vms = count;
        self
    }

    /// Adds a running VM with this UUID (32 hexadecimal digits without hyphens), before those that [`Self::zstack_vms`]
    /// counts.
    #[must_use]
    pub fn zstack_vm(mut self, uuid: impl Into<String>) -> Self {
        self.zstack_vm_uuids.push(uuid.into());
        self
    }

    /// Whether ZStack answers 202 with a job's URL at once, instead of 200 with the result at the command's end.
    /// Default: false.
    #[must_use]
    pub fn zstack_jobs(mut self, jobs: bool) -> Self {
        self.zstack_jobs = jobs;
        self
    }

    /// How long a ZStack job runs on after its command has ended. Default: zero.
    #[must_use]
    pub fn zstack_job_delay(mut self, time: Duration) -> Self {
        self.zstack_job_delay = time;
        self
    }

    /// How long ZStack keeps the result of a job; with zero, it is never found. Default: three hours, as the vendor
    /// documents.
    #[must_use]
    pub fn zstack_job_life(mut self, time: Duration) -> Self {
        self.zstack_job_life = time;
        self
    }

    /// The host and port in the `location` of a ZStack job, such as `zstack-1.internal:8080`: a node behind a proxy may
    /// name an address its clients cannot reach. Default: the service's own.
    #[must_use]
    pub fn zstack_location_host(mut self, host: impl Into<String>) -> Self {
        self.zstack_location_host = Some(host.into());
        self
    }

    /// The time zone of ZStack's clock, in seconds east of UTC. The local time in the `Date` of an AccessKey's request
    /// has to match this clock, whatever zone it names. Default: 0.
    #[must_use]
    pub fn zstack_utc_offset(mut self, seconds: i32) -> Self {
        self.zstack_utc_offset = seconds;
        self
    }

    /// Whether CCI supports `v5.channel.k8s.io`, with which a client can close standard input. Default: true. A user
    /// of the real service reports that it does not.
    #[must_use]
    pub fn cci_v5(mut self, v5: bool) -> Self {
        self.cci_v5 = v5;
        self
    }

    /// How long an exec session over WebSocket may be idle before CCI closes the connection and kills the command.
    /// Default: 5 minutes, as a user of the real service reports.
    #[must_use]
    pub fn cci_idle(mut self, limit: Duration) -> Self {
        self.cci_idle = limit;
        self
    }

    /// Whether CCI sends neither status nor close after a command that left more than about 150 kB of its standard input
    /// unread, until [`Self::cci_idle`] has passed. Default: false.
    ///
    /// containerd does so, also behind a Kubernetes API server. A client needs a deadline to end such a session.
    #[must_use]
    pub fn cci_withholds_status(mut self, withholds: bool) -> Self {
        self.cci_withholds_status = withholds;
        self
    }

    /// A folder in which commands find programs before all others: what is in it replaces what this machine has, such as a
    /// `tar` that fails. Its path is absolute, in UTF-8, and has no colon. Default: none.
    #[must_use]
    pub fn programs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.programs = Some(folder.into());
        self
    }

    /// How many commands run at once, at least 1; more of them wait. Default: 64.
    #[must_use]
    pub fn max_processes(mut self, count: usize) -> Self {
        self.max_processes = count;
        self
    }

    /// How long a command may run before it is killed, whatever its request says. Default: one day.
    #[must_use]
    pub fn max_command_time(mut self, time: Duration) -> Self {
        self.max_command_time = time;
        self
    }

    /// How many bytes an exec session may print before its command is killed. Default: 16 GiB.
    ///
    /// The sandbox holds none of them. TAT keeps 24 KiB of an output and ZStack the last MiB, however long it is.
    #[must_use]
    pub fn max_output(mut self, bytes: u64) -> Self {
        self.max_output = bytes;
        self
    }

    /// Adds a fault. [`Fault`] describes the text form.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How long a service waits before it handles a request; short for a fault of [`FaultKind::Latency`].
    #[must_use]
    pub fn latency(self, provider: Provider, latency: Duration) -> Self {
        self.fault(Fault::new(provider, FaultKind::Latency(latency)))
    }

    /// The seed that decides which requests a fault with a probability strikes. The same seed strikes the same requests,
    /// counted per operation. Default: random, see [`Sandbox::seed`].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Listens on this address instead of 127.0.0.1. `0.0.0.0` is every network of this machine.
    ///
    /// **Credentials cross the network unencrypted, and whoever learns one can run commands as you.**
    #[must_use]
    pub fn listen_beyond_loopback(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Makes this process the child subreaper of its descendants (Linux only), so that no command outlives the sandbox,
    /// whatever it does. Default: false.
    ///
    /// It affects the whole process: every child that starts from now on is killed with the sandbox. Use it in a program
    /// that does nothing else.
    #[must_use]
    pub fn child_subreaper(mut self, subreaper: bool) -> Self {
        self.child_subreaper = subreaper;
        self
    }

    /// Starts the three services.
    ///
    /// # Errors
    /// [`StartError`] if it cannot listen, or cannot write the temporary directory.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        Sandbox::with(&self).await
    }
}
