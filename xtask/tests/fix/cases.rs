//! A case for every kind of finding, over the real documents.

use super::*;

struct Case {
    name: &'static str,
    document: &'static str,
    findings: Vec<Finding>,
    page: Page,
}

fn case(name: &'static str, document: &'static str, findings: Vec<Finding>) -> Case {
    Case { name, document, findings, page: Page::default() }
}

fn text(name: &str) -> Member {
    member(name, Type::Text)
}

fn differs(place: &str, ty: Type, document: &str) -> Finding {
    let name = place.rsplit('.').next().unwrap();
    let page = ty.to_string();
    let member = Box::new(member(name, ty));
    finding(place, Kind::TypeDiffers { member, page, document: document.to_owned() })
}

fn fact(place: &str, what: &'static str, page: &str) -> Finding {
    finding(place, Kind::FactDiffers { what, page: page.to_owned(), document: "-".to_owned() })
}

const GET: &str = "connectCciV2GetNamespacedPodExec";
const POST: &str = "connectCciV2PostNamespacedPodExec";

/// A parameter that the page has and the small document lacks.
fn of_query() -> Finding {
    let limits = Limits { maximum: Some(50), ..Limits::default() };
    let limit = Member { place: Place::Query, limits, ..member("limit", Type::Integer) };
    missing("ListWidgets.request.limit", limit, "color")
}

