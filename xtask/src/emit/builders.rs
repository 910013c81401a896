//! Makes `builder.rs`: a builder for each operation, around its exchange.

use std::collections::{BTreeMap, BTreeSet};

use quote::format_ident;
use syn::{
    Ident, ImplItem, ImplItemFn, Item, ItemImpl, ReturnType, Type, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{
    Field, Maker, OperationCode, argument, exchange,
    inputs::{Input, Inputs, in_types},
    last_segment, paging,
    writer::{Setter, WIDTH, Writer},
};
use crate::document::Schema;

/// Names of progenitor's runtime that an exchange may use.
const RUNTIME: [&str; 3] = ["QueryParam", "RequestBuilderExt", "encode_path"];

/// The file: a builder an operation, with its parameters, its body and `send`.
///
/// # Errors
/// A sentence, if progenitor's `send` does not have the form known.
pub(super) fn text(
    maker: &Maker<'_>,
    exchanges: &[Item],
    codes: &[OperationCode<'_>],
) -> Result<String, String> {
    let sends = sends(exchanges);
    let mut builders = Vec::new();
    let (mut ways, mut used) = (BTreeSet::new(), Used(BTreeSet::new()));
    for code in codes {
        let unexpected = |what: &str| {
            let (file, id) = (&maker.spec.file, code.operation.id());
            format!("{file}: {id}: progenitor's code has no {what}: another version?")
        };
        let send = *sends.get(&code.made).ok_or_else(|| unexpected("`send`"))?;
        let success = Success::of(maker, send).ok_or_else(|| unexpected("answer"))?;
        ways.extend(success.ways());
        let body = code.body();
        let fields: Vec<Field> = code.parameters.iter().cloned().chain(body).collect();
        let mut exchange = exchange::function(maker, code, send, &fields, &unexpected)?;
        used.visit_impl_item_fn_mut(&mut exchange);
        builders.push(Builder {
            maker,
            code,
            inputs: Inputs::of(maker, code),
            success,
            fields,
            exchange,
        });
    }
    let mut to = Writer::new(maker.spec);
    prepared(&mut to, &ways);
    for builder in builders {
        builder.write(&mut to);
    }
    let runtime: Vec<&str> = used.0.into_iter().collect();
    let uses = match &runtime[..] {
        [] => None,
        [name] => Some(format!("progenitor_client::{name}")),
        names => Some(format!("progenitor_client::{{{}}}", names.join(", "))),
    };
    let has_types = codes.iter().any(|code| code.operation.body_schema().is_some())
        || !maker.model.structs.is_empty();
    let types = if has_types { ", types" } else { "" };
    let own = [
        "crate::Error".to_owned(),
        "crate::hooks::{self, Call}".to_owned(),
        format!("super::{{Client, operations{types}}}"),
    ];
    let uses: Vec<String> = uses.into_iter().chain(own).collect();
    Ok(to.finish(&uses))
}

/// The calls of all operations, on their way: `ways` are the methods of these that occur.
///
/// An asynchronous function is expensive to compile, so an operation has as few of its own as it can, and
/// what they share does not know the type of the answer.
fn prepared(to: &mut Writer<'_>, ways: &BTreeSet<&'static str>) {
    let error = to.core("CallError");
    let answer = to.core("Answer");
    let exchanging = to.core("Exchanging");
    to.line(0, &format!("type Requested = Result<reqwest::Request, {error}>;"));
    to.lines(&[
        "",
        "/// A call whose request is made, or cannot be made.",
        "struct Prepared {",
        "    client: Client,",
        "    request: Requested,",
        "    /// The statuses that stand for success.",
        "    successes: &'static [u16],",
        "}",
        "",
        "impl Prepared {",
    ]);
    if ways.contains("receive") {
        let read = to.core("Read");
        to.doc(4, "Sends the request, and reads the body of the answer.");
        let arguments = ["self".to_owned(), format!("read: {read}<T>")];
        let end = format!(" -> Result<{answer}<T>, Error> {{");
        to.call(4, "async fn receive<T: Default + Send>", &arguments, &end);
        to.lines(&[
            "        let exchange = exchange(&self.client, self.request, self.successes);",
            "        let mut content = T::default();",
            "        let mut keep = |body| {",
            "            content = read(body)?;",
            "            Ok(())",
            "        };",
            "        let answer = ::guestexec_core::answer(exchange, &mut keep);",
            "        let answer = hooks::call(&self.client, self.client.inner.operation, answer).await?;",
            "        Ok(answer.map(|()| content))",
            "    }",
        ]);
    }
    let others = [
        ("upgraded", "Upgraded", "takes the connection, which leaves HTTP"),
        ("streamed", "Streamed", "takes the body of the answer as it comes"),
    ];
    for (way, content, what) in others.into_iter().filter(|(way, ..)| ways.contains(way)) {
        let content = to.core(content);
        to.gap();
        to.doc(4, &format!("Sends the request, and {what}."));
        to.line(4, &format!("async fn {way}(self) -> Result<{answer}<{content}>, Error> {{"));
        to.line(8, "let exchange = exchange(&self.client, self.request, self.successes);");
        to.line(8, &format!("let answer = ::guestexec_core::{way}(exchange);"));
        to.line(8, "hooks::call(&self.client, self.client.inner.operation, answer).await");
        to.line(4, "}");
    }
    to.lines(&[
        "}",
        "",
        "/// Sends the request of a call. Boxed, or else each caller's own future would be as large.",
    ]);
    let arguments = ["client: &'a Client", "request: Requested", "successes: &'static [u16]"];
    let end = format!(" -> {exchanging}<'a> {{");
    to.call(0, "fn exchange<'a>", &arguments.map(str::to_owned), &end);
    to.lines(&[
        "    Box::pin(async move {",
        "        ::guestexec_core::accepted(hooks::send(client, request?).await?, successes)",
        "    })",
        "}",
    ]);
}

/// The names of the runtime that occur.
struct Used(BTreeSet<&'static str>);

impl VisitMut for Used {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let Some(first) = path.segments.first() else { return };
        self.0.extend(RUNTIME.iter().find(|name| first.ident == **name));
    }

    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        let text = call.tokens.to_string();
        self.0.extend(RUNTIME.iter().filter(|name| text.contains(**name)));
    }

    fn visit_expr_method_call_mut(&mut self, call: &mut syn::ExprMethodCall) {
        visit_mut::visit_expr_method_call_mut(self, call);
        // An extension of requests, whose own name does not occur.
        self.0.extend((call.method == "form_urlencoded").then_some("RequestBuilderExt"));
    }
}

/// Progenitor's `send` of each operation, by the name of its builder.
pub(super) fn sends(exchanges: &[Item]) -> BTreeMap<&Ident, &ImplItemFn> {
    exchanges
        .iter()
        .filter_map(|item| {
            let Item::Impl(ItemImpl { self_ty, items, .. }) = item else { return None };
            let send = items.iter().find_map(|member| match member {
                ImplItem::Fn(function) if function.sig.ident == "send" => Some(function),
                _ => None,
            });
            Some((last_segment(self_ty)?, send?))
        })
        .collect()
}

/// What an operation answers, and how it is read.
pub(super) struct Success {
    /// The content of the answer.
    pub content: Type,
    /// How a body is read; `None` where the connection leaves HTTP.
    pub read: Option<Ident>,
    /// The type of the body, and its member that is the content, where it is an envelope.
    pub envelope: Option<(Type, Ident)>,
}

impl Success {
    /// How the answer is taken: methods of a prepared call.
    fn ways(&self) -> &'static [&'static str] {
        match &self.read {
            None => &["upgraded"],
            Some(read) if read == "text" => &["receive", "streamed"],
            Some(_) => &["receive"],
        }
    }

    pub(super) fn of(maker: &Maker<'_>, send: &ImplItemFn) -> Option<Self> {
        let ReturnType::Type(_, ty) = &send.sig.output else { return None };
        let ty = argument(argument(ty, "Result")?, "ResponseValue")?;
        let (content, read): (Type, _) = match (argument(ty, "Vec"), last_segment(ty)) {
            // A list is read item by item; a text is one, and no stream.
            (Some(item), _) => (parse_quote!(::guestexec_core::Items<#item>), Some("json")),
            (None, Some(name)) if name == "ByteStream" => {
                (parse_quote!(::std::string::String), Some("text"))
            }
            (None, Some(name)) if name == "Upgraded" => {
                (parse_quote!(::guestexec_core::Upgraded), None)
            }
            (None, None) => (ty.clone(), Some("nothing")),
            _ => (ty.clone(), Some("json")),
        };
        let read = read.map(|name| format_ident!("{name}"));
        let schema = last_segment(&content).map(ToString::to_string).unwrap_or_default();
        let member = match maker.spec.document.schema(&schema) {
            Some(Schema::Object(object)) => object.envelope.as_deref(),
            _ => None,
        };
        let fields = maker.model.fields(&schema);
        let field = member.and_then(|wire| fields.iter().find(|field| field.wire == *wire));
        Some(match field {
            Some(field) => Self {
                content: in_types(maker, &field.ty),
                read,
                envelope: Some((content, field.ident.clone())),
            },
            None => Self { content, read, envelope: None },
        })
    }
}

/// The builder of an operation, to be written.
struct Builder<'a> {
    maker: &'a Maker<'a>,
    code: &'a OperationCode<'a>,
    inputs: Inputs,
    success: Success,
    /// The parameters, and the body.
    fields: Vec<Field>,
    exchange: ImplItemFn,
}

impl Builder<'_> {
    fn write(self, to: &mut Writer<'_>) {
        let Self { maker, code, inputs, success, fields, exchange } = &self;
        let (name, operation) = (&code.builder, &code.operation);
        // Types redact their own secrets; a parameter is plain text, and may be a credential.
        let is_shared = !inputs.sharing.is_empty();
        let hides = operation.parameters().iter().any(|parameter| parameter.sensitive);
        to.gap();
        let id = operation.id();
        to.doc(0, &format!("A call of `{id}`; [`Client::{}`] begins it.", code.method));
        to.line(0, if hides { "#[derive(Clone)]" } else { "#[derive(Clone, Debug)]" });
        to.line(0, "#[must_use = \"nothing is sent before `send`\"]");
        to.line(0, &format!("pub struct {name}<'a> {{"));
        to.line(4, "client: &'a Client,");
        let options = to.core("CallOptions");
        to.line(4, &format!("options: {options},"));
        for field in fields {
            let ty = to.ty(&field.ty);
            // `types.rs` has the setters of a body.
            let access = if is_shared && field.ident == "body" { "pub(super) " } else { "" };
            to.line(4, &format!("{access}{}: {ty},", field.ident));
        }
        to.line(0, "}");
        to.gap();
        if hides {
            to.line(0, &format!("impl ::std::fmt::Debug for {name}<'_> {{"));
            to.line(4, "fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {");
            to.line(8, &format!("f.debug_struct(\"{name}\").finish_non_exhaustive()"));
            to.lines(&["    }", "}", ""]);
        }
        to.line(0, &format!("impl<'a> {name}<'a> {{"));
        maker.limits.write(&name.to_string(), to);
        self.begin(to);
        let paging = paging::of(maker, code, &success.content, inputs);
        if paging.is_some() {
            paging::methods(to);
        }
        let exchange = exchange.clone();
        to.gap();
        to.inside(parse_quote!(impl X { #exchange }));
        to.line(0, "}");
        let setters: Vec<Setter> = inputs.own_setters().map(Input::setter).collect();
        to.setters(&format!("{name}<'_>"), &[], &setters);
        to.gap();
        sending(to, code, success);
        if let Some(paging) = paging {
            to.gap();
            to.item(paging);
        }
    }

    /// The constructor: of what must be given, or of the body and of the parameters that must be given.
    fn begin(&self, to: &mut Writer<'_>) {
        let Self { code, inputs, fields, .. } = self;
        let body = fields.get(code.parameters.len()).filter(|_| inputs.body.is_some());
        let needed: Vec<&Input> = match body {
            Some(_) => inputs.arguments.iter().filter(|input| input.is_any_parameter()).collect(),
            None => inputs.arguments.iter().collect(),
        };
        let mut values = vec!["client".to_owned(), "options: Default::default()".to_owned()];
        for field in &code.parameters {
            let given = needed.iter().find(|input| input.is_parameter(&field.ident));
            let value = given.and_then(|input| input.value(to));
            values.push(value.unwrap_or_else(|| format!("{}: None", field.ident)));
        }
        values.extend(code.body().map(|body| body.ident.to_string()));
        let mut arguments = vec!["client: &'a Client".to_owned()];
        arguments.extend(needed.into_iter().map(|input| input.argument(to)));
        to.gap();
        let begin = match body {
            Some(body) => {
                arguments.push(format!("{}: {}", body.ident, to.ty(&body.ty)));
                to.doc(4, "A call whose body was made elsewhere, such as one read from a file.");
                "pub fn with_body"
            }
            None => "pub(super) fn new",
        };
        to.many(4, arguments.len());
        to.call(4, begin, &arguments, " -> Self {");
        to.fields(8, "Self", &values);
        to.line(4, "}");
    }
}

/// What every builder has, which a macro writes.
fn sending(to: &mut Writer<'_>, code: &OperationCode<'_>, success: &Success) {
    let statuses = code.operation.successes().into_iter().map(|(status, _)| status.to_string());
    let (builder, constant) = (&code.builder, &code.constant);
    let starts = if code.operation.starts_command() { " starting a command" } else { "" };
    let sends = format!("{builder} sends {constant}{starts},");
    let (statuses, content) = (statuses.collect::<Vec<_>>().join(", "), to.ty(&success.content));
    let read = success.read.as_ref().map_or_else(|| "upgrade".to_owned(), ToString::to_string);
    let whole = success.envelope.as_ref();
    let whole = whole
        .map_or_else(String::new, |(whole, member)| format!(" in {} => {member}", to.ty(whole)));
    let parts = [format!("[{statuses}] => {content}"), format!("{read}{whole}")];
    let answer = parts.join(", ");
    let begin = format!("{}!(", to.core("sending"));
    if begin.len() + sends.len() + answer.len() + " );".len() <= WIDTH {
        return to.line(0, &format!("{begin}{sends} {answer});"));
    }
    to.line(0, &begin);
    to.line(4, &sends);
    let answers = match answer.len() + 4 <= WIDTH {
        true => vec![answer],
        false => vec![format!("{},", parts[0]), parts[1].clone()],
    };
    answers.iter().for_each(|line| to.line(4, line));
    to.line(0, ");");
}
