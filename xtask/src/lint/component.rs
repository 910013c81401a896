//! Rules about component schemas: enumerations and objects.

use std::{collections::BTreeSet, iter};

use heck::ToSnakeCase as _;

use super::{
    Complaints, collision, is_name,
    schema::{self, Use},
};
use crate::{
    document::{Document, Extra, ObjectSchema, Schema, TextSchema},
    emit::enums,
};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let (requests, answers) = (document.request_schemas(), document.answer_schemas());
    let schemas = document.components.schemas.values();
    // A list that is written out as the body of an answer.
    let all = document.calls().into_iter().flat_map(|call| call.operation.responses.values());
    let bodies = all.filter_map(|answer| Some(&document.response(answer)?.json()?.schema));
    let lists = bodies.filter(|schema| matches!(schema, Schema::List(_)));
    let parts: BTreeSet<&str> = schemas
        .chain(lists)
        .flat_map(Schema::references)
        .filter_map(|reference| reference.name_in("schemas"))
        .collect();
    for (name, schema) in &document.components.schemas {
        let name = name.as_str();
        let used = Use { in_requests: requests.contains(name), in_answers: answers.contains(name) };
        schema.visit(name, &mut |place, part| {
            schema::check(document, place, part, place == name, used, complaints);
            described(place, part, complaints);
            closed(document, place, part, complaints);
        });
        let sendable = !(used.in_requests && schema.is_nullable());
        complaints.unless(sendable, (schema.lines(), "nullable"), name, || {
            "is in a request, where a component is never null: an optional member is left out; remove \
             `nullable`"
        });
        match schema {
            Schema::Object(object) => {
                members(document, name, object, used, complaints);
                // The body of an answer may be a map, and nothing else reads or checks one by its name.
                let is_map =
                    !object.is_struct() || used.in_answers && object.properties.is_empty();
                let is_used = used.in_requests || parts.contains(name);
                complaints.unless(!(is_map && is_used), (schema.lines(), ""), name, || {
                    "is an object without members of its own; write it out where it is used, or give \
                     it members, as a request's body has them"
                });
            }
            Schema::Text(text) if schema.values().is_some() => enumeration(name, text, complaints),
            Schema::Reference(_) => {}
            // The body of an answer.
            Schema::List(_) if !used.in_requests && !parts.contains(name) => {}
            _ => complaints.add(
                (schema.lines(), ""),
                name,
                "is neither an object nor an enumeration, so its limits would not be checked; write \
                 it out where it is used",
            ),
        }
    }
}

/// Every component and every member says what it is; what refers to a component may leave that to it.
fn described(place: &str, schema: &Schema, complaints: &mut Complaints) {
    let is_part = place.ends_with(".items") || place.ends_with(".additionalProperties");
    let holds = schema.description().is_some() || schema.reference().is_some() || is_part;
    complaints.unless(
        holds,
        (schema.lines(), ""),
        place,
        || "has no description; say in your own words what it is, with unit, default and limit",
    );
}

/// A member that closes an open enumeration allows only values of it.
fn closed(document: &Document, place: &str, schema: &Schema, complaints: &mut Complaints) {
    let Schema::Narrowed(narrowed) = schema else { return };
    let known = document.resolve(schema).and_then(Schema::values).unwrap_or_default();
    let name = schema.reference().and_then(|of| of.name_in("schemas")).unwrap_or_default();
    for value in narrowed.values.iter().flatten() {
        complaints.unless(known.contains(value), (&narrowed.lines, "enum"), place, || {
            format!("`enum` allows `{value}`, which is not a value of `{name}`; correct it")
        });
    }
}

fn enumeration(name: &str, text: &TextSchema, complaints: &mut Complaints) {
    let lines = &text.lines;
    let (values, word) = match (&text.values, &text.known_values) {
        (Some(values), None) => (values, "enum"),
        (None, Some(values)) => (values, "x-extensible-enum"),
        _ => {
            let text = "has two lists of values; keep `enum` or `x-extensible-enum`";
            return complaints.add((lines, "enum"), name, text);
        }
    };
    let at = (lines, word);
    complaints.unless(
        !values.is_empty(),
        at,
        name,
        || "the enumeration has no value; write them out",
    );
    let all = values.iter().map(String::as_str);
    if let Some((first, second)) = collision(all, enums::variant) {
        complaints.add(at, name, format!("the values `{first}` and `{second}` become the same variant, which panics; keep one and describe the other"));
    }
    for value in values {
        let variant = enums::variant(value);
        complaints.unless(is_name(&variant) && variant != "Unlisted", at, name, || {
            format!(
                "the value `{value}` becomes the variant `{variant}`, which cannot be; leave it out"
            )
        });
    }
    for described in text.value_descriptions.keys() {
        complaints.unless(values.contains(described), (lines, "x-enum-descriptions"), name, || {
            format!("x-enum-descriptions describes `{described}`, which is not a value; correct it")
        });
    }
}

