//! Makes `builder.rs`: a builder for each operation, around its exchange.

use std::collections::{BTreeMap, BTreeSet};

use quote::{format_ident, quote};
use syn::{
    Ident, ImplItem, ImplItemFn, Item, ItemImpl, ReturnType, Type, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{
    Field, Maker, OperationCode, argument, doc, exchange,
    inputs::{Input, Inputs, in_types},
    last_segment, paging,
};
use crate::document::Schema;

/// Names of progenitor's runtime that an exchange may use.
const RUNTIME: [&str; 3] = ["QueryParam", "RequestBuilderExt", "encode_path"];

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
    let mut ways = BTreeSet::new();
    for code in codes {
        let unexpected = |what: &str| {
            let (file, id) = (&maker.spec.file, code.operation.id());
            format!("{file}: {id}: progenitor's code has no {what}: another version?")
        };
        let send = sends.get(&code.made).ok_or_else(|| unexpected("`send`"))?;
        let success = Success::of(maker, send).ok_or_else(|| unexpected("answer"))?;
        ways.extend(success.ways());
        items.extend(builder(maker, code, send, &success, &unexpected)?);
    }
    let mut used = Used(BTreeSet::new());
    items.iter_mut().for_each(|item| used.visit_item_mut(item));
    let runtime: Vec<Ident> = RUNTIME
        .iter()
        .filter(|name| used.0.contains(*name))
        .map(|name| format_ident!("{name}"))
        .collect();
    let mut file: Vec<Item> = Vec::new();
    if !runtime.is_empty() {
        file.push(parse_quote!(
            use progenitor_client::{#(#runtime),*};
        ));
    }
    file.push(match used.0.contains("types") {
        true => parse_quote!(
            use super::{Client, operations, types};
        ),
        false => parse_quote!(
            use super::{Client, operations};
        ),
    });
    file.push(parse_quote!(
        use crate::{
            Error,
            hooks::{self, Call},
        };
    ));
    file.extend(prepared(&ways));
    file.extend(items);
    Ok(file)
}

/// The calls of all operations, on their way: `ways` are the methods of these that occur.
///
/// An asynchronous function is expensive to compile, so an operation has as few of its own as it can, and
/// what they share does not know the type of the answer.
fn prepared(ways: &BTreeSet<&'static str>) -> Vec<Item> {
    let receive: ImplItemFn = parse_quote! {
        /// Sends the request, and reads the body of the answer.
        async fn receive<T: Default + Send>(
            self,
            read: ::guestexec_core::Read<T>,
        ) -> Result<::guestexec_core::Answer<T>, Error> {
            let exchange = exchange(&self.client, self.request, self.successes);
            let mut content = T::default();
            let mut keep = |body| {
                content = read(body)?;
                Ok(())
            };
            let answer = ::guestexec_core::answer(exchange, &mut keep);
            let answer = hooks::call(&self.client, self.client.inner.operation, answer).await?;
            Ok(answer.map(|()| content))
        }
    };
    let upgraded: ImplItemFn = parse_quote! {
        /// Sends the request, and takes the connection, which leaves HTTP.
        async fn upgraded(
            self,
        ) -> Result<::guestexec_core::Answer<::guestexec_core::Upgraded>, Error> {
            let exchange = exchange(&self.client, self.request, self.successes);
            let answer = ::guestexec_core::upgraded(exchange);
            hooks::call(&self.client, self.client.inner.operation, answer).await
        }
    };
    let streamed: ImplItemFn = parse_quote! {
        /// Sends the request, and takes the body of the answer as it comes.
        async fn streamed(
            self,
        ) -> Result<::guestexec_core::Answer<::guestexec_core::Streamed>, Error> {
            let exchange = exchange(&self.client, self.request, self.successes);
            let answer = ::guestexec_core::streamed(exchange);
            hooks::call(&self.client, self.client.inner.operation, answer).await
        }
    };
    let methods = [receive, upgraded, streamed].into_iter();
    let methods = methods.filter(|method| ways.iter().any(|way| method.sig.ident == way));
    vec![
        parse_quote! {
            type Requested = Result<reqwest::Request, ::guestexec_core::CallError>;
        },
        parse_quote! {
            /// A call whose request is made, or cannot be made.
            struct Prepared {
                client: Client,
                request: Requested,
                /// The statuses that stand for success.
                successes: &'static [u16],
            }
        },
        parse_quote! {
            impl Prepared {
                #(#methods)*
            }
        },
        parse_quote! {
            /// Sends the request of a call. Boxed, or else each caller's own future would be as large.
            fn exchange<'a>(
                client: &'a Client,
                request: Requested,
                successes: &'static [u16],
            ) -> ::guestexec_core::Exchanging<'a> {
                Box::pin(async move {
                    ::guestexec_core::accepted(hooks::send(client, request?).await?, successes)
                })
            }
        },
    ]
}

