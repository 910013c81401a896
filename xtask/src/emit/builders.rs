//! Makes `builder.rs`: a builder for each operation, around progenitor's exchange.

use std::collections::{BTreeMap, BTreeSet};

use quote::{ToTokens as _, quote};
use syn::{
    Expr, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Pat, ReturnType, Stmt, Type, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{Field, Maker, OperationCode, argument, bare, doc, last_segment, taken, validate};
use crate::document::{Schema, json_name};

/// Names of progenitor's runtime that an exchange may use.
const RUNTIME: [&str; 4] = ["ByteStream", "QueryParam", "RequestBuilderExt", "encode_path"];

/// A builder an operation: parameters, body, `send`.
///
/// # Errors
/// A sentence, if progenitor's `send` does not have the form known.
pub(super) fn items(
    maker: &Maker<'_>,
    exchanges: &[Item],
    codes: &[OperationCode<'_>],
) -> Result<Vec<Item>, String> {
    let sends = sends(exchanges);
    let mut items: Vec<Item> = Vec::new();
    for code in codes {
        let unexpected = |what: &str| {
            let (file, id) = (&maker.spec.file, code.operation.id());
            format!("{file}: {id}: progenitor's code has no {what}: another version?")
        };
        let send = sends.get(&code.builder).ok_or_else(|| unexpected("`send`"))?;
        items.extend(builder(maker, code, send, &unexpected)?);
    }
    let mut used = Used(BTreeSet::new());
    items.iter_mut().for_each(|item| used.visit_item_mut(item));
    let runtime = RUNTIME.iter().filter(|name| used.0.contains(*name));
    let runtime = runtime.map(|name| quote::format_ident!("{name}"));
    let mut file: Vec<Item> = vec![
        parse_quote!(
            use progenitor_client::{ClientHooks, Error as CallError, ResponseValue, #(#runtime),*};
        ),
        parse_quote!(
            use super::{Client, operations, types};
        ),
        parse_quote!(
            use crate::{
                Error,
                hooks::{self, Call},
            };
        ),
    ];
    if !used.0.contains("types") {
        file[1] = parse_quote!(
            use super::{Client, operations};
        );
    }
    file.push(parse_quote! {
        type Answer<T> = Result<ResponseValue<T>, Error>;
    });
    file.push(parse_quote! {
        type Exchange<T> = Result<ResponseValue<T>, CallError<()>>;
    });
    file.extend(items);
    Ok(file)
}

/// The names of the runtime and of our own that occur.
struct Used(BTreeSet<&'static str>);

impl VisitMut for Used {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let Some(first) = path.segments.first() else { return };
        self.0.extend(RUNTIME.iter().chain(&["types"]).find(|name| first.ident == **name));
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
fn sends(exchanges: &[Item]) -> BTreeMap<&Ident, &ImplItemFn> {
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

/// What progenitor's `send` returns where it succeeds.
fn success_of(send: &ImplItemFn) -> Option<&Type> {
    match &send.sig.output {
        ReturnType::Type(_, ty) => argument(ty, "Result"),
        ReturnType::Default => None,
    }
}

fn builder(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    send: &ImplItemFn,
    unexpected: &dyn Fn(&str) -> String,
) -> Result<Vec<Item>, String> {
    let (name, operation) = (&code.builder, &code.operation);
    let success = success_of(send).ok_or_else(|| unexpected("result"))?;
    let answer = argument(success, "ResponseValue").ok_or_else(|| unexpected("answer"))?;
    // A list is read item by item; a text is one, and no stream.
    let answer: Type = match (argument(answer, "Vec"), last_segment(answer)) {
        (Some(item), _) => parse_quote!(::guestexec_core::Items<#item>),
        (None, Some(name)) if name == "ByteStream" => parse_quote!(::std::string::String),
        _ => answer.clone(),
    };
    let answer = &answer;
    let success = quote!(ResponseValue<#answer>);
    let body = operation.body_schema().map(|name| -> Field {
        let name = quote::format_ident!("{name}");
        Field {
            ident: quote::format_ident!("body"),
            wire: "body".to_owned(),
            ty: parse_quote!(types::#name),
        }
    });
    let fields: Vec<&Field> = code.parameters.iter().chain(&body).collect();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let tys = fields.iter().map(|field| bare(&field.ty));
    let setters = fields.iter().map(|field| setter(code, field));
    let exchange = exchange(maker, code, (send, answer), &fields, unexpected)?;
    let about =
        doc(&format!("A call of `{}`; [`Client::{}`] begins it.", operation.id(), code.method));
    let danger = match operation.starts_command() {
        true => {
            "It starts a command and is never sent a second time after it may have arrived. After a \
             failure, [`may_have_run`](guestexec_core::Error::may_have_run) says whether the command \
             may have run.\n\n"
        }
        false => "",
    };
    let sends = doc(&format!(
        "Sends the request.\n\n{danger}# Errors\nIf a limit is violated (nothing is sent) or the call fails."
    ));
    let constant = &code.constant;
    let text = name.to_string();
    // Types redact their own secrets; a parameter is plain text, and may be a credential.
    let hides = operation.parameters().iter().any(|parameter| parameter.sensitive);
    let derives: syn::Attribute = match hides {
        true => parse_quote!(#[derive(Clone)]),
        false => parse_quote!(#[derive(Clone, Debug)]),
    };
    let debug: Option<Item> = hides.then(|| {
        parse_quote! {
            impl ::std::fmt::Debug for #name<'_> {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.debug_struct(#text).finish_non_exhaustive()
                }
            }
        }
    });
    let limits = maker.limits.of(&text);
    let rest = (!fields.is_empty()).then(|| quote!(..self));
    let items: [Item; 2] = [
        parse_quote! {
            #about
            #derives
            pub struct #name<'a> {
                client: &'a Client,
                #(#idents: Option<#tys>,)*
            }
        },
        parse_quote! {
            impl<'a> #name<'a> {
                #(#limits)*

                pub(super) fn new(client: &'a Client) -> Self {
                    Self { client, #(#idents: None),* }
                }

                #(#setters)*

                #sends
                pub async fn send(self) -> Result<#success, Error> {
                    self.send_in(Call::default()).await
                }

                /// The same, for a call whose state is `call`.
                pub(crate) async fn send_in(self, call: Call) -> Answer<#answer> {
                    let operation = &operations::#constant;
                    let client = self.client.with_call(operation, call);
                    let request = #name { client: &client, #rest };
                    // Boxed, or else the caller's own future would be as large as the whole exchange.
                    hooks::call(&client, operation, Box::pin(request.exchange())).await
                }

            }
        },
    ];
    let [declared, mut methods] = items;
    if let Item::Impl(methods) = &mut methods {
        methods.items.push(ImplItem::Fn(exchange));
    }
    Ok([Some(declared), debug, Some(methods)].into_iter().flatten().collect())
}

fn setter(code: &OperationCode<'_>, field: &Field) -> ImplItemFn {
    let ident = &field.ident;
    let parameters = code.operation.parameters();
    let parameter = parameters.iter().find(|parameter| parameter.name == field.wire);
    let text = parameter.and_then(|parameter| parameter.description.as_deref());
    let text = doc(text.map_or("Sets the request's body.", str::trim));
    let (ty, value) = taken(bare(&field.ty), &quote::format_ident!("value"));
    let deprecated = parameter.filter(|one| one.deprecated).map(|_| super::deprecated());
    parse_quote! {
        #text
        #deprecated
        pub fn #ident(mut self, value: #ty) -> Self {
            self.#ident = Some(#value);
            self
        }
    }
}

/// Progenitor's `send` with our own way to take the request apart, and with the checks before the
/// URL is made.
fn exchange(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    (send, answer): (&ImplItemFn, &Type),
    fields: &[&Field],
    unexpected: &dyn Fn(&str) -> String,
) -> Result<ImplItemFn, String> {
    let is_url = |statement: &Stmt| match statement {
        Stmt::Local(local) => matches!(&local.pat, Pat::Ident(pat) if pat.ident == "url"),
        _ => false,
    };
    let url = send.block.stmts.iter().position(is_url).ok_or_else(|| unexpected("URL"))?;
    let idents = fields.iter().map(|field| &field.ident);
    let mut statements: Vec<Stmt> = vec![parse_quote!(let Self { client, #(#idents),* } = self;)];
    for field in fields.iter().filter(|field| argument(&field.ty, "Option").is_none()) {
        let (ident, wire) = (&field.ident, &field.wire);
        let schema = code.operation.body_schema().and_then(|name| maker.spec.document.schema(name));
        let needs_nothing =
            matches!(schema, Some(Schema::Object(object)) if object.required.is_empty());
        statements.push(match wire == "body" && needs_nothing {
            true => parse_quote!(let #ident = #ident.unwrap_or_default();),
            false => parse_quote!(let #ident = ::guestexec_core::required(#ident, #wire)?;),
        });
    }
    statements.extend(validate::before_send(maker.spec, code));
    let mut rest: Vec<Stmt> = send.block.stmts[url..].to_vec();
    without_api_version(&mut rest);
    let answers = code.operation.successes();
    let content = answers.iter().find_map(|(_, answer)| answer.content.as_ref());
    let accept = content.map_or("application/json", |content| json_name(&content.lines));
    let mut plain = Plain { constant: &code.constant, accept };
    rest.iter_mut().for_each(|statement| plain.visit_stmt_mut(statement));
    let sent = code.operation.request_body().map(|body| json_name(&body.content.lines));
    for statement in rest.into_iter().flat_map(in_steps) {
        let is_request = match &statement {
            Stmt::Local(local) => {
                matches!(&local.pat, Pat::Ident(pat) if pat.ident == "request" && pat.mutability.is_some())
            }
            _ => false,
        };
        statements.push(statement);
        if let Some(name) = sent.filter(|name| is_request && *name != "application/json") {
            statements.push(parse_quote! {
                request.headers_mut().insert(
                    ::reqwest::header::CONTENT_TYPE,
                    ::reqwest::header::HeaderValue::from_static(#name),
                );
            });
        }
    }
    let mut exchange: ImplItemFn = parse_quote! {
        async fn exchange(self) -> Exchange<#answer> {}
    };
    exchange.block.stmts = statements;
    Ok(exchange)
}

/// The request in two steps, where its body is JSON.
fn in_steps(statement: Stmt) -> Vec<Stmt> {
    let mut first = None;
    let mut rest = statement;
    First(&mut first).visit_stmt_mut(&mut rest);
    first.map(|request| parse_quote!(let request = #request;)).into_iter().chain([rest]).collect()
}

/// Takes the request out of `json_body(request, body)`.
struct First<'a>(&'a mut Option<Expr>);

impl VisitMut for First<'_> {
    fn visit_expr_call_mut(&mut self, call: &mut syn::ExprCall) {
        let is_body = match &*call.func {
            Expr::Path(path) => path.path.segments.last().is_some_and(|it| it.ident == "json_body"),
            _ => false,
        };
        if is_body && let Some(request) = call.args.first_mut() {
            *self.0 = Some(std::mem::replace(request, parse_quote!(request)));
        }
    }
}

/// Leaves out the header `api-version`, which progenitor sends with every request and no vendor knows;
/// with it goes the map of headers, where it was the only one.
fn without_api_version(statements: &mut Vec<Stmt>) {
    let is_map = |expression: &Expr| matches!(expression, Expr::Path(path) if path.path.is_ident("header_map"));
    let call = |statement: &Stmt| match statement {
        Stmt::Expr(Expr::MethodCall(call), _) if is_map(&call.receiver) => {
            Some(call.args.to_token_stream().to_string())
        }
        _ => None,
    };
    statements
        .retain(|statement| !call(statement).is_some_and(|it| it.contains("\"api-version\"")));
    // An optional header is put in within a condition.
    let is_used = |statement: &Stmt| match statement {
        Stmt::Local(_) => false,
        statement => statement.to_token_stream().to_string().contains("header_map ."),
    };
    if statements.iter().any(is_used) {
        return;
    }
    statements.retain(|statement| match statement {
        Stmt::Local(local) => !matches!(&local.pat, Pat::Ident(pat) if pat.ident == "header_map"),
        _ => true,
    });
    statements.iter_mut().for_each(|statement| NoHeaders.visit_stmt_mut(statement));
}

/// Takes `.headers(…)` out of a chain of calls.
struct NoHeaders;

impl VisitMut for NoHeaders {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && call.method == "headers"
        {
            *expression = (*call.receiver).clone();
        }
    }
}

/// The answer as a stream, which progenitor makes of a text.
fn is_stream(call: &syn::ExprCall) -> bool {
    match call.args.first() {
        Some(Expr::Call(inner)) => match &*inner.func {
            Expr::Path(path) => path.path.segments.last().is_some_and(|it| it.ident == "stream"),
            _ => false,
        },
        _ => false,
    }
}

/// Writes an exchange as people do: JSON through the runtime, which encodes bytes faster than reqwest;
/// the operation by its constant; no suffixes; nothing allowed that does not occur.
struct Plain<'a> {
    constant: &'a syn::Ident,
    /// The name of JSON in the answer.
    accept: &'a str,
}

impl VisitMut for Plain<'_> {
    fn visit_local_mut(&mut self, local: &mut syn::Local) {
        local.attrs.clear();
        visit_mut::visit_local_mut(self, local);
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let first = path.segments.first().map(|segment| segment.ident.to_string());
        if matches!(first.as_deref(), Some("reqwest")) {
            path.leading_colon = None;
        }
        // Ours has that name.
        if let (Some("Error"), Some(segment)) = (first.as_deref(), path.segments.first_mut()) {
            segment.ident = quote::format_ident!("CallError");
        }
        if matches!(first.as_deref(), Some("progenitor_client")) && path.segments.len() > 1 {
            path.leading_colon = None;
            path.segments = path.segments.iter().skip(1).cloned().collect();
        }
    }

    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        // `format!("{}/v1/{}", client.baseurl, encode_path(&uuid.to_string()),)`
        use syn::{Token, punctuated::Punctuated};
        let arguments = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        if let Ok(arguments) = arguments {
            let mut arguments: Vec<Expr> = arguments.into_iter().collect();
            arguments.iter_mut().for_each(|argument| self.visit_expr_mut(argument));
            call.tokens = quote!(#(#arguments),*);
        }
    }

    fn visit_lit_int_mut(&mut self, literal: &mut syn::LitInt) {
        *literal = syn::LitInt::new(literal.base10_digits(), literal.span());
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        match expression {
            Expr::Struct(info) if info.path.is_ident("OperationInfo") => {
                let constant = self.constant;
                *expression = parse_quote!(operations::#constant.info());
            }
            Expr::MethodCall(call) if call.method == "json" => {
                let (request, value) = (&call.receiver, &call.args);
                *expression = parse_quote!(::guestexec_core::json_body(#request, #value));
            }
            // `HeaderValue::from_static("application/json")`: a request takes the text as well.
            Expr::MethodCall(call) if call.method == "header" => {
                if let Some(Expr::Call(value)) = call.args.last()
                    && let Some(text) = value.args.first().cloned()
                    && let Some(last) = call.args.last_mut()
                {
                    let accept = self.accept;
                    *last = match text {
                        Expr::Lit(_) if accept != "application/json" => parse_quote!(#accept),
                        text => text,
                    };
                }
            }
            // `Ok(ResponseValue::stream(response))`
            Expr::Call(call) if is_stream(call) => {
                *expression = parse_quote!(::guestexec_core::text_answer(response).await);
            }
            _ => {}
        }
    }
}
