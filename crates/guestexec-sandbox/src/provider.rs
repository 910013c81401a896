//! The three services, and the operations of each.

use guestexec_core::Operation;

/// `POST` of the older message interface of ZStack, which the document does not describe.
pub(crate) const MESSAGE: Operation = Operation::undocumented("Message", "POST", "/api/");
/// The result of a job that a message started.
pub(crate) const MESSAGE_RESULT: Operation =
    Operation::undocumented("MessageResult", "GET", "/api/result/{uuid}");

/// One of the sandbox's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Tencent TAT.
    Tat,
    /// ZStack.
    Zstack,
    /// Huawei CCI, with its IAM.
    Cci,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tat, Self::Zstack, Self::Cci];

    /// The name in options and environment variables: `tat`, `zstack` or `cci`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tat => "tat",
            Self::Zstack => "zstack",
            Self::Cci => "cci",
        }
    }

    /// The operations of the service, to which a fault can be limited.
    pub fn operations(self) -> impl Iterator<Item = &'static Operation> {
        let (documented, others): (&[&'static Operation], &[&'static Operation]) = match self {
            Self::Tat => (guestexec_tat::operations::ALL, &[]),
            Self::Zstack => (guestexec_zstack::operations::ALL, &[&MESSAGE, &MESSAGE_RESULT]),
            Self::Cci => (guestexec_cci::operations::ALL, &[]),
        };
        documented.iter().chain(others).copied()
    }

    /// The operation that a method and a path lead to, and the path's parameters.
    pub(crate) fn route<'p>(
        self,
        method: &str,
        path: &'p str,
    ) -> Result<(&'static Operation, Vec<&'p str>), RouteError> {
        let mut error = RouteError::NotFound;
        for operation in self.operations() {
            let Some(parameters) = operation.parameters_of(path) else { continue };
            if operation.method == method {
                return Ok((operation, parameters));
            }
            error = RouteError::MethodNotAllowed;
        }
        Err(error)
    }
}

/// Why a request leads to no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// No operation has this path.
    NotFound,
    /// Operations of this path have other methods.
    MethodNotAllowed,
}

#[cfg(test)]
mod tests {
    use guestexec_zstack::operations::{GET_API_JOB, LOG_OUT};

    use super::*;

    #[test]
    fn a_method_and_a_path_lead_to_an_operation() {
        let route = |method, path| Provider::Zstack.route(method, path);
        assert_eq!(route("GET", "/v1/api-jobs/7"), Ok((&GET_API_JOB, vec!["7"])));
        assert_eq!(route("DELETE", "/v1/accounts/sessions/7"), Ok((&LOG_OUT, vec!["7"])));
        assert_eq!(route("GET", "/api/result/7"), Ok((&MESSAGE_RESULT, vec!["7"])));
        assert_eq!(route("PUT", "/v1/api-jobs/7"), Err(RouteError::MethodNotAllowed));
        assert_eq!(route("GET", "/v1/api-jobs"), Err(RouteError::NotFound));
    }
}
