use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url, header::HeaderValue};
use serde_json::{Value, json};

use super::{RequestShape, put_random_texts};
use crate::Request;
use crate::{HttpOptions, Mark, Marks, Operation, http::offline_client};

const MARKS: Marks<'_> = Marks {
    operation: &Operation {
        secrets: "body/auth/password,body/list/*/value,body/all,query/key,path/2",
        ..Operation::undocumented("Try", "POST", "/v1/sessions/{id}/valid")
    },
    times: &["x-at"],
    nonces: &["x-once"],
    made: &[],
};

#[test]
fn what_is_marked_is_not_shown() {
    let url = Url::parse("http://h/v1/sessions/S0/valid?key=S1&other=plain").unwrap();
    let body = json!({
        "auth": { "password": "S2", "user": "me" }, "password": "plain",
        "list": [{ "value": "S3", "name": "n" }, { "value": 7777 }, "odd"],
        "all": { "deep": ["S4"] }, "timeout": 3,
    });
    let mut token = HeaderValue::from_static("S5");
    token.set_sensitive(true);
    let mut request = offline_client(&HttpOptions::default())
        .unwrap()
        .request(Method::POST, url)
        .header("authorization", "Basic S6")
        .header("x-any", token)
        .header("x-at", "S7")
        .header("x-once", "S8")
        .json(&body)
        .build()
        .unwrap();
    // Without marks, anything may be a secret.
    let unknown = RequestShape::of(&wrapped(&request)).to_string();
    assert!(!unknown.contains("S2") && unknown.ends_with(" bytes>"), "{unknown}");

    MARKS.put(&mut request);
    let shape = RequestShape::of(&wrapped(&request));
    let shown = format!("{shape}{shape:?}{}", serde_json::to_string(&shape).unwrap());
    for secret in ["S0", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "7777"] {
        assert!(!shown.contains(secret), "{secret}: {shape}");
    }
    for plain in [
        "Try: POST http://h/v1/sessions/<secret>/valid\n",
        "? key=<secret>\n",
        "& other=plain\n",
        "authorization: Basic <secret>\n",
        "x-at: <time>\n",
        "x-once: <nonce>\n",
        "\"user\": \"me\"",
        "\"password\": \"plain\"",
        "\"name\": \"n\"",
        "\"odd\"",
        "\"all\": \"<secret>\"",
        "\"timeout\": 3",
    ] {
        assert!(shape.to_string().contains(plain), "{plain}: {shape}");
    }
}

#[test]
fn a_request_without_its_secrets_is_else_as_it_is_sent() {
    let url = Url::parse("http://h:8/v1/sessions/S0/valid?key=S1&other=a%2Fb&flag").unwrap();
    let body = br#"{"auth":{"password":"S2","user":"me"},"list":[{"value":"S3"}],"timeout":3}"#;
    let mut request = offline_client(&HttpOptions::default())
        .unwrap()
        .request(Method::POST, url)
        .header("authorization", "Basic S6")
        .header("x-at", "now")
        .body(body.to_vec())
        .build()
        .unwrap();
    let unknown = wrapped(&request).without_secrets();
    assert_eq!(unknown.body(), format!("<{} bytes>", body.len()).as_bytes());
    assert_eq!(unknown.headers()["authorization"], "Basic <secret>");

    MARKS.put(&mut request);
    let whole = wrapped(&request);
    let shown = whole.without_secrets();
    let address = shown.url().split('#').next().unwrap();
    let hidden = "%3Csecret%3E";
    assert_eq!(
        address,
        format!("http://h:8/v1/sessions/{hidden}/valid?key={hidden}&other=a%2Fb&flag")
    );
    assert_eq!((&shown.headers()["x-at"], shown.method()), (&"now".parse().unwrap(), "POST"));
    assert_eq!(
        serde_json::from_slice::<Value>(shown.body()).unwrap(),
        json!({
            "auth": { "password": "<secret>", "user": "me" }, "list": [{ "value": "<secret>" }], "timeout": 3,
        })
    );
    // The shape of both is one, and the request itself stays.
    assert_eq!(RequestShape::of(&whole), RequestShape::of(&shown));
    assert_eq!(whole.body(), body);
}

