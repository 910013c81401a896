//! `guestexec sandbox`: serves the three services until interrupted.

use std::{io::Write as _, net::IpAddr, time::Duration};

use clap::{Args, ValueEnum};
use guestexec::tat::operations::RUN_COMMAND;
use guestexec_sandbox::{Builder, Fault, Provider, Sandbox, TatAgents, is_ignored};

use crate::{ending::Exit, failure::Failure};

/// Serve Tencent TAT, ZStack and Huawei CCI on this machine: real signatures, real limits, real processes, no account.
/// Commands run here, as you, in a temporary directory.
#[derive(Args, Debug)]
#[command(after_help = after_help())]
pub(crate) struct Options {
    /// Add a fault, PROVIDER[.OPERATION]:KIND[=VALUE]; see below. Can be repeated
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Faults")]
    faults: Vec<Fault>,
    /// The seed that decides which requests are struck; the same seed strikes the same ones [default: random]
    #[arg(long, value_name = "NUMBER", help_heading = "Faults")]
    seed: Option<u64>,
    /// How long TAT waits before it handles a request, such as 200ms
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    tat_latency: Option<Duration>,
    /// How long ZStack waits before it handles a request
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    zstack_latency: Option<Duration>,
    /// How long CCI waits before it handles a request
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Faults")]
    cci_latency: Option<Duration>,

    /// How many online CVM instances TAT has, besides a Lighthouse and an offline one [default: 4]
    #[arg(long, value_name = "COUNT", help_heading = "Tencent TAT")]
    tat_instances: Option<usize>,
    /// Add an online instance with this id (ins-…, lhins-…, rins-…). Can be repeated
    #[arg(long = "tat-instance", value_name = "ID", help_heading = "Tencent TAT")]
    tat_instance_ids: Vec<String>,
    /// Add a registered machine (rins-…) with this tag. Can be repeated, also for further tags of one
    #[arg(long = "tat-tag", value_name = "ID:KEY=VALUE", value_parser = tag, help_heading = "Tencent TAT")]
    tat_tags: Vec<[String; 3]>,
    /// The region of the instances [default: ap-guangzhou]
    #[arg(long, value_name = "REGION", help_heading = "Tencent TAT")]
    tat_region: Option<String>,
    /// How many calls of one action TAT takes in a second; 0 for any number [default: 20]
    #[arg(long, value_name = "CALLS", help_heading = "Tencent TAT")]
    tat_rate: Option<u32>,
    /// The first poll of an invocation's tasks finds none
    #[arg(long, help_heading = "Tencent TAT")]
    tat_late_tasks: bool,
    /// How long tasks are DELIVERING
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Tencent TAT")]
    tat_delivering: Option<Duration>,
    /// How long tasks are then DELIVER_DELAYED
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Tencent TAT")]
    tat_deliver_delayed: Option<Duration>,
    /// How the agents treat scripts
    #[arg(long, value_enum, default_value_t, help_heading = "Tencent TAT")]
    tat_agents: Agents,

    /// How many running VMs ZStack has, besides a stopped and a broken one [default: 1]
    #[arg(long, value_name = "COUNT", help_heading = "ZStack")]
    zstack_vms: Option<usize>,
    /// Add a running VM with this UUID. Can be repeated
    #[arg(long = "zstack-vm", value_name = "UUID", help_heading = "ZStack")]
    zstack_vm_uuids: Vec<String>,
    /// Answer 202 with a job at once, instead of 200 at the command's end
    #[arg(long, help_heading = "ZStack")]
    zstack_jobs: bool,
    /// How long a job runs on after its command
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "ZStack")]
    zstack_job_delay: Option<Duration>,
    /// How long a job's result is kept; with 0s it is never found [default: 3h]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "ZStack")]
    zstack_job_life: Option<Duration>,
    /// The HOST:PORT in the location of jobs [default: the service's own]
    #[arg(long, value_name = "HOST", help_heading = "ZStack")]
    zstack_location_host: Option<String>,
    /// The time zone of the clock that checks AccessKeys, in seconds east of UTC [default: 0]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, help_heading = "ZStack")]
    zstack_utc_offset: Option<i32>,

    /// Do not support v5.channel.k8s.io, with which a client can close standard input
    #[arg(long, help_heading = "Huawei CCI")]
    cci_without_v5: bool,
    /// How long an exec session over WebSocket may be idle [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Huawei CCI")]
    cci_idle: Option<Duration>,
    /// Send no status if a command leaves much of its input unread, as containerd does
    #[arg(long, help_heading = "Huawei CCI")]
    cci_withholds_status: bool,

    /// How many commands run at once; more of them wait [default: 64]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    max_processes: Option<usize>,
    /// How long a command may run, whatever its request says [default: 1day]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Limits")]
    max_command_time: Option<Duration>,
    /// How many bytes an exec session may print [default: 16 GiB]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_output: Option<u64>,
    /// Listen on this address instead of 127.0.0.1. Credentials cross the network unencrypted, and whoever learns one can
    /// run commands as you
    #[arg(long, value_name = "ADDRESS", help_heading = "Limits")]
    listen_beyond_loopback: Option<IpAddr>,
}

