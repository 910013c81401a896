use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{Client, Credentials, operations::*};
use serde_json::json;

use crate::{Load, MANY};

fn client(tape: &Tape) -> Client {
    Client::builder()
        .endpoint("http://127.0.0.1:1")
        .credentials(Credentials::access_key("id", "secret"))
        .retries(0)
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn done() -> Reply {
    Reply::json(
        StatusCode::OK,
        &json!({ "stream": "standardStream: guestexec:<nonce>:0:0:0:dXAK::<nonce>, errorStream: " }),
    )
}

#[tokio::test(start_paused = true)]
async fn a_command_in_a_thousand_vms() {
    let tape = Tape::new().on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = client(&tape);
    let uuids: Vec<String> = (0..MANY).map(|number| format!("{number:032x}")).collect();
    let load = Load::default();
    let counted = load.clone();
    let each = client.each_vm(&uuids, move |vm| counted.clone().of(vm.run("uptime").into_future()));
    let mut results = each.concurrency(7);
    let (uuid, first) = results.next().await.unwrap();
    assert_eq!((&*first.unwrap().stdout_lossy(), uuids.contains(&uuid)), ("up\n", true));
    assert_eq!(load.begun(), 7);
    let rest = results.await;
    assert!(rest.iter().all(|(_, result)| result.as_ref().unwrap().success()));
    assert_eq!((rest.len(), load.most(), load.begun()), (MANY - 1, 7, MANY));
}
