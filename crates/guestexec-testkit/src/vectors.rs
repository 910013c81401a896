//! Checks a signer against files of vectors, stage by stage.

use std::{env, fs};

use serde_json::Value;

/// Whether a vector holds; `Err` says where it does not.
pub type Check = Result<(), String>;

/// The text of a member that a vector must have.
///
/// # Errors
/// If it has none.
pub fn text<'v>(from: &'v Value, member: &str) -> Result<&'v str, String> {
    from[member].as_str().ok_or_else(|| format!("the vector has no text `{member}`"))
}

/// Compares one stage. A stage that the vector does not have passes.
///
/// # Errors
/// If it differs, with the stage's name.
pub fn stage(name: &str, expected: &Value, got: &str) -> Check {
    match expected.as_str() {
        Some(expected) if expected != got => {
            Err(format!("{name} differs\n  expected: {expected:?}\n  got:      {got:?}"))
        }
        _ => Ok(()),
    }
}

/// Checks every vector of the crate's own file (its name, its text), and of the files that the
/// environment variable names, separated as in `PATH`.
///
/// # Panics
/// If a vector fails: the message has all that do. If a file cannot be read, or has no vectors.
pub fn check_files(own: (&str, &str), variable: &str, check: fn(&Value) -> Check) {
    let mut files = vec![(own.0.to_owned(), own.1.to_owned())];
    for path in env::var_os(variable).iter().flat_map(env::split_paths) {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{name}, named by {variable}, cannot be read: {error}"));
        files.push((name, text));
    }
    let mut failures = String::new();
    for (file, text) in files {
        let json: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{file} is not JSON: {error}"));
        let vectors = json["vectors"].as_array().or(json.as_array());
        let vectors = vectors
            .filter(|vectors| !vectors.is_empty())
            .unwrap_or_else(|| panic!("{file} has no vectors"));
        for (index, vector) in vectors.iter().enumerate() {
            let name =
                [&vector["name"], &vector["input"]["name"]].iter().find_map(|name| name.as_str());
            if let Err(problem) = check(vector) {
                let name = name.unwrap_or("unnamed");
                failures += &format!("\n{file}, vector {index} ({name}): {problem}");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
