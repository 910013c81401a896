//! Calls of operations by their names, with what they are given as JSON.
//!
//! Generated code describes each operation, reads what was given into the operation's own types, and makes
//! the call of its builder. So such a call is checked, signed and retried as any other.

mod call;
mod given;
mod near;
mod read;

pub use call::{NamedCall, NamedPages};
pub use given::Given;

use crate::{Operation, Violation};

/// An operation, with what a call by its name is given.
///
/// Each provider crate has a table of them, `by_name::ALL` (feature `by-name`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedOperation {
    /// The description of an operation that is called by its name.
    pub operation: &'static Operation,
    /// The client's method for it: `run_command`.
    pub method: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its parameters, and the members of its body.
    pub inputs: &'static [NamedInput],
    /// Whether it has a body.
    pub has_body: bool,
    /// True if an answer is one page of a list, so that [`NamedCall::pages`] goes through it.
    pub is_paged: bool,
    /// True if the body of the answer may come for as long as it likes, see [`NamedCall::send_streamed`].
    pub is_streamed: bool,
    /// True if the connection leaves HTTP. Such an operation is not called by its name.
    pub is_upgrade: bool,
}

impl NamedOperation {
    /// An operation without inputs; generated code begins each entry with it.
    #[doc(hidden)]
    pub const fn new(
        operation: &'static Operation,
        method: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            operation,
            method,
            summary,
            inputs: &[],
            has_body: false,
            is_paged: false,
            is_streamed: false,
            is_upgrade: false,
        }
    }

    /// Sets what it is given.
    #[doc(hidden)]
    pub const fn with_inputs(mut self, inputs: &'static [NamedInput]) -> Self {
        self.inputs = inputs;
        self
    }

    /// Marks an operation with a body.
    #[doc(hidden)]
    pub const fn with_body(mut self) -> Self {
        self.has_body = true;
        self
    }

    /// Marks one that answers with a page.
    #[doc(hidden)]
    pub const fn paged(mut self) -> Self {
        self.is_paged = true;
        self
    }

    /// Marks one whose answer comes as a stream.
    #[doc(hidden)]
    pub const fn streamed(mut self) -> Self {
        self.is_streamed = true;
        self
    }

    /// Marks one whose connection leaves HTTP.
    #[doc(hidden)]
    pub const fn upgrade(mut self) -> Self {
        self.is_upgrade = true;
        self
    }

    /// Finds an operation by the vendor's name or by the client's method, in any case, with or without
    /// hyphens and underscores.
    ///
    /// # Errors
    /// A sentence that names the operation meant, if none is called so.
    pub fn find(all: &'static [Self], name: &str) -> Result<&'static Self, String> {
        let key = near::key(name);
        let is_called = |it: &&Self| {
            [it.operation.id, it.method].into_iter().any(|known| near::key(known) == key)
        };
        all.iter().find(is_called).ok_or_else(|| {
            let known = all.iter().flat_map(|it| [it.operation.id, it.method]);
            let nearest = near::nearest(name, known);
            let meant = nearest.and_then(|near| {
                all.iter().find(|it| it.operation.id == near || it.method == near)
            });
            match meant {
                Some(meant) => format!(
                    "there is no operation `{}`; did you mean `{}`?",
                    near::shown(name),
                    meant.operation.id
                ),
                None => format!("there is no operation `{}`", near::shown(name)),
            }
        })
    }

    /// The parameter or member of the body that is called `name`.
    ///
    /// # Errors
    /// A violation that suggests the nearest name, if none is called so.
    pub fn input(&self, name: &str) -> Result<&'static NamedInput, Violation> {
        self.inputs.iter().find(|input| input.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.inputs.iter().map(|input| input.name).collect();
            let what = format!("is nothing that {} takes", self.operation.id);
            Violation::new(near::shown(name), near::unknown(name, &what, &known))
        })
    }

    fn parameters(&self) -> impl Iterator<Item = &'static NamedInput> {
        self.inputs.iter().filter(|input| input.place == InputPlace::Parameter)
    }
}

/// A parameter of an operation, or a member of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedInput {
    /// Its name on the wire.
    pub name: &'static str,
    /// Where it is given.
    pub place: InputPlace,
    /// What it is.
    pub kind: InputKind,
    /// Whether it has to be given.
    pub is_required: bool,
}

impl NamedInput {
    /// A parameter; generated code lists them.
    #[doc(hidden)]
    pub const fn parameter(name: &'static str, kind: InputKind) -> Self {
        Self { name, place: InputPlace::Parameter, kind, is_required: false }
    }

    /// A member of the body.
    #[doc(hidden)]
    pub const fn member(name: &'static str, kind: InputKind) -> Self {
        Self { name, place: InputPlace::Body, kind, is_required: false }
    }

    /// A member of the object that is the member `outer` of the body.
    #[doc(hidden)]
    pub const fn within(outer: &'static str, name: &'static str, kind: InputKind) -> Self {
        Self { name, place: InputPlace::Within(outer), kind, is_required: false }
    }

    /// Marks what has to be given.
    #[doc(hidden)]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

/// Where an input is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputPlace {
    /// It is a parameter: a part of the path, of the query or of the headers.
    Parameter,
    /// It is a member of the body.
    Body,
    /// It is a member of the object that is this member of the body.
    Within(&'static str),
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputKind {
    /// A text.
    Text,
    /// Bytes in Base64.
    Base64,
    /// A text that is a secret, such as a password.
    Secret,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list of texts.
    Texts,
    /// Anything else, as the vendor's page says.
    Json,
}
