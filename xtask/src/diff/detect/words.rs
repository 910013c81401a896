//! The rule of each word of an operation, an answer, a parameter or a member.

use serde_json::Value;

use super::{Facts, Found, Place, Rule, Side, at, only, pairs, side};
use crate::diff::{
    model::{ENUMERATION, Fact, Member, shown},
    types::Direction,
};

/// A word of an operation that differs.
pub(super) fn of_operation(
    found: &mut Found,
    place: &Place,
    word: &str,
    (before, after): Facts<'_>,
) {
    let is_on = after.is_some_and(|fact| fact.value == true);
    let rule = match (word, is_on) {
        ("summary" | "description", _) => Rule::DescriptionChanged,
        ("externalDocs.url", _) => Rule::PageChanged,
        ("tags", _) => Rule::TagsChanged,
        ("deprecated", true) => Rule::OperationDeprecated,
        ("deprecated", false) => Rule::OperationUndeprecated,
        ("x-repeatable", true) => Rule::RepeatableOn,
        ("x-repeatable", false) => Rule::RepeatableOff,
        ("x-starts-command", true) => Rule::StartsCommandOn,
        ("x-starts-command", false) => Rule::StartsCommandOff,
        ("open", true) => Rule::CredentialsDropped,
        ("open", false) => Rule::CredentialsNeeded,
        ("security", _) => Rule::SecurityChanged,
        ("servers", _) => Rule::ServersChanged,
        ("x-error-codes", _) => {
            for code in only(after, before) {
                let line = after.map(|fact| fact.line);
                found.added(Rule::ErrorCodeAdded, place, (Some(shown(code)), line));
            }
            for code in only(before, after) {
                let line = before.map(|fact| fact.line);
                found.removed(Rule::ErrorCodeRemoved, place, (Some(shown(code)), line));
            }
            return;
        }
        ("x-rate-limit", _) => return rate(found, place, (before, after)),
        ("x-pages", _) => match (before, after) {
            (None, _) => Rule::PagesAdded,
            (_, None) => Rule::PagesRemoved,
            _ => Rule::PagesChanged,
        },
        _ if word.starts_with("externalDocs.") => Rule::DescriptionChanged,
        _ => match word.strip_prefix("example.") {
            Some(name) => {
                return example(found, Rule::ExampleChanged, place, name, (before, after));
            }
            None => {
                return found.word(Rule::OtherChange, &place.of(word), (before, after));
            }
        },
    };
    found.word(rule, place, (before, after));
}

/// The example's name stands for it on both sides: its value is long.
fn example(found: &mut Found, rule: Rule, place: &Place, name: &str, (before, after): Facts<'_>) {
    let old = (before.map(|_| name.to_owned()), before.map(|fact| fact.line));
    found.add(rule, place, old, (Some(name.to_owned()), after.map(|fact| fact.line)));
}

/// The rate is kept as a pair of calls and seconds.
fn rate(found: &mut Found, place: &Place, (before, after): Facts<'_>) {
    let parts = |fact: &Fact| {
        let part = |index: usize| fact.value.get(index).and_then(Value::as_u64).unwrap_or_default();
        (part(0), part(1))
    };
    let text = |fact: &Fact| {
        let (calls, seconds) = parts(fact);
        match seconds {
            1 => format!("{calls} calls a second"),
            _ => format!("{calls} calls in {seconds} seconds"),
        }
    };
    let side = |fact: Option<&Fact>| -> Side { (fact.map(text), fact.map(|fact| fact.line)) };
    let rule = match (before.map(parts), after.map(parts)) {
        (Some((old, old_time)), Some((new, new_time))) => {
            // Compared as fractions.
            let (old, new) =
                (u128::from(old) * u128::from(new_time), u128::from(new) * u128::from(old_time));
            match old.cmp(&new) {
                std::cmp::Ordering::Less => Rule::RateRaised,
                std::cmp::Ordering::Greater => Rule::RateLowered,
                std::cmp::Ordering::Equal => Rule::WithoutEffect,
            }
        }
        (None, _) => Rule::RateStated,
        (_, None) => Rule::RateNotStated,
    };
    found.add(rule, place, side(before), side(after));
}

