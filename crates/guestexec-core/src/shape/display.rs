//! The form for reviews: one member a line, and a script line by line.

use std::fmt;

use serde_json::Value;

use super::RequestShape;

impl fmt::Display for RequestShape {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        writeln!(f, "{} {}{}", self.method, self.host, self.path)?;
        for (index, (name, value)) in self.query.iter().enumerate() {
            let sign = if index == 0 { '?' } else { '&' };
            writeln!(f, "  {sign} {}={}", one_line(name), one_line(value))?;
        }
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        match &self.body {
            None => Ok(()),
            Some(body) => write!(f, "\n{}", Readable(body)),
        }
    }
}

/// The body of a shape, of a request or an answer, in the form for reviews.
#[derive(Debug)]
pub struct Readable<'a>(pub &'a Value);

impl fmt::Display for Readable<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => f.write_str(text),
            value => pretty(f, value, 0),
        }
    }
}

/// A value that stays on its line: as it is, or as JSON where it would not.
#[inline]
fn one_line(value: &str) -> String {
    let is_odd = value.starts_with(['"', ' ']) || value.ends_with(' ');
    match is_odd || value.contains(char::is_control) {
        true => Value::from(value).to_string(),
        false => value.to_owned(),
    }
}

/// The content of JSON braces.
#[inline]
fn pretty(f: &mut fmt::Formatter<'_>, value: &Value, depth: usize) -> fmt::Result {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members = members.iter().map(|(name, value)| (Some(name.as_str()), value));
            parts(f, ['{', '}'], members, depth)
        }
        Value::Array(items) if !items.is_empty() => {
            parts(f, ['[', ']'], items.iter().map(|item| (None, item)), depth)
        }
        value => write!(f, "{value}"),
    }
}

#[inline]
fn parts<'a>(
    f: &mut fmt::Formatter<'_>,
    [open, close]: [char; 2],
    parts: impl ExactSizeIterator<Item = (Option<&'a str>, &'a Value)>,
    depth: usize,
) -> fmt::Result {
    let indent = depth * 2;
    let last = parts.len() - 1;
    writeln!(f, "{open}")?;
    for (index, (name, value)) in parts.enumerate() {
        write!(f, "{:indent$}  ", "")?;
        if let Some(name) = name {
            write!(f, "{}: ", Value::from(name))?;
        }
        let comma = if index < last { "," } else { "" };
        match value.as_str().and_then(lines) {
            Some((note, lines)) => {
                writeln!(f, "\"{note}\"{comma}")?;
                for line in lines.split('\n') {
                    let blank = if line.is_empty() { "" } else { " " };
                    writeln!(f, "{:indent$}  |{blank}{line}", "")?;
                }
            }
            None => {
                pretty(f, value, depth + 1)?;
                writeln!(f, "{comma}")?;
            }
        }
    }
    write!(f, "{:indent$}{close}", "")
}

/// The note and the lines of a text of several lines, unless lines would not show all that is in it.
#[inline]
fn lines(text: &str) -> Option<(&str, &str)> {
    let (note, lines) = match text.strip_prefix("<base64> ") {
        Some(lines) => ("<base64>", lines),
        None => ("<lines>", text),
    };
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let ends_blank = |line: &str| line.ends_with([' ', '\t']);
    let is_plain = !lines.contains(is_odd) && !lines.split('\n').any(ends_blank);
    (is_plain && lines.contains('\n')).then_some((note, lines))
}
