//! The words of vendors' pages, in English and in Chinese, and what they mean. A new page with other words
//! needs a word here and nothing else.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::audit::page::Place;

/// Meanings, each with its words.
type Terms<T> = &'static [(T, &'static [&'static str])];

/// The meaning of each word.
type Words<T> = HashMap<&'static str, T>;

/// The content of a column of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Column {
    /// Names of members or parameters.
    Name,
    /// Whether it must be given.
    Required,
    /// Whether it may be left out.
    Optional,
    /// Types.
    Type,
    /// Descriptions, and other prose.
    Text,
    /// A value to be told in the description: its default, its range.
    Aside,
    /// Where a member goes.
    Place,
    /// Statuses of HTTP.
    Status,
    /// Codes of errors.
    Error,
    /// Examples and what else says nothing of the interface.
    Idle,
}

const COLUMNS: Terms<Column> = &[
    (
        Column::Name,
        &[
            "parameter", "parameter name", "parameters", "param", "name", "field", "field name",
            "member", "attribute", "property", "参数", "参数名", "参数名称", "名称", "字段",
            "字段名", "字段名称",
        ],
    ),
    (
        Column::Required,
        &[
            "required", "mandatory", "is required", "是否必选", "必选", "是否必填", "必填",
            "是否必须", "必须", "是否必需", "必需",
        ],
    ),
    (Column::Optional, &["optional", "可选", "是否可选"]),
    (
        Column::Type,
        &[
            "type", "data type", "parameter type", "value type", "类型", "参数类型", "数据类型",
            "字段类型",
        ],
    ),
    (
        Column::Text,
        &[
            "description", "descriptions", "meaning", "remarks", "remark", "note", "message",
            "error message", "error description", "描述", "说明", "参数说明", "参数描述", "含义",
            "备注", "错误信息", "错误描述", "状态码说明", "状态说明",
        ],
    ),
    (
        Column::Aside,
        &[
            "default", "default value", "value range", "range", "allowed values", "optional value",
            "valid values", "默认值", "缺省值", "取值范围", "可选值",
        ],
    ),
    (Column::Place, &["in", "location", "position", "位置", "参数位置"]),
    (
        Column::Status,
        &[
            "status code", "http status code", "http code", "returned value", "状态码",
            "http状态码", "http 状态码", "返回值",
        ],
    ),
    (Column::Error, &["error code", "code", "错误码", "错误代码"]),
    (
        Column::Idle,
        &[
            "example", "example value", "sample value", "starting version", "since", "solution",
            "handling measure", "示例", "示例值", "起始版本", "处理措施", "解决方案",
        ],
    ),
];

/// The column that a header names.
pub fn column(text: &str) -> Option<Column> {
    static WORDS: LazyLock<Words<Column>> = LazyLock::new(|| words(COLUMNS));
    // No header is longer.
    (text.len() < 60).then(|| WORDS.get(plain(text).as_str()).copied())?
}

/// The columns that a whole line names, where it is nothing but headers.
pub fn columns(line: &str) -> Option<Vec<(Column, String)>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() < 2 || words.len() > 16 {
        return None;
    }
    let mut found = Vec::new();
    divide(&words, &mut found).then_some(found)
}

/// Divides words into headers, the longest first: "Parameter Name" is one, "Parameter Type Description" is three.
fn divide(words: &[&str], found: &mut Vec<(Column, String)>) -> bool {
    if words.is_empty() {
        return is_header(found.iter().map(|(column, _)| *column));
    }
    for length in (1..=3.min(words.len())).rev() {
        let text = words[..length].join(" ");
        let Some(column) = column(&text) else { continue };
        if column != Column::Aside && found.iter().any(|(other, _)| *other == column) {
            continue;
        }
        found.push((column, text));
        if found.len() <= 16 && divide(&words[length..], found) {
            return true;
        }
        found.pop();
    }
    false
}

/// Whether columns make a table that says something: what is described first, and something of it.
pub fn is_header(columns: impl Iterator<Item = Column>) -> bool {
    let columns: Vec<Column> = columns.collect();
    let subject = |column: &Column| matches!(column, Column::Name | Column::Status | Column::Error);
    let says = |column: &Column| !subject(column) && *column != Column::Idle;
    let twice = (1..columns.len())
        .any(|at| columns[at] != Column::Aside && columns[..at].contains(&columns[at]));
    columns.len() > 1 && columns.first().is_some_and(subject) && columns.iter().any(says) && !twice
}

