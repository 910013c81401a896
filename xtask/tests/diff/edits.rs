//! The edits: each with what is said of it, `rule place wire rust`.

mod lists;
mod operations;
mod requests;
mod same;

use xtask::diff::rules::Rule;

use super::Edit;
pub(crate) use same::SAME;

const fn small(
    edits: &'static [(&'static str, &'static str)],
    said: &'static [&'static str],
) -> Edit {
    Edit { document: "small", edits, back: false, said }
}

/// The same with the edited document as the base.
const fn back(
    edits: &'static [(&'static str, &'static str)],
    said: &'static [&'static str],
) -> Edit {
    Edit { document: "small", edits, back: true, said }
}

const fn of(
    document: &'static str,
    edits: &'static [(&'static str, &'static str)],
    said: &'static [&'static str],
) -> Edit {
    Edit { document, edits, back: false, said }
}

/// The rule that no edit of a document can show: it is for words unknown to the reader of documents.
pub(crate) const UNSEEN: &[Rule] = &[Rule::OtherChange];

/// An operation that the small document lacks.
const COUNT: &str = "  /v1/count:
    get:
      operationId: CountWidgets
      summary: Counts.
      externalDocs: {url: 'https://widgets.example/count'}
      x-examples: {page: {summary: One., parameters: {}}}
      responses:
        '200':
          description: Widgets.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/ListWidgetsResponse'
components:
  responses:
";

pub(crate) const EDITS: &[&[Edit]] = &[OTHERS, lists::EDITS, operations::EDITS, requests::EDITS];

