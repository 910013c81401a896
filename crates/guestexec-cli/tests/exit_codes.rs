//! The exit code says how the command ended, in every case, and JSON says it in a word.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{fs, os::unix::fs::PermissionsExt as _};

use common::{Ended, Place, words};
use guestexec_sandbox::Builder;

/// How one case has to end, with each provider.
struct Case {
    /// What happens, in words.
    name: &'static str,
    /// The sandbox in which it happens.
    sandbox: fn(Builder) -> Builder,
    /// Variables that differ from what the sandbox prints.
    variables: &'static [(&'static str, &'static str)],
    /// For each provider: what follows its name, the exit code, and the word in JSON. `POD`, `VM` and `INSTANCE`
    /// stand for those of the sandbox, and `FILE` for one that cannot be run.
    lines: &'static [(&'static str, &'static str, i32, &'static str)],
}

fn as_usual(builder: Builder) -> Builder {
    builder
}

/// The key's secret, in the variables of each provider.
const WRONG_KEY: &[(&str, &str)] = &[
    ("TENCENTCLOUD_SECRET_KEY", "wrong"),
    ("ZSTACK_ACCESS_KEY_SECRET", "wrong"),
    ("HUAWEICLOUD_SDK_SK", "wrong"),
];

/// Nobody listens there.
const DEAD_ENDPOINT: &[(&str, &str)] = &[
    ("GUESTEXEC_TAT_ENDPOINT", "http://127.0.0.1:1"),
    ("ZSTACK_ENDPOINT", "http://127.0.0.1:1"),
    ("GUESTEXEC_CCI_ENDPOINT", "http://127.0.0.1:1"),
];

const CASES: &[Case] = &[
    Case {
        name: "a signal",
        sandbox: as_usual,
        variables: &[],
        lines: &[
            ("cci", "exec POD -- sh -c 'kill -9 $$'", 137, "signaled"),
            ("zstack", "exec VM -- 'kill -9 $$'", 137, "signaled"),
            // TAT reports that a signal ended it, and not which.
            ("tat", "run INSTANCE -- 'kill -9 $$'", 128, "signaled"),
        ],
    },
    Case {
        name: "a command that is not there",
        sandbox: as_usual,
        variables: &[],
        lines: &[
            ("cci", "exec POD -- no-such-command", 127, "not-started"),
            // The machine's shell was started, and says so itself.
            ("zstack", "exec VM -- no-such-command", 127, "exited"),
            ("tat", "run INSTANCE -- no-such-command", 127, "exited"),
        ],
    },
    Case {
        name: "a file that cannot be run",
        sandbox: as_usual,
        variables: &[],
        lines: &[
            ("cci", "exec POD -- FILE", 126, "not-started"),
            ("zstack", "exec VM -- FILE", 126, "exited"),
            ("tat", "run INSTANCE -- FILE", 126, "exited"),
        ],
    },
    Case {
        name: "no such target",
        sandbox: as_usual,
        variables: &[],
        lines: &[
            ("cci", "exec no-such-pod -- true", 125, "not-started"),
            ("zstack", "exec 00000000000000000000000000000000 -- true", 125, "not-started"),
            ("tat", "run ins-nosuch00 -- true", 125, "not-started"),
        ],
    },
    Case {
        name: "a wrong key",
        sandbox: as_usual,
        variables: WRONG_KEY,
        lines: &[
            ("cci", "exec POD -- true", 125, "not-started"),
            ("zstack", "exec VM -- true", 125, "not-started"),
            ("tat", "run INSTANCE -- true", 125, "not-started"),
        ],
    },
    Case {
        name: "an endpoint that does not answer",
        sandbox: as_usual,
        variables: DEAD_ENDPOINT,
        lines: &[
            ("cci", "--retries 0 exec POD -- true", 125, "not-started"),
            ("zstack", "--retries 0 exec VM -- true", 125, "not-started"),
            ("tat", "--retries 0 run INSTANCE -- true", 125, "not-started"),
        ],
    },
    Case {
        name: "a connection that is cut, or an answer that is lost",
        sandbox: |builder| {
            let faults = [
                "cci.exec:reset",
                "zstack.ExecuteGuestVmCommand:lose-answer",
                // A run that is found is followed, as if its answer had come.
                "tat.RunCommand:lose-answer",
                "tat.DescribeInvocationTasks:bad-gateway",
            ];
            // No job is found afterwards.
            let builder = builder.zstack_job_life(std::time::Duration::ZERO);
            faults.iter().fold(builder, |builder, fault| builder.fault(fault.parse().unwrap()))
        },
        variables: &[],
        lines: &[
            ("cci", "exec POD -- sh -c 'echo begun; sleep 5'", 125, "unknown"),
            ("zstack", "exec VM -- true", 125, "unknown"),
            ("tat", "--retries 0 run INSTANCE -- true", 125, "unknown"),
        ],
    },
    Case {
        name: "a timeout",
        sandbox: as_usual,
        variables: &[],
        lines: &[
            ("cci", "exec --timeout 1s POD -- sleep 20", 124, "timed-out"),
            ("zstack", "exec --timeout 1s VM -- 'sleep 20'", 124, "timed-out"),
            ("tat", "run --timeout 1s INSTANCE -- 'sleep 20'", 124, "timed-out"),
        ],
    },
];

