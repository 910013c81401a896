//! Tries a new provider in a copy of the workspace, and moves it in when all of it is well.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::scaffold::{Provider, TEST_CLIENTS, put};
use crate::{from_spec, items, output, settings::files_below, spec::Spec};

/// What lies at the top of a checkout and is copied.
const PARTS: [&str; 4] = ["crates", "specs", "tests", "xtask"];

/// The copy, in the target folder: a second trial of a provider builds only what differs.
#[derive(Debug)]
pub(super) struct Trial {
    root: PathBuf,
    copy: PathBuf,
    target: PathBuf,
}

impl Trial {
    /// Copies the workspace at `root`.
    ///
    /// # Errors
    /// A sentence.
    pub fn begin(root: &Path, provider: &str) -> Result<Self, String> {
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |it| root.join(it));
        let trial = Self {
            root: root.to_owned(),
            copy: target.join("new-provider").join(provider),
            target,
        };
        let mut wanted = BTreeSet::new();
        for file in trial.files(root)? {
            let bytes =
                fs::read(root.join(&file)).map_err(|e| format!("{file}: cannot be read: {e}"))?;
            let there = trial.copy.join(&file);
            // A file that stays keeps its time, and is not built again.
            if fs::read(&there).is_ok_and(|old| old == bytes) {
                wanted.insert(file);
                continue;
            }
            let folder = there.parent().unwrap_or(&trial.copy);
            fs::create_dir_all(folder)
                .map_err(|e| format!("{}: cannot be made: {e}", folder.display()))?;
            fs::write(&there, bytes)
                .map_err(|e| format!("{}: cannot be written: {e}", there.display()))?;
            wanted.insert(file);
        }
        for file in trial.files(&trial.copy)? {
            if !wanted.contains(&file) {
                fs::remove_file(trial.copy.join(&file))
                    .map_err(|e| format!("{file}: cannot be removed: {e}"))?;
            }
        }
        // An empty folder of an earlier trial would be a member without a manifest.
        let crates = fs::read_dir(trial.copy.join("crates"))
            .map_err(|e| format!("crates: cannot be listed: {e}"))?;
        for folder in crates.flatten().map(|entry| entry.path()) {
            if !folder.join("Cargo.toml").exists() {
                fs::remove_dir_all(&folder)
                    .map_err(|e| format!("{}: cannot be removed: {e}", folder.display()))?;
            }
        }
        Ok(trial)
    }

    /// The files that belong to a checkout, by their paths.
    fn files(&self, root: &Path) -> Result<Vec<String>, String> {
        let mut files = Vec::new();
        for part in PARTS {
            files.extend(files_below(root, part)?);
        }
        let top =
            fs::read_dir(root).map_err(|e| format!("{}: cannot be listed: {e}", root.display()))?;
        for entry in top.flatten().filter(|entry| entry.path().is_file()) {
            files.extend(entry.file_name().into_string().ok());
        }
        let is_built = |file: &String| {
            file.split('/').any(|part| matches!(part, "target" | "node_modules"))
                || file.ends_with(".snap.new")
                || file == ".git"
        };
        files.retain(|file| !is_built(file));
        Ok(files)
    }

    /// Builds the provider in the copy and takes its snapshots. Nothing outside of the copy changes.
    ///
    /// # Errors
    /// Sentences, and what cargo said.
    pub fn build(&self, provider: &str, text: &str, decisions: Option<&str>) -> Result<(), String> {
        let spec = Spec::parse(provider, text.to_owned())?;
        let generated = from_spec(&spec)?;
        put(&self.copy, &spec.file, text)?;
        if let Some(decisions) = decisions {
            put(&self.copy, &format!("specs/{provider}.decisions.md"), decisions)?;
        }
        let document: serde_json::Value = serde_saphyr::from_str(text)
            .map_err(|e| format!("{}: {}", spec.file, e.without_snippet()))?;
        let files: Vec<&str> = generated.files.iter().map(|(path, _)| path.as_ref()).collect();
        let about = Provider::of(provider, &document, &files);
        about.write(&self.copy)?;
        // The lock learns of the crate before the tests of the others are taken out.
        self.cargo(&["metadata", "--format-version", "1"], "the manifests")?;
        let lock = read(&self.copy, "Cargo.lock")?;
        output::write(&self.copy, &output::Generator::read(&self.copy)?, &generated)?;
        let (manifest, clients) =
            (read(&self.copy, "tests/Cargo.toml")?, read(&self.copy, TEST_CLIENTS)?);
        about.only_its_tests(&self.copy)?;
        let package = format!("guestexec-{provider}");
        let built = self
            .cargo(&["fmt", "--package", &package], "its format")
            .and_then(|()| items::write(&self.copy, provider).map(drop))
            .and_then(|()| {
                self.cargo(&["test", "--package", "tests", "--test", "shapes"], "its requests")
            })
            .and_then(|()| {
                let features =
                    format!("guestexec/{provider},guestexec/schemars,{package}/examples");
                let arguments = [
                    "clippy", "--package", "guestexec", "--package", &package,
                    "--no-default-features", "--features", &features, "--", "-D", "warnings",
                ];
                self.cargo(&arguments, "its code")
            });
        put(&self.copy, "tests/Cargo.toml", &manifest)?;
        put(&self.copy, TEST_CLIENTS, &clients)?;
        put(&self.copy, "Cargo.lock", &lock)?;
        built
    }

    fn cargo(&self, arguments: &[&str], what: &str) -> Result<(), String> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.target);
        // The cargo that runs this set them for this crate.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "INSTA_FORCE_PASS"] {
            command.env_remove(name);
        }
        command.env("INSTA_UPDATE", "always");
        let output = command.output().map_err(|e| format!("cargo cannot be run: {e}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let told = match arguments[0] {
            "test" => String::from_utf8_lossy(&output.stdout),
            _ => String::new().into(),
        };
        Err(format!(
            "{what} failed in the copy {}; nothing was changed here. cargo {}:\n{told}{said}",
            self.copy.display(),
            arguments.join(" ")
        ))
    }

    /// Moves what is new or changed into the checkout; after a failure, all is as it was.
    ///
    /// # Errors
    /// A sentence.
    pub fn move_in(&self) -> Result<Vec<String>, String> {
        let mut changed: Vec<(String, Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        for file in self.files(&self.copy)? {
            let made = fs::read(self.copy.join(&file))
                .map_err(|e| format!("{file}: cannot be read: {e}"))?;
            let old = fs::read(self.root.join(&file)).ok();
            if old.as_ref() != Some(&made) {
                changed.push((file, made, old));
            }
        }
        for (index, (file, made, _)) in changed.iter().enumerate() {
            let there = self.root.join(file);
            let folder = there.parent().unwrap_or(&self.root);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(&there, made));
            if let Err(e) = written {
                for (file, _, old) in &changed[..=index] {
                    // What cannot be put back is named by the failure itself.
                    let _ = match old {
                        Some(old) => fs::write(self.root.join(file), old),
                        None => fs::remove_file(self.root.join(file)),
                    };
                }
                return Err(format!("{file}: cannot be written: {e}; nothing was changed"));
            }
        }
        Ok(changed.into_iter().map(|(file, ..)| file).collect())
    }
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: cannot be read: {e}"))
}
