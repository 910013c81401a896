//! Rules about one schema, wherever it stands.

use regex_lite::Regex;
use serde_json::Value;

use super::{Complaints, Kind, names};
use crate::{
    lower,
    spec::{Spec, component, enum_values},
};

/// The words of a schema beside `type` and the limits, and the kinds of their values.
const KINDS: [(&str, Kind); 8] = [
    ("description", Kind::Text),
    ("format", Kind::Text),
    ("items", Kind::Mapping),
    ("nullable", Kind::Boolean),
    ("properties", Kind::Mapping),
    ("required", Kind::List),
    ("x-enum-descriptions", Kind::Mapping),
    ("x-sensitive", Kind::Boolean),
];

/// Words the generator turns into something else, and `default`.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("anyOf", "generates a type that cannot be read; describe the members plainly"),
    ("default", "would go on the wire with every request; say it in the description"),
    ("not", "is not carried over; describe what is allowed"),
    ("oneOf", "generates an untagged enum that guesses; describe the members plainly"),
];

/// The words that limit, and the type they limit.
const LIMITS: [(&str, &str); 17] = [
    ("enum", "string"),
    ("maxLength", "string"),
    ("minLength", "string"),
    ("pattern", "string"),
    ("x-extensible-enum", "string"),
    ("x-json-object", "string"),
    ("x-max-bytes", "string"),
    ("maximum", "integer"),
    ("minimum", "integer"),
    ("maxItems", "array"),
    ("minItems", "array"),
    ("uniqueItems", "array"),
    ("additionalProperties", "object"),
    ("minProperties", "object"),
    ("x-exactly-one-of", "object"),
    ("x-exclusive", "object"),
    ("x-requires", "object"),
];

/// Where a schema is used.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub in_requests: bool,
    pub in_answers: bool,
}

/// Visits a component schema and every schema in it; `place` is its name, then its members'.
pub(super) fn visit<'a>(node: &'a Value, place: &str, see: &mut impl FnMut(&str, &'a Value)) {
    see(place, node);
    for name in names(&node["properties"]) {
        visit(&node["properties"][name], &format!("{place}.{name}"), see);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = node.get(key).filter(|inner| names(inner).next().is_some()) {
            visit(inner, &format!("{place}{mark}"), see);
        }
    }
}

/// The rules for a schema at `place`; `is_root` for the component itself.
pub(super) fn check(
    spec: &Spec,
    place: &str,
    node: &Value,
    is_root: bool,
    used: Use,
    complaints: &mut Complaints<'_>,
) {
    shape(place, node, complaints);
    limits(spec, place, node, complaints);
    if used.in_answers && !used.in_requests {
        open_to_change(place, node, complaints);
    }
    let values = &node["additionalProperties"];
    let unchecked = component(values).is_some() || is_limited(values);
    complaints.unless(!(used.in_requests && unchecked), place, || {
        "the values of a map are not checked; give `additionalProperties` a plain type without limits"
            .to_owned()
    });
    complaints.unless(!used.in_answers || node["additionalProperties"] != false, place, || {
        "`additionalProperties: false` in an answer refuses what a vendor adds later; leave it out"
            .to_owned()
    });
    let keeps_nothing = node["additionalProperties"] == true && node.get("properties").is_some();
    complaints.unless(!keeps_nothing, place, || {
        "`additionalProperties: true` beside properties drops what it allows; write `{}` to keep it"
            .to_owned()
    });
    let inline = !is_root && component(node).is_none();
    let is_struct = node.get("properties").is_some() || node["additionalProperties"] == false;
    complaints.unless(!(inline && is_struct), place, || {
        "is an object described in place, which gets a made-up name; make it a component schema"
            .to_owned()
    });
    complaints.unless(!(inline && enum_values(node).is_some()), place, || {
        "is an enumeration described in place, which gets a made-up name; make it a component schema"
            .to_owned()
    });
}

/// What a schema is written with.
fn shape(place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    for key in names(node) {
        if let Some((_, effect)) = UNSUPPORTED.iter().find(|(word, _)| *word == key) {
            complaints.add(place, format!("`{key}` {effect}"));
        }
    }
    if node.get("$ref").is_some() {
        complaints.unless(names(node).count() == 1, place, || {
            "the words beside `$ref` are ignored; write `allOf: [{$ref: ...}]` to keep them"
                .to_owned()
        });
        return;
    }
    if let Some(parts) = node.get("allOf") {
        let parts = parts.as_array().map_or(0, Vec::len);
        complaints.only(&["allOf", "description", "enum", "nullable"], place, node);
        complaints.unless(parts == 1 && component(node).is_some(), place, || {
            "`allOf` has other than one `$ref` as its part; write the members out".to_owned()
        });
        return;
    }
    let words = [
        &["type"][..],
        &KINDS.map(|(word, _)| word),
        &LIMITS.map(|(word, _)| word),
        &UNSUPPORTED.map(|(word, _)| word),
    ];
    complaints.only(&words.concat(), place, node);
    complaints.kinds(&KINDS, place, node);
    let kind = node["type"].as_str().unwrap_or_default();
    let known = ["string", "integer", "number", "boolean", "array", "object"];
    complaints.unless(known.contains(&kind), place, || {
        format!("the type is {}; write one of {}", node["type"], known.join(", "))
    });
    if let Some(format) = node.get("format") {
        complaints.unless(lower::carries(kind, format), place, || {
            format!(
                "the format {format} is not carried over for this type; say it in the description"
            )
        });
    }
    let is_member = place.contains('.') && !place.ends_with(']') && !place.ends_with('}');
    complaints.unless(node["x-sensitive"] != true || is_member, place, || {
        "`x-sensitive` hides a member of an object, and this is none; mark the member".to_owned()
    });
    complaints.unless(kind != "array" || node["items"].is_object(), place, || {
        "is a list without `items`; say what its items are".to_owned()
    });
}

