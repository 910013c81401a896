//! `guestexec cci cp`: files and folders into a pod, out of it, and from pod to pod.

mod progress;
mod result;
mod side;

use std::{
    cell::Cell,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use guestexec::{
    ErrorKind,
    cci::{self, Client, Copied, Leftovers, Pod},
};
use tempfile::TempDir;

use super::{container, exec::Transport};
use crate::{
    connect::cci::Settings,
    ending::{Ended, Exit},
    failure::Failure,
    global::{Format, Global},
    say,
    signals::Signals,
    time::Time,
};
use progress::Progress;
use side::{Remote, Side, is_folder, name_here};

/// Says what a path in a pod is.
const PROBE: &str =
    r#"if [ -d "$1" ]; then echo folder; elif [ -e "$1" ] || [ -L "$1" ]; then echo other; fi"#;
/// What copying needs.
const NEEDS: &str = "Copying needs `sh`, `tar` and `head` in the container.";
/// What to check where a program in the container could not do its part.
const CHECK: &str = "Check the path, and permissions and room in the container.";

/// Copy files and folders into a pod, out of it, or from pod to pod.
///
/// Modes, times and links are kept. A copy appears under its name as a whole, when all of it has arrived.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to copy: a path here, or POD:PATH, or NAMESPACE/POD:PATH
    #[arg(value_name = "SRC")]
    source: OsString,
    /// Where to: the same. Into a folder that is there, else under this name
    #[arg(value_name = "DST")]
    target: OsString,
    /// The container, if the pod has several; from pod to pod, that of both
    #[arg(long, short, value_name = "CONTAINER")]
    container: Option<String>,
    /// Replace what is there. A folder is replaced with all that is in it, not added to
    #[arg(long, short = 'f')]
    overwrite: bool,
    /// Copy symbolic links that lead out of the folder, too. Out of a pod they are refused otherwise
    #[arg(long)]
    allow_outside_links: bool,
    /// Refuse more content than this out of a pod, in bytes [default: 16 GiB]
    #[arg(long, value_name = "BYTES")]
    size_limit: Option<u64>,
    /// Refuse more files, folders and links than this out of a pod [default: 1000000]
    #[arg(long, value_name = "COUNT")]
    entry_limit: Option<u64>,
    /// How long the copy may take [default: as long as the connection lives]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,
    /// How the connection is made
    #[arg(long, value_enum, default_value_t, value_name = "TRANSPORT")]
    transport: Transport,
}

/// The end of the help.
const AFTER_HELP: &str = "\
Examples:
  guestexec cci cp site demo:/srv/www             a folder into a pod
  guestexec cci cp demo:/var/log/app.log .        a file out of it
  guestexec cci cp ./10:30.txt demo:/tmp/         a local name with a colon begins with ./
  guestexec cci cp -- -odd demo:/tmp/             one with a dash comes after --

With --output json or jsonl, one object is written when the copy has ended, with these members:
  provider, target, source          `cci`, and the places of the copy and of what was copied
  ended, exit_code                  `exited` and 0 if all is there
  files, directories, links, bytes  what was copied
  error                             why it was not";

/// Copies.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    let way = Way::of(&arguments)?;
    let settings = settings.resolved()?;
    let client = settings.client().await?;
    // Until here, Ctrl-C ends the program by itself, also at a question for a secret.
    let mut signals = Signals::listen()?;
    let namespace = settings.namespace();
    let leftovers = Cell::new(None);
    let chooses = false;
    let mut copy =
        Copy { client: &client, namespace, arguments: &arguments, global, chooses, leftovers };
    // The copy is dropped, and with it what it has written here, before anything is said about it.
    let ended = tokio::select! {
        biased;
        signal = signals.next() => Err(signal),
        done = copy.run_or_choose(&way) => Ok(done),
    };
    let (failure, signal) = match ended {
        Ok(Ok(done)) => {
            match global.output {
                Format::Text => {
                    let target = say::shown(&done.target);
                    say::note(global, &format!("{} to {target}", done.copied));
                }
                Format::Json | Format::Jsonl => {
                    result::write(&Ok(done), &arguments, global).await?
                }
            }
            return Ok(Exit::SUCCESS);
        }
        Ok(Err(failure)) => (failure, None),
        Err(signal) => {
            let failure = Failure::new(format!("{} ended the copy", signal.as_str()))
                .advise("The target has all of it, or is as it was.")
                .with_end(Ended::Unknown);
            (failure, Some(signal))
        }
    };
    if signal.is_some() || failure.error().is_some_and(|error| error.may_have_run()) {
        copy.clean(&mut signals).await;
    }
    let exit = match signal {
        Some(signal) => signal.exit(),
        None => Exit(global.exit_codes().of_one(failure.ended)),
    };
    match global.output {
        Format::Text => say::warn(&failure.to_string()),
        Format::Json | Format::Jsonl => result::write(&Err(failure), &arguments, global).await?,
    }
    Ok(exit)
}

