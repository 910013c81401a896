//! Changes of bodies, and what of them a diff shows.

use guestexec_testkit::Value;
use serde_json::json;

use super::{
    table::{Mutation, change, json, set, text},
    transport::Edit::Request as Of,
};

/// Changes of bodies.
pub const BODIES: &[Mutation] = &[
    // Members of a body.
    change(
        "a number is another",
        "tat/run-settings",
        Of(1, |request| set(request, "Timeout", json!(91))),
        &[r#"-  "Timeout": 90,"#, r#"+  "Timeout": 91,"#],
    ),
    change(
        "a number is a text",
        "tat/run-settings",
        Of(1, |request| set(request, "Timeout", json!("90"))),
        &[r#"-  "Timeout": 90,"#, r#"+  "Timeout": "90","#],
    ),
    change(
        "a number has a fraction",
        "tat/run-settings",
        Of(1, |request| set(request, "Timeout", json!(90.0))),
        &[r#"-  "Timeout": 90,"#, r#"+  "Timeout": 90.0,"#],
    ),
    change(
        "a flag is false",
        "tat/run-settings",
        Of(1, |request| set(request, "EnableParameter", json!(false))),
        &[r#"-  "EnableParameter": true,"#, r#"+  "EnableParameter": false,"#],
    ),
    change(
        "a letter is a capital",
        "tat/run-settings",
        Of(1, |request| set(request, "CommandName", json!("Logs"))),
        &[r#"-  "CommandName": "logs","#, r#"+  "CommandName": "Logs","#],
    ),
    change(
        "a letter is two characters",
        "tat/run-settings",
        Of(1, |request| set(request, "WorkingDirectory", json!("/srv/gro\u{308}ße"))),
        &[
            "-  \"WorkingDirectory\": \"/srv/größe\"",
            "+  \"WorkingDirectory\": \"/srv/gro\u{308}ße\"",
        ],
    ),
    change(
        "a member is null",
        "tat/run-settings",
        Of(1, |request| set(request, "Username", Value::Null)),
        &[r#"-  "Username": "deploy","#, r#"+  "Username": null,"#],
    ),
    change(
        "a member is added",
        "tat/run-settings",
        Of(1, |request| set(request, "Extra", json!({}))),
        &[r#"+  "Extra": {},"#],
    ),
    change(
        "a member is gone",
        "tat/run-settings",
        Of(1, |request| json(request, |body| drop(body.remove("Username").unwrap()))),
        &[r#"-  "Username": "deploy","#],
    ),
    change(
        "a member has another name",
        "tat/run-settings",
        Of(1, |request| text(request, "\"Username\"", "\"UserName\"")),
        &[r#"-  "Username": "deploy","#, r#"+  "UserName": "deploy","#],
    ),
    change(
        "a member is there twice",
        "tat/run-settings",
        Of(1, |request| text(request, "{\"", "{\"Timeout\":7,\"")),
        &["-{", "…"],
    ),
    change(
        "an array has one more item",
        "tat/run-settings",
        Of(1, |request| set(request, "InstanceIds", json!(["ins-1", "ins-2"]))),
        &[r#"-    "ins-1""#, r#"+    "ins-1","#, r#"+    "ins-2""#],
    ),
    change(
        "an array has another order",
        "tat/events",
        Of(1, |request| set(request, "InstanceIds", json!(["ins-2", "ins-1"]))),
        &[r#"-    "ins-1","#, r#"-    "ins-2""#, r#"+    "ins-2","#, r#"+    "ins-1""#],
    ),
    change(
        "an array is empty",
        "tat/events",
        Of(3, |request| set(request, "InstanceIds", json!([]))),
        &[r#"-  "InstanceIds": ["#, r#"-    "ins-2""#, "-  ],", r#"+  "InstanceIds": [],"#],
    ),
    change(
        "objects in an array have another order",
        "tat/run-saved",
        Of(1, |request| json(request, |body| body["Tags"].as_array_mut().unwrap().reverse())),
        &[
            r#"+      "Key": "for","#, r#"+      "Value": "all""#, "+    },", "+    {", "-    },",
            "-    {", r#"-      "Key": "for","#, r#"-      "Value": "all""#,
        ],
    ),
    change(
        "a member of an object in an array is another",
        "tat/run-saved",
        Of(1, |request| text(request, "operations", "Operations")),
        &[r#"-      "Value": "operations""#, r#"+      "Value": "Operations""#],
    ),
    change(
        "a member of a member is another",
        "zstack/run-by-post",
        Of(1, |request| text(request, "\"commandTimeout\":30", "\"commandTimeout\":31")),
        &[r#"-    "commandTimeout": 30,"#, r#"+    "commandTimeout": 31,"#],
    ),
    change(
        "there is no body",
        "tat/resumed",
        Of(1, |request| *request.body_mut() = None),
        &["-{", "…"],
    ),
    change(
        "the body is no JSON",
        "tat/resumed",
        Of(1, |request| text(request, "{\"", "{{\"")),
        &["-{", "…"],
    ),
    // Base64 and JSON in texts.
    change(
        "a byte of a script is another",
        "tat/run-unmarked",
        Of(1, |request| set(request, "Content", json!("Y2F0IDw8ZW5kCiBobwplbmQ="))),
        &["-  |  hi", "+  |  ho"],
    ),
    change(
        "a script ends with a line break",
        "tat/run-unmarked",
        Of(1, |request| set(request, "Content", json!("Y2F0IDw8ZW5kCiBoaQplbmQK"))),
        &["+  |"],
    ),
    change(
        "a script is not in Base64",
        "tat/run-unmarked",
        Of(1, |request| set(request, "Content", json!("cat <<end\n hi\nend"))),
        &[r#"-  "Content": "<base64>","#, r#"+  "Content": "<lines>","#],
    ),
    change(
        "a script is in Base64 twice",
        "tat/run-unmarked",
        Of(1, |request| set(request, "Content", json!("WTJGMElEdzhaVzVrQ2lCb2FRcGxibVE9"))),
        &[
            r#"-  "Content": "<base64>","#,
            "-  | cat <<end",
            "-  |  hi",
            "-  | end",
            r#"+  "Content": "<base64> Y2F0IDw8ZW5kCiBoaQplbmQ=","#,
        ],
    ),
    change(
        "a script of PowerShell is another",
        "zstack/windows-powershell",
        Of(1, |request| {
            // The third character of UTF-16 in Base64.
            text(request, "EncodedCommand JAB0AD0A", "EncodedCommand JAB1AD0A");
        }),
        &[
            "-    | powershell.exe -NoProfile -NonInteractive -EncodedCommand <utf-16>$t=[Text.…",
            "+    | powershell.exe -NoProfile -NonInteractive -EncodedCommand <utf-16>$u=[Text.…",
        ],
    ),
    change(
        "a member of JSON in a text is another",
        "tat/invoke",
        Of(1, |request| text(request, "1.2.3", "1.2.4")),
        &[r#"-      "version": "1.2.3""#, r#"+      "version": "1.2.4""#],
    ),
    change(
        "a member of JSON in a text has another name",
        "tat/invoke",
        Of(1, |request| text(request, "\\\"token\\\"", "\\\"taken\\\"")),
        &[r#"-      "token": "<secret>","#, r#"+      "taken": "<secret>","#],
    ),
    change(
        "a member of JSON in a text is gone",
        "tat/invoke",
        Of(1, |request| set(request, "Parameters", json!("{\"version\":\"1.2.3\"}"))),
        &[r#"-      "token": "<secret>","#],
    ),
    change(
        "JSON in a text is JSON",
        "tat/invoke",
        Of(1, |request| set(request, "Parameters", json!({ "version": "1.2.3", "token": "x" }))),
        &[
            r#"-  "Parameters": {"#,
            r#"-    "<json>": {"#,
            r#"-      "token": "<secret>","#,
            r#"-      "version": "1.2.3""#,
            "-    }",
            "-  },",
            r#"+  "Parameters": "<secret>","#,
        ],
    ),
];
