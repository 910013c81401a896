//! The name by which a program is known to a service.

/// The longest name, in characters.
const LONGEST: usize = 64;

/// A program's own name, which goes to the service beside this library's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppId(String);

impl AppId {
    /// Reads a name, such as `my-tool/1.2`.
    ///
    /// # Errors
    /// A sentence, if it is empty, too long, or has a character that is not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_fit = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
            && text.trim() == text;
        match is_fit {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "the app id does not fit a header: give 1 to {LONGEST} printable characters of ASCII, \
                 without a space at either end, such as `my-tool/1.2`"
            )),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of this library and of the program, if it has one, for a header that takes letters,
    /// digits and `-_,;.`; any other character is `_`.
    pub fn of_client(program: Option<&Self>) -> String {
        let mut name = concat!("guestexec_", env!("CARGO_PKG_VERSION")).to_owned();
        if let Some(Self(program)) = program {
            name.push(';');
            name.push_str(program);
        }
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_,;.".contains(c);
        name.chars().map(|c| if is_fit(c) { c } else { '_' }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_and_short() {
        for good in ["x", "my-tool/1.2", "my tool (nightly)", &"x".repeat(64)] {
            assert_eq!(AppId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "x ", " x", "x\n", "x\r\nHost: y", "ä", "\u{7f}", &"x".repeat(65)] {
            let problem = AppId::parse(bad).unwrap_err();
            assert!(problem.contains("`my-tool/1.2`"), "{problem}");
        }
    }

    #[test]
    fn names_are_joined_in_the_characters_that_a_vendor_takes() {
        let own = AppId::of_client(None);
        assert_eq!(own, format!("guestexec_{}", env!("CARGO_PKG_VERSION")));
        let program = AppId::parse("my tool/1.2 (x;y)").unwrap();
        assert_eq!(AppId::of_client(Some(&program)), format!("{own};my_tool_1.2__x;y_"));
        let longest = AppId::parse(&"/".repeat(64)).unwrap();
        assert!(AppId::of_client(Some(&longest)).len() <= 128);
    }
}
