//! Lists: a table for people, JSON for programs.

use serde_json::Value;

use crate::{
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    report::columns,
    say,
};

/// Rows of one kind. The members of each object have the names of the columns, in lower case.
#[derive(Debug)]
pub(crate) struct Listing<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[Value; N]>,
}

impl<const N: usize> Listing<N> {
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// Adds a row. What is null is `-` in the table, and left out in JSON.
    pub(crate) fn add(&mut self, row: [Value; N]) {
        self.rows.push(row);
    }

    /// Writes the list to standard output.
    ///
    /// # Errors
    /// If that is closed, say.
    pub(crate) async fn write(self, global: &Global) -> Result<Exit, Failure> {
        let text = match global.output {
            Format::Text => {
                let rows = self.rows.iter().map(|row| row.each_ref().map(cell));
                columns(&self.header, rows)
            }
            Format::Json => {
                let all: Vec<Value> = self.objects().collect();
                serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
            }
            Format::Jsonl => self.objects().map(|object| format!("{object}\n")).collect(),
        };
        say::bytes(text.as_bytes()).await?;
        Ok(Exit::SUCCESS)
    }

    fn objects(&self) -> impl Iterator<Item = Value> {
        self.rows.iter().map(|row| {
            let names = self.header.iter().map(|name| name.to_lowercase().replace(' ', "_"));
            let members = names.zip(row.iter().cloned()).filter(|(_, value)| !value.is_null());
            Value::Object(members.collect())
        })
    }
}

/// A value as a person reads it.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    say::shown(&text)
}
