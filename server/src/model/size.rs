//! Sizes as the configuration writes them: `64 MiB`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A number of bytes, written `512 KiB`, `64 MiB`, `1 GiB` or `100 B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// Said of text that is no size.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no size; write for instance `512 KiB`, `64 MiB`, `1 GiB`")]
pub struct SizeError(String);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SizeError(text.to_owned());
        let (unit, bytes) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(error)?;
        let number: u64 = text.strip_suffix(unit).unwrap_or(text).trim_end().parse().map_err(|_| error())?;
        number.checked_mul(bytes).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) =
            UNITS.into_iter().find(|(_, b)| self.0 >= *b && self.0.is_multiple_of(*b)).unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!("64 MiB".parse::<Size>().unwrap(), Size(64 << 20));
        assert_eq!("1GiB".parse::<Size>().unwrap().to_string(), "1 GiB");
        assert_eq!("100 B".parse::<Size>().unwrap(), Size(100));
        for text in ["", "64", "MiB", "-1 B", "64 MB", "1.5 GiB", "99999999999 GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
