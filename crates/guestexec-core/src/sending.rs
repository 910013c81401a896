//! What every call that a builder begins can do besides `send`.

use std::future::Future;

use hyper::body::Bytes;

use crate::{Answer, Error};

/// A call that a builder has finished, for code that does not know its operation.
pub trait Sending: Clone + Send + Sized {
    /// What the operation answers.
    type Content;
    /// The detail of the provider's error.
    type Detail;

    /// Reads the content of an answer.
    ///
    /// # Errors
    /// Where the body is not of the documented form.
    fn read(body: Bytes) -> serde_json::Result<Self::Content>;

    /// Sends the request, and returns the body of the answer as it came.
    ///
    /// # Errors
    /// If a limit is violated (nothing is sent) or the call fails.
    fn into_bytes(self) -> impl Future<Output = Result<Answer<Bytes>, Error<Self::Detail>>> + Send;
}

/// Implements what every builder has: the options of a call, and the ways to send it.
///
/// The macro takes the builder, the constant of its operation, the statuses of success and the type that they
/// answer, and how a body is read. An answer in an envelope has the envelope's type and its member besides.
///
/// ```ignore
/// sending!(RunCommand sends RUN_COMMAND starting a command,
///     [200] => types::RunCommandResult,
///     json in types::RunCommandResponse => response);
/// ```
///
/// What is `inline` is compiled where a program uses it.
#[doc(hidden)]
#[macro_export]
macro_rules! sending {
    (
        $builder:ident sends $operation:ident $(starting a $command:ident)?,
        $statuses:tt => $content:ty, upgrade
    ) => {
        impl $builder<'_> {
            $crate::call_options! {}
            $crate::sending!(@send $content $(, $command)?);
            $crate::sending!(@prepared $operation $statuses);
            $crate::sending!(@send_in $content, upgraded());
        }
    };
    (
        $builder:ident sends $operation:ident $(starting a $command:ident)?,
        $statuses:tt => $content:ty, $read:ident $(in $whole:ty => $member:ident)?
    ) => {
        impl $builder<'_> {
            $crate::call_options! {}
            $crate::sending!(@send $content $(, $command)?);

            /// Sends the request, and returns the body of the answer as it came. Only bytes that are not
            /// UTF-8, and numbers that no reader takes, are replaced.
            ///
            /// # Errors
            /// As [`send`](Self::send).
            pub async fn send_raw(self) -> Result<$crate::Answer<$crate::Bytes>, Error> {
                self.prepared(Call::default()).receive($crate::read::bytes).await
            }

            $crate::sending!(@streamed $read);
            $crate::sending!(@prepared $operation $statuses);
            $crate::sending!(@send_in $content, receive(|body| $crate::sending!(@read body $read $($whole, $member)?)));
        }

        #[cfg(feature = "by-name")]
        impl $crate::Sending for $builder<'_> {
            type Content = $content;
            type Detail = $crate::DetailOf<Error>;

            #[inline]
            fn read(body: $crate::Bytes) -> $crate::__private::JsonResult<$content> {
                $crate::sending!(@read body $read $($whole, $member)?)
            }

            #[inline]
            fn into_bytes(
                self,
            ) -> impl Future<Output = Result<$crate::Answer<$crate::Bytes>, Error>> + Send {
                self.send_raw()
            }
        }
    };
    (@send $content:ty) => {
        /// Sends the request.
        ///
        /// # Errors
        /// If a limit is violated (nothing is sent) or the call fails.
        pub async fn send(self) -> Result<$crate::Answer<$content>, Error> {
            self.send_in(Call::default()).await
        }
    };
    (@send $content:ty, command) => {
        /// Sends the request.
        ///
        /// It starts a command and is never sent a second time after it may have arrived. After a failure,
        /// [`may_have_run`](guestexec_core::Error::may_have_run) says whether the command may have run.
        ///
        /// # Errors
        /// If a limit is violated (nothing is sent) or the call fails.
        pub async fn send(self) -> Result<$crate::Answer<$content>, Error> {
            self.send_in(Call::default()).await
        }
    };
    (@prepared $operation:ident $statuses:tt) => {
        #[inline]
        fn prepared(self, call: Call) -> Prepared {
            let client = self.client.with_call(&operations::$operation, call, &self.options);
            Prepared { client, request: self.request(), successes: &$statuses }
        }
    };
    (@send_in $content:ty, $($answered:tt)*) => {
        /// As `send`, for a call whose state is `call`.
        #[inline]
        pub(crate) fn send_in(
            self,
            call: Call,
        ) -> impl Future<Output = Result<$crate::Answer<$content>, Error>> {
            self.prepared(call).$($answered)*
        }
    };
    (@streamed text) => {
        /// Sends the request, and returns the body of the answer as it comes, however long that takes.
        /// The call's timeout bounds the wait for its beginning.
        ///
        /// # Errors
        /// As [`send`](Self::send).
        pub async fn send_streamed(mut self) -> Result<$crate::Answer<$crate::Streamed>, Error> {
            self.options = self.options.streaming();
            self.prepared(Call::default()).streamed().await
        }
    };
    (@streamed $read:ident) => {};
    (@read $body:ident $read:ident) => { $crate::read::$read($body) };
    (@read $body:ident $read:ident $whole:ty, $member:ident) => {{
        let mut envelope: $whole = $crate::read::$read($body)?;
        envelope.$member.extra.join(envelope.extra);
        Ok(envelope.$member)
    }};
}
