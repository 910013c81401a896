//! Finds what differs between two models: one function a place, and a rule for each word.
//!
//! `types` compares types and members; here are the document and its operations. A word without a
//! rule of its own is [`Rule::OtherChange`], so that nothing is silent.

mod types;
mod words;

use indexmap::IndexMap;
use serde_json::Value;

use super::{
    model::{Answer, Fact, Member, Model, Operation, Words, shown},
    rules::Rule,
    types::{Change, Direction},
};

/// All changes, in the order of today's document.
pub fn changes(old: &Model, new: &Model) -> Vec<Change> {
    let mut found = Found::default();
    let place = Place { name: "document".to_owned(), ..Place::default() };
    for (word, facts) in pairs(&old.words, &new.words) {
        document_word(&mut found, &place, word, facts);
    }
    order(&mut found, &place, old.operations.keys(), new.operations.keys());
    operations(&mut found, old, new);
    types::compare(&mut found, old, new);
    let mut changes = found.0;
    let key = |change: &Change| (change.new_line.or(change.old_line), change.rule);
    changes.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.place.cmp(&b.place)));
    changes
}

#[derive(Default)]
struct Found(Vec<Change>);

/// The place of a part, and the operations that use it.
#[derive(Clone, Default)]
struct Place {
    name: String,
    direction: Option<Direction>,
    used_by: Vec<String>,
}

impl Place {
    fn of(&self, name: &str) -> Self {
        Self { name: format!("{}.{name}", self.name), ..self.clone() }
    }
}

/// One side of a change: a value to show, and its line.
type Side = (Option<String>, Option<u64>);

/// A word in the old document and in the new one.
type Facts<'a> = (Option<&'a Fact>, Option<&'a Fact>);

fn side(fact: Option<&Fact>) -> Side {
    (fact.map(|fact| shown(&fact.value)), fact.map(|fact| fact.line))
}

fn at(value: impl Into<String>, line: u64) -> Side {
    (Some(value.into()), Some(line))
}

impl Found {
    fn add(
        &mut self,
        rule: Rule,
        place: &Place,
        (before, old_line): Side,
        (after, new_line): Side,
    ) {
        self.0.push(Change {
            rule,
            place: place.name.clone(),
            direction: place.direction,
            before: before.as_deref().map(short),
            after: after.as_deref().map(short),
            old_line,
            new_line,
            used_by: place.used_by.clone(),
        });
    }

    /// Notes what only the new document has.
    fn added(&mut self, rule: Rule, place: &Place, after: Side) {
        self.add(rule, place, (None, None), after);
    }

    /// Notes what only the old document has.
    fn removed(&mut self, rule: Rule, place: &Place, before: Side) {
        self.add(rule, place, before, (None, None));
    }

    /// Notes a word that differs.
    fn word(&mut self, rule: Rule, place: &Place, (before, after): Facts<'_>) {
        self.add(rule, place, side(before), side(after));
    }
}

/// A value short enough for a line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Words that differ, with both sides.
fn pairs<'a>(old: &'a Words, new: &'a Words) -> impl Iterator<Item = (&'a str, Facts<'a>)> {
    let gone = old.keys().filter(|word| !new.contains_key(*word));
    let all = new.keys().chain(gone);
    let value = |fact: Option<&'a Fact>| fact.map(|fact| &fact.value);
    all.map(|word| (word.as_str(), (old.get(word), new.get(word))))
        .filter(move |(_, (before, after))| value(*before) != value(*after))
}

/// Notes that what both have comes in another order.
fn order<'a>(
    found: &mut Found,
    place: &Place,
    old: impl Iterator<Item = &'a String> + Clone,
    new: impl Iterator<Item = &'a String> + Clone,
) {
    let (before, after): (Vec<&String>, Vec<&String>) = (old.collect(), new.collect());
    let common_old = before.iter().filter(|name| after.contains(name));
    let common_new = after.iter().filter(|name| before.contains(name));
    if !common_old.eq(common_new) {
        found.add(Rule::OrderChanged, place, (None, None), (None, None));
    }
}

