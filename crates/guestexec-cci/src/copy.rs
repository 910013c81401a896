//! Copying files and folders into a container and out of it.

mod archive;
#[cfg(feature = "test-util")]
mod for_test;
mod incoming;
mod leftovers;
mod outgoing;
mod pack;
mod platform;
mod remote;
mod stage;
mod unpack;
mod worker;

use std::{
    fmt,
    future::{Future, IntoFuture},
    path::PathBuf,
    pin::Pin,
    time::Duration,
};

use guestexec_core::{ErrorKind, ensure_runtime};
use serde::Serialize;

pub use leftovers::Leftovers;

use crate::{Error, ExecTransport, Pod};

/// The progress of a copy, as [`CopyIn::progress`] and [`CopyOut::progress`] report it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// # let here = tempfile::tempdir()?;
/// # let local = here.path().join("motd");
/// let mut names = Vec::new();
/// let pod = client.pod("default", "demo");
/// pod.copy_out("/etc/passwd", &local)
///     .progress(|progress| {
///         println!("{} bytes, {} entries", progress.bytes, progress.entries);
///         names.push(progress.name.clone());
///     })
///     .await?;
/// assert!(!names.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CopyProgress {
    /// The bytes of files' content that were copied.
    pub bytes: u64,
    /// The files, folders and links that were begun, the current one included.
    pub entries: u64,
    /// The current one, by its name within the tree; `.` is the tree itself, or a single file.
    pub name: PathBuf,
}

/// What was copied.
///
/// Serialized, it has the members `files`, `directories`, `links` and `bytes`:
///
/// ```json
/// {"files":3,"directories":1,"links":0,"bytes":120}
/// ```
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// # let here = tempfile::tempdir()?;
/// # std::fs::write(here.path().join("a.txt"), "hello")?;
/// # let remote = here.path().join("b.txt").display().to_string();
/// let copied = client.pod("default", "demo").copy_in(here.path().join("a.txt"), remote).await?;
/// assert_eq!((copied.files(), copied.directories(), copied.links()), (1, 0, 0));
/// assert_eq!(copied.bytes(), 5);
/// assert_eq!(copied.to_string(), "copied 1 file, 0 directories, 0 links: 5 bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Copied {
    files: u64,
    directories: u64,
    links: u64,
    bytes: u64,
}

impl Copied {
    /// The regular files; of several names of one file the first.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The directories, that of the tree itself included.
    pub fn directories(&self) -> u64 {
        self.directories
    }

    /// The links: symbolic links, and the second and further names of a file (hard links).
    pub fn links(&self) -> u64 {
        self.links
    }

    /// The bytes of the files' content.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn entries(&self) -> u64 {
        self.files + self.directories + self.links
    }
}

/// One line: how many of each were copied.
impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count, one, many| if count == 1 { one } else { many };
        write!(
            f,
            "copied {} {}, {} {}, {} {}: {} {}",
            self.files,
            plural(self.files, "file", "files"),
            self.directories,
            plural(self.directories, "directory", "directories"),
            self.links,
            plural(self.links, "link", "links"),
            self.bytes,
            plural(self.bytes, "byte", "bytes"),
        )
    }
}

type OnProgress<'a> = Box<dyn FnMut(&CopyProgress) + Send + 'a>;

/// The options of both directions.
struct Options<'a> {
    pod: Pod<'a>,
    local: PathBuf,
    remote: String,
    overwrite: bool,
    transport: ExecTransport,
    timeout: Option<Duration>,
    /// The name of the unfinished copy in the container, if it is known already.
    id: Option<String>,
    progress: OnProgress<'a>,
}

impl<'a> Options<'a> {
    fn new(pod: Pod<'a>, local: PathBuf, remote: String) -> Self {
        Self {
            pod,
            local,
            remote,
            overwrite: false,
            transport: ExecTransport::Auto,
            timeout: None,
            id: None,
            progress: Box::new(|_| ()),
        }
    }

