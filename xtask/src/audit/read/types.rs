//! Types as vendors write them, names of members, and both glued together.

use super::terms;
use crate::audit::page::Type;

/// The type that a cell names.
pub fn parse(text: &str) -> Type {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> Type {
    let text = text.trim().trim_matches(['*', '`']).trim();
    let lower = text.to_lowercase();
    if depth > 8 {
        return Type::Unknown(text.to_owned());
    }
    let list = |item: &str| Type::List(Box::new(nested(item, depth + 1)));
    for word in ["array", "list"] {
        let Some(rest) = lower.strip_prefix(word) else { continue };
        let item = &text[text.len() - rest.len()..];
        if let Some(item) =
            item.trim_start().strip_prefix("of ").or_else(|| item.trim_start().strip_prefix("Of "))
        {
            return list(item);
        }
        for (open, close) in [('<', '>'), ('[', ']'), ('(', ')')] {
            if let Some(item) =
                item.trim().strip_prefix(open).and_then(|item| item.strip_suffix(close))
            {
                return list(item);
            }
        }
    }
    if let Some(item) = text
        .strip_suffix("[]")
        .or_else(|| text.strip_suffix("数组"))
        .filter(|item| !item.is_empty())
    {
        return list(item);
    }
    if let Some(known) = primitive(&lower) {
        return known;
    }
    if lower.starts_with("map<")
        || lower.starts_with("map[")
        || lower.starts_with("map ")
        || lower.starts_with("dict<")
    {
        return Type::Map;
    }
    let named = ["objects", "object", "对象"].iter().find_map(|word| {
        let name = text.strip_suffix(word).or_else(|| text.strip_suffix(&word.to_uppercase()))?;
        Some(name.trim())
    });
    let name = named.unwrap_or(text);
    if is_identifier(name)
        && (named.is_some()
            || name.starts_with(|c: char| c.is_ascii_uppercase())
            || name.contains('.'))
    {
        Type::Object(Some(name.to_owned()))
    } else {
        Type::Unknown(text.to_owned())
    }
}

fn primitive(lower: &str) -> Option<Type> {
    Some(match lower {
        "string" | "strings" | "text" | "char" | "date" | "datetime" | "date-time"
        | "timestamp" | "time" | "uuid" | "timestamp iso8601" | "字符串" | "字符串型"
        | "字符型" | "时间" | "byte" | "binary" => Type::Text,
        "integer" | "integers" | "int" | "int32" | "int64" | "long" | "short" | "uint64"
        | "uint32" | "整数" | "整型" | "长整型" | "整数型" => Type::Integer,
        "number" | "numbers" | "float" | "double" | "decimal" | "浮点" | "浮点型" | "浮点数"
        | "数字" => Type::Number,
        "boolean" | "booleans" | "bool" | "布尔" | "布尔型" | "布尔值" => Type::Boolean,
        "object" | "objects" | "json" | "对象" | "json object" => Type::Object(None),
        "list" | "array" | "set" | "collection" | "列表" | "数组" => {
            Type::List(Box::new(Type::Unknown(String::new())))
        }
        "map" | "hashmap" | "linkedhashmap" | "dict" | "映射" => Type::Map,
        _ => return None,
    })
}

/// Whether a text names a type: words that could be anything do not.
pub fn is_type(text: &str) -> bool {
    text.len() < 120
        && match parse(text) {
            Type::Unknown(name) => name.is_empty(),
            Type::List(item) => !matches!(*item, Type::Unknown(ref name) if !name.is_empty()),
            _ => true,
        }
}

/// How many of the words name a type, the most there can be. `bare` allows a name alone, `Tag`.
pub fn leading(words: &[&str], bare: bool) -> Option<usize> {
    (1..=5.min(words.len())).rev().find(|n| {
        let text = words[..*n].join(" ");
        let known = is_type(&text) && (bare || *n > 1 || primitive(&text.to_lowercase()).is_some());
        // "String object" is a type and the word that follows it.
        known && (*n == 1 || is_long(&words[..*n]))
    })
}

/// Whether several words are one type, and none is prose behind it.
fn is_long(words: &[&str]) -> bool {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let last = lower.last().map_or("", String::as_str);
    let text = lower.join(" ");
    match lower[0].as_str() {
        "array" | "list" if lower.get(1).is_some_and(|word| word == "of") => {
            words.len() == 3
                || (words.len() == 4
                    && matches!(last, "object" | "objects")
                    && primitive(&lower[2]).is_none())
                || text.ends_with("of timestamp iso8601")
        }
        _ if text == "timestamp iso8601" => true,
        first if first.contains('<') => {
            text.ends_with('>') && text.matches('>').count() == text.matches('<').count()
        }
        first => {
            words.len() == 2 && matches!(last, "object" | "objects") && primitive(first).is_none()
        }
    }
}

/// Whether a text can be the name of a member: one word of letters, digits and a few marks.
pub fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('@').unwrap_or(text);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.$[]:/{}".contains(c);
    text == "-"
        || (text.len() <= 128
            && text.chars().all(allowed)
            && text
                .chars()
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$' || c == '{')
            && !text.ends_with([':', '.', '-', '/']))
}

/// A name as programs have them.
pub fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
        && !text.ends_with('.')
}

