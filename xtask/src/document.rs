//! The part of OpenAPI 3.0 that a document may use, with our `x-` words, as types.
//!
//! What these types have no place for is refused when a document is read: an unknown word, a value
//! of another kind, a missing word, a text that would break the documentation, a pattern that cannot
//! be matched. Rules between several parts are the linter's.

mod find;
mod node;
mod reader;
mod schema;
mod text;
mod yaml;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use find::media_type;
pub use find::{Answer, Call, NamedExample, json_name};
pub(crate) use node::{Kind, Node};
pub use schema::{
    BooleanSchema, Extra, IntegerFormat, IntegerSchema, JsonObject, JsonValueType, ListSchema,
    Narrowed, NumberFormat, NumberSchema, ObjectSchema, Reference, Schema, TextContent, TextFormat,
    TextSchema,
};
pub use text::{Pattern, Prose};

/// Something by name, in the document's order.
pub type Named<T> = IndexMap<String, T>;

/// A complaint: where, and a sentence on what is wrong and what to do.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Complaint {
    /// The line, from 1 on.
    pub line: u64,
    /// The operation or schema, and the part of it.
    pub place: String,
    /// The sentence.
    pub text: String,
}

/// The lines of an object: where it begins, and where each of its words is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Lines(Vec<(String, u64)>);

impl Lines {
    /// The line the object begins at.
    pub fn own(&self) -> u64 {
        self.of("")
    }

    /// The line of `word`; that of the object, where the word is not given.
    pub fn of(&self, word: &str) -> u64 {
        let line = |word: &str| self.0.iter().find(|(name, _)| name == word).map(|(_, line)| *line);
        line(word).or_else(|| line("")).unwrap_or_default()
    }

    /// The words of the object.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).map(|(word, _)| word.as_str())
    }
}

/// A document.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The version of OpenAPI.
    pub openapi: String,
    /// What the service is.
    pub info: Info,
    /// The page that describes the service.
    pub external_docs: Option<ExternalDocs>,
    /// Its addresses.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// The groups of its operations.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// The security of a call, unless the operation has its own.
    #[serde(default)]
    pub security: Vec<Named<Vec<String>>>,
    /// The operations.
    #[serde(default)]
    pub paths: Named<PathItem>,
    /// The components that operations refer to.
    #[serde(default)]
    pub components: Components,
    /// The day on which the vendor's pages were read.
    #[serde(rename = "x-read-on")]
    pub read_on: Option<String>,
    /// The decisions where a page and the service, or two pages, disagree.
    #[serde(default, rename = "x-differs")]
    pub differs: Vec<Decision>,
    /// The parts of the pages that the document leaves out on purpose.
    #[serde(default, rename = "x-left-out")]
    pub left_out: Vec<Decision>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// A difference from the vendor's pages that is meant.
