//! ZStack: the environment, and the session of an account.

use std::time::Duration;

use futures_util::future::join_all;
use guestexec_sandbox::Sandbox;
use guestexec_zstack::{
    Client, CredentialSource, Credentials, ErrorKind, Lease, LeaseFuture, ProvideCredentials,
};

use crate::{Log, is_alone, later, run_alone};

fn client(sandbox: &Sandbox, source: impl Into<CredentialSource>) -> Client {
    let endpoint = sandbox.zstack().endpoint();
    Client::builder().endpoint(endpoint).credentials(source).retries(0).build().unwrap()
}

fn account(sandbox: &Sandbox) -> Credentials {
    Credentials::password(sandbox.zstack().account_name(), sandbox.zstack().password())
}

/// Calls the operation itself, which no handle looks after.
async fn execute(client: &Client, sandbox: &Sandbox) -> Result<(), guestexec_zstack::Error> {
    let vm = sandbox.zstack().vm_uuid();
    client.execute_guest_vm_command(vm, "Linux", "true").send().await.map(drop)
}

/// Runs in a process of its own, started by the next test.
#[tokio::test]
async fn from_env_alone() {
    if !is_alone() {
        return;
    }
    let vm = std::env::var("ZSTACK_VM_UUID").unwrap();
    let client = Client::builder().from_env().unwrap().retries(0).build().unwrap();
    assert!(client.vm(&*vm).run("true").await.unwrap().success());
    let (log, _guard) = Log::begin();
    let endpoint = Client::builder().from_env().unwrap();
    let client = endpoint.credentials(CredentialSource::default_chain()).build().unwrap();
    assert!(client.vm(&*vm).run("true").await.unwrap().success());
    let told = log.take();
    assert!(told.contains("INFO") && told.contains("the environment"), "{told}");
    for name in ["ZSTACK_ACCESS_KEY_SECRET", "ZSTACK_ACCOUNT_PASSWORD", "ZSTACK_PASSWORD"] {
        assert!(std::env::var(name).map_or(true, |secret| !told.contains(&secret)), "{told}");
    }
}

