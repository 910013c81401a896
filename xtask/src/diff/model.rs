//! The generated code of a document, as far as users can see it: operations, types, members, with
//! their Rust names and types, and every other word with its line.
//!
//! References are followed, an `allOf` of one part is that part, and what has no effect where it
//! stands (`nullable: false`, `minLength: 0`) is left out, so that two notations with one meaning are equal.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToSnakeCase as _;
use indexmap::IndexMap;
use serde_json::Value;

use super::types::Direction;
use crate::{
    document::{Document, Kind, Node, Schema},
    lower, spec,
};

/// A word's value and line.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The value.
    pub value: Value,
    /// The line.
    pub line: u64,
}

/// Words by name. Words of a list's items begin with `items.`.
pub type Words = BTreeMap<String, Fact>;

/// A document as users see it.
#[derive(Debug, Default)]
pub struct Model {
    /// Words of the document itself.
    pub words: Words,
    /// The operations by their methods' names.
    pub operations: IndexMap<String, Operation>,
    /// The types by name.
    pub types: BTreeMap<String, Type>,
}

/// An operation.
#[derive(Debug, Default)]
pub struct Operation {
    /// Its name.
    pub id: String,
    /// The name of its code.
    pub name: String,
    /// Its line.
    pub line: u64,
    /// Its method, in capitals.
    pub method: String,
    /// Its path's template.
    pub path: String,
    /// The day on which its page was read, and the line where that is its own.
    pub read_on: (String, Option<u64>),
    /// Its other words.
    pub words: Words,
    /// Its parameters by their Rust names.
    pub parameters: IndexMap<String, Member>,
    /// The type of its body.
    pub body: Option<Fact>,
    /// Whether that type has required members.
    pub body_needs: bool,
    /// Its answers by status.
    pub answers: IndexMap<String, Answer>,
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// Its line.
    pub line: u64,
    /// The type of its body, if it has one that is read.
    pub ty: Option<String>,
    /// Its other words.
    pub words: Words,
}

/// A parameter or a member.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// Its name on the wire.
    pub wire: String,
    /// Its line.
    pub line: u64,
    /// Where a parameter goes.
    pub location: String,
    /// Whether it must be given; in an answer, whether its field is no `Option`.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its Rust type, without `Option`.
    pub ty: String,
    /// Its other words.
    pub words: Words,
}

impl Member {
    /// The constants that the generated code has of its limits: what they count, and their types.
    pub fn constants(&self) -> BTreeMap<String, String> {
        let mut constants = BTreeMap::new();
        let prefixes = [("", ""), ("items.", "ITEM_"), ("additionalProperties.", "VALUE_")];
        for (prefix, name) in prefixes {
            let word = |word: &str| self.words.get(&format!("{prefix}{word}"));
            let mut add = |end: &str, ty: String| {
                let snake = lower::field_name(&self.wire).to_uppercase();
                constants.insert(format!("{snake}_{name}{end}"), ty);
            };
            for (least, most, end) in [
                ("minLength", "maxLength", "LENGTH"),
                ("minItems", "maxItems", "ITEMS"),
                ("minProperties", "maxProperties", "MEMBERS"),
            ] {
                // An empty list that is optional is not sent, so a least length of 1 holds by itself.
                let holds = end == "ITEMS" && !self.required;
                let least = word(least).filter(|it| !holds || it.value != 1).is_some();
                match (least, word(most).is_some()) {
                    (_, true) => add(end, "RangeInclusive<usize>".to_owned()),
                    (true, false) => add(end, "RangeFrom<usize>".to_owned()),
                    (false, false) => {}
                }
            }
            if word("x-max-bytes").is_some() {
                add("BYTES", "RangeInclusive<usize>".to_owned());
            }
            if word("x-json-object").is_some() {
                add("OBJECT", "JsonObject".to_owned());
            }
            let mut ty = self.ty.as_str();
            if !prefix.is_empty() {
                let inner = ty.split_once('<').map_or(ty, |(_, inner)| inner);
                ty = inner.trim_end_matches('>').trim_start_matches("String, ");
            }
            let open = word("exclusiveMinimum").or(word("exclusiveMaximum")).is_some();
            match (word("minimum").is_some(), word("maximum").is_some()) {
                (false, false) => {}
                _ if open => add("RANGE", format!("(Bound<{ty}>, Bound<{ty}>)")),
                (true, true) => add("RANGE", format!("RangeInclusive<{ty}>")),
                (true, false) => add("RANGE", format!("RangeFrom<{ty}>")),
                (false, true) => add("RANGE", format!("RangeToInclusive<{ty}>")),
            }
        }
        constants
    }
}