/// What a schema limits: each limit is one of its type, readable, and can be met.
pub(super) fn limits(spec: &Spec, place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    let target = component(node).and_then(|name| spec.schema(name)).unwrap_or(node);
    let kind = target["type"].as_str().unwrap_or_default();
    for (limit, of) in LIMITS {
        let Some(value) = node.get(limit) else { continue };
        complaints.unless(kind == of, place, || {
            format!("`{limit}` limits only {of} types and would not be checked; say it in the description")
        });
        let readable = match limit {
            "maximum" | "minimum" => value.is_i64(),
            "maxLength" | "minLength" | "maxItems" | "minItems" | "minProperties"
            | "x-max-bytes" => value.as_u64().is_some_and(|n| i64::try_from(n).is_ok()),
            "uniqueItems" => value.is_boolean(),
            "pattern" => value.is_string(),
            "enum" | "x-extensible-enum" | "x-exclusive" | "x-exactly-one-of" => value.is_array(),
            "x-requires" | "x-json-object" => value.is_object(),
            "additionalProperties" => value.is_boolean() || value.is_object(),
            _ => false,
        };
        complaints.unless(readable, place, || {
            format!("`{limit}` is {value}, which cannot be read as a limit; correct it")
        });
    }
    for (least, most) in
        [("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")]
    {
        if let (Some(low), Some(high)) = (node[least].as_i64(), node[most].as_i64()) {
            complaints.unless(low <= high, place, || {
                format!("`{least}` is more than `{most}`, so nothing would pass; correct one")
            });
        }
    }
    if let Some(Err(problem)) = node["pattern"].as_str().map(Regex::new) {
        complaints.add(
            place,
            format!("the pattern cannot be checked ({problem}); write it without look-around"),
        );
    }
    for limit in ["pattern", "x-max-bytes", "x-json-object"] {
        complaints.unless(target["format"] != "byte" || node.get(limit).is_none(), place, || {
            format!("`{limit}` cannot be checked on Base64; limit its length, say the rest in the description")
        });
    }
    let items = &node["items"];
    let comparable = !matches!(items["type"].as_str(), Some("object"))
        && items["format"] != "password"
        && component(items)
            .and_then(|name| spec.schema(name))
            .is_none_or(|of| of["type"] == "string");
    complaints.unless(node["uniqueItems"] != true || comparable, place, || {
        "`uniqueItems` cannot be checked on objects and passwords; say it in the description"
            .to_owned()
    });
    if let Some(rules) = node.get("x-json-object") {
        let complete = rules["maxProperties"].is_u64()
            && rules["keyMaxLength"].is_u64()
            && rules["keyPattern"].as_str().is_some_and(|pattern| Regex::new(pattern).is_ok())
            && rules["valueType"] == "string";
        complaints.unless(complete, place, || {
            "`x-json-object` needs maxProperties, keyMaxLength, keyPattern and `valueType: string`"
                .to_owned()
        });
    }
}

/// True if a schema has a limit; what members it may have is none.
fn is_limited(node: &Value) -> bool {
    limits_of(node).next().is_some()
}

fn limits_of(node: &Value) -> impl Iterator<Item = &'static str> {
    let limits = LIMITS.iter().map(|(limit, _)| *limit);
    // An unsigned number is a type, and an open enumeration closes nothing.
    limits.filter(|limit| match *limit {
        "additionalProperties" | "x-extensible-enum" => false,
        "minimum" => node.get("minimum").is_some_and(|least| *least != 0),
        other => node.get(other).is_some(),
    })
}

/// What a vendor may change in its answers must be let in.
fn open_to_change(place: &str, node: &Value, complaints: &mut Complaints<'_>) {
    for limit in limits_of(node) {
        complaints.add(
            place,
            format!("`{limit}` limits what a service may answer; leave it out (or use x-extensible-enum)"),
        );
    }
    complaints.unless(node["type"] != "array" || node["nullable"] == true, place, || {
        "is a list in an answer and may come as null; add `nullable: true`".to_owned()
    });
}
