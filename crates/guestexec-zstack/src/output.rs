//! What a command wrote, as the service tells it.

use std::{borrow::Cow, fmt};

use crate::types::ExecuteGuestVmCommandResponse;

/// What precedes the two streams in an answer's text.
const STDOUT_LABEL: &str = "standardStream: ";
const STDERR_LABEL: &str = ", errorStream: ";

/// What a command wrote. The service tells no exit code.
#[derive(Clone)]
pub struct Output {
    answer: ExecuteGuestVmCommandResponse,
}

impl Output {
    pub(crate) fn new(answer: ExecuteGuestVmCommandResponse) -> Self {
        Self { answer }
    }

    /// The answer's text as it came: both streams with their labels, on one line.
    pub fn stream(&self) -> &str {
        self.answer.stream.as_deref().unwrap_or_default()
    }

    /// Standard output, as far as the text lets it be told from standard error; the whole text
    /// where it has no labels.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().0)
    }

    /// Standard error, as far as the text lets it be told.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().1)
    }

    /// True where the text between the streams occurs more than once, so that their border is a
    /// guess (the first one is taken).
    pub fn ambiguous(&self) -> bool {
        self.stream().matches(STDERR_LABEL).count() > 1
    }

    /// The whole answer, with what it says of the VM.
    pub fn answer(&self) -> &ExecuteGuestVmCommandResponse {
        &self.answer
    }

    fn split(&self) -> (&str, &str) {
        match self.stream().strip_prefix(STDOUT_LABEL) {
            None => (self.stream(), ""),
            Some(rest) => rest.split_once(STDERR_LABEL).unwrap_or((rest, "")),
        }
    }
}

/// Only the size: output may be a secret.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} bytes)", self.stream().len())
    }
}

#[cfg(test)]
mod tests {
    use super::Output;
    use crate::types::ExecuteGuestVmCommandResponse;

    fn output(stream: &str) -> Output {
        Output::new(ExecuteGuestVmCommandResponse {
            stream: Some(stream.to_owned()),
            ..Default::default()
        })
    }

    #[test]
    fn the_documented_text_is_taken_apart() {
        let page = output("standardStream: hello world, errorStream: 1/0 is not a goodScript");
        assert_eq!(page.stdout_lossy(), "hello world");
        assert_eq!(page.stderr_lossy(), "1/0 is not a goodScript");
        assert!(!page.ambiguous());
    }

    #[test]
    fn other_texts_are_kept_whole() {
        assert_eq!(output("just text").stdout_lossy(), "just text");
        assert_eq!(output("standardStream: a").stdout_lossy(), "a");
        assert_eq!(output("").stdout_lossy(), "");
        let odd = output("standardStream: a, errorStream: b, errorStream: c");
        assert_eq!((&*odd.stdout_lossy(), &*odd.stderr_lossy()), ("a", "b, errorStream: c"));
        assert!(odd.ambiguous());
        assert_eq!(odd.stream(), "standardStream: a, errorStream: b, errorStream: c");
    }
}
