//! Reads the dates of HTTP headers.
//!
//! Written by hand, because each crate takes time in every cold build, and this would be all that is used of one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date in one of the three forms of RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`, and the old ones
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. `None` for another text, and for a date
/// before 1970. The day of the week is not compared.
pub fn http_date(text: &str) -> Option<SystemTime> {
    let parts: Vec<&str> = text.split([' ', ',', '-']).filter(|part| !part.is_empty()).collect();
    let (day, month, year, time) = match parts[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, mut year) = (number(day)?, number(year)?);
    if year < 100 {
        year += if year < 70 { 2000 } else { 1900 };
    }
    let (hour, rest) = time.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970 || day == 0 || day > last || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years are counted from March, so that the leap day is the last of a year.
    let from_march = year - u64::from(month <= 2);
    let leap_days = from_march / 4 - from_march / 100 + from_march / 400;
    let days = from_march * 365 + leap_days + (153 * ((month + 9) % 12) + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// A number of at most four digits.
fn number(text: &str) -> Option<u64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_one_date() {
        let date = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text), Some(date), "{text}");
            assert_eq!(httpdate::parse_http_date(text).ok(), Some(date), "{text}");
        }
    }

    #[test]
    fn every_day_is_read_as_another_reader_reads_it() {
        for day in 0..60_000 {
            let date = UNIX_EPOCH + Duration::from_secs(day * 86_400 + day);
            let text = httpdate::fmt_http_date(date);
            assert_eq!(http_date(&text), Some(date), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 08:49:37 GMT",
            "Sun, 06 Nob 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:+7 GMT",
            "Sun, 06 Nov 11994 08:49:37 GMT",
            "Sun, é6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }
}
