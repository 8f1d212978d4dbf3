//! Which words are compared with one that nobody knows, to suggest the nearest: comparing costs the product of the lengths, and both
//! may be as long as somebody likes. Pure.

/// Longest words that are compared, in characters: a longer one is no misspelling, and no name is longer.
pub const CHARS_MAX: usize = 100;

/// What comparing one word with all the others may cost, in pairs of characters: thousands of builders' names are compared with one.
const PAIRS_MAX: usize = 1 << 20;

/// Those of `words` that are compared with `written`: none where it is too long, as many as cost no more than they may otherwise.
pub fn compared<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let n_written = length(written);
    let mut n_left = if n_written.is_some() { PAIRS_MAX } else { 0 };
    let words = words.into_iter().take_while(move |word| {
        let n_pairs = n_written.unwrap_or_default() * length(word).unwrap_or_default();
        let is_compared = n_left > n_pairs;
        n_left = n_left.saturating_sub(n_pairs + 1);
        is_compared
    });
    words.filter(|word| length(word).is_some())
}

/// Its characters; none where there are too many.
fn length(word: &str) -> Option<usize> {
    // No character has more than four bytes: a long word is not read to its end.
    let n = if word.len() > 4 * CHARS_MAX { usize::MAX } else { word.chars().count() };
    (n <= CHARS_MAX).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::{CHARS_MAX, PAIRS_MAX, compared};

    #[test]
    fn long_words_are_compared_with_nothing_and_nothing_with_them() {
        let (long, too_long) = ("ü".repeat(CHARS_MAX), "ü".repeat(CHARS_MAX + 1));
        let words = || [too_long.as_str(), "a", long.as_str()];
        assert_eq!(compared("b", words()).collect::<Vec<_>>(), ["a", &long]);
        assert_eq!(compared(&long, words()).count(), 2);
        assert_eq!(compared(&too_long, words()).count(), 0);
    }

    #[test]
    fn no_more_words_are_compared_than_may_be() {
        let word = "a".repeat(CHARS_MAX);
        let n = compared(&word, std::iter::repeat(word.as_str())).count();
        assert_eq!(n, PAIRS_MAX / (CHARS_MAX * CHARS_MAX + 1));
        // As many as the largest sites have.
        let names: Vec<String> = (0..1_100).map(|n| format!("3.14 AMD64 RHEL9 Release {n}")).collect();
        assert_eq!(compared("3.14 AMD64 RHEL Releas", names.iter().map(String::as_str)).count(), names.len());
    }
}