    fn debug(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("pod", &self.pod)
            .field("local", &self.local)
            .field("remote", &self.remote)
            .field("overwrite", &self.overwrite)
            .field("transport", &self.transport)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A copy of a local file or folder into a container, made by [`Pod::copy_in`]. Awaiting it copies, and
/// gives what was [copied](Copied).
///
/// The remote path is the name of the copy itself, not of a folder to put it in; the folder around it must
/// exist. A file or a folder appears there as a whole, by one rename, when all of it has arrived: it is
/// unpacked beside its place, in a folder whose name begins with `.guestexec-`. A copy that ends early, for
/// any reason, leaves nothing under the final name. The container removes the part that has arrived;
/// only where the server kills the command with the connection may that folder stay, and
/// [`Self::leftovers`] removes it.
///
/// Modes, times of change (to the second; those of symbolic links by GNU `tar` alone), symbolic links and hard
/// links are kept, and names are any bytes that the local system allows. A symbolic link that was named itself is followed; one within the folder
/// is copied as it is. Owners are not kept: the files belong to the user of the container. A pipe, socket
/// or device is refused, and so is a file whose length changes during the copy.
///
/// The copy travels as a tar archive over a command session, as with `kubectl cp`, in bounded memory. The
/// container needs `sh`, `tar` and `head`, of GNU or busybox. How long the archive is is told beforehand,
/// and `head -c` reads that many bytes, so it works over every transport: a WebSocket with
/// `v4.channel.k8s.io` cannot end a command's input. The archive's length is found by walking through the
/// folder once before it is sent.
///
/// Drop ends the copy, and waits for the thread that reads the files, which ends at its next piece.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::ExecTransport;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// # let here = tempfile::tempdir()?;
/// # let site = here.path().join("site");
/// # std::fs::create_dir(&site)?;
/// # std::fs::write(site.join("index.html"), "hello")?;
/// # let remote = here.path().join("www").display().to_string();
/// let pod = client.pod("default", "two");
/// let copied = pod
///     .copy_in(&site, &remote)
///     .container("a")
///     .overwrite()
///     .transport(ExecTransport::WebSocketV4)
///     .timeout(Duration::from_secs(600))
///     .progress(|progress| println!("{}: {} bytes", progress.name.display(), progress.bytes))
///     .await?;
/// assert_eq!((copied.files(), copied.bytes()), (1, 5));
/// # assert_eq!(std::fs::read_to_string(here.path().join("www/index.html"))?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::Input`] if something cannot be read here, or changes while it is read;
/// [`ErrorKind::InvalidRequest`] for a path that names nothing, or a local pipe, socket or device;
/// [`ErrorKind::Unsupported`] if the container lacks a program; [`ErrorKind::Refused`] if there is
/// something at the remote path already, or with what the container's `tar` says;
/// [`ErrorKind::Timeout`]; and any error of [`Exec::spawn`](crate::Exec::spawn) and
/// [`Child::wait`](crate::Child::wait).
#[must_use = "nothing is copied until it is awaited"]
pub struct CopyIn<'a> {
    options: Options<'a>,
}

impl<'a> CopyIn<'a> {
    pub(crate) fn new(pod: Pod<'a>, local: PathBuf, remote: String) -> Self {
        Self { options: Options::new(pod, local, remote) }
    }

    /// Chooses the container, by its name of 1 to 63 characters, as [`Pod::container`] does.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.options.pod.container = Some(name.into());
        self
    }

    /// Replaces what is at the remote path. Default: a copy to a path where there is something is refused.
    ///
    /// A file replaces a file by one rename. A folder, or what a folder replaces, is moved aside first, so
    /// that for a moment there is nothing; it is moved back if the copy cannot take its place.
    pub fn overwrite(mut self) -> Self {
        self.options.overwrite = true;
        self
    }

