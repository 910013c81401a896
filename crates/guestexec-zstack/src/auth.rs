//! The caller's credentials: a session, an account or an AccessKey.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use guestexec_core::{
    ErrorKind, Issued, Renewing, Secret, check_credential, check_header_credential, check_key,
    sign::hex, variable,
};
use sha2::{Digest as _, Sha512};

use crate::{Client, ClientBuilder, Error, hooks::Call, operations, sign::DateZone, types};

/// A session, an account or an AccessKey. Debug shows no secret.
///
/// ```
/// use guestexec_zstack::{Credentials, sign::DateZone};
///
/// let account = Credentials::password("admin", "its-password");
/// let session = Credentials::session("0123456789abcdef0123456789abcdef");
/// let key = Credentials::access_key("its-id", "its-secret")
///     .date_zone(DateZone { name: "CST".into(), utc_offset: 8 * 3600 });
/// assert!(!format!("{key:?}").contains("its-secret"));
/// ```
#[derive(Clone)]
pub struct Credentials(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    /// Sent as `Authorization: OAuth SESSION`.
    Session(Arc<Session>),
    /// Signs each request.
    AccessKey { id: String, secret: Secret, zone: DateZone },
}

/// A session, shared by the clones of a client, and the login that opens it.
pub(crate) struct Session {
    uuid: Renewing<Secret, types::ErrorCode>,
    login: Option<Login>,
    /// Set by a logout: such a session is not opened again.
    logged_out: AtomicBool,
}

#[derive(Clone)]
struct Login {
    account: String,
    password_hash: Secret,
    /// Why no login is tried: the name or password is malformed.
    unusable: Option<String>,
}

impl Session {
    fn new(uuid: Renewing<Secret, types::ErrorCode>, login: Option<Login>) -> Arc<Self> {
        Arc::new(Self { uuid, login, logged_out: AtomicBool::new(false) })
    }

    /// The session's UUID as it is now, if it is open.
    pub(crate) fn uuid(&self) -> Option<Arc<Secret>> {
        self.uuid.current()
    }

    /// True if the client opened it by a login, and nobody logged out.
    pub(crate) fn can_be_renewed(&self) -> bool {
        self.login.is_some() && !self.logged_out.load(Ordering::Acquire)
    }

    /// The hash of the account's password, if the client logs in.
    pub(crate) fn password_hash(&self) -> Option<&Secret> {
        self.login.as_ref().map(|login| &login.password_hash)
    }

    /// Opens the session, unless it is open or somebody logged out.
    pub(crate) async fn open(&self, client: &Client) -> Result<(), Error> {
        match self.login.as_ref().filter(|_| self.can_be_renewed()) {
            // A session has no end that is known beforehand, so the time does not matter.
            Some(login) => {
                self.uuid.get(SystemTime::UNIX_EPOCH, || log_in(client, login)).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Opens the session anew, unless another clone did so since `ended` was current. False if it
    /// cannot be opened anew.
    pub(crate) async fn renew(&self, client: &Client, ended: &Secret) -> Result<bool, Error> {
        let Some(login) = self.login.as_ref().filter(|_| self.can_be_renewed()) else {
            return Ok(false);
        };
        let is_ended = |uuid: &Secret| uuid.expose() == ended.expose();
        let renewed = self.uuid.renew(is_ended, || async {
            // Somebody may have logged out while this call waited.
            if !self.can_be_renewed() {
                return Err(Error::new(ErrorKind::Unauthenticated, "the client has logged out"));
            }
            let uuid = log_in(client, login).await?;
            tracing::warn!("the ZStack session had ended; logged in again");
            Ok(uuid)
        });
        renewed.await.map(|uuid| uuid.is_some())
    }
}

/// Boxed, because a call logs in, and a login is itself a call.
fn log_in<'a>(
    client: &'a Client,
    login: &'a Login,
) -> Pin<Box<dyn Future<Output = Result<Issued<Secret>, Error>> + Send + 'a>> {
    Box::pin(async move {
        let Login { account, password_hash, .. } = login.clone();
        let state = Call { proof: Some(password_hash.clone()), ..Call::default() };
        let call = client.log_in_by_account(account, password_hash);
        let answer = call.send_in(state).await?.into_inner();
        let uuid = answer.inventory.and_then(|session| session.uuid).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the answer to the login names no session")
                .during(operations::LOG_IN_BY_ACCOUNT.id)
        })?;
        check_uuid(&uuid).map_err(unusable)?;
        Ok(Issued::lasting(uuid))
    })
}

fn check_uuid(uuid: &Secret) -> Result<(), String> {
    check_header_credential("session UUID", uuid.expose(), &[])
}

impl Credentials {
    /// A session by its UUID: 32 hex digits, as a login answers.
    pub fn session(uuid: impl Into<Secret>) -> Self {
        let uuid = Renewing::default().holding(Issued::lasting(uuid.into()));
        Self(Kind::Session(Session::new(uuid, None)))
    }

