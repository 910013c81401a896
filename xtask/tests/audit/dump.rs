//! A page as text: one fact a line, for snapshots and comparisons.

use xtask::audit::page::{Code, Limits, Member, Page, Words};

/// The page with the line of every fact, or without, to compare layouts.
pub fn dump(page: &Page, lines: bool) -> String {
    let mut out = String::new();
    let at = |line: usize| if lines { format!("{line:4} ") } else { String::new() };
    let mut words = |name: &str, words: &Option<Words>| {
        if let Some(words) = words {
            out.push_str(&format!("{}{name}: {}\n", at(words.line), words.text));
        }
    };
    words("edition", &page.edition);
    for operation in &page.operations {
        words("id", &operation.id);
        words("method", &operation.method);
        words("path", &operation.path);
        words("version", &operation.version);
        words("deprecated", &operation.deprecated);
    }
    for operation in &page.operations {
        if let Some((line, rate)) = operation.rate {
            out.push_str(&format!("{}rate: {rate}\n", at(line)));
        }
        for (name, list) in [("request", &operation.request), ("answer", &operation.answer)] {
            out.push_str(&format!(
                "{name}: {}\n",
                if list.is_some() { "" } else { "not in this copy" }
            ));
            members(&mut out, list.as_deref().unwrap_or_default(), 1, lines);
        }
        for (name, list) in [("statuses", &operation.statuses), ("errors", &operation.errors)] {
            out.push_str(&format!(
                "{name}: {}\n",
                if list.is_some() { "" } else { "not in this copy" }
            ));
            for Code { line, code, text, deprecated } in list.iter().flatten() {
                let mark = if *deprecated { " (deprecated)" } else { "" };
                out.push_str(&format!("{}  {code}{mark}: {text}\n", at(*line)));
            }
        }
    }
    for object in &page.types {
        let used = object.used_by.join(", ");
        out.push_str(&format!(
            "{}type {} used by {used}\n",
            at(object.name.line),
            object.name.text
        ));
        members(&mut out, &object.members, 1, lines);
    }
    if lines {
        for Words { line, text } in &page.not_understood {
            out.push_str(&format!("{line:4} not understood: {text}\n"));
        }
    }
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn members(out: &mut String, list: &[Member], depth: usize, lines: bool) {
    for member in list {
        let line = if lines { format!("{:4} ", member.line) } else { String::new() };
        let ty = member.ty.as_ref().map_or("?".to_owned(), ToString::to_string);
        let required = match member.required {
            Some(true) => " required",
            Some(false) => " optional",
            None => "",
        };
        let place = format!("{:?}", member.place).to_lowercase();
        let mark = if member.deprecated { " (deprecated)" } else { "" };
        let Member { name, text, .. } = member;
        out.push_str(&format!(
            "{line}{:depth$}{name} {ty} {place}{required}{mark}: {text}\n",
            "",
            depth = 2 * depth
        ));
        if lines && member.limits != Limits::default() {
            out.push_str(&format!(
                "{:width$}{}\n",
                "",
                limits(&member.limits),
                width = 5 + 2 * depth
            ));
        }
        members(out, &member.members, depth + 1, lines);
    }
}

/// The limits that are stated.
fn limits(limits: &Limits) -> String {
    let mut said = Vec::new();
    let numbers = [
        ("characters >=", limits.min_characters),
        ("characters <=", limits.max_characters),
        ("bytes <=", limits.max_bytes),
        ("items >=", limits.min_items),
        ("items <=", limits.max_items),
    ];
    said.extend(numbers.iter().filter_map(|(name, n)| n.map(|n| format!("{name} {n}"))));
    let numbers = [("value >=", limits.minimum), ("value <=", limits.maximum)];
    said.extend(numbers.iter().filter_map(|(name, n)| n.map(|n| format!("{name} {n}"))));
    let words = [("default", &limits.default), ("characters of", &limits.characters)];
    said.extend(
        words.iter().filter_map(|(name, word)| word.as_ref().map(|word| format!("{name} {word}"))),
    );
    let lists = [("one of", &limits.values), ("not beside", &limits.excludes)];
    let lists = lists.iter().filter(|(_, list)| !list.is_empty());
    said.extend(lists.map(|(name, list)| format!("{name} {}", list.join(", "))));
    said.extend(limits.requires.iter().map(|(name, value)| format!("needs {name} = {value}")));
    format!("[{}]", said.join("; "))
}
