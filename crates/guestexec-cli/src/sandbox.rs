//! `guestexec sandbox`: the three services, until interrupted.

use std::{error::Error, io::Write as _, net::IpAddr, time::Duration};

use clap::{Args, ValueEnum};
use guestexec_sandbox::{Builder, Fault, Provider, Sandbox, TatAgents};

/// Tencent TAT, ZStack and Huawei CCI on this machine: real signatures, real limits, real processes, no account.
/// Commands run here, as you, in a temporary directory.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// Something that is to go wrong, as PROVIDER[.OPERATION]:KIND[=VALUE]; see below. Any number of times
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Faults")]
    faults: Vec<Fault>,
    /// What decides which requests are struck; the same seed strikes the same ones [default: another each time]
    #[arg(long, value_name = "NUMBER", help_heading = "Faults")]
    seed: Option<u64>,
    /// How long TAT takes before it looks at a request, such as 200ms
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    tat_latency: Option<Duration>,
    /// How long ZStack takes before it looks at a request
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    zstack_latency: Option<Duration>,
    /// How long CCI takes before it looks at a request
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    cci_latency: Option<Duration>,

    /// How many online CVM instances TAT has, beside a Lighthouse and an offline one [default: 4]
    #[arg(long, value_name = "COUNT", help_heading = "Tencent TAT")]
    tat_instances: Option<usize>,
    /// One more online instance of this id (ins-…, lhins-…, rins-…). Any number of times
    #[arg(long = "tat-instance", value_name = "ID", help_heading = "Tencent TAT")]
    tat_instance_ids: Vec<String>,
    /// The region the instances stand in [default: ap-guangzhou]
    #[arg(long, value_name = "REGION", help_heading = "Tencent TAT")]
    tat_region: Option<String>,
    /// Calls of one action taken in a second; 0 for any number [default: 20]
    #[arg(long, value_name = "CALLS", help_heading = "Tencent TAT")]
    tat_rate: Option<u32>,
    /// The first look at an invocation's tasks finds none
    #[arg(long, help_heading = "Tencent TAT")]
    tat_late_tasks: bool,
    /// How long tasks are DELIVERING
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Tencent TAT")]
    tat_delivering: Option<Duration>,
    /// How long tasks are then DELIVER_DELAYED
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Tencent TAT")]
    tat_deliver_delayed: Option<Duration>,
    /// What becomes of scripts handed to the agents
    #[arg(long, value_enum, default_value_t, help_heading = "Tencent TAT")]
    tat_agents: Agents,

    /// How many running VMs ZStack has, beside a stopped and a broken one [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "ZStack")]
    zstack_vms: Option<usize>,
    /// One more running VM of this UUID. Any number of times
    #[arg(long = "zstack-vm", value_name = "UUID", help_heading = "ZStack")]
    zstack_vm_uuids: Vec<String>,
    /// Answer 202 with a job at once, not 200 at the command's end
    #[arg(long, help_heading = "ZStack")]
    zstack_jobs: bool,
    /// How long a job goes on after its command
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "ZStack")]
    zstack_job_delay: Option<Duration>,
    /// How long a job's result is kept; 0s forgets it at once [default: 3h]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "ZStack")]
    zstack_job_life: Option<Duration>,
    /// The HOST:PORT jobs are said to be at, in place of the right one
    #[arg(long, value_name = "HOST", help_heading = "ZStack")]
    zstack_location_host: Option<String>,
    /// The zone of the clock AccessKeys are held against, in seconds east of UTC [default: 0]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, help_heading = "ZStack")]
    zstack_utc_offset: Option<i32>,

    /// Do not speak v5.channel.k8s.io, by which a client ends standard input
    #[arg(long, help_heading = "Huawei CCI")]
    cci_without_v5: bool,
    /// How long an exec session over WebSocket may be silent [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Huawei CCI")]
    cci_idle: Option<Duration>,
    /// Say nothing of a command's end if it leaves much of its input unread, as containerd does
    #[arg(long, help_heading = "Huawei CCI")]
    cci_withholds_status: bool,

    /// Commands that run at once; others wait [default: 64]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_processes: Option<usize>,
    /// How long a command may run, whatever its request says [default: 1day]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Limits")]
    max_command_time: Option<Duration>,
    /// Bytes an exec session may print [default: 16 GiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_output: Option<u64>,
    /// Listen on this address, not on 127.0.0.1. Whoever reaches it and reads along runs commands as you
    #[arg(long, value_name = "ADDRESS", help_heading = "Limits")]
    listen_beyond_loopback: Option<IpAddr>,
}

const AFTER_HELP: &str = "\
Kinds of faults:
  latency=TIME        looks at the request only after this long
  clock=±TIME         the clock is off, as in clock=-1h
  throttle            refuses, as after too many requests
  bad-gateway         502 in HTML; the service never saw the request
  gateway-timeout     504 in HTML, though the service did it
  lose-request        closes the connection; the service never saw the request
  lose-answer         closes the connection, though the service did it
  reset               resets the connection in the middle of the answer, or of a frame
  drip                16 bytes of the answer every 10 ms
  expire              what the caller proves itself with has just expired

