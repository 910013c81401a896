//! Which answers prove that a command was not started: one table, each row with its reason. Any other
//! answer proves nothing, and the command may have run.
//!
//! A message may quote the command, whose arguments may be anything. So a row never matches a part of
//! a message: it matches all of it, after the prefixes that Kubernetes and the container runtime are
//! known to add.

use guestexec_core::ErrorKind;

use crate::StartFailure;

/// One answer that is a proof.
pub(crate) struct Row {
    answer: Answer,
    /// The kind of the error, if it is more specific than the HTTP status.
    pub(crate) kind: Option<ErrorKind>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for readers, and for a test that requires it")
    )]
    why: &'static str,
}

enum Answer {
    /// This HTTP status in place of the upgrade, from anyone.
    Http(u16),
    /// This HTTP status in place of the upgrade, from the service itself.
    OfService(u16),
    /// This message of a 5xx in place of the upgrade, or of a Failure after it. `{quoted}` matches a
    /// string in Go's quotes, `{word}` letters, digits and `_.-`, `{rest}` anything.
    Text(&'static str),
}

use Answer::{Http, OfService, Text};
use ErrorKind::{NotFound, Refused, Unsupported};

const fn row(answer: Answer, kind: Option<ErrorKind>, why: &'static str) -> Row {
    Row { answer, kind, why }
}

const REFUSED_REQUEST: &str = "a server that refuses a request as invalid passes nothing on";
const NOT_EXECUTED: &str = "runc reports it only while its process has not become the program";
const NOT_LOOKED_UP: &str = "the program is looked up before it is executed";
const NO_CONTAINER: &str = "there is no running container to start the command in";
const NO_STREAMS: &str =
    "the node starts a command after its streams are open, and they never were";

#[rustfmt::skip]
static TABLE: &[Row] = &[
    row(Http(400), None, REFUSED_REQUEST),
    row(Http(401), None, REFUSED_REQUEST),
    row(Http(403), None, REFUSED_REQUEST),
    row(Http(404), None, "a server that answers so has nothing to run a command in"),
    row(Http(405), None, REFUSED_REQUEST),
    row(Http(406), None, REFUSED_REQUEST),
    row(Http(407), None, "a proxy that requires credentials passes nothing on"),
    row(Http(410), None, "a server that answers so has nothing to run a command in"),
    row(Http(411), None, REFUSED_REQUEST),
    row(Http(413), None, REFUSED_REQUEST),
    row(Http(414), None, REFUSED_REQUEST),
    row(Http(415), None, REFUSED_REQUEST),
    row(Http(421), None, "a server that answers so does not serve this host"),
    row(Http(422), None, REFUSED_REQUEST),
    row(Http(426), None, REFUSED_REQUEST),
    row(Http(429), None, "a rate limit comes before anything else"),
    row(Http(431), None, REFUSED_REQUEST),
    row(Http(451), None, REFUSED_REQUEST),
    row(Http(501), None, "a server that answers so cannot do it, and passes nothing on"),
    // A gateway's 409 may be about a request that it passed on, as 408 and 499 are.
    row(OfService(409), None, "the service answers so before it upgrades the connection, or stores a pod"),

    row(Text("unable to start container process: {rest}"), Some(Refused), NOT_EXECUTED),
    row(Text("container_linux.go:{word}: starting container process caused{rest}"), Some(Refused), NOT_EXECUTED),
    row(Text("exec: {quoted}: executable file not found in $PATH"), Some(Refused), NOT_LOOKED_UP),
    row(Text("exec: {quoted}: no such file or directory"), Some(Refused), NOT_LOOKED_UP),
    row(Text("exec: {quoted}: permission denied"), Some(Refused), NOT_LOOKED_UP),
    row(Text("{quoted}: executable file not found in $PATH"), Some(Refused), NOT_LOOKED_UP),
    row(Text("args must not be empty"), Some(Refused), "no program is named"),
    row(Text("cannot exec in a stopped container"), Some(NotFound), NO_CONTAINER),
    row(Text("cannot exec in a paused container{rest}"), Some(Refused), NO_CONTAINER),
    row(Text("container does not exist"), Some(NotFound), NO_CONTAINER),
    row(Text("failed to create exec {quoted}: {rest}"), Some(Refused), "containerd creates a process before it starts it"),
    row(Text("failed to find container {quoted} in store: {rest}"), Some(NotFound), NO_CONTAINER),
    row(Text("failed to load task: {rest}"), Some(NotFound), NO_CONTAINER),
    row(Text("container is in {word} state"), Some(NotFound), NO_CONTAINER),
    row(Text("container not found ({quoted})"), Some(NotFound), NO_CONTAINER),
    row(Text("container is not created or running{rest}"), Some(NotFound), NO_CONTAINER),
    row(Text("container is not running"), Some(NotFound), NO_CONTAINER),
    row(Text("container {word} is not running"), Some(NotFound), NO_CONTAINER),
    row(Text("container not running ({word})"), Some(NotFound), NO_CONTAINER),
    row(Text("unable to upgrade: {rest}"), Some(Unsupported), NO_STREAMS),
    row(Text("unable to upgrade connection: container not found ({quoted})"), Some(NotFound), NO_STREAMS),
    row(Text("unable to upgrade connection: {rest}"), None, NO_STREAMS),
    row(Text("failed calling webhook {quoted}: {rest}"), Some(Refused), "admission comes before a request is passed on"),
    row(Text("error dialing backend: {rest}"), None, "the node was not reached"),
    row(Text("error sending request: {word} {quoted}: dial tcp {rest}"), None, "the node was not reached"),
];

/// The prefixes that Kubernetes and the runtime add to the cause, in this order; each is optional.
const PREFIXES: [&str; 6] = [
    "error executing command in container: ",
    "failed to exec in container: ",
    "failed to start exec {quoted}: ",
    "OCI runtime exec failed: ",
    "exec failed: ",
    "rpc error: code = {word} desc = ",
];

/// Finds the proof in an HTTP answer in place of the upgrade.
pub(crate) fn by_http(status: u16, of_service: bool, message: &str) -> Option<&'static Row> {
    let by_status = |row: &&Row| match row.answer {
        Http(this) => this == status,
        OfService(this) => this == status && of_service,
        Text(_) => false,
    };
    match status {
        500..=599 => by_text(message).or_else(|| TABLE.iter().find(by_status)),
        _ => TABLE.iter().find(by_status),
    }
}

