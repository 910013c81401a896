//! Texts and numbers, with what limits them.

use heck::ToSnakeCase as _;
use serde_json::{Value, json};

use super::{
    choice::Flat,
    decision::Kind,
    sample,
    schema::{Schemas, Side, Spot, root_of},
};
use crate::document::Pattern;

/// What a member's name says of a secret.
const SECRETS: [&str; 9] = [
    "access_key_secret",
    "api_key",
    "auth_token",
    "client_secret",
    "passphrase",
    "password",
    "private_key",
    "secret",
    "secret_key",
];

impl Schemas<'_> {
    pub(super) fn plain_text(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "string" });
        let mut more = Vec::new();
        let format = flat.words.get("format").and_then(Value::as_str);
        let own = format.filter(|format| matches!(*format, "byte" | "password"));
        match (own, format) {
            (Some(format), _) if spot.side != Side::Parameter => schema["format"] = format.into(),
            (_, Some(format)) if !format.is_empty() && format != "string" => {
                let format: String =
                    format.chars().filter(|c| c.is_ascii_graphic() && *c != '`').collect();
                more.push(format!("Form: `{format}`."));
                self.note(spot, Kind::SaidInText { word: format!("format: {format}") });
            }
            _ => {}
        }
        if spot.side != Side::Answer {
            self.text_limits(&mut schema, flat, spot);
            self.attainable(&mut schema, spot);
        } else if ["minLength", "maxLength", "pattern"]
            .iter()
            .any(|word| flat.words.contains_key(*word))
        {
            self.decisions.add(root_of(&spot.place), Kind::AnswerLoosened);
        }
        let name = spot.place.rsplit('.').next().unwrap_or_default().to_snake_case();
        let is_secret =
            SECRETS.iter().any(|secret| name == *secret || name.ends_with(&format!("_{secret}")));
        let is_member = spot.side != Side::Parameter && !spot.place.ends_with(".items");
        if is_secret && is_member && schema.get("format").is_none() {
            schema["x-sensitive"] = true.into();
            self.note(spot, Kind::Secret);
        }
        self.finished(schema, flat, spot, more)
    }

    fn text_limits(&mut self, schema: &mut Value, flat: &Flat, spot: &Spot) {
        let length = |word: &str| flat.words.get(word).and_then(Value::as_u64);
        let (least, most) = (length("minLength"), length("maxLength"));
        if least > most && most.is_some() {
            let why = "nothing is that short and that long";
            self.note(spot, Kind::LimitLeftOut { word: "minLength".to_owned(), why });
        } else {
            least
                .filter(|least| *least > 0)
                .into_iter()
                .for_each(|it| schema["minLength"] = it.into());
            most.into_iter().for_each(|it| schema["maxLength"] = it.into());
        }
        let Some(pattern) = flat.words.get("pattern").and_then(Value::as_str) else { return };
        if schema["format"] == "byte" {
            let why = "Base64 is not checked against a pattern";
            self.note(spot, Kind::LimitLeftOut { word: format!("pattern: {pattern}"), why });
        } else if Pattern::try_from(pattern.to_owned()).is_err() {
            let why =
                "the checks cannot match it; write it without look-around and classes of Unicode";
            self.note(spot, Kind::LimitLeftOut { word: format!("pattern: {pattern}"), why });
        } else {
            schema["pattern"] = pattern.into();
        }
    }

    /// Takes away limits that no example keeps, for each member is shown by one.
    fn attainable(&mut self, schema: &mut Value, spot: &Spot) {
        for word in ["pattern", "minLength"] {
            if sample::text(schema, "text").is_none()
                && let Some(lost) =
                    schema.as_object_mut().and_then(|words| words.shift_remove(word))
            {
                let why = "no example that keeps it could be made; write it, with an example";
                self.note(spot, Kind::LimitLeftOut { word: format!("{word}: {lost}"), why });
            }
        }
    }

    pub(super) fn integer(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "integer" });
        let mut more = self.other_values(flat, spot);
        let format = flat.words.get("format").and_then(Value::as_str).unwrap_or_default();
        let (kept, range): (&str, (i128, i128)) = match format {
            "int32" => ("int32", (i32::MIN.into(), i32::MAX.into())),
            "int8" => ("int32", (i8::MIN.into(), i8::MAX.into())),
            "int16" => ("int32", (i16::MIN.into(), i16::MAX.into())),
            "uint8" => ("uint32", (0, u8::MAX.into())),
            "uint16" => ("uint32", (0, u16::MAX.into())),
            "uint32" => ("uint32", (0, u32::MAX.into())),
            "uint64" | "uint" => ("uint64", (0, u64::MAX.into())),
            "int64" => ("int64", (i64::MIN.into(), i64::MAX.into())),
            _ => ("", (i64::MIN.into(), i64::MAX.into())),
        };
        if !kept.is_empty() {
            schema["format"] = kept.into();
        } else if !format.is_empty() {
            let format: String =
                format.chars().filter(|c| c.is_ascii_graphic() && *c != '`').collect();
            more.push(format!("Form: `{format}`."));
        }
        if spot.side == Side::Answer {
            return self.finished(schema, flat, spot, more);
        }
        if let Some(step) = flat.words.get("multipleOf") {
            more.push(format!("A multiple of {step}."));
            self.note(spot, Kind::SaidInText { word: "multipleOf".to_owned() });
        }
        let mut limits = [None, None];
        for (limit, (word, exclusive, step)) in limits
            .iter_mut()
            .zip([("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)])
        {
            let Some(given) = flat.words.get(word) else { continue };
            let whole = given.as_i64().or_else(|| {
                given.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 9e15).map(|it| it as i64)
            });
            let whole = whole.and_then(|it| {
                if flat.words.get(exclusive) == Some(&json!(true)) {
                    it.checked_add(step)
                } else {
                    Some(it)
                }
            });
            *limit = whole.filter(|it| range.0 <= i128::from(*it) && i128::from(*it) <= range.1);
            if limit.is_none() {
                let why = "it is no whole number of the type's own range";
                self.note(spot, Kind::LimitLeftOut { word: format!("{word}: {given}"), why });
            }
        }
        // A narrower type than ours has its own limits.
        if matches!(format, "int8" | "int16" | "uint8" | "uint16") {
            limits[0] = limits[0].or(i64::try_from(range.0).ok());
            limits[1] = limits[1].or(i64::try_from(range.1).ok());
        }
        if let [Some(least), Some(most)] = limits
            && least > most
        {
            let why = "nothing is that large and that small";
            self.note(spot, Kind::LimitLeftOut { word: format!("minimum: {least}"), why });
            limits[0] = None;
        }
        limits[0].into_iter().for_each(|it| schema["minimum"] = it.into());
        limits[1].into_iter().for_each(|it| schema["maximum"] = it.into());
        self.finished(schema, flat, spot, more)
    }

    /// The values of an enumeration of numbers, as a sentence.
    fn other_values(&mut self, flat: &Flat, spot: &Spot) -> Vec<String> {
        let Some(values) = flat.words.get("enum").and_then(Value::as_array) else {
            return Vec::new();
        };
        let shown: Vec<String> =
            values.iter().filter(|it| it.is_number()).map(ToString::to_string).collect();
        if shown.is_empty() {
            return Vec::new();
        }
        self.note(spot, Kind::SaidInText { word: "enum".to_owned() });
        vec![format!("One of {}.", shown.join(", "))]
    }

    pub(super) fn number(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "number" });
        let mut more = self.other_values(flat, spot);
        let format = flat.words.get("format").and_then(Value::as_str);
        if let Some(format @ ("float" | "double")) = format {
            schema["format"] = format.into();
        }
        if spot.side != Side::Answer {
            for (word, text) in [("minimum", "At least"), ("maximum", "At most")] {
                if let Some(limit) = flat.words.get(word).filter(|limit| limit.is_number()) {
                    more.push(format!("{text} {limit}."));
                    self.note(spot, Kind::SaidInText { word: word.to_owned() });
                }
            }
        }
        self.finished(schema, flat, spot, more)
    }
}
