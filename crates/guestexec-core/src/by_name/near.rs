//! The name that was meant.

use strsim::jaro_winkler;

use crate::identifier;

/// How alike two names have to be, where 1 is the same: less is a guess.
const ALIKE: f64 = 0.8;
/// The most names that are listed.
const MOST: usize = 12;

/// A name without what people write in different ways.
pub(super) fn key(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// The name most like `name`, if one is like it: the shortest one that has its words, such as
/// `DescribeInvocationTasks` for `describe-task`, or else one that is written alike.
pub(super) fn nearest<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Option<&'a str> {
    let known = known.into_iter();
    let given = words(name);
    let has_its_words = |known: &&str| {
        let known = words(known);
        given.iter().all(|word| known.iter().any(|other| other.starts_with(&**word)))
    };
    if !given.is_empty()
        && let Some(found) = known.clone().filter(has_its_words).min_by_key(|it| it.len())
    {
        return Some(found);
    }
    let name = key(name);
    let alike = known.map(|known| (jaro_winkler(&name, &key(known)), known));
    let nearest = alike.filter(|(alike, _)| *alike >= ALIKE);
    nearest.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// The words of a name, in small letters: each begins with a capital letter, or after a sign.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut after = None;
    for letter in name.chars() {
        let begins = after.is_none_or(|after: char| {
            !after.is_alphanumeric() || (letter.is_uppercase() && !after.is_uppercase())
        });
        if letter.is_alphanumeric() {
            match words.last_mut() {
                Some(word) if !begins => word.extend(letter.to_lowercase()),
                _ => words.push(letter.to_lowercase().collect()),
            }
        }
        after = Some(letter);
    }
    words
}

/// A name that the caller gave, in an error.
pub(super) fn shown(name: &str) -> String {
    identifier(name)
}

/// The message about a name that is not known; `what` continues a sentence that begins with the name.
pub(super) fn unknown(name: &str, what: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("{what}; did you mean `{near}`?"),
        None if (1..=MOST).contains(&known.len()) => {
            format!("{what}; known are `{}`", known.join("`, `"))
        }
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_has_the_words_or_is_written_alike() {
        let known =
            ["DescribeQuotas", "DescribeInvocationTasks", "RunCommand", "list_pods", "uuid"];
        for (name, meant) in [
            ("describe-task", Some("DescribeInvocationTasks")),
            ("Describe", Some("DescribeQuotas")),
            ("RunComand", Some("RunCommand")),
            ("runcommands", Some("RunCommand")),
            ("pods", Some("list_pods")),
            ("LISTPOD", Some("list_pods")),
            ("uid", Some("uuid")),
            ("Reboot", None),
            ("", None),
            ("--", None),
            ("你好", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(words("OutputCOSBucketUrl-2_b"), ["output", "cosbucket", "url", "2", "b"]);
    }

    #[test]
    fn what_is_said_of_an_unknown_name_names_the_few_that_there_are() {
        assert_eq!(unknown("x", "is odd", &["aa", "bb"]), "is odd; known are `aa`, `bb`");
        assert_eq!(unknown("x", "is odd", &[]), "is odd");
        assert_eq!(unknown("x", "is odd", &["aa"; 20]), "is odd");
        assert_eq!(unknown("Timeuot", "is odd", &["Timeout"]), "is odd; did you mean `Timeout`?");
    }
}
