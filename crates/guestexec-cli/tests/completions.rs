//! What shells are told, the manual, and how little is done to start.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use common::{Place, bare, ended, words};
use tempfile::TempDir;

/// What completes the last word of a line, as bash asks for it; flags are left out.
fn completed(mut command: Command, line: &[&str]) -> Vec<String> {
    command.env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9").arg("--").args(line);
    let ended = ended(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{line:?}");
    let is_value = |word: &&str| !word.is_empty() && !word.starts_with('-');
    ended.stdout.lines().filter(is_value).map(str::to_owned).collect()
}

fn none() -> [&'static str; 0] {
    []
}

#[test]
fn machines_are_completed_where_credentials_are_at_hand() {
    let place = Place::new();
    let ask = |line: &[&str]| completed(place.command(none()), line);
    let instances = ask(&["guestexec", "tat", "run", ""]);
    for instance in place.sandbox.tat().instances() {
        assert!(instances.contains(&instance), "{instance} in {instances:?}");
    }
    let first = &place.sandbox.tat().instances()[0];
    let begun = &first[..first.len() - 2];
    assert!(ask(&["guestexec", "tat", "run", begun]).iter().all(|it| it.starts_with(begun)));
    let nowhere = ask(&["guestexec", "tat", "run", "--region", "ap-nowhere", ""]);
    assert_eq!(nowhere, none(), "flags of the line count");
    let vms = ask(&["guestexec", "zstack", "exec", ""]);
    assert!(vms.iter().any(|vm| vm == place.sandbox.zstack().vm_uuid()), "{vms:?}");
    let pods = ask(&["guestexec", "cci", "exec", ""]);
    assert!(pods.iter().any(|pod| pod == place.sandbox.cci().pod()), "{pods:?}");
    assert_eq!(ask(&["guestexec", "cci", "exec", "-n", ""]), ["default"]);
}

#[test]
fn profiles_are_completed_where_one_is_meant() {
    let home = TempDir::new().unwrap();
    let run = |line: &str| ended(bare(home.path()).args(words(line)).output().unwrap());
    for line in [
        "profile add prod tat --region r",
        "profile add probe tat --region r",
        "profile add lab zstack --endpoint https://z",
    ] {
        assert_eq!(run(line).code, Some(0));
    }
    let ask = |line: &[&str]| completed(bare(home.path()), line);
    assert_eq!(ask(&["guestexec", "tat", "--profile", ""]), ["probe", "prod"]);
    assert_eq!(ask(&["guestexec", "tat", "run", "--profile", "prod"]), ["prod"]);
    assert_eq!(ask(&["guestexec", "doctor", "zstack", "--profile", ""]), ["lab"]);
    assert_eq!(ask(&["guestexec", "profile", "use", ""]), ["lab", "probe", "prod"]);
    assert_eq!(ask(&["guestexec", "profile", "remove", "l"]), ["lab"]);
    // A malformed file completes nothing, and says nothing.
    fs::write(home.path().join("config/profiles.toml"), "[").unwrap();
    assert_eq!(ask(&["guestexec", "profile", "use", ""]), none());
}

#[test]
fn no_person_is_asked_no_command_run_and_no_account_logs_in() {
    let place = Place::new();
    let (home, tat, zstack) = (place.home.path(), place.sandbox.tat(), place.sandbox.zstack());
    let mark = home.join("mark");
    let asks = |place_of_secret: &str| {
        let mut command = bare(home);
        command.env("GUESTEXEC_TAT_ENDPOINT", tat.endpoint());
        completed(
            command,
            &[
                "guestexec",
                "tat",
                "run",
                "--region",
                tat.region(),
                "--key-id",
                tat.secret_id(),
                "--secret-from",
                place_of_secret,
                "",
            ],
        )
    };
    assert_eq!(asks("prompt"), none());
    assert_eq!(asks("stdin"), none());
    assert_eq!(
        asks(&format!("command:touch {}; echo {}", mark.display(), tat.secret_key())),
        none()
    );
    assert!(!mark.exists(), "a command was run");
    let mut command = place.command(none());
    command.env_remove("ZSTACK_ACCESS_KEY_ID").env_remove("ZSTACK_ACCESS_KEY_SECRET");
    assert_eq!(completed(command, &["guestexec", "zstack", "exec", ""]), none());
    assert_eq!(zstack.sessions(), 0);
}

/// The program ends although the service never answers.
#[test]
fn a_silent_service_completes_nothing() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let line = ["guestexec", "tat", "run", "--endpoint", &endpoint, ""];
    assert_eq!(completed(place.command(none()), &line), none());
}

