//! Makes `by_name.rs`: a table of the operations with what each is given, and the call of one by its name,
//! with JSON.

use quote::quote;
use syn::{Item, Type};

use super::{
    Maker, OperationCode, argument,
    builders::{Success, sends},
    doc,
    inputs::{Input, Inputs, Place},
    last_segment, paging, parse,
};

/// The table, and the functions that make use of it.
///
/// # Errors
/// A sentence, if the generator made what is not Rust.
pub(super) fn items(
    maker: &Maker<'_>,
    exchanges: &[Item],
    codes: &[OperationCode<'_>],
) -> Result<Vec<Item>, String> {
    let sends = sends(exchanges);
    let mut named = Vec::new();
    for code in codes {
        let success = sends.get(&code.made).and_then(|send| Success::of(maker, send));
        let success = success.ok_or_else(|| {
            let (file, id) = (&maker.spec.file, code.operation.id());
            format!("{file}: {id}: progenitor's code has no answer: another version?")
        })?;
        let inputs = Inputs::of(maker, code);
        let is_paged = paging::of(maker, code, &success.content, &inputs).is_some();
        named.push(Named { code, inputs, success, is_paged });
    }
    let entries = named.iter().map(Named::entry);
    let entries = quote!(#(#entries),*);
    let arms = named.iter().filter_map(Named::arm);
    let arms = quote!(#(#arms)*);
    let (in_entries, in_arms) = (entries.to_string(), arms.to_string());
    let of_core = ["Given", "InputKind", "InputPlace", "NamedCall", "NamedInput", "NamedOperation"];
    let of_core = of_core.into_iter().filter(|name| match *name {
        "InputKind" | "InputPlace" | "NamedInput" => in_entries.contains(&format!("{name} ::")),
        _ => true,
    });
    let of_core = of_core.map(|name| quote::format_ident!("{name}"));
    let own = ["builder", "types"].into_iter().filter(|it| in_arms.contains(&format!("{it} ::")));
    let own = own.map(|name| quote::format_ident!("{name}"));
    let mutable = in_arms.contains("given .").then(|| quote!(mut));
    let about = doc(&about(maker, codes));
    let items = parse(quote! {
        use guestexec_core::{#(#of_core),*};
        use serde_json::{Map, Value};
        use super::{Client, operations, #(#own),*};
        use crate::Error;

        /// The operations, in the document's order, each with what a call by its name is given.
        pub const ALL: &[NamedOperation] = &[#entries];

        /// Operations by their names.
        impl Client {
            #about
            pub fn call_by_name(
                &self,
                operation: &str,
                parameters: Map<String, Value>,
                body: Option<Value>,
            ) -> Result<NamedCall<'_, Error>, Error> {
                let #mutable given = Given::<Error>::new(ALL, operation, parameters, body)?;
                let called = given.called();
                match called.operation.id {
                    #arms
                    _ => Err(given.unmatched()),
                }
            }
        }
    })?;
    Ok(items.items)
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
    fn entry(&self) -> proc_macro2::TokenStream {
        let code = self.code;
        let (constant, method) = (&code.constant, code.method.to_string());
        let method = method.trim_start_matches("r#");
        let summary = format!("{}.", code.operation.summary());
        let needed = self.inputs.arguments.iter().map(|input| entry_of(input, true));
        let others = self.inputs.setters.iter().map(|input| entry_of(input, false));
        let inputs = needed.chain(others).flatten();
        let has_body = code.operation.body_schema().map(|_| quote!(.with_body()));
        let paged = self.is_paged.then(|| quote!(.paged()));
        let streamed = self.is_read_as("text").then(|| quote!(.streamed()));
        let upgrade = self.success.read.is_none().then(|| quote!(.upgrade()));
        quote! {
            NamedOperation::new(&operations::#constant, #method, #summary, &[#(#inputs),*])
                #has_body #paged #streamed #upgrade
        }
    }

    fn is_read_as(&self, how: &str) -> bool {
        self.success.read.as_ref().is_some_and(|read| read == how)
    }

    /// How it is called; nothing where the connection leaves HTTP.
    fn arm(&self) -> Option<proc_macro2::TokenStream> {
        let _ = self.success.read.as_ref()?;
        let (code, inputs) = (self.code, &self.inputs);
        let (id, method, builder) = (code.operation.id(), &code.method, &code.builder);
        let needed =
            inputs.arguments.iter().filter(|input| input.is_any_parameter()).map(|input| {
                let (ty, wire) = (&input.ty, &input.wire);
                quote!(given.needed::<#ty>(#wire)?)
            });
        let needed: Vec<_> = needed.collect();
        let begin = match code.operation.body_schema() {
            Some(name) => {
                let name = quote::format_ident!("{name}");
                let body = quote!(given.body::<types::#name>()?);
                match inputs.body.is_some() {
                    true => quote!(builder::#builder::with_body(self, #(#needed,)* #body)),
                    false => quote!(self.#method(#(#needed,)* #body)),
                }
            }
            None => quote!(self.#method(#(#needed),*)),
        };
        let setters = inputs.setters.iter().filter(|input| input.is_any_parameter()).map(|input| {
            let (setter, ty, wire) = (&input.ident, &input.ty, &input.wire);
            quote! {
                if let Some(value) = given.optional::<#ty>(#wire)? {
                    call = call.#setter(value);
                }
            }
        });
        let setters: Vec<_> = setters.collect();
        let mutable = (!setters.is_empty()).then(|| quote!(mut));
        let paged = self.is_paged.then(|| {
            let read = self.read();
            quote! {
                .paged(::guestexec_core::page_bytes(
                    call,
                    builder::#builder::send_raw,
                    #read,
                ))
            }
        });
        // A text has no pages, so that one of them takes the call itself.
        let streamed = self.is_read_as("text").then(|| quote!(.streamed(call.send_streamed())));
        let sent = match (&paged, &streamed) {
            (None, None) => quote!(call),
            _ => quote!(call.clone()),
        };
        Some(quote! {
            #id => {
                let #mutable call = #begin;
                #(#setters)*
                Ok(NamedCall::new(called, #sent.send_raw()) #streamed #paged)
            }
        })
    }

    /// How a page is read of its bytes.
    fn read(&self) -> proc_macro2::TokenStream {
        match &self.success.envelope {
            Some((whole, member)) => quote! {
                |body| {
                    ::guestexec_core::read::json::<#whole>(body).map(|mut envelope| {
                        envelope.#member.extra.join(envelope.extra);
                        envelope.#member
                    })
                }
            },
            None => quote!(::guestexec_core::read::json),
        }
    }
}

/// An input's entry; nothing for the body itself.
fn entry_of(input: &Input, is_required: bool) -> Option<proc_macro2::TokenStream> {
    let name = &input.wire;
    let place = match &input.place {
        Place::Parameter(_) => quote!(InputPlace::Parameter),
        Place::Member(_) => quote!(InputPlace::Body),
        Place::Content(envelope, _) => {
            let outer = &envelope.wire;
            quote!(InputPlace::Within(#outer))
        }
        Place::Body => return None,
    };
    let kind = quote::format_ident!("{}", kind(&input.ty));
    Some(quote!(NamedInput::new(#name, #place, InputKind::#kind, #is_required)))
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
