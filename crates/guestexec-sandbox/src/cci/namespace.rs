//! A namespace of the sandbox.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{
    error::ErrorAnswer,
    manifest::{Subject, is_label, object, text_map},
};
use crate::{clock, random};

/// A namespace.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) name: String,
    uid: String,
    created: i64,
    labels: Value,
    annotations: Value,
    /// The version of what it shows.
    pub(super) version: u64,
    /// When it was deleted.
    pub(super) deleted: Option<i64>,
}

impl Namespace {
    /// One that is there from the beginning.
    pub(super) fn fixed(name: &str) -> Self {
        Self::new(name, Value::Null, Value::Null)
    }

    fn new(name: &str, labels: Value, annotations: Value) -> Self {
        let mut labels = if labels.is_object() { labels } else { json!({}) };
        labels["kubernetes.io/metadata.name"] = name.into();
        let (uid, created) = (random::uuid(), clock::now());
        let name = name.to_owned();
        Self { name, uid, created, labels, annotations, version: 1, deleted: None }
    }

    /// Reads the body of a request for a namespace.
    pub(super) fn read(body: &[u8], versions: &[&str]) -> Result<Self, ErrorAnswer> {
        let object = Value::Object(object(body, "Namespace", versions)?);
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let subject = Subject { kind: "Namespace", name };
        if name.is_empty() {
            return Err(subject.invalid("FieldValueRequired", "metadata.name", "Required value"));
        }
        if !is_label(name) {
            let problem = format!(
                "Invalid value: {name:?}: a name has at most 63 characters: a-z, 0-9 and `-`"
            );
            return Err(subject.invalid("FieldValueInvalid", "metadata.name", &problem));
        }
        Ok(Self::new(name, text_map(metadata, "labels")?, text_map(metadata, "annotations")?))
    }

    pub(super) fn to_json(&self, api_version: &str) -> Value {
        let mut metadata = json!({
            "name": self.name,
            "uid": self.uid,
            "creationTimestamp": clock::iso8601(self.created, "Z"),
            "resourceVersion": self.version.to_string(),
            "labels": self.labels,
        });
        if !self.annotations.is_null() {
            metadata["annotations"] = self.annotations.clone();
        }
        if let Some(at) = self.deleted {
            metadata["deletionTimestamp"] = clock::iso8601(at, "Z").into();
        }
        json!({
            "apiVersion": api_version,
            "kind": "Namespace",
            "metadata": metadata,
            "spec": { "finalizers": ["kubernetes"] },
            "status": { "phase": if self.deleted.is_some() { "Terminating" } else { "Active" } },
        })
    }

    /// Nothing can be created in a namespace that is going away.
    pub(super) fn is_terminating(&self, pod: &str) -> ErrorAnswer {
        let name = &self.name;
        let message = format!(
            "pods \"{pod}\" is forbidden: unable to create new content in namespace {name} because it is being terminated"
        );
        super::error::status(StatusCode::FORBIDDEN, "Forbidden", &message, None)
    }
}
