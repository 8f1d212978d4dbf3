//! How moments, spans, sizes and numbers are put into words.

use crate::model::time::Time;
use serde::Serialize;

/// A moment for a template: machine-readable, exact for people, and its distance from now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// RFC 3339, for `datetime`.
    pub iso: String,
    /// `2026-11-22 14:02:11 UTC`.
    pub full: String,
    /// `14:02` where it is today in UTC, else `Nov 21 14:02`, with the year where that is another.
    pub short: String,
    /// `5 minutes ago`, `in 2 hours`, `just now`.
    pub ago: String,
}

impl Moment {
    /// `at` as seen at `now`.
    pub fn new(at: Time, now: Time) -> Self {
        Self {
            iso: iso(at),
            full: at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            short: short(at, now),
            ago: ago(at, now),
        }
    }
}

/// RFC 3339 to the second.
pub fn iso(at: Time) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A clock time, with the date where it is another day.
pub fn short(at: Time, now: Time) -> String {
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M"
    } else if at.format("%Y").to_string() == now.format("%Y").to_string() {
        "%b %-d %H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    at.format(format).to_string()
}

/// A span in two units at most: `<1s`, `5s`, `1m 05s`, `3h 02m`, `4d 3h`.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..=0 => "<1s".to_owned(),
        1..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A span in one unit, rounded down: `5s`, `12m`, `3h`, `40d`.
pub fn coarse(seconds: i64) -> String {
    match seconds {
        ..=0 => "0s".to_owned(),
        1..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m", seconds / 60),
        3_600..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How far `at` is from `now`, in a sentence. What is past is rounded down, what is to come to the nearest: a token that was just made
/// for 30 days ends in 30 days and not in 29.
pub fn ago(at: Time, now: Time) -> String {
    let s = (now - at).num_seconds();
    let to_come = s < 0;
    let whole = |d: i64, unit: i64| if to_come { (d + unit / 2) / unit } else { d / unit };
    let (unit, n) = match s.abs() {
        0..=4 => return "just now".to_owned(),
        d @ 5..=59 => ("second", d),
        d @ 60..=3_599 if whole(d, 60) < 60 => ("minute", whole(d, 60)),
        d @ 60..=172_799 if whole(d, 3_600) < 48 => ("hour", whole(d, 3_600)),
        d => ("day", whole(d, 86_400)),
    };
    let unit = if n == 1 { unit.to_owned() } else { format!("{unit}s") };
    if to_come { format!("in {n} {unit}") } else { format!("{n} {unit} ago") }
}

/// A number with its thousands apart: `1,234,567`.
pub fn number(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if n < 0 { format!("-{out}") } else { out }
}

/// A number of bytes: `512 B`, `4.2 KiB`, `33 MiB`.
pub fn bytes(n: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1_024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `1 builder`, `2 builders`.
pub fn count(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", number(n as i64), if n == 1 { "" } else { "s" })
}

/// A message as HTML: what stands between backticks is code. A backtick without its other one stays what it is.
pub fn code_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, (code, after))) = rest.split_once('`').and_then(|(b, r)| Some((b, r.split_once('`')?))) {
        escape_into(&mut html, before);
        html.push_str("<code>");
        escape_into(&mut html, code);
        html.push_str("</code>");
        rest = after;
    }
    escape_into(&mut html, rest);
    html
}

/// Writes `text` into `out` with what HTML treats specially escaped, in text and in quoted attributes alike.
pub fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// `text` escaped for HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    escape_into(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_ages_sizes_and_numbers_read_well() {
        let spans: Vec<_> = [0, 5, 65, 3_599, 10_800, 100_000].map(span).into();
        assert_eq!(spans, ["<1s", "5s", "1m 05s", "59m 59s", "3h 00m", "1d 3h"]);
        let now = Time::from_timestamp(1_800_000_000, 0).unwrap();
        let ages = [2, 30, 60, 7_200, 200_000, -600].map(|s| ago(now - chrono::TimeDelta::seconds(s), now));
        assert_eq!(ages, ["just now", "30 seconds ago", "1 minute ago", "2 hours ago", "2 days ago", "in 10 minutes"]);
        let to_come = [30 * 86_400 - 3, 7 * 86_400 - 40_000, 172_799, 3_599, 3_000, 89, 59];
        let to_come = to_come.map(|s| ago(now + chrono::TimeDelta::seconds(s), now));
        let expected =
            ["in 30 days", "in 7 days", "in 2 days", "in 1 hour", "in 50 minutes", "in 1 minute", "in 59 seconds"];
        assert_eq!(to_come, expected);
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([5, 4_300, 34_603_008].map(bytes), ["5 B", "4.2 KiB", "33 MiB"]);
        assert_eq!(escape(r#"<a b="c">'&"#), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;");
    }

    #[test]
    fn code_of_a_message_is_marked_and_nothing_in_it_is_markup() {
        assert_eq!(code_html("no `<b>` in `v`, `"), "no <code>&lt;b&gt;</code> in <code>v</code>, `");
    }
}
