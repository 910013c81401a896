//! How far a copy has come, on a terminal.

use guestexec::cci::CopyProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{global::Global, say::shown};

/// The line that a person sees. It goes away when this is dropped.
#[derive(Clone, Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(global: &Global) -> Self {
        if !global.shows_progress() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template(
            "{spinner} {prefix}, {binary_bytes}, {binary_bytes_per_sec}  {wide_msg:.dim}",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self(ProgressBar::new_spinner().with_style(style).with_prefix("0 entries"))
    }

    pub(super) fn show(&self, at: &CopyProgress) {
        if self.0.is_hidden() {
            return;
        }
        let plural = if at.entries == 1 { "entry" } else { "entries" };
        self.0.set_prefix(format!("{} {plural}", at.entries));
        self.0.set_message(shown(&at.name.to_string_lossy()));
        self.0.set_position(at.bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