/// A word of an answer that differs.
pub(super) fn of_answer(found: &mut Found, place: &Place, word: &str, (before, after): Facts<'_>) {
    let rule = match word {
        "description" => Rule::DescriptionChanged,
        "headers" => Rule::AnswerHeadersChanged,
        // A body that is text is read by hand-written code alone.
        _ if word.starts_with("text/") => Rule::DescriptionChanged,
        _ => match word.strip_prefix("example.") {
            Some(name) => {
                let rule =
                    match super::is_success(place.name.rsplit('.').next().unwrap_or_default()) {
                        true => Rule::AnswerExampleChanged,
                        false => Rule::ErrorExampleChanged,
                    };
                return example(found, rule, place, name, (before, after));
            }
            None => {
                return found.word(Rule::OtherChange, &place.of(word), (before, after));
            }
        },
    };
    found.word(rule, place, (before, after));
}

/// The type and all words of a parameter or a member.
pub(super) fn of_member(found: &mut Found, place: &Place, old: &Member, new: &Member) {
    let mut other_kind = false;
    if old.ty != new.ty {
        let rule = type_rule(&old.ty, &new.ty, place.direction);
        other_kind = rule == Rule::TypeChanged;
        found.add(rule, place, at(&old.ty, old.line), at(&new.ty, new.line));
    }
    for (word, facts) in pairs(&old.words, &new.words) {
        let bare = word.rsplit('.').next().unwrap_or(word);
        // Limits of another kind of value come and go with it.
        if other_kind && is_limit(bare) {
            continue;
        }
        one(found, place, bare, facts, word != bare);
    }
    if old.ty == new.ty && old.required == new.required {
        constants(found, place, old, new);
    }
}

/// The constants of limits that come, go or are of another type.
fn constants(found: &mut Found, place: &Place, old: &Member, new: &Member) {
    let (before, after) = (old.constants(), new.constants());
    for (name, ty) in &after {
        let text = |ty: &str| format!("{name}: {ty}");
        match before.get(name) {
            Some(was) if was == ty => {}
            Some(was) => found.add(
                Rule::LimitConstantChanged,
                place,
                at(text(was), old.line),
                at(text(ty), new.line),
            ),
            None => {
                found.added(Rule::LimitConstantAdded, place, at(text(ty), new.line));
            }
        }
    }
    for (name, ty) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
        let before = at(format!("{name}: {ty}"), old.line);
        found.removed(Rule::LimitConstantRemoved, place, before);
    }
}

/// Words that limit a value.
fn is_limit(word: &str) -> bool {
    is_least(word)
        || is_most(word)
        || ["pattern", "enum", "uniqueItems", "x-json-object", "multipleOf"].contains(&word)
}

fn is_least(word: &str) -> bool {
    ["exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"].contains(&word)
}

fn is_most(word: &str) -> bool {
    ["exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum", "x-max-bytes"]
        .contains(&word)
}

/// A word of a schema that differs; `inner` where it is one of a list's items.
pub(super) fn one(
    found: &mut Found,
    place: &Place,
    word: &str,
    (before, after): Facts<'_>,
    inner: bool,
) {
    let is_on = after.is_some_and(|fact| fact.value == true);
    let place = &if inner { place.of("items") } else { place.clone() };
    let named = |fact: Option<&Fact>| {
        let (value, line) = side(fact);
        (value.map(|value| format!("`{word}` {value}")), line)
    };
    if is_least(word) || is_most(word) {
        return found.add(limit(word, (before, after)), place, named(before), named(after));
    }
    let rule = match (word, before.is_some(), after.is_some()) {
        ("description" | "x-enum-descriptions", ..) => Rule::DescriptionChanged,
        ("x-sensitive", ..) if is_on => Rule::SensitiveOn,
        ("x-sensitive", ..) => Rule::SensitiveOff,
        ("deprecated", ..) if is_on => Rule::MemberDeprecated,
        ("deprecated", ..) => Rule::MemberUndeprecated,
        ("style" | "explode", ..) => Rule::ParameterFormChanged,
        ("nullable" | "required", ..) => {
            return found.add(Rule::WithoutEffect, place, named(before), named(after));
        }
        ("uniqueItems", ..) if is_on => Rule::UniqueItemsOn,
        ("uniqueItems", ..) => Rule::UniqueItemsOff,
        ("pattern", false, _) => Rule::PatternAdded,
        ("pattern", _, false) => Rule::PatternRemoved,
        ("pattern", ..) => Rule::PatternChanged,
        ("x-json-object", false, _) => Rule::JsonObjectAdded,
        ("x-json-object", _, false) => Rule::JsonObjectRemoved,
        ("x-json-object", ..) => Rule::JsonObjectChanged,
        ("x-content", ..) => Rule::TextContentChanged,
        ("enum", false, _) => Rule::ValuesClosed,
        ("enum", _, false) => Rule::ValuesOpened,
        ("enum" | "x-exclusive" | "x-exactly-one-of", ..) => {
            return elements(found, place, word, (before, after));
        }
        ("x-envelope", ..) => Rule::EnvelopeChanged,
        ("x-requires", ..) => return requirements(found, place, (before, after)),
        _ => return found.word(Rule::OtherChange, &place.of(word), (before, after)),
    };
    found.word(rule, place, (before, after));
}

