//! `guestexec profile`, and what of flags, profiles, environment and the vendor's files counts.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
};

use common::{Ended, Place, bare, ended, steady, words};
use tempfile::TempDir;

/// Runs a line with these variables alone.
fn run(home: &Path, line: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = bare(home);
    command.args(words(line)).envs(variables.iter().copied()).stdin(Stdio::null());
    ended(command.output().unwrap())
}

fn run_with(home: &Path, line: &str, stdin: &str) -> Ended {
    let mut command = bare(home);
    command.args(words(line)).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

fn settled(home: &Path, text: impl std::fmt::Display) -> String {
    steady(&text.to_string().replace(&*home.to_string_lossy(), "<home>"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn private(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn profiles_are_made_listed_chosen_and_removed() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let mut text = String::new();
    for (line, stdin) in [
        ("profile list", ""),
        (
            "profile add prod tat --region ap-guangzhou --key-id AKIDx --keep-secret",
            "s3cret-of-prod\n",
        ),
        ("profile add test tat --region ap-beijing --key-id AKIDy --secret-from file:key", ""),
        (
            "profile add lab zstack --endpoint https://zstack.lab --account admin --secret-from env:PW",
            "",
        ),
        (
            "profile add pods cci --region cn-north-4 --user me --domain us --secret-from 'command:echo s3cret'",
            "",
        ),
        ("profile list", ""),
        ("profile list --output json", ""),
        ("profile list --output jsonl", ""),
        ("profile use test", ""),
        ("profile add prod tat --region ap-tokyo", ""),
        ("profile add prod tat --region ap-tokyo --replace", ""),
        ("profile list", ""),
        ("profile remove test", ""),
        ("profile use test", ""),
        ("profile list", ""),
    ] {
        text += &format!("$ guestexec {line}\n{}\n", run_with(home, line, stdin));
    }
    let shown = text.replace("'command:echo s3cret'", "");
    assert!(!shown.contains("s3cret"), "{shown}");
    // A path that was given as seen from here is kept as seen from anywhere.
    let here = std::env::current_dir().unwrap();
    insta::assert_snapshot!(settled(home, text.replace(&*here.to_string_lossy(), "<here>")));
}

#[test]
fn a_kept_secret_is_for_its_owner_alone_and_goes_with_its_profile() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let config = home.join("config");
    let (file, secret) = (config.join("profiles.toml"), config.join("secrets/prod"));
    let add = "profile add prod tat --region r --key-id AKIDx --keep-secret";
    assert_eq!(run_with(home, add, "s3cret\n").code, Some(0));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "s3cret");
    assert!(!fs::read_to_string(&file).unwrap().contains("s3cret"));
    let folders = [&*config, secret.parent().unwrap()];
    assert_eq!([mode(&file), mode(&secret)], [0o600; 2]);
    assert_eq!(folders.map(mode), [0o700; 2]);
    // What others can read is not used.
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = run(home, "tat run ins-1 -- true", &[]);
    insta::assert_snapshot!(settled(home, refused), @r"
    exit code: Some(125)
    --- stdout
    --- stderr
    guestexec: others can read <home>/config/secrets/prod (its mode is 644)
      Run `chmod 600 <home>/config/secrets/prod`.
    ");
    // Without a secret, the file goes too.
    assert_eq!(run(home, "profile add prod tat --region r --replace", &[]).code, Some(0));
    assert!(!secret.exists());
    assert_eq!(run_with(home, &format!("{add} --replace"), "s3cret\n").code, Some(0));
    assert!(secret.exists());
    assert_eq!(run(home, "profile remove prod", &[]).code, Some(0));
    assert!(!secret.exists());
    // A file of the user's own stays.
    let own = home.join("own");
    private(&own, "s3cret");
    let add = format!("profile add prod tat --key-id x --secret-from file:{}", own.display());
    assert_eq!(run(home, &add, &[]).code, Some(0));
    assert_eq!(run(home, "profile remove prod", &[]).code, Some(0));
    assert!(own.exists());
}

#[test]
fn a_change_keeps_comments_and_order() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let file = home.join("config/profiles.toml");
    private(
        &file,
        "# mine\n[in-use]\ntat = \"b\"\n\n# the second\n[profiles.b]\nprovider = \"tat\" # here\nregion = \"r\"\n\n[profiles.a]\nprovider = \"zstack\"\nendpoint = \"https://z\"\n",
    );
    assert_eq!(run(home, "profile add c cci --region cn-north-4", &[]).code, Some(0));
    assert_eq!(run(home, "profile use a", &[]).code, Some(0));
    insta::assert_snapshot!(fs::read_to_string(&file).unwrap());
}

#[test]
fn a_malformed_file_is_refused_with_its_line() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let file = home.join("config/profiles.toml");
    let mut said = String::new();
    for (text, line) in [
        ("[profiles.a]\nprovider = \"tat\"\nregoin = \"x\"\n", "tat run i -- x"),
        ("[profiles.a]\nprovider = \"aws\"\n", "tat run i -- x"),
        ("[profiles.a]\nregion = \"x\"\n", "tat run i -- x"),
        ("[profiles.a]\nprovider = \"tat\"\nretries = \"two\"\n", "profile list"),
        ("[profiles.a]\nprovider = \"tat\"\ncall-timeout = \"soon\"\n", "profile list"),
        ("# text\n[profiles.a\n", "profile list"),
        ("default = \"a\"\n", "profile add b tat --region r"),
        ("[in-use]\ntat = \"gone\"\n", "tat run i -- x"),
        ("[profiles.a]\nprovider = \"tat\"\n", "zstack exec --profile a v -- x"),
        ("[profiles.a]\nprovider = \"zstack\"\ntime-zone = \"Mars\"\n", "zstack exec v -- x"),
    ] {
        private(&file, text);
        let ended = run(home, line, &[]);
        assert_eq!(ended.code, Some(125), "{text}{ended}");
        said += &format!("{text}$ guestexec {line}\n{}\n", ended.stderr);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    said += &run(home, "profile list", &[]).stderr;
    insta::assert_snapshot!(settled(home, said));
}

#[test]
fn names_that_are_none_are_refused() {
    let home = TempDir::new().unwrap();
    for name in ["../up", ".hidden", "a/b", "", "a b"] {
        let ended = run(home.path(), &format!("profile add '{name}' tat --region r"), &[]);
        assert_eq!(ended.code, Some(125), "{name}: {ended}");
        assert!(!home.path().join("config").exists());
    }
}

/// A program on a terminal of its own.
struct Terminal {
    pty: pty_process::blocking::Pty,
    child: std::process::Child,
    seen: String,
}

impl Terminal {
    fn start(home: &Path, line: &str) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        // If an expected question does not come, the test fails in place of waiting.
        let command = pty_process::blocking::Command::new("timeout")
            .args(["--foreground", "60", env!("CARGO_BIN_EXE_guestexec")])
            .args(words(line))
            .env_clear()
            .env("HOME", home)
            .env("GUESTEXEC_CONFIG_DIR", home.join("config"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let child = command.spawn(pts).unwrap();
        Self { pty, child, seen: String::new() }
    }

    /// Waits for a question, and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        let from = self.seen.len();
        while !self.seen[from..].contains(question) {
            assert!(self.read(), "no `{question}` in {}", self.seen);
        }
        self.pty.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    /// The same for a question whose answer is not shown.
    fn answer_unseen(&mut self, question: &str, answer: &str) {
        let from = self.seen.len();
        while !self.seen[from..].contains(question) {
            assert!(self.read(), "no `{question}` in {}", self.seen);
        }
        // The question comes before the terminal is told to be silent. A person is slower.
        let shows = |pty: &pty_process::blocking::Pty| {
            let modes = rustix::termios::tcgetattr(pty).unwrap().local_modes;
            modes.contains(rustix::termios::LocalModes::ECHO)
        };
        while shows(&self.pty) && self.child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        self.pty.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        // A terminal whose program has ended gives an error.
        let count = self.pty.read(&mut bytes).unwrap_or(0);
        self.seen += &String::from_utf8_lossy(&bytes[..count]);
        count > 0
    }

    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().unwrap().code(), self.seen.replace('\r', ""))
    }
}

#[test]
fn what_is_missing_is_asked_for_on_a_terminal() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let mut terminal = Terminal::start(home, "profile add prod tat");
    terminal.answer("Region", "ap-guangzhou");
    terminal.answer("SecretId", "AKIDx");
    terminal.answer_unseen("Its secret", "s3cret");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("s3cret"), "{seen}");
    assert_eq!(fs::read_to_string(home.join("config/secrets/prod")).unwrap(), "s3cret");

    let mut terminal = Terminal::start(home, "profile add lab zstack");
    terminal.answer("Management node", "https://zstack.lab");
    terminal.answer("Account", "admin");
    terminal.answer_unseen("Its secret", "");
    assert_eq!(terminal.end().0, Some(0));

    let mut terminal = Terminal::start(home, "profile add pods cci");
    terminal.answer("Region", "cn-north-4");
    terminal.answer("Access key", "");
    assert_eq!(terminal.end().0, Some(0));
    let text = fs::read_to_string(home.join("config/profiles.toml")).unwrap();
    insta::assert_snapshot!(settled(home, text));
}

