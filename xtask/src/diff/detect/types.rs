//! Compares types: structs with their members, enumerations with their values.

use super::{Found, Place, Rule, at, order, pairs, words};
use crate::diff::{
    model::{Form, Member, Model, Type},
    types::Direction,
};

pub(super) fn compare(found: &mut Found, old: &Model, new: &Model) {
    for (name, after) in &new.types {
        let place = place(name, after);
        match old.types.get(name) {
            None => found.added(Rule::TypeAdded, &place, at(name, after.line)),
            Some(before) => one(found, &place, before, after),
        }
    }
    for (name, before) in old.types.iter().filter(|(name, _)| !new.types.contains_key(*name)) {
        let place = place(name, before);
        found.removed(Rule::TypeRemoved, &place, at(name, before.line));
    }
}

fn place(name: &str, ty: &Type) -> Place {
    Place { name: name.to_owned(), direction: ty.direction(), used_by: ty.used_by() }
}

fn one(found: &mut Found, place: &Place, old: &Type, new: &Type) {
    let (old_way, new_way) = (old.direction(), new.direction());
    match (&old.form, &new.form) {
        (Form::Struct, Form::Struct) => {
            if old_way != new_way {
                let text = |way: Option<Direction>| {
                    way.map_or_else(|| "nothing".to_owned(), |way| way.to_string())
                };
                let (before, after) = (text(old_way), text(new_way));
                // The members follow from the new use.
                return found.add(
                    Rule::TypeTurned,
                    place,
                    at(before, old.line),
                    at(after, new.line),
                );
            }
            members(found, place, old, new);
        }
        (Form::Enumeration { closed: before }, Form::Enumeration { closed: after }) => {
            if before != after {
                let rule = match after {
                    true => Rule::EnumerationClosed,
                    false => Rule::EnumerationOpened,
                };
                found.add(rule, place, (None, Some(old.values.1)), (None, Some(new.values.1)));
            }
            values(found, place, old, new);
        }
        (Form::Other(before), Form::Other(after)) if before == after => {}
        (before, after) => {
            let (before, after) = (form(before), form(after));
            return found.add(
                Rule::TypeKindChanged,
                place,
                at(before, old.line),
                at(after, new.line),
            );
        }
    }
    for (word, facts) in pairs(&old.words, &new.words) {
        words::one(found, place, word, facts, false);
    }
}

fn form(form: &Form) -> String {
    match form {
        Form::Struct => "a struct".to_owned(),
        Form::Enumeration { .. } => "an enumeration".to_owned(),
        Form::Other(ty) => format!("another name of `{ty}`"),
    }
}

fn members(found: &mut Found, place: &Place, old: &Type, new: &Type) {
    let is_answer = place.direction == Some(Direction::Answer);
    for (name, member) in &new.members {
        let place = place.of(&member.wire);
        let Some(before) = old.members.get(name) else {
            let rule = match (is_answer, member.required) {
                (true, _) => Rule::AnswerMemberAdded,
                (false, true) => Rule::RequestMemberAddedRequired,
                (false, false) => Rule::RequestMemberAdded,
            };
            found.added(rule, &place, at(&member.ty, member.line));
            continue;
        };
        member_of(found, &place, before, member, is_answer);
    }
    for (_, member) in old.members.iter().filter(|(name, _)| !new.members.contains_key(*name)) {
        let rule = match is_answer {
            true => Rule::AnswerMemberRemoved,
            false => Rule::RequestMemberRemoved,
        };
        found.removed(rule, &place.of(&member.wire), at(&member.ty, member.line));
    }
    order(found, place, old.members.keys(), new.members.keys());
    let common = |list: &[String], other: &[String]| -> Vec<String> {
        list.iter().filter(|name| other.contains(name)).cloned().collect()
    };
    let before = common(&old.required.0, &new.required.0);
    let after = common(&new.required.0, &old.required.0);
    if before != after {
        found.add(
            Rule::ConstructorReordered,
            place,
            at(before.join(", "), old.required.1),
            at(after.join(", "), new.required.1),
        );
    }
    if old.unknown.0 != new.unknown.0 {
        let rule = match (old.unknown.0, new.unknown.0) {
            (_, "kept") => Rule::ExtraMembersOn,
            ("kept", _) => Rule::ExtraMembersOff,
            (_, "refused") => Rule::UnknownMembersRefused,
            _ => Rule::UnknownMembersAccepted,
        };
        let (before, after) = (at(old.unknown.0, old.unknown.1), at(new.unknown.0, new.unknown.1));
        found.add(rule, place, before, after);
    }
}

fn member_of(found: &mut Found, place: &Place, old: &Member, new: &Member, is_answer: bool) {
    let lines = || ((None, Some(old.line)), (None, Some(new.line)));
    if old.wire != new.wire {
        let (before, after) = (at(&old.wire, old.line), at(&new.wire, new.line));
        found.add(Rule::WireNameChanged, place, before, after);
    }
    if old.required != new.required {
        let rule = match (is_answer, new.required) {
            (true, true) => Rule::AnswerObjectRequired,
            (true, false) => Rule::AnswerObjectOptional,
            (false, true) => Rule::RequestMemberRequired,
            (false, false) => Rule::RequestMemberOptional,
        };
        let (before, after) = lines();
        found.add(rule, place, before, after);
    } else if old.nullable != new.nullable {
        let rule = match (new.required, new.nullable) {
            (true, true) => Rule::RequestNullableOn,
            (true, false) => Rule::RequestNullableOff,
            // It is an `Option` already, and left out where it is none.
            (false, _) => Rule::WithoutEffect,
        };
        let text = |member: &Member| format!("`nullable` {}", member.nullable);
        found.add(rule, place, at(text(old), old.line), at(text(new), new.line));
    }
    words::of_member(found, place, old, new);
}

fn values(found: &mut Found, place: &Place, old: &Type, new: &Type) {
    let is_request = place.direction != Some(Direction::Answer);
    let ((before, old_line), (after, new_line)) = (&old.values, &new.values);
    for (variant, value) in after {
        let place = place.of(value);
        match before.get(variant) {
            Some(was) if was == value => {}
            Some(was) => {
                found.add(Rule::ValueNameChanged, &place, at(was, *old_line), at(value, *new_line));
            }
            None => {
                let rule = match is_request {
                    true => Rule::RequestValueAdded,
                    false => Rule::AnswerValueAdded,
                };
                found.added(rule, &place, at(value, *new_line));
            }
        }
    }
    for (_, value) in before.iter().filter(|(variant, _)| !after.contains_key(*variant)) {
        let rule = match is_request {
            true => Rule::RequestValueRemoved,
            false => Rule::AnswerValueRemoved,
        };
        found.removed(rule, &place.of(value), at(value, *old_line));
    }
    order(found, place, before.keys(), after.keys());
}
