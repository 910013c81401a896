//! Stage 4: progenitor's code, every panic of it caught and named.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use openapiv3::OpenAPI;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use progenitor::Generator;
use serde_json::Value;

use crate::{settings, spec::Spec};

thread_local! {
    /// The text of a panic caught on this thread; `None` while panics are not ours to catch.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Generates from the lowered document.
///
/// # Errors
/// A sentence that names the document: it is not OpenAPI, or progenitor refused it or panicked.
pub fn tokens(spec: &Spec, lowered: Value) -> Result<syn::File, String> {
    let file = &spec.file;
    let document: OpenAPI = serde_json::from_value(lowered)
        .map_err(|e| format!("{file}: is not OpenAPI 3.0; correct it: {e}"))?;
    let settings = settings::settings(spec)?;
    let tokens = catching(|| Generator::new(&settings).generate_tokens(&document))
        .map_err(|panic| {
            format!("{file}: progenitor panicked; write what it names in another way, and add a rule to xtask/src/lint: {panic}")
        })?
        .map_err(|e| format!("{file}: progenitor refuses it; write what it names in another way: {e}"))?;
    syn::parse2(pruned(tokens)).map_err(|e| format!("{file}: the generated code is not Rust: {e}"))
}

/// Runs `work`; a panic becomes its text, and is not printed.
fn catching<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = CAUGHT.with_borrow_mut(|caught| match caught {
                Some(text) => {
                    *text = info.to_string();
                    true
                }
                None => false,
            });
            if !ours {
                usual(info);
            }
        }));
    });
    CAUGHT.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let caught = CAUGHT.take();
    result.map_err(|_| caught.unwrap_or_default())
}

/// Progenitor's code without what the emission leaves out anyway: builders of types, setters, conversions.
/// Parsing those takes most of the time that parsing takes.
fn pruned(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    for index in 2..trees.len() {
        let [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Group(body)] =
            &trees[index - 2..=index]
        else {
            continue;
        };
        if keyword == "mod" {
            let kept = module(&name.to_string(), body.stream());
            trees[index] = Group::new(body.delimiter(), kept).into();
        }
    }
    trees.into_iter().collect()
}

/// Of `types` the structs; of `builder` the structs and every `send`.
fn module(name: &str, body: TokenStream) -> TokenStream {
    let is = |item: &[TokenTree], keyword: &str| {
        item.iter().any(|tree| matches!(tree, TokenTree::Ident(ident) if ident == keyword))
    };
    let mut kept = TokenStream::new();
    for mut item in items(body) {
        if is(&item, "impl") {
            let Some(TokenTree::Group(methods)) = item.last() else { continue };
            let send = items(methods.stream()).into_iter().filter(|method| is(method, "send"));
            let send: TokenStream = send.flatten().collect();
            if name != "builder" || send.is_empty() {
                continue;
            }
            let methods = Group::new(methods.delimiter(), send);
            item.pop();
            item.push(methods.into());
            kept.extend(item);
        } else if is(&item, "struct") {
            kept.extend(item);
        }
    }
    kept
}

/// The items of a module or an implementation: each ends with braces or a semicolon.
fn items(body: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = vec![Vec::new()];
    for tree in body {
        let ends = match &tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        if let Some(item) = items.last_mut() {
            item.push(tree);
        }
        if ends {
            items.push(Vec::new());
        }
    }
    items
}
