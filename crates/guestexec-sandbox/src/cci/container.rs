//! A container of a pod: what runs in it, what it is doing, and its log.

use std::{
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::log::Log;
use crate::clock;

/// What runs in a container.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// The main process; `None` is that of the image, which the sandbox does not have.
    pub(super) argv: Option<Vec<String>>,
    pub(super) environment: Vec<(String, String)>,
    /// The working directory, as the pod names it.
    pub(super) directory: String,
    pub(super) stdin: bool,
    pub(super) tty: bool,
}

/// What a container is doing.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// For this reason.
    Waiting(&'static str),
    /// Since then.
    Running(i64),
    Ended(Ended),
}

/// How a container ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) reason: &'static str,
    pub(super) message: Option<String>,
    pub(super) started: i64,
    pub(super) finished: i64,
}

impl Ended {
    fn to_json(&self) -> Value {
        let mut ended = json!({
            "exitCode": self.code,
            "reason": self.reason,
            "startedAt": clock::iso8601(self.started, "Z"),
            "finishedAt": clock::iso8601(self.finished, "Z"),
        });
        if let Some(message) = &self.message {
            ended["message"] = message.as_str().into();
        }
        json!({ "terminated": ended })
    }
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) program: Program,
    kept: Mutex<Kept>,
    /// Whether commands can run in it.
    is_running: watch::Sender<bool>,
}

#[derive(Debug)]
struct Kept {
    state: State,
    restarts: u32,
    last: Option<Ended>,
    log: Arc<Log>,
    previous: Option<Arc<Log>>,
}

impl Container {
    pub(super) fn new(name: String, image: String, program: Program, state: State) -> Self {
        let is_running = watch::Sender::new(matches!(state, State::Running(_)));
        let log = Arc::new(Log::default());
        if matches!(state, State::Ended(_)) {
            log.end();
        }
        let kept = Kept { state, restarts: 0, last: None, log, previous: None };
        Self { name, image, program, kept: Mutex::new(kept), is_running }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> State {
        self.kept().state.clone()
    }

    /// Its log; that before the last restart for `previous`.
    pub(super) fn log(&self, previous: bool) -> Option<Arc<Log>> {
        let kept = self.kept();
        if previous { kept.previous.clone() } else { Some(Arc::clone(&kept.log)) }
    }

    /// Whether commands can run in it, as it changes.
    pub(super) fn running(&self) -> watch::Receiver<bool> {
        self.is_running.subscribe()
    }

    pub(super) fn is_running(&self) -> bool {
        *self.is_running.borrow()
    }

    /// Whether its main process was never started.
    pub(super) fn is_new(&self) -> bool {
        let kept = self.kept();
        kept.last.is_none() && matches!(kept.state, State::Waiting(_))
    }

    pub(super) fn has_succeeded(&self) -> bool {
        matches!(&self.kept().state, State::Ended(ended) if ended.code == 0)
    }

    pub(super) fn wait_for(&self, reason: &'static str) {
        let mut kept = self.kept();
        kept.state = State::Waiting(reason);
    }

    /// Begins to run, with a log of its own, which is returned.
    pub(super) fn begin(&self) -> Arc<Log> {
        let mut kept = self.kept();
        if kept.last.is_some() {
            kept.restarts += 1;
            let log = std::mem::take(&mut kept.log);
            kept.previous = Some(log);
        }
        kept.state = State::Running(clock::now());
        let log = Arc::clone(&kept.log);
        drop(kept);
        self.is_running.send_replace(true);
        log
    }

    /// Ends, so that no command can run any more.
    pub(super) fn end(&self, ended: Ended) {
        let mut kept = self.kept();
        kept.log.end();
        kept.last = Some(ended.clone());
        kept.state = State::Ended(ended);
        drop(kept);
        self.is_running.send_replace(false);
    }

    pub(super) fn status(&self) -> Value {
        let Kept { state, restarts, last, .. } = &*self.kept();
        let time = |seconds: i64| clock::iso8601(seconds, "Z");
        let is_running = matches!(state, State::Running(_));
        // While it has ended, that is its state.
        let before = last.as_ref().filter(|_| !matches!(state, State::Ended(_)));
        json!({
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "ready": is_running,
            "started": is_running,
            "restartCount": restarts,
            "state": match state {
                State::Waiting(reason) => json!({ "waiting": { "reason": reason } }),
                State::Running(since) => json!({ "running": { "startedAt": time(*since) } }),
                State::Ended(ended) => ended.to_json(),
            },
            "lastState": before.map_or_else(|| json!({}), Ended::to_json),
        })
    }

    /// The working directory of its processes, below its own.
    pub(super) fn directory(&self, home: &Path) -> PathBuf {
        let parts = Path::new(&self.program.directory).components();
        let normal = parts.filter(|part| matches!(part, Component::Normal(_)));
        normal.fold(home.to_owned(), |path, part| path.join(part))
    }
}
