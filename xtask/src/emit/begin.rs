//! Begins the call of an operation with values that are known by their names: those of a call by name, or
//! those of an example. Made as text, a step a line.

use quote::ToTokens as _;
use syn::Type;

use super::{OperationCode, inputs::Inputs, writer::WIDTH};

/// Where the values come from.
pub(super) struct From {
    /// The client, as an expression.
    pub client: &'static str,
    /// What gives parameters by `needed` and `set`, and the body by `body`.
    pub given: &'static str,
}

/// The arm of a `match` for the operation, which ends with `last(call)`, indented by `indent`.
pub(super) fn arm(
    code: &OperationCode<'_>,
    inputs: &Inputs,
    from: &From,
    indent: usize,
    last: impl Fn(&str) -> String,
) -> String {
    let (id, call) = (code.operation.id(), begun(code, inputs, from, indent + 4));
    let steps: Vec<String> = inputs
        .setters
        .iter()
        .filter(|input| input.is_any_parameter())
        .map(|input| {
            let (setter, wire, ty) = (&input.ident, &input.wire, type_text(&input.ty));
            let given = from.given;
            format!(
                "let call = {given}.set({wire:?}, call, |call, value: {ty}| call.{setter}(value))?;"
            )
        })
        .collect();
    let (outer, inner) = (" ".repeat(indent), " ".repeat(indent + 4));
    let whole = last(&call);
    let is_plain = steps.is_empty() && !call.contains('\n') && whole.matches(&call).count() == 1;
    if is_plain && indent + id.len() + 7 + whole.len() <= WIDTH {
        return format!("{outer}{id:?} => {whole},\n");
    }
    if is_plain && indent + 4 + whole.len() <= WIDTH {
        return format!("{outer}{id:?} => {{\n{inner}{whole}\n{outer}}}\n");
    }
    let lines = [format!("let call = {call};")].into_iter().chain(steps).chain([last("call")]);
    let lines: String = lines.map(|line| format!("{inner}{line}\n")).collect();
    format!("{outer}{id:?} => {{\n{lines}{outer}}}\n")
}

/// The call with all that must be given.
fn begun(code: &OperationCode<'_>, inputs: &Inputs, from: &From, indent: usize) -> String {
    let From { client, given } = from;
    let needed = inputs.arguments.iter().filter(|input| input.is_any_parameter());
    let needed = needed.map(|input| {
        let ty = type_text(&input.ty);
        format!("{given}.needed::<{ty}>({:?})?", input.wire)
    });
    let with_body = code.operation.body_schema().is_some() && inputs.body.is_some();
    let own = with_body.then(|| (*client).to_owned());
    let body = code.operation.body_schema().map(|name| match with_body {
        true => format!("{given}.body()?"),
        false => format!("{given}.body::<types::{name}>()?"),
    });
    let arguments: Vec<String> = own.into_iter().chain(needed).chain(body).collect();
    let function = match with_body {
        true => format!("builder::{}::with_body", code.builder),
        false => format!("{client}.{}", code.method),
    };
    let line = format!("{function}({})", arguments.join(", "));
    if indent + "let call = ;".len() + line.len() <= WIDTH {
        return line;
    }
    let (inner, outer) = (" ".repeat(indent + 4), " ".repeat(indent));
    let arguments: String = arguments.iter().map(|it| format!("{inner}{it},\n")).collect();
    format!("{function}(\n{arguments}{outer})")
}

/// A type as a file names it that imports `enums` and `types`.
fn type_text(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string().replace(' ', "");
    ["::std::string::", "::std::vec::", "::std::option::", "crate::generated::"]
        .iter()
        .fold(text, |text, module| text.replace(module, ""))
}

/// The modules beside the file that its text names, as a `use` lists them after `first`.
pub(super) fn modules(text: &str, first: &[&str]) -> String {
    let found = ["builder", "enums", "operations", "types"].into_iter().filter(|module| {
        text.match_indices(&format!("{module}::")).any(|(at, _)| {
            !text[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before))
        })
    });
    first.iter().copied().chain(found).collect::<Vec<_>>().join(", ")
}
