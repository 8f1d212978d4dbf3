//! Foreign text as one line of the server's own log: nothing in it begins a line of its own or steers a terminal. Pure.

/// Longest text, in bytes as it is written; of a longer one the middle is left out.
const BYTES_MAX: usize = 4_096;

/// `text` on one line: characters that control or turn round what is shown are escaped, and what is too long loses its middle.
pub fn one_line(text: &str) -> String {
    let line: String = text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if is_steering(c) {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        line
    });
    if line.len() <= BYTES_MAX {
        return line;
    }
    let half = BYTES_MAX / 2;
    format!("{} … {}", &line[..line.floor_char_boundary(half)], &line[line.ceil_char_boundary(line.len() - half)..])
}

/// Controls, separators of lines and paragraphs, and what changes the direction of writing.
pub fn is_steering(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, one_line};

    #[test]
    fn foreign_text_stays_one_line_and_steers_nothing() {
        assert_eq!(one_line("all is well, señor"), "all is well, señor");
        let forged = "boom\r\n2026-11-22 ERROR \u{1b}[31mroot\u{2028}\u{202e}\0";
        assert_eq!(one_line(forged), "boom\\r\\n2026-11-22 ERROR \\u{1b}[31mroot\\u{2028}\\u{202e}\\u{0}");
    }

    #[test]
    fn of_a_long_text_begin_and_end_are_left() {
        let line = one_line(&format!("begin{}end", "ü".repeat(10_000)));
        assert!(line.starts_with("begin") && line.ends_with("end") && line.contains(" … "));
        assert!(line.len() <= BYTES_MAX + 5);
    }
}
