//! When an invoker is due.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use guestexec_tat::{enums::SchedulePolicy, types::ScheduleSettings};
use jiff::{Timestamp, tz};
use serde_json::{Value, json};

use super::super::error::ApiError;

/// Hours by which Beijing's time is ahead of UTC, in which crontab expressions are read.
const BEIJING: i8 = 8;

/// The times at which an invoker is due.
#[derive(Clone, Debug)]
pub(super) enum Schedule {
    /// Seconds since 1970, and the text that said so.
    Once(i64, String),
    /// A crontab expression, and its text.
    Recurrence(Box<Cron>, String),
}

impl Schedule {
    /// Reads what a request sets.
    pub(super) fn read(settings: ScheduleSettings, now: i64) -> Result<Self, ApiError> {
        match settings.policy {
            SchedulePolicy::Once => {
                let text = settings.invoke_time.ok_or_else(|| lacks("InvokeTime", "ONCE"))?;
                let time: Timestamp = text.parse().map_err(|_| {
                    ApiError::new(
                        "InvalidParameterValue.InvalidTimeFormat",
                        "`ScheduleSettings.InvokeTime` is no time of the form 2026-12-24T18:00:00Z.",
                    )
                })?;
                if time.as_second() <= now {
                    return Err(ApiError::new(
                        "InvalidParameterValue.InvokeTimeExpired",
                        "`ScheduleSettings.InvokeTime` is in the past.",
                    ));
                }
                Ok(Self::Once(time.as_second(), text))
            }
            _ => {
                let text = settings.recurrence.ok_or_else(|| lacks("Recurrence", "RECURRENCE"))?;
                let cron = cron(&text).ok_or_else(|| {
                    ApiError::new(
                        "InvalidParameterValue.InvalidCronExpression",
                        "`ScheduleSettings.Recurrence` is no crontab expression of five fields that is ever due.",
                    )
                })?;
                if next(&cron, now).is_none() {
                    return Err(ApiError::new(
                        "InvalidParameterValue.InvalidCronExpression",
                        "`ScheduleSettings.Recurrence` is never due.",
                    ));
                }
                Ok(Self::Recurrence(Box::new(cron), text))
            }
        }
    }

    /// The first time it is due after this one.
    pub(super) fn next(&self, after: i64) -> Option<i64> {
        match self {
            Self::Once(time, _) => Some(*time).filter(|time| *time > after),
            Self::Recurrence(cron, _) => next(cron, after),
        }
    }

    /// The settings as an answer shows them.
    pub(super) fn to_json(&self, next: Option<String>) -> Value {
        match self {
            Self::Once(_, text) => {
                json!({ "Policy": "ONCE", "Recurrence": "", "InvokeTime": text })
            }
            Self::Recurrence(_, text) => json!({
                "Policy": "RECURRENCE",
                "Recurrence": text,
                "InvokeTime": next.unwrap_or_default(),
            }),
        }
    }
}

fn lacks(member: &str, policy: &str) -> ApiError {
    ApiError::new(
        "InvalidParameter",
        format!("`ScheduleSettings.{member}` has to be given for the policy {policy}."),
    )
}

/// Reads five fields of numbers, `*`, `,`, `-` and `/`. Whether the service takes more is not documented.
fn cron(text: &str) -> Option<Cron> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '*' | ',' | '-' | '/' | ' ');
    if !text.chars().all(plain) || text.split_whitespace().count() != 5 {
        return None;
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).ok()
}

fn next(cron: &Cron, after: i64) -> Option<i64> {
    let zone = tz::TimeZone::fixed(tz::offset(BEIJING));
    let after = Timestamp::from_second(after).ok()?.to_zoned(zone);
    let due = cron.find_next_occurrence(&after, false).ok()?;
    Some(due.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn expressions_are_read_in_beijings_time() {
        let now = seconds("2026-11-29T13:00:30Z");
        for (text, due) in [
            ("* * * * *", "2026-11-29T13:01:00Z"),
            ("*/15 * * * *", "2026-11-29T13:15:00Z"),
            ("0 0 1 * *", "2026-11-30T16:00:00Z"),
            ("30 3 * * *", "2026-11-29T19:30:00Z"),
            ("0 9 * * 1-5", "2026-11-30T01:00:00Z"),
            // Of a day of the month and a weekday, either is enough, as in crontab.
            ("0 0 25 12 0", "2026-12-05T16:00:00Z"),
            ("0 0 29 2 *", "2028-02-28T16:00:00Z"),
        ] {
            assert_eq!(next(&cron(text).unwrap(), now), Some(seconds(due)), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_of_crontab_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "0 0 0 * *",
            "*/0 * * * *",
            "@daily",
            "0 0 L * *",
            "0 0 * * MON#1",
            "a b c d e",
            "0 0 30 2 *",
            "1-0 * * * *",
            "99999999999999999999 * * * *",
            "*,*, * * * *",
        ] {
            let settings = ScheduleSettings::new(SchedulePolicy::Recurrence).recurrence(text);
            let error = Schedule::read(settings, 0).unwrap_err();
            assert_eq!(error.code(), "InvalidParameterValue.InvalidCronExpression", "{text}");
        }
    }

    #[test]
    fn a_single_time_has_to_come() {
        let read = |text: &str| {
            let settings = ScheduleSettings::new(SchedulePolicy::Once).invoke_time(text);
            Schedule::read(settings, 1_000_000_000).map_err(|error| error.code())
        };
        let once = read("2026-12-25T02:00:00+08:00").unwrap();
        assert_eq!(once.next(0), Some(seconds("2026-12-24T18:00:00Z")));
        assert_eq!(once.next(seconds("2026-12-24T18:00:00Z")), None);
        assert_eq!(
            read("2001-09-09T01:46:40Z").unwrap_err(),
            "InvalidParameterValue.InvokeTimeExpired"
        );
        for text in ["2026-13-01T00:00:00Z", "2026-12-24T25:00:00Z", "2026-12-24T18:00:00", ""] {
            assert_eq!(
                read(text).unwrap_err(),
                "InvalidParameterValue.InvalidTimeFormat",
                "{text}"
            );
        }
    }
}
