//! Code as prettyplease prints it, laid out in lines of the width that this repository has.

use super::writer::WIDTH;

/// Code in lines as long as may be, with a blank line after a block and before each commented item.
pub(super) fn laid_out(text: &str) -> String {
    spaced(&joined(text.lines().map(str::to_owned).collect()))
}

/// Sets a blank line after a block, and before each commented item at the margin.
fn spaced(lines: &[String]) -> String {
    let mut out: Vec<&str> = Vec::new();
    for line in lines {
        let before = out.last().copied().unwrap_or_default();
        let bare = line.trim_start();
        // Deeper than this are statements and arms, which stand together.
        let shallow = indent(line) <= 4;
        let after_block = before.trim_start() == "}" && shallow && !bare.starts_with('}');
        let begins = |prefix: &str| line.starts_with(prefix) && !before.starts_with(prefix);
        // An attribute may already stand before the comment's item.
        let apart = !before.is_empty() && !before.starts_with("#[");
        let ends = |keyword: &str| before.starts_with(keyword) && before.ends_with(';');
        let after = |keyword: &str, end: &str| {
            (ends(keyword) || before == end) && !line.starts_with(keyword)
        };
        let after_list = after("use ", "};") || after("static ", ");");
        if after_block || after_list || (apart && begins("///")) {
            out.push("");
        }
        out.push(line);
    }
    out.join("\n")
}

/// Joins what was broken at a lesser width. From the end, so that what is within comes first.
fn joined(mut lines: Vec<String>) -> Vec<String> {
    for at in (0..lines.len()).rev() {
        let shorter = group(&lines, at).or_else(|| chain(&lines, at));
        if let Some((end, shorter)) = shorter {
            lines.splice(at..end, shorter);
        }
    }
    lines
}

/// What begins with an opening bracket at the end of a line: the line after it, and what it becomes.
fn group(lines: &[String], at: usize) -> Option<(usize, Vec<String>)> {
    let (first, outer) = (&lines[at], indent(&lines[at]));
    let (is_pattern, is_macro) = (first.ends_with("let Self {"), first.ends_with("!("));
    let (close, space) = match first.chars().last()? {
        '(' => (")", ""),
        '[' => ("]", ""),
        // Others are blocks.
        '{' if is_pattern => ("}", " "),
        _ => return None,
    };
    let end = at + 1 + lines[at + 1..].iter().position(|line| indent(line) <= outer)?;
    let (inner, last) = (&lines[at + 1..end], lines[end].trim_start());
    let is_comment = |line: &String| line.trim_start().starts_with("//");
    if !last.starts_with(close) || inner.iter().any(is_comment) {
        return None;
    }
    if let Some(begin) = inner.iter().position(|line| line.ends_with(['{', ';'])) {
        return closure(first, &inner[..begin], &inner[begin..], last).map(|it| (end + 1, it));
    }
    let text = inner.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let text = if is_macro { tight(&text) } else { text };
    let whole = format!("{first}{space}{}{space}{last}", text.trim_end_matches(','));
    if whole.chars().count() <= WIDTH {
        return Some((end + 1, vec![whole]));
    }
    (is_pattern || is_macro).then(|| {
        let lines = [vec![first.clone()], filled(&text, outer + 4), vec![lines[end].clone()]];
        (end + 1, lines.concat())
    })
}

/// A call whose last argument is a closure with a block: that stands within the brackets of the call.
fn closure(first: &str, before: &[String], closure: &[String], last: &str) -> Option<Vec<String>> {
    let outer = indent(first);
    let (begin, rest) = closure.split_first()?;
    let (stop, body) = rest.split_last()?;
    let arguments: Vec<&str> =
        before.iter().chain([begin]).map(|argument| argument.trim()).collect();
    let first = format!("{first}{}", arguments.join(" "));
    let is_closure = begin.trim_start().starts_with('|') && begin.ends_with('{');
    let is_last = stop.trim() == "}," && body.iter().all(|line| indent(line) > outer + 4);
    (is_closure && is_last && first.chars().count() <= WIDTH).then(|| {
        let body = body.iter().map(|line| line[4..].to_owned());
        [first].into_iter().chain(body).chain([format!("{:outer$}}}{last}", "")]).collect()
    })
}

/// A chain of calls, a call a line: the line after it, and what it becomes.
fn chain(lines: &[String], at: usize) -> Option<(usize, Vec<String>)> {
    let (first, outer) = (&lines[at], indent(&lines[at]));
    let is_call = |line: &&String| {
        let call = line.trim_start();
        indent(line) == outer + 4 && call.starts_with('.') && !call.starts_with("..")
    };
    let calls: Vec<&str> =
        lines[at + 1..].iter().take_while(is_call).map(|line| line.trim()).collect();
    let whole = format!("{first}{}", calls.concat());
    let ends = calls.last()?.ends_with([';', ',']);
    (ends && whole.chars().count() <= WIDTH).then(|| (at + 1 + calls.len(), vec![whole]))
}