#[derive(Clone, Debug, Deserialize)]
pub struct Decision {
    /// The fact, in a sentence.
    pub says: Prose,
    /// Why the document is as it is.
    pub reason: Prose,
    /// The source of the fact, if it is not the page itself.
    pub source: Option<String>,
    /// The fingerprints of the audit's findings that it answers; `*` stands for any name between dots.
    #[serde(default)]
    pub findings: Vec<String>,
    /// The fingerprints of findings that only the vendor's machine-readable definitions give.
    #[serde(default)]
    pub definitions: Vec<String>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// What a service is.
#[derive(Clone, Debug, Deserialize)]
pub struct Info {
    /// Its name.
    pub title: Prose,
    /// The version of its interface.
    pub version: String,
    /// More about it.
    pub description: Option<Prose>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// A vendor's page.
#[derive(Clone, Debug, Deserialize)]
pub struct ExternalDocs {
    /// Its address.
    pub url: String,
    /// Its title.
    pub description: Option<Prose>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// An address of a service.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    /// The address, a template.
    pub url: String,
    /// Which one it is.
    pub description: Option<Prose>,
    /// What the template holds.
    #[serde(default)]
    pub variables: Named<Variable>,
}

/// A part of a server's address.
#[derive(Clone, Debug, Deserialize)]
pub struct Variable {
    /// Its usual value.
    pub default: String,
    /// What it is.
    pub description: Option<Prose>,
}

/// A group of operations.
#[derive(Clone, Debug, Deserialize)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<Prose>,
}

/// The components that operations refer to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Components {
    /// Types.
    pub schemas: Named<Schema>,
    /// Answers.
    pub responses: Named<Referable<Response>>,
    /// Parameters.
    pub parameters: Named<Referable<Parameter>>,
    /// Bodies of requests.
    pub request_bodies: Named<Referable<RequestBody>>,
    /// Ways to identify the caller.
    pub security_schemes: Named<SecurityScheme>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// A way to identify the caller.
#[derive(Clone, Debug, Deserialize)]
pub struct SecurityScheme {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where the credential goes.
    #[serde(rename = "in")]
    pub location: Option<Location>,
    /// The parameter's name.
    pub name: Option<String>,
    /// More about it.
    pub description: Option<Prose>,
}

/// The operations of a path.
#[derive(Clone, Debug, Deserialize)]
pub struct PathItem {
    /// Parameters of all its operations.
    #[serde(default)]
    pub parameters: Vec<Referable<Parameter>>,
    /// Their common subject, in a line.
    pub summary: Option<Prose>,
    /// The same at length.
    pub description: Option<Prose>,
    get: Option<Operation>,
    put: Option<Operation>,
    post: Option<Operation>,
    delete: Option<Operation>,
    patch: Option<Operation>,
    head: Option<Operation>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

impl PathItem {
    /// The operations by their methods, in the document's order.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &Operation)> {
        self.lines.words().filter_map(|method| {
            let operation = match method {
                "get" => &self.get,
                "put" => &self.put,
                "post" => &self.post,
                "delete" => &self.delete,
                "patch" => &self.patch,
                "head" => &self.head,
                _ => return None,
            };
            Some((method, operation.as_ref()?))
        })
    }
}

/// An operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its name.
    #[serde(rename = "operationId")]
    pub id: String,
    /// The groups it is in.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What it does, in a line.
    pub summary: Prose,
    /// What it does, at length.
    pub description: Option<Prose>,
    /// The vendor's page.
    pub external_docs: ExternalDocs,
    /// Its parameters, beside those of its path.
    #[serde(default)]
    pub parameters: Vec<Referable<Parameter>>,
    /// What it sends.
    pub request_body: Option<Referable<RequestBody>>,
    /// Its answers, by status.
    pub responses: Named<Referable<Response>>,
    /// The credentials of a call; an empty list stands for none.
    pub security: Option<Vec<Named<Vec<String>>>>,
    /// Addresses of its own.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Whether the vendor advises against it.
    #[serde(default)]
    pub deprecated: bool,
    /// Codes of its errors.
    #[serde(default, rename = "x-error-codes")]
    pub error_codes: Vec<String>,
    /// Its examples, each as a whole.
    #[serde(default, rename = "x-examples")]
    pub examples: Named<CallExample>,
    /// How often it may be called.
    #[serde(rename = "x-rate-limit")]
    pub rate_limit: Option<RateLimit>,
    /// The name of its code, if not its id.
    #[serde(rename = "x-name")]
    pub name: Option<String>,
    /// How a list is read in pages, if its answer is one page.
    #[serde(rename = "x-pages")]
    pub pages: Option<Paging>,
    /// The day on which its page was read, if it is another one than that of the document.
    #[serde(rename = "x-read-on")]
    pub read_on: Option<String>,
    /// Whether a second call does no harm.
    #[serde(default, rename = "x-repeatable")]
    pub repeatable: bool,
    /// Whether it starts a command on a machine.
    #[serde(default, rename = "x-starts-command")]
    pub starts_command: bool,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// How a list is read in pages: the members of the answer, and the input that says where a page begins.
#[derive(Clone, Debug, Deserialize)]
pub struct Paging {
    /// The list in the content of the answer.
    pub items: String,
    /// The input that counts the items before the page.
    pub offset: Option<String>,
    /// The number of all items, in the content of the answer.
    pub total: Option<String>,
    /// The input that takes the mark of a page.
    pub token: Option<String>,
    /// The mark of the next page, in the content of the answer: its path, with dots.
    pub next: Option<String>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// How often an operation may be called.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct RateLimit {
    /// The number of calls.
    pub requests: u64,
    /// The seconds in which they may be made.
    #[serde(rename = "per-seconds")]
    pub per_seconds: u64,
}

/// An example of a call: its parameters and its body.
#[derive(Clone, Debug, Deserialize)]
pub struct CallExample {
    /// What it shows.
    pub summary: Prose,
    /// The parameters by name.
    #[serde(default)]
    pub parameters: Named<Value>,
    /// The body, if the operation has one.
    pub body: Option<Value>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into the headers.
    Header,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub location: Location,
    /// Whether it must be given.
    #[serde(default)]
    pub required: bool,
    /// What it is.
    pub description: Option<Prose>,
    /// Its type.
    pub schema: Schema,
    /// How it is written.
    pub style: Option<String>,
    /// Whether a list repeats the name.
    pub explode: Option<bool>,
    /// Whether the vendor advises against it.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether it may hold a secret.
    #[serde(default, rename = "x-sensitive")]
    pub sensitive: bool,
    /// Its part of the examples of calls.
    #[serde(default)]
    pub examples: Named<Example>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// What an operation sends.
#[derive(Clone, Debug, Deserialize)]
pub struct RequestBody {
    /// Whether it must be sent.
    #[serde(default)]
    pub required: bool,
    /// Its forms.
    pub content: Content,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// The one form of a body: JSON, under whatever name JSON has.
#[derive(Clone, Debug, Deserialize)]
pub struct Content {
    /// The body as JSON.
    #[serde(rename = "application/json")]
    pub json: MediaType,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// A JSON body.
#[derive(Clone, Debug, Deserialize)]
pub struct MediaType {
    /// Its type, a component.
    pub schema: Reference,
    /// Examples of it.
    #[serde(default)]
    pub examples: Named<Example>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// An example of a body or a parameter.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// What it shows.
    pub summary: Option<Prose>,
    /// The body, or the parameter's value.
    pub value: Value,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// An answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Response {
    /// What it means.
    pub description: Prose,
    /// Headers worth a reader's notice.
    #[serde(default)]
    pub headers: Named<Header>,
    /// Its body, if it has one.
    pub content: Option<AnswerContent>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// The forms of an answer's body.
#[derive(Clone, Debug, Deserialize)]
pub struct AnswerContent {
    /// The body as JSON.
    #[serde(rename = "application/json")]
    pub json: Option<AnswerBody>,
    /// The body as text.
    #[serde(rename = "text/plain")]
    pub text: Option<TextBody>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// The body of an answer as JSON.
#[derive(Clone, Debug, Deserialize)]
pub struct AnswerBody {
    /// Its type: a component, or a list.
    pub schema: Schema,
    /// Examples of it.
    #[serde(default)]
    pub examples: Named<Example>,
    /// The lines of its words.
    #[serde(rename = "$lines")]
    pub lines: Lines,
}

/// A body of text.
#[derive(Clone, Debug, Deserialize)]
pub struct TextBody {
    /// Its type.
    pub schema: Option<Schema>,
    /// Examples of it.
    #[serde(default)]
    pub examples: Named<Example>,
}

/// A header of an answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// What it is.
    pub description: Option<Prose>,
    /// Whether it always comes.
    #[serde(default)]
    pub required: bool,
    /// Its type.
    pub schema: Schema,
}

/// Something written out, or a component that is referred to.
#[derive(Clone, Debug, Deserialize)]
pub enum Referable<T> {
    /// The component.
    #[serde(rename = "$ref")]
    Reference(Reference),
    /// The part itself, written out.
    #[serde(rename = "$inline")]
    Inline(T),
}

impl Document {
    /// Reads a document's text.
    ///
    /// # Errors
    /// All that it cannot be read for, in the order of the lines.
    pub fn parse(text: &str) -> Result<Self, Vec<Complaint>> {
        Self::parse_with_nodes(text).map(|(document, _)| document)
    }

