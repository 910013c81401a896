//! Edits of the members of requests.

use super::{back, small};
use crate::Edit;

pub(super) const EDITS: &[Edit] = &[
    small(
        &[(
            "        label:\n",
            "        weight:\n          type: integer\n          description: Its weight.\n        label:\n",
        )],
        &["request-member-added Carton.weight compatible minor"],
    ),
    small(
        &[
            ("      required: [name, kind, box]", "      required: [name, kind, box, weight]"),
            (
                "        note:\n          type",
                "        weight:\n          type: integer\n          description: Its weight.\n        note:\n          type",
            ),
        ],
        &["request-member-added-required CreateWidgetRequest.weight breaking major"],
    ),
    small(
        &[("        label:\n          type: string\n          description: Its label.\n", "")],
        &["request-member-removed Carton.label breaking major"],
    ),
    small(
        &[("        label:\n", "        Label:\n")],
        &["wire-name-changed Carton.Label breaking patch"],
    ),
    small(
        &[("        label:\n", "        title:\n")],
        &[
            "request-member-added Carton.title compatible minor",
            "request-member-removed Carton.label breaking major",
        ],
    ),
    small(
        &[("required: [name, kind, box]", "required: [name, kind, box, size]")],
        &["request-member-became-required CreateWidgetRequest.size breaking major"],
    ),
    small(
        &[("required: [name, kind, box]", "required: [name, box]")],
        &["request-member-became-optional CreateWidgetRequest.kind compatible major"],
    ),
    small(
        &[("required: [name, kind, box]", "required: [kind, name, box]")],
        &["constructor-reordered CreateWidgetRequest none major"],
    ),
    small(
        &[(
            "          pattern: '^[a-z]+$'\n          description: Its name.",
            "          pattern: '^[a-z]+$'\n          nullable: true\n          description: Its name.",
        )],
        &["request-nullable-on CreateWidgetRequest.name compatible major"],
    ),
    small(
        &[(
            "          description: Its label.",
            "          nullable: true\n          description: Its label.",
        )],
        &["without-effect Carton.label none none"],
    ),
    small(
        &[("          minimum: 0\n", "")],
        &["unsigned-became-signed Carton.width compatible major"],
    ),
    small(
        &[("          minimum: 0\n", "          minimum: 1\n")],
        &[
            "limit-constant-added Carton.width none minor",
            "limit-added Carton.width breaking patch",
        ],
    ),
    small(
        &[("          minimum: 0\n", "          maximum: 9\n          minimum: 0\n")],
        &[
            "limit-constant-added Carton.width none minor",
            "limit-added Carton.width breaking patch",
        ],
    ),
    small(
        &[("          maximum: 86400\n", "          maximum: 43200\n")],
        &["limit-tightened CreateWidgetRequest.size breaking patch"],
    ),
    small(
        &[(
            "          minimum: 1\n          maximum: 86400\n",
            "          minimum: -1\n          maximum: 86400\n",
        )],
        &["limit-loosened CreateWidgetRequest.size compatible patch"],
    ),
    small(
        &[("          maximum: 86400\n", "")],
        &[
            "limit-constant-changed CreateWidgetRequest.size none major",
            "limit-removed CreateWidgetRequest.size compatible patch",
        ],
    ),
    small(
        &[(
            "          format: int32\n          minimum: 1\n",
            "          format: int64\n          minimum: 1\n",
        )],
        &["number-size-changed CreateWidgetRequest.size breaking major"],
    ),
    small(
        &[("          maxLength: 60\n", "          maxLength: 50\n")],
        &["limit-tightened CreateWidgetRequest.name breaking patch"],
    ),
    small(
        &[("          maxLength: 60\n", "          maxLength: 70\n")],
        &["limit-loosened CreateWidgetRequest.name compatible patch"],
    ),
    small(
        &[(
            "          minLength: 1\n          maxLength: 60\n",
            "          minLength: 2\n          maxLength: 60\n",
        )],
        &["limit-tightened CreateWidgetRequest.name breaking patch"],
    ),
    small(
        &[("          minLength: 8\n", "          minLength: 6\n")],
        &["limit-loosened CreateWidgetRequest.secret compatible patch"],
    ),
    small(
        &[("          x-max-bytes: 120\n", "          x-max-bytes: 100\n")],
        &["limit-tightened CreateWidgetRequest.note breaking patch"],
    ),
    small(
        &[("          x-max-bytes: 120\n", "")],
        &[
            "limit-constant-removed CreateWidgetRequest.note none major",
            "limit-removed CreateWidgetRequest.note compatible patch",
        ],
    ),
    small(
        &[("          maxItems: 5\n", "          maxItems: 4\n")],
        &["limit-tightened CreateWidgetRequest.colors breaking patch"],
    ),
    small(
        &[("          uniqueItems: true\n", "")],
        &["unique-items-off CreateWidgetRequest.colors compatible patch"],
    ),
    small(
        &[(
            "            maxItems: 3\n",
            "            maxItems: 3\n            uniqueItems: true\n",
        )],
        &["unique-items-on ListWidgets.color breaking patch"],
    ),
    small(
        &[("            minLength: 3\n", "            minLength: 4\n")],
        &["limit-tightened CreateWidgetRequest.colors.items breaking patch"],
    ),
    small(
        &[("          pattern: '^[a-z]+$'\n", "          pattern: '^[a-z0-9]+$'\n")],
        &["pattern-changed CreateWidgetRequest.name breaking patch"],
    ),
    small(
        &[("          pattern: '^[a-z]+$'\n", "")],
        &["pattern-removed CreateWidgetRequest.name compatible patch"],
    ),
    small(
        &[(
            "          x-max-bytes: 120\n",
            "          x-max-bytes: 120\n          pattern: '^.*$'\n",
        )],
        &["pattern-added CreateWidgetRequest.note breaking patch"],
    ),
    small(
        &[("          enum: [ROUND]\n", "          enum: [ROUND, SQUARE]\n")],
        &["allowed-value-added CreateWidgetRequest.kind compatible patch"],
    ),
    small(
        &[("          enum: [ROUND]\n", "          enum: [SQUARE]\n")],
        &[
            "allowed-value-added CreateWidgetRequest.kind compatible patch",
            "allowed-value-removed CreateWidgetRequest.kind breaking patch",
        ],
    ),
    small(
        &[("          enum: [ROUND]\n", "")],
        &["values-opened CreateWidgetRequest.kind compatible patch"],
    ),
    small(
        &[(
            "        label:\n          type: string\n",
            "        kind:\n          $ref: '#/components/schemas/WidgetKind'\n        label:\n          type: string\n",
        )],
        &["request-member-added Carton.kind compatible minor"],
    ),
    small(
        &[(
            "        label:\n          type: string\n          description: Its label.\n",
            "        label:\n          allOf:\n            - $ref: '#/components/schemas/WidgetKind'\n          enum: [ROUND]\n          description: Its label.\n",
        )],
        &[
            "became-enumeration Carton.label none major",
            "values-closed Carton.label breaking patch",
        ],
    ),
    small(
        &[(
            "        kind:\n          allOf:\n            - $ref: '#/components/schemas/WidgetKind'\n          enum: [ROUND]\n",
            "        kind:\n          type: string\n",
        )],
        &[
            "enumeration-became-text CreateWidgetRequest.kind none major",
            "values-opened CreateWidgetRequest.kind compatible patch",
        ],
    ),
    small(
        &[("maxProperties: 20", "maxProperties: 10")],
        &["json-object-changed CreateWidgetRequest.answers breaking patch"],
    ),
    small(
        &[(
            "          x-json-object: {maxProperties: 20, keyPattern: '^[a-z]+$', keyMaxLength: 64, valueType: string}\n",
            "",
        )],
        &[
            "limit-constant-removed CreateWidgetRequest.answers none major",
            "json-object-removed CreateWidgetRequest.answers compatible patch",
        ],
    ),
    small(
        &[(
            "          description: Its label.\n",
            "          description: Its label.\n          x-json-object: {maxProperties: 2, keyPattern: '^a$', keyMaxLength: 4, valueType: string}\n",
        )],
        &[
            "limit-constant-added Carton.label none minor",
            "json-object-added Carton.label breaking patch",
        ],
    ),
    small(
        &[("x-exclusive: [[note, content]]", "x-exclusive: [[note, content], [size, note]]")],
        &["group-added CreateWidgetRequest breaking patch"],
    ),
    small(
        &[("      x-exactly-one-of: [[parts, box]]\n", "")],
        &["group-removed CreateWidgetRequest compatible patch"],
    ),
    small(
        &[(
            "      x-requires:\n        answers: {enabled: true}",
            "      x-requires:\n        answers: {enabled: false}",
        )],
        &[
            "group-added CreateWidgetRequest breaking patch",
            "group-removed CreateWidgetRequest compatible patch",
        ],
    ),
    small(
        &[("      minProperties: 1\n", "      minProperties: 2\n")],
        &["limit-tightened Carton breaking patch"],
    ),
    small(&[("      minProperties: 1\n", "")], &["limit-removed Carton compatible patch"]),
    small(
        &[("          format: byte\n          maxLength: 65536\n", "          maxLength: 65536\n")],
        &["bytes-became-text CreateWidgetRequest.content breaking major"],
    ),
    small(
        &[(
            "          type: string\n          x-max-bytes: 120\n",
            "          type: string\n          format: byte\n",
        )],
        &[
            "became-bytes CreateWidgetRequest.note breaking major",
            "limit-removed CreateWidgetRequest.note compatible patch",
        ],
    ),
    small(
        &[("          format: password\n", "")],
        &["secret-became-text CreateWidgetRequest.secret none major"],
    ),
    small(
        &[(
            "          type: string\n          description: Its label.\n",
            "          type: string\n          format: password\n          description: Its label.\n",
        )],
        &["became-secret Carton.label none major"],
    ),
    small(
        &[(
            "          type: string\n          description: Its label.\n",
            "          type: string\n          x-sensitive: true\n          description: Its label.\n",
        )],
        &["sensitive-on Carton.label none patch"],
    ),
    small(
        &[(
            "          type: string\n          description: Its label.\n",
            "          type: string\n          x-content: json\n          description: Its label.\n",
        )],
        &["text-content-changed Carton.label none patch"],
    ),
    small(
        &[(
            "          type: boolean\n          description: Whether it takes answers.\n",
            "          type: string\n          description: Whether it takes answers.\n",
        )],
        &["type-changed CreateWidgetRequest.enabled breaking major"],
    ),
    small(
        &[(
            "          additionalProperties:\n            type: string\n",
            "          additionalProperties:\n            type: boolean\n",
        )],
        &["type-changed Carton.marks breaking major"],
    ),
    small(
        &[("      additionalProperties: false\n", "")],
        &["unknown-members-accepted CreateWidgetRequest none patch"],
    ),
    small(
        &[(
            "      minProperties: 1\n",
            "      minProperties: 1\n      additionalProperties: false\n",
        )],
        &["unknown-members-refused Carton none patch"],
    ),
    small(
        &[("      minProperties: 1\n", "      minProperties: 1\n      additionalProperties: {}\n")],
        &["extra-members-on Carton compatible minor"],
    ),
    small(
        &[(
            "          description: Its label.\n",
            "          deprecated: true\n          description: Its label.\n",
        )],
        &["member-deprecated Carton.label compatible minor"],
    ),
    back(
        &[(
            "          description: Its label.\n",
            "          deprecated: true\n          description: Its label.\n",
        )],
        &["member-undeprecated Carton.label compatible patch"],
    ),
    small(
        &[("          in: header\n", "          in: header\n          deprecated: true\n")],
        &["member-deprecated ListWidgets.X-Trace compatible minor"],
    ),
    small(
        &[("          description: Its label.\n", "          description: What it is called.\n")],
        &["description-changed Carton.label none none"],
    ),
];