fn members(
    document: &Document,
    name: &str,
    object: &ObjectSchema,
    used: Use,
    complaints: &mut Complaints,
) {
    let (lines, properties) = (&object.lines, &object.properties);
    let in_both = used.in_requests && used.in_answers && !properties.is_empty();
    complaints.unless(!in_both, (lines, ""), name, || {
        "is in a request and in an answer; make two of it, for a request is checked and an answer is \
         read whatever stands in it"
    });
    let keeps =
        used.in_answers || matches!(object.additional_properties, Some(Extra::Kept | Extra::Of(_)));
    let extra = properties.iter().find(|(member, _)| member.to_snake_case() == "extra");
    if let Some((member, extra)) = extra.filter(|_| keeps) {
        let text = format!(
            "the member `{member}` has the name of the field that keeps what has none; leave it \
             out, and it will be found there"
        );
        complaints.add((extra.lines(), ""), name, text);
    }
    for required in &object.required {
        let Some(schema) = properties.get(required) else {
            let text = format!("`required` lists `{required}`, which is not a member; correct it");
            complaints.add((lines, "required"), name, text);
            continue;
        };
        let is_null = schema.is_nullable() && !matches!(schema, Schema::List(_));
        complaints.unless(
            !(is_null && used.in_requests),
            (schema.lines(), "nullable"),
            &format!("{name}.{required}"),
            || "is required in a request, where null is never sent; remove `nullable`",
        );
    }
    if let Some(envelope) = &object.envelope {
        let target = properties.get(envelope).and_then(|property| document.resolve(property));
        let is_object = matches!(target, Some(Schema::Object(inner)) if inner.is_struct());
        let fits = is_object && object.required.contains(envelope);
        complaints.unless(fits, (lines, "x-envelope"), name, || {
            format!(
                "`x-envelope` names `{envelope}`, which is no required member that is an object; correct \
                 it, or leave it out"
            )
        });
    }
    let least = object.min_properties.unwrap_or_default();
    complaints.unless(
        least <= properties.len() as u64,
        (lines, "minProperties"),
        name,
        || "`minProperties` is more than there are members, so nothing would pass; correct it",
    );
    for (word, groups) in
        [("x-exclusive", &object.exclusive), ("x-exactly-one-of", &object.exactly_one_of)]
    {
        complaints.unless(groups.iter().all(|group| group.len() > 1), (lines, word), name, || {
            format!("`{word}` has a group of fewer than two members; write it as `[[A, B]]`")
        });
        for member in groups.iter().flatten().filter(|member| !properties.contains_key(*member)) {
            let text = format!("`{word}` names `{member}`, which is not a member; correct it");
            complaints.add((lines, word), name, text);
        }
    }
    let at = (lines, "x-requires");
    for (member, needs) in &object.requires {
        complaints.unless(!needs.is_empty(), at, name, || {
            format!(
                "`x-requires` says nothing of what `{member}` needs; write `{{A: {{B: true}}}}`"
            )
        });
        for named in iter::once(member).chain(needs.keys()) {
            complaints.unless(properties.contains_key(named), at, name, || {
                format!("`x-requires` names `{named}`, which is not a member; correct it")
            });
        }
        for (needed, value) in needs {
            let target = properties.get(needed).and_then(|property| document.resolve(property));
            let fits = match target {
                Some(Schema::Boolean(_)) => value.is_boolean(),
                Some(Schema::Integer(_)) => value.is_i64(),
                Some(Schema::Text(text)) => value.is_string() && text.format.is_none(),
                Some(_) => false,
                None => continue,
            };
            complaints.unless(fits, at, name, || {
                format!("`x-requires` wants `{needed}` to be {value}, which its type cannot be; correct it")
            });
        }
    }
}
