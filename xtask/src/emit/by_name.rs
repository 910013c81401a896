//! Makes `by_name.rs`: a table of the operations with what each is given, and the call of one by its name,
//! with JSON.

use std::fmt::Write as _;

use syn::{Item, Type};

use super::{
    Maker, OperationCode, argument,
    begin::{self, From},
    builders::{Success, sends},
    docs,
    inputs::{Input, Inputs, Place},
    last_segment, paging,
};

/// The file's text: the table, and the function that makes use of it.
///
/// # Errors
/// A sentence, if progenitor's code has not the form known.
pub(super) fn text(
    maker: &Maker<'_>,
    exchanges: &[Item],
    codes: &[OperationCode<'_>],
) -> Result<String, String> {
    let sends = sends(exchanges);
    let (mut entries, mut arms) = (String::new(), String::new());
    for code in codes {
        let success = sends.get(&code.made).and_then(|send| Success::of(maker, send));
        let success = success.ok_or_else(|| {
            let (file, id) = (&maker.spec.file, code.operation.id());
            format!("{file}: {id}: progenitor's code has no answer: another version?")
        })?;
        let inputs = Inputs::of(maker, code);
        let is_paged = paging::of(maker, code, &success.content, &inputs).is_some();
        let named = Named { code, inputs, success, is_paged };
        entries.push_str(&named.entry());
        arms.push_str(&named.arm());
    }
    let of_core = ["Given", "InputKind", "NamedCall", "NamedInput", "NamedOperation"];
    let of_core = of_core.into_iter().filter(|name| match *name {
        "InputKind" | "NamedInput" => entries.contains(&format!("{name}::")),
        _ => true,
    });
    let of_core: Vec<&str> = of_core.collect();
    let of_core = of_core.join(", ");
    let own = begin::modules(&format!("{entries}{arms}"), &["Client"]);
    let mutable = if arms.contains("given.") { "mut " } else { "" };
    let about: String = docs::comment("///", &about(maker, codes))
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    Ok(format!(
        "\
use guestexec_core::{{{of_core}}};
use serde_json::{{Map, Value}};

use super::{{{own}}};
use crate::Error;

/// The operations, in the document's order, each with what a call by its name is given.
pub const ALL: &[NamedOperation] = &[
{entries}];

/// Operations by their names.
impl Client {{
{about}    pub fn call_by_name(
        &self,
        operation: &str,
        parameters: Map<String, Value>,
        body: Option<Value>,
    ) -> Result<NamedCall<'_, Error>, Error> {{
        let {mutable}given = Given::<Error>::new(ALL, operation, parameters, body)?;
        let called = given.called();
        Ok(match called.operation.id {{
{arms}            _ => return Err(given.unmatched()),
        }})
    }}
}}
"
    ))
}

/// What the method says, with an example: one that reads, and has nothing to be given.
fn about(maker: &Maker<'_>, codes: &[OperationCode<'_>]) -> String {
    let reads = |code: &&OperationCode<'_>| {
        let inputs = Inputs::of(maker, code);
        inputs.arguments.is_empty() && code.operation.is_repeatable()
    };
    let shown = codes.iter().find(reads).or(codes.first());
    let id = shown.map(|code| code.operation.id()).unwrap_or_default();
    let provider = &maker.spec.provider;
    format!(
        "Begins a call of the operation with this name, with what it is given as JSON: the vendor's name \
         (`{id}`), or that of this client's method, in any case.\n\n\
         `parameters` are those of path, query and headers, by their names on the wire. A body of `None` has no \
         member of its own, where the operation has one. Limits are checked, and the request is signed and retried, \
         as by the operation's own method. [`with_options`](Self::with_options) sets the options of the \
         call.\n\n\
         # Errors\n\
         `InvalidRequest`, with the name that was meant, if there is no such operation, parameter or member; \
         with the place, if a value is of another type. Nothing is sent then.\n\n\
         # Example\n```no_run\n\
         # async fn example(client: &guestexec_{provider}::Client) -> Result<(), guestexec_{provider}::Error> {{\n\
         let call = client.call_by_name(\"{id}\", Default::default(), None)?;\n\
         let answer = call.send().await?;\n\
         println!(\"{{}}\", String::from_utf8_lossy(&answer));\n\
         # Ok(()) }}\n```"
    )
}

/// An operation, and what is known of its call.
struct Named<'a> {
    code: &'a OperationCode<'a>,
    inputs: Inputs,
    success: Success,
    is_paged: bool,
}

impl Named<'_> {
    /// Its entry in the table.
    fn entry(&self) -> String {
        let code = self.code;
        let method = code.method.to_string();
        let method = method.trim_start_matches("r#");
        let summary = format!("{}.", code.operation.summary());
        let needed = self.inputs.arguments.iter().map(|input| entry_of(input, ".required()"));
        let others = self.inputs.setters.iter().map(|input| entry_of(input, ""));
        let inputs: Vec<String> = needed.chain(others).flatten().collect();
        let mut text = format!(
            "    NamedOperation::new(&operations::{}, {method:?}, {summary:?})\n",
            code.constant
        );
        let mut marks = Vec::new();
        if !inputs.is_empty() {
            let lines: String = inputs.iter().map(|it| format!("            {it},\n")).collect();
            marks.push(format!("with_inputs(&[\n{lines}        ])"));
        }
        let is = [
            (code.operation.body_schema().is_some(), "with_body()"),
            (self.is_paged, "paged()"),
            (self.is_read_as("text"), "streamed()"),
            (self.success.read.is_none(), "upgrade()"),
        ];
        marks.extend(is.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()));
        for mark in &marks {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "        .{mark}");
        }
        text.truncate(text.trim_end().len());
        text + ",\n"
    }

    fn is_read_as(&self, how: &str) -> bool {
        self.success.read.as_ref().is_some_and(|read| read == how)
    }

    /// How it is called; nothing where the connection leaves HTTP.
    fn arm(&self) -> String {
        if self.success.read.is_none() {
            return String::new();
        }
        let from = From { client: "self", given: "given" };
        begin::arm(self.code, &self.inputs, &from, 12, |call| {
            if self.is_paged {
                return format!("NamedCall::of_list(called, {call})");
            }
            match self.is_read_as("text") {
                true => format!(
                    "NamedCall::of(called, {call}.clone()).streamed({call}.send_streamed())"
                ),
                false => format!("NamedCall::of(called, {call})"),
            }
        })
    }
}

/// An input's entry; nothing for the body itself.
fn entry_of(input: &Input, required: &str) -> Option<String> {
    let (name, kind) = (&input.wire, kind(&input.ty));
    let begin = match &input.place {
        Place::Parameter(_) => "parameter(".to_owned(),
        Place::Member(_) => "member(".to_owned(),
        Place::Content(envelope, _) => format!("within({:?}, ", envelope.wire),
        Place::Body => return None,
    };
    Some(format!("NamedInput::{begin}{name:?}, InputKind::{kind}){required}"))
}

/// What a type is in JSON.
fn kind(ty: &Type) -> &'static str {
    if let Some(item) = argument(ty, "Vec") {
        return if kind(item) == "Text" { "Texts" } else { "Json" };
    }
    let name = last_segment(ty).map(ToString::to_string).unwrap_or_default();
    let is_enum =
        matches!(ty, Type::Path(path) if path.path.segments.iter().any(|it| it.ident == "enums"));
    match name.as_str() {
        "Secret" => "Secret",
        "Base64" => "Base64",
        "String" => "Text",
        _ if is_enum => "Text",
        "bool" => "Boolean",
        "f32" | "f64" => "Number",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => "Whole",
        _ => "Json",
    }
}