    /// An account, by its name and password. The client logs in when the first request is made, and
    /// once more where a command finds the session ended; clones share the session.
    ///
    /// The password is hashed here, as the service wants it, and only the hash is kept. A session
    /// lives two hours as installed, and an account may have 500 at once: end it with
    /// [`Client::logout`].
    pub fn password(account: impl Into<String>, password: impl Into<Secret>) -> Self {
        let (account, password) = (account.into(), password.into());
        let checked = check_credential("account name", &account)
            .and_then(|()| check_credential("password", password.expose()));
        let password_hash = sha512_hex(password.expose()).into();
        let login = Login { account, password_hash, unusable: checked.err() };
        Self(Kind::Session(Session::new(Renewing::default(), Some(login))))
    }

    /// An AccessKey: its id and secret, as the console shows them. Dates are written in UTC unless
    /// [`Self::date_zone`] says otherwise.
    pub fn access_key(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self(Kind::AccessKey { id: id.into(), secret: secret.into(), zone: DateZone::UTC })
    }

    /// Sets the zone that an AccessKey's dates are written in. A management node compares local times
    /// without their zones unless `rest.checkTimeZone` is set, so give the *server's* zone.
    #[must_use]
    pub fn date_zone(mut self, to: DateZone) -> Self {
        if let Kind::AccessKey { zone, .. } = &mut self.0 {
            *zone = to;
        }
        self
    }

    /// Reads credentials from the environment: `ZSTACK_ACCESS_KEY_ID` and `ZSTACK_ACCESS_KEY_SECRET`,
    /// or else `ZSTACK_ACCOUNT_NAME` and `ZSTACK_PASSWORD`, as a sandbox prints them.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], naming the variable that is missing or empty.
    pub fn from_env() -> Result<Self, Error> {
        let needed = |name: &str| {
            variable(name).ok_or_else(|| {
                unusable(format!(
                    "the environment variable {name} is not set: set it, or give the client its \
                     credentials with `credentials(…)`"
                ))
            })
        };
        match (variable("ZSTACK_ACCESS_KEY_ID"), variable("ZSTACK_ACCOUNT_NAME")) {
            (None, Some(account)) => Ok(Self::password(account, needed("ZSTACK_PASSWORD")?)),
            (_, _) => Ok(Self::access_key(
                needed("ZSTACK_ACCESS_KEY_ID")?,
                needed("ZSTACK_ACCESS_KEY_SECRET")?,
            )),
        }
    }

    /// Refuses what could never sign a request, stand in a header or log in.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let checked = match &self.0 {
            Kind::Session(session) => {
                let problem = session.login.as_ref().and_then(|login| login.unusable.clone());
                match (problem, session.uuid()) {
                    (Some(problem), _) => Err(problem),
                    (None, Some(uuid)) => check_uuid(&uuid),
                    (None, None) => Ok(()),
                }
            }
            // A colon would end the id early inside the Authorization header.
            Kind::AccessKey { id, secret, .. } => {
                check_header_credential("AccessKey id", id, &[':'])
                    .and_then(|()| check_key("AccessKey secret", secret.expose()))
            }
        };
        checked.map_err(unusable)
    }
}

fn unusable(reason: String) -> Error {
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
    /// Makes the client and logs in at once, by [`Credentials::password`].
    ///
    /// ```
    /// use guestexec_zstack::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let (endpoint, account) = (sandbox.zstack().endpoint(), sandbox.zstack().account_name());
    /// # let password = sandbox.zstack().password();
    /// let client = Client::builder().endpoint(endpoint).login(account, password).await?;
    /// assert_eq!(sandbox.zstack().sessions(), 1);
    /// client.logout().await?;
    /// assert_eq!(sandbox.zstack().sessions(), 0);
    /// # Ok(())
    /// # }
    /// ```
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
        let client = self.credentials(Credentials::password(account, password)).build()?;
        if let Some(session) = client.session() {
            session.open(&client).await?;
        }
        Ok(client)
    }
}

impl Client {
    /// Ends the client's session, if it has one. Clones of the client share it, and none of them
    /// opens it anew.
    ///
    /// Dropping a client does not log out, because a drop cannot wait for an answer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
    /// # let client = sandbox.zstack().client()?;
    /// client.vm("fc022ba201c135d8809c5e02bf6bf156").run("uptime").await?;
    /// client.logout().await?;
    /// assert_eq!(sandbox.zstack().sessions(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the operation LogOut reports.
    pub async fn logout(&self) -> Result<(), Error> {
        let Some(session) = self.session() else { return Ok(()) };
        session.logged_out.store(true, Ordering::Release);
        match session.uuid() {
            Some(uuid) => self.log_out(uuid.expose()).send().await.map(drop),
            None => Ok(()),
        }
    }
}

/// SHA-512 in lower-case hex, as passwords are sent.
fn sha512_hex(text: &str) -> String {
    hex(&Sha512::digest(text.as_bytes()))
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
