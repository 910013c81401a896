//! The scripts that run in the container, and the words they send.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use guestexec_core::{ErrorKind, ExitStatus};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::Options;
use crate::{Child, ChildStderr, ChildStdout, Error, Exec, ExecTransport, Pod};

/// Unpacks archives of `$2` and of `$7` bytes beside the place of the copy, and puts the copy there once this side has
/// confirmed that all was sent. Everything goes to standard output, which has an order. Standard error stays
/// open all the same: containerd ends the input of a command that closes either output.
const UNPACK: &str = r#"
exec 3>&2 2>&1
unset TAR_OPTIONS
id=$1 size=$2 name=./$4 kind=$5 overwrite=$6 second=$7
part=./$id
stop() {
  trap '' HUP INT TERM PIPE
  if [ -d "$part" ]; then chmod -R u+rwx "$part"; rm -rf "$part"; fi >/dev/null 2>&1
  echo "$id:$1"
  exit 1
}
present() { [ -e "$name" ] || [ -L "$name" ]; }
for tool in tar head mv rm mkdir chmod; do
  command -v "$tool" >/dev/null || { echo "$tool"; echo "$id:missing"; exit 1; }
done
[ -d "$3" ] || { echo "$id:homeless"; exit 1; }
cd "$3" || { echo "$id:failed"; exit 1; }
if [ "$overwrite" != yes ] && present; then echo "$id:present"; exit 1; fi
umask 077
mkdir "$part" || { echo "$id:failed"; exit 1; }
trap 'stop failed' HUP INT TERM PIPE
echo "$id:ready"
head -c "$size" | tar -x -p -o -f - -C "$part" || stop failed
echo "$id:unpacked"
if [ "$kind" = tree ]; then
  head -c "$second" | tar -x -p -o -f - -C "$part" || stop failed
  echo "$id:unpacked"
fi
read -r word && [ "$word" = commit ] || stop failed
trap '' HUP INT TERM PIPE
new=$part
if [ "$kind" = file ]; then new=$part/file; fi
if [ "$overwrite" != yes ] && present; then stop present; fi
if [ "$kind" = file ] && [ -f "$name" ] && [ ! -L "$name" ]; then
  mv -f "$new" "$name" || stop failed
elif present; then
  mv "$name" "$part.old" || stop failed
  mv "$new" "$name" || { mv "$part.old" "$name"; stop failed; }
  if [ -d "$part.old" ] && [ ! -L "$part.old" ]; then chmod -R u+rwx "$part.old"; fi
  rm -rf "$part.old"
else
  mv "$new" "$name" || stop failed
fi
if [ "$kind" = file ]; then rm -rf "$part"; fi
echo "$id:done"
"#;

/// Says on the first line what the path is, and packs it.
const PACK: &str = r#"
unset TAR_OPTIONS
command -v tar >/dev/null || { echo tar; echo "$1:missing"; exit 1; }
if [ -d "$2" ]; then
  cd "$2" 2>&1 || { echo "$1:failed"; exit 1; }
  echo "$1:tree"
  exec tar -c -f - .
elif [ -f "$2" ]; then
  cd "$3" 2>&1 || { echo "$1:failed"; exit 1; }
  echo "$1:file"
  exec tar -c -h -f - "./$4"
elif [ -e "$2" ]; then
  echo "$1:special"
else
  echo "$1:absent"
fi
exit 1
"#;

/// Removes what an unfinished copy has left. The program that unpacks may go on for a moment, and put something into a
/// folder that has just been emptied.
const REMOVE: &str = r#"
cd "$2" 2>/dev/null && [ -d "./$1" ] || exit 0
tries=1
until chmod -R u+rwx "./$1"; rm -rf "./$1"; do
  [ "$tries" -lt 6 ] || exit 1
  tries=$((tries + 1))
  sleep 1
done
"#;
/// How long that may take.
const REMOVE_WITHIN: Duration = Duration::from_secs(10);

/// The longest line that is read, in bytes: longer ones are cut.
const MAX_LINE: usize = 4096;
/// How much of what the container's programs say is kept, in bytes.
const MAX_COMPLAINTS: usize = 8 * 1024;
/// How much output waits in memory, in bytes.
const BUFFER: usize = 1024 * 1024;

/// The place of a copy in the container.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The whole path, which does not begin with a dash.
    pub(super) path: String,
    folder: String,
    name: String,
}

