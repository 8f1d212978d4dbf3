//! How large a log may grow: over its limit the middle is cut, visibly, and the step goes on. Pure.

use crate::model::size::Size;
use crate::model::time::Time;
use crate::status::resource::{LogChannel, LogLine};
use std::collections::VecDeque;

/// Of a log that was cut, at most this much of the end is kept; it waits in memory until the log ends.
const TAIL_BYTES_MAX: u64 = 1 << 20;

/// Lets a log's head through and keeps its tail.
#[derive(Debug)]
pub struct LogLimit {
    max: Size,
    head_left: u64,
    tail_max: u64,
    is_over: bool,
    tail: VecDeque<LogLine>,
    tail_bytes: u64,
    cut_bytes: u64,
    cut_lines: u64,
    last_at: Time,
}

impl LogLimit {
    /// For a log of at most `max` bytes, newlines included; what Weir says of the cut comes on top.
    pub fn new(max: Size) -> Self {
        let tail_max = (max.0 / 2).min(TAIL_BYTES_MAX);
        Self {
            max,
            head_left: max.0 - tail_max,
            tail_max,
            is_over: false,
            tail: VecDeque::new(),
            tail_bytes: 0,
            cut_bytes: 0,
            cut_lines: 0,
            last_at: Time::default(),
        }
    }

    /// Takes a line and hands on what may be stored now.
    pub fn take(&mut self, line: LogLine, out: &mut impl FnMut(LogLine)) {
        let size = size_of(&line);
        self.last_at = line.at;
        if !self.is_over {
            if let Some(left) = self.head_left.checked_sub(size) {
                self.head_left = left;
                return out(line);
            }
            self.is_over = true;
        }
        self.tail_bytes += size;
        self.tail.push_back(line);
        while self.tail_bytes > self.tail_max {
            let Some(cut) = self.tail.pop_front() else { break };
            if self.cut_bytes == 0 {
                let words = format!("This log reached its limit of {}: from here on only its end is kept.", self.max);
                out(said(cut.at, words));
            }
            self.tail_bytes -= size_of(&cut);
            self.cut_bytes += size_of(&cut);
            self.cut_lines += u64::from(!cut.continues);
        }
    }

    /// The log ends: hands on the tail, after saying how much was cut.
    pub fn finish(&mut self, out: &mut impl FnMut(LogLine)) {
        if self.cut_bytes > 0 {
            let at = self.tail.front().map_or(self.last_at, |first| first.at);
            let words = format!("… {} bytes ({} lines) were cut out here …", self.cut_bytes, self.cut_lines);
            out(said(at, words));
        }
        self.tail_bytes = 0;
        self.tail.drain(..).for_each(out);
    }
}

fn size_of(line: &LogLine) -> u64 {
    line.bytes.len() as u64 + u64::from(!line.continues)
}

fn said(at: Time, words: String) -> LogLine {
    LogLine { number: 0, channel: LogChannel::Header, at, bytes: words.into_bytes(), continues: false }
}

#[cfg(test)]
mod tests {
    use super::{LogLimit, TAIL_BYTES_MAX};
    use crate::model::size::Size;
    use crate::model::time::Time;
    use crate::status::resource::{LogChannel, LogLine};
    use expect_test::expect;

    fn line(text: &str) -> LogLine {
        let bytes = text.as_bytes().to_vec();
        LogLine { number: 0, channel: LogChannel::Stdout, at: Time::default(), bytes, continues: false }
    }

    fn limited(max: u64, lines: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut limit = LogLimit::new(Size(max));
        let mut out = Vec::new();
        let mut keep = |line: LogLine| out.push(String::from_utf8(line.bytes).unwrap());
        lines.into_iter().for_each(|l| limit.take(line(&l), &mut keep));
        limit.finish(&mut keep);
        out
    }

    #[test]
    fn a_log_within_its_limit_is_untouched() {
        assert_eq!(limited(8, ["abc", "def"].map(str::to_owned)), ["abc", "def"]);
    }

    #[test]
    fn over_the_limit_the_middle_is_cut_and_that_is_said() {
        let lines = (0..10).map(|i| format!("line {i}"));
        expect![[r#"
            line 0
            line 1
            This log reached its limit of 28 B: from here on only its end is kept.
            … 42 bytes (6 lines) were cut out here …
            line 8
            line 9"#]]
        .assert_eq(&limited(28, lines).join("\n"));
    }

    #[test]
    fn a_little_over_the_limit_nothing_is_lost() {
        let kept = limited(28, (0..4).map(|i| format!("line {i}")));
        assert_eq!(kept, ["line 0", "line 1", "line 2", "line 3"]);
    }

    #[test]
    fn the_tail_waits_in_bounded_memory() {
        let mut limit = LogLimit::new(Size(1 << 30));
        let big = "x".repeat(64 << 10);
        for _ in 0..40_000 {
            limit.take(line(&big), &mut |_| {});
        }
        assert!(limit.is_over && limit.tail_bytes <= TAIL_BYTES_MAX);
    }

    #[test]
    fn a_line_larger_than_the_whole_limit_is_cut_and_said() {
        expect![[r#"
            This log reached its limit of 4 B: from here on only its end is kept.
            … 11 bytes (1 lines) were cut out here …"#]]
        .assert_eq(&limited(4, ["0123456789".to_owned()]).join("\n"));
    }
}
