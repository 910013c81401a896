//! Random edits of the small document, the same ones each time.

use fastrand::Rng;

/// The document that is edited.
pub const SMALL: &str = include_str!("../data/small.yaml");

/// What is put into a text: pieces of YAML, of OpenAPI, and characters that someone has trouble with.
const PIECES: &[&str] = &[
    "\t",
    "  ",
    " ",
    "\n",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "# ",
    "&a ",
    "*a",
    "!t ",
    "|",
    ">",
    "%",
    "\u{202e}",
    "\u{0}",
    "\u{2028}",
    "é",
    "🚀",
    "`",
    "<b>",
    "https://a.example",
    "| a | b |",
    "1. ",
    "~",
    "null",
    "true",
    "no",
    "0x1F",
    "1e999",
    "-1",
    "0",
    "18446744073709551616",
    "2026-11-22",
    "$ref: ",
    "allOf:",
    "oneOf: []",
    "nullable: true",
    "x-sensitive: true",
    "x-unknown: 1",
    "required: true",
    "description: Text.",
    "deprecated: true",
    "enum: [a]",
    "format: byte",
    "format: int32",
    "type: string",
    "type: integer",
    "type: object",
    "minimum: 7",
    "maxLength: 3",
    "default: 1",
    "additionalProperties: {}",
    "additionalProperties: false",
    "self",
    "type",
    "from",
    "Default",
    "Vec",
    "checks",
    "body",
];

/// One random edit of `text`.
fn edit(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (at, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
    match rng.u8(..12) {
        0 => drop(lines.remove(at)),
        1 => {
            let line = lines[at].clone();
            lines.insert(other, line);
        }
        2 => lines.swap(at, other),
        3 => {
            let line = lines[at].trim_start().to_owned();
            let indentation = lines[at].len() - line.len();
            let moved = (indentation + rng.usize(..5)).saturating_sub(2);
            lines[at] = format!("{:moved$}{line}", "");
        }
        // A word for another one of the document.
        4..=6 => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let line = &lines[at];
            let old: Vec<&str> = line.split_whitespace().collect();
            if let Some(old) = rng.choice(old) {
                let new = *rng.choice(&words).unwrap_or(&old);
                lines[at] = line.replacen(old, new, 1);
            }
        }
        // The text before or after a line's first colon, for that of another line.
        7 | 8 => {
            let parts =
                |line: &str| line.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned()));
            if let (Some((name, value)), Some((others, new))) =
                (parts(&lines[at]), parts(&lines[other]))
            {
                let indentation = name.len() - name.trim_start().len();
                lines[at] = if rng.bool() {
                    format!("{name}: {new}")
                } else {
                    format!("{:indentation$}{}: {value}", "", others.trim_start())
                };
            }
        }
        9 => {
            let line = &mut lines[at];
            let middle = rng.usize(..=line.len());
            if line.is_char_boundary(middle) {
                line.insert_str(middle, rng.choice(PIECES).unwrap_or(&""));
            }
        }
        10 => {
            let mut characters: Vec<char> = lines[at].chars().collect();
            if !characters.is_empty() {
                characters.remove(rng.usize(..characters.len()));
            }
            lines[at] = characters.into_iter().collect();
        }
        // A line more, at the depth of this one.
        _ => {
            let indentation = lines[at].len() - lines[at].trim_start().len();
            let piece = rng.choice(PIECES).unwrap_or(&"");
            lines.insert(at, format!("{:indentation$}{piece}", ""));
        }
    }
    lines.join("\n") + "\n"
}

/// The small document after the random edits of number `seed`: one or two of them.
pub fn edited(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let once = edit(SMALL, &mut rng);
    if rng.u8(..4) == 0 { edit(&once, &mut rng) } else { once }
}
