//! What a sandbox can be told before it starts.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use crate::{Fault, FaultKind, Provider, Sandbox, StartError};

/// The settings of a sandbox; made by [`Sandbox::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) tat_instances: usize,
    pub(crate) tat_instance_ids: Vec<String>,
    pub(crate) tat_region: String,
    pub(crate) tat_rate: Option<u32>,
    pub(crate) tat_late_tasks: bool,
    pub(crate) tat_delivering: Duration,
    pub(crate) tat_deliver_delayed: Duration,
    pub(crate) tat_agents: TatAgents,
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
    pub(crate) max_processes: usize,
    pub(crate) max_command_time: Duration,
    pub(crate) max_output: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) seed: Option<u64>,
    pub(crate) address: IpAddr,
    pub(crate) child_subreaper: bool,
}

/// What becomes of the scripts that TAT hands to its agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TatAgents {
    /// They run, and the agents say how they ended.
    #[default]
    Prompt,
    /// They never reach the agents: the tasks end as `DELIVER_FAILED`, and nothing runs.
    Unreachable,
    /// They run, but the agents do not say how they ended: the tasks end as `TASK_TIMEOUT`.
    Silent,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            tat_instances: 4,
            tat_instance_ids: Vec::new(),
            tat_region: "ap-guangzhou".to_owned(),
            tat_rate: Some(20),
            tat_late_tasks: false,
            tat_delivering: Duration::ZERO,
            tat_deliver_delayed: Duration::ZERO,
            tat_agents: TatAgents::Prompt,
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
    /// How many online CVM instances TAT has, beside the one Lighthouse and the one offline instance.
    /// Default: 4. They cost nothing until a command runs on them. The first three have the ids of the vendor's
    /// examples.
    #[must_use]
    pub fn tat_instances(mut self, count: usize) -> Self {
        self.tat_instances = count;
        self
    }

    /// One more online instance, of this id (`ins-…`, `lhins-…` or `rins-…`). It comes before the
    /// others.
    #[must_use]
    pub fn tat_instance(mut self, id: impl Into<String>) -> Self {
        self.tat_instance_ids.push(id.into());
        self
    }

    /// The region TAT's instances stand in, one that DescribeRegions lists. Default: `ap-guangzhou`.
    #[must_use]
    pub fn tat_region(mut self, region: impl Into<String>) -> Self {
        self.tat_region = region.into();
        self
    }

    /// How many calls of one action TAT takes in one second of its clock, before it answers
    /// RequestLimitExceeded; `None` for any number. Default: 20, as the vendor documents.
    #[must_use]
    pub fn tat_rate(mut self, calls: Option<u32>) -> Self {
        self.tat_rate = calls;
        self
    }

    /// Whether the first look at an invocation's tasks finds none, as if they were still being made.
    /// Default: false.
    #[must_use]
    pub fn tat_late_tasks(mut self, late: bool) -> Self {
        self.tat_late_tasks = late;
        self
    }

    /// How long TAT's tasks are `DELIVERING` before their scripts start. Default: not at all.
    #[must_use]
    pub fn tat_delivering(mut self, time: Duration) -> Self {
        self.tat_delivering = time;
        self
    }

    /// How long TAT's tasks are then `DELIVER_DELAYED`, as with agents that have lost their connection. Default:
    /// not at all.
    #[must_use]
    pub fn tat_deliver_delayed(mut self, time: Duration) -> Self {
        self.tat_deliver_delayed = time;
        self
    }

    /// What becomes of the scripts TAT hands to its agents. Default: they run.
    #[must_use]
    pub fn tat_agents(mut self, agents: TatAgents) -> Self {
        self.tat_agents = agents;
        self
    }

    /// How many running VMs ZStack has, beside a stopped and a broken one. Default: 1. They cost nothing until a
    /// command runs in them. The first has the UUID of the vendor's example.
    #[must_use]
    pub fn zstack_vms(mut self, count: usize) -> Self {
        self.zstack_vms = count;
        self
    }

    /// One more running VM, of this UUID (32 hexadecimal digits without hyphens). It comes before the others.
    #[must_use]
    pub fn zstack_vm(mut self, uuid: impl Into<String>) -> Self {
        self.zstack_vm_uuids.push(uuid.into());
        self
    }

    /// Whether ZStack answers 202 with the address of a job at once, instead of 200 with the result
    /// when the command is over. Default: false.
    #[must_use]
    pub fn zstack_jobs(mut self, jobs: bool) -> Self {
        self.zstack_jobs = jobs;
        self
    }

    /// How long ZStack works on a job after its command has ended. Default: not at all.
    #[must_use]
    pub fn zstack_job_delay(mut self, time: Duration) -> Self {
        self.zstack_job_delay = time;
        self
    }

    /// How long ZStack keeps the result of a job; zero for a node that has forgotten it by its end. Default:
    /// three hours, as the vendor documents.
    #[must_use]
    pub fn zstack_job_life(mut self, time: Duration) -> Self {
        self.zstack_job_life = time;
        self
    }

    /// The host and port ZStack calls itself by in the `location` of a job, such as `zstack-1.internal:8080`, as
    /// nodes do that do not know how they are reached. Default: the right ones.
    #[must_use]
    pub fn zstack_location_host(mut self, host: impl Into<String>) -> Self {
        self.zstack_location_host = Some(host.into());
        self
    }

    /// The zone ZStack's clock is in, as seconds east of UTC: the `Date` of an AccessKey's request has to show
    /// this clock's face. Default: 0.
    #[must_use]
    pub fn zstack_utc_offset(mut self, seconds: i32) -> Self {
        self.zstack_utc_offset = seconds;
        self
    }

    /// Whether CCI speaks `v5.channel.k8s.io`, on which a client can end standard input. Default: true;
    /// false is what a user of the real service reports.
    #[must_use]
    pub fn cci_v5(mut self, v5: bool) -> Self {
        self.cci_v5 = v5;
        self
    }

    /// How long an exec session over WebSocket may be without a message either way before CCI cuts it, and kills
    /// its command. Default: 5 minutes, which is what a user of the real service reports.
    #[must_use]
    pub fn cci_idle(mut self, limit: Duration) -> Self {
        self.cci_idle = limit;
        self
    }

    /// Whether CCI says nothing more once a command has ended and left much of its standard input unread (more than
    /// about 150 kB): no status, no close, until [`Self::cci_idle`] has passed. Default: false. containerd does so,
    /// also behind a Kubernetes API server; a client needs a deadline to get out of it.
    #[must_use]
    pub fn cci_withholds_status(mut self, withholds: bool) -> Self {
        self.cci_withholds_status = withholds;
        self
    }

    /// How many commands run at once, at least 1; others wait. Default: 64.
    #[must_use]
    pub fn max_processes(mut self, count: usize) -> Self {
        self.max_processes = count;
        self
    }

    /// How long a command may run, whatever its request says; then it is killed. Default: a day.
    #[must_use]
    pub fn max_command_time(mut self, time: Duration) -> Self {
        self.max_command_time = time;
        self
    }

    /// How many bytes an exec session may print before its command is killed. It costs no memory. Default: 16 GiB.
    /// (TAT keeps 24 KiB of an output, ZStack the last MiB, however long it is.)
    #[must_use]
    pub fn max_output(mut self, bytes: u64) -> Self {
        self.max_output = bytes;
        self
    }

    /// Something that is to go wrong; any number of times. See [`Fault`] for its text form.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How long a service takes before it looks at a request; short for [`FaultKind::Latency`].
    #[must_use]
    pub fn latency(self, provider: Provider, latency: Duration) -> Self {
        self.fault(Fault::new(provider, FaultKind::Latency(latency)))
    }

    /// What decides which requests a fault with a probability strikes: with the same seed the same ones, counted
    /// for each operation apart. Default: another one each time, told by [`Sandbox::seed`].
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Listens on this address, and not on 127.0.0.1. **Whoever reaches it and learns a credential, which is sent
    /// in clear, runs commands as you**; `0.0.0.0` is every network this machine is in.
    #[must_use]
    pub fn listen_beyond_loopback(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Makes this process the child subreaper of its descendants (Linux; elsewhere nothing happens), so that no
    /// command gets away from the sandbox's end, whatever it does. It concerns the whole process: every child it has
    /// from now on is killed with the sandbox. For a program that is nothing but a sandbox. Default: false.
    #[must_use]
    pub fn child_subreaper(mut self, subreaper: bool) -> Self {
        self.child_subreaper = subreaper;
        self
    }

    /// Starts the three services.
    ///
    /// # Errors
    /// [`StartError`] if a port or the temporary directory cannot be had.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        Sandbox::with(&self).await
    }
}