/// The Rust form of a component.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// A struct.
    #[default]
    Struct,
    /// An enumeration.
    Enumeration {
        /// True where no other value is taken.
        closed: bool,
    },
    /// Another type, by this name.
    Other(String),
}

/// A component.
#[derive(Debug, Default)]
pub struct Type {
    /// Its line.
    pub line: u64,
    /// What it becomes.
    pub form: Form,
    /// The operations whose requests have it.
    pub requests: Vec<String>,
    /// The operations whose answers have it.
    pub answers: Vec<String>,
    /// Its other words.
    pub words: Words,
    /// A struct's members by their Rust names.
    pub members: IndexMap<String, Member>,
    /// The arguments of `new`, by their Rust names, with the line of the list.
    pub required: (Vec<String>, u64),
    /// An enumeration's values by their variants, with the line of the list.
    pub values: (IndexMap<String, String>, u64),
    /// What it does with members that are not named: `refused`, `kept` or `dropped`.
    pub unknown: (&'static str, u64),
}

impl Type {
    /// Which way it travels; none where nothing uses it.
    pub fn direction(&self) -> Option<Direction> {
        match (self.requests.is_empty(), self.answers.is_empty()) {
            (true, true) => None,
            (false, true) => Some(Direction::Request),
            (true, false) => Some(Direction::Answer),
            (false, false) => Some(Direction::Both),
        }
    }

    /// The operations that reach it.
    pub fn used_by(&self) -> Vec<String> {
        let mut all = self.requests.clone();
        all.extend(self.answers.iter().filter(|id| !self.requests.contains(id)).cloned());
        all
    }
}

/// The prefix of the name of an enumeration in a type.
pub const ENUMERATION: &str = "enums::";

/// Words that say what a schema is; the rest limits or describes it.
const STRUCTURE: [&str; 10] = [
    "$ref", "additionalProperties", "allOf", "enum", "format", "items", "nullable", "properties",
    "required", "type",
];

impl Model {
    /// Reads a document's text; `file` is what to call it.
    ///
    /// # Errors
    /// The complaints of the reader of documents, one line each.
    pub fn of(file: &str, text: &str) -> Result<Self, String> {
        let (document, root) =
            Document::parse_with_nodes(text).map_err(|found| spec::listed(file, found))?;
        let maker = Maker { document: &document, root: &root };
        Ok(Self { words: maker.words(), operations: maker.operations(), types: maker.types() })
    }
}

struct Maker<'a> {
    document: &'a Document,
    root: &'a Node,
}

