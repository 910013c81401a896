//! The search for secrets in what is about to be written.

use std::{borrow::Cow, collections::HashSet};

use aho_corasick::AhoCorasick;
use guestexec_core::Base64;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    CassetteError,
    clean::{Cleaned, automaton},
    file::Recorded,
};

/// Shortest secret that is looked for, in bytes: shorter ones occur in ordinary words.
pub(super) const SHORTEST: usize = 6;

/// Refuses a recording that has one of its secrets in clear or encoded.
pub(super) fn check(cleaned: &Cleaned) -> Result<(), CassetteError> {
    let guard = Guard::new(&cleaned.secrets)?;
    for (index, recorded) in cleaned.exchanges.iter().enumerate() {
        let Some((origin, part)) = guard.find(recorded) else { continue };
        let id = recorded.request.split([':', ' ']).next().unwrap_or_default();
        return Err(CassetteError::new(format!(
            "the cassette is not saved, because a secret would be in it: {origin} stands also in \
             exchange {} ({id}), in {part}. Keep the program and its commands from printing it, or \
             record with another credential",
            index + 1
        )));
    }
    Ok(())
}

struct Guard<'a> {
    forms: AhoCorasick,
    /// Where the secret of each form was seen.
    origins: Vec<&'a str>,
}

impl<'a> Guard<'a> {
    fn new(secrets: &'a [(String, String)]) -> Result<Self, CassetteError> {
        let mut known = HashSet::new();
        let (mut forms, mut origins) = (Vec::new(), Vec::new());
        for (origin, secret) in secrets {
            for secret in parts(origin, secret) {
                if secret.len() < SHORTEST || !known.insert(secret.clone()) {
                    continue;
                }
                for form in forms_of(&secret) {
                    forms.push(form);
                    origins.push(&**origin);
                }
            }
        }
        Ok(Self { forms: automaton(&forms)?, origins })
    }

    /// Where a secret was seen, and the part of the exchange that has it.
    fn find(&self, recorded: &Recorded) -> Option<(&'a str, String)> {
        let lines = recorded.request.lines().enumerate();
        for (number, line) in lines {
            if let Some(origin) = self.seen(line) {
                return Some((origin, format!("line {} of its request", number + 1)));
            }
        }
        if let Some(origin) = self.seen(&recorded.request) {
            return Some((origin, "its request".to_owned()));
        }
        for (name, value) in recorded.header_pairs() {
            if let Some(origin) = self.seen(value) {
                return Some((origin, format!("the header `{name}` of its answer")));
            }
        }
        if let Some(text) = &recorded.json {
            if let Some((origin, path)) =
                serde_json::from_str(text).ok().and_then(|value| self.member(&value, String::new()))
            {
                // A name may hold a secret as well.
                let path = if self.seen(&path).is_some() { "a name" } else { &path };
                return Some((origin, format!("`{path}` of its answer")));
            }
            if let Some(origin) = self.seen(text) {
                return Some((origin, "the body of its answer".to_owned()));
            }
        }
        let decoded = recorded.base64.as_deref().map(Base64::from_encoded);
        let bytes = decoded.as_ref().map(Base64::to_text_lossy);
        let bodies = [recorded.text.as_deref(), recorded.base64.as_deref(), bytes.as_deref()];
        let origin = bodies.into_iter().flatten().find_map(|text| self.seen(text))?;
        Some((origin, "the body of its answer".to_owned()))
    }

    fn member(&self, value: &Value, path: String) -> Option<(&'a str, String)> {
        match value {
            Value::String(text) => self.seen(text).map(|origin| (origin, path)),
            Value::Number(number) => self.seen(&number.to_string()).map(|origin| (origin, path)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(at, item)| self.member(item, format!("{path}[{at}]"))),
            Value::Object(members) => members.iter().find_map(|(name, member)| {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                match self.seen(name) {
                    Some(origin) => Some((origin, path)),
                    None => self.member(member, path),
                }
            }),
            Value::Null | Value::Bool(_) => None,
        }
    }

    /// Where a secret was seen that is in `text`, also behind escapes or broken into lines.
    fn seen(&self, text: &str) -> Option<&'a str> {
        let text = without_notes(text);
        let mut views = vec![text.clone()];
        if text.contains('%') {
            views.push(percent_decode_str(&text).decode_utf8_lossy());
        }
        if text.contains('\\') {
            let once = unescaped(&text);
            views.push(unescaped(&once).into());
            views.push(once.into());
        }
        if text.contains(char::is_whitespace) {
            views.push(text.split_whitespace().collect::<String>().into());
        }
        let found = views.iter().find_map(|view| self.forms.find(&**view))?;
        self.origins.get(found.pattern().as_usize()).copied()
    }
}

/// The secret, and the secret parts of it that a service may show alone: those of an authorization.
fn parts(origin: &str, secret: &str) -> Vec<String> {
    let mut parts = vec![secret.to_owned()];
    let authorization = Some(secret).filter(|_| origin.contains("authorization` of"));
    let Some((scheme, rest)) = authorization.and_then(|text| text.split_once(' ')) else {
        return parts;
    };
    match scheme {
        "Basic" => {
            let pair = Base64::from_encoded(rest).to_text_lossy().into_owned();
            parts.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
            parts.push(pair);
        }
        // A signature, of which only the last part is secret.
        _ if rest.contains("Signature=") => {
            parts.extend(rest.rsplit_once("Signature=").map(|(_, signature)| signature.to_owned()));
            return parts;
        }
        _ => {}
    }
    parts.push(rest.to_owned());
    parts
}

/// The texts that show a secret: itself, and what all Base64 of a longer text has of it, in UTF-8 and
/// UTF-16, with both alphabets.
fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [secret.as_bytes(), &utf16] {
        for before in 0..3 {
            let mut padded = vec![0; before];
            padded.extend_from_slice(bytes);
            let encoded = Base64::from(&padded[..]).to_encoded();
            // Characters that the bytes before or behind have no share in.
            let whole = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
            let Some(core) = encoded.get(whole) else { continue };
            let url_safe = core.replace('+', "-").replace('/', "_");
            if url_safe != core {
                forms.push(url_safe);
            }
            forms.push(core.to_owned());
        }
    }
    forms
}

/// The text without the words that stand for what was left out: a password may be `secret`.
fn without_notes(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 11] = [
        "<secret>", "<secret-", "<random ", "<nonce>", "<marker>", "<time>", "<port>", "<base64>",
        "<text>", "<json>", "<lines>",
    ];
    WORDS.iter().fold(Cow::Borrowed(text), |text, word| match text.contains(word) {
        true => text.replace(word, "\0").into(),
        false => text,
    })
}

/// The text with the escapes of JSON undone.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut characters = after.chars();
        let escaped = characters.next();
        rest = characters.as_str();
        match escaped {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('u') => {
                let code = rest.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                if let Some(character) = code.and_then(char::from_u32) {
                    plain.push(character);
                    rest = rest.get(4..).unwrap_or_default();
                }
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain + rest
}
