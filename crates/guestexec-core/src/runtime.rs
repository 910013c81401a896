//! The runtime that calls run on.

use tokio::runtime::Handle;

use crate::{Error, ErrorKind};

/// Checks that the caller is within a Tokio runtime, which connections and timers need: without one,
/// Tokio panics.
///
/// Whether the runtime has its I/O and its timers enabled cannot be asked.
///
/// # Errors
/// [`ErrorKind::Config`] outside a runtime; nothing was sent.
pub fn ensure_runtime<D>() -> Result<(), Error<D>> {
    match Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::new(
            ErrorKind::Config,
            "the call is made outside a Tokio runtime, which its connections and timers need",
        )
        .with_advice(
            "make it within `Runtime::block_on` of a runtime built with `enable_all`, or in a task of one",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_needs_a_runtime() {
        let error = ensure_runtime::<()>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.may_have_run() && !error.is_retryable());
        assert!(error.to_string().contains("enable_all"), "{error}");

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        assert!(ensure_runtime::<()>().is_ok());
    }
}
