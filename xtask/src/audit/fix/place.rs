//! From a finding's place to the part of the document.

use super::Fixer;
use crate::edit::Way;

/// A part of the document that is a parameter or a member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Spot {
    /// A parameter: the operation, the parameter's own way, its name.
    Parameter { operation: Way, way: Way, name: String },
    /// A member of a component.
    Member { component: String, name: String },
    /// A component itself.
    Component(String),
}

/// How deep objects are followed into one another.
pub(super) const DEPTH: usize = 16;

const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

/// The way of a component schema.
pub(super) fn component(name: &str) -> Way {
    Way::of(["components", "schemas", name])
}

/// The way of a member of a component schema.
pub(super) fn member(component_name: &str, name: &str) -> Way {
    component(component_name).to("properties").to(name)
}

impl Fixer<'_> {
    /// All operations: name and way.
    pub(super) fn operations(&self) -> Vec<(String, Way)> {
        let paths = Way::of(["paths"]);
        let mut all = Vec::new();
        for path in self.editor.names(&paths) {
            let item = paths.to(&path);
            for method in METHODS {
                let way = item.to(method);
                if let Some(id) = self.editor.scalar(&way.to("operationId")) {
                    all.push((id.to_owned(), way));
                }
            }
        }
        all
    }

    /// The way of the operation called `id`.
    pub(super) fn operation(&self, id: &str) -> Option<Way> {
        self.operations().into_iter().find(|(name, _)| name == id).map(|(_, way)| way)
    }

    /// The name of the component schema that the schema at `way` refers to.
    pub(super) fn reference(&self, way: &Way) -> Option<String> {
        let pointer = self
            .editor
            .scalar(&way.to("$ref"))
            .or_else(|| self.editor.scalar(&way.to("allOf").to("0").to("$ref")))?;
        pointer.strip_prefix("#/components/schemas/").map(str::to_owned)
    }

    /// The component with members that the schema at `way` leads to, through lists and maps.
    pub(super) fn object(&self, way: &Way) -> Option<String> {
        let mut way = way.clone();
        for _ in 0..DEPTH {
            if let Some(name) = self.reference(&way) {
                return self.editor.has(&component(&name)).then_some(name);
            }
            way = ["items", "additionalProperties"]
                .iter()
                .map(|word| way.to(word))
                .find(|way| self.editor.has(way))?;
        }
        None
    }

    /// The component of an operation's request body.
    pub(super) fn body(&self, operation: &Way) -> Option<String> {
        let content = operation.to("requestBody").to("content");
        self.reference(&content.to("application/json").to("schema"))
    }

    /// The component of an operation's successful answers.
    pub(super) fn answer(&self, operation: &Way) -> Option<String> {
        let responses = operation.to("responses");
        let mut statuses = self.editor.names(&responses);
        statuses.retain(|status| status.starts_with(['1', '2']));
        statuses.sort_by_key(|status| (status != "200", status.clone()));
        statuses
            .iter()
            .map(|status| self.response(&responses.to(status)))
            .find_map(|way| self.reference(&way.to("content").to("application/json").to("schema")))
    }

    /// The way of a response, through its reference.
    pub(super) fn response(&self, way: &Way) -> Way {
        let pointer = self.editor.scalar(&way.to("$ref"));
        let name = pointer.and_then(|of| of.strip_prefix("#/components/responses/"));
        name.map_or_else(|| way.clone(), |name| Way::of(["components", "responses", name]))
    }

    /// The one member that every successful answer of the document is wrapped in.
    pub(super) fn envelope(&self) -> Option<String> {
        let operations = self.operations();
        let answers = operations.iter().filter_map(|(_, way)| self.answer(way));
        let mut names = answers.map(|name| self.editor.names(&component(&name).to("properties")));
        let first = names.next().filter(|first| first.len() == 1)?;
        let others: Vec<_> = names.collect();
        let all_alike = !others.is_empty() && others.iter().all(|other| *other == first);
        first.into_iter().next().filter(|_| all_alike)
    }

    /// The component that `words` lead to from `start`, through an envelope; `listed` is what the page has.
    fn walk(&self, start: String, words: &[&str], listed: &[String]) -> Option<String> {
        let mut at = start;
        for (index, word) in words.iter().enumerate() {
            let listed = if index == 0 { listed } else { &[] };
            at = self.object(&member(&self.unwrapped(at, word, listed), word))?;
        }
        Some(at)
    }

    /// The component that has the member, or would have it: what is in the envelope, if this is one. An
    /// envelope always comes, is not on the page, and has what the page lists.
    fn unwrapped(&self, name: String, word: &str, listed: &[String]) -> String {
        if self.editor.has(&member(&name, word)) {
            return name;
        }
        let object = component(&name);
        let names = self.editor.names(&object.to("properties"));
        let required = self.editor.texts(&object.to("required"));
        let is_listed = |one: &String| listed.contains(one);
        let of_all = self.envelope();
        let found =
            names.iter().filter(|one| required.contains(one) && !is_listed(one)).find_map(|one| {
                let way = member(&name, one);
                let inner = self.object(&way).filter(|_| !self.editor.has(&way.to("items")))?;
                let has = self.editor.names(&component(&inner).to("properties"));
                let is_of_all = names.len() == 1 && of_all.as_ref() == Some(one);
                let has_listed = has.iter().any(|one| one == word || is_listed(one));
                (has_listed || is_of_all).then_some(inner)
            });
        found.unwrap_or(name)
    }

    /// The names that the page lists in a section of an operation.
    fn listed(&self, id: &str, section: &str) -> Vec<String> {
        let operations = &self.page.operations;
        let named = operations.iter().find(|operation| {
            operation
                .id
                .as_ref()
                .is_some_and(|name| name.text.trim().trim_end_matches(".html") == id)
        });
        let only = operations.first().filter(|_| operations.len() == 1);
        let Some(operation) = named.or(only) else { return Vec::new() };
        let members = match section {
            "request" => &operation.request,
            _ => &operation.answer,
        };
        members.iter().flatten().map(|member| member.name.clone()).collect()
    }

    /// The list of an operation's parameters that has one called `name`, and its number.
    pub(super) fn parameter(&self, operation: &Way, name: &str) -> Option<(Way, usize)> {
        let (path, _) = operation.0.split_last().map(|(last, rest)| (Way(rest.to_vec()), last))?;
        [operation.to("parameters"), path.to("parameters")].into_iter().find_map(|list| {
            let index = self.editor.names(&list).iter().position(|index| {
                let one = list.to(index);
                self.editor.scalar(&one.to("name")).is_some_and(|of| of.eq_ignore_ascii_case(name))
            })?;
            Some((list, index))
        })
    }

    /// The component in which a member at `place` stands, or would stand, and whether in a request.
    pub(super) fn container(&self, place: &str) -> Option<(String, String)> {
        let words: Vec<&str> = place.split('.').collect();
        let (name, parents) = words.split_last()?;
        let (first, parents) = parents.split_first()?;
        let holder = match self.operation(first) {
            Some(operation) => {
                let (section, parents) = parents.split_first()?;
                let start = match *section {
                    "request" => self.body(&operation)?,
                    "answer" | "response" => self.answer(&operation)?,
                    _ => return None,
                };
                let listed = self.listed(first, section);
                let holder = self.walk(start, parents, &listed)?;
                let outer = if parents.is_empty() { listed } else { Vec::new() };
                self.unwrapped(holder, name, &outer)
            }
            None if self.editor.has(&component(first)) => {
                let holder = self.walk((*first).to_owned(), parents, &[])?;
                self.unwrapped(holder, name, &[])
            }
            None => return None,
        };
        Some((holder, (*name).to_owned()))
    }

    /// The parameter, member or component at `place`.
    pub(super) fn spot(&self, place: &str) -> Result<Spot, String> {
        let words: Vec<&str> = place.split('.').collect();
        if let [only] = words.as_slice()
            && self.editor.has(&component(only))
        {
            return Ok(Spot::Component((*only).to_owned()));
        }
        if let [id, "request", name] = words.as_slice()
            && let Some(operation) = self.operation(id)
            && let Some((list, index)) = self.parameter(&operation, name)
        {
            let way = list.to(&index.to_string());
            let name = self.editor.scalar(&way.to("name")).unwrap_or_default().to_owned();
            return Ok(Spot::Parameter { operation, way, name });
        }
        let found = self.container(place);
        let found = found.filter(|(holder, name)| self.editor.has(&member(holder, name)));
        let (component, name) = found.ok_or_else(|| {
            format!("the document has no place called `{place}`; edit it by hand")
        })?;
        Ok(Spot::Member { component, name })
    }

    /// The way of a spot's schema.
    pub(super) fn schema_way(&self, spot: &Spot) -> Way {
        match spot {
            Spot::Parameter { way, .. } => way.to("schema"),
            Spot::Member { component, name } => member(component, name),
            Spot::Component(name) => component(name),
        }
    }

    /// The way of what is described: the parameter itself, or the schema.
    pub(super) fn described_way(&self, spot: &Spot) -> Way {
        match spot {
            Spot::Parameter { way, .. } => way.clone(),
            other => self.schema_way(other),
        }
    }

    /// The component schemas that the part at `way` leads to.
    fn reached(&self, way: &Way, seen: &mut Vec<String>) {
        for name in self.references(way) {
            if !seen.contains(&name) {
                seen.push(name.clone());
                self.reached(&component(&name), seen);
            }
        }
    }

    /// The component schemas that a schema or a parameter names, at any depth of its own.
    fn references(&self, way: &Way) -> Vec<String> {
        let source = self.editor.source(way).unwrap_or_default();
        let pointers = source.split("#/components/schemas/").skip(1);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        pointers.map(|rest| rest.chars().take_while(|c| is_name(*c)).collect()).collect()
    }

    /// The component schemas of requests, or those of answers.
    pub(super) fn used_in(&self, requests: bool) -> Vec<String> {
        let mut seen = Vec::new();
        for (_, operation) in self.operations() {
            let start = if requests { self.body(&operation) } else { self.answer(&operation) };
            if let Some(start) = start
                && !seen.contains(&start)
            {
                seen.push(start.clone());
                self.reached(&component(&start), &mut seen);
            }
            if requests {
                self.reached(&operation.to("parameters"), &mut seen);
            }
        }
        seen
    }

    /// True for a component that a request sends.
    pub(super) fn is_request(&self, name: &str) -> bool {
        self.used_in(true).iter().any(|used| used == name)
    }

    /// How often the document refers to a component of a section.
    pub(super) fn uses(&self, section: &str, name: &str) -> usize {
        let pointer = format!("#/components/{section}/{name}");
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let found = self.editor.text().match_indices(&pointer);
        found
            .filter(|(at, _)| !self.editor.text()[at + pointer.len()..].starts_with(is_name))
            .count()
    }

    /// Takes out the components that nothing refers to, of those in `names`, and those only they use.
    pub(super) fn remove_unused(&mut self, mut names: Vec<String>) -> Result<(), String> {
        while let Some(name) = names.pop() {
            let way = component(&name);
            let own = self.references(&way).iter().filter(|of| **of == name).count();
            if self.editor.has(&way) && self.uses("schemas", &name) == own {
                names.extend(self.references(&way).into_iter().filter(|of| *of != name));
                self.editor.remove(&way)?;
            }
        }
        Ok(())
    }

    /// The component schemas that the schema at `way` refers to.
    pub(super) fn referred(&self, way: &Way) -> Vec<String> {
        self.references(way)
    }

    /// The operations that a place is about: by name, or those of the page.
    pub(super) fn operations_of(&self, place: &str) -> Vec<String> {
        let first = place.split('.').next().unwrap_or_default();
        if self.operation(first).is_some() {
            return vec![first.to_owned()];
        }
        let ids = self.page.operations.iter().filter_map(|operation| operation.id.as_ref());
        ids.map(|id| id.text.clone()).filter(|id| self.operation(id).is_some()).collect()
    }
}
