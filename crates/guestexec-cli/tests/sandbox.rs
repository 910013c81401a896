//! `guestexec sandbox`: its options, and how it ends.

#![allow(clippy::unwrap_used)]

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

fn guestexec(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guestexec"));
    command.arg("sandbox").args(arguments);
    command
}

/// A running sandbox, killed when this is dropped.
struct Running {
    child: Child,
    remarks: Vec<String>,
    variables: HashMap<String, String>,
}

impl Running {
    fn start(arguments: &[&str], directory: &std::path::Path) -> Self {
        let mut command = guestexec(arguments);
        command.env("TMPDIR", directory).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut running = Self { remarks: Vec::new(), variables: HashMap::new(), child };
        let stdout = running.child.stdout.take().unwrap();
        for line in BufReader::new(stdout).lines().map(Result::unwrap) {
            match line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                Some((name, value)) => {
                    let value = value.trim_matches('\'').to_owned();
                    running.variables.insert(name.to_owned(), value);
                }
                None => running.remarks.push(line),
            }
            // The last one.
            if running.variables.contains_key("GUESTEXEC_CCI_POD") {
                return running;
            }
        }
        panic!("the sandbox ended: {:?}", running.remarks);
    }

    fn address(&self, name: &str) -> &str {
        let endpoint = self.variables[name].strip_prefix("http://").unwrap();
        endpoint.split('/').next().unwrap()
    }

    /// The whole answer to a request without authentication.
    fn ask(&self, name: &str, request: &str) -> String {
        let mut tcp = TcpStream::connect(self.address(name)).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        _ = tcp.read_to_string(&mut answer);
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const POST: &str = "POST / HTTP/1.1\r\nhost: x\r\nx-tc-action: RunCommand\r\nconnection: close\r\n\
                    content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const GET: &str = "GET /zstack/v1/api-jobs/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn is_empty(directory: &std::path::Path) -> bool {
    std::fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn it_cleans_up_after_each_signal() {
    for signal in ["INT", "TERM", "HUP", "QUIT", "ABRT", "ALRM", "USR1", "USR2"] {
        let directory = tempfile::tempdir().unwrap();
        let mut running = Running::start(&[], directory.path());
        assert!(!is_empty(directory.path()), "its files lie elsewhere");
        let id = running.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        assert!(running.child.wait().unwrap().success(), "{signal}");
        assert!(is_empty(directory.path()), "{signal}");
        assert!(TcpStream::connect(running.address("ZSTACK_ENDPOINT")).is_err(), "{signal}");
    }
}

/// A daemon without any mark of the sandbox: its own session and directory, no environment, no parent.
#[test]
#[cfg(target_os = "linux")]
fn nothing_gets_away_from_the_command() {
    use guestexec::zstack::{Client, Credentials};

    for signal in ["TERM", "QUIT"] {
        let directory = tempfile::tempdir().unwrap();
        let mut running = Running::start(&[], directory.path());
        let variable = |name: &str| running.variables[name].clone();
        let client = Client::builder()
            .endpoint(variable("ZSTACK_ENDPOINT"))
            .credentials(Credentials::access_key(
                variable("ZSTACK_ACCESS_KEY_ID"),
                variable("ZSTACK_ACCESS_KEY_SECRET"),
            ))
            .build()
            .unwrap();
        let script = "exec 2>&1; cd /; (env -i setsid sh -c 'echo $$; exec sleep 1000' &)";
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let vm = variable("ZSTACK_VM_UUID");
        let output =
            runtime.block_on(async { client.vm(vm).run(script).unchecked().await.unwrap() });
        let process = output.stdout_lossy().trim().to_owned();
        let environment = format!("/proc/{process}/cmdline");
        let lives = || std::fs::read(&environment).is_ok_and(|line| line.starts_with(b"sleep"));
        while !lives() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let id = running.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        assert!(running.child.wait().unwrap().success(), "{signal}");
        assert!(!lives(), "{signal}: {process} lives on");
        assert!(is_empty(directory.path()), "{signal}");
    }
}

#[test]
fn faults_and_modes_are_options() {
    let directory = tempfile::tempdir().unwrap();
    let options = [
        "--fault",
        "tat.RunCommand:throttle",
        "--fault=zstack:bad-gateway=first:1",
        "--fault=cci:lose-request=1",
        "--seed=7",
        "--tat-latency=1ms",
        "--zstack-latency=1ms",
        "--cci-latency=1ms",
        "--tat-instances=1",
        "--tat-instance=ins-mine",
        "--tat-tag=rins-mine:team=web",
        "--tat-region=ap-beijing",
        "--tat-rate=0",
        "--tat-late-tasks",
        "--tat-delivering=1s",
        "--tat-deliver-delayed=1s",
        "--tat-agents=unreachable",
        "--zstack-vms=2",
        "--zstack-vm=0123456789abcdef0123456789abcdef",
        "--zstack-jobs",
        "--zstack-job-delay=1s",
        "--zstack-job-life=0s",
        "--zstack-location-host=zstack-1.internal:8080",
        "--zstack-utc-offset=-3600",
        "--cci-without-v5",
        "--cci-idle=1m",
        "--cci-withholds-status",
        "--max-processes=2",
        "--max-command-time=1m",
        "--max-output=1000",
    ];
    let running = Running::start(&options, directory.path());
    assert!(running.remarks.iter().any(|line| line.contains("--seed 7")), "{:?}", running.remarks);
    assert_eq!(running.variables["TENCENTCLOUD_REGION"], "ap-beijing");
    assert_eq!(running.variables["GUESTEXEC_TAT_INSTANCE_ID"], "ins-mine");
    assert_eq!(running.variables["ZSTACK_VM_UUID"], "0123456789abcdef0123456789abcdef");
    let tat = running.ask("GUESTEXEC_TAT_ENDPOINT", POST);
    assert!(tat.starts_with("HTTP/1.1 200") && tat.contains("RequestLimitExceeded"), "{tat}");
    let html = running.ask("ZSTACK_ENDPOINT", GET);
    assert!(html.starts_with("HTTP/1.1 502") && html.contains("<html>"), "{html}");
    let job = running.ask("ZSTACK_ENDPOINT", GET);
    assert!(job.starts_with("HTTP/1.1 404"), "{job}");
    assert_eq!(running.ask("GUESTEXEC_CCI_ENDPOINT", GET), "");
}

#[test]
fn it_listens_elsewhere_only_when_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let quiet = Running::start(&[], directory.path());
    for name in ["GUESTEXEC_TAT_ENDPOINT", "ZSTACK_ENDPOINT", "GUESTEXEC_CCI_ENDPOINT"] {
        let port = quiet.address(name).strip_prefix("127.0.0.1:").expect("loopback");
        // 127.0.0.2 is another address, although of the same loopback interface.
        assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_err());
    }
    assert!(!quiet.remarks.concat().contains("Listening on"));
    let open = Running::start(&["--listen-beyond-loopback", "0.0.0.0"], directory.path());
    assert!(open.remarks.concat().contains("Listening on 0.0.0.0"), "{:?}", open.remarks);
    let port = open.address("ZSTACK_ENDPOINT").strip_prefix("127.0.0.1:").expect("its own address");
    if cfg!(target_os = "linux") {
        assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_ok());
    }
}

#[test]
fn wrong_options_are_refused_with_an_explanation() {
    for (options, words) in [
        (&["--fault", "tat:lost"][..], "lose-answer"),
        (&["--fault", "aws:drip"], "tat, zstack and cci"),
        (&["--tat-latency", "soon"], "200ms"),
        (&["--listen", "0.0.0.0"], "--listen-beyond-loopback"),
        (&["--tat-agents", "lazy"], "unreachable"),
        (&["--tat-tag", "ins-mine:team=web"], "rins-1a2b3c4d:team=web"),
        (&["--tat-tag", "team=web"], "rins-1a2b3c4d:team=web"),
    ] {
        let output = guestexec(options).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{options:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(words), "{options:?}: {complaint}");
    }
}

#[test]
fn help_names_every_kind_of_fault() {
    let output = guestexec(&["--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for kind in [
        "latency=", "clock=", "throttle", "bad-gateway", "gateway-timeout", "lose-request",
        "lose-answer", "reset", "drip", "expire", "--seed", "--tat-latency",
    ] {
        assert!(help.contains(kind), "{kind}: {help}");
    }
}
