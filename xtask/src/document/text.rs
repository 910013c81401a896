//! Texts with a form of their own: documentation and patterns.

use std::ops::Deref;

use regex_lite::Regex;
use serde::Deserialize;

use super::yaml::turns_text;
use crate::check;

/// A text that becomes documentation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Prose(String);

impl Deref for Prose {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Prose {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match fault(&text) {
            Some(fault) => Err(fault),
            None => Ok(Self(text)),
        }
    }
}

/// The fault in a text that would become a failing doctest or a broken link, or would be displayed differently.
fn fault(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        return Some("is empty; write it or leave it out");
    }
    if text.chars().any(turns_text) {
        return Some("holds a character that changes the direction of the text; leave it out");
    }
    if text.contains("```") {
        return Some("holds a code fence, which becomes a doctest; use `backticks`");
    }
    if text.lines().any(|line| line.starts_with("    ") || line.starts_with('\t')) {
        return Some("has a line indented by four spaces, which becomes a doctest; indent it less");
    }
    if let Some(fault) = text.lines().find_map(layout) {
        return Some(fault);
    }
    if blocks(text).iter().any(|block| block.matches('`').count() % 2 == 1) {
        return Some(
            "has an odd number of `backticks` in a paragraph or list item; close the pair",
        );
    }
    // Even parts lie outside backticks.
    let plain = || text.split('`').step_by(2);
    if plain().any(|part| part.contains('[') && part.contains(']')) {
        return Some("holds [brackets], which become a link that leads nowhere; use `backticks`");
    }
    if plain().any(|part| part.contains('<') && part.contains('>') && !part.contains("<http")) {
        return Some("holds <angle brackets>, which become HTML; use `backticks`");
    }
    if plain().any(has_bare_url) {
        return Some("holds a bare URL; put it in angle brackets or backticks");
    }
    None
}

/// The fault in the layout of a line that would be lost: the generator wraps paragraphs and flat lists again.
fn layout(line: &str) -> Option<&'static str> {
    let text = line.trim_start();
    let is_indented = text.len() < line.len();
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = number.len() < text.len()
        && text.len() - number.len() < 4
        && (number.starts_with(". ") || number.starts_with(") "));
    if is_numbered {
        return Some(
            "has a numbered list, whose lines would run together; begin its lines with `- `",
        );
    }
    if text.starts_with('|') {
        return Some("has a table, whose lines would run together; write a list");
    }
    if text.starts_with('>') {
        return Some(
            "has a quotation (`>`), whose lines would run together; write it as a paragraph",
        );
    }
    let rule = text.trim_end();
    if rule.len() > 2 && ["-", "=", "*", "_"].iter().any(|mark| rule.replace(mark, "").is_empty()) {
        return Some("has a line of dashes, which makes a heading of the text above; leave it out");
    }
    if is_indented && ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark)) {
        return Some("has a list within a list, which would become one; write one list");
    }
    None
}

/// The paragraphs and list items of a text, each of which pairs its own backticks.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        let begins = line.trim().is_empty() || line.starts_with("- ") || line.starts_with("* ");
        if begins {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(line);
        }
    }
    blocks
}

fn has_bare_url(text: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| text.match_indices(scheme).any(|(at, _)| !text[..at].ends_with('<')))
}

/// A regular expression that the checks can match.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_known = check::Pattern::new(&text).is_known();
        let regex = Regex::new(&text).map_err(|problem| problem.to_string());
        let known = regex.and_then(|regex| {
            is_known.then_some(regex).ok_or_else(|| {
                "it has what the checks do not know, such as a repetition of a repetition"
                    .to_owned()
            })
        });
        known.map(Self).map_err(|problem| {
            let remedy = if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| text.contains(look)) {
                "look-around is not known to the checks; write it without"
            } else if text.contains("\\p") || text.contains("\\P") {
                "classes of Unicode (`\\p`) are not known to the checks; write the characters out"
            } else if text.contains("\\u") {
                "`\\u` is not known to the checks; write the character itself, or `\\x{...}`"
            } else {
                return format!("the pattern cannot be checked ({problem}); correct it");
            };
            format!("the pattern cannot be checked: {remedy}")
        })
    }
}