All but the first two take a probability from 0 to 1, or first, or first:N, as their value; without one they always
strike. OPERATION is a part of an operation's name, such as RunCommand, ExecuteGuestVm, login or exec.

Example:
  guestexec sandbox --tat-latency 200ms --fault tat.RunCommand:lose-answer=0.1 --seed 7";

/// What becomes of TAT's scripts.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Agents {
    /// They run
    #[default]
    Prompt,
    /// They do not arrive: DELIVER_FAILED
    Unreachable,
    /// They run, but nobody says how they ended: TASK_TIMEOUT
    Silent,
}

fn time(text: &str) -> Result<Duration, String> {
    let problem = |_| "a time is written as in 200ms, 2s, 5m, 1h".to_owned();
    humantime::parse_duration(text).map_err(problem)
}

/// Applies an option if it was given.
fn with<T>(builder: Builder, option: Option<T>, set: impl Fn(Builder, T) -> Builder) -> Builder {
    match option {
        Some(value) => set(builder, value),
        None => builder,
    }
}

impl Options {
    fn builder(self) -> Builder {
        let mut builder = Sandbox::builder()
            // This program is nothing but a sandbox.
            .child_subreaper(true)
            .tat_late_tasks(self.tat_late_tasks)
            .tat_agents(match self.tat_agents {
                Agents::Prompt => TatAgents::Prompt,
                Agents::Unreachable => TatAgents::Unreachable,
                Agents::Silent => TatAgents::Silent,
            })
            .zstack_jobs(self.zstack_jobs)
            .cci_v5(!self.cci_without_v5)
            .cci_withholds_status(self.cci_withholds_status);
        for fault in self.faults {
            builder = builder.fault(fault);
        }
        for id in self.tat_instance_ids {
            builder = builder.tat_instance(id);
        }
        for uuid in self.zstack_vm_uuids {
            builder = builder.zstack_vm(uuid);
        }
        for (provider, latency) in [
            (Provider::Tat, self.tat_latency),
            (Provider::Zstack, self.zstack_latency),
            (Provider::Cci, self.cci_latency),
        ] {
            builder = with(builder, latency, |builder, time| builder.latency(provider, time));
        }
        builder = with(builder, self.seed, Builder::seed);
        builder = with(builder, self.tat_instances, Builder::tat_instances);
        builder = with(builder, self.tat_region, Builder::tat_region);
        builder = with(builder, self.tat_rate, |builder, calls| {
            builder.tat_rate(Some(calls).filter(|calls| *calls > 0))
        });
        builder = with(builder, self.tat_delivering, Builder::tat_delivering);
        builder = with(builder, self.tat_deliver_delayed, Builder::tat_deliver_delayed);
        builder = with(builder, self.zstack_vms, Builder::zstack_vms);
        builder = with(builder, self.zstack_job_delay, Builder::zstack_job_delay);
        builder = with(builder, self.zstack_job_life, Builder::zstack_job_life);
        builder = with(builder, self.zstack_location_host, Builder::zstack_location_host);
        builder = with(builder, self.zstack_utc_offset, Builder::zstack_utc_offset);
        builder = with(builder, self.cci_idle, Builder::cci_idle);
        builder = with(builder, self.max_processes, Builder::max_processes);
        builder = with(builder, self.max_command_time, Builder::max_command_time);
        builder = with(builder, self.max_output, Builder::max_output);
        with(builder, self.listen_beyond_loopback, Builder::listen_beyond_loopback)
    }
}

/// Serves until a signal asks it to end; prints the variables by which programs find the services.
pub(crate) async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let has_faults = !options.faults.is_empty();
    let beyond = options.listen_beyond_loopback;
    // Asked for before anything is printed, so that whoever has read the lines can end it cleanly.
    let interrupted = interruption()?;
    let sandbox = options.builder().start().await?;
    let mut text = String::from(
        "# Tencent TAT, ZStack and Huawei CCI on this machine. Commands run here, as you.\n\
         # Paste these lines into the shell of your program; Ctrl-C here ends the services.\n",
    );
    if has_faults {
        text += &format!("# The same faults again: --seed {}\n", sandbox.seed());
    }
    if let Some(address) = beyond {
        text += &format!(
            "# Listening on {address}: whoever can read along there can run commands as you.\n"
        );
    }
    for (name, value) in sandbox.env() {
        text += &format!("export {name}='{value}'\n");
    }
    // Whoever reads no further than the line it wants is served all the same.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    interrupted.await;
    // Ends the services, kills what they run, and removes their files.
    drop(sandbox);
    Ok(())
}

/// Becomes ready with any signal that asks a process to end: Ctrl-C, Ctrl-\\, `kill`, the end of the terminal, and
/// what batch systems send.
fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    // SIGABRT is 6 on every Unix.
    let abort = SignalKind::from_raw(6);
    let mut signals = Vec::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
        abort,
        SignalKind::alarm(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ] {
        signals.push(signal(kind)?);
    }
    Ok(std::future::poll_fn(move |context| {
        let ready = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }))
}