#[test]
fn a_secret_is_asked_for_where_it_is_used() {
    let place = Place::new();
    let home = place.home.path();
    let zstack = place.sandbox.zstack();
    let add = format!(
        "profile add lab zstack --endpoint {} --account {} --secret-from prompt",
        zstack.endpoint(),
        zstack.account_name()
    );
    assert_eq!(run(home, &add, &[]).code, Some(0));
    let mut terminal =
        Terminal::start(home, &format!("zstack exec {} -- echo done", zstack.vm_uuid()));
    terminal.answer_unseen("Secret of --secret-from", zstack.password());
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.ends_with("done\n") && !seen.contains(zstack.password()), "{seen}");
}

/// The order of the help, seen by which key the service refuses.
#[test]
fn what_is_nearer_counts_before_what_is_farther() {
    let place = Place::new();
    let home = place.home.path();
    let tat = place.sandbox.tat();
    let (endpoint, instance) = (tat.endpoint(), tat.instances()[0].clone());
    let key = ("KEY", "no-key");
    for (name, id) in [("used", "AKIDofused"), ("named", "AKIDofnamed")] {
        let add = format!(
            "profile add {name} tat --endpoint {endpoint} --region ap-guangzhou --key-id {id} --secret-from env:KEY"
        );
        assert_eq!(run(home, &add, &[]).code, Some(0));
    }
    private(
        &home.join(".tccli/default.credential"),
        r#"{"secretId": "AKIDoftccli", "secretKey": "no-key"}"#,
    );
    let environment = [
        key,
        ("TENCENTCLOUD_SECRET_ID", "AKIDofenvironment"),
        ("TENCENTCLOUD_SECRET_KEY", "no-key"),
        ("TENCENTCLOUD_REGION", "ap-guangzhou"),
        ("GUESTEXEC_TAT_ENDPOINT", &endpoint),
    ];
    let who = |flags: &str, variables: &[(&str, &str)]| {
        let ended = run(home, &format!("tat run -v {flags} {instance} -- true"), variables);
        assert_eq!(ended.code, Some(125), "{ended}");
        let taken = ended.stderr.split("AKIDof").nth(1);
        taken.and_then(|rest| rest.split('"').next()).map(str::to_owned).unwrap_or(ended.stderr)
    };
    // Keys that were given are not told to be taken; the service says which it does not know.
    let flags = "--key-id AKIDofflags --secret-from env:KEY --profile named";
    let of_flags = run(home, &format!("tat run {flags} {instance} -- true"), &environment);
    assert!(of_flags.stderr.contains("SecretIdNotFound"), "{of_flags}");
    assert_eq!(who("", &environment), "environment");
    assert_eq!(who("", &environment[1..]), "environment");
    assert_eq!(run(home, "profile remove used", &[]).code, Some(0));
    let rest = [environment[3], environment[4]];
    assert_eq!(who("", &rest), "tccli");
    // A pair that lacks a part is no reason to be somebody else without a word.
    let half = [environment[1], environment[3], environment[4]];
    let told = run(home, &format!("tat run {instance} -- true"), &half);
    assert!(told.stderr.contains("TENCENTCLOUD_SECRET_KEY is not set"), "{told}");
}

