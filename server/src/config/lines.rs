//! Lines and columns of a text, found without reading it from its start each time: a file may be wrong in very many places, and all of
//! it may be one line.

use std::sync::OnceLock;

/// Bytes between two marks.
const STRIDE: usize = 4_096;

/// A text, with what it takes to say where something stands in it.
pub struct Lines {
    text: String,
    /// One every `STRIDE` bytes; made when the first place is asked for.
    marks: OnceLock<Vec<Mark>>,
}

/// What stands before a place of the text.
#[derive(Clone, Copy)]
struct Mark {
    byte: usize,
    /// Line breaks before it.
    n_lines: usize,
    /// Characters before it.
    n_chars: usize,
    /// The first byte of its line.
    line_start: usize,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The first byte of the line.
    pub line_start: usize,
}

impl Lines {
    /// Those of `text`.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), marks: OnceLock::new() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte `byte` stands; of a character's inner bytes, where the character does.
    pub fn spot(&self, byte: usize) -> Spot {
        let at = self.mark(self.text.floor_char_boundary(byte));
        let column = at.n_chars - self.mark(at.line_start).n_chars + 1;
        Spot { line: at.n_lines + 1, column, line_start: at.line_start }
    }

    /// What stands before `byte`, which begins a character.
    fn mark(&self, byte: usize) -> Mark {
        let marks = self.marks.get_or_init(|| self.marks());
        self.beyond(marks[byte / STRIDE], byte)
    }

    fn marks(&self) -> Vec<Mark> {
        let mut at = Mark { byte: 0, n_lines: 0, n_chars: 0, line_start: 0 };
        let mut marks = vec![at];
        for byte in (STRIDE..=self.text.len()).step_by(STRIDE) {
            at = self.beyond(at, self.text.floor_char_boundary(byte));
            marks.push(at);
        }
        marks
    }

    /// What stands before `byte`, from what stands before a place that is not behind it.
    fn beyond(&self, from: Mark, byte: usize) -> Mark {
        let between = &self.text[from.byte..byte];
        Mark {
            byte,
            n_lines: from.n_lines + between.matches('\n').count(),
            n_chars: from.n_chars + between.chars().count(),
            line_start: between.rfind('\n').map_or(from.line_start, |at| from.byte + at + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, STRIDE, Spot};

    #[test]
    fn each_place_is_the_one_that_counting_from_the_start_finds() {
        let long = format!("ab\n{}\n\nß\r\n{}\n", "ü".repeat(2 * STRIDE + 1), "日本a".repeat(STRIDE));
        for text in ["", "a", "\n", "ä\nb", &"x".repeat(STRIDE), &"x\n".repeat(STRIDE / 2), long.as_str()] {
            let lines = Lines::of(text);
            let mut spot = Spot { line: 1, column: 1, line_start: 0 };
            for (byte, c) in text.char_indices() {
                assert_eq!(lines.spot(byte), spot, "{byte}");
                assert_eq!(lines.spot(byte + c.len_utf8() - 1), spot, "{byte}");
                spot.column += 1;
                if c == '\n' {
                    spot = Spot { line: spot.line + 1, column: 1, line_start: byte + 1 };
                }
            }
            assert_eq!((lines.spot(text.len()), lines.spot(text.len() + 9)), (spot, spot));
        }
    }
}
