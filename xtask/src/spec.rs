//! Stage 1: load a document, and find one's way in it.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::document::{Call, Complaint, Document, Schema};

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
    pub typed: Document,
    /// The document as it stands.
    pub document: Value,
}

/// One operation of a document.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    pub(crate) spec: &'a Spec,
    /// The operation with its types.
    pub call: Call<'a>,
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

/// Complaints as lines: the file, the line, the place, the sentence.
pub fn told(file: &str, complaints: Vec<Complaint>) -> String {
    let line = |c: Complaint| format!("{file}:{}: {}: {}", c.line, c.place, c.text);
    complaints.into_iter().map(line).collect::<Vec<_>>().join("\n")
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
        let (typed, document) =
            Document::parse(&text).map_err(|complaints| told(&file, complaints))?;
        Ok(Self { provider: provider.to_owned(), file, text, typed, document })
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
        self.typed.read_on.as_deref().unwrap_or_default()
    }

    /// All operations, in the document's order.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let calls = self.typed.calls().into_iter();
        calls
            .map(|call| Operation {
                spec: self,
                call,
                path: call.path,
                method: call.method,
                node: &self.document["paths"][call.path][call.method],
            })
            .collect()
    }

    /// The component schemas that appear in requests.
    pub fn request_schemas(&self) -> BTreeSet<String> {
        self.typed.request_schemas().into_iter().map(str::to_owned).collect()
    }

    /// The objects that appear in answers alone: they are read whatever stands in them.
    pub fn lenient_schemas(&self) -> BTreeSet<String> {
        let requests = self.typed.request_schemas();
        let answers = self.typed.answer_schemas().into_iter();
        let is_struct = |name: &&str| match self.typed.components.schemas.get(*name) {
            Some(Schema::Object(object)) => !object.properties.is_empty(),
            _ => false,
        };
        let lenient = answers.filter(|name| !requests.contains(name)).filter(is_struct);
        lenient.map(str::to_owned).collect()
    }

    /// The members of the schema `name` that are required, and objects of another kind.
    pub fn required_objects(&self, name: &str) -> Vec<&str> {
        let schemas = &self.typed.components.schemas;
        let Some(Schema::Object(object)) = schemas.get(name) else { return Vec::new() };
        let is_object = |member: &&str| {
            let reference = object.properties.get(*member).and_then(Schema::reference);
            let Some(target) = reference.and_then(|of| of.name_in("schemas")) else { return false };
            // One that may hold its like would have no end where it is empty.
            matches!(schemas.get(target), Some(Schema::Object(_)))
                && !self.typed.closure([target]).contains(name)
        };
        object.required.iter().map(String::as_str).filter(is_object).collect()
    }
}

impl<'a> Operation<'a> {
    /// The `operationId`.
    pub fn id(&self) -> &'a str {
        &self.call.operation.id
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
        self.call.body()?.schema.name_in("schemas")
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
        self.call.operation.starts_command
    }

    /// True where a second call does no harm: by its method, or because the document says so.
    pub fn is_repeatable(&self) -> bool {
        let operation = self.call.operation;
        self.method == "get" && !operation.starts_command || operation.repeatable
    }

    /// True where the document asks for no credentials.
    pub fn is_open(&self) -> bool {
        self.call.operation.security.as_ref().is_some_and(Vec::is_empty)
    }

    /// What it does, in a line without a full stop.
    pub fn summary(&self) -> &'a str {
        self.call.operation.summary.trim().trim_end_matches('.')
    }

    /// How many calls the service takes in a second, where the document says so.
    pub fn rate(&self) -> Option<u64> {
        let limit = self.call.operation.rate_limit?;
        limit.requests.checked_div(limit.per_seconds)
    }

    /// The vendor's page.
    pub fn page(&self) -> &'a str {
        &self.call.operation.external_docs.url
    }

    /// The day on which that page was read.
    pub fn read_on(&self) -> &'a str {
        self.call.read_on()
    }

    /// The title of that page.
    pub fn page_title(&self) -> &'a str {
        self.call.operation.external_docs.description.as_deref().unwrap_or_else(|| self.id())
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

/// The values an enumeration lists, closed or open.
pub fn enum_values(schema: &Value) -> Option<Vec<&str>> {
    let values = schema.get("enum").or_else(|| schema.get("x-extensible-enum"))?.as_array()?;
    Some(values.iter().filter_map(Value::as_str).collect())
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
