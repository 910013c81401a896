//! Edits of integer enumerations in place, and of answers that are lists.

use super::{Edit, of};

/// The same with the edited document as the base.
const fn back(
    edits: &'static [(&'static str, &'static str)],
    said: &'static [&'static str],
) -> Edit {
    Edit { document: "wide", edits, back: true, said }
}

const MORE_LEVELS: &[(&str, &str)] = &[("enum: [1, 2, 4]", "enum: [1, 2, 4, 8]")];
const ANY_LEVEL: &[(&str, &str)] = &[("format: int32, enum: [1, 2, 4]", "format: int32")];
const LEVELS_IN_A_RANGE: &[(&str, &str)] = &[("enum: [1, 2, 4]", "minimum: 1, maximum: 4")];

/// The list in place of an answer becomes one of other items, an object, and a component.
const OTHER_THINGS: &[(&str, &str)] = &[(
    "                items: {$ref: '#/components/schemas/Thing'}\n              examples:\n                page: {summary: The page's own., value: [{id: 7, labels: {a: {text: b}}}]}",
    "                items: {$ref: '#/components/schemas/ThingLabel'}",
)];
const ONE_THING: &[(&str, &str)] = &[(
    "                type: array\n                items: {$ref: '#/components/schemas/Thing'}\n              examples:\n                page: {summary: The page's own., value: [{id: 7, labels: {a: {text: b}}}]}",
    "                $ref: '#/components/schemas/Thing'",
)];
const NAMED: &[(&str, &str)] = &[
    (
        "                type: array\n                items: {$ref: '#/components/schemas/Thing'}\n",
        "                $ref: '#/components/schemas/Things'\n",
    ),
    (
        "    Names:\n",
        "    Things:\n      type: array\n      description: Things.\n      items: {$ref: '#/components/schemas/Thing'}\n    Names:\n",
    ),
];
/// The items of the list that is a component.
const NUMBERS: &[(&str, &str)] = &[(
    "      description: Names.\n      items: {type: string}",
    "      description: Names.\n      items: {type: integer, format: int64}",
)];
const NAMES_IN_PLACE: &[(&str, &str)] = &[
    (
        "              schema: {$ref: '#/components/schemas/Names'}",
        "              schema: {type: array, items: {type: string}}",
    ),
    ("    Names:\n      type: array\n      description: Names.\n      items: {type: string}\n", ""),
];

pub(super) const EDITS: &[Edit] = &[
    of("wide", MORE_LEVELS, &["allowed-value-added CreateThingRequest.level compatible patch"]),
    back(MORE_LEVELS, &["allowed-value-removed CreateThingRequest.level breaking patch"]),
    of("wide", ANY_LEVEL, &["values-opened CreateThingRequest.level compatible patch"]),
    back(ANY_LEVEL, &["values-closed CreateThingRequest.level breaking patch"]),
    of(
        "wide",
        LEVELS_IN_A_RANGE,
        &[
            "limit-added CreateThingRequest.level breaking patch",
            "limit-added CreateThingRequest.level breaking patch",
            "limit-constant-added CreateThingRequest.level none minor",
            "values-opened CreateThingRequest.level compatible patch",
        ],
    ),
    back(
        LEVELS_IN_A_RANGE,
        &[
            "limit-removed CreateThingRequest.level compatible patch",
            "limit-removed CreateThingRequest.level compatible patch",
            "limit-constant-removed CreateThingRequest.level none major",
            "values-closed CreateThingRequest.level breaking patch",
        ],
    ),
    of(
        "wide",
        OTHER_THINGS,
        &[
            "answer-type-changed ListThings breaking major",
            "answer-example-changed ListThings.200 none patch",
        ],
    ),
    back(
        OTHER_THINGS,
        &[
            "answer-type-changed ListThings breaking major",
            "answer-example-changed ListThings.200 none patch",
        ],
    ),
    of(
        "wide",
        ONE_THING,
        &[
            "answer-type-changed ListThings breaking major",
            "answer-example-changed ListThings.200 none patch",
        ],
    ),
    back(
        ONE_THING,
        &[
            "answer-type-changed ListThings breaking major",
            "answer-example-changed ListThings.200 none patch",
        ],
    ),
    // A component that is a list has no code of its own.
    of("wide", NAMED, &[]),
    back(NAMED, &[]),
    of("wide", NUMBERS, &["answer-type-changed ListNames breaking major"]),
    back(NUMBERS, &["answer-type-changed ListNames breaking major"]),
    of("wide", NAMES_IN_PLACE, &[]),
    back(NAMES_IN_PLACE, &[]),
];
