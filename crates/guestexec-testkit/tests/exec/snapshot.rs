//! The conversation of a program that runs a command in a container.

use guestexec_cci::{
    Client, Error,
    operations::{EXEC_IN_POD, READ_POD},
};
use guestexec_testkit::{ExecScript, Tape};
use serde_json::json;

use crate::client;

/// The program under test.
async fn hostname(client: &Client) -> Result<String, Error> {
    let pod = client.pod("default", "web").choose_container().await?;
    Ok(pod.exec(["hostname"]).output().await?.stdout_lossy().into_owned())
}

#[tokio::test]
async fn the_conversation_of_a_program_is_the_same_on_every_run() {
    let mut texts = Vec::new();
    for _ in 0..2 {
        let tape = Tape::new()
            .reply_to(
                READ_POD,
                json!({
                    "kind": "Pod",
                    "metadata": { "name": "web" },
                    "spec": { "containers": [{ "name": "nginx" }] },
                    "status": { "phase": "Running" },
                }),
            )
            .reply_to(EXEC_IN_POD, ExecScript::new().stdout("web-1\n"));
        assert_eq!(hostname(&client(&tape)).await.unwrap(), "web-1\n");
        tape.assert_complete();
        texts.push(tape.to_string());
    }
    assert_eq!(texts[0], texts[1]);
    insta::assert_snapshot!(texts[0], @r#"
    readCciV2NamespacedPod: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web
    accept: application/json
    x-auth-token: <secret>

    → 200 application/json

    {
      "kind": "Pod",
      "metadata": {
        "name": "web"
      },
      "spec": {
        "containers": [
          {
            "name": "nginx"
          }
        ]
      },
      "status": {
        "phase": "Running"
      }
    }

    ---

    connectCciV2GetNamespacedPodExec: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web/exec
      ? command=hostname
      & container=nginx
      & stderr=true
      & stdout=true
    connection: Upgrade
    sec-websocket-key: <nonce>
    sec-websocket-protocol: v5.channel.k8s.io, v4.channel.k8s.io
    sec-websocket-version: 13
    upgrade: websocket
    x-auth-token: <secret>

    → 101 v5.channel.k8s.io over a WebSocket
    stdout "web-1\n"
    exit code 0
    "#);
}

#[tokio::test]
async fn a_session_is_an_object_in_json() {
    let tape = Tape::new().reply(ExecScript::new().stdout("web-1\n").exit(3));
    client(&tape).pod("default", "web").exec(["hostname"]).await.unwrap();
    insta::assert_json_snapshot!(tape.conversation().exchanges()[0].answer, @r#"
    {
      "protocol": "v5.channel.k8s.io over a WebSocket",
      "lines": [
        "stdout \"web-1\\n\"",
        "exit code 3"
      ]
    }
    "#);
}

#[tokio::test]
async fn input_may_be_hidden() {
    let script = ExecScript::new().wait_for_stdin(3).stdout("ok").hide_stdin();
    let tape = Tape::new().reply(script);
    client(&tape).pod("default", "web").exec(["passwd"]).stdin("s3cret").await.unwrap();
    let session = &tape.sessions()[0];
    assert_eq!(
        session.lines(),
        "stdin <secret>\nstdout \"ok\"\nstdin <secret>\nstdin ends\nexit code 0"
    );
    let json = serde_json::to_string(&tape.conversation()).unwrap();
    assert!(!format!("{session:?}{tape:?}{tape}{json}").contains("cret\""));
    assert_eq!(session.stdin(), b"s3cret");
}
