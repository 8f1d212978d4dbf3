//! A command as settings write it.

use crate::command::{Command, Exit};
use crate::error::Error;
use crate::step::Outcome;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;

/// A line for the shell, or program and arguments. Values that the configuration interpolates into the line become one quoted word
/// each. Shown in at most 60 characters, for summaries.
///
/// ```
/// use weir_plugin_sdk::CommandLine;
///
/// let line: CommandLine = serde_json::from_str(r#""make && make test""#).unwrap();
/// let program: CommandLine = serde_json::from_str(r#"["make", "two words"]"#).unwrap();
/// assert_eq!((line.to_string(), program.to_string()), ("make && make test".to_owned(), "make two words".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(description = "A line for the shell, or program and arguments.")]
pub enum CommandLine {
    /// Runs under `/bin/sh -c`.
    Shell(#[schemars(length(min = 1), extend("format" = "shell"))] String),
    /// Runs as it is.
    Program(#[schemars(length(min = 1))] Vec<String>),
}

impl CommandLine {
    /// The command, with nothing else said about it.
    pub fn command(&self) -> Command {
        match self {
            Self::Shell(line) => Command::shell(line),
            Self::Program(words) => Command::program(words),
        }
    }

    /// What a step says when its command ended so: nothing where the exit code is one of `success_codes`, else the failure.
    ///
    /// # Errors
    /// [`Error::Retryable`] where the command was lost with its worker.
    pub fn failure(&self, exit: &Exit, success_codes: &[i32]) -> Result<Option<Outcome>, Error> {
        match exit {
            Exit::Code(code) if success_codes.contains(code) => Ok(None),
            Exit::Lost(why) => Err(Error::Retryable(why.clone())),
            exit => Ok(Some(Outcome::failure(format!("'{self}' {exit}")))),
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self {
            Self::Shell(line) => line.lines().next().unwrap_or_default().to_owned(),
            Self::Program(words) => words.join(" "),
        };
        f.write_str(&short(&shown, 60))
    }
}

/// A text in at most so many characters, for a summary.
pub fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max.saturating_sub(1)) {
        Some((at, _)) if text.chars().nth(chars_max).is_some() => format!("{}…", &text[..at]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn long_texts_are_shortened_at_a_character() {
        assert_eq!(short("make", 60), "make");
        assert_eq!(short(&"é".repeat(60), 60), "é".repeat(60));
        assert_eq!(short(&"é".repeat(61), 60), format!("{}…", "é".repeat(59)));
    }
}
