//! Tags of what an account has.

use guestexec_tat::types::{Filter, Tag};
use serde_json::{Value, json};

/// The tags as members of an answer.
pub(super) fn to_json(tags: &[Tag]) -> Vec<Value> {
    tags.iter().map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect()
}

/// Whether a filter by tags lets something with these pass. No other filter does.
pub(super) fn pass(tags: &[Tag], filter: &Filter) -> bool {
    let any = |is: &dyn Fn(&Tag, &str) -> bool| {
        tags.iter().any(|tag| filter.values.iter().any(|value| is(tag, value)))
    };
    match filter.name.as_str() {
        "tag-key" => any(&|tag, value| tag.key == value),
        "tag-value" => any(&|tag, value| tag.value == value),
        name => name
            .strip_prefix("tag:")
            .is_some_and(|key| any(&|tag, value| tag.key == key && tag.value == value)),
    }
}
