//! Sessions that go well.

use std::time::Duration;

use guestexec_cci::{ExecTransport, TerminalSize, operations::*};
use guestexec_testkit::{ExecProtocol, ExecScript, Reply, StatusCode, Tape};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{client, pod, session, session_by_post, told};
use crate::stage::Stage;

/// `nginx -t` over a transport.
async fn checked(stage: Stage, transport: ExecTransport) -> String {
    let script = || ExecScript::new().stdout("ok\n").stderr("1 warning\n").exit(3);
    let tape = match transport {
        ExecTransport::SpdyPost => session_by_post(script()),
        _ => session(script()),
    };
    let client = client(&stage, &tape);
    let output = pod(&client).exec(["nginx", "-t"]).transport(transport).output().await.unwrap();
    assert_eq!((output.exit_code(), &*output.stdout_lossy()), (Some(3), "ok\n"));
    assert_eq!(output.stderr_lossy(), "1 warning\n");
    told(&tape)
}

pub async fn v5(stage: Stage) -> String {
    checked(stage, ExecTransport::WebSocketV5).await
}

pub async fn v4(stage: Stage) -> String {
    checked(stage, ExecTransport::WebSocketV4).await
}

pub async fn spdy_post(stage: Stage) -> String {
    checked(stage, ExecTransport::SpdyPost).await
}

pub async fn spdy_get(stage: Stage) -> String {
    checked(stage, ExecTransport::SpdyGet).await
}

pub async fn argv(stage: Stage) -> String {
    let tape = session(ExecScript::new());
    let client = client(&stage, &tape);
    let argv =
        ["printf", "%s|", "", "a b", "a+b", "größe", "line\nline", "x=1&y=2", "\"q\"", " end "];
    assert!(pod(&client).exec(argv).await.unwrap().success());
    told(&tape)
}

/// A script that reads all input and says how much it was.
fn counting() -> ExecScript {
    ExecScript::new()
        .wait_for_end_of_stdin()
        .stdout_with(|input| format!("{}\n", input.len()).into_bytes())
}

pub async fn stdin_v5(stage: Stage) -> String {
    let tape = session(counting());
    let client = client(&stage, &tape);
    let output = pod(&client).exec(["wc", "-c"]).stdin("one\ntwo\n\u{0}").await.unwrap();
    assert_eq!(output.stdout_lossy(), "9\n");
    told(&tape)
}

pub async fn stdin_spdy(stage: Stage) -> String {
    let tape = session_by_post(counting());
    let client = client(&stage, &tape);
    let exec = pod(&client).exec(["wc", "-c"]).stdin("one\ntwo\n");
    let output = exec.transport(ExecTransport::SpdyPost).await.unwrap();
    assert_eq!(output.stdout_lossy(), "8\n");
    told(&tape)
}

pub async fn piped(stage: Stage) -> String {
    let script = ExecScript::new().wait_for_stdin(4).stdout("one").wait_for_stdin(4).stdout("two");
    let tape = session(script);
    let client = client(&stage, &tape);
    let mut child = pod(&client).exec(["head", "-n2"]).stdin_piped().spawn().await.unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    input.write_all(b"one\n").await.unwrap();
    output.read_exact(&mut [0; 3]).await.unwrap();
    input.write_all(b"two\n").await.unwrap();
    output.read_exact(&mut [0; 3]).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    told(&tape)
}

/// A shell in a terminal that grows.
async fn terminal(stage: Stage, transport: ExecTransport) -> String {
    let script = ExecScript::new()
        .wait_for_size(80, 24)
        .stdout("$ ")
        .wait_for_stdin(3)
        .wait_for_size(120, 40)
        .stdout("id\r\nuid=0(root)\r\n$ ")
        .wait_for_end_of_stdin()
        .exit(0);
    let tape = match transport {
        ExecTransport::SpdyPost => session_by_post(script),
        _ => session(script),
    };
    let client = client(&stage, &tape);
    let size = TerminalSize { width: 80, height: 24 };
    let exec = pod(&client).exec(["sh"]).tty(size).transport(transport);
    let mut child = exec.spawn().await.unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0; 2]).await.unwrap();
    child.stdin.as_mut().unwrap().write_all(b"id\n").await.unwrap();
    child.stdin.as_mut().unwrap().flush().await.unwrap();
    child.resize(120, 40).await.unwrap();
    output.read_exact(&mut [0; 19]).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    told(&tape)
}

