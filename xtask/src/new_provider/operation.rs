//! Makes our operations of foreign ones.

use serde_json::{Map, Value, json};

use super::{
    decision::Kind,
    examples::{self, GIVEN},
    foreign::{Foreign, flag, items, members, name_in, text},
    names::{self, Taken},
    prose,
    scalar::is_secret,
    schema::{Root, Schemas, Side, Spot},
};
use crate::{
    document::{Pattern, media_type},
    lint,
};

/// The names of the forms of a body that are read.
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// What a path parameter must be, where the foreign document does not say.
const SEGMENT: &str = r"^[^/\\.][^/\\]*$";

/// Further headers that no caller passes.
const HEADERS: [&str; 2] = ["connection", "cookie"];

/// Makes operations.
pub(super) struct Operations<'a> {
    pub(super) foreign: &'a Foreign,
    pub(super) schemas: Schemas<'a>,
    pub(super) ids: Taken,
    /// The page that stands for operations without one.
    pub(super) page: String,
    /// The ways to identify the caller that there are.
    pub(super) schemes: Vec<String>,
    answer_names: Taken,
    /// Shared answers: the foreign name, ours, and the answer.
    pub(super) answers: Vec<(String, String, Value)>,
}

impl<'a> Operations<'a> {
    pub(super) fn new(
        foreign: &'a Foreign,
        schemas: Schemas<'a>,
        page: String,
        schemes: Vec<String>,
    ) -> Self {
        let (ids, answer_names, answers) = (Taken::default(), Taken::default(), Vec::new());
        Self { foreign, schemas, ids, page, schemes, answer_names, answers }
    }

    /// One operation. Nothing, if it is left out.
    pub(super) fn one(
        &mut self,
        path: &str,
        method: &str,
        item: &Value,
        operation: &Value,
    ) -> Option<Value> {
        let wanted = text(operation, "operationId").filter(|id| !id.trim().is_empty());
        let wanted = wanted.map_or_else(|| names::of_call(method, path), str::to_owned);
        let id = self.ids.operation(&wanted);
        if id != wanted {
            self.schemas.decisions.add(&id, Kind::Renamed { from: wanted });
        }
        match self.made(&id, path, method, item, operation) {
            Ok(made) => Some(made),
            Err(why) => {
                self.schemas.decisions.add(&id, Kind::OperationLeftOut { why });
                None
            }
        }
    }

    fn made(
        &mut self,
        id: &str,
        path: &str,
        method: &str,
        item: &Value,
        operation: &Value,
    ) -> Result<Value, String> {
        let spot = Spot::new(Side::Request, id, id);
        let parameters = self.parameters(id, path, item, operation)?;
        let given = self.examples(&parameters, item, operation);
        let body = self.body(id, operation)?;
        let responses = self.responses(id, method, operation);
        let description = text(operation, "description").or_else(|| text(item, "description"));
        let description = self.schemas.cleaned(description.unwrap_or_default(), &spot);
        let summary = text(operation, "summary").or_else(|| text(item, "summary"));
        let mut summary = prose::sentence(&prose::clean(summary.unwrap_or_default()).text);
        if summary.is_empty() {
            summary = prose::sentence(&description);
        }
        if summary.is_empty() {
            self.schemas.note(&spot, Kind::TextMissing);
            summary = format!("Calls `{id}`");
        }
        let summary = format!("{summary}.");
        let mut made = json!({ "operationId": id });
        let tags: Vec<String> = items(operation, "tags").filter_map(tag).collect();
        if !tags.is_empty() {
            made["tags"] = tags.into();
        }
        made["summary"] = summary.as_str().into();
        if !description.is_empty() && description != summary {
            made["description"] = description.into();
        }
        made["externalDocs"] = self.page_of(id, operation);
        if let Some(security) = operation.get("security").and_then(Value::as_array) {
            made["security"] = self.security(security);
        }
        if flag(operation, "deprecated") {
            made["deprecated"] = true.into();
        }
        let upgrades = responses.contains_key("101");
        let verb = method.to_uppercase();
        if matches!(method, "post" | "patch") || upgrades {
            made["x-starts-command"] = true.into();
            self.schemas.note(&spot, Kind::StartsCommand { method: verb });
        } else if method != "get" {
            made["x-repeatable"] = true.into();
            self.schemas.note(&spot, Kind::Repeatable { method: verb });
        }
        if !parameters.is_empty() {
            made["parameters"] = parameters.into();
        }
        made["x-examples"] = json!({});
        made[GIVEN] = given;
        if let Some((media, name)) = body {
            made["requestBody"] = json!({ "required": true, "content": content(&media, &name) });
        }
        made["responses"] = responses.into();
        Ok(made)
    }

