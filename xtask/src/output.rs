//! Stage 6: write the files, the lock and the tables, or compare with those there.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::{
    docs::{self, Tables},
    emit::Page,
    settings, spec,
};

/// What was generated for one provider.
#[derive(Debug)]
pub struct Generated {
    /// The provider's one word.
    pub provider: String,
    /// The SHA-256 of its document, in hex.
    pub source_hash: String,
    /// The files.
    pub files: Vec<Page>,
    /// What the documentation shows of the document.
    pub tables: Tables,
}

/// Where the lock lies, from the workspace's root.
const LOCK: &str = "specs/generated.lock";

impl Generated {
    /// Lines of all files.
    pub fn lines(&self) -> usize {
        self.files.iter().map(|(_, text)| text.lines().count()).sum()
    }

    /// The only folder that is written to, from the workspace's root.
    fn folder(&self) -> String {
        format!("crates/guestexec-{}/src/generated", self.provider)
    }

    fn lock_entry(&self, root: &Path) -> Result<String, String> {
        Ok(format!(
            "[{}]\nspec = \"sha256:{}\"\ngenerator = \"sha256:{}\"\ncrates = \"{}\"\n",
            self.provider,
            self.source_hash,
            settings::fingerprint(root)?,
            settings::generators(root)?
        ))
    }

    /// The documentation with the tables in it; a file that is not there has none.
    fn documentation(&self, root: &Path) -> Result<Vec<(&'static str, String)>, String> {
        let providers = spec::providers(root)?;
        let mut texts = Vec::new();
        for file in docs::FILES {
            if let Some(text) = read(&root.join(file))? {
                texts.push((file, self.tables.put_into(file, &text, &self.provider, &providers)?));
            }
        }
        Ok(texts)
    }
}

/// The files that differ from what was generated, are missing, or should not be there.
///
/// # Errors
/// A sentence, if a file cannot be read.
pub fn compare(root: &Path, generated: &Generated) -> Result<Vec<String>, String> {
    let folder = generated.folder();
    let mut differing = Vec::new();
    for (path, text) in &generated.files {
        let path = format!("{folder}/{path}");
        if read(&root.join(&path))?.as_deref() != Some(text) {
            differing.push(path);
        }
    }
    differing.extend(extra_files(root, generated)?);
    for (file, text) in generated.documentation(root)? {
        if read(&root.join(file))?.as_deref() != Some(&text) {
            differing.push(format!("{file} ({})", generated.provider));
        }
    }
    let (entries, entry) = (lock_entries(root)?, generated.lock_entry(root)?);
    let provider = &generated.provider;
    match entries.get(provider) {
        Some(old) if *old == entry => {}
        Some(old) if without_sources(old) == without_sources(&entry) => {
            differing.push(format!("{LOCK} ({provider}: xtask/src has changed)"));
        }
        _ => differing.push(format!("{LOCK} ({provider})")),
    }
    Ok(differing)
}

/// An entry of the lock without the fingerprint of the generator's sources.
fn without_sources(entry: &str) -> Vec<&str> {
    entry.lines().filter(|line| !line.starts_with("generator = ")).collect()
}

/// Writes what differs, removes what is no longer generated. True if anything changed.
///
/// # Errors
/// A sentence, if a file cannot be read or written.
pub fn write(root: &Path, generated: &Generated) -> Result<bool, String> {
    let folder = generated.folder();
    let mut changed = false;
    for (file, text) in generated.documentation(root)? {
        changed |= put(&root.join(file), &text)?;
    }
    for (path, text) in &generated.files {
        changed |= put(&root.join(&folder).join(path), text)?;
    }
    for stale in extra_files(root, generated)? {
        fs::remove_file(root.join(&stale))
            .map_err(|e| format!("{stale}: cannot be removed: {e}"))?;
        changed = true;
    }
    let mut entries = lock_entries(root)?;
    entries.insert(generated.provider.clone(), generated.lock_entry(root)?);
    let text: Vec<String> = entries.into_values().collect();
    let head = "# Written by `cargo xtask generate`: what the committed code was generated from.\n";
    changed |= put(&root.join(LOCK), &format!("{head}\n{}", text.join("\n")))?;
    Ok(changed)
}

/// Files in the folder that are not among those generated.
fn extra_files(root: &Path, generated: &Generated) -> Result<Vec<String>, String> {
    let folder = generated.folder();
    if !root.join(&folder).exists() {
        return Ok(Vec::new());
    }
    let expected: Vec<String> =
        generated.files.iter().map(|(path, _)| format!("{folder}/{path}")).collect();
    let mut found = settings::files_below(root, &folder)?;
    found.retain(|path| !expected.contains(path));
    Ok(found)
}

/// The lock's blocks by provider; blocks of providers that have no document any more are kept out.
fn lock_entries(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = read(&root.join(LOCK))?.unwrap_or_default();
    let providers = spec::providers(root)?;
    Ok(text
        .split("\n[")
        .skip(1)
        .filter_map(|block| {
            let provider = block.split_once(']')?.0.to_owned();
            providers.contains(&provider).then(|| (provider, format!("[{}\n", block.trim_end())))
        })
        .collect())
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        // A checkout may have turned line ends.
        Ok(text) => Ok(Some(text.replace("\r\n", "\n"))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: cannot be read: {e}", path.display())),
    }
}

/// Writes `text` where it differs; an unchanged file keeps its time, so nothing is rebuilt.
fn put(path: &Path, text: &str) -> Result<bool, String> {
    if read(path)?.as_deref() == Some(text) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|e| format!("{}: cannot be made: {e}", folder.display()))?;
    }
    fs::write(path, text).map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
    Ok(true)
}
