//! A tree of files of every kind, and the comparison of two.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// The last two are no UTF-8.
const ODD_NAMES: &[&[u8]] = &[
    b"-rf", b"--help", b" ", b"a b", b"a\nb", b"a\tb", b"\\", b"\"'`$(x)", b"*", b"\xe4\xbd\xa0",
    b"...", b"..a", b"guestexec-copy:done", b"\xff\xfe", b"latin-\xe9",
];

/// Makes a tree of about `files` files.
pub fn make(root: &Path, files: usize) {
    fs::create_dir(root).unwrap();
    let mut folder = root.to_owned();
    for number in 0..files {
        if number % 100 == 0 {
            folder = root.join(format!("folder {}", number / 100)).join("-inner");
            fs::create_dir_all(&folder).unwrap();
        }
        let path = folder.join(format!("{number}.txt"));
        let bytes: Vec<u8> = (0..number * 7 % 3000).map(|at| (at * number) as u8).collect();
        fs::write(&path, if number % 10 == 0 { &[] } else { &*bytes }).unwrap();
        let mode = [0o644, 0o600, 0o755, 0o400, 0o640][number % 5];
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        if number % 20 == 1 {
            symlink(format!("{number}.txt"), folder.join(format!("{number}.link"))).unwrap();
            fs::hard_link(&path, folder.join(format!("{number}.same"))).unwrap();
        }
    }
    let odd = root.join("odd");
    fs::create_dir(&odd).unwrap();
    for name in ODD_NAMES {
        fs::write(odd.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(odd.join("n".repeat(255)), "long").unwrap();
    let deep = odd.join("d".repeat(120)).join("e".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "deep").unwrap();
    fs::hard_link(deep.join("file"), deep.join("same")).unwrap();
    symlink("x".repeat(300), deep.join("to a long name")).unwrap();
    symlink("nowhere", odd.join("to nothing")).unwrap();
    symlink("../folder 0/-inner", odd.join("to a folder")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("large"), vec![7; 300_001]).unwrap();
    let closed = root.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("file"), "within").unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for path in [closed.join("file"), closed.clone(), root.join("empty")] {
        fs::File::open(path).unwrap().set_modified(old).unwrap();
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
}

/// What is compared of one entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    mode: u32,
    seconds: i64,
    links: u64,
    /// The target of a symbolic link.
    target: Option<PathBuf>,
    content: Option<Vec<u8>>,
}

/// A whole tree.
pub fn read(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut all = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(path) = ahead.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let seen = Seen {
            mode: metadata.mode(),
            // The tar of busybox does not set the times of links.
            seconds: if metadata.is_symlink() { 0 } else { metadata.mtime() },
            links: if metadata.is_file() { metadata.nlink() } else { 0 },
            target: metadata.is_symlink().then(|| fs::read_link(&path).unwrap()),
            content: metadata.is_file().then(|| fs::read(&path).unwrap()),
        };
        all.insert(path.strip_prefix(root).unwrap().to_owned(), seen);
    }
    all
}

/// Checks that two trees are the same, and says where they differ.
pub fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (read(left), read(right));
    let names = |tree: &BTreeMap<PathBuf, Seen>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    for (name, seen) in &left {
        assert!(seen == &right[name], "{name:?} differs: {seen:?} and {:?}", right[name]);
    }
}

/// What is in a folder, by name.
pub fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