fn document_word(found: &mut Found, place: &Place, word: &str, (before, after): Facts<'_>) {
    let rule = match word {
        "openapi" => Rule::OpenapiChanged,
        "info.version" => Rule::ApiVersionChanged,
        "servers" => Rule::ServersChanged,
        "tags" => Rule::TagsChanged,
        "security" => Rule::SecurityChanged,
        "x-read-on" => Rule::ReadOnChanged,
        "x-differs" | "x-left-out" => Rule::DecisionChanged,
        _ if word.starts_with("info.") || word.starts_with("externalDocs.") => {
            Rule::DescriptionChanged
        }
        _ if word.starts_with("securitySchemes.") => Rule::SecurityChanged,
        _ => Rule::OtherChange,
    };
    found.word(rule, &place.of(word), (before, after));
}

fn operations(found: &mut Found, old: &Model, new: &Model) {
    let place = |operation: &Operation| Place {
        name: operation.id.clone(),
        direction: None,
        used_by: vec![operation.id.clone()],
    };
    let gone: Vec<&Operation> = old
        .operations
        .iter()
        .filter(|(key, _)| !new.operations.contains_key(*key))
        .map(second)
        .collect();
    let mut renamed = Vec::new();
    for (key, operation) in &new.operations {
        let place = place(operation);
        if let Some(before) = old.operations.get(key) {
            if before.id != operation.id {
                let (old, new) = (at(&before.id, before.line), at(&operation.id, operation.line));
                found.add(Rule::WireNameChanged, &place, old, new);
            }
            one(found, &place, before, operation);
            continue;
        }
        // The same request under another name, and only one of that kind.
        let same = |other: &&&Operation| {
            other.method == operation.method
                && other.path == operation.path
                && !renamed.contains(&other.id)
        };
        let twins = || gone.iter().filter(same);
        match (twins().count(), twins().next()) {
            (1, Some(before)) => {
                renamed.push(before.id.clone());
                let (rule, (before_name, name)) = match before.id == operation.id {
                    true => (Rule::OperationNameChanged, (&before.name, &operation.name)),
                    false => (Rule::OperationRenamed, (&before.id, &operation.id)),
                };
                let (old, new) = (at(before_name, before.line), at(name, operation.line));
                found.add(rule, &place, old, new);
                one(found, &place, before, operation);
            }
            _ => found.added(Rule::OperationAdded, &place, at(&operation.id, operation.line)),
        }
    }
    for operation in gone.into_iter().filter(|it| !renamed.contains(&it.id)) {
        let before = at(&operation.id, operation.line);
        found.removed(Rule::OperationRemoved, &place(operation), before);
    }
}

fn second<'a, T>((_, value): (&String, &'a T)) -> &'a T {
    value
}

/// An operation that is in both.
fn one(found: &mut Found, place: &Place, old: &Operation, new: &Operation) {
    let sides = |before: &str, after: &str| (at(before, old.line), at(after, new.line));
    if old.method != new.method {
        let (before, after) = sides(&old.method, &new.method);
        found.add(Rule::MethodChanged, place, before, after);
    }
    let ((old_path, old_names), (new_path, new_names)) = (template(&old.path), template(&new.path));
    if old_path != new_path {
        let (before, after) = sides(&old.path, &new.path);
        found.add(Rule::PathChanged, place, before, after);
    }
    // A part of the path that has another name is the same parameter.
    let mut renamed: Vec<(String, String)> = Vec::new();
    for (before, after) in old_names.iter().zip(&new_names).filter(|(a, b)| a != b) {
        if old_path == new_path {
            renamed.push((before.to_owned(), after.to_owned()));
        }
    }
    // A day that is the document's own is reported once.
    if old.read_on.0 != new.read_on.0 && (old.read_on.1.or(new.read_on.1)).is_some() {
        let side = |operation: &Operation| {
            at(&operation.read_on.0, operation.read_on.1.unwrap_or(operation.line))
        };
        found.add(Rule::ReadOnChanged, place, side(old), side(new));
    }
    body(found, place, old, new);
    parameters(found, place, (&old.parameters, &new.parameters), &renamed);
    arguments(found, place, old, new);
    answers(found, place, &old.answers, &new.answers);
    for (word, facts) in pairs(&old.words, &new.words) {
        words::of_operation(found, place, word, facts);
    }
}

