//! How many targets are in which state, on a terminal.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the time is drawn anew.
const TICK: Duration = Duration::from_secs(1);
/// The bar, and what stands beside it. It is as wide as the terminal at most.
const TEMPLATE: &str = "{elapsed:>3} [{bar:20}] {pos} of {len} ended {wide_msg}";

/// The state of a target that has not begun.
const WAITING: &str = "waiting";
/// The state of one on which the command runs.
const RUNNING: &str = "running";

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// A line on standard error, which is removed while something else is written.
pub(super) struct Progress {
    bar: ProgressBar,
    states: HashMap<String, String>,
    counts: BTreeMap<String, usize>,
    ended: u64,
    failed: usize,
    begin: Instant,
}

impl Progress {
    pub(super) fn new(targets: &[String]) -> Self {
        let bar = bar(targets.len() as u64);
        let states = targets.iter().map(|target| (target.clone(), WAITING.to_owned())).collect();
        let counts = BTreeMap::from([(WAITING.to_owned(), targets.len())]);
        let begin = Instant::now();
        let progress = Self { bar, states, counts, ended: 0, failed: 0, begin };
        progress.show();
        progress
    }

    /// Takes note of a target on which the command runs, also of one that was not announced.
    pub(super) fn begin(&mut self, target: &str) {
        if !self.states.contains_key(target) {
            self.bar.inc_length(1);
        }
        self.state(target, RUNNING);
    }

    /// Takes note of a target's state.
    pub(super) fn state(&mut self, target: &str, state: &str) {
        self.leave(target);
        *self.counts.entry(state.to_owned()).or_default() += 1;
        self.states.insert(target.to_owned(), state.to_owned());
        self.show();
    }

    /// Takes note of a target's end, also of one that was not announced, as where it could not begin.
    pub(super) fn ended(&mut self, target: &str, success: bool) {
        if !self.states.contains_key(target) {
            self.bar.inc_length(1);
        }
        self.leave(target);
        self.failed += usize::from(!success);
        self.ended += 1;
        self.bar.set_position(self.ended);
        self.show();
    }

    fn leave(&mut self, target: &str) {
        if let Some(state) = self.states.remove(target)
            && let Some(count) = self.counts.get_mut(&state)
        {
            *count = count.saturating_sub(1);
        }
    }

    fn show(&self) {
        self.bar.set_message(self.message());
    }

    fn message(&self) -> String {
        let failed = (self.failed > 0).then(|| format!("({} failed)", self.failed));
        let open = self.counts.iter().filter(|(_, count)| **count > 0);
        let open = open.map(|(state, count)| format!("{count} {state}"));
        let open = open.collect::<Vec<_>>().join(", ");
        [failed, Some(open)].into_iter().flatten().collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// Writes something else to the terminal. Whoever may block meanwhile says so to the runtime.
    pub(super) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        tokio::task::block_in_place(|| self.bar.suspend(write))
    }

    /// Shows the line again after it was removed.
    pub(super) fn resume(&mut self) {
        let new = bar(self.bar.length().unwrap_or_default());
        self.bar = new.with_position(self.ended).with_elapsed(self.begin.elapsed());
        self.show();
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}