impl<'a> Maker<'a> {
    fn section(&self, section: &str) -> &'a [(String, Node)] {
        let components = self.root.get("components").and_then(|it| it.get(section));
        components.map(Node::members).unwrap_or_default()
    }

    fn component(&self, section: &str, name: &str) -> Option<&'a Node> {
        self.section(section).iter().find(|(other, _)| other == name).map(|(_, node)| node)
    }

    /// The component itself, where `node` refers to one of `section`.
    fn target(&self, section: &str, node: &'a Node) -> &'a Node {
        let name = reference(node);
        name.and_then(|name| self.component(section, name)).unwrap_or(node)
    }

    fn words(&self) -> Words {
        let mut words = Words::new();
        for (word, node) in self.root.members() {
            match word.as_str() {
                "paths" | "components" => {}
                "info" | "externalDocs" => nested(word, node, &mut words),
                _ => put(word, node, &mut words),
            }
        }
        for (name, scheme) in self.section("securitySchemes") {
            put(&format!("securitySchemes.{name}"), scheme, &mut words);
        }
        words
    }

    fn operations(&self) -> IndexMap<String, Operation> {
        let mut operations = IndexMap::new();
        let paths = self.root.get("paths").map(Node::members).unwrap_or_default();
        let nodes: BTreeMap<&str, &Node> =
            paths.iter().map(|(path, node)| (path.as_str(), node)).collect();
        for call in self.document.calls() {
            let Some(item) = nodes.get(call.path) else { continue };
            let Some(node) = item.get(call.method) else { continue };
            let mut operation = Operation {
                id: call.id().to_owned(),
                name: call.name().to_owned(),
                body_needs: call.body_schema().and_then(|name| self.document.schema(name)).is_some_and(
                    |schema| matches!(schema, Schema::Object(object) if !object.required.is_empty()),
                ),
                line: node.get("operationId").map_or(node.line, |id| id.line),
                method: call.method.to_uppercase(),
                path: call.path.split('#').next().unwrap_or_default().to_owned(),
                read_on: (call.read_on().to_owned(), node.get("x-read-on").map(|it| it.line)),
                ..Operation::default()
            };
            for (word, part) in item.members().iter().chain(node.members()) {
                match word.as_str() {
                    "parameters" => {
                        for parameter in part.items() {
                            let parameter = self.target("parameters", parameter);
                            let member = self.parameter(parameter);
                            let examples = parameter.get("examples").map(Node::members);
                            for (name, example) in examples.unwrap_or_default() {
                                let word = format!("example.{name} of {}", member.wire);
                                put(&word, example, &mut operation.words);
                            }
                            operation.parameters.insert(member.wire.to_snake_case(), member);
                        }
                    }
                    "requestBody" => self.body(part, &mut operation),
                    "responses" => {
                        operation.answers = part
                            .members()
                            .iter()
                            .map(|(status, answer)| (status.clone(), self.answer(answer)))
                            .collect();
                    }
                    "externalDocs" => nested(word, part, &mut operation.words),
                    "x-examples" => nested("example", part, &mut operation.words),
                    "operationId" | "x-name" | "x-read-on" | "get" | "put" | "post" | "delete"
                    | "patch" | "head" => {}
                    _ => put(word, part, &mut operation.words),
                }
            }
            self.effective(&call, node.line, &mut operation.words);
            operations.insert(call.name().to_snake_case(), operation);
        }
        operations
    }

    /// Puts in what counts of words whose meaning depends on others.
    fn effective(&self, call: &crate::document::Call<'_>, line: u64, words: &mut Words) {
        let mut count = |word: &str, value: Value| {
            let line = words.get(word).map_or(line, |fact| fact.line);
            words.insert(word.to_owned(), Fact { value, line });
        };
        count("x-repeatable", call.is_repeatable().into());
        count("x-starts-command", call.starts_command().into());
        count("open", call.is_open().into());
        if let Some(rate) = call.operation.rate_limit {
            count("x-rate-limit", serde_json::json!([rate.requests, rate.per_seconds]));
        }
    }

    fn parameter(&self, node: &'a Node) -> Member {
        let text = |word: &str| node.get(word).and_then(Node::text).unwrap_or_default().to_owned();
        let mut member = Member {
            wire: text("name"),
            line: node.get("name").map_or(node.line, |name| name.line),
            location: text("in"),
            required: is_true(node.get("required")),
            ..Member::default()
        };
        for (word, part) in node.members() {
            match word.as_str() {
                // Those are told of with the operation.
                "name" | "in" | "required" | "examples" => {}
                "schema" => self.schema(part, "", &mut member),
                _ => put(word, part, &mut member.words),
            }
        }
        member
    }

    fn body(&self, node: &'a Node, operation: &mut Operation) {
        for (word, part) in node.members() {
            match word.as_str() {
                "content" => {
                    for (form, media) in part.members() {
                        for (word, part) in media.members() {
                            match word.as_str() {
                                "schema" => {
                                    let value = self.ty(part).into();
                                    operation.body = Some(Fact { value, line: part.line });
                                }
                                "examples" => nested("example", part, &mut operation.words),
                                _ => {
                                    put(&format!("body.{form}.{word}"), part, &mut operation.words)
                                }
                            }
                        }
                    }
                }
                "required" => {}
                _ => put(&format!("body.{word}"), part, &mut operation.words),
            }
        }
    }

    fn answer(&self, node: &'a Node) -> Answer {
        let mut answer = Answer { line: node.line, ..Answer::default() };
        for (word, part) in self.target("responses", node).members() {
            if word != "content" {
                put(word, part, &mut answer.words);
                continue;
            }
            for (form, media) in part.members() {
                for (word, part) in media.members() {
                    match word.as_str() {
                        "schema" if form.contains("json") => answer.ty = Some(self.ty(part)),
                        "examples" => nested("example", part, &mut answer.words),
                        _ => put(&format!("{form}.{word}"), part, &mut answer.words),
                    }
                }
            }
        }
        answer
    }

    fn types(&self) -> BTreeMap<String, Type> {
        let (requests, answers) = (self.reach(true), self.reach(false));
        let used = |by: &[(String, BTreeSet<&str>)], name: &str| -> Vec<String> {
            by.iter().filter(|(_, names)| names.contains(name)).map(|(id, _)| id.clone()).collect()
        };
        let mut types = BTreeMap::new();
        for (name, node) in self.section("schemas") {
            let Some(schema) = self.document.schema(name) else { continue };
            // Another name of a type, and nothing is generated for it.
            if matches!(schema, Schema::Reference(_)) || is_list(node) {
                continue;
            }
            let (requests, answers) = (used(&requests, name), used(&answers, name));
            let ty = self.one_type(name, node, schema, requests, answers);
            types.insert(name.clone(), ty);
        }
        types
    }

    fn one_type(
        &self,
        name: &str,
        node: &'a Node,
        schema: &Schema,
        requests: Vec<String>,
        answers: Vec<String>,
    ) -> Type {
        let mut ty = Type { line: node.line, requests, answers, ..Type::default() };
        let line_of = |word: &str| node.get(word).map_or(node.line, |part| part.line);
        for (word, part) in node.members() {
            let is_list = word == "enum" || word == "x-extensible-enum";
            if is_list && schema.values().is_some() {
                let values = part.items().iter().map(|value| shown(&value.value()));
                let values = values.map(|value| (crate::emit::enums::variant(&value), value));
                ty.values = (values.collect(), part.line);
                ty.form = Form::Enumeration { closed: word == "enum" };
            } else if !STRUCTURE.contains(&word.as_str()) {
                put(word, part, &mut ty.words);
            }
        }
        if schema.as_struct().is_none() {
            if schema.values().is_none() {
                let mut member = Member::default();
                self.schema(node, "", &mut member);
                ty.form = Form::Other(member.ty);
                ty.words.extend(member.words);
            }
            return ty;
        }
        let is_answer = ty.requests.is_empty() && !ty.answers.is_empty();
        let required: Vec<String> = match node.get("required") {
            Some(list) => list.items().iter().filter_map(Node::text).map(str::to_owned).collect(),
            None => Vec::new(),
        };
        for (wire, part) in node.get("properties").map(Node::members).unwrap_or_default() {
            let mut member = Member {
                wire: wire.clone(),
                line: part.line,
                required: required.contains(wire) && (!is_answer || self.is_whole(name, part)),
                ..Member::default()
            };
            self.schema(part, "", &mut member);
            if is_answer {
                member.nullable = false;
                if required.contains(wire) != member.required {
                    let fact = Fact { value: true.into(), line: line_of("required") };
                    member.words.insert("required".to_owned(), fact);
                }
            }
            ty.members.insert(lower::field_name(wire), member);
        }
        if !is_answer {
            let members = &ty.members;
            let is_there = |name: &String| members.contains_key(name);
            let required = required.iter().map(|wire| lower::field_name(wire)).filter(is_there);
            ty.required = (required.collect(), line_of("required"));
        }
        let extra = node.get("additionalProperties");
        ty.unknown = match extra.map(|extra| &extra.kind) {
            _ if is_answer => ("kept", 0),
            Some(Kind::Scalar(Value::Bool(false))) => ("refused", line_of("additionalProperties")),
            Some(Kind::Mapping(_)) => ("kept", line_of("additionalProperties")),
            _ => ("dropped", line_of("additionalProperties")),
        };
        ty
    }

    /// True where a required member of an answer is an object that cannot hold its like, which its
    /// empty value stands in for.
    fn is_whole(&self, owner: &str, member: &Node) -> bool {
        let Some(target) = reference(member).map(|name| self.resolved(name)) else { return false };
        let is_struct = self.document.schema(target).is_some_and(|it| it.as_struct().is_some());
        is_struct && !self.document.closure([target]).contains(owner)
    }

    /// The component that `name` is, or is another name for.
    fn resolved<'b>(&'b self, name: &'b str) -> &'b str {
        let mut name = name;
        // No chain of names is longer than there are names.
        for _ in 0..self.document.components.schemas.len() {
            match self.document.schema(name) {
                Some(Schema::Reference(other)) => match other.name_in("schemas") {
                    Some(other) => name = other,
                    None => return name,
                },
                _ => return name,
            }
        }
        name
    }

    /// Fills in a member's type and words; those of an item begin with `prefix`.
    fn schema(&self, node: &Node, prefix: &str, member: &mut Member) {
        if prefix.is_empty() {
            member.ty = self.ty(node);
            member.nullable = is_true(node.get("nullable")) && !member.ty.starts_with("Vec<");
        }
        let is_sized = node.get("format").is_some();
        for (word, part) in node.members() {
            let name = format!("{prefix}{word}");
            match word.as_str() {
                "items" => self.schema(part, &format!("{name}."), member),
                "additionalProperties" if matches!(part.kind, Kind::Mapping(_)) => {
                    self.schema(part, &format!("{name}."), member);
                }
                "enum" => put(&name, part, &mut member.words),
                "nullable" if !prefix.is_empty() => put(&name, part, &mut member.words),
                // It makes the type unsigned, and is no limit beside that.
                "minimum" if !is_sized && part.value() == 0 => {}
                // A mark of the member stands in the schema or beside it.
                word if !STRUCTURE.contains(&word) => put(&name, part, &mut member.words),
                _ => {}
            }
        }
    }

    /// The Rust type of a schema.
    fn ty(&self, node: &Node) -> String {
        if let Some(name) = reference(node) {
            let name = self.resolved(name);
            if let Some(list) = self.component("schemas", name).filter(|node| is_list(node)) {
                return self.ty(list);
            }
            let is_enumeration = self.document.schema(name).is_some_and(|it| it.values().is_some());
            return format!("{}{name}", if is_enumeration { ENUMERATION } else { "" });
        }
        let format = node.get("format").and_then(Node::text).unwrap_or_default();
        match node.get("type").and_then(Node::text).unwrap_or_default() {
            "string" => match format {
                "byte" => "Base64",
                "password" => "Secret",
                _ => "String",
            }
            .to_owned(),
            "integer" => match format {
                "int32" => "i32",
                "uint32" => "u32",
                "uint64" => "u64",
                "int64" => "i64",
                _ if node.get("minimum").is_some_and(|least| is_natural(&least.value())) => "u64",
                _ => "i64",
            }
            .to_owned(),
            "number" => if format == "float" { "f32" } else { "f64" }.to_owned(),
            "boolean" => "bool".to_owned(),
            "array" => match node.get("items") {
                Some(items) => format!("Vec<{}>", self.ty(items)),
                None => "Vec<Value>".to_owned(),
            },
            _ => match node.get("additionalProperties").filter(|it| !it.members().is_empty()) {
                Some(values) => format!("BTreeMap<String, {}>", self.ty(values)),
                None => "Map<String, Value>".to_owned(),
            },
        }
    }

    /// The components in the requests of each operation, or in its answers.
    fn reach(&self, in_requests: bool) -> Vec<(String, BTreeSet<&'a str>)> {
        let document = self.document;
        let reach = |call: crate::document::Call<'a>| {
            let mut roots: Vec<&str> = Vec::new();
            if in_requests {
                roots.extend(call.body_schema());
                let parameters = call.parameters();
                let references = parameters.iter().flat_map(|it| it.schema.references());
                roots.extend(references.filter_map(|it| it.name_in("schemas")));
            } else {
                let answers = call.operation.responses.values();
                let bodies = answers.filter_map(|answer| document.response(answer)?.json());
                let references = bodies.flat_map(|body| body.schema.references());
                roots.extend(references.filter_map(|it| it.name_in("schemas")));
            }
            (call.id().to_owned(), document.closure(roots))
        };
        document.calls().into_iter().map(reach).collect()
    }
}

