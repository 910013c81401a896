//! Refuses requests that a web page makes its visitor's browser send.
//!
//! A page of any site can make a browser send a POST to this machine. The browser names the page's site in `Origin`. Some
//! clients that are not browsers send an `Origin` too, always that of the server itself. A page whose host name resolves to
//! this machine (DNS rebinding) also names the server itself, so only an IP address and `localhost` are accepted.

use std::net::IpAddr;

use hyper::{
    HeaderMap,
    header::{HOST, ORIGIN},
};

/// Whether a browser may have sent the request for another site's page.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    let same_site = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| site == "same-origin" || site == "none");
    let mut origins = headers.get_all(ORIGIN).iter();
    let own = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(_), Some(_)) => false,
        (Some(origin), None) => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let host = host.strip_prefix("http://").unwrap_or(host);
            let is_own = |origin: &str| {
                origin.strip_prefix("http://").is_some_and(|named| named.eq_ignore_ascii_case(host))
            };
            is_address(host) && origin.to_str().is_ok_and(is_own)
        }
    };
    !(same_site && own)
}

/// Whether a host, with or without a port, is one that no DNS server resolves.
fn is_address(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_programs() {
        for (host, origin, site, good) in [
            ("127.0.0.1:80", None, None, true),
            ("127.0.0.1:80", Some("http://127.0.0.1:80"), None, true),
            ("[::1]:80", Some("http://[::1]:80"), Some("same-origin"), true),
            ("localhost:80", Some("http://LOCALHOST:80"), None, true),
            ("localhost", Some("http://localhost"), Some("none"), true),
            ("127.0.0.1:80", Some("http://127.0.0.1:81"), None, false),
            ("127.0.0.1:80", Some("https://127.0.0.1:80"), None, false),
            ("127.0.0.1:80", Some("null"), None, false),
            ("127.0.0.1:80", Some(""), None, false),
            ("127.0.0.1:80", Some("http://evil.example"), None, false),
            ("evil.example:80", Some("http://evil.example:80"), None, false),
            ("", Some("http://"), None, false),
            ("127.0.0.1:80", None, Some("cross-site"), false),
            ("127.0.0.1:80", None, Some("same-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().unwrap());
            }
            assert_eq!(!is_cross_site(&headers), good, "{host} {origin:?} {site:?}");
            headers.append(ORIGIN, "http://evil.example".parse().unwrap());
            assert!(is_cross_site(&headers), "{host} {origin:?} {site:?}, and another");
        }
    }
}
