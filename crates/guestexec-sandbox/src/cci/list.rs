//! Lists of objects, whole or in parts, and which of them selectors choose.

use guestexec_cci::sign::QueryPair;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    error::{ErrorAnswer, bad_request},
    exec::parameter,
};
use crate::service::{self, Answer};

/// The members that a field selector can name.
const FIELDS: [&str; 4] = ["metadata.name", "metadata.namespace", "status.phase", "spec.nodeName"];

/// The selectors of a query.
#[derive(Clone, Debug)]
pub(super) struct Selectors {
    fields: Vec<String>,
    labels: Vec<String>,
}

impl Selectors {
    pub(super) fn read(query: &[QueryPair<'_>]) -> Result<Self, ErrorAnswer> {
        let terms = |name: &str| {
            let selector = parameter(query, name).unwrap_or_default();
            let terms = selector.split(',').map(str::trim).filter(|term| !term.is_empty());
            terms.map(str::to_owned).collect::<Vec<_>>()
        };
        let (fields, labels) = (terms("fieldSelector"), terms("labelSelector"));
        for term in &fields {
            let name = term.split(['=', '!']).next().unwrap_or_default().trim();
            if !FIELDS.contains(&name) {
                return Err(bad_request("field label not supported in fieldSelector"));
            }
        }
        Ok(Self { fields, labels })
    }

    /// Whether they choose this object.
    pub(super) fn choose(&self, object: &Value) -> bool {
        let field = |path: &str| {
            let value = path.split('.').fold(object, |value, name| &value[name]);
            value.as_str()
        };
        let label = |name: &str| object["metadata"]["labels"][name].as_str();
        self.fields.iter().all(|term| selects(term, field))
            && self.labels.iter().all(|term| selects(term, label))
    }
}

/// Whether a term selects: `name=value`, `name==value`, `name!=value`, and for labels `name` or `!name`.
fn selects<'a>(term: &str, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
    if let Some((name, value)) = term.split_once("!=") {
        value_of(name.trim()) != Some(value.trim())
    } else if let Some((name, value)) = term.split_once('=') {
        value_of(name.trim()) == Some(value.trim_start_matches('=').trim())
    } else if let Some(name) = term.strip_prefix('!') {
        value_of(name.trim()).is_none()
    } else {
        value_of(term).is_some()
    }
}

/// An object with the version of the interface it was asked by.
pub(super) fn versioned(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = api_version.into();
    object
}

/// Lists objects, of a state of this version.
pub(super) fn answer(
    kind: &str,
    objects: &[impl AsRef<Value>],
    version: u64,
    query: &[QueryPair<'_>],
    api_version: &str,
) -> Result<Answer, ErrorAnswer> {
    let number = |name: &str| match parameter(query, name).unwrap_or_default() {
        "" => Ok(0),
        text => text.parse::<usize>(),
    };
    let (Ok(limit), Ok(start)) = (number("limit"), number("continue")) else {
        return Err(bad_request("limit and continue have to be as the server gave them"));
    };
    let rest = objects.get(start..).unwrap_or_default();
    let page = if limit == 0 { rest } else { &rest[..limit.min(rest.len())] };
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if page.len() < rest.len() {
        metadata["continue"] = (start + page.len()).to_string().into();
        metadata["remainingItemCount"] = (rest.len() - page.len()).into();
    }
    let items: Vec<Value> =
        page.iter().map(|object| versioned(object.as_ref(), api_version)).collect();
    let list =
        json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items });
    Ok(service::json(StatusCode::OK, &list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let value = |name: &str| (name == "app").then_some("demo");
        for (term, expected) in [
            ("app=demo", true),
            ("app==demo", true),
            ("app = two", false),
            ("app!=two", true),
            ("app", true),
            ("!app", false),
            ("!tier", true),
            ("tier!=x", true),
        ] {
            assert_eq!(selects(term, value), expected, "{term}");
        }
    }
}
