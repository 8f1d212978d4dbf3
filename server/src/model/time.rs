//! Moments and spans, and how the configuration writes spans.

/// A moment in UTC.
pub type Time = chrono::DateTime<chrono::Utc>;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span as the configuration writes it: `90d`, `24h`, `30m`, `60s`, or `1h30m`; a bare number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// Said of text that is no span.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no span of time; write for instance `30s`, `10m`, `24h`, `90d`")]
pub struct SpanError(String);

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SpanError(text.to_owned());
        let mut rest = text;
        let mut total_s: u64 = 0;
        while !rest.is_empty() {
            let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..n_digits].parse().map_err(|_| error())?;
            let mut unit = rest[n_digits..].chars();
            let unit_s = match unit.next() {
                Some('s') => 1,
                Some('m') => 60,
                Some('h') => 3_600,
                Some('d') => 86_400,
                _ => return Err(error()),
            };
            total_s = number.checked_mul(unit_s).and_then(|s| total_s.checked_add(s)).ok_or_else(error)?;
            rest = unit.as_str();
        }
        if text.is_empty() { Err(error()) } else { Ok(Self(Duration::from_secs(total_s))) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        match s {
            0 => f.write_str("0s"),
            _ if s.is_multiple_of(86_400) => write!(f, "{}d", s / 86_400),
            _ if s.is_multiple_of(3_600) => write!(f, "{}h", s / 3_600),
            _ if s.is_multiple_of(60) => write!(f, "{}m", s / 60),
            _ => write!(f, "{s}s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;
    use std::time::Duration;

    #[test]
    fn spans_are_read_and_written() {
        for (text, s) in [("30s", 30), ("10m", 600), ("24h", 86_400), ("90d", 7_776_000), ("1h30m", 5_400)] {
            assert_eq!(text.parse::<Span>().unwrap().0, Duration::from_secs(s), "{text}");
        }
        for text in ["", "10", "m", "-1s", "1w", "99999999999999999999d", "1.5h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("90m".parse::<Span>().unwrap().to_string(), "90m");
        assert_eq!("1d".parse::<Span>().unwrap().to_string(), "1d");
    }
}
