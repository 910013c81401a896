//! Edits of what an operation's code is called, what its method takes, and how its list is read.

use super::{Edit, of, small};

pub(super) const EDITS: &[Edit] = &[
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      x-name: ListThem\n",
        )],
        &["operation-name-changed ListWidgets none major"],
    ),
    of(
        "wide",
        &[("      x-pages: {items: parts, offset: from, total: total}\n", "")],
        &["pages-removed ListPartsOfAThing none major"],
    ),
    Edit {
        document: "wide",
        edits: &[("      x-pages: {items: parts, offset: from, total: total}\n", "")],
        back: true,
        said: &["pages-added ListPartsOfAThing none minor"],
    },
    of(
        "wide",
        &[
            (
                "        - {name: floor, in: query, required: true, description: The floor., schema: {type: string}}\n",
                "",
            ),
            (
                "        - name: mark\n",
                "        - {name: floor, in: query, required: true, description: The floor., schema: {type: string}}\n        - name: mark\n",
            ),
        ],
        &["order-changed ListRooms none patch", "arguments-reordered ListRooms none major"],
    ),
    of(
        "wide",
        &[("offset: from, total: total}", "offset: from}")],
        &["pages-changed ListPartsOfAThing none patch"],
    ),
    of(
        "wide",
        &[("      x-envelope: result\n", "")],
        &["envelope-changed ListPartsResponse none major"],
    ),
    small(
        &[(
            "        - name: X-Trace\n          in: header\n",
            "        - name: size\n          in: query\n          required: true\n          description: Their size.\n          schema: {type: integer}\n        - name: X-Trace\n          in: header\n          required: true\n",
        )],
        &[
            "parameter-added-required ListWidgets.size breaking major",
            "parameter-became-required ListWidgets.X-Trace breaking major",
        ],
    ),
    small(
        &[(
            "      operationId: ListWidgets\n",
            "      operationId: ListWidgets\n      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/CreateWidgetRequest'}}}}\n",
        )],
        &["request-body-added-required ListWidgets breaking major"],
    ),
];
