//! No secret is in a cassette.

use std::fs;

use guestexec_testkit::{Reply, StatusCode, Tape};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Account, Folder, record, sandbox, tat};

#[tokio::test]
async fn a_cassette_with_a_secret_that_a_command_printed_is_not_saved() {
    let (folder, sandbox) = (Folder::new(), sandbox().await);
    let service = sandbox.tat();
    let (_, _, token) = service.temporary_key();
    let instance = service.instances()[0].clone();
    let path = folder.path("x.toml");
    for (print, part) in [
        ("printf %s", "InvocationTaskSet[0].TaskResult.Output`"),
        ("printf 'a%s' \"$(printf %s", "InvocationTaskSet[0].TaskResult.Output`"),
    ] {
        let tape = record();
        let client = tat(service, &service.endpoint(), &tape);
        let encoded = if print.contains("$(") { " | base64)\"" } else { "" };
        // The script does not name the token in clear.
        let (head, tail) = token.split_at(token.len() / 2);
        let script = format!("{print} '{head}''{tail}'{encoded}");
        client.instances([&*instance]).run(script).await.unwrap();
        let error = tape.save(&path).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(error.contains("the header `x-tc-token` of request 1"), "{error}");
        assert!(!error.contains(token) && !path.exists(), "{error}");
    }
}

#[tokio::test]
async fn a_secret_in_the_programs_own_requests_is_found_by_its_line() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let client = tat(service, &service.endpoint(), &tape);
    let (_, key, token) = service.temporary_key();
    let script = format!("set -e\ncurl -H 'X: {token}' nowhere.invalid || true");
    client.instances([service.instances()[0].clone()]).run(script).await.unwrap();
    let error = tape.save(folder.path("x.toml")).unwrap_err().to_string();
    assert!(
        error.contains("exchange 1 (RunCommand), in line ") && !error.contains(token),
        "{error}"
    );

    let tape = record().never_save(key);
    let client = tat(service, &service.endpoint(), &tape);
    client.instances([service.instances()[0].clone()]).run(format!("echo {key}")).await.unwrap();
    let error = tape.save(folder.path("x.toml")).unwrap_err().to_string();
    assert!(error.contains("a text given to `never_save`") && !error.contains(key), "{error}");
}

#[tokio::test]
async fn the_session_and_the_job_of_a_command_are_not_in_the_file() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let account = Account::of(sandbox.zstack());
    let client = account.client(&tape);
    client.vm(&*account.vm).run("true").await.unwrap();
    let text = folder.save(&tape);
    assert!(!text.contains(&account.password), "{text}");
    assert!(text.contains("\"location\": \"<secret-2> https://secret.invalid/2\""), "{text}");
    assert!(!tape.to_string().contains("/v1/api-jobs/0"), "{tape}");
}

#[tokio::test]
async fn a_session_is_found_without_the_scheme_before_it() {
    let folder = Folder::new();
    let session = "5c7a3c7e1f0e4c0e9d7ad0d0c1b2a394";
    let printed = json!({ "stream": format!("standardStream: {session}, errorStream: ") });
    let tape = Tape::record(Tape::new().reply(printed));
    let client = guestexec_zstack::Client::builder()
        .endpoint("http://127.0.0.1:9")
        .credentials(guestexec_zstack::Credentials::session(session))
        .transport(tape.clone())
        .build()
        .unwrap();
    let vm = client.vm("fc022ba201c135d8809c5e02bf6bf156");
    vm.run("true").unchecked().await.unwrap();
    let error = tape.save(folder.path("x.toml")).unwrap_err().to_string();
    assert!(error.contains("the header `authorization` of request 1"), "{error}");
    assert!(error.contains("in `stream` of its answer") && !error.contains(session), "{error}");
}

#[tokio::test]
async fn a_parameter_that_is_not_hidden_is_no_secret() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let service = sandbox.tat();
    let client = tat(service, &service.endpoint(), &tape);
    let run = client.instances([service.instances()[0].clone()]).run("echo {{p}}");
    run.parameter("p", "a-plain-value").await.unwrap();
    client.describe_invocations().send().await.unwrap();
    let text = folder.save(&tape);
    assert!(text.contains("\"p\": \"a-plain-value\""), "{text}");
    assert!(text.contains("<base64> a-plain-value"), "{text}");
}

