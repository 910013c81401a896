//! Examples: those that are made of our schemas, and the vendor's own where they keep to them.

use heck::ToKebabCase as _;
use serde_json::{Map, Value, json};

use super::{
    decision::{Decisions, Kind},
    foreign::{Foreign, flag, items, json_form, json_form_mut, members, name_in, text},
    prose,
    sample::Sampler,
    schema::HINT,
    yaml,
};
use crate::{document::Document, lint};

/// The member of an operation or an answer that keeps the vendor's examples until ours are made.
pub(super) const GIVEN: &str = "$given";

/// The names of the examples that are made.
const OURS: [&str; 2] = ["minimal", "every-member"];

/// The most examples of the vendor's that one operation or answer keeps, and the longest, in bytes of JSON.
const MOST: usize = 8;
const LONGEST: usize = 16 * 1024;

/// An example of a call: its name, its summary, the parameters, the body.
type Made = (String, String, Map<String, Value>, Option<Value>);

/// The vendor's examples of a body or parameter: the name, the summary, the value. One without a name is `page`.
fn named(foreign: &Foreign, holder: &Value) -> Vec<(String, String, Value)> {
    let mut all: Vec<(String, String, Value)> = Vec::new();
    let single = holder.get("example").map(|value| ("page", json!({ "value": value })));
    let others =
        members(holder, "examples").map(|(name, example)| (name.as_str(), example.clone()));
    for (name, example) in others.chain(single) {
        let Some(example) = foreign.target("examples", &example) else { continue };
        let Some(value) = example.get("value") else { continue };
        let name = name.chars().map(|c| if c.is_ascii() { c } else { ' ' }).collect::<String>();
        let name = name.to_kebab_case();
        let is_free = !name.is_empty()
            && !OURS.contains(&name.as_str())
            && !all.iter().any(|(other, ..)| *other == name);
        if is_free && all.len() < MOST && value.to_string().len() <= LONGEST {
            let said = text(example, "summary").or_else(|| text(example, "description"));
            let said = prose::sentence(&prose::clean(said.unwrap_or_default()).text);
            let said = if said.is_empty() { "The vendor's own".to_owned() } else { said };
            all.push((name, format!("{said}."), value.clone()));
        }
    }
    all
}

/// As [`named`], of a body: its schema may have one.
fn of_body(foreign: &Foreign, body: &Value) -> Vec<(String, String, Value)> {
    let all = named(foreign, body);
    let schema = body.get("schema").and_then(|schema| foreign.target("schemas", schema));
    match schema.and_then(|schema| schema.get("example")).filter(|_| all.is_empty()) {
        Some(example) => named(foreign, &json!({ "example": example })),
        None => all,
    }
}

/// The vendor's examples of an answer's body.
pub(super) fn of_answer(foreign: &Foreign, body: &Value) -> Value {
    let all = of_body(foreign, body).into_iter();
    let all =
        all.map(|(name, summary, value)| (name, json!({ "summary": summary, "value": value })));
    all.collect::<Map<_, _>>().into()
}

/// The vendor's examples of a call: what has the same name in parameters and body is one.
pub(super) fn of_call(
    foreign: &Foreign,
    parameters: &[(String, &Value)],
    body: Option<&Value>,
) -> Value {
    let given: Vec<_> =
        parameters.iter().map(|(name, parameter)| (name, named(foreign, parameter))).collect();
    let bodies = body.map(|body| of_body(foreign, body));
    let names: Vec<(String, String)> = match &bodies {
        Some(bodies) => {
            bodies.iter().map(|(name, summary, _)| (name.clone(), summary.clone())).collect()
        }
        None => {
            // One that is alone goes with all, and names none where others do.
            let several = given.iter().filter(|(_, all)| all.len() > 1).flat_map(|(_, all)| all);
            let mut names: Vec<(String, String)> = Vec::new();
            for (name, summary, _) in several {
                if !names.iter().any(|(other, _)| other == name) {
                    names.push((name.clone(), summary.clone()));
                }
            }
            if names.is_empty() {
                let single = given.iter().flat_map(|(_, all)| all).take(1);
                names.extend(single.map(|(name, summary, _)| (name.clone(), summary.clone())));
            }
            names
        }
    };
    let call = |(name, summary): (String, String)| {
        let mut example = json!({ "summary": summary, "parameters": {} });
        for (parameter, all) in &given {
            let own = all.iter().find(|(other, ..)| *other == name);
            if let Some((.., value)) = own.or(all.first().filter(|_| all.len() == 1)) {
                example["parameters"][parameter.as_str()] = value.clone();
            }
        }
        let body = bodies.iter().flatten().find(|(other, ..)| *other == name);
        body.into_iter().for_each(|(.., value)| example["body"] = value.clone());
        (name, example)
    };
    names.into_iter().take(MOST).map(call).collect::<Map<_, _>>().into()
}

