//! Archives that no honest `tar` makes. The container of each test has a `tar` that prints one.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use guestexec_cci::{Client, Copied, CopyOut, Error, ErrorKind};
use guestexec_sandbox::Sandbox;
use tempfile::{TempDir, tempdir};

use crate::tree;

/// A header with these bytes, and a right checksum.
fn header(name: &[u8], kind: u8, link: &[u8], size: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..124 + size.len()].copy_from_slice(size);
    header[136..148].copy_from_slice(b"00000000001\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link);
    header[257..265].copy_from_slice(b"ustar  \0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn entry(name: &str, kind: u8, link: &str) -> Vec<u8> {
    header(name.as_bytes(), kind, link.as_bytes(), b"00000000000\0")
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    sized(name, b'0', content)
}

/// An entry with content.
fn sized(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}\0", content.len());
    let mut bytes = header(name.as_bytes(), kind, b"", size.as_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn root() -> Vec<u8> {
    entry("./", b'5', "")
}

fn record(text: &str) -> Vec<u8> {
    let length = text.len() + 4;
    format!("{length:02} {text}\n").into_bytes()
}

const END: [u8; 1024] = [0; 1024];

/// A container whose `tar` is not what it seems.
struct Container {
    _sandbox: Sandbox,
    client: Client,
    here: TempDir,
}

impl Container {
    /// `tar` runs this script.
    async fn with(script: &str) -> Self {
        let here = tempdir().unwrap();
        let programs = here.path().join("programs");
        fs::create_dir(&programs).unwrap();
        let tar = programs.join("tar");
        fs::write(&tar, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&tar, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(here.path().join("tree")).unwrap();
        fs::write(here.path().join("file"), "x").unwrap();
        fs::write(here.path().join("precious"), "precious").unwrap();
        fs::create_dir(here.path().join("local")).unwrap();
        let sandbox = Sandbox::builder().programs(programs).start().await.unwrap();
        let client = sandbox.cci().client().unwrap();
        Self { _sandbox: sandbox, client, here }
    }

    /// `tar` prints this archive.
    async fn with_archive(parts: &[Vec<u8>]) -> Self {
        let container = Self::with("cat \"$(dirname \"$0\")/archive\"").await;
        fs::write(container.path("programs/archive"), parts.concat()).unwrap();
        container
    }

    fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    fn copy(&self, what: &str) -> CopyOut<'_> {
        let remote = self.path(what).display().to_string();
        self.client.pod("default", "demo").copy_out(remote, self.path("local/copy"))
    }

    /// Checks that nothing but the folder is there, and nothing else was touched.
    fn assert_untouched(&self, what: &str) {
        assert!(tree::names(&self.path("local")).is_empty(), "{what} left something");
        assert_eq!(fs::read_to_string(self.path("precious")).unwrap(), "precious", "{what}");
        let names = tree::names(self.here.path());
        assert_eq!(names, ["file", "local", "precious", "programs", "tree"], "{what}");
    }
}

async fn refused(what: &str, parts: &[Vec<u8>], words: &str) -> Error {
    let container = Container::with_archive(parts).await;
    let source = if what.starts_with("a single file") { "file" } else { "tree" };
    let error = container.copy(source).await.expect_err(what);
    assert!(error.to_string().contains(words), "{what}: {error}");
    assert!(!error.is_retryable() && error.may_have_run());
    container.assert_untouched(what);
    error
}

async fn taken(parts: &[Vec<u8>]) -> (Container, Copied) {
    let container = Container::with_archive(parts).await;
    let copied = container.copy("tree").await.unwrap();
    (container, copied)
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let end = || END.to_vec();
    for (what, parts, words) in [
        ("..", vec![root(), file("./../../precious", b"x"), end()], "`..`"),
        (
            ".. within",
            vec![root(), entry("./a", b'5', ""), file("./a/../../b", b"x"), end()],
            "`..`",
        ),
        ("absolute", vec![root(), file("/tmp/guestexec-evil", b"x"), end()], "absolute"),
        ("absolute folder", vec![entry("/", b'5', ""), end()], "absolute"),
        ("no name", vec![root(), file("", b"x"), end()], "empty"),
        (
            "a long name",
            vec![root(), sized("././@LongLink", b'L', b"/etc/evil\0"), file("./a", b"x"), end()],
            "absolute",
        ),
        (
            "a NUL",
            vec![root(), sized("././@LongLink", b'L', b"./a\0/b\0"), file("./a", b"x"), end()],
            "NUL",
        ),
        (
            "a name in an extended header",
            vec![
                root(),
                sized("./x", b'x', &record("path=../../precious")),
                file("./a", b"x"),
                end(),
            ],
            "`..`",
        ),
        ("no root", vec![file("./a", b"x"), end()], "no directory of the archive"),
        ("no parent", vec![root(), file("./a/b", b"x"), end()], "no directory of the archive"),
        ("in a file", vec![root(), file("./a", b""), file("./a/b", b"x"), end()], "no directory"),
        ("twice", vec![root(), file("./a", b"1"), file("./a", b"2"), end()], "twice"),
        (
            "a folder over a file",
            vec![root(), file("./a", b"1"), entry("./a", b'5', ""), end()],
            "twice",
        ),
        ("the tree as a file", vec![file("./", b"x"), end()], "content"),
        ("the tree as a link", vec![entry(".", b'2', "/etc"), end()], "names the tree itself"),
    ] {
        refused(what, &parts, words).await;
    }
}

#[tokio::test]
async fn links_that_lead_elsewhere_are_refused() {
    let end = || END.to_vec();
    let link = |name: &str, target: &str| entry(name, b'2', target);
    let hard = |name: &str, target: &str| entry(name, b'1', target);
    let folder = |name: &str| entry(name, b'5', "");
    for (what, parts, words) in [
        ("absolute", vec![root(), link("./a", "/etc/passwd"), end()], "leads out"),
        ("up", vec![root(), link("./a", "../precious"), end()], "leads out"),
        (
            "up from below",
            vec![root(), folder("./a"), link("./a/b", "../../x"), end()],
            "leads out",
        ),
        (
            "by way of another",
            vec![
                root(),
                folder("./a"),
                folder("./a/b"),
                link("./a/b/up", "../.."),
                link("./x", "a/b/up/.."),
                end(),
            ],
            "`x` leads out",
        ),
        (
            "through one",
            vec![root(), link("./a", "../local"), file("./a/b", b"x"), end()],
            "no directory",
        ),
        (
            "through one within",
            vec![root(), folder("./d"), link("./a", "d"), file("./a/b", b"x"), end()],
            "no directory",
        ),
        ("over one", vec![root(), link("./a", "../precious"), file("./a", b"x"), end()], "twice"),
        ("a folder over one", vec![root(), link("./a", "/tmp"), folder("./a"), end()], "twice"),
        ("a hard link up", vec![root(), hard("./a", "../precious"), end()], "`..`"),
        ("an absolute hard link", vec![root(), hard("./a", "/etc/passwd"), end()], "absolute"),
        ("a hard link to nothing", vec![root(), hard("./a", "./b"), end()], "no file that came"),
        (
            "a hard link to a folder",
            vec![root(), folder("./b"), hard("./a", "./b"), end()],
            "no file",
        ),
        (
            "a hard link to a link",
            vec![root(), link("./b", "../precious"), hard("./a", "./b"), end()],
            "no file that came",
        ),
        (
            "a hard link through a link",
            vec![root(), link("./b", ".."), hard("./a", "./b/precious"), end()],
            "no file that came",
        ),
        ("no target", vec![root(), link("./a", ""), end()], "no target"),
        ("a link with content", vec![root(), sized("./a", b'2', b"x"), end()], "has content"),
    ] {
        refused(what, &parts, words).await;
    }
    // A ring leads nowhere, and what leads back into the tree stays in it.
    let ring =
        [link("./a", "b"), link("./b", "a"), folder("./c"), link("./c/d", "../c/../a")].concat();
    let (container, copied) = taken(&[root(), ring, end()]).await;
    assert_eq!((copied.links(), copied.directories()), (3, 2));
    assert_eq!(fs::read_link(container.path("local/copy/a")).unwrap(), Path::new("b"));

    let outside = vec![root(), link("./a", "/etc/passwd"), end()];
    let container = Container::with_archive(&outside).await;
    let copied = container.copy("tree").allow_outside_links().await.unwrap();
    assert_eq!(copied.links(), 1);
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    for (kind, words) in [
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a pipe"),
        (b'S', "a sparse file"),
        (b'V', "unknown kind"),
        (b'Z', "unknown kind"),
    ] {
        let parts = [root(), entry("./a", kind, ""), END.to_vec()];
        let error = refused("a special file", &parts, words).await;
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
    let sparse = sized("./x", b'x', &record("GNU.sparse.major=1"));
    refused("a sparse file", &[root(), sparse, file("./a", b"x"), END.to_vec()], "sparse").await;
    let two = [file("./file", b"x"), file("./other", b"x"), END.to_vec()];
    refused("a single file and another", &two, "one file was asked for").await;
    refused("a single file that is a folder", &[root(), END.to_vec()], "one file").await;
}

#[tokio::test]
async fn sizes_beyond_all_bounds_are_refused() {
    let end = || END.to_vec();
    let most = [0x7f; 12];
    let huge = |name: &str, kind: u8, size: &[u8]| header(name.as_bytes(), kind, b"", size);
    let binary = [&[0x80, 0, 0, 0][..], &[0x7f; 8]].concat();
    for (what, parts, words) in [
        ("huge", vec![root(), huge("./a", b'0', b"77777777777\0"), end()], "ends early"),
        ("huger", vec![root(), huge("./a", b'0', &binary), end()], "bytes of content"),
        ("no size", vec![root(), huge("./a", b'0', &most), end()], "no valid size"),
        (
            "a huge name",
            vec![root(), huge("./a", b'L', b"77777777777\0"), end()],
            "extended header",
        ),
        (
            "huge headers",
            vec![root(), huge("./a", b'x', b"77777777777\0"), end()],
            "extended header",
        ),
        (
            "a size in an extended header",
            vec![
                root(),
                sized("./x", b'x', &record("size=9223372036854775807")),
                file("./a", b"x"),
                end(),
            ],
            "bytes of content",
        ),
        (
            "malformed",
            vec![root(), sized("./x", b'x', b"junk"), file("./a", b"x"), end()],
            "malformed",
        ),
        ("extensions", vec![root(), sized("./x", b'L', b"a\0").repeat(9), end()], "more extended"),
        ("cut in a header", vec![root(), file("./a", b"x")[..300].to_vec()], "ends early"),
        ("cut in a file", vec![root(), file("./a", &[1; 999])[..700].to_vec()], "ends early"),
        ("cut after a file", vec![root(), file("./a", b"x")], "ends early"),
        ("cut within the end", vec![root(), file("./a", b"x"), vec![0; 512]], "ends early"),
        ("one block of zeros", vec![root(), vec![0; 512], file("./a", b"x"), end()], "zeros"),
        ("nothing", vec![], "ends early"),
        ("an empty archive", vec![end()], "empty"),
        ("noise", vec![vec![0xa5; 4096]], "checksum"),
    ] {
        refused(what, &parts, words).await;
    }
}

#[tokio::test]
async fn an_archive_without_end_is_refused_at_its_limit() {
    let endless = "cd \"$(dirname \"$0\")\"; cat first; while :; do cat next || exit; done";
    let number = |n: usize| file(&format!("./{n}"), b"");
    // More entries than are allowed, extended headers without an entry, a file that does not end, and zeros.
    let name = |n: usize| sized("././@LongLink", b'L', format!("./{n}\0").as_bytes());
    let entries: Vec<u8> = (0..200).flat_map(number).collect();
    let large = header(b"./large", b'0', b"", b"77777777777\0");
    for (first, next, kind, words) in [
        ([root(), entries.clone()].concat(), entries, ErrorKind::TooLarge, "more than 100 entries"),
        (root(), name(1), ErrorKind::Protocol, "more extended headers"),
        ([root(), large].concat(), vec![0; 4096], ErrorKind::TooLarge, "more than 1000 bytes"),
        ([root(), END.to_vec()].concat(), vec![0; 65536], ErrorKind::Protocol, "goes on after"),
    ] {
        let container = Container::with(endless).await;
        fs::write(container.path("programs/first"), first).unwrap();
        fs::write(container.path("programs/next"), next).unwrap();
        let copy = container.copy("tree").entry_limit(100).size_limit(1000);
        let error = copy.await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        container.assert_untouched(words);
    }
}

#[tokio::test]
async fn bits_that_give_rights_are_not_kept() {
    let mut script = file("./a", b"x");
    script[100..108].copy_from_slice(b"0006755\0");
    script[148..156].copy_from_slice(b"        ");
    let sum: u32 = script[..512].iter().map(|byte| u32::from(*byte)).sum();
    script[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let (container, _) = taken(&[root(), script, END.to_vec()]).await;
    let mode = fs::metadata(container.path("local/copy/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[tokio::test]
async fn a_container_that_fails_is_quoted() {
    let archive = [root(), file("./a", b"x"), END.to_vec()];
    // All of the archive comes, but `tar` says that it is not right.
    let container =
        Container::with("cat \"$(dirname \"$0\")/archive\"; echo 'tar: changed' >&2; exit 1").await;
    fs::write(container.path("programs/archive"), archive.concat()).unwrap();
    let error = container.copy("tree").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("tar: changed"), "{error}");
    container.assert_untouched("a failure");

    let container = Container::with("echo 'tar: disk full'; exit 2").await;
    let pod = container.client.pod("default", "demo");
    let there = container.path("there").display().to_string();
    let error = pod.copy_in(container.path("file"), there).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("tar: disk full"), "{error}");
    container.assert_untouched("a failure");
}
