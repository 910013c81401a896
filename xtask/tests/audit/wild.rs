//! Forms of pages that no renderer writes, each in a few lines.

use xtask::audit::read;

use crate::dump::dump;

/// What a text is called, the text, and lines that its dump has, in this order.
const CASES: &[(&str, &str, &[&str])] = &[
    (
        "marks of required lost, in Chinese",
        "StopTask\n\n最后更新时间: 2026-03-26 22:28:39\n\n1. 接口描述\n\n停止任务。\n\n默认接口请求频率限制：20次/秒。\n\n2. 输入参数\n\n\
         参数名称 必选 类型 描述\nAction String 公共参数，本接口取值：StopTask。\nTaskIds.N Array of String 任务列表。\n\
         Filters.N 否 Array of Filter 过滤条件。\n\n  • name - 名称。\n\n  • Limit 否 Integer 返回数量。\n\n3. 输出参数\n\n\
         参数名称 类型 描述\nTotal Integer 总数。\n\n6. 错误码\n\n错误码 描述\nInvalidParameter 参数错误。\nInternalError.Db 内部错误。\n",
        &[
            "edition: 2026-03-26",
            "id: StopTask",
            "rate: 20",
            "  Action String header: 公共参数，本接口取值：StopTask。",
            "  TaskIds Array of String body: 任务列表。",
            "  Filters Array of Filter body optional: 过滤条件。 - name - 名称。",
            "  Limit Integer body optional: 返回数量。",
            "answer:",
            "  Total Integer body: 总数。",
            "errors:",
            "  InvalidParameter: 参数错误。",
            "  InternalError.Db: 内部错误。",
        ],
    ),
    (
        "objects by name, in lines",
        "Data Types\nLast updated:2026-03-05 16:27:26\n\nAgent\n\nAn agent.\n\nUsed by actions: ListAgents, GetAgent.\n\n\
         Name Type Description\nAgentId String\n\nIts id.\n\n.\nSeenTime Timestamp ISO8601 Last seen.\nTags Array of Tag\n\nIts tags.\n\n.\n\n\
         Tag\n\nA tag.\n\nUsed by actions: ListAgents.\n\nName Type Required Description\nKey String Yes The key.\n",
        &[
            "edition: 2026-03-05",
            "type Agent used by ListAgents, GetAgent",
            "  AgentId String body: Its id.",
            "  SeenTime String body: Last seen.",
            "  Tags Array of Tag body: Its tags.",
            "type Tag used by ListAgents",
            "  Key String body required: The key.",
        ],
    ),
    (
        "objects by name, in bars",
        "## Agent\n\nUsed by actions: GetAgent.\n\n| Name | Type | Description |\n|---|---|---|\n| Id | String | Its id. |\n",
        &["type Agent used by GetAgent", "  Id String body: Its id."],
    ),
    (
        "a column of places, and what a row is inside of",
        "POST zstack/v1/zones\n\n| Name | Type | Location | Description | Starting Version |\n|---|---|---|---|---|\n\
         | params | Object | body | What is made | 0.6 |\n\
         | name | String | body (contained in params structure) | Its name | 0.6 |\n\
         | note (optional) | String | body (contained in params structure) | A note | 0.6 |\n\
         | tags (optional) | List | body | Tags | 0.6 |\n\nResponse Parameters\n\n| Name | Type | Description |\n|---|---|---|\n| error | ErrorCode | Why |\n",
        &[
            "method: POST",
            "path: /zstack/v1/zones",
            "  params Object body required: What is made",
            "    name String body required: Its name",
            "    note String body optional: A note",
            "  tags List body optional: Tags",
            "answer:",
            "  error ErrorCode body: Why",
        ],
    ),
    (
        "tables that refer to tables, and the body of an error",
        "URI\nGET /v1/{id}\n表1 路径参数\n|\n参数 |\n是否必选 |\n参数类型 |\n描述 |\n|---|---|---|---|\n|\nid |\n是 |\nString |\n任务ID |\n\
         响应参数\n状态码：200\n表2 响应Body参数\n|\n参数 |\n参数类型 |\n描述 |\n|---|---|---|\n|\nresult |\nResult object |\n结果 |\n|\nnames |\nArray of strings |\n名称 |\n\
         表3 Result\n|\n参数 |\n参数类型 |\n描述 |\n|---|---|---|\n|\nparts |\nArray of Part objects |\n部分 |\n\
         状态码：400\n表4 响应Body参数\n|\n参数 |\n参数类型 |\n描述 |\n|---|---|---|\n|\nerror_code |\nString |\n错误码 |\n状态码\n|\n状态码 |\n描述 |\n|---|---|\n|\n200 |\nOK |\n",
        &[
            "  id String path required: 任务ID",
            "answer:",
            "  result Result body: 结果",
            "  names Array of String body: 名称",
            "statuses:",
            "  200: OK",
            "errors: not in this copy",
            "type Result used by",
            "  parts Array of Part body: 部分",
        ],
    ),
    (
        "a column moved, one row a line",
        "Request Parameters\n\nParameter Description Mandatory Type\na The first one, which is long. Yes Array of String\nb The second. No Integer\n",
        &[
            "  a Array of String body required: The first one, which is long.",
            "  b Integer body optional: The second.",
        ],
    ),
    (
        "a column moved, one cell a line",
        "Request Parameters\n\nParameter\n\nDescription\n\nType\n\nMandatory\n\na\n\nThe first one,\n\nwhich is long.\n\nString\n\nYes\n\nb\n\nThe second.\n\nInteger\n\nNo\n\nResponse Parameters\n\nNone\n",
        &[
            "  a String body required: The first one, which is long.",
            "  b Integer body optional: The second.",
            "answer:",
            "statuses: not in this copy",
        ],
    ),
    (
        "members in elements of their own, and a page that is deprecated",
        "<div><h1>StopTask (Deprecated)</h1><p>PUT /v1/tasks</p><h3>Body Fields</h3><ul><li><code>id</code> <i>String</i> <b>Required</b><p>The id.</p></li>\
         <li><code>force</code> <i>Boolean</i><div>Whether it <b>must</b> stop.</div></li></ul></div>",
        &[
            "method: PUT",
            "deprecated: StopTask (Deprecated)",
            "  id String body required: The id.",
            "  force Boolean body optional: Whether it must stop.",
        ],
    ),
    (
        "a table of HTML inside Markdown, rows that span, and defaults",
        "# URI\n\nGET /v1/tasks\n\n<table>\n<tr><th>Parameter</th><th>Type</th><th>Description</th><th>Default value</th></tr>\n\
         <tr><td>limit</td><td rowspan=\"2\">Integer</td><td>How many.</td><td>20</td></tr>\n<tr><td>offset</td><td>From where.</td><td>-</td></tr>\n</table>\n\n## Status Codes\n\nNone\n",
        &[
            "  limit Integer query: How many. Default value: 20.",
            "  offset Integer query: From where.",
            "statuses:",
        ],
    ),
    (
        "cells of a grid that go on, and marks of depth",
        "Request Parameters\n------------------\n\n+-----------+--------+---------------+\n| Parameter | Type   | Description   |\n+===========+========+===============+\n\
         | a         | Object | Holds:        |\n|           |        |               |\n|           |        | - b           |\n+-----------+--------+---------------+\n\
         | └ b       | String | Inside.       |\n+-----------+--------+---------------+\n",
        &["  a Object body: Holds: - b", "    b String body: Inside."],
    ),
    (
        "what is not understood is listed",
        "GET /v1/tasks\n\n| Verb | Meaning |\n|---|---|\n| GET | reads |\n\nRequest Parameters\n\n| Parameter | Mandatory | Type | Colour |\n|---|---|---|---|\n\
         | a | No | String | red |\n| what is this | No | String | blue |\n\nThe sky is high.\n",
        &[
            "  a String body optional:",
            "   3 not understood: a table of 1 rows with the columns Verb | Meaning",
            "   9 not understood: the column Colour of a table",
            "  12 not understood: the row what is this | No | String | blue",
            "  14 not understood: The sky is high.",
        ],
    ),
    (
        "glued words, with a description in either language behind",
        "PUT/v1/vms\n\nBody Fields\n\n• vmUuidStringRequired云主机UUID。\n• hostUuidStringRequiredThe host.\n• timeoutIntegerOptional. In seconds.\n• vmVmInventoryRequired\n• rootErrorCode\n",
        &[
            "path: /v1/vms",
            "  vmUuid String body required: 云主机UUID。",
            "  hostUuid String body required: The host.",
            "  timeout Integer body optional: Optional. In seconds.",
            "  vm VmInventory body required:",
            "  root ErrorCode body optional:",
        ],
    ),
];

#[test]
fn the_forms_that_pages_have_are_read() {
    let mut failures = Vec::new();
    for (name, text, expected) in CASES {
        let page = match read::page(text) {
            Ok(page) => page,
            Err(problem) => {
                failures.push(format!("{name}: {problem}"));
                continue;
            }
        };
        let (plain, lines) = (dump(&page, false), dump(&page, true));
        let mut said =
            plain.lines().chain(lines.lines().filter(|line| line.contains("not understood")));
        for expected in *expected {
            if !said.any(|line| line == *expected) {
                failures.push(format!("{name}: {expected:?} is not, or not there, in\n{lines}"));
                break;
            }
        }
        let lists = expected.iter().any(|line| line.contains("not understood"));
        let prose = ["停止任务。", "An agent. ", "A tag."];
        let tables =
            page.not_understood.iter().filter(|words| !prose.contains(&words.text.as_str()));
        if !lists
            && tables
                .clone()
                .any(|words| words.text.contains(" | ") || words.text.starts_with("the "))
        {
            failures.push(format!("{name}: not understood in\n{lines}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
