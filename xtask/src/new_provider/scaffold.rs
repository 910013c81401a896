//! What a new provider adds to the workspace: its crate, and its name wherever providers are listed.

use std::{fs, path::Path};

use super::foreign::{members, text};
use serde_json::Value;

/// Files of the crate: the path in it, and the template.
const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", include_str!("templates/Cargo.toml.txt")),
    ("README.md", include_str!("templates/README.md.txt")),
    ("src/auth.rs", include_str!("templates/auth.rs.txt")),
    ("src/client.rs", include_str!("templates/client.rs.txt")),
    ("src/error.rs", include_str!("templates/error.rs.txt")),
    ("src/hooks.rs", include_str!("templates/hooks.rs.txt")),
    ("src/lib.rs", include_str!("templates/lib.rs.txt")),
];

/// What each package holds a copy of.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

const CLIENT: &str = include_str!("templates/test_client.rs.txt");
/// The clients of the tests that take snapshots.
pub(super) const TEST_CLIENTS: &str = "tests/common/providers.rs";
const TRIAL: &str = include_str!("templates/trial.toml.txt");

/// The features of the facade that each provider's crate has too.
const FEATURES: [&str; 5] = ["rustls", "ring", "aws-lc-rs", "native-tls", "schemars"];

/// The type of error answers that a document does not describe.
const BODY: &str = "/// The JSON of an answer that is an error.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Body(pub serde_json::Value);

";

/// What is said of a provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub name: String,
    pub title: String,
    /// The vendor's general page.
    pub page: String,
    /// How many operations there are.
    pub operations: usize,
    /// The service's address, if it has a single one.
    pub endpoint: Option<String>,
    /// The type of its error answers, if the document has one.
    pub detail: Option<String>,
    /// The modules that are generated and public.
    pub modules: Vec<&'static str>,
}

impl Provider {
    /// What a document says of its provider.
    pub fn of(name: &str, document: &Value, files: &[&str]) -> Self {
        let title = document.get("info").and_then(|info| text(info, "title")).unwrap_or(name);
        let page = document.get("externalDocs").and_then(|page| text(page, "url"));
        let server = document.get("servers").and_then(|servers| servers.get(0));
        let address =
            server.and_then(|server| text(server, "url")).filter(|url| !url.contains('{'));
        let public = ["builder", "enums", "operations", "types"];
        let is_there = |module: &&str| files.contains(&format!("{module}.rs").as_str());
        let operations =
            members(document, "paths").filter_map(|(_, item)| Some(item.as_object()?.len()));
        Self {
            name: name.to_owned(),
            title: title.replace(['"', '\\', '\n'], " "),
            page: page.unwrap_or_default().to_owned(),
            operations: operations.sum(),
            endpoint: address.map(str::to_owned),
            detail: detail(document).map(|name| format!("crate::types::{name}")),
            modules: public.into_iter().filter(is_there).collect(),
        }
    }

    fn filled(&self, template: &str) -> String {
        let endpoint =
            self.endpoint.as_ref().map_or("None".to_owned(), |url| format!("Some({url:?})"));
        let mut modules = vec!["Client"];
        modules.extend(&self.modules);
        template
            .replace("@NAME@", &self.name)
            .replace("@UPPER@", &self.name.to_uppercase())
            .replace("@TITLE@", &self.title)
            .replace("@ENDPOINT@", &endpoint)
            .replace("@DETAIL@", self.detail.as_deref().unwrap_or("Body"))
            .replace("@BODY@", if self.detail.is_some() { "" } else { BODY })
            .replace("@ERRORS@", if self.detail.is_some() { "Error" } else { "{Body, Error}" })
            .replace("@MODULES@", &modules.join(", "))
    }

