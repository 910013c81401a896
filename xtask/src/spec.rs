//! Stage 1: load a document, and find one's way in it.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The HTTP methods an OpenAPI path item may hold.
pub const METHODS: [&str; 8] =
    ["get", "put", "post", "delete", "patch", "head", "options", "trace"];

/// A loaded document.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The provider's one word: `tat`.
    pub provider: String,
    /// The document's path from the workspace's root: `specs/tat.yaml`.
    pub file: String,
    /// The document's text.
    pub text: String,
    /// The document.
    pub document: Value,
}

/// One operation of a document.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    pub(crate) spec: &'a Spec,
    /// The path template.
    pub path: &'a str,
    /// The method, in lower case.
    pub method: &'a str,
    /// The operation object.
    pub node: &'a Value,
}

/// A named example of an operation.
#[derive(Clone, Debug)]
pub struct NamedExample<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its summary.
    pub summary: &'a str,
    /// The parameters it gives.
    pub parameters: Value,
    /// The body, if the operation has one.
    pub body: Option<&'a Value>,
}

/// The providers: the stems of `specs/*.yaml`, sorted.
///
/// # Errors
/// A sentence, if the folder cannot be read or holds no document.
pub fn providers(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("specs");
    let entries = fs::read_dir(&folder).map_err(|e| format!("specs: cannot be listed: {e}"))?;
    let names: BTreeSet<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    if names.is_empty() {
        return Err("specs: there is no document (*.yaml) in it".to_owned());
    }
    Ok(names.into_iter().collect())
}

impl Spec {
    /// Loads `specs/<provider>.yaml`.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read or is not YAML.
    pub fn load(root: &Path, provider: &str) -> Result<Self, String> {
        let file = format!("specs/{provider}.yaml");
        let text = fs::read_to_string(root.join(&file))
            .map_err(|e| format!("{file}: cannot be read: {e}"))?;
        Self::parse(provider, text)
    }

    /// Reads the text of a document.
    ///
    /// # Errors
    /// A sentence with the place, if it is not YAML.
    pub fn parse(provider: &str, text: String) -> Result<Self, String> {
        let file = format!("specs/{provider}.yaml");
        let document: Value = serde_saphyr::from_str(&text)
            .map_err(|e| format!("{file}: is not YAML; correct the place named: {e}"))?;
        Ok(Self { provider: provider.to_owned(), file, text, document })
    }

    /// The SHA-256 of the text, in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }

    /// The component schemas, in the document's order.
    pub fn schemas(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.document["components"]["schemas"].as_object().into_iter().flatten()
    }

    /// The component schema called `name`.
    pub fn schema(&self, name: &str) -> Option<&Value> {
        self.document["components"]["schemas"].get(name)
    }

    /// What a `$ref` leads to; any other node is itself.
    pub fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(reference) => reference
                .strip_prefix('#')
                .and_then(|pointer| self.document.pointer(pointer))
                .unwrap_or(&Value::Null),
            None => node,
        }
    }

    /// The day on which the vendor's pages were read, where an operation has none of its own.
    pub fn read_on(&self) -> &str {
        self.document["x-read-on"].as_str().unwrap_or_default()
    }

    /// All operations, in the document's order.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                item.as_object().into_iter().flatten().filter_map(move |(method, node)| {
                    METHODS.contains(&method.as_str()).then_some(Operation {
                        spec: self,
                        path,
                        method,
                        node,
                    })
                })
            })
            .collect()
    }

    /// The component schemas reachable from `roots`, those included.
    pub fn closure(&self, roots: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<String> = roots.into_iter().collect();
        while let Some(name) = pending.pop() {
            if let Some(schema) = self.schema(&name)
                && seen.insert(name)
            {
                pending.extend(references(schema));
            }
        }
        seen
    }

    /// The component schemas that appear in requests.
    pub fn request_schemas(&self) -> BTreeSet<String> {
        self.closure(self.operations().iter().flat_map(|operation| {
            let mut names = references(&operation.node["requestBody"]);
            for parameter in operation.parameters() {
                names.extend(references(parameter));
            }
            names
        }))
    }

    /// The objects that appear in answers alone: they are read whatever stands in them.
    pub fn lenient_schemas(&self) -> BTreeSet<String> {
        let requests = self.request_schemas();
        let mut answers = self.answer_schemas();
        answers.retain(|name| {
            !requests.contains(name)
                && self.schema(name).is_some_and(|schema| schema.get("properties").is_some())
        });
        answers
    }

    /// The members of the schema `name` that are required, and objects of another kind.
    pub fn required_objects(&self, name: &str) -> Vec<&str> {
        let Some(schema) = self.schema(name) else { return Vec::new() };
        let is_object = |member: &str| {
            let target = component(&schema["properties"][member])?;
            let is_object = self.schema(target)?["type"] == "object";
            // One that may hold its like would have no end where it is empty.
            Some(is_object && !self.closure([target.to_owned()]).contains(name))
        };
        let required = schema["required"].as_array().into_iter().flatten();
        let required = required.filter_map(Value::as_str);
        required.filter(|member| is_object(member).unwrap_or(false)).collect()
    }

    /// The component schemas that appear in answers.
    pub fn answer_schemas(&self) -> BTreeSet<String> {
        let responses = self.operations();
        let roots: Vec<String> = responses
            .iter()
            .flat_map(|operation| operation.node["responses"].as_object().into_iter().flatten())
            .flat_map(|(_, response)| references(self.resolve(response)))
            .collect();
        self.closure(roots)
    }
}

