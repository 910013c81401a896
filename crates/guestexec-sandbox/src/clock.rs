//! The time, and the formats in which the services write it.

use std::time::Duration;

use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

tokio::task_local! {
    /// By how many seconds the clock is off for the request that the task handles.
    static OFFSET: i64;
}

/// The service's time, in seconds since 1970.
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp() + offset()
}

/// How long it is until this time; zero where it has come.
pub(crate) fn until(seconds: i64) -> Duration {
    let time = OffsetDateTime::from_unix_timestamp(seconds.saturating_sub(offset()));
    let wait = time.map(|time| time - OffsetDateTime::now_utc()).ok();
    wait.and_then(|wait| wait.try_into().ok()).unwrap_or_default()
}

/// By how many seconds the clock is off.
pub(crate) fn offset() -> i64 {
    OFFSET.try_get().unwrap_or(0)
}

/// Runs a future for which the clock is off by so many seconds.
pub(crate) async fn with_offset<T>(seconds: i64, work: impl Future<Output = T>) -> T {
    if seconds == 0 { work.await } else { OFFSET.scope(seconds, work).await }
}

fn formatted(seconds: i64, format: &[BorrowedFormatItem<'_>]) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

/// `Sun, 22 Nov 2026 14:04:19 GMT`, as in HTTP's headers.
pub(crate) fn http_date(seconds: i64) -> String {
    formatted(
        seconds,
        format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        ),
    )
}

/// `2026-11-22T14:04:19`, followed by `zone`.
pub(crate) fn iso8601(seconds: i64, zone: &str) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    formatted(seconds, format) + zone
}

/// The time since 1970 of a text such as `2026-11-22T14:04:19.5Z`, if it is one.
pub(crate) fn read_rfc3339(text: &str) -> Option<Duration> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    (time - OffsetDateTime::UNIX_EPOCH).try_into().ok()
}

/// `Nov 22, 2026 2:04:19 PM`, Java's medium format in the US locale.
pub(crate) fn us_medium(seconds: i64) -> String {
    formatted(
        seconds,
        format_description!(
            "[month repr:short] [day padding:none], [year] [hour repr:12 padding:none]:[minute]:[second] [period]"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(iso8601(1_795_356_259, "Z"), "2026-11-22T14:04:19Z");
        assert_eq!(us_medium(1_795_356_259), "Nov 22, 2026 2:04:19 PM");
        assert_eq!(http_date(1_795_356_259), "Sun, 22 Nov 2026 14:04:19 GMT");
        let read = read_rfc3339("2026-11-22T15:04:19.5+01:00");
        assert_eq!(read, Some(Duration::new(1_795_356_259, 500_000_000)));
        assert_eq!(read_rfc3339("yesterday"), None);
        assert_eq!(us_medium(0), "Jan 1, 1970 12:00:00 AM");
    }
}
