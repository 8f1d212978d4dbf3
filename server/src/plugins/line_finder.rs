//! Finds lines in what a command prints: splits its streams into lines and keeps those that fit. Costs by the byte; knows no guest.

use crate::plugins::bindings::command::{Channel, FoundLine, LineFilter};
use bytes::Buf;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Longest line that is matched and handed over; what follows is skipped up to the line's end.
pub const LINE_BYTES_MAX: usize = 64 << 10;
/// Lines of one batch.
pub const LINES_MAX: usize = 1_000;
/// Text of one batch, groups included.
pub const BATCH_BYTES_MAX: usize = 1 << 20;
/// Prefixes or patterns of one search, and bytes of each.
const WANTED_MAX: usize = 100;
const WANTED_BYTES_MAX: usize = 4 << 10;
/// Groups of one pattern, so that a line with all its groups fits into a batch.
const GROUPS_MAX: usize = BATCH_BYTES_MAX / LINE_BYTES_MAX - 1;
/// Memory that all patterns together may compile to, and each alone.
const SET_BYTES_MAX: usize = 1 << 20;
const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Memory that matching may use for what it has learnt. Groups are only asked for in lines that fit: there it may be slow.
const SET_CACHE_BYTES_MAX: usize = 1 << 20;
const PATTERN_CACHE_BYTES_MAX: usize = 64 << 10;

/// Lines that were found, as many as go to the guest at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// The lines.
    pub lines: Vec<FoundLine>,
    bytes: usize,
}

impl Batch {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether another batch fits in as well.
    pub fn has_room_for(&self, other: &Self) -> bool {
        self.lines.len() + other.lines.len() <= LINES_MAX && self.bytes + other.bytes <= BATCH_BYTES_MAX
    }

    /// Puts another batch behind this one.
    pub fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
        self.bytes += other.bytes;
    }

    /// Takes a line, or gives it back where it does not fit.
    fn push(&mut self, line: FoundLine) -> Option<FoundLine> {
        let bytes = line.text.len() + line.groups.iter().flatten().map(String::len).sum::<usize>();
        if self.lines.len() >= LINES_MAX || self.bytes + bytes > BATCH_BYTES_MAX {
            return Some(line);
        }
        self.bytes += bytes;
        self.lines.push(line);
        None
    }
}

/// Looks for lines.
#[derive(Debug)]
pub struct LineFinder {
    wanted: Wanted,
    stdout: Stream,
    stderr: Stream,
    /// Was found and did not fit into the last batch.
    held: Option<FoundLine>,
}

#[derive(Debug)]
enum Wanted {
    All,
    Prefixes(Vec<String>),
    Patterns {
        set: RegexSet,
        /// Those that have groups.
        with_groups: Vec<Option<Regex>>,
    },
}

/// One stream: how far it is, and the line that has begun.
#[derive(Debug, Default)]
struct Stream {
    number: u32,
    begun: Vec<u8>,
    has_begun: bool,
}

impl LineFinder {
    /// Compiles what is wanted. May take some milliseconds.
    ///
    /// # Errors
    /// A sentence that says what cannot be looked for.
    pub fn new(want: LineFilter) -> Result<Self, String> {
        let wanted = match want {
            LineFilter::All => Wanted::All,
            LineFilter::Prefixes(prefixes) => {
                check("prefix", &prefixes)?;
                Wanted::Prefixes(prefixes)
            }
            LineFilter::Patterns(patterns) => compile(&patterns)?,
        };
        Ok(Self { wanted, stdout: Stream::default(), stderr: Stream::default(), held: None })
    }

    /// Looks through the next bytes of a stream until they, or the batch, are at their end. What is left has to come again.
    pub fn look(&mut self, source: Channel, bytes: &mut impl Buf, batch: &mut Batch) {
        self.held = self.held.take().and_then(|line| batch.push(line));
        while self.held.is_none() && bytes.has_remaining() {
            let stream = match source {
                Channel::Stdout => &mut self.stdout,
                Channel::Stderr => &mut self.stderr,
            };
            let piece = bytes.chunk();
            let Some(end) = memchr::memchr(b'\n', piece) else {
                stream.begin(piece);
                bytes.advance(piece.len());
                return;
            };
            let found = if stream.has_begun {
                stream.begin(&piece[..end]);
                stream.end(&self.wanted, source)
            } else {
                stream.number = stream.number.saturating_add(1);
                self.wanted.find(source, stream.number, &piece[..end])
            };
            bytes.advance(end + 1);
            self.held = found.and_then(|line| batch.push(line));
        }
    }

