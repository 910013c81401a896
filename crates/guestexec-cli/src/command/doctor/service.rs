//! What is looked at of each service.

use std::{env, fs, path::PathBuf, time::Duration};

use guestexec::{
    Error, SourceCheck, SourceState, cci as of_cci, tat as of_tat, zstack as of_zstack,
};
use tokio::time::timeout;

use super::{
    check::{Check, State},
    network,
    watch::Watch,
};
use crate::{
    connect::{Base, cci, common, tat, zstack},
    failure::{Failure, remedy},
    profiles::Profiles,
    secret_from::{SecretFrom, check_permissions},
};

/// How long the places of credentials may take, of which some are in the network.
const LOOK: Duration = Duration::from_secs(30);
/// How long the call may take.
const CALL: Duration = Duration::from_secs(20);

/// Writes what is looked at of a service, whose parts have the same names in all three crates.
macro_rules! service {
    (
        $name:ident, $module:ident, $provider:literal, $files:expr,
        watches: $watched:expr,
        placeholder: $placeholder:expr,
        call: |$client:ident, $settings:ident| $call:expr,
    ) => {
        /// Looks at the service. If it is not `asked_for`, it may be one that is not set up.
        pub(super) async fn $name(given: $name::Settings, asked_for: bool) -> Vec<Check> {
            let mut checks = Vec::new();
            let (base, $settings) =
                match given.base().and_then(|base| Ok((base, given.resolved()?))) {
                    Ok(found) => found,
                    Err(failure) => return vec![Check::of("settings", &failure)],
                };
            let places = $settings.places();
            checks.push(Check::ok("settings", format!("from {}{places}", base.describe())));
            checks.extend(files(&[&$settings.secret_from, &$settings.token_from], $files));
            let source = match $settings.source().await {
                Ok(source) => source,
                Err(failure) => {
                    checks.push(Check::of("credentials", &failure));
                    return checks;
                }
            };
            let is_given = $settings.has_keys();
            let found = match timeout(LOOK, source.check()).await {
                Ok(found) => found,
                Err(_) => Vec::new(),
            };
            if !asked_for && matches!(base, Base::Nothing) && is_empty(&found) {
                return vec![Check::skip("settings", "nothing is set up")];
            }
            let credentials = credentials($provider, &found, is_given);
            let has_credentials = credentials.state != State::Fail;
            checks.push(credentials);
            let looked = async {
                let address = $settings.address()?;
                let proxy = $settings.proxy.as_deref();
                let options = crate::connect::http_options(proxy, $settings.ca_file.as_deref())?;
                let watch = Watch::new($watched, options)?;
                let builder =
                    $settings.with_address(common!(of_client!($module), &$settings), address);
                // Without any, a request that the service refuses tells whether it can be reached.
                let source = if has_credentials { source } else { $placeholder.into() };
                let builder = builder.credentials(source).transport(watch.clone()).retries(0);
                let with_plain_http = builder.clone().allow_plain_http();
                let $client = (builder.build()).map_err(|error| {
                    crate::connect::unbuildable(error, || with_plain_http.build().is_ok())
                })?;
                let ended: Result<Result<(), Error>, _> =
                    timeout(CALL, async { $call.map_err(Error::from) }).await;
                Ok::<_, Failure>((watch.seen(), ended))
            };
            let (seen, ended) = match looked.await {
                Ok(looked) => looked,
                Err(failure) => {
                    checks.push(Check::of("address", &failure));
                    return checks;
                }
            };
            if let Some(seen) = &seen {
                checks.extend(network::checks(seen, $settings.proxy.as_deref()).await);
            }
            let is_answered = seen.as_ref().is_some_and(|seen| seen.answer.is_ok());
            checks.push(match ended {
                _ if !has_credentials => Check::skip("access", "there are no credentials"),
                Ok(Ok(())) => Check::ok("access", "the service accepts the credentials"),
                Ok(Err(_)) if seen.is_some() && !is_answered => {
                    Check::skip("access", "the service was not reached")
                }
                Ok(Err(error)) => Check::of("access", &Failure::from(error)),
                Err(_) => Check::fail(
                    "access",
                    format!("no answer within {} s", CALL.as_secs()),
                    "Try again later, and check network and proxy.",
                ),
            });
            checks
        }
    };
}

/// The builder of a provider's client.
macro_rules! of_client {
    ($module:ident) => {
        $module::Client::builder()
    };
}

service! {
    tat, of_tat, "tat", &[".tencentcloud/credentials", ".tccli/default.credential"],
    watches: &[of_tat::operations::DESCRIBE_AUTOMATION_AGENT_STATUS.id],
    placeholder: of_tat::Credentials::new("none", "none"),
    call: |client, settings| client.describe_automation_agent_status().limit(1).send().await.map(drop),
}

