//! A server's text made safe to show.

use crate::Secret;

/// Longest message of a service in an error, in characters.
const MAX_MESSAGE: usize = 8 * 1024;
/// Longest code or id, in characters. Those of the services have up to 80.
const MAX_IDENTIFIER: usize = 128;
/// Shortest secret that is hidden, in bytes: shorter ones occur in ordinary words.
const SHORTEST: usize = 4;

/// Shortens a service's text and removes its control characters except line breaks.
pub fn readable(text: &str) -> String {
    cut(text, MAX_MESSAGE, |character| character == '\n')
}

/// Shortens a service's code, id or other word and removes its control characters.
pub fn identifier(text: &str) -> String {
    cut(text, MAX_IDENTIFIER, |_| false)
}

/// The beginning of a text, of at most so many bytes; no character is cut.
pub fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or_default()]
}

fn cut(text: &str, most: usize, spared: impl Fn(char) -> bool) -> String {
    let mut shown = text.chars().filter(|&c| !is_unseen(c) || spared(c));
    let mut readable: String = shown.by_ref().take(most).collect();
    if shown.next().is_some() {
        readable.push('…');
    }
    readable
}

/// True for characters that a terminal obeys instead of showing them, such as a change of direction.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A client's secrets, which are hidden in every text of a service.
#[derive(Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Adds a secret.
    pub fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST && !self.0.iter().any(|known| known.expose() == secret) {
            // Longer ones first: a secret is not found once a shorter one within it is hidden.
            let place = self.0.partition_point(|known| known.expose().len() > secret.len());
            self.0.insert(place, secret.into());
        }
    }

    /// Hides the secrets in `text`, also in their forms as JSON strings.
    pub fn hidden_in(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| {
            let secret = secret.expose();
            let quoted = serde_json::to_string(secret).unwrap_or_default();
            let quoted = quoted.trim_matches('"');
            // Some writers also escape what is special in HTML.
            let slashes = quoted.replace('/', "\\/");
            let html = [("=", "\\u003d"), ("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")];
            let html = html.iter().fold(quoted.to_owned(), |text, (a, b)| text.replace(a, b));
            [secret, quoted, &slashes, &html].into_iter().fold(text, |text, form| {
                match text.contains(form) {
                    true => text.replace(form, "<redacted>"),
                    false => text,
                }
            })
        })
    }

    /// Hides the secrets in an answer's body, of any type.
    pub(crate) fn hide_in(&self, body: &mut Vec<u8>) {
        if self.0.is_empty() {
            return;
        }
        // A body that is not UTF-8 may still hold some.
        let text = String::from_utf8_lossy(body);
        let hidden = self.hidden_in(text.clone().into_owned());
        if hidden != text {
            *body = hidden.into_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Secrets, beginning, identifier, readable};

    #[test]
    fn a_beginning_ends_between_characters() {
        for (most, kept) in [(0, ""), (1, ""), (2, "é"), (3, "é"), (4, "é"), (5, "é€"), (9, "é€")]
        {
            assert_eq!(beginning("é€", most), kept, "{most}");
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_left_out_and_no_text_is_endless() {
        assert_eq!(readable("a\u{1b}[2Jb\nc\r\u{202e}d"), "a[2Jb\ncd");
        assert_eq!(identifier("A\u{1b}[2J\u{7}\nFAKE LOG LINE"), "A[2JFAKE LOG LINE");
        assert_eq!(identifier(&"x".repeat(128)), "x".repeat(128));
        assert_eq!(identifier(&"x".repeat(10_000_000)), format!("{}…", "x".repeat(128)));
        assert_eq!(readable(&"é".repeat(8193)).chars().count(), 8193);
    }

    #[test]
    fn a_secret_that_holds_another_is_hidden_whole() {
        let mut secrets = Secrets::default();
        for secret in ["hunter", "hunter2-and-more", "and-"] {
            secrets.add(secret);
        }
        assert_eq!(secrets.hidden_in("not hunter2-and-more".to_owned()), "not <redacted>");
    }

    #[test]
    fn a_secret_is_found_however_it_is_quoted() {
        let mut secrets = Secrets::default();
        secrets.add("to/k\"en=");
        secrets.add("abc");
        for text in ["to/k\"en=", r#"to/k\"en="#, r#"to\/k\"en="#, r#"to/k\"en\u003d"#] {
            let hidden = secrets.hidden_in(format!("not {text}, abc"));
            assert_eq!(hidden, "not <redacted>, abc", "{text}");
            let mut body = format!("\u{fffd} {text}").into_bytes();
            body[0] = 0xff;
            secrets.hide_in(&mut body);
            assert!(String::from_utf8(body).unwrap().ends_with("<redacted>"));
        }
    }
}
