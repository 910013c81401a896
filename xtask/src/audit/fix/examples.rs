//! The examples of the operations follow their schemas: what is new is shown, what is gone is not.

use heck::ToKebabCase as _;
use serde_json::Value;

use super::{
    Done, Finding, Fixer,
    place::{DEPTH, Spot, component, member},
    sample,
    schema::word,
};
use crate::{
    document::{Document, Schema},
    edit::{Put, Way, Yaml},
};

/// Stands for every item of a list, or every member of a map.
const EACH: &str = "*";

/// As many ways through objects as are followed.
const MANY: usize = 64;

/// An example: its name and the way of its value.
type Shown = (String, Way);

impl Fixer<'_> {
    /// The ways through the members of `start` to the component `target`.
    fn ways_to(&self, start: &str, target: &str) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.follow(start, target, &mut Vec::new(), &mut vec![start.to_owned()], &mut found);
        found
    }

    fn follow(
        &self,
        at: &str,
        target: &str,
        words: &mut Vec<String>,
        seen: &mut Vec<String>,
        found: &mut Vec<Vec<String>>,
    ) {
        if found.len() >= MANY || seen.len() > DEPTH {
            return;
        }
        if at == target {
            found.push(words.clone());
        }
        for name in self.editor.names(&component(at).to("properties")) {
            let Some((mut inner, next)) = self.through(&member(at, &name)) else { continue };
            if seen.contains(&next) {
                continue;
            }
            let length = words.len();
            words.push(name);
            words.append(&mut inner);
            seen.push(next.clone());
            self.follow(&next, target, words, seen, found);
            seen.pop();
            words.truncate(length);
        }
    }

    /// The component a schema leads to, and a word for each list or map on the way.
    fn through(&self, way: &Way) -> Option<(Vec<String>, String)> {
        let (mut way, mut words) = (way.clone(), Vec::new());
        for _ in 0..DEPTH {
            if let Some(name) = self.reference(&way) {
                let has_members = self.editor.has(&component(&name).to("properties"));
                return has_members.then_some((words, name));
            }
            let inner = ["items", "additionalProperties"].map(|word| way.to(word));
            way = inner.into_iter().find(|way| self.editor.has(way))?;
            words.push(EACH.to_owned());
        }
        None
    }

    /// The parts of an example that `words` lead to.
    fn instances(&self, value: &Way, words: &[String]) -> Vec<Way> {
        let mut ways = vec![value.clone()];
        for word in words {
            let next = ways.iter().flat_map(|way| match word.as_str() {
                EACH => self.editor.names(way).iter().map(|name| way.to(name)).collect(),
                word => vec![way.to(word)],
            });
            ways = next.filter(|way| self.editor.has(way)).take(MANY * MANY).collect();
        }
        ways
    }

    /// The examples of an operation's request body.
    fn body_examples(&self, operation: &Way) -> Vec<Shown> {
        let body = operation.to("requestBody").to("content").to("application/json").to("examples");
        let others = operation.to("x-examples");
        let of = |list: &Way, word: &str| -> Vec<Shown> {
            let names = self.editor.names(list).into_iter();
            names.map(|name| (name.clone(), list.to(&name).to(word))).collect()
        };
        let mut all = of(&body, "value");
        all.extend(of(&others, "body").into_iter().filter(|(_, way)| self.editor.has(way)));
        all
    }

    /// The examples of an operation's answers with the component.
    fn answer_examples(&self, operation: &Way) -> Vec<Shown> {
        let responses = operation.to("responses");
        let mut all = Vec::new();
        for status in self.editor.names(&responses) {
            let content = self.response(&responses.to(&status)).to("content");
            let examples = content.to("application/json").to("examples");
            for name in self.editor.names(&examples) {
                all.push((name.clone(), examples.to(&name).to("value")));
            }
        }
        all
    }

    /// All parts of examples that are of the component: of requests, and with `answers` of answers too.
    pub(super) fn shown(&self, name: &str, answers: bool) -> Vec<Way> {
        let mut all = Vec::new();
        for (_, operation) in self.operations() {
            let body = self.body(&operation).map(|start| (start, self.body_examples(&operation)));
            let answer = self.answer(&operation).filter(|_| answers);
            let answer = answer.map(|start| (start, self.answer_examples(&operation)));
            for (start, examples) in body.into_iter().chain(answer) {
                for words in self.ways_to(&start, name) {
                    all.extend(examples.iter().flat_map(|(_, way)| self.instances(way, &words)));
                }
            }
        }
        all
    }

    /// Shows a member of a request: in every example, where it is required, else in the fullest of each
    /// operation in which it may stand.
    pub(super) fn show_member(&mut self, holder: &str, name: &str, required: bool) -> Done {
        let value = self.value_of(&member(holder, name))?;
        for (_, operation) in self.operations() {
            let Some(start) = self.body(&operation) else { continue };
            let ways = self.ways_to(&start, holder);
            let examples = self.body_examples(&operation);
            let instances = |fixer: &Self, way: &Way| -> Vec<Way> {
                ways.iter().flat_map(|words| fixer.instances(way, words)).collect()
            };
            if required {
                let all: Vec<Way> =
                    examples.iter().flat_map(|(_, way)| instances(self, way)).collect();
                for way in all {
                    self.put_with_needs(holder, &way, name, &value)?;
                }
                continue;
            }
            let mut candidates: Vec<(&Shown, Way)> = Vec::new();
            let mut is_shown = false;
            for example in &examples {
                for way in instances(self, &example.1) {
                    is_shown |= self.editor.has(&way.to(name));
                    candidates.push((example, way));
                }
            }
            if is_shown || ways.is_empty() {
                continue;
            }
            let fitting =
                candidates.into_iter().filter(|(_, way)| self.may_stand(holder, name, way));
            let own = |name: &str| matches!(name, "page" | "minimal");
            let rank = |(example, way): &(&Shown, Way)| {
                let needs = self.lacking(holder, name, way).len();
                (!own(&example.0), usize::MAX - needs, self.editor.names(way).len())
            };
            let best = fitting.max_by_key(rank);
            let Some((example, way)) = best else { continue };
            let (example, way) = (example.clone(), way);
            if own(&example.0) {
                self.new_example(&operation, &example, &way, (holder, name), &value)?;
                continue;
            }
            self.put_with_needs(holder, &way, name, &value)?;
        }
        Ok(())
    }

    /// True where no rule forbids the member beside what the example has.
    fn may_stand(&self, holder: &str, name: &str, way: &Way) -> bool {
        let object = component(holder);
        let rules = ["x-exclusive", "x-exactly-one-of"].map(|rule| object.to(rule));
        rules.iter().all(|rule| {
            let groups = self.editor.names(rule);
            let groups = groups.iter().map(|index| self.editor.texts(&rule.to(index)));
            groups.filter(|group| group.iter().any(|one| one == name)).all(|group| {
                group.iter().all(|other| other == name || !self.editor.has(&way.to(other)))
            })
        })
    }

    /// Puts a member into a part of an example, in the order of the schema.
    pub(super) fn put_member(&mut self, holder: &str, way: &Way, name: &str, value: &Yaml) -> Done {
        let order = self.editor.names(&component(holder).to("properties"));
        let before = order.iter().take_while(|one| *one != name);
        let has = self.editor.names(way);
        let before = before.filter(|one| has.contains(one)).last().cloned();
        let put = Put::after(before.as_deref());
        self.editor.set(way, name, value, put)
    }

    /// Adds an example that has what `from` has, and the member.
    fn new_example(
        &mut self,
        operation: &Way,
        from: &Shown,
        part: &Way,
        (holder, name): (&str, &str),
        value: &Yaml,
    ) -> Done {
        let Some((_, list)) = from.1.0.split_last() else { return Ok(()) };
        let Some((_, list)) = list.split_last() else { return Ok(()) };
        let list = Way(list.to_vec());
        let names: Vec<String> =
            self.body_examples(operation).into_iter().map(|(name, _)| name).collect();
        let own = [String::from("full"), format!("with-{}", name.to_kebab_case())];
        let Some(own) = own.into_iter().find(|name| !names.contains(name)) else {
            return Err(format!("no example can show `{name}`; write one"));
        };
        let source = list.to(&from.0);
        let copy = self.editor.plain_value(&source)?;
        let summary = format!("With `{name}` beside the others.");
        let mut words = match Yaml::of(&copy) {
            Yaml::Mapping(words) => words,
            _ => return Err(format!("no example can show `{name}`; write one")),
        };
        words.retain(|(name, _)| name != "summary");
        words.insert(0, word("summary", Yaml::text(summary)));
        self.editor.set(&list, &own, &Yaml::Mapping(words), Put::Last)?;
        let rest = part.0.get(source.0.len()..).unwrap_or_default();
        let way = Way(list.to(&own).0.into_iter().chain(rest.iter().cloned()).collect());
        self.put_with_needs(holder, &way, name, value)
    }

    /// A value of the schema at `way`, as an example shows it.
    fn value_of(&self, way: &Way) -> Result<Yaml, String> {
        Ok(Yaml::of(&self.sample(way, true)?))
    }

    /// A value of the schema of a member or a parameter.
    pub(super) fn sample(&self, way: &Way, all: bool) -> Result<Value, String> {
        let document = Document::parse(self.editor.text()).map_err(|complaints| {
            let first = complaints.first();
            first.map_or_else(String::new, |of| format!("{}: {}", of.place, of.text))
        })?;
        let schema =
            schema_at(&document, way).ok_or("the example cannot be written; write it by hand")?;
        Ok(sample::of(&document, schema, all, 0))
    }

    /// Shows a parameter: in every example where it is required, else in the fullest.
    pub(super) fn show_parameter(
        &mut self,
        operation: &Way,
        parameter: &Way,
        sharers: &[Way],
    ) -> Done {
        let name = self.editor.scalar(&parameter.to("name")).unwrap_or_default().to_owned();
        let required = self.editor.scalar(&parameter.to("required")) == Some("true");
        let value = self.value_of(&parameter.to("schema"))?;
        let examples = operation.to("x-examples");
        let names = self.editor.names(&examples);
        let of = |name: &String| examples.to(name).to("parameters");
        if names.is_empty() {
            return self.show_beside(operation, parameter, value);
        }
        let is_shown = |fixer: &Self, way: &Way| fixer.editor.has(&way.to(&name));
        let own = |name: &String| matches!(name.as_str(), "page" | "minimal");
        let chosen: Vec<String> = if required {
            names.into_iter().filter(|one| !is_shown(self, &of(one))).collect()
        } else if names.iter().any(|one| is_shown(self, &of(one))) {
            Vec::new()
        } else {
            let best = names.iter().filter(|one| !own(one));
            let best = best.max_by_key(|one| self.editor.names(&of(one)).len()).cloned();
            match best {
                Some(best) => vec![best],
                None => {
                    self.editor.own(&examples, sharers)?;
                    let most = names.iter().max_by_key(|one| self.editor.names(&of(one)).len());
                    let Some(most) = most else { return Ok(()) };
                    let Value::Object(mut copy) = self.editor.plain_value(&examples.to(most))?
                    else {
                        return Ok(());
                    };
                    copy.shift_remove("summary");
                    let Yaml::Mapping(mut words) = Yaml::of(&Value::Object(copy)) else {
                        return Ok(());
                    };
                    let summary = format!("With `{name}` beside the others.");
                    words.insert(0, word("summary", Yaml::text(summary)));
                    self.editor.set(&examples, "full", &Yaml::Mapping(words), Put::Last)?;
                    vec!["full".to_owned()]
                }
            }
        };
        for one in chosen {
            let way = of(&one);
            self.editor.own(&way, sharers)?;
            if self.editor.has(&way) {
                self.editor.set(&way, &name, &value, Put::Last)?;
            } else {
                let entry = Yaml::Mapping(vec![(name.clone(), value.clone())]);
                self.editor.set(&examples.to(&one), "parameters", &entry, Put::Last)?;
            }
        }
        Ok(())
    }

    /// Shows a parameter in an example of its own, which goes with one of the body or of another parameter.
    fn show_beside(&mut self, operation: &Way, parameter: &Way, value: Yaml) -> Done {
        let body = operation.to("requestBody").to("content").to("application/json");
        let list = operation.to("parameters");
        let others = self.editor.names(&list).into_iter().map(|one| list.to(&one));
        let mut names =
            [body].into_iter().chain(others).map(|way| self.editor.names(&way.to("examples")));
        let Some(name) = names.find_map(|names| names.last().cloned()) else { return Ok(()) };
        let example = Yaml::Mapping(vec![word("value", value)]);
        let examples = Yaml::Mapping(vec![(name, example)]);
        self.editor.set(parameter, "examples", &examples, Put::Last)
    }

    /// Takes a member out of all examples.
    pub(super) fn hide_member(&mut self, holder: &str, name: &str) -> Done {
        for way in self.shown(holder, true) {
            self.editor.remove(&way.to(name))?;
        }
        Ok(())
    }

    /// Takes a parameter out of the examples of an operation.
    pub(super) fn hide_parameter(&mut self, operation: &Way, name: &str, sharers: &[Way]) -> Done {
        let examples = operation.to("x-examples");
        for one in self.editor.names(&examples) {
            let way = examples.to(&one).to("parameters");
            if self.editor.has(&way.to(name)) {
                self.editor.own(&way, sharers)?;
                self.editor.prune(&way.to(name))?;
            }
        }
        Ok(())
    }

    /// The ways of the values that examples give to a parameter or a member of a request, or of answers too.
    pub(super) fn values_shown(&self, spot: &Spot, answers: bool) -> Vec<Way> {
        let ways: Vec<Way> = match spot {
            Spot::Parameter { operation, way, name } => {
                let whole = operation.to("x-examples");
                let own = way.to("examples");
                let of = |examples: &Way, words: &[&str]| -> Vec<Way> {
                    let names = self.editor.names(examples).into_iter();
                    names
                        .map(|one| words.iter().fold(examples.to(&one), |way, word| way.to(word)))
                        .collect()
                };
                let mut all = of(&whole, &["parameters", name]);
                all.extend(of(&own, &["value"]));
                all
            }
            Spot::Member { component, name } => {
                self.shown(component, answers).into_iter().map(|way| way.to(name)).collect()
            }
            Spot::Component(_) => Vec::new(),
        };
        ways.into_iter().filter(|way| self.editor.has(way)).collect()
    }

    /// Puts another value there, which an example shows of a spot. An operation that repeats the example by
    /// its anchor, and that the finding is not about, keeps the old one.
    pub(super) fn show_anew(
        &mut self,
        finding: &Finding,
        spot: &Spot,
        way: &Way,
        value: &Yaml,
    ) -> Done {
        if let Spot::Parameter { .. } = spot {
            let sharers = self.sharers(finding);
            self.editor.own(way, &sharers)?;
        }
        self.editor.replace_value(way, value)
    }
}

/// The schema at the way of a component's member, or of a parameter.
fn schema_at<'a>(document: &'a Document, way: &Way) -> Option<&'a Schema> {
    let words: Vec<&str> = way.0.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["components", "schemas", name, "properties", member] => match document.schema(name)? {
            Schema::Object(object) => object.properties.get(*member),
            _ => None,
        },
        ["components", "schemas", name] => document.schema(name),
        ["paths", path, "parameters", index, "schema"] => {
            let calls = document.calls();
            let call = calls.iter().find(|call| call.path == *path)?;
            call.parameters().get(index.parse::<usize>().ok()?).map(|parameter| &parameter.schema)
        }
        ["paths", path, method, "parameters", index, "schema"] => {
            let calls = document.calls();
            let call = calls.iter().find(|call| call.path == *path && call.method == *method)?;
            let shared = document.paths.get(*path)?.parameters.len();
            let index = index.parse::<usize>().ok()? + shared;
            call.parameters().get(index).map(|parameter| &parameter.schema)
        }
        _ => None,
    }
}
