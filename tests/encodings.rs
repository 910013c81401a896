//! Output that is not UTF-8, as Windows writes it in some languages, through a whole run.

#![allow(clippy::unwrap_used)]

use guestexec_core::ErrorKind;
use guestexec_sandbox::Sandbox;

/// Prints 不是 in GBK with a line break of Windows.
const SCRIPT: &str = r"printf '\262\273\312\307\r\n'";

#[tokio::test]
async fn tat_output_in_gbk_becomes_text() {
    let sandbox = Sandbox::start().await.unwrap();
    let tat = sandbox.tat();
    let client = guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new(tat.secret_id(), tat.secret_key()))
        .region(tat.region())
        .endpoint(tat.endpoint())
        .build()
        .unwrap();
    let finished = client.instances(tat.instances().first()).run(SCRIPT).await.unwrap();
    let result = &finished.results()[0];
    assert_eq!(result.output_in("GBK").unwrap(), "不是\r\n");
    assert!(result.output_lossy().contains('\u{fffd}'));
    let error = result.output_in("code page 936").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("`code page 936`: give a label"), "{error}");
}

#[tokio::test]
async fn zstack_captured_output_in_gbk_becomes_text() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let client = guestexec_zstack::Client::builder()
        .endpoint(zstack.endpoint())
        .login(zstack.account_name(), zstack.password())
        .await
        .unwrap();
    let script = format!("{SCRIPT}; {SCRIPT} >&2");
    let captured = client.vm(zstack.vm_uuid()).run(script).await.unwrap();
    assert_eq!(captured.stdout_in("gbk").unwrap(), "不是\r\n");
    assert_eq!(captured.stderr_in("gb18030").unwrap(), "不是\r\n");
    assert!(captured.stdout_in("").is_err());
}

#[tokio::test]
async fn cci_output_in_gbk_becomes_text() {
    let sandbox = Sandbox::start().await.unwrap();
    let cci = sandbox.cci();
    let keys = guestexec_cci::Credentials::access_key(cci.access_key(), cci.secret_key());
    let client = guestexec_cci::Client::builder()
        .endpoint(cci.endpoint())
        .iam_endpoint(cci.iam_endpoint())
        .credentials(keys)
        .build()
        .unwrap();
    let script = format!("{SCRIPT}; {SCRIPT} >&2; exit 3");
    let output = client.pod(cci.namespace(), cci.pod()).exec(["sh", "-c", &script]).await.unwrap();
    assert_eq!(output.stdout_in("gbk").unwrap(), "不是\r\n");
    assert_eq!(output.stderr_in("gb18030").unwrap(), "不是\r\n");
    assert!(output.stdout_in("").is_err());
    assert_eq!((output.exit_code(), output.success()), (Some(3), false));
}
