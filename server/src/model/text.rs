//! Texts from outside, made fit to be kept: PostgreSQL stores no U+0000, and words that stand on one line have no line breaks.

use std::borrow::Cow;

/// A text as words on one line: line breaks and tabs are blanks, other control characters are U+FFFD.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let fit = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    Cow::Owned(text.replace("\r\n", "\n").chars().map(fit).collect())
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn words_have_no_control_characters_and_stay_as_they_are_otherwise() {
        assert_eq!(one_line("grün, 3 of 7"), "grün, 3 of 7");
        assert_eq!(one_line("a\0b\x1b[1m\u{85}"), "a\u{fffd}b\u{fffd}[1m\u{fffd}");
        assert_eq!(one_line("one\r\ntwo\nthree\tfour"), "one two three four");
    }
}
