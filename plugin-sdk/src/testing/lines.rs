//! Lines of scripted commands, found as the server finds them.

use crate::command::{Channel, Exit};
use crate::error::{HostError, Refusal};
use crate::host::LineReader;
use crate::lines::{Line, LineBatch, LineFilter};
use regex::Regex;
use std::time::Duration;

/// Everything in one batch.
pub struct ScriptedLines(Option<LineBatch>);

impl ScriptedLines {
    /// What fits in this output.
    pub fn find(output: &str, wanted: &LineFilter, exit: Exit) -> Result<Self, HostError> {
        let patterns: Vec<Regex> = match wanted {
            LineFilter::Patterns(patterns) => patterns
                .iter()
                .map(|pattern| Regex::new(pattern))
                .collect::<Result<_, _>>()
                .map_err(|error| HostError::new(Refusal::Invalid, error.to_string()))?,
            LineFilter::All | LineFilter::Prefixes(_) => Vec::new(),
        };
        let fits = |text: &str| match wanted {
            LineFilter::All => Some((0, Vec::new())),
            LineFilter::Prefixes(prefixes) => {
                prefixes.iter().position(|prefix| text.starts_with(prefix)).map(|which| (which, Vec::new()))
            }
            LineFilter::Patterns(_) => patterns.iter().enumerate().find_map(|(which, pattern)| {
                let captures = pattern.captures(text)?;
                let groups = captures.iter().skip(1).map(|group| group.map(|m| m.as_str().to_owned()));
                Some((which, groups.collect()))
            }),
        };
        let lines = (1..).zip(output.lines()).filter_map(|(number, text)| {
            let (which, groups) = fits(text)?;
            Some(Line { number, channel: Channel::Stdout, text: text.to_owned(), which, groups })
        });
        Ok(Self(Some(LineBatch { lines: lines.collect(), exit: Some(exit) })))
    }
}

impl LineReader for ScriptedLines {
    fn next(&mut self, _wait: Option<Duration>) -> Result<LineBatch, HostError> {
        self.0.take().ok_or_else(|| HostError::new(Refusal::Invalid, "the command has already ended"))
    }

    fn stop(&mut self) {
        self.0 = Some(LineBatch { lines: Vec::new(), exit: Some(Exit::Stopped) });
    }
}