    /// The streams have ended: looks at lines without an end. Whether anything is left that did not fit.
    pub fn end(&mut self, batch: &mut Batch) -> bool {
        self.held = self.held.take().and_then(|line| batch.push(line));
        for (stream, source) in [(&mut self.stdout, Channel::Stdout), (&mut self.stderr, Channel::Stderr)] {
            if self.held.is_none() && stream.has_begun {
                self.held = stream.end(&self.wanted, source).and_then(|line| batch.push(line));
            }
        }
        self.held.is_some() || self.stdout.has_begun || self.stderr.has_begun
    }
}

impl Stream {
    /// More of a line whose end has not come yet.
    fn begin(&mut self, bytes: &[u8]) {
        self.has_begun = true;
        // One byte more than is used tells a line that was cut from one that just fits.
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self, wanted: &Wanted, source: Channel) -> Option<FoundLine> {
        self.number = self.number.saturating_add(1);
        self.has_begun = false;
        let found = wanted.find(source, self.number, &self.begun);
        self.begun.clear();
        found
    }
}

impl Wanted {
    fn find(&self, source: Channel, number: u32, line: &[u8]) -> Option<FoundLine> {
        let line = match line.get(..LINE_BYTES_MAX) {
            Some(cut) if line.len() > LINE_BYTES_MAX => cut,
            _ => line.strip_suffix(b"\r").unwrap_or(line),
        };
        let mut groups = Vec::new();
        let which = match self {
            Self::All => 0,
            Self::Prefixes(prefixes) => prefixes.iter().position(|prefix| line.starts_with(prefix.as_bytes()))?,
            Self::Patterns { set, with_groups } => {
                let which = set.matches(line).iter().next()?;
                if let Some(captures) = with_groups[which].as_ref().and_then(|pattern| pattern.captures(line)) {
                    groups = captures.iter().skip(1).map(|group| group.map(|group| text(group.as_bytes()))).collect();
                }
                which
            }
        };
        let which = u32::try_from(which).expect("there are at most 100");
        Some(FoundLine { number, source, text: text(line), which, groups })
    }
}

/// Text for a guest: what is no UTF-8 is replaced, which may make it longer, and so it is cut once more.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
    text
}

fn check(what: &str, wanted: &[String]) -> Result<(), String> {
    if wanted.is_empty() {
        return Err(format!("no {what} is given, so no line could fit; `all` takes every line"));
    }
    if wanted.len() > WANTED_MAX {
        return Err(format!("{} are given; at most {WANTED_MAX} can be looked for at once", wanted.len()));
    }
    match wanted.iter().position(|text| text.len() > WANTED_BYTES_MAX) {
        Some(at) => Err(format!("{what} {at} (from 0) has more than {WANTED_BYTES_MAX} bytes")),
        None => Ok(()),
    }
}

/// Patterns look at bytes: `.` is any of them, `\w` and its like are ASCII's, which keeps them small. `(?u)` in a pattern asks for more.
fn compile(patterns: &[String]) -> Result<Wanted, String> {
    check("pattern", patterns)?;
    let mut with_groups = Vec::with_capacity(patterns.len());
    for (at, pattern) in patterns.iter().enumerate() {
        let compiled = RegexBuilder::new(pattern)
            .unicode(false)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_CACHE_BYTES_MAX)
            .build()
            .map_err(|error| format!("pattern {at} (from 0): {}", why(&error)))?;
        let n_groups = compiled.captures_len() - 1;
        if n_groups > GROUPS_MAX {
            return Err(format!("pattern {at} (from 0) has {n_groups} groups; at most {GROUPS_MAX} can be taken"));
        }
        with_groups.push((n_groups > 0).then_some(compiled));
    }
    let set = RegexSetBuilder::new(patterns)
        .unicode(false)
        .size_limit(SET_BYTES_MAX)
        .dfa_size_limit(SET_CACHE_BYTES_MAX)
        .build()
        .map_err(|error| format!("the patterns together: {}", why(&error)))?;
    Ok(Wanted::Patterns { set, with_groups })
}

/// A pattern's trouble in one line; the library draws pictures of it.
fn why(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(max) => format!("compiles to more than {max} bytes; repeat less in it"),
        other => {
            let said = other.to_string();
            said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

#[cfg(test)]
#[path = "line_finder_tests.rs"]
mod tests;