fn members() -> Vec<Case> {
    let of = |limits: Limits, member: Member| Member { limits, ..member };
    let required = |member: Member| Member { required: Some(true), ..member };
    let object =
        |name: &str, members: Vec<Member>| Member { members, ..member(name, Type::Object(None)) };
    vec![
        case(
            "member-of-a-request",
            "tat",
            vec![missing(
                "RunCommand.request.Shell",
                of(
                    Limits {
                        max_characters: Some(32),
                        min_characters: Some(1),
                        characters: Some("[a-z0-9-_]".to_owned()),
                        ..Limits::default()
                    },
                    text("Shell"),
                ),
                "CommandType",
            )],
        ),
        case(
            "first-member-required",
            "tat",
            vec![missing(
                "InvokeCommand.request.Priority",
                required(of(
                    Limits { minimum: Some(1), maximum: Some(9), ..Limits::default() },
                    member("Priority", Type::Integer),
                )),
                "",
            )],
        ),
        case(
            "member-of-an-answer-in-its-envelope",
            "tat",
            vec![
                missing(
                    "RunCommand.answer.TaskIds",
                    member("TaskIds", Type::List(Box::new(Type::Text))),
                    "InvocationId",
                ),
                missing(
                    "RunCommand.answer.Accepted",
                    member("Accepted", Type::Boolean),
                    "RequestId",
                ),
            ],
        ),
        case(
            "enumeration-of-a-request-and-an-answer",
            "zstack",
            vec![
                missing(
                    "ExecuteGuestVmCommand.request.params.encoding",
                    of(
                        Limits {
                            values: vec!["utf8".to_owned(), "gbk".to_owned()],
                            ..Limits::default()
                        },
                        text("encoding"),
                    ),
                    "command",
                ),
                missing(
                    "ExecuteGuestVmCommand.answer.outcome",
                    of(
                        Limits {
                            values: vec!["Done".to_owned(), "Cut".to_owned()],
                            ..Limits::default()
                        },
                        text("outcome"),
                    ),
                    "stream",
                ),
            ],
        ),
        case(
            "nested-object-and-list",
            "zstack",
            vec![missing(
                "ExecuteGuestVmCommand.request.params.variables",
                of(
                    Limits { max_items: Some(5), ..Limits::default() },
                    Member {
                        ty: Some(Type::List(Box::new(Type::Object(None)))),
                        ..object("variables", vec![required(text("key")), text("value")])
                    },
                ),
                "commandTimeout",
            )],
        ),
        case(
            "members-that-exclude-and-need",
            "tat",
            vec![missing(
                "RunCommand.request.ParameterFile",
                of(
                    Limits {
                        excludes: vec!["Parameters".to_owned()],
                        requires: vec![("EnableParameter".to_owned(), "true".to_owned())],
                        ..Limits::default()
                    },
                    text("ParameterFile"),
                ),
                "Parameters",
            )],
        ),
        case(
            "only-a-page-example",
            "small",
            vec![missing("CreateWidget.request.weight", member("weight", Type::Integer), "size")],
        ),
        case(
            "type-of-the-vendor",
            "tat",
            vec![missing(
                "InvokeCommand.request.Tags",
                member("Tags", Type::List(Box::new(Type::Object(Some("Tag".to_owned()))))),
                "Timeout",
            )],
        ),
        case("member-of-a-type", "tat", vec![missing("Tag.Scope", required(text("Scope")), "Key")]),
        case(
            "base64-and-map",
            "small",
            vec![
                missing(
                    "Carton.wrapping",
                    Member { text: "Base64-encoded wrapping.".to_owned(), ..text("wrapping") },
                    "marks",
                ),
                missing("Carton.stamps", member("stamps", Type::Map), "wrapping"),
            ],
        ),
        case(
            "member-gone",
            "tat",
            vec![finding("RunCommand.request.DefaultParameterConfs", Kind::MemberGone)],
        ),
        case(
            "member-gone-with-its-type",
            "zstack",
            vec![finding("VmInstanceInventory.vmNics", Kind::MemberGone)],
        ),
        case(
            "member-gone-from-required",
            "small",
            vec![finding("CreateWidget.request.kind", Kind::MemberGone)],
        ),
        case(
            "parameter-gone",
            "small",
            vec![finding("ListWidgets.request.X-Trace", Kind::MemberGone)],
        ),
        case("parameter-of-a-query", "small", vec![of_query()]),
        case("parameter-beside-examples-of-parameters", "paired", vec![of_query()]),
        case(
            "limit-below-an-example-of-a-parameter",
            "paired",
            vec![limit("ListWidgets.request.room", "maxLength", Some("63"), Some("5"))],
        ),
        case(
            "type-to-list",
            "tat",
            vec![differs(
                "CreateCommand.request.Username",
                Type::List(Box::new(Type::Text)),
                "String",
            )],
        ),
        case(
            "type-to-integer",
            "zstack",
            vec![differs("ExecuteGuestVmCommand.answer.stream", Type::Integer, "String")],
        ),
        case(
            "type-from-list",
            "small",
            vec![differs("CreateWidget.request.colors", Type::Text, "Array of String")],
        ),
        case(
            "required-now",
            "tat",
            vec![finding("RunCommand.request.CommandType", Kind::RequiredDiffers { page: true })],
        ),
        case(
            "required-with-what-it-needs",
            "tat",
            vec![finding("RunCommand.request.Tags", Kind::RequiredDiffers { page: true })],
        ),
        case(
            "required-in-place-of-another",
            "tat",
            vec![finding("DescribeCommands.request.Filters", Kind::RequiredDiffers { page: true })],
        ),
        case(
            "type-to-text-that-others-need",
            "tat",
            vec![differs("RunCommand.request.SaveCommand", Type::Text, "Boolean")],
        ),
        case(
            "type-that-others-cannot-need",
            "tat",
            vec![differs("RunCommand.request.SaveCommand", Type::Map, "Boolean")],
        ),
        case(
            "required-no-longer",
            "tat",
            vec![finding(
                "CreateCommand.request.CommandName",
                Kind::RequiredDiffers { page: false },
            )],
        ),
        case(
            "required-none-left",
            "tat",
            vec![finding(
                "CancelInvocation.request.InvocationId",
                Kind::RequiredDiffers { page: false },
            )],
        ),
        case(
            "required-of-an-answer",
            "tat",
            vec![finding("RunCommand.answer.CommandId", Kind::RequiredDiffers { page: true })],
        ),
        case(
            "parameter-required",
            "small",
            vec![finding("ListWidgets.request.color", Kind::RequiredDiffers { page: true })],
        ),
        case(
            "deprecated-operation",
            "tat",
            vec![finding("InvokeCommand", Kind::DeprecatedDiffers { page: true })],
        ),
        case(
            "deprecated-member-and-parameter",
            "small",
            vec![
                finding("CreateWidget.request.note", Kind::DeprecatedDiffers { page: true }),
                finding("ListWidgets.request.color", Kind::DeprecatedDiffers { page: true }),
            ],
        ),
    ]
}

