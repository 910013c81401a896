//! A request as a command line of curl.

use guestexec::Request;

use crate::failure::Failure;

/// What stands in the address for a secret, once it is encoded.
const ENCODED: &str = "%3Csecret%3E";

/// The command, an option a line. Secrets read `<secret>`.
///
/// # Errors
/// If a body cannot be written in a shell.
pub(super) fn line(request: &Request) -> Result<String, Failure> {
    let request = request.without_secrets();
    let quoted = |text: &str| {
        shlex::try_quote(text).map(|text| text.into_owned()).map_err(|_| {
            Failure::new("the request has a null byte, which no shell can write")
                .advise("Use --dry-run in place of --curl.")
        })
    };
    let address = request.url().split('#').next().unwrap_or_default();
    let address = address.replace(ENCODED, "<secret>");
    let mut parts = vec![format!("curl --request {} {}", request.method(), quoted(&address)?)];
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        parts.push(format!("--header {}", quoted(&format!("{name}: {value}"))?));
    }
    if !request.body().is_empty() {
        let body = String::from_utf8_lossy(request.body());
        parts.push(format!("--data-raw {}", quoted(&body)?));
    }
    Ok(parts.join(" \\\n  "))
}
