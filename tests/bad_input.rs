//! Bad input is refused with a typed error that names the member at fault, and nothing is sent.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

use std::time::Duration;

use guestexec_core::ErrorKind;
use guestexec_tat::types::RunCommandRequest;
use guestexec_testkit::Tape;

const VM: &str = "fc022ba201c135d8809c5e02bf6bf156";

fn tat(tape: &Tape) -> guestexec_tat::Client {
    tat_builder().transport(tape.clone()).build().expect("the client is complete")
}

fn tat_builder() -> guestexec_tat::ClientBuilder {
    guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new("AKIDexample", "secret"))
        .region("ap-guangzhou")
}

fn zstack(tape: &Tape) -> guestexec_zstack::Client {
    guestexec_zstack::Client::builder()
        .endpoint("http://zstack:8080")
        .allow_plain_http()
        .credentials(guestexec_zstack::Credentials::session("0123456789abcdef0123456789abcdef"))
        .transport(tape.clone())
        .build()
        .expect("the client is complete")
}

fn cci(tape: &Tape) -> guestexec_cci::Client {
    guestexec_cci::Client::builder()
        .region("cn-north-4")
        .credentials(guestexec_cci::Credentials::token("token"))
        .transport(tape.clone())
        .build()
        .expect("the client is complete")
}

