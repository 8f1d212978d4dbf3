//! The forms in which a secret's value turns up in output: as it is, and as tools encode it. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Shorter values are no secrets: hiding every `1` would hide the log.
pub const CHARS_MIN: usize = 4;
/// What RFC 3986 never encodes.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What JavaScript's `encodeURIComponent` encodes.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// What HTML forms encode.
const FORM: &AsciiSet = &UNRESERVED.add(b'~').remove(b'*');
/// What programs encode that leave `/` as it is, as for a path.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
/// Columns after which base64 is wrapped: `base64` of coreutils, PEM.
const WRAPPED: [usize; 2] = [76, 64];

/// Every form of `value`, sorted: exact, each of its lines, JSON-escaped, percent-encoded, in shell quotes, base64. None where it is too short.
pub fn forms(value: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = Forms::default();
    if value.chars().count() >= CHARS_MIN {
        forms.written(value);
        forms.base64(value.as_bytes());
    }
    if value.contains('\n') {
        for line in value.lines().map(str::trim).filter(|line| line.chars().count() >= CHARS_MIN) {
            forms.written(line);
        }
    }
    forms.0.sort_by(|one, other| one.as_slice().cmp(other));
    forms.0.dedup();
    forms.0
}

#[derive(Default)]
struct Forms(Vec<Zeroizing<Vec<u8>>>);

impl Forms {
    fn add(&mut self, form: impl Into<Vec<u8>>) {
        let form = Zeroizing::new(form.into());
        if form.len() >= CHARS_MIN {
            self.0.push(form);
        }
    }

    /// As text that tools write.
    fn written(&mut self, text: &str) {
        self.add(text);
        self.add(text.replace('\'', r"'\''"));
        if text.contains('\n') {
            self.add(text.replace('\n', "\r\n"));
        }
        for escaped in json(text) {
            self.add(escaped);
        }
        for set in [NON_ALPHANUMERIC, UNRESERVED, COMPONENT, FORM, PATH] {
            let encoded = utf8_percent_encode(text, set).to_string();
            self.add(encoded.replace("%20", "+"));
            self.add(lower_hex(&encoded));
            self.add(encoded);
        }
    }

    /// In base64 of something that it is part of: what stands before it decides which of three forms it takes, and the characters at
    /// the ends that also hold bits of its neighbours are left out.
    fn base64(&mut self, value: &[u8]) {
        for n_before in 0..3_usize {
            let mut bytes = Zeroizing::new(vec![0; n_before]);
            bytes.extend_from_slice(value);
            let skipped = if n_before == 0 { 0 } else { n_before + 1 };
            let end = bytes.len() * 8 / 6;
            for encoded in [STANDARD_NO_PAD.encode(&*bytes), URL_SAFE_NO_PAD.encode(&*bytes)] {
                let own = encoded.get(skipped..end).unwrap_or_default();
                if n_before == 0 {
                    WRAPPED
                        .into_iter()
                        .filter(|columns| own.len() > *columns)
                        .for_each(|columns| self.wrapped(own, columns));
                }
                self.add(own);
            }
        }
    }

    /// The lines of base64 that is wrapped.
    fn wrapped(&mut self, encoded: &str, columns: usize) {
        encoded.as_bytes().chunks(columns).for_each(|line| self.add(line));
    }
}

/// As the inside of a JSON string: as most programs write it, with `/` escaped, all in ASCII, and safe to stand in HTML.
fn json(text: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let ascii = escape(&plain, |c| !c.is_ascii());
    let html = escape(&plain, |c| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'));
    vec![plain.replace('/', r"\/"), ascii.replace('/', r"\/"), plain, ascii, html]
}

/// `\u00e9` for each character of which `which` says so.
fn escape(text: &str, which: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if which(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string never fails.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// `%2f` for `%2F`.
fn lower_hex(encoded: &str) -> String {
    let mut digits = 0_u8;
    let lower = |c: char| {
        let is_digit = digits > 0;
        digits = if c == '%' { 2 } else { digits.saturating_sub(1) };
        if is_digit { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::{escape, forms, lower_hex};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use expect_test::expect;
    use proptest::prelude::*;

    fn shown(value: &str) -> String {
        forms(value).iter().map(|form| String::from_utf8_lossy(form).into_owned() + "\n").collect()
    }

    #[test]
    fn a_plain_word_has_few_forms() {
        expect![[r#"
            aHVudGVyMj
            h1bnRlcjIy
            hunter22
            odW50ZXIyM
        "#]]
        .assert_eq(&shown("hunter22"));
    }

    #[test]
    fn a_value_of_signs_is_known_as_tools_encode_it() {
        let all = shown("a/b c'é<");
        for form in [
            "a/b c'é<",
            r"a/b c'\''é<",
            r"a\/b c'é<",
            r"a/b c'\u00e9<",
            "a/b c'é\\u003c",
            "a%2Fb%20c%27%C3%A9%3C",
            "a%2fb%20c%27%c3%a9%3c",
            "a%2Fb+c%27%C3%A9%3C",
            "a/b%20c%27%C3%A9%3C",
            "a%2Fb%20c'%C3%A9%3C",
        ] {
            assert!(all.lines().any(|line| line == form), "{form} is not among\n{all}");
        }
    }

    #[test]
    fn what_is_too_short_has_no_form_and_of_many_lines_each_long_one_has_its_own() {
        assert_eq!(shown("abc"), "");
        assert_eq!(shown(""), "");
        let all = forms("{\n  \"key\": \"value\",\n}\n");
        assert!(all.iter().any(|form| form.as_slice() == b"\"key\": \"value\","));
        assert!(!all.iter().any(|form| form.as_slice() == b"}"));
    }

    #[test]
    fn long_base64_is_known_line_by_line() {
        let value = "0123456789".repeat(12);
        let encoded = STANDARD.encode(&value);
        for columns in [64, 76] {
            for line in encoded.as_bytes().chunks(columns).take(2) {
                assert!(forms(&value).iter().any(|form| form.as_slice() == line));
            }
        }
    }

    #[test]
    fn helpers_touch_nothing_else() {
        assert_eq!(lower_hex("A%2FB%C3C%%AF"), "A%2fB%c3C%%af");
        assert_eq!(escape("😀a", |c| !c.is_ascii()), "\\ud83d\\ude00a");
    }

    proptest! {
        #[test]
        fn base64_of_whatever_holds_it_holds_a_form(value in "\\PC{4,30}", before in "\\PC{0,7}", after in "\\PC{0,7}") {
            let all = format!("{before}{value}{after}");
            for encoded in [STANDARD.encode(&all), URL_SAFE.encode(&all)] {
                let found = forms(&value).into_iter().any(|form| {
                    let form = String::from_utf8_lossy(&form).into_owned();
                    encoded.contains(&form)
                });
                prop_assert!(found, "{encoded}");
            }
        }
    }
}
