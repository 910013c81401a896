//! Machines that a call finds, where credentials are at hand. Whatever goes wrong, there are none.

use std::{ffi::OsStr, time::Duration};

use clap_complete::CompletionCandidate;
use tokio::{runtime, time::timeout};

use super::{begins, settings};
use crate::{
    connect::{cci, tat, zstack},
    secret_from::SecretFrom,
    time::Time,
};

/// How long a person waits for a word.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The most machines that are listed.
const MOST: u8 = 100;

/// A machine's name, and what helps to tell it from others.
type Named = (String, Option<String>);

/// Runs a call, and takes the names that go on from the word.
fn found(word: &OsStr, call: impl Future<Output = Option<Vec<Named>>>) -> Vec<CompletionCandidate> {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let names = runtime.block_on(async { timeout(PATIENCE, call).await });
    // A name that is still being resolved must not keep the shell.
    runtime.shutdown_background();
    (names.ok().flatten().unwrap_or_default().into_iter())
        .filter(|(name, _)| begins(name, word))
        .map(|(name, help)| CompletionCandidate::new(name).help(help.map(Into::into)))
        .collect()
}

/// Whether no person is asked for the secrets, and no command run.
fn are_quiet<'a>(secrets: impl IntoIterator<Item = &'a Option<SecretFrom>>) -> bool {
    secrets.into_iter().flatten().all(SecretFrom::is_quiet)
}

/// Instances with the agent of TAT.
pub(super) fn instances(word: &OsStr) -> Vec<CompletionCandidate> {
    found(word, async {
        let mut settings = settings::<tat::Settings>("tat")?.resolved().ok()?;
        if !are_quiet([&settings.secret_from, &settings.token_from]) {
            return None;
        }
        (settings.retries, settings.call_timeout) = (Some(0), Some(Time(PATIENCE)));
        let client = settings.client().await.ok()?;
        let listed =
            client.describe_automation_agent_status().limit(MOST.into()).send().await.ok()?;
        let named = listed.into_inner().automation_agent_set.into_iter().filter_map(|agent| {
            Some((agent.instance_id?, agent.agent_status.map(|status| status.to_string())))
        });
        Some(named.collect())
    })
}

/// VMs of ZStack. No account logs in for it: a wrong password would be sent again and again.
pub(super) fn vms(word: &OsStr) -> Vec<CompletionCandidate> {
    found(word, async {
        let mut settings = settings::<zstack::Settings>("zstack")?.resolved().ok()?;
        let logs_in = match settings.has_keys() {
            true => settings.account.is_some(),
            false => guestexec::zstack::Credentials::from_env().ok()?.sends_password(),
        };
        if logs_in || !are_quiet([&settings.secret_from, &settings.token_from]) {
            return None;
        }
        (settings.retries, settings.call_timeout) = (Some(0), Some(Time(PATIENCE)));
        let client = settings.client().await.ok()?;
        let listed = client.query_vm_instance().limit(MOST.into()).send().await.ok()?;
        let named = listed.into_inner().inventories.into_iter();
        Some(named.filter_map(|vm| Some((vm.uuid?, vm.name))).collect())
    })
}

/// A client of CCI that asks nobody, and sends no password.
async fn client_of_cci() -> Option<(cci::Settings, guestexec::cci::Client)> {
    let mut settings = settings::<cci::Settings>("cci")?.resolved().ok()?;
    let logs_in = match settings.has_keys() {
        true => settings.user.is_some(),
        false => guestexec::cci::Credentials::from_env().is_ok_and(|it| it.sends_password()),
    };
    if logs_in || !are_quiet([&settings.secret_from, &settings.token_from]) {
        return None;
    }
    (settings.retries, settings.call_timeout) = (Some(0), Some(Time(PATIENCE)));
    let client = settings.client().await.ok()?;
    Some((settings, client))
}

/// Pods of the namespace.
pub(super) fn pods(word: &OsStr) -> Vec<CompletionCandidate> {
    found(word, async {
        let (settings, client) = client_of_cci().await?;
        let listed = client.list_pods(settings.namespace()).limit(MOST.into()).send().await.ok()?;
        let named = listed.into_inner().items.into_iter().filter_map(|pod| {
            let phase = pod.status.and_then(|status| status.phase).map(|phase| phase.to_string());
            Some((pod.metadata?.name?, phase))
        });
        Some(named.collect())
    })
}

/// Namespaces.
pub(super) fn namespaces(word: &OsStr) -> Vec<CompletionCandidate> {
    found(word, async {
        let (_, client) = client_of_cci().await?;
        let listed = client.list_namespaces().limit(MOST.into()).send().await.ok()?;
        let named = listed.into_inner().items.into_iter();
        Some(named.filter_map(|namespace| Some((namespace.metadata?.name?, None))).collect())
    })
}
