//! Rules about component schemas: enumerations and objects.

use heck::ToSnakeCase as _;
use serde_json::Value;

use super::{
    Complaints, Kind, collision, is_name, list, names,
    schema::{self, Use},
};
use crate::{
    emit::enums,
    spec::{Spec, component, enum_values},
};

pub(super) fn check(spec: &Spec, complaints: &mut Complaints<'_>) {
    let (requests, answers) = (spec.request_schemas(), spec.answer_schemas());
    for (name, schema) in spec.schemas() {
        let used = Use { in_requests: requests.contains(name), in_answers: answers.contains(name) };
        schema::visit(schema, name, &mut |place, node| {
            schema::check(spec, place, node, place == name, used, complaints);
            closed(spec, place, node, complaints);
        });
        let becomes_type = schema["type"] == "object" || enum_values(schema).is_some();
        complaints.unless(becomes_type || schema.get("$ref").is_some(), name, || {
            "is neither an object nor an enumeration, so its limits would not be checked; write it \
             out where it is used"
                .to_owned()
        });
        enumeration(name, schema, complaints);
        object(spec, name, schema, used, complaints);
    }
}

/// A member that closes an open enumeration allows only values of it.
fn closed(spec: &Spec, place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    let Some(name) = component(node) else { return };
    let known = spec.schema(name).and_then(enum_values).unwrap_or_default();
    for value in list(&node["enum"]) {
        complaints.unless(value.as_str().is_some_and(|v| known.contains(&v)), place, || {
            format!("`enum` allows {value}, which is not a value of `{name}`; correct it")
        });
    }
}

fn enumeration(name: &str, schema: &Value, complaints: &mut Complaints<'_>) {
    let Some(values) = enum_values(schema) else { return };
    // YAML reads what is not in quotes as it sees fit: 1, true, null.
    let written = ["enum", "x-extensible-enum"].map(|key| list(&schema[key]).count());
    let is_text =
        schema["type"] == "string" && !values.is_empty() && written.contains(&values.len());
    complaints.unless(is_text && written.contains(&0), name, || {
        "the enumeration is not one of strings; make it `type: string` with one list of values, in \
         quotes where YAML would read something else"
            .to_owned()
    });
    if let Some((first, second)) = collision(values.iter().copied(), enums::variant) {
        complaints.add(
            name,
            format!("the values `{first}` and `{second}` become the same variant, which panics; keep one and describe the other"),
        );
    }
    for value in &values {
        let variant = enums::variant(value);
        complaints.unless(is_name(&variant) && variant != "Unlisted", name, || {
            format!(
                "the value `{value}` becomes the variant `{variant}`, which cannot be; leave it out"
            )
        });
    }
    for described in names(&schema["x-enum-descriptions"]) {
        complaints.kinds(&[(described, Kind::Text)], name, &schema["x-enum-descriptions"]);
        complaints.unless(values.contains(&described), name, || {
            format!("x-enum-descriptions describes `{described}`, which is not a value; correct it")
        });
    }
}

fn object(spec: &Spec, name: &str, schema: &Value, used: Use, complaints: &mut Complaints<'_>) {
    let properties = &schema["properties"];
    let in_both = used.in_requests && used.in_answers && properties.is_object();
    complaints.unless(!in_both, name, || {
        "is in a request and in an answer; make two of it, for a request is checked and an answer is \
         read whatever stands in it"
            .to_owned()
    });
    if let Some((first, second)) = collision(names(properties), |p| p.to_snake_case()) {
        complaints.add(
            name,
            format!("the members `{first}` and `{second}` become the same field; leave one out"),
        );
    }
    let keeps = used.in_answers || schema["additionalProperties"].is_object();
    complaints.unless(!keeps || properties.get("extra").is_none(), name, || {
        "the member `extra` has the name of the field that keeps what has none; leave it out, and it \
         will be found there"
            .to_owned()
    });
    let known = |member: &str| properties.get(member).is_some();
    for required in list(&schema["required"]) {
        complaints.unless(required.as_str().is_some_and(known), name, || {
            format!("`required` lists {required}, which is not a member; correct it")
        });
    }
    let least = schema["minProperties"].as_u64().unwrap_or_default();
    complaints.unless(least as usize <= names(properties).count(), name, || {
        "`minProperties` is more than there are members, so nothing would pass; correct it"
            .to_owned()
    });
    for keyword in ["x-exclusive", "x-exactly-one-of"] {
        let Some(groups) = schema.get(keyword) else { continue };
        let is_group = |group: &Value| list(group).count() > 1;
        let is_list = groups.as_array().is_some_and(|groups| groups.iter().all(is_group));
        complaints.unless(is_list, name, || {
            format!("`{keyword}` is not a list of groups of two or more; write it as `[[A, B]]`")
        });
        for member in list(groups).flat_map(list) {
            complaints.unless(member.as_str().is_some_and(known), name, || {
                format!("`{keyword}` names {member}, which is not a member; correct it")
            });
        }
    }
    let Some(requires) = schema.get("x-requires") else { return };
    for member in names(requires) {
        let needs = &requires[member];
        complaints.unless(names(needs).next().is_some(), name, || {
            format!(
                "`x-requires` says nothing of what `{member}` needs; write `{{A: {{B: true}}}}`"
            )
        });
        for named in std::iter::once(member).chain(names(needs)) {
            complaints.unless(known(named), name, || {
                format!("`x-requires` names `{named}`, which is not a member; correct it")
            });
        }
        for needed in names(needs).filter(|needed| known(needed)) {
            let value = &needs[needed];
            let property = &properties[needed];
            let target = component(property).and_then(|name| spec.schema(name)).unwrap_or(property);
            let fits = match target["type"].as_str() {
                Some("boolean") => value.is_boolean(),
                Some("integer") => value.is_i64(),
                Some("string") => value.is_string() && target.get("format").is_none(),
                _ => false,
            };
            complaints.unless(fits, name, || {
                format!("`x-requires` wants `{needed}` to be {value}, which its type cannot be; correct it")
            });
        }
    }
}
