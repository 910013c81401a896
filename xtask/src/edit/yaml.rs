//! YAML to be written, in the style of the documents.

use serde_json::Value;

/// Lines are at most as long as this.
pub(super) const WIDTH: usize = 120;

/// A part to be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Yaml {
    /// As it stands: a number, a boolean, a text with its quotes.
    Raw(String),
    /// A text, quoted or folded where it must be.
    Text(String),
    /// A list, an item a line.
    List(Vec<Yaml>),
    /// A mapping, a name a line.
    Mapping(Vec<(String, Yaml)>),
    /// A list or a mapping in one line.
    Flow(Box<Yaml>),
}

impl Yaml {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number or a boolean.
    pub fn plain(value: impl ToString) -> Self {
        Self::Raw(value.to_string())
    }

    /// A mapping.
    pub fn mapping<const N: usize>(entries: [(&str, Yaml); N]) -> Self {
        Self::Mapping(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A list in one line.
    pub fn flow_list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts = texts.into_iter().map(|text| Self::text(text.as_ref())).collect();
        Self::Flow(Box::new(Self::List(texts)))
    }

    /// A value of an example.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Array(items) if items.is_empty() => Self::Raw("[]".to_owned()),
            Value::Array(items) => {
                let list = Self::List(items.iter().map(Self::of).collect());
                let is_flat = items.iter().all(|item| !item.is_array() && !item.is_object());
                let fits = list.inline().len() < WIDTH / 2;
                if is_flat && fits { Self::Flow(Box::new(list)) } else { list }
            }
            Value::Object(members) if members.is_empty() => Self::Raw("{}".to_owned()),
            Value::Object(members) => {
                let entries = members.iter().map(|(name, value)| (name.clone(), Self::of(value)));
                Self::Mapping(entries.collect())
            }
            other => Self::plain(other),
        }
    }

    /// In one line.
    pub fn inline(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Raw(text) => text.clone(),
            Self::Text(text) => scalar(text, true),
            Self::Flow(inner) => inner.inline(),
            Self::List(items) => {
                format!("[{}]", joined(items.iter().map(Self::inline).collect()))
            }
            Self::Mapping(entries) => {
                let entry = |(name, value): &(String, Self)| {
                    format!("{}: {}", scalar(name, true), value.inline())
                };
                format!("{{{}}}", joined(entries.iter().map(entry).collect()))
            }
        }
    }

    /// `NAME: VALUE` in the lines it needs; the first is not indented.
    pub fn entry(&self, name: &str, indent: usize) -> String {
        let name = scalar(name, false);
        match self.block(indent + 2, indent + name.chars().count() + 2) {
            Block::Inline(text) => format!("{name}: {text}"),
            Block::Below(text) => format!("{name}:\n{}{text}", " ".repeat(indent + 2)),
        }
    }

    /// `- VALUE` in the lines it needs; the first is not indented.
    pub fn item(&self, indent: usize) -> String {
        match self.block(indent + 2, indent + 2) {
            Block::Inline(text) | Block::Below(text) => format!("- {text}"),
        }
    }

    /// The value in the lines it needs: those below the first at `indent`; `used` of the first are.
    fn block(&self, indent: usize, used: usize) -> Block {
        let newline = format!("\n{}", " ".repeat(indent));
        match self {
            Self::Text(text) => {
                let line = scalar(text, false);
                let fits = used + line.chars().count() <= WIDTH;
                if fits || text.trim() != text || text.contains(['\n', '\r']) {
                    return Block::Inline(line);
                }
                match folded(text, indent) {
                    Some(lines) => Block::Inline(format!(">-{newline}{}", lines.join(&newline))),
                    None => Block::Inline(line),
                }
            }
            Self::List(items) if !items.is_empty() => {
                let items: Vec<_> = items.iter().map(|item| item.item(indent)).collect();
                Block::Below(items.join(&newline))
            }
            Self::Mapping(entries) if !entries.is_empty() => {
                let entries = entries.iter().map(|(name, value)| value.entry(name, indent));
                Block::Below(entries.collect::<Vec<_>>().join(&newline))
            }
            Self::Flow(inner) if used + self.inline().chars().count() > WIDTH => {
                inner.block(indent, used)
            }
            _ => Block::Inline(self.inline()),
        }
    }
}

enum Block {
    Inline(String),
    Below(String),
}

/// A text in as many lines as it needs; none, where folding would change it.
fn folded(text: &str, indent: usize) -> Option<Vec<String>> {
    if text.contains("  ") || text.contains('\t') {
        return None;
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut()?;
        if line.is_empty() {
            line.push_str(word);
        } else if indent + line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    Some(lines)
}

/// A text in one line: plain where YAML reads the same text, else in quotes.
pub(super) fn scalar(text: &str, in_flow: bool) -> String {
    if is_plain(text, in_flow) {
        return text.to_owned();
    }
    if text.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')) {
        return single(text);
    }
    // JSON's escapes are YAML's.
    Value::from(text).to_string()
}

/// A text in single quotes.
pub(super) fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_plain(text: &str, in_flow: bool) -> bool {
    let begins_well =
        text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '$' | '.'));
    let is_other = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "nan" | "inf"
    );
    // Numbers, dates, and what looks like one to some reader.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.chars().all(|c| {
            c.is_ascii_hexdigit()
                || matches!(
                    c,
                    '.' | '-' | '+' | ':' | '_' | 'x' | 'o' | 'T' | 'Z' | ' ' | 'n' | 'i'
                )
        });
    begins_well
        && !is_other
        && !is_number
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && !text.chars().any(char::is_control)
        && !(in_flow && text.contains(['[', ']', '{', '}', ',', ':']))
        && !text.contains(['\u{2028}', '\u{2029}', '\u{feff}'])
}
