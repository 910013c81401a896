//! The phrases of limits, in English and Chinese.

use std::{cmp::Reverse, collections::HashMap, sync::LazyLock};

/// The meanings of phrases and signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::audit::prose) enum Mark {
    AtMost,
    AtLeast,
    /// `or less`, behind its number.
    OrLess,
    Length,
    Characters,
    Bytes,
    Time,
    /// Calls in a time, which are no limit of a member.
    Calls,
    /// The limit is one of something inside of the member.
    Each,
    Default,
    /// `Valid values`
    Values,
    /// `currently supports`, which is followed by values or by anything else.
    Supports,
    /// `Value range`, which is followed by a range or by values.
    ValueRange,
    Supported,
    /// `only`, before the one value that is supported.
    Only,
    /// `only supports`, which is followed by values or by anything else.
    OnlySupports,
    Example,
    /// The names of the members of a JSON object in a text.
    KeyName,
    /// The members of a JSON object in a text.
    Members,
    Together,
    Not,
    OneOf,
    OnlyWhen,
    Is,
    Means,
    And,
    To,
    Between,
    Filler,
    Comma,
    Semicolon,
    Colon,
    Stop,
    Dash,
    Bullet,
    Open,
    Close,
    /// Chinese text without a meaning here.
    Chinese,
    /// Anything else: a web address, JSON, a sign.
    Other,
}

/// The phrases, by meaning. Where two match, the longer one is meant.
const PHRASES: &[(Mark, &str)] = &[
    (
        Mark::AtMost,
        "up to|at most|no more than|not more than|no greater than|cannot exceed|can not exceed|\
         not exceed|not exceeding|less than or equal to|cap of|capped at|limited to|upper limit|maximum|\
         max|no longer than|不超过|不能超过|不可超过|不得超过|不能超|上限|最多|\
         最大值|最大|最长|不大于|小于等于",
    ),
    (
        Mark::AtLeast,
        "at least|no less than|not less than|no fewer than|minimum|min|lower limit|\
         greater than or equal to|至少|最少|最小值|最小|不小于|不少于|下限|大于等于",
    ),
    (Mark::OrLess, "or less|or fewer|or shorter|以内|以下"),
    (Mark::Length, "length|long|长度"),
    (Mark::Characters, "character|characters|chars|个字符|字符|字符数|字符数目"),
    (Mark::Bytes, "byte|bytes|kb|mb|gb|kib|mib|gib|个字节|字节|字节数"),
    (
        Mark::Time,
        "second|seconds|s|sec|millisecond|milliseconds|ms|minute|minutes|hour|hours|day|days|秒|毫秒|\
         分钟|小时|天",
    ),
    (Mark::Calls, "requests|calls|times|次"),
    (Mark::Each, "each|every|per|每个|每|单个|per second|每秒"),
    (
        Mark::Filler,
        "each request|per request|for each request|each call|per call|every request|每次请求|\
         每次请求的|a|an|the|of|be|can be|value|number|with|to be|has|have|in|allowed|个|的|\
         数目|数量",
    ),
    (
        Mark::Default,
        "default|default value|by default|defaults to|defaulted to|默认|默认值|缺省|缺省值|\
         默认取值",
    ),
    (
        Mark::Values,
        "valid values|valid value|possible values|available values|allowed values|supported values|\
         value options|optional values|accepted values|enumerated values|可选值|枚举值|\
         可选取值|取值|取值包括|目前支持取值|支持的取值|可取值|可能的值",
    ),
    (Mark::Supports, "currently supports|currently supported|supports|目前支持|当前支持"),
    (Mark::ValueRange, "value range|valid range|range|取值范围|有效范围|范围"),
    (Mark::Supported, "supported"),
    (Mark::Only, "only|currently only"),
    (
        Mark::OnlySupports,
        "only supports|supports only|currently only supports|currently supports only|仅支持|只支持|\
         目前仅支持|目前只支持|当前仅支持|当前只支持|暂时只支持|暂只支持",
    ),
    (
        Mark::Example,
        "for example|such as|e.g|for instance|example|examples|例如|比如|如：|如:|如 |示例：",
    ),
    (
        Mark::KeyName,
        "custom parameter name|custom parameter names|parameter name|parameter names|\
         names of custom parameters|name of the custom parameter|name of a custom parameter|key name|\
         key names|自定义参数名称|自定义参数名|参数名称",
    ),
    (Mark::Members, "custom parameters|custom parameter|自定义参数"),
    (Mark::Together, "simultaneously|at the same time|together|both|同时"),
    (Mark::Not, "not|cannot|can't|neither|不支持|不能|不可|不允许|不得"),
    (
        Mark::OneOf,
        "mutually exclusive|exactly one of|only one of|one and only one|either|必须且只能|互斥|\
         二选一",
    ),
    (
        Mark::OnlyWhen,
        "only when|only if|available when|available if|valid when|effective when|takes effect when|\
         仅在|仅当|只有在|只有当",
    ),
    (Mark::Is, "is|are|was|equals|set to|is set to|include|includes|为|是|包括"),
    (Mark::Means, "means|indicates|represents|代表|表示"),
    (Mark::And, "and|or|和|与|或|及|以及"),
    (Mark::To, "to|through|至|到"),
    (Mark::Between, "between|from"),
];

/// The meaning of a sign.
pub(super) fn sign(sign: char) -> Option<Mark> {
    Some(match sign {
        ',' | '，' | '、' => Mark::Comma,
        ';' | '；' => Mark::Semicolon,
        ':' | '：' => Mark::Colon,
        '。' | '!' | '?' | '！' | '？' => Mark::Stop,
        '•' | '·' | '●' => Mark::Bullet,
        '(' | '（' => Mark::Open,
        ')' | '）' | ']' | '】' => Mark::Close,
        '|' | '/' => Mark::And,
        '~' | '～' => Mark::To,
        '=' => Mark::Is,
        _ => return None,
    })
}

/// The phrases that begin with a character, the longest first.
pub(super) fn beginning(first: char) -> &'static [(&'static str, Mark)] {
    static BY_FIRST: LazyLock<HashMap<char, Vec<(&'static str, Mark)>>> = LazyLock::new(|| {
        let mut all: HashMap<char, Vec<(&str, Mark)>> = HashMap::new();
        for (mark, phrases) in PHRASES {
            for phrase in phrases.split('|') {
                if let Some(first) = phrase.chars().next() {
                    all.entry(first).or_default().push((phrase, *mark));
                }
            }
        }
        for phrases in all.values_mut() {
            phrases.sort_by_key(|(phrase, _)| Reverse(phrase.len()));
        }
        all
    });
    BY_FIRST.get(&first.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
}
