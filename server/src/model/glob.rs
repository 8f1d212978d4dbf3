//! Patterns over names, as views, schedulers and tokens use them: `*`, `?`, `[...]`, `{a,b}`.

use globset::{GlobBuilder, GlobMatcher};

/// One pattern. `*` also crosses `|` and `/`, because names are flat.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    /// None where the pattern is a plain name: a view may list a thousand of them, and a compiled pattern costs kilobytes.
    matcher: Option<GlobMatcher>,
}

/// Characters that make a name a pattern.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// Said of a pattern that cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{pattern}` is no pattern: {why}")]
pub struct GlobError {
    /// What was written.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Names the pattern and what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        if !pattern.contains(SPECIAL) {
            return Ok(Self { text: pattern.to_owned(), matcher: None });
        }
        let glob = GlobBuilder::new(pattern)
            .literal_separator(false)
            .build()
            .map_err(|e| GlobError { pattern: pattern.to_owned(), why: e.kind().to_string() })?;
        Ok(Self { text: pattern.to_owned(), matcher: Some(glob.compile_matcher()) })
    }

    /// Whether `name` fits the whole pattern.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.as_ref().map_or(self.text == name, |matcher| matcher.is_match(name))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl serde::Serialize for Glob {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Glob {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn a_pattern_matches_the_whole_name_and_a_plain_name_only_itself() {
        let matches = |pattern: &str, name: &str| Glob::new(pattern).unwrap().matches(name);
        assert!(matches("full-*", "full-2.4") && matches("core/*", "core/full|x/y") && matches("{a,b}", "b"));
        assert!(matches("LTO + PGO", "LTO + PGO") && !matches("full", "full-2.4") && !matches("full-?", "full-2.4"));
        assert!(Glob::new("[").is_err());
    }
}