fn limits() -> Vec<Case> {
    vec![
        case(
            "limit-in-digits",
            "tat",
            vec![limit("RunCommand.request.InstanceIds", "maxItems", Some("200"), Some("100"))],
        ),
        case(
            "limit-of-a-text-and-its-examples",
            "tat",
            vec![limit("RunCommand.request.Timeout", "maximum", Some("86400"), Some("3600"))],
        ),
        case(
            "limit-added",
            "tat",
            vec![
                limit("RunCommand.request.WorkingDirectory", "maxLength", None, Some("200")),
                limit("RunCommand.request.Username", "x-max-bytes", None, Some("1 KB")),
                limit("RunCommand.request.InstanceIds", "maxLength", None, Some("64")),
            ],
        ),
        case(
            "limit-gone",
            "tat",
            vec![limit("RunCommand.request.Description", "maxLength", Some("120"), None)],
        ),
        case(
            "limit-of-a-shared-parameter",
            "cci",
            vec![limit(
                "readCciV2NamespacedPod.request.name",
                "maxLength",
                Some("253"),
                Some("63"),
            )],
        ),
        case(
            "pattern",
            "tat",
            vec![limit(
                "RunCommand.request.CommandName",
                "pattern",
                Some("-"),
                Some("[a-zA-Z0-9-_.]"),
            )],
        ),
        case(
            "limit-of-an-answer",
            "tat",
            vec![limit("Command.Description", "maxLength", None, Some("120"))],
        ),
        case(
            "exclusion",
            "tat",
            vec![
                limit(
                    "RunCommand.request.DefaultParameters",
                    "x-exclusive",
                    Some("DefaultParameterConfs"),
                    None,
                ),
                limit("RunCommand.request.Username", "x-exclusive", None, Some("WorkingDirectory")),
                limit("RunCommand.request.Username", "x-requires", None, Some("SaveCommand=true")),
            ],
        ),
    ]
}

fn values_and_codes() -> Vec<Case> {
    let gone =
        |place: &str, value: &str| finding(place, Kind::ValueGone { value: value.to_owned() });
    let code_gone =
        |place: &str, code: &str| finding(place, Kind::CodeGone { code: code.to_owned() });
    vec![
        case(
            "value-of-an-answer",
            "cci",
            vec![value("readCciV2NamespacedPod.answer.status.phase", "Paused", "Succeeded")],
        ),
        case(
            "value-of-a-request",
            "tat",
            vec![value("RunCommand.request.CommandType", "PYTHON", "BAT")],
        ),
        case(
            "value-of-a-plain-text",
            "small",
            vec![
                value("CreateWidget.request.note", "SHORT", ""),
                value("CreateWidget.request.note", "LONG", "SHORT"),
            ],
        ),
        case("value-gone-of-a-request", "tat", vec![gone("RunCommand.request.CommandType", "BAT")]),
        case("value-gone-of-an-enumeration", "zstack", vec![gone("Platform", "Other")]),
        case(
            "error-code",
            "tat",
            vec![
                code(
                    "RunCommand.errors",
                    "InvalidParameterValue.InvalidShell",
                    "InvalidParameterValue.InvalidOutputCOSKeyPrefix",
                ),
                code(
                    "InvokeCommand.errors",
                    "InvalidParameterValue.InvalidShell",
                    "InvalidParameterValue.InvalidOutputCOSKeyPrefix",
                ),
            ],
        ),
        case(
            "error-code-first-and-last",
            "tat",
            vec![
                code("DescribeRegions.errors", "AuthFailure.Region", ""),
                code(
                    "RunCommand.errors",
                    "UnsupportedOperation.Region",
                    "UnauthorizedOperation.MFANotFound",
                ),
            ],
        ),
        case(
            "error-code-gone",
            "tat",
            vec![
                code_gone("RunCommand.errors", "FailedOperation.CVMError"),
                code_gone("RunCommand.errors", "UnauthorizedOperation.MFANotFound"),
                code_gone("InvokeCommand.errors", "UnauthorizedOperation.NeedApproval"),
            ],
        ),
        case(
            "error-code-without-an-enumeration",
            "zstack",
            vec![code("ExecuteGuestVmCommand.errors", "SYS.1000", "")],
        ),
        case(
            "status",
            "cci",
            vec![
                code("readCciV2NamespacedPod.statuses", "418", "415"),
                code("readCciV2NamespacedPod.statuses", "502", "500"),
            ],
        ),
        case(
            "status-gone",
            "cci",
            vec![code_gone("connectCciV2PostNamespacedPodExec.statuses", "409")],
        ),
        case("success-gone", "cci", vec![code_gone("readCciV2NamespacedPod.statuses", "200")]),
    ]
}

