//! What is copied, over every transport, and what is refused before or after.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Duration,
};

use guestexec_cci::{Client, ErrorKind, ExecTransport, Pod};
use guestexec_sandbox::Sandbox;
use tempfile::{TempDir, tempdir};

use crate::tree;

/// The "container" of the sandbox is this machine, so remote paths are local ones.
struct Stage {
    sandbox: Sandbox,
    client: Client,
    here: TempDir,
}

impl Stage {
    async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.cci().client().unwrap();
        Self { sandbox, client, here: tempdir().unwrap() }
    }

    fn pod(&self) -> Pod<'_> {
        self.client.pod(self.sandbox.cci().namespace(), self.sandbox.cci().pod())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.here.path().join(name)
    }

    fn remote(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// Copies a tree of 2 000 files in, and out again.
async fn both_ways(transport: ExecTransport) {
    let stage = Stage::new().await;
    tree::make(&stage.path("tree"), 2000);
    let pod = stage.pod();
    let sent = pod.copy_in(stage.path("tree"), stage.remote("there")).transport(transport);
    let sent = sent.await.unwrap();
    tree::assert_same(&stage.path("tree"), &stage.path("there"));
    assert_eq!(sent.files(), 2019, "{sent}");
    let came = pod.copy_out(stage.remote("there"), stage.path("back")).transport(transport);
    assert_eq!(came.await.unwrap(), sent);
    tree::assert_same(&stage.path("tree"), &stage.path("back"));
    assert_eq!(tree::names(stage.here.path()), ["back", "there", "tree"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_of_2000_files_over_v4() {
    both_ways(ExecTransport::WebSocketV4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_of_2000_files_over_v5() {
    both_ways(ExecTransport::WebSocketV5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_of_2000_files_over_spdy() {
    both_ways(ExecTransport::SpdyPost).await;
}

#[tokio::test]
async fn a_file_is_copied_by_its_own_name() {
    let stage = Stage::new().await;
    let pod = stage.pod();
    for (number, bytes) in [vec![], vec![1; 511], vec![2; 512], vec![3; 200_000]].iter().enumerate()
    {
        let (there, back) = (format!("-{number} there"), format!("{number} back"));
        let from = stage.path("file");
        fs::write(&from, bytes).unwrap();
        fs::set_permissions(&from, Permissions::from_mode(0o751)).unwrap();
        let sent = pod.copy_in(&from, stage.remote(&there)).overwrite().await.unwrap();
        assert_eq!((sent.files(), sent.bytes()), (1, bytes.len() as u64));
        tree::assert_same(&from, &stage.path(&there));
        let came = pod.copy_out(stage.remote(&there), stage.path(&back)).await.unwrap();
        assert_eq!(came, sent);
        tree::assert_same(&from, &stage.path(&back));
    }
    // A link that is named itself is followed.
    symlink("file", stage.path("link")).unwrap();
    pod.copy_in(stage.path("link"), stage.remote("by link")).await.unwrap();
    pod.copy_out(stage.remote("link"), stage.path("back by link")).await.unwrap();
    for name in ["by link", "back by link"] {
        assert!(stage.path(name).symlink_metadata().unwrap().is_file());
    }
}

#[tokio::test]
async fn progress_names_every_entry_and_ends_at_the_sum() {
    let stage = Stage::new().await;
    tree::make(&stage.path("tree"), 20);
    let pod = stage.pod();
    let mut told = Vec::new();
    let sent = pod
        .copy_in(stage.path("tree"), stage.remote("there"))
        .progress(|progress| told.push(progress.clone()))
        .await
        .unwrap();
    let mut told_back = Vec::new();
    let came = pod
        .copy_out(stage.remote("there"), stage.path("back"))
        .progress(|progress| told_back.push(progress.clone()))
        .await
        .unwrap();
    for (told, copied) in [(told, sent), (told_back, came)] {
        let names: std::collections::BTreeSet<_> = told.iter().map(|it| it.name.clone()).collect();
        let expected = tree::read(&stage.path("tree"));
        assert_eq!(names.len(), expected.len());
        assert!(names.contains(Path::new(".")) && names.contains(Path::new("odd/a b")));
        let last = told.last().unwrap();
        assert_eq!(last.bytes, copied.bytes());
        assert_eq!(last.entries, copied.files() + copied.directories() + copied.links());
        assert!(told.is_sorted_by_key(|it| (it.entries, it.bytes)));
    }
}

#[tokio::test]
async fn what_is_there_is_replaced_only_if_asked_to() {
    let stage = Stage::new().await;
    let pod = stage.pod();
    tree::make(&stage.path("tree"), 3);
    fs::write(stage.path("file"), "new").unwrap();
    for from in ["tree", "file"] {
        for what in ["file", "folder", "link to a folder", "dangling link"] {
            let at = stage.path("at");
            let make = || match what {
                "file" => fs::write(&at, "old").unwrap(),
                "folder" => fs::create_dir_all(at.join("old")).unwrap(),
                "link to a folder" => symlink("tree", &at).unwrap(),
                _ => symlink("nowhere", &at).unwrap(),
            };
            make();
            let before = tree::read(&at);
            let error = pod.copy_in(stage.path(from), stage.remote("at")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{what}: {error}");
            assert!(error.advice().unwrap().contains("overwrite"), "{error}");
            let error = pod.copy_out(stage.remote(from), &at).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{what}: {error}");
            assert!(!error.may_have_run());
            assert_eq!(tree::read(&at), before);

            pod.copy_in(stage.path(from), stage.remote("at")).overwrite().await.unwrap();
            tree::assert_same(&stage.path(from), &at);
            pod.exec(["rm", "-rf", at.to_str().unwrap()]).await.unwrap();
            make();
            pod.copy_out(stage.remote(from), &at).overwrite().await.unwrap();
            tree::assert_same(&stage.path(from), &at);
            pod.exec(["rm", "-rf", at.to_str().unwrap()]).await.unwrap();
        }
    }
    assert_eq!(tree::names(stage.here.path()), ["file", "tree"]);
}

#[tokio::test]
async fn what_cannot_be_copied_is_a_sentence() {
    let stage = Stage::new().await;
    let pod = stage.pod();
    fs::write(stage.path("file"), "x").unwrap();
    let remote = |name: &str| stage.remote(name);
    pod.exec(["mkfifo", &remote("pipe")]).await.unwrap();
    fs::create_dir(stage.path("tree")).unwrap();
    pod.exec(["mkfifo", &remote("tree/pipe")]).await.unwrap();
    let local = |name: &str| stage.path(name);
    for (copy, kind, words) in [
        (pod.copy_in(local("absent"), remote("a")), ErrorKind::Input, "could not be read"),
        (pod.copy_in(local("pipe"), remote("a")), ErrorKind::InvalidRequest, "neither a file"),
        (pod.copy_in(local("tree"), remote("a")), ErrorKind::InvalidRequest, "tree/pipe"),
        (pod.copy_in(local("file"), ""), ErrorKind::InvalidRequest, "empty"),
        (pod.copy_in(local("file"), "/srv/.."), ErrorKind::InvalidRequest, "does not end"),
        (pod.copy_in(local("file"), "/"), ErrorKind::InvalidRequest, "does not end"),
        (pod.copy_in(local("file"), "a\0b"), ErrorKind::InvalidRequest, "NUL"),
        (pod.copy_in(local("file"), remote("no/such/a")), ErrorKind::NotFound, "no/such"),
        (pod.copy_in(local("file"), remote("file/a")), ErrorKind::NotFound, "no folder"),
        (pod.copy_in(local("file"), remote("a")).container("x"), ErrorKind::InvalidRequest, "x"),
    ] {
        let error = copy.await.unwrap_err();
        let told = error.kind() == kind || words == "x";
        assert!(told && error.to_string().contains(words), "{words}: {error:?}");
    }
    for (copy, kind, words) in [
        (pod.copy_out(remote("absent"), local("a")), ErrorKind::NotFound, "nothing at"),
        (pod.copy_out(remote("pipe"), local("a")), ErrorKind::InvalidRequest, "neither a file"),
        (pod.copy_out(remote("tree"), local("a")), ErrorKind::Protocol, "a pipe"),
        (pod.copy_out(remote("file"), local("no/such/a")), ErrorKind::InvalidRequest, "no/such"),
        (pod.copy_out(remote("file"), local("file/a")), ErrorKind::InvalidRequest, "not a folder"),
        (pod.copy_out(remote("file"), "/"), ErrorKind::InvalidRequest, "does not end"),
        (pod.copy_out("", local("a")), ErrorKind::InvalidRequest, "empty"),
    ] {
        let error = copy.await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    assert_eq!(tree::names(stage.here.path()), ["file", "pipe", "tree"]);
}

#[tokio::test]
async fn a_copy_has_its_time() {
    let stage = Stage::new().await;
    fs::write(stage.path("file"), "x").unwrap();
    let pod = stage.pod();
    let copy = pod.copy_in(stage.path("file"), stage.remote("there"));
    let error = copy.timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let copy = pod.copy_out(stage.remote("file"), stage.path("back"));
    let error = copy.timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(tree::names(stage.here.path()), ["file"]);
}
