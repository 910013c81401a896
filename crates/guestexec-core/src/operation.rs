//! The facts of an operation.

use serde_json::Value;

use crate::shape::{answer_base64, answer_secrets, hide_answer, show_answer};

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
    /// The secret parts of its requests, in the notation of [`Marks`](crate::Marks).
    #[doc(hidden)]
    pub secrets: &'static str,
    /// Which texts of its requests hold Base64 or JSON, in the notation of [`Marks`](crate::Marks).
    #[doc(hidden)]
    pub texts: &'static str,
    /// The secret parts of its answers, in the notation of `secrets`.
    #[doc(hidden)]
    pub answer_secrets: &'static str,
    /// Which texts of its answers hold Base64 or JSON, in the notation of `texts`.
    #[doc(hidden)]
    pub answer_texts: &'static str,
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
            texts: "",
            answer_secrets: "",
            answer_texts: "",
        }
    }

    /// Replaces by `<secret>` what the document calls secret in the body of an answer.
    ///
    /// Of a text that holds a JSON object, the values are replaced and the names stay. What a command wrote
    /// stays, as a recording without it would be of no use.
    #[inline]
    pub fn hide_answer_secrets(&self, body: &mut Value) {
        hide_answer(body, self.answer_texts, self.answer_secrets);
    }

    /// Calls `act` with each value that [`hide_answer_secrets`](Self::hide_answer_secrets) replaces.
    #[doc(hidden)]
    #[inline]
    pub fn visit_answer_secrets(&self, body: &mut Value, act: &mut dyn FnMut(&mut Value)) {
        answer_secrets(body, self.answer_texts, self.answer_secrets, act);
    }

    /// Calls `act` with each text in the body of an answer that holds Base64.
    #[doc(hidden)]
    #[inline]
    pub fn visit_answer_base64(&self, body: &mut Value, act: &mut dyn FnMut(&mut Value)) {
        answer_base64(body, self.answer_texts, act);
    }

    /// True if the body of its answers has secret members.
    #[doc(hidden)]
    pub fn answers_secrets(&self) -> bool {
        self.answer_secrets.split(',').any(|mark| mark.starts_with("body/"))
    }

    /// True for a header of an answer that holds a secret, by its name in lower case: one that the document
    /// calls so, and any cookie.
    #[inline]
    pub fn is_secret_answer_header(&self, name: &str) -> bool {
        let named = self.answer_secrets.split(',').filter_map(|mark| mark.strip_prefix("header/"));
        name == "set-cookie" || named.into_iter().any(|secret| secret == name)
    }

    /// The body of an answer for a reader: without secrets, and Base64 and JSON within texts as what they
    /// stand for, in the notation of [`RequestShape::body`](crate::RequestShape::body).
    ///
    /// It is for reading only: no client reads such a body.
    ///
    /// ```
    /// use guestexec_core::Operation;
    /// use serde_json::json;
    ///
    /// let read = Operation {
    ///     answer_secrets: "body/token",
    ///     answer_texts: "base64/output",
    ///     ..Operation::undocumented("Read", "GET", "/")
    /// };
    /// assert_eq!(
    ///     read.readable_answer(json!({ "output": "aGk=", "token": "t-1" })),
    ///     json!({ "output": "<base64> hi", "token": "<secret>" })
    /// );
    /// ```
    #[inline]
    pub fn readable_answer(&self, mut body: Value) -> Value {
        show_answer(&mut body, self.answer_texts, self.answer_secrets);
        body
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
    #[inline]
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