#[tokio::test]
async fn the_environment_is_read_by_the_vendors_names() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let endpoint = zstack.endpoint();
    let port = endpoint.rsplit(':').next().unwrap().trim_end_matches("/zstack").to_owned();
    let place = [
        ("ZSTACK_HOST", "127.0.0.1"),
        ("ZSTACK_PORT", &*port),
        ("ZSTACK_VM_UUID", zstack.vm_uuid()),
    ];
    let (name, password) = (zstack.account_name(), zstack.password());
    let key = [
        ("ZSTACK_ACCESS_KEY_ID", zstack.access_key_id()),
        ("ZSTACK_ACCESS_KEY_SECRET", zstack.access_key_secret()),
    ];
    for credentials in [
        vec![("ZSTACK_ACCOUNT_NAME", name), ("ZSTACK_ACCOUNT_PASSWORD", password)],
        vec![("ZSTACK_ACCOUNT_NAME", name), ("ZSTACK_PASSWORD", password)],
        key.to_vec(),
        // An AccessKey comes first.
        [&key[..], &[("ZSTACK_ACCOUNT_NAME", "nobody"), ("ZSTACK_ACCOUNT_PASSWORD", "of nobody")]]
            .concat(),
    ] {
        let variables = [&place[..], &credentials].concat();
        run_alone("zstack::from_env_alone", &variables).await.unwrap();
    }
    for (credentials, says) in [
        (vec![], "ZSTACK_ACCESS_KEY_ID and"),
        (vec![("ZSTACK_ACCOUNT_NAME", name)], "ZSTACK_ACCOUNT_PASSWORD is not set"),
        (vec![("ZSTACK_ACCOUNT_PASSWORD", "of nobody")], "ZSTACK_ACCOUNT_NAME is not set"),
        (vec![key[0]], "ZSTACK_ACCESS_KEY_SECRET is not set"),
        (vec![key[1]], "ZSTACK_ACCESS_KEY_ID is not set"),
    ] {
        let variables = [&place[..], &credentials].concat();
        let told = run_alone("zstack::from_env_alone", &variables).await.unwrap_err();
        assert!(told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn a_session_that_ended_is_opened_anew_for_any_call_by_one_of_them() {
    let sandbox = Sandbox::start().await.unwrap();
    let on = client(&sandbox, account(&sandbox));
    execute(&on, &sandbox).await.unwrap();
    assert_eq!((sandbox.zstack().sessions(), on.counts().requests), (1, 2));
    sandbox.zstack().expire_sessions();
    for ended in join_all((0..8).map(|_| execute(&on, &sandbox))).await {
        ended.unwrap();
    }
    assert_eq!(sandbox.zstack().sessions(), 1, "one of them logged in");
    // A node that ends sessions at once is not asked for one after the other.
    sandbox.zstack().expire_sessions();
    let error = execute(&on, &sandbox).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert_eq!(sandbox.zstack().sessions(), 0);
    later(Duration::from_secs(11)).await;
    execute(&on, &sandbox).await.unwrap();
    assert_eq!(sandbox.zstack().sessions(), 1);
    // Nobody opens it again after a logout.
    on.logout().await.unwrap();
    execute(&on, &sandbox).await.unwrap_err();
    assert_eq!(sandbox.zstack().sessions(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let wrong = Credentials::password(sandbox.zstack().account_name(), "hunter2-wrong");
    let on = client(&sandbox, wrong);
    for outcome in join_all((0..4).map(|_| execute(&on, &sandbox))).await {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }
    let clone = on.clone();
    let vm = sandbox.zstack().vm_uuid();
    let error = clone.vm(vm).run("true").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.to_string().contains("does not try them again"), "{error}");
    assert!(!error.to_string().contains("hunter2") && !error.may_have_run(), "{error}");
    assert_eq!(on.counts().requests, 1);
    // Others are another client's.
    execute(&on.with_credentials(account(&sandbox)), &sandbox).await.unwrap();
}

/// An AccessKey that was replaced in a vault.
#[derive(Debug)]
struct Rotated(std::sync::atomic::AtomicUsize, [Credentials; 2]);

impl ProvideCredentials<Credentials> for Rotated {
    fn provide(&self) -> LeaseFuture<'_> {
        let index = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst).min(1);
        Box::pin(std::future::ready(Ok(Lease::lasting(self.1[index].clone()))))
    }
}

#[tokio::test]
async fn a_vaults_accounts_and_rotated_keys_serve() {
    let sandbox = Sandbox::start().await.unwrap();
    let zstack = sandbox.zstack();
    let (id, secret) = (zstack.access_key_id(), zstack.access_key_secret());
    let rotated = Rotated(
        0.into(),
        [Credentials::access_key("old", "old-secret"), Credentials::access_key(id, secret)],
    );
    let on = client(&sandbox, CredentialSource::new(rotated));
    execute(&on, &sandbox).await.unwrap();
    assert_eq!(on.counts().retried, 1);

    let vault = Rotated(0.into(), [account(&sandbox), account(&sandbox)]);
    let on = client(&sandbox, CredentialSource::new(vault));
    assert!(on.vm(zstack.vm_uuid()).run("true").await.unwrap().success());
    zstack.expire_sessions();
    assert!(on.vm(zstack.vm_uuid()).run("true").await.unwrap().success());
    assert_eq!(zstack.sessions(), 1);
    on.logout().await.unwrap();
    assert_eq!(zstack.sessions(), 0);

    // Malformed ones are reported by the first call, also those given later.
    let bad = Rotated(0.into(), [Credentials::password("", "x"), Credentials::password("", "x")]);
    let error = execute(&client(&sandbox, CredentialSource::new(bad)), &sandbox).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
}
