//! What an operation is given on the command line: `NAME=VALUE`, and a body.

use std::io::Read as _;

use guestexec::{InputKind, InputPlace, NamedInput, NamedOperation};
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt as _;

use super::{What, unique};
use crate::failure::Failure;

/// The longest body that is read, in bytes. The services take less.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What an operation is given.
pub(super) struct Given {
    pub(super) parameters: Map<String, Value>,
    pub(super) body: Option<Value>,
}

/// Reads all that is given.
///
/// # Errors
/// If something is no JSON, cannot be read, is not known or is given twice.
pub(super) async fn read(
    provider: &str,
    called: &'static NamedOperation,
    what: &What,
    defaults: Vec<(&'static str, String)>,
) -> Result<Given, Failure> {
    let body = match &what.body {
        Some(place) => Some(body(provider, called, place).await?),
        None => None,
    };
    let mut given = Given { parameters: Map::new(), body };
    for (input, value) in inputs(provider, called, &what.inputs)? {
        given.put(input, value)?;
    }
    for (name, value) in defaults {
        if called.input(name).is_ok_and(|input| input.place == InputPlace::Parameter) {
            given.parameters.entry(name).or_insert(value.into());
        }
    }
    Ok(given)
}

impl Given {
    fn put(&mut self, input: &NamedInput, value: Value) -> Result<(), Failure> {
        let no_object = || {
            Failure::new(format!("the body is no object, so `{}` has no place in it", input.name))
                .advise("Give it in the body.")
        };
        let parent = match input.place {
            InputPlace::Body | InputPlace::Within(_) => {
                let body = self.body.get_or_insert_with(|| Map::new().into());
                body.as_object_mut().ok_or_else(no_object)?
            }
            _ => &mut self.parameters,
        };
        let members = match input.place {
            InputPlace::Within(outer) => {
                let outer = parent.entry(outer).or_insert_with(|| Map::new().into());
                outer.as_object_mut().ok_or_else(no_object)?
            }
            _ => parent,
        };
        members.insert(input.name.to_owned(), value);
        Ok(())
    }
}

/// Each input with its value. One that is a list may be given several times.
fn inputs(
    provider: &str,
    called: &'static NamedOperation,
    given: &[String],
) -> Result<Vec<(&'static NamedInput, Value)>, Failure> {
    let id = called.operation.id;
    let mut values: Vec<(&'static NamedInput, Value)> = Vec::new();
    for text in given {
        let Some((name, text)) = text.split_once('=') else {
            return Err(Failure::new("what follows the operation has no `=`")
                .advise("Write NAME=VALUE. A body is given by --body."));
        };
        let input = called.input(name).map_err(|violation| {
            Failure::new(violation.to_string())
                .advise(format!("`guestexec api {provider} {id} --list` shows what it takes."))
        })?;
        let value = value(input, text)?;
        match (values.iter_mut().find(|(known, _)| known.name == name), value) {
            (None, value) => values.push((input, value)),
            (Some((_, Value::Array(items))), Value::Array(more)) => items.extend(more),
            (Some(_), _) => {
                return Err(Failure::new(format!("`{name}` is given twice"))
                    .advise("Only a list of texts may be given item by item."));
            }
        }
    }
    Ok(values)
}

/// A text as the input's kind of value. No failure shows it.
fn value(input: &NamedInput, text: &str) -> Result<Value, Failure> {
    let name = input.name;
    let no = |what: &str, example: &str| {
        Failure::new(format!("the value of `{name}` is no {what}"))
            .advise(format!("Write it as in {name}={example}."))
    };
    let json = || unique::read(text.as_bytes());
    match input.kind {
        InputKind::Text | InputKind::Base64 => Ok(text.into()),
        InputKind::Secret => Err(Failure::new(format!(
            "`{name}` is a secret, and others can see the command line"
        ))
        .advise("Put the body into a file that only you can read, and give --body @FILE or -. Renew what you gave.")),
        InputKind::Whole => json().ok().filter(|it| it.is_i64() || it.is_u64()).ok_or_else(|| no("whole number", "5")),
        InputKind::Number => json().ok().filter(Value::is_number).ok_or_else(|| no("number", "0.5")),
        InputKind::Boolean => json().ok().filter(Value::is_boolean).ok_or_else(|| no("truth value", "true")),
        InputKind::Texts => Ok(match json() {
            Ok(Value::Array(items)) => items.into(),
            _ => vec![text].into(),
        }),
        _ => json().map_err(|fault| {
            let advice = format!("Quote it for the shell: '{name}={{…}}'.");
            fault.of(&format!("the value of `{name}`"), advice)
        }),
    }
}

/// The body that `--body` names.
async fn body(provider: &str, called: &NamedOperation, place: &str) -> Result<Value, Failure> {
    let id = called.operation.id;
    if !called.has_body {
        return Err(Failure::new(format!("{id} takes no body")).advise(format!(
            "Give NAME=VALUE: `guestexec api {provider} {id} --list` shows what it takes."
        )));
    }
    let mut bytes = Vec::new();
    let from = match (place, place.strip_prefix('@')) {
        ("-", _) => {
            let read = tokio::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes).await;
            read.map_err(|error| {
                Failure::new(format!("standard input cannot be read: {error}"))
                    .advise("Give the body by --body @FILE.")
            })?;
            "standard input".to_owned()
        }
        (_, Some(path)) => {
            let file = std::fs::File::open(path)
                .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
            file.map_err(|error| {
                Failure::new(format!("the body cannot be read from {path}: {error}"))
                    .advise("Check the file's path and whether you may read it.")
            })?;
            path.to_owned()
        }
        _ => {
            bytes.extend_from_slice(place.as_bytes());
            "--body".to_owned()
        }
    };
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::new(format!("the body from {from} has more than 16 MiB"))
            .advise("Give one that the service takes: the limits are on its page."));
    }
    unique::read(&bytes).map_err(|fault| {
        let advice = format!(
            "`guestexec api {provider} {id} --body-template` prints one. A file is given as @FILE."
        );
        fault.of(&format!("the body from {from}"), advice)
    })
}

/// The failure of an operation that has no answer to print.
pub(super) fn upgrade(provider: &str, called: &NamedOperation) -> Failure {
    let id = called.operation.id;
    Failure::new(format!(
        "{id} turns the connection into a live session, and has no answer to print"
    ))
    .advise(format!("Use `guestexec {provider} exec`."))
}

/// The failure of an operation without pages that is asked for all of them.
pub(super) fn no_pages(provider: &str, called: &NamedOperation) -> Failure {
    Failure::new(format!("the answer of {} does not come in pages", called.operation.id)).advise(
        format!(
            "Leave out --all-pages. `guestexec api {provider}` says which operations have pages."
        ),
    )
}

/// The failure of a secret and a body that are to come from the same place.
pub(super) fn two_on_stdin() -> Failure {
    Failure::new("a secret and the body are both to be read from standard input")
        .advise("Give the body by --body @FILE, or the secret by file:PATH.")
}
