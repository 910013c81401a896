//! What tests with a folder of snapshots share.

use std::{
    collections::BTreeSet,
    env,
    fmt::Display,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use insta::Settings;

/// 2026-11-22T06:04:21Z, the time of every request.
pub fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_327_461)
}

/// A folder below `tests/snapshots`, and what belongs there.
pub struct Snapshots {
    folder: PathBuf,
    expected: BTreeSet<String>,
    differing: Vec<String>,
}

impl Snapshots {
    /// The snapshots in the folder of this name.
    pub fn of(folder: &str) -> Self {
        // At run time, since checkouts may share a target folder; absolute, for insta.
        let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
        let folder = package.join("snapshots").join(folder);
        let folder = std::path::absolute(folder).expect("paths can be absolute");
        Self { folder, expected: BTreeSet::new(), differing: Vec::new() }
    }

    /// Compares one snapshot. The test shows all that differ, so the first does not end it.
    pub fn check(&mut self, name: &str, description: &str, shown: &dyn Display) {
        assert!(self.expected.insert(format!("{name}.snap")), "two snapshots are called {name}");
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path(&self.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        if !description.is_empty() {
            settings.set_description(description);
        }
        let check = || settings.bind(|| insta::assert_snapshot!(name, shown));
        if catch_unwind(AssertUnwindSafe(check)).is_err() {
            self.differing.push(name.to_owned());
        }
    }

    /// Fails if one differed, or if a file belongs to nothing that was compared.
    pub fn finish(self) {
        let none = Vec::<String>::new();
        assert_eq!(self.differing, none, "these differ, or have no snapshot");
        let files = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            files => files.expect("the snapshots can be listed"),
        };
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let is_orphan = |name: &String| name.ends_with(".snap") && !self.expected.contains(name);
        let orphans: Vec<String> = names.filter(is_orphan).collect();
        assert_eq!(
            orphans,
            none,
            "delete the snapshots in {} that belong to nothing",
            self.folder.display()
        );
    }
}
