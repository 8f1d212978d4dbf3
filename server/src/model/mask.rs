//! Hides secrets in what is stored: every form of every value becomes `***`, also where it comes in pieces. Pure.
//!
//! It is a seat belt: it finds a value that was printed as it is, or encoded as tools do it, and not one that was reversed or cut up.

use super::disguise;
use super::secret::SecretValue;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use zeroize::Zeroizing;

/// What stands in the place of a secret.
pub const SHOWN: &str = "***";

/// Finds secrets. Without any it costs nothing.
#[derive(Default)]
pub struct Mask {
    finder: Option<AhoCorasick>,
    /// Sorted, to see whether the end of a piece begins one of them.
    patterns: Vec<Zeroizing<Vec<u8>>>,
    /// Which bytes a pattern begins with.
    first: Option<Box<[bool; 256]>>,
    longest: usize,
}

impl Mask {
    /// A mask over all forms of these values.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a SecretValue>) -> Self {
        let mut patterns: Vec<_> = values.into_iter().flat_map(|value| disguise::forms(value.expose())).collect();
        if patterns.is_empty() {
            return Self::default();
        }
        patterns.sort_by(|one, other| one.as_slice().cmp(other));
        patterns.dedup();
        let mut first = Box::new([false; 256]);
        patterns.iter().for_each(|pattern| first[usize::from(pattern[0])] = true);
        // Small where a table of states would be large: a key of 4 KiB has ten forms.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns.iter().map(|pattern| pattern.as_slice()))
            .expect("the forms of what a vault holds, a few megabytes, make an automaton");
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or_default();
        Self { finder: Some(finder), patterns, first: Some(first), longest }
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    /// The text without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let hidden = self.find(text.as_bytes());
        if hidden.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut shown = Vec::with_capacity(text.len());
        copy(text.as_bytes(), &hidden, &mut shown);
        // Forms are whole characters, so what is left of a text is one.
        Cow::Owned(String::from_utf8_lossy(&shown).into_owned())
    }

    /// The JSON document without secrets: in its strings, its keys and its numbers.
    pub fn json(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Number(number) => {
                if let Cow::Owned(masked) = self.text(&number.to_string()) {
                    *value = Value::String(masked);
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.json(element)),
            Value::Object(fields) => {
                let masked = std::mem::take(fields).into_iter().map(|(key, mut field)| {
                    self.json(&mut field);
                    (self.text(&key).into_owned(), field)
                });
                *fields = masked.collect();
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Where secrets stand, in order, none over another.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(finder) = &self.finder else { return Vec::new() };
        // Most text holds none, and to know that is much faster than to look for all.
        if !finder.is_match(bytes) {
            return Vec::new();
        }
        merge(finder.find_overlapping_iter(bytes).map(|found| found.range()).collect())
    }

    /// How many bytes at the end of `bytes` may be the beginning of a secret.
    fn begun(&self, bytes: &[u8]) -> usize {
        let Some(first) = &self.first else { return 0 };
        let from = bytes.len() - bytes.len().min(self.longest.saturating_sub(1));
        let begins = |end: &[u8]| {
            let at = self.patterns.partition_point(|pattern| pattern.as_slice() <= end);
            self.patterns.get(at).is_some_and(|pattern| pattern.starts_with(end))
        };
        let start = (from..bytes.len()).find(|at| first[usize::from(bytes[*at])] && begins(&bytes[*at..]));
        start.map_or(0, |start| bytes.len() - start)
    }
}

/// One stream of bytes that comes in pieces: holds back what may be the beginning of a secret, and no more.
#[derive(Default)]
pub struct MaskedStream {
    kept: Zeroizing<Vec<u8>>,
    /// So many of the kept bytes belong to a secret that is already shown as hidden.
    hidden: usize,
}

impl MaskedStream {
    /// Takes a piece and returns what may be shown now.
    pub fn push(&mut self, mask: &Mask, piece: Bytes) -> Bytes {
        if self.kept.is_empty() {
            let n_begun = mask.begun(&piece);
            let hidden = mask.find(&piece);
            if hidden.is_empty() {
                let shown = piece.slice(..piece.len() - n_begun);
                self.kept.extend_from_slice(&piece[shown.len()..]);
                return shown;
            }
            return self.show(&piece, hidden, n_begun);
        }
        let mut bytes = std::mem::take(&mut self.kept);
        bytes.extend_from_slice(&piece);
        let n_begun = mask.begun(&bytes);
        self.show(&bytes, mask.find(&bytes), n_begun)
    }

    /// The stream ends: returns what was held back.
    pub fn finish(&mut self, mask: &Mask) -> Bytes {
        let bytes = std::mem::take(&mut self.kept);
        self.show(&bytes, mask.find(&bytes), 0)
    }

    /// Shows all but the last `n_begun` bytes, which are kept.
    fn show(&mut self, bytes: &[u8], mut hidden: Vec<Range<usize>>, n_begun: usize) -> Bytes {
        let end = bytes.len() - n_begun;
        let goes_on = self.hidden > 0;
        if goes_on {
            hidden.insert(0, 0..self.hidden);
            hidden = merge(hidden);
        }
        let mut shown = Vec::with_capacity(bytes.len());
        let mut from = 0;
        self.hidden = 0;
        for (idx, range) in hidden.into_iter().enumerate() {
            // What goes on from the last piece was shown there.
            let is_shown = goes_on && idx == 0;
            if is_shown || range.start < end {
                if !is_shown {
                    shown.extend_from_slice(&bytes[from..range.start]);
                    shown.extend_from_slice(SHOWN.as_bytes());
                }
                from = range.end;
                self.hidden = range.end.saturating_sub(end);
            }
        }
        shown.extend_from_slice(bytes.get(from..end).unwrap_or_default());
        self.kept.extend_from_slice(&bytes[end..]);
        Bytes::from(shown)
    }
}

/// The bytes with each of the ranges hidden.
fn copy(bytes: &[u8], hidden: &[Range<usize>], shown: &mut Vec<u8>) {
    let mut from = 0;
    for range in hidden {
        shown.extend_from_slice(&bytes[from..range.start]);
        shown.extend_from_slice(SHOWN.as_bytes());
        from = range.end;
    }
    shown.extend_from_slice(&bytes[from..]);
}

/// Ranges that overlap become one.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{Mask, MaskedStream, SecretValue};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    fn mask(values: &[&str]) -> Mask {
        let values: Vec<_> = values.iter().map(|value| SecretValue::new((*value).to_owned())).collect();
        Mask::of(&values)
    }

    fn streamed(mask: &Mask, pieces: &[&[u8]]) -> String {
        let mut stream = MaskedStream::default();
        let mut shown = Vec::new();
        for piece in pieces {
            shown.extend_from_slice(&stream.push(mask, Bytes::copy_from_slice(piece)));
        }
        shown.extend_from_slice(&stream.finish(mask));
        String::from_utf8_lossy(&shown).into_owned()
    }

    #[test]
    fn a_text_shows_stars_for_each_secret_and_is_else_untouched() {
        let mask = mask(&["hunter22", "tok-é/1"]);
        assert_eq!(mask.text("the password is hunter22, not hunter2"), "the password is ***, not hunter2");
        assert_eq!(mask.text("x=tok-%C3%A9%2F1&y=tok-é/1"), "x=***&y=***");
        assert_eq!(mask.text("nothing"), "nothing");
    }

    #[test]
    fn secrets_that_overlap_leave_no_rest() {
        assert_eq!(mask(&["abcd", "cdef", "abcdefgh"]).text("xabcdefy"), "x***y");
        assert_eq!(mask(&["aaaa"]).text("aaaaaaaaa b"), "*** b");
    }

    #[test]
    fn short_values_are_left_alone() {
        assert!(mask(&["1", "abc", ""]).is_empty());
        assert_eq!(mask(&["1"]).text("1 + 1"), "1 + 1");
    }

    #[test]
    fn json_is_masked_in_keys_strings_and_numbers() {
        let mut value = json!({"hunter22": ["a hunter22", 123456, 12], "b": {"c": true}});
        mask(&["hunter22", "123456"]).json(&mut value);
        assert_eq!(value, json!({"***": ["a ***", "***", 12], "b": {"c": true}}));
    }

    #[test]
    fn a_stream_holds_back_only_what_may_be_a_beginning() {
        let mask = mask(&["hunter22"]);
        let mut stream = MaskedStream::default();
        let mut push = |piece: &'static str| stream.push(&mask, Bytes::from_static(piece.as_bytes()));
        assert_eq!(push("password: "), "password: ");
        assert_eq!(push("a hun"), "a ");
        assert_eq!(push("ter2"), "");
        assert_eq!(push("1 hunter2"), "hunter21 ");
        assert_eq!(push("2!"), "***!");
        assert_eq!(push("\nhunt"), "\n");
        assert_eq!(stream.finish(&mask), "hunt");
    }

    #[test]
    fn an_endless_repetition_of_a_secret_is_held_in_bounded_memory() {
        let mask = mask(&["aaaa"]);
        let mut stream = MaskedStream::default();
        let mut shown = Vec::new();
        for _ in 0..1000 {
            shown.extend_from_slice(&stream.push(&mask, Bytes::from_static(b"aaaaaaa")));
            assert!(stream.kept.len() < 4, "{}", stream.kept.len());
        }
        shown.extend_from_slice(&stream.push(&mask, Bytes::from_static(b"b")));
        assert_eq!(shown, b"***b");
    }

    #[test]
    fn a_key_of_many_lines_is_hidden_whole_and_line_by_line() {
        let key = "-----BEGIN KEY-----\nMC4CAQAwBQ\nYDK2VwBCIE\n-----END KEY-----\n";
        let mask = mask(&[key]);
        assert_eq!(mask.text(&format!("<{key}>")), "<***\n>");
        assert_eq!(mask.text("  MC4CAQAwBQ\r\n  YDK2VwBCIE"), "  ***\r\n  ***");
    }

    /// Where bytes are cut into pieces.
    fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|window| &bytes[window[0]..window[1]]).collect()
    }

    proptest! {
        #[test]
        fn wherever_a_stream_is_cut_it_shows_what_the_whole_would(
            text in "[ab\\n]{0,80}", one in "[ab\\n]{4,8}", two in "[ab]{4,6}",
            cuts in proptest::collection::vec(0usize..100, 0..12),
        ) {
            let mask = mask(&[&one, &two]);
            prop_assert_eq!(streamed(&mask, &pieces(text.as_bytes(), &cuts)), mask.text(&text));
        }

        #[test]
        fn no_form_of_a_secret_gets_through(
            secret in "[!-~é]{8,24}", before in "[ -~]{0,20}", after in "[ -~]{0,20}",
            cuts in proptest::collection::vec(0usize..200, 0..12), how in 0..5,
        ) {
            let form = match how {
                0 => secret.clone(),
                1 => STANDARD.encode(&secret).trim_end_matches('=').to_owned(),
                2 => percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
                3 => serde_json::to_string(&secret).unwrap().trim_start_matches('"').to_owned(),
                _ => url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            };
            // The last character of base64 may hold bits of what follows, that of a JSON string is its quote.
            let core = form[..form.len() - usize::from(matches!(how, 1 | 3))].to_owned();
            let text = format!("{before}{form}{after}");
            prop_assume!(!before.contains(&core) && !after.contains(&core));
            let shown = streamed(&mask(&[&secret]), &pieces(text.as_bytes(), &cuts));
            prop_assert!(!shown.contains(&core), "{shown}");
        }
    }
}
