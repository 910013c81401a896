//! Names that generated code takes.

use std::collections::BTreeSet;

use heck::{ToPascalCase as _, ToSnakeCase as _};

use crate::lint;

/// Methods of a client whose code is the new provider's own, and further ones that read badly.
const METHODS: [&str; 12] = [
    "api_version", "attempt", "counts", "default", "exec", "new_with_client", "post", "pre",
    "read", "type_id", "with_credentials", "write",
];

/// Further types that generated code names without a path.
const TYPES: [&str; 11] = [
    "Arc", "Base64", "BTreeMap", "Extra", "HashMap", "HeaderMap", "Inner", "Map", "Redacted",
    "Secret", "Value",
];

/// Names already given, of one kind.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// `name`, or the first of `name2`, `name3`, … that nothing has.
    fn free(&mut self, name: String) -> String {
        let key = |name: &str| name.to_pascal_case().to_lowercase();
        let mut candidate = name.clone();
        let mut number = 2_u32;
        while !self.0.insert(key(&candidate)) {
            candidate = format!("{name}{number}");
            number += 1;
        }
        candidate
    }

    /// A name for the type of a schema: PascalCase, and no name that generated code needs.
    pub(super) fn schema(&mut self, wanted: &str) -> String {
        let ascii: String = wanted.chars().map(|c| if c.is_ascii() { c } else { ' ' }).collect();
        let mut name = ascii.to_pascal_case();
        name.retain(|c| c.is_ascii_alphanumeric());
        if name.is_empty() {
            name = "Schema".to_owned();
        }
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert_str(0, "Schema");
        }
        if name == "Error" {
            name = "ErrorBody".to_owned();
        } else if is_taken_type(&name) {
            name.push_str("Object");
        }
        // A digit may stand before a letter that heck makes a capital one.
        name = name.to_pascal_case();
        self.free(name)
    }

    /// A name for an operation: the foreign one where it can be a method.
    pub(super) fn operation(&mut self, wanted: &str) -> String {
        let mut name: String =
            wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        while name.contains("__") {
            name = name.replace("__", "_");
        }
        name = name.trim_matches('_').to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert_str(0, "call_");
            name = name.trim_end_matches('_').to_owned();
        }
        let snake = name.to_snake_case();
        let is_method = syn::parse_str::<syn::Ident>(&snake).is_ok();
        let is_taken = METHODS.contains(&snake.as_str())
            || is_taken_type(&name.to_pascal_case())
            || lint::is_taken_operation(&name);
        if !is_method || is_taken {
            name.push_str(if name.contains(char::is_uppercase) { "Call" } else { "_call" });
        }
        self.free(name)
    }
}

fn is_taken_type(name: &str) -> bool {
    TYPES.contains(&name) || lint::is_taken_type(name)
}

/// The last word of a name with dots: `Pod` of `io.k8s.api.core.v1.Pod`.
pub(super) fn last(name: &str) -> &str {
    name.rsplit(['.', '/']).find(|part| !part.is_empty()).unwrap_or(name)
}

/// The name of an operation that has none: its method and the words of its path.
pub(super) fn of_call(method: &str, path: &str) -> String {
    let mut name = method.to_pascal_case();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(parameter) => name.push_str(&format!("By{}", parameter.to_pascal_case())),
            None => name.push_str(&segment.to_pascal_case()),
        }
    }
    name
}