/// Takes the vendor's examples of a call from an operation.
fn theirs(operation: &mut Value) -> Vec<Made> {
    let given = operation.as_object_mut().and_then(|words| words.shift_remove(GIVEN));
    let Some(Value::Object(given)) = given else { return Vec::new() };
    let declared = |name: &String| {
        items(operation, "parameters").any(|one| text(one, "name") == Some(name.as_str()))
    };
    let made = |(name, mut example): (String, Value)| {
        let summary = text(&example, "summary").unwrap_or_default().to_owned();
        let parameters = members(&example, "parameters").filter(|(name, _)| declared(name));
        let parameters = parameters.map(|(name, value)| (name.clone(), value.clone())).collect();
        let body = example.as_object_mut().and_then(|words| words.shift_remove("body"));
        (name, summary, parameters, body)
    };
    given.into_iter().map(made).collect()
}

/// Puts the vendor's examples of an answer before ours.
fn shown(answer: &mut Value) {
    let given = answer.as_object_mut().and_then(|words| words.shift_remove(GIVEN));
    let Some(Value::Object(mut given)) = given else { return };
    let Some(form) = json_form_mut(answer).filter(|_| !given.is_empty()) else { return };
    let ours = members(form, "examples").map(|(name, example)| (name.clone(), example.clone()));
    given.extend(ours.collect::<Vec<_>>());
    form["examples"] = given.into();
}

/// Drops those of the vendor's examples that do not keep to the document, or all, if one is no text that a
/// document may hold.
pub(super) fn sift(document: &mut Value) {
    let parsed = |document: &Value| Document::parse(&yaml::write(document).ok()?).ok();
    let Some(read) = parsed(document) else { return each(document, &mut |_, _| false) };
    let misfits = lint::misfits(&read);
    each(document, &mut |place, name| !misfits.iter().any(|it| it.0 == place && it.1 == name));
    let is_fine = parsed(document).is_some_and(|read| lint::lint(&read).is_empty());
    if !is_fine {
        each(document, &mut |_, _| false);
    }
}

/// Keeps those of the vendor's examples for which `keep` holds, by their place and name.
fn each(document: &mut Value, keep: &mut dyn FnMut(&str, &str) -> bool) {
    fn kept(holder: Option<&mut Value>, place: &str, keep: &mut dyn FnMut(&str, &str) -> bool) {
        let Some(words) = holder.and_then(Value::as_object_mut) else { return };
        for word in ["examples", "x-examples"] {
            let Some(all) = words.get_mut(word).and_then(Value::as_object_mut) else { continue };
            all.retain(|name, _| OURS.contains(&name.as_str()) || keep(place, name));
            if all.is_empty() {
                words.shift_remove(word);
            }
        }
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    for operation in paths.filter_map(|(_, item)| item.as_object_mut()).flat_map(Map::values_mut) {
        let id = text(operation, "operationId").unwrap_or_default().to_owned();
        kept(Some(operation), &id, keep);
        kept(operation.get_mut("requestBody").and_then(json_form_mut), &id, keep);
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, answer) in answers.into_iter().flatten() {
            kept(json_form_mut(answer), &lint::place_of_answer(&id, status), keep);
        }
    }
    let shared = document.pointer_mut("/components/responses").and_then(Value::as_object_mut);
    for (name, answer) in shared.into_iter().flatten() {
        kept(json_form_mut(answer), name, keep);
    }
}

/// Gives each operation its examples, and each answer one; drops operations that can have none.
pub(super) fn give(
    paths: &mut Map<String, Value>,
    responses: &mut Map<String, Value>,
    components: &Map<String, Value>,
    decisions: &mut Decisions,
) {
    for item in paths.values_mut().filter_map(Value::as_object_mut) {
        item.retain(|_, operation| {
            let id = text(operation, "operationId").unwrap_or_default().to_owned();
            let made = of_operation(operation, components);
            if !made {
                let why = "no example of what it sends could be made, which its limits or a recursion forbid";
                decisions.add(id, Kind::OperationLeftOut { why: why.to_owned() });
            }
            made
        });
    }
    paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    responses.values_mut().for_each(shown);
}