/// The text about faults that follows the options in the help.
fn after_help() -> String {
    let operations: String = Provider::ALL
        .iter()
        .map(|provider| {
            let ids: Vec<&str> = provider.operations().map(|operation| operation.id).collect();
            let rows: Vec<String> = ids.chunks(3).map(|row| row.join(", ")).collect();
            format!("  {:<8}{}\n", provider.name(), rows.join(",\n          "))
        })
        .collect();
    let example = format!("tat.{}:lose-answer=0.1", RUN_COMMAND.id);
    format!("\
Kinds of faults:
  latency=TIME        handles the request only after this long
  clock=±TIME         the clock is off, as in clock=-1h
  throttle            answers with the service's error for too many requests
  bad-gateway         502 in HTML; the service never saw the request
  gateway-timeout     504 in HTML, though the service did it
  lose-request        closes the connection; the service never saw the request
  lose-answer         closes the connection, though the service did it
  reset               resets the connection in the middle of the answer, or of a frame
  drip                16 bytes of the answer every 10 ms
  expire              the session, token or key has just expired

All but the first two take a probability from 0 to 1, or first, or first:N, as their value; without one they always
strike. OPERATION is a part of an operation's name, in any case:
{operations}
Example:
  guestexec sandbox --tat-latency 200ms --fault {example} --seed 7")
}

/// How TAT's agents treat scripts.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Agents {
    /// Scripts run
    #[default]
    Prompt,
    /// Scripts do not arrive: DELIVER_FAILED
    Unreachable,
    /// Scripts run, but nobody reports how they ended: TASK_TIMEOUT
    Silent,
}

fn time(text: &str) -> Result<Duration, String> {
    let problem = |_| "a time is written as in 200ms, 2s, 5m, 1h".to_owned();
    humantime::parse_duration(text).map_err(problem)
}

fn tag(text: &str) -> Result<[String; 3], &'static str> {
    let (id, tag) = text.split_once(':').unwrap_or_default();
    match tag.split_once('=') {
        Some((key, value)) if id.starts_with("rins-") && !key.is_empty() => {
            Ok([id, key, value].map(str::to_owned))
        }
        _ => Err("a tag is written as in rins-1a2b3c4d:team=web"),
    }
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
            // This program has no children but the sandbox's.
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
        for [id, key, value] in self.tat_tags {
            builder = builder.tat_tag(id, key, value);
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

/// Prints the environment variables of the services, and serves until a signal ends it.
pub(crate) async fn serve(options: Options) -> Result<Exit, Failure> {
    let has_faults = !options.faults.is_empty();
    let beyond = options.listen_beyond_loopback;
    // Installed before anything is printed, so that whoever has read the lines can end the program cleanly.
    let interrupted = interruption()?;
    let sandbox = options.builder().start().await?;
    let mut text = String::from(
        "# Tencent TAT, ZStack and Huawei CCI on this machine. Commands run here, as you.\n\
         # Paste these lines into the shell of your program; Ctrl-C here ends the services.\n",
    );
    if has_faults {
        text += &format!("# To strike the same requests again: --seed {}\n", sandbox.seed());
    }
    if let Some(address) = beyond {
        text += &format!(
            "# Listening on {address}: whoever learns a credential from the network can run commands as you.\n"
        );
    }
    for (name, value) in sandbox.env() {
        text += &format!("export {name}='{value}'\n");
    }
    // A reader may close the pipe after the line it wants.
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    interrupted.await;
    // Ends the services, kills what they run, and removes their files.
    drop(sandbox);
    Ok(Exit::SUCCESS)
}

/// Completes at any signal that asks a process to end: Ctrl-C, Ctrl-\\, `kill`, the end of the terminal, and those of
/// batch systems.
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
        // `nohup` asks to go on.
        if !is_ignored(kind.as_raw_value()) {
            signals.push(signal(kind)?);
        }
    }
    Ok(std::future::poll_fn(move |context| {
        let ready = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }))
}
