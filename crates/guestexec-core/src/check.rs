//! The limits of a document, checked before anything is sent.
//!
//! The generator turns each constraint of a request schema into one call of a function here. Every
//! violation names the member, its size and the limit, and never its value.
//!
//! The generator includes this page as it is and checks the examples of a document with it. So the page
//! refers to nothing else of this crate.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    ops::{Bound, RangeBounds},
};

use serde_json::Value;

// The generator takes this file into its own tree, where a module would be looked for in another folder.
#[path = "check/pattern.rs"]
mod pattern;

pub use pattern::Pattern;

/// A limit that a request violates: the member, and how.
///
/// ```
/// use guestexec_core::Violation;
///
/// let problem = "has 200 characters, but at most 127 are allowed";
/// let violation = Violation::new("Key", problem).within("Tags[3]");
/// assert_eq!(violation.field(), "Tags[3].Key");
/// assert_eq!(
///     violation.to_string(),
///     "`Tags[3].Key` has 200 characters, but at most 127 are allowed"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    field: String,
    problem: String,
}

/// The text between members of which one has to be given.
const OR: &str = "` or `";

/// The result of a check.
pub type Checked = Result<(), Violation>;

impl Violation {
    /// A violation by `field`; `problem` continues a sentence that begins with its name.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The path of the member, in names of the wire: `Tags[3].Key`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Prefixes the path with `parent`, the object that holds the member.
    #[must_use]
    pub fn within(mut self, parent: impl Display) -> Self {
        let inside = |field: &str| {
            let dot = if field.starts_with('[') { "" } else { "." };
            format!("{parent}{dot}{field}")
        };
        let members: Vec<String> = self.field.split(OR).map(inside).collect();
        self.field = members.join(OR);
        self
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl std::error::Error for Violation {}

/// A request type whose document limits its members.
pub trait Validate {
    /// Checks every limit of this type and of those inside it.
    ///
    /// # Errors
    /// The first violation, in the document's order.
    fn validate(&self) -> Checked {
        Ok(())
    }
}

/// Checks the body of a request, if `checks` is on.
///
/// # Errors
/// As [`Validate::validate`].
#[inline]
pub fn check_body(checks: bool, body: &impl Validate) -> Checked {
    if checks { body.validate() } else { Ok(()) }
}

impl<T: Validate + ?Sized> Validate for Box<T> {
    fn validate(&self) -> Checked {
        T::validate(self)
    }
}

/// Checks that a count is within `limits`; the unit is for one, and for any other number.
fn count(field: &str, is: usize, unit: [&str; 2], limits: impl RangeBounds<usize>) -> Checked {
    let wrong = match (limits.start_bound(), limits.end_bound()) {
        (_, Bound::Included(1)) if is > 1 => "at most 1 is allowed".to_owned(),
        (_, Bound::Included(most)) if is > *most => format!("at most {most} are allowed"),
        (Bound::Included(least), _) if is < *least => format!("needs at least {least}"),
        _ => return Ok(()),
    };
    let unit = unit[usize::from(is != 1)];
    Err(Violation::new(field, format!("has {is} {unit}, but {wrong}")))
}

/// How long a text is, in words.
fn in_characters(count: usize) -> String {
    match count {
        1 => "1 character".to_owned(),
        many => format!("{many} characters"),
    }
}

/// Checks how many characters a text has.
pub fn characters(field: &str, value: &str, limits: impl RangeBounds<usize>) -> Checked {
    count(field, value.chars().count(), ["character", "characters"], limits)
}

/// Checks how many bytes of UTF-8 a text has.
pub fn bytes(field: &str, value: &str, limits: impl RangeBounds<usize>) -> Checked {
    count(field, value.len(), ["byte", "bytes"], limits)
}

/// Bytes that travel as Base64 text.
pub trait Encoded {
    /// The length of the text in characters.
    fn encoded_len(&self) -> usize;

    /// True for text that stands for no bytes.
    fn is_malformed(&self) -> bool;
}

/// Checks that a text is Base64.
pub fn base64(field: &str, value: &impl Encoded) -> Checked {
    if !value.is_malformed() {
        return Ok(());
    }
    let length = in_characters(value.encoded_len());
    Err(Violation::new(field, format!("({length}) is not Base64")))
}

/// Checks how many characters a Base64 text has.
pub fn encoded(field: &str, value: &impl Encoded, limits: impl RangeBounds<usize>) -> Checked {
    count(field, value.encoded_len(), ["character of Base64", "characters of Base64"], limits)
}

/// Checks how many items a list has.
pub fn items<T>(field: &str, value: &[T], limits: impl RangeBounds<usize>) -> Checked {
    count(field, value.len(), ["item", "items"], limits)
}

/// Checks how many members a map has.
pub fn members<T>(
    field: &str,
    value: &BTreeMap<String, T>,
    limits: impl RangeBounds<usize>,
) -> Checked {
    count(field, value.len(), ["member", "members"], limits)
}

/// Checks that a number is within `limits`.
pub fn range<T: PartialOrd + Display>(
    field: &str,
    value: T,
    limits: impl RangeBounds<T>,
) -> Checked {
    if limits.contains(&value) {
        return Ok(());
    }
    let allowed = match (limits.start_bound(), limits.end_bound()) {
        (Bound::Included(least), Bound::Included(most)) => format!("{least} to {most} is"),
        (least, most) => {
            let least = match least {
                Bound::Included(least) => Some(format!("{least} or more")),
                Bound::Excluded(least) => Some(format!("more than {least}")),
                Bound::Unbounded => None,
            };
            let most = match most {
                Bound::Included(most) => Some(format!("at most {most}")),
                Bound::Excluded(most) => Some(format!("less than {most}")),
                Bound::Unbounded => None,
            };
            let both: Vec<String> = least.into_iter().chain(most).collect();
            format!("{} is", both.join(" and "))
        }
    };
    Err(Violation::new(field, format!("is {value}, but only {allowed} allowed")))
}

/// Checks that a text matches `pattern`.
pub fn pattern(field: &str, value: &str, pattern: &Pattern<'_>) -> Checked {
    if pattern.matches(value) {
        return Ok(());
    }
    Err(Violation::new(
        field,
        format!(
            "({}) does not have the form the service takes, `{}`",
            in_characters(value.chars().count()),
            pattern.text
        ),
    ))
}

/// Checks every item of a list; a violation names the item by its index.
pub fn each<T>(field: &str, items: &[T], check: impl Fn(&T) -> Checked) -> Checked {
    // A loop, as adapters of iterators would be compiled for each kind of item.
    for (index, item) in items.iter().enumerate() {
        check(item).map_err(|violation| in_item(violation, field, index))?;
    }
    Ok(())
}

/// The violation with the place of the item that has it.
fn in_item(violation: Violation, field: &str, index: usize) -> Violation {
    match violation.field.as_str() {
        "" => Violation::new(format!("{field}[{index}]"), violation.problem),
        _ => violation.within(format_args!("{field}[{index}]")),
    }
}

/// Checks every value of a map; a violation names the value by its key.
pub fn each_value<T>(
    field: &str,
    map: &BTreeMap<String, T>,
    check: impl Fn(&T) -> Checked,
) -> Checked {
    let place = |key: &str| match field {
        // A map in a list or in a map, or the members without a name beside others.
        "" => key.to_owned(),
        _ => format!("{field}.{key}"),
    };
    map.iter().try_for_each(|(key, value)| {
        check(value).map_err(|violation| match violation.field.as_str() {
            "" => Violation::new(place(key), violation.problem),
            _ => violation.within(place(key)),
        })
    })
}

/// Checks that a number is one of a closed set.
pub fn one_of_numbers<T: PartialEq + Display>(field: &str, value: T, allowed: &[T]) -> Checked {
    if allowed.contains(&value) {
        return Ok(());
    }
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let problem =
        format!("is {value}, which is none of the values allowed: {}", allowed.join(", "));
    Err(Violation::new(field, problem))
}

/// Checks that a value is one of a closed set.
pub fn one_of(field: &str, value: &str, allowed: &[&str]) -> Checked {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Violation::new(field, format!("is none of the values allowed: {}", allowed.join(", "))))
}

/// Checks that no item of a list is repeated.
pub fn unique<T: PartialEq>(field: &str, value: &[T]) -> Checked {
    for (index, item) in value.iter().enumerate() {
        if let Some(earlier) = value[..index].iter().position(|other| other == item) {
            return Err(Violation::new(
                format!("{field}[{index}]"),
                format!("repeats item {earlier}, but each may be given once"),
            ));
        }
    }
    Ok(())
}

/// Checks that at most one of the members is given.
pub fn exclusive(members: &[(&str, bool)]) -> Checked {
    let given: Vec<&str> = members.iter().filter(|(_, given)| *given).map(|(n, _)| *n).collect();
    match given[..] {
        [first, second, ..] => Err(Violation::new(
            first,
            format!("and `{second}` exclude each other, but both were given: leave one out"),
        )),
        _ => Ok(()),
    }
}

/// Checks that exactly one of the members is given.
#[inline]
pub fn exactly_one_of(members: &[(&str, bool)]) -> Checked {
    exclusive(members)?;
    if members.iter().any(|(_, given)| *given) {
        return Ok(());
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    Err(Violation::new(names.join(OR), "has to be given, but none was"))
}

/// Checks that at least `least` of the members are given.
#[inline]
pub fn some_of(least: usize, members: &[(&str, bool)]) -> Checked {
    if members.iter().filter(|(_, given)| *given).count() >= least {
        return Ok(());
    }
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let problem = match least {
        1 => "has to be given, but none was".to_owned(),
        _ => format!("has to be given, at least {least} of them"),
    };
    Err(Violation::new(names.join(OR), problem))
}

/// Checks that a member is given only if another one has a certain value.
pub fn requires(field: &str, given: bool, other: &str, value: &str, holds: bool) -> Checked {
    if !given || holds {
        return Ok(());
    }
    Err(Violation::new(field, format!("was given, which needs `{other}` to be {value}")))
}

/// The limits of a JSON object in a text member.
#[derive(Debug)]
pub struct JsonObject {
    /// The most members.
    pub max_properties: usize,
    /// The most characters of a name.
    pub key_max_length: usize,
}

impl JsonObject {
    /// An object of at most `max_properties` members, with names of at most `key_max_length` characters.
    pub const fn new(max_properties: usize, key_max_length: usize) -> Self {
        Self { max_properties, key_max_length }
    }
}

/// Checks that a text is a JSON object whose members are texts.
pub fn json_object(field: &str, value: &str, rules: &JsonObject, key: &Pattern<'_>) -> Checked {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(value) else {
        return Err(Violation::new(
            field,
            format!("({}) is not a JSON object in text", in_characters(value.chars().count())),
        ));
    };
    count(field, object.len(), ["member", "members"], ..=rules.max_properties)?;
    for (name, value) in &object {
        let at = format!("{field}.{name}");
        characters(&format!("{at} (name)"), name, 1..=rules.key_max_length)?;
        pattern(&format!("{at} (name)"), name, key)?;
        if !value.is_string() {
            return Err(Violation::new(at, "is not a text, and only texts are allowed there"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(checked: Checked) -> String {
        checked.unwrap_err().to_string()
    }

    #[test]
    fn each_refusal_names_member_size_and_limit() {
        let two_byte = "é".repeat(31);
        assert_eq!(
            says(bytes("CommandName", &two_byte, 0..=60)),
            "`CommandName` has 62 bytes, but at most 60 are allowed"
        );
        assert_eq!(characters("CommandName", &two_byte, 0..=60), Ok(()));
        assert_eq!(
            says(items::<u8>("InstanceIds", &[], 1..=200)),
            "`InstanceIds` has 0 items, but needs at least 1"
        );
        assert_eq!(
            says(range("Timeout", 86_401u32, 1..=86_400)),
            "`Timeout` is 86401, but only 1 to 86400 is allowed"
        );
        assert_eq!(
            says(each("Tags", &["x", "xx"], |key| bytes("Key", key, 0..=1))),
            "`Tags[1].Key` has 2 bytes, but at most 1 is allowed"
        );
        assert_eq!(
            says(each("Ids", &["", "x"], |id| characters("", id, 1..))),
            "`Ids[0]` has 0 characters, but needs at least 1"
        );
        let map = BTreeMap::from([("a".to_owned(), 3u64)]);
        assert_eq!(
            says(each_value("Marks", &map, |size| range("", *size, ..=2))),
            "`Marks.a` is 3, but only at most 2 is allowed"
        );
        assert_eq!(says(members("Marks", &map, 2..)), "`Marks` has 1 member, but needs at least 2");
        assert_eq!(
            says(one_of_numbers("Size", 3, &[1, 2])),
            "`Size` is 3, which is none of the values allowed: 1, 2"
        );
    }

    #[test]
    fn the_ends_of_a_range_of_numbers() {
        let open = (Bound::Excluded(0.0), Bound::Excluded(1.5));
        assert_eq!(range("Share", 0.5, open), Ok(()));
        for value in [0.0, 1.5, f64::NAN] {
            let said = says(range("Share", value, open));
            let allowed = "only more than 0 and less than 1.5 is allowed";
            assert_eq!(said, format!("`Share` is {value}, but {allowed}"));
        }
        assert!(says(range("Share", 2.5, ..=1.5)).ends_with("only at most 1.5 is allowed"));
        assert!(says(range("Share", 0.5, 1.5..)).ends_with("only 1.5 or more is allowed"));
    }

    #[test]
    fn a_value_is_never_repeated() {
        let form = Pattern::new("^[a-z]+$");
        assert!(!says(pattern("p", "S3cret!", &form)).contains("S3cret"));
        assert!(!says(one_of("p", "S3cret", &["a"])).contains("S3cret"));
        let rules = JsonObject { max_properties: 1, key_max_length: 3 };
        assert!(!says(json_object("p", "S3cret", &rules, &form)).contains("S3cret"));
    }

    #[test]
    fn members_that_exclude_or_need_each_other() {
        assert_eq!(exclusive(&[("A", true), ("B", false)]), Ok(()));
        assert!(says(exclusive(&[("A", true), ("B", true)])).starts_with("`A` and `B` exclude"));
        let none = [("A", false), ("B", false)];
        assert!(says(exactly_one_of(&none)).starts_with("`A` or `B` has"));
        let inside = some_of(1, &none).map_err(|violation| violation.within("in"));
        assert_eq!(says(inside), "`in.A` or `in.B` has to be given, but none was");
        assert!(says(some_of(2, &[("A", true), ("B", false)])).ends_with("at least 2 of them"));
        assert_eq!(requires("P", false, "E", "true", false), Ok(()));
        assert!(says(requires("P", true, "E", "true", false)).contains("needs `E` to be true"));
        assert!(says(unique("ids", &["a", "b", "a"])).starts_with("`ids[2]` repeats item 0"));
    }

    #[test]
    fn what_is_within_lists_and_maps_has_its_path() {
        let short = |text: &String| characters("", text, ..=2);
        let map = |text: &str| BTreeMap::from([("key".to_owned(), text.to_owned())]);
        let maps = [map("ab"), map("abc")];
        let said = each("list", &maps, |map| each_value("", map, short));
        assert!(says(said).starts_with("`list[1].key` has 3 characters"));
        let nested = BTreeMap::from([("outer".to_owned(), map("abc"))]);
        let said = each_value("map", &nested, |map| each_value("", map, short));
        assert!(says(said).starts_with("`map.outer.key` has 3 characters"));
        assert!(says(each_value("", &map("abc"), short)).starts_with("`key` has 3"));
        let lists = [vec!["abc".to_owned()]];
        let said = each("rows", &lists, |row| each("", row, short));
        assert!(says(said).starts_with("`rows[0][0]` has 3"));
    }

    #[test]
    fn a_json_object_in_text() {
        let key = Pattern::new("^[a-zA-Z0-9_-]+$");
        let rules = JsonObject { max_properties: 2, key_max_length: 3 };
        let check = |text| json_object("Parameters", text, &rules, &key);
        assert_eq!(check(r#"{"a":"1","b-c":""}"#), Ok(()));
        for (text, problem) in [
            ("{", "not a JSON object"),
            ("[]", "not a JSON object"),
            (r#"{"a":1}"#, "not a text"),
            (r#"{"abcd":""}"#, "4 characters"),
            (r#"{"":""}"#, "at least 1"),
            (r#"{"é":""}"#, "form"),
            (r#"{"a":"","b":"","c":""}"#, "3 members"),
        ] {
            assert!(says(check(text)).contains(problem), "{text}");
        }
    }
}
