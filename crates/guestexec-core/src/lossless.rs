//! A reader of answers that do not follow their document.
//!
//! A member of another type than documented costs no other member: its field stays empty, and the value is
//! kept as it came. Generated code lists the members of each answer type ([`answer!`](crate::answer)); the
//! reading and writing is all here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::{Deref, DerefMut},
};

use serde::{
    Deserialize, Deserializer, Serializer,
    de::{DeserializeOwned, Error as _},
    ser::SerializeMap as _,
};
use serde_json::{Map, Number, Value};

use crate::{Base64, Secret};

/// The values of an answer that its typed fields do not hold: unknown members, and documented members of
/// another type, by their names on the wire.
///
/// A documented member is here whenever its field does not hold all of it: `"cpuNum": "many"` leaves the
/// field empty, `"cpuNum": "2"` is read as 2, and of a list with an odd element the field has the others
/// and this has the whole list. Null counts as absent.
///
/// It is used as a map. `Debug` shows the names only, because a new member may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extra(Map<String, Value>);

impl Extra {
    /// Takes the members of an envelope around the content that has these. A member of the content comes
    /// before one of the same name around it.
    pub fn join(&mut self, around: Self) {
        for (name, value) in around.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    /// The elements of the list `name` that could not be read because they are no objects; the value itself
    /// if it is no list.
    pub fn odd_elements(&self, name: &str) -> Vec<&Value> {
        match self.get(name) {
            Some(Value::Array(items)) => items.iter().filter(|item| !item.is_object()).collect(),
            Some(other) => vec![other],
            None => Vec::new(),
        }
    }
}

impl Deref for Extra {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Extra {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for Extra {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sorted, since features of serde_json decide on the order.
        let names: BTreeSet<&String> = self.keys().collect();
        f.debug_set().entries(names).finish()
    }
}

/// A type that is read from a value as far as possible.
pub trait Lenient: Sized {
    /// The value, if `raw` can be read at all, and whether it holds all of `raw`.
    fn lenient(raw: &Value) -> (Option<Self>, bool);

    /// The value as JSON. It needs no serializer, whose code would be compiled for each type.
    fn json(&self) -> Value;
}

/// A member of an answer.
pub trait Member {
    /// Reads the member from `raw` as far as possible; true if it then holds all of `raw`.
    fn read(&mut self, raw: &Value) -> bool;

    /// The member as JSON; `None` if it is left out.
    fn write(&self) -> Option<Value>;
}

/// An answer, or an object in one.
pub trait Answer {
    /// The member of that name on the wire, and the values that no member holds.
    fn member(&mut self, name: &str) -> (Option<&mut dyn Member>, &mut Extra);

    /// The members with their names on the wire, and the values that none of them holds.
    fn members(&self) -> (Vec<(&'static str, &dyn Member)>, &Extra);
}

impl<T: Answer> Answer for Box<T> {
    fn member(&mut self, name: &str) -> (Option<&mut dyn Member>, &mut Extra) {
        T::member(self, name)
    }

    fn members(&self) -> (Vec<(&'static str, &dyn Member)>, &Extra) {
        T::members(self)
    }
}

/// Reads an object's members, one by one; false if `raw` is no object.
fn fill(answer: &mut dyn Answer, raw: &Value) -> bool {
    let Value::Object(object) = raw else { return false };
    for (name, raw) in object {
        let (member, extra) = answer.member(name);
        if !member.is_some_and(|member| member.read(raw)) {
            extra.insert(name.clone(), raw.clone());
        }
    }
    true
}

/// An answer within another, as it was received.
fn object(answer: &dyn Answer) -> Map<String, Value> {
    let (members, extra) = answer.members();
    let mut object = Map::new();
    for (name, member) in members {
        if !extra.contains_key(name)
            && let Some(value) = member.write()
        {
            object.insert(name.to_owned(), value);
        }
    }
    object.extend(extra.iter().map(|(name, raw)| (name.clone(), raw.clone())));
    object
}

/// Reads an answer: an object that has all objects that are `required`.
///
/// # Errors
/// The deserializer's, and one for anything else.
pub fn deserialize<'de, T, D>(deserializer: D, required: &[&'static str]) -> Result<T, D::Error>
where
    T: Answer + Default,
    D: Deserializer<'de>,
{
    let raw = having(deserializer, required)?;
    let mut answer = T::default();
    if fill(&mut answer, &raw) { Ok(answer) } else { Err(D::Error::custom("it is no object")) }
}

/// Reads a value that has all objects that are `required`.
fn having<'de, D: Deserializer<'de>>(
    deserializer: D,
    required: &[&'static str],
) -> Result<Value, D::Error> {
    let raw = Value::deserialize(deserializer)?;
    match required.iter().find(|name| !raw[**name].is_object()) {
        Some(missing) => Err(D::Error::missing_field(missing)),
        None => Ok(raw),
    }
}

/// Writes an answer as it was received.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(answer: &dyn Answer, serializer: S) -> Result<S::Ok, S::Error> {
    let (members, extra) = answer.members();
    let mut object = serializer.serialize_map(None)?;
    for (name, member) in members {
        if !extra.contains_key(name)
            && let Some(value) = member.write()
        {
            object.serialize_entry(name, &value)?;
        }
    }
    for (name, raw) in extra.iter() {
        object.serialize_entry(name, raw)?;
    }
    object.end()
}

/// A required member; it is empty if the answer lacks it.
impl<T: Answer + Default> Member for T {
    fn read(&mut self, raw: &Value) -> bool {
        *self = T::default();
        fill(self, raw)
    }

