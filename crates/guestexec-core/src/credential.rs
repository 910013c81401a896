//! Checks of credentials. The messages name a credential and never quote it.

/// Rejects an empty credential, and one with a blank, a line break or an invisible character at either
/// end, which are easily copied along.
///
/// # Errors
/// A sentence that names the credential by `what`.
pub fn check_credential(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("the {what} is empty: give the one that its owner was shown"));
    }
    if text.starts_with(is_blank) || text.ends_with(is_blank) {
        return Err(format!(
            "the {what} has a blank or a line break at its beginning or end, which is easily copied \
             along: give it without"
        ));
    }
    Ok(())
}

/// Rejects also what no header can carry: anything but visible ASCII, and the characters `reserved`.
///
/// # Errors
/// As [`check_credential`].
pub fn check_header_credential(what: &str, text: &str, reserved: &[char]) -> Result<(), String> {
    check_credential(what, text)?;
    if text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains(reserved) {
        return Ok(());
    }
    Err(format!(
        "the {what} holds characters that no header can carry: copy it again from where it was shown"
    ))
}

/// Rejects also such a character anywhere. Secrets that services generate consist of letters, digits and
/// a few signs.
///
/// # Errors
/// As [`check_credential`].
pub fn check_key(what: &str, text: &str) -> Result<(), String> {
    check_credential(what, text)?;
    if text.contains(is_blank) || text.contains('\u{fffd}') {
        return Err(format!(
            "the {what} has a blank, a line break or an unreadable character in it: copy it again from \
             where it was shown"
        ));
    }
    Ok(())
}

/// True for blanks, controls, zero-width characters and the byte-order mark.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_along_is_refused_by_name_and_not_quoted() {
        for text in [
            "s3cret\n", "s3cret\r\n", " s3cret", "s3cret\t", "\u{feff}s3cret", "s3cret\u{a0}",
            "\0s3cret",
        ] {
            for refused in [
                check_credential("password", text),
                check_header_credential("password", text, &[]),
                check_key("password", text),
            ] {
                let sentence = refused.unwrap_err();
                assert!(sentence.contains("the password has a blank"), "{sentence}");
                assert!(!sentence.contains("s3cret"), "{sentence}");
            }
        }
        assert!(check_credential("password", "").unwrap_err().contains("the password is empty"));
        assert!(check_credential("password", "pass word é").is_ok());
        assert!(check_key("secret key", "s3\ncret").unwrap_err().contains("in it"));
        assert!(check_key("secret key", "a+/=-_é").is_ok());
        assert!(check_header_credential("token", "a.b-c", &[',']).is_ok());
        for text in ["a b", "a,b", "é"] {
            let sentence = check_header_credential("token", text, &[',']).unwrap_err();
            assert!(sentence.contains("no header can carry"), "{sentence}");
        }
    }
}
