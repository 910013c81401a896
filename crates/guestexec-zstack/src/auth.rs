//! Who the caller is: a session, or an AccessKey.

use std::{
    fmt,
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use guestexec_core::{ErrorKind, Secret, check_credential, check_header_credential, check_key};
use sha2::{Digest as _, Sha512};
use tokio::sync::Semaphore;

use crate::{Client, ClientBuilder, Error, hooks::Call, sign::DateZone, types};

/// What a request proves the caller's identity with. Debug shows no secret.
#[derive(Clone)]
pub struct Credentials(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    /// Sent as `Authorization: OAuth SESSION`.
    Session(Arc<Session>),
    /// Signs each request.
    AccessKey { id: String, secret: Secret, zone: DateZone },
}

/// A session, shared by the clones of a client, and what is needed to open it anew.
pub(crate) struct Session {
    uuid: Mutex<Secret>,
    login: Option<Login>,
    /// One login at a time: who waited for it finds the new session and logs in no more.
    renewing: Semaphore,
    /// Set by a logout: a session ended on purpose is not opened anew.
    logged_out: AtomicBool,
}

#[derive(Clone)]
struct Login {
    account: String,
    password_hash: Secret,
}

impl Session {
    fn new(uuid: Secret, login: Option<Login>) -> Arc<Self> {
        Arc::new(Self {
            uuid: Mutex::new(uuid),
            login,
            renewing: Semaphore::new(1),
            logged_out: AtomicBool::new(false),
        })
    }

    /// The session's UUID as it is now.
    pub(crate) fn uuid(&self) -> Secret {
        self.uuid.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True where it was opened here by a login, and not ended on purpose.
    pub(crate) fn can_be_renewed(&self) -> bool {
        self.login.is_some() && !self.logged_out.load(Ordering::Acquire)
    }

    /// What proves the account again, where the session was opened here.
    pub(crate) fn password_hash(&self) -> Option<&Secret> {
        self.login.as_ref().map(|login| &login.password_hash)
    }

    /// Opens the session anew, unless another clone did so since `ended` was current. False if it
    /// was not opened here by a login, so that it cannot be.
    pub(crate) async fn renew(&self, client: &Client, ended: &Secret) -> Result<bool, Error> {
        let Some(login) = &self.login else { return Ok(false) };
        let Ok(_one_at_a_time) = self.renewing.acquire().await else { return Ok(false) };
        if self.logged_out.load(Ordering::Acquire) {
            return Ok(false);
        }
        if self.uuid().expose() == ended.expose() {
            let uuid = log_in(client, login.clone()).await?;
            tracing::warn!("the ZStack session had ended; logged in again");
            *self.uuid.lock().unwrap_or_else(PoisonError::into_inner) = uuid;
        }
        Ok(true)
    }
}

async fn log_in(client: &Client, login: Login) -> Result<Secret, Error> {
    let state = Call::proving(login.password_hash.clone());
    let params = types::LogInByAccountParams::builder()
        .account_name(login.account)
        .password(login.password_hash);
    let call = client.log_in_by_account();
    let answer =
        call.body_map(|body| body.log_in_by_account(params)).send_in(state).await?.into_inner();
    let uuid = answer.inventory.and_then(|session| session.uuid).ok_or_else(|| {
        Error::new(ErrorKind::Protocol, "the answer to the login names no session")
            .during("LogInByAccount")
    })?;
    Credentials::session(uuid.clone()).check()?;
    Ok(uuid)
}

impl Credentials {
    /// A session, by its UUID: 32 hex digits, as a login answers.
    pub fn session(uuid: impl Into<Secret>) -> Self {
        Self(Kind::Session(Session::new(uuid.into(), None)))
    }

    /// An AccessKey: its id and secret, as the console shows them. Dates are written in UTC, see
    /// [`Self::date_zone`].
    pub fn access_key(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self(Kind::AccessKey { id: id.into(), secret: secret.into(), zone: DateZone::UTC })
    }

    /// The zone that an AccessKey's dates are written in. A management node compares clock faces
    /// unless it was told otherwise (`rest.checkTimeZone`), so give the *server's* zone.
    #[must_use]
    pub fn date_zone(mut self, to: DateZone) -> Self {
        if let Kind::AccessKey { zone, .. } = &mut self.0 {
            *zone = to;
        }
        self
    }

    /// Refuses what could never sign a request or stand in a header.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let checked = match &self.0 {
            Kind::Session(session) => {
                check_header_credential("session UUID", session.uuid().expose(), &[])
            }
            // A colon would end the id early inside the Authorization header.
            Kind::AccessKey { id, secret, .. } => {
                check_header_credential("AccessKey id", id, &[':'])
                    .and_then(|()| check_key("AccessKey secret", secret.expose()))
            }
        };
        checked.map_err(refused)
    }
}

fn refused(reason: String) -> Error {
    Error::new(ErrorKind::Credentials, reason)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Session(_) => f.write_str("Session"),
            Kind::AccessKey { id, zone, .. } => f
                .debug_struct("AccessKey")
                .field("id", id)
                .field("zone", zone)
                .finish_non_exhaustive(),
        }
    }
}

impl ClientBuilder {
    /// Logs in by account name and password, and makes the client of the session.
    ///
    /// The password is hashed here, as the service wants it; only the hash is kept, to log in again
    /// once where a command finds the session ended. A session lives two hours as installed, and an
    /// account may have 500 at once: end it with [`Client::logout`].
    ///
    /// # Errors
    /// As [`ClientBuilder::build`], [`ErrorKind::Credentials`] for a name or password that is empty or
    /// has a blank at either end, and whatever the login reports; `ID.1000` is a wrong name or
    /// password.
    pub async fn login(
        self,
        account: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Result<Client, Error> {
        let (account, password) = (account.into(), password.into());
        check_credential("account name", &account).map_err(refused)?;
        check_credential("password", password.expose()).map_err(refused)?;
        let client = self.build_with(None)?;
        let password_hash = sha512_hex(password.expose()).into();
        let login = Login { account, password_hash };
        let uuid = log_in(&client, login.clone()).await?;
        Ok(client.with_credentials(Credentials(Kind::Session(Session::new(uuid, Some(login))))))
    }
}

impl Client {
    /// Ends the client's session, if it has one. Clones of the client share it, and none of them
    /// opens it anew.
    ///
    /// Nothing is logged out when a client is dropped: dropping cannot wait for an answer.
    ///
    /// # Errors
    /// What the operation LogOut reports.
    pub async fn logout(&self) -> Result<(), Error> {
        match self.inner.session() {
            Some(session) => {
                session.logged_out.store(true, Ordering::Release);
                self.log_out().uuid(session.uuid().expose()).send().await.map(drop)
            }
            None => Ok(()),
        }
    }
}

/// SHA-512 as lower-case hex: the form in which a password is sent.
fn sha512_hex(text: &str) -> String {
    Sha512::digest(text.as_bytes()).iter().fold(String::with_capacity(128), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_password_is_hashed_as_the_service_wants_it() {
        let hash = super::sha512_hex("password");
        assert!(
            hash.starts_with("b109f3bbbc244eb82441917ed06d618b9008dd09b3befd1b5e07394c706a8bb9")
        );
        assert_eq!(hash.len(), 128);
    }
}
