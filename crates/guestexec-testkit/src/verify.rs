//! What differs between the requests made and those expected.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt,
};

use guestexec_core::Operation;
use similar::TextDiff;

use crate::{Answer, Exchange, cassette::Player, cues::Cues};

/// How many different requests without a reply, and replies without a request, are shown.
const MOST_SHOWN: usize = 10;

/// All that differs between the requests a tape has recorded and those it expects, from
/// [`Tape::verify`](crate::Tape::verify).
///
/// `Display` and `Debug` are the same text of several lines, so that it can be read where a test unwraps
/// it or returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Unmet {
    text: String,
}

impl Unmet {
    pub(crate) fn of(
        exchanges: &[Exchange],
        cues: &Cues,
        player: Option<&Player>,
        lenient: bool,
    ) -> Result<(), Self> {
        let mut parts = Vec::new();
        if !lenient {
            parts.extend(unexpected(exchanges, cues, player));
            parts.extend(unplayed(cues));
            parts.extend(player.and_then(|player| player.told(MOST_SHOWN)));
        }
        parts.extend(miscounted(exchanges, cues));
        if parts.is_empty() {
            return Ok(());
        }
        parts.push(made(exchanges));
        let text =
            format!("the requests are not those that the tape expects\n\n{}", parts.join("\n\n"));
        Err(Self { text })
    }
}

/// `1 request`, `2 requests`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The requests without a reply.
fn unexpected(exchanges: &[Exchange], cues: &Cues, player: Option<&Player>) -> Option<String> {
    let mut shapes: Vec<(&Exchange, String, usize)> = Vec::new();
    let mut places = HashMap::<String, usize>::new();
    let mut total = 0;
    for exchange in exchanges.iter().filter(|exchange| exchange.answer == Answer::NoReply) {
        total += 1;
        let shape = exchange.request.to_string();
        let place = *places.entry(shape.clone()).or_insert(shapes.len());
        match shapes.get_mut(place) {
            Some((_, _, times)) => *times += 1,
            None => shapes.push((exchange, shape, 1)),
        }
    }
    if total == 0 {
        return None;
    }
    let mut text = format!("{} without a reply:", counted(total, "request", "requests"));
    for (exchange, shape, times) in shapes.iter().take(MOST_SHOWN) {
        let operation = exchange.operation;
        let place = exchange.order;
        text += &match times {
            1 => format!("\n\n  {}, request {place} of the tape", operation.id),
            _ => format!(
                "\n\n  {}, {times} times, first as request {place} of the tape",
                operation.id
            ),
        };
        let (hint, diff) = match player {
            Some(player) => player.difference(exchange),
            None => (hint(operation, cues), None),
        };
        text += &format!("; {hint}\n");
        let shape = diff.as_ref().unwrap_or(shape);
        for line in shape.trim_end().lines() {
            let indented = format!("    {line}");
            text += &format!("\n{}", indented.trim_end());
        }
    }
    match shapes.len().saturating_sub(MOST_SHOWN) {
        0 => {}
        more => text += &format!("\n\n  and {more} others"),
    }
    Some(text)
}

/// What the tape has instead.
fn hint(operation: &Operation, cues: &Cues) -> String {
    if cues.operations().any(|known| known == operation) {
        return "all replies to this operation are given".to_owned();
    }
    let alike = |known: &&Operation| TextDiff::from_chars(known.id, operation.id).ratio();
    match cues.operations().max_by(|a, b| alike(a).total_cmp(&alike(b))) {
        Some(nearest) if nearest.id == operation.id => format!(
            "the tape has replies to another {}: {} {}",
            nearest.id, nearest.method, nearest.path
        ),
        Some(nearest) => format!("the nearest operation with a reply is {}", nearest.id),
        None => "no operation has a reply of its own".to_owned(),
    }
}

/// The replies and rules without a request.
fn unplayed(cues: &Cues) -> Option<String> {
    let (mut lines, mut total) = (Vec::new(), 0);
    for (cue, left) in cues.unplayed() {
        total += left;
        let whom = cue.operation.as_ref().map_or("any operation", |operation| operation.id);
        let given = match (cue.given, left) {
            (0, 1) => String::new(),
            (given, left) => format!(" (given {given} of {} times)", given + left),
        };
        lines.push(format!("\n  {whom} → {}{given}", cue.source.described()));
    }
    let what =
        counted(total, "reply that no request asked for", "replies that no request asked for");
    let more = lines.len().saturating_sub(MOST_SHOWN);
    lines.truncate(MOST_SHOWN);
    if more > 0 {
        lines.push(format!("\n  and {more} more"));
    }
    (total > 0).then(|| format!("{what}:\n{}", lines.concat()))
}

/// The counts that do not hold.
fn miscounted(exchanges: &[Exchange], cues: &Cues) -> Option<String> {
    let mut lines = String::new();
    for (operation, times) in &cues.counts {
        let made = exchanges.iter().filter(|exchange| exchange.operation == operation).count();
        if !times.contains(made) {
            lines += &format!("\n  {}: expected {times}, made {made}", operation.id);
        }
    }
    (!lines.is_empty()).then(|| format!("another number of requests than expected:\n{lines}"))
}

/// All requests by operation.
fn made(exchanges: &[Exchange]) -> String {
    let mut counts = BTreeMap::<_, usize>::new();
    for exchange in exchanges {
        *counts.entry(exchange.operation.id).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(id, count)| format!("{id} {count}×")).collect();
    match counts.is_empty() {
        true => "no request was made".to_owned(),
        false => format!("the requests made: {}", counts.join(", ")),
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Unmet {}
