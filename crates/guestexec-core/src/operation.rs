//! The facts of an operation.

use progenitor_client::OperationInfo;

/// An operation of a service, as its document describes it.
///
/// Each provider crate has a generated table of them, `operations`: one constant for each operation, and
/// `ALL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The vendor's name, which is the document's `operationId`.
    pub id: &'static str,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path's template: `/v1/accounts/sessions/{uuid}`.
    pub path: &'static str,
    /// True if a call starts a command, so that a lost answer leaves open whether it ran.
    pub starts_command: bool,
    /// True if a second call does no harm: it only reads, or changes nothing more.
    pub repeatable: bool,
    /// True if the service needs no credentials.
    pub open: bool,
    /// The most calls in a second, if the vendor's page has such a limit.
    pub rate: Option<u32>,
    /// True if the vendor advises against it.
    pub deprecated: bool,
    /// The vendor's page.
    pub page: &'static str,
    /// The day on which the page was read: `2026-11-22`.
    pub read_on: &'static str,
    /// What is secret in its requests, in the notation of [`Marks`](crate::Marks).
    #[doc(hidden)]
    pub secrets: &'static str,
}

impl Operation {
    /// An operation without a document, such as one of a service that issues credentials.
    pub const fn undocumented(id: &'static str, method: &'static str, path: &'static str) -> Self {
        Self {
            id,
            method,
            path,
            starts_command: false,
            repeatable: false,
            open: false,
            rate: None,
            deprecated: false,
            page: "",
            read_on: "",
            secrets: "",
        }
    }

    /// The argument of progenitor's hooks.
    #[doc(hidden)]
    pub fn info(&self) -> OperationInfo {
        OperationInfo { operation_id: self.id }
    }

    /// The parameters of a path that fits the template, in order; `None` for any other path.
    ///
    /// Segments are compared and returned as they are, percent-encoding included.
    ///
    /// ```
    /// use guestexec_core::Operation;
    ///
    /// let log_out = Operation::undocumented("LogOut", "DELETE", "/v1/sessions/{uuid}");
    /// assert_eq!(log_out.parameters_of("/v1/sessions/4f1"), Some(vec!["4f1"]));
    /// assert_eq!(log_out.parameters_of("/v1/sessions"), None);
    /// ```
    pub fn parameters_of<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let (template, given) = (self.path.split('/'), path.split('/'));
        if template.clone().count() != given.clone().count() {
            return None;
        }
        let mut parameters = Vec::new();
        for (expected, segment) in template.zip(given) {
            if expected.starts_with('{') && !segment.is_empty() {
                parameters.push(segment);
            } else if expected != segment {
                return None;
            }
        }
        Some(parameters)
    }
}
