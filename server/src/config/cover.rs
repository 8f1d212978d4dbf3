//! Excerpts of a configuration never show what is, or may be, a secret: a diagnostic is printed and logged.

use super::diagnostic::{CUT, Excerpt};
use super::path::{KeyPath, Part};
use crate::model::alike;
use std::ops::Range;

/// What stands for covered text.
const COVER: &str = "...";
/// Words in the names of keys whose values are secret.
const PARTS: [&str; 11] =
    ["pass", "pwd", "secret", "token", "key", "hash", "credential", "database", "dsn", "private", "jwt"];
/// Whole names; one that is nearly one of them is a misspelling of it.
const NAMES: [&str; 6] = ["password", "passwd", "token", "database", "hash", "credentials"];
/// How like a name of `NAMES` a misspelling is, by Jaro and Winkler.
const ALIKE: f64 = 0.85;
/// Ends of names that say where a secret is, and not what it is.
const PLACES: [&str; 4] = ["_file", "_env", "_name", "_id"];

impl Excerpt {
    /// Covers the values of keys whose names sound of secrets, and user and password of URLs.
    pub(super) fn cover_secrets(&mut self) {
        let text: Vec<char> = self.text.chars().collect();
        let mut ranges = secret_values(&text);
        ranges.extend(
            user_infos(&text).into_iter().filter(|u| !ranges.iter().any(|r| r.contains(&u.start))).collect::<Vec<_>>(),
        );
        ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
        ranges.into_iter().for_each(|range| self.cover(range));
    }

    /// Covers what stands under the carets and after them, where the last key of `path` sounds of secrets.
    pub(super) fn cover_value_of(&mut self, path: &KeyPath) {
        let keys = path.parts().into_iter().rev().filter_map(|part| match part {
            Part::Key(key) => Some(key.to_lowercase().replace('-', "_")),
            Part::Index(_) => None,
        });
        if keys.take(1).any(|key| is_secret(&key)) && self.start < self.text.chars().count() {
            self.cover(self.start..self.text.chars().count());
        }
    }

    /// Covers what stands behind the `=` or `:` after the carets: nobody knows what an unknown key's value is.
    pub(super) fn cover_value(&mut self) {
        let text: Vec<char> = self.text.chars().collect();
        let key_end = (self.start + self.length).min(text.len());
        let Some(equals) = (key_end..text.len()).find(|i| matches!(text[*i], '=' | ':')) else { return };
        let value = skip_blanks(&text, equals + 1);
        if value < text.len() {
            self.cover(value..text.len());
        }
    }

    /// Puts the cover in the place of the characters `range`; the carets stay under what they mean.
    fn cover(&mut self, range: Range<usize>) {
        let text: Vec<char> = self.text.chars().collect();
        let n_cover = COVER.chars().count();
        self.text =
            text[..range.start].iter().copied().chain(COVER.chars()).chain(text[range.end..].iter().copied()).collect();
        let end = self.start + self.length;
        if self.start >= range.end {
            self.start = self.start - range.len() + n_cover;
        } else if end > range.start {
            let start = self.start.min(range.start);
            let after = end.saturating_sub(range.end);
            self.length = range.start + n_cover - start + after;
            self.start = start;
        }
    }
}

/// Where the values of keys stand whose names sound of secrets.
fn secret_values(text: &[char]) -> Vec<Range<usize>> {
    let (mut ranges, mut i) = (Vec::new(), 0);
    while i < text.len() {
        match text[i] {
            '"' | '\'' if opens_string(text, i) => i = string_end(text, i),
            '=' | ':' if separates(text, i) => {
                let (value, is_colon) = (skip_blanks(text, i + 1), text[i] == ':');
                let key = key_before(text, i);
                i = value;
                // What stands in an inline table has keys of its own.
                if value < text.len() && text[value] != '{' && is_secret(&key) {
                    i = if is_colon { value_end_after_colon(text, value) } else { value_end(text, value) };
                    ranges.push(value..i);
                }
            }
            _ => i += 1,
        }
    }
    ranges
}

/// Whether the quote at `i` begins a string: in YAML one inside of a word does not.
fn opens_string(text: &[char], i: usize) -> bool {
    i == 0 || matches!(text[i - 1], ' ' | '=' | ':' | ',' | '{' | '[' | '(' | '.')
}

/// Whether the `=` or `:` at `i` stands between key and value: `:` does in YAML and JSON, and not in `https://` or `12:30`.
fn separates(text: &[char], i: usize) -> bool {
    text[i] == '=' || text.get(i + 1).is_none_or(|next| *next == ' ') || i > 0 && matches!(text[i - 1], '"' | '\'')
}

/// Where `user:password` stands in URLs, or may: of one that goes over the end of what is shown, nobody sees whether an `@` follows.
fn user_infos(text: &[char]) -> Vec<Range<usize>> {
    let starts = (3..text.len()).filter(|i| text[i - 3..*i] == [':', '/', '/']);
    let info = |start: usize| {
        let end = text[start..].iter().position(|c| matches!(c, '/' | '"' | '\'' | ' '));
        if end.is_none() && text.last() == Some(&CUT) {
            return Some(start..text.len());
        }
        let length = end.unwrap_or(text.len() - start);
        let at = text[start..start + length].iter().rposition(|c| *c == '@')?;
        (at > 0).then_some(start..start + at)
    };
    starts.filter_map(info).collect()
}

