//! Reads and writes the service's times.
//!
//! Written by hand, because the `time` crate would add five crates to every build for one format.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sign::utc_date;

/// Reads `2020-11-05T07:49:58Z`, as the vendor's pages have it, or `2020-11-05T07:49:58+00:00`, as
/// its answers do. Fractions of a second and other offsets are read too.
pub(crate) fn iso8601(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let days = days(date)?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: u32 = number(&nine)?;
    let offset = match (zone.chars().next()?, zone.get(1..)?) {
        ('Z' | 'z', "") => 0,
        (sign @ ('+' | '-'), zone) => {
            let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
            let offset = seconds_of_day(&format!("{hours}:{minutes}:0"))?;
            if sign == '-' { -offset } else { offset }
        }
        _ => return None,
    };
    at(days, seconds_of_day(time)? - offset)?.checked_add(Duration::from_nanos(nanos.into()))
}

/// Writes a time as the vendor's pages do: `2020-11-05T07:49:58Z`.
pub(crate) fn shown(time: SystemTime) -> String {
    let seconds = guestexec_core::unix_seconds(time);
    let date = utc_date(seconds).unwrap_or_default();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    // `parse` would take a sign.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn seconds_of_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':').map(number::<i64>);
    match (parts.next()??, parts.next()??, parts.next()??) {
        // A leap second counts as the one after.
        (hour @ 0..24, minute @ 0..60, second @ 0..=60) => Some(hour * 3600 + minute * 60 + second),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date; none if there is no such date.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| number::<u16>(part).map(i64::from));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    // Years are counted from March, so that the leap day is the last of a year.
    let from_march = year - i64::from(month <= 2);
    let leap_days =
        from_march.div_euclid(4) - from_march.div_euclid(100) + from_march.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = from_march * 365 + leap_days + day_of_year - 719_468;
    // The 30th of February comes out as a day in March.
    let exists = utc_date(days * 86_400).ok()? == format!("{year:04}-{month:02}-{day:02}");
    exists.then_some(days)
}

fn at(days: i64, seconds: i64) -> Option<SystemTime> {
    let seconds = days * 86_400 + seconds;
    match u64::try_from(seconds) {
        Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after)),
        Err(_) => UNIX_EPOCH.checked_sub(Duration::from_secs(seconds.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unix(time: Option<SystemTime>) -> i64 {
        time.map_or(i64::MIN, guestexec_core::unix_seconds)
    }

    #[test]
    fn both_forms_of_the_service() {
        for (text, seconds) in [
            ("2020-11-05T07:49:58Z", 1_604_562_598),
            ("2020-11-05T07:49:58+00:00", 1_604_562_598),
            ("2020-11-05T15:49:58+08:00", 1_604_562_598),
            ("2020-11-05T02:49:58-0500", 1_604_562_598),
            ("2020-11-05 07:49:58.123456789012Z", 1_604_562_598),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(unix(iso8601(text)), seconds, "{text}");
        }
        assert_eq!(shown(iso8601("2020-11-05T15:49:58+08:00").unwrap()), "2020-11-05T07:49:58Z");
        let half = iso8601("1970-01-01T00:00:01.5Z").unwrap();
        assert_eq!(half.duration_since(UNIX_EPOCH).unwrap(), Duration::from_millis(1500));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "T",
            "Z",
            "2020-11-05",
            "2020-11-05T07:49:58",
            "2020-13-05T07:49:58Z",
            "2020-11-05T24:00:00Z",
            "+020-11-05T07:49:58Z",
            "2020-11-05T07:49:58+0",
            "2020-11-05T07:49:58+é0",
            "2020-11-05T07:49:58.é1Z",
            "99999-11-05T07:49:58Z",
            "9223372036854775807-01-01T00:00:00Z",
            "0000-00-00T00:00:00Z",
            "2020-02-30T00:00:00Z",
            "2020-11-05T07:49:58.12345678éZ",
            "2020-11-05T07:49:58.123456789é",
            "2020-11-05T07:49:58+9999999999999999:00",
            "2020-11-05T07:49:58+00:9999999999999999",
            "2020-11-05T07:49:58+999999999999900:099999999999999990",
            "2020-11-05T07:49:58-9223372036854775807:00",
            "2020-11-05T07:49:58+24:00",
            "2020-11-05T07:49:58Z00:00",
        ] {
            assert_eq!(iso8601(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*", nearly in "[0-9TZz: é.+-]{0,40}", tail in ".{0,24}") {
            for text in [&text, &nearly, &format!("2020-11-05T07:49:58{tail}"), &format!("2020-11-05T07:49:58+{tail}")] {
                let _ = iso8601(text);
            }
        }

        #[test]
        fn what_is_written_is_read(seconds in 0u64..253_402_300_800) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(iso8601(&shown(time)), Some(time));
        }
    }
}
