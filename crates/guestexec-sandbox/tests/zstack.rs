//! ZStack by raw HTTP: sessions, AccessKeys, jobs, and commands that really run.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use guestexec_sandbox::{Sandbox, ZstackHandle};
use guestexec_zstack::sign::{self, DateZone};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::zstack::*;

#[tokio::test]
async fn a_session_from_login_to_logout() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let wrong = log_in(zstack, "wrong").await;
    assert_eq!(wrong.status(), 503);
    assert_eq!(wrong.json::<Value>().await.unwrap()["error"]["code"], "ID.1000");

    let session = session(zstack).await;
    assert_eq!(zstack.sessions(), 1);
    let valid = format!("/v1/accounts/sessions/{session}/valid");
    assert_eq!(json_of(request(zstack, Method::GET, &valid)).await.1["valid"], true);

    for method in [Method::PUT, Method::POST] {
        let exec = request(zstack, method, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .json(&params(zstack.vm_uuid(), "  echo \"a=b\"; echo oops >&2; exit 7 "));
        let (status, answer) = json_of(exec).await;
        assert_eq!(status, 200);
        assert_eq!(answer["stream"], "standardStream: a=b, errorStream: oops");
        assert_eq!(answer["vmInstance"]["uuid"], zstack.vm_uuid());
    }
    assert_eq!(zstack.executions(zstack.vm_uuid()), 2);

    let path = format!("/v1/accounts/sessions/{session}");
    let logout = || {
        request(zstack, Method::DELETE, &path).header("authorization", format!("OAuth {session}"))
    };
    assert_eq!(json_of(logout()).await, (StatusCode::OK, json!({})));
    assert_eq!(json_of(request(zstack, Method::GET, &valid)).await.1["valid"], false);
    assert_eq!(zstack.sessions(), 0);
    let (status, answer) = json_of(logout()).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (503, &json!("ID.1001")));
}

#[tokio::test]
async fn special_characters_are_escaped_in_answers() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let exec = request(zstack, Method::PUT, EXEC)
        .header("authorization", format!("OAuth {session}"))
        .json(&params(zstack.vm_uuid(), "echo \"<a&b='c'>\""));
    let text = exec.send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\\u003ca\\u0026b\\u003d\\u0027c\\u0027\\u003e"), "{text}");
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["stream"],
        "standardStream: <a&b='c'>, errorStream: "
    );
}

fn signed(zstack: &ZstackHandle, id: &str, secret: &str, date: &str) -> RequestBuilder {
    let path = sign::signed_path(&format!("/zstack{EXEC}")).unwrap().into_owned();
    let signature = sign::signature(secret, &sign::string_to_sign("PUT", date, &path));
    request(zstack, Method::PUT, EXEC)
        .header("date", date)
        .header("authorization", sign::authorization(id, &signature))
        .json(&params(zstack.vm_uuid(), "true"))
}

#[tokio::test]
async fn an_access_key_signs_the_servers_local_time() {
    let china = 28_800;
    let sandbox = Sandbox::builder().zstack_utc_offset(china).start().await.unwrap();
    let zstack = sandbox.zstack();
    let (id, secret) = (zstack.access_key_id(), zstack.access_key_secret());
    assert!(id.len() <= 20 && secret.len() <= 40);
    let date = |name: &'static str, offset: i32, seconds: i64| {
        sign::format_date(now() + seconds, &DateZone { name: name.into(), utc_offset: offset })
            .unwrap()
    };
    // The time zone's name does not matter, the local time does.
    for good in [date("CST", china, 0), date("UTC", china, 0), date("CST", china, -880)] {
        assert_eq!(json_of(signed(zstack, id, secret, &good)).await.0, 200);
    }
    for bad in [date("UTC", 0, 0), date("CST", china, 920)] {
        let refused = text_of(signed(zstack, id, secret, &bad)).await;
        assert_eq!(refused, (StatusCode::FORBIDDEN, "requestTimeTooSkewed".to_owned()));
    }
    let good = date("CST", china, 0);
    assert_eq!(text_of(signed(zstack, id, "wrong", &good)).await.0, 403);
    assert_eq!(text_of(signed(zstack, "wrong", secret, &good)).await.0, 403);
    assert_eq!(text_of(signed(zstack, id, secret, "yesterday")).await.0, 400);
    assert_eq!(zstack.executions(zstack.vm_uuid()), 3);
}

