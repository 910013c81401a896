//! What to do about a provider's error, in words of the command line. The library's own words name its items.

use guestexec::{Error, ErrorKind, NoCredentials, SourceState, cci, tat};

/// The service, as people call it.
pub(crate) fn service(provider: &str) -> &'static str {
    match provider {
        "cci" => "Huawei CCI",
        "tat" => "Tencent TAT",
        "zstack" => "ZStack",
        _ => "the service",
    }
}

/// What happened: as the library says it, with an operation of CCI in words.
pub(super) fn what(error: &Error) -> String {
    if error.cause::<NoCredentials>().is_some() {
        return format!("no credentials of {} are found", service(error.provider()));
    }
    let mut summary = error.summary();
    // A service may add the canonical request, which is for those who write clients.
    if let Some((first, _)) = error.message().split_once('\n') {
        summary = summary.replacen(error.message(), &format!("{first} …"), 1);
    }
    let Some(operation) = error.operation().filter(|_| error.provider() == "cci") else {
        return summary;
    };
    match summary.strip_prefix(operation) {
        Some(rest) => format!("{}{rest}", in_words(operation)),
        None => summary,
    }
}

/// `connectCciV2GetNamespacedPodExec` as "exec in pod": the client's name of the operation is made of words.
fn in_words(operation: &str) -> String {
    let named = cci::by_name::ALL.iter().find(|named| named.operation.id == operation);
    named.map_or_else(|| operation.to_owned(), |named| named.method.replace('_', " "))
}

/// The places that were asked for credentials, a line each.
pub(super) fn places(error: &Error) -> Vec<String> {
    let Some(none) = error.cause::<NoCredentials>() else { return Vec::new() };
    let line = |check: &guestexec::SourceCheck| match (check.state(), check.reason()) {
        (SourceState::Unusable, Some(reason)) => {
            format!("{}: unusable, {reason}", check.place())
        }
        (_, Some(reason)) => format!("{}: {reason}", check.place()),
        (_, None) => format!("{}: nothing", check.place()),
    };
    none.checks().iter().map(line).collect()
}

/// What to do.
pub(super) fn advice(error: &Error) -> String {
    let provider = error.provider();
    let own = error.advice().map(with_options).filter(|advice| !is_of_the_library(advice));
    let own = own.as_deref();
    if let Some(id) = goes_on(error) {
        return format!("the command may go on, as {id}");
    }
    match error.kind() {
        ErrorKind::Credentials => own.map_or_else(|| credentials(provider), str::to_owned),
        ErrorKind::Unauthenticated if error.message().contains("requestTimeTooSkewed") => {
            "the node compares local times without their zones: give its zone as --time-zone, such as \
             CST+08:00, and set both clocks"
                .to_owned()
        }
        ErrorKind::Unauthenticated if error.code() == Some("ID.1000") => {
            "check the account's name and password; a node may lock the account after a few wrong ones"
                .to_owned()
        }
        ErrorKind::Unauthenticated if error.message().contains('\n') => {
            "check that the secret key is whole, and that of this id, and this machine's clock".to_owned()
        }
        ErrorKind::Unauthenticated => {
            own.unwrap_or("check key, token, session and this machine's clock").to_owned()
        }
        ErrorKind::Config => own.map_or_else(
            || "correct the flag, variable or setting of the profile".to_owned(),
            str::to_owned,
        ),
        ErrorKind::Refused if error.code() == Some("UnsupportedRegion") => {
            "check the region: --region, TENCENTCLOUD_REGION or that of the profile".to_owned()
        }
        // The library names a method that lists the containers.
        ErrorKind::Refused if provider == "cci" && error.advice().is_some() && own.is_none() => {
            "check the name of the container, -c, and that the pod has it".to_owned()
        }
        ErrorKind::NotFound if own.is_none() => match provider {
            "tat" => "check the id, and the region: --region, TENCENTCLOUD_REGION or that of the profile",
            "zstack" => "check the UUID, and whether the account may see it",
            _ => "check the names of pod and namespace, and the region",
        }
        .to_owned(),
        _ if error.may_have_run() => {
            own.unwrap_or("the command may go on; see what it did before you run it again").to_owned()
        }
        kind => own.unwrap_or(kind.remedy()).to_owned(),
    }
}

/// What looks further, where a person would have to look at many things.
pub(super) fn further(error: &Error) -> Option<String> {
    use ErrorKind::{Connect, Credentials, Protocol, Timeout, Unauthenticated};
    let helps = match error.kind() {
        Connect | Credentials | Unauthenticated => true,
        Timeout => !error.may_have_run(),
        // One with an advice of its own is about what is inside of an answer.
        Protocol => error.advice().is_none(),
        _ => false,
    };
    helps.then(|| format!("See `guestexec doctor {}`.", error.provider()))
}

/// The ways to give credentials.
pub(crate) fn credentials(provider: &str) -> String {
    let variables = match provider {
        "cci" => "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK",
        "tat" => "TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
        _ => "ZSTACK_ACCESS_KEY_ID and ZSTACK_ACCESS_KEY_SECRET",
    };
    format!(
        "run `guestexec profile add NAME {provider}`, or set {variables}, or give --key-id and \
         --secret-from"
    )
}

/// The id by which the service knows a command whose end was not seen.
fn goes_on(error: &Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<tat::enums::ErrorCode>()
        && let Some(unfinished) = tat::Unfinished::of(error)
    {
        let ids = unfinished.invocations();
        return (!ids.is_empty()).then(|| format!("invocation {}", ids.join(", ")));
    }
    None
}

/// An advice that names options where the library's names setters.
fn with_options(advice: &str) -> String {
    [
        ("`.transport(ExecTransport::SpdyPost)`", "--transport spdy"),
        ("`transport`", "--transport"),
        ("`killable`", "--killable always"),
        ("`stdin_piped` and a command", "a command"),
        ("`overwrite`", "--overwrite"),
        ("`allow_outside_links`", "--allow-outside-links"),
        ("`size_limit`", "--size-limit"),
        ("`entry_limit`", "--entry-limit"),
    ]
    .iter()
    .fold(advice.to_owned(), |advice, (setter, option)| advice.replace(setter, option))
}

/// True of an advice that names an item of the library, such as `Client::job` or `login(…)`.
fn is_of_the_library(advice: &str) -> bool {
    let mut quoted = advice.split('`').skip(1).step_by(2);
    quoted.any(|name| name.contains("::") || name.contains("(…)") || name.contains("(\""))
}

#[cfg(test)]
mod tests {
    use guestexec::zstack;

    use super::*;

    #[test]
    fn an_operation_of_cci_is_read_as_words() {
        assert_eq!(in_words(cci::operations::EXEC_IN_POD.id), "exec in pod");
        assert_eq!(in_words(cci::operations::READ_POD_LOG.id), "read pod log");
        assert_eq!(in_words("somethingElse"), "somethingElse");
    }

    #[test]
    fn no_item_of_the_library_is_advised() {
        let no_keys = zstack::Client::builder().build().unwrap_err();
        let no_region = tat::Client::builder()
            .credentials(tat::Credentials::new("AKIDx", "key"))
            .build()
            .unwrap_err();
        for error in [Error::from(no_keys), Error::from(no_region)] {
            assert!(is_of_the_library(error.advice().unwrap()), "{error}");
            assert!(!is_of_the_library(&advice(&error)), "{}", advice(&error));
        }
    }
}