/// The names of the runtime that occur, and `types`.
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

fn builder(
    maker: &Maker<'_>,
    code: &OperationCode<'_>,
    send: &ImplItemFn,
    success: &Success,
    unexpected: &dyn Fn(&str) -> String,
) -> Result<Vec<Item>, String> {
    let (name, operation) = (&code.builder, &code.operation);
    let inputs = Inputs::of(maker, code);
    let body = code.body();
    let fields: Vec<&Field> = code.parameters.iter().chain(&body).collect();
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let tys = fields.iter().map(|field| &field.ty);
    let about =
        doc(&format!("A call of `{}`; [`Client::{}`] begins it.", operation.id(), code.method));
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
    let begin = begin(code, &inputs, body.as_ref());
    let setters = inputs.setters.iter().map(Input::setter);
    let paging = paging::of(maker, code, &success.content, &inputs);
    let lists = paging.as_ref().map(|_| paging::methods()).unwrap_or_default();
    let exchange = exchange::function(maker, code, send, &fields, unexpected)?;
    let sent = self::send(code, success);
    let declared: Item = parse_quote! {
        #about
        #derives
        #[must_use = "nothing is sent before `send`"]
        pub struct #name<'a> {
            client: &'a Client,
            options: ::guestexec_core::CallOptions,
            #(#idents: #tys,)*
        }
    };
    let methods: Item = parse_quote! {
        impl<'a> #name<'a> {
            #(#limits)*

            #(#begin)*

            #(#setters)*

            ::guestexec_core::call_options! {}

            #(#lists)*

            #sent

            #exchange
        }
    };
    let sending = sending(code, success);
    Ok([Some(declared), debug, Some(methods), Some(sending), paging]
        .into_iter()
        .flatten()
        .collect())
}

/// The constructors: `new` with what must be given, and `with_body` where there is a body.
fn begin(code: &OperationCode<'_>, inputs: &Inputs, body: Option<&Field>) -> Vec<ImplItemFn> {
    let many = inputs.too_many();
    let arguments = inputs.arguments.iter().map(Input::argument);
    let values = code.parameters.iter().map(|field| {
        let ident = &field.ident;
        let given = inputs.arguments.iter().find(|input| input.is_parameter(ident));
        given.map_or_else(|| quote!(#ident: None), Input::value)
    });
    let Some((body, made)) = body.zip(inputs.body.as_ref()) else {
        let body = body.map(|body| body.ident.clone());
        return vec![parse_quote! {
            #many
            pub(super) fn new(client: &'a Client, #(#arguments),*) -> Self {
                Self { client, options: Default::default(), #(#values,)* #body }
            }
        }];
    };
    let (ident, ty) = (&body.ident, &body.ty);
    let given: Vec<&Input> =
        inputs.arguments.iter().filter(|input| input.is_any_parameter()).collect();
    let names = given.iter().map(|input| &input.ident);
    let parameters = given.iter().map(|input| input.argument());
    vec![
        parse_quote! {
            #many
            pub(super) fn new(client: &'a Client, #(#arguments),*) -> Self {
                Self::with_body(client, #(#names,)* #made)
            }
        },
        parse_quote! {
            /// A call whose body was made elsewhere, such as one read from a file.
            pub fn with_body(client: &'a Client, #(#parameters,)* #ident: #ty) -> Self {
                Self { client, options: Default::default(), #(#values,)* #ident }
            }
        },
    ]
}

/// `send`.
fn send(code: &OperationCode<'_>, success: &Success) -> ImplItemFn {
    let content = &success.content;
    let danger = match code.operation.starts_command() {
        true => {
            "It starts a command and is never sent a second time after it may have arrived. After a \
             failure, [`may_have_run`](guestexec_core::Error::may_have_run) says whether the command \
             may have run.\n\n"
        }
        false => "",
    };
    let about = doc(&format!(
        "Sends the request.\n\n{danger}# Errors\nIf a limit is violated (nothing is sent) or the call fails."
    ));
    parse_quote! {
        #about
        pub async fn send(self) -> Result<::guestexec_core::Answer<#content>, Error> {
            self.send_in(Call::default()).await
        }
    }
}

/// What else it does, which a macro makes.
fn sending(code: &OperationCode<'_>, success: &Success) -> Item {
    let (builder, constant) = (&code.builder, &code.constant);
    let Success { content, read, envelope } = success;
    let statuses = code.operation.successes().into_iter().map(|(status, _)| status);
    let statuses = statuses.map(proc_macro2::Literal::u16_unsuffixed);
    let read = match (read, envelope) {
        (None, _) => quote!(upgrade),
        (Some(read), None) => quote!(#read),
        (Some(read), Some((whole, member))) => quote!(#read, #whole, #member),
    };
    parse_quote! {
        ::guestexec_core::sending!(#builder, #constant, [#(#statuses),*], #content, #read);
    }
}
