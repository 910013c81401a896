//! Reads JSON as strictly as the services do.

use serde::Serialize;
use serde_json::Value;

/// Finds the path of an array in place of an object.
///
/// `serde` accepts such an array as the object's members in their order, but no service does.
pub(crate) fn array_for_object(body: &[u8], read: &impl Serialize) -> Option<String> {
    let given: Value = serde_json::from_slice(body).ok()?;
    find_array_for_object(&given, &serde_json::to_value(read).ok()?)
}

/// The same for a body that is parsed already.
pub(crate) fn find_array_for_object(given: &Value, read: &Value) -> Option<String> {
    match (given, read) {
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        (Value::Array(given), Value::Array(read)) => {
            let mut items = given.iter().zip(read).enumerate();
            items.find_map(|(index, (given, read))| {
                Some(format!("[{index}]{}", joined(&find_array_for_object(given, read)?)))
            })
        }
        (Value::Object(given), Value::Object(read)) => given.iter().find_map(|(name, given)| {
            Some(format!("{name}{}", joined(&find_array_for_object(given, read.get(name)?)?)))
        }),
        _ => None,
    }
}

fn joined(rest: &str) -> String {
    if rest.is_empty() || rest.starts_with('[') { rest.to_owned() } else { format!(".{rest}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_a_list_stands_for_an_object() {
        let read = json!({ "a": [{ "b": 1 }], "c": { "d": [] } });
        for (given, path) in [
            (json!([]), Some("")),
            (json!({ "a": [[1]] }), Some("a[0]")),
            (json!({ "a": [{ "b": 1 }], "c": [] }), Some("c")),
            (json!({ "a": [{ "b": 1 }], "c": { "d": [] }, "e": [] }), None),
            (json!({ "a": [{ "b": [] }], "c": null }), None),
        ] {
            assert_eq!(find_array_for_object(&given, &read).as_deref(), path, "{given}");
        }
    }
}