fn limit(word: &str, (before, after): Facts<'_>) -> Rule {
    let number = |fact: &Fact| fact.value.as_f64().unwrap_or_default();
    let whole = |fact: &Fact| {
        fact.value.as_i64().map(i128::from).or_else(|| fact.value.as_u64().map(i128::from))
    };
    match (before, after) {
        (None, _) => Rule::LimitAdded,
        (_, None) => Rule::LimitRemoved,
        (Some(before), Some(after)) => {
            let rises = match (whole(before), whole(after)) {
                (Some(before), Some(after)) => after > before,
                _ => number(after) > number(before),
            };
            if rises == is_most(word) { Rule::LimitLoosened } else { Rule::LimitTightened }
        }
    }
}

/// Values allowed, or groups of members, of which some are on one side only.
fn elements(found: &mut Found, place: &Place, word: &str, (before, after): Facts<'_>) {
    let (added, removed) = match word {
        "enum" => (Rule::AllowedValueAdded, Rule::AllowedValueRemoved),
        _ => (Rule::GroupAdded, Rule::GroupRemoved),
    };
    let show = |value: &Value| match word {
        "enum" => format!("`{}`", shown(value)),
        _ => format!("`{word}` {}", shown(value)),
    };
    let (new, gone) = (only(after, before), only(before, after));
    if new.is_empty() && gone.is_empty() {
        return found.word(Rule::OrderChanged, place, (before, after));
    }
    for value in new {
        let line = after.or(before).map(|fact| fact.line);
        found.added(added, place, (Some(show(value)), line));
    }
    for value in gone {
        let line = before.map(|fact| fact.line);
        found.removed(removed, place, (Some(show(value)), line));
    }
}

/// The requirements between members, one rule for each pair.
fn requirements(found: &mut Found, place: &Place, (before, after): Facts<'_>) {
    let flat = |fact: Option<&Fact>| -> Vec<String> {
        let members = fact.and_then(|fact| fact.value.as_object()).into_iter().flatten();
        let pairs = members.flat_map(|(member, needs)| {
            let needs = needs.as_object().into_iter().flatten();
            needs.map(move |(other, value)| {
                format!("`x-requires` {member} needs {other} {}", shown(value))
            })
        });
        pairs.collect()
    };
    let (old, new) = (flat(before), flat(after));
    for rule in new.iter().filter(|rule| !old.contains(rule)) {
        let line = after.map(|fact| fact.line);
        found.added(Rule::GroupAdded, place, (Some(rule.clone()), line));
    }
    for rule in old.iter().filter(|rule| !new.contains(rule)) {
        let line = before.map(|fact| fact.line);
        found.removed(Rule::GroupRemoved, place, (Some(rule.clone()), line));
    }
}

/// The rule for a type that became another one.
fn type_rule(old: &str, new: &str, direction: Option<Direction>) -> Rule {
    const NUMBERS: [&str; 6] = ["f32", "f64", "i32", "i64", "u32", "u64"];
    // The difference may be in the items of two lists.
    let mut pair = (old, new);
    while let (Some(old), Some(new)) = (item(pair.0), item(pair.1)) {
        pair = (old, new);
    }
    match pair {
        ("u64", "i64") | ("u32", "i32") => Rule::UnsignedBecameSigned,
        ("i64", "u64") | ("i32", "u32") if direction == Some(Direction::Answer) => {
            Rule::AnswerSignedBecameUnsigned
        }
        ("i64", "u64") | ("i32", "u32") => Rule::RequestSignedBecameUnsigned,
        (old, new) if NUMBERS.contains(&old) && NUMBERS.contains(&new) => Rule::NumberSizeChanged,
        ("String", "Base64") => Rule::BecameBytes,
        ("Base64", "String") => Rule::BytesBecameText,
        ("String", "Secret") => Rule::BecameSecret,
        ("Secret", "String") => Rule::SecretBecameText,
        ("String", name) if name.starts_with(ENUMERATION) => Rule::BecameEnumeration,
        (name, "String") if name.starts_with(ENUMERATION) => Rule::EnumerationBecameText,
        _ => Rule::TypeChanged,
    }
}

fn item(ty: &str) -> Option<&str> {
    ty.strip_prefix("Vec<")?.strip_suffix('>')
}
