//! Limits that vendors state in prose: each row is a description, a type, and what is read.

use xtask::audit::{
    page::{Limits, Type},
    prose::{is_deprecated, limits, only_in},
};

/// The limits in a line, those that are there.
fn said(limits: &Limits) -> String {
    let Limits {
        min_characters,
        max_characters,
        max_bytes,
        minimum,
        maximum,
        min_items,
        max_items,
        values,
        default,
        characters,
        key_max_characters,
        key_characters,
        excludes,
        requires,
    } = limits;
    let size = |number: &Option<u64>| number.map(|number| number.to_string());
    let value = |number: &Option<i64>| number.map(|number| number.to_string());
    let some = |list: String| Some(list).filter(|list| !list.is_empty());
    let requires: Vec<_> = requires.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let all = [
        ("characters>", size(min_characters)),
        ("characters<", size(max_characters)),
        ("bytes<", size(max_bytes)),
        ("value>", value(minimum)),
        ("value<", value(maximum)),
        ("items>", size(min_items)),
        ("items<", size(max_items)),
        ("values=", some(values.join(","))),
        ("default=", default.clone()),
        ("class=", characters.clone()),
        ("key<", size(key_max_characters)),
        ("keys=", key_characters.clone()),
        ("excludes=", some(excludes.join(","))),
        ("requires=", some(requires.join(","))),
    ];
    let said = all.into_iter().filter_map(|(name, value)| Some(format!("{name}{}", value?)));
    said.collect::<Vec<_>>().join(" ")
}

fn list(item: Type) -> Type {
    Type::List(Box::new(item))
}

