//! The items that examples use: operations, the handles that a user holds, and the methods of those.

use std::collections::BTreeSet;

use super::{
    Count,
    source::{Method, Source},
};
use crate::spec::Spec;

/// The client's name, in every crate.
pub(super) const CLIENT: &str = "Client";

/// The code of the fences that `cargo test --doc` compiles.
pub(super) fn compiled(docs: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in docs.lines() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open.take(), fence) {
            (None, None) => None,
            (None, Some(info)) => {
                let mut words = info.split([',', ' ']).filter(|word| !word.is_empty());
                let is_rust = |word: &str| {
                    matches!(word, "rust" | "no_run" | "should_panic")
                        || word.starts_with("edition")
                };
                Some((words.all(is_rust), String::new()))
            }
            (Some((is_compiled, code)), Some(_)) => {
                blocks.extend(is_compiled.then_some(code));
                None
            }
            (Some((is_compiled, mut code)), None) => {
                code.push_str(line);
                code.push('\n');
                Some((is_compiled, code))
            }
        };
    }
    blocks
}

/// The operations of the document: methods of the generated client.
pub(super) fn operations(spec: &Spec, source: &Source) -> Count {
    let mut count = Count::default();
    let methods = source.types.get(CLIENT).map_or(&[][..], |client| &client.methods);
    for method in methods.iter().filter(|method| method.is_operation) {
        count.add(!compiled(&method.docs).is_empty(), || method.name.clone());
    }
    // An operation without a method is not shown at all.
    for call in spec.document.calls().iter().skip(count.all) {
        count.add(false, || call.id().to_owned());
    }
    count
}

/// The handles, and their methods: structs written by hand that the client's methods return, that the methods
/// of those return, and so on.
pub(super) fn handles(source: &Source) -> (Count, Count) {
    let (mut handles, mut methods) = (Count::default(), Count::default());
    let mut seen = BTreeSet::from([CLIENT]);
    let mut open = vec![CLIENT];
    while let Some(name) = open.pop() {
        let Some(handle) = source.types.get(name).filter(|it| it.is_there) else { continue };
        let by_hand: Vec<&Method> = handle.methods.iter().filter(|it| !it.is_operation).collect();
        let docs = by_hand.iter().map(|method| method.docs.as_str()).chain([handle.docs.as_str()]);
        let examples: String = docs.flat_map(compiled).collect();
        // Rust that is spread over lines is searched as if it were not.
        let examples: String = examples.split_whitespace().collect();
        handles.add(!examples.is_empty(), || name.to_owned());
        for method in &by_hand {
            let calls = [format!(".{}(", method.name), format!("::{}(", method.name)];
            let is_shown = calls.iter().any(|call| examples.contains(call));
            methods.add(is_shown, || format!("{name}::{}", method.name));
        }
        let returned = by_hand.iter().flat_map(|method| &method.returns).chain(&handle.gives);
        for word in returned {
            // Errors are met, not held; each has its page in the crate's documentation.
            let is_handle = source.exported.contains(word) && word != "Error";
            if let Some((word, _)) = source.types.get_key_value(word).filter(|_| is_handle)
                && seen.insert(word)
            {
                open.push(word);
            }
        }
    }
    handles.missing.sort();
    methods.missing.sort();
    (handles, methods)
}