    /// Writes the crate, and the name wherever it has to stand, below `root`.
    ///
    /// # Errors
    /// A sentence that names the file which is not as it should be.
    pub fn write(&self, root: &Path) -> Result<(), String> {
        for (path, template) in FILES {
            let text = self.filled(template);
            put(root, &format!("crates/guestexec-{}/{path}", self.name), &text)?;
        }
        for licence in LICENCES {
            let text = fs::read_to_string(root.join(licence))
                .map_err(|e| format!("{licence}: cannot be read: {e}"))?;
            put(root, &format!("crates/guestexec-{}/{licence}", self.name), &text)?;
        }
        edit(root, "Cargo.toml", |text| {
            let version =
                text.split_once("[workspace.package]\nversion = \"")?.1.split('"').next()?;
            let line = format!(
                "guestexec-{0} = {{ path = \"crates/guestexec-{0}\", version = \"{version}\", \
                 default-features = false }}",
                self.name
            );
            with_line(text, "guestexec-", &line)
        })?;
        edit(root, "tests/Cargo.toml", |text| {
            let line = format!(
                "guestexec-{} = {{ workspace = true, features = [\"examples\", \"rustls\", \"schemars\"] }}",
                self.name
            );
            let (before, after) = text.split_once("[dev-dependencies]\n")?;
            Some(format!("{before}[dev-dependencies]\n{}", with_line(after, "guestexec-", &line)?))
        })?;
        edit(root, TEST_CLIENTS, |text| Some(format!("{text}{}", self.filled(CLIENT))))?;
        edit(root, "crates/guestexec/Cargo.toml", |text| self.facade(text))?;
        edit(root, "crates/guestexec/src/lib.rs", |text| {
            let item =
                format!("#[cfg(feature = \"{0}\")]\npub use guestexec_{0} as {0};\n", self.name);
            Some(format!("{}{item}", ended(text)))
        })?;
        let row = format!("| `{0}` | {1} | `guestexec-{0}` |", self.name, cell(&self.title));
        edit(root, "crates/guestexec/README.md", |text| after_rows(text, &row))?;
        let service = format!("[{}]({})", cell(&self.title), self.page);
        let row = format!(
            "| `{}` | {service} | what its document has; requests are not signed yet |",
            self.name
        );
        edit(root, "README.md", |text| {
            let text = after_rows(text, &row)?;
            let mark = "crates/guestexec-remotecommand/";
            let line = format!("crates/guestexec-{}/", self.name);
            Some(text.replacen(
                mark,
                &format!("{line:<27} lib client auth hooks error; src/generated/\n{mark}"),
                1,
            ))
        })?;
        let many = if self.operations == 1 {
            "one operation".to_owned()
        } else {
            format!("{} operations", self.operations)
        };
        let entry = format!(
            "- `guestexec-{}`: {many} of {}. Requests are not signed yet.\n",
            self.name, self.title
        );
        edit(root, "CHANGELOG.md", |text| {
            let (before, after) = text.split_once("\nThe vendors' pages")?;
            Some(format!("{before}{entry}\nThe vendors' pages{after}"))
        })?;
        edit(root, "specs/README.md", |text| {
            let mark = format!("## `{}.yaml`", self.name);
            if text.contains(&mark) {
                return Some(text.to_owned());
            }
            let (before, after) = text.split_once("## The `x-` words")?;
            let place =
                |table| format!("<!-- generated: {table} of {} -->\n\n<!-- end -->\n\n", self.name);
            let [operations, differs, left_out] = ["operations", "differs", "left out"].map(place);
            Some(format!(
                "{before}{mark}: {}\n\n{operations}Differs:\n\n{differs}Left out:\n\n{left_out}## The `x-` words{after}",
                self.title
            ))
        })
    }

    /// The facade's manifest with the feature.
    fn facade(&self, text: &str) -> Option<String> {
        let name = &self.name;
        let mut made = String::new();
        for line in text.lines() {
            let feature =
                FEATURES.iter().find(|feature| line.starts_with(&format!("{feature} = [")));
            match feature.and_then(|feature| Some((feature, line.strip_suffix(']')?))) {
                Some((feature, begin)) => {
                    made.push_str(&format!("{begin}, \"guestexec-{name}?/{feature}\"]\n"));
                }
                None => made.push_str(&format!("{line}\n")),
            }
            if line.starts_with("default = [") {
                made.push_str(&format!(
                    "## {}.\n{name} = [\"dep:guestexec-{name}\"]\n",
                    self.title
                ));
            }
        }
        let line = format!("guestexec-{name} = {{ workspace = true, optional = true }}");
        let (before, after) = made.split_once("[dependencies]\n")?;
        Some(format!("{before}[dependencies]\n{}", with_line(after, "guestexec-", &line)?))
    }

