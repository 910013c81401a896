//! A property: whatever a request holds, no secret of it is in its shape, nor in anything that a tape shows.

use std::time::{Duration, SystemTime};

use guestexec_testkit::{Reply, StatusCode, Tape};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha512};

/// A secret as it may stand in JSON: letters that are found again, between any others.
fn secret() -> impl Strategy<Value = (String, String)> {
    ("[ -~é\\n]{0,4}", "zq[a-zA-Z0-9]{14}", "[ -~é\\n]{0,4}")
        .prop_map(|(before, core, after)| (format!("{before}{core}{after}"), core))
}

/// A secret as it may stand in a header or a key.
fn plain() -> impl Strategy<Value = String> {
    "zq[a-zA-Z0-9]{14,40}"
}

/// Everything that a tape shows. A diff of two snapshots has lines of these alone.
fn shown(tape: &Tape) -> String {
    let (all, sorted) = (tape.conversation(), tape.sorted());
    let json = serde_json::to_string(&all).unwrap();
    let complaint =
        tape.verify().map_or_else(|unmet| format!("{unmet}\n{unmet:?}"), |()| String::new());
    let shapes = super::shown(&tape.requests());
    format!("{shapes}\n{tape}\n{tape:?}\n{all:?}\n{all:#?}\n{sorted}\n{json}\n{complaint}\n")
}

fn check(text: &str, secrets: &[&str]) -> Result<(), TestCaseError> {
    prop_assert!(!text.is_empty());
    for secret in secrets {
        prop_assert!(!text.contains(secret), "{secret} is shown:\n{text}");
        let hash: String =
            Sha512::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert!(!text.contains(&hash), "the hash of {secret} is shown:\n{text}");
    }
    Ok(())
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(test)
}

fn clock(seconds: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_secret_of_a_command_on_instances_is_shown(
        [key, token] in [plain(), plain()],
        secrets in proptest::collection::vec((("[a-zA-Z0-9_-]{1,9}", any::<bool>()), secret()), 1..4),
        script in ".{0,40}",
        seconds: u32,
    ) {
        use guestexec_tat::{Client, Credentials, types::DefaultParameterConf};
        let tape = Tape::new();
        let client = Client::builder()
            .credentials(Credentials::new("AKIDexample", key.clone()).with_security_token(token.clone()))
            .region("ap-guangzhou")
            .clock(clock(seconds))
            .checks(false)
            .retries(0)
            .transport(tape.clone())
            .build()
            .unwrap();
        let members = secrets.iter().map(|((name, deep), (value, _))| {
            (name.clone(), if *deep { json!([{ "a": value }]) } else { json!(value) })
        });
        let text = serde_json::Value::Object(members.collect()).to_string();
        run(async {
            // JSON as the page wants it, and anything else.
            let odd = secrets.iter().map(|(_, (value, _))| value.clone()).collect::<String>();
            for text in [text, odd] {
                let confs = secrets.iter().map(|((name, _), (value, _))| DefaultParameterConf::new(name, value));
                let _ = client.run_command(script.as_str(), ["ins-1"])
                    .parameters(&text)
                    .default_parameters(&text)
                    .default_parameter_confs(confs.clone())
                    .send()
                    .await;
                let _ = client.invoke_command("cmd-1", ["ins-1"]).parameters(&text).send().await;
                let _ = client.create_command("name", script.as_str())
                    .default_parameters(&text)
                    .default_parameter_confs(confs)
                    .send()
                    .await;
                let _ = client.preview_replaced_command_content().parameters(&text).send().await;
            }
            let hidden = || {
                let run = client.instances(["ins-1"]).run(script.as_str());
                // A name that is another's path leaves the other hidden.
                let run = run.parameter("open", "seen").parameter("open/", "seen").parameter("*", "seen");
                secrets.iter().enumerate().fold(run, |run, (at, ((name, _), (value, _)))| {
                    run.hidden_parameter(format!("{name}{at}"), value.clone())
                })
            };
            let _ = hidden().preview().await;
            let _ = hidden().await;
        });
        let cores = secrets.iter().map(|(_, (_, core))| core.as_str());
        let secrets: Vec<&str> = cores.chain([&*key, &*token]).collect();
        prop_assert_eq!(tape.requests().len(), 10);
        check(&shown(&tape), &secrets)?;
    }

    #[test]
    fn no_secret_of_a_command_in_a_vm_is_shown(
        [key, session, password] in [plain(), plain(), plain()],
        (raw, raw_core) in secret(),
        job in "[0-9a-f]{32}",
        seconds: u32,
    ) {
        use guestexec_zstack::{Client, Credentials, JobId, operations::LOG_IN_BY_ACCOUNT};
        let mut text = String::new();
        let given = format!("{session}given");
        for credentials in [
            Credentials::access_key("example", key.clone()),
            Credentials::session(given.clone()),
            Credentials::password("admin", password.clone()),
        ] {
            let tape = Tape::new()
                .reply_to(LOG_IN_BY_ACCOUNT, json!({ "inventory": { "uuid": session } }));
            let client = Client::builder()
                .endpoint("https://zstack.example")
                .credentials(credentials)
                .clock(clock(seconds))
                .checks(false)
                .transport(tape.clone())
                .build()
                .unwrap();
            run(async {
                let id = JobId::parse(&job).unwrap();
                let _ = client.vm("uuid").run("id").job(id.clone()).await;
                let _ = client.job(&id).wait_at_most(Duration::ZERO).await;
                let _ = client.get_api_job(&job).send().await;
                let _ = client.validate_session(&session).send().await;
                let _ = client.log_in_by_account("admin", raw.clone()).send().await;
                let _ = client.logout().await;
                let _ = client.log_out(&session).send().await;
            });
            text += &shown(&tape);
        }
        check(&text, &[&key, &session, &given, &password, &raw_core, &job])?;
    }

    #[test]
    fn no_secret_of_a_session_in_a_pod_is_shown(
        [key, token, issued] in [plain(), plain(), plain()],
        (password, core) in secret(),
        seconds: u32,
    ) {
        use guestexec_cci::{
            Client, Credentials, operations::CREATE_USER_TOKEN,
        };
        // The ends of a password may not be blank.
        let password = format!("p{password}p");
        let mut text = String::new();
        for credentials in [
            Credentials::access_key("AK", key.clone()).with_security_token(token.clone()),
            Credentials::token(token.clone()),
            Credentials::access_key_token("AK", key.clone(), "project"),
            Credentials::password("domain", "user", password, "project"),
        ] {
            let reply = Reply::json(StatusCode::CREATED, &json!({})).header("x-subject-token", issued.clone());
            let tape = Tape::new().reply_to(CREATE_USER_TOKEN, reply);
            let client = Client::builder()
                .region("cn-north-4")
                .credentials(credentials)
                .clock(clock(seconds))
                .checks(false)
                .transport(tape.clone())
                .build();
            let Ok(client) = client else { continue };
            run(async {
                let _ = client.pod("default", "demo").exec(["id"]).output().await;
                let _ = client.pod("default", "demo").get().await;
            });
            text += &shown(&tape);
        }
        check(&text, &[&key, &token, &issued, &core])?;
    }
}
