//! Log lines as HTML: escaped, ANSI colours as classes, everything else of ANSI left out, over-long lines cut visibly.

use super::words::{escape_into, number};
use crate::status::resource::{LogChannel, LogLine};
use std::fmt::Write as _;

/// Characters of one line that a page shows; the raw log has the rest.
const CHARS_MAX: usize = 4_000;

/// Writes one line: its number as a link to itself, then the text. The channel is told by a sign and a title as well as by colour.
pub fn write(out: &mut String, line: &LogLine) {
    let n = line.number + 1;
    let (class, mark) = match line.channel {
        LogChannel::Stdout => ("", ""),
        LogChannel::Stderr => (" class=er", "<b title=\"standard error\">E</b>"),
        LogChannel::Header => (" class=me", "<b title=\"said by Weir\">#</b>"),
    };
    let _ = write!(out, "<p id=L{n}{class}><a href=\"#L{n}\">{n}</a>{mark}<span>");
    text(out, &String::from_utf8_lossy(&line.bytes));
    out.push_str("</span></p>\n");
}

/// Says that the log has ended; the script knows by its id that the page is whole.
pub fn end(out: &mut String) {
    out.push_str("<p class=note id=log-end>The log has ended.</p>\n");
}

/// Says that this page has taken as many lines as a browser should hold, and where it goes on.
pub fn full(out: &mut String, href: &str) {
    out.push_str("<p class=note id=log-end>This page is full. <a href=\"");
    escape_into(out, href);
    out.push_str("\">Go on at the end of the log</a></p>\n");
}

/// A line's text.
fn text(out: &mut String, line: &str) {
    let mut pen = Pen::default();
    let mut n_chars = 0;
    let mut rest = line;
    // What a carriage return overwrites is not shown: a progress bar is its last state.
    if let Some((_, last)) = rest.trim_end_matches('\r').rsplit_once('\r') {
        rest = last;
    }
    while !rest.is_empty() {
        let plain_len = rest.find('\u{1b}').unwrap_or(rest.len());
        let (plain, after) = rest.split_at(plain_len);
        if !plain.is_empty() {
            let left = CHARS_MAX - n_chars;
            let end = plain.char_indices().nth(left).map_or(plain.len(), |(i, _)| i);
            pen.open(out);
            for piece in plain[..end].split(|c: char| c.is_control() && c != '\t') {
                escape_into(out, piece);
            }
            if end < plain.len() {
                pen.close(out);
                let more = line.chars().count().saturating_sub(CHARS_MAX);
                let _ = write!(out, "<em> … {} more characters: see the raw log</em>", number(more as i64));
                return;
            }
            n_chars += plain.chars().count();
        }
        rest = escape_sequence(after, &mut pen, out);
    }
    pen.close(out);
}

/// Reads the escape sequence at the start of `text`, if there is one; returns what follows it.
fn escape_sequence<'a>(text: &'a str, pen: &mut Pen, out: &mut String) -> &'a str {
    let Some(after) = text.strip_prefix('\u{1b}') else { return text };
    let Some(body) = after.strip_prefix('[') else {
        if let Some(command) = after.strip_prefix(']') {
            // An operating system command (a title, a link): up to BEL or ESC \.
            let end = command.find(['\u{7}', '\u{1b}']).unwrap_or(command.len());
            let tail = &command[end..];
            return tail.strip_prefix('\u{7}').or_else(|| tail.strip_prefix("\u{1b}\\")).unwrap_or("");
        }
        // Two or three characters, such as `ESC ( B`: a designator, then what it designates.
        let mut chars = after.chars();
        if chars.next().is_some_and(|c| matches!(c, '(' | ')' | '*' | '+' | '#' | '%')) {
            chars.next();
        }
        return chars.as_str();
    };
    let end = body.find(|c: char| ('@'..='~').contains(&c));
    let Some(end) = end else { return "" };
    if body.as_bytes()[end] == b'm' {
        pen.close(out);
        pen.set(&body[..end]);
    }
    &body[end + 1..]
}

/// The colour and weight in force.
#[derive(Default)]
struct Pen {
    colour: Option<u8>,
    is_bold: bool,
    is_open: bool,
}

impl Pen {
    /// Applies the parameters of an SGR sequence. 256 and true colours are passed over, with their arguments.
    fn set(&mut self, parameters: &str) {
        let mut numbers = parameters.split([';', ':']).map(|p| p.parse::<u16>().unwrap_or(0));
        while let Some(n) = numbers.next() {
            match n {
                0 => *self = Self::default(),
                1 => self.is_bold = true,
                22 => self.is_bold = false,
                30..=37 => self.colour = Some((n - 30) as u8),
                90..=97 => self.colour = Some((n - 90) as u8),
                39 => self.colour = None,
                38 | 48 => {
                    let skip = if numbers.next() == Some(5) { 1 } else { 3 };
                    numbers.by_ref().take(skip).for_each(drop);
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, out: &mut String) {
        if self.is_open || (self.colour.is_none() && !self.is_bold) {
            return;
        }
        out.push_str("<span class=\"");
        if let Some(colour) = self.colour {
            let _ = write!(out, "a{colour}");
        }
        out.push_str(if self.is_bold { " ab\">" } else { "\">" });
        self.is_open = true;
    }

    fn close(&mut self, out: &mut String) {
        if self.is_open {
            out.push_str("</span>");
            self.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    fn html(line: &str) -> String {
        let mut out = String::new();
        text(&mut out, line);
        out
    }

    #[test]
    fn markup_is_escaped_and_colours_become_classes() {
        assert_eq!(html("a <b> & \u{1b}[31mred\u{1b}[0m c"), "a &lt;b&gt; &amp; <span class=\"a1\">red</span> c");
        assert_eq!(html("\u{1b}[1;32mok\u{1b}[K"), "<span class=\"a2 ab\">ok</span>");
        assert_eq!(html("\u{1b}[38;5;196mx\u{1b}[48;2;1;2;3my"), "xy");
    }

    #[test]
    fn other_sequences_and_broken_ones_leave_nothing_behind() {
        assert_eq!(html("\u{1b}]0;title\u{7}a\u{1b}(Bb\u{1b}[2J"), "ab");
        for broken in ["\u{1b}", "\u{1b}[", "\u{1b}[31", "\u{1b}]x"] {
            assert_eq!(html(broken), "");
        }
        assert_eq!(html("a\u{0}\u{8}b\tc"), "ab\tc");
    }

    #[test]
    fn of_a_progress_bar_the_last_state_is_shown_and_long_lines_are_cut_visibly() {
        assert_eq!(html("10%\r50%\r100%\r"), "100%");
        assert!(html(&"é".repeat(5_000)).ends_with("… 1,000 more characters: see the raw log</em>"));
    }
}