    fn page_of(&mut self, id: &str, operation: &Value) -> Value {
        let given = operation.get("externalDocs");
        let url = given.and_then(|page| text(page, "url")).filter(|url| is_address(url));
        let about = given.and_then(|page| text(page, "description")).unwrap_or_default();
        let about = prose::sentence(&prose::clean(about).text);
        if url.is_none() {
            self.schemas.decisions.add(id, Kind::PageUnknown { url: self.page.clone() });
        }
        let url = url.unwrap_or(&self.page);
        json!({ "url": url, "description": if about.is_empty() { id.to_owned() } else { about } })
    }

    /// What identifies the caller: schemes that there are, one of several alternatives each.
    pub(super) fn security(&self, alternatives: &[Value]) -> Value {
        let mut kept: Vec<Value> = Vec::new();
        for alternative in alternatives {
            let names = alternative.as_object().into_iter().flat_map(Map::keys);
            let all: Map<String, Value> = names
                .filter(|name| self.schemes.contains(name))
                .map(|name| (name.clone(), json!([])))
                .collect();
            let all = Value::from(all);
            if all.as_object().is_some_and(|all| !all.is_empty()) && !kept.contains(&all) {
                kept.push(all);
            }
        }
        kept.into()
    }

    fn parameters(
        &mut self,
        id: &str,
        path: &str,
        item: &Value,
        operation: &Value,
    ) -> Result<Vec<Value>, String> {
        let foreign = self.foreign;
        let mut given: Vec<&Value> = Vec::new();
        for parameter in items(item, "parameters").chain(items(operation, "parameters")) {
            let Some(parameter) = foreign.target("parameters", parameter) else {
                return Err("a parameter's `$ref` leads nowhere".to_owned());
            };
            let same = |other: &&Value| {
                text(other, "name") == text(parameter, "name")
                    && text(other, "in") == text(parameter, "in")
            };
            // The operation's own replaces that of the path.
            match given.iter_mut().find(|other| same(other)) {
                Some(other) => *other = parameter,
                None => given.push(parameter),
            }
        }
        let undeclared: Vec<Value> = lint::template_names(path)
            .into_iter()
            .filter(|name| {
                !given
                    .iter()
                    .any(|it| text(it, "name") == Some(name) && text(it, "in") == Some("path"))
            })
            .map(|name| json!({ "name": name, "in": "path", "schema": { "type": "string" } }))
            .collect();
        given.extend(&undeclared);
        let mut made = Vec::new();
        let mut seen: Vec<(bool, String)> = Vec::new();
        for parameter in given {
            let name = text(parameter, "name").unwrap_or_default().to_owned();
            let is_needed = flag(parameter, "required") || text(parameter, "in") == Some("path");
            let is_header = text(parameter, "in") == Some("header");
            let fits = if name.is_empty() || !prose::is_plain(&name) {
                Err("its name is none".to_owned())
            } else if is_header && !lint::is_header_name(&name) {
                Err("its name is none of a header".to_owned())
            } else if seen.iter().any(|(was_header, other)| {
                *other == name || is_header && *was_header && other.eq_ignore_ascii_case(&name)
            }) {
                Err("another parameter has the same name".to_owned())
            } else {
                self.parameter(id, &name, parameter, path)
            };
            match fits {
                Ok(parameter) => {
                    seen.push((is_header, name));
                    made.push(parameter);
                }
                // The client and its hooks set such headers.
                Err(why) if !is_needed || is_own_header(parameter) => {
                    self.schemas.decisions.add(id, Kind::ParameterLeftOut { name, why });
                }
                Err(why) => return Err(format!("its parameter `{name}`: {why}")),
            }
        }
        Ok(made)
    }