#[tokio::test]
async fn invalid_requests_start_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let vm = zstack.vm_uuid();
    let exec = |body: String| {
        request(zstack, Method::PUT, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .header("content-type", "application/json")
            .body(body)
    };
    let with = |member: &str, value: Value| {
        let mut body = params(vm, "true");
        body["params"][member] = value;
        body.to_string()
    };
    for (body, code) in [
        ("{}".to_owned(), "SYS.1007"),
        (with("command", json!(" \n")), "SYS.1007"),
        (with("command", json!("x".repeat(65_537))), "SYS.1007"),
        (with("platform", json!("linux")), "SYS.1007"),
        (with("commandTimeout", json!(1)), "SYS.1007"),
        (with("vmInstanceUuid", json!("0".repeat(32))), "SYS.1003"),
        (with("vmInstanceUuid", json!(zstack.stopped_vm_uuid())), "SYS.1006"),
        (with("platform", json!("Windows")), "SYS.1006"),
    ] {
        let (status, answer) = json_of(exec(body)).await;
        assert_eq!((status.as_u16(), &answer["error"]["code"]), (503, &json!(code)), "{answer}");
        let error = &answer["error"];
        assert!(error["description"].is_string() && error["details"].is_string());
        assert_eq!(error["cause"].is_object(), code == "SYS.1006", "{answer}");
    }
    for (refused, status) in [
        (exec("{".to_owned()), 400),
        (exec(with("commandTimeout", json!("20"))), 400),
        (exec(with("commandTimeout", json!(10.5))), 400),
        (exec(params(vm, "true").to_string()).header("x-job-uuid", "short"), 400),
        (exec(" ".repeat(11 * 1024 * 1024)), 413),
        (request(zstack, Method::PUT, EXEC).json(&params(vm, "true")), 400),
        (request(zstack, Method::PUT, EXEC).header("authorization", "Basic x"), 400),
        (request(zstack, Method::GET, EXEC), 405),
        (request(zstack, Method::GET, "/v1/zql"), 404),
        (request(zstack, Method::GET, "/v1/api-jobs/00000000000000000000000000000000"), 404),
        (http().get(zstack.endpoint().replace("/zstack", "/")), 404),
    ] {
        let (is, text) = text_of(refused).await;
        assert_eq!(is.as_u16(), status, "{text}");
        assert!(!text.is_empty());
    }
    let stranger = request(zstack, Method::PUT, EXEC)
        .header("authorization", "OAuth 0123456789abcdef0123456789abcdef")
        .json(&params(vm, "true"));
    let (status, answer) = json_of(stranger).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (503, &json!("ID.1001")));
    assert_eq!(zstack.executions(vm), 0);
}

#[tokio::test]
async fn a_job_id_can_be_used_once_and_its_result_read_later() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let job = "0123456789abcdef0123456789abcdef";
    let exec = || {
        request(zstack, Method::PUT, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .header("x-job-uuid", job)
            .json(&params(zstack.vm_uuid(), "echo once"))
    };
    let (_, first) = json_of(exec()).await;
    let (status, text) = text_of(exec()).await;
    assert_eq!(status, 400);
    assert!(text.contains("duplicate"), "{text}");
    // Without any authentication.
    let looked = json_of(request(zstack, Method::GET, &format!("/v1/api-jobs/{job}"))).await;
    assert_eq!(looked, (StatusCode::OK, first));
    assert_eq!(zstack.executions(zstack.vm_uuid()), 1);
}

