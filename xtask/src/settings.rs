//! The settings of the generator, in one place, and their fingerprint for `specs/generated.lock`.

use std::{fs, path::Path};

use progenitor::{GenerationSettings, HooksMode, InterfaceStyle, TagStyle, TypeImpl};
use quote::quote;
use schemars_08::schema::SchemaObject;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::spec::{self, Spec};

/// String formats that become a type of `guestexec-core`.
const FORMATS: [(&str, &str); 2] =
    [("byte", "::guestexec_core::Base64"), ("password", "::guestexec_core::Secret")];

/// The type of free-form and typed maps: sorted, so that output is stable.
const MAP_TYPE: &str = "::std::collections::BTreeMap";

/// The generator's sources, from the workspace's root.
const SOURCES: &str = "xtask/src";

/// The crates whose versions decide what is written.
const GENERATORS: [&str; 8] = [
    "progenitor", "progenitor-impl", "typify", "typify-impl", "openapiv3", "granit-parser",
    "prettyplease", "heck",
];

/// Progenitor's settings for a document.
///
/// # Errors
/// A sentence, if a format's schema is not one (a mistake on this page).
pub fn settings(spec: &Spec) -> Result<GenerationSettings, String> {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Builder)
        .with_tag(TagStyle::Merged)
        .with_hooks(HooksMode::Expected)
        .with_map_type(MAP_TYPE)
        .with_derive("PartialEq")
        .with_inner_type(quote!(crate::hooks::Inner));
    for (format, path) in FORMATS {
        let schema: SchemaObject =
            serde_json::from_value(json!({ "type": "string", "format": format }))
                .map_err(|e| format!("settings: format {format}: {e}"))?;
        settings.with_conversion(schema, path, std::iter::empty());
    }
    for (name, schema) in &spec.document.components.schemas {
        if schema.values().is_some() {
            settings.with_replacement(
                name,
                format!("crate::generated::enums::{name}"),
                [TypeImpl::Display, TypeImpl::FromStr].into_iter(),
            );
        }
    }
    Ok(settings)
}

/// The SHA-256 of the generator's sources, in hex: it changes with every file of them, and is the
/// same on every machine.
///
/// # Errors
/// A sentence, if a file cannot be read.
pub fn fingerprint(root: &Path) -> Result<String, String> {
    let mut hash = Sha256::new();
    for file in files_below(root, SOURCES)? {
        let text = fs::read_to_string(root.join(&file))
            .map_err(|e| format!("{file}: cannot be read: {e}"))?;
        // A checkout may have turned line ends.
        let text = text.replace("\r\n", "\n");
        // With both lengths, no text can pass for the name of the next file.
        hash.update(format!("{} {file} {}\n{text}", file.len(), text.len()));
    }
    Ok(spec::hex(&hash.finalize()))
}

/// The files below a folder, from `root`, with `/` and sorted.
///
/// # Errors
/// A sentence, if a folder cannot be listed.
pub fn files_below(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let complain = |e| format!("{folder}: cannot be listed: {e}");
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(complain)? {
        let entry = entry.map_err(complain)?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files_below(root, &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The generating crates with the versions that `Cargo.lock` pins.
///
/// # Errors
/// A sentence, if the lock file cannot be read or misses one.
pub fn generators(root: &Path) -> Result<String, String> {
    let lock = fs::read_to_string(root.join("Cargo.lock"))
        .map_err(|e| format!("Cargo.lock: cannot be read: {e}"))?;
    let versions: Result<Vec<String>, String> = GENERATORS
        .iter()
        .map(|name| {
            let entry = format!("name = \"{name}\"\nversion = \"");
            lock.split_once(&entry)
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(version, _)| format!("{name} {version}"))
                .ok_or_else(|| format!("Cargo.lock: {name} is not in it"))
        })
        .collect();
    Ok(versions?.join(", "))
}
