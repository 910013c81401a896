//! The operations of a provider, and what one of them is given.

use comfy_table::{Table, presets};
use guestexec::{InputKind, InputPlace, NamedInput, NamedOperation};
use serde_json::{Value, json};

use crate::{
    ending::Exit,
    failure::Failure,
    global::{Format, Global},
    say,
};

/// Lists the operations.
pub(super) async fn all(
    provider: &str,
    all: &[NamedOperation],
    global: &Global,
) -> Result<Exit, Failure> {
    if global.output != Format::Text {
        for named in all {
            say::document(&object(provider, named), true).await?;
        }
        return Ok(Exit::SUCCESS);
    }
    let mut table = table(["OPERATION", "", "WHAT IT DOES"]);
    for named in all {
        table.add_row([named.operation.id, &notes(named), named.summary]);
    }
    say::line(lines(&table)).await?;
    Ok(Exit::SUCCESS)
}

/// Lists what an operation is given.
pub(super) async fn one(
    provider: &str,
    named: &NamedOperation,
    global: &Global,
) -> Result<Exit, Failure> {
    if global.output != Format::Text {
        say::document(&object(provider, named), true).await?;
        return Ok(Exit::SUCCESS);
    }
    let operation = named.operation;
    let notes = match notes(named) {
        notes if notes.is_empty() => notes,
        notes => format!(" ({notes})"),
    };
    let mut text = format!("{}{notes}: {}", operation.id, named.summary);
    if !operation.page.is_empty() {
        text.push_str(&format!("\n{}", operation.page));
    }
    if !named.inputs.is_empty() {
        let mut table = table(["NAME", "", "", "IN"]);
        for input in named.inputs {
            let required = if input.is_required { "required" } else { "" };
            let place = match input.place {
                InputPlace::Parameter => "parameter".to_owned(),
                InputPlace::Within(outer) => format!("body, {outer}"),
                _ => "body".to_owned(),
            };
            table.add_row([input.name, kind(input), required, &place]);
        }
        text.push_str(&format!("\n\n{}", lines(&table)));
    }
    say::line(text).await?;
    Ok(Exit::SUCCESS)
}

/// What a caller has to know of an operation.
fn notes(named: &NamedOperation) -> String {
    let notes = [
        (named.operation.starts_command, "starts a command"),
        (named.is_upgrade, "live session"),
        (named.is_paged, "pages"),
        (named.is_streamed, "stream"),
        (named.operation.deprecated, "deprecated"),
    ];
    let notes: Vec<&str> = notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect();
    notes.join(", ")
}

fn kind(input: &NamedInput) -> &'static str {
    match input.kind {
        InputKind::Text => "text",
        InputKind::Base64 => "Base64",
        InputKind::Secret => "secret",
        InputKind::Whole => "whole number",
        InputKind::Number => "number",
        InputKind::Boolean => "true or false",
        InputKind::Texts => "texts",
        _ => "JSON",
    }
}

/// An operation for programs.
fn object(provider: &str, named: &NamedOperation) -> Value {
    let operation = named.operation;
    let input = |input: &NamedInput| {
        let (place, outer) = match input.place {
            InputPlace::Parameter => ("parameter", None),
            InputPlace::Within(outer) => ("body", Some(outer)),
            _ => ("body", None),
        };
        let mut object = json!({
            "name": input.name, "kind": kind(input), "required": input.is_required, "in": place,
        });
        if let Some(outer) = outer {
            object["within"] = outer.into();
        }
        object
    };
    json!({
        "provider": provider,
        "operation": operation.id,
        "summary": named.summary,
        "starts_command": operation.starts_command,
        "pages": named.is_paged,
        "stream": named.is_streamed,
        "live_session": named.is_upgrade,
        "page": operation.page,
        "inputs": named.inputs.iter().map(input).collect::<Vec<_>>(),
    })
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The table's lines, without the blanks at their ends.
fn lines(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
