//! The end of the input of a terminal.

/// ^D (EOT). At the start of a line it ends the input of a terminal; within a line it only submits
/// the line.
const EOT: u8 = 4;

/// Makes the input that ends the input of a terminal.
///
/// The protocol's own end of input is never sent for a terminal: servers take it for a detach and
/// throw the command's output away.
pub(super) struct TerminalEof {
    headroom: usize,
    last: Option<u8>,
}

impl TerminalEof {
    /// Messages of input begin with `headroom` bytes for their header.
    pub(super) fn new(headroom: usize) -> Self {
        Self { headroom, last: None }
    }

    /// Records input that is sent.
    pub(super) fn record(&mut self, message: &[u8]) {
        self.last =
            message.get(self.headroom..).and_then(|input| input.last().copied()).or(self.last);
    }

    /// The message that ends the input: one ^D, or two within a line.
    pub(super) fn message(&mut self) -> Vec<u8> {
        // A terminal reads the Enter key's carriage return as a line feed.
        let within_line = self.last.is_some_and(|last| ![b'\n', b'\r', EOT].contains(&last));
        self.last = Some(EOT);
        let mut message = vec![0; self.headroom];
        message.resize(self.headroom + 1 + usize::from(within_line), EOT);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_line_it_takes_two() {
        for (input, end) in [
            (&[][..], &[EOT][..]),
            (&["a line\n"], &[EOT]),
            (&["a line\r"], &[EOT]),
            (&["\u{4}"], &[EOT]),
            (&["part"], &[EOT, EOT]),
            (&["a line\n", "part"], &[EOT, EOT]),
            (&["part", ""], &[EOT, EOT]),
            (&["part", "\n"], &[EOT]),
            (&[" "], &[EOT, EOT]),
        ] {
            for headroom in [1, 8] {
                let mut eof = TerminalEof::new(headroom);
                for part in input {
                    eof.record(&[&vec![0; headroom], part.as_bytes()].concat());
                }
                assert_eq!(eof.message()[headroom..], *end, "{input:?}");
            }
        }
    }
}