const RUN: Operation = Operation {
    secrets: "body/Parameters,body/Hidden",
    texts: "base64/Content,json/Parameters,json/Plain,json/Hidden,base64/List/*",
    answer_secrets: "header/x-token,body/token,body/Parameters",
    answer_texts: "json/Parameters,json/Free,base64/Output",
    ..Operation::undocumented("Run", "POST", "/")
};

fn shape(url: &str, body: &Value, made: &[Mark]) -> RequestShape {
    let url = Url::parse(url).unwrap();
    let host = url.authority().to_owned();
    let mut request = offline_client(&HttpOptions::default())
        .unwrap()
        .request(Method::POST, url)
        .header("host", host)
        .json(body)
        .build()
        .unwrap();
    Marks { operation: &RUN, times: &[], nonces: &[], made }.put(&mut request);
    RequestShape::of(&wrapped(&request))
}

fn body(body: &Value, made: &[Mark]) -> Value {
    shape("https://h/", body, made).body.unwrap()
}

#[test]
fn the_host_is_named_and_a_port_of_this_machine_is_not() {
    for (url, host, header) in [
        ("https://tat.example/", "https://tat.example", "tat.example"),
        ("https://tat.example:8443/a", "https://tat.example:8443", "tat.example:8443"),
        ("http://127.0.0.1:4711/a", "http://127.0.0.1:<port>", "127.0.0.1:<port>"),
        ("http://localhost:4711/a", "http://localhost:<port>", "localhost:<port>"),
        ("http://[::1]:4711/a", "http://[::1]:<port>", "[::1]:<port>"),
        ("http://127.0.0.1/a", "http://127.0.0.1", "127.0.0.1"),
    ] {
        let shape = shape(url, &json!({}), &[]);
        assert_eq!(shape.host, host);
        assert!(shape.headers.contains(&("host".to_owned(), header.to_owned())), "{shape}");
        let first = format!("Run: POST {host}{}\n", shape.path);
        assert!(shape.to_string().starts_with(&first), "{shape}");
    }
    let request = reqwest::Request::new(Method::GET, Url::parse("https://me:pw@h/a").unwrap());
    assert_eq!(RequestShape::of(&wrapped(&request)).host, "https://<secret>@h");
}

#[test]
fn text_in_base64_is_shown_as_text() {
    for (sent, shown) in [
        ("dXB0aW1lCg==", "<base64> uptime\n"),
        ("", "<base64> "),
        // Bytes that are no text, other alphabets, padding and bits that a client does not write.
        ("/w==", "/w=="),
        ("_w==", "_w=="),
        ("dXB0aW1lCg", "dXB0aW1lCg"),
        ("dXB0aW1lCh==", "dXB0aW1lCh=="),
        ("!", "!"),
        // What would read like another text says that it is one.
        ("<base64> uptime", "<text> <base64> uptime"),
        ("<text> <base64> uptime", "<text> <text> <base64> uptime"),
    ] {
        assert_eq!(body(&json!({ "Content": sent }), &[]), json!({ "Content": shown }));
    }
    // Nothing but the documented members is taken for Base64.
    let other = json!({ "Name": "dXB0aW1lCg==", "Content": 7 });
    assert_eq!(body(&other, &[]), other);
    let list = body(&json!({ "List": ["YQ==", "b", "Yw=="] }), &[]);
    assert_eq!(list, json!({ "List": ["<base64> a", "b", "<base64> c"] }));
}

#[test]
fn json_within_a_text_is_shown_as_json_and_its_secrets_are_not() {
    let sent = json!({
        "Plain": r#"{"b": [1, {"d": 1, "c": null}], "a": "x"}"#,
        "Parameters": r#"{"dir": "/srv", "token": "S1", "deep": {"x": "S2"}}"#,
        "Hidden": r#"["S3", {"S4": 5}]"#,
    });
    let made = [Mark::Plain("Parameters/dir".to_owned())];
    let shown = body(&sent, &made);
    assert_eq!(
        shown.to_string(),
        json!({
            "Hidden": { "<json>": ["<secret>", "<secret>"] },
            "Parameters": { "<json>": { "deep": "<secret>", "dir": "/srv", "token": "<secret>" } },
            "Plain": { "<json>": { "a": "x", "b": [1, { "c": null, "d": 1 }] } },
        })
        .to_string()
    );
    // Without the word of the code, all is hidden; what is no JSON is hidden as a whole.
    assert_eq!(body(&sent, &[])["Parameters"]["<json>"]["dir"], "<secret>");
    for odd in [r#""S1""#, "S1", r#"{"token": "S1""#, ""] {
        let shown = body(&json!({ "Parameters": odd, "Plain": odd }), &made);
        assert_eq!(shown, json!({ "Parameters": "<secret>", "Plain": odd }));
    }
}