const OTHERS: &[Edit] = &[
    // Operations.
    small(
        &[("components:\n  responses:\n", COUNT)],
        &["operation-added CountWidgets compatible minor"],
    ),
    of(
        "zstack",
        &[("operationId: LogOut", "operationId: EndSession")],
        &["operation-renamed EndSession breaking major"],
    ),
    small(&[("    post:\n", "    put:\n")], &["method-changed CreateWidget breaking patch"]),
    small(&[("  /v1/widgets:", "  /v2/widgets:")], &["path-changed CreateWidget breaking patch"]),
    small(
        &[
            ("  /v1/rooms/{room}/widgets:", "  /v1/rooms/{house}/widgets:"),
            ("- name: room", "- name: house"),
            ("            room: attic", "            house: attic"),
        ],
        &[
            "parameter-renamed ListWidgets.house none major",
            "limit-constant-added ListWidgets.house none minor",
            "limit-constant-removed ListWidgets.house none major",
            "example-changed ListWidgets none patch",
        ],
    ),
    small(
        &[(
            "    get:\n      operationId: ListWidgets",
            "    get:\n      deprecated: true\n      operationId: ListWidgets",
        )],
        &["operation-deprecated ListWidgets compatible minor"],
    ),
    small(
        &[("      x-starts-command: true\n", "")],
        &["starts-command-off CreateWidget breaking patch"],
    ),
    of(
        "tat",
        &[(
            "      operationId: CancelInvocation\n",
            "      operationId: CancelInvocation\n      x-starts-command: true\n",
        )],
        &["starts-command-on CancelInvocation compatible patch"],
    ),
    small(
        &[("      x-starts-command: true\n", "      x-repeatable: true\n")],
        &[
            "starts-command-off CreateWidget breaking patch",
            "repeatable-on CreateWidget compatible patch",
        ],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      x-starts-command: true\n",
        )],
        &[
            "repeatable-off ListWidgets compatible patch",
            "starts-command-on ListWidgets compatible patch",
        ],
    ),
    small(&[("requests: 20", "requests: 30")], &["rate-raised CreateWidget compatible patch"]),
    small(&[("requests: 20", "requests: 10")], &["rate-lowered CreateWidget breaking patch"]),
    small(&[("per-seconds: 1}", "per-seconds: 2}")], &["rate-lowered CreateWidget breaking patch"]),
    small(
        &[("      x-rate-limit: {requests: 20, per-seconds: 1}\n", "")],
        &["rate-not-stated CreateWidget compatible patch"],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      x-rate-limit: {requests: 5, per-seconds: 1}\n",
        )],
        &["rate-stated ListWidgets compatible patch"],
    ),
    small(
        &[("x-error-codes: [Widget.Jam]", "x-error-codes: [Widget.Lost]")],
        &[
            "error-code-added CreateWidget compatible none",
            "error-code-removed CreateWidget compatible none",
        ],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      security: []\n",
        )],
        &["credentials-dropped ListWidgets compatible patch"],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      x-read-on: '2026-11-23'\n",
        )],
        &["read-on-changed ListWidgets none patch"],
    ),
    small(
        &[("url: https://widgets.example/list", "url: https://widgets.example/list2")],
        &["page-changed ListWidgets none patch"],
    ),
    small(
        &[("description: List Widgets\n", "description: List all widgets\n")],
        &["description-changed ListWidgets none none"],
    ),
    small(&[("tags: [widgets]", "tags: [rooms]")], &["tags-changed ListWidgets none none"]),
    small(
        &[("summary: Create a widget.", "summary: Makes a widget.")],
        &["description-changed CreateWidget none none"],
    ),
    small(
        &[(
            "      x-examples:\n        page:\n          summary: The page's own.\n          parameters:\n            room: attic",
            "      x-examples:\n        page:\n          summary: The page's own.\n          parameters:\n            room: cellar",
        )],
        &["example-changed ListWidgets none patch"],
    ),
    small(
        &[(
            "          description: The room's name.\n",
            "          description: The room's name.\n          examples: {usual: {summary: One., value: attic}}\n",
        )],
        &["example-changed ListWidgets none patch"],
    ),
    small(
        &[("value: {widgets: [{id: 7}]}", "value: {widgets: [{id: 8}]}")],
        &["answer-example-changed ListWidgets.200 none patch"],
    ),
    small(
        &[("value: {name: lamp,", "value: {name: bulb,")],
        &["example-changed CreateWidget none patch"],
    ),
    // Answers.
    small(
        &[(
            "        '4XX':",
            "        '202':\n          description: Later.\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Widget'\n        '4XX':",
        )],
        &["success-status-added CreateWidget compatible patch"],
    ),
    of(
        "zstack",
        &[(
            "        '202':\n          description: >-\n",
            "        '412':\n          description: >-\n",
        )],
        &[
            "success-status-removed ExecuteGuestVmCommand breaking patch",
            "success-status-removed ExecuteGuestVmCommandByPost breaking patch",
            "error-status-added ExecuteGuestVmCommand compatible none",
            "error-status-added ExecuteGuestVmCommandByPost compatible none",
        ],
    ),
    small(
        &[("        '404':", "        '409':")],
        &[
            "error-status-added ListWidgets compatible none",
            "error-status-removed ListWidgets compatible none",
        ],
    ),
    small(
        &[(
            "              schema:\n                $ref: '#/components/schemas/Widget'\n",
            "              schema:\n                $ref: '#/components/schemas/ListWidgetsResponse'\n",
        )],
        &["answer-type-changed CreateWidget breaking major"],
    ),
    small(
        &[(
            "          description: Created.\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Widget'\n",
            "          description: Created.\n",
        )],
        &["answer-type-changed CreateWidget breaking major"],
    ),
    small(
        &[(
            "          schema:\n            $ref: '#/components/schemas/Failure'\n",
            "          schema:\n            $ref: '#/components/schemas/Widget'\n",
        )],
        &[
            "error-type-changed ListWidgets breaking none",
            "error-type-changed CreateWidget breaking none",
            "type-turned Failure none major",
        ],
    ),
    small(
        &[("description: Created.", "description: It is there.")],
        &["description-changed CreateWidget.200 none none"],
    ),
    small(
        &[(
            "          description: Created.\n",
            "          description: Created.\n          headers:\n            X-Mark: {description: A mark., schema: {type: string}}\n",
        )],
        &["answer-headers-changed CreateWidget.200 none none"],
    ),
    // Requests.
    small(
        &[(
            "      requestBody:\n        required: true\n        content:\n          application/json:\n            schema:\n              $ref: '#/components/schemas/CreateWidgetRequest'",
            "      requestBody:\n        required: true\n        content:\n          application/json:\n            schema:\n              $ref: '#/components/schemas/Carton'",
        )],
        &[
            "request-type-changed CreateWidget breaking major",
            "type-turned CreateWidgetRequest none major",
        ],
    ),
    // Parameters.
    small(
        &[(
            "        - name: X-Trace\n",
            "        - name: size\n          in: query\n          description: Their size.\n          schema: {type: integer, minimum: 0}\n        - name: X-Trace\n",
        )],
        &["parameter-added ListWidgets.size compatible minor"],
    ),
    small(
        &[(
            "        - name: X-Trace\n",
            "        - name: size\n          in: query\n          required: true\n          description: Their size.\n          schema: {type: integer}\n        - name: X-Trace\n",
        )],
        &["parameter-added-required ListWidgets.size breaking major"],
    ),
    small(
        &[(
            "        - name: X-Trace\n          in: header\n          description: A mark for the service's log.\n          schema:\n            type: string\n",
            "",
        )],
        &["parameter-removed ListWidgets.X-Trace breaking major"],
    ),
    small(
        &[(
            "          in: query\n          description: Only",
            "          in: query\n          required: true\n          description: Only",
        )],
        &["parameter-became-required ListWidgets.color breaking major"],
    ),
    back(
        &[(
            "          in: query\n          description: Only",
            "          in: query\n          required: true\n          description: Only",
        )],
        &["parameter-became-optional ListWidgets.color compatible major"],
    ),
    small(
        &[(
            "        - name: X-Trace\n          in: header",
            "        - name: X-Trace\n          in: query",
        )],
        &["parameter-moved ListWidgets.X-Trace breaking patch"],
    ),
    small(
        &[("- name: X-Trace", "- name: xTrace")],
        &["wire-name-changed ListWidgets.xTrace breaking patch"],
    ),
    small(
        &[("          in: header\n", "          in: header\n          x-sensitive: true\n")],
        &["sensitive-on ListWidgets.X-Trace none patch"],
    ),
    small(
        &[("          in: header\n", "          in: header\n          style: simple\n")],
        &["parameter-form-changed ListWidgets.X-Trace none none"],
    ),
    small(
        &[("            maxLength: 63", "            maxLength: 60")],
        &["limit-tightened ListWidgets.room breaking patch"],
    ),
    small(
        &[("            maxItems: 3\n", "            maxItems: 4\n")],
        &["limit-loosened ListWidgets.color compatible patch"],
    ),
    small(
        &[("              maxLength: 20\n", "              maxLength: 10\n")],
        &["limit-tightened ListWidgets.color.items breaking patch"],
    ),
    small(
        &[("              maxLength: 20\n", "")],
        &[
            "limit-constant-removed ListWidgets.color none major",
            "limit-removed ListWidgets.color.items compatible patch",
        ],
    ),
    small(
        &[(
            "            type: array\n            maxItems: 3\n            items:\n              type: string\n              maxLength: 20\n",
            "            type: string\n",
        )],
        &["type-changed ListWidgets.color breaking major"],
    ),
    // Members of answers.
    small(
        &[(
            "        kind:\n          $ref: '#/components/schemas/WidgetKind'\n",
            "        kind:\n          $ref: '#/components/schemas/WidgetKind'\n        made:\n          type: string\n          description: When.\n",
        )],
        &["answer-member-added Widget.made compatible minor"],
    ),
    small(
        &[("        kind:\n          $ref: '#/components/schemas/WidgetKind'\n", "")],
        &["answer-member-removed Widget.kind breaking major"],
    ),
    small(
        &[(
            "          type: integer\n          format: int64\n",
            "          type: integer\n          minimum: 0\n",
        )],
        &["answer-signed-became-unsigned Widget.id compatible major"],
    ),
    small(
        &[("          type: integer\n          format: int64\n", "          type: string\n")],
        &["type-changed Widget.id breaking major"],
    ),
    small(
        &[(
            "          type: integer\n          format: int64\n",
            "          type: integer\n          nullable: true\n          format: int64\n",
        )],
        &[],
    ),
    of(
        "tat",
        &[(
            "    RunCommandResponse:\n      type: object\n      description: The answer of RunCommand, in its envelope.\n      required: [Response]\n",
            "    RunCommandResponse:\n      type: object\n      description: The answer of RunCommand, in its envelope.\n",
        )],
        &["answer-object-became-optional RunCommandResponse.Response breaking major"],
    ),
    small(
        &[(
            "      description: Why a call failed.\n",
            "      description: Why a call failed.\n      required: [code]\n",
        )],
        &["without-effect Failure.code none none"],
    ),
    // Enumerations.
    small(
        &[("x-extensible-enum: [ROUND, SQUARE]", "x-extensible-enum: [ROUND, SQUARE, FLAT]")],
        &["request-value-added WidgetKind.FLAT compatible minor"],
    ),
    small(
        &[("x-extensible-enum: [ROUND, SQUARE]", "x-extensible-enum: [ROUND]")],
        &["request-value-removed WidgetKind.SQUARE breaking major"],
    ),
    small(
        &[("x-extensible-enum: [ROUND, SQUARE]", "x-extensible-enum: [ROUND, Square]")],
        &["value-name-changed WidgetKind.Square breaking patch"],
    ),
    small(
        &[("x-extensible-enum: [ROUND, SQUARE]", "x-extensible-enum: [SQUARE, ROUND]")],
        &["order-changed WidgetKind none patch"],
    ),
    small(
        &[("[Widget.Jam, Widget.Lost]", "[Widget.Jam, Widget.Lost, Widget.Gone]")],
        &["answer-value-added ErrorCode.Widget.Gone compatible minor"],
    ),
    small(
        &[("[Widget.Jam, Widget.Lost]", "[Widget.Jam]")],
        &["answer-value-removed ErrorCode.Widget.Lost compatible major"],
    ),
    small(
        &[("      x-enum-descriptions:\n        Widget.Jam: It is stuck.\n", "")],
        &["description-changed ErrorCode none none"],
    ),
    // Types.
    small(
        &[(
            "    Carton:\n      type: object\n",
            "    Crate:\n      type: object\n      description: Wood.\n      properties:\n        width: {type: integer, description: Its width.}\n    Carton:\n      type: object\n",
        )],
        &["type-added Crate none minor"],
    ),
    small(
        &[
            ("    Carton:\n", "    Cardboard:\n"),
            (
                "            $ref: '#/components/schemas/Carton'\n        box:",
                "            $ref: '#/components/schemas/Cardboard'\n        box:",
            ),
            (
                "          $ref: '#/components/schemas/Carton'\n",
                "          $ref: '#/components/schemas/Cardboard'\n",
            ),
        ],
        &[
            "type-changed CreateWidgetRequest.parts breaking major",
            "type-changed CreateWidgetRequest.box breaking major",
            "type-added Cardboard none minor",
            "type-removed Carton none major",
        ],
    ),
    // The document.
    small(
        &[("x-read-on: '2026-11-22'", "x-read-on: '2026-11-23'")],
        &["read-on-changed document.x-read-on none patch"],
    ),
    small(
        &[("  version: v1\n", "  version: v2\n")],
        &["api-version-changed document.info.version breaking patch"],
    ),
    small(
        &[("  title: Widget service", "  title: Widgets")],
        &["description-changed document.info.title none none"],
    ),
    small(&[("openapi: 3.0.3", "openapi: 3.0.2")], &["openapi-changed document.openapi none none"]),
    small(
        &[("x-read-on:", "servers:\n  - url: https://widgets.example\nx-read-on:")],
        &["servers-changed document.servers none none"],
    ),
    small(
        &[("x-read-on:", "tags:\n  - name: widgets\nx-read-on:")],
        &["tags-changed document.tags none none"],
    ),
    small(
        &[("x-read-on:", "security:\n  - token: []\nx-read-on:")],
        &["security-changed document.security none none"],
    ),
    small(
        &[(
            "x-read-on:",
            "x-differs:\n  - says: The page has more.\n    reason: It is old.\nx-left-out:\n  - says: Bolts.\n    reason: They run nothing.\nx-read-on:",
        )],
        &[
            "decision-changed document.x-differs none none",
            "decision-changed document.x-left-out none none",
        ],
    ),
    // The same edits the other way.
    back(
        &[("components:\n  responses:\n", COUNT)],
        &["operation-removed CountWidgets breaking major"],
    ),
    back(
        &[(
            "    get:\n      operationId: ListWidgets",
            "    get:\n      deprecated: true\n      operationId: ListWidgets",
        )],
        &["operation-undeprecated ListWidgets compatible patch"],
    ),
    back(
        &[(
            "          pattern: '^[a-z]+$'\n          description: Its name.",
            "          pattern: '^[a-z]+$'\n          nullable: true\n          description: Its name.",
        )],
        &["request-nullable-off CreateWidgetRequest.name breaking major"],
    ),
    back(
        &[("          minimum: 0\n", "")],
        &["request-signed-became-unsigned Carton.width breaking major"],
    ),
    back(
        &[("      minProperties: 1\n", "      minProperties: 1\n      additionalProperties: {}\n")],
        &["extra-members-off Carton breaking major"],
    ),
    back(
        &[(
            "          type: string\n          description: Its label.\n",
            "          type: string\n          x-sensitive: true\n          description: Its label.\n",
        )],
        &["sensitive-off Carton.label none patch"],
    ),
    back(
        &[(
            "      externalDocs:\n        url: https://widgets.example/create\n",
            "      security: []\n      externalDocs:\n        url: https://widgets.example/create\n",
        )],
        &["credentials-needed CreateWidget breaking patch"],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Carton'}}}}\n",
        )],
        &["request-body-added ListWidgets breaking minor"],
    ),
    back(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Carton'}}}}\n",
        )],
        &["request-body-removed ListWidgets breaking major"],
    ),
    small(
        &[(
            "            $ref: '#/components/schemas/Failure'\n",
            "            $ref: '#/components/schemas/Failure'\n          examples: {page: {value: {code: Widget.Jam}}}\n",
        )],
        &[
            "error-example-changed CreateWidget.4XX none patch",
            "error-example-changed ListWidgets.404 none patch",
        ],
    ),
    Edit {
        document: "tat",
        edits: &[(
            "    RunCommandResponse:\n      type: object\n      description: The answer of RunCommand, in its envelope.\n      required: [Response]\n",
            "    RunCommandResponse:\n      type: object\n      description: The answer of RunCommand, in its envelope.\n",
        )],
        back: true,
        said: &["answer-object-became-required RunCommandResponse.Response compatible major"],
    },
    small(
        &[
            ("x-extensible-enum: [ROUND, SQUARE]", "enum: [ROUND, SQUARE]"),
            ("          enum: [ROUND]\n", ""),
        ],
        &[
            "enumeration-closed WidgetKind breaking patch",
            "values-opened CreateWidgetRequest.kind compatible patch",
        ],
    ),
    back(
        &[
            ("x-extensible-enum: [ROUND, SQUARE]", "enum: [ROUND, SQUARE]"),
            ("          enum: [ROUND]\n", ""),
        ],
        &[
            "enumeration-opened WidgetKind compatible patch",
            "values-closed CreateWidgetRequest.kind breaking patch",
        ],
    ),
    small(
        &[(
            "      type: string\n      description: Kinds of widgets.\n      x-extensible-enum: [ROUND, SQUARE]\n",
            "      type: object\n      description: Kinds of widgets.\n      properties:\n        a: {type: string, description: A.}\n",
        )],
        &[
            "type-changed Widget.kind breaking major",
            "type-kind-changed WidgetKind breaking major",
            "type-changed CreateWidgetRequest.kind breaking major",
        ],
    ),
    of(
        "small",
        &[(
            "        parts:\n          type: array\n          description: Its parts.\n",
            "        parts:\n          type: array\n          description: Its parts, in a list.\n",
        )],
        &["description-changed CreateWidgetRequest.parts none none"],
    ),
];