/// A path with its placeholders' names taken out, and these in order, as Rust names.
fn template(path: &str) -> (String, Vec<String>) {
    use heck::ToSnakeCase as _;
    let (mut text, mut names) = (String::new(), Vec::new());
    for (index, part) in path.split('{').enumerate() {
        match part.split_once('}') {
            Some((name, rest)) if index > 0 => {
                names.push(name.to_snake_case());
                text.push_str("{}");
                text.push_str(rest);
            }
            _ => text.push_str(part),
        }
    }
    (text, names)
}

fn body(found: &mut Found, place: &Place, old: &Operation, new: &Operation) {
    let rule = match (&old.body, &new.body) {
        (None, None) => return,
        (Some(old), Some(new)) if old.value == new.value => return,
        (None, Some(_)) if new.body_needs => Rule::RequestBodyAddedRequired,
        (None, Some(_)) => Rule::RequestBodyAdded,
        (Some(_), None) => Rule::RequestBodyRemoved,
        (Some(_), Some(_)) => Rule::RequestTypeChanged,
    };
    found.add(rule, place, side(old.body.as_ref()), side(new.body.as_ref()));
}

fn parameters(
    found: &mut Found,
    operation: &Place,
    (old, new): (&IndexMap<String, Member>, &IndexMap<String, Member>),
    renamed: &[(String, String)],
) {
    let operation = &Place { direction: Some(Direction::Request), ..operation.clone() };
    let earlier = |name: &String| renamed.iter().find(|(_, after)| after == name);
    let was_renamed = |name: &String| renamed.iter().any(|(before, _)| before == name);
    for (name, member) in new {
        let place = operation.of(&member.wire);
        let twin = earlier(name).and_then(|(before, _)| old.get(before));
        if let Some(before) = twin {
            let (old, new) = (at(&before.wire, before.line), at(&member.wire, member.line));
            found.add(Rule::ParameterRenamed, &place, old, new);
        }
        match twin.or_else(|| old.get(name)) {
            Some(before) => parameter(found, &place, before, member),
            None => {
                let rule = match member.required {
                    true => Rule::ParameterAddedRequired,
                    false => Rule::ParameterAdded,
                };
                found.added(rule, &place, at(&member.ty, member.line));
            }
        }
    }
    for (name, member) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        if !was_renamed(name) {
            let before = at(&member.ty, member.line);
            found.removed(Rule::ParameterRemoved, &operation.of(&member.wire), before);
        }
    }
    order(found, operation, old.keys(), new.keys());
}

/// Arguments that both have come in another order.
fn arguments(found: &mut Found, place: &Place, old: &Operation, new: &Operation) {
    // The parameters of the path come in its order.
    let names = |operation: &Operation| -> Vec<String> {
        let required = operation.parameters.iter().filter(|(_, member)| member.required);
        let mut names: Vec<(usize, &String)> = required
            .map(|(name, member)| {
                let at = operation.path.find(&format!("{{{}}}", member.wire));
                (at.unwrap_or(usize::MAX), name)
            })
            .collect();
        names.sort_by_key(|(at, _)| *at);
        names.into_iter().map(|(_, name)| name.clone()).collect()
    };
    let (mut before, mut after) = (names(old), names(new));
    before.retain(|name| new.parameters.get(name).is_some_and(|it| it.required));
    after.retain(|name| before.contains(name));
    if before != after {
        let sides = (at(before.join(", "), old.line), at(after.join(", "), new.line));
        found.add(Rule::ArgumentsReordered, place, sides.0, sides.1);
    }
}

