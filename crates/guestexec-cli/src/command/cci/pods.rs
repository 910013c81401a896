//! `guestexec cci pods`: the pods of a namespace, once or as they change.

mod row;

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use guestexec::cci::Client;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    connect::cci::Settings,
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    say,
    signals::Signals,
    time::Time,
};
use row::{COLUMNS, Row};

/// The shortest pause between two lists.
const SHORTEST: Duration = Duration::from_millis(50);
/// Spaces between two columns.
const GAP: usize = 3;

/// List the pods of a namespace.
///
/// --watch lists them again and again, and shows each that has changed. It does not hold a watch of Kubernetes open: a
/// list passes every proxy, and one that fails is retried.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Only pods with these labels, such as app=web,tier!=cache
    #[arg(long, short = 'l', value_name = "LABELS")]
    selector: Option<String>,
    /// Only pods with these fields, such as status.phase=Running
    #[arg(long, value_name = "FIELDS")]
    field_selector: Option<String>,
    /// Go on, and show what changes, until interrupted
    #[arg(long, short = 'w')]
    watch: bool,
    /// The pause between two lists, at least 50ms
    #[arg(long, value_name = "TIME", default_value = "2s", requires = "watch")]
    interval: Time,
}

/// Lists them.
pub(crate) async fn run(
    settings: Settings,
    arguments: Arguments,
    global: &Global,
) -> Result<Exit, Failure> {
    if arguments.watch && global.output == Format::Json {
        return Err(Failure::new("--watch has no end, and so no JSON document")
            .advise("Use --output jsonl: it has one object for each change."));
    }
    if arguments.interval.0 < SHORTEST {
        return Err(Failure::new(format!("--interval {} is too short", arguments.interval))
            .advise("It is at least 50ms: each list is a call."));
    }
    let settings = settings.resolved()?;
    let client = settings.client().await?;
    // Until here, Ctrl-C ends the program by itself, also at a question for a secret.
    let mut signals = Signals::listen()?;
    let list = List { client: &client, namespace: settings.namespace(), arguments: &arguments };
    tokio::select! {
        biased;
        signal = signals.next() => Ok(signal.exit()),
        ended = list.show(global) => ended,
    }
}

/// The pods that are listed.
struct List<'a> {
    client: &'a Client,
    namespace: &'a str,
    arguments: &'a Arguments,
}

impl List<'_> {
    async fn show(&self, global: &Global) -> Result<Exit, Failure> {
        let rows = self.rows().await?;
        if rows.is_empty() && global.output == Format::Text {
            let chosen =
                self.arguments.selector.as_ref().or(self.arguments.field_selector.as_ref());
            let such = if chosen.is_some() { "such " } else { "" };
            say::note(global, &format!("no {such}pods in the namespace `{}`", self.namespace));
        }
        let mut table = Table::default();
        match global.output {
            Format::Text => say::bytes(table.of(rows.values()).as_bytes()).await?,
            Format::Json => {
                let rows: Value = rows.values().map(|row| row.json(self.namespace, None)).collect();
                say::document(&rows, false).await?;
            }
            Format::Jsonl => {
                for row in rows.values() {
                    say::document(&self.event("added", row), true).await?;
                }
            }
        }
        if !self.arguments.watch {
            return Ok(Exit::SUCCESS);
        }
        let mut known = rows;
        loop {
            sleep(self.arguments.interval.0).await;
            let rows = self.rows().await?;
            let is_new = |row: &Row| known.get(&row.name).is_none_or(|old| old != row);
            for row in rows.values().filter(|row| is_new(row)) {
                let change = if known.contains_key(&row.name) { "modified" } else { "added" };
                self.change(&mut table, global, change, row).await?;
            }
            for row in known.values().filter(|row| !rows.contains_key(&row.name)) {
                self.change(&mut table, global, "deleted", &row.deleted()).await?;
            }
            known = rows;
        }
    }

    async fn change(
        &self,
        table: &mut Table,
        global: &Global,
        change: &str,
        row: &Row,
    ) -> Result<(), Failure> {
        match global.output {
            Format::Text => say::bytes(table.of([row]).as_bytes()).await,
            Format::Json | Format::Jsonl => say::document(&self.event(change, row), true).await,
        }
    }

    /// A pod as a line of JSON. Only of those that are watched is it told what changed.
    fn event(&self, change: &str, row: &Row) -> Value {
        row.json(self.namespace, self.arguments.watch.then_some(change))
    }

    async fn rows(&self) -> Result<BTreeMap<String, Row>, Failure> {
        let mut pods = self.client.pods(self.namespace);
        if let Some(selector) = &self.arguments.selector {
            pods = pods.label_selector(selector);
        }
        if let Some(selector) = &self.arguments.field_selector {
            pods = pods.field_selector(selector);
        }
        let rows = pods.list().await?.iter().map(Row::of).collect::<Vec<_>>();
        Ok(rows.into_iter().map(|row| (row.name.clone(), row)).collect())
    }
}

/// Columns under each other, without lines, as other programs read them best.
#[derive(Debug, Default)]
struct Table {
    /// Those of the first rows, which later ones keep to.
    widths: Option<[usize; COLUMNS.len()]>,
}

impl Table {
    /// Rows, under the heading if they are the first.
    fn of<'a>(&mut self, rows: impl IntoIterator<Item = &'a Row>) -> String {
        let now = Timestamp::now();
        let mut cells: Vec<_> = rows.into_iter().map(|row| row.cells(now)).collect();
        if cells.is_empty() {
            return String::new();
        }
        let widths = self.widths.unwrap_or_else(|| {
            cells.insert(0, COLUMNS.map(str::to_owned));
            let mut widths = [0; COLUMNS.len()];
            for cells in &cells {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(cell.chars().count());
                }
            }
            widths
        });
        self.widths = Some(widths);
        cells.iter().map(|cells| line(&widths, cells)).collect()
    }
}

fn line(widths: &[usize], cells: &[String]) -> String {
    let mut text = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        text += &format!("{cell:width$}{:GAP$}", "");
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}