/// `RunCommand`: several words in one.
pub fn is_camel(text: &str) -> bool {
    is_identifier(text)
        && text.chars().filter(char::is_ascii_uppercase).count() > 1
        && text.chars().any(|c| c.is_ascii_lowercase())
        && !text.contains('.')
}

/// Whether a text is the code of an error.
pub fn is_code(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let part = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    let humps = text
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && parts.iter().all(part)
        && (parts.len() > 1
            || humps
            || text.contains('_')
            || text.chars().all(|c| c.is_ascii_digit()))
}

/// Whether a text is a status of HTTP.
pub fn is_status(text: &str) -> bool {
    text.len() == 3
        && text.chars().all(|c| c.is_ascii_digit())
        && ('1'..='5').contains(&text.chars().next().unwrap_or('0'))
}

/// A member in one line: name, type, mark, and perhaps its description.
#[derive(Debug, PartialEq)]
pub struct Glued {
    /// Its name.
    pub name: String,
    /// Its type, as written.
    pub ty: String,
    /// Whether it must be given, where it is marked.
    pub required: Option<bool>,
    /// What follows.
    pub text: String,
}

const ENDS: &[(&str, bool)] = &[
    ("Required", true),
    ("required", true),
    ("必填", true),
    ("必选", true),
    ("必需", true),
    ("Optional", false),
    ("可选", false),
    ("选填", false),
];

/// Types that stand behind a name, longest first.
const TYPES: &[&str] = &[
    "LinkedHashMap", "Timestamp", "HashMap", "Boolean", "boolean", "Integer", "Double", "Object",
    "String", "Number", "Float", "Array", "Long", "List", "Map", "Date", "Set", "string",
    "integer", "long", "字符串", "整型", "布尔型", "布尔", "对象", "列表", "数组",
];

/// Takes `vmInstanceUuidStringRequired The UUID.` apart. `names` are the names that examples on the page use.
pub fn unglue(line: &str, names: &[String]) -> Option<Glued> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix('-').filter(|rest| is_type(rest)) {
        return Some(Glued {
            name: "-".into(),
            ty: rest.into(),
            required: None,
            text: String::new(),
        });
    }
    let name_end = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or(line.len());
    let word = &line[..name_end];
    if !line.is_ascii() && word.is_empty()
        || !word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        || word.len() > 200
    {
        return None;
    }
    candidates(line, word, names).into_iter().next().map(|(_, glued)| glued)
}

/// The ways to take a line apart, the best first.
fn candidates(line: &str, word: &str, names: &[String]) -> Vec<(usize, Glued)> {
    let mut found = Vec::new();
    for (at, _) in line.char_indices().filter(|(at, _)| (1..=word.len()).contains(at)) {
        let name = &line[..at];
        let Some((ty, sure)) = type_at(&line[at..], name) else { continue };
        let rest = &line[at + ty.len()..];
        let (required, text) = mark(rest);
        // Behind a type comes a mark, a blank, a sentence or nothing; a small letter would be of the same word.
        let parted = required.is_some()
            || !rest.starts_with(|c: char| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'
            });
        if !parted {
            continue;
        }
        // A type known for sure; a name that an example uses; the type that repeats the name; the shortest name.
        let known = usize::from(!names.iter().any(|known| known == name));
        let rank = known * 4
            + usize::from(!sure) * 2
            + usize::from(required.is_none() && !text.is_empty() && !rest.starts_with(' '));
        let glued = Glued {
            name: name.to_owned(),
            ty: ty.to_owned(),
            required,
            text: text.trim().to_owned(),
        };
        found.push((rank, glued));
    }
    found.sort_by_key(|(rank, glued)| (*rank, glued.name.len()));
    found
}