#[test]
fn each_shell_has_its_scripts() {
    let home = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        for flags in ["", "--static"] {
            let line = format!("completions {shell} {flags}");
            let ended = ended(bare(home.path()).args(words(&line)).output().unwrap());
            assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{line}");
            assert!(ended.stdout.contains("guestexec"), "{line}");
            assert_eq!(ended.stdout.contains("COMPLETE"), flags.is_empty(), "{line}");
        }
    }
}

/// In bash itself, by both scripts.
#[test]
fn bash_completes_by_the_scripts() {
    let place = Place::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_guestexec"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let ask = |flags: &str, function: &str, line: &str| {
        let script = format!(
            "source <(guestexec completions bash {flags}) || exit 9
             COMP_WORDS=({line} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
             {function} guestexec '' \"${{COMP_WORDS[COMP_CWORD - 1]}}\"
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script]).env_clear().env("PATH", &path).env("HOME", place.home.path());
        ended(command.envs(place.sandbox.env()).output().unwrap())
    };
    let asked = ask("", "_clap_complete_guestexec", "guestexec tat run");
    let instance = &place.sandbox.tat().instances()[0];
    assert!(asked.stdout.lines().any(|line| line == instance), "{asked}");
    let known = ask("--static", "_guestexec", "guestexec completions");
    assert!(known.stdout.lines().any(|line| line == "fish"), "{known}");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("man/man1");
    let dir = folder.to_str().unwrap();
    let written = ended(bare(home.path()).args(["man", "--dir", dir]).output().unwrap());
    assert_eq!(written.code, Some(0), "{written}");
    let pages: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let main = ended(bare(home.path()).args(["man"]).output().unwrap());
    assert_eq!(main.stdout, fs::read_to_string(folder.join("guestexec.1")).unwrap());
    let mut named = BTreeSet::from(["guestexec.1".to_owned()]);
    for page in &pages {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}");
        // A page names those of its subcommands: `guestexec\-tat\-run(1)`.
        let below = text.lines().filter_map(|line| line.strip_suffix("(1)"));
        named.extend(below.map(|name| format!("{}.1", name.replace('\\', ""))));
    }
    assert_eq!(pages, named);
    assert!(pages.contains("guestexec-tat-run.1"), "{pages:?}");
    let refused = ended(bare(home.path()).args(["man", "--dir", "/dev/null/x"]).output().unwrap());
    assert_eq!(refused.code, Some(125));
    insta::assert_snapshot!(refused.stderr);
}

/// Versions and helps come without a runtime and without a look at any file. The kernel gives the program two
/// descriptors besides its three: enough for the loader, too few for a runtime.
#[test]
#[cfg(target_os = "linux")]
fn little_is_done_to_start() {
    let home = TempDir::new().unwrap();
    let config = home.path().join("config");
    fs::create_dir(&config).unwrap();
    fs::write(config.join("profiles.toml"), "[").unwrap();
    let run = |line: &str| {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_guestexec");
        command.args(["-c", &format!("ulimit -n 5; exec '{program}' {line}")]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("GUESTEXEC_CONFIG_DIR", &config);
        ended(command.output().unwrap())
    };
    for line in ["--version", "--help", "tat run --help", "help cci", "profile add --help"] {
        let ended = run(line);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{line}: {ended}");
    }
    let with_runtime = run("completions bash");
    assert_eq!(with_runtime.code, Some(125), "it has descriptors left: {with_runtime}");
}
