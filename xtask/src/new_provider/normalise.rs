//! Makes a document of ours of a foreign one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    decision::{Decisions, Kind},
    examples,
    foreign::{Foreign, items, members, name_in, text},
    operation::{Operations, is_address, tag},
    prose,
    schema::{Schemas, references},
};

/// Methods that a document of ours has.
const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

/// What the person who calls knows and the document does not say.
#[derive(Clone, Debug)]
pub struct About {
    /// The provider's one word.
    pub provider: String,
    /// The day on which the document was fetched: `2026-11-28`.
    pub read_on: String,
    /// The vendor's page, where the document names none.
    pub page: Option<String>,
}

/// A document of ours, and what it leaves open.
#[derive(Clone, Debug)]
pub struct Normalised {
    /// The document.
    pub document: Value,
    /// What was done, and what a person decides.
    pub decisions: Decisions,
}

/// Makes a document of ours of the text of a foreign one.
///
/// # Errors
/// A sentence, if the text is no OpenAPI 3.0 document, or no operation of it can be kept.
pub fn normalise(foreign: &str, about: &About) -> Result<Normalised, String> {
    let foreign = &Foreign::parse(foreign)?;
    let root = foreign.root();
    let mut schemas = Schemas::new(foreign, shared(foreign));
    let page = page(root, about);
    schemas.decisions.add("document", Kind::OwnWords);
    let foreign_words = foreign_words(root);
    for word in foreign_words {
        schemas.decisions.add("document", Kind::WordLeftOut { word });
    }
    let (schemes, scheme_names) = schemes(root, &mut schemas.decisions);
    let mut operations = Operations::new(foreign, schemas, page.clone(), scheme_names);
    let mut document = json!({ "openapi": "3.0.3" });
    document["info"] = info(root, about, &mut operations.schemas);
    document["externalDocs"] = json!({ "url": page, "description": title(root, about) });
    document["x-read-on"] = about.read_on.as_str().into();
    let servers = servers(root);
    if !servers.is_empty() {
        document["servers"] = servers.into();
    }
    let security = root.get("security").and_then(Value::as_array);
    let security = security.map(|all| operations.security(all));
    if let Some(security) = security.filter(|all| all.as_array().is_some_and(|all| !all.is_empty()))
    {
        document["security"] = security;
    }
    let mut paths = Map::new();
    for (path, item) in members(root, "paths") {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let method = method.as_str();
            if METHODS.contains(&method) && path.starts_with('/') {
                if let Some(made) = operations.one(path, method, item, operation) {
                    let entry = paths.entry(path.clone()).or_insert_with(|| json!({}));
                    entry[method] = made;
                }
            } else if operation.is_object() && !method.starts_with("x-") {
                let why = if path.starts_with('/') {
                    "its method is not supported"
                } else {
                    "its path does not begin with a slash"
                };
                let place = format!("{} {path}", method.to_uppercase());
                operations
                    .schemas
                    .decisions
                    .add(place, Kind::OperationLeftOut { why: why.to_owned() });
            }
        }
    }
    let Operations { schemas, answers, .. } = operations;
    if schemas.is_exhausted() {
        return Err("is too large, or refers to itself without end; take the part that is needed"
            .to_owned());
    }
    let mut decisions = schemas.decisions.clone();
    let mut components = schemas.into_components();
    let mut responses: Map<String, Value> =
        answers.into_iter().map(|(_, name, answer)| (name, answer)).collect();
    share(&mut paths, &mut responses);
    examples::give(&mut paths, &mut responses, &components, &mut decisions);
    if paths.is_empty() {
        let why = decisions
            .sorted()
            .into_iter()
            .find(|it| matches!(it.kind, Kind::OperationLeftOut { .. }));
        let why =
            why.map(|it| format!("; for instance {}: {}", it.place, it.kind)).unwrap_or_default();
        return Err(format!("has no operation that can be kept{why}"));
    }
    prune(&paths, &mut responses, &mut components);
    examples::strip(&mut paths, &mut responses, &mut components);
    let ids: BTreeSet<String> = paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(Map::values)
        .filter_map(|operation| Some(text(operation, "operationId")?.to_owned()))
        .collect();
    decisions.keep(|place| {
        matches!(place, "document" | "info")
            || ids.contains(place)
            || components.contains_key(place)
            || responses.contains_key(place)
            || schemes.contains_key(place)
    });
    let used = used_tags(&paths);
    let tags = tags(root, &used);
    if !tags.is_empty() {
        document["tags"] = tags.into();
    }
    document["paths"] = paths.into();
    let mut all = Map::new();
    for (section, parts) in
        [("securitySchemes", schemes), ("responses", responses), ("schemas", components)]
    {
        if !parts.is_empty() {
            all.insert(section.to_owned(), parts.into());
        }
    }
    document["components"] = all.into();
    examples::sift(&mut document);
    Ok(Normalised { document, decisions })
}

