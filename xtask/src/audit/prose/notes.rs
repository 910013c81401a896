//! The remarks of a description on the described item: that it is deprecated, that one edition has it.

/// True where a description says that what it describes is deprecated.
pub fn is_deprecated(text: &str) -> bool {
    let chinese = [
        "已废弃", "已弃用", "已作废", "已下线", "已停用", "即将下线", "即将废弃", "不再使用",
        "不再维护",
    ];
    if chinese.iter().any(|words| text.contains(words)) {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    if !["deprecated", "no longer", "obsolete"].iter().any(|word| lower.contains(word)) {
        return false;
    }
    lower.split(['.', '\n', ';', '。', '；']).any(|sentence| {
        let words: Vec<&str> =
            sentence.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'').collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        match words.iter().position(|word| matches!(*word, "deprecated" | "obsolete")) {
            Some(0) => true,
            Some(at) => is_own_subject(&words[..at]),
            None => words
                .windows(3)
                .position(|words| {
                    words[..2] == ["no", "longer"]
                        && matches!(words[2], "supported" | "used" | "maintained" | "available")
                })
                .is_some_and(|at| is_own_subject(&words[..at])),
        }
    })
}

/// True for `this parameter is`, `it has been`, `the API will be`: what is said is said of the thing
/// described, and not of another one that is named.
fn is_own_subject(words: &[&str]) -> bool {
    let verb = ["is", "are", "has", "been", "be", "will", "now", "was", "have", "being"];
    let subject = words.iter().rposition(|word| !verb.contains(word));
    let Some(subject) = subject.filter(|at| at + 1 < words.len()) else { return false };
    let nouns = [
        "parameter", "field", "member", "api", "operation", "interface", "action", "attribute",
        "property", "option", "version",
    ];
    match words[subject] {
        "it" | "this" => subject == 0 || words[subject - 1] != "not",
        word if nouns.contains(&word) => {
            subject > 0 && matches!(words[subject - 1], "this" | "the" | "current")
        }
        _ => false,
    }
}

/// The one edition of the product that has what is described, where the description says so:
/// `Only available in the Enterprise edition.`
pub fn only_in(text: &str) -> Option<String> {
    if !text.contains("nly") && !text.contains('仅') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let beginnings = [
        "only available in", "available only in", "only available for", "available only for",
        "only supported in", "supported only in", "only supported by", "supported only by",
        "only valid in", "only applicable to", "applicable only to", "only applies to",
        "applies only to", "only exists in", "only for", "only in",
    ];
    for beginning in beginnings {
        // ASCII letters change their case in place, so the two texts have the same positions.
        let Some(at) = lower.find(beginning) else { continue };
        let rest = text.get(at + beginning.len()..)?.trim_start();
        let rest = rest.strip_prefix("the ").unwrap_or(rest);
        let end = rest.find(['.', ',', ';', ')', '\n', '。']).unwrap_or(rest.len());
        let words: Vec<&str> = rest[..end].split_whitespace().collect();
        let edition = |word: &&str| word.eq_ignore_ascii_case("edition");
        if let Some(edition) = words.iter().position(edition)
            && (1..=3).contains(&edition)
        {
            return Some(words[..edition].join(" "));
        }
        if let [product] = words[..]
            && product.starts_with(|c: char| c.is_ascii_uppercase())
        {
            return Some(product.to_owned());
        }
    }
    for (before, after) in
        [("仅", "版支持"), ("仅", "版可用"), ("仅支持", "版"), ("仅在", "版"), ("仅适用于", "版")]
    {
        if let Some((_, rest)) = text.split_once(before)
            && let Some((edition, _)) = rest.split_once(after)
            && (1..=12).contains(&edition.chars().count())
            && !edition.contains(['，', '。', '、', '\n'])
        {
            return Some(edition.trim().to_owned());
        }
    }
    None
}