#[tokio::test]
async fn a_command_answered_with_202_is_polled_as_a_job() {
    let sandbox = Sandbox::builder().zstack_jobs(true).start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let start = |session: &str, command: &str| {
        let mut body = params(zstack.vm_uuid(), command);
        body["params"]["commandTimeout"] = 10.into();
        request(zstack, Method::POST, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .json(&body)
    };
    let end = async |answer: (StatusCode, Value)| {
        assert_eq!((answer.0.as_u16(), answer.1["apiTimeout"].is_number()), (202, true));
        let location = answer.1["location"].as_str().unwrap().to_owned();
        loop {
            let answer = json_of(http().get(&location)).await;
            if answer.0 != 202 {
                return answer;
            }
            assert_eq!(answer.1, json!({}));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let slow = end(json_of(start(&session, "echo so far; sleep 1000")).await);
    let quick = end(json_of(start(&session, "echo done")).await);
    let stranger = end(json_of(start("0123456789abcdef0123456789abcdef", "echo never")).await);
    let (slow, quick, stranger) = tokio::join!(slow, quick, stranger);
    assert_eq!(
        (quick.0.as_u16(), &quick.1["stream"]),
        (200, &json!("standardStream: done, errorStream: "))
    );
    assert_eq!((slow.0.as_u16(), &slow.1["error"]["code"]), (503, &json!("SYS.1001")));
    assert_eq!((stranger.0.as_u16(), &stranger.1["error"]["code"]), (503, &json!("ID.1001")));
}

/// The vendor's Java SDK sends nothing but the session's UUID.
#[tokio::test]
async fn logging_out_needs_no_authorization() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let path = format!("/v1/accounts/sessions/{session}");
    let logout = request(zstack, Method::DELETE, &path);
    assert_eq!(json_of(logout).await, (StatusCode::OK, json!({})));
    assert_eq!(zstack.sessions(), 0);
}

#[tokio::test]
async fn any_number_of_vms_can_be_configured() {
    let named = "0123456789abcdef0123456789abcdef";
    let sandbox = Sandbox::builder().zstack_vms(7).zstack_vm(named).start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let uuids = zstack.vm_uuids();
    assert_eq!((uuids.len(), &*uuids[0], &*uuids[0]), (8, named, zstack.vm_uuid()));
    assert_eq!(uuids[1], "fc022ba201c135d8809c5e02bf6bf156");
    let mut homes = std::collections::HashSet::new();
    for uuid in &uuids {
        let exec = request(zstack, Method::PUT, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .json(&params(uuid, "pwd"));
        let (status, answer) = json_of(exec).await;
        assert_eq!((status.as_u16(), &answer["vmInstance"]["uuid"]), (200, &json!(uuid)));
        homes.insert(answer["stream"].as_str().unwrap().to_owned());
        assert_eq!(zstack.executions(uuid), 1);
    }
    // Each VM has its own directory.
    assert_eq!(homes.len(), 8);
    let none = Sandbox::builder().zstack_vms(0).start().await.unwrap();
    assert_eq!((none.zstack().vm_uuid(), none.zstack().vm_uuids().len()), ("", 0));
    assert!(!none.zstack().stopped_vm_uuid().is_empty());
}

#[tokio::test]
async fn more_than_a_thousand_unfinished_jobs_are_refused() {
    // One command runs, the others are queued.
    let sandbox = Sandbox::builder().zstack_jobs(true).max_processes(1).start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let exec = || {
        request(zstack, Method::POST, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .json(&params(zstack.vm_uuid(), "sleep 1000"))
    };
    for _ in 0..1000 {
        assert_eq!(json_of(exec()).await.0, 202);
    }
    let (status, text) = text_of(exec()).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{text}");
}

#[tokio::test]
async fn a_list_in_place_of_an_object_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let session = session(zstack).await;
    let vm = zstack.vm_uuid();
    for body in [json!([[vm, "Linux", "true"]]), json!({ "params": [vm, "Linux", "true"] })] {
        let exec = request(zstack, Method::PUT, EXEC)
            .header("authorization", format!("OAuth {session}"))
            .json(&body);
        assert_eq!(exec.send().await.unwrap().status(), 400, "{body}");
    }
    assert_eq!(zstack.executions(vm), 0);
}

/// A message of the older interface, and its reply.
async fn message(zstack: &ZstackHandle, class: &str, message: Value) -> Value {
    let body = json!({ class: message });
    let post = http().post(zstack.message_endpoint()).json(&body);
    reply(zstack, json_of(post).await.1).await
}

/// The reply inside an answer, once the call has ended.
async fn reply(zstack: &ZstackHandle, mut answer: Value) -> Value {
    while answer["state"] == "Processing" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let uuid = answer["uuid"].as_str().unwrap();
        answer = json_of(http().get(format!("{}result/{uuid}", zstack.message_endpoint()))).await.1;
    }
    assert_eq!(answer["state"], "Done");
    let result: Value = serde_json::from_str(answer["result"].as_str().unwrap()).unwrap();
    result.as_object().unwrap().values().next().unwrap().clone()
}

#[tokio::test]
async fn the_older_message_interface_is_served() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let hash = |text: &str| -> String {
        use sha2::Digest as _;
        sha2::Sha512::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let log_in = async |password: &str| {
        let fields = json!({ "accountName": zstack.account_name(), "password": hash(password) });
        message(zstack, "org.zstack.header.identity.APILogInByAccountMsg", fields).await
    };
    let refused = log_in("wrong").await;
    assert_eq!(
        (&refused["success"], &refused["error"]["code"]),
        (&json!(false), &json!("ID.1000"))
    );
    let session = log_in(zstack.password()).await["inventory"]["uuid"].clone();
    assert_eq!(zstack.sessions(), 1);

    let run = async |session: &Value, command: &str, platform: &str| {
        let fields = json!({
            "vmInstanceUuid": zstack.vm_uuid(), "platform": platform, "command": command,
            "session": { "uuid": session },
        });
        message(zstack, "org.zstack.guesttools.APIExecuteGuestVmCommandMsg", fields).await
    };
    let event = run(&session, "echo old; echo ways >&2", "Linux").await;
    assert_eq!(event["success"], true);
    assert_eq!(event["stream"], "standardStream: old, errorStream: ways");
    assert_eq!(event["vmInstance"]["uuid"], zstack.vm_uuid());
    for (event, code) in [
        (run(&json!("0123456789abcdef0123456789abcdef"), "true", "Linux").await, "ID.1001"),
        (run(&session, "true", "linux").await, "SYS.1007"),
        (run(&session, "true", "Windows").await, "SYS.1006"),
    ] {
        assert_eq!((&event["success"], &event["error"]["code"]), (&json!(false), &json!(code)));
    }
    assert_eq!(zstack.executions(zstack.vm_uuid()), 1);

    let query = async |conditions: Value| {
        let fields = json!({ "conditions": conditions, "session": { "uuid": session } });
        message(zstack, "org.zstack.header.vm.APIQueryVmInstanceMsg", fields).await
    };
    assert_eq!(query(json!([])).await["total"], 3);
    let running = query(json!([{ "name": "state", "op": "=", "value": "Running" }])).await;
    assert_eq!(running["inventories"].as_array().unwrap().len(), 2);
    let bad = query(json!([{ "name": "state", "op": "like", "value": "x" }])).await;
    assert_eq!(bad["error"]["code"], "SYS.1007");
    let unknown = message(zstack, "org.zstack.header.vm.APIStartVmInstanceMsg", json!({})).await;
    assert_eq!(unknown["success"], false);

    let id = json!({ "sessionUuid": session, "session": { "uuid": session } });
    let valid = "org.zstack.header.identity.APIValidateSessionMsg";
    assert_eq!(message(zstack, valid, id.clone()).await["validSession"], true);
    message(zstack, "org.zstack.header.identity.APILogOutMsg", id.clone()).await;
    assert_eq!(message(zstack, valid, id).await["validSession"], false);
    assert_eq!(zstack.sessions(), 0);
    for body in ["", "[]", "{}", r#"{"a":{},"b":{}}"#] {
        let post = http().post(zstack.message_endpoint()).body(body);
        assert_eq!(text_of(post).await.0, 400, "{body}");
    }
}
