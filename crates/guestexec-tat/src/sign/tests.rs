use super::*;

const HASH: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
const HEADERS: &[(&str, &str)] =
    &[("content-type", "application/json"), ("host", "tat.tencentcloudapi.com")];

fn header() -> String {
    let scope = Scope { date: "2023-11-14", service: "tat" };
    authorization("id/with/slashes", scope, "content-type;host", HASH)
}

fn sign(secret_key: &str, timestamp: i64, parts: &Canonical<'_>) -> String {
    let date = utc_date(timestamp).unwrap();
    let scope = Scope { date: &date, service: "tat" };
    let key = SigningKey::derive(secret_key, scope);
    signature(&key, &string_to_sign(timestamp, scope, &canonical_request(parts)))
}

#[test]
fn authorization_reads_back() {
    let text = header();
    let parsed = parse_authorization(&text).unwrap();
    assert_eq!(parsed.secret_id, "id/with/slashes");
    assert_eq!((parsed.scope.date, parsed.scope.service), ("2023-11-14", "tat"));
    assert_eq!(parsed.signed_headers, "content-type;host");
    assert_eq!(parsed.signature, HASH);
    let loose = text.replace(", ", " ,\t");
    assert_eq!(parse_authorization(&format!("  {loose} ")), Ok(parsed));
}

#[test]
fn authorization_junk_is_refused() {
    let good = header();
    for end in 0..good.len() {
        parse_authorization(&good[..end]).unwrap_err();
    }
    let edits = [
        ("TC3-HMAC-SHA256", "SDK-HMAC-SHA256"),
        ("TC3-HMAC-SHA256 ", "TC3-HMAC-SHA256"),
        ("Credential=", "credential="),
        ("id/with/slashes/", ""),
        ("id/with/slashes/", "/"),
        ("/tat/", "//"),
        ("tc3_request", "aws4_request"),
        ("2023-11-14", "2023/11/14"),
        ("2023-11-14", "20231114"),
        ("2023-11-14", "2023-1\u{e9}-1"),
        ("content-type;host", ""),
        ("content-type;host", "host"),
        ("content-type;host", "host;content-type"),
        ("content-type;host", "content-type;host;host"),
        ("content-type;host", "content-type;Host;host"),
        ("Signature=4", "Signature="),
        ("Signature=4", "Signature=g"),
        ("Signature=4", "Signature=44"),
        ("Signature=", "Signature=\u{fc}"),
        (", Signature", ", Extra=1, Signature"),
        (", Signature", ", SignedHeaders=host, Signature"),
        (", Signature", "; Signature"),
        (", ", ",,"),
    ];
    for (from, to) in edits {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let error = parse_authorization(&bad).expect_err(&bad).to_string();
        assert!(!error.contains("slashes"), "{error}");
    }
    for bad in ["", " ", "Bearer x", "TC3-HMAC-SHA256 \0", "\u{1f980} =,=,=", &"=,".repeat(50_000)]
    {
        parse_authorization(bad).unwrap_err();
    }
}

#[test]
fn one_changed_byte_changes_the_signature() {
    let time = 1_700_000_000;
    let plain = Canonical {
        method: "POST",
        path: "/",
        query: "",
        signed_headers: HEADERS,
        payload_hash: HASH,
    };
    let other_host = [HEADERS[0], ("host", "tat.tencentcloudapi.con")];
    let other_body = payload_hash("{\"Content\":\"\u{4f60}\"}".as_bytes());
    let more_headers = [HEADERS[0], HEADERS[1], ("x-tc-action", "RunCommand")];
    #[rustfmt::skip]
    let mut all = vec![
        sign("secret", time, &plain),
        sign("secres", time, &plain),
        sign("secret", time + 1, &plain),
        sign("secret", time, &Canonical { method: "POSU", ..plain }),
        sign("secret", time, &Canonical { path: "//", ..plain }),
        sign("secret", time, &Canonical { query: "a", ..plain }),
        sign("secret", time, &Canonical { signed_headers: &other_host, ..plain }),
        sign("secret", time, &Canonical { signed_headers: &more_headers, ..plain }),
        sign("secret", time, &Canonical { payload_hash: &other_body, ..plain }),
    ];
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn order_letter_case_and_padding_of_headers_do_not_matter() {
    let parts = |signed_headers| Canonical {
        method: "POST",
        path: "/",
        query: "",
        signed_headers,
        payload_hash: HASH,
    };
    let mixed = [
        ("X-TC-Action", "RunCommand"),
        ("Host", " tat.tencentcloudapi.com\t"),
        ("Content-Type", "application/json"),
    ];
    let text = canonical_request(&parts(&mixed));
    let expected = "POST\n/\n\ncontent-type:application/json\nhost:tat.tencentcloudapi.com\n\
                    x-tc-action:runcommand\n\ncontent-type;host;x-tc-action\n";
    assert_eq!(text, format!("{expected}{HASH}"));
    assert_eq!(signed_header_names(&mixed), "content-type;host;x-tc-action");
}

#[test]
fn dates_at_the_edges() {
    for (timestamp, date) in [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (1_551_139_199, "2019-02-25"),
        (1_551_139_200, "2019-02-26"),
        (1_709_164_800, "2024-02-29"),
        (4_102_444_800, "2100-01-01"),
        (4_107_542_399, "2100-02-28"),
        (4_107_542_400, "2100-03-01"),
        (-62_167_219_200, "0000-01-01"),
        (253_402_300_799, "9999-12-31"),
    ] {
        assert_eq!(utc_date(timestamp).as_deref(), Ok(date));
    }
    for timestamp in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
        assert_eq!(utc_date(timestamp), Err(SignError::Time { timestamp }));
    }
}

#[test]
fn debug_holds_no_secret() {
    let scope = Scope { date: "2023-11-14", service: "tat" };
    let key = SigningKey::derive("secret", scope);
    assert_eq!(format!("{key:?}"), "SigningKey(redacted)");
    let text = header();
    let parsed = format!("{:?}", parse_authorization(&text).unwrap());
    assert!(!parsed.contains(HASH), "{parsed}");
}

#[test]
fn every_day_is_that_of_the_calendar() {
    use time::{Date, Duration, Month, OffsetDateTime};

    let mut day = Date::from_calendar_date(1896, Month::January, 1).unwrap();
    for _ in 0..(365 * 520) {
        let midnight = day.midnight().assume_utc().unix_timestamp();
        let expected = format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day());
        assert_eq!(utc_date(midnight).unwrap(), expected);
        assert_eq!(utc_date(midnight + 86_399).unwrap(), expected);
        day += Duration::DAY;
    }
    assert_eq!(utc_date(-62_167_219_200).unwrap(), "0000-01-01");
    for outside in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
        assert!(OffsetDateTime::from_unix_timestamp(outside).is_err() || outside < 0);
        assert!(utc_date(outside).is_err(), "{outside}");
    }
}