#[test]
fn a_random_text_in_the_path_reads_the_same_each_time() {
    let made = [Mark::Nonce("0123456789abcdef".to_owned())];
    let sent = shape("https://h/v1/scripts/0123456789abcdef/actions", &json!({}), &made);
    assert_eq!(sent.path, "/v1/scripts/<nonce>/actions");
}

#[test]
fn what_code_makes_at_random_reads_the_same_each_time() {
    let once = |marker: &str, nonce: &str| {
        let script = format!("echo {nonce}; f('{}')", STANDARD.encode("Get-Date"));
        let utf16: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let sent = json!({
            "Content": STANDARD.encode(format!("uptime{marker}\n")),
            "Filters": [{ "Value": nonce }],
            "command": format!("powershell -Enc {} end", STANDARD.encode(utf16)),
        });
        let made = [
            Mark::Marker(marker.to_owned()),
            Mark::Nonce(nonce.to_owned()),
            Mark::Nonce(String::new()),
            Mark::Utf16After("-Enc "),
            Mark::Base64After("f('"),
        ];
        let query = utf8_percent_encode(nonce, NON_ALPHANUMERIC);
        shape(&format!("https://h/?q=a-{query}"), &sent, &made)
    };
    let first = once(" \t  \t\t", "a,b/c é");
    assert_eq!(first, once("\t\t\t   ", "0123456789abcdef"));
    assert_eq!(first.query, [("q".to_owned(), "a-<nonce>".to_owned())]);
    assert_eq!(
        first.body.unwrap(),
        json!({
            "Content": "<base64> uptime<marker>\n",
            "Filters": [{ "Value": "<nonce>" }],
            "command": "powershell -Enc <utf-16>echo <nonce>; f('<base64>Get-Date</base64>')</utf-16> end",
        })
    );
    // What follows is no Base64, or no text.
    for odd in ["-Enc 'a'", "-Enc", "-Enc YQ==", "-Enc AN8=", "f('/w==')"] {
        let made = [Mark::Utf16After("-Enc "), Mark::Base64After("f('")];
        let sent = json!({ "command": odd });
        assert_eq!(body(&sent, &made), sent, "{odd}");
    }
}

#[test]
fn a_review_sees_a_script_line_by_line() {
    let sent = json!({
        "Content": STANDARD.encode("set -e\n\n\techo \"hi\"\n"),
        "List": [STANDARD.encode("a\nb"), STANDARD.encode("blank \nend"), STANDARD.encode("a\r\nb")],
        "Name": "one\ntwo",
        "Empty": [{}, []],
    });
    let shape = shape("https://h/?a=1%0A2&b=%22", &sent, &[]).to_string();
    let shown = r#"  ? a="1\n2"
  & b="\""
content-type: application/json
host: h

{
  "Content": "<base64>",
  | set -e
  |
  | 	echo "hi"
  |
  "Empty": [
    {},
    []
  ],
  "List": [
    "<base64>",
    | a
    | b
    "<base64> blank \nend",
    "<base64> a\r\nb"
  ],
  "Name": "<lines>"
  | one
  | two
}"#;
    assert!(shape.ends_with(&shown), "{shape}");
}

