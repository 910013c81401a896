//! Generated clients side by side, with the least that a provider's crate has beside its generated code.

/// The failure of a call.
pub type Error = guestexec_core::Error<String>;

mod hooks {
    //! What a provider does around an exchange: here only what every one has to.

    use std::future::Future;

    use guestexec_core::{
        Answer, CallError, MAX_ANSWER, Operation, Refusal, Secrets, Underway, exchange,
        limit_answer,
    };
    use reqwest::{Request, Response};

    use crate::Error;

    pub(crate) type Inner = guestexec_core::Inner<(), Call>;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Call {
        underway: Underway,
    }

    /// A client of any document.
    pub(crate) trait HasInner {
        fn inner(&self) -> &Inner;
    }

    pub(crate) async fn send<C: HasInner>(
        client: &C,
        mut request: Request,
    ) -> Result<Response, CallError> {
        client.inner().prepare(&mut request)?;
        Ok(limit_answer(client.inner().send(request).await?, MAX_ANSWER))
    }

    pub(crate) async fn call<C, T>(
        _client: &C,
        operation: &'static Operation,
        answer: impl Future<Output = Result<Answer<T>, CallError>>,
    ) -> Result<Answer<T>, Error> {
        let underway = Call::default().underway;
        let (secrets, decode) = (Secrets::default, Refusal::from_status);
        exchange("compiled", operation, &underway, secrets, answer, decode).await
    }
}

/// The HTTP client and the inner state of a client of the service at `base`.
fn parts(base: &str) -> (reqwest::Client, hooks::Inner) {
    let settings = guestexec_core::Settings::default();
    let endpoint = settings.parse_endpoint(base).expect("an address");
    settings.build(&[&endpoint], ()).expect("an HTTP client")
}

/// A module with the generated code of one document, its hooks, and a way to a client.
macro_rules! provider {
    ($name:ident) => {
        #[rustfmt::skip]
                pub mod $name;

        impl hooks::HasInner for $name::Client {
            fn inner(&self) -> &hooks::Inner {
                &self.inner
            }
        }

        impl $name::Client {
            /// A client of the service at `base`.
            pub fn at(base: &str) -> Self {
                let (client, inner) = parts(base);
                Self { baseurl: base.to_owned(), client, inner }
            }
        }
    };
}
