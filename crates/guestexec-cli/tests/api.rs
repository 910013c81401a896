//! `guestexec api`: what it writes, to which stream, and how it ends.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod common;

use std::{
    fs,
    io::{self, Read as _},
    process::Stdio,
};

use common::{Ended, Place, bare, ended, words};
use serde_json::Value;

/// The answer on standard output.
#[track_caller]
fn answer(ended: &Ended) -> Value {
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended}"))
}

/// All that some lines write, for a snapshot.
fn told(place: &Place, lines: &[&str]) -> String {
    let told = lines.iter().map(|line| format!("$ guestexec {line}\n{}\n", place.run(line)));
    let told = place.steady(&told.collect::<String>());
    // The sandbox's key and project are others on each run.
    let project = &place.sandbox.cci().project_id().to_owned();
    versionless(&told.replace(project, "<project>"))
}

/// A text without this program's version.
fn versionless(text: &str) -> String {
    text.replace(env!("CARGO_PKG_VERSION"), "<version>")
}

#[test]
fn operations_are_listed_with_what_they_are_given() {
    let place = Place::new();
    let lines = [
        "api tat",
        "api zstack --list",
        "api cci",
        "api tat RunCommand --list",
        "api zstack execute-guest-vm-script --list",
        "api cci list_pods --list --output json",
    ];
    insta::assert_snapshot!(told(&place, &lines));
    for provider in ["tat", "zstack", "cci"] {
        let listed = place.run(&format!("api {provider} --output jsonl"));
        for line in listed.stdout.lines() {
            let operation: Value = serde_json::from_str(line).unwrap();
            assert_eq!(operation["provider"], provider, "{line}");
        }
        assert!(listed.stdout.lines().count() > 10, "{listed}");
    }
}

#[test]
fn an_operation_is_called_in_each_way_of_writing_it_down() {
    let place = Place::new();
    let created =
        answer(&place.run("api tat CreateCommand CommandName=greet Content=ZWNobyBoaQ=="));
    let id = created["Response"]["CommandId"].as_str().unwrap().to_owned();
    let file = place.home.path().join("body.json");
    fs::write(&file, format!("{{\n \"CommandIds\": [\"{id}\"], \"Limit\": 5 }}\n")).unwrap();
    let file = file.display();
    let body = format!(r#"{{"CommandIds":["{id}"]}}"#);
    for line in [
        format!("api tat DescribeCommands CommandIds={id}"),
        format!("api tat describecommands 'CommandIds=[\"{id}\"]'"),
        format!("api tat describe-commands CommandIds={id} Limit=5 Offset=0"),
        format!("api tat DESCRIBE_COMMANDS --body '{body}'"),
        format!("api tat DescribeCommands --body @{file}"),
        format!("api tat DescribeCommands Limit=9 --body @{file}"),
    ] {
        let commands = answer(&place.run(&line));
        assert_eq!(commands["Response"]["CommandSet"][0]["CommandName"], "greet", "{line}");
    }
    let from_stdin = place.run_with("api tat DescribeCommands --body -", body.as_bytes());
    assert_eq!(answer(&from_stdin)["Response"]["TotalCount"], 1);

    let vm = place.sandbox.zstack().vm_uuid().to_owned();
    let ran = place.run(&format!(
        "api zstack ExecuteGuestVmCommand vmInstanceUuid={vm} platform=Linux 'command=echo out'"
    ));
    assert!(answer(&ran).to_string().contains("out"), "{ran}");
    let vms = place.run(&format!("api zstack QueryVmInstance q=uuid={vm} q=state=Running limit=2"));
    assert_eq!(answer(&vms)["inventories"][0]["uuid"], *vm);
    assert_eq!(place.sandbox.zstack().sessions(), 0, "a key needs no session");

    // The namespace is that of the settings.
    let pod = place.sandbox.cci().pod().to_owned();
    let read = answer(&place.run(&format!("api cci readCciV2NamespacedPod name={pod}")));
    assert_eq!(read["metadata"]["name"], *pod);
    let read = place.run(&format!("api cci read_pod name={pod} --namespace elsewhere"));
    assert_eq!(read.code, Some(125), "{read}");
}

#[test]
fn a_log_is_written_as_it_is() {
    let place = Place::new();
    let cci = place.sandbox.cci();
    cci.write_log(cci.pod(), "main", "one\ntwo\n");
    let log =
        place.run(&format!("api cci readCciV2NamespacedPodLog name={} tailLines=1", cci.pod()));
    assert_eq!((log.code, &*log.stdout, &*log.stderr), (Some(0), "two\n", ""));
}

#[test]
fn a_session_that_was_opened_is_ended() {
    let place = Place::new();
    let mut command = place.command(words("api zstack QueryVmInstance limit=1"));
    command.env_remove("ZSTACK_ACCESS_KEY_ID").env_remove("ZSTACK_ACCESS_KEY_SECRET");
    let vms = ended(command.stdin(Stdio::null()).output().unwrap());
    assert!(answer(&vms)["inventories"].is_array());
    assert_eq!(place.sandbox.zstack().sessions(), 0);
}

#[test]
fn all_pages_are_lines() {
    let place = Place::with(|builder| builder.zstack_vms(5));
    let pages = place.run("api zstack QueryVmInstance limit=2 --all-pages");
    assert_eq!((pages.code, &*pages.stderr), (Some(0), ""), "{pages}");
    let counts: Vec<usize> = pages
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|page| page["inventories"].as_array().unwrap().len())
        .collect();
    assert!(counts.len() > 2 && counts.iter().sum::<usize>() >= 5, "{counts:?}");
    assert!(counts.iter().all(|count| *count <= 2), "{counts:?}");
}

