//! Reads a foreign document: YAML or JSON, OpenAPI 3.0 and nothing else.

use serde_json::{Map, Value};

use crate::document::media_type;

/// Aliases of aliases that are followed.
const MAX_ALIASES: usize = 32;

/// A document of somebody else's.
#[derive(Debug)]
pub(super) struct Foreign {
    root: Value,
}

impl Foreign {
    /// Reads the text of a document.
    ///
    /// # Errors
    /// A sentence: it is no YAML, no OpenAPI, or of another version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|e| format!("is not JSON: {e}"))?
        } else {
            serde_saphyr::from_str(text).map_err(|e| {
                let line = e.location().map_or(1, |location| location.line());
                format!("is not YAML: line {line}: {}", e.without_snippet())
            })?
        };
        let version = |word: &str| match root.get(word) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        if let Some(version) = version("swagger") {
            return Err(format!(
                "is Swagger {version}; convert it to OpenAPI 3.0 first, for instance with \
                 `npx swagger2openapi`"
            ));
        }
        match version("openapi") {
            Some(version) if version.starts_with("3.0") => Ok(Self { root }),
            Some(version) if version.starts_with("3.") => Err(format!(
                "is OpenAPI {version}; convert it to 3.0 first, for instance with \
                 `npx @apiture/openapi-down-convert`"
            )),
            Some(version) => Err(format!("says `openapi: {version}`; OpenAPI 3.0 is read")),
            None => {
                Err("has no `openapi: 3.0…` at its top; give an OpenAPI 3.0 document".to_owned())
            }
        }
    }

    /// The document's members.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The component of a section, with aliases followed; and its own name.
    pub fn component(&self, section: &str, name: &str) -> Option<(&str, &Value)> {
        let all = self.root.get("components")?.get(section)?.as_object()?;
        let mut entry = all.get_key_value(name)?;
        for _ in 0..MAX_ALIASES {
            let Some(next) = name_in(entry.1, section) else {
                return Some((entry.0.as_str(), entry.1));
            };
            entry = all.get_key_value(&next)?;
        }
        None
    }

    /// The thing itself, where a `$ref` to a component of `section` may stand.
    pub fn target<'a>(&'a self, section: &str, value: &'a Value) -> Option<&'a Value> {
        match value.get("$ref") {
            None => Some(value),
            Some(_) => Some(self.component(section, &name_in(value, section)?)?.1),
        }
    }
}

/// The name of the component of `section` that a `$ref` leads to.
pub(super) fn name_in(value: &Value, section: &str) -> Option<String> {
    let pointer = value.get("$ref")?.as_str()?;
    let name = pointer.strip_prefix("#/components/")?.strip_prefix(section)?.strip_prefix('/')?;
    // A JSON pointer writes `~` and `/` in this way; a URI fragment, `%2F` and the like.
    let name = name.replace("~1", "/").replace("~0", "~");
    Some(name.replace("%2F", "/").replace("%7B", "{").replace("%7D", "}").replace("%20", " "))
}

/// A member that is text.
pub(super) fn text<'a>(value: &'a Value, word: &str) -> Option<&'a str> {
    value.get(word)?.as_str()
}

/// A member that is true.
pub(super) fn flag(value: &Value, word: &str) -> bool {
    value.get(word).and_then(Value::as_bool).unwrap_or_default()
}

/// The members of an object; none of anything else.
pub(super) fn members<'a>(
    value: &'a Value,
    word: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(word).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// The items of a list; none of anything else.
pub(super) fn items<'a>(value: &'a Value, word: &str) -> impl Iterator<Item = &'a Value> {
    value.get(word).and_then(Value::as_array).into_iter().flatten()
}

/// The JSON form of a body, or of an answer of ours, which has one form only.
pub(super) fn json_form(body: &Value) -> Option<&Value> {
    let mut forms = members(body, "content");
    forms.find(|(media, _)| media_type(media) == "application/json").map(|(_, form)| form)
}

/// As [`json_form`], to write to.
pub(super) fn json_form_mut(body: &mut Value) -> Option<&mut Value> {
    let mut forms = body.get_mut("content")?.as_object_mut()?.iter_mut();
    forms.find(|(media, _)| media_type(media) == "application/json").map(|(_, form)| form)
}
