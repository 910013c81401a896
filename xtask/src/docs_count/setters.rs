//! Setters of requests and arguments of operations, by what their document limits, and the values of its
//! enumerations.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};

use super::{Count, examples::CLIENT, source::Source};
use crate::{
    document::{Call, Document, ObjectSchema, Schema, TextFormat},
    lower::field_name,
    spec::Spec,
};

/// Words for units. Where a document has one of them, the setter's documentation has it too.
const UNITS: [&str; 8] =
    ["milliseconds", "seconds", "minutes", "hours", "days", "bytes", "characters", "percent"];

/// The setters whose member has a unit or a limit.
pub(super) fn count(spec: &Spec, source: &Source) -> Count {
    let document = &spec.document;
    let mut count = Count::default();
    for (name, of) in &source.types {
        let Some((module, bare)) = name.split_once("::") else { continue };
        for method in of.methods.iter().filter(|method| method.is_setter) {
            let Some(member) = member(document, module, bare, &method.name) else { continue };
            add(&mut count, document, member, &method.docs, || format!("{name}::{}", method.name));
        }
    }
    count
}

/// The arguments of operations whose member has a unit or a limit, which their item in the list of arguments
/// has to say.
pub(super) fn arguments(spec: &Spec, source: &Source) -> Count {
    let document = &spec.document;
    let mut count = Count::default();
    let methods = source.types.get(CLIENT).map_or(&[][..], |client| &client.methods);
    for method in methods.iter().filter(|method| method.is_operation) {
        for argument in &method.arguments {
            let Some(member) = member(document, "builder", &method.name, argument) else {
                continue;
            };
            let said = listed(&method.docs, argument);
            add(&mut count, document, member, said, || format!("{}, {argument}", method.name));
        }
    }
    count
}

/// The values of the document's enumerations, which a description tells apart.
pub(super) fn values(spec: &Spec) -> Count {
    let mut count = Count::default();
    for (name, schema) in &spec.document.components.schemas {
        let (Some(values), Schema::Text(about)) = (schema.values(), schema) else { continue };
        for value in values {
            count.add(about.value_descriptions.contains_key(value), || format!("{name}: {value}"));
        }
    }
    count
}

/// The item of an argument in the list of a method's arguments; empty if it is not there.
fn listed<'d>(docs: &'d str, argument: &str) -> &'d str {
    let begin = format!("- `{argument}`: ");
    let Some(item) = docs.find(&begin).map(|at| &docs[at + begin.len()..]) else { return "" };
    let end = ["\n- ", "\n\n"].iter().filter_map(|end| item.find(end)).min();
    &item[..end.unwrap_or(item.len())]
}

/// Counts a member that has a unit or a limit, which `said` has to say.
fn add(
    count: &mut Count,
    document: &Document,
    (schema, description): (&Schema, &str),
    said: &str,
    name: impl Fn() -> String,
) {
    let wanted = wanted(document, schema, description);
    if wanted.is_empty() {
        return;
    }
    let lacking: Vec<&Wanted> = wanted.iter().filter(|it| !it.is_in(said)).collect();
    count.add(lacking.is_empty(), || {
        let lacking: Vec<&str> = lacking.iter().map(|it| &*it.0[0]).collect();
        format!("{}: {}", name(), lacking.join(", "))
    });
}

/// The schema of the member that a setter sets, and its description.
fn member<'a>(
    document: &'a Document,
    module: &str,
    owner: &str,
    setter: &str,
) -> Option<(&'a Schema, &'a str)> {
    let in_object = |object: &'a ObjectSchema| {
        let (_, schema) = object.properties.iter().find(|(wire, _)| is_named(wire, setter))?;
        Some((schema, schema.description().map_or("", |it| it)))
    };
    let of_object = |name: &str| {
        let object = document.schema(name)?.as_struct()?;
        in_object(object).or_else(|| {
            // A member within the envelope, where the call takes those.
            let content = object.properties.get(object.envelope.as_ref()?)?;
            in_object(document.resolve(content)?.as_struct()?)
        })
    };
    if module == "types" {
        let mut names = document.components.schemas.keys();
        return of_object(names.find(|name| name.to_upper_camel_case() == owner)?);
    }
    let calls = document.calls();
    let is_it = |call: &&Call<'_>| call.name().to_upper_camel_case() == owner.to_upper_camel_case();
    let call = *calls.iter().find(is_it)?;
    let parameter = call.parameters().into_iter().find(|it| is_named(&it.name, setter));
    match parameter {
        Some(parameter) => {
            Some((&parameter.schema, parameter.description.as_ref().map_or("", |it| it)))
        }
        // A member of the body, where the call's builder sets those.
        None => of_object(call.body_schema()?),
    }
}

fn is_named(wire: &str, setter: &str) -> bool {
    field_name(wire).trim_start_matches("r#") == setter || wire.to_snake_case() == setter
}

/// A fact that documentation has to state, in one of several ways.
struct Wanted(Vec<String>);

impl Wanted {
    fn is_in(&self, docs: &str) -> bool {
        let docs = docs.to_lowercase();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.0.iter().any(|way| {
            docs.match_indices(way.as_str()).any(|(at, _)| {
                let (before, after) = (&docs[..at], &docs[at + way.len()..]);
                let is_number = way.bytes().all(|byte| byte.is_ascii_digit());
                // A number is not a part of another.
                !is_number || !before.ends_with(is_part) && !after.starts_with(is_part)
            })
        })
    }
}

fn wanted(document: &Document, schema: &Schema, description: &str) -> Vec<Wanted> {
    let resolved = document.resolve(schema);
    let ends = match resolved {
        Some(Schema::Text(text)) => {
            [text.min_length, text.max_length, text.max_bytes].map(|end| end.map(i128::from))
        }
        Some(Schema::Integer(integer)) => {
            [integer.least(), integer.most(), None].map(|end| end.map(i128::from))
        }
        Some(Schema::List(list)) => {
            [list.min_items, list.max_items, None].map(|end| end.map(i128::from))
        }
        _ => [None; 3],
    };
    // A lower end of nothing or one says only that something is there.
    let ends = ends.into_iter().flatten().filter(|number| !matches!(number, 0 | 1));
    let mut wanted: Vec<Wanted> = ends.map(|number| Wanted(vec![number.to_string()])).collect();
    if let Some(Schema::Text(text)) = resolved {
        let says = |ways: &[&str]| Wanted(ways.iter().map(|&way| way.to_owned()).collect());
        match text.format {
            Some(TextFormat::Byte) => wanted.push(says(&["base64"])),
            Some(TextFormat::Password) => {
                wanted.push(says(&["secret", "password", "token", "credential", "key", "rights"]));
            }
            None => {}
        }
        if text.pattern.is_some() {
            // Of which characters it is, or by an example.
            wanted.push(says(&[
                "pattern", "letter", "digit", "character", "space", "form", "ascii", "`", "name",
            ]));
        }
    }
    let resolved = resolved.and_then(|it| it.description()).map_or("", |it| it);
    let said = format!("{description} {resolved}").to_lowercase();
    let words: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    let units = UNITS.iter().filter(|unit| words.contains(unit));
    wanted.extend(units.map(|unit| Wanted(vec![(*unit).to_owned()])));
    wanted
}
