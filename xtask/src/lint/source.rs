//! Rules about where a document is from: the days on which pages were read, addresses, credentials.

use time::{Date, Duration, Month, OffsetDateTime};

use super::Complaints;
use crate::document::{Document, ExternalDocs, Lines, Location, Named, Server};

pub(super) fn check(document: &Document, complaints: &mut Complaints) {
    let calls = document.calls();
    let read_on = (&document.lines, "x-read-on");
    if let Some(day) = &document.read_on {
        complaint_of_day(day, read_on, "x-read-on", complaints);
    } else if calls.iter().any(|call| call.operation.read_on.is_none()) {
        complaints.add(
            read_on,
            "x-read-on",
            "the day on which the vendor's pages were read is missing; write \
             `x-read-on: 'YYYY-MM-DD'` at the top of the document",
        );
    }
    page(document.external_docs.as_ref(), "externalDocs", complaints);
    servers(&document.servers, (&document.lines, "servers"), "servers", complaints);
    schemes(document, complaints);
    security(document, &document.security, (&document.lines, "security"), "security", complaints);
    for call in calls {
        let (operation, id) = (call.operation, call.id());
        if let Some(day) = &operation.read_on {
            complaint_of_day(day, (&operation.lines, "x-read-on"), id, complaints);
        }
        page(Some(&operation.external_docs), id, complaints);
        servers(&operation.servers, (&operation.lines, "servers"), id, complaints);
        let needs = operation.security.as_deref().unwrap_or_default();
        security(document, needs, (&operation.lines, "security"), id, complaints);
    }
}

fn complaint_of_day(day: &str, at: (&Lines, &str), place: &str, complaints: &mut Complaints) {
    // In a time zone ahead of UTC, today's date may be tomorrow's in UTC.
    let tomorrow = OffsetDateTime::now_utc().date().saturating_add(Duration::DAY);
    match date(day) {
        None => complaints.add(
            at,
            place,
            format!("`{day}` is not a day; write `x-read-on: 'YYYY-MM-DD'`"),
        ),
        Some(date) if date > tomorrow => complaints.add(
            at,
            place,
            format!("`{day}` has not come yet; write the day on which the page was read"),
        ),
        Some(_) => {}
    }
}

/// The day that `YYYY-MM-DD` names, if there is one.
fn date(text: &str) -> Option<Date> {
    let is_form = text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if text.len() != 10 || !is_form {
        return None;
    }
    let month = Month::try_from(text[5..7].parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(text[..4].parse().ok()?, month, text[8..].parse().ok()?).ok()
}

fn page(page: Option<&ExternalDocs>, place: &str, complaints: &mut Complaints) {
    let Some(page) = page else { return };
    complaints.unless(is_address(&page.url), (&page.lines, "url"), place, || {
        format!("`{}` is not the address of a page; write it as `https://host/path`", page.url)
    });
}

fn servers(servers: &[Server], at: (&Lines, &str), place: &str, complaints: &mut Complaints) {
    for server in servers {
        let mut url = server.url.clone();
        for (name, variable) in &server.variables {
            let hole = format!("{{{name}}}");
            complaints.unless(url.contains(&hole), at, place, || {
                format!(
                    "the server `{}` has no place for its variable `{name}`; correct one",
                    server.url
                )
            });
            url = url.replace(&hole, &variable.default);
        }
        complaints.unless(is_address(&url), at, place, || {
            format!(
                "the server `{}` is no address; write it as `https://host`, with a variable for each \
                 part in braces",
                server.url
            )
        });
    }
}

/// True for `https://host/…` and `http://host/…` with a host that can be.
fn is_address(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    name.split('.').all(is_label)
        && (name.contains('.') || name == "localhost")
        && port.parse::<u16>().is_ok_and(|port| port > 0)
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`\\^{|}".contains(&byte))
}

fn schemes(document: &Document, complaints: &mut Complaints) {
    for (name, scheme) in &document.components.security_schemes {
        let at = (&document.components.lines, "securitySchemes");
        let kinds = ["apiKey", "http", "oauth2", "openIdConnect"];
        complaints.unless(kinds.contains(&scheme.kind.as_str()), at, name, || {
            format!("the type is `{}`; write one of {}", scheme.kind, kinds.join(", "))
        });
        let is_placed = scheme.kind != "apiKey"
            || (scheme.name.is_some()
                && matches!(scheme.location, Some(Location::Query | Location::Header)));
        complaints.unless(
            is_placed,
            at,
            name,
            || "is an `apiKey` and does not say where it goes; write `name` and `in`",
        );
    }
}

fn security(
    document: &Document,
    needs: &[Named<Vec<String>>],
    at: (&Lines, &str),
    place: &str,
    complaints: &mut Complaints,
) {
    let schemes = &document.components.security_schemes;
    for name in needs.iter().flat_map(Named::keys).filter(|name| !schemes.contains_key(*name)) {
        let text = match schemes.is_empty() {
            true => "declare it under components.securitySchemes".to_owned(),
            false => {
                let known: Vec<&str> = schemes.keys().map(String::as_str).collect();
                format!("write one of {}, or declare it", known.join(", "))
            }
        };
        complaints.add(
            at,
            place,
            format!("`security` names `{name}`, which components.securitySchemes has not; {text}"),
        );
    }
}