    /// Leaves of the tests below `root` those that this provider needs.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn only_its_tests(&self, root: &Path) -> Result<(), String> {
        put(root, "tests/Cargo.toml", &self.filled(TRIAL))?;
        put(root, TEST_CLIENTS, self.filled(CLIENT).trim_start())
    }
}

/// The component that most of a document's refusals have as their body.
fn detail(document: &Value) -> Option<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for (_, item) in members(document, "paths") {
        for operation in item.as_object().into_iter().flat_map(|item| item.values()) {
            for (status, answer) in members(operation, "responses") {
                let answer = match super::foreign::name_in(answer, "responses") {
                    Some(name) => document.get("components")?.get("responses")?.get(&name)?,
                    None => answer,
                };
                let schema = super::foreign::json_form(answer).and_then(|form| form.get("schema"));
                let Some(name) = schema.and_then(|it| super::foreign::name_in(it, "schemas"))
                else {
                    continue;
                };
                let schema = document.get("components")?.get("schemas")?.get(&name)?;
                if status.starts_with(['4', '5']) && schema.get("properties").is_some() {
                    match counts.iter_mut().find(|(other, _)| *other == name) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((name, 1)),
                    }
                }
            }
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn ended(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// A text with `line` among those that begin with `prefix`, in their order.
fn with_line(text: &str, prefix: &str, line: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|other| other.starts_with(prefix))?;
    let block = lines[first..].iter().take_while(|other| other.starts_with(prefix));
    let at = first + block.take_while(|other| **other < line).count();
    let mut all: Vec<&str> = lines[..at].to_vec();
    all.push(line);
    all.extend(&lines[at..]);
    Some(all.join("\n") + "\n")
}

/// A text with `row` after the rows of its first table.
fn after_rows(text: &str, row: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("|---"))?;
    let rows = lines[first..].iter().take_while(|line| line.starts_with('|')).count();
    let mut all: Vec<&str> = lines[..first + rows].to_vec();
    all.push(row);
    all.extend(&lines[first + rows..]);
    Some(all.join("\n") + "\n")
}

/// Writes a file below `root`.
///
/// # Errors
/// A sentence.
pub(super) fn put(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let file = root.join(path);
    if fs::read_to_string(&file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .map_err(|e| format!("{}: cannot be made: {e}", folder.display()))?;
    }
    fs::write(&file, text).map_err(|e| format!("{path}: cannot be written: {e}"))
}

fn edit(root: &Path, path: &str, make: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let text =
        fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: cannot be read: {e}"))?;
    let made = make(&text.replace("\r\n", "\n"));
    let made = made.ok_or_else(|| {
        format!(
            "{path}: has no place for a new provider where those of the others are; add it by hand"
        )
    })?;
    put(root, path, &made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

    use syn::{ImplItem, Item};

    use super::FILES;
    use crate::new_provider::names::Taken;

    /// No operation gets the name of a method that the crate's own files give to the client.
    #[test]
    fn methods_of_the_client_are_taken() {
        let mut count = 0;
        for (path, template) in FILES.iter().filter(|(path, _)| path.ends_with(".rs")) {
            let text = ["NAME", "UPPER", "TITLE", "DETAIL", "MODULES", "ERRORS"].iter().fold(
                template.replace("@BODY@", "").replace("@ENDPOINT@", "None"),
                |text, word| text.replace(&format!("@{word}@"), "Word"),
            );
            let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
            for item in file.items {
                let Item::Impl(item) = item else { continue };
                let ty = &item.self_ty;
                if quote::quote!(#ty).to_string() != "Client" {
                    continue;
                }
                for method in item.items {
                    let ImplItem::Fn(method) = method else { continue };
                    let name = method.sig.ident.to_string();
                    assert_ne!(Taken::default().operation(&name), name, "{path}");
                    count += 1;
                }
            }
        }
        assert!(count > 3);
    }
}