/// A part of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// Prose that no part of the model is made of.
    Prose,
    /// Examples.
    Example,
    /// Method, path, and parameters of both.
    Uri,
    /// The request; with a place where the heading gives one.
    Request(Option<Place>),
    /// The answer.
    Answer(Option<Place>),
    /// The statuses of answers.
    Statuses,
    /// The codes of errors.
    Errors,
    /// The operation's name.
    Id,
    /// Objects by name.
    Types,
}

const SECTIONS: Terms<Section> = &[
    (
        Section::Prose,
        &[
            "function",
            "api description",
            "interface description",
            "description",
            "calling method",
            "authorization information",
            "authorization",
            "debugging",
            "constraints",
            "prerequisites",
            "execution availability",
            "try it out",
            "change history",
            "developer resources",
            "sdk",
            "tencentcloud api integration tool",
            "command line interface",
            "see also",
            "notes",
            "功能介绍",
            "功能描述",
            "接口描述",
            "接口说明",
            "调用方法",
            "授权信息",
            "调试",
            "约束限制",
            "前提条件",
            "变更历史",
            "开发者资源",
            "命令行工具",
            "接口约束",
            "在线调试",
            "执行可用性",
        ],
    ),
    (
        Section::Example,
        &[
            "example", "examples", "example request", "example requests", "example response",
            "example responses", "request example", "response example", "sample request",
            "sample response", "code samples", "sdk sample code", "示例", "请求示例", "响应示例",
            "返回示例", "示例代码", "sdk代码示例", "输入示例", "输出示例", "调用示例",
        ],
    ),
    (
        Section::Uri,
        &["uri", "url", "endpoint", "request line", "请求行", "接口地址", "请求地址", "端点"],
    ),
    (
        Section::Request(None),
        &[
            "request", "request parameters", "request parameter", "request inputs",
            "input parameters", "input parameter", "parameters", "请求参数", "输入参数", "请求",
            "请求消息", "入参", "请求输入",
        ],
    ),
    (
        Section::Request(Some(Place::Path)),
        &["path parameters", "path fields", "uri parameters", "路径参数", "path参数", "uri参数"],
    ),
    (
        Section::Request(Some(Place::Query)),
        &["query parameters", "query fields", "查询参数", "query参数"],
    ),
    (
        Section::Request(Some(Place::Header)),
        &[
            "request header parameters",
            "request headers",
            "header fields",
            "header parameters",
            "请求header参数",
            "请求头",
            "请求头参数",
            "请求消息头",
        ],
    ),
    (
        Section::Request(Some(Place::Body)),
        &[
            "request body parameters", "request body", "body fields", "body parameters",
            "请求body参数", "请求体", "请求消息体", "body字段", "请求体参数",
        ],
    ),
    (
        Section::Answer(None),
        &[
            "response", "responses", "response parameters", "response parameter",
            "output parameters", "output parameter", "响应参数", "输出参数", "响应", "返回参数",
            "返回结果", "响应消息", "出参",
        ],
    ),
    (
        Section::Answer(Some(Place::Body)),
        &["response body parameters", "response body", "响应body参数", "响应体", "响应消息体"],
    ),
    (
        Section::Answer(Some(Place::Header)),
        &[
            "response header parameters",
            "response headers",
            "响应header参数",
            "响应头",
            "响应消息头",
        ],
    ),
    (Section::Statuses, &["status codes", "status code", "returned values", "状态码", "返回值"]),
    (Section::Errors, &["error codes", "error code", "错误码", "错误代码"]),
    (Section::Id, &["operation id", "api name", "操作id", "操作 id", "接口名称"]),
    (Section::Types, &["data types", "data structures", "数据结构", "数据类型"]),
];

/// The part that a heading begins.
pub fn section(text: &str) -> Option<Section> {
    if text.len() > 80 {
        return None;
    }
    let text = plain(text);
    static WORDS: LazyLock<Words<Section>> = LazyLock::new(|| words(SECTIONS));
    WORDS.get(text.as_str()).copied()
}

/// The part that the words over a table name: `Parameters in the request header`, `请求Body参数说明`.
pub fn caption(text: &str) -> Option<Section> {
    if let Some(section) = section(text) {
        return Some(section);
    }
    let text = plain(text);
    if text.len() > 80 {
        return None;
    }
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if !has(&["param", "field", "参数", "字段"]) {
        return None;
    }
    let answer = has(&["response", "output", "响应", "返回", "输出"]);
    let place = if has(&["path", "uri", "路径"]) {
        Place::Path
    } else if has(&["query", "查询"]) {
        Place::Query
    } else if has(&["header", "头"]) {
        Place::Header
    } else if has(&["body", "体"]) {
        Place::Body
    } else if answer {
        return Some(Section::Answer(None));
    } else if has(&["request", "input", "请求", "输入"]) {
        return Some(Section::Request(None));
    } else {
        return None;
    };
    Some(if answer { Section::Answer(Some(place)) } else { Section::Request(Some(place)) })
}

