//! Statuses and error codes of an operation.

use super::{Done, Finding, Fixer, place::component, to_write};
use crate::edit::{Put, Way, Yaml};

impl Fixer<'_> {
    fn of_codes(&self, place: &str) -> Result<(Way, bool), String> {
        let (id, section) = place.split_once('.').unwrap_or((place, "errors"));
        let operation =
            self.operation(id).ok_or_else(|| format!("there is no operation `{id}`"))?;
        match section {
            "errors" => Ok((operation, true)),
            "statuses" => Ok((operation, false)),
            _ => Err(format!("`{section}` is neither statuses nor errors; edit it by hand")),
        }
    }

    /// Writes a status or an error code.
    pub(super) fn add_code(
        &mut self,
        finding: &Finding,
        code: &str,
        text: &str,
        after: Option<&str>,
    ) -> Done {
        let (operation, is_error) = self.of_codes(&finding.place)?;
        let sharers = self.sharers(finding);
        if is_error {
            return self.add_error(&operation, &sharers, code, text, after);
        }
        self.add_status(&operation, &sharers, code, text, after)
    }

    fn add_error(
        &mut self,
        operation: &Way,
        sharers: &[Way],
        code: &str,
        text: &str,
        after: Option<&str>,
    ) -> Done {
        let known = component("ErrorCode").to("x-extensible-enum");
        if !self.editor.has(&known) {
            return Err(
                "the document has no enumeration `ErrorCode`; write one, or leave the codes out \
                        with an entry of `x-left-out`"
                    .to_owned(),
            );
        }
        let list = operation.to("x-error-codes");
        let put = Put::after(after);
        if !self.editor.has(&list) {
            let names = self.editor.names(operation);
            let last = names.iter().take_while(|name| {
                !matches!(name.as_str(), "parameters" | "x-examples" | "requestBody" | "responses")
            });
            let last = last.last().cloned().unwrap_or_default();
            let codes = Yaml::flow_list([code]);
            self.editor.set(operation, "x-error-codes", &codes, Put::After(&last))?;
        } else {
            self.editor.own(&list, sharers)?;
            if !self.editor.lists(&list, code) {
                self.editor.push(&list, &Yaml::text(code), put)?;
            }
        }
        let all = self.editor.texts(&known);
        if all.iter().any(|one| one == code) {
            return Ok(());
        }
        // An enumeration in alphabetical order stays in it.
        let begin = after.and_then(|after| all.iter().position(|one| one == after));
        let mut at = begin;
        if let Some(begin) = begin {
            let rest = all.iter().enumerate().skip(begin + 1);
            at = rest
                .take_while(|(index, one)| {
                    one.as_str() < code && all.get(index - 1).is_some_and(|before| before < *one)
                })
                .last()
                .map(|(index, _)| index)
                .or(at);
        }
        let before = at.or(all.len().checked_sub(1)).and_then(|at| all.get(at)).cloned();
        self.add_known_value("ErrorCode", code, before.as_deref(), &to_write("what it means", text))
    }

    fn add_status(
        &mut self,
        operation: &Way,
        sharers: &[Way],
        code: &str,
        text: &str,
        after: Option<&str>,
    ) -> Done {
        let list = operation.to("responses");
        if self.editor.has(&list.to(code)) {
            return Ok(());
        }
        if code.starts_with(['1', '2', '3']) || code.len() != 3 {
            return Err(format!(
                "what {code} is answered with is to be read on the page; write it by hand"
            ));
        }
        self.editor.own(&list, sharers)?;
        let answer = self.usual_answer(code).unwrap_or_else(|| {
            Yaml::mapping([("description", Yaml::text(to_write("when it comes", text)))])
        });
        // In the order of the numbers, where they are in it; else in the page's.
        let names = self.editor.names(&list);
        let lower = names.iter().filter(|name| name.as_str() < code).max().cloned();
        let put = match (lower.as_deref(), after) {
            (Some(lower), _) => Put::After(lower),
            (None, Some(after)) if names.iter().any(|name| name == after) => Put::After(after),
            _ => Put::First,
        };
        self.editor.set(&list, code, &answer, put)
    }

    /// The component that other operations answer a status with.
    pub(super) fn usual_answer(&self, code: &str) -> Option<Yaml> {
        let mut counted: Vec<(String, usize)> = Vec::new();
        for (_, operation) in self.operations() {
            let way = operation.to("responses").to(code).to("$ref");
            let Some(pointer) = self.editor.scalar(&way) else { continue };
            match counted.iter_mut().find(|(one, _)| one == pointer) {
                Some((_, count)) => *count += 1,
                None => counted.push((pointer.to_owned(), 1)),
            }
        }
        let most = counted.iter().map(|(_, count)| *count).max()?;
        let (pointer, _) = counted.into_iter().find(|(_, count)| *count == most)?;
        Some(Yaml::mapping([("$ref", Yaml::text(pointer))]))
    }

    /// Takes a status or an error code out.
    pub(super) fn remove_code(&mut self, finding: &Finding, code: &str) -> Done {
        let (operation, is_error) = self.of_codes(&finding.place)?;
        let sharers = self.sharers(finding);
        if is_error {
            return self.remove_error(&operation, &sharers, code);
        }
        let list = operation.to("responses");
        if !self.editor.has(&list.to(code)) {
            return Ok(());
        }
        let names = self.editor.names(&list);
        let others = names.iter().filter(|name| *name != code);
        let is_success = |name: &&String| name.starts_with(['1', '2']);
        if code.starts_with(['1', '2']) && !others.into_iter().any(|name| is_success(&name)) {
            return Err(format!(
                "{code} is the only answer of success; write the one that the page has"
            ));
        }
        self.editor.own(&list, &sharers)?;
        let answer = list.to(code);
        let shared = self.response(&answer);
        let inline = self.referred(&shared);
        self.editor.remove(&answer)?;
        if shared != answer
            && let Some(name) = shared.0.last()
            && self.uses("responses", name) == 0
        {
            self.editor.remove(&shared)?;
        }
        self.remove_unused(inline)
    }

    fn remove_error(&mut self, operation: &Way, sharers: &[Way], code: &str) -> Done {
        let list = operation.to("x-error-codes");
        self.editor.own(&list, sharers)?;
        self.remove_item(&list, code)?;
        let has_code = |(_, way): &(_, Way)| self.editor.lists(&way.to("x-error-codes"), code);
        if self.operations().iter().any(has_code) {
            return Ok(());
        }
        // The codes in the first of several sections may come from any operation.
        let known = component("ErrorCode").to("x-extensible-enum");
        let all = self.editor.texts(&known);
        let Some(index) = all.iter().position(|one| one == code) else { return Ok(()) };
        if self.editor.is_in_first_section(&known, index) || all.len() == 1 {
            return Ok(());
        }
        self.remove_known_value("ErrorCode", code)
    }
}