impl Place {
    /// Reads a path.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if it is empty or holds a NUL character.
    pub(super) fn new(path: &str) -> Result<Self, Error> {
        let invalid = |what: &str| {
            Err(Error::new(ErrorKind::InvalidRequest, format!("the remote path {what}")))
        };
        if path.is_empty() {
            return invalid("is empty");
        }
        if path.contains('\0') {
            return invalid("holds a NUL character, which no name can have");
        }
        let rooted = if path.starts_with('/') { path.to_owned() } else { format!("./{path}") };
        let trimmed = rooted.trim_end_matches('/');
        let (folder, name) = match trimmed.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((folder, name)) => (folder, name),
            None => ("/", ""),
        };
        let path = if trimmed.is_empty() { "/" } else { trimmed };
        Ok(Self { path: path.to_owned(), folder: folder.to_owned(), name: name.to_owned() })
    }

    /// Checks that the path names something that can be made.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] if it ends in `.` or `..`, or is the root.
    pub(super) fn check_name(&self) -> Result<(), Error> {
        if ["", ".", ".."].contains(&&*self.name) {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                format!("the remote path `{}` does not end in a name for the copy", self.path),
            )
            .with_advice("give the path of the copy itself, such as `/srv/www`"));
        }
        Ok(())
    }
}

/// Makes the id of a copy, which names its temporary files and marks the lines of its conversation.
pub(super) fn new_id() -> Result<String, Error> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| {
        Error::new(ErrorKind::Config, format!("the system gives no random numbers: {error}"))
    })?;
    Ok(format!(".guestexec-{:016x}", u64::from_be_bytes(random)))
}

fn script<'a>(options: &Options<'a>, text: &str, arguments: &[&str]) -> Exec<'a> {
    let argv = ["sh", "-c", text, "guestexec-copy"].into_iter().chain(arguments.iter().copied());
    options.pod.exec(argv).transport(options.transport).buffer(BUFFER)
}

/// Prepares the command that unpacks.
pub(super) fn unpack<'a>(
    options: &Options<'a>,
    place: &Place,
    id: &str,
    sizes: [u64; 2],
    is_file: bool,
) -> Exec<'a> {
    let kind = if is_file { "file" } else { "tree" };
    let overwrite = if options.overwrite { "yes" } else { "no" };
    let [size, second] = sizes.map(|size| size.to_string());
    let arguments = [id, &size, &place.folder, &place.name, kind, overwrite, &second];
    script(options, UNPACK, &arguments).stdin_piped()
}

/// Prepares the command that packs.
pub(super) fn pack<'a>(options: &Options<'a>, place: &Place, id: &str) -> Exec<'a> {
    script(options, PACK, &[id, &place.path, &place.folder, &place.name])
}

/// Removes what has arrived of a copy, if anything has.
pub(super) async fn remove(
    pod: &Pod<'_>,
    transport: ExecTransport,
    place: &Place,
    id: &str,
) -> Result<(), Error> {
    let argv = ["sh", "-c", REMOVE, "guestexec-copy", id, &place.folder];
    let output = pod.exec(argv).transport(transport).timeout(REMOVE_WITHIN).output().await?;
    if output.success() {
        return Ok(());
    }
    let why = output.stderr_lossy();
    Err(Error::new(
        ErrorKind::Refused,
        format!("the container could not remove `{}/{id}`: {}", place.folder, why.trim()),
    )
    .with_may_have_run(true))
}

/// A word that the command in the container sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The archive can be sent.
    Ready,
    /// An archive was unpacked, and the next is awaited, or the word to take its place.
    Unpacked,
    /// The copy is in its place.
    Done,
    /// The archive of a folder follows.
    Tree,
    /// The archive of a file follows.
    File,
    /// There is something at the path already.
    Present,
    /// There is nothing at the path.
    Absent,
    /// There is no folder for the copy.
    Homeless,
    /// The path leads to neither a file nor a folder.
    Special,
    /// A program is missing; its name came before.
    Missing,
    /// Something failed; the lines before give the reason.
    Failed,
    /// Its output has ended.
    End,
}

/// The command's standard output, as far as it is lines.
pub(super) struct Lines {
    output: ChildStdout,
    mark: String,
    line: Vec<u8>,
    pub(super) complaints: Complaints,
}

/// The messages of programs in the container.
#[derive(Debug, Default)]
pub(super) struct Complaints(Vec<u8>);

impl Complaints {
    fn add(&mut self, bytes: &[u8]) {
        let room = MAX_COMPLAINTS.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Reads standard error to its end, and keeps its begin.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, stderr: &mut ChildStderr) -> Poll<()> {
        let mut bytes = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stderr).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.add(buffer.filled()),
                // The end of the session tells why.
                _ => return Poll::Ready(()),
            }
        }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}

impl Lines {
    pub(super) fn new(output: ChildStdout, id: &str) -> Self {
        let complaints = Complaints::default();
        Self { output, mark: format!("{id}:"), line: Vec::new(), complaints }
    }

