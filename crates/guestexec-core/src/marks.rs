//! Marks on a request: its operation, what of it is secret, and what differs from call to call.
//!
//! The document marks members and parameters, which the generated operation table lists; hooks mark the
//! headers they set. The marks are the fragment of the request's URL, which no client sends, so a
//! [shape](crate::RequestShape) can be read off any request.

use std::fmt::Write as _;

use reqwest::{Request, Url};

use crate::Operation;

/// The prefix of the fragment.
const BEGIN: &str = "shape:";

/// The mark that names the operation.
pub(crate) const OPERATION: &str = "operation";

/// The marks of an operation's requests.
///
/// [`Operation::secrets`] has marks separated by commas: `body/…` and the path of a member, where `*` is any
/// item of an array or any member of a map; `query/…` and `header/…` and the name of a parameter; `path/…`
/// and the place of a segment, counted from the end.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The operation that is called.
    pub operation: &'static Operation,
    /// Headers whose value is the time of the request, in lower case.
    pub times: &'static [&'static str],
    /// Headers whose value is random, in lower case.
    pub nonces: &'static [&'static str],
}

impl Marks {
    /// Marks `request`.
    pub fn put(self, request: &mut Request) {
        let mut fragment = String::with_capacity(128);
        fragment.push_str(BEGIN);
        // Writing to a String cannot fail.
        let _ = write!(fragment, "{}/{},{}", OPERATION, self.operation.id, self.operation.secrets);
        for (kind, names) in [("time", self.times), ("nonce", self.nonces)] {
            for name in names {
                let _ = write!(fragment, ",{kind}/{name}");
            }
        }
        request.url_mut().set_fragment(Some(&fragment));
    }
}

/// The marks of a request, read back.
#[derive(Clone, Copy)]
pub(crate) struct Marked<'a>(&'a str);

impl<'a> Marked<'a> {
    /// The marks in a URL; `None` if no client of this library made the request.
    pub(crate) fn of(url: &'a Url) -> Option<Self> {
        url.fragment()?.strip_prefix(BEGIN).map(Self)
    }

    /// The names marked as `kind`.
    pub(crate) fn each(self, kind: &str) -> impl Iterator<Item = &'a str> {
        self.0.split(',').filter_map(move |mark| mark.strip_prefix(kind)?.strip_prefix('/'))
    }

    pub(crate) fn has(self, kind: &str, name: &str) -> bool {
        self.each(kind).any(|marked| marked == name)
    }
}
