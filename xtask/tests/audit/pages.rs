//! The pages that this repository keeps, held against the documents made from them.

use std::process::Command;

use xtask::{
    audit::{
        compare::{Audit, compare, compare_definitions},
        definitions,
        finding::Finding,
        read,
    },
    spec::Spec,
};

use crate::read::{PAGES, text};

fn spec(page: &str) -> Spec {
    let provider = page.split('-').next().unwrap();
    Spec::load(&xtask::root().unwrap(), provider).unwrap()
}

fn audit(name: &str, text: &str) -> Audit {
    compare(&spec(name).document, &read::page(text).unwrap())
}

#[test]
fn the_documents_say_what_the_pages_say_but_for_what_is_decided() {
    for (name, decided) in PAGES.into_iter().zip([7, 7, 3, 22]) {
        let audit = audit(name, &text(name));
        assert_eq!(audit.findings, [], "{name}");
        assert_eq!(audit.refused, [], "{name}");
        assert_eq!(audit.decided.len(), decided, "{name}");
        assert_eq!(audit.compared.len(), 1, "{name}");
    }
}

#[test]
fn the_documents_say_what_the_definitions_say_but_for_what_is_decided() {
    for (provider, name, decided) in [
        ("cci", "huawei-iam-token", 8),
        ("tat", "tccli-tat", 11),
        ("zstack", "zstack-mcp-server", 86),
    ] {
        let path = format!("{}/tests/data/definitions/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let page = definitions::read(&std::fs::read_to_string(path).unwrap()).unwrap();
        let audit = compare_definitions(&spec(provider).document, &page);
        assert_eq!(audit.findings, [], "{name}");
        assert_eq!(audit.refused, [], "{name}");
        assert_eq!(audit.decided.len(), decided, "{name}");
    }
}

#[test]
fn a_changed_page_is_found_changed_and_nothing_else_is() {
    const TAT: &str = "tat-run-command.txt";
    const GET: &str = "cci-exec-get.txt";
    const POST: &str = "cci-exec-post.rst.txt";
    const ZSTACK: &str = "zstack-execute-guest-vm-command.txt";
    let table: &[(&str, &str, &str, &[&str])] = &[
        (
            TAT,
            "with a cap of 200",
            "with a cap of 100",
            &["limit-differs RunCommand.request.InstanceIds maxItems=100"],
        ),
        (
            TAT,
            "The maximum length is 64 KB",
            "The maximum length is 32 KB",
            &["limit-differs RunCommand.request.Content maxLength=32768"],
        ),
        (
            TAT,
            "up to 60 bytes",
            "up to 90 bytes",
            &["limit-differs RunCommand.request.CommandName x-max-bytes=90"],
        ),
        (
            TAT,
            "SHELL, POWERSHELL, BAT. default",
            "SHELL, POWERSHELL, BAT, PYTHON. default",
            &["value-missing RunCommand.request.CommandType PYTHON"],
        ),
        (
            TAT,
            "Value range: [1, 86400]",
            "Value range: [1, 43200]",
            &["limit-differs RunCommand.request.Timeout maximum=43200"],
        ),
        (
            TAT,
            "Default value: 60 seconds",
            "Default value: 30 seconds",
            &["limit-differs RunCommand.request.Timeout default=30"],
        ),
        (
            TAT,
            "| CommandName | No |",
            "| CommandName | Yes |",
            &["required-differs RunCommand.request.CommandName true"],
        ),
        (
            TAT,
            "| SaveCommand | No | Boolean |",
            "| SaveCommand | No | String |",
            &["type-differs RunCommand.request.SaveCommand String"],
        ),
        (
            TAT,
            "| Username | No |",
            "| Priority | No | Integer | How soon. |\n| Username | No |",
            &["member-missing RunCommand.request.Priority"],
        ),
        (
            TAT,
            "| CommandId | String | Command ID. |\n",
            "",
            &["member-gone RunCommand.answer.CommandId"],
        ),
        (
            TAT,
            "| OperationDenied | Operation denied. |\n",
            "",
            &["code-gone RunCommand.errors OperationDenied"],
        ),
        (
            TAT,
            "maximum of 20 requests",
            "maximum of 50 requests",
            &["fact-differs RunCommand rate=50 a second"],
        ),
        (TAT, "used for this API: 2020-10-28", "used for this API: 2020-10-28 ", &[]),
        (
            GET,
            "2026-02-25",
            "2026-10-25",
            &["fact-differs connectCciV2GetNamespacedPodExec edition=2026-10-25"],
        ),
        (
            GET,
            "504\n\nServerTimeout",
            "504\n\nServerTimeout\n\n507\n\nStorageFull",
            &["code-missing connectCciV2GetNamespacedPodExec.statuses 507"],
        ),
        (
            POST,
            "   tty       No        Boolean",
            "   tty       Yes       Boolean",
            &["required-differs connectCciV2PostNamespacedPodExec.request.tty true"],
        ),
        (ZSTACK, "commandTimeoutInteger\n", "commandTimeoutLong\n", &[]),
        (
            ZSTACK,
            "commandTimeoutInteger\n",
            "commandTimeoutIntegerRequired\n",
            &["required-differs ExecuteGuestVmCommand.request.params.commandTimeout true"],
        ),
        (
            ZSTACK,
            "• streamStringRequired",
            "• streamIntegerRequired",
            &["type-differs ExecuteGuestVmCommand.answer.stream Integer"],
        ),
    ];
    let mut wrong = Vec::new();
    for (name, find, put, expected) in table {
        let page = text(name);
        assert_eq!(page.matches(find).count(), 1, "{find}");
        let audit = audit(name, &page.replace(find, put));
        let prints: Vec<String> = audit.findings.iter().map(Finding::fingerprint).collect();
        if prints != *expected || !audit.refused.is_empty() {
            wrong.push((put, prints, audit.refused));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_page_of_another_version_or_edition_is_refused() {
    const GET: &str = "cci-exec-get.txt";
    let page = text(GET).replace("/apis/cci/v2/", "/api/v1/");
    let audit = audit(GET, &page);
    assert_eq!(audit.compared.len(), 0);
    assert!(audit.refused[0].text.contains("GET /api/v1/namespaces/{namespace}/pods/{name}/exec"));
    let old = self::audit(GET, &text(GET).replace("2026-02-25", "2025-02-25"));
    assert!(old.refused[0].text.contains("is of 2025-02-25"), "{:?}", old.refused);
}

fn command(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("audit").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn path(name: &str) -> String {
    format!("{}/tests/data/pages/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_exit_code_says_what_was_found() {
    let (code, said, complaint) = command(&["tat", &path("tat-run-command.txt")]);
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{said}");
    assert!(said.ends_with("no findings, 3 decided (--decided shows them)\n"), "{said}");

    let folder = tempfile::tempdir().unwrap();
    let changed = folder.path().join("page.txt");
    std::fs::write(&changed, text("tat-run-command.txt").replace("cap of 200", "cap of 10"))
        .unwrap();
    let changed = changed.to_str().unwrap();
    let (code, said, _) = command(&["tat", changed, "--format", "json"]);
    assert_eq!(code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["fingerprint"], "limit-differs RunCommand.request.InstanceIds maxItems=10");
    assert_eq!(finding["page"]["file"], changed);
    assert_eq!(finding["page"]["line"], 11);

    // Two pages as one, of which the second describes another provider's operation.
    let other = path("cci-exec-get.txt");
    let (code, said, _) = command(&["tat", changed, &other]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains(&format!("refused: {other}:25: the page describes `GET /apis")),
        "{said}"
    );
    assert!(said.contains("1 finding"), "{said}");
}

#[test]
fn what_cannot_be_read_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (prose, latin) = (write("prose.txt", b"Hello.\n"), write("latin.txt", b"caf\xe9\n"));
    let absent = folder.path().join("absent.txt").to_str().unwrap().to_owned();
    let folder_itself = folder.path().to_str().unwrap().to_owned();
    for (provider, page, expected) in [
        ("azure", &prose, "there is no specs/azure.yaml; there are: cci, tat, zstack"),
        ("tat", &absent, "cannot be read"),
        ("tat", &folder_itself, "cannot be read"),
        ("tat", &prose, "prose.txt: "),
        ("tat", &latin, "UTF-8"),
    ] {
        let (code, said, complaint) = command(&[provider, page]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
    }
    let (code, _, complaint) = command(&["tat"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("<PAGE>"), "{complaint}");
    let (code, said, complaint) = command(&["zstack", &path("tat-run-command.txt")]);
    assert_eq!(code, Some(2), "{said}{complaint}");
    assert!(said.contains("the document has no operation `RunCommand`"), "{said}");
}