/// Descriptions of every shape that the vendors' pages have, with what they say.
#[test]
fn limits_of_a_member() {
    let (text, integer, boolean) = (Some(Type::Text), Some(Type::Integer), Some(Type::Boolean));
    let (texts, objects) = (Some(list(Type::Text)), Some(list(Type::Object(None))));
    let map = Some(Type::Map);
    let rows: &[(&Option<Type>, &str, &str)] = &[
        // Characters in words.
        (&text, "名称只能包含小写字母、数字和中划线（-）。", "class=[a-z0-9-]"),
        (
            &text,
            "名称由大小写字母、数字、下划线（_）、中划线（-）和英文句点（.）组成，长度不超过 60 个字符。",
            "characters<60 class=[a-zA-Z0-9_.-]",
        ),
        (&text, "仅支持英文字母、数字、下划线", "class=[a-zA-Z0-9_]"),
        (&text, "只允许字母、数字以及空格，以字母开头。", "class=[a-zA-Z0-9 ]"),
        (
            &text,
            "It can contain only lowercase letters, digits, and hyphens (-).",
            "class=[a-z0-9-]",
        ),
        (
            &text,
            "The name may contain only letters (a-zA-Z), digits, underscores and spaces.",
            "class=[a-zA-Z0-9_ ]",
        ),
        (&text, "名称只能包含中文、英文、数字、下划线。", ""),
        (&text, "名称只能包含英文、数字、中文和下划线。", ""),
        (&text, "It can contain only letters, digits and emoji.", ""),
        (&text, "由数字证书签发。", ""),
        (&text, "自定义参数名称只能包含字母、数字。", ""),
        (&integer, "只能包含数字。", ""),
        (
            &text,
            "The URL must start with https, such as https://BucketName-123454321.cos.ap-beijing.myqcloud.com.",
            "class=^https.*$",
        ),
        (&text, "The path must begin with `/data.`.", "class=^/data\\..*$"),
        (&text, "地址必须以 https 开头。", "class=^https.*$"),
        (&text, "须以“ins-”开头", "class=^ins-.*$"),
        (&text, "The name must start with a letter.", ""),
        (&text, "It must start with http or https.", ""),
        (&text, "名称必须以字母开头。", ""),
        (&integer, "It must start with `1`.", ""),
        // The only value.
        (&text, "目前仅支持 `CRON`。", "values=CRON"),
        (&text, "类型。当前只支持 SCHEDULE", "values=SCHEDULE"),
        (&text, "The type. Only SCHEDULE is supported.", "values=SCHEDULE"),
        (&text, "Currently only supports `CRON`.", "values=CRON"),
        (&text, "Only SHELL and BAT are supported.", "values=SHELL,BAT"),
        (&integer, "Only 1 is supported.", "values=1"),
        (&text, "仅支持 VPC 网络的实例。", ""),
        (&text, "Only Linux machines are supported.", ""),
        (&text, "It only supports Linux machines.", ""),
        (&text, "This parameter is only supported in ZSphere.", ""),
        // Lengths.
        (&text, "Command description. The maximum length is 120 characters.", "characters<120"),
        (&text, "Base64-encoded command. The maximum length is 64 KB.", "bytes<65536"),
        (&text, "The script. The length cannot exceed 64KB.", "bytes<65536"),
        (&text, "At most 2 MB.", "bytes<2097152"),
        (&text, "The name can be up to 60 bytes.", "bytes<60"),
        (&text, "The name can contain 1 to 60 characters.", "characters>1 characters<60"),
        (&text, "Length: 1-64 characters.", "characters>1 characters<64"),
        (&text, "The value is a string of 6–32 characters.", "characters>6 characters<32"),
        (&text, "A string of 6 to 32 characters.", "characters>6 characters<32"),
        (&text, "Between 8 and 32 characters long.", "characters>8 characters<32"),
        (&text, "Up to 60 characters are allowed.", "characters<60"),
        (&text, "The value must be at least 3 characters long.", "characters>3"),
        (&text, "The maximum number of characters is 64.", "characters<64"),
        (&text, "The number of characters has a cap of 64.", "characters<64"),
        (&text, "Name, 128 characters or less.", "characters<128"),
        (&text, "The length is limited to 1,024 characters.", "characters<1024"),
        (&text, "命令描述。不超过120字符。", "characters<120"),
        (&text, "长度不超过64个字符", "characters<64"),
        (&text, "不超过 60 个字节", "bytes<60"),
        (&text, "最大长度不能超60个字节。", "bytes<60"),
        (&text, "长度最多为60。", "characters<60"),
        (&text, "入参限制：Base64 编码后的字符串长度不能超过 64KB", "bytes<65536"),
        (&text, "长度为 1-60 个字符。", "characters>1 characters<60"),
        (&text, "60个字符以内。", "characters<60"),
        // Values of numbers.
        (
            &integer,
            "Command timeout period. Default value: 60 seconds. Value range: [1, 86400].",
            "value>1 value<86400 default=60",
        ),
        (&integer, "Value range: 1-86400.", "value>1 value<86400"),
        (&integer, "Value range: 1 – 86400", "value>1 value<86400"),
        (&integer, "Value range: (0, 100]", "value>1 value<100"),
        (&integer, "The timeout, 10 to 86400 seconds.", "value>10 value<86400"),
        (&integer, "Must be between 10 and 86,400.", "value>10 value<86400"),
        (&integer, "取值范围：[1, 86400]。默认60秒。", "value>1 value<86400 default=60"),
        (&integer, "取值范围：1～86400", "value>1 value<86400"),
        (&integer, "返回数量，默认为20，最大值为100。", "value<100 default=20"),
        (
            &integer,
            "Number of results. Default value: 20. Maximum value: 100.",
            "value<100 default=20",
        ),
        (&integer, "At least 1.", "value>1"),
        (&integer, "A minimum of 10, a maximum of 20.", "value>10 value<20"),
        (&integer, "From 1 to 86400. Default: the command's own.", "value>1 value<86400"),
        (&integer, "A value of -1 to 5.", "value>-1 value<5"),
        // Counts.
        (&texts, "Instance ID list, with a cap of 200.", "items<200"),
        (&texts, "The upper limit is 100 per request.", "items<100"),
        (&texts, "待执行命令的实例ID列表，上限 200。", "items<200"),
        (&texts, "每次请求的上限为100。", "items<100"),
        (&objects, "The tags. A maximum of 10 tags are allowed.", "items<10"),
        (&objects, "The maximum number of tags is 10.", "items<10"),
        (&objects, "up to 20 custom Parameters are allowed.", "items<20"),
        (&objects, "列表长度不超过10", "items<10"),
        (&objects, "1 to 5 filters.", "items>1 items<5"),
        (&objects, "每次请求的 `Filters` 的上限为10， `Filter.Values` 的上限为5。", "items<10"),
        (&objects, "Up to 10 `Filters` per request, and up to 5 `Filter.Values`.", "items<10"),
        (&map, "At most 20 entries.", "items<20"),
        // Values by name.
        (&text, "Valid values: A, B", "values=A,B"),
        (&text, "Valid values: `SHELL`, `POWERSHELL` and `BAT`.", "values=SHELL,POWERSHELL,BAT"),
        (
            &text,
            "Command type. currently supports SHELL, POWERSHELL, BAT. default: SHELL.",
            "values=SHELL,POWERSHELL,BAT default=SHELL",
        ),
        (
            &text,
            "`SHELL` and `POWERSHELL` are supported. The default value is `SHELL`.",
            "values=SHELL,POWERSHELL default=SHELL",
        ),
        (
            &text,
            "Status. Valid values:\n• PENDING: waiting.\n• RUNNING: at work. It takes a while.\n• SUCCESS: done.",
            "values=PENDING,RUNNING,SUCCESS",
        ),
        (
            &text,
            "Status. Valid values:\n- PENDING: waiting\n- RUNNING: at work",
            "values=PENDING,RUNNING",
        ),
        (
            &text,
            "Status. Valid values: <li>PENDING: waiting</li><li>RUNNING: at work</li>",
            "values=PENDING,RUNNING",
        ),
        (
            &text,
            "Valid values: Online (reachable), Offline (not reachable).",
            "values=Online,Offline",
        ),
        (&text, "Valid values: Online: reachable; Offline: not.", "values=Online,Offline"),
        (&text, "Who.\n\n- USER: a user.\n- INVOKER: a schedule.", "values=USER,INVOKER"),
        (&text, "Agent状态，取值范围：\nOnline：在线，Offline：离线\n", "values=Online,Offline"),
        (&text, "取值范围：Linux：Linux实例Windows：Windows实例", "values=Linux,Windows"),
        (&text, "命令类型。取值为 SHELL、POWERSHELL、BAT 之一。", "values=SHELL,POWERSHELL,BAT"),
        (&text, "系统名。取值：Linux | Windows。", "values=Linux,Windows"),
        (
            &text,
            "地域状态，AVAILABLE 代表可用，UNAVAILABLE 代表不可用。",
            "values=AVAILABLE,UNAVAILABLE",
        ),
        (&text, "platform，可选值: [Windows, Linux]", "values=Windows,Linux"),
        (&integer, "ipVersion，可选值: [4, 6]", "values=4,6"),
        (
            &text,
            "<p>枚举值：</p><ul><li>TAT： 公共命令</li><li>USER： 个人创建的命令</li></ul>",
            "values=TAT,USER",
        ),
        // Defaults.
        (
            &boolean,
            "Whether to save it. value range:. The default value is false.",
            "default=false",
        ),
        (
            &boolean,
            "是否隐藏，取值范围：\n\n- true：隐藏\n- false：不隐藏\n \n默认为 true。",
            "default=true",
        ),
        (
            &text,
            "The type, with a default value of \"application/JSON\".",
            "default=application/JSON",
        ),
        (&text, "默认：SHELL。", "default=SHELL"),
        (&text, "默认值为 SHELL", "default=SHELL"),
        (&integer, "Default: 60 s.", "default=60"),
        (&boolean, "Default: True, so set it to false.", "default=true"),
        // Characters.
        (
            &text,
            "Command name. The name can be up to 60 bytes, and contain [a-z], [A-Z], [0-9] and [_-.].",
            "bytes<60 class=[a-zA-Z0-9_.-]",
        ),
        (&text, "可选范围【a-zA-Z0-9-_】", "class=[a-zA-Z0-9_-]"),
        // A JSON object in a text: its members and their names.
        (
            &text,
            "Custom parameters can be up to 20. The custom parameter name must meet the following standard: the number of characters has a cap of 64, and the optional range is [a-zA-Z0-9-_].",
            "items<20 key<64 keys=[a-zA-Z0-9_-]",
        ),
        (
            &text,
            "自定义参数最多20个。自定义参数名称需符合以下规范：字符数目上限64，可选范围【a-zA-Z0-9-_】。",
            "items<20 key<64 keys=[a-zA-Z0-9_-]",
        ),
        // Other members.
        (
            &text,
            "Parameters must not be specified simultaneously DefaultParameters and DefaultParameterConfs.If both are",
            "excludes=DefaultParameters,DefaultParameterConfs",
        ),
        (
            &texts,
            "`InstanceIds` and `Filters` cannot be specified at the same time.",
            "excludes=InstanceIds,Filters",
        ),
        (&texts, "You cannot specify both CommandIds and Filters.", "excludes=CommandIds,Filters"),
        (&texts, "参数不支持同时指定 `CommandIds` 和 `Filters` 。", "excludes=CommandIds,Filters"),
        (&text, "CommandId 与 Content，必须且只能提供一个。", "excludes=CommandId,Content"),
        (
            &text,
            "This parameter can be set only when the EnableParameter of the command is true.",
            "requires=EnableParameter:true",
        ),
        (
            &objects,
            "The tags. It is available when SaveCommand is True.",
            "requires=SaveCommand:true",
        ),
        (
            &text,
            "仅在 CommandId 所指命令的 EnableParameter 为 true 时，才允许设置此参数。",
            "requires=EnableParameter:true",
        ),
    ];
    let mut wrong = Vec::new();
    for (ty, text, expected) in rows {
        let read = said(&limits(text, ty.as_ref()));
        if read != *expected {
            wrong.push(format!("{text}\n  read     {read}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sentences with numbers and names that limit nothing, or not the member.
#[test]
fn what_is_no_limit() {
    let (text, integer) = (Some(Type::Text), Some(Type::Integer));
    let (texts, objects) = (Some(list(Type::Text)), Some(list(Type::Object(None))));
    let rows: &[(&Option<Type>, &str)] = &[
        (&text, "A maximum of 20 requests can be initiated per second for this API."),
        (
            &text,
            "The default value is /root for SHELL commands and C:\\Program Files\\qcloud for POWERSHELL commands.",
        ),
        (
            &text,
            "命令执行路径，对于 SHELL 命令默认为 /root，对于 POWERSHELL 命令默认为 C:\\Program Files\\qcloud。",
        ),
        (
            &text,
            "By default, the user root is used to execute commands on Linux and the user System is used on Windows.",
        ),
        (&text, "默认以 Command 配置的 Username 执行。"),
        (&text, "Default: `root` on Linux, `System` on Windows."),
        (&text, "The reserved field. Default value: null."),
        (&text, "If Parameters is not provided, the default value here will be used to replace."),
        (
            &text,
            "for example: {\"varA\": \"222\"}. The key is the custom parameter name, and the value is the default.",
        ),
        (&text, "For example, up to 20 characters."),
        (&text, "The error code, for example, SYS.1000, HOST.1001."),
        (&text, "An ISO 8601 time, 2020-10-28 to the second, in UTC+8."),
        (&text, "UTF-8 text."),
        (&text, "The VM instance UUID."),
        (
            &text,
            "The first element is the command,\n\nand the subsequent elements are the arguments.",
        ),
        (&text, "当 EnableParameter = true 时，支持两种动态参数占位符"),
        (&text, "Valid values: any string."),
        (&text, "Valid values:. The default is used."),
        (
            &texts,
            "currently supported instance types:. - CVM - Lighthouse -TAT register instance. Instance ID can be obtained.",
        ),
        (&texts, "目前支持实例类型：\n- CVM\n- Lighthouse\n- TAT 托管实例"),
        (&texts, "目前支持实例类型：CVM、Lighthouse、TAT 托管实例。"),
        (
            &objects,
            "- command-type - String - required: no - filter by type, valid values: SHELL, BAT.",
        ),
        (
            &objects,
            "- created-by - String - 是否必填：否 -（过滤条件）取值为 TAT 或 USER。TAT 代表公共命令，USER 代表由用户创建的命令。",
        ),
        (&texts, "Each ID has at most 32 characters."),
        (&objects, "每个过滤器最多5个值。"),
        (&integer, "The number of bytes that were dropped."),
        (&integer, "Seconds since 1970."),
        (&text, "注意：此字段可能返回 null，表示取不到有效值。"),
        (&text, "It cannot start with a slash (/), and cannot contain consecutive slashes."),
        (
            &text,
            "1. It must be a combination of number, letters, and visible characters. 2. Use a slash (/).",
        ),
        (&None, "name of the PodExecOptions"),
        (&None, "At most 100."),
    ];
    for (ty, text) in rows {
        assert_eq!(said(&limits(text, ty.as_ref())), "", "{text}");
    }
}

#[test]
fn deprecation() {
    let deprecated = [
        "Deprecated.",
        "(Deprecated) The name.",
        "[deprecated] The name.",
        "The name. This parameter is deprecated.",
        "This field has been deprecated. Use `Other`.",
        "This API will be deprecated soon.",
        "The name. It is no longer supported.",
        "已废弃，请使用 Other。",
        "此接口已下线。",
    ];
    for text in deprecated {
        assert!(is_deprecated(text), "{text}");
    }
    let not = [
        "The name.",
        "Replaces `OldName`, which is deprecated.",
        "The value BAT is deprecated.",
        "This parameter is not deprecated.",
        "The name that is no longer used by the instance.",
        "Whether the deprecated agent is shown.",
        "",
    ];
    for text in not {
        assert!(!is_deprecated(text), "{text}");
    }
}

#[test]
fn the_one_edition_that_has_it() {
    let rows = [
        ("Only available in the Enterprise edition.", Some("Enterprise")),
        ("The state. Only available in the ZSphere Edition.", Some("ZSphere")),
        (
            "Optional. The tags (available only in the Enterprise Prepaid edition).",
            Some("Enterprise Prepaid"),
        ),
        ("This parameter is only supported in ZSphere.", Some("ZSphere")),
        ("仅企业版支持。", Some("企业")),
        ("since 5.2.0", None),
        ("Only available in regions of the mainland.", None),
        ("It is only in use when the machine runs.", None),
        ("The VM instance UUID.", None),
        ("", None),
    ];
    for (text, edition) in rows {
        assert_eq!(only_in(text).as_deref(), edition, "{text}");
    }
}

/// Whatever a page holds, reading it ends.
#[test]
fn hostile_text() {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "【",
        "】",
        "（",
        "(",
        "<",
        "<li",
        "<li>",
        "&",
        "&quot",
        "`",
        "\"",
        "“",
        "-",
        "*",
        "0",
        "1,000,",
        "9223372036854775808",
        "99999999999999 GB",
        "at most",
        "1 to",
        "默认",
        "取值：",
        "如",
        "](",
        "http://",
        "[1,",
        "[-9223372036854775808, 0)",
        "ß",
        "İ",
        "\u{0}",
        "\u{a0}",
        "\n\n",
        "only in",
        "仅",
        "版",
        "版支持",
        "no longer",
    ];
    for first in pieces {
        for second in pieces {
            for third in pieces {
                let text = format!("{first}{second}{third} {first}");
                limits(&text, Some(&Type::Integer));
                is_deprecated(&text);
                only_in(&text);
            }
        }
    }
    limits(&"{[(<`".repeat(20_000), Some(&Type::Text));
}
