//! The size of a terminal, as a client sends it.

use serde_json::{Deserializer, Map, Value};

/// The longest unfinished object that can be a size, in bytes.
const MAX_PENDING: usize = 1024;
/// The most text that is accepted at once, in bytes. Dragging a window's corner sends far less.
const MAX_INPUT: usize = 64 * 1024;

/// The size of a terminal, in character cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl TerminalSize {
    /// The text of a resize message, with kubectl's newline at the end.
    pub fn to_json(self) -> String {
        format!("{{\"Width\":{},\"Height\":{}}}\n", self.width, self.height)
    }

    fn from_members(members: &Map<String, Value>) -> Option<Self> {
        let mut size = Self::default();
        for (key, value) in members {
            let target = if key.eq_ignore_ascii_case("width") {
                &mut size.width
            } else if key.eq_ignore_ascii_case("height") {
                &mut size.height
            } else {
                continue;
            };
            *target = u16::try_from(value.as_u64()?).ok()?;
        }
        Some(size)
    }
}

/// Reads a resize channel as Kubernetes does: as one stream of JSON objects, however it is cut into messages.
///
/// Keys are case-insensitive, other members are ignored, and a missing one is 0. The first text that is no such object
/// silently ends all resizing.
#[derive(Debug, Default)]
pub struct ResizeDecoder {
    pending: Vec<u8>,
    broken: bool,
}

impl ResizeDecoder {
    /// Takes the next bytes, and returns the last complete size in them.
    ///
    /// An unfinished object over 1 KiB, or more than 64 KiB at once, ends all resizing.
    pub fn push(&mut self, bytes: &[u8]) -> Option<TerminalSize> {
        if self.broken || bytes.len() > MAX_INPUT {
            self.broken = true;
            return None;
        }
        self.pending.extend_from_slice(bytes);
        let mut latest = None;
        let mut read = 0;
        let mut objects = Deserializer::from_slice(&self.pending).into_iter::<Map<String, Value>>();
        while let Some(object) = objects.next() {
            match object.map(|members| TerminalSize::from_members(&members)) {
                Ok(Some(size)) => latest = Some(size),
                // The rest of this object has not come yet.
                Err(error) if error.is_eof() => break,
                Ok(None) | Err(_) => {
                    self.broken = true;
                    break;
                }
            }
            read = objects.byte_offset();
        }
        self.pending.drain(..read);
        self.broken |= self.pending.len() > MAX_PENDING;
        if self.broken {
            self.pending = Vec::new();
        }
        latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(width: u16, height: u16) -> Option<TerminalSize> {
        Some(TerminalSize { width, height })
    }

    #[test]
    fn kubectl_text() {
        assert_eq!(
            TerminalSize { width: 99, height: 33 }.to_json(),
            "{\"Width\":99,\"Height\":33}\n"
        );
    }

    #[test]
    fn table() {
        for (text, expected) in [
            (r#"{"Width":100,"Height":40}"#, size(100, 40)),
            ("{\"Width\":100,\"Height\":40}\n", size(100, 40)),
            (r#"{"HEIGHT":40,"width":100}"#, size(100, 40)),
            (r#"{"Width":1,"Height":2,"Depth":[3]}"#, size(1, 2)),
            (r#"{"Width":1,"Height":2} {"Width":3,"Height":4}"#, size(3, 4)),
            (r#"{"Width":1,"Height":2}{"Wid"#, size(1, 2)),
            (r#"{"Width":1,"Height":2}oops"#, size(1, 2)),
            (r#"{"Height":7}"#, size(0, 7)),
            ("", None),
            ("\n", None),
            ("7", None),
            (r#"{"Width":70000,"Height":2}"#, None),
            (r#"{"Width":-1,"Height":2}"#, None),
            (r#"{"Width":"1","Height":2}"#, None),
        ] {
            assert_eq!(ResizeDecoder::default().push(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn broken_text_ends_resizing() {
        let mut decoder = ResizeDecoder::default();
        assert_eq!(decoder.push(b"{\"Width\":1,\"Height\":2}"), size(1, 2));
        assert_eq!(decoder.push(b"}"), None);
        assert_eq!(decoder.push(b"{\"Width\":1,\"Height\":2}"), None);
    }

    #[test]
    fn an_endless_object_is_given_up() {
        let mut decoder = ResizeDecoder::default();
        for _ in 0..10_000 {
            assert_eq!(decoder.push(b"{\"a\":"), None);
            assert!(decoder.pending.len() <= MAX_PENDING);
        }
        assert!(decoder.broken);
        let mut decoder = ResizeDecoder::default();
        assert_eq!(decoder.push(&vec![b' '; MAX_INPUT + 1]), None);
        assert!(decoder.broken);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_end(sizes in prop::collection::vec((any::<u16>(), any::<u16>()), 1..8), cut in 1usize..40) {
            let text: String = sizes.iter().map(|&(width, height)| TerminalSize { width, height }.to_json()).collect();
            let mut decoder = ResizeDecoder::default();
            let last = text.as_bytes().chunks(cut).filter_map(|part| decoder.push(part)).last();
            let (width, height) = sizes[sizes.len() - 1];
            prop_assert_eq!(last, size(width, height));
        }

        #[test]
        fn garbage_is_bounded(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..50)) {
            let mut decoder = ResizeDecoder::default();
            for part in &parts {
                decoder.push(part);
                prop_assert!(decoder.pending.len() <= MAX_PENDING);
            }
        }
    }
}