    fn write(&self) -> Option<Value> {
        Some(Value::Object(object(self)))
    }
}

impl<T: Answer + Default> Lenient for T {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        let mut answer = T::default();
        if fill(&mut answer, raw) { (Some(answer), true) } else { (None, false) }
    }

    fn json(&self) -> Value {
        Value::Object(object(self))
    }
}

impl<T: Lenient> Member for Option<T> {
    fn read(&mut self, raw: &Value) -> bool {
        let (value, whole) = if raw.is_null() { (None, true) } else { T::lenient(raw) };
        *self = value;
        whole
    }

    fn write(&self) -> Option<Value> {
        match self.as_ref().map(T::json) {
            Some(Value::Null) => None,
            value => value,
        }
    }
}

macro_rules! collections {
    ($($ty:ty [$($item:ident)?]),*) => {$(
        impl$(<$item: Lenient>)? Member for $ty {
            fn read(&mut self, raw: &Value) -> bool {
                let (items, whole) = Self::lenient(raw);
                *self = items.unwrap_or_default();
                whole || raw.is_null()
            }

            fn write(&self) -> Option<Value> {
                if self.is_empty() { None } else { Some(self.json()) }
            }
        }
    )*};
}
collections!(Vec<T> [T], BTreeMap<String, T> [T], Map<String, Value> []);

impl<T: Lenient> Lenient for Vec<T> {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        let Value::Array(items) = raw else { return (None, false) };
        let mut whole = true;
        let mut read = Self::with_capacity(items.len());
        for item in items {
            let (value, all) = T::lenient(item);
            whole &= all;
            read.extend(value);
        }
        (Some(read), whole)
    }

    fn json(&self) -> Value {
        self.iter().map(T::json).collect()
    }
}

impl<T: Lenient> Lenient for BTreeMap<String, T> {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        let Value::Object(members) = raw else { return (None, false) };
        let mut whole = true;
        let mut read = Self::new();
        for (name, raw) in members {
            let (value, all) = T::lenient(raw);
            whole &= all;
            if let Some(value) = value {
                read.insert(name.clone(), value);
            }
        }
        (Some(read), whole)
    }

    fn json(&self) -> Value {
        self.iter().map(|(name, value)| (name.clone(), value.json())).collect()
    }
}

impl Lenient for String {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        match raw {
            Value::String(text) => (Some(text.clone()), true),
            Value::Number(number) => (Some(number.to_string()), false),
            _ => (None, false),
        }
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Lenient for bool {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        match raw {
            Value::Bool(value) => (Some(*value), true),
            Value::String(text) => (text.trim().to_ascii_lowercase().parse().ok(), false),
            _ => (None, false),
        }
    }

    fn json(&self) -> Value {
        Value::Bool(*self)
    }
}

/// Reads a number; also from a text, and from another type of number without loss.
fn number<T: DeserializeOwned>(raw: &Value) -> (Option<T>, bool) {
    if raw.is_number()
        && let Ok(value) = T::deserialize(raw)
    {
        return (Some(value), true);
    }
    (other_number(raw).and_then(|number| T::deserialize(&number).ok()), false)
}

/// The number that is in a text, or as whole as it can be. A function of its own is compiled once, and not for each
/// type of number.
fn other_number(raw: &Value) -> Option<Value> {
    let text = match raw {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().trim_start_matches('+').to_owned(),
        _ => return None,
    };
    // `2.0` is 2; no number is rounded.
    let whole = text.split_once('.').filter(|(_, part)| part.bytes().all(|digit| digit == b'0'));
    let text = whole.map_or(&*text, |(integer, _)| integer);
    serde_json::from_str::<Number>(text).ok().map(Value::Number)
}

