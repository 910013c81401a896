//! Generated clients side by side, with the least that a provider's crate has beside its generated code.

/// The failure of a call.
pub type Error = guestexec_core::Error<String>;

static IDLE: guestexec_core::Operation = guestexec_core::Operation::undocumented("", "", "");

mod hooks {
    //! What a provider does around an exchange: here only what every one has to.

    use std::future::Future;

    use guestexec_core::{Operation, Refusal, Secrets, Underway, exchange};
    use progenitor_client::{Error as CallError, ResponseValue};

    use crate::Error;

    pub(crate) type Inner = guestexec_core::Inner<(), Call>;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Call {
        underway: Underway,
    }

    pub(crate) async fn call<C, T>(
        _client: &C,
        operation: &'static Operation,
        request: impl Future<Output = Result<ResponseValue<T>, CallError<()>>>,
    ) -> Result<ResponseValue<T>, Error> {
        let underway = Call::default().underway;
        exchange("compiled", operation, &underway, Secrets::default, request, Refusal::from_status).await
    }
}

/// A module with the generated code of one document, its hooks, and a way to a client.
macro_rules! provider {
    ($name:ident) => {
        #[rustfmt::skip]
        pub mod $name;

        impl progenitor_client::ClientHooks<hooks::Inner> for $name::Client {}

        impl $name::Client {
            /// A client of the service at `base`.
            pub fn at(base: &str) -> Self {
                let http = reqwest::Client::new();
                let inner = hooks::Inner {
                    transport: std::sync::Arc::new(http.clone()),
                    clock: std::sync::Arc::new(guestexec_core::SystemClock),
                    checks: true,
                    shared: (),
                    operation: &IDLE,
                    call: hooks::Call::default(),
                };
                Self::new_with_client(base, http, inner)
            }
        }
    };
}