    /// The same, with all words as they stand in the text.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub(crate) fn parse_with_nodes(text: &str) -> Result<(Self, Node), Vec<Complaint>> {
        let root = yaml::read(text)?;
        version(&root)?;
        let read: Result<Self, _> = reader::read(&root).map_err(|faults| {
            let complaint = |(line, part, text): (u64, &Node, String)| Complaint {
                line,
                place: root.place_of(part),
                text,
            };
            let mut complaints: Vec<Complaint> = faults.into_iter().map(complaint).collect();
            complaints.sort();
            // A part that an alias repeats is wrong once.
            complaints.dedup_by(|a, b| a.line == b.line && a.text == b.text);
            complaints
        });
        Ok((read?, root))
    }
}

/// A document of another kind gets one sentence.
fn version(root: &Node) -> Result<(), Vec<Complaint>> {
    let complain = |part: Option<&Node>, place: &str, text: String| {
        let line = part.map_or(root.line, |part| part.line);
        Err(vec![Complaint { line, place: place.to_owned(), text }])
    };
    let Kind::Mapping(_) = root.kind else {
        let text = "is not a mapping; begin it with `openapi: 3.0.3`".to_owned();
        return complain(None, "document", text);
    };
    let (openapi, swagger) = (root.get("openapi"), root.get("swagger"));
    if swagger.is_some() {
        let text = "is Swagger 2; convert it to OpenAPI 3.0, for instance with swagger2openapi";
        return complain(swagger, "swagger", text.to_owned());
    }
    let Some(openapi) = openapi else {
        let text = "there is no `openapi`; write `openapi: 3.0.3`".to_owned();
        return complain(None, "document", text);
    };
    let version = match &openapi.kind {
        Kind::Scalar(Value::String(text)) => text.clone(),
        Kind::Scalar(value) => value.to_string(),
        _ => "no text".to_owned(),
    };
    match version.as_str() {
        "3.0.0" | "3.0.1" | "3.0.2" | "3.0.3" | "3.0.4" => Ok(()),
        _ if version.starts_with("3.0") => {
            complain(Some(openapi), "openapi", format!("the version is {version}; write `3.0.3`"))
        }
        _ => {
            let text = format!(
                "the version is {version}, and 3.0 is read only; convert it, for instance with \
                 openapi-down-convert, and write `3.0.3`"
            );
            complain(Some(openapi), "openapi", text)
        }
    }
}
