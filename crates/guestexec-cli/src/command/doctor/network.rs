//! The way to the service: proxy, name, connection, clock.

use std::{env, net::IpAddr, time::Duration};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::{net::lookup_host, time::timeout};

use super::{check::Check, watch::Seen};

/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);
/// How far a clock may be off before it is told, as answers take their time.
const SLACK: Duration = Duration::from_secs(30);

/// All there is to say of the way. `chosen` is the proxy that the settings name.
pub(super) async fn checks(seen: &Seen, chosen: Option<&str>) -> Vec<Check> {
    let Ok(uri) = seen.url.parse::<Uri>() else { return Vec::new() };
    let proxy = proxy(chosen, &uri, &|name| env::var(name).ok());
    let through_proxy = proxy.is_some();
    let shown = proxy.unwrap_or_else(|| "none".to_owned());
    let mut checks = vec![Check::ok("proxy", shown)];
    if !through_proxy {
        checks.push(name(&uri).await);
    }
    checks.push(connection(seen, through_proxy));
    checks.push(clock(seen));
    checks
}

/// The proxy that leads there, as the library chooses it, without its password; and which variable names it.
fn proxy(
    chosen: Option<&str>,
    uri: &Uri,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let host = host(uri);
    let is_here =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match chosen {
        _ if is_here => return None,
        Some("none") => return None,
        Some(url) => return Some(format!("{}, by --proxy or the profile", without_password(url))),
        // In a CGI program a header of a request may have set the variable HTTP_PROXY.
        None if variable("REQUEST_METHOD").is_some() => return None,
        None => {}
    }
    let read = |name: &'static str| {
        let upper = variable(name).map(|text| (name, text));
        upper.or_else(|| variable(&name.to_lowercase()).map(|text| (name, text)))
    };
    let filled = |(name, text): (&'static str, String)| {
        Some((name, text.trim().to_owned())).filter(|(_, text)| !text.is_empty())
    };
    let own = if uri.scheme_str() == Some("https") { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let (name, url) = read(own).and_then(filled).or_else(|| read("ALL_PROXY").and_then(filled))?;
    let except = read("NO_PROXY").map(|(_, text)| text).unwrap_or_default();
    let matcher = Matcher::builder().all(url.clone()).no(except).build();
    matcher.intercept(uri)?;
    Some(format!("{}, by {name}", without_password(&url)))
}

/// The host of an address; of an IPv6 one, without brackets.
fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
}

fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => format!("{scheme}://{rest}"),
    }
}

/// Whether the service's name is known.
async fn name(uri: &Uri) -> Check {
    let host = host(uri);
    if host.parse::<IpAddr>().is_ok() {
        return Check::ok("name", format!("{host} is an address"));
    }
    let remedy = "Check the endpoint and region, and this machine's resolver.";
    let port = uri.port_u16().unwrap_or(443);
    match timeout(RESOLVE, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            let mut shown: Vec<String> =
                addresses.map(|address| address.ip().to_string()).collect();
            shown.dedup();
            Check::ok("name", format!("{host} is {}", shown.join(", ")))
        }
        Ok(Err(error)) => Check::fail("name", format!("{host} is not known: {error}"), remedy),
        Err(_) => {
            let took = RESOLVE.as_secs();
            Check::fail("name", format!("{host} is not resolved within {took} s"), remedy)
        }
    }
}

/// Whether the service answers.
fn connection(seen: &Seen, through_proxy: bool) -> Check {
    let took = seen.took.as_millis();
    match &seen.answer {
        Ok(answered) => {
            let status = answered.status.as_u16();
            Check::ok("connection", format!("{} answers in {took} ms (HTTP {status})", at(seen)))
        }
        Err(error) => {
            let remedy = match through_proxy {
                true => "Check the proxy, --proxy and NO_PROXY.",
                false => {
                    "Check network, firewall and endpoint; a company's own certificates go into --ca-file."
                }
            };
            Check::fail("connection", format!("{}: {error}", at(seen)), remedy)
        }
    }
}

/// Scheme and host alone.
fn at(seen: &Seen) -> String {
    match seen.url.parse::<Uri>() {
        Ok(uri) => match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => String::new(),
        },
        Err(_) => String::new(),
    }
}

/// Whether both clocks agree.
fn clock(seen: &Seen) -> Check {
    let Some((theirs, ours)) = seen.answer.as_ref().ok().and_then(|answered| answered.times) else {
        return Check::skip("clock", "the service did not tell its time");
    };
    let (off, way) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if off <= SLACK {
        return Check::ok("clock", "this machine's is that of the service");
    }
    let off = humantime::format_duration(Duration::from_secs(off.as_secs()));
    Check::warn(
        "clock",
        format!("this machine's is {off} {way} the service's"),
        "Set this machine's clock: signatures carry its time, and some services refuse them after minutes.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(flag: Option<&str>, url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let read = |name: &str| {
            variables.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned())
        };
        proxy(flag, &url.parse().unwrap(), &read)
    }

    #[test]
    fn the_proxy_is_the_one_that_the_library_takes() {
        let secure = ("HTTPS_PROXY", "http://me:s3cret@one:1");
        let plain = ("http_proxy", "two:2");
        let all = ("ALL_PROXY", "three:3");
        let except = ("NO_PROXY", "tat.example,.internal");
        for (flag, url, variables, shown) in [
            (
                None,
                "https://tat.example/",
                &[secure, plain][..],
                Some("http://…@one:1, by HTTPS_PROXY"),
            ),
            (None, "http://tat.example/", &[secure, plain], Some("http://two:2, by HTTP_PROXY")),
            (None, "https://tat.example/", &[all], Some("http://three:3, by ALL_PROXY")),
            (None, "https://tat.example/", &[secure, except], None),
            (None, "https://a.internal/", &[secure, except], None),
            (
                None,
                "https://cci.example/",
                &[secure, except],
                Some("http://…@one:1, by HTTPS_PROXY"),
            ),
            (None, "https://127.0.0.1:1/", &[secure], None),
            (None, "https://[::1]:1/", &[secure], None),
            (None, "https://tat.example/", &[secure, ("REQUEST_METHOD", "GET")], None),
            (Some("none"), "https://tat.example/", &[secure], None),
            (
                Some("http://four:4"),
                "https://tat.example/",
                &[secure, except],
                Some("http://four:4, by --proxy or the profile"),
            ),
            (None, "https://tat.example/", &[], None),
        ] {
            assert_eq!(chosen(flag, url, variables).as_deref(), shown, "{url} {variables:?}");
        }
    }
}