/// The place that a cell names, and the member it says that the row is inside of.
pub fn place(text: &str) -> (Option<Place>, Option<String>) {
    let text = text.trim();
    let lower = text.to_lowercase();
    let place = [
        ("path", Place::Path),
        ("url", Place::Path),
        ("query", Place::Query),
        ("header", Place::Header),
        ("body", Place::Body),
        ("路径", Place::Path),
        ("查询", Place::Query),
        ("头", Place::Header),
        ("体", Place::Body),
    ];
    let place = place.iter().find(|(word, _)| lower.contains(word)).map(|(_, place)| *place);
    let inside = ["contained in ", "包含在"].iter().find_map(|words| {
        let rest = &text[lower.find(words)? + words.len()..];
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        (!name.is_empty()).then_some(name)
    });
    (place, inside)
}

/// Yes or no.
pub fn yes(text: &str) -> Option<bool> {
    match plain(text).as_str() {
        "yes" | "y" | "true" | "required" | "mandatory" | "是" | "必选" | "必填" | "√" | "✓" => {
            Some(true)
        }
        "no" | "n" | "false" | "optional" | "否" | "可选" | "选填" | "×" => Some(false),
        _ => None,
    }
}

/// Whether a text says that there is nothing.
pub fn is_none(text: &str) -> bool {
    matches!(
        plain(text).as_str(),
        "none"
            | "n/a"
            | "no parameters"
            | "no request parameters"
            | "no parameter"
            | "无"
            | "无参数"
            | "不涉及"
            | "this api has no request parameters"
            | "this api has no parameters"
    )
}

/// Words of the frame around a page, and sentences that stand on every page of a vendor.
pub fn is_frame(text: &str) -> bool {
    const WHOLE: &[&str] = &[
        "skip to main content",
        "feedback",
        "permalink",
        "view all change history",
        "try it",
        "we recommend you to use api explorer",
        "api explorer",
        "pdf",
        "help center",
        "yes",
        "no",
        ".",
        "was this page helpful?",
        "previous",
        "next",
        "copy",
        "edit on github",
        "contents",
        "意见反馈",
        "文档反馈",
        "帮助中心",
        "推荐使用 api explorer",
        "点击调试",
        "聚焦模式",
        "字号",
        "下载",
        "tencent cloud",
        "last updated",
        "focus mode",
        "font size",
        "download",
        "on this page",
        "this api has no change history records yet",
    ];
    const BEGIN: &[&str] = &[
        "domain name for api request:",
        "the following request parameter list only provides",
        "the following only lists the error codes",
        "tencentcloud api 3.0 integrates sdks",
        "api explorer provides a range of capabilities",
        "on success, this api returns the following",
        "接口请求域名",
        "以下请求参数列表仅列出",
        "以下仅列出了接口业务逻辑相关的错误码",
        "api explorer 提供了在线调用",
        "for details, see ",
        "请参见",
        "table of contents",
    ];
    let text = plain(text);
    WHOLE.contains(&text.as_str()) || BEGIN.iter().any(|begin| text.starts_with(begin))
}

/// A trail of headings: `Help Center/ Cloud Container Instance (CCI)/ API Reference`.
pub fn is_trail(text: &str) -> bool {
    let steps = text.split(['/', '>', '»']).filter(|step| !step.trim().is_empty()).count();
    steps > 2 && !text.contains(['{', '.', '。', '"', ',', '，', ';']) && text.len() < 300
}

/// Words in a form to be looked up: lower case, one blank, without numbering, marks and a colon.
pub fn plain(text: &str) -> String {
    let text = text.trim().trim_matches(['*', '#', '¶', '`']).trim();
    let numbered = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let text =
        if numbered.len() < text.len() && numbered.starts_with(' ') { numbered } else { text };
    let text = text.trim().trim_end_matches([':', '：', '¶']);
    let text = text.trim_end_matches(|c: char| c == '.' && text.len() > 1);
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn words<T: Copy>(terms: Terms<T>) -> Words<T> {
    let pairs =
        terms.iter().flat_map(|(meaning, words)| words.iter().map(|word| (*word, *meaning)));
    pairs.collect()
}
