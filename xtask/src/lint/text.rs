//! Rules about texts that become documentation.

use serde_json::Value;

use super::Complaints;

/// Complains of a text that is missing at `place`, or would hurt the documentation.
pub(super) fn required(place: &str, what: &str, text: &Value, complaints: &mut Complaints<'_>) {
    let given = text.as_str().is_some_and(|text| !text.trim().is_empty());
    complaints.unless(given, place, || format!("there is no {what}; write one"));
    check(place, what, text, complaints);
}

/// Complains of a text that would hurt the documentation.
pub(super) fn check(place: &str, what: &str, text: &Value, complaints: &mut Complaints<'_>) {
    if let Some(problem) = text.as_str().and_then(hurts_rustdoc) {
        complaints.add(place, format!("the {what} {problem}"));
    }
}

/// What in a text would become a failing doctest or a broken link.
fn hurts_rustdoc(text: &str) -> Option<&'static str> {
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
