//! Every public future is `Send`, as `tokio::spawn` requires. This file does not compile if one is not,
//! and its test fails if one is missing here.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    future::{Future, IntoFuture},
    path::{Path, PathBuf},
};

use guestexec_sandbox::Sandbox;
use guestexec_tat::Unconfirmed;

fn sent(_: impl Future + Send) {}

fn awaited<F>(_: F)
where
    F: IntoFuture + Send,
    F::IntoFuture: Send,
{
}

fn handle<T: Send>(_: &T) {}

fn shared<T: Send + Sync>(_: &T) {}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
async fn tat(tat: guestexec_tat::Client, lost: &Unconfirmed) -> Result<(), guestexec_tat::Error> {
    shared(&tat);
    // Each operation's `send`.
    sent(guestexec_tat::CredentialSource::default_chain().check());
    sent(guestexec_tat::examples::send(&tat, &guestexec_tat::examples::ALL[0]));
    // guestexec_tat::NamedCall, guestexec_tat::NamedPages.
    let named = || tat.call_by_name("any", serde_json::Map::new(), None);
    handle(&named()?);
    sent(named()?.send());
    sent(named()?.send_streamed());
    let mut pages = named()?.pages()?;
    handle(&pages);
    sent(pages.next());
    let on = tat.instances(["ins-1"]);
    // guestexec_tat::Run, of a script and of a saved command.
    awaited(on.run("uptime"));
    awaited(on.invoke("cmd-1"));
    sent(on.run("uptime").start());
    sent(on.run("uptime").preview());
    sent(on.invoke("cmd-1").preview());
    sent(tat.find_unconfirmed(lost));
    sent(tat.invocation("inv-1"));
    // guestexec_tat::Each.
    awaited(tat.agents().run_each("uptime"));
    sent(tat.agents().list());
    sent(tat.agents().instances());
    sent(tat.agents().items().next());
    // guestexec_tat::Running.
    let running = || async { tat.invocation("inv-1").await };
    handle(&running().await?);
    awaited(running().await?);
    sent(running().await?.cancel());
    let mut events = running().await?.events();
    handle(&events);
    sent(events.next());
    sent(events.cancel());
    sent(events.cancel_on(["ins-1"]));
    let finished = running().await?.await?;
    shared(&finished);
    // guestexec_tat::FullOutput.
    for result in finished.results() {
        handle(&result.full_output(&tat));
        awaited(result.full_output(&tat));
        sent(result.full_output(&tat).write_to(&mut Vec::new()));
    }
    Ok(())
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
async fn cci(cci: guestexec_cci::Client) -> Result<(), guestexec_cci::Error> {
    shared(&cci);
    sent(guestexec_cci::CredentialSource::default_chain().check());
    sent(guestexec_cci::examples::send(&cci, &guestexec_cci::examples::ALL[0]));
    // guestexec_cci::NamedCall, guestexec_cci::NamedPages.
    let named = || cci.call_by_name("any", serde_json::Map::new(), None);
    handle(&named()?);
    sent(named()?.send());
    sent(named()?.send_streamed());
    let mut pages = named()?.pages()?;
    handle(&pages);
    sent(pages.next());
    let pod = || cci.pod("default", "demo");
    sent(pod().get());
    sent(pod().choose_container());
    sent(cci.pods("default").list());
    // guestexec_cci::Each.
    awaited(cci.pods("default").exec_each(["uptime"]));
    sent(cci.pods("default").exec_each(["uptime"]).next());
    sent(cci.pods("default").create(guestexec_cci::types::NewPod::new(
        guestexec_cci::types::NewPodMeta::new(),
        guestexec_cci::types::NewPodSpec::new([]),
    )));
    sent(pod().delete());
    // guestexec_cci::WaitForPod.
    awaited(pod().wait_until_running());
    awaited(pod().wait_until_ended());
    awaited(pod().wait_until_deleted());
    let logs = || pod().logs();
    sent(logs().bytes());
    sent(logs().text_lossy());
    sent(logs().stream());
    let mut log = logs().stream().await?;
    handle(&log);
    sent(log.next_line());
    sent(log.next_chunk());
    sent(cci.read_pod_log("default", "demo").send_streamed());
    let exec = || pod().exec(["top"]).tty(guestexec_cci::TerminalSize::default()).killable();
    handle(&exec());
    // guestexec_cci::Exec.
    awaited(exec());
    sent(exec().output());
    sent(exec().spawn());
    // guestexec_cci::CopyIn, Leftovers and CopyOut.
    handle(&pod().copy_in("local", "/remote"));
    let leftovers = pod().copy_in("local", "/remote").leftovers()?;
    handle(&leftovers);
    sent(leftovers.remove());
    awaited(pod().copy_in("local", "/remote"));
    awaited(pod().copy_out("/remote", "local").progress(|_| ()));
    let mut child = exec().spawn().await?;
    handle(&child);
    sent(child.wait());
    sent(child.kill());
    sent(child.process_id());
    sent(child.resize(80, 24));
    sent(child.wait_with_output());
    Ok(())
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
fn zstack(
    zstack: &guestexec_zstack::Client,
    job: &guestexec_zstack::JobId,
) -> Result<(), guestexec_zstack::Error> {
    shared(zstack);
    sent(guestexec_zstack::CredentialSource::default_chain().check());
    sent(zstack.vm("00000000000000000000000000000000").run("uptime").start());
    sent(guestexec_zstack::examples::send(zstack, &guestexec_zstack::examples::ALL[0]));
    // guestexec_zstack::NamedCall, guestexec_zstack::NamedPages.
    let named = || zstack.call_by_name("any", serde_json::Map::new(), None);
    handle(&named()?);
    sent(named()?.send());
    sent(named()?.send_streamed());
    let mut pages = named()?.pages()?;
    handle(&pages);
    sent(pages.next());
    let builder = guestexec_zstack::Client::builder().endpoint("https://zstack");
    sent(builder.login("admin", "password"));
    sent(zstack.logout());
    // guestexec_zstack::Job, UncheckedJob, Run, Unchecked, Each, ScriptRun, ScriptRuns and ScriptRecord.
    awaited(zstack.job(job));
    awaited(zstack.job(job).unchecked());
    awaited(zstack.vm("uuid").run("uptime"));
    awaited(zstack.vm("uuid").run("uptime").unchecked());
    awaited(zstack.vm("uuid").script("uptime"));
    awaited(zstack.vms(["uuid"]).script("uptime"));
    awaited(zstack.script_record("uuid"));
    awaited(zstack.query_vms().run_each("uptime"));
    sent(zstack.query_vms().list());
    awaited(zstack.each_vm(["uuid"], |vm| vm.script("uptime")));
    awaited(zstack.each_vm(["uuid"], |vm| vm.run("uptime")));
    awaited(zstack.each_vm(["uuid"], |vm| vm.run("uptime").unchecked()).concurrency(2));
    Ok(())
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "its types are what is tested")]
fn sandbox() {
    sent(Sandbox::start());
    sent(Sandbox::builder().start());
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_public_future_is_named_here() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    // Every provider has a document, and two crates beside them have futures, too.
    let documents = fs::read_dir(crates.join("../specs")).unwrap().map(|it| it.unwrap().path());
    let documents = documents.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let providers = documents.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    for name in providers.chain(["sandbox".to_owned(), "testkit".to_owned()]) {
        sources(&crates.join(format!("guestexec-{name}/src")), &mut files);
    }
    let (here, _) = include_str!("send.rs").split_once("\nfn sources").unwrap();
    let mut functions: BTreeMap<String, usize> = BTreeMap::new();
    let word = |text: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        text.chars().take_while(|c| is_part(*c)).collect::<String>()
    };
    for path in files {
        // `examples::send` calls the operations; the peer of our own tests is no public interface.
        if path.ends_with("generated/builder.rs") || path.ends_with("src/peer.rs") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(rest) = line.trim_start().strip_prefix("pub async fn ") {
                *functions.entry(word(rest)).or_default() += 1;
            }
            if let Some((_, rest)) = line.split_once(" IntoFuture for ") {
                let name = word(rest);
                assert!(here.contains(&name), "{name} of {} is missing here", path.display());
            }
        }
    }
    assert!(functions.len() > 15, "{functions:?}");
    for (name, count) in functions {
        let called = here.matches(&format!(".{name}(")).count()
            + here.matches(&format!("::{name}(")).count();
        assert!(called >= count, "{count} public futures are called `{name}`, {called} are here");
    }
}