/// Finds the proof in the message of a failure. After output, a message proves nothing.
pub(crate) fn by_text(message: &str) -> Option<&'static Row> {
    let cause = cause_in(message);
    TABLE.iter().find(|row| match row.answer {
        Text(pattern) => strip_pattern(cause, pattern).is_some_and(str::is_empty),
        Http(_) | OfService(_) => false,
    })
}

/// Why a program was not started, in a message that is a proof of it.
pub(crate) fn start_failure(message: &str) -> Option<StartFailure> {
    const HEADS: [&str; 2] = [
        "unable to start container process: ",
        "container_linux.go:{word}: starting container process caused",
    ];
    by_text(message)?;
    let cause = cause_in(message);
    let rest = HEADS.iter().find_map(|head| strip_pattern(cause, head));
    // Older runtimes quote their cause once more.
    let of_program = rest.map(|rest| rest.trim_start_matches([':', ' ', '"']));
    // Other failures end in the same words: that of a working directory, say.
    if !of_program.unwrap_or(cause).starts_with("exec")
        && (rest.is_some() || !cause.starts_with('"'))
    {
        return None;
    }
    let cause = cause.trim_end_matches('"');
    let ends = |texts: &[&str]| texts.iter().any(|text| cause.ends_with(text));
    if ends(&["executable file not found in $PATH", "no such file or directory"]) {
        Some(StartFailure::NotFound)
    } else if ends(&["permission denied", "exec format error", "is a directory"]) {
        Some(StartFailure::CannotRun)
    } else {
        None
    }
}

