//! The client of ZStack.

use std::{fmt, str::FromStr};

use guestexec::zstack::{Client, ClientBuilder, CredentialSource, Credentials, sign::DateZone};
use serde::{Deserialize, Serialize};

use super::{Base, base, common, is_there, lacks, settings, unbuildable};
use crate::{failure::Failure, profiles::Profile, secret_from::SecretFrom};

settings! {
    /// Where the service is, and who calls it.
    Settings;
    places {
        /// The time zone of the management node, where it is not UTC and AccessKeys are used: +08:00 or CST+08:00
        #[arg(long, global = true, value_name = "ZONE", allow_hyphen_values = true)]
        time_zone: Zone,
    }
    keys {
        /// The AccessKey's id [env: ZSTACK_ACCESS_KEY_ID]
        #[arg(long, global = true, value_name = "ID", conflicts_with = "account")]
        key_id: String,
        /// The account to log in with [env: ZSTACK_ACCOUNT_NAME]
        #[arg(long, global = true, value_name = "NAME")]
        account: String,
        /// Where the AccessKey's secret or the account's password is: prompt, stdin, file:PATH, env:NAME or command:LINE
        #[arg(long, global = true, value_name = "PLACE")]
        secret_from: SecretFrom,
        /// Where the UUID of a session is
        #[arg(long, global = true, value_name = "PLACE")]
        token_from: SecretFrom,
    }
    roles {}
}

/// A time zone as a person writes it: its distance from UTC, perhaps after its name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Zone {
    name: String,
    minutes: i32,
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || "a zone is written as in +08:00, CST+08:00 or UTC".to_owned();
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self { name: "UTC".to_owned(), minutes: 0 });
        }
        let at = text.find(['+', '-']).ok_or_else(problem)?;
        let (name, offset) = text.split_at(at);
        let (sign, offset) = offset.split_at(1);
        let digits = offset.replace(':', "");
        let is_time = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_name = name.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'/');
        let (hours, minutes) = digits.split_at_checked(2).ok_or_else(problem)?;
        let (hours, minutes): (i32, i32) =
            (hours.parse().map_err(|_| problem())?, minutes.parse().map_err(|_| problem())?);
        if !is_time || !is_name || hours > 14 || minutes > 59 {
            return Err(problem());
        }
        let minutes = hours * 60 + minutes;
        let name = if name.is_empty() { format!("{sign}{digits}") } else { name.to_owned() };
        Ok(Self { name, minutes: if sign == "-" { -minutes } else { minutes } })
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.to_string()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.starts_with(['+', '-']) { "" } else { &self.name };
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.abs();
        write!(f, "{name}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Settings {
    /// What stands behind what was given as flags.
    ///
    /// # Errors
    /// As [`base`].
    pub(crate) fn base(&self) -> Result<Base, Failure> {
        base(self.profile.as_deref(), "zstack", is_there(Credentials::from_env()))
    }

    /// These, with what the profile says that is named or in use.
    ///
    /// # Errors
    /// As [`base`].
    pub(crate) fn resolved(self) -> Result<Self, Failure> {
        Ok(match self.base()? {
            Base::Named(_, profile) | Base::InUse(_, profile) => match *profile {
                Profile::Zstack(other) => self.or(&other),
                _ => self,
            },
            Base::Environment | Base::Nothing => self,
        })
    }

    /// Sees to it that the address of the management node is known.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn address(&self) -> Result<(), Failure> {
        if self.endpoint.is_some() || Client::builder().address_from_env().has_endpoint() {
            return Ok(());
        }
        Err(Failure::new("the address of the management node is not known").advise(
            "Give --endpoint https://zstack.example, say; set ZSTACK_ENDPOINT or ZSTACK_HOST; or \
             make a profile by `guestexec profile add NAME zstack`.",
        ))
    }

    /// Where the VMs are, as the end of a sentence: the node alone says it.
    pub(crate) fn places(&self) -> &'static str {
        ""
    }

    /// Tells a client where the service is.
    pub(crate) fn with_address(&self, builder: ClientBuilder, (): ()) -> ClientBuilder {
        builder.address_from_env()
    }

    /// Where the credentials come from. Secrets are read now.
    ///
    /// # Errors
    /// If a secret cannot be read, or a part is missing.
    pub(crate) async fn source(&self) -> Result<CredentialSource, Failure> {
        let credentials = match (&self.key_id, &self.account, &self.secret_from) {
            (Some(id), _, Some(secret)) => {
                Credentials::access_key(id, secret.read("--secret-from").await?)
            }
            (None, Some(account), Some(password)) => {
                Credentials::password(account, password.read("--secret-from").await?)
            }
            (Some(_), _, None) => return Err(lacks("--key-id", "--secret-from")),
            (None, Some(_), None) => return Err(lacks("--account", "--secret-from")),
            (None, None, Some(_)) => return Err(lacks("--secret-from", "--key-id or --account")),
            (None, None, None) => match (&self.token_from, &self.time_zone) {
                (Some(token), _) => Credentials::session(token.read("--token-from").await?),
                (None, Some(_)) => Credentials::from_env()?,
                (None, None) => return Ok(CredentialSource::default_chain()),
            },
        };
        Ok(match self.time_zone.clone() {
            Some(Zone { name, minutes }) => {
                let zone = DateZone { name: name.into(), utc_offset: minutes * 60 };
                credentials.date_zone(zone).into()
            }
            None => credentials.into(),
        })
    }

    /// Makes the client. Secrets are read now.
    ///
    /// # Errors
    /// If a setting or a secret cannot be used.
    pub(crate) async fn client(self) -> Result<Client, Failure> {
        let builder = self.builder().await?;
        let with_plain_http = builder.clone().allow_plain_http();
        builder.build().map_err(|error| unbuildable(error, || with_plain_http.build().is_ok()))
    }

    /// The client's settings, as [`client`](Self::client) has them.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn builder(self) -> Result<ClientBuilder, Failure> {
        let settings = self.resolved()?;
        settings.address()?;
        let source = settings.source().await?;
        let builder = common!(Client::builder(), &settings).credentials(source);
        Ok(settings.with_address(builder, ()))
    }
}

#[cfg(test)]
mod tests {
    use super::Zone;

    #[test]
    fn a_zone_is_read_and_written() {
        for (text, name, minutes, shown) in [
            ("+08:00", "+0800", 480, "+08:00"),
            ("CST+0800", "CST", 480, "CST+08:00"),
            ("-05:30", "-0530", -330, "-05:30"),
            ("utc", "UTC", 0, "UTC+00:00"),
        ] {
            let zone: Zone = text.parse().unwrap();
            assert_eq!((&*zone.name, zone.minutes), (name, minutes));
            assert_eq!(zone.to_string(), shown);
            assert_eq!(shown.parse(), Ok(zone));
        }
        for text in ["", "CST", "+8", "+25:00", "08:00", "+08:60", "C T+08:00", "+é:00"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }
}
