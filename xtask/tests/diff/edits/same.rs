//! The same document in another notation: no edit of these is a change.

use super::{Edit, of, small};

/// The same in another notation.
pub(crate) const SAME: &[Edit] = &[
    small(
        &[("# A small document", "# Another comment, and\n# one more line. A small document")],
        &[],
    ),
    // An anchor in place of a repetition.
    small(
        &[(
            "          $ref: '#/components/schemas/Failure'\n    ErrorCode",
            "          &failure\n          $ref: '#/components/schemas/Failure'\n    ErrorCode",
        )],
        &[],
    ),
    of(
        "tat",
        &[
            (
                "x-rate-limit: {requests: 20, per-seconds: 1}",
                "x-rate-limit: &rate {requests: 20, per-seconds: 1}",
            ),
            ("x-rate-limit: {requests: 20, per-seconds: 1}", "x-rate-limit: *rate"),
        ],
        &[],
    ),
    // An `allOf` of one part, and the part.
    small(
        &[(
            "        kind:\n          $ref: '#/components/schemas/WidgetKind'\n",
            "        kind:\n          allOf:\n            - $ref: '#/components/schemas/WidgetKind'\n",
        )],
        &[],
    ),
    small(
        &[(
            "          $ref: '#/components/schemas/Failure'\n    ErrorCode",
            "          allOf: [{$ref: '#/components/schemas/Failure'}]\n    ErrorCode",
        )],
        &[],
    ),
    // A shared answer, written out.
    small(
        &[(
            "        '404':\n          $ref: '#/components/responses/Failed'\n",
            "        '404':\n          description: It failed.\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Failure'\n",
        )],
        &[],
    ),
    // A shared parameter, and one of the path.
    small(
        &[
            (
                "        - name: X-Trace\n          in: header\n          description: A mark for the service's log.\n          schema:\n            type: string\n",
                "        - $ref: '#/components/parameters/Trace'\n",
            ),
            (
                "components:\n",
                "components:\n  parameters:\n    Trace:\n      name: X-Trace\n      in: header\n      description: A mark for the service's log.\n      schema:\n        type: string\n",
            ),
        ],
        &[],
    ),
    // Components in another order.
    small(
        &[
            ("    Carton:\n", "    # Last no more.\n    Carton:\n"),
            (
                "    WidgetKind:\n      type: string\n      description: Kinds of widgets.\n      x-extensible-enum: [ROUND, SQUARE]\n",
                "",
            ),
            (
                "    ErrorCode:\n",
                "    WidgetKind:\n      type: string\n      description: Kinds of widgets.\n      x-extensible-enum: [ROUND, SQUARE]\n    ErrorCode:\n",
            ),
        ],
        &[],
    ),
    // What goes without saying.
    small(
        &[(
            "          type: boolean\n",
            "          type: boolean\n          nullable: false\n          x-sensitive: false\n",
        )],
        &[],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      deprecated: false\n      x-read-on: '2026-11-22'\n      x-repeatable: false\n",
        )],
        &[],
    ),
    small(
        &[(
            "          description: Its label.\n",
            "          description: >-\n            Its\n            label.\n",
        )],
        &[],
    ),
    small(
        &[(
            "required: [name, kind, box]",
            "required:\n        - name\n        - kind\n        - box",
        )],
        &[],
    ),
];
