//! Tokens of IAM: fetched once, kept, and fetched anew before they expire.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex as StdMutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use guestexec_core::ErrorKind;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;

use crate::{
    Client, Error,
    auth::{Identity, Login},
    enums::IamAuthMethod,
    sign,
    types::{
        IamAccessKey, IamAccessKeyId, IamAccessKeySecret, IamAuth, IamIdentity, IamPassword,
        IamPasswordUser, IamScope, IamScopeProject, IamToken, IamUserDomain,
        KeystoneCreateUserTokenByPasswordRequest,
    },
};

/// The life of a token whose answer does not tell it.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);
/// The service's own life of a token, and the longest that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a token is fetched anew: none should expire on the way.
const MARGIN: Duration = Duration::from_secs(600);

/// A token as it is sent, and when to get the next.
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    renew_at: SystemTime,
}

/// The token of a client and all its clones.
#[derive(Default)]
pub(crate) struct Tokens {
    current: StdMutex<Option<Arc<Token>>>,
    /// Held across the fetch, which makes it one at a time; inside is the last failure, numbered.
    fetching: Mutex<Option<(u64, Error)>>,
    failures: AtomicU64,
}

impl Tokens {
    pub(crate) fn current(&self) -> MutexGuard<'_, Option<Arc<Token>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token at hand, if it is still good at `now`.
    pub(crate) fn good(&self, now: SystemTime) -> Option<Arc<Token>> {
        self.current().clone().filter(|token| now < token.renew_at)
    }

    /// A token that is still good at `now`: the one at hand or a new one.
    ///
    /// Of many calls at once only one asks IAM. If it fails, those that waited for it fail alike
    /// and ask nothing, because IAM locks users out after a few wrong passwords.
    pub(crate) async fn get(
        &self,
        client: &Client,
        login: &Login,
        now: SystemTime,
    ) -> Result<Arc<Token>, Error> {
        if let Some(token) = self.good(now) {
            return Ok(token);
        }
        let failures = self.failures.load(Ordering::Acquire);
        let mut last_failure = self.fetching.lock().await;
        if let Some(token) = self.good(now) {
            return Ok(token);
        }
        if let Some((number, failure)) = &*last_failure
            && *number > failures
        {
            return Err(again(failure));
        }
        match fetch(client, login, now).await {
            Ok(token) => {
                let token = Arc::new(token);
                *self.current() = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                let number = self.failures.fetch_add(1, Ordering::AcqRel) + 1;
                *last_failure = Some((number, again(&error)));
                Err(error)
            }
        }
    }

    /// Lets go of a token the service no longer accepts, unless it has been replaced already.
    pub(crate) fn forget(&self, refused: &Arc<Token>) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            *current = None;
        }
    }
}

/// The same failure for another caller. Its source and detail stay with the first.
fn again(error: &Error) -> Error {
    let mut same = Error::new(error.kind(), error.message())
        .with_code(error.code().map(str::to_owned))
        .with_request_id(error.request_id().map(str::to_owned));
    if let Some(operation) = error.operation() {
        same = same.during(operation);
    }
    if let Some(status) = error.status() {
        same = same.with_status(status);
    }
    match error.advice() {
        Some(advice) => same.with_advice(advice.to_owned()),
        None => same,
    }
}

/// Boxed, because getting a token is itself a call of the client that waits for one.
fn fetch<'a>(
    client: &'a Client,
    login: &'a Login,
    now: SystemTime,
) -> Pin<Box<dyn Future<Output = Result<Token, Error>> + Send + 'a>> {
    Box::pin(async move {
        let answer = client
            .keystone_create_user_token_by_password()
            .nocatalog("true")
            .body(request(login))
            .send()
            .await?;
        let mut header = answer
            .headers()
            .get("x-subject-token")
            .filter(|token| !token.is_empty())
            .cloned()
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Protocol,
                    "the answer has no X-Subject-Token header, where the token should be",
                )
                .during("keystoneCreateUserTokenByPassword")
            })?;
        header.set_sensitive(true);
        let life = answer.into_inner().token.as_ref().and_then(life).unwrap_or(ASSUMED_LIFE);
        let life = life.min(LONGEST_LIFE);
        // A clock that cannot tell that time has the token serve this call only.
        let renew_at = now.checked_add(life - MARGIN.min(life / 4)).unwrap_or(now);
        Ok(Token { header, renew_at })
    })
}

fn request(login: &Login) -> KeystoneCreateUserTokenByPasswordRequest {
    let is_id = login.project.len() == 32 && login.project.bytes().all(|b| b.is_ascii_hexdigit());
    let project = Some(login.project.clone());
    let (id, name) = if is_id { (project, None) } else { (None, project) };
    let identity = match &login.identity {
        Identity::Password { domain, user, password } => IamIdentity {
            password: Some(IamPassword::new(IamPasswordUser::new(
                IamUserDomain::new(domain.clone()),
                user.clone(),
                password.clone(),
            ))),
            ..IamIdentity::new(vec![IamAuthMethod::Password])
        },
        Identity::AccessKey { id: key, secret } => IamIdentity {
            hw_ak_sk: Some(IamAccessKey::new(
                IamAccessKeyId::new(key.clone()),
                IamAccessKeySecret::new(secret.clone()),
            )),
            ..IamIdentity::new(vec![IamAuthMethod::HwAkSk])
        },
    };
    let scope = IamScope::new(IamScopeProject { id, name });
    let auth = IamAuth { scope: Some(scope), ..IamAuth::new(identity) };
    KeystoneCreateUserTokenByPasswordRequest::new(auth)
}

/// How long a token lives by IAM's clock, so that this machine's may be wrong.
fn life(token: &IamToken) -> Option<Duration> {
    let issued = seconds(token.issued_at.as_deref()?)?;
    let expires = seconds(token.expires_at.as_deref()?)?;
    u64::try_from(expires - issued).ok().filter(|life| *life > 0).map(Duration::from_secs)
}

/// Reads `2020-01-04T09:05:22.701000Z`, without the fraction.
fn seconds(date: &str) -> Option<i64> {
    let whole = date.strip_suffix('Z')?.split('.').next()?;
    let compact: String = whole.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    sign::parse_date(&format!("{compact}Z")).ok()
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{IamToken, life, seconds, sign};

    #[test]
    fn a_tokens_life_is_read_from_its_own_dates() {
        let token = |issued: &str, expires: &str| IamToken {
            issued_at: Some(issued.to_owned()),
            expires_at: Some(expires.to_owned()),
            ..IamToken::default()
        };
        let day = token("2020-01-03T09:05:22.701000Z", "2020-01-04T09:05:22.701000Z");
        assert_eq!(life(&day), Some(Duration::from_secs(24 * 3600)));
        for (issued, expires) in [
            ("2020-01-04T09:05:22Z", "2020-01-03T09:05:22Z"),
            ("yesterday", "2020-01-04T09:05:22Z"),
            ("2020-01-03T09:05:22Z", ""),
            ("2020-01-03T09:05:22+08:00", "2020-01-04T09:05:22Z"),
        ] {
            assert_eq!(life(&token(issued, expires)), None, "{issued} {expires}");
        }
        assert_eq!(life(&IamToken::default()), None);
    }

    proptest! {
        #[test]
        fn no_date_panics(text in ".*", nearly in "[0-9TZé:.+-]{0,32}", tail in ".{0,12}") {
            for text in [&text, &nearly, &format!("{nearly}Z"), &format!("2020-01-03T09:05:22{tail}Z")] {
                let _ = seconds(text);
                let _ = sign::parse_date(text);
            }
        }
    }
}