/// Asserts that `result` is the refusal of a request, that its text has `says`, and that nothing was sent.
#[track_caller]
fn refused<T, D>(result: Result<T, guestexec_core::Error<D>>, tape: &Tape, says: &[&str]) {
    let error = result.err().expect("bad input is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
    assert!(!error.may_have_run(), "{error}");
    for text in says {
        assert!(error.to_string().contains(text), "`{text}` is not in: {error}");
    }
    assert!(tape.requests().is_empty(), "{:?}", tape.requests());
}

#[tokio::test]
async fn tat_refuses_bad_instances_and_content() {
    let tape = Tape::new();
    let client = tat(&tape);
    let none: [&str; 0] = [];
    let result = client.instances(none).run("uptime").await;
    refused(result, &tape, &["RunCommand", "`InstanceIds`", "0 items", "at least 1"]);

    // The handle takes any number of instances, and one call of the service as many as its page says.
    let most = *RunCommandRequest::INSTANCE_IDS_ITEMS.end();
    let many: Vec<String> = (0..=most).map(|n| format!("ins-{n:08}")).collect();
    let call = client.run_command("uptime", many);
    refused(
        call.send().await,
        &tape,
        &["`InstanceIds`", &format!("{} items", most + 1), &format!("at most {most}")],
    );

    // A bad id is named by its place in the caller's list, before any call is made.
    let mut many: Vec<String> = (0..450).map(|n| format!("ins-{n:08}")).collect();
    many[3] = "lhins-0".to_owned();
    many[417] = "ins 2".to_owned();
    let result = client.instances(&many).run("uptime").await;
    refused(result, &tape, &["`InstanceIds[417]`", "form"]);

    // The same id in two calls would run the command twice.
    many[417] = many[5].clone();
    let result = client.instances(&many).run("uptime").await;
    refused(result, &tape, &["`InstanceIds[417]`", "repeats item 5"]);

    // 49 153 bytes are 65 540 characters of Base64: four more than may be sent.
    let result = client.instances(["ins-1"]).run(vec![b'#'; 49_153]).await;
    refused(result, &tape, &["`Content`", "65540", "at most 65536"]);

    let malformed = || guestexec_tat::Base64::from_encoded("dXB0aW1l!");
    let result = client.instances(["ins-1"]).run(malformed()).await;
    refused(result, &tape, &["`Content` (9 characters) is not Base64"]);
    let result = client.run_command(malformed(), ["ins-1"]).send().await;
    refused(result, &tape, &["`Content` (9 characters) is not Base64"]);
    let result = client.create_command("uptime", malformed()).send().await;
    refused(result, &tape, &["`Content` (9 characters) is not Base64"]);
    let result = client.preview_replaced_command_content().content(malformed()).send().await;
    refused(result, &tape, &["`Content` (9 characters) is not Base64"]);

    let result = client.instances(["ins-1", "ins 2"]).run("uptime").await;
    refused(result, &tape, &["`InstanceIds[1]`", "form"]);
}

#[tokio::test]
async fn tat_refuses_bad_names_and_timeouts() {
    let tape = Tape::new();
    let client = tat(&tape);
    let run = || client.instances(["ins-1"]).run("uptime");

    // 60 characters, but 61 bytes: one of them takes two.
    let name = format!("é{}", "a".repeat(59));
    refused(run().name(name).await, &tape, &["`CommandName`", "61 bytes", "at most 60"]);
    refused(run().name("a b").await, &tape, &["`CommandName`", "form"]);

    let limits = ["`Timeout`", "1 to 86400"];
    refused(run().timeout(Duration::ZERO).await, &tape, &limits);
    refused(run().timeout(Duration::from_secs(86_401)).await, &tape, &limits);
    refused(run().timeout(Duration::from_millis(86_400_001)).await, &tape, &limits);
}

#[tokio::test]
async fn tat_refuses_members_that_exclude_each_other() {
    let tape = Tape::new();
    let client = tat(&tape);
    let preview = client.preview_replaced_command_content();
    refused(preview.clone().send().await, &tape, &["`CommandId`", "`Content`"]);

    let both = preview.command_id("cmd-1").content("echo");
    refused(both.send().await, &tape, &["exclude each other"]);

    let unasked = client.run_command("echo {{a}}", ["ins-1"]).parameters("{}");
    refused(unasked.send().await, &tape, &["`Parameters`", "`EnableParameter`"]);
}

#[tokio::test]
async fn tat_refuses_bad_parameters() {
    let tape = Tape::new();
    let client = tat(&tape);
    let run = || client.instances(["ins-1"]).run("echo {{a}} {{tat-hidden:b}}");

    let shown = run().hidden_parameter("a", "secret").await;
    refused(shown, &tape, &["RunCommand", "`Parameters.a`", "{{tat-hidden:a}}"]);
    let twice = run().parameter("a", "1").hidden_parameter("a", "2").await;
    refused(twice, &tape, &["`Parameters.a`", "twice"]);
    let twice = run().default_parameter("a", "1").described_parameter("a", "2", "").await;
    refused(twice, &tape, &["`DefaultParameterConfs.a`", "twice"]);
    refused(run().parameter("a b", "1").await, &tape, &["`Parameters.a b"]);
    let many = (0..21).fold(run(), |run, n| run.parameter(format!("p{n}"), ""));
    refused(many.await, &tape, &["`Parameters`", "21 members", "at most 20"]);
    let many = (0..11).fold(run(), |run, n| run.tag(format!("t{n}"), ""));
    refused(many.await, &tape, &["`Tags`", "11 items", "at most 10"]);

    refused(run().output_to_cos("http://b").await, &tape, &["`OutputCOSBucketUrl`"]);
    let outside = run().output_to_cos_below("https://b", "../x").await;
    refused(outside, &tape, &["`OutputCOSKeyPrefix`"]);

    let invoke = client.instances(["ins-1"]).invoke("cmd-1").parameter("a b", "1").await;
    refused(invoke, &tape, &["InvokeCommand", "`Parameters.a b"]);
    let file = client.instances(["ins-1"]).run_file("/nowhere/script.sh").unwrap_err();
    assert_eq!(file.kind(), ErrorKind::Input, "{file}");
    assert!(file.to_string().contains("/nowhere/script.sh"), "{file}");
}

#[cfg(unix)]
#[test]
fn tat_refuses_a_script_that_is_no_regular_file() {
    let client = tat(&Tape::new());
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let no_file = "not a regular file";
    let paths =
        [(&*pipe, no_file), (folder.path(), "a directory"), ("/dev/zero".as_ref(), no_file)];
    for (path, says) in paths {
        let error = client.instances(["ins-1"]).run_file(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        for text in [says, path.to_str().unwrap()] {
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}

#[tokio::test]
async fn tat_checks_can_be_turned_off() {
    let tape = Tape::new();
    let client = tat_builder().checks(false).transport(tape.clone()).build().unwrap();
    let none: [&str; 0] = [];
    let error = client.instances(none).run("uptime").await.unwrap_err();
    assert_eq!(tape.requests().len(), 1, "the service is asked: {error}");
}

#[tokio::test]
async fn zstack_refuses_bad_scripts() {
    let tape = Tape::new();
    let client = zstack(&tape);
    let script = |text: &str| client.vm(VM).script(text);
    let place = "`executeGuestVmScript.scriptTimeout`";
    refused(script("df -h").timeout(Duration::from_secs(9)).await, &tape, &[place, "10 to 86400"]);
    refused(script(" \n").await, &tape, &["blank"]);
    let long = "x".repeat(49_153);
    refused(script(&long).await, &tape, &["`params.scriptContent`", "65536"]);
    refused(client.vm("vm-1").script("df -h").await, &tape, &["vmInstanceUuids"]);
    assert!(client.vms([] as [&str; 0]).script("df -h").await.is_empty());
}

#[tokio::test]
async fn zstack_refuses_bad_commands() {
    let tape = Tape::new();
    let client = zstack(&tape);
    let run = || client.vm(VM).run("df -h");

    let timeout = |seconds| Duration::from_secs(seconds);
    refused(
        run().timeout(timeout(9)).await,
        &tape,
        &["`params.commandTimeout` is 9", "10 to 86400"],
    );
    refused(run().timeout(timeout(86_401)).await, &tape, &["`params.commandTimeout`"]);
    refused(run().timeout(timeout(u64::MAX)).await, &tape, &["`params.commandTimeout`"]);

    refused(client.vm(VM).run("").await, &tape, &["`params.command`", "at least 1"]);
    let long = "é".repeat(65_537);
    refused(client.vm(VM).run(long).await, &tape, &["`params.command`", "65537 characters"]);
    refused(client.vm("vm-1").run("df").await, &tape, &["`params.vmInstanceUuid`"]);

    for uuid in ["..", "", "a/b", "0123456789abcdef0123456789abcde/"] {
        refused(client.get_api_job(uuid).send().await, &tape, &["GetApiJob", "`uuid`"]);
    }
}

#[tokio::test]
async fn cci_refuses_bad_names() {
    let tape = Tape::new();
    let client = cci(&tape);
    for name in ["..", ".", "", "a/b", "a\\b", "A", "-a", "pod?x", "%2e%2e"] {
        let result = client.pod("default", name).exec(["true"]).output().await;
        refused(result, &tape, &["`name`"]);
        let result = client.pod(name, "web-0").exec(["true"]).output().await;
        refused(result, &tape, &["`namespace`"]);
    }
    let container = "c".repeat(64);
    let result = client.pod("default", "web-0").container(container).exec(["true"]).output().await;
    refused(result, &tape, &["`container`", "63"]);
}

#[tokio::test]
async fn path_parameters_are_checked_even_with_checks_off() {
    let tape = Tape::new();
    let client = guestexec_cci::Client::builder()
        .region("cn-north-4")
        .credentials(guestexec_cci::Credentials::token("token"))
        .transport(tape.clone())
        .checks(false)
        .build()
        .unwrap();
    let result = client.read_pod("default", "..").send().await;
    refused(result, &tape, &["`name`"]);
}

#[test]
fn incomplete_or_unsafe_clients_are_not_built() {
    use guestexec_tat::{Client, Credentials};

    fn fails<T>(result: Result<T, guestexec_tat::Error>, kind: ErrorKind, says: &str) {
        let error = result.err().expect("the client cannot be made");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
    }
    let keys = || Credentials::new("AKIDexample", "secret");
    let with =
        |credentials| Client::builder().region("ap-guangzhou").credentials(credentials).build();

    fails(
        Client::builder().region("ap-guangzhou").build(),
        ErrorKind::Credentials,
        "no credentials",
    );
    fails(with(Credentials::new("", "secret")), ErrorKind::Credentials, "SecretId");
    fails(with(Credentials::new("AKID", "")), ErrorKind::Credentials, "SecretKey");
    fails(with(keys().with_security_token("a\nb")), ErrorKind::Credentials, "token");
    fails(Client::builder().credentials(keys()).build(), ErrorKind::Config, "no region");
    fails(tat_builder().region("a b").build(), ErrorKind::Config, "region");
    let endpoint = |text: &str| tat_builder().endpoint(text).build();
    fails(endpoint("tat.tencentcloudapi.com"), ErrorKind::Config, "no scheme");
    fails(endpoint("http://tat.tencentcloudapi.com"), ErrorKind::Config, "plain http");
    assert!(tat_builder().endpoint("http://10.0.0.1").allow_plain_http().build().is_ok());

    let error = guestexec_zstack::Client::builder().endpoint("zstack:8080").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    let session = guestexec_zstack::Credentials::session("0123456789abcdef0123456789abcdef");
    let error = guestexec_zstack::Client::builder()
        .endpoint("zstack:8080")
        .credentials(session)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("no scheme"), "{error}");
    let zstack = || {
        let session = guestexec_zstack::Credentials::session("0123456789abcdef0123456789abcdef");
        guestexec_zstack::Client::builder().credentials(session)
    };
    let fails = |builder: guestexec_zstack::ClientBuilder, says: &str| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    fails(zstack(), "no endpoint");
    fails(zstack().endpoint("http://zstack:8080"), "plain http");
    assert!(zstack().endpoint("http://zstack:8080").allow_plain_http().build().is_ok());

    let error = guestexec_cci::Client::builder().region("cn-north-4").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
}