/// The arguments of a macro, which are tokens for prettyplease, without the blanks that people leave out.
fn tight(tokens: &str) -> String {
    let mut tight = String::new();
    for (c, is_text) in marked(tokens) {
        if !is_text && c == '.' && tight.ends_with(' ') {
            tight.pop();
        }
        if is_text || c != ' ' || !tight.ends_with("(&") {
            tight.push(c);
        }
    }
    tight
}

/// A list with as many items a line as fit. Only its last item may lack a comma.
pub(super) fn filled(list: &str, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut item = String::new();
    let end = list.chars().count();
    for (index, (c, is_text)) in marked(list).enumerate() {
        item.push(c);
        if index + 1 < end && (is_text || c != ',') {
            continue;
        }
        let whole = std::mem::take(&mut item);
        let whole = whole.trim();
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(whole),
            Some(line) if indent + line.len() + " ".len() + whole.len() <= WIDTH => {
                line.push(' ');
                line.push_str(whole);
            }
            _ => lines.push(whole.to_owned()),
        }
    }
    lines.into_iter().map(|line| format!("{:indent$}{line}", "")).collect()
}

/// The characters of code, each with whether it is within the quotes of a text.
fn marked(code: &str) -> impl Iterator<Item = (char, bool)> {
    let (mut is_text, mut is_escaped) = (false, false);
    code.chars().map(move |c| {
        let was_text = is_text;
        is_text ^= c == '"' && !is_escaped;
        is_escaped = was_text && c == '\\' && !is_escaped;
        (c, was_text)
    })
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::laid_out;

    #[test]
    fn what_was_broken_at_a_lesser_width_is_joined() {
        for (printed, wanted) in [
            ("f(\n    a,\n    b,\n);", "f(a, b);"),
            ("let x = [\n    g(\n        a,\n    ),\n];", "let x = [g(a)];"),
            ("let a = b\n    .c()\n    .d(e);", "let a = b.c().d(e);"),
            ("let Self {\n    client,\n    ..\n} = self;", "let Self { client, .. } = self;"),
            (
                "each(\n    \"a\",\n    &a,\n    |item| {\n        b(item)?;\n        c(item)\n    },\n)?;",
                "each(\"a\", &a, |item| {\n    b(item)?;\n    c(item)\n})?;",
            ),
            ("format!(\n    \"{}\", path(& a)\n);", "format!(\"{}\", path(&a));"),
            ("format!(\n    \"{}\", path(& a\n    .b())\n);", "format!(\"{}\", path(&a.b()));"),
            // Texts stay what they are.
            ("f(\n    \"(& a) .\\\"(& b\",\n);", "f(\"(& a) .\\\"(& b\");"),
            ("f!(\n    \"(& a) .\\\"(& b\", c\n);", "f!(\"(& a) .\\\"(& b\", c);"),
        ] {
            assert_eq!(laid_out(printed), wanted);
        }
    }

    #[test]
    fn what_is_too_long_stays_broken() {
        let long = "x".repeat(60);
        let text = format!("\"{}\\\", {}\"", "x".repeat(40), "y".repeat(50));
        for (printed, wanted) in [
            (format!("f(\n    {long},\n    {long},\n);"), None),
            (format!("let a = {long}\n    .{long}()\n    .d();"), None),
            ("f(\n    // Why.\n    a,\n);".to_owned(), None),
            ("f(|x| {\n    a;\n});".to_owned(), None),
            ("f(\n    match x {\n        A => 1,\n        B => 2,\n    },\n);".to_owned(), None),
            ("match x {\n    ..5 => a,\n}".to_owned(), None),
            (
                format!(
                    "let Self {{\n    a,\n    b,\n    {long},\n    {long},\n    ..\n}} = self;"
                ),
                Some(format!("let Self {{\n    a, b, {long},\n    {long}, ..\n}} = self;")),
            ),
            // No break within a text.
            (
                format!("format!(\n    {text}, a, b\n);"),
                Some(format!("format!(\n    {text},\n    a, b\n);")),
            ),
        ] {
            assert_eq!(laid_out(&printed), wanted.unwrap_or(printed.clone()));
        }
    }

    #[test]
    fn lists_of_declarations_stand_apart_from_what_follows() {
        let printed = "use a::b;\nstatic A: B = c(\n    \"d\",\n);\nstatic E: F = g;\nimpl X {\n    fn a() {}\n    fn b() {\n        if c {\n            d\n        }\n        e\n    }\n    fn f() {}\n}\n/// Why.\nstruct Y;";
        let wanted = "use a::b;\n\nstatic A: B = c(\"d\");\nstatic E: F = g;\n\nimpl X {\n    fn a() {}\n    fn b() {\n        if c {\n            d\n        }\n        e\n    }\n\n    fn f() {}\n}\n\n/// Why.\nstruct Y;";
        assert_eq!(laid_out(printed), wanted);
    }
}