/// The last part of the key before the separator at `separator`.
fn key_before(text: &[char], separator: usize) -> String {
    let before: String = text[..separator].iter().collect();
    let key = before.trim_end().trim_end_matches(['"', '\'']);
    key.rsplit(['.', '"', '\'', ' ', ',', '{', '[']).next().unwrap_or_default().to_lowercase().replace('-', "_")
}

/// Whether a key of this name may hold a secret.
fn is_secret(key: &str) -> bool {
    // `secret = "x"` names a `[secret.x]`.
    if key == "secret" || PLACES.iter().any(|end| key.ends_with(end)) {
        return false;
    }
    // A key that is too long to be compared is not nearly one of them, either.
    PARTS.iter().any(|part| key.contains(part))
        || alike::compared(key, NAMES).any(|name| strsim::jaro_winkler(name, key) > ALIKE)
}

/// The first place from `at` that is no blank.
fn skip_blanks(text: &[char], at: usize) -> usize {
    (at..text.len()).find(|i| text[*i] != ' ').unwrap_or(text.len())
}

/// Where the string ends whose quote stands at `start`; the end of the line where it is not closed.
fn string_end(text: &[char], start: usize) -> usize {
    let quote = text[start];
    let triple = text[start..].starts_with(&[quote; 3]);
    let mut i = start + if triple { 3 } else { 1 };
    while i < text.len() {
        match text[i] {
            '\\' if quote == '"' => i += 2,
            c if c == quote && !triple => return i + 1,
            c if c == quote && text[i..].starts_with(&[quote; 3]) => return i + 3,
            _ => i += 1,
        }
    }
    text.len()
}

/// Where the value ends that begins at `start`: what is not well-formed goes to the end of the line.
fn value_end(text: &[char], start: usize) -> usize {
    match text[start] {
        '"' | '\'' => string_end(text, start),
        '[' => text.iter().rposition(|c| *c == ']').filter(|end| *end > start).map_or(text.len(), |end| end + 1),
        _ => (start..text.len()).find(|i| matches!(text[*i], ',' | '}')).unwrap_or(text.len()),
    }
}

/// The same in YAML and JSON: without quotes a value has no certain end.
fn value_end_after_colon(text: &[char], start: usize) -> usize {
    if matches!(text[start], '"' | '\'') { string_end(text, start) } else { text.len() }
}

#[cfg(test)]
mod tests {
    use super::Excerpt;
    use crate::config::lines::Lines;

    fn covered(text: &str, span: std::ops::Range<usize>) -> (String, String) {
        let mut excerpt = Excerpt::of(&Lines::of(text), span);
        excerpt.cover_secrets();
        let marked = excerpt.text.chars().skip(excerpt.start).take(excerpt.length).collect();
        (excerpt.text, marked)
    }

    #[test]
    fn secrets_are_covered_wherever_they_stand_in_the_line_and_the_carets_follow() {
        let line = r#"mail = { pasword = "s3cret, \" }", port = "x", api-key = 's3cret' }"#;
        let port = line.find("\"x\"").unwrap();
        let (text, marked) = covered(line, port..port + 3);
        assert_eq!(
            (text.as_str(), marked.as_str()),
            (r#"mail = { pasword = ..., port = "x", api-key = ... }"#, "\"x\"")
        );
        for line in [
            "databse = \"s3cret",
            "token = s3cret",
            "hash = ['s3cret', 's3cret']",
            "a = \"https://u:s3cret@h/x\"",
            "\"secrets\" = \"\"\"s3cret",
            "  token: s3cret, s3cret",
            "- { a: don't, pasword: 's3cret' }",
            "{\"a\": 1, \"password\":\"s3cret\"}",
            "api-key: [s3cret, s3cret]",
        ] {
            assert!(!covered(line, 0..1).0.contains("s3cret"), "{line}");
            let end = line.len();
            let (text, marked) = covered(line, end - 2..end);
            assert!(!text.contains("s3cret") && !marked.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_password_that_goes_over_the_end_of_what_is_shown_is_covered() {
        let url = format!("{} \"https://u:s3cret-{}@h/x\"", "x".repeat(170), "y".repeat(100));
        let (text, marked) = covered(&url, 0..1);
        assert_eq!((text, marked.as_str()), (format!("{} \"https://...", "x".repeat(170)), "x"));
        let host = format!("{} \"https://{}/u:s3cret@h\"", "x".repeat(170), "y".repeat(100));
        assert!(covered(&host, 0..1).0.ends_with("\"https://..."), "it may be a token: {}", covered(&host, 0..1).0);
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for line in [
            "key_file = \"state/jwt.pem\"",
            "title = \"a = b\"",
            "use = \"git\"",
            "x = \"https://h/a@b\"",
            "secret = { env = \"X\" }",
            "url: https://h:80/a@b",
            "secret: { env: X }",
            "at: 12:30",
        ] {
            assert_eq!(covered(line, 0..1).0, line);
        }
    }
}
