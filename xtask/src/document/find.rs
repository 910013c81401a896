//! One's way in a document: operations, references, what appears in requests and in answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    AnswerBody, Document, Example, Lines, ListSchema, MediaType, Named, Operation, Parameter,
    PathItem, Referable, Reference, RequestBody, Response, Schema, TextBody,
};

/// An operation with its path and method.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub(crate) document: &'a Document,
    item: &'a PathItem,
    /// The path template.
    pub path: &'a str,
    /// The method, in lower case.
    pub method: &'a str,
    /// The operation.
    pub operation: &'a Operation,
}

/// A named example of an operation.
#[derive(Clone, Debug)]
pub struct NamedExample<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its summary.
    pub summary: &'a str,
    /// The parameters it gives.
    pub parameters: Map<String, Value>,
    /// The body, if the operation has one.
    pub body: Option<&'a Value>,
    /// Where its words are: those of the body's part, where it has parts.
    pub lines: &'a Lines,
}

/// An answer to an operation.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The component that it is, if it is one.
    pub component: Option<&'a str>,
    /// What it means, and its body.
    pub response: &'a Response,
}

impl Document {
    /// All operations, in the document's order.
    pub fn calls(&self) -> Vec<Call<'_>> {
        let paths = self.paths.iter();
        paths
            .flat_map(|(path, item)| {
                item.operations().map(move |(method, operation)| Call {
                    document: self,
                    item,
                    path,
                    method,
                    operation,
                })
            })
            .collect()
    }

    /// The component schema called `name`.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.components.schemas.get(name)
    }

    /// The schema that a reference leads to; any other schema is itself.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> Option<&'a Schema> {
        match schema.reference() {
            Some(reference) => self.schema(reference.name_in("schemas")?),
            None => Some(schema),
        }
    }

    /// The answer that is meant.
    pub fn response<'a>(&'a self, response: &'a Referable<Response>) -> Option<&'a Response> {
        response.target("responses", &self.components.responses)
    }

    /// The component schemas reachable from `roots`, those included.
    pub fn closure<'a>(&'a self, roots: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&str> = roots.into_iter().collect();
        while let Some(name) = pending.pop() {
            if let Some(schema) = self.schema(name)
                && seen.insert(name)
            {
                pending.extend(schema.references().iter().filter_map(|r| r.name_in("schemas")));
            }
        }
        seen
    }

    /// The component schemas that appear in requests.
    pub fn request_schemas(&self) -> BTreeSet<&str> {
        let calls = self.calls();
        let bodies = calls.iter().filter_map(|call| call.body()?.schema.name_in("schemas"));
        let parameters = calls.iter().flat_map(Call::parameters);
        let parameters = parameters.flat_map(|parameter| parameter.schema.references());
        self.closure(bodies.chain(parameters.filter_map(|reference| reference.name_in("schemas"))))
    }

    /// The component schemas that appear in answers.
    pub fn answer_schemas(&self) -> BTreeSet<&str> {
        let answers = self.calls().into_iter().flat_map(|call| call.operation.responses.values());
        let bodies = answers.filter_map(|answer| self.response(answer)?.json());
        let references = bodies.flat_map(|body| body.schema.references());
        self.closure(references.into_iter().filter_map(|of| of.name_in("schemas")))
    }
}