#[test]
fn the_bytes_of_an_answer_are_those_of_the_service_and_indented_for_a_person() {
    let place = Place::new();
    let line = "api zstack ValidateSession uuid=00000000000000000000000000000000";
    assert_eq!(place.run(line).stdout, r#"{"valid":false}"#);

    let (mut terminal, side) = pty_process::blocking::open().unwrap();
    let mut command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_guestexec"))
        .args(words(line))
        .envs(place.sandbox.env());
    command = command.env("HOME", place.home.path());
    let mut child = command.spawn(side).unwrap();
    let mut shown = Vec::new();
    let mut piece = [0; 256];
    loop {
        match terminal.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => shown.extend_from_slice(&piece[..count]),
            // Linux tells the end of a terminal so.
            Err(error) if error.raw_os_error() == Some(5) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(String::from_utf8_lossy(&shown), "{\r\n  \"valid\": false\r\n}\r\n");
}

#[test]
fn what_does_not_fit_is_refused_in_two_lines_and_nothing_is_sent() {
    let place = Place::new();
    let lines = [
        "api tat RunComand",
        "api tat RunCommand",
        "api tat RunCommand Content=dXB0aW1l InstanceId=ins-1",
        "api tat RunCommand Content=dXB0aW1l InstanceIds=ins-1 Timeout=soon",
        "api tat RunCommand Content=dXB0aW1l InstanceIds=ins-1 Timeout=90000",
        "api tat RunCommand Content=dXB0aW1l InstanceIds=ins-1 SaveCommand=yes",
        "api tat RunCommand Content=dXB0aW1l InstanceIds=ins-1 Tags={",
        "api tat RunCommand Content=a Content=b",
        "api tat RunCommand uptime",
        "api tat RunCommand --body '{\"Content\":'",
        "api tat RunCommand --body '{\"Content\":\"aGk=\",\"InstanceIds\":[\"ins-1\"],\"Content\":\"aG8=\"}'",
        "api tat RunCommand Content=aGk= InstanceIds=ins-1 'Tags=[{\"Key\":\"a\",\"Key\":\"b\"}]'",
        "api tat RunCommand --body '[]' Content=a",
        "api tat RunCommand --body '{\"Content\":\"aGk=\",\"InstanceIds\":[\"ins-1\",7]}'",
        "api tat RunCommand --body @/nonexistent/body.json",
        "api tat RunCommand --body-template=nope",
        "api tat DescribeRegions --all-pages",
        "api tat DescribeRegions --body - --key-id a --secret-from stdin",
        "api zstack LogInByAccount accountName=admin password=s3cr3t",
        "api zstack GetApiJob --body '{}'",
        "api zstack GetApiJob --body-template",
        "api zstack GetApiJob",
        "api cci exec_in_pod name=demo",
        "api cci read_pod nmae=demo",
        "api cci read_pod",
        "api tat RunCommand --failure-code 9",
        "api tat RunComand --output json",
    ];
    for line in lines {
        let ended = place.run(line);
        let code = if line.contains("--failure-code") { 9 } else { 125 };
        assert_eq!(ended.code, Some(code), "{line}\n{ended}");
        assert_eq!(ended.stderr.lines().count(), 2, "{line}\n{ended}");
        assert_eq!(ended.stdout.is_empty(), !line.contains("--output json"), "{line}\n{ended}");
        assert!(!ended.stderr.contains("s3cr3t"), "{ended}");
    }
    insta::assert_snapshot!(told(&place, &lines));
}

#[test]
fn a_refusal_of_the_service_is_two_lines() {
    let place = Place::new();
    let lines = [
        "api tat RunCommand Content=dXB0aW1l InstanceIds=ins-nowhere0",
        "api zstack GetVmGuestToolsInfo uuid=00000000000000000000000000000000",
        "api cci read_pod name=no-such-pod",
    ];
    for line in lines {
        let ended = place.run(line);
        assert_eq!((ended.code, &*ended.stdout), (Some(125), ""), "{line}\n{ended}");
        assert_eq!(ended.stderr.lines().count(), 2, "{line}\n{ended}");
    }
    insta::assert_snapshot!(told(&place, &lines));
}

#[test]
fn a_body_template_is_a_body_that_the_service_takes() {
    let place = Place::new();
    let lines = [
        "api tat RunCommand --body-template",
        "api tat RunCommand --body-template=minimal",
        "api zstack ExecuteGuestVmCommand --body-template=minimal",
        "api cci create_pod --body-template=minimal",
    ];
    insta::assert_snapshot!(told(&place, &lines));
    let template = place.run("api tat CreateCommand --body-template").stdout;
    let created = place.run_with("api tat CreateCommand --body -", template.as_bytes());
    assert!(answer(&created)["Response"]["CommandId"].is_string(), "{created}");
}

#[test]
fn a_dry_run_shows_the_signed_request_without_its_secrets_and_sends_nothing() {
    let place = Place::new();
    let lines = [
        "api tat RunCommand Content=ZWNobyBoaQ== InstanceIds=ins-zj0f57ew --dry-run",
        "api tat RunCommand --body '{\"Content\":\"aGk=\",\"InstanceIds\":[\"ins-1\"],\"EnableParameter\":true,\"Parameters\":\"{\\\"a\\\":\\\"s3cr3t\\\"}\"}' --dry-run --output json",
        "api zstack QueryVmInstance q=name=a q=state=Running --dry-run",
        "api cci create_pod --body '{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"busybox:1\"}]}}' --dry-run",
    ];
    insta::assert_snapshot!(told(&place, &lines));
    for line in
        lines.iter().flat_map(|line| [line.to_string(), line.replace("--dry-run", "--curl")])
    {
        let ended = place.run(&line);
        assert_eq!(ended.code, Some(0), "{line}\n{ended}");
        assert!(!ended.stdout.contains("s3cr3t"), "{line}\n{ended}");
    }
    assert_eq!(place.sandbox.tat().executions_on("ins-zj0f57ew"), 0);
}

/// Runs a line with neither credentials nor a sandbox.
fn alone(line: &str) -> Ended {
    let home = tempfile::TempDir::new().unwrap();
    let mut command = bare(home.path());
    ended(command.args(words(line)).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_dry_run_needs_credentials_only_where_the_request_is_signed() {
    let uuid = "uuid=00000000000000000000000000000000";
    let zstack = "--endpoint https://zstack.example:8080";
    let mut told = String::new();
    for line in [
        format!("api zstack ValidateSession {uuid} {zstack} --dry-run"),
        format!("api zstack ValidateSession {uuid} {zstack} --curl"),
        format!("api zstack QueryVmInstance {zstack} --dry-run"),
        "api tat DescribeRegions --region ap-guangzhou --dry-run".to_owned(),
        "api cci list_namespaces --region cn-north-4 --curl".to_owned(),
    ] {
        told.push_str(&format!("$ guestexec {line}\n{}\n", alone(&line)));
    }
    // The login comes first, and is not sent either.
    let home = tempfile::TempDir::new().unwrap();
    for line in [
        "api cci list_namespaces --region cn-north-4 --dry-run",
        "api cci list_namespaces --region cn-north-4 --curl",
    ] {
        let mut command = bare(home.path());
        command.args(words(line)).envs([
            ("OS_USERNAME", "user"),
            ("OS_PASSWORD", "s3cr3t"),
            ("OS_USER_DOMAIN_NAME", "domain"),
            ("OS_PROJECT_NAME", "cn-north-4"),
        ]);
        let login = ended(command.stdin(Stdio::null()).output().unwrap());
        told.push_str(&format!("$ guestexec {line}\n{login}\n"));
    }
    let place = Place::new();
    let line = "api zstack QueryVmInstance limit=1 --dry-run";
    let mut command = place.command(words(line));
    command.env_remove("ZSTACK_ACCESS_KEY_ID").env_remove("ZSTACK_ACCESS_KEY_SECRET");
    let login = ended(command.stdin(Stdio::null()).output().unwrap());
    told.push_str(&format!("$ guestexec {line}\n{login}\n"));
    assert_eq!(place.sandbox.zstack().sessions(), 0);
    assert!(!told.contains("s3cr3t"), "{told}");
    insta::assert_snapshot!(versionless(&common::steady(&told)));
}

#[test]
fn curl_is_a_line_that_a_shell_reads() {
    let line = "api tat RunCommand --region ap-guangzhou --key-id AKIDexample --secret-from env:SECRET --curl \
                --body '{\"Content\":\"aGk=\",\"InstanceIds\":[\"ins-1\"],\"Description\":\"it'\"'\"'s $HOME\"}'";
    let home = tempfile::TempDir::new().unwrap();
    let mut command = bare(home.path());
    command.args(words(line)).env("SECRET", "s3cr3t-k3y");
    let curl = ended(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!((curl.code, &*curl.stderr), (Some(0), ""), "{curl}");
    assert!(!curl.stdout.contains("s3cr3t"), "{curl}");
    let read = words(&curl.stdout.replace("\\\n", ""));
    assert_eq!(read[..4], ["curl", "--request", "POST", "https://tat.tencentcloudapi.com/"]);
    let body = read.iter().position(|word| word == "--data-raw").unwrap() + 1;
    let body: Value = serde_json::from_str(&read[body]).unwrap();
    assert_eq!(body["Description"], "it's $HOME");
    assert!(read.contains(&"authorization: TC3-HMAC-SHA256 <secret>".to_owned()), "{curl}");
}

#[test]
fn the_lines_of_the_readme_work() {
    let place = Place::new();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let lines: Vec<&str> =
        readme.lines().filter(|line| line.starts_with("guestexec api ")).collect();
    assert!(lines.len() > 5, "{lines:?}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_guestexec")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    for line in lines {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line]).current_dir(place.home.path()).env_clear();
        shell.env("HOME", place.home.path()).envs(place.sandbox.env());
        shell.env("PATH", format!("{}:{path}", program.display()));
        let ended = ended(shell.stdin(Stdio::null()).output().unwrap());
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{line}\n{ended}");
    }
}
