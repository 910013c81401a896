//! Facts of an operation: method, path, version, rate, edition, and the day on which its page was read.

use super::{Done, Finding, Fixer, place::Spot, schema::word, to_plain};
use crate::edit::{Put, Way, Yaml};

impl Fixer<'_> {
    /// Gives a fact the page's value.
    pub(super) fn change_fact(&mut self, finding: &Finding, what: &str, page: &str) -> Done {
        let place = finding.place.as_str();
        if place.contains('.') {
            return self.change_fact_of_member(finding, what, page);
        }
        let id = place.split('.').next().unwrap_or_default();
        let operation = self.operation(id);
        let operation = || operation.clone().ok_or_else(|| format!("there is no operation `{id}`"));
        match what {
            "version" => {
                let info = Way::of(["info"]);
                self.editor.set(&info, "version", &Yaml::text(page), Put::After("title"))
            }
            "rate" => {
                let digits: String = page.chars().take_while(char::is_ascii_digit).collect();
                let rate: u64 =
                    digits.parse().map_err(|_| format!("`{page}` is no number of calls"))?;
                let way = operation()?;
                let limit = way.to("x-rate-limit");
                if self.editor.scalar(&limit.to("per-seconds")) == Some("1") {
                    self.editor.own(&limit, std::slice::from_ref(&way))?;
                    return self.editor.replace_value(&limit.to("requests"), &Yaml::plain(rate));
                }
                let value = rate_limit(rate);
                self.editor.set(&way, "x-rate-limit", &value, Put::After("externalDocs"))
            }
            "edition" => self.change_edition(&operation()?, page),
            "method" => {
                let way = operation()?;
                let method = page.to_ascii_lowercase();
                let (item, _) = split(&way)?;
                if self.editor.has(&item.to(&method)) {
                    return Err(format!(
                        "the path has another operation by {page}; edit it by hand"
                    ));
                }
                if !["get", "put", "post", "delete", "patch", "head"].contains(&method.as_str()) {
                    return Err(format!("`{page}` is no method that a document may have"));
                }
                self.editor.rename(&way, &method)
            }
            "path" => {
                let way = operation()?;
                let (item, _) = split(&way)?;
                let (paths, old) = split(&item)?;
                let new = self.own_path(page);
                let has_others = self
                    .operations()
                    .iter()
                    .any(|(name, other)| name != id && other.0.starts_with(&item.0));
                if has_others || self.editor.has(&paths.to(&new)) {
                    return Err(
                        "other operations share the path, or have the new one; edit it by hand"
                            .to_owned(),
                    );
                }
                if placeholders(&old) != placeholders(&new) {
                    return Err(
                        "the path has other placeholders; edit it and the parameters by hand"
                            .to_owned(),
                    );
                }
                self.editor.rename(&item, &new)
            }
            other => Err(format!("`{other}` cannot be written; edit it by hand")),
        }
    }

    /// The place of a parameter, and the one edition of the product that has a member.
    fn change_fact_of_member(&mut self, finding: &Finding, what: &str, page: &str) -> Done {
        let spot = self.spot(&finding.place)?;
        let way = self.described_way(&spot);
        self.own_part(finding, &spot, &way)?;
        match (what, &spot) {
            ("place", Spot::Parameter { .. }) if matches!(page, "query" | "header") => {
                if self.editor.scalar(&way.to("in")) == Some("path") {
                    return Err(
                        "it is in the path; write the path as the page has it first".to_owned()
                    );
                }
                self.editor.replace_value(&way.to("in"), &Yaml::text(page))
            }
            ("edition", _) => {
                let edition = page.trim_end_matches(" only");
                let text =
                    self.editor.scalar(&way.to("description")).unwrap_or_default().to_owned();
                if text.contains(edition) {
                    return Ok(());
                }
                self.open_reference(&way)?;
                let text = format!("{} Only in: {}.", text.trim(), to_plain(edition));
                self.editor.set(&way, "description", &Yaml::text(text.trim()), Put::Last)
            }
            _ => Err(format!("the page has it in the {page}; edit it by hand")),
        }
    }

    /// The path as the document writes it: without what the addresses of its servers end in.
    pub(super) fn own_path(&self, path: &str) -> String {
        let servers = Way::of(["servers"]);
        let urls = self.editor.names(&servers).into_iter();
        let urls = urls.filter_map(|index| self.editor.scalar(&servers.to(&index).to("url")));
        let prefixes = urls.filter_map(|url| {
            let (_, rest) = url.split_once("://")?;
            rest.find('/').and_then(|at| rest.get(at..)).map(|prefix| prefix.trim_end_matches('/'))
        });
        let stripped = prefixes
            .filter(|prefix| !prefix.is_empty())
            .find_map(|prefix| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')));
        stripped.unwrap_or(path).to_owned()
    }

    /// Writes the edition of the page into its title.
    fn change_edition(&mut self, operation: &Way, edition: &str) -> Done {
        let docs = operation.to("externalDocs");
        let title = docs.to("description");
        let Some(old) = self.editor.scalar(&title).map(str::to_owned) else {
            let id = self.editor.scalar(&operation.to("operationId")).unwrap_or_default();
            let new = Yaml::text(format!("{id}, edition of {edition}"));
            return self.editor.set(&docs, "description", &new, Put::Last);
        };
        let new = match date(&old) {
            Some(at) => format!("{}{edition}{}", &old[..at], &old[at + 10..]),
            None => format!("{old}, edition of {edition}"),
        };
        self.editor.replace_value(&title, &Yaml::text(new))
    }

    /// Writes the day on which the page of an operation was read.
    pub(super) fn read_on(&mut self, id: &str, today: &str) -> Done {
        let Some(operation) = self.operation(id) else { return Ok(()) };
        let day = Yaml::Raw(format!("'{today}'"));
        let all = self.editor.scalar(&Way::of(["x-read-on"]));
        if all == Some(today) && !self.editor.has(&operation.to("x-read-on")) {
            return Ok(());
        }
        self.editor.set(&operation, "x-read-on", &day, Put::After("externalDocs"))
    }

    /// Takes a fingerprint out of the decisions, and a decision that is about nothing else.
    pub(super) fn remove_decision(&mut self, fingerprint: &str) -> Done {
        for word in ["x-differs", "x-left-out"] {
            let list = Way::of([word]);
            for index in self.editor.names(&list).into_iter().rev() {
                let decision = list.to(&index);
                let findings = decision.to("findings");
                let named = self.editor.texts(&findings);
                let Some(at) = named.iter().position(|one| one == fingerprint) else { continue };
                let (way, alone) = (findings.to(&at.to_string()), named.len() == 1);
                if !alone {
                    self.editor.remove(&way)?;
                } else if self.editor.names(&list).len() == 1 {
                    self.editor.remove(&list)?;
                } else {
                    self.editor.remove(&decision)?;
                }
            }
        }
        Ok(())
    }
}

/// A number of calls in a second.
pub(super) fn rate_limit(rate: u64) -> Yaml {
    let words = vec![word("requests", Yaml::plain(rate)), word("per-seconds", Yaml::plain(1))];
    Yaml::Flow(Box::new(Yaml::Mapping(words)))
}

fn split(way: &Way) -> Result<(Way, String), String> {
    let (last, first) = way.0.split_last().ok_or("the operation has no path")?;
    Ok((Way(first.to_vec()), last.clone()))
}

/// The placeholders of a path.
pub(super) fn placeholders(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// The position of a date in a text.
fn date(text: &str) -> Option<usize> {
    let is_date = |window: &[u8]| {
        window.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    text.as_bytes().windows(10).position(is_date)
}