macro_rules! numbers {
    ($($ty:ty),*) => {$(
        impl Lenient for $ty {
            #[inline]
            fn lenient(raw: &Value) -> (Option<Self>, bool) {
                number(raw)
            }

            fn json(&self) -> Value {
                Value::from(*self)
            }
        }
    )*};
}

numbers!(i32, i64, u32, u64, f64);

impl Lenient for Base64 {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        let Value::String(text) = raw else { return (None, false) };
        let content = Self::from_encoded(text);
        // Text without padding or with blanks would not be written as it was received.
        let whole = content.encoded_len() == text.len();
        (Some(content), whole)
    }

    fn json(&self) -> Value {
        Value::String(self.to_encoded())
    }
}

impl Lenient for Secret {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        (raw.as_str().map(Self::from), raw.is_string())
    }

    fn json(&self) -> Value {
        Value::from(self.expose())
    }
}

impl Lenient for Map<String, Value> {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        (raw.as_object().cloned(), raw.is_object())
    }

    fn json(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl Lenient for Value {
    fn lenient(raw: &Value) -> (Option<Self>, bool) {
        (Some(raw.clone()), true)
    }

    fn json(&self) -> Value {
        self.clone()
    }
}

/// Implements the reading and writing of an answer type: its fields with their names on the wire, and the
/// required objects.
#[doc(hidden)]
#[macro_export]
macro_rules! answer {
    ($name:ident { $($field:ident = $wire:literal),* $(,)? } keeps $extra:ident $(requires $required:literal)*) => {
        impl $crate::__private::Answer for $name {
            #[inline]
            fn member(
                &mut self,
                name: &str,
            ) -> (Option<&mut dyn $crate::__private::Member>, &mut $crate::Extra) {
                let member: &mut dyn $crate::__private::Member = match name {
                    $($wire => &mut self.$field,)*
                    _ => return (None, &mut self.$extra),
                };
                (Some(member), &mut self.$extra)
            }

            #[inline]
            fn members(
                &self,
            ) -> (Vec<(&'static str, &dyn $crate::__private::Member)>, &$crate::Extra) {
                (vec![$(($wire, &self.$field)),*], &self.$extra)
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::__private::deserialize_answer(deserializer, &[$($required),*])
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                $crate::__private::serialize_answer(self, serializer)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::Extra;
    use crate::{Base64, Secret};

    crate::open_enum! {
        /// States.
        pub enum State {
            /// It is on.
            On = "ON",
        }
    }

    #[derive(Clone, Debug, Default)]
    struct Part {
        name: Option<String>,
        extra: Extra,
    }

    crate::answer!(Part { name = "Name" } keeps extra);

    #[derive(Clone, Debug, Default)]
    struct Whole {
        part: Part,
        text: Option<String>,
        number: Option<i32>,
        count: Option<u64>,
        share: Option<f64>,
        is_on: Option<bool>,
        state: Option<State>,
        content: Option<Base64>,
        secret: Option<Secret>,
        parts: Vec<Part>,
        cause: Option<Box<Whole>>,
        labels: BTreeMap<String, String>,
        extra: Extra,
    }

    crate::answer!(Whole {
        part = "Part", text = "Text", number = "Number", count = "Count", share = "Share",
        is_on = "IsOn", state = "State", content = "Content", secret = "Secret", parts = "Parts",
        cause = "Cause", labels = "Labels",
    } keeps extra requires "Part");

    fn sample() -> Value {
        json!({
            "Part": { "Name": "a", "New": [1, 2] },
            "Text": "t", "Number": -3, "Count": 4, "Share": 0.5, "IsOn": true, "State": "ON",
            "Content": "aGk=", "Secret": "s", "Parts": [{ "Name": "b" }, { "Name": "c" }],
            "Cause": { "Part": {}, "Text": "why", "Labels": {} },
            "Labels": { "k": "v" },
        })
    }

    fn read(value: &Value) -> Whole {
        serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{e}: {value}"))
    }

    /// All members, as a reader sees them.
    fn seen(whole: &Whole) -> Value {
        let mut members = serde_json::Map::new();
        for (name, member) in super::Answer::members(whole).0 {
            members.insert(name.to_owned(), member.write().unwrap_or_default());
        }
        Value::Object(members)
    }

    fn prune(value: &mut Value) {
        if let Value::Number(number) = value {
            // 7 and 7.0 are one.
            *value = json!(number.as_f64());
        }
        let Value::Object(members) = value else { return };
        members.values_mut().for_each(prune);
        members.retain(|_, value| ![json!(null), json!([]), json!({})].contains(value));
    }

    #[test]
    fn no_member_costs_another() {
        let usual = sample();
        let expected = seen(&read(&usual));
        let odd = [
            json!(null),
            json!(false),
            json!(7),
            json!(-1),
            json!(0.25),
            json!(1e300),
            json!("text"),
            json!("12"),
            json!([]),
            json!([[1], null, 5, "x", {}]),
            json!({}),
            json!({ "Name": ["n"], "Text": {}, "k": 1 }),
        ];
        for name in usual.as_object().unwrap().keys() {
            for value in odd.iter().map(Some).chain([None]) {
                let mut mutated = usual.clone();
                match value {
                    Some(value) => mutated[name] = value.clone(),
                    None => drop(mutated.as_object_mut().unwrap().remove(name)),
                }
                if name == "Part" && !mutated["Part"].is_object() {
                    let _: serde_json::Error =
                        serde_json::from_value::<Whole>(mutated).unwrap_err();
                    continue;
                }
                let whole = read(&mutated);
                let mut others = seen(&whole);
                others[name] = expected[name].clone();
                assert_eq!(others, expected, "{name}: {value:?}");
                // It is written as it came; null, absence and no elements are one.
                let mut written = serde_json::to_value(&whole).unwrap();
                prune(&mut written);
                prune(&mut mutated);
                assert_eq!(written, mutated, "{name}: {value:?}");
            }
        }
    }

    #[test]
    fn numbers_and_texts_are_taken_for_each_other_where_they_say_the_same() {
        for (raw, number) in [
            (json!(3), Some(3)),
            (json!("3"), Some(3)),
            (json!(" -3 "), Some(-3)),
            (json!("+3"), Some(3)),
            (json!(3.0), Some(3)),
            (json!("3.00"), Some(3)),
            (json!(3.5), None),
            (json!("3.5"), None),
            (json!(1e20), None),
            (json!("0x3"), None),
            (json!(""), None),
            (json!("."), None),
            (json!(2147483648u32), None),
            (json!(true), None),
        ] {
            let whole = read(&json!({ "Part": {}, "Number": raw }));
            assert_eq!(whole.number, number, "{raw}");
            // Kept unless the field says all.
            assert_eq!(whole.extra.get("Number"), (raw != json!(3)).then_some(&raw), "{raw}");
        }
        let whole =
            read(&json!({ "Part": {}, "Count": -1, "Text": 503, "State": 1, "IsOn": "False" }));
        assert_eq!((whole.count, whole.is_on), (None, Some(false)));
        assert_eq!((whole.text.as_deref(), whole.state), (Some("503"), Some("1".into())));
        assert_eq!(State::KNOWN, ["ON"]);
    }

    #[test]
    fn an_odd_element_costs_no_other() {
        let raw = json!([{ "Name": "b" }, 5, null, { "Name": ["odd"] }, "x", { "Name": "c" }]);
        let whole =
            read(&json!({ "Part": {}, "Parts": raw, "Labels": { "a": "b", "n": 1, "o": {} } }));
        let names: Vec<_> = whole.parts.iter().map(|part| part.name.as_deref()).collect();
        assert_eq!(names, [Some("b"), None, Some("c")]);
        assert_eq!(whole.parts[1].extra["Name"], json!(["odd"]));
        assert_eq!(whole.extra["Parts"], raw);
        assert_eq!(whole.extra.odd_elements("Parts"), [&json!(5), &json!(null), &json!("x")]);
        assert_eq!(
            whole.labels,
            BTreeMap::from([("a", "b"), ("n", "1")].map(|(k, v)| (k.into(), v.into())))
        );
        assert_eq!(whole.extra["Labels"]["o"], json!({}));
    }

    #[test]
    fn what_is_around_the_content_joins_it() {
        let mut content = read(&json!({ "Part": {}, "Both": 1, "Inner": 2 })).extra;
        content.join(read(&json!({ "Part": {}, "Both": 3, "Outer": 4 })).extra);
        assert_eq!(content["Both"], json!(1));
        assert_eq!((&content["Inner"], &content["Outer"]), (&json!(2), &json!(4)));
    }

    #[test]
    fn what_is_kept_is_not_printed() {
        let whole = read(&json!({ "Part": {}, "Secret": ["s3cret"], "New": "s3cret" }));
        let text = format!("{whole:?}");
        // Their order is that of `serde_json`'s maps, which a feature changes.
        assert!(text.contains(r#""New""#) && text.contains(r#""Secret""#), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for raw in [json!({}), json!([]), json!("text"), json!(null), json!({ "Part": [] })] {
            assert!(serde_json::from_value::<Whole>(raw.clone()).is_err(), "{raw}");
        }
        // The last of two members of one name counts, as with the vendors' own readers.
        let twice: Whole = serde_json::from_str(r#"{"Part": {}, "Text": 1, "Text": "b"}"#).unwrap();
        assert_eq!(twice.text.as_deref(), Some("b"));
    }
}
