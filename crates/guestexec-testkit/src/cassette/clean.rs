//! What is written of a recording: secrets replaced, random texts numbered, this machine left out.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use aho_corasick::{AhoCorasick, MatchKind};
use guestexec_core::{Base64, MAX_ANSWER};
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;

use super::{
    CassetteError, NOTES, NOW,
    file::Recorded,
    recorder::{Heard, Outcome, Take},
};

/// Headers that tell of one connection, not of the answer.
const OF_CONNECTION: [&str; 7] = [
    "connection", "content-length", "keep-alive", "proxy-authenticate", "te", "trailer",
    "transfer-encoding",
];
/// Shortest random text that is looked for in answers, in bytes.
const SHORTEST: usize = 8;
/// How many hex digits make a text one that a client may expect to be made of hex digits.
const FORMED: usize = 16;

/// A recording as it is written, and the secrets that may not be in it.
pub(super) struct Cleaned {
    pub(super) exchanges: Vec<Recorded>,
    /// Where each secret was seen, and its text.
    pub(super) secrets: Vec<(String, String)>,
}

struct Cleaner {
    /// The numbers of the random texts.
    numbers: HashMap<String, usize>,
    /// Finds random texts, and which numbers they have.
    random: AhoCorasick,
    found: Vec<usize>,
    /// The numbers of the secrets of answers.
    hidden: HashMap<String, usize>,
    /// What the caller says is no secret, wherever a document says that it may be one.
    plain: HashSet<String>,
    secrets: Vec<(String, String)>,
}

/// Cleans a recording.
pub(super) fn cleaned(takes: &[Take]) -> Result<Cleaned, CassetteError> {
    let mut cleaner = Cleaner::new(takes)?;
    let mut exchanges: Vec<Recorded> = Vec::new();
    // The last exchange of each series of equal requests.
    let mut last = HashMap::<(String, Vec<usize>), usize>::new();
    for (index, take) in takes.iter().enumerate() {
        let recorded = cleaner.recorded(index + 1, take)?;
        let series = (recorded.request.clone(), recorded.about.clone());
        let before = last.get(&series).and_then(|at| exchanges.get(*at));
        // A poll that finds nothing new: how many there are is a matter of time.
        if take.operation.repeatable && before == Some(&recorded) {
            continue;
        }
        last.insert(series, exchanges.len());
        exchanges.push(recorded);
    }
    Ok(Cleaned { exchanges, secrets: cleaner.secrets })
}

impl Cleaner {
    fn new(takes: &[Take]) -> Result<Self, CassetteError> {
        let mut numbers = HashMap::new();
        let mut searched = Vec::new();
        for text in takes.iter().flat_map(|take| &take.private.random) {
            if numbers.contains_key(text) {
                continue;
            }
            let number = numbers.len() + 1;
            numbers.insert(text.clone(), number);
            if text.len() >= SHORTEST {
                searched.push((text.clone(), number));
            }
        }
        let (texts, found): (Vec<_>, _) = searched.into_iter().unzip();
        let random = automaton(&texts)?;
        let plain = takes.iter().flat_map(|take| take.private.plain.iter().cloned()).collect();
        Ok(Self { numbers, random, found, hidden: HashMap::new(), plain, secrets: Vec::new() })
    }

    fn recorded(&mut self, number: usize, take: &Take) -> Result<Recorded, CassetteError> {
        let Take { operation, shape, private, .. } = take;
        for (place, secret) in &private.secrets {
            self.secrets.push((format!("{place} of request {number}"), secret.clone()));
        }
        let of = |text: &String| self.numbers.get(text).copied();
        let mut recorded = Recorded {
            request: shape.clone(),
            random: private.random.iter().filter_map(of).collect(),
            about: private.segments.iter().filter_map(of).collect(),
            ..Recorded::default()
        };
        let id = operation.id;
        match &take.outcome {
            Outcome::Waiting => {
                return Err(CassetteError::new(format!(
                    "request {number} ({id}) still waits for its answer: save the cassette when the \
                     program is done"
                )));
            }
            Outcome::None(ended) => recorded.ended = Some(*ended),
            Outcome::Answer(heard) => self.answer(&mut recorded, number, take, heard)?,
        }
        Ok(recorded)
    }

    fn answer(
        &mut self,
        recorded: &mut Recorded,
        number: usize,
        take: &Take,
        heard: &Heard,
    ) -> Result<(), CassetteError> {
        let id = take.operation.id;
        if heard.reading {
            return Err(CassetteError::new(format!(
                "the answer to request {number} ({id}) is not read to its end: save the cassette when \
                 the program is done"
            )));
        }
        if heard.too_large {
            return Err(CassetteError::new(format!(
                "the answer to request {number} ({id}) has more than {MAX_ANSWER} bytes, which is more \
                 than is recorded: record a smaller one"
            )));
        }
        recorded.status = Some(heard.status.as_u16());
        recorded.ended = heard.ended;
        recorded.headers = self.headers(number, take, &heard.headers);
        let operation = take.operation;
        let body = &heard.body[..];
        if body.is_empty() {
            return Ok(());
        }
        if let Ok(mut value) = serde_json::from_slice(body) {
            self.json(number, take, &mut value);
            recorded.json = Some(format!("{value:#}\n"));
            return Ok(());
        }
        let withheld = || format!("<{} bytes>", body.len());
        let text = std::str::from_utf8(body).ok();
        match text {
            // Where its secrets are, nobody can tell.
            Some(text)
                if operation.answers_secrets() && text.trim_start().starts_with(['{', '[']) =>
            {
                recorded.text = Some(withheld());
            }
            Some(text) => recorded.text = Some(self.filled(take, text)),
            None if operation.answers_secrets() => recorded.text = Some(withheld()),
            None => recorded.base64 = Some(Base64::from(body).to_encoded()),
        }
        Ok(())
    }