    fn parameter(
        &mut self,
        id: &str,
        name: &str,
        given: &Value,
        path: &str,
    ) -> Result<Value, String> {
        let location = text(given, "in").unwrap_or_default();
        let style =
            text(given, "style").unwrap_or(if location == "query" { "form" } else { "simple" });
        let spot = Spot::new(Side::Parameter, &format!("{id}.{name}"), &format!("{id} {name}"));
        let content = members(given, "content").next().map(|(_, media)| media);
        let anything = json!({ "type": "string" });
        let schema = given.get("schema").or_else(|| content?.get("schema")).unwrap_or(&anything);
        let mut made = match content {
            // The parameter is JSON in text.
            Some(_) => json!({ "type": "string" }),
            None => self.schemas.in_place(schema, &spot).unwrap_or(anything.clone()),
        };
        let mut more: Vec<String> = Vec::new();
        if content.is_some() {
            more.push("A JSON text.".to_owned());
            self.schemas.note(&spot, Kind::SaidInText { word: "content".to_owned() });
        }
        let is_list = made["type"] == "array";
        let is_object = made["type"] == "object" || self.schemas.is_object(&made);
        let holds_parts = made.get("items").is_some_and(|item| {
            matches!(item["type"].as_str(), Some("object" | "array"))
                || self.schemas.is_object(item)
        });
        if is_object || holds_parts {
            return Err("it is an object or a list of objects".to_owned());
        }
        match location {
            "path" => {
                if !lint::template_names(path).contains(&name) {
                    return Err("it is not in the path".to_owned());
                }
                if style != "simple" || is_list {
                    return Err("its form in the path is not supported".to_owned());
                }
                self.guard(&mut made, &spot);
            }
            "query"
                if style != "form" || (is_list && given.get("explode") == Some(&json!(false))) =>
            {
                if !is_list {
                    return Err(format!("its style `{style}` is not supported"));
                }
                let between = match style {
                    "spaceDelimited" => "spaces",
                    "pipeDelimited" => "vertical bars",
                    _ => "commas",
                };
                more.push(format!(
                    "Several values stand in one text, with {between} between them."
                ));
                self.schemas.note(&spot, Kind::SaidInText { word: "explode: false".to_owned() });
                made = json!({ "type": "string" });
            }
            "query" => {}
            "header" if is_own_header(given) => {
                return Err("the client or its hooks set this header".to_owned());
            }
            "header" if is_list => {
                more.push("Several values stand in one text, with commas between them.".to_owned());
                self.schemas.note(&spot, Kind::SaidInText { word: "type: array".to_owned() });
                made = json!({ "type": "string" });
            }
            "header" => {}
            other => return Err(format!("it goes into `{other}`, which is not supported")),
        }
        let about = text(given, "description").or_else(|| text(schema, "description"));
        let mut about = self.schemas.cleaned(about.unwrap_or_default(), &spot);
        if about.is_empty() {
            self.schemas.note(&spot, Kind::TextMissing);
            about = format!("Not described: `{name}`.");
        }
        if let Some(default) = schema.get("default").filter(|it| !it.is_null() && !it.is_object()) {
            let shown: String =
                default.to_string().chars().filter(|c| *c != '`').take(80).collect();
            more.push(format!("Default: `{shown}`."));
            self.schemas.note(&spot, Kind::SaidInText { word: "default".to_owned() });
        }
        let target = self.foreign.target("schemas", schema).unwrap_or(schema);
        let is_deprecated = [given, schema, target].iter().any(|it| flag(it, "deprecated"));
        let is_password = text(target, "format") == Some("password");
        for sentence in more {
            let stop = if about.ends_with(['.', '!', '?', ':']) { "" } else { "." };
            about = format!("{about}{stop} {sentence}");
        }
        if let Some(hint) = given.get("example") {
            made[super::schema::HINT] = hint.clone();
        }
        let mut parameter = json!({ "name": name, "in": location });
        if flag(given, "required") || location == "path" {
            parameter["required"] = true.into();
        }
        if is_deprecated {
            parameter["deprecated"] = true.into();
        }
        if is_password || is_secret(name) {
            parameter["x-sensitive"] = true.into();
            if !is_password {
                self.schemas.note(&spot, Kind::Secret);
            }
        }
        parameter["description"] = about.into();
        parameter["schema"] = made;
        Ok(parameter)
    }

