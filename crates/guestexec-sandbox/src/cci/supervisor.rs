//! Runs the containers of a pod as real processes, from its creation to its deletion.

use std::{fs, io, sync::Arc, time::Duration};

use futures_util::future::join_all;
use guestexec_remotecommand::Streams;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    container::{Container, Ended},
    log::{Lines, Log},
    manifest::RestartPolicy,
    pod::Pod,
    process::{MainProcess, Plan},
    store::Store,
};
use crate::{clock, process::Processes};

/// The pause before the first restart; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long output is read after all processes of a container have ended.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
/// The most bytes of output that are read at once.
const CHUNK: usize = 32 * 1024;

/// What runs a pod.
pub(super) struct Supervisor {
    pub(super) pod: Arc<Pod>,
    pub(super) store: Arc<Store>,
    pub(super) processes: Arc<Processes>,
}

impl Supervisor {
    /// Runs the pod until it was deleted and its processes have ended.
    pub(super) async fn run(self) {
        let deadline = self.pod.deadline.map(Duration::from_secs);
        {
            let mut running = std::pin::pin!(self.containers());
            tokio::select! {
                () = &mut running => {}
                () = sleep(deadline.unwrap_or_default()), if deadline.is_some() => {
                    self.pod.fail("DeadlineExceeded");
                    self.store.touch(&self.pod);
                    running.await;
                }
            }
        }
        self.store.touch(&self.pod);
        let mut versions = self.store.versions();
        // A deletion changes the version.
        while !self.pod.is_deleted() && versions.changed().await.is_ok() {}
        self.store.remove(&self.pod);
        // Nothing uses it any more; what cannot be removed goes with the sandbox.
        _ = fs::remove_dir_all(self.pod.directory(self.processes.directory()));
    }

    async fn containers(&self) {
        let mut stopped = self.pod.stopped();
        for container in &self.pod.init {
            let succeeded = self.run_to_success(container, &mut stopped).await;
            if !succeeded {
                return;
            }
        }
        join_all(self.pod.containers.iter().map(|container| self.keep(container))).await;
    }

    /// Runs an init container, again where it fails and the pod says so.
    async fn run_to_success(
        &self,
        container: &Container,
        stopped: &mut watch::Receiver<Option<Duration>>,
    ) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let code = self.run_once(container).await;
            if code == Some(0) {
                return true;
            }
            let restarts = self.pod.restart != RestartPolicy::Never;
            if !restarts || !self.rests(container, &mut pause, stopped).await {
                return false;
            }
        }
    }

    /// Runs a container, again where it ends and the pod says so.
    async fn keep(&self, container: &Container) {
        let (mut pause, mut stopped) = (FIRST_PAUSE, self.pod.stopped());
        loop {
            let code = self.run_once(container).await;
            let restarts = match self.pod.restart {
                RestartPolicy::Always => true,
                RestartPolicy::OnFailure => code != Some(0),
                RestartPolicy::Never => false,
            };
            if !restarts || !self.rests(container, &mut pause, &mut stopped).await {
                return;
            }
        }
    }

    /// Rests before a restart; false if the pod has to end.
    async fn rests(
        &self,
        container: &Container,
        pause: &mut Duration,
        stopped: &mut watch::Receiver<Option<Duration>>,
    ) -> bool {
        if stopped.borrow().is_some() {
            return false;
        }
        container.wait_for("CrashLoopBackOff");
        self.store.touch(&self.pod);
        let has_rested = timeout(*pause, stopped.wait_for(Option::is_some)).await.is_err();
        *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        has_rested
    }

    /// Runs the main process of a container to its end, and returns its exit code; `None` if the pod had to
    /// end before.
    async fn run_once(&self, container: &Container) -> Option<i32> {
        let mut stopped = self.pod.stopped();
        let stops = stopped.borrow().is_some();
        let started = clock::now();
        let log = container.begin();
        let spawned = match stops {
            true => Err(io::Error::other("the pod has to end")),
            false => self.spawn(container),
        };
        let ended = |code, reason, message| Ended {
            code,
            reason,
            message,
            started,
            finished: clock::now(),
        };
        let ended = match spawned {
            Err(error) => ended(128, "StartError", Some(error.to_string())),
            Ok(process) => {
                self.store.touch(&self.pod);
                let code = self.follow(container, process, &log, &mut stopped).await;
                ended(code, if code == 0 { "Completed" } else { "Error" }, None)
            }
        };
        let code = ended.code;
        container.end(ended);
        self.store.touch(&self.pod);
        (!stops).then_some(code)
    }

    fn spawn(&self, container: &Container) -> io::Result<MainProcess> {
        // The sandbox has no images, so the process of one is one that waits.
        let argv = container.program.argv.clone();
        let argv = argv.unwrap_or_else(|| ["sleep", "infinity"].map(str::to_owned).to_vec());
        let tty = container.program.tty;
        let streams = Streams { stdin: container.program.stdin, stdout: true, stderr: !tty, tty };
        let plan = Plan {
            processes: Arc::clone(&self.processes),
            pod: Arc::clone(&self.pod),
            container: container.name.clone(),
            argv,
            streams,
            withholds_status: false,
            stream_faults: None,
        };
        plan.start_main()
    }

    /// Logs what a process writes until it has ended, with all that it started in its container.
    async fn follow(
        &self,
        container: &Container,
        process: MainProcess,
        log: &Log,
        stopped: &mut watch::Receiver<Option<Duration>>,
    ) -> i32 {
        let MainProcess { mut group, outputs, input } = process;
        let reading = join_all(outputs.into_iter().map(|output| read_into(log, output)));
        let mut reading = std::pin::pin!(reading);
        let mut has_read = false;
        let code = {
            let limit = self.processes.limits().time;
            let mut ending = std::pin::pin!(async {
                tokio::select! {
                    biased;
                    status = group.wait() => return status,
                    _ = stopped.wait_for(Option::is_some) => group.terminate(),
                    () = sleep(limit) => {}
                }
                loop {
                    let grace = stopped.borrow_and_update().unwrap_or_default();
                    tokio::select! {
                        biased;
                        status = group.wait() => return status,
                        // The pod may have to end sooner.
                        Ok(()) = stopped.changed() => {}
                        () = sleep(grace) => {
                            group.kill();
                            return group.wait().await;
                        }
                    }
                }
            });
            loop {
                tokio::select! {
                    status = &mut ending => break status.map_or(137, exit_code),
                    _ = &mut reading, if !has_read => has_read = true,
                }
            }
        };
        drop(input);
        // A container ends with its main process, and all others in it too.
        let home = self.pod.home(self.processes.directory(), &container.name);
        let (name, value) = self.pod.mark(&container.name);
        self.processes.kill_within(&home, &format!("{name}={value}"));
        if !has_read {
            _ = timeout(OUTPUT_GRACE, reading).await;
        }
        code
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| status.signal().map_or(137, |signal| 128 + signal))
}

/// Logs what comes, line by line.
async fn read_into(log: &Log, mut output: impl AsyncRead + Unpin) {
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    // Reading a terminal without processes fails, which is its end.
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        lines.push(&chunk[..length], log);
    }
    lines.finish(log);
}