/// The type at the begin of a text, and whether it is known to be one.
fn type_at<'a>(text: &'a str, name: &str) -> Option<(&'a str, bool)> {
    for word in ["Array of ", "List of "] {
        let Some(rest) = text.strip_prefix(word) else { continue };
        let item = item_at(rest, name)?;
        return Some((&text[..word.len() + item], true));
    }
    if text.starts_with("Timestamp ISO8601") {
        return Some((&text[.."Timestamp ISO8601".len()], true));
    }
    let known = TYPES.iter().find(|ty| text.starts_with(**ty));
    if let Some(ty) = known {
        let rest = &text[ty.len()..];
        let is_whole = !rest.starts_with(|c: char| c.is_ascii_alphabetic())
            || (rest.starts_with(|c: char| c.is_ascii_uppercase())
                && !unknown(text).is_some_and(is_common));
        if is_whole {
            return Some((&text[..ty.len()], true));
        }
    }
    let ty = unknown(text)?;
    // `vmInstanceVmInstanceInventory`: the type begins with the name.
    let repeats = !name.is_empty() && ty.to_lowercase().starts_with(&name.to_lowercase());
    Some((ty, repeats || (is_common(ty) && ty.len() == unknown_full(text).len())))
}

/// The length of the type of a list's items. `Tags` are of `Tag`, whatever is glued behind.
fn item_at(text: &str, name: &str) -> Option<usize> {
    let known = TYPES.iter().find(|ty| text.starts_with(**ty)).map(|ty| ty.len());
    let single = name.strip_suffix('s').unwrap_or(name);
    let repeated = (!single.is_empty() && text.starts_with(single)).then_some(single.len());
    let word = unknown_full(text).len();
    let parted = |length: &usize| !text[*length..].starts_with(|c: char| c.is_ascii_lowercase());
    known
        .filter(parted)
        .or_else(|| repeated.filter(parted))
        .or_else(|| unknown(text).map(str::len))
        .or_else(|| {
            (word > 0 && text.starts_with(|c: char| c.is_ascii_uppercase())).then_some(word)
        })
}

fn is_common(ty: &str) -> bool {
    ["ErrorCode"].contains(&ty)
}

/// A type of a vendor's own at the begin of a text: `VmInstanceInventory`.
fn unknown(text: &str) -> Option<&str> {
    if !text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let mut ty = unknown_full(text);
    for (end, _) in ENDS {
        ty = ty.split_once(end).map_or(ty, |(ty, _)| ty);
    }
    if let Some(at) = ty.find("Inventory") {
        ty = &ty[..at + "Inventory".len()];
    } else if let Some(rest) = ty.strip_prefix("ErrorCode") {
        ty = &ty[..ty.len() - rest.len()];
    }
    is_camel(ty).then_some(ty)
}

fn unknown_full(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len())]
}

/// The mark at the begin of a text, and what follows it.
fn mark(text: &str) -> (Option<bool>, &str) {
    for (word, required) in ENDS {
        for begin in ["", " ", "(", "（", " ("] {
            let Some(rest) = text.strip_prefix(begin).and_then(|rest| rest.strip_prefix(word))
            else {
                continue;
            };
            // "Optional. The tags" and "Optionally" are the description's.
            if !required && rest.starts_with(['.', '。', ',', '，', 'l']) {
                continue;
            }
            let rest = rest.strip_prefix([')', '）']).unwrap_or(rest);
            return (Some(*required), rest);
        }
    }
    (None, text)
}

/// The member that the elements of a line make: `params`, `Object`, `Required`.
pub fn from_pieces(pieces: &[String]) -> Option<Glued> {
    let (name, rest) = pieces.split_first()?;
    let (ty, rest) = rest.split_first()?;
    if !is_name(name) || !is_type(ty) {
        return None;
    }
    let required = rest.first().and_then(|piece| terms::yes(piece));
    let rest = if required.is_some() { &rest[1..] } else { rest };
    Some(Glued { name: name.clone(), ty: ty.clone(), required, text: rest.join(" ") })
}

/// The member of a line of words: `CommandName No String Command name.`
pub fn from_words(line: &str) -> Option<Glued> {
    let words: Vec<&str> = line.split(' ').collect();
    let (name, rest) = words.split_first()?;
    if !is_name(name) || rest.is_empty() {
        return None;
    }
    let before = terms::yes(rest[0]);
    let rest = if before.is_some() { &rest[1..] } else { rest };
    let length = leading(rest, before.is_some())?;
    let ty = rest[..length].join(" ");
    let rest = &rest[length..];
    let after =
        if before.is_none() { rest.first().and_then(|word| terms::yes(word)) } else { None };
    let rest = if after.is_some() { &rest[1..] } else { rest };
    Some(Glued { name: (*name).to_owned(), ty, required: before.or(after), text: rest.join(" ") })
}
