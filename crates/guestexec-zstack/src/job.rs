//! Jobs: the names commands run under, and asking for their results.

use std::{fmt, fmt::Write as _, time::Duration};

use guestexec_core::{ErrorKind, Secret};
use tokio::time::Instant;

use crate::{
    Captured, Client, Error, Output,
    follow::{Job, PATIENCE},
};

/// How far away the end of a wait can be: as good as never.
const NEVER: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The name a command runs under, by which its result can be asked for: 32 hex digits.
///
/// Whoever knows it reads the result, so it prints as little as a secret.
#[derive(Clone)]
pub struct JobId(Secret);

impl JobId {
    /// A random one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], if this machine gives no random numbers.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(random_hex()?.into()))
    }

    /// One chosen or kept before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`], if it is not made of 32 hex digits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(ErrorKind::InvalidRequest, "the job id is not made of 32 hex digits"))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The one a `location` ends in. Only the name is used: the host in it is what the node thinks
    /// it is called, which is often not how it is reached.
    pub(crate) fn from_location(location: &Secret) -> Option<Self> {
        let path = location.expose().split(['?', '#']).next().unwrap_or_default();
        let (path, name) = path.trim_end_matches('/').rsplit_once('/')?;
        if path.rsplit('/').next() != Some("api-jobs") {
            return None;
        }
        Self::parse(name).ok()
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobId")
    }
}

/// 32 random hex digits.
pub(crate) fn random_hex() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Config, format!("this machine gives no random numbers: {e}"))
    })?;
    Ok(bytes.iter().fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// The time after a wait of any length.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(NEVER)).unwrap_or(now)
}

impl Client {
    /// Waits for the end of a command started before, by [`Vm::run`](crate::Vm::run), under the name
    /// given to [`Run::job`](crate::Run::job) or kept by [`Unfinished`](crate::Unfinished); for as
    /// long as `wait`, which may be [`Duration::MAX`]. A node keeps results for three hours as
    /// installed.
    ///
    /// # Errors
    /// What the command's own call would have reported; [`ErrorKind::NotFound`], if the node does
    /// not know the job; [`ErrorKind::Timeout`], if it has not ended in time.
    pub async fn result_of(&self, job: &JobId, wait: Duration) -> Result<Captured, Error> {
        Captured::read(self.unchecked_result_of(job, wait).await?, None)
    }

    /// The same of a command that was run [`unchecked`](crate::Run::unchecked).
    ///
    /// # Errors
    /// Those of [`Self::result_of`].
    pub async fn unchecked_result_of(&self, job: &JobId, wait: Duration) -> Result<Output, Error> {
        Job::known(self, job).watch(after(wait), PATIENCE).await
    }
}

#[cfg(test)]
mod tests {
    use super::JobId;

    #[test]
    fn only_a_jobs_address_names_a_job() {
        let name = "0123456789abcdef0123456789abcdef";
        let named = |location: &str| JobId::from_location(&location.into());
        for location in [
            format!("http://node-7.internal:8080/zstack/v1/api-jobs/{name}"),
            format!("http://localhost:8080/v1/api-jobs/{name}/?x=1#y"),
            format!("/api-jobs/{name}"),
        ] {
            assert_eq!(named(&location).unwrap().expose(), name, "{location}");
        }
        for location in [
            "",
            "/",
            "http://h/zstack/v1/api-jobs/..",
            "http://h/zstack/v1/api-jobs/01234567-89ab-cdef-0123-456789abcdef",
            &format!("http://h/zstack/v1/tasks/{name}"),
            &format!("http://h/zstack/v1/api-jobs/{name}/result"),
            name,
        ] {
            assert!(named(location).is_none(), "{location}");
        }
    }
}
