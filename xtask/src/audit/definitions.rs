//! Reads vendors' machine-readable definitions into the model of pages: one file with many operations.
//!
//! The kinds are told by what a file holds: `api.json` of Tencent's command line (`tencent`), `api_docs.json`
//! of ZStack's server for assistants (`zstack`), and Huawei's Swagger files, one an operation (`huawei`).

mod huawei;
mod json;
mod tencent;
mod zstack;

use super::{
    page::{Member, Page, Words},
    prose,
};
use json::{Entry, File};

/// The greatest file, in bytes. The greatest one that is known has four million.
const GREATEST: usize = 16 << 20;

/// Which operations are read in full.
type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// Reads a file of definitions.
///
/// # Errors
/// A sentence: the file is no JSON, of no kind that is known, or has no operation.
pub fn read(text: &str) -> Result<Page, String> {
    read_some(text, &|_| true)
}

/// Reads a file of definitions from its bytes, as [`read_some`].
///
/// # Errors
/// As [`read`].
pub fn file(bytes: &[u8], wanted: Wanted<'_>) -> Result<Page, String> {
    let text = str::from_utf8(bytes).map_err(|_| "the file is not UTF-8, so it is no JSON")?;
    read_some(text, wanted)
}

/// Reads a file of definitions, and in full only what belongs to the operations whose names are wanted: a
/// vendor may have two thousand others, of which the name, the line and the first sentence are enough.
///
/// # Errors
/// As [`read`].
pub fn read_some(text: &str, wanted: Wanted<'_>) -> Result<Page, String> {
    if text.len() > GREATEST {
        return Err(format!("the file has {} bytes, and at most {GREATEST} are read", text.len()));
    }
    let file = File::read(text)?;
    let root = file.root();
    if root.members().is_none() {
        return Err("the file is no JSON object, so these are no definitions".to_owned());
    }
    let page = tencent::read(root, wanted)
        .or_else(|| zstack::read(root, wanted))
        .or_else(|| huawei::read(root));
    let Some(page) = page else {
        return Err("the file is JSON of an unknown kind; definitions that are known have `actions` and \
             `objects` (Tencent), operations with `apiName` and `parameters` (ZStack), or `paths` and \
             `definitions` (Huawei)"
            .to_owned());
    };
    if page.operations.is_empty() {
        return Err("the file defines no operation".to_owned());
    }
    Ok(page)
}

/// A member with what its description says. HTML tells the items of a list apart, so limits are read before
/// it is taken off.
fn described(member: Member, text: &str) -> Member {
    Member {
        limits: prose::limits(text, member.ty.as_ref()),
        deprecated: prose::is_deprecated(text),
        only_in: prose::only_in(text),
        text: prose::plain(text),
        ..member
    }
}

/// The first sentence of a text, without HTML, as what an operation does.
fn about(text: Option<Entry<'_>>) -> Option<Words> {
    let (line, text) = text.and_then(|entry| Some((entry.line, entry.text()?)))?;
    let plain = prose::plain(text);
    let end = plain
        .char_indices()
        .find(|(at, c)| {
            let after = &plain[at + c.len_utf8()..];
            *c == '。' || *c == '.' && (after.is_empty() || after.starts_with(' '))
        })
        .map_or(plain.len(), |(at, c)| at + c.len_utf8());
    let first = plain[..end].trim();
    (!first.is_empty()).then(|| Words { line, text: first.to_owned() })
}
