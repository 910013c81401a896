//! The commands that the README shows, run as a user runs them.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};

fn readme() -> String {
    // At run time, since checkouts may share a target folder.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    fs::read_to_string(package.join("../../README.md")).expect("there is a README")
}

fn guestexec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestexec"));
    command.args(arguments);
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the output is text")
}

#[test]
fn the_demo_runs_a_command_through_each_client() {
    assert!(readme().contains("\ncargo run -- demo\n"));
    let uname = text(Command::new("uname").arg("-a").output().unwrap().stdout);
    // Neither a proxy nor missing certificates must matter on loopback.
    let mut demo = guestexec(&["demo"]);
    demo.env("HTTP_PROXY", "http://127.0.0.1:9").env("http_proxy", "http://127.0.0.1:9");
    demo.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
    let output = demo.output().unwrap();
    let printed = text(output.stdout);
    assert!(output.status.success(), "{printed}{}", text(output.stderr));
    // One output through cci, one through zstack, and one from each of tat's two instances.
    assert_eq!(printed.matches(uname.trim()).count(), 4, "{printed}");
    for provider in ["== cci:", "== zstack:", "== tat:"] {
        assert!(printed.contains(provider), "{printed}");
    }
    assert_eq!(printed.matches("exit code: 3").count(), 2, "{printed}");
    assert_eq!(printed.matches(" exited with 3\n").count(), 2, "{printed}");
}

#[test]
fn the_sandbox_prints_where_it_listens_and_ends_with_its_process() {
    assert!(readme().contains("`cargo run -- sandbox`"));
    let mut child = guestexec(&["sandbox"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let endpoint = lines
        .filter_map(|line| {
            line.strip_prefix("export GUESTEXEC_TAT_ENDPOINT='http://").map(str::to_owned)
        })
        .map(|rest| rest.trim_end_matches('\'').to_owned())
        .next()
        .expect("the endpoint is printed");
    let connected = TcpStream::connect(&endpoint).is_ok();
    // A request to end, so that it removes its files.
    let id = child.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(connected, "{endpoint}");
    assert!(TcpStream::connect(&endpoint).is_err(), "{endpoint}");
}

#[test]
fn an_unknown_command_is_refused_with_the_list_of_commands() {
    let output = guestexec(&["dmo"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let complaint = text(output.stderr);
    assert!(complaint.contains("dmo") && complaint.contains("demo"), "{complaint}");
}
