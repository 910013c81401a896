//! The client and its operations.

use quote::quote;
use syn::{
    Expr, ExprLit, FnArg, ImplItem, ImplItemFn, Item, ItemStruct, Lit, Pat, Stmt, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{OperationCode, types::document};
use crate::{
    checks::{before_send, last_segment},
    secrets,
    spec::Spec,
};

/// Leaves of the client what a caller needs; it is made by the provider crate's own builder.
pub(super) fn tidy_client(items: &mut [Item]) {
    for item in items {
        match item {
            // Of the runtime's names only the answer's type is a caller's business.
            Item::Use(item) => {
                item.vis = syn::Visibility::Inherited;
                item.attrs = vec![parse_quote!(#[allow(unused_imports)])];
            }
            Item::Impl(item) if item.trait_.is_none() => {
                item.items
                    .retain(|member| !matches!(member, ImplItem::Fn(f) if f.sig.ident == "new"));
                for member in &mut item.items {
                    if let ImplItem::Fn(function) = member
                        && function.sig.ident == "new_with_client"
                    {
                        function.vis = parse_quote!(pub(crate));
                    }
                }
            }
            _ => {}
        }
    }
}

/// What hooks have to know of operations, by the names that hooks know them under.
pub(super) fn lists(codes: &[OperationCode<'_>]) -> Vec<Item> {
    let named = |chosen: &dyn Fn(&OperationCode<'_>) -> bool| -> Vec<String> {
        codes.iter().filter(|code| chosen(code)).map(|code| code.method.to_string()).collect()
    };
    let starting = named(&|code| code.operation.starts_command());
    let repeatable = named(&|code| code.operation.is_repeatable());
    let open = named(&|code| code.operation.is_open());
    let secrets = codes.iter().map(|code| {
        let (method, secrets) = (code.method.to_string(), secrets::of(&code.operation));
        quote!((#method, #secrets))
    });
    vec![
        parse_quote! {
            /// What is secret in the requests of each operation, as [`Marks`](::guestexec_core::Marks)
            /// has it.
            #[allow(dead_code)]
            pub(crate) const SECRETS: &[(&str, &str)] = &[#(#secrets),*];
        },
        parse_quote! {
            /// Operations that start a command: never sent again after a lost answer.
            #[allow(dead_code)]
            pub(crate) const STARTING: &[&str] = &[#(#starting),*];
        },
        parse_quote! {
            /// Operations that may be sent twice: they only read, or a second time changes nothing more.
            #[allow(dead_code)]
            pub(crate) const REPEATABLE: &[&str] = &[#(#repeatable),*];
        },
        parse_quote! {
            /// Operations that need no credentials.
            #[allow(dead_code)]
            pub(crate) const OPEN: &[&str] = &[#(#open),*];
        },
    ]
}

/// Gives each operation's builder a checked, typed `send`.
///
/// # Errors
/// A sentence, if progenitor's `send` does not have the form known.
pub(super) fn tidy(
    spec: &Spec,
    items: &mut Vec<Item>,
    codes: &[OperationCode<'_>],
) -> Result<(), String> {
    use heck::ToPascalCase as _;
    let mut quiet = Vec::new();
    for item in items.iter_mut() {
        if let Item::Struct(item) = item {
            quiet.push(quiet_debug(item));
        }
        let Item::Impl(item) = item else { continue };
        let name = last_segment(&item.self_ty).map(ToString::to_string).unwrap_or_default();
        let Some(code) = codes.iter().find(|c| c.operation.id().to_pascal_case() == name) else {
            continue;
        };
        document(item, |setter| describe(code, setter));
        PlainMissing(code).visit_item_impl_mut(item);
        let mut send = None;
        for member in &mut item.items {
            let ImplItem::Fn(function) = member else { continue };
            if function.sig.ident == "new" {
                function.vis = parse_quote!(pub(super));
                function.attrs.clear();
            } else if function.sig.ident == "send" {
                send = Some(typed_send(code, function));
                checked_call(spec, code, function)?;
            }
        }
        let send = send.ok_or_else(|| format!("{}: `{name}` has no send", spec.file))?;
        item.items.extend(send);
    }
    items.extend(quiet);
    Ok(())
}

/// A `Debug` that tells no more of a builder than its name: a parameter may be what grants access,
/// such as a session's id.
fn quiet_debug(item: &mut ItemStruct) -> Item {
    item.attrs.retain(|attribute| !attribute.path().is_ident("derive"));
    item.attrs.push(parse_quote!(#[derive(Clone)]));
    let ident = &item.ident;
    let name = ident.to_string();
    parse_quote! {
        impl ::std::fmt::Debug for #ident<'_> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(#name).finish_non_exhaustive()
            }
        }
    }
}

fn describe(code: &OperationCode<'_>, setter: &str) -> String {
    let field = code.fields.iter().find(|field| field.ident == setter);
    let parameters = code.operation.parameters();
    let parameter = field.and_then(|f| parameters.iter().find(|p| p["name"] == f.wire.as_str()));
    match (parameter.and_then(|p| p["description"].as_str()), setter) {
        (Some(text), _) => text.trim().to_owned(),
        (None, "body") => "Sets the whole request body.".to_owned(),
        (None, "body_map") => "Changes the request body's builder in place.".to_owned(),
        (None, other) => format!("Sets `{other}`."),
    }
}

/// The public `send`: the generated exchange, with the provider's one error type.
fn typed_send(code: &OperationCode<'_>, call: &ImplItemFn) -> [ImplItem; 2] {
    let id = code.operation.id();
    let starts_command = code.operation.starts_command();
    let success = match &call.sig.output {
        syn::ReturnType::Type(_, ty) => crate::checks::argument(ty, "Result").cloned(),
        syn::ReturnType::Default => None,
    };
    let success = success.unwrap_or_else(|| parse_quote!(ResponseValue<()>));
    let first = format!(" Sends `{id}`.");
    let danger = starts_command.then(|| {
        quote! {
            ///
            /// It starts a command and is never repeated here. After a failure,
            /// [`may_have_run`](::guestexec_core::Error::may_have_run) says whether it may have run.
        }
    });
    let send = parse_quote! {
        #[doc = #first]
        #danger
        ///
        /// # Errors
        /// Whatever kept the operation's success from arriving; nothing is sent if the request
        /// breaks a limit.
        pub async fn send(self) -> Result<#success, crate::Error> {
            self.send_in(crate::hooks::Call::default()).await
        }
    };
    // Boxed, for else the caller's own future would be as large as the whole exchange.
    let send_in = parse_quote! {
        /// The same, with the state of the call in the caller's hands.
        pub(crate) async fn send_in(
            self,
            state: crate::hooks::Call,
        ) -> Result<#success, crate::Error> {
            let operation = ::guestexec_core::Operation { id: #id, starts_command: #starts_command };
            let client = self.client.with_call(state);
            let mut request = self;
            request.client = &client;
            crate::hooks::call(&client, operation, Box::pin(request.call())).await
        }
    };
    [ImplItem::Fn(send), ImplItem::Fn(send_in)]
}

/// Progenitor's `send`, now private, with the checks before the URL is made.
fn checked_call(
    spec: &Spec,
    code: &OperationCode<'_>,
    function: &mut ImplItemFn,
) -> Result<(), String> {
    function.sig.ident = syn::Ident::new("call", function.sig.ident.span());
    function.vis = syn::Visibility::Inherited;
    function.attrs.clear();
    JsonBody.visit_block_mut(&mut function.block);
    let checks = before_send(spec, code);
    if checks.is_empty() {
        return Ok(());
    }
    let statements = &mut function.block.stmts;
    let url = statements.iter().position(|statement| match statement {
        Stmt::Local(local) => matches!(&local.pat, Pat::Ident(pat) if pat.ident == "url"),
        _ => false,
    });
    let at =
        url.ok_or_else(|| format!("{}: {}: no URL is made", spec.file, code.operation.id()))?;
    statements.splice(at..at, checks);
    Ok(())
}

/// Has JSON bodies written by the runtime, which encodes octets faster than reqwest's `json`.
struct JsonBody;

impl VisitMut for JsonBody {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        if let Expr::MethodCall(call) = expression
            && call.method == "json"
        {
            let (request, value) = (&call.receiver, &call.args);
            *expression = parse_quote!(::guestexec_core::json_body(#request, #value));
        }
    }
}

/// Makes "namespace was not initialized" a sentence, and drops Rust's type names from another.
struct PlainMissing<'a>(&'a OperationCode<'a>);

impl VisitMut for PlainMissing<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = expression {
            let value = text.value();
            let wire = |ident: &str| {
                let field = self.0.fields.iter().find(|field| field.ident == ident);
                field.map_or_else(|| ident.to_owned(), |field| field.wire.clone())
            };
            let sentence = if let Some(ident) = value.strip_suffix(" was not initialized") {
                Some(format!("`{}` is required, but was not given", wire(ident)))
            } else if value.starts_with("conversion to `") && value.ends_with(" failed") {
                value.rsplit_once(" for ").map(|(_, rest)| {
                    let ident = rest.trim_end_matches(" failed");
                    format!("`{}` does not have the type it needs", wire(ident))
                })
            } else {
                None
            };
            if let Some(sentence) = sentence {
                *text = syn::LitStr::new(&sentence, text.span());
            }
        }
        visit_mut::visit_expr_mut(self, expression);
    }

    fn visit_fn_arg_mut(&mut self, _: &mut FnArg) {}
}
