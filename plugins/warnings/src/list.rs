//! The log that lists warnings.

use crate::finder::Warning;
use std::fmt::Write;
use weir_plugin_sdk::command_line::short;
use weir_plugin_sdk::{Channel, Context, HostError};

/// The step's log of that name.
const LOG: &str = "warnings";
/// How many are listed; all are counted.
const LISTED_MAX: u32 = 5_000;
/// Of one warning.
const MESSAGE_CHARS_MAX: usize = 500;
/// Written at once.
const PIECE_BYTES: usize = 32 << 10;

/// Counts warnings and lists them, a piece at a time.
#[derive(Debug, Default)]
pub struct List {
    n_warnings: u32,
    piece: String,
}

impl List {
    /// How many there are.
    pub fn n_warnings(&self) -> u32 {
        self.n_warnings
    }

    /// Lists one: where in the output, where in the source, what.
    pub fn add(&mut self, cx: &mut Context, warning: &Warning) -> Result<(), HostError> {
        self.n_warnings = self.n_warnings.saturating_add(1);
        if self.n_warnings > LISTED_MAX {
            return Ok(());
        }
        let stream = match warning.channel {
            Channel::Stdout => "stdout",
            Channel::Stderr => "stderr",
        };
        let gap = if warning.place.is_empty() { "" } else { ": " };
        let message = short(&warning.message, MESSAGE_CHARS_MAX);
        let place = short(&warning.place, MESSAGE_CHARS_MAX);
        writeln!(self.piece, "{stream} {}: {place}{gap}{message}", warning.number).expect("a text takes everything");
        if self.piece.len() >= PIECE_BYTES { self.write(cx) } else { Ok(()) }
    }

    /// Ends the list.
    pub fn end(&mut self, cx: &mut Context) -> Result<(), HostError> {
        if let Some(more) = self.n_warnings.checked_sub(LISTED_MAX).filter(|more| *more > 0) {
            writeln!(self.piece, "... and {more} more").expect("a text takes everything");
        }
        if self.piece.is_empty() { Ok(()) } else { self.write(cx) }
    }

    fn write(&mut self, cx: &mut Context) -> Result<(), HostError> {
        cx.append(LOG, &std::mem::take(&mut self.piece))
    }
}
