use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use guestexec_core::RequestShape;
use guestexec_testkit::{Reply, StatusCode, Tape};
use guestexec_zstack::{Client, Credentials, operations::*};
use serde_json::{Value, json};

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

/// A page of VMs, of which the first comes on the page after, too.
fn page(request: &RequestShape) -> Value {
    let asked = |name: &str| {
        let found = request.query.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, value)| value.parse::<usize>().unwrap())
    };
    let (start, limit) = (asked("start"), asked("limit"));
    let vm = |number: usize| json!({ "uuid": format!("{number:032x}"), "state": "Running" });
    let all = (start..MANY.min(start + limit)).map(|number| match number {
        100 => vm(0),
        number => vm(number),
    });
    json!({ "inventories": all.collect::<Vec<_>>() })
}

#[tokio::test(start_paused = true)]
async fn a_command_in_a_thousand_vms_of_a_list_that_is_read_when_there_is_room() {
    let lists = Arc::new(AtomicUsize::new(0));
    let (counter, listed) = (lists.clone(), || lists.load(SeqCst));
    let tape = Tape::new()
        .on_with(QUERY_VM_INSTANCE, move |request| {
            counter.fetch_add(1, SeqCst);
            Reply::json(StatusCode::OK, &page(request))
        })
        .on(EXECUTE_GUEST_VM_COMMAND, done());
    let client = client(&tape);
    let load = Load::default();
    let counted = load.clone();
    let vms = client.query_vms().name("web-%").running();
    let each = vms.each(move |vm| counted.clone().of(vm.run("uptime").into_future()));
    let mut results = each.concurrency(7);
    assert_eq!(listed(), 0);
    let (uuid, first) = results.next().await.unwrap().unwrap();
    assert!(first.unwrap().success());
    assert_eq!((listed(), load.begun()), (1, 7));
    let mut uuids = vec![uuid];
    while let Some(ended) = results.next().await {
        let (uuid, result) = ended.unwrap();
        assert!(result.unwrap().success());
        uuids.push(uuid);
        assert!(listed() <= load.begun() / 90 + 1, "{} lists", listed());
    }
    uuids.sort();
    uuids.dedup();
    // One was listed twice, in the place of another.
    assert_eq!((uuids.len(), load.most(), load.begun()), (MANY - 1, 7, MANY - 1));
    assert!((10..=11).contains(&listed()), "{} lists", listed());
}

#[tokio::test]
async fn a_list_that_fails_says_so_after_the_results_before_it() {
    let tape = Tape::new()
        .on_with(QUERY_VM_INSTANCE, |request| {
            match request.query.iter().any(|(name, value)| name == "start" && value != "0") {
                true => Reply::json(StatusCode::FORBIDDEN, &json!({})),
                false => Reply::json(StatusCode::OK, &page(request)),
            }
        })
        .on(EXECUTE_GUEST_VM_COMMAND, done());
    let ended = client(&tape).query_vms().run_each("uptime").await;
    let failed: Vec<_> = ended.iter().filter_map(|ended| ended.as_ref().err()).collect();
    assert_eq!((ended.len(), failed.len()), (101, 1));
    assert_eq!(failed[0].operation(), Some("QueryVmInstance"));
}
