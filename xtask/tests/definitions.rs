//! Machine-readable definitions: what is read of them, and that they agree with the documents.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::fs;

use xtask::{
    audit::{
        compare::{Audit, compare_definitions},
        definitions::{file, read, read_some},
        page::{Member, Page, Type},
    },
    root,
    spec::Spec,
};

const FILES: [(&str, &str); 3] = [
    ("tat", "tccli-tat.json"),
    ("zstack", "zstack-mcp-server.json"),
    ("cci", "huawei-iam-token.json"),
];

fn text(name: &str) -> String {
    let path = format!("{}/tests/data/definitions/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

fn page(name: &str) -> Page {
    read(&text(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

fn spec(provider: &str) -> Spec {
    Spec::load(root().unwrap().as_ref(), provider).unwrap()
}

fn audit(spec: &Spec, text: &str) -> Audit {
    compare_definitions(&spec.document, &read(text).unwrap())
}

fn all<'a>(members: &'a [Member], into: &mut Vec<&'a Member>) {
    for member in members {
        into.push(member);
        all(&member.members, into);
    }
}

/// All members of a page, wherever they are.
fn members(page: &Page) -> Vec<&Member> {
    let mut list = Vec::new();
    let bodies =
        page.operations.iter().flat_map(|operation| [&operation.request, &operation.answer]);
    bodies.flatten().for_each(|members| all(members, &mut list));
    page.types.iter().for_each(|object| all(&object.members, &mut list));
    list
}

#[test]
fn definitions_agree_with_the_documents_but_for_what_is_decided() {
    let rows = [("tat", 22, 11), ("zstack", 12, 86), ("cci", 1, 8)];
    for ((provider, file), (_, operations, decided)) in FILES.into_iter().zip(rows) {
        let spec = spec(provider);
        let audit = audit(&spec, &text(file));
        let found: Vec<_> = audit.findings.iter().map(|finding| finding.fingerprint()).collect();
        assert!(found.is_empty(), "{provider}: {found:#?}");
        assert_eq!(audit.decided.len(), decided, "{provider}: {:#?}", audit.decided);
        assert!(audit.refused.is_empty() && audit.not_understood.is_empty(), "{audit:#?}");
        let is_call = |name: &&String| spec.document.calls().iter().any(|call| call.id() == *name);
        assert_eq!(audit.compared.iter().filter(is_call).count(), operations, "{provider}");
    }
}

#[test]
fn the_line_of_a_member_is_that_of_its_name() {
    for ((provider, file), count) in FILES.into_iter().zip([181, 78, 50]) {
        let text = text(file);
        let lines: Vec<&str> = text.lines().collect();
        let page = page(file);
        let members = members(&page);
        for member in &members {
            let line = lines[member.line - 1].trim();
            let named =
                [format!("\"name\": \"{}\"", member.name), format!("\"{}\": {{", member.name)];
            assert!(named.iter().any(|named| line.starts_with(named)), "{}: {line}", member.name);
        }
        assert!(members.len() >= count, "{provider}: {}", members.len());
        for operation in &page.operations {
            let id = operation.id.as_ref().unwrap();
            assert!(lines[id.line - 1].contains(&id.text), "{id:?}");
        }
    }
}

#[test]
fn an_action_of_tencents_has_what_its_objects_have() {
    let page = page("tccli-tat.json");
    let run = page.operations.iter().find(|o| o.id.as_ref().unwrap().text == "RunCommand").unwrap();
    assert_eq!(run.version.as_ref().unwrap().text, "2020-10-28");
    assert_eq!(run.deprecated, None);
    assert_eq!((&run.method, &run.statuses, &run.errors), (&None, &None, &None));
    let request = run.request.as_ref().unwrap();
    let member = |name: &str| request.iter().find(|member| member.name == name).unwrap();
    let text = Type::Text;
    let objects = |name: &str| Type::List(Box::new(Type::Object(Some(name.to_owned()))));
    let rows = [
        ("Content", text.clone(), true),
        ("InstanceIds", Type::List(Box::new(text.clone())), true),
        ("CommandName", text, false),
        ("Timeout", Type::Integer, false),
        ("SaveCommand", Type::Boolean, false),
        ("DefaultParameterConfs", objects("DefaultParameterConf"), false),
        ("Tags", objects("Tag"), false),
    ];
    for (name, ty, required) in rows {
        assert_eq!(
            (member(name).ty.as_ref(), member(name).required),
            (Some(&ty), Some(required)),
            "{name}"
        );
    }
    assert_eq!(member("Content").limits.max_bytes, Some(65536));
    assert_eq!(member("CommandName").limits.max_bytes, Some(60));
    assert_eq!(member("InstanceIds").limits.max_items, Some(200));
    assert_eq!(
        (member("Timeout").limits.minimum, member("Timeout").limits.maximum),
        (Some(1), Some(86400))
    );
    assert_eq!(member("CommandType").limits.values, ["SHELL", "POWERSHELL", "BAT"]);
    assert_eq!(member("SaveCommand").limits.default.as_deref(), Some("false"));
    // HTML is taken off after the limits are read.
    assert_eq!(member("Description").text, "命令描述。不超过120字符。");
    let tag = page.types.iter().find(|object| object.name.text == "Tag").unwrap();
    for user in ["RunCommand", "CreateCommand", "DescribeCommands"] {
        assert!(tag.used_by.iter().any(|id| id == user), "{user}: {:?}", tag.used_by);
    }
    assert!(page.types.iter().all(|object| !object.name.text.ends_with("Request")));
}

#[test]
fn operations_that_the_document_lacks_come_with_what_they_do() {
    let mut spec = spec("tat");
    let missing = |spec: &Spec| -> Vec<(String, usize)> {
        let audit = audit(spec, &text("tccli-tat.json"));
        audit.missing.into_iter().map(|found| (found.place, found.page_line)).collect()
    };
    assert_eq!(missing(&spec), [], "decided");
    spec.document.left_out.clear();
    let found = missing(&spec);
    let found: Vec<_> = found.iter().map(|(place, line)| (place.as_str(), *line)).collect();
    let text = text("tccli-tat.json");
    let line = |id: &str| {
        let key = format!("    \"{id}\": {{");
        1 + text.lines().position(|line| line == key).unwrap()
    };
    assert_eq!(found, ["DescribeScenes", "DisableRegisterCodes"].map(|id| (id, line(id))));
    let page = page("tccli-tat.json");
    let about = |id: &str| {
        let operation = page.operations.iter().find(|o| o.id.as_ref().unwrap().text == id).unwrap();
        operation.about.as_ref().map(|about| about.text.clone())
    };
    assert_eq!(about("DeleteCommand").as_deref(), Some("此接口用于删除命令。"));
    assert!(about("DescribeScenes").is_some());
}

/// One edit of a file, and the finding that it makes.
struct Edit {
    provider: usize,
    /// The edit is made behind the first place where this stands.
    behind: &'static str,
    from: &'static str,
    to: &'static str,
    finds: &'static [&'static str],
}

fn edited(Edit { provider, behind, from, to, .. }: &Edit) -> String {
    let text = text(FILES[*provider].1);
    let at = text.find(behind).unwrap_or_else(|| panic!("{behind} is not there"));
    let (before, rest) = text.split_at(at);
    assert!(rest.contains(from), "{from} does not stand behind {behind}");
    before.to_owned() + &rest.replacen(from, to, 1)
}

#[test]
fn an_edit_of_definitions_is_found_and_nothing_else() {
    let run = "\"RunCommandRequest\": {";
    let edit = |behind, from, to, finds| Edit { provider: 0, behind, from, to, finds };
    let zstack = |behind, from, to, finds| Edit { provider: 1, behind, from, to, finds };
    let huawei = |behind, from, to, finds| Edit { provider: 2, behind, from, to, finds };
    let edits = [
        edit(
            run,
            "上限200",
            "上限100",
            &["limit-differs RunCommand.request.InstanceIds maxItems=100"],
        ),
        edit(
            run,
            "不能超60个字节",
            "不能超64个字节",
            &["limit-differs RunCommand.request.CommandName x-max-bytes=64"],
        ),
        edit(
            run,
            "不超过120字符",
            "不超过 256 个字符",
            &["limit-differs RunCommand.request.Description maxLength=256"],
        ),
        edit(
            run,
            "SHELL、POWERSHELL、BAT。",
            "SHELL、POWERSHELL、BAT、PYTHON。",
            &["value-missing RunCommand.request.CommandType PYTHON"],
        ),
        edit(
            run,
            "SHELL、POWERSHELL、BAT。",
            "SHELL、POWERSHELL。",
            &["value-gone RunCommand.request.CommandType BAT"],
        ),
        edit(
            run,
            "默认60秒",
            "默认120秒",
            &["limit-differs RunCommand.request.Timeout default=120"],
        ),
        edit(
            run,
            "[1, 86400]",
            "[1, 172800]",
            &["limit-differs RunCommand.request.Timeout maximum=172800"],
        ),
        edit(
            run,
            "[1, 86400]",
            "[10, 86400]",
            &["limit-differs RunCommand.request.Timeout minimum=10"],
        ),
        edit(
            run,
            "自定义参数最多20个",
            "自定义参数最多50个",
            &["limit-differs RunCommand.request.DefaultParameters maxProperties=50"],
        ),
        edit(
            run,
            "字符数目上限64",
            "字符数目上限128",
            &["limit-differs RunCommand.request.DefaultParameters keyMaxLength=128"],
        ),
        edit(
            run,
            "列表长度不超过10",
            "列表长度不超过20",
            &["limit-differs RunCommand.request.Tags maxItems=20"],
        ),
        edit(
            run,
            "\"name\": \"Username\"",
            "\"name\": \"UserName\"",
            &[
                "member-missing RunCommand.request.UserName",
                "member-gone RunCommand.request.Username",
            ],
        ),
        edit(
            "\"name\": \"CommandName\",\n          \"required\": false",
            "\"required\": false",
            "\"required\": true",
            &["required-differs ModifyCommand.request.CommandName true"],
        ),
        edit(
            "\"name\": \"Timeout\",\n          \"required\": false",
            "\"type\": \"int\"",
            "\"type\": \"string\"",
            &["type-differs CreateCommand.request.Timeout String"],
        ),
        edit(
            "\"RunCommand\": {",
            "\"status\": \"online\"",
            "\"status\": \"deprecated\"",
            &["deprecated-differs RunCommand true"],
        ),
        edit(
            "\"RunCommandResponse\": {",
            "\"name\": \"InvocationId\"",
            "\"name\": \"RunId\"",
            &[
                "member-missing RunCommand.answer.RunId",
                "member-gone RunCommand.answer.InvocationId",
            ],
        ),
        edit(
            "\"InvocationTask\": {",
            "- TERMINATED：",
            "- EXPIRED：已过期\\n- TERMINATED：",
            &["value-missing InvocationTask.TaskStatus EXPIRED"],
        ),
        edit(
            "\"Invocation\": {",
            "- PARTIAL_FAILED：命令部分失败\\n",
            "",
            &["value-gone Invocation.InvocationStatus PARTIAL_FAILED"],
        ),
        edit("\"apiVersion\"", "", "", &[]),
        zstack(
            "\"ExecuteGuestVmCommand\": {",
            "[Windows, Linux]",
            "[Windows, Linux, Other]",
            &["value-missing ExecuteGuestVmCommand.request.params.platform Other"],
        ),
        zstack(
            "\"ExecuteGuestVmCommand\": {",
            "\"name\": \"command\"",
            "\"name\": \"script\"",
            &[
                "member-missing ExecuteGuestVmCommand.request.params.script",
                "member-gone ExecuteGuestVmCommand.request.params.command",
            ],
        ),
        zstack(
            "\"name\": \"commandTimeout\"",
            "\"type\": \"string\"",
            "\"type\": \"integer\"",
            &[
                "decision-stale ExecuteGuestVmCommand.request.params.commandTimeout type-differs ExecuteGuestVmCommand.request.params.commandTimeout String",
            ],
        ),
        huawei(
            "\"PwdPasswordUser\": {",
            "\"domain\",\n",
            "",
            &[
                "required-differs keystoneCreateUserTokenByPassword.request.auth.identity.password.user.domain false",
            ],
        ),
        huawei(
            "\"KeystoneCreateUserTokenByPassword\"",
            "\"deprecated\": false",
            "\"deprecated\": true",
            &["deprecated-differs keystoneCreateUserTokenByPassword true"],
        ),
        huawei(
            "\"paths\"",
            "\"403\"",
            "\"418\"",
            &[
                "code-missing keystoneCreateUserTokenByPassword.statuses 418",
                "code-gone keystoneCreateUserTokenByPassword.statuses 403",
            ],
        ),
    ];
    let specs = FILES.map(|(provider, _)| spec(provider));
    let mut wrong = Vec::new();
    for edit in edits {
        let audit = audit(&specs[edit.provider], &edited(&edit));
        let found: Vec<_> = audit.findings.iter().map(|finding| finding.fingerprint()).collect();
        if found != edit.finds {
            wrong.push(format!("{} -> {}\n  {found:#?}", edit.from, edit.to));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_operations_that_are_not_wanted_only_the_name_is_read() {
    let text = text("tccli-tat.json");
    let (full, some) = (read(&text).unwrap(), read_some(&text, &|id| id == "RunCommand").unwrap());
    assert_eq!(full.operations.len(), some.operations.len());
    for (full, some) in full.operations.iter().zip(&some.operations) {
        assert_eq!((&full.id, full.line, &full.about), (&some.id, some.line, &some.about));
        let is_wanted = full.id.as_ref().unwrap().text == "RunCommand";
        assert_eq!(full == some, is_wanted, "{:?}", full.id);
    }
    assert!(some.types.iter().any(|object| object.name.text == "Tag"));
    assert!(some.types.iter().all(|object| object.name.text != "Invocation"));
}

#[test]
fn what_is_no_definition_is_refused_with_the_reason() {
    let rows = [
        ("", "the file is empty"),
        ("[1, 2", "line 1: this is no JSON: "),
        ("{\n  'a': 1}", "line 2: this is no JSON: "),
        ("{\"a\": 1, // why\n \"b\": 2}", "line 1: this is no JSON: "),
        ("[]", "the file is no JSON object"),
        ("{}", "the file is JSON of an unknown kind"),
        ("{\"openapi\": \"3.0.3\", \"paths\": {}}", "the file is JSON of an unknown kind"),
        ("{\"actions\": {}, \"objects\": {}}", "the file defines no operation"),
        ("{\"actions\": [], \"objects\": 1}", "the file is JSON of an unknown kind"),
        ("{\"paths\": {}, \"definitions\": {}}", "the file defines no operation"),
    ];
    for (text, sentence) in rows {
        let said = read(text).unwrap_err();
        assert!(said.starts_with(sentence), "{text}: {said}");
    }
    assert!(read(&"[".repeat(100_000)).is_err());
    assert_eq!(
        file(&[0xff, 0xfe], &|_| true).unwrap_err(),
        "the file is not UTF-8, so it is no JSON"
    );
}

#[test]
fn what_is_not_understood_is_listed_with_its_line() {
    let rows = [
        (
            "{\"actions\": {\"Run\": {\n\"input\": \"Nothing\"}}, \"objects\": {}}",
            2,
            "Run: input: there is no object `Nothing`",
        ),
        (
            "{\"actions\": {\"Run\": {\"input\": \"R\"}}, \"objects\": {\"R\": {\"members\": [\n{\"type\": \"int\"}]}}}",
            2,
            "R: a member without a name",
        ),
        (
            "{\"actions\": {\"Run\": {\"input\": \"R\"}}, \"objects\": {\"R\": {\"members\": [\n\n{\"name\": \"a\", \"type\": \"blob\"}]}}}",
            3,
            "R.a: type `blob`",
        ),
        (
            "{\"Run\": {\"apiName\": \"x\", \"parameters\": [{\"name\": \"a\", \"type\": \"blob\"}]}}",
            1,
            "Run.a: type `blob`",
        ),
        (
            "{\"Run\": {\"apiName\": \"x\", \"parameters\": []},\n\"note\": 1}",
            2,
            "note: neither `apiName` nor `parameters`",
        ),
        (
            "{\"paths\": {\"/a\": {\"get\": {\"parameters\": [\n{\"in\": \"cookie\"}]}}}, \"definitions\": {}}",
            2,
            "/a: a parameter in `cookie`",
        ),
        (
            "{\"paths\": {\"/a\": {\"get\": {\"parameters\": [{\"in\": \"body\", \"schema\":\n{\"$ref\": \"#/definitions/B\"}}]}}}, \"definitions\": {}}",
            1,
            "/a: there is no definition `B`",
        ),
    ];
    for (text, line, words) in rows {
        let page = read(text).unwrap();
        let [said] = &page.not_understood[..] else { panic!("{text}: {page:#?}") };
        assert_eq!((said.line, said.text.as_str()), (line, words), "{text}");
    }
}

/// Objects that hold themselves, twice over.
#[test]
fn definitions_without_an_end_are_read_to_some_depth() {
    let text = r##"{"paths": {"/a": {"post": {"parameters": [{"in": "body", "name": "b", "schema":
        {"$ref": "#/definitions/A"}}]}}}, "definitions": {"A": {"properties": {
        "left": {"$ref": "#/definitions/A"}, "right": {"$ref": "#/definitions/A"}}}}}"##;
    let page = read(text).unwrap();
    assert_eq!(members(&page).len(), 5_000);
    let own = r#"{"actions": {"Run": {"input": "A"}}, "objects": {"A": {"members": [
        {"name": "a", "type": "object", "member": "A"}]}}}"#;
    assert_eq!(members(&read(own).unwrap()).len(), 1);
}

/// A file that was cut off, or in which a part is of another kind, is refused or read.
#[test]
fn hostile_files() {
    for (_, name) in FILES {
        let text = text(name);
        for at in (0..text.len()).step_by(16_001) {
            assert!(read(&text[..text.floor_char_boundary(at)]).is_err(), "{name}: {at}");
        }
        for (index, (at, _)) in
            text.match_indices('"').enumerate().filter(|(index, _)| index % 997 == 0)
        {
            let instead = ["null", "1", "[]", "{}", "\"\\u0000\", \""][index % 5];
            let _ = read(&format!("{}{instead}{}", &text[..at], &text[at..]));
        }
        for from in ["\"string\"", "true", "\"name\"", "{", "\"type\""] {
            let _ = read(&text.replace(from, "[]"));
            let _ = read(&text.replace(from, "\"\""));
        }
    }
}
