//! Patterns over names, as views, schedulers and tokens use them: `*`, `?`, `[...]`, `{a,b}`.

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Characters of one pattern: as many as fifty names in braces have. What a longer one becomes may be too large to be made.
pub const CHARS_MAX: usize = 1_000;
/// Braces in each other: nobody reads more, and what is made of a hundred cannot be read at all.
const DEPTH_MAX: usize = 8;
/// Bytes of what one pattern keeps of the names that it was held against, to be fast: a few clever ones would keep two megabytes each.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// One pattern. `*` also crosses `|` and `/`, because names are flat.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    /// None where the pattern is a plain name: a view may list a thousand of them, and a compiled pattern costs kilobytes.
    compiled: Option<Compiled>,
}

/// A pattern that is compiled when it is first asked: who reads very many may still refuse them.
#[derive(Debug, Clone)]
struct Compiled {
    expression: Box<str>,
    made: OnceLock<Regex>,
}

impl Compiled {
    fn matches(&self, name: &str) -> bool {
        let make = || {
            let made =
                RegexBuilder::new(&self.expression).dot_matches_new_line(true).dfa_size_limit(KEPT_BYTES_MAX).build();
            made.expect("what is made of so short and flat a pattern is an expression of a few kilobytes")
        };
        self.made.get_or_init(make).is_match(name.as_bytes())
    }
}

/// Characters that make a name a pattern.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];
/// Characters of a pattern that is too long which are said back.
const SHOWN_CHARS: usize = 50;

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
            return Ok(Self { text: pattern.to_owned(), compiled: None });
        }
        let wrong = |pattern: &str, why: String| GlobError { pattern: pattern.to_owned(), why };
        if let Some((end, _)) = pattern.char_indices().nth(CHARS_MAX) {
            let shown = pattern[..end].chars().take(SHOWN_CHARS).chain(['…']).collect::<String>();
            return Err(wrong(&shown, format!("it has more than {CHARS_MAX} characters")));
        }
        if depth(pattern) > DEPTH_MAX {
            return Err(wrong(pattern, format!("more than {DEPTH_MAX} braces are in each other")));
        }
        let glob = GlobBuilder::new(pattern).literal_separator(false).build();
        let glob = glob.map_err(|e| wrong(pattern, e.kind().to_string()))?;
        Ok(Self {
            text: pattern.to_owned(),
            compiled: Some(Compiled { expression: glob.regex().into(), made: OnceLock::new() }),
        })
    }

    /// Whether `name` fits the whole pattern.
    pub fn matches(&self, name: &str) -> bool {
        self.compiled.as_ref().map_or(self.text == name, |compiled| compiled.matches(name))
    }

    /// Whether it names one thing only: then it is compared at once, while a pattern is looked for character by character.
    pub fn is_plain(&self) -> bool {
        self.compiled.is_none()
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// How many braces are in each other at most.
fn depth(pattern: &str) -> usize {
    let mut open = 0_usize;
    let opened = pattern.chars().map(|c| {
        match c {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
        open
    });
    opened.max().unwrap_or_default()
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
    use super::{CHARS_MAX, DEPTH_MAX, Glob};
    use proptest::prelude::*;

    #[test]
    fn a_pattern_matches_the_whole_name_and_a_plain_name_only_itself() {
        let matches = |pattern: &str, name: &str| Glob::new(pattern).unwrap().matches(name);
        assert!(matches("full-*", "full-2.4") && matches("core/*", "core/full|x/y") && matches("{a,b}", "b"));
        assert!(matches("LTO + PGO", "LTO + PGO") && !matches("full", "full-2.4") && !matches("full-?", "full-2.4"));
        assert!(matches("a?c", "a\nc") && matches("*é*", "né!") && !matches("*a", "ab") && matches("[!a]*", "b"));
        assert!(Glob::new("[").is_err());
    }
    /// What such a pattern becomes cannot be compiled, whoever asks first.
    #[test]
    fn a_pattern_that_is_too_long_or_too_deep_is_refused_and_the_longest_one_matches() {
        let said = |pattern: &str| Glob::new(pattern).unwrap_err().to_string();
        let deep = |n: usize| format!("{}a{}", "{a,".repeat(n), "}".repeat(n));
        let too_long = "?".repeat(1_000_000);
        assert_eq!(said(&too_long), format!("`{}…` is no pattern: it has more than 1000 characters", "?".repeat(50)));
        assert!(said(&deep(100)).ends_with("more than 8 braces are in each other"), "{}", said(&deep(100)));
        assert!(Glob::new(&"?".repeat(CHARS_MAX)).unwrap().matches(&"ü".repeat(CHARS_MAX / 2)));
        assert!(Glob::new(&deep(DEPTH_MAX)).unwrap().matches("a"));
        let long = "a".repeat(1_000_000);
        assert!(Glob::new(&long).unwrap().matches(&long), "a plain name is as long as it likes");
    }

    proptest! {
        #[test]
        fn whatever_is_taken_for_a_pattern_can_be_asked(pattern in r"([*?\[\]{},!a\-\\ü^$.+|(#&~]|\{a,|\[!x-z]|\[\[:){0,300}") {
            if let Ok(glob) = Glob::new(&pattern) {
                glob.matches("some name");
            }
        }
    }
}