/// The name that a `$ref`, or an `allOf` of one part, refers to.
fn reference(node: &Node) -> Option<&str> {
    let pointer = node.get("$ref").or_else(|| match node.get("allOf")?.items() {
        [part] => part.get("$ref"),
        _ => None,
    });
    pointer?.text()?.rsplit('/').next()
}

/// A list, which has no type of its own where it is a component.
fn is_list(node: &Node) -> bool {
    node.get("type").and_then(Node::text) == Some("array")
}

/// Notes a word, unless it says what goes without saying.
fn put(word: &str, node: &Node, words: &mut Words) {
    let mut value = node.value();
    if let Value::String(text) = &mut value {
        *text = text.trim().to_owned();
    }
    let least = ["minLength", "minItems", "minProperties"].iter().any(|it| word.ends_with(it));
    let is_empty = match &value {
        Value::Bool(is) => !is,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(number) => least && number.as_u64() == Some(0),
        Value::Null => true,
        Value::String(_) => false,
    };
    if !is_empty {
        words.insert(word.to_owned(), Fact { value, line: node.line });
    }
}

/// Notes each word of a mapping, as `outer.word`.
fn nested(outer: &str, node: &Node, words: &mut Words) {
    for (word, part) in node.members() {
        put(&format!("{outer}.{word}"), part, words);
    }
}

fn is_true(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.value() == true)
}

fn is_natural(value: &Value) -> bool {
    value.as_i64().is_some_and(|value| value >= 0)
}

/// A value as people write it: text without quotes.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
