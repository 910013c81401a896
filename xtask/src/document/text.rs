//! Texts with a form of their own: documentation and patterns.

use std::ops::Deref;

use regex_lite::Regex;
use serde::Deserialize;

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

/// What in a text would become a failing doctest or a broken link.
fn fault(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        return Some("is empty; write it or leave it out");
    }
    if text.contains("```") {
        return Some("holds a code fence, which becomes a doctest; use `backticks`");
    }
    if text.lines().any(|line| line.starts_with("    ") || line.starts_with('\t')) {
        return Some("has a line indented by four spaces, which becomes a doctest; indent it less");
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
        Regex::new(&text).map(Self).map_err(|problem| {
            format!(
                "the pattern cannot be checked ({problem}); write it without look-around and \
                 classes of Unicode"
            )
        })
    }
}