fn of_operation(operation: &mut Value, components: &Map<String, Value>) -> bool {
    let form = operation.get("requestBody").and_then(json_form);
    let body = form.and_then(|form| name_in(form.get("schema")?, "schemas"));
    let mut all = Map::new();
    let mut bodies = Map::new();
    let has_parameters = operation.get("parameters").is_some();
    let mut last = None;
    let (mut made, mut needed): (Vec<Made>, _) = (Vec::new(), Map::new());
    for (name, summary, every) in
        [("minimal", "Required members only.", false), ("every-member", "Every member.", true)]
    {
        let sampler = Sampler::new(components, every);
        let mut parameters = Map::new();
        for parameter in items(operation, "parameters") {
            if every || flag(parameter, "required") {
                let wire = text(parameter, "name").unwrap_or_default();
                match sampler.value(&parameter["schema"], wire) {
                    Some(value) => drop(parameters.insert(wire.to_owned(), value)),
                    None if flag(parameter, "required") => return false,
                    None => {}
                }
            }
        }
        let value = match &body {
            Some(body) => match sampler.component(body) {
                Some(value) => Some(value),
                None => return false,
            },
            None => None,
        };
        let example = (parameters.clone(), value.clone());
        if last.as_ref() == Some(&example) {
            continue;
        }
        if !every {
            needed = parameters.clone();
        }
        last = Some(example);
        made.push((name.to_owned(), summary.to_owned(), parameters, value));
    }
    for (name, summary, mut parameters, value) in theirs(operation) {
        for (name, value) in &needed {
            parameters.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let is_there = |(_, _, other, body): &Made| *other == parameters && *body == value;
        if !made.iter().any(is_there) {
            made.push((name, summary, parameters, value));
        }
    }
    for (name, summary, parameters, value) in made {
        if has_parameters || value.is_none() {
            let mut example = json!({ "summary": summary });
            if !parameters.is_empty() {
                example["parameters"] = parameters.into();
            }
            if let Some(value) = value {
                example["body"] = value;
            }
            all.insert(name, example);
        } else {
            bodies.insert(name, json!({ "summary": summary, "value": value }));
        }
    }
    if let Some(words) = operation.as_object_mut() {
        match all.is_empty() {
            true => drop(words.shift_remove("x-examples")),
            false => drop(words.insert("x-examples".to_owned(), all.into())),
        }
    }
    let form = operation.get_mut("requestBody").and_then(json_form_mut);
    if let Some(form) = form.filter(|_| !bodies.is_empty()) {
        form["examples"] = bodies.into();
    }
    let sampler = Sampler::new(components, true);
    let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, answer) in answers.into_iter().flatten() {
        if status.starts_with('2')
            && let Some(form) = json_form_mut(answer)
            && let Some(value) = sampler.value(&form["schema"], "item")
        {
            let summary = format!("Every member, of an answer {status}.");
            form["examples"] = json!({ "every-member": { "summary": summary, "value": value } });
        }
        shown(answer);
    }
    true
}

/// Takes away what was kept for the examples.
pub(super) fn strip(
    paths: &mut Map<String, Value>,
    responses: &mut Map<String, Value>,
    components: &mut Map<String, Value>,
) {
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for operation in operations {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            parameter.get_mut("schema").into_iter().for_each(without_hints);
        }
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
        for answer in answers.into_iter().flat_map(Map::values_mut) {
            without_hints_in(answer);
        }
    }
    responses.values_mut().for_each(without_hints_in);
    components.values_mut().for_each(without_hints);
}

fn without_hints_in(answer: &mut Value) {
    let schema = json_form_mut(answer).and_then(|form| form.get_mut("schema"));
    schema.into_iter().for_each(without_hints);
}

fn without_hints(schema: &mut Value) {
    let Some(words) = schema.as_object_mut() else { return };
    words.shift_remove(HINT);
    for word in ["items", "additionalProperties"] {
        words.get_mut(word).into_iter().for_each(without_hints);
    }
    for member in words
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        without_hints(member);
    }
}