/// From where to where.
#[derive(Clone)]
enum Way {
    In(PathBuf, Remote),
    Out(Remote, PathBuf),
    Between(Remote, Remote),
}

impl Way {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        match (Side::read(&arguments.source)?, Side::read(&arguments.target)?) {
            (Side::Here(source), Side::InPod(target)) => Ok(Self::In(source, target)),
            (Side::InPod(source), Side::Here(target)) => Ok(Self::Out(source, target)),
            (Side::InPod(source), Side::InPod(target)) => Ok(Self::Between(source, target)),
            (Side::Here(source), Side::Here(target)) => {
                let (source, target) = (shown(&source), shown(&target));
                Err(Failure::new(format!("neither `{source}` nor `{target}` is in a pod"))
                    .advise("Write one of them as POD:PATH, such as demo:/srv/www."))
            }
        }
    }
}

/// What was copied. Both names are as they are, not as a terminal shows them.
struct Done {
    copied: Copied,
    source: String,
    target: String,
}

/// A copy, and what it needs.
struct Copy<'a> {
    client: &'a Client,
    namespace: &'a str,
    arguments: &'a Arguments,
    global: &'a Global,
    /// Whether containers that are not named are chosen here.
    chooses: bool,
    /// What the copy may have left in its pod.
    leftovers: Cell<Option<Leftovers<'a>>>,
}

impl<'a> Copy<'a> {
    /// Removes from the pod what has arrived of a copy that ended early. Another signal ends that, too.
    async fn clean(&self, signals: &mut Signals) {
        let Some(leftovers) = self.leftovers.take() else { return };
        let removed = tokio::select! {
            biased;
            _ = signals.next() => return,
            removed = leftovers.remove() => removed,
        };
        if let Err(error) = removed {
            say::warn(&format!(
                "a part may be left beside the target, as .guestexec-…: {}",
                Failure::from(error).what()
            ));
        }
    }

    /// Copies, and names the containers if a pod has several.
    async fn run_or_choose(&mut self, way: &Way) -> Result<Done, Failure> {
        match self.run(way.clone()).await {
            Err(failure) if container::is_needed(&failure) => {
                self.chooses = true;
                self.run(way.clone()).await
            }
            done => done,
        }
    }

    async fn run(&self, way: Way) -> Result<Done, Failure> {
        match way {
            Way::In(source, target) => {
                // What is not there is told before the pod is asked.
                fs::metadata(&source).map_err(|error| unreadable(&source, &error))?;
                let pod = self.pod(&target).await?;
                let target = self.place(&pod, target, name_here(&source)).await?;
                let copied = self.copy_in(&pod, &source, &target).await?;
                Ok(Done { copied, source: raw(&source), target: target.to_string() })
            }
            Way::Out(source, target) => {
                let target = place_here(target, source.name())?;
                let pod = self.pod(&source).await?;
                let copied = self.copy_out(&pod, &source, &target).await?;
                Ok(Done { copied, source: source.to_string(), target: raw(&target) })
            }
            Way::Between(source, target) => {
                let (from, to) = (self.pod(&source).await?, self.pod(&target).await?);
                let target = self.place(&to, target, source.name().map(OsStr::new)).await?;
                // No pod can reach another one's files: they come here in between.
                let folder = TempDir::with_prefix("guestexec-")?;
                let between = folder.path().join("copy");
                self.copy_out(&from, &source, &between).await?;
                let copied = self.copy_in(&to, &between, &target).await?;
                Ok(Done { copied, source: source.to_string(), target: target.to_string() })
            }
        }
    }

