//! The guest's own lines. They are counted: over the rate they wait, over the total they end the call.

use crate::model::one_line::one_line;
use crate::plugins::bindings::log::{Host, Level, Line, LogError};
use crate::plugins::error::{Breach, Kind};
use crate::plugins::instance::{Guest, StepState};
use crate::plugins::usage::Use;
use crate::worker::{Channel, Output, OutputSender};
use bytes::Bytes;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

/// Where a guest's lines stand, between the output of its commands.
pub const STDIO: &str = "stdio";
const LINES_MAX: u64 = 200_000;
const RATE_BYTES_PER_S: f64 = (2 << 20) as f64;
const BURST_BYTES: f64 = (4 << 20) as f64;

/// How much a guest has written, and how fast it may go on.
#[derive(Debug)]
pub struct LogMeter {
    bytes: u64,
    lines: u64,
    credit: f64,
    refilled_at: Instant,
}

impl Default for LogMeter {
    fn default() -> Self {
        Self { bytes: 0, lines: 0, credit: BURST_BYTES, refilled_at: Instant::now() }
    }
}

impl LogMeter {
    /// Counts what is to be written and says how long to wait before.
    fn count(&mut self, n_lines: usize, n_bytes: usize, bytes_max: u64) -> Result<Duration, Breach> {
        self.bytes += n_bytes as u64;
        self.lines += n_lines as u64;
        if self.bytes > bytes_max {
            let limit = crate::model::size::Size(bytes_max);
            return Err(Breach::new(
                Kind::Quota,
                format!("wrote more to its log than its limit `log_bytes` = {limit} allows"),
            ));
        }
        if self.lines > LINES_MAX {
            return Err(Breach::new(Kind::Quota, format!("wrote more than {LINES_MAX} lines to its log in one step")));
        }
        let now = Instant::now();
        let refill = now.duration_since(self.refilled_at).as_secs_f64() * RATE_BYTES_PER_S;
        self.refilled_at = now;
        self.credit = (self.credit + refill).min(BURST_BYTES) - n_bytes as f64;
        Ok(Duration::from_secs_f64((-self.credit / RATE_BYTES_PER_S).max(0.0)))
    }
}

impl StepState {
    /// The step's log of that name; opened once.
    pub async fn open_log(&mut self, name: &str) -> Result<OutputSender, String> {
        crate::model::name::check_plain(name).map_err(|error| error.to_string())?;
        match self.logs.entry(name.to_owned()) {
            Entry::Occupied(open) => Ok(open.get().clone()),
            Entry::Vacant(place) => Ok(place.insert(self.host.log(name).await?).clone()),
        }
    }
}

impl Guest {
    /// Counts what is to be written and waits until it may be.
    async fn meter(&mut self, text: &str) -> Result<(), Breach> {
        let wait = self.log_meter.count(text.lines().count(), text.len(), self.limits.log_bytes.0)?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Text into a log of the step.
    async fn put(&mut self, log: &str, channel: Channel, text: String) -> wasmtime::Result<Result<(), String>> {
        let clock = self.clock.clone();
        self.meter(&text).await?;
        let step = self.step()?;
        let sender = match step.open_log(log).await {
            Ok(sender) => sender,
            Err(why) => return Ok(Err(why)),
        };
        let output = Output { channel, bytes: Bytes::from(text), at: clock.now() };
        Ok(sender.send(output).await.map_err(|_| format!("the log `{log}` takes no more")))
    }

    /// A line into the server's own log, saying whose it is: a reporter has no other.
    fn tell(&self, used: &Use, level: Level, text: &str) {
        let (plugin, team, by) = (&self.name, &used.team, &used.by);
        let text = one_line(&used.vault.mask().text(text));
        match level {
            Level::Debug => tracing::debug!(%plugin, %team, %by, "{text}"),
            Level::Info => tracing::info!(%plugin, %team, %by, "{text}"),
            Level::Warn => tracing::warn!(%plugin, %team, %by, "{text}"),
            Level::Error => tracing::error!(%plugin, %team, %by, "{text}"),
        }
    }

    /// Lines into the step's log.
    async fn write_lines(&mut self, lines: Vec<Line>) -> wasmtime::Result<()> {
        let mut text = String::new();
        for line in lines {
            let before = match line.level {
                Level::Debug => {
                    // The server's log is counted as the step's own is.
                    self.meter(&line.text).await?;
                    tracing::debug!(plugin = %self.name, "{}", one_line(&self.mask().text(&line.text)));
                    continue;
                }
                Level::Info => "",
                Level::Warn => "warning: ",
                Level::Error => "error: ",
            };
            for part in line.text.lines() {
                text.push_str(before);
                text.push_str(part);
                text.push('\n');
            }
        }
        if !text.is_empty()
            && let Err(why) = self.put(STDIO, Channel::Header, text).await?
        {
            return Err(Breach::new(Kind::Host, format!("its log could not be written: {why}")).into());
        }
        Ok(())
    }
}

impl Host for Guest {
    async fn write(&mut self, lines: Vec<Line>) -> wasmtime::Result<()> {
        self.enter()?;
        if let Some(line) = lines.iter().rev().find(|line| line.level == Level::Error) {
            self.last_error = Some(line.text.clone());
        }
        if self.step.is_some() {
            return self.write_lines(lines).await;
        }
        // While it describes itself a plugin works for nobody: what it says then only serves error messages.
        let Some(used) = self.usage.clone() else { return Ok(()) };
        for line in lines {
            self.meter(&line.text).await?;
            for part in line.text.lines() {
                self.tell(&used, line.level, part);
            }
        }
        Ok(())
    }

    async fn append(&mut self, name: String, text: String) -> wasmtime::Result<Result<(), LogError>> {
        self.enter()?;
        if self.step.is_none() {
            return Ok(Err(LogError::Denied(
                "a reporter has no logs of its own; `write` goes to the server's".to_owned(),
            )));
        }
        Ok(self.put(&name, Channel::Stdout, text).await?.map_err(LogError::Failed))
    }
}

#[cfg(test)]
mod tests {
    use super::LogMeter;
    use std::time::Duration;

    #[test]
    fn a_burst_is_free_and_what_goes_beyond_waits() {
        let mut meter = LogMeter::default();
        assert_eq!(meter.count(1, 4 << 20, u64::MAX).unwrap(), Duration::ZERO);
        let wait = meter.count(1, 2 << 20, u64::MAX).unwrap();
        assert!((0.5..=1.0).contains(&wait.as_secs_f64()), "{wait:?}");
    }

    #[test]
    fn bytes_and_lines_have_a_total() {
        let said = LogMeter::default().count(1, 1025, 1024).unwrap_err().to_string();
        assert_eq!(said, "wrote more to its log than its limit `log_bytes` = 1 KiB allows");
        let said = LogMeter::default().count(200_001, 1, 1024).unwrap_err().to_string();
        assert!(said.contains("200000 lines"), "{said}");
    }
}
