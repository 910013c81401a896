//! Tokens of IAM.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime},
};

use guestexec_core::{ErrorKind, Issued, Renewing};
use reqwest::header::HeaderValue;

use crate::{
    Client, Error,
    auth::{Identity, Login},
    enums::IamAuthMethod,
    operations, sign,
    types::{
        ErrorBody, IamAccessKey, IamAccessKeyId, IamAccessKeySecret, IamAuth, IamIdentity,
        IamPassword, IamPasswordUser, IamScope, IamScopeProject, IamToken, IamUserDomain,
    },
};

/// The assumed life of a token whose answer does not say it.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);
/// The documented life of a token, and the longest that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a token is renewed, so that none expires on the way.
const MARGIN: Duration = Duration::from_secs(600);

/// The token of a client and all its clones.
pub(crate) type Tokens = Renewing<Token, ErrorBody>;

/// A token as it is sent.
pub(crate) struct Token(pub(crate) HeaderValue);

/// Gets a token for a call made at `now`.
///
/// Boxed, because getting a token is itself a call of the client that waits for one.
pub(crate) fn fetch<'a>(
    client: &'a Client,
    login: &'a Login,
    now: SystemTime,
) -> Pin<Box<dyn Future<Output = Result<Issued<Token>, Error>> + Send + 'a>> {
    Box::pin(async move {
        let answer = client.create_user_token(auth(login)).nocatalog("true").send().await?;
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
                .during(operations::CREATE_USER_TOKEN.id)
            })?;
        header.set_sensitive(true);
        let life = answer.into_inner().token.as_ref().and_then(life).unwrap_or(ASSUMED_LIFE);
        let life = life.min(LONGEST_LIFE);
        // If the clock cannot represent that time, the token serves this call only.
        let after = |time| Some(now.checked_add(time).unwrap_or(now));
        let renew_at = after(life - MARGIN.min(life / 4));
        Ok(Issued { value: Token(header), renew_at, expires: after(life) })
    })
}

fn auth(login: &Login) -> IamAuth {
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
    IamAuth { scope: Some(scope), ..IamAuth::new(identity) }
}

/// The life of a token by IAM's clock, so that this machine's may be wrong.
fn life(token: &IamToken) -> Option<Duration> {
    let issued = seconds(token.issued_at.as_deref()?)?;
    let expires = seconds(token.expires_at.as_deref()?)?;
    u64::try_from(expires - issued).ok().filter(|life| *life > 0).map(Duration::from_secs)
}

/// Reads `2020-01-04T09:05:22.701000Z`, without the fraction.
pub(crate) fn seconds(date: &str) -> Option<i64> {
    let whole = date.strip_suffix('Z')?.split('.').next()?;
    let compact: String = whole.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    sign::parse_date(&format!("{compact}Z")).ok()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Token").finish_non_exhaustive()
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
