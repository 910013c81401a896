//! Named examples of the documents, as data.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Operation;

/// One named example of an operation, as in its document.
///
/// The provider crates list theirs in `examples::ALL` (feature `examples`), and `examples::send` sends one
/// through the generated client. The snapshots of requests, answers and errors are made of them.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The operation's `operationId`.
    pub operation: &'static str,
    /// The example's name; `page` is the one on the vendor's page.
    pub name: &'static str,
    /// What the example shows, in one line.
    pub summary: &'static str,
    /// The parameters, a JSON object in text.
    pub parameters: &'static str,
    /// The request body, JSON in text, if the operation has one.
    pub body: Option<&'static str>,
    /// The status of the operation's success.
    pub status: u16,
    /// Answers of success that a service gives to the operation.
    pub answers: &'static [ExampleAnswer],
    /// Refusals that a service gives to the operation, or something on the way to it.
    pub errors: &'static [ExampleAnswer],
}

/// One named answer to an operation, as in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExampleAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The example's name; `page` is the one on the vendor's page. Two answers with different statuses or
    /// media types may have the same name.
    pub name: &'static str,
    /// What the example shows, in one line.
    pub summary: &'static str,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

impl ExampleAnswer {
    /// An answer whose body is JSON.
    #[doc(hidden)]
    pub const fn json(
        status: u16,
        name: &'static str,
        summary: &'static str,
        body: &'static str,
    ) -> Self {
        Self { status, name, summary, content_type: "application/json", body }
    }

    /// An answer whose body is text.
    #[doc(hidden)]
    pub const fn text(
        status: u16,
        name: &'static str,
        summary: &'static str,
        body: &'static str,
    ) -> Self {
        Self { status, name, summary, content_type: "text/plain", body }
    }
}

impl Example {
    /// The common part of an operation's examples; generated code begins each of them with it.
    #[doc(hidden)]
    pub const fn of(
        operation: &Operation,
        status: u16,
        answers: &'static [ExampleAnswer],
        errors: &'static [ExampleAnswer],
    ) -> Self {
        let (name, summary) = ("", "");
        Self {
            operation: operation.id,
            name,
            summary,
            parameters: "{}",
            body: None,
            status,
            answers,
            errors,
        }
    }

    /// Sets the name and the summary.
    #[doc(hidden)]
    pub const fn named(mut self, name: &'static str, summary: &'static str) -> Self {
        (self.name, self.summary) = (name, summary);
        self
    }

    /// Sets the parameters.
    #[doc(hidden)]
    pub const fn with_parameters(mut self, parameters: &'static str) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets the body.
    #[doc(hidden)]
    pub const fn with_body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    /// The parameter called `name`, if this example gives it.
    ///
    /// # Errors
    /// A sentence, if the value does not have the parameter's type.
    pub fn parameter<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, String> {
        let all: Value = self.parse(self.parameters, "the parameters")?;
        match all.get(name) {
            None => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|e| format!("example {}/{}: `{name}`: {e}", self.operation, self.name)),
        }
    }

    /// The parameter called `name`, which this example has to give.
    ///
    /// # Errors
    /// A sentence, if it does not, or if the value does not have the parameter's type.
    #[doc(hidden)]
    pub fn needed<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        self.parameter(name)?
            .ok_or_else(|| format!("example {}/{}: `{name}` is missing", self.operation, self.name))
    }

    /// The call with the parameter called `name`, if this example gives it.
    ///
    /// # Errors
    /// As [`parameter`](Self::parameter).
    #[doc(hidden)]
    pub fn set<T: DeserializeOwned, C>(
        &self,
        name: &str,
        call: C,
        set: impl FnOnce(C, T) -> C,
    ) -> Result<C, String> {
        Ok(match self.parameter(name)? {
            Some(value) => set(call, value),
            None => call,
        })
    }

    /// The body, as the operation's request type.
    ///
    /// # Errors
    /// A sentence, if the example has no body or one of another form.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, String> {
        let text = self
            .body
            .ok_or_else(|| format!("example {}/{} has no body", self.operation, self.name))?;
        self.parse(text, "the body")
    }

    fn parse<T: DeserializeOwned>(&self, text: &str, what: &str) -> Result<T, String> {
        serde_json::from_str(text)
            .map_err(|e| format!("example {}/{}: {what}: {e}", self.operation, self.name))
    }
}