impl<'a> Operation<'a> {
    /// The `operationId`, empty if there is none.
    pub fn id(&self) -> &'a str {
        self.node["operationId"].as_str().unwrap_or_default()
    }

    /// What to call the operation in a complaint.
    pub fn label(&self) -> String {
        match self.id() {
            "" => format!("{} {}", self.method.to_uppercase(), self.path),
            id => id.to_owned(),
        }
    }

    /// Its parameters and those of its path, references resolved.
    pub fn parameters(&self) -> Vec<&'a Value> {
        let of_path = &self.spec.document["paths"][self.path]["parameters"];
        [of_path, &self.node["parameters"]]
            .into_iter()
            .flat_map(|list| list.as_array().into_iter().flatten())
            .map(|parameter| self.spec.resolve(parameter))
            .collect()
    }

    /// The JSON body: its media type object.
    pub fn json_body(&self) -> Option<&'a Value> {
        self.spec.resolve(&self.node["requestBody"]).get("content")?.get("application/json")
    }

    /// The name of the body's component schema.
    pub fn body_schema(&self) -> Option<&'a str> {
        component(&self.json_body()?["schema"])
    }

    /// The answers that mean success: 1xx and 2xx, as status and resolved response.
    pub fn successes(&self) -> Vec<(u16, &'a Value)> {
        self.node["responses"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(status, response)| {
                let status: u16 = status.parse().ok()?;
                (status < 300).then(|| (status, self.spec.resolve(response)))
            })
            .collect()
    }

    /// True where a call starts a command on a machine.
    pub fn starts_command(&self) -> bool {
        self.node["x-starts-command"].as_bool().unwrap_or(false)
    }

    /// True where a second call does no harm: by its method, or because the document says so.
    pub fn is_repeatable(&self) -> bool {
        self.method == "get" && !self.starts_command()
            || self.node["x-repeatable"].as_bool().unwrap_or(false)
    }

    /// True where the document asks for no credentials.
    pub fn is_open(&self) -> bool {
        self.node["security"].as_array().is_some_and(Vec::is_empty)
    }

    /// What it does, in a line without a full stop.
    pub fn summary(&self) -> &'a str {
        self.node["summary"].as_str().unwrap_or_default().trim().trim_end_matches('.')
    }

    /// How many calls the service takes in a second, where the document says so.
    pub fn rate(&self) -> Option<u64> {
        let limit = &self.node["x-rate-limit"];
        let seconds = limit["per-seconds"].as_u64().filter(|seconds| *seconds > 0)?;
        Some(limit["requests"].as_u64()? / seconds)
    }

    /// The vendor's page: its own, or the document's.
    pub fn page(&self) -> &'a str {
        self.source("url").unwrap_or_default()
    }

    /// The day on which that page was read.
    pub fn read_on(&self) -> &'a str {
        self.node["x-read-on"].as_str().unwrap_or(self.spec.read_on())
    }

    /// The title of that page.
    pub fn page_title(&self) -> &'a str {
        self.source("description").unwrap_or_else(|| self.id())
    }

    fn source(&self, word: &str) -> Option<&'a str> {
        let of_document = self.spec.document["externalDocs"][word].as_str();
        self.node["externalDocs"][word].as_str().or(of_document)
    }

    /// Its named examples: those of the body, or those under `x-examples`.
    pub fn examples(&self) -> Vec<NamedExample<'a>> {
        let named = |node: &'a Value| node.as_object().into_iter().flatten();
        let summary = |node: &'a Value| node["summary"].as_str().unwrap_or_default();
        let of_body = self.json_body().map(|body| &body["examples"]).unwrap_or(&Value::Null);
        let bodies = named(of_body).map(|(name, example)| NamedExample {
            name,
            summary: summary(example),
            parameters: Value::Object(Map::new()),
            body: Some(&example["value"]),
        });
        let others = named(&self.node["x-examples"]).map(|(name, example)| NamedExample {
            name,
            summary: summary(example),
            parameters: example.get("parameters").cloned().unwrap_or(Value::Object(Map::new())),
            body: example.get("body"),
        });
        bodies.chain(others).collect()
    }

    /// The named examples of its successful answers: status, name, value.
    pub fn answers(&self) -> Vec<(u16, &'a str, &'a Value)> {
        self.successes()
            .into_iter()
            .flat_map(|(status, response)| {
                response["content"]["application/json"]["examples"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(move |(name, example)| (status, name.as_str(), &example["value"]))
            })
            .collect()
    }
}

/// The component schema a node refers to, directly or as the only part of an `allOf`.
pub fn component(node: &Value) -> Option<&str> {
    let reference =
        node.get("$ref").or_else(|| match node.get("allOf")?.as_array()?.as_slice() {
            [only] => only.get("$ref"),
            _ => None,
        })?;
    reference.as_str()?.strip_prefix("#/components/schemas/")
}

/// Every component schema named by a `$ref` anywhere in a node.
pub fn references(node: &Value) -> Vec<String> {
    match node {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(reference)) => reference
                    .strip_prefix("#/components/schemas/")
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
                // A member may have any name, `example` too.
                ("properties", Value::Object(properties)) => {
                    properties.values().flat_map(references).collect()
                }
                // Examples are data: what looks like a reference there is none.
                ("examples" | "example" | "x-examples", _) => Vec::new(),
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The values an enumeration lists, closed or open.
pub fn enum_values(schema: &Value) -> Option<Vec<&str>> {
    let values = schema.get("enum").or_else(|| schema.get("x-extensible-enum"))?.as_array()?;
    Some(values.iter().filter_map(Value::as_str).collect())
}

/// Octets as lower-case hex.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