/// Records one exchange of each form of credential, with these secrets, and returns the texts in which
/// none may be: the cassette, the conversation, and what is said of a program that differs.
async fn recorded(secrets: &[String; 6], printed: &str) -> Result<String, String> {
    let [token, password, session, iam, parameter, key] = secrets;
    let folder = Folder::new();
    let replies = Tape::new()
        .on_with(guestexec_zstack::operations::LOG_IN_BY_ACCOUNT, {
            let session = session.clone();
            move |_| json!({ "inventory": { "uuid": session, "accountUuid": "a" } })
        })
        .on(guestexec_zstack::operations::LOG_OUT, json!({}))
        .on(
            guestexec_zstack::operations::EXECUTE_GUEST_VM_COMMAND,
            json!({ "stream": "standardStream: x, errorStream: " }),
        )
        .on(
            guestexec_cci::operations::CREATE_USER_TOKEN,
            Reply::json(StatusCode::CREATED, &json!({ "token": {} }))
                .header("x-subject-token", iam.as_str()),
        )
        .on(guestexec_cci::operations::LIST_PODS, json!({ "items": [] }))
        .on(
            guestexec_tat::operations::DESCRIBE_INVOCATIONS,
            json!({ "Response": {
                "InvocationSet": [{ "Parameters": json!({ "p": parameter }).to_string() }],
                "TotalCount": 1, "RequestId": printed,
            } }),
        )
        .on(guestexec_tat::operations::RUN_COMMAND, json!({ "Response": { "RequestId": "r" } }));
    let tape = Tape::record(replies);

    let tat = |tape: &Tape| {
        guestexec_tat::Client::builder()
            .credentials(
                guestexec_tat::Credentials::new("AKIDexample", &**key)
                    .with_security_token(&**token),
            )
            .region("ap-guangzhou")
            .transport(tape.clone())
            .build()
            .unwrap()
    };
    let run = async |tape: &Tape, script: &str| {
        let tat = tat(tape);
        let run = tat.instances(["ins-1"]).run(script).hidden_parameter("p", &**parameter);
        run.start().await.map(drop)
    };
    _ = run(&tape, "echo {{tat-hidden:p}}").await;
    tat(&tape).describe_invocations().send().await.unwrap();

    let account = Account {
        endpoint: "http://127.0.0.1:9".to_owned(),
        name: "admin".to_owned(),
        password: password.clone(),
        vm: String::new(),
    };
    let zstack = account.client(&tape);
    _ = zstack.vm("fc022ba201c135d8809c5e02bf6bf156").run("true").unchecked().await.unwrap();
    _ = zstack.logout().await;

    let cci = crate::cci(["http://127.0.0.1:9"; 2], ["domain", "user", password, "project"], &tape);
    cci.list_pods("default").send().await.unwrap();

    let path = folder.path("x.toml");
    tape.save(&path).map_err(|error| error.to_string())?;
    let replay = Tape::replay(&path).unwrap();
    let error = run(&replay, "echo {{tat-hidden:p}} again").await.unwrap_err();
    let unmet = replay.verify().unwrap_err();
    assert!(unmet.to_string().contains("+  "), "{unmet}");
    let file = fs::read_to_string(path).unwrap();
    Ok(format!("{file}\n{tape}\n{tape:?}\n{error}\n{error:?}\n{unmet}\n{replay}"))
}

/// Texts that can be any credential: with signs that are escaped somewhere.
fn secret() -> impl Strategy<Value = String> {
    "[A-Za-z0-9+=_.\"\\\\%&<~-]{12,40}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_secret_of_any_form_is_in_a_cassette(
        secrets in prop::array::uniform6(secret()), which in 0usize..5, form in 0usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let text = runtime.block_on(recorded(&secrets, "r-1")).unwrap();
        for secret in &secrets {
            let quoted = Value::from(&**secret).to_string();
            prop_assert!(!text.contains(secret.as_str()));
            prop_assert!(!text.contains(quoted.trim_matches('"')));
        }
        // A service that shows one of them where no document says so.
        let secret = &secrets[which];
        let printed = match form {
            0 => secret.clone(),
            1 => Value::from(&**secret).to_string(),
            2 => secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            _ => guestexec_core::Base64::from(format!("ab{secret}cd")).to_encoded(),
        };
        let shown = runtime.block_on(recorded(&secrets, &printed));
        // A password of ZStack is sent as a hash, and CCI's is the same.
        let error = shown.unwrap_err();
        prop_assert!(error.contains("(DescribeInvocations), in `Response.RequestId`"), "{}", error);
        prop_assert!(!error.contains(secret.as_str()));
    }
}
