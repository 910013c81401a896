//! The address of a service.

use reqwest::Url;

/// Where an endpoint may be plain `http`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// On this machine only: a sandbox or a tunnel.
    Loopback,
    /// Anywhere.
    Allowed,
}

/// The checked address of a service: scheme, host, perhaps port and a path stem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Reads an endpoint such as `https://tat.tencentcloudapi.com` or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with `text` and what would be right: it has no scheme or
    /// another than HTTP, user info, a query or a fragment, or it is plain HTTP and `plain` forbids it.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, String> {
        let wanted = "give one such as `https://host` or `http://127.0.0.1:8080`";
        // `host:8080` parses as a URL with the scheme `host`, hence the test for `://`.
        if !text.contains("://") {
            // The text before an `@` may be a password.
            let shown =
                if text.contains('@') { "the endpoint" } else { &format!("the endpoint `{text}`") };
            return Err(format!("{shown} has no scheme: {wanted}"));
        }
        let url =
            Url::parse(text).map_err(|e| format!("the endpoint is not a URL ({e}): {wanted}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "the endpoint's scheme `{}` is not http or https: {wanted}",
                url.scheme()
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the endpoint holds a user name or password: leave it out and give \
                        credentials to the client's builder"
                .to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("the endpoint has a query or fragment: {wanted}"));
        }
        let endpoint = Self(url);
        if endpoint.0.scheme() == "http" && plain == PlainHttp::Loopback && !endpoint.is_loopback()
        {
            return Err(format!(
                "the endpoint `{text}` is plain http and not on this machine: use https, or allow \
                 it by `allow_plain_http()` on the client's builder"
            ));
        }
        Ok(endpoint)
    }

    /// The base for request URLs, without a trailing slash.
    pub fn base(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address as a URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// True if the address is a loopback address by its form (`127.0.0.0/8`, `::1`, `localhost`).
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

/// True if a URL's host is a loopback address by its form.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || literal.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, PlainHttp};

    #[test]
    fn good_endpoints_lose_their_trailing_slash() {
        for (text, base) in [
            ("https://tat.tencentcloudapi.com/", "https://tat.tencentcloudapi.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/zstack/", "http://[::1]:8080/zstack"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(Endpoint::parse(text, PlainHttp::Loopback).unwrap().base(), base);
        }
        assert!(Endpoint::parse("http://zstack:8080", PlainHttp::Allowed).is_ok());
    }

    #[test]
    fn bad_endpoints_are_refused_with_a_remedy() {
        for (text, says) in [
            ("tat.tencentcloudapi.com", "no scheme"),
            ("localhost:8080", "no scheme"),
            ("", "no scheme"),
            ("ftp://host", "not http or https"),
            ("https://", "not a URL"),
            ("https://user:pw@host", "user name or password"),
            ("user:pw@host", "no scheme"),
            ("https://host/?a=b", "query or fragment"),
            ("http://example.com", "plain http"),
            ("http://127.0.0.1.example.com", "plain http"),
        ] {
            let error = Endpoint::parse(text, PlainHttp::Loopback).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
