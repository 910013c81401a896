//! The code of `wide.yaml` at work, against a server of one answer.

#![allow(clippy::unwrap_used)]

use compiled::wide::{
    Client, builder,
    types::{A, CreateThingRequest, D, Label, Members, Thing, Tree},
};
use guestexec_core::Validate as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// A server that gives `body` once; what was sent to it.
async fn serve(content_type: &str, body: &str) -> (Client, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        loop {
            let mut part = [0; 4096];
            let length = socket.read(&mut part).await.unwrap();
            read.extend_from_slice(&part[..length]);
            let text = String::from_utf8_lossy(&read).into_owned();
            let is_whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                body.len() >= length.map_or(0, |length| length.parse().unwrap())
            });
            if is_whole || length == 0 {
                socket.write_all(answer.as_bytes()).await.unwrap();
                return text;
            }
        }
    });
    (Client::at(&base), task)
}

fn request() -> CreateThingRequest {
    CreateThingRequest::new("lamp", "one")
}

#[tokio::test]
#[allow(deprecated, reason = "it is what is tested")]
async fn a_list_is_an_answer() {
    let body = r#"[{"id": 7, "Id": "x", "labels": {"a": {"text": "b"}, "c": 5}, "new": 1}, null, 3]"#;
    let (client, sent) = serve("application/vnd.wide+json", body).await;
    let answer = client.list_things().room(4).checks("a").x_trace("t").send().await.unwrap();
    let [thing]: &[Thing] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!((thing.id, thing.id_2.as_deref()), (Some(7), Some("x")));
    assert_eq!(thing.labels["a"].text.as_deref(), Some("b"));
    assert_eq!((thing.extra["new"].as_i64(), thing.extra["labels"]["c"].as_i64()), (Some(1), Some(5)));
    assert_eq!(answer.odd().len(), 2);
    let sent = sent.await.unwrap();
    assert!(sent.starts_with("GET /v1/things?checks=a&room=4 HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("\r\naccept: application/vnd.wide+json; charset=utf-8\r\n"), "{sent}");
    assert!(sent.contains("\r\nx-trace: t\r\n"), "{sent}");

    let (client, _) = serve("application/json", r#"["a", "b"]"#).await;
    assert_eq!(*client.list_names().send().await.unwrap().into_inner(), ["a", "b"]);
    let (client, _) = serve("application/json", "{}").await;
    client.list_names().send().await.unwrap_err();
}

#[tokio::test]
async fn a_text_is_an_answer_and_json_has_the_name_of_the_document() {
    let (client, sent) = serve("text/plain", "made").await;
    let answer = client.create_thing("lamp", "one").message_2("two").send().await.unwrap();
    assert_eq!(*answer, "made");
    let sent = sent.await.unwrap();
    assert!(sent.starts_with("POST /v1/things HTTP/1.1\r\n"), "{sent}");
    assert_eq!(sent.matches("content-type: application/vnd.wide+json\r\n").count(), 1, "{sent}");
    assert_eq!(sent.matches("content-type").count(), 1, "{sent}");
    let (_, body) = sent.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, serde_json::json!({ "name": "lamp", "Message": "one", "message": "two" }));

    let (client, _) = serve("text/plain", "made").await;
    let mut answer = client.create_thing("lamp", "one").send_streamed().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().as_deref(), Some(&b"made"[..]));
    assert!(answer.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn an_envelope_is_not_seen_and_a_list_goes_on() {
    let body = r#"{"result": {"parts": [{"Id": "a"}, 5], "total": 3}}"#;
    let (client, sent) = serve("application/json", body).await;
    let mut pages = client.list_parts("lamp").from(1).header_member("a").header("X-Mark", "m").pages();
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!((page.parts.len(), page.total), (1, Some(3)));
    // Of three, one was skipped and two are here, one of them unreadable.
    assert!(pages.next().await.is_none());
    let sent = sent.await.unwrap();
    assert!(sent.contains("\r\nx-mark: m\r\n"), "{sent}");
    let (_, body) = sent.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, serde_json::json!({ "query": { "thing": "lamp", "from": 1 }, "header": "a" }));

    let (client, _) = serve("application/json", r#"{"rooms": ["a"], "about": {"next": "m"}}"#).await;
    let mut rooms = client.list_rooms("one", "north").mark("m").items();
    let error = rooms.next().await.unwrap().unwrap_err().to_string();
    assert!(error.contains("gives nothing more of it"), "{error}");
    assert!(rooms.next().await.is_none());
    let (client, _) = serve("application/json", r#"{"rooms": ["a"], "about": {"next": ["m"]}}"#).await;
    let error = client.list_rooms("one", "north").items().all().await.unwrap_err().to_string();
    assert!(error.contains("a form that cannot be read"), "{error}");
    let (client, _) = serve("application/json", r#"{"rooms": ["a"]}"#).await;
    assert_eq!(client.list_rooms("one", "north").items().all().await.unwrap(), ["a"]);
    let (client, _) = serve("application/json", r#"{"rooms": ["a"]}"#).await;
    let raw = client.list_rooms("one", "north").send_raw().await.unwrap();
    assert_eq!(&raw[..], br#"{"rooms": ["a"]}"#);
}

#[tokio::test]
#[allow(deprecated, reason = "it is what is tested")]
async fn parameters_are_checked() {
    let client = Client::at("http://127.0.0.1:1");
    let calls: [(builder::ListThings<'_>, &str); 4] = [
        (client.list_things().room(3), "`room` is 3, but only 4 to 9 is allowed"),
        (client.list_things().room(10), "`room` is 10, but only 4 to 9 is allowed"),
        (client.list_things().checks("abcdef"), "`checks` has 6 characters, but at most 5 are"),
        (client.list_things().shade("LIGHT"), "`shade` is none of the values allowed: DARK"),
    ];
    for (call, said) in calls {
        let error = call.send().await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(builder::ListThings::ROOM_RANGE, 4..=9);
    assert_eq!(builder::ListThings::CHECKS_LENGTH, 0..=5);
}

#[test]
#[allow(deprecated, reason = "it is what is tested")]
fn members_are_checked() {
    let tree = || Tree::new("a").left(Tree::new("b"));
    let fine = request()
        .message_2("two")
        .tree(tree())
        .share(0.5)
        .weight(-2.5)
        .level(4)
        .size(CreateThingRequest::SIZE_RANGE.end().to_owned())
        .labels([("a".to_owned(), Label::new("b"))].into())
        .marks([("m".to_owned(), vec!["ab".to_owned()])].into())
        .note("old")
        .names([("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())].into())
        .initials(initials(9));
    fine.validate().unwrap();
    let rows = |text: &str| request().rows([[("a".to_owned(), text.to_owned())].into()]);
    let marks = |list: &[&str]| {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        request().marks([("m".to_owned(), list)].into())
    };
    for (value, said) in [
        (request().message_2("three"), "`message` has 5 characters, but at most 4 are allowed"),
        (request().tree(tree().left(Tree::new("abcde"))), "`tree.left.name` has 5 characters, but at most 4 are allowed"),
        (request().share(0.0), "`share` is 0, but only more than 0 and less than 1 is allowed"),
        (request().share(1.0), "`share` is 1, but only more than 0 and less than 1 is allowed"),
        (request().weight(2.75), "`weight` is 2.75, but only at most 2.5 is allowed"),
        (request().level(3), "`level` is 3, which is none of the values allowed: 1, 2, 4"),
        (request().size(1), "`size` is 1, but only 2 to 9000000000000000000 is allowed"),
        (request().labels([("a".to_owned(), Label::new("1234567"))].into()), "`labels.a.text` has 7 characters, but at most 6 are allowed"),
        (marks(&["ab", "cd", "ef"]), "`marks.m` has 3 items, but at most 2 are allowed"),
        (rows("abc"), "`rows[0].a` has 3 characters, but at most 2 are allowed"),
        (request().names([("a".to_owned(), "b".to_owned())].into()), "`names` has 1 member, but needs at least 2"),
        (request().initials(initials(10)), "`initials.D.more` is 10, but only at most 9 is allowed"),
        (marks(&["ab", "c"]), "`marks.m[1]` has 1 character, but needs at least 2"),
    ] {
        assert_eq!(value.validate().unwrap_err().to_string(), said);
    }
    let long = "x".repeat(CreateThingRequest::MESSAGE_LENGTH.end() + 1);
    let said = CreateThingRequest::new("lamp", long).validate().unwrap_err().to_string();
    assert_eq!(said, "`Message` has 4 characters, but at most 3 are allowed");
}

/// Examples of the parameters and of the body go together by their names.
#[tokio::test]
async fn examples_are_put_together_by_their_names() {
    let of = |operation: &str| {
        let all = compiled::wide::examples::ALL.iter();
        all.filter(|example| example.operation == operation).collect::<Vec<_>>()
    };
    let shown = |operation: &str| -> Vec<(&str, &str, serde_json::Value, Option<&str>)> {
        let shown = |text: &str| serde_json::from_str(text).unwrap();
        let all = of(operation).into_iter();
        all.map(|it| (it.name, it.summary, shown(it.parameters), it.body)).collect()
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(
        shown("PutLabel"),
        [
            ("page", "The page's own.", json(r#"{"thing": "lamp", "label": "a"}"#), Some(r#"{ "text": "one" }"#)),
            (
                "full",
                "With all parameters.",
                json(r#"{"thing": "lamp", "label": "b", "dry": true}"#),
                Some(r#"{ "text": "two" }"#),
            ),
        ]
    );
    assert_eq!(
        shown("GetLabel"),
        [
            ("page", "The page's own.", json(r#"{"thing": "lamp", "label": "a"}"#), None),
            ("other", "Another one.", json(r#"{"thing": "lamp", "label": "b"}"#), None),
        ]
    );
    let (client, sent) = serve("application/json", "").await;
    let _ = compiled::wide::examples::send(&client, of("PutLabel")[1]).await;
    let sent = sent.await.unwrap();
    assert!(sent.starts_with("PUT /v1/things/lamp/labels/b?dry=true HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\n{\"text\":\"two\"}"), "{sent}");
}

fn initials(more: i64) -> A {
    let mut d = D::new().members(Members::new());
    d.extra.insert("more".to_owned(), more);
    A::new().d(d)
}

#[test]
fn names_on_the_wire_are_those_of_the_document() {
    let value = request().plus1(2).x1_2(1).initials(initials(9));
    let text = serde_json::to_string(&value).unwrap();
    let wanted = serde_json::json!({
        "name": "lamp", "Message": "one", "+1": 2, "-1": 1,
        "initials": { "D": { "Members": {}, "more": 9 } },
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), wanted);
    assert_eq!(serde_json::from_str::<CreateThingRequest>(&text).unwrap(), value);
}

#[test]
fn what_is_sensitive_is_not_shown() {
    let value = request().secrets(["s3cret"]).hidden(Label::new("s3cret"));
    let text = format!("{value:?}");
    assert!(text.contains("lamp") && !text.contains("s3cret"), "{text}");
    let marks = compiled::wide::operations::CREATE_THING.secrets;
    assert_eq!(marks, "body/secrets,body/hidden");
}
