//! The input of a call by its name, before it is read into the types of the operation.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{InputPlace, NamedOperation, near, read};
use crate::{Error, ErrorKind, Violation};

/// The parameters and the body of one call. Generated code takes them out one by one.
pub struct Given<E> {
    called: &'static NamedOperation,
    parameters: Map<String, Value>,
    body: Option<Value>,
    error: PhantomData<fn() -> E>,
}

impl<D> Given<Error<D>> {
    /// The input of the operation called `name`. Each parameter has to be one of the operation's.
    ///
    /// # Errors
    /// `InvalidRequest` with the name that was meant.
    pub fn new(
        all: &'static [NamedOperation],
        name: &str,
        parameters: Map<String, Value>,
        body: Option<Value>,
    ) -> Result<Self, Error<D>> {
        let found = NamedOperation::find(all, name);
        let called = found.map_err(|why| Error::new(ErrorKind::InvalidRequest, why))?;
        let given = Self { called, parameters, body, error: PhantomData };
        if called.is_upgrade {
            return Err(given.refused(format!(
                "it turns the connection into a live session, whose answer is no JSON: call it by \
                 `Client::{}`, or by the way to run a command that this crate has",
                called.method
            )));
        }
        let unknown = given
            .parameters
            .keys()
            .find(|name| !called.parameters().any(|known| known.name == **name));
        if let Some(name) = unknown {
            return Err(given.refused(given.unknown(name)));
        }
        if given.body.is_some() && !called.has_body {
            return Err(given.refused("it takes no body, but one was given".to_owned()));
        }
        Ok(given)
    }

    /// The operation.
    pub fn called(&self) -> &'static NamedOperation {
        self.called
    }

    /// A parameter that has to be given.
    ///
    /// # Errors
    /// `InvalidRequest`, if it is missing or of another type.
    pub fn needed<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Error<D>> {
        self.optional(name)?.ok_or_else(|| {
            let missing = Violation::new(name, "has to be given, but was not");
            self.refused(missing.to_string())
        })
    }

    /// A parameter that may be missing; null is no value.
    ///
    /// # Errors
    /// `InvalidRequest`, if it is of another type.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error<D>> {
        let value = self.parameters.remove(name).filter(|value| !value.is_null());
        let read = value.map(|value| read::read(name, value)).transpose();
        read.map_err(|violation| self.refused(violation.to_string()))
    }

    /// The call with a parameter that may be missing, which `set` gives it.
    ///
    /// # Errors
    /// As [`optional`](Self::optional).
    pub fn set<T: DeserializeOwned, C>(
        &mut self,
        name: &str,
        call: C,
        set: impl FnOnce(C, T) -> C,
    ) -> Result<C, Error<D>> {
        Ok(match self.optional(name)? {
            Some(value) => set(call, value),
            None => call,
        })
    }

    /// The body; without one, an object that is empty but for the members around the content.
    ///
    /// # Errors
    /// `InvalidRequest`, if it does not fit the operation's type.
    pub fn body<T: DeserializeOwned>(&mut self) -> Result<T, Error<D>> {
        let outer = || {
            self.called.inputs.iter().filter_map(|input| match input.place {
                InputPlace::Within(outer) => Some((outer.to_owned(), Map::new().into())),
                _ => None,
            })
        };
        let body = self.body.take().unwrap_or_else(|| Value::Object(outer().collect()));
        read::read_body(body).map_err(|violation| self.refused(violation.to_string()))
    }

    /// An operation that the table has and the code does not.
    pub fn unmatched(&self) -> Error<D> {
        self.refused("it cannot be called by its name".to_owned())
    }

    fn refused(&self, message: String) -> Error<D> {
        Error::new(ErrorKind::InvalidRequest, message).during(self.called.operation.id)
    }

    fn unknown(&self, name: &str) -> String {
        let member = self.called.inputs.iter().find(|input| input.name == name);
        match member.map(|input| input.place) {
            Some(InputPlace::Body) => format!("`{name}` is no parameter, but a member of the body"),
            Some(InputPlace::Within(outer)) => {
                format!("`{name}` is no parameter, but a member of `{outer}` in the body")
            }
            _ => {
                let known: Vec<&str> = self.called.parameters().map(|input| input.name).collect();
                let problem = near::unknown(name, "is no parameter of the operation", &known);
                Violation::new(near::shown(name), problem).to_string()
            }
        }
    }
}
