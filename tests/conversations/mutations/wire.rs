//! Changes of headers, addresses and whole requests, and what of them a diff shows.

use guestexec_testkit::Value;
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::json;

use super::{
    table::{Mutation, change, header, no_header, path, query},
    transport::Edit::{Double, Drop, Request as Of, Swap},
};

/// A list of one invocation that is over.
fn listed() -> Value {
    let task =
        json!({ "InvocationTaskId": "invt-1", "InstanceId": "ins-1", "TaskStatus": "SUCCESS" });
    let invocation = json!({ "InvocationId": "inv-1", "InvocationTaskBasicInfoSet": [task] });
    json!({ "Response": { "InvocationSet": [invocation] } })
}

/// The end of a command in a VM.
fn done() -> Value {
    let line = "guestexec:<nonce>:0:0:0:aGkK::<nonce>";
    json!({ "stream": format!("standardStream: {line}, errorStream: ") })
}

/// Changes of everything else.
pub const WIRE: &[Mutation] = &[
    // Headers.
    change(
        "a header has another value",
        "tat/resumed",
        Of(1, |request| header(request, "x-tc-region", "ap-beijing")),
        &["-x-tc-region: ap-guangzhou", "+x-tc-region: ap-beijing"],
    ),
    change(
        "a header names another action",
        "tat/resumed",
        Of(1, |request| header(request, "x-tc-action", "DescribeInvocation")),
        &["-x-tc-action: DescribeInvocations", "+x-tc-action: DescribeInvocation"],
    ),
    change(
        "a header is gone",
        "tat/resumed",
        Of(1, |request| no_header(request, "x-tc-version")),
        &["-x-tc-version: 2020-10-28"],
    ),
    change(
        "a header is added",
        "tat/resumed",
        Of(1, |request| {
            request.headers_mut().insert("x-tc-trace", HeaderValue::from_static("1"));
        }),
        &["+x-tc-trace: 1"],
    ),
    change(
        "a header is there twice",
        "tat/resumed",
        Of(1, |request| {
            request.headers_mut().append("x-tc-region", HeaderValue::from_static("ap-guangzhou"));
        }),
        &["+x-tc-region: ap-guangzhou"],
    ),
    change(
        "a header has another name",
        "cci/exec-v5",
        Of(1, |request| {
            let token = request.headers_mut().remove("x-auth-token").unwrap();
            request.headers_mut().insert(HeaderName::from_static("x-subject-token"), token);
        }),
        &["-x-auth-token: <secret>", "+x-subject-token: <secret>"],
    ),
    change(
        "the scheme of a signature is another",
        "tat/resumed",
        Of(1, |request| header(request, "authorization", "TC2-HMAC-SHA256 abc")),
        &["-authorization: TC3-HMAC-SHA256 <secret>", "+authorization: TC2-HMAC-SHA256 <secret>"],
    ),
    change(
        "a signature is gone",
        "zstack/access-key",
        Of(1, |request| no_header(request, "authorization")),
        &["-authorization: ZStack <secret>"],
    ),
    change(
        "the time is gone",
        "tat/resumed",
        Of(1, |request| no_header(request, "x-tc-timestamp")),
        &["-x-tc-timestamp: <time>"],
    ),
    change(
        "the type of the body is another",
        "tat/resumed",
        Of(1, |request| header(request, "content-type", "text/plain")),
        &["-content-type: application/json", "+content-type: text/plain"],
    ),
    change(
        "the host in the header is another",
        "tat/resumed",
        Of(1, |request| header(request, "host", "tat.example.com")),
        &["-host: tat.tencentcloudapi.com", "+host: tat.example.com"],
    ),
    change(
        "the name of a job is gone",
        "zstack/run",
        Of(1, |request| no_header(request, "x-job-uuid")),
        &["-x-job-uuid: <nonce>"],
    ),
    change(
        "the project is another",
        "cci/access-key",
        Of(1, |request| header(request, "x-project-id", "other")),
        &["-x-project-id: project", "+x-project-id: other"],
    ),
    // Queries.
    change(
        "a value of the query is another",
        "cci/pods-over-pages",
        Of(1, |request| query(request, "limit=500", "limit=50")),
        &["-  & limit=500", "+  & limit=50"],
    ),
    change(
        "a name of the query is another",
        "cci/pods-over-pages",
        Of(1, |request| query(request, "labelSelector", "labelselector")),
        &["-  & labelSelector=app=web,tier!=cache", "+  & labelselector=app=web,tier!=cache"],
    ),
    change(
        "a part of the query is gone",
        "cci/pods-over-pages",
        Of(1, |request| query(request, "limit=500", "")),
        &["-  & limit=500"],
    ),
    change(
        "a part of the query is added",
        "cci/pods-over-pages",
        Of(1, |request| query(request, "limit=500", "limit=500&watch=true")),
        &["+  & watch=true"],
    ),
    change(
        "a part of the query is there twice",
        "cci/pods-over-pages",
        Of(1, |request| query(request, "limit=500", "limit=500&limit=500")),
        &["+  & limit=500"],
    ),
    change(
        "arguments have another order",
        "cci/exec-v5",
        Of(1, |request| query(request, "command=nginx&command=-t", "command=-t&command=nginx")),
        &["-  ? command=nginx", "-  & command=-t", "+  ? command=-t", "+  & command=nginx"],
    ),
    change(
        "an argument is empty",
        "cci/exec-v5",
        Of(1, |request| query(request, "command=-t", "command=-t&command=")),
        &["+  & command="],
    ),
    change(
        "an argument ends with a blank",
        "cci/exec-v5",
        Of(1, |request| query(request, "command=-t", "command=-t%20")),
        &["-  & command=-t", r#"+  & command="-t ""#],
    ),
    change(
        "a blank is a plus sign",
        "cci/pods-over-pages",
        Of(2, |request| query(request, "of%203", "of+3")),
        &["-  ? continue=next=1&of 3", "+  ? continue=<raw> next%3D1%26of+3"],
    ),
    change(
        "a plus sign is not encoded",
        "cci/exec-argv",
        Of(1, |request| query(request, "a%2Bb", "a+b")),
        &["-  & command=a+b", "+  & command=<raw> a+b"],
    ),
    change(
        "a value is encoded twice",
        "cci/pods-over-pages",
        Of(2, |request| query(request, "%26of", "%2526of")),
        &["-  ? continue=next=1&of 3", "+  ? continue=next=1%26of 3"],
    ),
    // Addresses.
    change(
        "a segment of the path is another",
        "cci/read-lost",
        Of(1, |request| path(request, "/web", "/wed")),
        &[
            "-readCciV2NamespacedPod: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web",
            "+readCciV2NamespacedPod: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/wed",
        ],
    ),
    change(
        "a segment is encoded in another way",
        "cci/read-lost",
        Of(1, |request| path(request, "/web", "/w%65b")),
        &[
            "-readCciV2NamespacedPod: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/web",
            "+readCciV2NamespacedPod: GET https://cci.cn-north-4.myhuaweicloud.com/apis/cci/v2/namespaces/default/pods/w%65b",
        ],
    ),
    change(
        "the path ends with a slash",
        "zstack/login-first",
        Of(1, |request| path(request, "/login", "/login/")),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login/",
        ],
    ),
    change(
        "the method is another",
        "zstack/login-first",
        Of(1, |request| *request.method_mut() = Method::POST),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: POST http://zstack:8080/zstack/v1/accounts/login",
        ],
    ),
    change(
        "the scheme is another",
        "zstack/login-first",
        Of(1, |request| request.url_mut().set_scheme("https").unwrap()),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: PUT https://zstack:8080/zstack/v1/accounts/login",
        ],
    ),
    change(
        "the host is another",
        "zstack/login-first",
        Of(1, |request| request.url_mut().set_host(Some("zstack2")).unwrap()),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: PUT http://zstack2:8080/zstack/v1/accounts/login",
        ],
    ),
    change(
        "a user is in the address",
        "zstack/login-first",
        Of(1, |request| request.url_mut().set_username("me").unwrap()),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: PUT http://<secret>@zstack:8080/zstack/v1/accounts/login",
        ],
    ),
    change(
        "the port is another",
        "zstack/login-first",
        Of(1, |request| request.url_mut().set_port(Some(8081)).unwrap()),
        &[
            "-LogInByAccount: PUT http://zstack:8080/zstack/v1/accounts/login",
            "+LogInByAccount: PUT http://zstack:8081/zstack/v1/accounts/login",
        ],
    ),
    // Requests.
    change(
        "a request is sent twice",
        "tat/run-settings",
        Double(1),
        &["+RunCommand: POST https://tat.tencentcloudapi.com/", "…"],
    ),
    change(
        "a request is not sent",
        "tat/run-settings",
        Drop(2, listed),
        &["-DescribeInvocations: POST https://tat.tencentcloudapi.com/", "…"],
    ),
    change(
        "a request is sent after the next",
        "zstack/login",
        Swap(2, done),
        &["+LogOut: DELETE http://zstack:8080/zstack/v1/accounts/sessions/<secret>", "…"],
    ),
];
