//! How each of many targets has ended, as a table.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::ending::Ended;

/// Above this many rows, those that succeeded are counted only.
const MOST_ROWS: usize = 100;

/// The end of a target.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) target: String,
    pub(super) ended: Ended,
    pub(super) took: Option<Duration>,
}

impl Row {
    fn cells(&self) -> [String; 4] {
        let code = self.ended.exit_code().map(|code| code.to_string());
        [
            self.target.clone(),
            word(self.ended),
            code.unwrap_or_else(|| "-".to_owned()),
            self.took.map_or_else(|| "-".to_owned(), shown),
        ]
    }
}

/// Writes the table.
pub(super) fn table(rows: &[Row]) -> String {
    let successes = rows.iter().filter(|row| row.ended.success()).count();
    let folds = rows.len() > MOST_ROWS;
    let shown = rows.iter().filter(|row| !folds || !row.ended.success());
    // CCI does not say how long a command took.
    let mut text = if rows.iter().any(|row| row.took.is_some()) {
        columns(&["TARGET", "ENDED", "CODE", "TIME"], shown.map(Row::cells))
    } else {
        let untimed = |row: &Row| {
            let [target, ended, code, _] = row.cells();
            [target, ended, code]
        };
        columns(&["TARGET", "ENDED", "CODE"], shown.map(untimed))
    };
    if folds && successes > 0 {
        text += &format!("and {successes} that exited with 0\n");
    }
    text
}

/// A table without lines, its columns two spaces apart. What is wider than a terminal is not broken, so that programs
/// can cut it.
pub(crate) fn columns<const N: usize>(
    header: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.to_vec());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
        column.set_cell_alignment(CellAlignment::Left);
    }
    let mut text = String::new();
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text
}

fn word(ended: Ended) -> String {
    match ended {
        Ended::Exited(_) => "exited",
        Ended::Signaled(_) => "signaled",
        Ended::NotStarted(_) => "not started",
        Ended::TimedOut => "timed out",
        Ended::Unknown => "unknown",
    }
    .to_owned()
}

/// A length of time, without parts that do not matter.
fn shown(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 if time.subsec_millis() == 0 => format!("{seconds}s"),
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        seconds => humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    }
}
