//! Stage 1: loading a document, and access to its parts.

use std::{collections::BTreeSet, fs, path::Path};

use sha2::{Digest, Sha256};

use crate::document::{Complaint, Document, Schema};

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
    pub document: Document,
}

/// Complaints as lines: the file, the line, the place, the sentence.
pub fn listed(file: &str, complaints: Vec<Complaint>) -> String {
    let line = |c: Complaint| format!("{file}:{}: {}: {}", c.line, c.place, c.text);
    complaints.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Crates of the workspace that are no provider's: `guestexec-core`, and so on.
const OURS: [&str; 6] = ["cli", "core", "macros", "remotecommand", "sandbox", "testkit"];

/// Features, modules, packages and folders of snapshots that stand beside those of the providers.
const TAKEN: [&str; 13] = [
    "alloc", "answers", "default", "encoding", "errors", "guestexec", "limits", "ring", "rustls",
    "schemars", "schemas", "tests", "xtask",
];

/// The providers: the stems of `specs/*.yaml`, sorted.
///
/// # Errors
/// A sentence, if the folder cannot be read, holds no document, or one whose name no provider can have.
pub fn providers(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("specs");
    let entries = fs::read_dir(&folder).map_err(|e| format!("specs: cannot be listed: {e}"))?;
    let mut names = BTreeSet::new();
    let mut complaints = BTreeSet::new();
    for entry in entries.filter_map(Result::ok) {
        let file = entry.file_name().to_string_lossy().into_owned();
        // A file that begins with a dot is an editor's, unless the dot is all.
        let Some((name, end)) = file.rsplit_once('.') else { continue };
        if !["yaml", "yml"].contains(&end.to_ascii_lowercase().as_str()) || name.starts_with('.') {
            continue;
        }
        match provider_fault(name).or((end != "yaml").then_some("does not end in `.yaml`")) {
            None => drop(names.insert(name.to_owned())),
            Some(fault) => {
                let remedy =
                    "call the document after the provider, one word of a-z and 0-9: `tat.yaml`";
                complaints.insert(format!("specs/{file}:1: document: its name {fault}; {remedy}"));
            }
        }
    }
    if !complaints.is_empty() {
        return Err(complaints.into_iter().collect::<Vec<_>>().join("\n"));
    }
    if names.is_empty() {
        return Err("specs: there is no document (*.yaml) in it".to_owned());
    }
    Ok(names.into_iter().collect())
}

/// Why a provider cannot have this name, which becomes that of a crate, a module and a feature.
pub fn provider_fault(name: &str) -> Option<&'static str> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        Some("is not one word of a-z and 0-9")
    } else if OURS.contains(&name) {
        Some("is that of a crate of the workspace")
    } else if syn::parse_str::<syn::Ident>(name).is_err() {
        Some("is a word of Rust, which no module can have")
    } else if TAKEN.contains(&name) {
        Some("is that of a feature or package of the workspace")
    } else {
        None
    }
}

impl Spec {
    /// Loads `specs/<provider>.yaml`.
    ///
    /// # Errors
    /// A sentence, if the file cannot be read or is not YAML.
    pub fn load(root: &Path, provider: &str) -> Result<Self, String> {
        let file = format!("specs/{provider}.yaml");
        let bytes =
            fs::read(root.join(&file)).map_err(|e| format!("{file}: cannot be read: {e}"))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!(
                "{file}:{line}: document: holds a byte that is not UTF-8; save the file as UTF-8"
            )
        })?;
        Self::parse(provider, text)
    }

    /// Reads the text of a document.
    ///
    /// # Errors
    /// A sentence with the place, if it is not YAML.
    pub fn parse(provider: &str, text: String) -> Result<Self, String> {
        let file = format!("specs/{provider}.yaml");
        let document = Document::parse(&text).map_err(|complaints| listed(&file, complaints))?;
        Ok(Self { provider: provider.to_owned(), file, text, document })
    }

    /// The SHA-256 of the text, in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text.as_bytes()))
    }

    /// The day on which the vendor's pages were read, where an operation has none of its own.
    pub fn read_on(&self) -> &str {
        self.document.read_on.as_deref().unwrap_or_default()
    }

    /// The objects that appear in answers alone: they are read whatever stands in them.
    pub fn lenient_schemas(&self) -> BTreeSet<String> {
        let requests = self.document.request_schemas();
        let answers = self.document.answer_schemas().into_iter();
        let is_struct = |name: &&str| match self.document.components.schemas.get(*name) {
            Some(Schema::Object(object)) => !object.properties.is_empty(),
            _ => false,
        };
        let lenient = answers.filter(|name| !requests.contains(name)).filter(is_struct);
        lenient.map(str::to_owned).collect()
    }

    /// The members of the schema `name` that are required, and objects of another kind.
    pub fn required_objects(&self, name: &str) -> Vec<&str> {
        let schemas = &self.document.components.schemas;
        let Some(Schema::Object(object)) = schemas.get(name) else { return Vec::new() };
        let is_object = |member: &&str| {
            let reference = object.properties.get(*member).and_then(Schema::reference);
            let Some(target) = reference.and_then(|of| of.name_in("schemas")) else { return false };
            // One that may hold its like would have no end where it is empty.
            matches!(schemas.get(target), Some(Schema::Object(_)))
                && !self.document.closure([target]).contains(name)
        };
        object.required.iter().map(String::as_str).filter(is_object).collect()
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
