//! Which operation of the document a page describes.

use crate::{
    audit::page::{Operation, Page},
    document::{Call, Document},
};

/// The document's operation for an operation of a page.
pub(super) enum Pair<'a> {
    /// An operation of the document.
    Call(Call<'a>),
    /// None; the page's name for it.
    Missing(String),
    /// None, or one of another version or edition: a sentence.
    Refused(String),
}

/// The operation of the document that `operation` describes: by its name, or where it has none by
/// method and path.
pub(super) fn call_of<'a>(document: &'a Document, page: &Page, operation: &Operation) -> Pair<'a> {
    let calls = document.calls();
    let id = operation.id.as_ref().map(|id| id.text.trim().trim_end_matches(".html"));
    let path = operation.path.as_ref().map(|path| bare(document, &path.text));
    let method = operation.method.as_ref().map(|method| method.text.as_str());
    let has_path = |call: &&Call<'_>| path.as_ref().is_some_and(|path| *path == own(call.path));
    let has_method = |call: &&Call<'_>| method.is_some_and(|m| m.eq_ignore_ascii_case(call.method));
    let named = id.and_then(|id| by_name(&calls, id, method));
    // Several operations may share a path, as all of one vendor's do. Such a path identifies none.
    let mut located = calls.iter().filter(has_path).filter(has_method);
    let located = match (located.next(), located.next()) {
        (Some(call), None) => Some(call),
        _ => None,
    };
    let Some(call) = named.or(located).copied() else {
        return match (id, &operation.path) {
            (Some(id), _) => Pair::Missing(id.to_owned()),
            (None, Some(path)) => {
                let method = method.unwrap_or_default().to_uppercase();
                let uri = format!("{method} {}", path.text).trim().to_owned();
                Pair::Refused(format!(
                    "the page describes `{uri}`, which is no operation of the document; name the \
                     page of one of: {}",
                    calls.iter().map(Call::id).collect::<Vec<_>>().join(", ")
                ))
            }
            (None, None) => Pair::Refused(
                "the page has neither the name of an operation nor a method and path, so it \
                 cannot be said which one it describes; save the whole page"
                    .to_owned(),
            ),
        };
    };
    let other = other_version(document, call, operation, path.as_deref());
    match other.or_else(|| older(call, page)) {
        Some(text) => Pair::Refused(text),
        None => Pair::Call(call),
    }
}

/// The operation called `id`, by the document or in the address of its page.
fn by_name<'c, 'a>(calls: &'c [Call<'a>], id: &str, method: Option<&str>) -> Option<&'c Call<'a>> {
    let exact = calls.iter().find(|call| call.id() == id);
    let in_address = |call: &&Call<'_>| {
        let last = call.page().rsplit('/').next().unwrap_or_default();
        last.split(['.', '#', '?']).next() == Some(id)
    };
    let is_method =
        |call: &&Call<'_>| method.is_none_or(|method| method.eq_ignore_ascii_case(call.method));
    let mut addressed = calls.iter().filter(in_address).filter(is_method);
    exact.or_else(|| match (addressed.next(), addressed.next()) {
        (Some(call), None) => Some(call),
        _ => None,
    })
}

/// Why a page is of another version of the interface, if it is.
fn other_version(
    document: &Document,
    call: Call<'_>,
    operation: &Operation,
    path: Option<&str>,
) -> Option<String> {
    let id = call.id();
    if let Some(version) = &operation.version
        && is_interface(&version.text)
        && is_interface(&document.info.version)
        && version.text != document.info.version
    {
        return Some(format!(
            "the page describes `{id}` in version {}; the document follows version {}",
            version.text, document.info.version
        ));
    }
    let (path, own) = (path?, own(call.path));
    let versions = |path: &str| {
        path.split('/').filter(|part| is_interface(part)).map(str::to_owned).collect::<Vec<_>>()
    };
    let differs = path != own && versions(path) != versions(&own);
    differs.then(|| {
        let uri = operation.path.as_ref().map_or(path, |path| &path.text);
        format!(
            "the page describes another version of `{id}`: its URI is `{uri}`, the document's is \
             `{}`",
            call.path
        )
    })
}

/// True for `v2`, `v1beta1` and `2020-10-28`, which name a version of an interface and not of a product.
fn is_interface(text: &str) -> bool {
    let digits = text.strip_prefix('v').and_then(|rest| rest.bytes().next());
    is_day(text) || digits.is_some_and(|first| first.is_ascii_digit()) && !text.contains('.')
}

/// True for `2026-11-28`.
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Why a page is older than the one the document follows, if it is.
fn older(call: Call<'_>, page: &Page) -> Option<String> {
    let (edition, followed) = (page.edition.as_ref()?, edition_of(call)?);
    (is_day(&edition.text) && edition.text.as_str() < followed).then(|| {
        format!(
            "this edition of the page of `{}` is of {}, and the document follows that of {followed}; \
             save the page again",
            call.id(),
            edition.text
        )
    })
}

/// The edition of its page that an operation follows, where the title names it: `edition of 2026-02-25`.
pub(super) fn edition_of(call: Call<'_>) -> Option<&str> {
    let title = call.operation.external_docs.description.as_deref()?;
    let (_, rest) = title.split_once("edition of ")?;
    rest.get(..10).filter(|day| is_day(day))
}

/// A document's path as it is sent, with nothing in the braces.
pub(super) fn own(path: &str) -> String {
    unnamed(path.split('#').next().unwrap_or_default())
}

/// A page's path without what the document has in the addresses of its servers.
pub(super) fn bare(document: &Document, path: &str) -> String {
    let path = path.trim();
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => path,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let prefix = document.servers.iter().find_map(|server| {
        let (_, rest) = server.url.split_once("://")?;
        let folder = rest[rest.find('/')?..].trim_end_matches('/');
        path.strip_prefix(folder).filter(|rest| !folder.is_empty() && rest.starts_with('/'))
    });
    unnamed(prefix.unwrap_or(path))
}

/// A path in which `{anything}` is `{}`: what a placeholder is called is not sent.
fn unnamed(path: &str) -> String {
    let mut text = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}') else { break };
        text.push_str(before);
        text.push_str("{}");
        rest = after;
    }
    text + rest
}

/// The page's names for placeholders that have other names in the document's path.
pub(super) fn aliases(own: &str, page: &str) -> Vec<(String, String)> {
    let names = |path: &str| -> Vec<String> {
        let parts = path.split('{').skip(1);
        parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned()).collect()
    };
    let (own, page) = (names(own), names(page));
    if own.len() != page.len() {
        return Vec::new();
    }
    page.into_iter().zip(own).filter(|(page, own)| page != own).collect()
}