fn facts() -> Vec<Case> {
    vec![
        case("rate", "tat", vec![fact("RunCommand", "rate", "10")]),
        case("edition", "cci", vec![fact(GET, "edition", "2026-11-20")]),
        case("edition-of-a-page-without", "tat", vec![fact("RunCommand", "edition", "2026-11-20")]),
        case("path", "zstack", vec![fact("GetApiJob", "path", "/zstack/v1/jobs/{uuid}")]),
        case("method", "zstack", vec![fact("GetApiJob", "method", "POST")]),
        case("version", "tat", vec![fact("RunCommand", "version", "2027-01-01")]),
    ]
}

/// Parts that operations share by an anchor.
fn shared() -> Vec<Case> {
    let size = || Member { place: Place::Query, ..member("size", Type::Integer) };
    let both = [GET, POST].map(|id| missing(&format!("{id}.request.size"), size(), "container"));
    vec![
        case("shared-by-both", "cci", both.to_vec()),
        case("shared-by-the-first", "cci", both[..1].to_vec()),
        case("shared-by-the-second", "cci", both[1..].to_vec()),
        case(
            "shared-limit-of-an-item",
            "cci",
            vec![limit(&format!("{GET}.request.name"), "maxLength", Some("253"), Some("63"))],
        ),
        case(
            "shared-type-of-the-first",
            "cci",
            vec![differs(&format!("{GET}.request.tty"), Type::Text, "Boolean")],
        ),
        case(
            "shared-type-of-the-second",
            "cci",
            vec![differs(&format!("{POST}.request.tty"), Type::Integer, "Boolean")],
        ),
        case(
            "shared-type-of-both",
            "cci",
            [GET, POST]
                .map(|id| differs(&format!("{id}.request.tty"), Type::Text, "Boolean"))
                .to_vec(),
        ),
        case(
            "shared-parameter-gone",
            "cci",
            vec![finding(&format!("{POST}.request.tty"), Kind::MemberGone)],
        ),
        case(
            "shared-status",
            "zstack",
            vec![code("ExecuteGuestVmCommandByPost.statuses", "502", "500")],
        ),
        case(
            "shared-item-moves",
            "zstack",
            vec![limit("LogOut.request.uuid", "maxLength", Some("32"), Some("36"))],
        ),
    ]
}

fn operation() -> Case {
    let ids = Member {
        required: Some(true),
        limits: Limits { max_items: Some(10), ..Limits::default() },
        ..member("InvocationIds", Type::List(Box::new(Type::Text)))
    };
    let filters = member("Filters", Type::List(Box::new(Type::Object(Some("Filter".to_owned())))));
    let quota = Member {
        members: vec![member("Total", Type::Integer), text("Unit")],
        ..member("Scenes", Type::List(Box::new(Type::Object(Some("Scene".to_owned())))))
    };
    let operation = Operation {
        id: words("DescribeScenes"),
        rate: Some((3, 5)),
        request: Some(vec![ids, filters]),
        answer: Some(vec![quota, text("RequestId")]),
        errors: Some(vec![
            Code { code: "InternalError".to_owned(), ..Code::default() },
            Code {
                code: "ResourceNotFound.SceneNotFound".to_owned(),
                text: "No scene.".to_owned(),
                ..Code::default()
            },
        ]),
        ..Operation::default()
    };
    let page = Page { operations: vec![operation.clone()], ..Page::default() };
    let findings =
        vec![finding("DescribeScenes", Kind::OperationMissing { operation: Box::new(operation) })];
    Case { name: "operation", document: "tat", findings, page }
}

