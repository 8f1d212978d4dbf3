//! The patterns of a team's force parameters: each is made once, and all of them are bounded, because a short pattern can take long to make
//! and be large.

use super::read::{At, Reader};
use regex::{Error, Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Different patterns of one team. The same pattern at several builders is one.
const PATTERNS_MAX: usize = 100;

/// Characters of all different patterns of one team together, see [`cost`]: making one takes up to a millisecond for each character.
const COST_MAX: usize = 4_000;

/// How many characters one counts for where letters of either case fit, which is looked up for each character of Unicode that the pattern
/// takes.
const CASELESS: usize = 10;

/// Bytes of one pattern that was made. `\w` takes 30,000 of them, `[A-Za-z0-9_]` a hundred.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What makes a pattern match the whole value.
const WHOLE: (&str, &str) = (r"\A(?:", r")\z");

/// The patterns of one team so far.
#[derive(Default)]
pub struct Patterns(RefCell<Made>);

#[derive(Default)]
struct Made {
    /// None of a pattern that is none.
    by_text: BTreeMap<String, Option<Regex>>,
    cost: usize,
    /// That there are too many is told once.
    is_full: bool,
}

impl Patterns {
    /// The pattern, made to match the whole value.
    pub fn whole(&self, pattern: &At<String>, reader: &Reader<'_>) -> Option<Regex> {
        let mut made = self.0.borrow_mut();
        if let Some(known @ Some(_)) = made.by_text.get(&pattern.value) {
            return known.clone();
        }
        made.cost = made.cost.saturating_add(cost(&pattern.value));
        if made.by_text.len() >= PATTERNS_MAX || made.cost > COST_MAX {
            if !made.is_full {
                reader.note(too_many(pattern, &made, reader));
            }
            made.is_full = true;
            return None;
        }
        let regex = make(pattern, reader);
        made.by_text.insert(pattern.value.clone(), regex.clone());
        regex
    }
}

fn too_many(pattern: &At<String>, made: &Made, reader: &Reader<'_>) -> super::diagnostic::Diagnostic {
    let message = match made.cost > COST_MAX {
        true => format!("the different patterns of this team have together over {COST_MAX} characters from here on"),
        false => format!("this team has over {PATTERNS_MAX} different patterns from here on"),
    };
    reader.wrong(&pattern.path, "too-many-patterns", message).expected(format!(
        "at most {PATTERNS_MAX} different ones in a team, with {COST_MAX} characters (with `(?i)`, {})",
        COST_MAX / CASELESS
    ))
}

/// Characters that a pattern counts for.
fn cost(pattern: &str) -> usize {
    // With `x` there may be blanks before the `?` of a flag.
    let sets = |flags: &str| flags.chars().take_while(|c| c.is_ascii_alphabetic()).any(|c| matches!(c, 'i' | 'x'));
    let is_caseless = pattern.match_indices("(?").any(|(at, open)| sets(&pattern[at + open.len()..]));
    pattern.chars().count() * if is_caseless { CASELESS } else { 1 }
}

/// Makes it; says what is wrong where it is none.
fn make(pattern: &At<String>, reader: &Reader<'_>) -> Option<Regex> {
    let build = |text: &str, bytes_max| RegexBuilder::new(text).size_limit(bytes_max).dfa_size_limit(bytes_max).build();
    // On its own first: what is wrong is said of what was written. Without any room it is only read.
    let made = match build(&pattern.value, 0) {
        Err(Error::CompiledTooBig(_)) | Ok(_) => {
            build(&format!("{}{}{}", WHOLE.0, pattern.value, WHOLE.1), PATTERN_BYTES_MAX)
        }
        Err(error) => Err(error),
    };
    let wrong = |error: Error| {
        let wrong = |message: String| reader.wrong(&pattern.path, "bad-pattern", message);
        reader.note(match error {
            Error::CompiledTooBig(_) => {
                wrong("this pattern is too large once it is made".to_owned()).expected(format!(
                    "one of at most {} KiB: fewer repetitions, or `[A-Za-z0-9_]` for `\\w`",
                    PATTERN_BYTES_MAX >> 10
                ))
            }
            error => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
                wrong(format!("this is no regular expression: {why}"))
            }
        });
    };
    made.map_err(wrong).ok()
}

/// A pattern as it was written, without what makes it match the whole.
pub fn written(pattern: &Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix(WHOLE.0).and_then(|text| text.strip_suffix(WHOLE.1)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn what_fits_letters_of_either_case_counts_for_more() {
        for (pattern, expected) in [("a?(b|é)", 7), ("(?:i)", 5), ("(?P<i>a)", 8)] {
            assert_eq!(cost(pattern), expected, "{pattern}");
        }
        for pattern in ["(?i)a", "(?si:a)", "a(?x)b"] {
            assert_eq!(cost(pattern), 10 * pattern.len(), "{pattern}");
        }
    }
}
