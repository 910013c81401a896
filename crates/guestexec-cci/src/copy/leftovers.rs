//! The files that a copy may leave in a container.

use super::{
    Options,
    remote::{self, Place},
};
use crate::{Error, ExecTransport, Pod};

/// The files that a copy into a container may have left there if it ended early, made by
/// [`CopyIn::leftovers`](crate::CopyIn::leftovers): a folder beside the place of the copy. The container removes it by
/// itself, unless the server kills the command with the connection.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.cci().client()?;
/// # let here = tempfile::tempdir()?;
/// # std::fs::write(here.path().join("a.txt"), "hello")?;
/// # let remote = here.path().join("b.txt").display().to_string();
/// # async fn ctrl_c() {}
/// let mut copy = client.pod("default", "demo").copy_in(here.path().join("a.txt"), remote);
/// let leftovers = copy.leftovers()?;
/// tokio::select! {
///     copied = copy => println!("{}", copied?),
///     () = ctrl_c() => leftovers.remove().await?,
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is removed until `remove` is called"]
pub struct Leftovers<'a> {
    pod: Pod<'a>,
    transport: ExecTransport,
    place: Place,
    id: String,
}

impl<'a> Leftovers<'a> {
    pub(super) fn of(options: &mut Options<'a>) -> Result<Self, Error> {
        let place = Place::new(&options.remote)?;
        place.check_name()?;
        let id = options.id.take().map_or_else(remote::new_id, Ok)?;
        options.id = Some(id.clone());
        Ok(Self { pod: options.pod.clone(), transport: options.transport, place, id })
    }

    /// Removes it, by a command of its own that may take 10 s. It succeeds where there is nothing, too.
    ///
    /// Not to be called while the copy runs.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the container cannot remove it, and any error of
    /// [`Exec::output`](crate::Exec::output).
    pub async fn remove(&self) -> Result<(), Error> {
        remote::remove(&self.pod, self.transport, &self.place, &self.id).await
    }
}