    /// Reads lines until one is the command's own; others are complaints.
    pub(super) fn poll_word(&mut self, cx: &mut Context<'_>) -> Poll<Word> {
        loop {
            let Ok(bytes) = ready!(Pin::new(&mut self.output).poll_fill_buf(cx)) else {
                return Poll::Ready(Word::End);
            };
            if bytes.is_empty() {
                self.complaints.add(&std::mem::take(&mut self.line));
                return Poll::Ready(Word::End);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&bytes[..taken.min(room)]);
            Pin::new(&mut self.output).consume(taken);
            if end.is_none() {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let text = line.strip_prefix(self.mark.as_bytes()).map(<[u8]>::trim_ascii);
            return Poll::Ready(match text {
                Some(b"ready") => Word::Ready,
                Some(b"unpacked") => Word::Unpacked,
                Some(b"done") => Word::Done,
                Some(b"tree") => Word::Tree,
                Some(b"file") => Word::File,
                Some(b"present") => Word::Present,
                Some(b"absent") => Word::Absent,
                Some(b"homeless") => Word::Homeless,
                Some(b"special") => Word::Special,
                Some(b"missing") => Word::Missing,
                Some(b"failed") => Word::Failed,
                _ => {
                    self.complaints.add(&line);
                    continue;
                }
            });
        }
    }

    pub(super) async fn word(&mut self) -> Word {
        poll_fn(|cx| self.poll_word(cx)).await
    }

    /// The rest of the output, once it is no longer lines.
    pub(super) fn into_output(self) -> ChildStdout {
        self.output
    }
}

/// The error that an unexpected word of the command means.
pub(super) async fn failure(
    word: Word,
    complaints: &str,
    mut child: Child,
    place: &Place,
) -> Error {
    let path = &place.path;
    // The command has looked, and has left everything as it was.
    match word {
        Word::Missing => Error::new(
            ErrorKind::Unsupported,
            format!("the container has no `{complaints}`, which copying needs"),
        )
        .with_advice("use an image with `sh`, `tar` and `head`, of GNU or busybox"),
        Word::Present => Error::new(
            ErrorKind::Refused,
            format!("there is something at `{path}` in the container already"),
        )
        .with_advice("choose another path, or replace it with `overwrite`"),
        Word::Absent => Error::new(
            ErrorKind::NotFound,
            format!("there is nothing at `{path}` in the container"),
        )
        .with_advice("check the path, and which container it is in"),
        Word::Homeless => Error::new(
            ErrorKind::NotFound,
            format!("there is no folder `{}` in the container", place.folder),
        )
        .with_advice("make it first, or check the path, and which container it is in"),
        Word::Special => Error::new(
            ErrorKind::InvalidRequest,
            format!("`{path}` in the container is neither a file nor a folder"),
        ),
        Word::Failed => failed(complaints).with_may_have_run(true),
        Word::End => ended(complaints, child.wait().await),
        _ => Error::new(ErrorKind::Protocol, "the container's command said something out of turn")
            .with_may_have_run(true),
    }
}

fn failed(complaints: &str) -> Error {
    let why = if complaints.is_empty() { "it gives no reason" } else { complaints };
    Error::new(ErrorKind::Refused, format!("the container could not copy: {why}"))
}

/// The error of a session that ended before the copy did, or whose command failed.
pub(super) fn ended(complaints: &str, result: Result<ExitStatus, Error>) -> Error {
    match result {
        // The runtime could not start `sh`.
        Err(error) if error.kind() == ErrorKind::Refused => {
            error.with_advice("copying needs `sh`, `tar` and `head` in the container")
        }
        Err(error) => error,
        Ok(status) if status.success() => Error::new(
            ErrorKind::Protocol,
            "the container's command has ended well without saying what it did",
        )
        .with_may_have_run(true),
        Ok(status) => {
            let why = if complaints.is_empty() {
                format!("its command {status}")
            } else {
                format!("its command {status}: {complaints}")
            };
            failed(&why).with_may_have_run(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_and_a_name() {
        for (path, folder, name) in [
            ("/srv/www", "/srv", "www"),
            ("/srv/www//", "/srv", "www"),
            ("/www", "/", "www"),
            ("www", ".", "www"),
            ("a/b c", "./a", "b c"),
            ("-rf", ".", "-rf"),
            ("-", ".", "-"),
        ] {
            let place = Place::new(path).unwrap();
            assert_eq!((&*place.folder, &*place.name), (folder, name), "{path}");
            assert!(place.path.starts_with(['/', '.']), "{path}");
            place.check_name().unwrap();
        }
        for path in ["/", ".", "..", "/srv/..", "///"] {
            let error = Place::new(path).unwrap().check_name().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{path}");
        }
        for path in ["", "a\0b"] {
            assert_eq!(Place::new(path).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }
}
