//! Makes `operations.rs`: what is known of each operation before it is called.

use proc_macro2::Literal;
use quote::quote;
use syn::{Item, parse_quote};

use super::{OperationCode, doc, secrets::Marks};

/// A constant an operation, and all of them.
pub(super) fn items(codes: &[OperationCode<'_>]) -> Vec<Item> {
    let mut items: Vec<Item> = codes.iter().map(entry).collect();
    let constants = codes.iter().map(|code| &code.constant);
    items.push(parse_quote! {
        /// All operations, in the document's order.
        pub const ALL: &[&Operation] = &[#(&#constants),*];
    });
    items.insert(
        0,
        parse_quote!(
            use guestexec_core::Operation;
        ),
    );
    items
}

fn entry(code: &OperationCode<'_>) -> Item {
    let operation = &code.operation;
    let constant = &code.constant;
    let summary = doc(&format!("{}.", operation.summary()));
    let (id, method) = (operation.id(), operation.method.to_uppercase());
    // What follows `#` tells the keys of the document apart and is never sent.
    let path = operation.path.split('#').next().unwrap_or_default();
    let starts_command = operation.starts_command();
    let (repeatable, open) = (operation.is_repeatable(), operation.is_open());
    let (page, read_on) = (operation.page(), operation.read_on());
    let requests = Marks::of_requests(operation);
    let answers = Marks::of_answers(operation);
    // Of the rest there is only what is not as usual.
    let open = open.then(|| quote!(open: true,));
    let rate = operation.rate().map(Literal::u64_unsuffixed);
    let rate = rate.map(|calls| quote!(rate: Some(#calls),));
    let deprecated = operation.operation.deprecated.then(|| quote!(deprecated: true,));
    let text = |field: &str, text: &str| {
        let field = quote::format_ident!("{field}");
        (!text.is_empty()).then(|| quote!(#field: #text,))
    };
    let marks = [
        text("secrets", &requests.secrets),
        text("texts", &requests.texts),
        text("answer_secrets", &answers.secrets),
        text("answer_texts", &answers.texts),
    ];
    let marks = marks.iter().flatten();
    parse_quote! {
        #summary
        pub const #constant: Operation = Operation {
            starts_command: #starts_command,
            repeatable: #repeatable,
            #open
            #rate
            #deprecated
            page: #page,
            read_on: #read_on,
            #(#marks)*
            ..Operation::undocumented(#id, #method, #path)
        };
    }
}
