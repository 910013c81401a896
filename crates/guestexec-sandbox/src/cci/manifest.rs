//! The pod that a request describes, checked as the service checks it.

use std::collections::BTreeSet;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    container::{Container, Program, State},
    error::{ErrorAnswer, bad_request, status},
};

/// The most containers of one pod.
const MAX_CONTAINERS: usize = 16;

/// When containers that end are restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

/// A pod to create.
#[derive(Debug)]
pub(super) struct Manifest {
    /// The name, or its beginning.
    pub(super) name: Result<String, String>,
    pub(super) labels: Value,
    pub(super) annotations: Value,
    pub(super) spec: Value,
    pub(super) containers: Vec<Container>,
    pub(super) init: Vec<Container>,
    pub(super) restart: RestartPolicy,
    pub(super) grace: u64,
    pub(super) deadline: Option<u64>,
    pub(super) hostname: Option<String>,
}

/// A kind of object, and the name of the one at hand.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
}

impl Subject<'_> {
    /// An answer of 422 for one member.
    pub(super) fn invalid(self, reason: &str, field: &str, problem: &str) -> ErrorAnswer {
        let Self { kind, name } = self;
        let message = format!("{kind} \"{name}\" is invalid: {field}: {problem}");
        let cause = json!({ "reason": reason, "message": problem, "field": field });
        let details = json!({ "name": name, "kind": kind, "causes": [cause] });
        status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", &message, Some(details))
    }

    fn required(self, field: &str) -> ErrorAnswer {
        self.invalid("FieldValueRequired", field, "Required value")
    }

    fn wrong(self, field: &str, value: &str, rule: &str) -> ErrorAnswer {
        self.invalid("FieldValueInvalid", field, &format!("Invalid value: {value:?}: {rule}"))
    }
}

/// Whether a text is a label of DNS: at most 63 of a-z, 0-9 and `-`, which is at neither end.
pub(super) fn is_label(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_good)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether a text is a name: at most 253 characters, labels with dots between.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// An object of this kind from a request's body.
pub(super) fn object(
    body: &[u8],
    kind: &str,
    versions: &[&str],
) -> Result<Map<String, Value>, ErrorAnswer> {
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return Err(bad_request(
            "the object provided is unrecognized: the body has to be a JSON object",
        ));
    };
    for (member, known) in [("kind", &[kind][..]), ("apiVersion", versions)] {
        let given = &object.get(member).unwrap_or(&Value::Null);
        let is_known = given.is_null() || given.as_str().is_some_and(|it| known.contains(&it));
        if !is_known {
            return Err(bad_request(&format!(
                "the {member} in the data ({given}) does not match the expected {member} ({})",
                known.join(" or ")
            )));
        }
    }
    Ok(object)
}