pub async fn terminal_v5(stage: Stage) -> String {
    terminal(stage, ExecTransport::WebSocketV5).await
}

pub async fn terminal_v4(stage: Stage) -> String {
    terminal(stage, ExecTransport::WebSocketV4).await
}

pub async fn terminal_spdy(stage: Stage) -> String {
    terminal(stage, ExecTransport::SpdyPost).await
}

pub async fn terminal_stdin(stage: Stage) -> String {
    let tape = session(ExecScript::new().wait_for_end_of_stdin().stdout("uid=0(root)\r\n"));
    let client = client(&stage, &tape);
    let size = TerminalSize { width: 80, height: 24 };
    assert!(pod(&client).exec(["sh"]).tty(size).stdin("id\n").await.unwrap().success());
    told(&tape)
}

/// A terminal whose size is set twice before the program writes.
async fn resized(stage: Stage, transport: ExecTransport) -> String {
    let script = ExecScript::new().wait_for_stdin(1);
    let tape = match transport {
        ExecTransport::SpdyPost => session_by_post(script),
        _ => session(script),
    };
    let client = client(&stage, &tape);
    let size = TerminalSize { width: 80, height: 24 };
    let exec = pod(&client).exec(["top"]).tty(size).transport(transport);
    let mut child = exec.spawn().await.unwrap();
    child.resize(120, 40).await.unwrap();
    child.stdin.as_mut().unwrap().write_all(b"q").await.unwrap();
    assert!(child.wait().await.unwrap().success());
    told(&tape)
}

pub async fn resize(stage: Stage) -> String {
    resized(stage, ExecTransport::Auto).await
}

pub async fn resize_v4(stage: Stage) -> String {
    resized(stage, ExecTransport::WebSocketV4).await
}

pub async fn resize_spdy(stage: Stage) -> String {
    resized(stage, ExecTransport::SpdyPost).await
}

pub async fn unread(stage: Stage) -> String {
    let tape = session(ExecScript::new().stdout("no input is read\n"));
    let client = client(&stage, &tape);
    assert!(pod(&client).exec(["date"]).stdin("one\ntwo\n").await.unwrap().success());
    told(&tape)
}

pub async fn unread_spdy(stage: Stage) -> String {
    let tape = session_by_post(ExecScript::new().stdout("no input is read\n"));
    let client = client(&stage, &tape);
    let exec = pod(&client).exec(["date"]).stdin("one\ntwo\n");
    assert!(exec.transport(ExecTransport::SpdyPost).await.unwrap().success());
    told(&tape)
}

pub async fn killable(stage: Stage) -> String {
    let running = ExecScript::new()
        .stdout("guestexec-pid:4711\nworking\n")
        .after(Duration::from_secs(1))
        .killed_by(9);
    let tape = session(running).reply_to(EXEC_IN_POD, ExecScript::new());
    let client = client(&stage, &tape);
    let mut child = pod(&client).exec(["sleep", "3600"]).killable().spawn().await.unwrap();
    child.kill().await.unwrap();
    told(&tape)
}

pub async fn falls_back(stage: Stage) -> String {
    let script = ExecScript::new().stdout("web\n").grants([ExecProtocol::Spdy]);
    let tape = Tape::new().reply(script);
    let client = client(&stage, &tape);
    assert!(pod(&client).exec(["hostname"]).await.unwrap().success());
    told(&tape)
}

pub async fn remembered(stage: Stage) -> String {
    let script = || ExecScript::new().grants([ExecProtocol::Spdy]);
    let tape = Tape::new().reply(script()).reply(script());
    let client = client(&stage, &tape);
    for program in ["true", "date"] {
        assert!(pod(&client).exec([program]).await.unwrap().success());
    }
    told(&tape)
}

pub async fn forbidden(stage: Stage) -> String {
    let refusal = json!({ "kind": "Status", "status": "Failure", "reason": "Forbidden",
        "message": "pods \"web\" is forbidden: User \"u\" cannot get resource \"pods/exec\"", "code": 403 });
    let tape = session_by_post(ExecScript::new())
        .on(EXEC_IN_POD, Reply::json(StatusCode::FORBIDDEN, &refusal));
    let client = client(&stage, &tape);
    assert!(pod(&client).exec(["true"]).await.unwrap().success());
    told(&tape)
}