fn operation_of_paths() -> Case {
    let path = |name: &str| Member { place: Place::Path, required: Some(true), ..text(name) };
    let query = Member { place: Place::Query, ..member("tailLines", Type::Integer) };
    let token = Member { place: Place::Header, required: Some(true), ..text("X-Auth-Token") };
    let operation = Operation {
        method: words("GET"),
        path: words("/apis/cci/v2/namespaces/{namespace}/pods/{name}/events"),
        request: Some(vec![path("name"), path("namespace"), query, token]),
        answer: Some(vec![Member {
            ty: Some(Type::Object(Some("LogLine".to_owned()))),
            ..text("line")
        }]),
        statuses: Some(vec![
            Code { code: "200".to_owned(), ..Code::default() },
            Code { code: "404".to_owned(), ..Code::default() },
            Code { code: "418".to_owned(), text: "Teapot".to_owned(), ..Code::default() },
        ]),
        ..Operation::default()
    };
    let ty = ObjectType {
        name: Words { line: 1, text: "LogLine".to_owned() },
        members: vec![text("time"), text("message")],
        ..ObjectType::default()
    };
    let page = Page { operations: vec![operation.clone()], types: vec![ty], ..Page::default() };
    let place = "getApisCciV2NamespacesPodsEvents";
    let findings = vec![finding(place, Kind::OperationMissing { operation: Box::new(operation) })];
    Case { name: "operation-of-paths", document: "cci", findings, page }
}

/// What is wrong with a case; nothing, if it is as it should be.
fn fault(case: &Case) -> Option<String> {
    let (rendered, fixed) = fixed(case.document, &case.findings, &case.page);
    insta::assert_snapshot!(case.name, rendered);
    let said = complaints(case.document, fixed.text.clone());
    (!said.is_empty()).then(|| said.join("\n"))
}

fn every_case_is_written_in_place(cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        match std::panic::catch_unwind(|| fault(case)) {
            Ok(None) => {}
            Ok(Some(fault)) => failures.push(format!("{}: {fault}", case.name)),
            Err(_) => failures.push(format!("{}: see above", case.name)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn members_are_written_in_place() {
    every_case_is_written_in_place(&members());
}

#[test]
fn limits_are_written_in_place() {
    every_case_is_written_in_place(&limits());
}

#[test]
fn values_and_codes_are_written_in_place() {
    every_case_is_written_in_place(&values_and_codes());
}

#[test]
fn facts_are_written_in_place() {
    every_case_is_written_in_place(&facts());
}

#[test]
fn what_operations_share_is_written_for_those_it_is_about() {
    every_case_is_written_in_place(&shared());
}

#[test]
fn operations_are_written_whole() {
    every_case_is_written_in_place(&[operation(), operation_of_paths()]);
}

/// One finding after the other is written into what the ones before it left, and the whole generates.
#[test]
fn everything_at_once_generates() {
    for name in ["small", "tat", "cci", "zstack"] {
        let all = [
            members(),
            limits(),
            values_and_codes(),
            facts(),
            shared(),
            vec![operation(), operation_of_paths()],
        ];
        let all: Vec<Case> =
            all.into_iter().flatten().filter(|case| case.document == name).collect();
        let mut text = document(name);
        for case in &all {
            text = fix::fix(&text, &case.findings, &case.page, TODAY).unwrap().text;
        }
        assert_eq!(generates(name, &text), Ok(()), "{name}");
    }
}
