//! Facts that a page states in a line of its own or in a sentence.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::{terms, types};
use crate::audit::prose;

/// Lines longer than this state no fact alone.
const LINE: usize = 400;

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// The words behind `Table 4`, where a line is a caption.
pub fn caption(text: &str) -> Option<&str> {
    static CAPTION: LazyLock<Option<Regex>> =
        LazyLock::new(|| regex(r"^(?i:table|表)\s*\d+(?:-\d+)?\s*[:：.]?\s*(\S.*)?$"));
    if text.len() > LINE || !text.starts_with(['T', 't', '表']) {
        return None;
    }
    CAPTION.as_ref()?.captures(text)?.get(1).map(|rest| rest.as_str())
}

/// The status of `Status code: 200`.
pub fn status_line(text: &str) -> Option<u16> {
    let plain = text.trim_matches('*').trim();
    let lower = plain.get(..11).is_some_and(|begin| begin.eq_ignore_ascii_case("status code"));
    let rest = if lower { &plain[11..] } else { plain.strip_prefix("状态码")? };
    let code = rest.trim_start_matches([':', '：', ' ']).trim();
    types::is_status(code).then(|| code.parse().ok())?
}

/// The status and its words of `200 OK`, alone in a line.
pub fn answer_line(text: &str) -> Option<(&str, &str)> {
    let (code, rest) = text.split_at_checked(3)?;
    let plain =
        rest.is_empty() || (rest.starts_with(' ') && rest.len() < 40 && !rest.contains(['.', ',']));
    (types::is_status(code) && plain).then(|| (code, rest.trim()))
}

/// Method and path of `GET /pods/{name}`, `PUT/zstack/v1` and `POST / HTTP/1.1`.
pub fn method(text: &str) -> Option<(&str, String)> {
    const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    if text.len() > 2000 {
        return None;
    }
    let method = METHODS.iter().find(|method| text.starts_with(**method))?;
    let rest = text[method.len()..].trim();
    let rest = rest.strip_suffix("HTTP/1.1").unwrap_or(rest).trim();
    let path = rest.split(['?', ' ']).next().unwrap_or_default();
    if path.len() < rest.split('?').next().unwrap_or_default().len() {
        return None;
    }
    let bare = !path.starts_with('/')
        && path.contains('/')
        && !path.contains(':')
        && text[method.len()..].starts_with(' ');
    if path.starts_with('/') {
        Some((method, path.to_owned()))
    } else {
        bare.then(|| (*method, format!("/{path}")))
    }
}

/// The day of `Updated on 2026-02-25 GMT+08:00`, `Last updated: …`, `最近更新时间：…`, as `2026-02-25`.
pub fn edition(text: &str) -> Option<String> {
    static UPDATED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        regex(r"(?i:updated(?: on| at)?|last modified|更新时间|更新于)\s*[:：]?\s*(.{6,40})")
    });
    static DIGITS: LazyLock<Option<Regex>> =
        LazyLock::new(|| regex(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})"));
    static WORDS: LazyLock<Option<Regex>> =
        LazyLock::new(|| regex(r"^([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})"));
    if text.len() > 160
        || !(text.contains("pdated") || text.contains("odified") || text.contains("更新"))
    {
        return None;
    }
    let date = UPDATED.as_ref()?.captures(text)?.get(1)?.as_str().trim();
    if let Some(found) = DIGITS.as_ref()?.captures(date) {
        let part = |n: usize| found.get(n).map_or("", |part| part.as_str());
        return Some(format!("{}-{:0>2}-{:0>2}", part(1), part(2), part(3)));
    }
    const MONTHS: &[&str] =
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let found = WORDS.as_ref()?.captures(date)?;
    let part = |n: usize| found.get(n).map_or("", |part| part.as_str());
    let month = MONTHS.iter().position(|month| part(1).eq_ignore_ascii_case(month))? + 1;
    Some(format!("{}-{month:02}-{:0>2}", part(3), part(2)))
}

/// The greatest number of calls in a second.
pub fn rate(text: &str) -> Option<u64> {
    static RATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        regex(
            r"(\d{1,9})\s*(?i:requests?|times?|calls?|次)[^.。]{0,60}?(?i:per second|/\s*s(?:econd)?\b|/\s*秒|每秒)|每秒[^.。]{0,20}?(\d{1,9})\s*次",
        )
    });
    let text = super::block::limit(text, 4000);
    if !(text.contains("second") || text.contains('秒') || text.contains("/s")) {
        return None;
    }
    let found = RATE.as_ref()?.captures(text)?;
    found.get(1).or_else(|| found.get(2))?.as_str().parse().ok()
}