/// The cause in a message, without what Kubernetes and the runtime add to it.
fn cause_in(message: &str) -> &str {
    let mut cause = message.trim();
    // Each Kubernetes server that passes a failure on adds this prefix.
    while let Some(rest) = cause.strip_prefix("Internal error occurred: ") {
        cause = rest;
    }
    for prefix in PREFIXES {
        cause = strip_pattern(cause, prefix).unwrap_or(cause);
    }
    // containerd's shim adds this gRPC code to all failures of runc.
    cause.strip_suffix(": unknown").unwrap_or(cause)
}

/// Removes what `pattern` matches from the front of `text`.
fn strip_pattern<'a>(mut text: &'a str, pattern: &str) -> Option<&'a str> {
    let mut pattern = pattern;
    loop {
        let Some((literal, rest)) = pattern.split_once('{') else {
            return text.strip_prefix(pattern);
        };
        text = text.strip_prefix(literal)?;
        let (name, rest) = rest.split_once('}')?;
        text = match name {
            "quoted" => strip_quoted(text)?,
            "word" => strip_word(text)?,
            _ => "",
        };
        pattern = rest;
    }
}

/// Removes a string in Go's quotes, in which a backslash precedes each quote.
fn strip_quoted(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    Some(&inside[end + 1..])
}

