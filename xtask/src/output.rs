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

/// What the lock says of the generator: it is the same for all providers, and read once.
#[derive(Debug)]
pub struct Generator {
    sources: String,
    crates: String,
}

impl Generator {
    /// Reads the generator's sources and the versions of its crates.
    ///
    /// # Errors
    /// A sentence, if a file cannot be read.
    pub fn read(root: &Path) -> Result<Self, String> {
        Ok(Self { sources: settings::fingerprint(root)?, crates: settings::generators(root)? })
    }
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

    fn lock_entry(&self, generator: &Generator) -> String {
        format!(
            "[{}]\nspec = \"sha256:{}\"\ngenerator = \"sha256:{}\"\ncrates = \"{}\"\n",
            self.provider, self.source_hash, generator.sources, generator.crates
        )
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

/// The code of providers that have no document any more, each as a sentence that says what to do.
///
/// # Errors
/// A sentence, if the folder of the crates cannot be listed.
pub fn orphaned_code(root: &Path) -> Result<Vec<String>, String> {
    let providers = spec::providers(root)?;
    let mut found = Vec::new();
    let complain = |e| format!("crates: cannot be listed: {e}");
    for entry in fs::read_dir(root.join("crates")).map_err(complain)? {
        let name = entry.map_err(complain)?.file_name().to_string_lossy().into_owned();
        let code = format!("crates/{name}/src/generated");
        let provider = name.strip_prefix("guestexec-").unwrap_or(&name);
        if !providers.iter().any(|known| known == provider) && root.join(&code).exists() {
            found.push(format!(
                "{code}: there is no specs/{provider}.yaml that it would be from; restore the document, \
                 or delete the crate"
            ));
        }
    }
    found.sort();
    Ok(found)
}

/// The entries of the lock whose providers have no document any more, each as a sentence. [`write()`] takes
/// them out.
///
/// # Errors
/// A sentence, if the lock cannot be read.
pub fn orphaned_entries(root: &Path) -> Result<Vec<String>, String> {
    let providers = spec::providers(root)?;
    let text = read(&root.join(LOCK))?.unwrap_or_default();
    let entries = text.lines().enumerate().filter_map(|(index, line)| {
        let provider = line.strip_prefix('[')?.strip_suffix(']')?;
        let is_known = providers.iter().any(|known| known == provider);
        let text = format!("{LOCK}:{}: {provider}: there is no specs/{provider}.yaml", index + 1);
        (!is_known).then_some(text)
    });
    Ok(entries.collect())
}

/// Complains of a document without a crate: its code would have no manifest, and no `cargo` command runs
/// in a workspace with such a folder.
///
/// # Errors
/// A sentence that says how to make the crate.
pub fn has_crate(root: &Path, provider: &str) -> Result<(), String> {
    let manifest = format!("crates/guestexec-{provider}/Cargo.toml");
    if root.join(&manifest).is_file() {
        return Ok(());
    }
    Err(format!(
        "specs/{provider}.yaml:1: document: there is no {manifest} for what is generated from it; make \
         the crate with `cargo xtask new-provider {provider}`"
    ))
}

/// The files that differ from what was generated, are missing, or should not be there.
///
/// # Errors
/// A sentence, if a file cannot be read.
pub fn compare(
    root: &Path,
    generator: &Generator,
    generated: &Generated,
) -> Result<Vec<String>, String> {
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
    let (entries, entry) = (lock_entries(root)?, generated.lock_entry(generator));
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
pub fn write(root: &Path, generator: &Generator, generated: &Generated) -> Result<bool, String> {
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
    entries.insert(generated.provider.clone(), generated.lock_entry(generator));
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