#[test]
fn the_region_of_the_vendors_own_command_line_is_taken_where_no_other_is_known() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let keys = "--key-id AKIDx --secret-from env:KEY --dry-run";
    let (tat, cci) = ("api tat DescribeRegions", "api cci list_namespaces");
    let region = |line: &str, variables: &[(&str, &str)]| {
        let key = [("KEY", "secret")];
        let ended = run(home, &format!("{line} {keys}"), &[variables, &key].concat());
        assert_eq!(ended.code, Some(0), "{ended}");
        let header = ended.stdout.lines().find_map(|it| it.strip_prefix("x-tc-region: "));
        let host = ended.stdout.split("https://cci.").nth(1);
        header.or(host).and_then(|text| text.split('.').next()).unwrap().to_owned()
    };
    private(
        &home.join(".tccli/default.configure"),
        r#"{"_sys_param": {"output": "json", "region": "ap-one"}, "region": {"version": "2022-06-27"}}"#,
    );
    private(&home.join(".tccli/old.configure"), r#"{"output": "json", "region": "ap-two"}"#);
    assert_eq!(region(tat, &[]), "ap-one");
    assert_eq!(region(tat, &[("TCCLI_PROFILE", "old")]), "ap-two");
    assert_eq!(region(tat, &[("TENCENTCLOUD_REGION", "ap-three")]), "ap-three");
    private(
        &home.join(".hcloud/config.json"),
        r#"{"authEncrypt": "true", "current": "b", "profiles": [
            {"name": "a", "mode": "AKSK", "accessKeyId": "x", "region": "cn-one", "retryCount": 0},
            {"name": "b", "mode": "AKSK", "accessKeyId": "y", "region": "cn-two", "retryCount": 0}]}"#,
    );
    assert_eq!(region(cci, &[]), "cn-two");
    assert_eq!(region(cci, &[("OS_REGION_NAME", "cn-three")]), "cn-three");
    assert_eq!(region(&format!("{cci} --region cn-four"), &[]), "cn-four");
    for spoiled in ["", "{}", "[]", r#"{"current": "b", "profiles": [{"name": "b"}]}"#] {
        fs::write(home.join(".hcloud/config.json"), spoiled).unwrap();
        fs::write(home.join(".tccli/default.configure"), spoiled).unwrap();
        for line in [tat, cci] {
            let ended = run(home, &format!("{line} {keys}"), &[("KEY", "secret")]);
            assert!(ended.stderr.contains("is not known"), "{spoiled}\n{ended}");
        }
    }
}