    fn headers(&mut self, number: usize, take: &Take, headers: &HeaderMap) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, value) in headers {
            let name = name.as_str();
            let text = String::from_utf8_lossy(value.as_bytes());
            let shown = match () {
                () if OF_CONNECTION.contains(&name) => continue,
                () if name == DATE.as_str() => date(&text),
                () if take.operation.is_secret_answer_header(name) => {
                    let place = format!("the header `{name}` of the answer to request {number}");
                    self.hide(place, &text)
                }
                () => self.filled(take, &noted(&text)),
            };
            lines.push((name, format!("{name}: {shown}")));
        }
        // Those of one name stay in their order.
        lines.sort_by_key(|(name, _)| *name);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn json(&mut self, number: usize, take: &Take, value: &mut Value) {
        each_text(value, &mut |text| {
            if let Cow::Owned(noted) = noted(text) {
                *text = noted;
            }
        });
        take.operation.visit_answer_secrets(value, &mut |secret| self.hide_value(number, secret));
        take.operation.visit_answer_base64(value, &mut |value| {
            if let Value::String(text) = value
                && let Some(plain) = plain(text)
            {
                *text = format!("<base64> {plain}");
            }
        });
        each_text(value, &mut |text| *text = self.filled(take, text));
        value.sort_all_objects();
    }

    fn hide_value(&mut self, number: usize, value: &mut Value) {
        let place = || format!("a secret member of the answer to request {number}");
        match value {
            Value::Null => {}
            Value::Bool(secret) => *secret = false,
            Value::Number(secret) => {
                self.secrets.push((place(), secret.to_string()));
                *secret = 0.into();
            }
            Value::String(text) => {
                let secret = text.strip_prefix("<text> ").unwrap_or(text).to_owned();
                *text = self.hide(place(), &secret);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_value(number, item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.hide_value(number, member));
            }
        }
    }

    /// What stands for a secret.
    fn hide(&mut self, place: String, secret: &str) -> String {
        if secret.is_empty() {
            return String::new();
        }
        if !self.plain.contains(secret) {
            self.secrets.push((place, secret.to_owned()));
        }
        let next = self.hidden.len() + 1;
        let number = *self.hidden.entry(secret.to_owned()).or_insert(next);
        match formed(secret, number) {
            Some(formed) => format!("<secret-{number}> {formed}"),
            None => format!("<secret-{number}>"),
        }
    }

    /// A text without what differs from recording to recording.
    fn filled(&self, take: &Take, text: &str) -> String {
        // What reads like one of these words already.
        let text = text.replace("<random ", "<text><random ").replace("<port>", "<text><port>");
        let mut filled = String::with_capacity(text.len());
        self.random.replace_all_with(&text, &mut filled, |found, _, filled| {
            let number = self.found.get(found.pattern().as_usize()).copied().unwrap_or_default();
            filled.push_str(&format!("<random {number}>"));
            true
        });
        match take
            .loopback
            .as_deref()
            .and_then(|address| Some((address, address.rsplit_once(':')?)))
        {
            Some((address, (host, _))) => filled.replace(address, &format!("{host}:<port>")),
            None => filled,
        }
    }
}

/// The text with a note before it, if it begins like one that stands for another.
fn noted(text: &str) -> Cow<'_, str> {
    match NOTES.iter().any(|note| text.starts_with(note)) {
        true => format!("<text> {text}").into(),
        false => text.into(),
    }
}

/// What finds any of `texts`, the longest first.
pub(super) fn automaton(texts: &[impl AsRef<[u8]>]) -> Result<AhoCorasick, CassetteError> {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts).map_err(|error| {
        CassetteError::new(format!("the recording holds more than can be searched: {error}"))
    })
}

/// The UTF-8 behind Base64, if encoding it gives the same Base64.
fn plain(text: &str) -> Option<String> {
    let decoded = Base64::from_encoded(text);
    let is_same = !text.is_empty() && !decoded.is_malformed() && decoded.to_encoded() == text;
    String::from_utf8(decoded.into_bytes()).ok().filter(|_| is_same)
}

/// A text of the form that a client may expect of a secret: an address, or zeros and the number where it is
/// made of hex digits.
fn formed(secret: &str, number: usize) -> Option<String> {
    if secret.starts_with("http://") || secret.starts_with("https://") {
        return Some(format!("https://secret.invalid/{number}"));
    }
    let is_hex = secret.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let digits = secret.chars().filter(char::is_ascii_hexdigit).count();
    if !is_hex || digits < FORMED {
        return None;
    }
    let mut number = format!("{number:0digits$x}").into_bytes().into_iter().map(char::from);
    let zeros: String =
        secret.chars().map(|c| if c == '-' { c } else { number.next().unwrap_or('0') }).collect();
    (zeros != secret).then_some(zeros)
}

/// A date, as its distance from this machine's clock.
fn date(text: &str) -> String {
    let Ok(date) = httpdate::parse_http_date(text) else { return text.to_owned() };
    let now = std::time::SystemTime::now();
    let (sign, apart) = match date.duration_since(now) {
        Ok(ahead) => ('+', ahead),
        Err(behind) => ('-', behind.duration()),
    };
    // Whole minutes, so that the time on the way makes no difference.
    match (apart.as_secs() + 30) / 60 {
        0 => format!("<{NOW}>"),
        minutes => format!("<{NOW} {sign} {minutes} min>"),
    }
}

/// Calls `act` with each text that is a value.
pub(super) fn each_text(value: &mut Value, act: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => act(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, act)),
        Value::Object(members) => members.values_mut().for_each(|value| each_text(value, act)),
        _ => {}
    }
}