/// The version of `Since 5.2.0`, also where it is glued to other badges.
pub fn since(text: &str) -> Option<&str> {
    static SINCE: LazyLock<Option<Regex>> =
        LazyLock::new(|| regex(r"(?:Since|自|起始版本)[ :：]?\s*v?(\d+(?:\.\d+)+)"));
    if text.len() > LINE {
        return None;
    }
    SINCE.as_ref()?.captures(text)?.get(1).map(|version| version.as_str())
}

/// The value behind "The value used for this API".
pub fn value_used(text: &str) -> Option<&str> {
    let found =
        ["value used for this API:", "value used for this API：", "本接口取值：", "本接口取值:"]
            .iter()
            .find_map(|words| text.split_once(words))?;
    let value = found.1.trim().split([' ', '。', ',', '，']).next()?.trim_end_matches('.');
    (!value.is_empty()).then_some(value)
}

/// Whether a row is of a parameter that every call has, in its headers.
pub fn is_common(text: &str) -> bool {
    ["Common Params", "Common Parameter", "公共参数"].iter().any(|words| text.starts_with(words))
}

/// The operations of `Used by actions: RunCommand, InvokeCommand.`
pub fn used_by(text: &str) -> Option<Vec<String>> {
    let rest = ["Used by actions:", "Used by actions：", "被如下接口引用：", "被如下接口引用:"]
        .iter()
        .find_map(|words| text.strip_prefix(words))?;
    let names =
        rest.split([',', '，', '、', ' ']).map(|name| name.trim().trim_end_matches(['.', '。']));
    Some(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Whether a line says that the operation is deprecated: in a sentence, or in a mark beside its name.
pub fn is_deprecated(text: &str) -> bool {
    const MARKS: &[&str] = &["(deprecated)", "[deprecated]", "（废弃）", "(废弃)", "【废弃】"];
    let text = super::block::limit(text, 2000);
    let lower = text.to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark)) || prose::is_deprecated(text)
}

/// Whether a line is of an example: JSON, a header, a call of a program.
pub fn is_code(text: &str) -> bool {
    const BEGIN: &[&str] = &[
        "curl ", "-H ", "-d ", "Host: ", "Content-Type: ", "Authorization: ", "HTTP/1.1 ",
        "http://", "https://",
    ];
    let text = text.trim();
    matches!(text, "{" | "}" | "[" | "]" | "}," | "]," | "},{" | "[{" | "}]" | "{}" | "[]")
        || BEGIN.iter().any(|begin| text.starts_with(begin))
        || (text.starts_with("X-TC-") && text.contains(": "))
        || (text.starts_with('"')
            && (text.contains("\":")
                || text.contains("\" :")
                || text.ends_with("\",")
                || text.ends_with('"')))
        || (text.starts_with(['{', '['])
            && text.contains('"')
            && text.ends_with(['}', ']', ',', '{', '[']))
        || (text.starts_with('<') && text.ends_with('>'))
}

/// The names in quotes before a colon, in examples.
pub fn quoted_names(text: &str, names: &mut Vec<String>) {
    static NAME: LazyLock<Option<Regex>> =
        LazyLock::new(|| regex(r#""([A-Za-z_][A-Za-z0-9_]*)"\s*:"#));
    if !text.contains("\":") && !text.contains("\" :") {
        return;
    }
    let Some(name) = NAME.as_ref() else { return };
    for found in name.captures_iter(super::block::limit(text, 20_000)) {
        let found = found.get(1).map_or("", |name| name.as_str());
        if names.len() < 500 && !names.iter().any(|known| known == found) {
            names.push(found.to_owned());
        }
    }
}

/// The operation's name in `:original_name: connectPodExec.html` or `X-TC-Action: RunCommand`.
pub fn named(text: &str) -> Option<&str> {
    let rest =
        text.strip_prefix(":original_name:").or_else(|| text.strip_prefix("X-TC-Action:"))?.trim();
    let name = rest.strip_suffix(".html").unwrap_or(rest);
    types::is_camel(name).then_some(name)
}

/// Whether a line is of the frame, not of the page.
pub fn is_frame(text: &str) -> bool {
    terms::is_frame(text)
        || terms::is_trail(text)
        || (text.starts_with(':') && text[1..].contains(": "))
}
