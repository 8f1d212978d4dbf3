//! Lines of a command's output that the host looks for, so that a million lines that nobody wants cost the plugin nothing.

use crate::command::{Channel, Command, Exit};
use crate::context::Context;
use crate::error::{HostError, Refusal};
use crate::host::{Host, LineReader};
use std::vec;

/// Which lines of a command's output the plugin wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFilter {
    /// Every line.
    All,
    /// Lines that begin with one of these.
    Prefixes(Vec<String>),
    /// Lines in which one of these regular expressions is found: the syntax of the crate `regex` (no look-around, no back
    /// references), at most 100.
    Patterns(Vec<String>),
}

impl LineFilter {
    /// Lines that begin with one of these.
    pub fn prefixes<S: Into<String>>(prefixes: impl IntoIterator<Item = S>) -> Self {
        Self::Prefixes(prefixes.into_iter().map(Into::into).collect())
    }

    /// Lines in which one of these regular expressions is found.
    pub fn patterns<S: Into<String>>(patterns: impl IntoIterator<Item = S>) -> Self {
        Self::Patterns(patterns.into_iter().map(Into::into).collect())
    }
}

/// A line that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which line of that stream it is, from 1.
    pub number: u32,
    /// The stream.
    pub channel: Channel,
    /// Without its end; bytes that are no UTF-8 are replaced; cut at 64 KiB.
    pub text: String,
    /// Which prefix or pattern fits, from 0: the first that does.
    pub which: usize,
    /// What the pattern's groups took, from group 1; none for a group that took no part.
    pub groups: Vec<Option<String>>,
}

impl Line {
    /// What the pattern's `n`th group took, from 1. [`crate::pattern::group_names`] tells which is which.
    pub fn group(&self, n: usize) -> Option<&str> {
        self.groups.get(n.checked_sub(1)?)?.as_deref()
    }
}

/// What a [`LineReader`] hands over at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineBatch {
    /// At most 1,000 lines and 1 MiB; may be empty.
    pub lines: Vec<Line>,
    /// How the command ended; only in the last batch.
    pub exit: Option<Exit>,
}

/// Lines of a command that runs. Dropping it ends the command.
pub struct Lines {
    reader: Box<dyn LineReader>,
    batch: vec::IntoIter<Line>,
    exit: Option<Exit>,
}

impl Lines {
    /// The next line that was found; none when the command has ended.
    ///
    /// # Errors
    /// Where the host lost track of the command.
    pub fn next_line(&mut self) -> Result<Option<Line>, HostError> {
        loop {
            if let Some(line) = self.batch.next() {
                return Ok(Some(line));
            }
            if self.exit.is_some() {
                return Ok(None);
            }
            let batch = self.reader.next(None)?;
            (self.batch, self.exit) = (batch.lines.into_iter(), batch.exit);
        }
    }

    /// Passes over the lines that are left; returns how the command ended.
    ///
    /// # Errors
    /// Where the host lost track of the command.
    pub fn exit(mut self) -> Result<Exit, HostError> {
        while self.next_line()?.is_some() {}
        self.exit.ok_or_else(|| HostError::new(Refusal::Failed, "the command has no end"))
    }

    /// Interrupts the command, and kills it where that does not help.
    pub fn stop(&mut self) {
        self.reader.stop();
    }
}

impl Context {
    /// Starts a command whose lines the plugin reads. Its output goes to the log as well, unless its mode is `Capture`.
    ///
    /// ```
    /// use weir_plugin_sdk::{Command, Context, Error, LineFilter};
    ///
    /// /// Runs the tests and shows which of them runs.
    /// fn test(cx: &mut Context) -> Result<(), Error> {
    ///     let mut lines = cx.read_lines(&Command::program(["make", "test"]), &LineFilter::patterns(["^RUN (.*)"]))?;
    ///     while let Some(line) = lines.next_line()? {
    ///         cx.summary(line.group(1).unwrap_or_default())?;
    ///     }
    ///     let exit = lines.exit()?;
    ///     if exit.is_success() { Ok(()) } else { Err(Error::failed(exit.to_string())) }
    /// }
    /// # let script = weir_plugin_sdk::testing::Script::new().prints(["make"], "RUN a\nok\nRUN b\n");
    /// # test(&mut script.context()).unwrap();
    /// # assert_eq!(script.summaries(), ["a", "b"]);
    /// ```
    ///
    /// # Errors
    /// Where it could not be started, or a pattern is none.
    pub fn read_lines(&mut self, command: &Command, wanted: &LineFilter) -> Result<Lines, HostError> {
        let reader = self.host().read_lines(command, wanted)?;
        Ok(Lines { reader, batch: Vec::new().into_iter(), exit: None })
    }

    /// Runs a command to its end and hands each line that fits to `found`: [`Context::read_lines`] for those who need no context
    /// meanwhile.
    ///
    /// # Errors
    /// Where it could not be run, or a pattern is none.
    pub fn find_lines(
        &mut self,
        command: &Command,
        wanted: &LineFilter,
        mut found: impl FnMut(Line),
    ) -> Result<Exit, HostError> {
        let mut lines = self.read_lines(command, wanted)?;
        while let Some(line) = lines.next_line()? {
            found(line);
        }
        lines.exit()
    }
}
