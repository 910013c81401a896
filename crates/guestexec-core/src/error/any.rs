//! The error of a program that uses several providers.

use std::{
    any::Any,
    error::Error as StdError,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use reqwest::StatusCode;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    Error, ErrorKind,
    account::{Account, Summary},
};
use crate::reason::causes;

/// The service's own account in a provider's errors: the `D` of [`Error<D>`](Error).
pub trait Detail: Send + Sync + 'static {
    /// The provider, as its crate's name ends: `cci`, `tat` or `zstack`.
    const PROVIDER: &'static str;
}

/// An [`Error`] of any provider.
///
/// `?` makes it of a provider's error, so that one function can call several providers. It tells all
/// that the provider's error tells, and [`Self::detail`] and [`Self::downcast_ref`] give what only that
/// provider's has.
///
/// Serialized, it has the members of an [`Error`] and `provider`. Two errors are equal if these are.
#[derive(Clone)]
pub struct AnyError(Arc<dyn OfProvider>);

/// An [`Error`] whose type is not known.
trait OfProvider: StdError + Send + Sync {
    fn provider(&self) -> &'static str;
    fn account(&self) -> &Account;
    fn as_any(&self) -> &dyn Any;
}

impl<D: Detail> OfProvider for Error<D> {
    fn provider(&self) -> &'static str {
        D::PROVIDER
    }

    fn account(&self) -> &Account {
        &self.0.account
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<D: Detail> From<Error<D>> for AnyError {
    fn from(error: Error<D>) -> Self {
        Self(Arc::new(error))
    }
}

impl AnyError {
    /// The provider it came from, as its crate's name ends: `cci`, `tat` or `zstack`.
    pub fn provider(&self) -> &'static str {
        self.0.provider()
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.account().kind
    }

    /// The vendor's name of the operation that failed, if the failure is one of a call.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.account().operation
    }

    /// The service's own code, if it gave one.
    pub fn code(&self) -> Option<&str> {
        self.0.account().code.as_deref()
    }

    /// The service's own message, or this library's sentence.
    pub fn message(&self) -> &str {
        &self.0.account().message
    }

    /// The request's id, by which the vendor's support finds it.
    pub fn request_id(&self) -> Option<&str> {
        self.0.account().request_id.as_deref()
    }

    /// The HTTP status on the wire, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.account().status
    }

    /// What happened, without what to do about it; see [`Error::summary`].
    pub fn summary(&self) -> String {
        Summary(self.0.account()).to_string()
    }

    /// What to do about it, if the kind does not say it all.
    pub fn advice(&self) -> Option<&str> {
        self.0.account().advice.as_deref()
    }

    /// True if the same call may succeed later and a retry cannot run a command twice; see
    /// [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.0.account().is_retryable()
    }

    /// How long the service asks to wait before a retry, if it says so and a retry can help.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.account().retry_after()
    }

    /// True if a command may have started although this call failed. Check that before you retry.
    pub fn may_have_run(&self) -> bool {
        self.0.account().may_have_run
    }

    /// The service's own account, if it gave one and `D` is its type in the provider's crate.
    pub fn detail<D: Detail>(&self) -> Option<&D> {
        self.downcast_ref::<D>()?.detail()
    }

    /// The provider's error, if `D` is its detail's type. Functions of the provider's crate take it, such
    /// as `Unfinished::of`.
    pub fn downcast_ref<D: Detail>(&self) -> Option<&Error<D>> {
        self.0.as_any().downcast_ref()
    }

    /// The first cause of type `T` in the chain of causes.
    pub fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        causes(self.source()).find_map(|cause| cause.downcast_ref())
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for AnyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl PartialEq for AnyError {
    fn eq(&self, other: &Self) -> bool {
        self.provider() == other.provider() && self.0.account() == other.0.account()
    }
}

impl Eq for AnyError {}

impl Hash for AnyError {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.provider().hash(state);
        self.0.account().hash(state);
    }
}

impl Serialize for AnyError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut to = serializer.serialize_map(None)?;
        to.serialize_entry("provider", self.provider())?;
        self.0.account().write(&mut to)?;
        to.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Here(u8);

    impl Detail for Here {
        const PROVIDER: &'static str = "here";
    }

    struct There;

    impl Detail for There {
        const PROVIDER: &'static str = "there";
    }

    fn here() -> Error<Here> {
        Error::new(ErrorKind::Refused, "no")
            .during("Run")
            .with_code(Some("C.1".to_owned()))
            .with_request_id(Some("r-1".to_owned()))
            .with_status(StatusCode::BAD_REQUEST)
            .with_may_have_run(true)
            .with_advice("look")
            .with_detail(Some(Here(7)))
            .with_source(Error::<There>::new(ErrorKind::Config, "why"))
    }

    fn fails() -> Result<(), AnyError> {
        Err(here())?;
        Err(Error::<There>::new(ErrorKind::Config, "never"))?;
        Ok(())
    }

    #[test]
    fn nothing_of_a_providers_error_is_lost() {
        let (any, own) = (fails().unwrap_err(), here());
        assert_eq!(any.provider(), "here");
        assert_eq!((any.kind(), any.operation()), (own.kind(), own.operation()));
        assert_eq!((any.code(), any.message()), (own.code(), own.message()));
        assert_eq!((any.request_id(), any.status()), (own.request_id(), own.status()));
        assert_eq!((any.advice(), any.retry_after()), (own.advice(), own.retry_after()));
        assert_eq!((any.may_have_run(), any.is_retryable()), (true, false));
        assert_eq!((any.to_string(), format!("{any:?}")), (own.to_string(), format!("{own:?}")));
        assert_eq!(any.detail(), Some(&Here(7)));
        assert!(any.detail::<There>().is_none() && any.downcast_ref::<There>().is_none());
        assert_eq!(any.downcast_ref(), Some(&own));
        assert_eq!(any.cause::<Error<There>>().map(Error::message), Some("why"));
        assert_eq!(any.source().map(ToString::to_string), own.source().map(ToString::to_string));
        assert_eq!(
            serde_json::to_value(&any).unwrap(),
            serde_json::json!({
                "provider": "here", "kind": "refused", "operation": "Run", "code": "C.1",
                "message": "no", "request_id": "r-1", "status": 400, "may_have_run": true,
                "retryable": false, "advice": "look",
            })
        );
    }

    #[test]
    fn errors_of_two_providers_differ() {
        let here = AnyError::from(Error::<Here>::new(ErrorKind::Config, "x"));
        let there = AnyError::from(Error::<There>::new(ErrorKind::Config, "x"));
        assert_ne!(here, there);
        assert_eq!(here, here.clone());
    }

    #[test]
    fn it_crosses_threads() {
        fn crosses<T: Send + Sync + Clone + 'static>() {}
        crosses::<AnyError>();
    }
}
