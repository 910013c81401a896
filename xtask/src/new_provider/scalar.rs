//! Texts and numbers, with what limits them.

use heck::ToSnakeCase as _;
use serde_json::{Number, Value, json};

use super::{
    choice::Flat,
    decision::Kind,
    prose, sample,
    schema::{Schemas, Side, Spot, root_of},
};
use crate::document::{IntegerFormat, Pattern};

/// What a member's name says of a secret.
const SECRETS: [&str; 9] = [
    "access_key_secret", "api_key", "auth_token", "client_secret", "passphrase", "password",
    "private_key", "secret", "secret_key",
];

/// True for what holds a secret by its name.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_snake_case();
    SECRETS.iter().any(|secret| name == *secret || name.ends_with(&format!("_{secret}")))
}

impl Schemas<'_> {
    pub(super) fn plain_text(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "string" });
        let mut more = Vec::new();
        let format = flat.words.get("format").and_then(Value::as_str);
        let own = format.filter(|format| matches!(*format, "byte" | "password"));
        let is_json = matches!(format, Some("json" | "json-string"));
        match (own, format) {
            (Some(format), _) if spot.side != Side::Parameter => schema["format"] = format.into(),
            // Whether it is one is known where a parameter is made.
            (Some("password"), _) => {}
            _ if is_json && spot.side != Side::Parameter => schema["x-content"] = "json".into(),
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
        let name = spot.place.rsplit('.').next().unwrap_or_default();
        let is_member = spot.side != Side::Parameter && !spot.place.ends_with(".items");
        if is_secret(name) && is_member && schema.get("format").is_none() {
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
        } else if Pattern::try_from(pattern.to_owned()).is_err() || !prose::is_plain(pattern) {
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
        let mut more = Vec::new();
        let format = flat.words.get("format").and_then(Value::as_str).unwrap_or_default();
        let int = IntegerFormat::bounds;
        let (kept, range): (&str, (i128, i128)) = match format {
            "int32" => ("int32", int(IntegerFormat::Int32)),
            "int8" => ("int32", (i8::MIN.into(), i8::MAX.into())),
            "int16" => ("int32", (i16::MIN.into(), i16::MAX.into())),
            "uint8" => ("uint32", (0, u8::MAX.into())),
            "uint16" => ("uint32", (0, u16::MAX.into())),
            "uint32" => ("uint32", int(IntegerFormat::Uint32)),
            "uint64" | "uint" => ("uint64", int(IntegerFormat::Uint64)),
            "int64" => ("int64", int(IntegerFormat::Int64)),
            _ => ("", int(IntegerFormat::Int64)),
        };
        if !kept.is_empty() {
            schema["format"] = kept.into();
        } else if !format.is_empty() {
            let format: String =
                format.chars().filter(|c| c.is_ascii_graphic() && *c != '`').collect();
            more.push(format!("Form: `{format}`."));
        }
        if spot.side == Side::Answer {
            more.extend(self.other_values(flat, spot));
            return self.finished(schema, flat, spot, more);
        }
        more.extend(self.steps(flat, spot));
        let mut limits = [None, None];
        for (limit, is_least) in limits.iter_mut().zip([true, false]) {
            let Some(end) = End::of(flat, is_least) else { continue };
            let whole = end.whole();
            let is_idle = if is_least { whole <= range.0 } else { whole >= range.1 };
            *limit = i64::try_from(whole).ok().filter(|_| (range.0..=range.1).contains(&whole));
            if limit.is_none() && !is_idle {
                let why = "it is no whole number of the type's own range";
                self.note(spot, Kind::LimitLeftOut { word: end.word(), why });
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
        // Without a format, a number that cannot be negative is unsigned.
        let least = limits[0].map_or(range.0, i128::from);
        let most = limits[1].map_or(range.1, i128::from);
        let values = flat.words.get("enum").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<i64> = values
            .filter_map(Value::as_i64)
            .filter(|value| (least..=most).contains(&i128::from(*value)))
            .collect();
        match values.is_empty() {
            true => more.extend(self.other_values(flat, spot)),
            false => schema["enum"] = values.into(),
        }
        self.finished(schema, flat, spot, more)
    }

    /// The values of an enumeration that is said nowhere else, as a sentence.
    fn other_values(&mut self, flat: &Flat, spot: &Spot) -> Option<String> {
        let values = flat.words.get("enum")?.as_array()?.iter();
        let shown: Vec<String> =
            values.filter(|it| it.is_number() || it.is_boolean()).map(Value::to_string).collect();
        if shown.is_empty() {
            return None;
        }
        self.note(spot, Kind::SaidInText { word: "enum".to_owned() });
        Some(format!("One of {}.", shown.join(", ")))
    }

    /// What a number is a multiple of, as a sentence.
    fn steps(&mut self, flat: &Flat, spot: &Spot) -> Option<String> {
        let step = flat.words.get("multipleOf")?;
        self.note(spot, Kind::SaidInText { word: "multipleOf".to_owned() });
        Some(format!("A multiple of {step}."))
    }

    pub(super) fn boolean(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let more = self.other_values(flat, spot).into_iter().collect();
        self.finished(json!({ "type": "boolean" }), flat, spot, more)
    }

    pub(super) fn number(&mut self, flat: &Flat, spot: &Spot) -> Value {
        let mut schema = json!({ "type": "number" });
        let mut more: Vec<String> = self.other_values(flat, spot).into_iter().collect();
        let format = flat.words.get("format").and_then(Value::as_str);
        if let Some(format @ ("float" | "double")) = format {
            schema["format"] = format.into();
        }
        if spot.side != Side::Answer {
            more.extend(self.steps(flat, spot));
            let ends = [End::of(flat, true), End::of(flat, false)];
            for end in ends.iter().flatten() {
                schema[end.name] = Value::Number(end.limit.clone());
                if end.is_excluded {
                    schema[end.excluding()] = true.into();
                }
            }
            if sample::number(&schema).is_none() {
                let why = "nothing is that large and that small";
                for end in ends.into_iter().flatten() {
                    let words = schema.as_object_mut().into_iter();
                    words.for_each(|words| {
                        words.shift_remove(end.name);
                        words.shift_remove(end.excluding());
                    });
                    self.note(spot, Kind::LimitLeftOut { word: end.word(), why });
                }
            }
        }
        self.finished(schema, flat, spot, more)
    }
}

/// An end of the range of a number.
struct End {
    /// `minimum` or `maximum`.
    name: &'static str,
    limit: Number,
    /// Whether the limit itself is beyond the end.
    is_excluded: bool,
}

impl End {
    /// What a schema says; documents of other versions of OpenAPI give the excluded number itself.
    fn of(flat: &Flat, is_least: bool) -> Option<Self> {
        let name = if is_least { "minimum" } else { "maximum" };
        let mut end = Self { name, limit: Number::from(0), is_excluded: false };
        let own = flat.words.get(name).and_then(Value::as_number);
        let excluded = flat.words.get(end.excluding());
        let (limit, is_excluded) = match (own, excluded) {
            (Some(own), Some(Value::Number(other))) => {
                let (low, high) = (own.as_f64()?, other.as_f64()?);
                let is_tighter = if is_least { high >= low } else { high <= low };
                if is_tighter { (other, true) } else { (own, false) }
            }
            (None, Some(Value::Number(other))) => (other, true),
            (own, excluded) => (own?, excluded == Some(&json!(true))),
        };
        end.limit = limit.clone();
        end.is_excluded = is_excluded;
        Some(end)
    }

    fn excluding(&self) -> &'static str {
        if self.name == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" }
    }

    fn word(&self) -> String {
        format!("{}: {}", self.name, self.limit)
    }

    /// The last whole number within.
    fn whole(&self) -> i128 {
        let inwards: i128 = if self.name == "minimum" { 1 } else { -1 };
        let exact = self.limit.as_i64().map(i128::from).or(self.limit.as_u64().map(i128::from));
        let number = self.limit.as_f64().unwrap_or_default();
        let number = if inwards > 0 { number.ceil() } else { number.floor() };
        let is_whole = exact.is_some() || self.limit.as_f64() == Some(number);
        // What is beyond every type stays beyond it.
        let whole = exact.unwrap_or(number as i128);
        if self.is_excluded && is_whole { whole.saturating_add(inwards) } else { whole }
    }
}
