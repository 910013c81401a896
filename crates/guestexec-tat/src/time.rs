//! The forms of time the service writes, read without a date library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `2020-11-05T07:49:58Z`, as the vendor's pages have it, or `2020-11-05T07:49:58+00:00`, as
/// its answers do. Fractions of a second and other offsets are understood too.
pub(crate) fn iso8601(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-');
    let days = days(number(date.next()?)?, number(date.next()?)?, number(date.next()?)?)?;
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
    let date = crate::sign::utc_date(seconds).unwrap_or_default();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads the `Date` header of an answer: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.strip_suffix(" GMT")?.split(' ');
    let day = number(parts.next()?)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = number(parts.next()?)?;
    let days = days(year, i64::try_from(month).ok()? + 1, day)?;
    at(days, seconds_of_day(parts.next()?)?)
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

/// Days from 1970-01-01 to a date, years counted from March so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(0..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
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
        for text in ["", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT", ",  GMT"] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*", nearly in "[0-9TZz: é.+-]{0,40}", tail in ".{0,24}") {
            for text in [&text, &nearly, &format!("2020-11-05T07:49:58{tail}"), &format!("2020-11-05T07:49:58+{tail}")] {
                let _ = iso8601(text);
                let _ = http_date(text);
            }
            let _ = http_date(&format!("Sun, {tail} GMT"));
        }

        #[test]
        fn what_is_written_is_read(seconds in 0u64..253_402_300_800) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            prop_assert_eq!(iso8601(&shown(time)), Some(time));
        }
    }

    #[test]
    fn the_date_header() {
        assert_eq!(unix(http_date("Sun, 06 Nov 1994 08:49:37 GMT")), 784_111_777);
    }
}