service! {
    cci, of_cci, "cci", &[".huaweicloud/credentials"],
    watches: &[of_cci::operations::LIST_PODS.id],
    placeholder: of_cci::Credentials::access_key("none", "none"),
    call: |client, settings| {
        client.list_pods(settings.namespace()).limit(1).send().await.map(drop)
    },
}

service! {
    zstack, of_zstack, "zstack", &[],
    watches: &[
        of_zstack::operations::QUERY_VM_INSTANCE.id,
        of_zstack::operations::LOG_IN_BY_ACCOUNT.id,
    ],
    placeholder: of_zstack::Credentials::access_key("none", "none"),
    call: |client, settings| {
        let found = client.query_vm_instance().limit(1).send().await.map(drop);
        if settings.token_from.is_none() {
            // A session that ends with its life costs nobody anything but its place.
            let _ = client.logout().await;
        }
        found
    },
}

/// True if no place has anything.
fn is_empty(found: &[SourceCheck]) -> bool {
    // A place in the network may answer with a refusal, which says nothing of what a person has set up.
    found.first().is_some_and(|check| check.state() == SourceState::Absent)
        && found.iter().all(|check| check.state() != SourceState::Usable)
}

/// What each place has, and which is used.
fn credentials(provider: &str, found: &[SourceCheck], is_given: bool) -> Check {
    let used = found.iter().find(|check| check.state() == SourceState::Usable);
    let used = used.or_else(|| found.iter().find(|check| check.state() == SourceState::Expired));
    let line = |check: &SourceCheck| {
        let state = match (check.state(), used) {
            (_, Some(used)) if std::ptr::eq(used, check) => return None,
            (SourceState::NotAsked, Some(used)) => {
                let (place, used) = (check.place(), used.place());
                return Some(format!("{place}: not asked, because {used} is used"));
            }
            (SourceState::Expired, _) => "expired",
            (SourceState::Absent, _) => "nothing",
            _ => "unusable",
        };
        Some(match check.reason() {
            Some(reason) => format!("{}: {state}: {reason}", check.place()),
            None => format!("{}: {state}", check.place()),
        })
    };
    let more: Vec<String> = found.iter().filter_map(line).collect();
    let Some(used) = used else {
        let found = format!("none of {} places has any", found.len());
        let remedy = remedy::credentials(provider);
        return Check::fail("credentials", found, crate::failure::sentence(&remedy))
            .with_more(more);
    };
    let place = if is_given { "the flags or the profile" } else { used.place() };
    let until =
        used.expires().map(|at| format!(", until {}", humantime::format_rfc3339_seconds(at)));
    let shown = format!("from {place}{}", until.unwrap_or_default());
    let before = found.iter().take_while(|check| !std::ptr::eq(*check, used));
    let passed_over = before.filter(|check| check.state() != SourceState::Absent).count() > 0;
    let check = match (used.state(), passed_over) {
        (SourceState::Expired, _) => {
            Check::fail("credentials", format!("{shown}, which is over"), "Get new ones there.")
        }
        (_, true) => Check::warn(
            "credentials",
            shown,
            "A place that comes before it has some that cannot be used: mend or remove these.",
        ),
        _ => Check::ok("credentials", shown),
    };
    check.with_more(more)
}

/// Whether others can read files with secrets, or change what a profile says. `vendor` are files below the home.
fn files(places: &[&Option<SecretFrom>], vendor: &[&str]) -> Option<Check> {
    let mut seen = Vec::new();
    for path in places.iter().filter_map(|place| place.as_ref()?.as_file()) {
        // One that is not there is told where it is read.
        let Ok(data) = fs::metadata(&path) else { continue };
        if let Err(failure) = check_permissions(&path, &data) {
            return Some(Check::of("files", &failure));
        }
        seen.push(path);
    }
    for path in vendor.iter().filter_map(|name| Some(env::home_dir()?.join(name))) {
        let Ok(data) = fs::metadata(&path) else { continue };
        if let Err(failure) = check_permissions(&path, &data) {
            let check = Check::of("files", &failure);
            return Some(Check { state: State::Warn, ..check });
        }
        seen.push(path);
    }
    // Whether others can change it was seen when it was read.
    seen.extend(Profiles::path().ok().filter(|path| path.exists()));
    if seen.is_empty() {
        return None;
    }
    let shown: Vec<String> = seen.iter().map(|path: &PathBuf| path.display().to_string()).collect();
    Some(Check::ok("files", format!("for their owner alone: {}", shown.join(", "))))
}
