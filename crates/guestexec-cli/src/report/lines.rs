//! Lines of several targets, each with its target before it.

/// The longest line that is kept until its end has come, in bytes. A longer one is written in pieces.
const LONGEST: usize = 64 * 1024;

/// The line of one output that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes output, and returns the lines that have ended.
    pub(super) fn push(&mut self, bytes: &[u8], label: &str) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.begun.len() >= LONGEST {
                text.append(&mut self.finish(label));
            }
        }
        text
    }

    /// Returns the line that has not ended, if there is one.
    pub(super) fn finish(&mut self, label: &str) -> Vec<u8> {
        if self.begun.is_empty() {
            return Vec::new();
        }
        let mut line = label.as_bytes().to_vec();
        line.append(&mut self.begun);
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_target() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw", "a | "), b"a | one\n");
        assert_eq!(lines.push(b"o\n\n", "a | "), b"a | two\na | \n");
        assert_eq!(lines.push(b"end", "a | "), b"");
        assert_eq!(lines.finish("a | "), b"a | end\n");
        assert_eq!(lines.finish("a | "), b"");
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_forever() {
        let mut lines = Lines::default();
        let written = lines.push(&vec![b'x'; 10 * LONGEST], "a | ");
        assert!(written.len() >= 10 * LONGEST && lines.begun.len() < LONGEST);
    }
}