    /// Gives a text of the path a pattern that keeps it in its segment.
    fn guard(&mut self, schema: &mut Value, spot: &Spot) {
        if matches!(schema["type"].as_str(), Some("integer" | "number" | "boolean")) {
            return;
        }
        if schema.get("type").is_none() {
            // An enumeration is a text here, for its type takes any.
            let values = items(schema, "enum").filter_map(Value::as_str);
            let values: Vec<String> = values.map(regex_syntax::escape).collect();
            *schema = json!({ "type": "string" });
            if !values.is_empty() {
                schema["pattern"] = format!("^({})$", values.join("|")).into();
            }
        }
        let own = schema.get("pattern").and_then(Value::as_str);
        let own = own.and_then(|own| Pattern::try_from(own.to_owned()).ok());
        if own.is_some_and(|own| lint::refuses_escapes(&own)) {
            return;
        }
        if let Some(lost) = schema.get("pattern").and_then(Value::as_str) {
            let word = format!("pattern: {lost}");
            let why = "it takes what would lead out of the parameter's part of the path";
            self.schemas.note(spot, Kind::LimitLeftOut { word, why });
        }
        schema["pattern"] = SEGMENT.into();
        self.schemas.note(spot, Kind::PathPattern);
    }

    /// What an operation sends: the name of its form, and the component.
    fn body(&mut self, id: &str, operation: &Value) -> Result<Option<(String, String)>, String> {
        let Some(given) = operation.get("requestBody") else { return Ok(None) };
        let foreign = self.foreign;
        let given =
            foreign.target("requestBodies", given).ok_or("the `$ref` of its body leads nowhere")?;
        let spot = Spot::new(Side::Request, id, &format!("{id} Request"));
        let Some((media, body)) = json_of(given) else {
            let media = members(given, "content").next().map_or("nothing", |(media, _)| media);
            let media: String = media.chars().filter(|c| *c != '`').collect();
            return match flag(given, "required") || media != "nothing" {
                true => Err(format!("its body is `{media}`, and JSON is sent")),
                false => Ok(None),
            };
        };
        let media = self.media(&spot, media);
        let anything = json!({});
        match self.schemas.root(body.get("schema").unwrap_or(&anything), &spot) {
            Root::Object(name) => {
                if !flag(given, "required") {
                    self.schemas.note(&spot, Kind::BodyRequired);
                }
                Ok(Some((media, name)))
            }
            Root::List(_) => Err("its body is a list, and an object is sent".to_owned()),
            Root::Other(what) => Err(format!("its body is {what}, and an object is sent")),
        }
    }

    /// The vendor's examples of a call.
    fn examples(&self, parameters: &[Value], item: &Value, operation: &Value) -> Value {
        let foreign = self.foreign;
        let all = items(item, "parameters").chain(items(operation, "parameters"));
        let all = all.filter_map(|one| foreign.target("parameters", one));
        let all: Vec<&Value> = all.collect();
        let given = parameters.iter().filter_map(|ours| {
            let same =
                |it: &&&Value| ["name", "in"].iter().all(|word| it.get(word) == ours.get(word));
            Some((text(ours, "name")?.to_owned(), *all.iter().rev().find(same)?))
        });
        let body = operation.get("requestBody");
        let body = body.and_then(|body| foreign.target("requestBodies", body)).and_then(json_of);
        examples::of_call(foreign, &given.collect::<Vec<_>>(), body.map(|(_, body)| body))
    }

    /// The name of a JSON form: the foreign one where it says JSON.
    fn media(&mut self, spot: &Spot, media: &str) -> String {
        let is_plain = media.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if is_plain && media_type(media) == JSON {
            return media.to_owned();
        }
        self.schemas.note(spot, Kind::WordLeftOut { word: media.replace('`', "") });
        JSON.to_owned()
    }

