//! The end of a terminal's input.

/// What ends the input of a terminal at the start of a line, and a line that has begun elsewhere:
/// the character ^D, EOT.
const END: u8 = 4;

/// Knows whether the input of a terminal has a line that has begun.
///
/// A terminal's input is never ended on the wire: servers take that for a detach and throw the
/// command's output away.
pub(super) struct EndOfLine {
    room: usize,
    last: Option<u8>,
}

impl EndOfLine {
    /// For messages that begin with `room` bytes for what goes before the input.
    pub(super) fn new(room: usize) -> Self {
        Self { room, last: None }
    }

    /// Input that is sent.
    pub(super) fn see(&mut self, message: &[u8]) {
        self.last = message.get(self.room..).and_then(|input| input.last().copied()).or(self.last);
    }

    /// The message that ends the input: within a line the first ^D only hands over what is there.
    pub(super) fn end(&mut self) -> Vec<u8> {
        // A terminal turns the carriage return of the Enter key into a line feed.
        let within_line = self.last.is_some_and(|last| ![b'\n', b'\r', END].contains(&last));
        self.last = Some(END);
        let mut message = vec![0; self.room];
        message.resize(self.room + 1 + usize::from(within_line), END);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_has_begun_takes_two() {
        for (input, end) in [
            (&[][..], &[END][..]),
            (&["a line\n"], &[END]),
            (&["a line\r"], &[END]),
            (&["\u{4}"], &[END]),
            (&["part"], &[END, END]),
            (&["a line\n", "part"], &[END, END]),
            (&["part", ""], &[END, END]),
            (&["part", "\n"], &[END]),
            (&[" "], &[END, END]),
        ] {
            for room in [1, 8] {
                let mut line = EndOfLine::new(room);
                for part in input {
                    line.see(&[&vec![0; room], part.as_bytes()].concat());
                }
                assert_eq!(line.end()[room..], *end, "{input:?}");
            }
        }
    }
}
