//! Makes the request of an operation: progenitor's `send` up to the finished request.

use std::collections::BTreeMap;

use quote::{ToTokens as _, quote};
use syn::{
    Expr, ImplItemFn, Pat, Stmt, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{Field, Maker, OperationCode, validate};
use crate::{document::json_name, lower::parameter_names};

/// Progenitor's way to make the request, after our own to take the call apart and the checks.
///
/// # Errors
/// A sentence, if progenitor's `send` does not have the form known.
pub(super) fn function(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    send: &ImplItemFn,
    fields: &[Field],
    unexpected: &dyn Fn(&str) -> String,
) -> Result<ImplItemFn, String> {
    let declares = |statement: &Stmt, name: &str| match statement {
        Stmt::Local(local) => matches!(&local.pat, Pat::Ident(pat) if pat.ident == name),
        _ => false,
    };
    let at = |name: &str| send.block.stmts.iter().position(|it| declares(it, name));
    let (url, request) =
        at("url").zip(at("request")).ok_or_else(|| unexpected("URL or request"))?;
    let idents = fields.iter().map(|field| &field.ident);
    let mut statements: Vec<Stmt> =
        vec![parse_quote!(let Self { client, #(#idents,)* .. } = self;)];
    statements.extend(validate::before_send(maker.spec, code));
    let mut rest: Vec<Stmt> = send.block.stmts[url..=request].to_vec();
    without_api_version(&mut rest);
    let answers = code.operation.successes();
    let content = answers.iter().find_map(|(_, answer)| answer.content.as_ref());
    let accept = content.map_or("application/json", |content| json_name(&content.lines));
    let names = parameter_names(&code.operation);
    let mut plain =
        Plain { accept, wires: names.iter().map(|(wire, name)| (&**name, *wire)).collect() };
    rest.iter_mut().for_each(|statement| plain.visit_stmt_mut(statement));
    statements.extend(rest.into_iter().flat_map(in_steps));
    let sent = code.operation.request_body().map(|body| json_name(&body.content.lines));
    let other = sent.filter(|name| *name != "application/json");
    if let Some(Stmt::Local(local)) = statements.last_mut()
        && let Pat::Ident(pat) = &mut local.pat
        && other.is_none()
    {
        pat.mutability = None;
    }
    if let Some(name) = other {
        statements.push(parse_quote! {
            request.headers_mut().insert(
                ::reqwest::header::CONTENT_TYPE,
                ::reqwest::header::HeaderValue::from_static(#name),
            );
        });
    }
    statements.push(Stmt::Expr(parse_quote!(Ok(request)), None));
    // `inline` leaves it to a program to compile the requests that it sends.
    let mut function: ImplItemFn = parse_quote! {
        #[inline]
        fn request(self) -> Requested {}
    };
    function.block.stmts = statements;
    Ok(function)
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

/// Writes an exchange as people do: JSON through the runtime, which encodes bytes faster than reqwest;
/// no suffixes; nothing allowed that does not occur.
struct Plain<'a> {
    /// The name of JSON in the answer.
    accept: &'a str,
    /// The names of parameters on the wire, by those that progenitor knows.
    wires: BTreeMap<&'a str, &'a str>,
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

    fn visit_lit_str_mut(&mut self, literal: &mut syn::LitStr) {
        if let Some(wire) = self.wires.get(&*literal.value()) {
            *literal = syn::LitStr::new(wire, literal.span());
        }
    }

    fn visit_lit_int_mut(&mut self, literal: &mut syn::LitInt) {
        *literal = syn::LitInt::new(literal.base10_digits(), literal.span());
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        match expression {
            Expr::MethodCall(call) if call.method == "json" => {
                let (request, value) = (&call.receiver, &call.args);
                *expression = parse_quote!(::guestexec_core::json_body(#request, #value)?);
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
            _ => {}
        }
    }
}
