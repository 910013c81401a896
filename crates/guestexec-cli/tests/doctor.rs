//! `guestexec doctor`: what it looks at, and what it says of it.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use common::{Ended, Place, bare, ended, steady, words};
use tempfile::TempDir;

/// The report without what differs from run to run and from network to network.
fn settled(home: &Path, report: impl std::fmt::Display) -> String {
    let mut text = report.to_string().replace(&*home.to_string_lossy(), "<home>");
    for (name, by) in [
        ("(CVM|ECS) instance: (nothing|unusable).*", "$1 instance: <what the network says>"),
        ("answers in [0-9]+ ms", "answers in <time>"),
        ("(is not known|lookup address information): .*", "$1: <what the resolver says>"),
        ("[0-9]{8}T[0-9]{6}Z", "<date>"),
        ("[0-9a-f]{64}", "<hash>"),
        ("[0-9a-f]{32}", "<hex>"),
    ] {
        text = regex_lite::Regex::new(name).unwrap().replace_all(&text, by).into_owned();
    }
    steady(&text)
}

fn run(place: &Place, line: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = place.command(words(line));
    for (name, value) in variables {
        match value.is_empty() {
            true => command.env_remove(name),
            false => command.env(name, value),
        };
    }
    ended(command.output().unwrap())
}

#[test]
fn all_is_well_where_all_is_set_up() {
    let place = Place::new();
    let report = run(&place, "doctor", &[]);
    assert_eq!(report.code, Some(0), "{report}");
    insta::assert_snapshot!(settled(place.home.path(), report));
}

#[test]
fn nothing_is_wrong_with_what_nobody_has_set_up() {
    let home = TempDir::new().unwrap();
    let report = ended(bare(home.path()).args(["doctor"]).output().unwrap());
    insta::assert_snapshot!(settled(home.path(), report));
    let report = ended(bare(home.path()).args(["doctor", "zstack"]).output().unwrap());
    assert_eq!(report.code, Some(1), "{report}");
    insta::assert_snapshot!("asked_for", settled(home.path(), report));
}

#[test]
fn each_fault_has_its_line_and_its_remedy() {
    let place = Place::new();
    let mut said = String::new();
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("doctor cci", &[("HUAWEICLOUD_SDK_SK", "wrong")]),
        ("doctor tat", &[("TENCENTCLOUD_SECRET_KEY", "")]),
        ("doctor tat --region ap-nowhere", &[]),
        ("doctor tat --endpoint http://127.0.0.1:1", &[]),
        ("doctor tat --endpoint http://tat.example", &[]),
        ("doctor tat --endpoint https://nowhere.invalid --proxy none", &[]),
        (
            "doctor tat --endpoint https://tat.example",
            &[("HTTPS_PROXY", "http://u:s3cret@127.0.0.1:1")],
        ),
        ("doctor tat --profile prod", &[]),
        ("doctor tat --key-id AKIDx", &[]),
        ("doctor zstack", &[("ZSTACK_ACCESS_KEY_ID", "wrong")]),
        ("doctor zstack", &[("ZSTACK_ENDPOINT", "")]),
    ];
    for (line, variables) in cases {
        let report = run(&place, line, variables);
        assert_eq!((report.code, &*report.stderr), (Some(1), ""), "{line}\n{report}");
        assert!(!report.stdout.contains("s3cret"), "{report}");
        said += &format!("$ guestexec {line}   {variables:?}\n{}\n", report.stdout);
    }
    insta::assert_snapshot!(settled(place.home.path(), said.replace("s3cret", "…")));
}

#[test]
fn programs_read_it_as_json() {
    let place = Place::new();
    let wrong = [("ZSTACK_ACCESS_KEY_SECRET", "wrong")];
    let json = run(&place, "doctor zstack --output json", &wrong);
    let whole: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(whole["ok"], false);
    insta::assert_snapshot!(settled(place.home.path(), json));
    let lines = run(&place, "doctor zstack --output jsonl", &wrong).stdout;
    let each: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names = |checks: &[serde_json::Value]| -> Vec<String> {
        checks.iter().map(|check| check["check"].to_string()).collect()
    };
    assert_eq!(names(&each), names(whole["checks"].as_array().unwrap()));
}