/// The foreign schemas that are reached from requests and from answers.
fn shared(foreign: &Foreign) -> BTreeSet<String> {
    let mut sides = [Vec::new(), Vec::new()];
    for (_, item) in members(foreign.root(), "paths") {
        for operation in item.as_object().into_iter().flat_map(Map::values) {
            sides[0].extend(operation.get("requestBody"));
            sides[1].extend(operation.get("responses"));
        }
    }
    let [requests, answers] = sides.map(|roots| {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&Value> = roots;
        while let Some(part) = pending.pop() {
            match part {
                Value::Object(words) => pending.extend(words.values()),
                Value::Array(all) => pending.extend(all),
                _ => continue,
            }
            for section in ["schemas", "responses", "requestBodies"] {
                let found =
                    name_in(part, section).and_then(|name| foreign.component(section, &name));
                if let Some((name, target)) = found
                    && seen.insert(format!("{section}/{name}"))
                {
                    pending.push(target);
                }
            }
        }
        seen
    });
    let both = requests.intersection(&answers).filter_map(|name| name.strip_prefix("schemas/"));
    both.map(str::to_owned).collect()
}

/// The `x-` words of the foreign document; names that are data are not told from them.
fn foreign_words(root: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![root];
    while let Some(part) = pending.pop() {
        match part {
            Value::Object(words) => {
                for (word, value) in words {
                    if word.starts_with("x-") && word != "x-extensible-enum" && found.len() < 100 {
                        found.insert(
                            word.chars().filter(|c| c.is_ascii_graphic() && *c != '`').collect(),
                        );
                    } else if !matches!(
                        word.as_str(),
                        "example" | "examples" | "headers" | "properties"
                    ) {
                        pending.push(value);
                    } else if word == "properties" {
                        pending.extend(value.as_object().into_iter().flat_map(Map::values));
                    }
                }
            }
            Value::Array(all) => pending.extend(all),
            _ => {}
        }
    }
    found
}

fn page(root: &Value, about: &About) -> String {
    let given = [
        about.page.as_deref(),
        root.get("externalDocs").and_then(|page| text(page, "url")),
        root.get("info").and_then(|info| info.get("contact")).and_then(|it| text(it, "url")),
        items(root, "servers").next().and_then(|server| text(server, "url")),
    ];
    let found = given.into_iter().flatten().find(|url| is_address(url));
    found.map_or_else(|| format!("https://{}.example/", about.provider), str::to_owned)
}

fn title(root: &Value, about: &About) -> String {
    let title = root.get("info").and_then(|info| text(info, "title")).unwrap_or_default();
    let title = prose::sentence(&prose::clean(title).text);
    if title.is_empty() { about.provider.clone() } else { title }
}

fn info(root: &Value, about: &About, schemas: &mut Schemas<'_>) -> Value {
    let given = root.get("info").cloned().unwrap_or_default();
    let version = match given.get("version") {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Number(version)) => version.to_string(),
        _ => String::new(),
    };
    let mut version: String =
        version.chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).collect();
    if version.trim().is_empty() {
        version = "1".to_owned();
    }
    let mut info = json!({ "title": title(root, about), "version": version });
    let spot = super::schema::Spot::new(super::schema::Side::Request, "info", "");
    let description = schemas.cleaned(text(&given, "description").unwrap_or_default(), &spot);
    if !description.is_empty() {
        info["description"] = description.into();
    }
    info
}

fn servers(root: &Value) -> Vec<Value> {
    let server = |given: &Value| {
        let url = text(given, "url")?;
        let variables = members(given, "variables");
        let usual = variables.fold(url.to_owned(), |url, (name, variable)| {
            url.replace(&format!("{{{name}}}"), text(variable, "default").unwrap_or_default())
        });
        // An address below that of the document itself is none here.
        is_address(&usual).then_some(())?;
        let mut server = json!({ "url": url });
        let about = prose::clean(text(given, "description").unwrap_or_default()).text;
        if !about.is_empty() {
            server["description"] = about.into();
        }
        for (name, variable) in members(given, "variables") {
            let default = text(variable, "default")?;
            server["variables"][name] = json!({ "default": default });
            let about = prose::clean(text(variable, "description").unwrap_or_default()).text;
            if !about.is_empty() {
                server["variables"][name]["description"] = about.into();
            }
        }
        Some(server)
    };
    items(root, "servers").filter_map(server).collect()
}