#[test]
fn each_way_to_say_who_calls_works() {
    let place = Place::new();
    let home = place.home.path();
    let (cci, zstack) = (place.sandbox.cci(), place.sandbox.zstack());
    let secret = |name: &str, text: &str| {
        let path = home.join(name);
        private(&path, text);
        format!("file:{}", path.display())
    };
    let (at, iam) = (cci.endpoint(), cci.iam_endpoint());
    let (node, vm) = (zstack.endpoint(), zstack.vm_uuid());
    let sk = secret("sk", cci.secret_key());
    let lines = [
        format!(
            "cci exec demo --endpoint {at} --key-id {} --secret-from {sk} -- true",
            cci.access_key()
        ),
        format!(
            "cci exec demo --endpoint {at} --iam-endpoint {iam} --region {} --user {} --domain {} --secret-from {} -- true",
            cci.project(),
            cci.user(),
            cci.domain(),
            secret("password", cci.password())
        ),
        format!(
            "zstack exec {vm} --endpoint {node} --account {} --secret-from {} -- true",
            zstack.account_name(),
            secret("account", zstack.password())
        ),
        format!(
            "zstack exec {vm} --endpoint {node} --key-id {} --secret-from 'command:echo {}' -- true",
            zstack.access_key_id(),
            zstack.access_key_secret()
        ),
    ];
    for line in &lines {
        let ended = run(home, line, &[]);
        assert_eq!(ended.code, Some(0), "{line}\n{ended}");
    }
}
