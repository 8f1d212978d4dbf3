//! What is wrong in the configuration, where, and what to write instead. Many at once. Each is short, whatever stands in the file: it is
//! printed, logged, kept in the audit and shown on the team's page.

use super::lines::Lines;
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
    /// How many it stands for: 1, or those that are only counted.
    pub stands_for: usize,
    /// Only to be counted: it says nothing.
    pub is_untold: bool,
}

/// The rule of what says how many more there are.
pub const MORE: &str = "more";

/// The line that a diagnostic is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// From 1.
    pub line: usize,
    /// The line, tabs as single blanks; cut where it is very long.
    pub text: String,
    /// Characters before the first caret; where it would stand behind what is shown, all of them.
    pub start: usize,
    /// Number of carets, at least 1.
    pub length: usize,
}

/// Characters of a line that an excerpt shows.
const EXCERPT_MAX: usize = 200;
/// What stands at the end of a line that is cut.
pub(super) const CUT: char = '…';
/// Characters of each of the other texts of a diagnostic: whoever reads it sees which one is meant, and no honest name is longer.
const TEXT_MAX: usize = 500;
/// Characters of a value that a message shows.
const VALUE_MAX: usize = 100;

impl Diagnostic {
    /// Something wrong at the top of `file`.
    pub fn of_file(file: &Path, team: Option<&str>, rule: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            team: team.map(str::to_owned),
            place: Place::File { path: file.to_owned(), line: 1, column: 1 },
            key: String::new(),
            rule,
            message: cut(message.into(), TEXT_MAX),
            excerpt: None,
            expected: None,
            suggestion: None,
            stands_for: 1,
            is_untold: false,
        }
    }

    /// Something wrong in the own files of `team`, wherever.
    pub fn of_team(team: &str, rule: &'static str, message: impl Into<String>) -> Self {
        Self::of_file(Path::new("teams"), Some(team), rule, message)
    }

    /// One more thing wrong in the own files of `team`, which is only counted.
    pub fn untold(team: &str, rule: &'static str) -> Self {
        Self { is_untold: true, ..Self::of_team(team, rule, "") }
    }

    /// It is about the key `key`.
    #[must_use]
    pub fn about(mut self, key: impl fmt::Display) -> Self {
        self.key = cut(key.to_string(), TEXT_MAX);
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Says what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(cut(expected.into(), TEXT_MAX));
        self
    }

    /// Suggests the one of `words` that is nearest to `written`, where one is near.
    #[must_use]
    pub fn suggest<'a>(mut self, written: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        if !self.is_untold {
            self.suggestion = nearest(written, words).map(str::to_owned);
        }
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

    /// What sorts diagnostics: by file, then by place; how many more there are comes last.
    pub fn order(&self) -> (&Place, bool, Severity, &str, &str) {
        (&self.place, self.rule == MORE, self.severity, &self.key, &self.message)
    }
}

impl Excerpt {
    /// The line that holds the byte range `span`, and the carets under it.
    pub fn of(lines: &Lines, span: std::ops::Range<usize>) -> Self {
        let text = lines.text();
        let spot = lines.spot(span.start);
        let start_byte = text.floor_char_boundary(span.start.min(text.len()));
        let end_byte = text.floor_char_boundary(span.end.clamp(start_byte, text.len()));
        // The line may be as long as the file: of neither more is read than is shown.
        let mut shown: Vec<char> = until_break(&text[spot.line_start..]).take(EXCERPT_MAX + 1).collect();
        match shown.len() {
            n if shown.last() == Some(&'\r') => shown.truncate(n - 1),
            n if n > EXCERPT_MAX => shown[EXCERPT_MAX] = CUT,
            _ => {}
        }
        let start = (spot.column - 1).min(shown.len());
        let start = if shown.len() > EXCERPT_MAX { start.min(EXCERPT_MAX) } else { start };
        let length = until_break(&text[start_byte..end_byte]).take(EXCERPT_MAX).count();
        Self {
            line: spot.line,
            length: length.min(shown.len().saturating_sub(start)).max(1),
            text: shown.into_iter().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            start,
        }
    }
}

/// The characters of the first line.
fn until_break(text: &str) -> impl Iterator<Item = char> {
    text.chars().take_while(|c| *c != '\n')
}

/// A value that somebody wrote, short enough for a message.
pub fn shown(value: &str) -> String {
    let end = value.char_indices().nth(VALUE_MAX).map_or(value.len(), |(at, _)| at);
    if end < value.len() { format!("{}…", &value[..end]) } else { value.to_owned() }
}

/// `text`, of which a long one ends after `n_max` characters.
fn cut(mut text: String, n_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(n_max) {
        text.truncate(end);
        text.push('…');
    }
    text
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
    use super::{Diagnostic, EXCERPT_MAX, Excerpt, Lines, TEXT_MAX, nearest};
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
        let lines = Lines::of(text);
        let excerpt = Excerpt::of(&lines, 6..16);
        assert_eq!((excerpt.line, excerpt.text.as_str(), excerpt.start, excerpt.length), (2, "ß = [", 0, 5));
        let end = Excerpt::of(&lines, text.len()..text.len());
        assert_eq!((end.line, end.length), (4, 1));
    }

    #[test]
    fn behind_the_end_of_what_is_shown_the_carets_stand_at_its_end() {
        let text = format!("a = \"{}\"\r\n", "ü".repeat(100_000));
        let lines = Lines::of(&text);
        let excerpt = |at: usize| Excerpt::of(&lines, at..at + 50);
        let shown = format!("a = \"{}…", "ü".repeat(EXCERPT_MAX - 5));
        for (at, start, length) in [(0, 0, 27), (150_000, EXCERPT_MAX, 1), (text.len() - 3, EXCERPT_MAX, 1)] {
            let Excerpt { line, text, start: is, length: n } = excerpt(at);
            assert_eq!((line, text, is, n), (1, shown.clone(), start, length), "{at}");
        }
        let whole = format!("{}\r\n", "x".repeat(EXCERPT_MAX));
        let excerpt = Excerpt::of(&Lines::of(&whole), 0..whole.len());
        assert_eq!((excerpt.text.as_str(), excerpt.length), (whole.trim_end(), EXCERPT_MAX));
    }

    #[test]
    fn whatever_stands_in_a_file_what_is_said_of_it_is_short() {
        let long = "ü".repeat(1_000_000);
        let lines = Lines::of(&long);
        let mut diagnostic = Diagnostic::of_file(Path::new("core.toml"), None, "rule", long.as_str()).about(&long);
        diagnostic.excerpt = Some(Excerpt::of(&lines, 1_000_000..2_000_000));
        let said = diagnostic.expected(long.as_str()).to_string();
        assert!(said.chars().count() < 3 * (TEXT_MAX + 50) + 2 * (EXCERPT_MAX + 50), "{said}");
    }
}
