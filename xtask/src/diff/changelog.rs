//! Lines for `CHANGELOG.md`, and whether it has them.
//!
//! A bullet under the newest heading describes a change if it, or a bullet around it, names
//! `guestexec-<provider>` or begins with `All`, and if it names the place of the change in backticks:
//! the whole place (`RunCommandRequest.Tags`), or its last part as on the wire or in Rust (`Tags`,
//! `tags`) together with the part before or with an operation that reaches it.

use std::collections::BTreeSet;

use heck::{ToPascalCase as _, ToSnakeCase as _};

use super::{types::Change, version::Version};

/// The lines to add, without the bullet of the provider: one a change, and one for the same change
/// of several places.
pub fn lines(changes: &[Change]) -> Vec<String> {
    let told: Vec<&Change> = changes.iter().filter(|change| change.needs_line()).collect();
    let mut lines = Vec::new();
    let mut done = BTreeSet::new();
    for (index, change) in told.iter().enumerate() {
        if !done.insert(index) {
            continue;
        }
        let mut others = Vec::new();
        for (later, other) in told.iter().enumerate().skip(index + 1) {
            let same = other.rule == change.rule
                && other.before == change.before
                && other.after == change.after
                && last(&other.place) == last(&change.place);
            // Operations have nothing but their name.
            let alike = same || other.rule == change.rule && is_about_codes(change, other);
            if alike && done.insert(later) {
                others.push(format!("`{}`", other.place));
            }
        }
        let sentence = change.sentence();
        lines.push(match others.is_empty() {
            true => sentence,
            false => format!("{} (also {}).", sentence.trim_end_matches('.'), others.join(", ")),
        });
    }
    lines
}

/// True for the same code of two operations.
fn is_about_codes(one: &Change, other: &Change) -> bool {
    one.rule.id().starts_with("error-") && one.before == other.before && one.after == other.after
}

fn last(place: &str) -> &str {
    place.rsplit_once('.').map_or(place, |(_, last)| last)
}

/// The changes of which the newest part of the changelog says nothing.
pub fn missing<'a>(changelog: &str, provider: &str, changes: &'a [Change]) -> Vec<&'a Change> {
    let bullets = bullets(newest(changelog).1, provider);
    let is_told = |change: &&Change| bullets.iter().any(|named| tells(named, change));
    changes.iter().filter(|change| change.needs_line()).filter(|it| !is_told(it)).collect()
}

/// True where the newest heading is that of `version`.
pub fn is_about(changelog: &str, version: Version) -> bool {
    let heading = newest(changelog).0;
    heading
        .split([' ', '[', ']'])
        .any(|word| Version::parse(word.trim_start_matches('v')) == Some(version))
}

/// The newest heading, and what stands under it.
fn newest(changelog: &str) -> (&str, &str) {
    let text = match changelog.strip_prefix("## ") {
        Some(text) => text,
        None => changelog.split_once("\n## ").map_or("", |(_, text)| text),
    };
    let text = text.split("\n## ").next().unwrap_or_default();
    text.split_once('\n').unwrap_or((text, ""))
}

/// The names in backticks of each bullet about the provider.
fn bullets(text: &str, provider: &str) -> Vec<BTreeSet<String>> {
    // Each open bullet with its indentation and its text.
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut all: Vec<String> = Vec::new();
    let close = |open: &mut Vec<(usize, String)>, indentation: usize, all: &mut Vec<String>| {
        while open.last().is_some_and(|(other, _)| *other >= indentation) {
            let around: Vec<&str> = open.iter().map(|(_, text)| text.as_str()).collect();
            all.push(around.join("\n"));
            open.pop();
        }
    };
    for line in text.lines() {
        let bare = line.trim_start();
        let indentation = line.len() - bare.len();
        match bare.strip_prefix("- ").or_else(|| bare.strip_prefix("* ")) {
            Some(bullet) => {
                close(&mut open, indentation, &mut all);
                open.push((indentation, bullet.to_owned()));
            }
            None => {
                if !bare.is_empty() {
                    close(&mut open, indentation, &mut all);
                }
                if let Some((_, text)) = open.last_mut() {
                    text.push(' ');
                    text.push_str(bare);
                }
            }
        }
    }
    close(&mut open, 0, &mut all);
    let name = format!("`guestexec-{provider}`");
    let is_about = |text: &String| text.contains(&name) || text.starts_with("All");
    all.iter().filter(|text| is_about(text)).map(|text| named(text)).collect()
}

/// The texts in backticks, whole and in their parts.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for span in text.split('`').skip(1).step_by(2) {
        let span = span.split('(').next().unwrap_or_default();
        names.insert(span.to_owned());
        names.extend(span.replace("::", ".").split('.').map(str::to_owned));
    }
    names
}

fn tells(named: &BTreeSet<String>, change: &Change) -> bool {
    if named.contains(&change.place) {
        return true;
    }
    let place = change.place.trim_end_matches(".items");
    let has = |name: &str| {
        named.contains(name)
            || named.contains(&name.to_snake_case())
            || named.contains(&name.to_pascal_case())
    };
    // The names of values may have dots of their own.
    let (owner, name) = place.split_once('.').map_or((None, place), |(o, n)| (Some(o), n));
    match owner {
        None => has(name),
        Some(owner) => has(name) && (has(owner) || change.used_by.iter().any(|id| has(id))),
    }
}