    /// Chooses the transport of the session. Default: [`ExecTransport::Auto`].
    pub fn transport(mut self, transport: ExecTransport) -> Self {
        self.options.transport = transport;
        self
    }

    /// Bounds the time of the whole copy. Default: no limit; a server that falls silent ends it anyway, as
    /// with [`Exec::dead_after`](crate::Exec::dead_after).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Calls a function at each entry and after each piece of a file, of at most 64 KiB, on the task that
    /// awaits the copy.
    pub fn progress(mut self, call: impl FnMut(&CopyProgress) + Send + 'a) -> Self {
        self.options.progress = Box::new(call);
        self
    }

    /// The handle that removes what this copy may leave in the container if it ends early. Call it after the
    /// container and the transport are chosen. Sends nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.cci().client()?;
    /// # let here = tempfile::tempdir()?;
    /// # std::fs::write(here.path().join("a.txt"), "hello")?;
    /// # let remote = here.path().join("b.txt").display().to_string();
    /// let copy = client.pod("default", "demo").copy_in(here.path().join("a.txt"), remote);
    /// let mut copy = copy.timeout(Duration::from_secs(60));
    /// let leftovers = copy.leftovers()?;
    /// if let Err(error) = copy.await {
    ///     leftovers.remove().await?;
    ///     return Err(error.into());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] for a remote path that names nothing.
    pub fn leftovers(&mut self) -> Result<Leftovers<'a>, Error> {
        Leftovers::of(&mut self.options)
    }
}

impl<'a> IntoFuture for CopyIn<'a> {
    type Output = Result<Copied, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            ensure_runtime()?;
            within(self.options.timeout, outgoing::copy(self.options)).await
        })
    }
}

impl fmt::Debug for CopyIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.debug(f, "CopyIn")
    }
}

/// A copy of a container's file or folder to here, made by [`Pod::copy_out`]. Awaiting it copies, and
/// gives what was [copied](Copied).
///
/// The local path is the name of the copy itself, not of a folder to put it in; the folder around it must
/// exist. A file or a folder appears there as a whole, by one rename, when all of it has arrived and the
/// container's `tar` has ended well: it is unpacked beside its place, under a name that begins with
/// `.guestexec-`. A copy that ends early, for any reason, leaves nothing, and drop waits until what
/// had arrived is removed.
///
/// Modes, times of change, symbolic links and hard links are kept, and names are any bytes that the local
/// system allows. The bits set-user-id, set-group-id and sticky are not kept, nor are owners. A symbolic
/// link that was named itself is followed.
///
/// The container needs `sh` and `tar`, of GNU or busybox. Nothing that it sends is trusted. A copy is
/// refused, with a sentence that names the entry, if
///
/// - a name is absolute, has a component `..`, or appears twice (a directory may);
/// - an entry lies in something that is no directory of the archive, such as a symbolic link;
/// - a symbolic link leads out of the tree, also by way of others ([`Self::allow_outside_links`]), or a hard
///   link to anything but a file that came before;
/// - it is a device, a pipe, a sparse file, or of any other kind;
/// - the archive is malformed, ends early, or has more than [`Self::size_limit`] and
///   [`Self::entry_limit`] allow.
///
/// ```
/// use std::time::Duration;
///
/// use guestexec_cci::ExecTransport;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// # let here = tempfile::tempdir()?;
/// # let remote = here.path().join("log").display().to_string();
/// # std::fs::create_dir(&remote)?;
/// # std::fs::write(here.path().join("log/today"), "hello")?;
/// let local = here.path().join("copy");
/// let pod = client.pod("default", "two");
/// let copied = pod
///     .copy_out(&remote, &local)
///     .container("a")
///     .overwrite()
///     .size_limit(1024 * 1024)
///     .entry_limit(1000)
///     .allow_outside_links()
///     .transport(ExecTransport::SpdyPost)
///     .timeout(Duration::from_secs(600))
///     .progress(|progress| println!("{}: {} bytes", progress.name.display(), progress.bytes))
///     .await?;
/// assert_eq!((copied.files(), copied.directories()), (1, 1));
/// assert_eq!(std::fs::read_to_string(local.join("today"))?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::Output`] if something cannot be written here; [`ErrorKind::InvalidRequest`] if there is
/// something at the local path already, or a path names nothing; [`ErrorKind::NotFound`] if there is
/// nothing at the remote path; [`ErrorKind::Protocol`] for an archive that is refused;
/// [`ErrorKind::TooLarge`] for one above a limit; [`ErrorKind::Unsupported`] if the container lacks a
/// program; [`ErrorKind::Refused`] with what its `tar` says; [`ErrorKind::Timeout`]; and any error of
/// [`Exec::spawn`](crate::Exec::spawn) and [`Child::wait`](crate::Child::wait).
#[must_use = "nothing is copied until it is awaited"]
pub struct CopyOut<'a> {
    options: Options<'a>,
    limits: Limits,
}

