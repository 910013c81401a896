//! Which operation a request calls, and what of it is secret or differs from call to call.
//!
//! It is said where it is made: the document marks members and parameters, which the generated
//! operation table lists, and hooks name the headers they set. The marks travel with the request as
//! its URL's fragment, which no client ever sends, so that whoever holds the request can tell its
//! [shape](crate::RequestShape).

use std::fmt::Write as _;

use reqwest::{Request, Url};

use crate::Operation;

/// How such a fragment begins.
const BEGIN: &str = "shape:";

/// The mark that names the operation.
pub(crate) const OPERATION: &str = "operation";

/// What hooks know of the requests of an operation.
///
/// The operation's `secrets` are marks separated by commas: `body/…` with the path of a member, where
/// `*` is any item of an array or any member of a map; `query/…` and `header/…` with the name of a
/// parameter; `path/…` with the place of one, counted from the end.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The operation that is called.
    pub operation: &'static Operation,
    /// Headers whose value is the time of the request, in lower case.
    pub times: &'static [&'static str],
    /// Headers whose value is made anew for each request, in lower case.
    pub nonces: &'static [&'static str],
}

impl Marks {
    /// Has them travel with `request`.
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
    /// Those that travel with this URL; none where it is not one of a client of ours.
    pub(crate) fn of(url: &'a Url) -> Option<Self> {
        url.fragment()?.strip_prefix(BEGIN).map(Self)
    }

    /// What is said of one kind of thing.
    pub(crate) fn each(self, kind: &str) -> impl Iterator<Item = &'a str> {
        self.0.split(',').filter_map(move |mark| mark.strip_prefix(kind)?.strip_prefix('/'))
    }

    pub(crate) fn has(self, kind: &str, name: &str) -> bool {
        self.each(kind).any(|marked| marked == name)
    }
}
