//! The text form of faults, as on the command line.

use std::str::FromStr;

use super::{Fault, FaultKind, Rate};
use crate::provider::Provider;

/// A text is not the text form of a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a fault: {problem}")]
pub struct FaultError {
    text: String,
    problem: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        parse(text).map_err(|problem| FaultError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (target, what) =
        text.split_once(':').ok_or("it has the form PROVIDER[.OPERATION]:KIND[=VALUE]")?;
    let (provider, operation) = match target.split_once('.') {
        Some((provider, operation)) => (provider, Some(operation)),
        None => (target, None),
    };
    let provider = Provider::ALL
        .into_iter()
        .find(|known| known.name() == provider)
        .ok_or("the provider is one of tat, zstack and cci")?;
    let (kind, value) = match what.split_once('=') {
        Some((kind, value)) => (kind, Some(value)),
        None => (what, None),
    };
    let known = FaultKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = match known {
        Some(FaultKind::Latency(_)) => {
            FaultKind::Latency(duration(value.ok_or("say how long: latency=200ms")?)?)
        }
        Some(FaultKind::Clock(_)) => {
            FaultKind::Clock(offset(value.ok_or("say by how much: clock=-1h")?)?)
        }
        Some(kind) => kind,
        None => {
            let names = FaultKind::ALL.map(FaultKind::name).join(", ");
            return Err(format!("the kind is one of {names}"));
        }
    };
    let mut fault = Fault::new(provider, kind);
    if let Some(operation) = operation {
        fault = fault.on(operation);
        if !provider.operations().any(|known| fault.concerns(Some(known))) {
            let ids: Vec<&str> = provider.operations().map(|known| known.id).collect();
            return Err(format!("the operations of {} are {}", provider.name(), ids.join(", ")));
        }
    }
    if let (Some(value), false) =
        (value, matches!(kind, FaultKind::Latency(_) | FaultKind::Clock(_)))
    {
        fault.rate = rate(value)?;
    }
    Ok(fault)
}

fn rate(text: &str) -> Result<Rate, String> {
    if let Some(count) = text.strip_prefix("first") {
        let count = if count.is_empty() { ":1" } else { count };
        let count = count.strip_prefix(':').and_then(|count| count.parse().ok());
        return count.map(Rate::First).ok_or("write first or first:N".to_owned());
    }
    match text.parse::<f64>() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(Rate::Probability(probability)),
        _ => Err("how often is a probability from 0 to 1, or first, or first:N".to_owned()),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a duration is written as in 200ms, 2s, 5m, 1h".to_owned())
}

fn offset(text: &str) -> Result<i64, String> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let seconds = i64::try_from(duration(size)?.as_secs()).ok();
    // Within a hundred years no date overflows.
    let seconds = seconds.filter(|seconds| *seconds <= 100 * 366 * 86_400);
    seconds
        .map(|seconds| sign * seconds)
        .ok_or_else(|| "a clock is off by 100 years at most".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_fault_is_explained() {
        for (text, explained) in [
            ("", "PROVIDER"),
            ("tat", "PROVIDER"),
            ("aws:drip", "tat, zstack and cci"),
            ("tat:", "lose-answer"),
            ("tat:lost", "lose-answer"),
            ("tat:drip=2", "from 0 to 1"),
            ("tat:drip=NaN", "from 0 to 1"),
            ("tat:drip=first:", "first:N"),
            ("tat:latency", "how long"),
            ("tat:latency=soon", "200ms"),
            ("tat:clock=-200000days", "100 years"),
            ("tat.Walk:drip", guestexec_tat::operations::RUN_COMMAND.id),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(explained), "{text}: {error}");
        }
        for text in ["cci.exec:reset=first", "zstack.login:expire=0", "tat:clock=+5m", "tat:drip"] {
            text.parse::<Fault>().unwrap();
        }
    }
}
