//! The caller's credentials: a session, an account or an AccessKey.

mod keyring;
mod source;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_core::{
    Credential, ErrorKind, Issued, Renewing, Secret, absent, check_credential,
    check_header_credential, check_key, sign::hex, unusable, variable,
};
use sha2::{Digest as _, Sha512};

use crate::{Client, ClientBuilder, Error, hooks::Call, operations, sign::DateZone, types};

pub(crate) use keyring::{Holder, keyring};
pub use source::{CredentialSource, Lease, LeaseFuture};

/// How long after a session was replaced it may be replaced again: a node that ends each session at once
/// would have many opened.
const PAUSE: Duration = Duration::from_secs(10);

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
    /// Why the node refused the name or password: they are not tried again, as a node may lock the
    /// account after a few wrong ones.
    refusal: OnceLock<Error>,
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
        let logged_out = AtomicBool::new(false);
        Arc::new(Self { uuid, login, logged_out, refusal: OnceLock::new() })
    }

    /// The session's UUID as it is now, if it is open.
    pub(crate) fn uuid(&self) -> Option<Arc<Secret>> {
        self.uuid.current()
    }

    /// True if the client opened it by a login, and has not logged out.
    pub(crate) fn can_be_renewed(&self) -> bool {
        self.login.is_some() && !self.logged_out.load(Ordering::Acquire)
    }

    /// The hash of the account's password, if the client logs in.
    pub(crate) fn password_hash(&self) -> Option<&Secret> {
        self.login.as_ref().map(|login| &login.password_hash)
    }

    /// True if both have the same UUID or the same login.
    fn is_same(&self, other: &Self) -> bool {
        let uuid = |session: &Self| session.uuid().map(|uuid| uuid.expose().to_owned());
        match (&self.login, &other.login) {
            (Some(one), Some(two)) => {
                one.account == two.account
                    && one.password_hash.expose() == two.password_hash.expose()
            }
            (None, None) => uuid(self) == uuid(other),
            _ => false,
        }
    }

    /// Opens the session, unless it is open or the client has logged out.
    pub(crate) async fn open(&self, client: &Client) -> Result<(), Error> {
        match self.login.as_ref().filter(|_| self.can_be_renewed()) {
            // A session has no end that is known beforehand, so the time does not matter.
            Some(login) => {
                let opened = self.uuid.get(SystemTime::UNIX_EPOCH, || self.log_in(client, login));
                opened.await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Opens the session again, unless another clone did so since `ended` was current. False if it
    /// cannot be opened again.
    pub(crate) async fn renew(&self, client: &Client, ended: &Secret) -> Result<bool, Error> {
        let Some(login) = self.login.as_ref().filter(|_| self.can_be_renewed()) else {
            return Ok(false);
        };
        let is_ended = |uuid: &Secret| uuid.expose() == ended.expose();
        let renewed = self.uuid.renew(is_ended, || async {
            // Another clone may have logged out while this call waited.
            if !self.can_be_renewed() {
                return Err(Error::new(ErrorKind::Unauthenticated, "the client has logged out"));
            }
            let uuid = self.log_in(client, login).await?;
            tracing::warn!("the ZStack session had ended; logged in again");
            Ok(uuid)
        });
        renewed.await.map(|uuid| uuid.is_some())
    }

    /// Logs in, unless the node has refused this login before.
    async fn log_in(&self, client: &Client, login: &Login) -> Result<Issued<Secret>, Error> {
        if let Some(refusal) = self.refusal.get() {
            return Err(refusal.clone());
        }
        let opened = log_in(client, login).await;
        if let Err(error) = &opened
            && error.kind() == ErrorKind::Unauthenticated
        {
            self.refusal.get_or_init(|| {
                error.clone().with_advice(
                    "check the account's name and password: this client does not try them again, since \
                     a node may lock the account; make a new client with others",
                )
            });
        }
        opened
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
    /// again where a call finds the session ended, but not within ten seconds; clones share the session.
    /// A name or password that the node refuses is sent once.
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
        Self(Kind::Session(Session::new(Renewing::default().pause(PAUSE), Some(login))))
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

    /// True if the hash of a password is sent to the node.
    #[doc(hidden)]
    pub fn sends_password(&self) -> bool {
        matches!(&self.0, Kind::Session(session) if session.login.is_some())
    }

    /// True if both are the same session, account or AccessKey.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Session(one), Kind::Session(two)) => Arc::ptr_eq(one, two) || one.is_same(two),
            (
                Kind::AccessKey { id, secret, .. },
                Kind::AccessKey { id: other_id, secret: other, .. },
            ) => id == other_id && secret.expose() == other.expose(),
            _ => false,
        }
    }

    /// Reads credentials from the environment, by the names of the vendor's Terraform provider and Packer
    /// plugin: `ZSTACK_ACCESS_KEY_ID` and `ZSTACK_ACCESS_KEY_SECRET`, or else `ZSTACK_ACCOUNT_NAME` and
    /// `ZSTACK_ACCOUNT_PASSWORD`. `ZSTACK_PASSWORD`, as a sandbox prints it, is taken where the latter is
    /// not set.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`], naming the variable that is missing or empty.
    pub fn from_env() -> Result<Self, Error> {
        let [id, secret, account] =
            ["ZSTACK_ACCESS_KEY_ID", "ZSTACK_ACCESS_KEY_SECRET", "ZSTACK_ACCOUNT_NAME"]
                .map(variable);
        let password = variable("ZSTACK_ACCOUNT_PASSWORD").or_else(|| variable("ZSTACK_PASSWORD"));
        let missing = |name: &str| {
            unusable(format!("the environment variable {name} is not set"))
                .with_advice("set it, or give the client its credentials with `credentials(…)`")
        };
        match (id, secret, account, password) {
            (Some(id), Some(secret), ..) => Ok(Self::access_key(id, secret)),
            (Some(_), None, ..) => Err(missing("ZSTACK_ACCESS_KEY_SECRET")),
            (None, Some(_), ..) => Err(missing("ZSTACK_ACCESS_KEY_ID")),
            (None, None, Some(account), Some(password)) => Ok(Self::password(account, password)),
            (None, None, Some(_), None) => Err(missing("ZSTACK_ACCOUNT_PASSWORD")),
            (None, None, None, Some(_)) => Err(missing("ZSTACK_ACCOUNT_NAME")),
            (None, None, None, None) => Err(absent("the environment holds no credentials")
                .with_advice(
                    "set ZSTACK_ACCESS_KEY_ID and ZSTACK_ACCESS_KEY_SECRET, or give the client its \
                     credentials with `credentials(…)`",
                )),
        }
    }
}

impl Credential for Credentials {
    type Detail = types::ErrorCode;

    /// Refuses what could never sign a request, stand in a header or log in.
    fn check(&self) -> Result<(), Error> {
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
    /// opens it again.
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
    /// The errors of the operation LogOut.
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
