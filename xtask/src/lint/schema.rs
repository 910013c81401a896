//! Rules about schemas.

use heck::{ToPascalCase as _, ToSnakeCase as _};
use regex_lite::Regex;
use serde_json::Value;

use super::{Complaints, collision, visit};
use crate::spec::{Spec, component, enum_values};

/// Keywords the generator turns into something else, or into nothing.
const UNSUPPORTED: [(&str, &str); 6] = [
    ("anyOf", "generates a type that cannot be read"),
    ("oneOf", "generates an untagged enum that guesses"),
    ("not", "is ignored"),
    ("discriminator", "is ignored"),
    ("multipleOf", "is ignored"),
    ("patternProperties", "is ignored"),
];

/// Limits, which have no place where a vendor may change what it sends.
const LIMITS: [&str; 10] = [
    "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength", "pattern",
    "uniqueItems", "x-max-bytes",
];

pub(super) fn check(spec: &Spec, complaints: &mut Complaints<'_>) {
    let (requests, answers) = (spec.request_schemas(), spec.answer_schemas());
    for (name, schema) in spec.schemas() {
        let in_request = requests.contains(name);
        let rules = Rules { spec, name, in_request, only_in_answers: !in_request && answers.contains(name) };
        visit(schema, name, &mut |place, node| rules.node(place, node, complaints));
        rules.enumeration(schema, complaints);
        rules.object(schema, complaints);
    }
    for operation in spec.operations() {
        for parameter in operation.parameters() {
            let place = format!("{}.{}", operation.label(), parameter["name"].as_str().unwrap_or_default());
            pattern(&place, spec.resolve(&parameter["schema"]), complaints);
        }
    }
}

struct Rules<'a> {
    spec: &'a Spec,
    name: &'a str,
    in_request: bool,
    only_in_answers: bool,
}

fn pattern(place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    let Some(text) = node["pattern"].as_str() else { return };
    if let Err(problem) = Regex::new(text) {
        complaints.add(place, format!("the pattern cannot be checked ({problem}); write it without look-around"));
    }
}

impl Rules<'_> {
    /// Rules for every schema inside a component; `properties` maps are seen too, and have none of
    /// the keywords.
    fn node(&self, place: &str, node: &Value, complaints: &mut Complaints<'_>) {
        if place.ends_with(".properties") || place.ends_with(".x-requires") {
            return;
        }
        for (keyword, effect) in UNSUPPORTED {
            complaints.unless(node.get(keyword).is_none(), place, || {
                format!("`{keyword}` {effect}; describe the members plainly")
            });
        }
        if let Some(parts) = node.get("allOf").and_then(Value::as_array) {
            complaints.unless(parts.len() == 1 && component(node).is_some(), place, || {
                "`allOf` has other than one `$ref` as its part; write the members out".to_owned()
            });
        }
        complaints.unless(!self.in_request || node.get("default").is_none(), place, || {
            "has a `default`, which would go on the wire with every request; say it in the description".to_owned()
        });
        if self.only_in_answers {
            for limit in LIMITS.iter().filter(|limit| node.get(**limit).is_some()) {
                complaints.add(place, format!("`{limit}` limits what a service may answer; leave it out (or use x-extensible-enum)"));
            }
            complaints.unless(node["type"] != "array" || node["nullable"] == true, place, || {
                "is a list in an answer and may come as null; add `nullable: true`".to_owned()
            });
        }
        pattern(place, node, complaints);
        let inline = place.contains('.') && component(node).is_none();
        complaints.unless(!(inline && node.get("properties").is_some()), place, || {
            "is an object described in place, which gets a made-up name; make it a component schema".to_owned()
        });
        complaints.unless(!(inline && enum_values(node).is_some()), place, || {
            "is an enumeration described in place, which gets a made-up name; make it a component schema".to_owned()
        });
        let keeps_nothing = node["additionalProperties"] == true && node.get("properties").is_some();
        complaints.unless(!keeps_nothing, place, || {
            "`additionalProperties: true` beside properties drops what it allows; write `{}` to keep it".to_owned()
        });
    }

    fn enumeration(&self, schema: &Value, complaints: &mut Complaints<'_>) {
        let Some(values) = enum_values(schema) else { return };
        complaints.unless(schema["type"] == "string" && !values.is_empty(), self.name, || {
            "the enumeration is not one of strings; make it `type: string` with string values".to_owned()
        });
        if let Some((first, second)) = collision(values.iter().copied(), |value| value.to_pascal_case()) {
            complaints.add(
                self.name,
                format!("the values `{first}` and `{second}` become the same variant, which panics; keep one and describe the other"),
            );
        }
        for described in schema["x-enum-descriptions"].as_object().into_iter().flatten().map(|(key, _)| key) {
            complaints.unless(values.contains(&described.as_str()), self.name, || {
                format!("x-enum-descriptions describes `{described}`, which is not a value; correct it")
            });
        }
    }

    fn object(&self, schema: &Value, complaints: &mut Complaints<'_>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let name = self.name;
        if let Some((first, second)) = collision(properties.keys().map(String::as_str), |p| p.to_snake_case()) {
            complaints.add(name, format!("the members `{first}` and `{second}` become the same field; rename one"));
        }
        let known = |member: &str| properties.contains_key(member);
        for required in schema["required"].as_array().into_iter().flatten() {
            complaints.unless(required.as_str().is_some_and(known), name, || {
                format!("`required` lists {required}, which is not a member; correct it")
            });
        }
        for keyword in ["x-exclusive", "x-exactly-one-of"] {
            for member in schema[keyword].as_array().into_iter().flatten().flat_map(|group| group.as_array().into_iter().flatten()) {
                complaints.unless(member.as_str().is_some_and(known), name, || {
                    format!("`{keyword}` names {member}, which is not a member; correct it")
                });
            }
        }
        for (member, needs) in schema["x-requires"].as_object().into_iter().flatten() {
            let others = needs.as_object().into_iter().flatten().map(|(other, _)| other);
            for named in std::iter::once(member).chain(others) {
                complaints.unless(known(named), name, || {
                    format!("`x-requires` names `{named}`, which is not a member; correct it")
                });
            }
        }
        for (member, property) in properties {
            if let Some(rules) = property.get("x-json-object") {
                let complete = rules["maxProperties"].is_u64() && rules["keyMaxLength"].is_u64()
                    && rules["keyPattern"].is_string() && rules["valueType"] == "string";
                complaints.unless(complete, &format!("{name}.{member}"), || {
                    "`x-json-object` needs maxProperties, keyMaxLength, keyPattern and `valueType: string`".to_owned()
                });
            }
            if let Some(target) = component(property) {
                complaints.unless(self.spec.schema(target).is_some(), &format!("{name}.{member}"), || {
                    format!("refers to the schema `{target}`, which does not exist; correct it")
                });
            }
        }
    }
}
