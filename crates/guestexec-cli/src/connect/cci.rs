//! The client of Huawei CCI.

use guestexec::cci::{AssumeAgency, Client, ClientBuilder, CredentialSource, Credentials};

use super::{Base, base, common, is_there, lacks, settings, unbuildable};
use crate::{failure::Failure, profiles::Profile, secret_from::SecretFrom};

settings! {
    /// Where the service is, and who calls it.
    Settings;
    places {
        /// The namespace of the pods [default: default]
        #[arg(long, short, global = true, value_name = "NAMESPACE", help_heading = "Target")]
        namespace: String,
        /// The region, such as cn-north-4 [env: HUAWEICLOUD_SDK_REGION]
        #[arg(long, short, global = true, value_name = "REGION")]
        region: String,
        /// The address of IAM, if it is not the region's
        #[arg(long, global = true, value_name = "URL")]
        iam_endpoint: String,
    }
    keys {
        /// The access key's id [default: the environment, then the vendor's file and agency]
        #[arg(long, global = true, value_name = "ID")]
        key_id: String,
        /// The user to log in with at IAM, of the account --domain
        #[arg(long, global = true, value_name = "NAME", conflicts_with = "key_id")]
        user: String,
        /// Where the secret key or the user's password is: prompt, stdin, file:PATH, env:NAME or command:LINE
        #[arg(long, global = true, value_name = "PLACE")]
        secret_from: SecretFrom,
        /// Where a token of IAM is or, with a key, the security token of a temporary one
        #[arg(long, global = true, value_name = "PLACE")]
        token_from: SecretFrom,
    }
    roles {
        /// The agency that these keys assume, of the account --domain
        #[arg(long, global = true, value_name = "NAME", conflicts_with = "user")]
        agency: String,
        /// The account (domain) of the user or agency
        #[arg(long, global = true, value_name = "NAME")]
        domain: String,
        /// The project's id, where the service asks for it
        #[arg(long, global = true, value_name = "ID")]
        project_id: String,
    }
}

impl Settings {
    /// What stands behind what was given as flags.
    ///
    /// # Errors
    /// As [`base`].
    pub(crate) fn base(&self) -> Result<Base, Failure> {
        base(self.profile.as_deref(), "cci", is_there(Client::builder().from_env()))
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
                Profile::Cci(other) => self.or(&other),
                _ => self,
            },
            Base::InUse(_, profile) => match *profile {
                Profile::Cci(other) => self.or(&of_environment()).or(&other),
                _ => self,
            },
            Base::Environment | Base::Nothing => self,
        })
    }

    /// The namespace of the pods.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// The region: where it is not given, that of the environment, or that of KooCLI.
    pub(crate) fn region(&self) -> Option<String> {
        self.region.clone().or_else(|| {
            let builder = Client::builder().address_from_env().region_of_vendor_cli();
            builder.given_region().map(str::to_owned)
        })
    }

    /// The region, which has to be known if the endpoint is not.
    ///
    /// # Errors
    /// If neither is.
    pub(crate) fn address(&self) -> Result<Option<String>, Failure> {
        let region = self.region();
        let has_endpoint =
            self.endpoint.is_some() || Client::builder().address_from_env().has_endpoint();
        if region.is_none() && !has_endpoint {
            return Err(Failure::new("the region of the pods is not known").advise(
                "Give --region cn-north-4, say; set HUAWEICLOUD_SDK_REGION; or make a profile by \
                 `guestexec profile add NAME cci`.",
            ));
        }
        Ok(region)
    }

    /// Where the pods are, as the end of a sentence.
    pub(crate) fn places(&self) -> String {
        let region = self.region().map(|region| format!("; region {region}"));
        format!("{}; namespace {}", region.unwrap_or_default(), self.namespace())
    }

    /// Tells a client where the service is.
    pub(crate) fn with_address(
        &self,
        mut builder: ClientBuilder,
        region: Option<String>,
    ) -> ClientBuilder {
        if let Some(region) = region {
            builder = builder.region(region);
        }
        if let Some(endpoint) = &self.iam_endpoint {
            builder = builder.iam_endpoint(endpoint);
        }
        builder.address_from_env()
    }

    /// Where the credentials come from. Secrets are read now.
    ///
    /// # Errors
    /// If a secret cannot be read, or a part is missing.
    pub(crate) async fn source(&self) -> Result<CredentialSource, Failure> {
        if let Some(user) = &self.user {
            return self.login(user).await;
        }
        let given = match (&self.key_id, &self.secret_from, &self.token_from) {
            (Some(id), Some(secret), token) => {
                let mut keys = Credentials::access_key(id, secret.read("--secret-from").await?);
                if let Some(token) = token {
                    keys = keys.with_security_token(token.read("--token-from").await?);
                }
                Some(keys)
            }
            (Some(_), None, _) => return Err(lacks("--key-id", "--secret-from")),
            (None, Some(_), _) => return Err(lacks("--secret-from", "--key-id or --user")),
            (None, None, Some(token)) => {
                Some(Credentials::token(token.read("--token-from").await?))
            }
            (None, None, None) => None,
        };
        let is_key = self.key_id.is_some();
        let project = self.project_id.as_ref().filter(|_| is_key && self.agency.is_none());
        let source = match (given, project) {
            (Some(given), Some(project)) => given.project_id(project).into(),
            (Some(given), None) => given.into(),
            (None, _) => CredentialSource::default_chain(),
        };
        let Some(agency) = &self.agency else { return Ok(source) };
        let domain = self.domain.as_ref().ok_or_else(|| lacks("--agency", "--domain"))?;
        let assumed = AssumeAgency::new(source, domain, agency);
        Ok(match &self.project_id {
            Some(project) => assumed.project_id(project).into(),
            None => assumed.into(),
        })
    }

    /// A user's name and password.
    async fn login(&self, user: &str) -> Result<CredentialSource, Failure> {
        let domain = self.domain.as_ref().ok_or_else(|| lacks("--user", "--domain"))?;
        let secret = self.secret_from.as_ref().ok_or_else(|| lacks("--user", "--secret-from"))?;
        let project = self.project_id.clone().or_else(|| self.region());
        let project = project.ok_or_else(|| lacks("--user", "--region or --project-id"))?;
        let password = secret.read("--secret-from").await?;
        Ok(Credentials::password(domain, user, password, project).into())
    }

    /// Makes the client. Secrets are read now.
    ///
    /// # Errors
    /// If a setting or a secret cannot be used.
    pub(crate) async fn client(&self) -> Result<Client, Failure> {
        let builder = self.builder().await?;
        let with_plain_http = builder.clone().allow_plain_http();
        builder.build().map_err(|error| unbuildable(error, || with_plain_http.build().is_ok()))
    }

    /// The client's settings, as [`client`](Self::client) has them.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn builder(&self) -> Result<ClientBuilder, Failure> {
        let region = self.address()?;
        let source = self.source().await?;
        let builder = common!(Client::builder(), self).credentials(source);
        Ok(self.with_address(builder, region))
    }
}