fn parameter(found: &mut Found, place: &Place, old: &Member, new: &Member) {
    let in_path = old.location == "path" && new.location == "path";
    if old.wire != new.wire && !in_path {
        let (before, after) = (at(&old.wire, old.line), at(&new.wire, new.line));
        found.add(Rule::WireNameChanged, place, before, after);
    }
    if old.location != new.location {
        let (before, after) = (at(&old.location, old.line), at(&new.location, new.line));
        found.add(Rule::ParameterMoved, place, before, after);
    }
    if old.required != new.required {
        let rule = match new.required {
            true => Rule::ParameterRequired,
            false => Rule::ParameterOptional,
        };
        found.add(rule, place, (None, Some(old.line)), (None, Some(new.line)));
    }
    words::of_member(found, place, old, new);
}

/// True for a status that means success.
fn is_success(status: &str) -> bool {
    status.starts_with(['1', '2'])
}

fn answers(
    found: &mut Found,
    operation: &Place,
    old: &IndexMap<String, Answer>,
    new: &IndexMap<String, Answer>,
) {
    for (status, answer) in new {
        let place = Place { direction: Some(Direction::Answer), ..operation.clone() };
        let after = at(status, answer.line);
        let Some(before) = old.get(status) else {
            let rule = match is_success(status) {
                true => Rule::SuccessStatusAdded,
                false => Rule::ErrorStatusAdded,
            };
            found.added(rule, &place, after);
            continue;
        };
        for (word, facts) in pairs(&before.words, &answer.words) {
            words::of_answer(found, &place.of(status), word, facts);
        }
        if before.ty != answer.ty && !is_success(status) {
            let name = |answer: &Answer| {
                answer.ty.as_ref().map_or_else(|| "no body".to_owned(), |ty| format!("`{ty}`"))
            };
            let (old, new) = (at(name(before), before.line), at(name(answer), answer.line));
            found.add(Rule::ErrorTypeChanged, &place, old, new);
        }
    }
    for (status, answer) in old.iter().filter(|(status, _)| !new.contains_key(*status)) {
        let place = Place { direction: Some(Direction::Answer), ..operation.clone() };
        let rule = match is_success(status) {
            true => Rule::SuccessStatusRemoved,
            false => Rule::ErrorStatusRemoved,
        };
        found.removed(rule, &place, at(status, answer.line));
    }
    // All successes have one type.
    let success = |answers: &IndexMap<String, Answer>| {
        let first = answers.iter().find(|(status, _)| is_success(status));
        first.map(|(status, answer)| {
            let upgraded = if status == "101" { "an upgraded connection" } else { "no body" };
            let ty = answer.ty.as_ref();
            (ty.map_or_else(|| upgraded.to_owned(), |ty| format!("`{ty}`")), answer.line)
        })
    };
    if let (Some((before, old_line)), Some((after, new_line))) = (success(old), success(new))
        && before != after
    {
        let place = Place { direction: Some(Direction::Answer), ..operation.clone() };
        found.add(Rule::AnswerTypeChanged, &place, at(before, old_line), at(after, new_line));
    }
}

/// The elements that only one of two lists has.
fn only<'a>(list: Option<&'a Fact>, other: Option<&Fact>) -> Vec<&'a Value> {
    let items = |fact: Option<&'a Fact>| fact.and_then(|fact| fact.value.as_array());
    let others = other.and_then(|fact| fact.value.as_array());
    let is_new = |value: &&Value| !others.is_some_and(|others| others.contains(value));
    items(list).into_iter().flatten().filter(is_new).collect()
}
