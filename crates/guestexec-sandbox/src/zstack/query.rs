//! Queries: conditions, order and pages of lists, as every `Query…` operation of ZStack has them.

use std::cmp::Ordering;

use guestexec_cci::sign::query_pairs;
use serde_json::{Value, json};

use super::error::ApiError;

/// How many items a list has without `limit`.
const LIMIT: usize = 1000;

/// The operators, those first that begin like others.
const OPERATORS: [(&str, Operator); 10] = [
    ("!?=", Operator::NotIn),
    ("!~=", Operator::NotLike),
    ("?=", Operator::In),
    ("~=", Operator::Like),
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    In,
    NotIn,
    Like,
    NotLike,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

#[derive(Debug)]
struct Condition {
    member: String,
    operator: Operator,
    value: String,
}

/// Lists those of `items` that the query string asks for; `members` are the names that a condition may have.
pub(super) fn list(query: &str, members: &[&str], items: Vec<Value>) -> Result<Value, ApiError> {
    let (mut limit, mut start, mut counts, mut sort) = (LIMIT, 0, false, None);
    let mut conditions = Vec::new();
    for (name, value) in query_pairs(query).map_err(|error| invalid(error.to_string()))? {
        let number =
            || value.parse::<usize>().map_err(|_| invalid(format!("`{name}` is no number")));
        match &*name {
            "q" => conditions.push(condition(&value, members)?),
            "limit" => limit = number()?,
            "start" => start = number()?,
            "replyWithCount" => counts = value == "true",
            "sort" => {
                let (is_up, member) = match value.split_at_checked(1) {
                    Some(("+", member)) => (true, member),
                    Some(("-", member)) => (false, member),
                    _ => return Err(invalid("`sort` is `+` or `-` and a member's name")),
                };
                sort = Some((is_up, known(member, members)?.to_owned()));
            }
            // The service takes tags and the like as well, which change nothing here.
            _ => {}
        }
    }
    let mut found: Vec<Value> =
        items.into_iter().filter(|item| conditions.iter().all(|it| it.holds(item))).collect();
    if let Some((is_up, member)) = sort {
        found.sort_by(|left, right| {
            let order = compared(&left[&member], &text(&right[&member]));
            if is_up { order } else { order.reverse() }
        });
    }
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(start).take(limit).collect();
    let mut answer = json!({ "inventories": page });
    if counts {
        answer["total"] = total.into();
    }
    Ok(answer)
}

fn invalid(details: impl Into<String>) -> ApiError {
    ApiError::failed("SYS.1007", details)
}

fn known<'a>(member: &'a str, members: &[&str]) -> Result<&'a str, ApiError> {
    match members.contains(&member) {
        true => Ok(member),
        false => Err(invalid(format!("there is no member `{member}` to ask for"))),
    }
}

fn condition(text: &str, members: &[&str]) -> Result<Condition, ApiError> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (member, rest) = text.split_at(end);
    let member = known(member, members)?.to_owned();
    let (operator, value) = OPERATORS
        .iter()
        .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)))
        .ok_or_else(|| invalid("a condition is a member's name, an operator and a value"))?;
    // The pages write texts in quotes, and UUIDs without.
    let bare = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    Ok(Condition { member, operator, value: bare.unwrap_or(value).to_owned() })
}

impl Condition {
    fn holds(&self, item: &Value) -> bool {
        let member = &item[&self.member];
        let order = || compared(member, &self.value);
        let is_in = || self.value.split(',').any(|value| text(member) == value);
        match self.operator {
            Operator::Equal => text(member) == self.value,
            Operator::NotEqual => text(member) != self.value,
            Operator::In => is_in(),
            Operator::NotIn => !is_in(),
            Operator::Like => is_like(&text(member), &self.value),
            Operator::NotLike => !is_like(&text(member), &self.value),
            Operator::Greater => order().is_gt(),
            Operator::AtLeast => order().is_ge(),
            Operator::Less => order().is_lt(),
            Operator::AtMost => order().is_le(),
        }
    }
}

/// A member as text, in which nothing is the empty text.
fn text(member: &Value) -> String {
    match member {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Compares numbers as numbers, and all else as text.
fn compared(member: &Value, value: &str) -> Ordering {
    match (member.as_i64(), value.parse::<i64>()) {
        (Some(member), Ok(value)) => member.cmp(&value),
        _ => text(member).as_str().cmp(value),
    }
}

/// Matches a text against a pattern in which `%` stands for any characters.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('%');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_in_sql() {
        for (text, pattern, matches) in [
            ("guestexec-1", "guestexec-%", true),
            ("a-guestexec-1", "guestexec-%", false),
            ("abcabc", "%b%c", true),
            ("abcab", "%b%c", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("aa", "a%a%a", false),
            ("", "%", true),
        ] {
            assert_eq!(is_like(text, pattern), matches, "{text} {pattern}");
        }
    }

    #[test]
    fn conditions_order_and_page_hold_together() {
        let items = || (1..=12).map(|n| json!({ "uuid": format!("u{n}"), "n": n })).collect();
        let listed = |query: &str| list(query, &["uuid", "n"], items()).unwrap();
        let ids = |query: &str| -> Vec<i64> {
            let listed = listed(query);
            let all = listed["inventories"].as_array().unwrap().iter();
            all.map(|item| item["n"].as_i64().unwrap()).collect()
        };
        assert_eq!(ids("q=n%3E9&sort=-n"), [12, 11, 10]);
        assert_eq!(ids("q=n%3E=2&q=n%3C=4"), [2, 3, 4]);
        assert_eq!(ids("q=uuid?=u3,u7&q=uuid!=u7"), [3]);
        assert_eq!(ids("q=uuid~=%27u1%25%27"), [1, 10, 11, 12]);
        assert_eq!(ids("start=10&limit=5&sort=%2Bn"), [11, 12]);
        assert_eq!(listed("limit=1&replyWithCount=true")["total"], 12);
        assert_eq!(listed("limit=1")["total"], Value::Null);
        for query in ["q=name=x", "q=uuid", "q=uuid%20is", "limit=many", "sort=n", "sort=%2Bname"] {
            assert!(list(query, &["uuid", "n"], items()).is_err(), "{query}");
        }
    }
}
