//! The characters of a text, described in words: `只能包含小写字母、数字和中划线（-）`, `must start with https`.

/// The phrases in front of such a list.
const OPENERS: &[&str] = &[
    "只能包含", "只可包含", "仅能包含", "仅可包含", "只能由", "只支持", "仅支持", "只允许",
    "仅允许", "可以包含", "允许的字符为", "由", "can only contain", "can contain only",
    "may only contain", "may contain only", "must contain only", "must only contain",
    "consists of", "must consist of",
];

/// Characters by their names, and the part of a class that they are.
const NAMES: &[(&str, &str)] = &[
    ("a-zA-Z", "大小写英文字母|大小写字母|英文字母|英文|字母|english letters|letters"),
    ("a-z", "小写英文字母|小写字母|lowercase letters|lower-case letters"),
    ("A-Z", "大写英文字母|大写字母|uppercase letters|upper-case letters"),
    ("0-9", "阿拉伯数字|数字|digits|numbers"),
    ("_", "下划线|underscores|underscore"),
    ("-", "中划线|短划线|连字符|短横线|横线|hyphens|hyphen|dashes"),
    (".", "英文句点|句点|小数点|点号|点|periods|dots"),
    ("/", "斜线|slashes"),
    (" ", "空格|spaces"),
];

/// The longest name that the text begins with, and what it stands for.
fn name(text: &str) -> Option<(&'static str, &'static str)> {
    let all = NAMES.iter().flat_map(|(part, names)| names.split('|').map(|name| (name, *part)));
    all.filter(|(name, _)| text.starts_with(name)).max_by_key(|(name, _)| name.len())
}

/// The text between two names.
const JOINTS: &[&str] =
    &["、", "，", ",", "或者", "以及", "或", "和", "与", "及", "and", "or", " "];

/// The text that may follow the list, and does not continue it.
const ENDS: &[&str] =
    &["。", "；", ";", ".", "\n", "，", ",", "组成", "的组合", "等字符", "字符", "（", "("];

/// The characters that a description allows, as the inside of a class; nothing where a name is not known, as
/// then more is allowed than is read.
pub(super) fn letters(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    // The names of a JSON object's members are other limits.
    let keys = ["参数名", "parameter name"].iter().filter_map(|words| text.find(words)).min();
    let mut begins: Vec<(usize, &str)> = Vec::new();
    for opener in OPENERS {
        let ends = text.match_indices(opener).map(|(at, _)| (at + opener.len(), *opener));
        begins.extend(ends);
    }
    begins.sort_unstable();
    let mut own = begins.into_iter().filter(|(at, _)| keys.is_none_or(|keys| *at < keys));
    own.find_map(|(end, opener)| {
        let (class, rest) = list(&text[end..])?;
        let is_whole = rest.is_empty() || ENDS.iter().any(|end| rest.starts_with(end));
        let needs_end = opener == "由" || opener == "只能由";
        (is_whole && (!needs_end || rest.starts_with("组成"))).then_some(class)
    })
}

/// The names that `rest` begins with, and what is behind them.
fn list(rest: &str) -> Option<(String, &str)> {
    let mut rest = rest.trim_start_matches([' ', ':', '：']);
    let mut class = String::new();
    let mut behind = None;
    while let Some((name, part)) = name(rest) {
        class.push_str(part);
        rest = without_sign(&rest[name.len()..], part);
        behind = Some(rest);
        let mut next = rest;
        while let Some(joint) = JOINTS.iter().find(|joint| next.starts_with(**joint)) {
            next = &next[joint.len()..];
        }
        // A joint without a name behind it is another clause, or a name that is not known.
        if next.len() == rest.len() {
            break;
        }
        rest = next;
    }
    let has_range = class.contains("a-z") || class.contains("A-Z") || class.contains("0-9");
    let behind = behind.filter(|_| has_range)?;
    // A name follows 、; a comma may begin another clause.
    let goes_on = ["、", "和", "与", "及", "或", "以及", " and ", " or "];
    (!goes_on.iter().any(|joint| behind.starts_with(joint))).then_some((class, behind))
}

/// The text behind a name, without the sign itself in brackets: `中划线（-）`.
fn without_sign<'a>(rest: &'a str, sign: &str) -> &'a str {
    let inside = [("（", "）"), ("(", ")"), (" (", ")"), ("“", "”"), ("\"", "\"")]
        .iter()
        .find_map(|(open, close)| rest.strip_prefix(open)?.split_once(close));
    match inside {
        Some((inside, behind))
            if inside.trim_matches(['`', '"', '\'']).eq_ignore_ascii_case(sign) =>
        {
            behind
        }
        _ => rest,
    }
}

/// The pattern of a text that must start with another: a web address's scheme, or what is set as code or
/// quoted. "Must start with a letter" names no text.
pub(super) fn beginning(text: &str) -> Option<String> {
    let openers = ["must start with ", "must begin with ", "必须以", "需以", "须以"];
    openers.iter().find_map(|opener| {
        let (before, rest) = text.split_once(opener)?;
        let rest = rest.trim_start();
        let closing = match rest.chars().next()? {
            '`' => Some('`'),
            '"' => Some('"'),
            '“' => Some('”'),
            _ => None,
        };
        let (word, behind) = match closing {
            Some(closing) => rest[rest.chars().next()?.len_utf8()..].split_once(closing)?,
            None => {
                let is_end = |c: char| !c.is_ascii_alphanumeric() && !":/".contains(c);
                let (word, behind) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
                (["http", "https", "http://", "https://"].contains(&word))
                    .then_some((word, behind))?
            }
        };
        let behind = behind.trim_start();
        let is_chinese = !opener.is_ascii();
        let ends = match is_chinese {
            true => behind.starts_with("开头") || behind.starts_with("为开头"),
            false => !["or", "and", "/"].iter().any(|joint| behind.starts_with(joint)),
        };
        let is_key =
            before.contains("参数名") || before.to_ascii_lowercase().contains("parameter name");
        (ends && !is_key && !word.is_empty()).then(|| format!("^{}.*$", escaped(word)))
    })
}

/// A text as a pattern, with no escapes but those that every engine takes.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        pattern.extend("\\^$.*+?()[]{}|".contains(c).then_some('\\'));
        pattern.push(c);
    }
    pattern
}