    async fn pod(&self, remote: &Remote) -> Result<Pod<'a>, Failure> {
        let namespace = remote.namespace.as_deref().unwrap_or(self.namespace);
        let pod = self.client.pod(namespace, &remote.pod);
        match &self.arguments.container {
            Some(container) => Ok(pod.container(container)),
            None if self.chooses => container::choose(pod, self.global).await,
            None => Ok(pod),
        }
    }

    /// The place of the copy itself: in the target if that is a folder, as with `cp`.
    async fn place(
        &self,
        pod: &Pod<'a>,
        target: Remote,
        name: Option<&OsStr>,
    ) -> Result<Remote, Failure> {
        let rooted = if target.path.starts_with('/') { "" } else { "./" };
        let path = format!("{rooted}{}", target.path);
        let mut probe = pod.exec(["sh", "-c", PROBE, "guestexec-cp", &path]);
        probe = probe.transport(self.arguments.transport.into());
        if let Some(time) = self.arguments.timeout {
            probe = probe.timeout(time.0);
        }
        let output = probe.output().await.map_err(failure)?;
        let place = match (output.stdout_lossy().trim(), name) {
            ("folder", Some(name)) => target.join(name.to_str().ok_or_else(|| not_text(name))?),
            ("folder", None) => target,
            _ if is_folder(target.path.as_bytes()) => {
                return Err(Failure::new(format!("there is no folder at {target}"))
                    .advise("Make it first, or leave out the slash at its end."));
            }
            ("other", _) if !self.arguments.overwrite => {
                return Err(Failure::new(format!("there is something at {target} already"))
                    .advise("Choose another name, or replace it: --overwrite."));
            }
            _ => target,
        };
        Ok(place)
    }

    async fn copy_in(
        &self,
        pod: &Pod<'a>,
        source: &Path,
        target: &Remote,
    ) -> Result<Copied, Failure> {
        let progress = Progress::new(self.global);
        let mut copy = pod.copy_in(source, &target.path);
        copy = copy.transport(self.arguments.transport.into());
        if self.arguments.overwrite {
            copy = copy.overwrite();
        }
        if let Some(time) = self.arguments.timeout {
            copy = copy.timeout(time.0);
        }
        self.leftovers.set(Some(copy.leftovers()?));
        let copied = copy.progress(move |at| progress.show(at)).await.map_err(failure);
        if copied.is_ok() {
            self.leftovers.take();
        }
        copied
    }

    async fn copy_out(
        &self,
        pod: &Pod<'a>,
        source: &Remote,
        target: &Path,
    ) -> Result<Copied, Failure> {
        let progress = Progress::new(self.global);
        let mut copy = pod.copy_out(&source.path, target);
        copy = copy.transport(self.arguments.transport.into());
        if self.arguments.overwrite {
            copy = copy.overwrite();
        }
        if self.arguments.allow_outside_links {
            copy = copy.allow_outside_links();
        }
        if let Some(bytes) = self.arguments.size_limit {
            copy = copy.size_limit(bytes);
        }
        if let Some(entries) = self.arguments.entry_limit {
            copy = copy.entry_limit(entries);
        }
        if let Some(time) = self.arguments.timeout {
            copy = copy.timeout(time.0);
        }
        copy.progress(move |at| progress.show(at)).await.map_err(failure)
    }
}

/// As [`Copy::place`], on this machine.
fn place_here(target: PathBuf, name: Option<&str>) -> Result<PathBuf, Failure> {
    let is_there = fs::metadata(&target).is_ok_and(|metadata| metadata.is_dir());
    match name {
        Some(name) if is_there => Ok(target.join(name)),
        _ if !is_there && is_folder(target.as_os_str().as_encoded_bytes()) => {
            Err(Failure::new(format!("there is no folder at `{}`", shown(&target)))
                .advise("Make it first, or leave out the slash at its end."))
        }
        _ => Ok(target),
    }
}

/// The failure of a call in the pod.
fn failure(error: cci::Error) -> Failure {
    let advice = match (cci::StartFailure::of(&error), error.kind(), error.advice()) {
        (Some(_), ..) => Some(NEEDS),
        // A program in the container failed, and the message has its words.
        (None, ErrorKind::Refused, None) => Some(CHECK),
        _ => None,
    };
    let failure = Failure::from(error);
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be read: {error}", shown(path))).advise("Check the path.")
}

fn not_text(name: &OsStr) -> Failure {
    Failure::new(format!("the name `{}` is not UTF-8", shown(Path::new(name))))
        .advise("Give the copy a name of its own, or copy the folder around it.")
}

fn raw(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn shown(path: &Path) -> String {
    say::shown(&raw(path))
}
