//! Compares what a page says of an operation as a whole: method, path, version, rate, edition,
//! deprecation, statuses and error codes.

use std::collections::BTreeSet;

use super::{
    Comparer, Source,
    pair::{bare, edition_of, own},
};
use crate::{
    audit::{
        finding::Kind,
        page::{Code, Operation},
    },
    document::{Call, Referable},
};

impl<'a> Comparer<'a> {
    pub(super) fn facts(&mut self, call: Call<'a>, operation: &Operation) {
        let (document, id, lines) = (self.document, call.id(), &call.operation.lines);
        if let Some(method) = &operation.method {
            let (page, own) = (method.text.to_uppercase(), call.method.to_uppercase());
            self.fact(id, "method", (method.line, lines.own()), page == own, page, own);
        }
        if let Some(path) = &operation.path {
            let own_path = call.path.split('#').next().unwrap_or_default().to_owned();
            let is_same = bare(document, &path.text) == own(call.path);
            self.fact(id, "path", (path.line, lines.own()), is_same, path.text.clone(), own_path);
        }
        if let Some(version) = &operation.version {
            let (page, own) = (version.text.clone(), document.info.version.clone());
            let at = (version.line, document.info.lines.of("version"));
            self.fact(id, "version", at, page == own, page, own);
        }
        if let Some((line, rate)) = operation.rate {
            let own = call.rate().map_or("none".to_owned(), |rate| format!("{rate} a second"));
            let (at, is_same) = ((line, lines.of("x-rate-limit")), call.rate() == Some(rate));
            self.fact(id, "rate", at, is_same, format!("{rate} a second"), own);
        }
        if let Some(edition) = &self.page.edition {
            // One that is older than the edition followed was refused.
            let followed = edition_of(call).unwrap_or_else(|| call.read_on());
            let is_new = !followed.is_empty() && edition.text.as_str() > followed;
            let at = (edition.line, lines.of("externalDocs"));
            self.fact(id, "edition", at, !is_new, edition.text.clone(), followed.to_owned());
        }
        let says = operation.deprecated.as_ref();
        if says.is_some() != call.operation.deprecated {
            let line = says.map_or(0, |words| words.line);
            let kind = Kind::DeprecatedDiffers { page: says.is_some() };
            self.found((line, lines.of("deprecated")), id, kind);
        }
    }

    /// Compares one fact, which the page states.
    fn fact(
        &mut self,
        id: &str,
        what: &'static str,
        at: (usize, u64),
        is_same: bool,
        page: String,
        document: String,
    ) {
        self.sections.insert(format!("{id} {what}"));
        if !is_same {
            self.found(at, id, Kind::FactDiffers { what, page, document });
        }
    }

    pub(super) fn statuses(&mut self, call: Call<'a>, operation: &Operation) {
        let place = format!("{}.statuses", call.id());
        let lines = &call.operation.lines;
        let Some(page) = &operation.statuses else {
            // A service with codes of its own lists no statuses, and definitions list neither.
            if call.operation.error_codes.is_empty() && self.source == Source::Page {
                self.absent(&place, operation.line);
            }
            return;
        };
        self.sections.insert(place.clone());
        let responses = &call.operation.responses;
        let line = |status: &str| {
            let response = responses.get(status);
            response.map_or(0, |response| match response {
                Referable::Reference(reference) => reference.lines.own(),
                Referable::Inline(response) => response.lines.own(),
            })
        };
        // A page that lists only successes says nothing of refusals.
        let lists_refusals = page.iter().any(|code| is_refusal(&code.code));
        let known = responses.keys().map(|status| (status.as_str(), line(status)));
        let known = known.filter(|(status, _)| lists_refusals || !is_refusal(status)).collect();
        self.codes(&place, page, known, lines.of("responses"));
    }

    pub(super) fn errors(&mut self, call: Call<'a>, operation: &Operation) {
        let place = format!("{}.errors", call.id());
        let ours = &call.operation.error_codes;
        let line = call.operation.lines.of("x-error-codes");
        let Some(page) = &operation.errors else {
            if !ours.is_empty() && self.source == Source::Page {
                self.absent(&place, operation.line);
            }
            return;
        };
        self.sections.insert(place.clone());
        let known = ours.iter().map(|code| (code.as_str(), line)).collect();
        self.codes(&place, page, known, line);
    }

    /// Compares two lists of codes; `line` is that of the document's list.
    fn codes(&mut self, place: &str, page: &[Code], known: Vec<(&str, u64)>, line: u64) {
        let listed: BTreeSet<&str> = page.iter().map(|code| code.code.as_str()).collect();
        let mut after = None;
        for code in page {
            match known.iter().find(|(name, _)| *name == code.code) {
                Some((_, line)) => {
                    after = Some(code.code.clone());
                    if code.deprecated {
                        let place = format!("{place}.{}", code.code);
                        let kind = Kind::DeprecatedDiffers { page: true };
                        self.found((code.line, *line), &place, kind);
                    }
                }
                None => {
                    let (text, after) = (code.text.clone(), after.clone());
                    let kind = Kind::CodeMissing { code: code.code.clone(), text, after };
                    self.found((code.line, line), place, kind);
                }
            }
        }
        for (code, line) in known {
            if !listed.contains(code) {
                self.found((0, line), place, Kind::CodeGone { code: code.to_owned() });
            }
        }
    }
}

fn is_refusal(status: &str) -> bool {
    status.starts_with(['4', '5'])
}