#[test]
fn files_that_others_can_read_are_told() {
    let place = Place::new();
    let home = place.home.path();
    let (tat, secret) = (place.sandbox.tat(), home.join("key"));
    fs::write(&secret, tat.secret_key()).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
    let line =
        format!("doctor tat --key-id {} --secret-from file:{}", tat.secret_id(), secret.display());
    let report = run(&place, &line, &[]);
    assert_eq!(report.code, Some(1), "{report}");
    insta::assert_snapshot!(settled(home, report));
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(&place, &line, &[]).code, Some(0));
    // The vendor's own file is used all the same, as by the vendor's tools.
    let file = home.join(".tencentcloud/credentials");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let text =
        format!("[default]\nsecret_id = {}\nsecret_key = {}\n", tat.secret_id(), tat.secret_key());
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let none = [("TENCENTCLOUD_SECRET_ID", ""), ("TENCENTCLOUD_SECRET_KEY", "")];
    let report = run(&place, "--quiet doctor tat", &none);
    assert_eq!(report.code, Some(0), "{report}");
    insta::assert_snapshot!("vendor", settled(home, report));
}

/// Answers one request, and says where.
fn a_service(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = connection.read(&mut request).unwrap();
        connection.write_all(answer.as_bytes()).unwrap();
        // Until the client has gone.
        let _ = connection.read(&mut request);
    });
    format!("http://{address}")
}

#[test]
fn a_clock_that_is_off_is_told() {
    let place = Place::new();
    let body = r#"{"Response": {"TotalCount": 0, "AutomationAgentSet": [], "RequestId": "r"}}"#;
    let hour = Duration::from_secs(3600);
    for (date, says) in [
        (SystemTime::now() + hour, "behind the service's"),
        (SystemTime::now() - hour, "ahead of the service's"),
    ] {
        let date = httpdate::fmt_http_date(date);
        let length = body.len();
        let endpoint = a_service(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let report = run(&place, &format!("doctor tat --endpoint {endpoint}"), &[]);
        assert_eq!(report.code, Some(0), "{report}");
        let line = report.stdout.lines().find(|line| line.contains("clock")).unwrap();
        assert!(line.contains("warn") && line.contains(says), "{line}");
    }
}

#[test]
fn a_service_that_does_not_answer_ends_the_look() {
    let place = Place::new();
    let endpoint = a_service(String::new());
    let line = format!("doctor tat --endpoint {endpoint} --call-timeout 300ms");
    let report = run(&place, &line, &[]);
    assert_eq!(report.code, Some(1), "{report}");
    let line = report.stdout.lines().find(|line| line.contains("connection")).unwrap();
    assert!(line.contains("fail") && line.contains("no answer came in time"), "{line}");
}

#[test]
fn it_leaves_no_session_and_shows_no_secret() {
    let place = Place::new();
    let key = [("ZSTACK_ACCESS_KEY_ID", ""), ("ZSTACK_ACCESS_KEY_SECRET", "")];
    for (line, variables) in [("-vv doctor", &[][..]), ("-vv doctor zstack", &key)] {
        let report = run(&place, line, variables);
        assert_eq!(report.code, Some(0), "{report}");
        for (name, value) in place.sandbox.env() {
            let name = name.to_string();
            let is_secret = ["KEY", "SECRET", "PASSWORD", "SK", "TOKEN"];
            if is_secret.iter().any(|end| name.ends_with(end)) {
                assert!(!report.to_string().contains(&value.to_string()), "{name}");
            }
        }
    }
    assert_eq!(place.sandbox.zstack().sessions(), 0);
}
