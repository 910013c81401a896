//! Every short way, three times: under other clocks, in other zones of time, with other random bytes.

use std::{
    io::Write as _,
    time::{Duration, SystemTime},
};

use guestexec_cci::ExecTransport;
use guestexec_core::{
    Clock, Operation, Request, RequestShape, ResponseFuture, Transport, put_random_texts,
};
use guestexec_tat::Unconfirmed;
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{JobId, Method, Shell, sign::DateZone};
use serde_json::{Value, json};

/// A run of the tests: its time, and the zone of its dates in hours.
#[derive(Clone, Copy)]
struct Run {
    seconds: u64,
    zone: i32,
}

const RUNS: [Run; 3] = [
    Run { seconds: 1_795_327_461, zone: 0 },
    Run { seconds: 1_000_000_000, zone: 8 },
    Run { seconds: 2_000_000_123, zone: -5 },
];

impl Run {
    fn clock(self) -> impl Clock + 'static {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.seconds)
    }
}

fn tat(run: Run, tape: &Tape) -> guestexec_tat::Client {
    guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
        .clock(run.clock())
        .retries(0)
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn started() -> Value {
    json!({ "Response": { "InvocationId": "inv-1", "CommandId": "cmd-1", "RequestId": "r" } })
}

async fn tat_ways(run: Run) -> Vec<RequestShape> {
    use guestexec_tat::operations::RUN_COMMAND;
    let tape = Tape::new();
    let client = tat(run, &tape);
    let instances = client.instances(["ins-1", "lhins-2"]);
    let _ = instances.run("uptime").await;
    let _ = instances.run("set -e\nuptime\n").name("n").description("d").username("me").await;
    let _ = instances.run("uptime").unmarked().await;
    let _ = instances.run("uptime").save().tag("k", "v").await;
    let _ = instances.run("Get-Date").powershell().timeout(Duration::from_secs(9)).await;
    let _ = instances.run("dir").bat().output_to_cos_below("https://b.example", "d").await;
    let _ = instances.run(vec![0xff, 0xfe]).await;
    let greet = || {
        let run = instances.run("echo {{a}} {{tat-hidden:b}} {{c}}").default_parameter("c", "C");
        run.parameter("a", "A").hidden_parameter("b", "B")
    };
    let _ = greet().await;
    let _ = greet().preview().await;
    let _ = instances.invoke("cmd-1").parameter("z", "Z").parameter("a", "A").await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"uptime # of a file\n").unwrap();
    let _ = instances.run_file(file.path()).unwrap().await;
    let _ = client.invocation("inv-1").await;
    let _ = client.cancel_invocation("inv-1").send().await;
    let ended = Tape::new().reply_to(RUN_COMMAND, started());
    let _ = tat(run, &ended).instances(["ins-1"]).run("uptime").wait_at_most(Duration::ZERO).await;
    let lost = Tape::new().reply_to(RUN_COMMAND, Reply::lost());
    let client = tat(run, &lost);
    let error = client.instances(["ins-1"]).run("uptime").await.unwrap_err();
    let _ = client.find_unconfirmed(Unconfirmed::of(&error).unwrap()).await;
    [tape, ended, lost].iter().flat_map(Tape::requests).collect()
}

async fn zstack_ways(run: Run) -> Vec<RequestShape> {
    use guestexec_zstack::{Client, Credentials, operations::LOG_IN_BY_ACCOUNT};
    let key = Credentials::access_key("example", "secret");
    let zone = DateZone { name: format!("Z{}", run.zone).into(), utc_offset: run.zone * 3600 };
    let keyed = key.date_zone(zone);
    let mut shapes = Vec::new();
    for credentials in [keyed, Credentials::password("admin", "password")] {
        let session = json!({ "inventory": { "uuid": format!("{:032x}", run.seconds) } });
        let tape = Tape::new().reply_to(LOG_IN_BY_ACCOUNT, session);
        let client = Client::builder()
            .endpoint("http://zstack:8080")
            .allow_plain_http()
            .credentials(credentials)
            .clock(run.clock())
            .transport(tape.clone())
            .build()
            .unwrap();
        let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
        let _ = vm.run("uname -a").await;
        let _ = vm.run("uname -a\nid").shell(Shell::Bash).method(Method::Post).await;
        let _ = vm.run("uname -a").job(JobId::random().unwrap()).await;
        let _ = vm.run("uname -a").timeout(Duration::from_secs(10)).unchecked().await;
        let windows = vm.clone().windows();
        let _ = windows.run("ver & dir").await;
        let _ = windows.run("Get-Date\n'größe'").shell(Shell::PowerShell).await;
        let _ = windows.run("ver").unchecked().await;
        let _ = client.job(&JobId::random().unwrap()).wait_at_most(Duration::ZERO).await;
        let _ = client.each_vm(["a", "b"], |vm| vm.run("id")).concurrency(1).await;
        let _ = client.logout().await;
        shapes.extend(tape.requests());
    }
    shapes
}

