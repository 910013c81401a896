//! Writes a document as YAML 1.2 that every reader takes: one member a line, texts that look like
//! something else in quotes.

use serde_json::Value;

/// Longest line of a folded text.
const WIDTH: usize = 100;

/// The text of a document.
///
/// # Errors
/// A sentence, if what is written is not read as the same.
pub fn write(document: &Value) -> Result<String, String> {
    let mut options = serde_saphyr::SerializerOptions::default();
    options.compact_list_indent = false;
    options.folded_wrap_chars = WIDTH;
    let mut text = String::new();
    text.push_str(
        &serde_saphyr::to_string_with_options(document, options).map_err(|e| e.to_string())?,
    );
    Ok(text)
}