fn strip_word(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.-".contains(c));
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNC: &str = "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"e51dc46de2d0e308239e7ef3e5826a25d82955598a685422f8b273cb5e708938\": OCI runtime exec failed: exec failed: ";
    const KUBELET: &str = "Internal error occurred: error executing command in container: ";
    const CONTAINERD: &str = "Internal error occurred: error executing command in container: failed to exec in container: ";

    /// Messages that servers send; those of containerd 1.6 and 2.1 and of kube-apiserver are recorded.
    fn proofs() -> Vec<String> {
        let runc = |cause: &str| format!("{RUNC}{cause}: unknown");
        let kubelet = |cause: &str| format!("{KUBELET}{cause}");
        let containerd = |cause: &str| format!("{CONTAINERD}{cause}");
        let mut proofs = vec![
            runc(
                r#"unable to start container process: exec: "nope": executable file not found in $PATH"#,
            ),
            runc(
                r#"unable to start container process: exec: "/nope": stat /nope: no such file or directory"#,
            ),
            runc(r#"unable to start container process: exec: "/etc": permission denied"#),
            runc(
                r#"unable to start container process: exec: "": executable file not found in $PATH"#,
            ),
            runc(
                r#"unable to start container process: exec: "a\"b\\ c\n": executable file not found in $PATH"#,
            ),
            runc("unable to start container process: error executing setns process: exit status 1"),
            runc("args must not be empty"),
            runc("cannot exec in a stopped container"),
            runc("cannot exec in a paused container (use --ignore-paused to override)"),
            runc("container does not exist"),
            runc(
                r#"container_linux.go:380: starting container process caused: exec: "nope": executable file not found in $PATH"#,
            ),
            runc(
                r#"container_linux.go:349: starting container process caused "exec: \"nope\": executable file not found in $PATH""#,
            ),
            kubelet(r#""nope": executable file not found in $PATH"#),
            kubelet(
                r#"unable to start container process: exec: "/nope": no such file or directory"#,
            ),
            kubelet(r#"exec: "nope": executable file not found in $PATH"#),
            kubelet(r#"exec: "/etc": permission denied"#),
            kubelet(r#"exec: "/nope": no such file or directory"#),
            kubelet("args must not be empty"),
            kubelet("container is not created or running"),
            kubelet(
                "rpc error: code = NotFound desc = container is not created or running: checking if PID of 58577e is running failed: container process not found",
            ),
            kubelet("container not running (58577e7deb7b)"),
            kubelet("container is not running"),
            kubelet("container 58577e7deb7b is not running"),
            containerd(r#"failed to create exec "ab12": cannot exec in a stopped state: unknown"#),
            containerd(r#"failed to find container "ab12" in store: not found"#),
            containerd(
                "failed to load task: no running task found: task ab12 not found: not found",
            ),
            containerd("container is in CONTAINER_EXITED state"),
        ];
        proofs.extend(
            [
                r#"container not found ("main")"#,
                "unable to upgrade: unable to hijack response",
                r#"Internal error occurred: unable to upgrade connection: container not found ("main")"#,
                "Internal error occurred: unable to upgrade connection: pod does not exist",
                r#"Internal error occurred: failed calling webhook "a.b": Post "https://a.b:443/": EOF"#,
                "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused",
                "error dialing backend: dial tcp: lookup node-1 on 10.0.0.2:53: no such host",
                r#"Internal error occurred: error sending request: Post "https://10.0.0.1:10250/exec/ns/web-0/main?command=x": dial tcp 10.0.0.1:10250: connect: connection refused"#,
            ]
            .map(str::to_owned),
        );
        proofs
    }

    /// Words that a command may contain or print.
    const WORDS: [&str; 12] = [
        "no such file or directory",
        "permission denied",
        r#"exec: "x": executable file not found in $PATH"#,
        r#"exec: \"x\": executable file not found in $PATH"#,
        "executable file not found in $PATH: unknown",
        "unable to start container process: x",
        "args must not be empty",
        r#"container not found ("main")"#,
        "container is not running",
        "error dialing backend: x",
        "unable to upgrade connection: x",
        RUNC,
    ];

    #[test]
    fn each_row_matches_and_has_its_reason() {
        let mut met = vec![false; TABLE.len()];
        let mut meet = |what: &str, row: Option<&'static Row>| {
            let row = row.unwrap_or_else(|| panic!("{what} is no proof"));
            met[TABLE.iter().position(|this| std::ptr::eq(this, row)).unwrap()] = true;
            assert!(!row.why.is_empty(), "{what}");
        };
        for text in proofs() {
            meet(&text, by_text(&text));
            // The API server's WebSockets add one more prefix.
            meet(&text, by_text(&format!("Internal error occurred: {text}")));
            meet(&text, by_http(500, false, &text));
        }
        for row in TABLE {
            match row.answer {
                Http(status) => meet("a status", by_http(status, false, "")),
                OfService(status) => {
                    assert!(by_http(status, false, "").is_none(), "{status}");
                    meet("a status", by_http(status, true, ""));
                }
                Text(_) => {}
            }
        }
        for (row, met) in TABLE.iter().zip(met) {
            let Text(text) = row.answer else { continue };
            assert!(met, "nothing shows that `{text}` is needed");
        }
    }

    #[test]
    fn a_program_that_cannot_be_started_has_its_reason() {
        use StartFailure::{CannotRun, NotFound};
        let runc = |cause: &str| format!("{RUNC}{cause}: unknown");
        for text in proofs() {
            let expected = match &*text {
                text if text.contains("executable file not found") => Some(NotFound),
                text if text.contains("exec: \"/nope\"") => Some(NotFound),
                text if text.contains("\"/etc\": permission denied") => Some(CannotRun),
                _ => None,
            };
            assert_eq!(start_failure(&text), expected, "{text}");
        }
        for (text, expected) in [
            (
                runc("unable to start container process: exec /x: exec format error"),
                Some(CannotRun),
            ),
            (
                runc(r#"unable to start container process: exec: "/etc": is a directory"#),
                Some(CannotRun),
            ),
            (
                runc(
                    "unable to start container process: chdir to cwd (\"/x\") set in config.json failed: no such file or directory",
                ),
                None,
            ),
            (runc(r#"failed to create exec "ab": no such file or directory"#), None),
            ("exec: \"x\": permission denied".to_owned(), Some(CannotRun)),
            ("x: permission denied".to_owned(), None),
        ] {
            assert_eq!(start_failure(&text), expected, "{text}");
        }
    }

    #[test]
    fn other_statuses_prove_nothing() {
        for status in 100..1000 {
            let known = TABLE.iter().any(|row| matches!(row.answer, Http(this) if this == status));
            assert_eq!(by_http(status, false, "").is_some(), known, "{status}");
            let is_5xx = (500..600).contains(&status);
            let text = "error dialing backend: x";
            assert_eq!(by_http(status, false, text).is_some(), known || is_5xx, "{status}");
        }
        for status in [200, 302, 402, 408, 409, 425, 499, 500, 502, 503, 504] {
            assert!(by_http(status, false, "upstream timed out").is_none(), "{status}");
        }
        assert!(by_http(408, true, "").is_none() && by_http(504, true, "").is_none());
    }

    #[test]
    fn a_message_that_only_quotes_such_words_proves_nothing() {
        let fixed = [
            "",
            "node on fire",
            "unknown",
            "Internal error occurred: ",
            "Internal error occurred: error executing command in container: permission denied",
            "Internal error occurred: error executing command in container: write /var/log/x: permission denied",
            "Internal error occurred: error sending output: write unix @->/run/containerd/s: no such file or directory",
            r#"Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "ab": ttrpc: closed: unknown"#,
            r#"Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "ab": context deadline exceeded"#,
            r#"Internal error occurred: error executing command in container: failed to exec in container: failed while waiting for exec "ab": no such file or directory"#,
            r#"Internal error occurred: error executing command in container: failed to exec in container: timeout 10s exceeded: context deadline exceeded"#,
            r#"Internal error occurred: error executing command in container: exec: "sh": executable file not found in $PATH while it ran"#,
            r#"Internal error occurred: error executing command in container: exec: "sh" ran, and then "y": executable file not found in $PATH"#,
            "container not found (\"main\") any more, after it ended",
            "container a b is not running",
            "the container is not running",
            "error sending request: Post \"https://node/exec?command=%22x\": EOF",
            "error sending request: Post \"https://node/exec\": read tcp 10.0.0.1:1: dial tcp",
        ];
        for text in fixed {
            assert!(by_text(text).is_none(), "{text}");
        }
        for words in WORDS {
            for around in [
                "Internal error occurred: error attaching: stream broke while running [sh -c ls || echo {}]",
                "Internal error occurred: error executing command in container: command [sh -c echo {}] timed out",
                "Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \"ab\": context deadline exceeded, [sh -c {}]",
                "Internal error occurred: error executing command in container: failed to exec in container: failed to kill exec \"ab\": {}",
                "Internal error occurred: error executing command in container: OCI runtime exec failed: the process [echo {}] has ended: unknown",
                "command terminated with {}",
                "write /tmp/{}: disk full",
                "/{}: write: disk full",
                "\"{}\": write: disk full",
                "'{}'",
                "unexpected: {}",
                "Internal Error Occurred: {}",
                "error executing command: {}",
            ] {
                let text = around.replace("{}", words);
                assert!(by_text(&text).is_none(), "{text}");
            }
        }
    }

    #[test]
    fn a_proof_in_a_quoted_command_proves_nothing() {
        for proof in proofs() {
            for text in [
                format!("error attaching: stream broke while running [sh -c echo {proof}]"),
                format!("Internal error occurred: running {proof:?} broke: {proof}"),
                format!("{proof:?}: {proof}"),
                format!("x{proof}"),
                format!("stdin: {proof}"),
            ] {
                assert!(by_text(&text).is_none(), "{text}");
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_anywhere_does_not_panic() {
        for proof in proofs() {
            for end in 0..proof.len() {
                let _ = by_text(&proof[..end]);
                let _ = by_text(&proof[end..]);
            }
        }
        assert_eq!(strip_quoted("\"\\"), None);
        assert_eq!(strip_quoted("\"\\\\\"x"), Some("x"));
        assert_eq!(strip_quoted("\"ä\\\"\"x"), Some("x"));
    }
}
