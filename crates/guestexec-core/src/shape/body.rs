//! A body as a reviewer wants to read it: secrets hidden, random texts replaced, Base64 and JSON within
//! texts shown as what they stand for.

use serde_json::{Map, Value};

use super::{SECRET, unique};
use crate::{base64::decoded, marks::Marked};

/// The prefix of a text that was Base64.
const BASE64: &str = "<base64>";
/// The prefix of a text that was not Base64 and begins like one that was.
const TEXT: &str = "<text>";
/// The only member of what was JSON in a text.
const JSON: &str = "<json>";

/// Shows the body of a request or an answer by its marks.
#[inline]
pub(super) fn show(body: &mut Value, marked: Marked<'_>) {
    for member in marked.each("json") {
        visit(body, member, &mut expand);
    }
    hide(body, marked, &mut conceal);
    for member in marked.each("base64") {
        visit(body, member, &mut decode);
    }
    let made = Made::of(marked);
    if !made.is_empty() {
        texts(body, &mut |text| *text = made.fixed(text));
    }
    body.sort_all_objects();
}

/// Calls `act` with each value in the body of an answer that is secret. The body stays one that a client
/// can read.
#[inline]
pub(crate) fn answer_secrets(
    body: &mut Value,
    texts: &str,
    secrets: &str,
    act: &mut dyn FnMut(&mut Value),
) {
    act_on_secrets(body, Marked::listed(texts), Marked::listed(secrets), act);
}

/// Hides what is secret in the body of a request, which stays one that can be sent.
#[inline]
pub(super) fn hide_request(body: &mut Value, marked: Marked<'_>) {
    act_on_secrets(body, marked, marked, &mut conceal);
}

#[inline]
fn act_on_secrets(
    body: &mut Value,
    texts: Marked<'_>,
    secrets: Marked<'_>,
    act: &mut dyn FnMut(&mut Value),
) {
    let is_secret = |member: &&str| secrets.has("body", member);
    texts.each("json").filter(is_secret).for_each(|member| visit(body, member, &mut expand));
    hide(body, secrets, act);
    texts.each("json").filter(is_secret).for_each(|member| visit(body, member, &mut collapse));
}

/// Hides what is secret in the body of an answer.
#[inline]
pub(crate) fn hide_answer(body: &mut Value, texts: &str, secrets: &str) {
    answer_secrets(body, texts, secrets, &mut conceal);
}

/// Calls `act` with each text in the body of an answer that holds Base64 by its marks.
#[inline]
pub(crate) fn answer_base64(body: &mut Value, texts: &str, act: &mut dyn FnMut(&mut Value)) {
    for member in Marked::listed(texts).each("base64") {
        visit(body, member, act);
    }
}

/// Calls `act` with each value in the body of a request that is secret.
#[inline]
pub(super) fn secrets(body: &mut Value, marked: Marked<'_>, act: &mut dyn FnMut(&mut Value)) {
    for member in marked.each("json") {
        visit(body, member, &mut expand);
    }
    hide(body, marked, act);
}

/// Calls `act` with each value that is marked as no secret, once [`secrets`] has been called.
#[inline]
pub(super) fn plain(body: &mut Value, marked: Marked<'_>, act: &mut dyn FnMut(&mut Value)) {
    for plain in marked.texts("plain") {
        let Some((member, name)) = plain.rsplit_once('/') else { continue };
        visit(body, member, &mut |value| {
            if let Some(value) = inner(value).and_then(|members| members.get_mut(name)) {
                act(value);
            }
        });
    }
}

#[inline]
fn conceal(value: &mut Value) {
    *value = SECRET.into();
}

/// Shows the body of an answer.
#[inline]
pub(crate) fn show_answer(body: &mut Value, texts: &str, secrets: &str) {
    show(body, Marked::listed(&format!("{secrets},{texts}")));
}

#[inline]
fn hide(body: &mut Value, marked: Marked<'_>, act: &mut dyn FnMut(&mut Value)) {
    for member in marked.each("body") {
        visit(body, member, &mut |value| {
            let is_plain = |name: &str| {
                let path = format!("{member}/{name}");
                marked.texts("plain").any(|plain| plain == path)
            };
            match value {
                Value::Null => {}
                value => match inner(value) {
                    Some(Value::Object(members)) => {
                        let hidden = members.iter_mut().filter(|(name, _)| !is_plain(name));
                        hidden.for_each(|(_, value)| act(value));
                    }
                    Some(Value::Array(items)) => items.iter_mut().for_each(&mut *act),
                    Some(other) => act(other),
                    None => act(value),
                },
            }
        });
    }
}

