//! Rules that no request could meet.

use super::{
    Complaints,
    value::{Values, Way, bounds},
};
use crate::document::{Document, ObjectSchema, Schema};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    for (name, schema) in &document.components.schemas {
        schema.visit(name, &mut |place, part| limits(place, part, complaints));
        if let Schema::Object(object) = schema {
            members(document, name, object, complaints);
        }
    }
    for call in document.calls() {
        for parameter in call.parameters() {
            let place = format!("{}.{}", call.id(), parameter.name);
            parameter.schema.visit(&place, &mut |place, part| limits(place, part, complaints));
        }
    }
}

fn limits(place: &str, schema: &Schema, complaints: &mut Complaints) {
    let lines = schema.lines();
    let mut unless = |holds: bool, word: &str, text: &str| {
        complaints.unless(holds, (lines, word), place, || text);
    };
    match schema {
        Schema::Integer(integer) => {
            let (least, most) = bounds(integer);
            for (word, limit) in [("minimum", integer.minimum), ("maximum", integer.maximum)] {
                let fits = limit.is_none_or(|limit| (least..=most).contains(&limit.into()));
                let text = format!(
                    "`{word}` is beyond what its type holds, {least} to {most}; correct it, or give \
                     another `format`"
                );
                unless(fits, word, &text);
            }
            let odd = integer.values.iter().flatten();
            let odd = odd.copied().find(|value| !(least..=most).contains(&i128::from(*value)));
            if let Some(value) = odd {
                let text = format!(
                    "`enum` has {value}, which is beyond what its type holds, {least} to {most}; \
                     leave it out, or give another `format`"
                );
                unless(false, "enum", &text);
            }
        }
        Schema::Text(text) => {
            let fits = text.min_length.zip(text.max_bytes).is_none_or(|(low, high)| low <= high);
            unless(
                fits,
                "x-max-bytes",
                "`minLength` is more than `x-max-bytes`, so nothing would pass; correct one",
            );
            let names = text.json_object.as_ref().is_none_or(|object| object.key_max_length > 0);
            unless(
                names,
                "x-json-object",
                "`keyMaxLength` is 0, so no name would pass; correct it",
            );
        }
        Schema::Narrowed(narrowed) => unless(
            narrowed.values.as_ref().is_none_or(|values| !values.is_empty()),
            "enum",
            "`enum` has no value, so nothing would pass; write them out",
        ),
        _ => {}
    }
}

fn members(document: &Document, name: &str, object: &ObjectSchema, complaints: &mut Complaints) {
    let lines = &object.lines;
    let is_required = |member: &&String| object.required.contains(*member);
    let groups = [("x-exclusive", &object.exclusive), ("x-exactly-one-of", &object.exactly_one_of)];
    for (word, groups) in groups {
        for group in groups {
            let both: Vec<&String> = group.iter().filter(is_required).collect();
            if let [first, second, ..] = both[..] {
                complaints.add(
                    (lines, word),
                    name,
                    format!(
                        "`{first}` and `{second}` exclude each other and are both `required`, so \
                         nothing would pass; correct one"
                    ),
                );
            }
        }
    }
    for (member, needs) in &object.requires {
        for (other, value) in needs {
            let at = (lines, "x-requires");
            let apart = groups.iter().flat_map(|(_, groups)| groups.iter());
            let excluded =
                apart.clone().any(|group| group.contains(member) && group.contains(other));
            complaints.unless(!excluded, at, name, || {
                format!("`{member}` needs `{other}`, and the two exclude each other; correct one")
            });
            let Some(schema) = object.properties.get(other) else { continue };
            // An empty list of values is reported at its own place.
            if matches!(schema, Schema::Narrowed(narrowed) if narrowed.values.as_ref().is_some_and(Vec::is_empty))
            {
                continue;
            }
            let mut values = Values::new(document, Way::Request);
            values.check(other, schema, value, true);
            for fault in values.faults {
                let text = format!("`{member}` needs what cannot be: {fault}; correct it");
                complaints.add(at, name, text);
            }
        }
    }
}
