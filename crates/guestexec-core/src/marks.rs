//! Marks on a request: its operation, what of it is secret, and what differs from call to call.
//!
//! The document marks members and parameters, which the generated operation table lists; hooks mark the
//! headers they set, and code that makes a text of a call marks what is random in it. The marks are the
//! fragment of the request's URL, which no client sends, so a [shape](crate::RequestShape) can be read off
//! any request.

use std::{borrow::Cow, fmt::Write as _};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
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
/// and the place of a segment, counted from the end. [`Operation::texts`] has `base64/…` and `json/…` and the
/// path of a member that is a text and holds this.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    /// The operation that is called.
    pub operation: &'static Operation,
    /// Headers whose value is the time of the request, in lower case.
    pub times: &'static [&'static str],
    /// Headers whose value is random, in lower case.
    pub nonces: &'static [&'static str],
    /// The marks of the texts that code made for the call.
    pub made: &'a [Mark],
}

/// The mark of a text that code made for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// This random text reads `<nonce>` wherever it stands in path, query, headers and body.
    Nonce(String),
    /// This text, which tells the call from others, reads `<marker>` wherever it stands.
    Marker(String),
    /// A member holds no secret in this call, although the document says that it may: its path.
    Plain(String),
    /// Behind this text, the body has UTF-8 in Base64.
    Base64After(&'static str),
    /// Behind this text, the body has UTF-16 in Base64, as PowerShell takes a command.
    Utf16After(&'static str),
}

impl Mark {
    /// Its word in the fragment, and what it says.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Nonce(text) => ("random", text),
            Self::Marker(text) => ("marker", text),
            Self::Plain(path) => ("plain", path),
            Self::Base64After(text) => ("base64-after", text),
            Self::Utf16After(text) => ("utf16-after", text),
        }
    }
}

impl Marks<'_> {
    /// Marks `request`.
    pub fn put(self, request: &mut Request) {
        let Operation { id, secrets, texts, .. } = self.operation;
        let mut fragment = String::with_capacity(128);
        fragment.push_str(BEGIN);
        // Writing to a String cannot fail.
        let _ = write!(fragment, "{OPERATION}/{id},{secrets},{texts}");
        for (kind, names) in [("time", self.times), ("nonce", self.nonces)] {
            for name in names {
                let _ = write!(fragment, ",{kind}/{name}");
            }
        }
        for mark in self.made {
            let (kind, text) = mark.parts();
            let _ = write!(fragment, ",{kind}/{}", utf8_percent_encode(text, NON_ALPHANUMERIC));
        }
        request.url_mut().set_fragment(Some(&fragment));
    }
}

/// The marks of a request, read back.
#[derive(Clone, Copy)]
pub(crate) struct Marked<'a>(&'a str);

impl<'a> Marked<'a> {
    /// The marks in a URL; `None` if no client of this library made the request.
    #[inline]
    pub(crate) fn of(url: &'a Url) -> Option<Self> {
        url.fragment()?.strip_prefix(BEGIN).map(Self)
    }

    /// The marks of an answer, which its operation alone tells.
    pub(crate) fn listed(marks: &'a str) -> Self {
        Self(marks)
    }

    /// The names marked as `kind`.
    #[inline]
    pub(crate) fn each(self, kind: &str) -> impl Iterator<Item = &'a str> {
        self.0.split(',').filter_map(move |mark| mark.strip_prefix(kind)?.strip_prefix('/'))
    }

    /// The texts that code marked as `kind`.
    #[inline]
    pub(crate) fn texts(self, kind: &str) -> impl Iterator<Item = Cow<'a, str>> {
        self.each(kind).map(|text| percent_decode_str(text).decode_utf8_lossy())
    }

    #[inline]
    pub(crate) fn has(self, kind: &str, name: &str) -> bool {
        self.each(kind).any(|marked| marked == name)
    }
}
