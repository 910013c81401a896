//! What cannot be saved: exchanges under way, and answers that are too large.

use std::fs;

use guestexec_core::{Operation, Request, Transport as _};
use guestexec_testkit::{Reply, StatusCode, Tape};
use reqwest::{Method, Response, Url};
use serde_json::json;

use crate::Folder;

const GET: &Operation = &Operation::undocumented("Get", "GET", "/");

fn request() -> Request {
    let url = Url::parse("http://127.0.0.1:9/").unwrap();
    Request::from_reqwest(reqwest::Request::new(Method::GET, url))
}

async fn get(tape: &Tape) -> Response {
    tape.execute(GET, request()).await.unwrap().into_reqwest()
}

fn refused(folder: &Folder, tape: &Tape) -> String {
    let path = folder.path("x.toml");
    let error = tape.save(&path).unwrap_err().to_string();
    assert!(!path.exists());
    error
}

#[tokio::test]
async fn a_conversation_under_way_is_not_saved() {
    let folder = Folder::new();
    let tape = Tape::record(Tape::new().reply(Reply::pending()).reply(json!({ "a": 1 })));
    let waiting = tape.execute(GET, request());
    assert!(refused(&folder, &tape).contains("request 1 (Get) still waits for its answer"));
    drop(waiting);
    assert!(tape.to_string().contains("given up before there was an answer"), "{tape}");

    let tape = Tape::record(Tape::new().reply(json!({ "a": 1 })));
    let unread = get(&tape).await;
    let error = refused(&folder, &tape);
    assert!(error.contains("the answer to request 1 (Get) is not read to its end"), "{error}");
    assert_eq!(unread.bytes().await.unwrap(), r#"{"a":1}"#);
    assert!(folder.save(&tape).contains("\"a\": 1"));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_passed_on_and_not_saved() {
    let (folder, size) = (Folder::new(), 33 * 1024 * 1024);
    let large = Reply::bytes(StatusCode::OK, "application/octet-stream", vec![7; size]);
    let tape = Tape::record(Tape::new().reply(large));
    assert_eq!(get(&tape).await.bytes().await.unwrap().len(), size);
    let error = refused(&folder, &tape);
    assert!(
        error.contains("the answer to request 1 (Get) has more than 33554432 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn any_body_and_any_header_come_back_as_they_were() {
    let folder = Folder::new();
    let bodies: [(&str, &[u8]); 8] = [
        ("text/html", b"<h1>'''\"\"\"\\ \x01\xe2\x80\xa8</h1>\r\n\n"),
        ("application/octet-stream", b"\xff\x00\xfe"),
        ("text/plain", b""),
        ("text/plain", b"<secret-1> <random 1> <text><random 1> x :<port>"),
        ("application/json", br#"{"a":"<base64> x","b":"<text> y","c":"<secret-1> z"}"#),
        ("application/json", b"[1,2.5,18446744073709551615,-7,true,null,\"\\u0000\"]"),
        ("application/json", b"\"'''\""),
        ("text/plain", b"\n\nlines\n"),
    ];
    let service = bodies.iter().fold(Tape::new(), |tape, (form, body)| {
        let reply = Reply::bytes(StatusCode::IM_A_TEAPOT, form, *body);
        tape.reply(reply.header("x-two", "a: b").header("x-two", "<secret-1> <port>"))
    });
    let tape = Tape::record(service);
    for _ in bodies {
        get(&tape).await.bytes().await.unwrap();
    }
    folder.save(&tape);
    let text = fs::read_to_string(folder.path("saved.toml")).unwrap();
    let replay = folder.replay(&text);
    for (form, body) in bodies {
        let answer = get(&replay).await;
        assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
        assert_eq!(answer.headers()["content-type"], form);
        let two: Vec<_> = answer.headers().get_all("x-two").iter().collect();
        assert_eq!(two, ["a: b", "<secret-1> <port>"]);
        let read = answer.bytes().await.unwrap();
        assert_eq!(read, body, "{}", String::from_utf8_lossy(body));
    }
    replay.assert_complete();
}