impl<'a> Call<'a> {
    /// The parameters of the path and of the operation; one that leads nowhere is left out.
    pub fn parameters(&self) -> Vec<&'a Parameter> {
        let shared = &self.document.components.parameters;
        let target = |one: &'a Referable<Parameter>| one.target("parameters", shared);
        let own: Vec<&Parameter> = self.operation.parameters.iter().filter_map(target).collect();
        // The operation's own stands for the path's of the same name and place.
        let is_own = |one: &&Parameter| {
            own.iter().any(|own| own.name == one.name && own.location == one.location)
        };
        let of_path = self.item.parameters.iter().filter_map(target).filter(|one| !is_own(one));
        of_path.chain(own.iter().copied()).collect()
    }

    /// The day on which its page was read.
    pub fn read_on(&self) -> &'a str {
        let read_on = self.operation.read_on.as_deref();
        read_on.or(self.document.read_on.as_deref()).unwrap_or_default()
    }

    /// The body that it sends, if any.
    pub fn request_body(&self) -> Option<&'a RequestBody> {
        let shared = &self.document.components.request_bodies;
        self.operation.request_body.as_ref()?.target("requestBodies", shared)
    }

    /// The JSON body, if it sends one.
    pub fn body(&self) -> Option<&'a MediaType> {
        self.request_body().map(|body| &body.content.json)
    }

    /// The answers that mean success, 1xx and 2xx; one that leads nowhere is left out.
    pub fn successes(&self) -> Vec<(u16, &'a Response)> {
        let successes = self.answers().into_iter().filter(Answer::is_success);
        successes.map(|answer| (answer.status, answer.response)).collect()
    }

    /// The `operationId`.
    pub fn id(&self) -> &'a str {
        &self.operation.id
    }

    /// The name of its code: the document's own name for it, or the `operationId`.
    pub fn name(&self) -> &'a str {
        self.operation.name.as_deref().unwrap_or(&self.operation.id)
    }

    /// The name of the body's component schema.
    pub fn body_schema(&self) -> Option<&'a str> {
        self.body()?.schema.name_in("schemas")
    }

    /// True where a call starts a command on a machine.
    pub fn starts_command(&self) -> bool {
        self.operation.starts_command
    }

    /// True where a second call does no harm: by its method, or because the document says so.
    pub fn is_repeatable(&self) -> bool {
        let operation = self.operation;
        self.method == "get" && !operation.starts_command || operation.repeatable
    }

    /// True where the document asks for no credentials.
    pub fn is_open(&self) -> bool {
        self.operation.security.as_ref().is_some_and(Vec::is_empty)
    }

    /// What it does, in a line without a full stop.
    pub fn summary(&self) -> &'a str {
        self.operation.summary.trim().trim_end_matches('.')
    }

    /// How many calls the service takes in a second, where the document says so.
    pub fn rate(&self) -> Option<u64> {
        let limit = self.operation.rate_limit?;
        limit.requests.checked_div(limit.per_seconds)
    }

    /// The vendor's page.
    pub fn page(&self) -> &'a str {
        &self.operation.external_docs.url
    }

    /// The title of that page.
    pub fn page_title(&self) -> &'a str {
        self.operation.external_docs.description.as_deref().unwrap_or_else(|| self.id())
    }

    /// Its named examples: those of the body, each with what the parameters have under the same name;
    /// those of the parameters, where there is no body; and those under `x-examples`.
    pub fn examples(&self) -> Vec<NamedExample<'a>> {
        let parameters = self.parameters();
        let values = |name: &str| {
            let given = parameters.iter();
            let value =
                |one: &&Parameter| Some((one.name.clone(), one.example(name)?.value.clone()));
            given.filter_map(value).collect()
        };
        let mut all: Vec<NamedExample<'a>> = Vec::new();
        match self.body() {
            Some(body) => all.extend(body.examples.iter().map(|(name, example)| NamedExample {
                name,
                summary: example.summary.as_deref().unwrap_or_default(),
                parameters: values(name),
                body: Some(&example.value),
                lines: &example.lines,
            })),
            None => {
                // One that is the same everywhere names no example, unless it is all there is.
                let mut given: Vec<&Parameter> =
                    parameters.iter().copied().filter(|one| !one.is_everywhere()).collect();
                if given.iter().all(|one| one.examples.is_empty()) {
                    given = parameters
                        .iter()
                        .copied()
                        .filter(|one| one.is_everywhere())
                        .take(1)
                        .collect();
                }
                for (name, example) in given.iter().flat_map(|one| &one.examples) {
                    if all.iter().any(|other| other.name == name) {
                        continue;
                    }
                    let own = given.iter().filter_map(|one| one.examples.get(name));
                    let summary = own.filter_map(|example| example.summary.as_deref()).next();
                    all.push(NamedExample {
                        name,
                        summary: summary.unwrap_or_default(),
                        parameters: values(name),
                        body: None,
                        lines: &example.lines,
                    });
                }
            }
        }
        all.extend(self.operation.examples.iter().map(|(name, example)| NamedExample {
            name,
            summary: &example.summary,
            parameters: example.parameters.clone().into_iter().collect(),
            body: example.body.as_ref(),
            lines: &example.lines,
        }));
        all
    }

    /// All answers with their statuses, those of success first; one that leads nowhere is left out.
    pub fn answers(&self) -> Vec<Answer<'a>> {
        let mut all: Vec<Answer<'_>> = self
            .operation
            .responses
            .iter()
            .filter_map(|(status, answer)| {
                let component = answer.reference().and_then(|of| of.name_in("responses"));
                let response = self.document.response(answer)?;
                Some(Answer { status: status.parse().ok()?, component, response })
            })
            .collect();
        all.sort_by_key(|answer| !answer.is_success());
        all
    }
}