/// Calls `act` with each value at `path`: names and `*`, separated by slashes.
#[inline]
pub(super) fn visit(value: &mut Value, path: &str, act: &mut dyn FnMut(&mut Value)) {
    let (first, rest) = path.split_once('/').map_or((path, None), |(a, b)| (a, Some(b)));
    let found: Vec<&mut Value> = match value {
        Value::Array(items) if first == "*" => items.iter_mut().collect(),
        Value::Object(members) if first == "*" => members.values_mut().collect(),
        Value::Object(members) => members.get_mut(first).into_iter().collect(),
        _ => Vec::new(),
    };
    for value in found {
        match rest {
            Some(rest) => visit(value, rest, act),
            None => act(value),
        }
    }
}

/// Calls `act` with each text.
#[inline]
pub(super) fn texts(value: &mut Value, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, act)),
        Value::Object(members) => members.values_mut().for_each(|member| texts(member, act)),
        _ => {}
    }
}

/// A text that holds a JSON object or list becomes that, with a note.
#[inline]
fn expand(value: &mut Value) {
    let text = value.as_str().filter(|text| unique::members(text.as_bytes()));
    let parsed = text.and_then(|text| serde_json::from_str(text).ok());
    if let Some(parsed @ (Value::Object(_) | Value::Array(_))) = parsed {
        *value = Value::Object(Map::from_iter([(JSON.to_owned(), parsed)]));
    }
}

/// The note that [`expand`] writes.
#[inline]
fn inner(value: &mut Value) -> Option<&mut Value> {
    value.as_object_mut().filter(|members| members.len() == 1)?.get_mut(JSON)
}

/// Undoes [`expand`].
#[inline]
fn collapse(value: &mut Value) {
    if let Some(inner) = inner(value) {
        *value = Value::String(inner.to_string());
    }
}

/// A text in Base64 becomes what it stands for, with a note. What is not Base64 or not UTF-8 stays.
#[inline]
fn decode(value: &mut Value) {
    let Value::String(text) = value else { return };
    match decoded(text).and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(plain) => *text = format!("{BASE64} {plain}"),
        None if text.starts_with(BASE64) || text.starts_with(TEXT) => {
            text.insert_str(0, &format!("{TEXT} "));
        }
        None => {}
    }
}

/// The texts that code made for one call, and where it put Base64 that the document does not mention.
pub(super) struct Made {
    /// Texts and what they read.
    pub(super) random: Vec<(String, &'static str)>,
    /// The text in front of Base64, the name to show for it, and how its bytes become text.
    encoded: Vec<(String, &'static str, Text)>,
}

/// How bytes become text, if they are text.
type Text = fn(Vec<u8>) -> Option<String>;

impl Made {
    #[inline]
    pub(super) fn of(marked: Marked<'_>) -> Self {
        let texts = |kind, value: &'static str| {
            marked
                .texts(kind)
                .filter(|text| !text.is_empty())
                .map(move |it| (it.into_owned(), value))
        };
        let utf8: Text = |bytes| String::from_utf8(bytes).ok();
        let utf16: Text = |bytes| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().copied().map(u16::from_le_bytes).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        };
        // UTF-16 first: it may hold the other.
        let outer = texts("utf16-after", "utf-16").map(|(text, name)| (text, name, utf16));
        let nested = texts("base64-after", "base64").map(|(text, name)| (text, name, utf8));
        Self {
            random: texts("random", "<nonce>").chain(texts("marker", "<marker>")).collect(),
            encoded: outer.chain(nested).collect(),
        }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.random.is_empty() && self.encoded.is_empty()
    }

    /// `text` with Base64 shown and random texts replaced.
    #[inline]
    fn fixed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (before, name, read) in &self.encoded {
            text = shown_after(&text, before, name, *read);
        }
        self.replaced(text)
    }

    /// `text` with random texts replaced.
    #[inline]
    pub(super) fn replaced(&self, text: String) -> String {
        self.random.iter().fold(text, |text, (random, name)| match text.contains(random) {
            true => text.replace(random, name),
            false => text,
        })
    }
}

/// `text` with the Base64 behind each `before` shown as what it stands for.
#[inline]
fn shown_after(text: &str, before: &str, name: &str, read: Text) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        shown.push_str(head);
        let end = tail.find(|c| !is_base64(c)).unwrap_or(tail.len());
        let (encoded, tail) = tail.split_at(end);
        match decoded(encoded).filter(|bytes| !bytes.is_empty()).and_then(read) {
            Some(plain) => shown.extend(["<", name, ">", &plain, "</", name, ">"]),
            None => shown.push_str(encoded),
        }
        rest = tail;
    }
    shown + rest
}