/// Runs a line with `--output json` and returns its end, and the word for it.
fn in_json(place: &Place, line: &str, variables: &[(&str, &str)]) -> (Ended, String) {
    let mut arguments = vec!["--output".to_owned(), "json".to_owned()];
    arguments.extend(words(line));
    let ended =
        common::ended(place.command(arguments).envs(variables.iter().copied()).output().unwrap());
    let result: serde_json::Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{line}: {error}\n{ended}"));
    let word = result["ended"].as_str().unwrap_or_default().to_owned();
    (ended, word)
}

/// The line with the sandbox's names in it.
fn with_names(place: &Place, line: &str) -> String {
    let file = place.home.path().join("no-program");
    fs::write(&file, "text").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    line.replace("POD", place.sandbox.cci().pod())
        .replace("VM", place.sandbox.zstack().vm_uuid())
        .replace("INSTANCE", &place.sandbox.tat().instances()[0])
        .replace("FILE", file.to_str().unwrap())
}

#[test]
fn the_commands_own_code_is_that_of_the_program() {
    let place = Place::new();
    for code in [0, 1, 3, 124, 125, 126, 127, 137, 255] {
        for line in [
            format!("cci exec POD -- sh -c 'exit {code}'"),
            format!("zstack exec VM -- 'exit {code}'"),
            format!("tat run INSTANCE -- 'exit {code}'"),
        ] {
            let line = with_names(&place, &line);
            let ended = place.run(&line);
            assert_eq!(ended.code, Some(code), "{line}\n{ended}");
            assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""), "{line}");
            let (ended, word) = in_json(&place, &line, &[]);
            // 128 and a signal's number is how shells and container runtimes report a signal.
            let expected = if code == 137 { "signaled" } else { "exited" };
            assert_eq!((ended.code, &*word), (Some(code), expected), "{line}\n{ended}");
        }
    }
}

#[test]
fn every_other_end_has_its_code_and_its_word() {
    let mut wrong = Vec::new();
    for case in CASES {
        let place = Place::with(case.sandbox);
        for &(provider, line, code, word) in case.lines {
            let line = with_names(&place, &format!("{provider} {line}"));
            let run = |extra: &[&str]| {
                let arguments = extra.iter().map(|word| (*word).to_owned()).chain(words(&line));
                let mut command = place.command(arguments);
                common::ended(command.envs(case.variables.iter().copied()).output().unwrap())
            };
            let text = run(&[]);
            let (json, found) = in_json(&place, &line, case.variables);
            // Another code for all that is not the command's own.
            let set = run(&["--failure-code", "99"]);
            let has_ended = ["exited", "signaled"].contains(&word);
            let expected = (Some(code), Some(code), word, Some(if has_ended { code } else { 99 }));
            // A command that has ended says nothing of ours; every other end is explained.
            let is_explained = text.stderr.contains("guestexec: ");
            if (text.code, json.code, &*found, set.code) != expected || is_explained == has_ended {
                wrong.push(format!("{}: {line}\n{text}\n{json}\n{:?}\n", case.name, set.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wrong_arguments_are_no_commands_exit_code() {
    let place = Place::new();
    for (line, code) in [
        ("cci exec --bogus demo -- false", 125),
        ("--failure-code 99 cci exec --bogus demo -- false", 99),
        ("cci exec demo", 125),
        ("tat run -- false", 125),
    ] {
        let ended = place.run(line);
        assert_eq!(ended.code, Some(code), "{line}\n{ended}");
        assert!(ended.stdout.is_empty() && ended.stderr.contains("Usage:"), "{line}\n{ended}");
    }
}