async fn cci_ways(run: Run) -> Vec<RequestShape> {
    use guestexec_cci::{Client, Credentials, TerminalSize, operations::CREATE_USER_TOKEN};
    let key = Credentials::access_key("AK", "SK").with_security_token("token").project_id("p");
    let mut shapes = Vec::new();
    for credentials in [key, Credentials::password("domain", "user", "password", "project")] {
        let token = Reply::json(StatusCode::CREATED, &json!({}))
            .header("x-subject-token", format!("t{}", run.seconds));
        let tape = Tape::new().reply_to(CREATE_USER_TOKEN, token);
        let client = Client::builder()
            .region("cn-north-4")
            .credentials(credentials)
            .clock(run.clock())
            .transport(tape.clone())
            .build()
            .unwrap();
        let pod = client.pod("default", "demo").container("app");
        for transport in [
            ExecTransport::Auto,
            ExecTransport::WebSocketV5,
            ExecTransport::WebSocketV4,
            ExecTransport::SpdyPost,
            ExecTransport::SpdyGet,
        ] {
            let exec = || pod.exec(["sh", "-c", "echo 1\necho 2"]).transport(transport);
            let _ = exec().output().await;
            let _ = exec().stdin("input").output().await;
            let _ = exec().killable().spawn().await;
            let _ = exec().tty(TerminalSize { width: 80, height: 24 }).spawn().await;
        }
        let _ = pod.get().await;
        let _ = client.pods("default").label_selector("app=demo").list().await;
        shapes.extend(tape.requests());
    }
    shapes
}

/// Three runs whose shapes are the same, in every form.
macro_rules! steady {
    ($ways:ident) => {{
        let first = $ways(RUNS[0]).await;
        let text = super::shown(&first);
        for run in &RUNS[1..] {
            let again = $ways(*run).await;
            assert_eq!(first, again);
            assert_eq!(text, super::shown(&again));
        }
        first
    }};
}

fn has(shapes: &[RequestShape], text: &str) {
    assert!(shapes.iter().any(|shape| shape.to_string().contains(text)), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_command_on_instances_has_the_same_requests_on_every_run() {
    let shapes = steady!(tat_ways);
    has(&shapes, "RunCommand: POST https://tat.tencentcloudapi.com/\n");
    has(&shapes, r#"  "Content": "<base64> uptime<marker>","#);
    has(&shapes, "  | set -e\n  | uptime<marker>\n  |\n");
    has(&shapes, r#"  "Content": "<base64> uptime","#);
    has(&shapes, r#"  "Content": "//4=","#);
    has(
        &shapes,
        "  \"Parameters\": {\n    \"<json>\": {\n      \"a\": \"A\",\n      \"b\": \"<secret>\"\n    }\n  }",
    );
    has(&shapes, "PreviewReplacedCommandContent: POST");
    has(&shapes, "DescribeInvocationTasks: POST");
    let text = super::shown(&shapes);
    assert!(!text.contains("\"B\"") && !text.contains("\\\"B\\\""), "a hidden parameter is hidden");
}

#[tokio::test(start_paused = true)]
async fn a_command_in_a_vm_has_the_same_requests_on_every_run() {
    let shapes = steady!(zstack_ways);
    has(
        &shapes,
        "ExecuteGuestVmCommand: PUT http://zstack:8080/zstack/v1/vm-instances/commands/exec\n",
    );
    has(&shapes, "printf 'guestexec:<nonce>:%s:%s:%s:'");
    has(&shapes, "-EncodedCommand <utf-16>$t=[Text.Encoding]::UTF8");
    has(&shapes, "FromBase64String('<base64>ver & dir</base64>')");
    has(&shapes, "'größe'</base64>')");
    has(&shapes, "Write('guestexec:<nonce>:'");
    has(&shapes, "GetApiJob: GET http://zstack:8080/zstack/v1/api-jobs/<secret>\n");
    has(&shapes, "LogOut: DELETE http://zstack:8080/zstack/v1/accounts/sessions/<secret>\n");
}

#[tokio::test(start_paused = true)]
async fn a_session_in_a_pod_has_the_same_requests_on_every_run() {
    let shapes = steady!(cci_ways);
    has(&shapes, "GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/");
    has(&shapes, "sec-websocket-key: <nonce>\n");
    has(&shapes, "x-auth-token: <secret>\n");
    has(&shapes, "POST https://iam.cn-north-4.myhuaweicloud.com/v3/auth/tokens\n");
}

/// A transport that puts the random texts of each request into a tape's answer.
#[derive(Debug)]
struct Played(Value);

impl Transport for Played {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let mut body = match operation.starts_command && self.0.get("stream").is_some() {
            true => json!({ "location": "http://node/zstack/v1/api-jobs/<secret>" }),
            false => self.0.clone(),
        };
        put_random_texts(&request, operation, &mut body);
        let status =
            if operation.starts_command && body.get("location").is_some() { 202 } else { 200 };
        let response = http::Response::builder().status(status).body(body.to_string()).unwrap();
        Box::pin(std::future::ready(Ok(response.into())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorded_answer_fits_the_nonce_of_the_command_that_is_played() {
    let stream = "standardStream: guestexec:<nonce>:3:0:0:aGk=::<nonce>, errorStream: ";
    let client = guestexec_zstack::Client::builder()
        .endpoint("https://zstack.example")
        .credentials(guestexec_zstack::Credentials::access_key("example", "secret"))
        .transport(Played(json!({ "stream": stream })))
        .build()
        .unwrap();
    let captured = client.vm("fc022ba201c135d8809c5e02bf6bf156").run("id").await.unwrap();
    assert_eq!((captured.exit_code(), captured.stdout_lossy().as_ref()), (Some(3), "hi"));
}
