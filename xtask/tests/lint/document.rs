//! Broken heads, paths, references and texts.

use super::{Broken, broken};

/// The head, and the document as a whole.
pub const DOCUMENT: &[Broken] = &[
    broken("openapi: 3.0.3", "openapi: 3.1.0", "openapi", "3.1.0", "write `3.0.3`"),
    broken("openapi: 3.0.3", "openapi: 3.0", "openapi", "the version is 3.0", "write `3.0.3`"),
    broken("version: v1", "version: 版本一", "info.version", "not ASCII", "in quotes"),
    broken("version: v1", "version: 1.0", "info.version", "not text", "in quotes"),
    broken("  title: Widget service\n", "", "info", "no `title`", "write one"),
    broken(
        "title: Widget service",
        "title: A [widget] service",
        "info",
        "[brackets]",
        "use `backticks`",
    ),
    broken("  /v1/widgets:", "  v1/widgets:", "v1/widgets", "begin with `/`", "add the slash"),
    broken(
        "  /v1/widgets:",
        "  /v1/x:\n    $ref: '#/paths/y'\n  /v1/widgets:",
        "/v1/x",
        "`$ref` is ignored",
        "leave it out",
    ),
    broken("    post:", "    pots:", "/v1/widgets", "`pots` is ignored", "correct it"),
    broken("paths:", "path:", "document", "`path` is ignored", "correct it"),
    broken(
        "ListWidgets\n",
        "createWidget\n",
        "CreateWidget",
        "same method as `createWidget`",
        "rename",
    ),
    broken("ListWidgets\n", "CreateWidget\n", "CreateWidget", "same method", "rename"),
    broken("ListWidgets\n", "new\n", "new", "hides a name", "longer one"),
    broken("ListWidgets\n", "Error\n", "Error", "hides a name", "longer one"),
    broken("x-rate-limit: {", "x-rate: {", "CreateWidget", "`x-rate` is ignored", "correct it"),
    broken(
        "title: Widget service",
        "title: W\n  x-logo: a.png",
        "info",
        "`x-logo`",
        "leave it out",
    ),
    broken(
        "#/components/responses/Failed'\n  /v1",
        "#/components/responses/Lost'\n  /v1",
        "ListWidgets",
        "leads nowhere",
        "correct it",
    ),
    broken(
        "schemas/WidgetKind'\n    Widget",
        "schemas/Kind'\n    Widget",
        "Widget.kind",
        "leads nowhere",
        "correct it",
    ),
    broken(
        "items:\n            $ref: '#/components/schemas/Widget'",
        "items:\n            $ref: other.yaml#/Widget",
        "ListWidgetsResponse.widgets.items",
        "leads nowhere",
        "correct it",
    ),
    broken(
        "  responses:\n    Failed:",
        "  parameters:\n    Spare: {name: a, in: query, schema: {type: string}}\n  responses:\n    Failed:",
        "Spare",
        "nothing refers to it",
        "delete it",
    ),
    broken(
        "  responses:\n    Failed:",
        "  responses:\n    Alias:\n      $ref: '#/components/responses/Failed'\n    Failed:",
        "Alias",
        "only another name",
        "refer to that one",
    ),
];

/// Texts that become documentation.
pub const TEXTS: &[Broken] = &[
    broken(
        "description: Reads, and changes nothing.",
        "description: \"So:\\n```\\nx\\n```\"",
        "ListWidgets.description",
        "code fence",
        "`backticks`",
    ),
    broken(
        "description: Reads, and changes nothing.",
        "description: \"So:\\n\\n    x = 1\"",
        "ListWidgets.description",
        "four spaces",
        "indent it less",
    ),
    broken(
        "description: Reads, and changes nothing.",
        "description: \"So:\\n\\tx = 1\"",
        "ListWidgets.description",
        "four spaces",
        "indent it less",
    ),
    broken(
        "description: Its number.",
        "description: Its [number].",
        "Widget.id.description",
        "[brackets]",
        "`backticks`",
    ),
    broken(
        "description: Its number.",
        "description: Its Vec<u8>.",
        "Widget.id.description",
        "<angle brackets>",
        "`backticks`",
    ),
    broken(
        "description: Its number.",
        "description: See https://a.example/b.",
        "Widget.id.description",
        "bare URL",
        "in angle brackets",
    ),
    broken(
        "summary: Create a widget.",
        "summary: Create [a] widget.",
        "CreateWidget",
        "[brackets]",
        "`backticks`",
    ),
    broken(
        "Widget.Jam: It is stuck.",
        "Widget.Jam: It is [stuck].",
        "ErrorCode.x-enum-descriptions.Widget.Jam",
        "holds [brackets]",
        "`backticks`",
    ),
    broken("      summary: Create a widget.\n", "", "CreateWidget", "no `summary`", "write one"),
];
