//! Limits: another number, one more, one less; the description and the examples follow.

use serde_json::Value;

use super::{
    Done, Finding, Fixer, MARKER,
    place::{Spot, component},
    schema,
};
use crate::edit::{Way, Yaml};

/// Limits that a list has itself, and not on its items.
const OF_LISTS: [&str; 2] = ["minItems", "maxItems"];

impl Fixer<'_> {
    /// Gives a limit the page's value.
    pub(super) fn change_limit(
        &mut self,
        finding: &Finding,
        limit: &str,
        page: Option<&str>,
        document: Option<&str>,
    ) -> Done {
        let spot = self.spot(&finding.place)?;
        if let Spot::Member { component: holder, name } = &spot {
            match limit {
                "x-exclusive" | "x-exactly-one-of" => {
                    return self.change_groups(holder, (limit, name), page, document);
                }
                "x-requires" => return self.change_needs(holder, name, page, document),
                _ => {}
            }
            if page.is_some() && !self.is_request(holder) {
                return Err("an answer has no limits; make it an entry of `x-left-out`".to_owned());
            }
        }
        let mut way = self.schema_way(&spot);
        self.own_part(finding, &spot, &way)?;
        let described = self.described_way(&spot).to("description");
        match limit {
            "default" => return self.change_default(&described, page, document),
            "enum" => {
                return Err(
                    "the page lists no values any more; make it a plain text, or keep the values \
                            with an entry of `x-differs`"
                        .to_owned(),
                );
            }
            "keyPattern" | "keyMaxLength" | "maxProperties" => {
                return self.change_json(&way, limit, page, &finding.place);
            }
            _ => {}
        }
        let is_list = self.editor.scalar(&way.to("type")) == Some("array");
        if is_list && !OF_LISTS.contains(&limit) {
            way = way.to("items");
        }
        let Some(page) = page else {
            if self.editor.has(&way.to(limit)) {
                self.editor.remove(&way.to(limit))?;
                self.notes.push(format!(
                    "{}: `{limit}` is gone; see whether the description still names it",
                    finding.place
                ));
            }
            return Ok(());
        };
        let value = match limit {
            "minLength" | "maxLength" | "x-max-bytes" | "minimum" | "maximum" | "minItems"
            | "maxItems" | "minProperties" => Yaml::Raw(number(page)?),
            "pattern" => Yaml::Raw(schema::quoted(&schema::pattern(page, '*'))),
            other => {
                return Err(format!("`{other}` is no limit that can be written; edit it by hand"));
            }
        };
        let old = self.editor.scalar(&way.to(limit)).map(str::to_owned);
        let takes = match limit {
            "minLength" | "maxLength" | "x-max-bytes" | "pattern" => "string",
            "minimum" | "maximum" => "integer",
            "minProperties" => "object",
            _ => "array",
        };
        let ty = self.editor.scalar(&way.to("type")).unwrap_or("a reference");
        if ty != takes {
            return Err(format!(
                "`{limit}` limits what is of type {takes}, and this is {ty}; edit it by hand"
            ));
        }
        self.put_word(&way, limit, &value)?;
        if let (Some(old), Yaml::Raw(new)) = (old, &value)
            && limit != "pattern"
        {
            self.renumber(&described, &old, new)?;
        }
        if let Yaml::Raw(new) = &value
            && self.editor.scalar(&described).is_some_and(|text| !text.contains(new.as_str()))
        {
            self.notes.push(format!(
                "{}: `{limit}` is {new} now; see whether the description says so",
                finding.place
            ));
        }
        self.fit_examples(finding, &spot)
    }

    /// Puts a number in the place of the one that a description names, if it names it once.
    fn renumber(&mut self, description: &Way, old: &str, new: &str) -> Done {
        let Some(source) = self.editor.source(description) else { return Ok(()) };
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let found: Vec<usize> = source
            .match_indices(old)
            .map(|(at, _)| at)
            .filter(|at| {
                let after = source[at + old.len()..].chars();
                let next = after.clone().next();
                // 3.5 is not 3.
                let goes_on =
                    next == Some('.') && after.clone().nth(1).is_some_and(|c| c.is_ascii_digit());
                !is_part(source[..*at].chars().next_back()) && !is_part(next) && !goes_on
            })
            .collect();
        match found.as_slice() {
            [at] => {
                let range = *at..at + old.len();
                self.editor.replace_within(description, range, new)
            }
            _ => Ok(()),
        }
    }

    /// Makes the values that examples show keep the limits.
    fn fit_examples(&mut self, finding: &Finding, spot: &Spot) -> Done {
        let way = self.schema_way(spot);
        let value = self.sample(&way, true)?;
        for shown in self.values_shown(spot, false) {
            let old = self.editor.plain_value(&shown)?;
            let new = self.fitted(&way, &old, &value);
            if new != old {
                self.show_anew(finding, spot, &shown, &Yaml::of(&new))?;
            }
        }
        Ok(())
    }

    /// The value nearest to `old` that the limits of the schema allow.
    pub(super) fn fitted(&self, schema: &Way, old: &Value, sample: &Value) -> Value {
        let limit = |way: &Way, word: &str| -> Option<i64> {
            self.editor.scalar(&way.to(word))?.parse().ok()
        };
        let size = |way: &Way, word: &str| limit(way, word).and_then(|n| usize::try_from(n).ok());
        match old {
            Value::Number(number) => {
                let Some(old) = number.as_i64() else { return old.clone() };
                let least = limit(schema, "minimum").unwrap_or(i64::MIN);
                Value::from(old.max(least).min(limit(schema, "maximum").unwrap_or(i64::MAX)))
            }
            Value::String(text) => {
                let characters = text.chars().count();
                let short = size(schema, "minLength").is_some_and(|least| characters < least);
                let long = size(schema, "maxLength").is_some_and(|most| characters > most)
                    || size(schema, "x-max-bytes").is_some_and(|most| text.len() > most);
                let pattern = self.editor.scalar(&schema.to("pattern"));
                let pattern = pattern.and_then(|pattern| regex_lite::Regex::new(pattern).ok());
                let odd = pattern.is_some_and(|pattern| !pattern.is_match(text));
                if short || long || odd { sample.clone() } else { old.clone() }
            }
            Value::Array(items) => {
                let item = sample.get(0).cloned().unwrap_or(Value::Null);
                let inner = schema.to("items");
                let mut items: Vec<Value> =
                    items.iter().map(|one| self.fitted(&inner, one, &item)).collect();
                if let Some(most) = size(schema, "maxItems") {
                    items.truncate(most);
                }
                let least = size(schema, "minItems").unwrap_or_default().min(1024);
                while items.len() < least {
                    items.push(item.clone());
                }
                Value::Array(items)
            }
            other => other.clone(),
        }
    }

    /// Gives the form of a JSON object in a text another limit.
    fn change_json(&mut self, schema: &Way, limit: &str, page: Option<&str>, place: &str) -> Done {
        let form = schema.to("x-json-object");
        let Some(page) = page.filter(|_| self.editor.has(&form)) else {
            return Err(
                "what a JSON object in a text allows is written as a whole: `x-json-object` with \
                        its four words; edit it by hand"
                    .to_owned(),
            );
        };
        let value = match limit {
            "keyPattern" => Yaml::Raw(schema::quoted(&schema::pattern(page, '+'))),
            _ => Yaml::Raw(number(page)?),
        };
        let old = self.editor.scalar(&form.to(limit)).map(str::to_owned);
        self.editor.replace_value(&form.to(limit), &value)?;
        if let (Some(old), Yaml::Raw(new)) = (old, &value)
            && limit != "keyPattern"
        {
            self.renumber(&schema.to("description"), &old, new)?;
        }
        self.notes
            .push(format!("{place}: `{limit}` is {page} now; see whether the description says so"));
        Ok(())
    }

    /// Gives the default that a description states the page's value.
    fn change_default(
        &mut self,
        description: &Way,
        page: Option<&str>,
        document: Option<&str>,
    ) -> Done {
        let stated =
            |value: &str| match value.parse::<f64>().is_ok() || matches!(value, "true" | "false") {
                true => format!("Default: {value}."),
                false => format!("Default: `{}`.", value.replace(['`', '\n', '\r'], "")),
            };
        let text = self.editor.scalar(description).unwrap_or_default().to_owned();
        if text.starts_with(MARKER) {
            return Ok(());
        }
        let begin = text.find("Default:");
        let new = match (begin, page) {
            (None, None) => return Ok(()),
            (None, Some(page)) if text.is_empty() => stated(page),
            (None, Some(page)) => format!("{} {}", text.trim_end(), stated(page)),
            (Some(at), page) => {
                let (before, rest) = text.split_at(at);
                let old = document.unwrap_or_default();
                if let Some(page) = page
                    && !old.is_empty()
                    && let Some((first, last)) = rest.split_once(old)
                {
                    format!("{before}{first}{page}{last}")
                } else {
                    // The sentence ends with a full stop that white space follows.
                    let end = rest.find(". ").map_or(rest.len(), |end| end + 2);
                    let after = rest.get(end..).unwrap_or_default();
                    let middle = page.map(stated).unwrap_or_default();
                    [before.trim_end(), &middle, after.trim()]
                        .iter()
                        .filter(|part| !part.is_empty())
                        .copied()
                        .collect::<Vec<_>>()
                        .join(" ")
                }
            }
        };
        if text == new {
            return Ok(());
        }
        if new.trim().is_empty() {
            return Err("the description says nothing but the default; write it anew".to_owned());
        }
        self.editor.replace_value(description, &Yaml::text(new.trim()))
    }

    fn change_groups(
        &mut self,
        holder: &str,
        (word, name): (&str, &str),
        page: Option<&str>,
        document: Option<&str>,
    ) -> Done {
        let groups = component(holder).to(word);
        let old = names(document);
        let new = names(page);
        for other in old.iter().filter(|other| *other != name && !new.contains(other)) {
            for index in self.editor.names(&groups).into_iter().rev() {
                let group = self.editor.texts(&groups.to(&index));
                if group.contains(other) && group.iter().any(|one| one == name) {
                    match group.len() {
                        0..=2 => self.editor.prune(&groups.to(&index))?,
                        _ => self.remove_item(&groups.to(&index), name)?,
                    }
                }
            }
        }
        for other in new.iter().filter(|other| *other != name) {
            if !self.editor.has(&component(holder).to("properties").to(other)) {
                return Err(format!("there is no member `{other}` to exclude; write it first"));
            }
            self.exclude(holder, &[name, other.as_str()])?;
            self.part(holder, name, other)?;
        }
        Ok(())
    }

    /// Takes a member out of the examples that have another one too, and shows it in one that has not.
    fn part(&mut self, holder: &str, name: &str, other: &str) -> Done {
        let spot = Spot::Member { component: holder.to_owned(), name: name.to_owned() };
        for way in self.values_shown(&spot, false) {
            let Some((_, object)) = way.0.split_last() else { continue };
            if self.editor.has(&Way(object.to_vec()).to(other)) {
                self.editor.remove(&way)?;
            }
        }
        let required = self.editor.lists(&component(holder).to("required"), name);
        self.show_member(holder, name, required)
    }

    fn change_needs(
        &mut self,
        holder: &str,
        name: &str,
        page: Option<&str>,
        document: Option<&str>,
    ) -> Done {
        let needs = component(holder).to("x-requires").to(name);
        let pair = |text: &str| {
            let (name, value) = text.split_once(['=', ':', ' '])?;
            Some((name.trim().to_owned(), value.trim_start_matches(['=', ' ']).trim().to_owned()))
        };
        let pairs = |text: Option<&str>| -> Vec<(String, String)> {
            text.into_iter()
                .flat_map(|text| text.split(','))
                .filter_map(|one| pair(one.trim()))
                .collect()
        };
        let new = pairs(page);
        for (other, _) in
            pairs(document).iter().filter(|(other, _)| new.iter().all(|(n, _)| n != other))
        {
            if self.editor.has(&needs.to(other)) {
                self.editor.prune(&needs.to(other))?;
            }
        }
        for (other, value) in &new {
            if !self.editor.has(&component(holder).to("properties").to(other)) {
                return Err(format!("there is no member `{other}` to need; write it first"));
            }
            self.need(holder, name, other, value)?;
        }
        self.give_needs(holder, name)
    }
}

/// Names with commas between.
fn names(text: Option<&str>) -> Vec<String> {
    let all = text.into_iter().flat_map(|text| text.split([',', ' ', '[', ']']));
    all.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A number in digits: `64 KB` is 65536.
fn number(text: &str) -> Result<String, String> {
    let text = text.replace([',', '_'], "");
    let digits = text.trim_start_matches('-').chars().take_while(char::is_ascii_digit).count();
    let sign = if text.starts_with('-') { 1 } else { 0 };
    let (digits, unit) = text.split_at(sign + digits);
    let number: i64 =
        digits.parse().map_err(|_| format!("`{text}` is no number; write the limit by hand"))?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "characters" | "bytes" => 1,
        "kb" | "kib" | "k" => 1024,
        "mb" | "mib" | "m" => 1024 * 1024,
        _ => return Err(format!("`{text}` is no number; write the limit by hand")),
    };
    let number = number.checked_mul(factor);
    number.map(|n| n.to_string()).ok_or_else(|| format!("`{text}` is too large"))
}
