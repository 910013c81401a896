//! Lengths of time as a person writes them: 200ms, 2s, 5m, 1h.

use std::{fmt, str::FromStr, time::Duration};

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A bare number is what `timeout(1)` and the vendors mean by seconds.
        let seconds = || text.parse().ok().map(Duration::from_secs);
        seconds()
            .or_else(|| humantime::parse_duration(text).ok())
            .map(Self)
            .ok_or_else(|| "a time is written as in 200ms, 2s, 5m, 1h".to_owned())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A time that may be left out, in a profile.
pub(crate) mod optional {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Time;

    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Time>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}
