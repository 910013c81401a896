//! The player: it finds the recorded answer to a request.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future::pending,
    io,
    str::FromStr,
    time::{Duration, SystemTime},
};

use futures_util::stream;
use guestexec_core::{Base64, Operation, Private, Request, Response, TransportError};
use reqwest::{
    Body, StatusCode,
    header::{DATE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use similar::TextDiff;

use super::{
    NOW,
    clean::each_text,
    file::{Ended, Recorded},
};
use crate::{Answer, Exchange, Reply, ResponseShape};

/// The exchanges of a cassette, and which of them were played.
pub(crate) struct Player {
    /// The file, for messages.
    name: String,
    all: Vec<Recorded>,
    played: Vec<bool>,
    /// The exchanges whose requests are equal, by the text of the request.
    equal: HashMap<String, Vec<usize>>,
    /// The random texts of this run, by their numbers in the file.
    random: BTreeMap<usize, String>,
    /// The requests whose last answer may be given again.
    repeatable: HashSet<String>,
}

impl Player {
    pub(super) fn new(name: String, all: Vec<Recorded>) -> Self {
        let mut equal = HashMap::<String, Vec<usize>>::new();
        for (at, recorded) in all.iter().enumerate() {
            equal.entry(recorded.request.clone()).or_default().push(at);
        }
        let played = vec![false; all.len()];
        let (random, repeatable) = (BTreeMap::new(), HashSet::new());
        Self { name, all, played, equal, random, repeatable }
    }

    /// Finds the answer to a request.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub(crate) fn next(
        &mut self,
        operation: &Operation,
        request: &Request,
        shape: &str,
    ) -> Result<Play, String> {
        let private = Private::of(request);
        if operation.repeatable {
            self.repeatable.insert(shape.to_owned());
        }
        let at = self.find(operation, &private, shape).ok_or_else(|| {
            format!(
                "the cassette {} has no such request of {} left: `verify` of the tape shows what \
                 differs",
                self.name, operation.id
            )
        })?;
        let found = self.played.get_mut(at).zip(self.all.get(at));
        let (played, recorded) = found.ok_or("the cassette lost an exchange")?;
        *played = true;
        let recorded = recorded.clone();
        self.random.extend(recorded.random.iter().copied().zip(private.random));
        if recorded.ended == Some(Ended::Session) {
            return Err(format!(
                "the cassette {} does not have what was said in the exec session that this request \
                 of {} began: script it, by giving the tape an `ExecScript` for the operation",
                self.name, operation.id
            ));
        }
        let random = self.random.clone();
        Ok(Play { recorded, random, address: super::loopback(request.as_reqwest().url()) })
    }

    fn find(&self, operation: &Operation, private: &Private, shape: &str) -> Option<usize> {
        let equal = self.equal.get(shape)?;
        let is_about = |at: usize| {
            self.all.get(at).is_some_and(|recorded| {
                recorded.about.iter().all(|number| {
                    self.random.get(number).is_some_and(|text| private.segments.contains(text))
                })
            })
        };
        let is_left = |at: usize| self.played.get(at) == Some(&false);
        let all = || equal.iter().copied();
        let again = || all().filter(|_| operation.repeatable);
        all()
            .find(|at| is_left(*at) && is_about(*at))
            .or_else(|| again().rfind(|at| is_about(*at)))
            .or_else(|| all().find(|at| is_left(*at)))
            .or_else(|| again().next_back())
    }

    /// The exchanges that no request asked for. Of a series of equal requests that may be repeated, one is
    /// enough. Of an exec session there is nothing to play.
    fn left(&self) -> impl Iterator<Item = (usize, &Recorded)> {
        let begun: HashSet<(&str, &[usize])> = self
            .all
            .iter()
            .zip(&self.played)
            .filter(|(recorded, played)| **played && self.repeatable.contains(&recorded.request))
            .map(|(recorded, _)| (&*recorded.request, &*recorded.about))
            .collect();
        self.all.iter().zip(&self.played).enumerate().filter_map(move |(at, (recorded, played))| {
            let is_begun = begun.contains(&(&*recorded.request, &*recorded.about));
            let is_session = recorded.ended == Some(Ended::Session);
            (!played && !is_begun && !is_session).then_some((at, recorded))
        })
    }

    /// How many exchanges no request asked for.
    pub(crate) fn unplayed(&self) -> usize {
        self.left().count()
    }

    /// The same in words, if there are any.
    pub(crate) fn told(&self, most: usize) -> Option<String> {
        let left: Vec<_> = self.left().collect();
        let mut text = match left.len() {
            0 => return None,
            1 => format!("1 exchange of the cassette {} that no request asked for:\n", self.name),
            count => {
                format!(
                    "{count} exchanges of the cassette {} that no request asked for:\n",
                    self.name
                )
            }
        };
        for (at, recorded) in left.iter().take(most) {
            let line = recorded.request.lines().next().unwrap_or_default();
            text += &format!("\n  exchange {}: {line}", at + 1);
        }
        match left.len().saturating_sub(most) {
            0 => {}
            more => text += &format!("\n  and {more} others"),
        }
        Some(text)
    }

    /// How a request without an answer differs from the nearest recorded one: a note, and lines to show
    /// instead of the request.
    pub(crate) fn difference(&self, exchange: &Exchange) -> (String, Option<String>) {
        let name = &self.name;
        let shape = super::shape_text(&exchange.request);
        if let Some(equal) = self.equal.get(&shape) {
            let is_session = equal.iter().any(|at| {
                self.all.get(*at).is_some_and(|recorded| recorded.ended == Some(Ended::Session))
            });
            return match (is_session, equal.len()) {
                (true, _) => (
                    format!(
                        "the cassette {name} has no exec sessions: give the tape an `ExecScript` for \
                         the operation"
                    ),
                    None,
                ),
                (false, 1) => (format!("the cassette {name} has it once, and it is played"), None),
                (false, times) => {
                    (format!("the cassette {name} has it {times} times, and all are played"), None)
                }
            };
        }
        let id = operation_of(&shape);
        let same = || self.all.iter().enumerate().filter(|(_, it)| operation_of(&it.request) == id);
        let is_left = |at: usize| self.played.get(at) == Some(&false);
        let any_left = same().any(|(at, _)| is_left(at));
        let alike = |text: &str| TextDiff::from_lines(text, &*shape).ratio();
        let nearest = same()
            .filter(|(at, _)| !any_left || is_left(*at))
            .map(|(at, recorded)| (at, recorded, alike(&recorded.request)))
            .max_by(|a, b| a.2.total_cmp(&b.2).then(b.0.cmp(&a.0)));
        let Some((at, recorded, _)) = nearest else {
            let mut ids: Vec<_> = self.all.iter().map(|it| operation_of(&it.request)).collect();
            ids.sort_unstable();
            ids.dedup();
            let note = match ids.is_empty() {
                true => format!("the cassette {name} is empty"),
                false => format!("the cassette {name} has only {}", ids.join(", ")),
            };
            return (note, None);
        };
        let diff = TextDiff::from_lines(&*recorded.request, &*shape);
        let lines = diff.unified_diff().context_radius(3).to_string();
        let number = at + 1;
        let note = format!(
            "it differs from the nearest in the cassette {name}, exchange {number}: `-` was recorded, \
             `+` is sent"
        );
        (note, Some(lines))
    }
}

/// The operation in the text of a shape.
fn operation_of(shape: &str) -> &str {
    let line = shape.lines().next().unwrap_or_default();
    line.split_once(": ").map_or("a request of another client", |(id, _)| id)
}

/// A recorded answer that is about to be given.
pub(crate) struct Play {
    recorded: Recorded,
    random: BTreeMap<usize, String>,
    /// Host and port of the client's endpoint, if it is on this machine.
    address: Option<String>,
}

impl Play {
    /// What the conversation shows of it: the file's own text, which is the same on each run.
    pub(crate) fn shown(&self) -> Answer {
        let Recorded { status, ended, json, text, base64, .. } = &self.recorded;
        let Some(status) = *status else {
            return super::shown_end(ended.unwrap_or(Ended::Lost));
        };
        let value = json.as_deref().and_then(|json| serde_json::from_str(json).ok());
        let size = || base64.as_deref().map(|text| Base64::from_encoded(text).as_bytes().len());
        let body = value
            .or_else(|| text.clone().map(Value::String))
            .or_else(|| size().map(|bytes| format!("<{bytes} bytes>").into()));
        let pairs = self.recorded.header_pairs();
        let headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let lost_after = ended.map(|_| self.body().len());
        Answer::Response(ResponseShape { status, headers, body, lost_after })
    }

    /// Answers `request`, which calls `operation`.
    pub(crate) async fn play(
        self,
        operation: &'static Operation,
        request: Request,
    ) -> Result<Response, TransportError> {
        let Some(status) = self.recorded.status else {
            return match self.recorded.ended {
                Some(Ended::Refused) => Reply::refused().play(operation, request).await,
                Some(Ended::GivenUp) => pending().await,
                Some(Ended::TimedOut) => Err(TransportError::timed_out()),
                _ => Err(TransportError::lost(io::Error::from(io::ErrorKind::ConnectionReset))),
            };
        };
        let (body, headers) = (self.body(), self.headers());
        let broken = |kind| {
            let pieces = [Ok(body.clone()), Err(io::Error::from(kind))];
            Body::wrap_stream(stream::iter(pieces))
        };
        let body = match self.recorded.ended {
            None => Body::from(body),
            Some(Ended::TimedOut) => broken(io::ErrorKind::TimedOut),
            Some(Ended::GivenUp) => {
                let begin = stream::iter([Ok::<_, io::Error>(body)]);
                Body::wrap_stream(futures_util::StreamExt::chain(begin, stream::pending()))
            }
            Some(_) => broken(io::ErrorKind::ConnectionReset),
        };
        let mut response = http::Response::new(body);
        // Both were checked when the file was read.
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        *response.headers_mut() = headers;
        Ok(Response::from(response))
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.recorded.header_pairs() {
            let value = match name == DATE.as_str() {
                true => date(value),
                false => self.restored(value),
            };
            let parsed = (HeaderName::from_str(name), HeaderValue::from_str(&value));
            if let (Ok(name), Ok(value)) = parsed {
                headers.append(name, value);
            }
        }
        headers
    }

    fn body(&self) -> Vec<u8> {
        let Recorded { json, text, base64, .. } = &self.recorded;
        if let Some(mut value) = json.as_deref().and_then(|json| serde_json::from_str(json).ok()) {
            each_text(&mut value, &mut |text| *text = self.restored(text));
            return value.to_string().into_bytes();
        }
        match (text, base64) {
            (Some(text), _) => self.filled(text).into_bytes(),
            (None, Some(encoded)) => Base64::from_encoded(encoded).into_bytes(),
            (None, None) => Vec::new(),
        }
    }

    /// A text of JSON, or a header, as the service would give it in this run; what stands for a secret, as that.
    fn restored(&self, text: &str) -> String {
        if let Some(text) = text.strip_prefix("<text> ") {
            return self.filled(text);
        }
        if let Some(("<secret-", rest)) = text.split_at_checked("<secret-".len())
            && let Some((_, stand_in)) = rest.split_once("> ")
        {
            return stand_in.to_owned();
        }
        match text.strip_prefix("<base64> ") {
            Some(plain) => Base64::from(self.filled(plain)).to_encoded(),
            None => self.filled(text),
        }
    }

    /// A text with the random texts and the port of this run.
    fn filled(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<random ") {
            rest = after;
            if let Some(before) = before.strip_suffix("<text>") {
                filled.push_str(before);
                filled.push_str("<random ");
                continue;
            }
            filled.push_str(before);
            let found = after
                .split_once('>')
                .and_then(|(number, after)| Some((self.random.get(&number.parse().ok()?)?, after)));
            match found {
                Some((random, after)) => {
                    filled.push_str(random);
                    rest = after;
                }
                None => filled.push_str("<random "),
            }
        }
        filled.push_str(rest);
        if let Some((_, port)) = self.address.as_deref().and_then(|it| it.rsplit_once(':')) {
            filled = filled.replace(":<port>", &format!(":{port}"));
        }
        filled.replace("<text><port>", "<port>")
    }
}

/// A date by the clock of this machine, from its distance to it.
fn date(text: &str) -> String {
    let note = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let Some(apart) = note.and_then(|note| note.strip_prefix(NOW)) else { return text.to_owned() };
    let minutes = |text: &str| {
        let minutes: u64 = text.strip_suffix(" min")?.parse().ok()?;
        Some(Duration::from_secs(minutes.checked_mul(60)?))
    };
    let now = SystemTime::now();
    let date = match apart.get(..3) {
        Some(" + ") => minutes(&apart[3..]).and_then(|apart| now.checked_add(apart)),
        Some(" - ") => minutes(&apart[3..]).and_then(|apart| now.checked_sub(apart)),
        _ => Some(now),
    };
    // What is before 1970 or after 9999 has no date in HTTP.
    let first = SystemTime::UNIX_EPOCH;
    let last = first + Duration::from_secs(253_402_300_799);
    let date = date.filter(|date| (first..=last).contains(date));
    date.map_or_else(|| text.to_owned(), httpdate::fmt_http_date)
}
