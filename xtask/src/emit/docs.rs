//! Documentation comments: paragraphs broken into lines, one `///` a line.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::{
    AttrStyle, Attribute, Expr, ExprLit, File, Ident, Lit, LitStr, Meta, MetaNameValue, Token,
    token::Bracket, visit_mut::VisitMut,
};

/// Longest line of a comment, in characters.
const WIDTH: usize = 96;

/// A text as the lines of a documentation comment, each with the leading space of `/// `.
///
/// Lines of a paragraph are joined and broken anew; the lines after the first of a list item are
/// indented below it; link definitions and fenced code stay as they are.
pub(super) fn doc_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, part) in text.trim().split("```").enumerate() {
        match index % 2 {
            0 => {
                // A blank line beside a fence is where the text has one.
                let text = part.trim_matches('\n');
                if index > 0 && !text.is_empty() {
                    lines.push(String::new());
                }
                lines.extend(paragraphs(text));
                if index > 0 && !text.is_empty() && part.ends_with("\n\n") {
                    lines.push(String::new());
                }
            }
            _ => lines.extend(
                format!("```{}\n```", part.trim_end())
                    .lines()
                    .map(|line| if line.is_empty() { String::new() } else { format!(" {line}") }),
            ),
        }
    }
    lines
}

/// A text as comment, each line after `mark`.
pub(super) fn comment(mark: &str, text: &str) -> String {
    let lines: Vec<String> = doc_lines(text).iter().map(|line| format!("{mark}{line}")).collect();
    lines.join("\n")
}

/// A text with each paragraph, and each item of a list, on one line.
pub(super) fn unbroken(text: &str) -> String {
    let text = text.trim();
    if text.contains("```") { text.to_owned() } else { blocks(text).join("\n") }
}

fn paragraphs(text: &str) -> Vec<String> {
    blocks(text).iter().flat_map(|block| broken(block)).collect()
}

/// Paragraphs, items of lists, and lines that stand alone.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    if text.is_empty() {
        return blocks;
    }
    for line in text.lines().map(str::trim) {
        let begins = line.is_empty() || is_item(line) || stands_alone(line);
        match blocks.last_mut() {
            Some(block) if !begins && !block.is_empty() && !stands_alone(block) => {
                block.push(' ');
                block.push_str(line);
            }
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

fn is_item(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("* ")
}

/// A heading or a link definition, each of which is a line of its own.
fn stands_alone(line: &str) -> bool {
    line.starts_with('#') || is_definition(line)
}

/// `[text]: target`, which Markdown wants on one line.
fn is_definition(line: &str) -> bool {
    line.starts_with('[') && line.contains("]: ")
}

/// A paragraph or list item as lines of at most [`WIDTH`] characters where words allow it.
fn broken(block: &str) -> Vec<String> {
    if is_definition(block) {
        return vec![format!(" {block}")];
    }
    let hanging = if is_item(block) { "   " } else { " " };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in block.split_whitespace() {
        if line.is_empty() {
            line = format!(" {word}");
        } else if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, format!("{hanging}{word}")));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

/// Breaks every comment of a file into lines.
pub(super) fn break_lines(file: &mut File) {
    DocLines.visit_file_mut(file);
}

struct DocLines;

impl VisitMut for DocLines {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        // A comment may come as one attribute or as one a line, and stands before the rest.
        let text: Vec<String> = attributes.iter().filter_map(doc_text).collect();
        let style = attributes.iter().find(|a| doc_text(a).is_some()).map(|a| a.style);
        let Some(style) = style else { return };
        let mut result = Vec::with_capacity(attributes.len());
        for line in doc_lines(&text.join("\n")) {
            result.push(doc_attribute(style, &line));
        }
        result.extend(attributes.drain(..).filter(|attribute| doc_text(attribute).is_none()));
        *attributes = result;
    }
}

/// `#[doc = "line"]`, put together by hand: there are thousands, and parsing each takes its time.
fn doc_attribute(style: AttrStyle, line: &str) -> Attribute {
    let lit = Lit::Str(LitStr::new(line, Span::call_site()));
    Attribute {
        pound_token: Token![#](Span::call_site()),
        style,
        bracket_token: Bracket::default(),
        meta: Meta::NameValue(MetaNameValue {
            path: Ident::new("doc", Span::call_site()).into(),
            eq_token: Token![=](Span::call_site()),
            value: Expr::Lit(ExprLit { attrs: Vec::new(), lit }),
        }),
    }
}

fn doc_text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            other => Some(other.to_token_stream().to_string()),
        },
        _ => None,
    }
}
