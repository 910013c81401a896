//! What a new user does wrong, and what is said of it: what happened, and what to do, in words of the command line.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::fs;

use common::{Place, ended, steady, words};

/// What is wrong, the variables, and the line.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Runs lines with these variables, and shows each with its end. A variable without a value is not set.
fn said(place: &Place, cases: &[Case<'_>]) -> String {
    let mut text = String::new();
    for (what, variables, line) in cases {
        let mut command = place.command(words(line));
        for (name, value) in *variables {
            match value.is_empty() {
                true => command.env_remove(name),
                false => command.env(name, value),
            };
        }
        let ended = ended(command.output().unwrap());
        assert_eq!(ended.stdout, "", "{what}");
        let lines = ended.stderr.lines().count();
        let places = ended.stderr.contains("no credentials of");
        assert!(lines == 2 || places, "{what}: {}", ended.stderr);
        let code = ended.code.unwrap();
        text += &format!("# {what}\n$ guestexec {line}\n{}=> {code}\n\n", ended.stderr);
    }
    settled(place, &text)
}

/// The text with what differs from run to run, and from machine to machine, replaced.
fn settled(place: &Place, text: &str) -> String {
    let mut text = text.replace(&*place.home.path().to_string_lossy(), "<home>");
    for (name, by) in [
        ("(CVM|ECS)( instance: ).*", "$1$2<what the network says>"),
        ("(failed to lookup address information: ).*", "$1<what the resolver says>"),
        ("[0-9a-f]{64}", "<hash>"),
        ("[0-9a-f]{32}", "<hex>"),
        ("[0-9]{8}T[0-9]{6}Z", "<date>"),
    ] {
        let pattern = regex_lite::Regex::new(name).unwrap();
        text = pattern.replace_all(&text, by).into_owned();
    }
    steady(&text)
}

fn a_file(place: &Place, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = place.home.path().join("token");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[test]
fn of_tat() {
    let place = Place::new();
    let instance = place.sandbox.tat().instances()[0].clone();
    let run = |flags: &str| format!("tat run {instance} {flags} -- uptime");
    let tls = place.sandbox.tat().endpoint().replace("http:", "https:");
    let none = [("TENCENTCLOUD_SECRET_ID", ""), ("TENCENTCLOUD_SECRET_KEY", "")];
    insta::assert_snapshot!(said(
        &place,
        &[
            ("a wrong region", &[], &run("--region ap-nowhere")),
            ("no region", &[("TENCENTCLOUD_REGION", "")], &run("")),
            ("no credentials", &none, &run("--quiet")),
            ("half a pair", &[("TENCENTCLOUD_SECRET_KEY", "")], &run("--quiet")),
            ("a wrong key", &[("TENCENTCLOUD_SECRET_KEY", "wrong")], &run("")),
            ("an unknown key", &[("TENCENTCLOUD_SECRET_ID", "AKIDunknown")], &run("")),
            ("a wrong token", &[("TENCENTCLOUD_TOKEN", "t0ken")], &run("")),
            ("an id without a secret", &[], &run("--key-id AKIDx")),
            ("a secret without an id", &[], &run("--secret-from env:X")),
            ("a secret on the command line", &[], &run("--key-id AKIDx --secret-from Zz0secret")),
            ("a wrong id", &[], "tat run ins-typo -- uptime"),
            ("nothing listens", &[], &run("--endpoint http://127.0.0.1:1 --retries 0")),
            (
                "no such host",
                &[],
                &run("--endpoint https://nowhere.invalid --retries 0 --proxy none")
            ),
            ("plain http", &[], &run("--endpoint http://tat.example")),
            ("no scheme", &[], &run("--endpoint tat.example")),
            ("https to a service without", &[], &run(&format!("--endpoint {tls} --retries 0"))),
            (
                "a proxy that is down",
                &[],
                &run("--endpoint https://tat.example --proxy http://127.0.0.1:1 --retries 0"),
            ),
            ("a password in the proxy's address", &[], &run("--proxy http://u:p4ssword@proxy:1")),
            ("an unknown profile", &[], &run("--profile prod")),
        ]
    ));
}

#[test]
fn of_cci() {
    let place = Place::new();
    let exec = |flags: &str| format!("cci exec {flags} -- uptime");
    let none = [("HUAWEICLOUD_SDK_AK", ""), ("HUAWEICLOUD_SDK_SK", "")];
    let nowhere = [("HUAWEICLOUD_SDK_REGION", ""), ("GUESTEXEC_CCI_ENDPOINT", "")];
    let token = a_file(&place, "MIItoken");
    insta::assert_snapshot!(said(
        &place,
        &[
            ("no region", &nowhere, &exec("demo")),
            ("a malformed region", &[], &exec("demo --region cn_north")),
            ("no credentials", &none, &exec("demo --quiet")),
            ("a wrong key", &[("HUAWEICLOUD_SDK_SK", "wrong")], &exec("demo")),
            ("an unknown key", &[("HUAWEICLOUD_SDK_AK", "UNKNOWN")], &exec("demo")),
            ("a wrong token", &[], &exec(&format!("demo --token-from file:{token}"))),
            ("a user without an account", &[], &exec("demo --user me --secret-from env:X")),
            ("an agency without an account", &[], &exec("demo --agency ops")),
            ("two that take the input", &[], &exec("demo -i --key-id x --secret-from stdin"),),
            ("a wrong pod", &[], &exec("typo")),
            ("a wrong namespace", &[], &exec("demo -n typo")),
            ("nothing listens", &[], &exec("demo --endpoint http://127.0.0.1:1 --retries 0")),
            ("plain http", &[], &exec("demo --endpoint http://cci.example")),
            (
                "a proxy that is down",
                &[],
                &exec("demo --endpoint https://cci.example --proxy http://127.0.0.1:1 --retries 0"),
            ),
        ]
    ));
}

#[test]
fn of_zstack() {
    let place = Place::new();
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let exec = |flags: &str| format!("zstack exec {vm} {flags} -- uptime");
    let key = [("ZSTACK_ACCESS_KEY_ID", ""), ("ZSTACK_ACCESS_KEY_SECRET", "")];
    let none = [&key[..], &[("ZSTACK_ACCOUNT_NAME", ""), ("ZSTACK_PASSWORD", "")]].concat();
    let wrong = [&key[..], &[("ZSTACK_PASSWORD", "wrong")]].concat();
    insta::assert_snapshot!(said(
        &place,
        &[
            ("no address", &[("ZSTACK_ENDPOINT", ""), ("ZSTACK_HOST", "")], &exec("")),
            ("no credentials", &none, &exec("")),
            ("half a pair", &[("ZSTACK_ACCESS_KEY_SECRET", "")], &exec("")),
            ("a wrong key", &[("ZSTACK_ACCESS_KEY_SECRET", "wrong")], &exec("")),
            ("an unknown key", &[("ZSTACK_ACCESS_KEY_ID", "unknown")], &exec("")),
            ("a wrong password", &wrong, &exec("")),
            ("the wrong time zone", &[], &exec("--time-zone CST+08:00")),
            ("an unknown VM", &[], &format!("zstack exec {} -- uptime", "0".repeat(32))),
            ("a typo in a VM", &[], "zstack exec typo -- uptime"),
            ("nothing listens", &[], &exec("--endpoint http://127.0.0.1:1 --retries 0")),
            ("plain http", &[], &exec("--endpoint http://zstack.example")),
            (
                "a proxy that is down",
                &[],
                &exec("--endpoint https://zstack.example --proxy http://127.0.0.1:1 --retries 0"),
            ),
        ]
    ));
}

/// TAT's client corrects the clock by itself, and says so.
#[test]
fn of_a_clock_that_is_off() {
    let place = Place::with(|builder| {
        ["tat:clock=-1h", "cci:clock=-1h", "zstack:clock=-1h"]
            .iter()
            .fold(builder, |builder, fault| builder.fault(fault.parse().unwrap()))
    });
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let instance = &place.sandbox.tat().instances()[0];
    let corrected = place.run(&format!("tat run {instance} -- echo done"));
    assert_eq!((corrected.code, &*corrected.stdout), (Some(0), "done\n"), "{corrected}");
    assert!(corrected.stderr.contains("guestexec: warning: this machine's clock"), "{corrected}");
    insta::assert_snapshot!(said(
        &place,
        &[
            ("cci", &[], "cci exec demo -- uptime"),
            ("zstack", &[], &format!("zstack exec {vm} -- uptime")),
        ]
    ));
}

#[test]
fn of_credentials_that_have_expired() {
    let place = Place::with(|builder| {
        ["tat:expire", "cci:expire", "zstack:expire"]
            .iter()
            .fold(builder, |builder, fault| builder.fault(fault.parse().unwrap()))
    });
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let instance = place.sandbox.tat().instances()[0].clone();
    insta::assert_snapshot!(said(
        &place,
        &[
            ("tat", &[], &format!("tat run {instance} -- uptime")),
            ("cci", &[], "cci exec demo -- uptime"),
            ("zstack", &[], &format!("zstack exec {vm} -- uptime")),
        ]
    ));
}

/// All secrets of the sandbox.
fn secrets(place: &Place) -> Vec<String> {
    let names = ["KEY", "SECRET", "PASSWORD", "SK", "TOKEN"];
    let is_secret = |name: &str| names.iter().any(|end| name.ends_with(end));
    let secrets: Vec<String> = (place.sandbox.env().into_iter())
        .filter(|(name, _)| is_secret(&name.to_string()))
        .map(|(_, value)| value.to_string())
        .collect();
    assert!(secrets.len() >= 4, "{secrets:?}");
    secrets
}

#[test]
fn the_calls_are_told_without_a_secret() {
    let place = Place::new();
    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let instance = place.sandbox.tat().instances()[0].clone();
    let lines = [
        format!("tat run {instance} -- true"),
        "cci exec demo -- true".to_owned(),
        format!("zstack exec {vm} -- true"),
        format!(
            "zstack exec {vm} --account {} --secret-from env:ZSTACK_PASSWORD -- true",
            place.sandbox.zstack().account_name()
        ),
        format!("tat run {instance} --region ap-nowhere -- true"),
        "cci exec typo -- true".to_owned(),
    ];
    for line in &lines {
        let quiet = place.run(line);
        let told = place.run(&format!("-v {line}"));
        let each = place.run(&format!("-vv {line}"));
        assert_eq!((quiet.code, told.code), (told.code, each.code));
        let count = |ended: &common::Ended, word: &str| ended.stderr.matches(word).count();
        assert_eq!(count(&quiet, "credentials taken"), 0, "{quiet}");
        assert!(count(&told, "answered") + count(&told, ": failed") > 0, "{told}");
        assert_eq!(count(&told, ": attempt"), 0, "{told}");
        assert!(count(&each, ": attempt") > 0, "{each}");
        for secret in secrets(&place) {
            for ended in [&quiet, &told, &each] {
                assert!(!ended.to_string().contains(&secret), "{line}");
            }
        }
    }
}

#[test]
fn colours_are_as_they_are_asked_for() {
    let place = Place::new();
    let coloured = |flags: &str, variables: &[(&str, &str)]| {
        let line = format!("{flags} -v tat run {} -- true", place.sandbox.tat().instances()[0]);
        let mut command = place.command(words(&line));
        command.envs(variables.iter().copied());
        let ended = ended(command.output().unwrap());
        assert_eq!(ended.code, Some(0), "{ended}");
        ended.stderr.contains('\u{1b}')
    };
    assert!(!coloured("", &[]), "a pipe is no terminal");
    assert!(coloured("--color always", &[]));
    assert!(coloured("--color always", &[("NO_COLOR", "1")]), "a flag comes first");
    assert!(coloured("", &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured("--color never", &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured("", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