/// A member of a type; `None` if it is missing or null.
fn member<'a, T>(
    object: &'a Value,
    name: &str,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>, ErrorAnswer> {
    match &object[name] {
        Value::Null => Ok(None),
        value => read(value).map(Some).ok_or_else(|| {
            bad_request(&format!("the value of `{name}` has another type: {}", short(value)))
        }),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(100).collect()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A map of texts, as it is.
pub(super) fn text_map(object: &Value, name: &str) -> Result<Value, ErrorAnswer> {
    let is_good = |map: &&Map<String, Value>| map.values().all(Value::is_string);
    let map = member(object, name, |value| value.as_object().filter(is_good))?;
    Ok(map.map_or(Value::Null, |map| map.clone().into()))
}

impl Manifest {
    /// Reads the body of a request for a pod of `namespace`.
    pub(super) fn read(
        body: &[u8],
        namespace: &str,
        versions: &[&str],
    ) -> Result<Self, ErrorAnswer> {
        let object = Value::Object(object(body, "Pod", versions)?);
        let (metadata, mut spec) = (&object["metadata"], object["spec"].clone());
        let name = member(metadata, "name", Value::as_str)?.filter(|name| !name.is_empty());
        let prefix =
            member(metadata, "generateName", Value::as_str)?.filter(|name| !name.is_empty());
        let subject = Subject { kind: "Pod", name: name.or(prefix).unwrap_or_default() };
        let within = member(metadata, "namespace", Value::as_str)?;
        if within.is_some_and(|within| within != namespace) {
            return Err(bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let name = match (name, prefix) {
            (Some(name), _) if is_name(name) => Ok(name.to_owned()),
            (Some(name), _) => {
                let rule = "a name has at most 253 characters: a-z, 0-9, `-` and `.`";
                return Err(subject.wrong("metadata.name", name, rule));
            }
            (None, Some(prefix)) if is_name(&format!("{prefix}x")) => {
                Err(prefix.chars().take(58).collect())
            }
            (None, Some(prefix)) => {
                let rule = "a name has at most 253 characters: a-z, 0-9, `-` and `.`";
                return Err(subject.wrong("metadata.generateName", prefix, rule));
            }
            (None, None) => {
                return Err(subject.invalid(
                    "FieldValueRequired",
                    "metadata.name",
                    "Required value: name or generateName is required",
                ));
            }
        };
        let (mut names, mut all) = (BTreeSet::new(), 0);
        let mut containers = |list: &str| -> Result<Vec<Container>, ErrorAnswer> {
            let given = member(&spec, list, Value::as_array)?.map_or(&[][..], Vec::as_slice);
            all += given.len();
            let of =
                |(at, given)| container(given, &format!("spec.{list}[{at}]"), subject, &mut names);
            given.iter().enumerate().map(of).collect()
        };
        let init = containers("initContainers")?;
        let containers = containers("containers")?;
        if containers.is_empty() {
            return Err(subject.required("spec.containers"));
        }
        if all > MAX_CONTAINERS {
            let rule = format!("Too many: {all}: the sandbox takes at most {MAX_CONTAINERS}");
            return Err(subject.invalid("FieldValueTooMany", "spec.containers", &rule));
        }
        let restart = match member(&spec, "restartPolicy", Value::as_str)? {
            None | Some("" | "Always") => RestartPolicy::Always,
            Some("OnFailure") => RestartPolicy::OnFailure,
            Some("Never") => RestartPolicy::Never,
            Some(other) => {
                let problem = format!(
                    "Unsupported value: {other:?}: supported values: \"Always\", \"OnFailure\", \"Never\""
                );
                let field = "spec.restartPolicy";
                return Err(subject.invalid("FieldValueNotSupported", field, &problem));
            }
        };
        let number = |name: &str, least: u64| {
            let field = format!("spec.{name}");
            let rule = format!("must be greater than or equal to {least}");
            let Some(given) = member(&spec, name, Value::as_i64)? else { return Ok(None) };
            match u64::try_from(given) {
                Ok(number) if number >= least => Ok(Some(number)),
                _ => Err(subject.wrong(&field, &given.to_string(), &rule)),
            }
        };
        let grace = number("terminationGracePeriodSeconds", 0)?.unwrap_or(30);
        let deadline = number("activeDeadlineSeconds", 1)?;
        let hostname = member(&spec, "hostname", Value::as_str)?.map(str::to_owned);
        if let Some(name) = hostname.as_deref().filter(|name| !is_label(name)) {
            let rule = "a host name has at most 63 characters: a-z, 0-9 and `-`";
            return Err(subject.wrong("spec.hostname", name, rule));
        }
        spec["restartPolicy"] = format!("{restart:?}").into();
        spec["terminationGracePeriodSeconds"] = grace.into();
        spec["nodeName"] = "sandbox".into();
        Ok(Self {
            name,
            labels: text_map(metadata, "labels")?,
            annotations: text_map(metadata, "annotations")?,
            spec,
            containers,
            init,
            restart,
            grace,
            deadline,
            hostname,
        })
    }
}

fn container(
    given: &Value,
    field: &str,
    subject: Subject<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Container, ErrorAnswer> {
    let at = |name: &str| format!("{field}.{name}");
    let text = |name: &str| member(given, name, Value::as_str);
    let name = text("name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(subject.required(&at("name")));
    }
    if !is_label(name) {
        let rule = "a name has at most 63 characters: a-z, 0-9 and `-`";
        return Err(subject.wrong(&at("name"), name, rule));
    }
    if !names.insert(name.to_owned()) {
        let problem = format!("Duplicate value: {name:?}");
        return Err(subject.invalid("FieldValueDuplicate", &at("name"), &problem));
    }
    let image = text("image")?.unwrap_or_default();
    if image.is_empty() {
        return Err(subject.required(&at("image")));
    }
    let environment = variables(given, &at("env"), subject)?;
    let argv = |name: &str| {
        let words = member(given, name, texts)?.unwrap_or_default();
        Ok::<_, ErrorAnswer>(
            words.iter().map(|word| expanded(word, &environment)).collect::<Vec<_>>(),
        )
    };
    let (command, arguments) = (argv("command")?, argv("args")?);
    let argv = (!command.is_empty()).then(|| [command, arguments].concat());
    let program = Program {
        argv,
        directory: text("workingDir")?.unwrap_or_default().to_owned(),
        stdin: member(given, "stdin", Value::as_bool)?.unwrap_or_default(),
        tty: member(given, "tty", Value::as_bool)?.unwrap_or_default(),
        environment,
    };
    let waiting = State::Waiting("ContainerCreating");
    Ok(Container::new(name.to_owned(), image.to_owned(), program, waiting))
}

/// The environment variables, of which the sandbox has those with a value in place.
fn variables(
    given: &Value,
    field: &str,
    subject: Subject<'_>,
) -> Result<Vec<(String, String)>, ErrorAnswer> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for (at, variable) in member(given, "env", Value::as_array)?.into_iter().flatten().enumerate() {
        let name = member(variable, "name", Value::as_str)?.unwrap_or_default();
        if name.is_empty() {
            return Err(subject.required(&format!("{field}[{at}].name")));
        }
        if name.contains(['=', '\0']) {
            let rule = "a name of a variable has no `=`";
            return Err(subject.wrong(&format!("{field}[{at}].name"), name, rule));
        }
        let value = member(variable, "value", Value::as_str)?.unwrap_or_default();
        variables.push((name.to_owned(), expanded(value, &variables)));
    }
    Ok(variables)
}

/// A text with the values of `$(NAME)`, as far as they are known; `$$` is a `$`.
fn expanded(text: &str, variables: &[(String, String)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = rest.strip_prefix("$(").and_then(|rest| rest.split_once(')'));
        let value = named.and_then(|(name, after)| {
            let known = variables.iter().rev().find(|(known, _)| known == name);
            known.map(|(_, value)| (value.as_str(), after))
        });
        (rest, result) = match value {
            Some((value, after)) => (after, result + value),
            None if rest.starts_with("$$") => (&rest[2..], result + "$"),
            None => (&rest[1..], result + "$"),
        };
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_expanded_as_kubernetes_does() {
        let known = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expected) in [
            ("$(A)-$(B)", "1-$(A)"),
            ("$$(A) $$", "$(A) $"),
            ("$(C) $( $", "$(C) $( $"),
            ("$A é$(A)", "$A é1"),
        ] {
            assert_eq!(expanded(text, &known), expected, "{text}");
        }
    }

    #[test]
    fn names() {
        for (text, label, name) in [
            ("a", true, true),
            ("a.b-c", false, true),
            ("a..b", false, false),
            ("-a", false, false),
            ("A", false, false),
            ("", false, false),
        ] {
            assert_eq!((is_label(text), is_name(text)), (label, name), "{text}");
        }
        assert!(is_name(&["a"; 126].join(".")) && !is_name(&["a"; 128].join(".")));
    }
}