#[test]
fn the_secrets_of_an_answer_are_hidden_and_the_rest_can_be_read_again() {
    let answer = json!({
        "token": "S1", "Free": "{\"b\":  1}", "Output": "aGk=", "Parameters": "{\"token\": \"S2\"}",
    });
    let mut kept = answer.clone();
    RUN.hide_answer_secrets(&mut kept);
    assert_eq!(
        kept,
        json!({
            "token": "<secret>", "Free": "{\"b\":  1}", "Output": "aGk=",
            "Parameters": "{\"token\":\"<secret>\"}",
        })
    );
    assert_eq!(
        RUN.readable_answer(answer),
        json!({
            "token": "<secret>", "Free": { "<json>": { "b": 1 } }, "Output": "<base64> hi",
            "Parameters": { "<json>": { "token": "<secret>" } },
        })
    );
    assert!(RUN.is_secret_answer_header("x-token") && RUN.is_secret_answer_header("set-cookie"));
    assert!(!RUN.is_secret_answer_header("content-type"));
}

#[test]
fn a_query_that_is_encoded_in_another_way_is_shown_as_sent() {
    let query = |text: &str| shape(&format!("https://h/?{text}"), &json!({}), &[]).query;
    for (sent, name, value) in [
        ("a=%20b%2B%25", "a", " b+%"),
        ("a=*-._z9", "a", "*-._z9"),
        ("a=gr%C3%B6%C3%9Fe", "a", "größe"),
        ("a=", "a", ""),
        ("a", "<raw> a", ""),
        ("a=x+y", "a", "<raw> x+y"),
        ("a=x,y", "a", "<raw> x,y"),
        ("a=x%2dy", "a", "<raw> x%2dy"),
        ("a=%ff", "a", "<raw> %ff"),
        ("a=b=c", "a", "<raw> b=c"),
        ("%61=b", "<raw> %61", "b"),
    ] {
        assert_eq!(query(sent), [(name.to_owned(), value.to_owned())], "{sent}");
    }
    assert_eq!(query("b=2&a=1&b=1").iter().map(|(_, value)| &**value).collect::<String>(), "121");
    let url = Url::parse("http://h/?k%65y=S1").unwrap();
    let mut request = reqwest::Request::new(Method::GET, url);
    MARKS.put(&mut request);
    assert_eq!(RequestShape::of(&wrapped(&request)).query[0].1, "<secret>");
}

#[test]
fn json_with_a_name_twice_is_no_value() {
    let url = Url::parse("https://h/").unwrap();
    let body = |text: &'static str, operation: &'static Operation| {
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        *request.body_mut() = Some(text.into());
        Marks { operation, times: &[], nonces: &[], made: &[] }.put(&mut request);
        RequestShape::of(&wrapped(&request)).body.unwrap()
    };
    const OPEN: Operation = Operation::undocumented("Open", "POST", "/");
    for twice in [r#"{"a":1,"a":2}"#, r#"[{"a":[{"b":1,"\u0062":1}]}]"#] {
        assert_eq!(body(twice, &OPEN), twice);
        assert_eq!(body(twice, &RUN), format!("<{} bytes>", twice.len()));
    }
    for once in [r#"{"a":{"a":1},"b":[{"a":null},{"a":-1.5}],"c":true}"#, "7", "[]"] {
        assert_eq!(body(once, &OPEN), serde_json::from_str::<Value>(once).unwrap());
    }
}

#[test]
fn what_a_service_repeats_of_a_request_is_put_into_a_canned_answer() {
    let mut request = reqwest::Request::new(Method::GET, Url::parse("https://h/").unwrap());
    let made = [Mark::Nonce("0f3c".to_owned()), Mark::Marker(" \t".to_owned())];
    Marks { operation: &RUN, times: &[], nonces: &[], made: &made }.put(&mut request);
    let canned = json!({
        "Output": STANDARD.encode("uptime<marker>\n"), "list": ["x:<nonce>:0:<nonce>"],
        "number": 1, "Free": "!",
    });
    let mut body = canned.clone();
    put_random_texts(&wrapped(&request), &RUN, &mut body);
    assert_eq!(
        body,
        json!({
            "Output": STANDARD.encode("uptime \t\n"), "list": ["x:0f3c:0:0f3c"], "number": 1, "Free": "!",
        })
    );
    request.url_mut().set_fragment(None);
    let mut body = canned.clone();
    put_random_texts(&wrapped(&request), &RUN, &mut body);
    assert_eq!(body, canned);
}

/// The request as a transport gets it.
fn wrapped(request: &reqwest::Request) -> Request {
    Request::from_reqwest(request.try_clone().unwrap())
}