fn used_tags(paths: &Map<String, Value>) -> BTreeSet<String> {
    let operations = paths.values().filter_map(Value::as_object).flat_map(Map::values);
    operations
        .flat_map(|operation| items(operation, "tags").filter_map(tag).collect::<Vec<_>>())
        .collect()
}

fn tags(root: &Value, used: &BTreeSet<String>) -> Vec<Value> {
    let mut about = BTreeMap::new();
    for given in items(root, "tags") {
        let text = prose::clean(text(given, "description").unwrap_or_default()).text;
        if let Some(name) = given.get("name").and_then(tag).filter(|_| !text.is_empty()) {
            about.insert(name, text);
        }
    }
    let tag = |name: &String| match about.get(name) {
        Some(text) => json!({ "name": name, "description": text }),
        None => json!({ "name": name }),
    };
    used.iter().map(tag).collect()
}

/// Every way to identify the caller as a header or a query parameter, which `hooks.rs` then sets.
fn schemes(root: &Value, decisions: &mut Decisions) -> (Map<String, Value>, Vec<String>) {
    let none = json!({});
    let given = root.get("components").unwrap_or(&none);
    let mut made = Map::new();
    for (name, scheme) in members(given, "securitySchemes") {
        let kind = text(scheme, "type").unwrap_or_default();
        let form = text(scheme, "scheme").unwrap_or_default();
        let (place, header) = match (kind, text(scheme, "in")) {
            ("apiKey", Some("query")) => ("query", text(scheme, "name").unwrap_or("key")),
            ("apiKey", Some("cookie")) => ("header", "Cookie"),
            ("apiKey", _) => ("header", text(scheme, "name").unwrap_or("Authorization")),
            _ => ("header", "Authorization"),
        };
        let shown = format!("{kind} {form}").trim().replace('`', "");
        let about = prose::clean(text(scheme, "description").unwrap_or_default()).text;
        let about =
            if about.is_empty() { format!("The foreign document says: {shown}.") } else { about };
        decisions.add(name.as_str(), Kind::Scheme { kind: shown });
        let scheme = json!({ "type": "apiKey", "in": place, "name": header, "description": about });
        made.insert(name.clone(), scheme);
    }
    if made.is_empty() {
        decisions.add("document", Kind::NoCredentials);
    }
    let names = made.keys().cloned().collect();
    (made, names)
}

/// Makes components of the refusals that are written out more than once.
fn share(paths: &mut Map<String, Value>, responses: &mut Map<String, Value>) {
    /// Where an answer stands: path, method, status.
    type Place = (String, String, String);
    let mut seen: Vec<(Value, Vec<Place>)> = Vec::new();
    for (path, item) in &*paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            for (status, answer) in members(operation, "responses") {
                let is_refusal = status.starts_with(['4', '5']) && answer.get("content").is_some();
                if !is_refusal {
                    continue;
                }
                let place = (path.clone(), method.clone(), status.clone());
                match seen.iter_mut().find(|(other, _)| other == answer) {
                    Some((_, places)) => places.push(place),
                    None => seen.push((answer.clone(), vec![place])),
                }
            }
        }
    }
    for (answer, places) in seen.into_iter().filter(|(_, places)| places.len() > 1) {
        let number = |number: usize| match number {
            1 => "Refusal".to_owned(),
            number => format!("Refusal{number}"),
        };
        let free = (1..).map(number).find(|name| !responses.contains_key(name));
        let name = free.unwrap_or_default();
        for (path, method, status) in places {
            paths[&path][&method]["responses"][&status] =
                json!({ "$ref": format!("#/components/responses/{name}") });
        }
        responses.insert(name, answer);
    }
}

/// Drops components that no operation needs, such as those of operations that were left out.
fn prune(
    paths: &Map<String, Value>,
    responses: &mut Map<String, Value>,
    components: &mut Map<String, Value>,
) {
    let operations = Value::from(paths.clone());
    let mut used_answers = BTreeSet::new();
    let mut pending = vec![&operations];
    while let Some(part) = pending.pop() {
        used_answers.extend(name_in(part, "responses"));
        match part {
            Value::Object(words) => pending.extend(words.values()),
            Value::Array(all) => pending.extend(all),
            _ => {}
        }
    }
    responses.retain(|name, _| used_answers.contains(name));
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut names = references(&operations);
    names.extend(responses.values().flat_map(references));
    while let Some(name) = names.pop() {
        if let Some(schema) = components.get(&name)
            && used.insert(name)
        {
            names.extend(references(schema));
        }
    }
    components.retain(|name, _| used.contains(name));
}