/// How much a container may send.
#[derive(Clone, Copy, Debug)]
struct Limits {
    bytes: u64,
    entries: u64,
    outside_links: bool,
}

impl<'a> CopyOut<'a> {
    pub(crate) fn new(pod: Pod<'a>, remote: String, local: PathBuf) -> Self {
        let limits =
            Limits { bytes: 16 * 1024 * 1024 * 1024, entries: 1_000_000, outside_links: false };
        Self { options: Options::new(pod, local, remote), limits }
    }

    /// Chooses the container, by its name of 1 to 63 characters, as [`Pod::container`] does.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.options.pod.container = Some(name.into());
        self
    }

    /// Replaces what is at the local path. Default: a copy to a path where there is something is refused.
    ///
    /// A file replaces a file by one rename. A folder, or what a folder replaces, is moved aside first, so
    /// that for a moment there is nothing; it is moved back if the copy cannot take its place.
    pub fn overwrite(mut self) -> Self {
        self.options.overwrite = true;
        self
    }

    /// Bounds the content of all files together, in bytes. Default: 16 GiB.
    pub fn size_limit(mut self, bytes: u64) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Bounds the number of files, directories and links. Default: 1 000 000.
    pub fn entry_limit(mut self, entries: u64) -> Self {
        self.limits.entries = entries;
        self
    }

    /// Makes symbolic links as they are, also those that lead out of the tree. Default: such a link is
    /// refused.
    ///
    /// Nothing is written through any link. But a program that later reads the copy may follow the link to
    /// what it names on this machine.
    pub fn allow_outside_links(mut self) -> Self {
        self.limits.outside_links = true;
        self
    }

    /// Chooses the transport of the session. Default: [`ExecTransport::Auto`].
    pub fn transport(mut self, transport: ExecTransport) -> Self {
        self.options.transport = transport;
        self
    }

    /// Bounds the time of the whole copy. Default: no limit; a server that falls silent ends it anyway, as
    /// with [`Exec::dead_after`](crate::Exec::dead_after).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Calls a function at each entry and after each piece of a file, of at most 64 KiB, on the task that
    /// awaits the copy.
    pub fn progress(mut self, call: impl FnMut(&CopyProgress) + Send + 'a) -> Self {
        self.options.progress = Box::new(call);
        self
    }
}

impl<'a> IntoFuture for CopyOut<'a> {
    type Output = Result<Copied, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            ensure_runtime()?;
            within(self.options.timeout, incoming::copy(self.options, self.limits)).await
        })
    }
}

impl fmt::Debug for CopyOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.debug(f, "CopyOut")
    }
}

async fn within<T>(
    limit: Option<Duration>,
    copy: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(limit) = limit else { return copy.await };
    tokio::time::timeout(limit, copy).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Timeout, format!("the copy did not end within {limit:?}"))
            .with_may_have_run(true))
    })
}
