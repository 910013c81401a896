//! Limits: another number, one more, one less; the description and the examples follow.

use serde_json::Value;

use super::{
    Done, Finding, Fixer,
    place::{Spot, component},
    schema,
};
use crate::edit::{Way, Yaml};

/// Limits of a text, which a list has on its items.
const OF_TEXTS: [&str; 4] = ["minLength", "maxLength", "x-max-bytes", "pattern"];

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
                "x-exclusive" => return self.change_groups(holder, name, page, document),
                "x-requires" => return self.change_needs(holder, name, page, document),
                _ => {}
            }
            if page.is_some() && !self.is_request(holder) {
                return Err("an answer has no limits; make it an entry of `x-left-out`".to_owned());
            }
        }
        if let Spot::Parameter { list, index, .. } = &spot {
            let sharers = self.sharers(finding);
            self.editor.own(&list.to(&index.to_string()).to("schema"), &sharers)?;
        }
        let described = match &spot {
            Spot::Parameter { list, index, .. } => list.to(&index.to_string()).to("description"),
            other => self.schema_way(other).to("description"),
        };
        let mut way = self.schema_way(&spot);
        let is_list = self.editor.scalar(&way.to("type")) == Some("array");
        if is_list && OF_TEXTS.contains(&limit) {
            way = way.to("items");
        }
        let Some(page) = page else {
            if self.editor.has(&way.to(limit)) {
                self.editor.remove(&way.to(limit))?;
            }
            return Ok(());
        };
        let value = match limit {
            "minLength" | "maxLength" | "x-max-bytes" | "minimum" | "maximum" | "minItems"
            | "maxItems" | "minProperties" => Yaml::Raw(number(page)?),
            "pattern" => Yaml::Raw(schema::quoted(&schema::pattern(page))),
            "default" => {
                return Err(format!(
                    "the page's default is `{page}`; say so in the description, in words of your own"
                ));
            }
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
        self.fit_examples(&spot)
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
    fn fit_examples(&mut self, spot: &Spot) -> Done {
        let way = self.schema_way(spot);
        let value = self.sample(&way, true)?;
        for shown in self.values_shown(spot, false) {
            let old = self.editor.plain_value(&shown)?;
            let new = self.fitted(&way, &old, &value);
            if new != old {
                self.editor.replace_value(&shown, &Yaml::of(&new))?;
            }
        }
        Ok(())
    }

    /// The value nearest to `old` that the limits of the schema allow.
    fn fitted(&self, schema: &Way, old: &Value, sample: &Value) -> Value {
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

    fn change_groups(
        &mut self,
        holder: &str,
        name: &str,
        page: Option<&str>,
        document: Option<&str>,
    ) -> Done {
        let groups = component(holder).to("x-exclusive");
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
        }
        Ok(())
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
        Ok(())
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
