//! Stage 6: write the files and the lock, or compare with those there.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{emit::Page, settings};

/// What was generated for one provider.
#[derive(Debug)]
pub struct Generated {
    /// The provider's one word.
    pub provider: String,
    /// The SHA-256 of its document, in hex.
    pub source_hash: String,
    /// The files.
    pub files: Vec<Page>,
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
            "[{}]\nspec = \"sha256:{}\"\nsettings = \"sha256:{}\"\ngenerator = \"{}\"\n",
            self.provider,
            self.source_hash,
            settings::fingerprint(),
            settings::generators(root)?
        ))
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
    let entries = lock_entries(root)?;
    if entries.get(&generated.provider) != Some(&generated.lock_entry(root)?) {
        differing.push(format!("{LOCK} ({})", generated.provider));
    }
    Ok(differing)
}

/// Writes what differs, removes what is no longer generated. True if anything changed.
///
/// # Errors
/// A sentence, if a file cannot be read or written.
pub fn write(root: &Path, generated: &Generated) -> Result<bool, String> {
    let folder = generated.folder();
    let mut changed = false;
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
    let mut found = Vec::new();
    list(&root.join(&folder), &mut found)
        .map_err(|e| format!("{folder}: cannot be listed: {e}"))?;
    let expected: Vec<PathBuf> =
        generated.files.iter().map(|(path, _)| root.join(&folder).join(path)).collect();
    found.retain(|path| !expected.contains(path));
    Ok(found
        .iter()
        .filter_map(|path| Some(path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/")))
        .collect())
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { list(&path, found)? } else { found.push(path) }
    }
    found.sort();
    Ok(())
}

/// The lock's blocks by provider; blocks of providers that have no document any more are kept out.
fn lock_entries(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = read(&root.join(LOCK))?.unwrap_or_default();
    let providers = crate::spec::providers(root)?;
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
