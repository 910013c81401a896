use super::*;

const SIGNATURE: &str = "jOXWm27mVirq9zqiviFzkZT26yE=";

#[test]
fn authorization_reads_back() {
    let text = authorization("AKEXAMPLE", SIGNATURE);
    let parsed = parse_authorization(&text).unwrap();
    assert_eq!(parsed.access_key_id, "AKEXAMPLE");
    assert_eq!(parsed.signature, SIGNATURE);
    let loose = text.replace(' ', "  ");
    assert_eq!(parse_authorization(&format!(" {loose} ")), Ok(parsed));
    assert!(!format!("{parsed:?}").contains(SIGNATURE));
}

#[test]
fn authorization_junk_is_refused() {
    let good = authorization("AKEXAMPLE", SIGNATURE);
    for end in 0..good.len() {
        parse_authorization(&good[..end]).unwrap_err();
    }
    for (from, to) in [
        ("ZStack", "zstack"),
        ("ZStack ", "ZStack"),
        ("AKEXAMPLE", ""),
        (":", ""),
        (":", "::"),
        ("=", ""),
        ("jOXW", "jOX"),
        ("jOXW", ""),
        ("jOXW", "jOX "),
        ("jOXW", "jOX-"),
        ("jOXW", "\u{fc}OX"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let error = parse_authorization(&bad).expect_err(&bad).to_string();
        assert!(!error.contains("AKEXAMPLE"), "{error}");
    }
    assert_eq!(
        parse_authorization("OAuth 0123456789abcdef0123456789abcdef"),
        Err(SignError::Scheme)
    );
    for bad in ["", " ", "ZStack \0:\0", "ZStack \u{1f980}:", &":".repeat(100_000)] {
        parse_authorization(bad).unwrap_err();
    }
}

#[test]
fn one_changed_byte_changes_the_signature() {
    let date = "Sun, 22 Nov 2026 06:04:21 UTC";
    let sign = |secret: &str, method: &str, date: &str, path: &str| {
        signature(secret, &string_to_sign(method, date, path))
    };
    let mut all = vec![
        sign("secret", "PUT", date, "/v1/zones"),
        sign("secres", "PUT", date, "/v1/zones"),
        sign("secret", "PUU", date, "/v1/zones"),
        sign("secret", "PUT", &date.replace("21", "22"), "/v1/zones"),
        sign("secret", "PUT", date, "/v1/zonet"),
        sign("secret", "PUT", date, "/v1/zone\u{15f}"),
    ];
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn signed_paths() {
    for (target, path) in [
        ("/v1/zones", "/v1/zones"),
        ("/zstack/v1/zones", "/v1/zones"),
        ("/zstack/v1/zones?q=/v1/x", "/v1/zones"),
        ("http://10.0.0.1:8080/zstack/v1/zones#top", "/v1/zones"),
        ("/zstack/v1/a%20b/v1/%E4%BD%A0+", "/v1/a b/v1/\u{4f60}+"),
        ("/v1/a%3Fb", "/v1/a?b"),
    ] {
        assert_eq!(signed_path(target).as_deref(), Ok(path));
    }
    for bad in ["", "/", "/v1", "/zstack/v2/zones", "/zstack?/v1/", "/v1/%ff"] {
        assert_eq!(signed_path(bad), Err(SignError::Path), "{bad}");
    }
}

#[test]
fn dates_in_a_zone() {
    let china = DateZone { name: "CST".into(), utc_offset: 28_800 };
    let west = DateZone { name: "-0330".into(), utc_offset: -12_600 };
    for (timestamp, zone, date) in [
        (1_795_327_459, &china, "Sun, 22 Nov 2026 14:04:19 CST"),
        (1_795_327_459, &DateZone::UTC, "Sun, 22 Nov 2026 06:04:19 UTC"),
        (1_709_251_199, &DateZone::UTC, "Thu, 29 Feb 2024 23:59:59 UTC"),
        (1_709_251_200, &DateZone::UTC, "Fri, 01 Mar 2024 00:00:00 UTC"),
        (1_709_222_400, &china, "Fri, 01 Mar 2024 00:00:00 CST"),
        (1_709_251_200, &west, "Thu, 29 Feb 2024 20:30:00 -0330"),
        (4_102_444_799, &DateZone::UTC, "Thu, 31 Dec 2099 23:59:59 UTC"),
        (4_102_444_799, &china, "Fri, 01 Jan 2100 07:59:59 CST"),
        (4_107_542_400, &DateZone::UTC, "Mon, 01 Mar 2100 00:00:00 UTC"),
    ] {
        assert_eq!(format_date(timestamp, zone).as_deref(), Ok(date));
        let face = timestamp + i64::from(zone.utc_offset);
        assert_eq!(parse_date(date), Ok((face, zone.name.as_ref())));
    }
    for timestamp in [-62_167_219_201, 253_402_300_800, i64::MIN, i64::MAX] {
        assert_eq!(format_date(timestamp, &DateZone::UTC), Err(SignError::Time { timestamp }));
    }
    // In range in UTC, but not in the zone.
    format_date(253_402_300_799, &china).unwrap_err();
    for (name, utc_offset) in [
        ("", 0),
        ("C ST", 0),
        ("CST\r\nX: y", 0),
        ("\u{4e2d}", 0),
        ("CST", 93_600),
        ("CST", i32::MIN),
    ] {
        let zone = DateZone { name: name.into(), utc_offset };
        assert_eq!(format_date(0, &zone), Err(SignError::Zone));
    }
}

#[test]
fn dates_that_are_none() {
    for bad in [
        "",
        ", ",
        "Sun, 22 Nov 2026 14:04:19",
        "Sun, 22 Nov 2026 14:04:19 ",
        "Sun 22 Nov 2026 14:04:19 CST",
        "Son, 22 Nov 2026 14:04:19 CST",
        "Sun, 2 Nov 2026 14:04:19 CST",
        "Sun, 30 Feb 2026 14:04:19 CST",
        "Sun, 22 nov 2026 14:04:19 CST",
        "Sun, 22 Nov 26 14:04:19 CST",
        "Sun, 22 Nov 2026 24:04:19 CST",
        "Sun, 22 Nov 2026 14:04 CST",
        "Sun, 22 Nov 2026 14:04:19:00 CST",
        "Sun, +2 Nov 2026 14:04:19 CST",
        "S\u{fc}n, 22 Nov 2026 14:04:19 CST",
    ] {
        assert_eq!(parse_date(bad), Err(SignError::Date), "{bad}");
    }
}
