//! Lays JSON out: on one line where that is short enough, else one member a line.

use std::fmt::Write as _;

use serde_json::Value;

/// Longest line that is not one value.
const WIDTH: usize = 96;

/// How a value without parts is written.
type Scalar = fn(&Value) -> String;

/// A value as JSON.
pub(super) fn json(value: &Value) -> String {
    let mut text = String::new();
    lay_out(value, Value::to_string, 0, 0, &mut text);
    text
}

/// A value as the macro `json!` takes it, in a line that is indented and already `column` wide.
pub(super) fn rust(value: &Value, indent: usize, column: usize) -> String {
    let mut text = String::new();
    lay_out(value, in_rust, indent, column, &mut text);
    text
}

/// The escapes in a text are not those of JSON, and a number without a suffix is an `i32`.
fn in_rust(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if i32::try_from(integer).is_err() => format!("{integer}_i64"),
            None if number.is_u64() => format!("{number}_u64"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Writes a value: on one line where that is short enough, else one member a line.
fn lay_out(value: &Value, scalar: Scalar, indent: usize, column: usize, text: &mut String) {
    let begin = text.len();
    if on_one_line(value, scalar, WIDTH.saturating_sub(column), text).is_some() {
        return;
    }
    text.truncate(begin);
    match value {
        Value::Object(members) => {
            text.push_str("{\n");
            for (index, (name, member)) in members.iter().enumerate() {
                let name = scalar(&name.as_str().into());
                let _ = write!(text, "{:1$}{name}: ", "", indent + 2);
                lay_out(member, scalar, indent + 2, indent + 5 + name.chars().count(), text);
                text.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{:indent$}}}", "");
        }
        Value::Array(items) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                let _ = write!(text, "{:1$}", "", indent + 2);
                lay_out(item, scalar, indent + 2, indent + 3, text);
                text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{:indent$}]", "");
        }
        other => text.push_str(&scalar(other)),
    }
}

/// Writes a value on one line of so many characters, and says how many are left; nothing if they do not do.
fn on_one_line(value: &Value, scalar: Scalar, room: usize, text: &mut String) -> Option<usize> {
    let mut left = room;
    let put = |part: &str, left: &mut usize, text: &mut String| {
        text.push_str(part);
        *left = left.checked_sub(part.chars().count())?;
        Some(())
    };
    match value {
        Value::Object(members) if members.is_empty() => put("{}", &mut left, text)?,
        Value::Object(members) => {
            for (index, (name, member)) in members.iter().enumerate() {
                put(if index == 0 { "{ " } else { ", " }, &mut left, text)?;
                put(&scalar(&name.as_str().into()), &mut left, text)?;
                put(": ", &mut left, text)?;
                left = on_one_line(member, scalar, left, text)?;
            }
            put(" }", &mut left, text)?;
        }
        Value::Array(items) => {
            put("[", &mut left, text)?;
            for (index, item) in items.iter().enumerate() {
                put(if index == 0 { "" } else { ", " }, &mut left, text)?;
                left = on_one_line(item, scalar, left, text)?;
            }
            put("]", &mut left, text)?;
        }
        other => put(&scalar(other), &mut left, text)?,
    }
    Some(left)
}
