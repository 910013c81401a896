//! The service's text of a command's output.

use std::{borrow::Cow, fmt};

use crate::types::ExecuteGuestVmCommandResponse;

/// The border between the streams on the vendor's page.
const BORDER: &str = ", errorStream: ";

/// The labels of standard output, longer ones first.
const STDOUT_LABELS: [&str; 4] = ["standardStream", "标准输出流", "标准输出", "标准流"];

/// The labels of standard error, longer ones first.
const STDERR_LABELS: [&str; 7] =
    ["errorStream", "标准错误输出", "标准错误流", "标准错误", "错误输出流", "错误输出", "错误流"];

/// The service's text of a command's output. It has no exit code.
///
/// Serialized, it has the members `stream`, `stdout`, `stderr` and `ambiguous`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sandbox = guestexec_sandbox::Sandbox::start().await?;
/// # let client = sandbox.zstack().client()?;
/// let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
/// let output = vm.run("echo hello; echo no such file >&2").unchecked().await?;
/// assert!(output.stream().starts_with("standardStream: hello"));
/// assert_eq!(output.stdout_lossy().trim_end(), "hello");
/// assert_eq!(output.stderr_lossy().trim_end(), "no such file");
/// assert!(!output.ambiguous());
/// println!("{:?}", output.answer().vm_instance);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
pub struct Output {
    answer: ExecuteGuestVmCommandResponse,
}

impl Output {
    pub(crate) fn new(answer: ExecuteGuestVmCommandResponse) -> Self {
        Self { answer }
    }

    /// The text as it was received: both streams with their labels.
    pub fn stream(&self) -> &str {
        self.answer.stream.as_deref().unwrap_or_default()
    }

    /// Standard output, as far as its end can be found in the text; the whole text if it has no labels.
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().0)
    }

    /// Standard error, as far as its beginning can be found in the text.
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.split().1)
    }

    /// True if the streams are a guess: there are no labels, or several possible borders between the streams.
    /// Of those, the first one of the page's form is taken, or else the first.
    pub fn ambiguous(&self) -> bool {
        let (streams, others) = split(self.stream());
        others || (streams.is_none() && !self.stream().trim().is_empty())
    }

    /// The whole answer, which also describes the VM.
    pub fn answer(&self) -> &ExecuteGuestVmCommandResponse {
        &self.answer
    }

    fn split(&self) -> (&str, &str) {
        split(self.stream()).0.unwrap_or((self.stream(), ""))
    }
}

/// Splits a text that begins with a label into both streams; also returns whether there is another place where
/// it could be split.
fn split(text: &str) -> (Option<(&str, &str)>, bool) {
    let begin = text.trim_start();
    if let Some(stderr) = strip_label(begin, &STDERR_LABELS) {
        let again = [&STDOUT_LABELS[..], &STDERR_LABELS[..]];
        return (
            Some(("", stderr)),
            again.iter().any(|labels| !borders(stderr, labels).is_empty()),
        );
    }
    let Some(rest) = strip_label(begin, &STDOUT_LABELS) else { return (None, false) };
    let borders = borders(rest, &STDERR_LABELS);
    let documented = borders.iter().find(|(start, end)| rest[*start..*end] == *BORDER);
    let streams = match documented.or(borders.first()) {
        Some((start, end)) => (&rest[..*start], &rest[*end..]),
        None => (rest, ""),
    };
    (Some(streams), borders.len() > 1)
}

/// Strips a label, its colon, and one blank or line end.
fn strip_label<'a>(text: &'a str, labels: &[&str]) -> Option<&'a str> {
    let rest = labels.iter().find_map(|label| {
        let (head, rest) = text.split_at_checked(label.len())?;
        head.eq_ignore_ascii_case(label).then_some(rest)
    })?;
    let rest = rest.strip_prefix([':', '：'])?;
    let stripped = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix([' ', '\u{3000}', '\n']));
    Some(stripped.unwrap_or(rest))
}

/// Finds the labels after a comma or at the beginning of a line, each as a range with what separates it from
/// the streams.
fn borders(text: &str, labels: &[&str]) -> Vec<(usize, usize)> {
    let blank = [' ', '\t', '\u{3000}'];
    let mut borders: Vec<(usize, usize)> = Vec::new();
    let beginning = std::iter::once((0, 0));
    let marks = text.match_indices([',', '，', '\n']).map(|(at, mark)| (at, at + mark.len()));
    for (start, after) in beginning.chain(marks) {
        let label = text[after..].trim_start_matches(blank);
        let label = match text[start..after].starts_with('\n') {
            true => label,
            // The rest of the line may be blank.
            false => label.trim_start_matches('\r').strip_prefix('\n').unwrap_or(label),
        };
        let Some(rest) = strip_label(label.trim_start_matches(blank), labels) else { continue };
        let end = text.len() - rest.len();
        if borders.last().is_some_and(|(_, last)| *last == end) {
            continue;
        }
        let line_end = text[..start].strip_suffix('\r').filter(|_| text[start..].starts_with('\n'));
        borders.push((line_end.map_or(start, str::len), end));
    }
    borders
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

    #[test]
    fn other_forms_are_taken_apart_as_well() {
        for (text, stdout, stderr) in [
            ("errorStream: e", "", "e"),
            ("standardStream: a, errorStream:", "a", ""),
            ("standardStream: , errorStream:", "", ""),
            ("standardStream:, errorStream:", "", ""),
            ("standardStream: a\nerrorStream: e", "a", "e"),
            ("standardStream: a\r\nerrorStream: e\r\n", "a", "e\r\n"),
            ("standardStream:\na\nb\nerrorStream:\ne\nf", "a\nb", "e\nf"),
            ("standardStream:\nerrorStream: e", "", "e"),
            ("standardStream: a,\nerrorStream: e", "a", "e"),
            ("standardStream：a，errorStream：e", "a", "e"),
            ("standardStream： a， errorStream： e", "a", "e"),
            ("标准输出: a, 错误输出: e", "a", "e"),
            ("标准输出流：a，错误输出流：e", "a", "e"),
            ("标准输出：a\n标准错误：e", "a", "e"),
            ("standardstream: a, errorstream: e", "a", "e"),
            ("\nstandardStream: a, errorStream: e", "a", "e"),
            // Blanks that are output stay.
            ("standardStream:  a \n, errorStream:  e ", " a \n", " e "),
            ("standardStream: \n\nerrorStream: e", "\n", "e"),
        ] {
            let output = output(text);
            let streams = (&*output.stdout_lossy(), &*output.stderr_lossy());
            assert_eq!(streams, (stdout, stderr), "{text:?}");
            assert!(!output.ambiguous(), "{text:?}");
        }
    }

    #[test]
    fn a_guess_is_called_one() {
        for (text, stdout) in [
            ("just text", "just text"),
            ("a, errorStream: b", "a, errorStream: b"),
            // The page's own border before another.
            ("standardStream: a\nerrorStream: b, errorStream: c", "a\nerrorStream: b"),
            ("standardStream: errorStream: b, errorStream: c", "errorStream: b"),
            ("standardStream: a\nerrorStream: b\nerrorStream: c", "a"),
            ("errorStream: e, standardStream: a", ""),
        ] {
            let output = output(text);
            assert_eq!((&*output.stdout_lossy(), output.ambiguous()), (stdout, true), "{text:?}");
        }
        assert!(!output("").ambiguous());
    }
}
