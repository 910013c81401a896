//! The client of Tencent TAT.

use guestexec::tat::{AssumeRole, Client, ClientBuilder, CredentialSource, Credentials};

use super::{Base, base, common, is_there, lacks, settings, unbuildable};
use crate::{failure::Failure, profiles::Profile, secret_from::SecretFrom};

settings! {
    /// Where the service is, and who calls it.
    Settings;
    places {
        /// The region of the instances, such as ap-guangzhou [env: TENCENTCLOUD_REGION]
        #[arg(long, short, global = true, value_name = "REGION")]
        region: String,
    }
    keys {
        /// The SecretId [default: the environment, then the vendor's files and roles]
        #[arg(long, global = true, value_name = "ID")]
        key_id: String,
        /// Where the SecretKey is: prompt, stdin, file:PATH, env:NAME or command:LINE
        #[arg(long, global = true, value_name = "PLACE")]
        secret_from: SecretFrom,
        /// Where the token of temporary keys is
        #[arg(long, global = true, value_name = "PLACE")]
        token_from: SecretFrom,
    }
    roles {
        /// The role that these keys assume
        #[arg(long, global = true, value_name = "ARN")]
        role_arn: String,
    }
}

impl Settings {
    /// What stands behind what was given as flags.
    ///
    /// # Errors
    /// As [`base`].
    pub(crate) fn base(&self) -> Result<Base, Failure> {
        base(self.profile.as_deref(), "tat", is_there(Credentials::from_env()))
    }

    /// These, with what the profile says that is named or in use.
    ///
    /// # Errors
    /// As [`base`].
    pub(crate) fn resolved(self) -> Result<Self, Failure> {
        let of_environment = || Self {
            region: Client::builder().address_from_env().given_region().map(str::to_owned),
            ..Self::default()
        };
        Ok(match self.base()? {
            Base::Named(_, profile) => match *profile {
                Profile::Tat(other) => self.or(&other),
                _ => self,
            },
            Base::InUse(_, profile) => match *profile {
                Profile::Tat(other) => self.or(&of_environment()).or(&other),
                _ => self,
            },
            Base::Environment | Base::Nothing => self,
        })
    }

    /// The region: where it is not given, that of the environment, or that of tccli.
    pub(crate) fn region(&self) -> Option<String> {
        self.region.clone().or_else(|| {
            let builder = Client::builder().address_from_env().region_of_vendor_cli();
            builder.given_region().map(str::to_owned)
        })
    }

    /// The region, which has to be known.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn address(&self) -> Result<String, Failure> {
        self.region().ok_or_else(|| {
            Failure::new("the region of the instances is not known").advise(
                "Give --region ap-guangzhou, say; set TENCENTCLOUD_REGION; or make a profile by \
                 `guestexec profile add NAME tat`.",
            )
        })
    }

    /// Where the machines are, as the end of a sentence.
    pub(crate) fn places(&self) -> String {
        self.region().map_or_else(String::new, |region| format!("; region {region}"))
    }

    /// Tells a client where the service is.
    pub(crate) fn with_address(&self, builder: ClientBuilder, region: String) -> ClientBuilder {
        builder.region(region).address_from_env()
    }

    /// Where the keys come from. Secrets are read now.
    ///
    /// # Errors
    /// If a secret cannot be read.
    pub(crate) async fn source(&self) -> Result<CredentialSource, Failure> {
        let source = match (&self.key_id, &self.secret_from) {
            (Some(id), Some(secret)) => {
                let mut keys = Credentials::new(id, secret.read("--secret-from").await?);
                if let Some(token) = &self.token_from {
                    keys = keys.with_security_token(token.read("--token-from").await?);
                }
                keys.into()
            }
            (Some(_), None) => return Err(lacks("--key-id", "--secret-from")),
            (None, _) if self.has_keys() => {
                let given =
                    if self.secret_from.is_some() { "--secret-from" } else { "--token-from" };
                return Err(lacks(given, "--key-id"));
            }
            _ => CredentialSource::default_chain(),
        };
        Ok(match &self.role_arn {
            Some(role) => AssumeRole::new(source, role).into(),
            None => source,
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
        let region = settings.address()?;
        let source = settings.source().await?;
        let builder = common!(Client::builder(), &settings).credentials(source);
        Ok(settings.with_address(builder, region))
    }
}
