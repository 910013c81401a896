//! What a sandbox can be told before it starts.

use std::time::Duration;

use crate::{Sandbox, StartError};

/// The settings of a sandbox; made by [`Sandbox::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) tat_instances: usize,
    pub(crate) tat_instance_ids: Vec<String>,
    pub(crate) tat_region: String,
    pub(crate) tat_rate: Option<u32>,
    pub(crate) tat_late_tasks: bool,
    pub(crate) zstack_jobs: bool,
    pub(crate) zstack_utc_offset: i32,
    pub(crate) cci_v5: bool,
    pub(crate) cci_idle: Duration,
    pub(crate) max_processes: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            tat_instances: 4,
            tat_instance_ids: Vec::new(),
            tat_region: "ap-guangzhou".to_owned(),
            tat_rate: Some(20),
            tat_late_tasks: false,
            zstack_jobs: false,
            zstack_utc_offset: 0,
            cci_v5: true,
            cci_idle: Duration::from_secs(300),
            max_processes: 64,
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

    /// Whether ZStack answers 202 with the address of a job at once, instead of 200 with the result
    /// when the command is over. Default: false.
    #[must_use]
    pub fn zstack_jobs(mut self, jobs: bool) -> Self {
        self.zstack_jobs = jobs;
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

    /// How many commands run at once, at least 1; others wait. Default: 64.
    #[must_use]
    pub fn max_processes(mut self, count: usize) -> Self {
        self.max_processes = count;
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
