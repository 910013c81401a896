//! Output in encodings other than UTF-8.

use std::borrow::Cow;

use encoding_rs::Encoding;

use crate::{Error, ErrorKind};

/// Decodes a command's output by the encoding called `name`. Invalid bytes become U+FFFD. A byte-order
/// mark at the beginning overrides `name` and is removed.
///
/// `name` is one of the labels of the WHATWG's [Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels),
/// in any letter case.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] if no encoding has that name.
pub fn text_in<'a, D>(bytes: &'a [u8], name: &str) -> Result<Cow<'a, str>, Error<D>> {
    let encoding = Encoding::for_label_no_replacement(name.as_bytes()).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidRequest,
            format!(
                "no encoding is called `{}`: give a label of the Encoding Standard, such as `gbk`, \
                 `big5`, `shift_jis` or `windows-1252`",
                crate::readable(name)
            ),
        )
    })?;
    Ok(encoding.decode(bytes).0)
}

#[cfg(test)]
mod tests {
    use super::text_in;
    use crate::ErrorKind;

    #[test]
    fn windows_output_becomes_text_by_the_name_of_its_encoding() {
        let read = |bytes, name| text_in::<()>(bytes, name).map(|text| text.into_owned());
        assert_eq!(read(b"\xb2\xbb\xca\xc7\xc4\xda\xb2\xbf\r\n", "GBK").unwrap(), "不是内部\r\n");
        assert_eq!(read(b"caf\xe9", "windows-1252").unwrap(), "café");
        assert_eq!(read(b"plain", " gb2312 ").unwrap(), "plain");
        assert_eq!(read(b"\xff\xfeh\0i\0", "gbk").unwrap(), "hi");
        // The first 24 KiB of an output may end within a character.
        assert_eq!(read(b"\xb2\xbb\xca", "gbk").unwrap(), "不\u{fffd}");
        let error = read(b"", "cp-unknown\x1b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("no encoding is called `cp-unknown`"), "{error}");
    }
}
