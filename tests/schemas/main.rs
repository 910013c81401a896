//! The JSON Schemas of request types (feature `schemars`), held by a validator that is not ours.
//!
//! Each type has a snapshot of its schema, `tests/snapshots/schemas/<provider>/<type>.snap`, and one of its
//! limits, `tests/snapshots/limits/<provider>/<type>.snap`: what the validator and the client say of a request
//! that breaks a limit.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../common/mod.rs"]
mod common;
mod limits;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use common::{Snapshots, clock};
use guestexec_core::{ErrorKind, Example};
use guestexec_testkit::Tape;
use jsonschema::{Keyword, ValidationError, Validator};
use limits::{Case, Document};
use serde_json::Value;

/// Where the two may say different things, and why.
const DIFFERENT: [(&str, &str); 2] = [
    (" bytes, two a character", "a schema counts characters, and the service bytes"),
    (": Base64 in lines", "the client sends it as one line"),
];

/// The types of bodies: the schema, and the examples of the operations that send one.
fn types(
    examples: &[Example],
    schema: impl Fn(&str) -> Option<schemars::Schema>,
) -> BTreeMap<String, (Value, Vec<Example>)> {
    let mut types = BTreeMap::new();
    for example in examples {
        let Some(schema) = schema(example.operation).map(schemars::Schema::to_value) else {
            assert!(example.body.is_none(), "{} has a body and no schema", example.operation);
            continue;
        };
        let name = schema["title"].as_str().expect("a type has a name").to_owned();
        types.entry(name).or_insert((schema, Vec::new())).1.push(*example);
    }
    types
}

/// A value with its members in the order of their names, which is the same whatever features are on.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, member)| (name, sorted(member))).collect();
            members.into_iter().map(|(name, member)| (name.clone(), member)).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// JSON in a text, which a validator looks into only if it is told to.
struct Content(Validator);

impl<'i> Keyword<'i> for Content {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match self.is_valid(instance) {
            true => Ok(()),
            false => Err(ValidationError::custom("the text does not hold what it should")),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        let Some(text) = instance.as_str() else { return true };
        serde_json::from_str(text).is_ok_and(|content| self.0.is_valid(&content))
    }
}

fn validator(schema: &Value) -> Validator {
    let options = jsonschema::options().with_keyword("contentSchema", |_, schema, _| {
        let content = jsonschema::validator_for(schema).expect("the schema of a text is one");
        Ok(Box::new(Content(content)))
    });
    options.build(schema).expect("the schema is one")
}

/// The words of a schema that refuse a body, each once.
fn refusal(validator: &Validator, body: &Value) -> Option<String> {
    let words = validator.iter_errors(body).map(|error| error.kind().keyword().to_owned());
    let words: BTreeSet<String> = words.collect();
    (!words.is_empty()).then(|| Vec::from_iter(words).join(", "))
}

fn body(example: &Example) -> Value {
    serde_json::from_str(example.body.expect("the operation has a body")).unwrap()
}

/// What the two sides say of the cases of a type.
#[derive(Default)]
struct Table {
    refused: String,
    taken: String,
    differing: String,
    /// What is differing without a reason, and what breaks a limit and is sent.
    wrong: Vec<String>,
}

impl Table {
    fn add(&mut self, case: &Case, schema: Option<String>, client: Option<String>) {
        let says = &case.says;
        let reason = DIFFERENT.iter().find(|(end, _)| says.ends_with(end));
        if case.broken && client.is_none() {
            self.wrong.push(format!("{says}: is sent"));
        }
        // Writing to a String cannot fail.
        let _ = match (schema, client) {
            (Some(schema), Some(client)) => {
                writeln!(self.refused, "{says}\n  schema: {schema}\n  client: {client}")
            }
            (None, None) => writeln!(self.taken, "{says}"),
            (schema, client) => {
                let [schema, client] =
                    [schema, client].map(|said| said.unwrap_or("takes it".to_owned()));
                let row = format!("{says}\n  schema: {schema}\n  client: {client}");
                match reason {
                    Some((_, reason)) => writeln!(self.differing, "{row}\n  reason: {reason}"),
                    None => {
                        self.wrong.push(row);
                        Ok(())
                    }
                }
            }
        };
    }

    fn shown(&self) -> String {
        let parts = [
            ("Refused by schema and client", &self.refused),
            ("Taken by both", &self.taken),
            ("Different", &self.differing),
        ];
        let given = parts.iter().filter(|(_, rows)| !rows.is_empty());
        let parts: Vec<String> =
            given.map(|(title, rows)| format!("# {title}\n\n{rows}")).collect();
        parts.join("\n")
    }
}

/// The tests of one provider. Each provider's client is its own type, so this is a macro.
macro_rules! provider {
    ($provider:ident, $crate_name:ident, $client:expr) => {
        mod $provider {
            use super::*;
            use $crate_name::{Client, examples};

            const NAME: &str = stringify!($provider);

            #[test]
            fn every_type_has_its_schema_and_every_example_fits() {
                let mut snapshots = Snapshots::of(&format!("schemas/{NAME}"));
                for (name, (schema, examples)) in types(examples::ALL, examples::schema) {
                    let validator = validator(&schema);
                    for example in examples {
                        let said = refusal(&validator, &body(&example));
                        assert_eq!(said, None, "{} {}", example.operation, example.name);
                    }
                    snapshots.check(&name, "", &format!("{:#}", sorted(&schema)));
                }
                snapshots.finish();
            }

            /// What the client says of a body; what it takes, it has sent.
            async fn client_says(example: &Example, body: &Value) -> Option<String> {
                let build: fn(Tape) -> Client = $client;
                let tape = Tape::new();
                let text: &'static str = body.to_string().leak();
                let example = Example { body: Some(text), ..*example };
                let error = examples::send(&build(tape.clone()), &example).await.unwrap_err();
                let is_refused = error.kind() == ErrorKind::InvalidRequest;
                assert_eq!(tape.requests().is_empty(), is_refused, "{error}");
                // Where a text goes wrong depends on the order of its members.
                let said = error.message().split(" at line ").next().unwrap_or_default();
                is_refused
                    .then(|| said.rsplit(": the body: ").next().unwrap_or_default().to_owned())
            }

            #[tokio::test(start_paused = true)]
            async fn schema_and_client_refuse_the_same() {
                let mut snapshots = Snapshots::of(&format!("limits/{NAME}"));
                let document = Document::of(NAME);
                let mut wrong = Vec::new();
                for (name, (schema, examples)) in types(examples::ALL, examples::schema) {
                    let validator = validator(&schema);
                    let bodies: Vec<Value> = examples.iter().map(body).collect();
                    let mut table = Table::default();
                    for case in document.cases(&name, &bodies) {
                        let schema = refusal(&validator, &case.body);
                        let client = client_says(&examples[0], &case.body).await;
                        table.add(&case, schema, client);
                    }
                    wrong.extend(table.wrong.iter().map(|row| format!("{name}: {row}")));
                    snapshots.check(&name, "", &table.shown());
                }
                assert!(wrong.is_empty(), "{}", wrong.join("\n"));
                snapshots.finish();
            }
        }
    };
}

include!("../common/providers.rs");
