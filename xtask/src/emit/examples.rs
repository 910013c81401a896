//! Makes `examples.rs`: a document's named examples as data, a function that sends one, and one for the
//! schema that their bodies fit.

use std::{collections::BTreeMap, fmt::Write as _};

use heck::ToShoutySnakeCase as _;
use serde_json::Value;

use super::{
    Maker, OperationCode,
    begin::{self, From},
    inputs::Inputs,
    layout,
    writer::WIDTH,
};
use crate::document::Example as Answered;

/// The file's text. The data is laid out here, because no formatter breaks JSON in a string.
pub(super) fn text(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> String {
    let mut text = "/// Every named example, in the document's order.\n\
                    pub const ALL: &[Example] = &[\n"
        .to_owned();
    for code in codes {
        // Writing to a String cannot fail.
        for example in code.operation.examples() {
            let (name, summary) = (example.name, example.summary.trim());
            let parameters = (!example.parameters.is_empty()).then(|| example.parameters.into());
            let calls = [
                Some(format!(".named({name:?}, {summary:?})")),
                parameters.map(|it| format!(".with_parameters({})", json(&it))),
                example.body.map(|body| format!(".with_body({})", json(body))),
            ];
            let calls: Vec<String> = calls.into_iter().flatten().collect();
            let first = |call: &String| call.lines().next().map_or(0, |line| line.chars().count());
            // One after another, up to the first break in JSON, or each on its own line.
            let whole = calls.iter().take_while(|call| !call.contains('\n')).count();
            let width = code.constant.to_string().len()
                + calls.iter().take(whole + 1).map(first).sum::<usize>();
            let between = if 4 + width < WIDTH { "" } else { "\n        " };
            let line = format!("    {}{}", code.constant, calls.join(between));
            let _ = writeln!(text, "{line},");
        }
    }
    text.push_str("];\n\n");
    let mut errors = BTreeMap::new();
    let answers: Vec<Answers> = codes.iter().map(|code| Answers::of(code, &mut errors)).collect();
    let shared = shared(&answers);
    for (code, answers) in codes.iter().zip(&answers) {
        answers.write(code, &shared, &mut text);
    }
    for (list, constant) in &shared {
        let names: String = list.iter().map(|name| format!("    {name},\n")).collect();
        let _ = write!(text, "const {constant}: &[ExampleAnswer] = &[\n{names}];\n\n");
    }
    for (constant, answer) in &errors {
        let begin = format!("const {constant}: ExampleAnswer =");
        let _ = writeln!(text, "{}\n", declared(&begin, &format!("{answer};")));
    }
    let send = send(maker, codes);
    let answers = if text.contains("ExampleAnswer::") { ", ExampleAnswer" } else { "" };
    let own = begin::modules(&format!("{text}{send}"), &["Client"]);
    let schema = schema(codes);
    format!(
        "\
use std::{{fmt, pin::Pin}};

use guestexec_core::{{Answer, ErrorKind, Example{answers}}};

use super::{{{own}}};
use crate::Error;

{text}{send}
{schema}"
    )
}

/// A declaration: the value stands on its first line, if what it begins with fits there.
fn declared(begin: &str, value: &str) -> String {
    let first = value.lines().next().unwrap_or_default();
    let fits = begin.chars().count() + 1 + first.chars().count() <= WIDTH;
    format!("{begin}{}{value}", if fits { " " } else { "\n    " })
}

/// What the examples of an operation have in common.
struct Answers {
    /// The answers of success, as expressions.
    good: Vec<String>,
    /// The constants of the errors.
    bad: Vec<String>,
}

impl Answers {
    /// Those of an operation. The errors themselves go to `errors`, since many operations share one.
    fn of(code: &OperationCode<'_>, errors: &mut BTreeMap<String, String>) -> Self {
        let mut answers = Self { good: Vec::new(), bad: Vec::new() };
        for answer in code.operation.answers() {
            for (name, example, is_text) in answer.examples() {
                let of = answer.component.unwrap_or(code.operation.id());
                let example = expression(answer.status, name, example, is_text);
                if answer.is_success() {
                    answers.good.push(example);
                    continue;
                }
                let kind = if is_text { " text" } else { "" };
                let name = format!("{of} {} {name}{kind}", answer.status).to_shouty_snake_case();
                errors.insert(name.clone(), example);
                answers.bad.push(name);
            }
        }
        answers
    }

    fn write(
        &self,
        code: &OperationCode<'_>,
        shared: &BTreeMap<&[String], String>,
        text: &mut String,
    ) {
        let constant = &code.constant;
        let status = code.operation.successes().first().map_or(200, |(status, _)| *status);
        let list = |items: &[String]| match items {
            [] => "&[]".to_owned(),
            items => {
                let items: String = items.iter().map(|item| format!("\n        {item},")).collect();
                format!("&[{items}\n    ]")
            }
        };
        let good = list(&self.good);
        let bad = shared.get(&*self.bad).cloned().unwrap_or_else(|| list(&self.bad));
        let begin = format!("const {constant}: Example =");
        let value = format!("Example::of(&operations::{constant}, {status}, {good}, {bad});");
        let _ = writeln!(text, "{}\n", declared(&begin, &value));
    }
}

/// The constants of the lists of errors that several operations have.
fn shared(answers: &[Answers]) -> BTreeMap<&[String], String> {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for answers in answers.iter().filter(|answers| !answers.bad.is_empty()) {
        *counts.entry(&answers.bad).or_default() += 1;
    }
    let several = counts.into_iter().filter(|(_, count)| *count > 1).enumerate();
    several
        .map(|(index, (list, _))| {
            let number = if index == 0 { String::new() } else { format!("_{}", index + 1) };
            (list, format!("ERRORS{number}"))
        })
        .collect()
}

/// An example of an answer, as an expression.
fn expression(status: u16, name: &str, example: &Answered, is_text: bool) -> String {
    let summary = example.summary.as_deref().unwrap_or_default().trim();
    match (is_text, example.value.as_str()) {
        (true, Some(text)) => {
            format!("ExampleAnswer::text({status}, {name:?}, {summary:?}, {text:?})")
        }
        _ => {
            let body = json(&example.value);
            format!("ExampleAnswer::json({status}, {name:?}, {summary:?}, {body})")
        }
    }
}

/// A JSON value as a raw string.
fn json(value: &Value) -> String {
    let text = layout::json(value);
    let mut marks = "#".to_owned();
    while text.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!("r{marks}\"{text}\"{marks}")
}

/// The functions that send an example.
fn send(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> String {
    let from = From { client: "client", given: "example" };
    let arms = codes.iter().map(|code| {
        let inputs = Inputs::of(maker, code);
        begin::arm(code, &inputs, &from, 8, |call| format!("shown({call}.send())"))
    });
    let arms: String = arms.collect();
    format!(
        "\
/// An exchange under way.
type Sent<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn fmt::Debug + Send>, Error>> + Send + 'a>>;

/// Sends an example through the generated client. The answer is of its operation's own type, which
/// `Debug` shows.
///
/// # Errors
/// As the operation's own `send`; `InvalidRequest`, if the example is not one of this document.
pub async fn send(
    client: &Client,
    example: &Example,
) -> Result<Box<dyn fmt::Debug + Send>, Error> {{
    match begin(client, example) {{
        Ok(call) => call.await,
        Err(reason) => Err(Error::new(ErrorKind::InvalidRequest, reason)),
    }}
}}

/// Begins the call that an example describes.
fn begin<'a>(client: &'a Client, example: &Example) -> Result<Sent<'a>, String> {{
    Ok(match example.operation {{
{arms}        other => return Err(format!(\"there is no operation `{{other}}`\")),
    }})
}}

fn shown<'a, T: fmt::Debug + Send + 'static>(
    sent: impl Future<Output = Result<Answer<T>, Error>> + Send + 'a,
) -> Sent<'a> {{
    Box::pin(async {{ Ok(Box::new(sent.await?.into_inner()) as Box<dyn fmt::Debug + Send>) }})
}}
"
    )
}

/// The function that gives the schema of an operation's body.
fn schema(codes: &[OperationCode<'_>]) -> String {
    let arms = codes.iter().filter_map(|code| {
        let (id, name) = (code.operation.id(), code.operation.body_schema()?);
        Some(format!("        {id:?} => schema_for!(types::{name}),\n"))
    });
    let arms: String = arms.collect();
    let (argument, found) = match arms.is_empty() {
        true => ("_", "    None\n".to_owned()),
        false => {
            let arms = format!("{arms}        _ => return None,\n");
            (
                "operation",
                format!(
                    "    use super::types;\n    use schemars::schema_for;\n\n    Some(match operation {{\n{arms}    }})\n"
                ),
            )
        }
    };
    format!(
        "\
/// The JSON Schema of an operation's body, which those of its examples fit; `None` for an operation
/// that has no body or is not one of this document.
#[cfg(feature = \"schemars\")]
pub fn schema({argument}: &str) -> Option<schemars::Schema> {{
{found}}}
"
    )
}
