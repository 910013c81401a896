//! Stage 4: progenitor's code, every panic of it caught and named.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use openapiv3::OpenAPI;
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
    syn::parse2(tokens).map_err(|e| format!("{file}: the generated code is not Rust: {e}"))
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
