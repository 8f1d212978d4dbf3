//! What is wrong in the configuration, where, and what to write instead. Many at once.

use crate::model::alike;
use std::fmt;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration, or the team's part of it, cannot be used.
    Error,
    /// It can be used and is probably not what was meant.
    Warning,
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// As the operator named it, or beside what the operator named.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(String),
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The team whose own file it stands in; none for the instance's files and the environment.
    pub team: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// The key's path, from the top of the whole configuration; empty where it is about a file.
    pub key: String,
    /// The rule that it breaks, a stable word such as `unknown-key`.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
    /// The line, and a line of carets under what is meant.
    pub excerpt: Option<Excerpt>,
    /// What would be right.
    pub expected: Option<String>,
    /// The nearest right spelling.
    pub suggestion: Option<String>,
}

/// The line that a diagnostic is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// From 1.
    pub line: usize,
    /// The line, tabs as single blanks; cut where it is very long.
    pub text: String,
    /// Characters before the first caret.
    pub start: usize,
    /// Number of carets, at least 1.
    pub length: usize,
}

/// Characters of a line that an excerpt shows.
const EXCERPT_MAX: usize = 200;

impl Diagnostic {
    /// Something wrong at the top of `file`.
    pub fn of_file(file: &Path, team: Option<&str>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            team: team.map(str::to_owned),
            place: Place::File { path: file.to_owned(), line: 1, column: 1 },
            key: String::new(),
            rule,
            message: message.into(),
            excerpt: None,
            expected: None,
            suggestion: None,
        }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Says what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Suggests the one of `words` that is nearest to `written`, where one is near.
    #[must_use]
    pub fn suggest<'a>(mut self, written: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        self.suggestion = nearest(written, words).map(str::to_owned);
        self
    }

    /// Only a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Covers what stands under and after the carets: it may be a secret that was written in the wrong place.
    #[must_use]
    pub fn covered(mut self) -> Self {
        if let Some(excerpt) = &mut self.excerpt {
            excerpt.text = excerpt.text.chars().take(excerpt.start).chain("...".chars()).collect();
            excerpt.length = 3;
        }
        self
    }

    /// Covers the value of the key under the carets: it may be a secret whose key is misspelt.
    #[must_use]
    pub fn without_value(mut self) -> Self {
        if let Some(excerpt) = &mut self.excerpt {
            excerpt.cover_value();
        }
        self
    }

    /// What sorts diagnostics: by file, then by place.
    pub fn order(&self) -> (&Place, Severity, &str, &str) {
        (&self.place, self.severity, &self.key, &self.message)
    }
}

impl Excerpt {
    /// The line of `text` that holds the byte range `span`, and the carets under it.
    pub fn of(text: &str, span: std::ops::Range<usize>) -> Self {
        let start_byte = text.floor_char_boundary(span.start.min(text.len()));
        let line_start = text[..start_byte].rfind('\n').map_or(0, |i| i + 1);
        let line_text = text[line_start..].lines().next().unwrap_or_default();
        let start = text[line_start..start_byte].chars().count();
        let end_byte =
            text.floor_char_boundary(span.end.clamp(start_byte, line_start + line_text.len()).max(start_byte));
        let shown: String = line_text.chars().take(EXCERPT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let length = text[start_byte..end_byte].chars().count();
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            length: length.min(shown.chars().count().saturating_sub(start)).max(1),
            text: shown,
            start,
        }
    }
}

/// The one of `words` that is nearest to `written`: misspelt, or written with other separators.
pub fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |s: &str| s.to_lowercase().replace(['-', '_', ' '], "");
    alike::compared(written, words)
        .filter(|word| *word != written)
        .map(|word| {
            let same = plain(word) == plain(written);
            (
                if same { 1.0 } else { strsim::jaro_winkler(written, word) },
                strsim::damerau_levenshtein(written, word),
                word,
            )
        })
        .filter(|(alike, distance, word)| *alike >= 1.0 || *alike > 0.8 || (*distance <= 2 && word.len() > 3))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, _, word)| word)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = if self.is_error() { "" } else { "warning: " };
        writeln!(f, "{}: {warning}{} [{}]", plain(&self.place), plain(&self.message), self.rule)?;
        if !self.key.is_empty() {
            writeln!(f, "  key: {}", plain(&self.key))?;
        }
        if let Some(Excerpt { line, text, start, length }) = &self.excerpt {
            writeln!(f, "  {line:>4} | {text}")?;
            writeln!(f, "       | {}{}", " ".repeat(*start), "^".repeat(*length))?;
        }
        if let Some(expected) = &self.expected {
            writeln!(f, "  expected: {}", plain(expected))?;
        }
        if let Some(suggestion) = &self.suggestion {
            writeln!(f, "  did you mean `{}`?", plain(suggestion))?;
        }
        Ok(())
    }
}

/// The text with each control character replaced: what a team writes may neither steer a terminal nor forge a line of a log.
fn plain(text: impl fmt::Display) -> String {
    text.to_string().chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Excerpt, nearest};
    use std::path::Path;

    #[test]
    fn what_a_team_writes_steers_no_terminal_and_forges_no_line() {
        let mut diagnostic = Diagnostic::of_file(Path::new("teams/\u{1b}[2J.toml"), None, "rule", "a\nb\u{9b}");
        diagnostic.key = "k\r".to_owned();
        diagnostic.suggestion = Some("s\u{7}".to_owned());
        let said = diagnostic.expected("e\u{8}").to_string();
        assert_eq!(
            said,
            "teams/\u{fffd}[2J.toml:1:1: a\u{fffd}b\u{fffd} [rule]\n  key: k\u{fffd}\n  expected: e\u{fffd}\n  did you mean `s\u{fffd}`?\n"
        );
    }

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("titel", ["title", "listen"]), Some("title"));
        assert_eq!(nearest("public-url", ["public_url", "plugin_dir"]), Some("public_url"));
        assert_eq!(nearest("sehll", ["git", "shell"]), Some("shell"));
        assert_eq!(nearest("zebra", ["title", "listen"]), None);
        assert_eq!(nearest("git", ["git"]), None);
    }

    /// Compared, these are 62,500,000,000 pairs of characters twice: minutes for each of them.
    #[test]
    fn a_long_word_is_compared_with_nothing() {
        let (long, other) = ("a".repeat(250_000), "b".repeat(250_000));
        assert_eq!(nearest(&long, [other.as_str()]), None);
        assert_eq!(nearest("titel", [long.as_str(), "title"]), Some("title"));
    }

    #[test]
    fn carets_stand_under_what_is_meant_and_stay_on_the_first_line() {
        let text = "a = 1\nß = [\n 2]\n";
        let excerpt = Excerpt::of(text, 6..16);
        assert_eq!((excerpt.line, excerpt.text.as_str(), excerpt.start, excerpt.length), (2, "ß = [", 0, 5));
        let end = Excerpt::of(text, text.len()..text.len());
        assert_eq!((end.line, end.length), (4, 1));
    }
}