    fn responses(&mut self, id: &str, method: &str, operation: &Value) -> Map<String, Value> {
        let foreign = self.foreign;
        let mut made = Map::new();
        let given: Vec<(String, &Value)> = members(operation, "responses")
            .map(|(status, answer)| (status.to_ascii_uppercase(), answer))
            .collect();
        let upgrades = given.iter().any(|(status, _)| status == "101")
            || operation.get("x-dropshot-websocket").is_some();
        let is_success = |status: &str| status.starts_with('2') && (status.len() == 3);
        let leave_out = |this: &mut Self, status: &str, why| {
            let status = status.to_owned();
            this.schemas.decisions.add(id, Kind::AnswerLeftOut { status, why });
        };
        if upgrades {
            let description = "The connection is upgraded.";
            made.insert("101".to_owned(), json!({ "description": description }));
        }
        let mut success: Option<Option<Value>> = None;
        for (status, answer) in given.iter().filter(|(status, _)| is_success(status)) {
            if upgrades {
                leave_out(self, status, "101 stands beside it");
                continue;
            }
            let number = if status == "2XX" { "200" } else { status.as_str() };
            if number != status {
                let kind = Kind::StatusAssumed { from: status.clone(), to: "`200`" };
                self.schemas.decisions.add(id, kind);
            }
            if number.parse::<u16>().is_err() || made.contains_key(number) {
                leave_out(self, status, "it is no status of its own");
                continue;
            }
            let Some(answer) = foreign.target("responses", answer) else {
                leave_out(self, status, "its `$ref` leads nowhere");
                continue;
            };
            let answer = self.answer(id, method, number, answer, &format!("{id} Answer"));
            let content = answer.get("content").cloned();
            match &success {
                Some(first) if *first != content => {
                    leave_out(
                        self,
                        status,
                        "its body is another one than that of the first success",
                    );
                }
                _ => {
                    success = Some(content);
                    made.insert(number.to_owned(), answer);
                }
            }
        }
        if success.is_none() && !upgrades {
            let default = given.iter().find(|(status, _)| status == "DEFAULT");
            let default = default.and_then(|(_, answer)| foreign.target("responses", answer));
            let kind = Kind::StatusAssumed { from: "default".to_owned(), to: "`200`" };
            self.schemas.decisions.add(id, kind);
            let none = json!({});
            let answer =
                self.answer(id, method, "200", default.unwrap_or(&none), &format!("{id} Answer"));
            made.insert("200".to_owned(), answer);
            return made;
        }
        for (status, answer) in given.iter().filter(|(status, _)| !is_success(status)) {
            let statuses: &[&str] = match status.as_str() {
                "DEFAULT" => &["4XX", "5XX"],
                "101" => continue,
                "4XX" => &["4XX"],
                "5XX" => &["5XX"],
                number
                    if number.len() == 3
                        && number.parse().is_ok_and(|it: u16| (300..600).contains(&it)) =>
                {
                    &[number]
                }
                _ => {
                    leave_out(self, status, "it is neither a success nor a refusal");
                    continue;
                }
            };
            if status == "DEFAULT" {
                let kind =
                    Kind::StatusAssumed { from: "default".to_owned(), to: "`4XX` and `5XX`" };
                self.schemas.decisions.add(id, kind);
            }
            let answer = match name_in(answer, "responses") {
                Some(name) => self.shared(&name),
                None => Some(self.answer(id, method, status, answer, &format!("{id} Error"))),
            };
            let Some(answer) = answer else {
                leave_out(self, status, "its `$ref` leads nowhere");
                continue;
            };
            for status in statuses {
                made.entry((*status).to_owned()).or_insert_with(|| answer.clone());
            }
        }
        made
    }

    /// A reference to a shared answer, which is made once.
    fn shared(&mut self, name: &str) -> Option<Value> {
        let foreign = self.foreign;
        let (origin, answer) = foreign.component("responses", name)?;
        let ours = match self.answers.iter().find(|(other, ..)| other == origin) {
            Some((_, ours, _)) => ours.clone(),
            None => {
                let ours = self.answer_names.schema(names::last(origin));
                let made = self.answer(&ours, "get", "400", answer, &ours);
                self.answers.push((origin.to_owned(), ours.clone(), made));
                ours
            }
        };
        Some(json!({ "$ref": format!("#/components/responses/{ours}") }))
    }

