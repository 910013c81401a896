//! The questions to git: which revision is the base, and what files were there.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// The tags that mark a release.
const RELEASES: &str = "v[0-9]*";

/// The state that today's is compared with.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its name: `v0.1.0`, `HEAD`.
    pub name: String,
    /// The same for git, which takes it for nothing else.
    pub commit: String,
    /// True for a release, and for a revision that was asked for.
    pub released: bool,
}

impl Base {
    /// The revision that was asked for; else the newest release reachable; else `HEAD`.
    ///
    /// # Errors
    /// A sentence, if there is no such revision, or no git.
    pub fn find(root: &Path, asked: Option<&str>) -> Result<Self, String> {
        if let Some(name) = asked {
            let commit = commit(root, name)?;
            return Ok(Self { name: name.to_owned(), commit, released: true });
        }
        let describe = ["describe", "--tags", "--abbrev=0", "--match", RELEASES];
        match git(root, &describe) {
            Ok(tag) if !tag.trim().is_empty() => {
                let name = tag.trim().to_owned();
                Ok(Self { commit: format!("refs/tags/{name}"), name, released: true })
            }
            _ => {
                let name = "HEAD".to_owned();
                Ok(Self { commit: name.clone(), name, released: false })
            }
        }
    }

    /// The texts of files, named from the workspace's root; none where the base has no such file.
    ///
    /// # Errors
    /// A sentence, if git fails.
    pub fn texts(&self, root: &Path, files: &[String]) -> Result<Vec<Option<String>>, String> {
        let complain = |e| format!("git cannot be asked for {}: {e}", self.name);
        let mut child = Command::new("git")
            .args(["cat-file", "--batch"])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(complain)?;
        // With `./` a name is counted from the current folder, wherever that is in the repository.
        let asked: String =
            files.iter().map(|file| format!("{}:./{file}\n", self.commit)).collect();
        let input = child.stdin.take();
        let output = thread::scope(|scope| {
            scope.spawn(move || input.map(|mut input| input.write_all(asked.as_bytes())));
            child.wait_with_output()
        });
        let output = output.map_err(complain)?;
        if output.stdout.is_empty() && !files.is_empty() {
            return Err(
                "this is no git checkout with a commit, so there is nothing to compare with"
                    .to_owned(),
            );
        }
        let mut rest = output.stdout.as_slice();
        let texts = files.iter().map(|_| {
            let text = next(&mut rest);
            text.ok_or_else(|| format!("git did not tell what {} has", self.name))
        });
        texts.collect()
    }
}

/// Takes one answer of `git cat-file --batch`: the outer option is none where the answer is cut.
fn next(rest: &mut &[u8]) -> Option<Option<String>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[end + 1..];
    // `<object> <kind> <size>`; for a missing one the name and a word.
    let mut words = head.rsplit(' ');
    let (size, kind) = (words.next()?, words.next());
    let (Ok(size), Some(kind)) = (size.parse::<usize>(), kind) else { return Some(None) };
    let text = rest.get(..size)?;
    *rest = rest.get(size + 1..)?;
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    Some((kind == "blob").then_some(text))
}

/// True for a checkout that lacks a part of its history.
pub fn is_shallow(root: &Path) -> bool {
    git(root, &["rev-parse", "--is-shallow-repository"]).is_ok_and(|said| said.trim() == "true")
}

fn commit(root: &Path, name: &str) -> Result<String, String> {
    let wanted = format!("{name}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
    git(root, &arguments).map(|commit| commit.trim().to_owned()).map_err(|e| match e {
        Some(e) => format!("git cannot be run: {e}"),
        None => format!("there is no revision `{name}` to compare with; name one with `--base`"),
    })
}

/// The output of git; the error is none where it ran and failed.
fn git(root: &Path, arguments: &[&str]) -> Result<String, Option<std::io::Error>> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(root).stderr(Stdio::null());
    let output = command.output().map_err(Some)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(None),
    }
}
