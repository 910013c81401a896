//! The time, and how the services write it.

use time::OffsetDateTime;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

tokio::task_local! {
    /// By how many seconds the clock is wrong, in what handles a request.
    static OFFSET: i64;
}

/// Seconds since 1970, as the service that is being asked sees them.
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp() + offset()
}

/// By how many seconds the clock is wrong here.
pub(crate) fn offset() -> i64 {
    OFFSET.try_get().unwrap_or(0)
}

/// Does something while the clock is off by so many seconds.
pub(crate) async fn off_by<T>(seconds: i64, work: impl Future<Output = T>) -> T {
    if seconds == 0 { work.await } else { OFFSET.scope(seconds, work).await }
}

fn parts(seconds: i64) -> (i32, u8, u8, u8, u8, u8) {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    (year, month.into(), day, hour, minute, second)
}

/// `Sun, 22 Nov 2026 14:04:19 GMT`, as in HTTP's headers.
pub(crate) fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (year, month, day, hour, minute, second) = parts(seconds);
    // 1970 began on a Thursday.
    let weekday = seconds.div_euclid(86_400).rem_euclid(7);
    let weekday = DAYS[usize::try_from(weekday).unwrap_or_default()];
    let month = MONTHS[usize::from(month) - 1];
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// `2026-11-22T14:04:19` and `zone` after it.
pub(crate) fn iso8601(seconds: i64, zone: &str) -> String {
    let (year, month, day, hour, minute, second) = parts(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
}

/// `Nov 22, 2026 2:04:19 PM`, the medium form of a Java server in the US locale.
pub(crate) fn us_medium(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = parts(seconds);
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    let month = MONTHS[usize::from(month) - 1];
    format!("{month} {day}, {year} {hour}:{minute:02}:{second:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(iso8601(1_795_356_259, "Z"), "2026-11-22T14:04:19Z");
        assert_eq!(us_medium(1_795_356_259), "Nov 22, 2026 2:04:19 PM");
        assert_eq!(http_date(1_795_356_259), "Sun, 22 Nov 2026 14:04:19 GMT");
        assert_eq!(us_medium(0), "Jan 1, 1970 12:00:00 AM");
    }
}
