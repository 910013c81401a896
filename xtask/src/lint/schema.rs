//! Rules about one schema, wherever it stands.

use super::Complaints;
use crate::document::{Document, Extra, Schema, TextContent, TextFormat};

/// The uses of a schema.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub in_requests: bool,
    pub in_answers: bool,
}

/// The rules for a schema at `place`; `is_root` for the component itself.
pub(super) fn check(
    document: &Document,
    place: &str,
    schema: &Schema,
    is_root: bool,
    used: Use,
    complaints: &mut Complaints,
) {
    limits(document, place, schema, complaints);
    let lines = schema.lines();
    let mut unless = |holds: bool, word: &str, text: &str| {
        complaints.unless(holds, (lines, word), place, || text);
    };
    if used.in_answers && !used.in_requests {
        for limit in limit_words(schema) {
            unless(
                false,
                limit,
                &format!(
                    "`{limit}` limits what a service may answer; leave it out (or use x-extensible-enum)"
                ),
            );
        }
        unless(
            is_root || !matches!(schema, Schema::List(list) if !list.nullable),
            "",
            "is a list in an answer and may come as null; add `nullable: true`",
        );
    }
    let is_member =
        !is_root && !place.ends_with(".items") && !place.ends_with(".additionalProperties");
    unless(
        !schema.is_sensitive() || is_member,
        "x-sensitive",
        "`x-sensitive` hides a member of an object, and this is none; mark the member",
    );
    unless(
        is_root || schema.values().is_none(),
        "",
        "is an enumeration described in place, which gets a made-up name; make it a component schema",
    );
    match schema {
        Schema::Text(text) if text.content.is_some() => {
            let word = "x-content";
            unless(
                text.format.is_none() && schema.values().is_none(),
                word,
                "`x-content` is of a text without `format` and values, which say more; leave it out",
            );
            unless(
                text.json_object.is_none(),
                word,
                "`x-content` beside `x-json-object`, which says that it is JSON; leave it out",
            );
            unless(
                text.content != Some(TextContent::Output) || !used.in_requests,
                word,
                "`x-content: output` is what a command wrote, and this is sent; leave it out",
            );
        }
        Schema::Narrowed(narrowed) => unless(
            narrowed.parts.len() == 1,
            "allOf",
            "`allOf` has other than one `$ref` as its part; write the members out",
        ),
        Schema::Object(object) => {
            let extra = object.additional_properties.as_ref();
            let is_struct = object.is_struct();
            unless(
                is_root || !is_struct,
                "",
                "is an object described in place, which gets a made-up name; make it a component schema",
            );
            let word = "additionalProperties";
            unless(
                !(used.in_answers && matches!(extra, Some(Extra::Refused))),
                word,
                "`additionalProperties: false` in an answer refuses what a vendor adds later; leave it out",
            );
            unless(
                !(is_struct && matches!(extra, Some(Extra::Free))),
                word,
                "`additionalProperties: true` beside properties drops what it allows; write `{}` to keep it",
            );
        }
        _ => {}
    }
}

/// The limits of a schema can be met and checked.
pub(super) fn limits(
    document: &Document,
    place: &str,
    schema: &Schema,
    complaints: &mut Complaints,
) {
    let lines = schema.lines();
    for (word, needed) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let has = |word: &str| lines.words().any(|other| other == word);
        if has(word) && !has(needed) {
            let text = format!("`{word}` says nothing without `{needed}`; give both");
            complaints.add((lines, word), place, text);
        }
    }
    let mut in_order = |least: &str, most: &str, low: Option<i64>, high: Option<i64>| {
        let holds = low.zip(high).is_none_or(|(low, high)| low <= high);
        complaints.unless(holds, (lines, most), place, || {
            format!("`{least}` is more than `{most}`, so nothing would pass; correct one")
        });
    };
    let signed = |limit: Option<u64>| limit.and_then(|limit| i64::try_from(limit).ok());
    match schema {
        Schema::Text(text) => {
            in_order("minLength", "maxLength", signed(text.min_length), signed(text.max_length));
            if text.format == Some(TextFormat::Byte) {
                let unchecked = ["pattern", "x-max-bytes", "x-json-object"];
                for word in lines.words().filter(|word| unchecked.contains(word)) {
                    complaints.add((lines, word), place, format!("`{word}` cannot be checked on Base64; limit its length, say the rest in the description"));
                }
            }
        }
        Schema::Integer(integer) => {
            in_order("minimum", "maximum", integer.least(), integer.most());
            let (least, most) = (integer.least(), integer.most());
            let is_allowed = |value: &i64| {
                least.is_none_or(|least| *value >= least) && most.is_none_or(|most| *value <= most)
            };
            complaints.unless(
                integer.values.as_ref().is_none_or(|values| values.iter().any(is_allowed)),
                (lines, "enum"),
                place,
                || "`enum` has no value within the limits, so nothing would pass; correct it",
            );
        }
        Schema::Number(number) => {
            let is_open = number.exclusive_minimum || number.exclusive_maximum;
            let holds = number
                .minimum
                .zip(number.maximum)
                .is_none_or(|(least, most)| if is_open { least < most } else { least <= most });
            complaints.unless(
                holds,
                (lines, "maximum"),
                place,
                || "`minimum` leaves nothing below `maximum`, so nothing would pass; correct one",
            );
        }
        Schema::List(list) => {
            in_order("minItems", "maxItems", signed(list.min_items), signed(list.max_items));
            let comparable = match document.resolve(&list.items) {
                Some(Schema::Text(text)) => text.format != Some(TextFormat::Password),
                Some(Schema::Object(_)) | None => false,
                Some(_) => true,
            };
            complaints.unless(!list.unique_items || comparable, (lines, "uniqueItems"), place, || {
                "`uniqueItems` cannot be checked on objects and passwords; say it in the description"
            });
        }
        _ => {}
    }
}

/// The words in a schema that limit a value. An unsigned number is a type, and an open enumeration
/// closes nothing.
fn limit_words(schema: &Schema) -> Vec<&str> {
    const WORDS: [&str; 16] = [
        "enum", "exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength", "maximum",
        "minItems", "minLength", "minProperties", "pattern", "uniqueItems", "x-exactly-one-of",
        "x-exclusive", "x-json-object", "x-max-bytes", "x-requires",
    ];
    let is_signed = matches!(schema, Schema::Integer(integer) if integer.minimum != Some(0));
    let words = schema.lines().words();
    words.filter(|word| WORDS.contains(word) || (is_signed && *word == "minimum")).collect()
}