impl Parameter {
    /// What it is in the example `name`.
    pub fn example(&self, name: &str) -> Option<&Example> {
        let same = self.examples.values().next().filter(|_| self.is_everywhere());
        self.examples.get(name).or(same)
    }

    /// Whether it is the same in all examples: it has to be given, and has a single one.
    pub fn is_everywhere(&self) -> bool {
        self.required && self.examples.len() == 1
    }
}

impl<'a> Answer<'a> {
    /// Whether it means success: 1xx and 2xx.
    pub fn is_success(&self) -> bool {
        self.status < 300
    }

    /// Its named examples, and whether the body of each is text and no JSON.
    pub fn examples(&self) -> Vec<(&'a str, &'a Example, bool)> {
        let json = self.response.json().into_iter().flat_map(|body| &body.examples);
        let json = json.map(|(name, example)| (name.as_str(), example, false));
        let content = self.response.content.as_ref();
        let text = content.and_then(|content| content.text.as_ref()).into_iter();
        let text = text.flat_map(|body| &body.examples);
        json.chain(text.map(|(name, example)| (name.as_str(), example, true))).collect()
    }
}

impl Response {
    /// Its JSON body, if it has one.
    pub fn json(&self) -> Option<&AnswerBody> {
        self.content.as_ref()?.json.as_ref()
    }

    /// Its body as text, if that is the only form it has.
    pub fn text(&self) -> Option<&TextBody> {
        self.content.as_ref()?.text.as_ref().filter(|_| self.json().is_none())
    }
}

impl AnswerBody {
    /// The list, if the body is one.
    pub fn list<'a>(&'a self, document: &'a Document) -> Option<&'a ListSchema> {
        match document.resolve(&self.schema)? {
            Schema::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The name in `content` that stands for JSON there, such as `application/problem+json`.
pub fn json_name(lines: &Lines) -> &str {
    lines.words().find(|word| media_type(word) == "application/json").unwrap_or("application/json")
}

/// A media type by what we know of it: JSON, plain text, or itself.
pub(crate) fn media_type(name: &str) -> &str {
    let bare = name.split(';').next().unwrap_or_default().trim();
    match bare {
        "text/plain" => "text/plain",
        _ if bare == "application/json" || bare.ends_with("+json") => "application/json",
        _ => name,
    }
}

impl<T> Referable<T> {
    /// The reference, if it is one.
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::Inline(_) => None,
        }
    }

    /// The lines of the reference, or those of the part itself.
    pub fn lines<'a>(&'a self, inline: impl Fn(&'a T) -> &'a Lines) -> &'a Lines {
        match self {
            Self::Reference(reference) => &reference.lines,
            Self::Inline(thing) => inline(thing),
        }
    }

    /// The part itself, or the component of `section` that is referred to.
    fn target<'a>(&'a self, section: &str, components: &'a Named<Self>) -> Option<&'a T> {
        match self {
            Self::Inline(thing) => Some(thing),
            Self::Reference(reference) => match components.get(reference.name_in(section)?)? {
                Self::Inline(thing) => Some(thing),
                Self::Reference(_) => None,
            },
        }
    }
}
