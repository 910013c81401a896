//! A whole operation that the document lacks.

use heck::{ToLowerCamelCase as _, ToUpperCamelCase as _};
use serde_json::{Map, Value};

use super::{
    Done, Finding, Fixer, Kind,
    facts::{placeholders, rate_limit},
    place::component,
    schema::{Home, Words, referring, word},
    to_write,
};
use crate::{
    audit::page::{Member, Operation, Place},
    edit::{Put, Way, Yaml},
};

impl Fixer<'_> {
    /// Writes an operation with its schemas and examples, in the form of the document's others.
    pub(super) fn add_operation(&mut self, operation: &Operation) -> Done {
        let (id, path, method) = self.named(operation)?;
        if self.operation(&id).is_some() {
            return Ok(());
        }
        let finding = Finding {
            page_line: operation.line,
            document_line: 0,
            place: id.clone(),
            kind: Kind::OperationMissing { operation: Box::new(operation.clone()) },
        };
        let members = self.own_members(operation);
        let mut parameters = Vec::new();
        for (place, location) in
            [(Place::Path, "path"), (Place::Query, "query"), (Place::Header, "header")]
        {
            for member in members.iter().filter(|member| member.place == place) {
                parameters.push(self.parameter_of(member, location, &finding)?);
            }
        }
        let in_path = members.iter().filter(|member| member.place == Place::Path);
        let in_path: Vec<&str> = in_path.map(|member| member.name.as_str()).collect();
        if let Some(lacking) = placeholders(&path).iter().find(|name| !in_path.contains(name)) {
            return Err(format!(
                "the page does not say what `{{{lacking}}}` of its path is; write it by hand"
            ));
        }
        let body: Vec<Member> =
            members.iter().filter(|member| member.place == Place::Body).cloned().collect();
        let others = self.operations();
        let all_send = !others.is_empty() && others.iter().all(|(_, way)| self.body(way).is_some());
        let request = format!("{}Request", id.to_upper_camel_case());
        let sends = !body.is_empty() || all_send;
        if sends {
            let last = others.iter().rev().find_map(|(_, way)| self.body(way));
            let home = self.home(last, true);
            self.add_object(&request, &body, &home, &format!("The request of {id}."))?;
        }
        let answer = self.add_answer(&id, operation)?;

        let mut words: Words = vec![word("operationId", Yaml::text(&id))];
        words.extend(self.usual_tags(&path).map(|tags| word("tags", Yaml::flow_list(tags))));
        words.push(word("summary", Yaml::text(to_write("what it does, in a line", ""))));
        let about = "what it does, and write `x-starts-command: true` if it starts a command on a \
                     machine, or `x-repeatable: true` if a second call does no harm";
        words.push(word("description", Yaml::text(to_write(about, ""))));
        let general = self.editor.scalar(&Way::of(["externalDocs", "url"])).or_else(|| {
            let (_, way) = others.first()?;
            self.editor.scalar(&way.to("externalDocs").to("url"))
        });
        words.push(word(
            "externalDocs",
            Yaml::mapping([
                ("url", Yaml::text(general.unwrap_or("https://host.example"))),
                (
                    "description",
                    Yaml::text(to_write("the title of its page, and the address as `url`", "")),
                ),
            ]),
        ));
        if operation.deprecated.is_some() {
            words.push(word("deprecated", Yaml::plain(true)));
        }
        words.extend(operation.rate.map(|(_, rate)| word("x-rate-limit", rate_limit(rate))));
        let has_parameters = !parameters.is_empty();
        if has_parameters {
            words.push(word("parameters", Yaml::List(parameters)));
        }
        if sends {
            let pointer = Yaml::text(format!("#/components/schemas/{request}"));
            let json = Yaml::mapping([("schema", Yaml::mapping([("$ref", pointer)]))]);
            let body = Yaml::mapping([
                ("required", Yaml::plain(true)),
                ("content", Yaml::mapping([("application/json", json)])),
            ]);
            words.push(word("requestBody", body));
        }
        words.push(word("responses", self.responses(operation, answer.as_deref(), &others)));
        let paths = Way::of(["paths"]);
        let item = paths.to(&path);
        let whole = Yaml::Mapping(words);
        if self.editor.has(&item) {
            self.editor.set(&item, &method, &whole, Put::Last)?;
        } else {
            let item = Yaml::Mapping(vec![(method.clone(), whole)]);
            self.editor.set(&paths, &path, &item, Put::Last)?;
        }
        let way = item.to(&method);
        self.add_examples(&way, operation, sends.then_some(request.as_str()), has_parameters)?;
        for code in operation.errors.iter().flatten() {
            let before = self.editor.texts(&way.to("x-error-codes"));
            // Without an enumeration of codes, they are left out, as in the document's other operations.
            if self.editor.has(&component("ErrorCode").to("x-extensible-enum")) {
                let codes = Finding { place: format!("{id}.errors"), ..finding.clone() };
                self.add_code(&codes, &code.code, &code.text, before.last().map(String::as_str))?;
            }
        }
        Ok(())
    }

    /// Its name, path and method.
    fn named(&self, operation: &Operation) -> Result<(String, String, String), String> {
        let id =
            operation.id.as_ref().map(|id| id.text.trim().trim_end_matches(".html").to_owned());
        let paths = self.editor.names(&Way::of(["paths"]));
        let by_name = !paths.is_empty() && paths.iter().all(|path| path.contains('#'));
        let method =
            operation.method.as_ref().map(|method| method.text.trim().to_ascii_lowercase());
        if by_name {
            let id = id.ok_or("the page does not name the operation; write it by hand")?;
            return Ok((
                id.clone(),
                format!("/#{id}"),
                method.unwrap_or_else(|| "post".to_owned()),
            ));
        }
        let path = operation.path.as_ref().map(|path| self.own_path(path.text.trim()));
        let (Some(path), Some(method)) = (path, method) else {
            return Err("the page does not give the operation's method and path; write it by hand"
                .to_owned());
        };
        let id = id.unwrap_or_else(|| {
            let words = path.split('/').filter(|word| !word.contains('{'));
            let words: Vec<&str> = words.collect();
            format!("{method}_{}", words.join("_")).to_lower_camel_case()
        });
        let name: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        Ok((name, path, method))
    }

    /// The members of its request that the document has no other place for: credentials and what every
    /// request has are none of its own.
    fn own_members(&self, operation: &Operation) -> Vec<Member> {
        let schemes = Way::of(["components", "securitySchemes"]);
        let names = self.editor.names(&schemes).into_iter();
        let credentials: Vec<String> = names
            .filter_map(|name| self.editor.scalar(&schemes.to(&name).to("name")))
            .map(str::to_ascii_lowercase)
            .collect();
        let is_own = |member: &&Member| {
            let name = member.name.to_ascii_lowercase();
            let of_all = member.text.to_ascii_lowercase().starts_with("common param");
            let is_header = member.place == Place::Header;
            !of_all && !(is_header && (credentials.contains(&name) || name == "content-type"))
        };
        operation.request.iter().flatten().filter(is_own).cloned().collect()
    }

    /// Behind which component a new one goes.
    fn home(&self, owner: Option<String>, in_request: bool) -> Home {
        let all = self.editor.names(&Way::of(["components", "schemas"]));
        let owner = owner.or_else(|| all.last().cloned()).unwrap_or_default();
        Home { owner, in_request, depth: 0 }
    }

    /// Writes the components of its answer; the name of the outer one.
    fn add_answer(&mut self, id: &str, operation: &Operation) -> Result<Option<String>, String> {
        let Some(members) = operation.answer.as_ref().filter(|members| !members.is_empty()) else {
            return Ok(None);
        };
        // An answer that has no name on the page is a plain text.
        if members
            .iter()
            .any(|member| !member.name.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            return Ok(None);
        }
        let others = self.operations();
        let last = others.iter().rev().find_map(|(_, way)| self.answer(way));
        let envelope = self.envelope();
        let inner = last
            .as_ref()
            .zip(envelope.as_ref())
            .and_then(|(last, name)| self.object(&component(last).to("properties").to(name)));
        let home = self.home(inner.or(last), false);
        let upper = id.to_upper_camel_case();
        let outer = format!("{upper}Response");
        let about = format!("The answer of {id}.");
        let Some(envelope) = envelope else {
            self.add_object(&outer, members, &home, &about)?;
            return Ok(Some(outer));
        };
        let result = format!("{upper}Result");
        let about_outer = format!("The answer of {id}, in its envelope.");
        self.add_object(&outer, &[], &home, &about_outer)?;
        let (name, parts) = referring(&result);
        let member = Yaml::Mapping(vec![
            word(&name, parts),
            word("description", Yaml::text("The answer itself.")),
        ]);
        let way = component(&outer);
        let properties = Yaml::Mapping(vec![(envelope.clone(), member)]);
        self.editor.replace_value(&way.to("properties"), &properties)?;
        self.editor.set(
            &way,
            "required",
            &Yaml::flow_list([envelope]),
            Put::After("description"),
        )?;
        let home = Home { owner: outer.clone(), ..home };
        self.add_object(&result, members, &home, &about)?;
        Ok(Some(outer))
    }

    /// The tags of the operation whose path is most like this one.
    fn usual_tags(&self, path: &str) -> Option<Vec<String>> {
        let common =
            |other: &str| other.chars().zip(path.chars()).take_while(|(a, b)| a == b).count();
        let others = self.operations().into_iter().rev();
        let nearest = others.max_by_key(|(_, way)| way.0.get(1).map_or(0, |other| common(other)));
        let tags = self.editor.texts(&nearest?.1.to("tags"));
        (!tags.is_empty()).then_some(tags)
    }

    fn responses(
        &self,
        operation: &Operation,
        answer: Option<&str>,
        others: &[(String, Way)],
    ) -> Yaml {
        let statuses = operation.statuses.iter().flatten();
        let is_success = |code: &str| code.starts_with(['1', '2']);
        let mut listed: Vec<(String, String)> = statuses
            .filter(|status| status.code.len() == 3)
            .map(|status| (status.code.clone(), status.text.clone()))
            .collect();
        if !listed.iter().any(|(code, _)| is_success(code)) {
            listed.insert(0, ("200".to_owned(), String::new()));
        }
        if listed.iter().all(|(code, _)| is_success(code)) {
            // The statuses that all other operations have.
            let first = others.first().map(|(_, way)| self.editor.names(&way.to("responses")));
            let of_all = first.into_iter().flatten().filter(|code| {
                !is_success(code)
                    && others.iter().all(|(_, way)| self.editor.has(&way.to("responses").to(code)))
            });
            listed.extend(of_all.map(|code| (code, String::new())));
        }
        let entries = listed.into_iter().map(|(code, text)| {
            let about = Yaml::text(to_write("when it comes", &text));
            let mut words = vec![word("description", about)];
            if !is_success(&code) {
                return (code.clone(), self.usual_answer(&code).unwrap_or(Yaml::Mapping(words)));
            }
            if let Some(answer) = answer.filter(|_| code != "101" && code != "204") {
                let pointer = Yaml::text(format!("#/components/schemas/{answer}"));
                let mut json: Words = vec![word("schema", Yaml::mapping([("$ref", pointer)]))];
                if let Some(example) = operation.examples.iter().find(|example| example.is_answer) {
                    json.push(word(
                        "examples",
                        one_example("page", "The page's own answer.", "value", &example.body),
                    ));
                }
                let content =
                    Yaml::Mapping(vec![("application/json".to_owned(), Yaml::Mapping(json))]);
                words.push(word("content", content));
            }
            (code, Yaml::Mapping(words))
        });
        Yaml::Mapping(entries.collect())
    }

    /// The page's own example, one with what is required, and one with everything.
    fn add_examples(
        &mut self,
        way: &Way,
        operation: &Operation,
        request: Option<&str>,
        has_parameters: bool,
    ) -> Done {
        let page = operation.examples.iter().find(|example| !example.is_answer);
        let mut bodies: Vec<(&str, &str, Option<Value>)> = Vec::new();
        if let Some(page) = page.filter(|_| request.is_some()) {
            bodies.push(("page", "The page's own example.", Some(page.body.clone())));
        }
        let sample = |fixer: &Self, all: bool| -> Result<Option<Value>, String> {
            request.map(|name| fixer.sample(&component(name), all)).transpose()
        };
        let (least, most) = (sample(self, false)?, sample(self, true)?);
        let (few, many) = (self.parameters_shown(way, false)?, self.parameters_shown(way, true)?);
        let differ = least != most || few != many;
        bodies.push(("minimal", "Required members only.", least));
        if differ {
            bodies.push(("full", "Every member that may stand beside the others.", most));
        }
        let mut entries = Vec::new();
        for (name, summary, body) in bodies {
            let mut words: Words = vec![word("summary", Yaml::text(summary))];
            if has_parameters {
                let shown = if name == "full" { &many } else { &few };
                words.push(word("parameters", Yaml::of(&Value::Object(shown.clone()))));
            }
            let of_body = if has_parameters { "body" } else { "value" };
            words.extend(body.map(|body| word(of_body, Yaml::of(&body))));
            entries.push((name.to_owned(), Yaml::Mapping(words)));
        }
        let examples = Yaml::Mapping(entries);
        match request {
            Some(_) if !has_parameters => {
                let json = way.to("requestBody").to("content").to("application/json");
                self.editor.set(&json, "examples", &examples, Put::Last)
            }
            _ => {
                let after = ["requestBody", "parameters", "externalDocs"];
                let after = after.into_iter().find(|word| self.editor.has(&way.to(word)));
                let put = Put::after(after);
                self.editor.set(way, "x-examples", &examples, put)
            }
        }
    }

    /// Values of an operation's parameters: the required ones, or all.
    fn parameters_shown(&self, way: &Way, all: bool) -> Result<Map<String, Value>, String> {
        let list = way.to("parameters");
        let mut shown = Map::new();
        for index in self.editor.names(&list) {
            let one = list.to(&index);
            let is_required = self.editor.scalar(&one.to("required")) == Some("true");
            if let Some(name) = self.editor.scalar(&one.to("name")).filter(|_| all || is_required) {
                shown.insert(name.to_owned(), self.sample(&one.to("schema"), all)?);
            }
        }
        Ok(shown)
    }
}

fn one_example(name: &str, summary: &str, of: &str, body: &Value) -> Yaml {
    let words = vec![word("summary", Yaml::text(summary)), word(of, Yaml::of(body))];
    Yaml::Mapping(vec![(name.to_owned(), Yaml::Mapping(words))])
}
