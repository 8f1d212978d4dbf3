//! Pieces of output to lines: one line in the making for each channel, none longer than a bound, no byte lost. Pure.

use crate::model::time::Time;
use crate::status::resource::{LogChannel, LogLine};
use crate::worker::{Channel, Output};

/// A longer line is cut into pieces of this many bytes, each but the last marked as going on.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// Lines in the making.
#[derive(Debug, Default)]
pub struct LogLines {
    partial: [Partial; 3],
}

#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    /// When its first byte was read; none while there is none.
    since: Option<Time>,
}

const CHANNELS: [LogChannel; 3] = [LogChannel::Stdout, LogChannel::Stderr, LogChannel::Header];

impl LogLines {
    /// Reads a piece and hands on each line that it completes. A line's time is when its first byte was read.
    pub fn read(&mut self, output: &Output, line: &mut impl FnMut(LogLine)) {
        let idx = match output.channel {
            Channel::Stdout => 0,
            Channel::Stderr => 1,
            Channel::Header => 2,
        };
        let (partial, channel) = (&mut self.partial[idx], CHANNELS[idx]);
        let mut rest = &output.bytes[..];
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            partial.add(&rest[..end], output.at, channel, line);
            let at = partial.since.take().unwrap_or(output.at);
            line(LogLine { number: 0, channel, at, bytes: std::mem::take(&mut partial.bytes), continues: false });
            rest = &rest[end + 1..];
        }
        partial.add(rest, output.at, channel, line);
    }

    /// Whether a line has begun and not ended.
    pub fn has_partial(&self) -> bool {
        self.partial.iter().any(|p| p.since.is_some())
    }

    /// Hands on what has begun, oldest first, marked as going on: for readers who wait, and at the end of the log.
    pub fn flush(&mut self, line: &mut impl FnMut(LogLine)) {
        let mut begun: Vec<_> =
            self.partial.iter_mut().zip(CHANNELS).filter(|(partial, _)| partial.since.is_some()).collect();
        begun.sort_by_key(|(partial, _)| partial.since);
        for (partial, channel) in begun {
            if let Some(at) = partial.since.take() {
                let bytes = std::mem::take(&mut partial.bytes);
                line(LogLine { number: 0, channel, at, bytes, continues: true });
            }
        }
    }
}

impl Partial {
    fn add(&mut self, mut bytes: &[u8], at: Time, channel: LogChannel, line: &mut impl FnMut(LogLine)) {
        while self.bytes.len() + bytes.len() > LINE_BYTES_MAX {
            let (piece, rest) = bytes.split_at(LINE_BYTES_MAX - self.bytes.len());
            self.bytes.extend_from_slice(piece);
            let full = std::mem::take(&mut self.bytes);
            let at = self.since.take().unwrap_or(at);
            line(LogLine { number: 0, channel, at, bytes: full, continues: true });
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.bytes.extend_from_slice(bytes);
            self.since.get_or_insert(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES_MAX, LogLines};
    use crate::model::time::Time;
    use crate::status::resource::LogLine;
    use crate::worker::{Channel, Output};
    use bytes::Bytes;
    use expect_test::expect;
    use proptest::prelude::*;

    fn lines(pieces: &[(Channel, &[u8])]) -> Vec<LogLine> {
        let mut assembler = LogLines::default();
        let mut lines = Vec::new();
        for (i, (channel, bytes)) in pieces.iter().enumerate() {
            let at = Time::from_timestamp(i as i64, 0).unwrap();
            let output = Output { channel: *channel, bytes: Bytes::copy_from_slice(bytes), at };
            assembler.read(&output, &mut |line| lines.push(line));
        }
        assembler.flush(&mut |line| lines.push(line));
        assert!(!assembler.has_partial());
        lines
    }

    fn told(lines: &[LogLine]) -> String {
        let one = |l: &LogLine| {
            let text = String::from_utf8_lossy(&l.bytes);
            format!("{} {:?} {text:?}{}\n", l.at.timestamp(), l.channel, if l.continues { " …" } else { "" })
        };
        lines.iter().map(one).collect()
    }

    #[test]
    fn each_channel_makes_its_own_lines_and_their_order_is_kept() {
        use Channel::{Header, Stderr, Stdout};
        let pieces: [(Channel, &[u8]); 6] = [
            (Header, b"make\n"),
            (Stdout, b"one\ntw"),
            (Stderr, b"oops\r\n\n"),
            (Stdout, b"o\nthree"),
            (Stderr, b"last"),
            (Stdout, b""),
        ];
        expect![[r#"
            0 Header "make"
            1 Stdout "one"
            2 Stderr "oops\r"
            2 Stderr ""
            1 Stdout "two"
            3 Stdout "three" …
            4 Stderr "last" …
        "#]]
        .assert_eq(&told(&lines(&pieces)));
    }

    #[test]
    fn a_long_line_is_cut_into_pieces_without_losing_a_byte() {
        let long = [vec![b'x'; 2 * LINE_BYTES_MAX + 5], b"\nnext\n".to_vec()].concat();
        let lines = lines(&[(Channel::Stdout, &long[..100]), (Channel::Stdout, &long[100..])]);
        let shape: Vec<_> = lines.iter().map(|l| (l.bytes.len(), l.continues)).collect();
        assert_eq!(shape, [(LINE_BYTES_MAX, true), (LINE_BYTES_MAX, true), (5, false), (4, false)]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_wherever_pieces_are_cut(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(0usize..400, 0..10),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|w| (Channel::Stdout, &text[w[0]..w[1]])).collect();
            let mut back = Vec::new();
            for line in lines(&pieces) {
                back.extend_from_slice(&line.bytes);
                if !line.continues {
                    back.push(b'\n');
                }
            }
            prop_assert_eq!(back, text);
        }
    }
}
