//! A span of time in settings, as in Weir's own configuration: a whole number and its unit, such as `90m`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::time::Duration;

/// The longest span: what the contract can say in milliseconds, in whole days.
const DAYS_MAX: u64 = 49;

/// How long; at least a second, at most 49 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Reads `30s`, `10m`, `2h` or `1d`.
fn read(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let all = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    (1..=DAYS_MAX * 86_400).contains(&all).then(|| Duration::from_secs(all))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || D::Error::custom(format!("`{text}` is no span of time: write 30s, 10m, 2h or 1d, at most {DAYS_MAX}d"));
        read(&text).map(Self).ok_or_else(wrong)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[1-9][0-9]{0,6}[smhd]$" })
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, read};

    #[test]
    fn a_span_is_a_number_and_its_unit() {
        let minutes = |n: u64| Some(Duration::from_secs(n * 60));
        assert_eq!((read("90m"), read("2h"), read("1d")), (minutes(90), minutes(120), minutes(1440)));
        assert_eq!(read("45s"), Some(Duration::from_secs(45)));
        for wrong in ["", "s", "5", "-5m", "+5m", "1.5h", "50d", "0s", "99999999999999999999s", "5 m", "5µ", "é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