    /// The headers of an answer: what each is, and whether it is a secret.
    fn headers(&mut self, spot: &Spot, answer: &Value) -> Map<String, Value> {
        let foreign = self.foreign;
        let mut made = Map::new();
        for (name, header) in members(answer, "headers") {
            let is_name =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            let Some(header) =
                foreign.target("headers", header).filter(|_| is_name && !name.is_empty())
            else {
                continue;
            };
            let schema = header.get("schema").and_then(|it| foreign.target("schemas", it));
            let kind = schema.and_then(|schema| text(schema, "type"));
            let kind = kind.filter(|kind| matches!(*kind, "boolean" | "integer" | "number"));
            let mut ours = json!({ "schema": { "type": kind.unwrap_or("string") } });
            let about = self.schemas.cleaned(text(header, "description").unwrap_or_default(), spot);
            if !about.is_empty() {
                ours["description"] = about.into();
            }
            if is_secret(name) {
                ours["schema"]["x-sensitive"] = true.into();
                self.schemas.decisions.add(format!("{}.{name}", spot.place), Kind::Secret);
            }
            made.insert(name.clone(), ours);
        }
        made
    }

    fn answer(
        &mut self,
        place: &str,
        method: &str,
        status: &str,
        answer: &Value,
        hint: &str,
    ) -> Value {
        let spot = Spot::new(Side::Answer, place, hint);
        let about = self.schemas.cleaned(text(answer, "description").unwrap_or_default(), &spot);
        let usual = if status.starts_with('2') { "Success." } else { "A refusal." };
        let mut made = json!({ "description": if about.is_empty() { usual } else { &about } });
        let headers = self.headers(&spot, answer);
        if !headers.is_empty() {
            made["headers"] = headers.into();
        }
        if method == "head" || status == "204" {
            return made;
        }
        let left_out = match json_of(answer) {
            Some((media, body)) => {
                let anything = json!({});
                match self.schemas.root(body.get("schema").unwrap_or(&anything), &spot) {
                    Root::Object(name) => {
                        made["content"] = content(&self.media(&spot, media), &name);
                        made[GIVEN] = examples::of_answer(self.foreign, body);
                        return made;
                    }
                    Root::List(list) => {
                        made["content"] = json!({ self.media(&spot, media): { "schema": list } });
                        made[GIVEN] = examples::of_answer(self.foreign, body);
                        return made;
                    }
                    Root::Other(what) => what,
                }
            }
            None => match members(answer, "content").next() {
                Some((media, _)) => format!("`{}`", media.replace('`', "")),
                None => return made,
            },
        };
        // Text is another form of what JSON cannot be here, and one that takes anything.
        let mut forms = members(answer, "content").map(|(media, _)| media.as_str());
        match forms.find(|media| media_type(media) == TEXT) {
            Some(media) => made["content"] = json!({ media: { "schema": { "type": "string" } } }),
            None => {
                let why = format!("it is {left_out}");
                self.schemas.decisions.add(place, Kind::BodyLeftOut { why });
            }
        }
        made
    }
}

fn content(media: &str, name: &str) -> Value {
    json!({ media: { "schema": { "$ref": format!("#/components/schemas/{name}") } } })
}

/// The JSON form of a body, or that of any type.
fn json_of(body: &Value) -> Option<(&str, &Value)> {
    let forms = || members(body, "content").map(|(media, form)| (media.as_str(), form));
    let main =
        |media: &str| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    forms()
        .find(|(media, _)| main(media) == JSON)
        .or_else(|| forms().find(|(media, _)| main(media).ends_with("+json")))
        .or_else(|| forms().find(|(media, _)| main(media) == "*/*"))
}

/// The name of a tag.
pub(super) fn tag(value: &Value) -> Option<String> {
    let name = value.as_str()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// True for an address that a person can open.
pub(super) fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(is_label)
        && (name.contains('.') || name == "localhost")
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`\\^{|}".contains(&byte))
}

fn is_own_header(parameter: &Value) -> bool {
    let name = text(parameter, "name").unwrap_or_default();
    let is_own =
        lint::is_set_by_client(name) || HEADERS.iter().any(|it| name.eq_ignore_ascii_case(it));
    text(parameter, "in") == Some("header") && is_own
}
