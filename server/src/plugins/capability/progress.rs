//! Summary, links and numbers of the step.

use crate::plugins::bindings::progress::{Host, ProgressError};
use crate::plugins::instance::Guest;
use std::collections::BTreeSet;

/// Longest summary.
pub const SUMMARY_BYTES_MAX: usize = 4 << 10;
const LINKS_MAX: usize = 100;
const LINK_BYTES_MAX: usize = 4 << 10;
/// Numbers of one step.
const STATISTICS_MAX: usize = 100;
/// Each call is a durable write that everybody hears of who looks.
const STATISTIC_CALLS_MAX: usize = 10_000;
/// A number's name.
const NAME_BYTES_MAX: usize = 100;

/// Numbers that a step has set.
#[derive(Debug, Default)]
pub struct Measured {
    names: BTreeSet<String>,
    n_calls: usize,
}

impl Host for Guest {
    async fn summary(&mut self, text: String) -> wasmtime::Result<Result<(), ProgressError>> {
        let step = self.step()?;
        if text.len() > SUMMARY_BYTES_MAX {
            return Ok(Err(ProgressError::Limit(format!("a summary has at most {SUMMARY_BYTES_MAX} bytes"))));
        }
        Ok(step.host.summary(&text).await.map_err(ProgressError::Failed))
    }

    async fn link(&mut self, name: String, url: String) -> wasmtime::Result<Result<(), ProgressError>> {
        let step = self.step()?;
        if name.trim().is_empty() || name.len() + url.len() > LINK_BYTES_MAX {
            let message = format!("a link has a name, and with it at most {LINK_BYTES_MAX} bytes");
            return Ok(Err(ProgressError::Invalid(message)));
        }
        if !url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Ok(Err(ProgressError::Invalid(format!("`{url}` is no http or https URL"))));
        }
        if step.n_links >= LINKS_MAX {
            return Ok(Err(ProgressError::Limit(format!("a step has at most {LINKS_MAX} links"))));
        }
        step.n_links += 1;
        Ok(step.host.link(&name, &url).await.map_err(ProgressError::Failed))
    }

    async fn statistic(&mut self, name: String, value: f64) -> wasmtime::Result<Result<(), ProgressError>> {
        let step = self.step()?;
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!("a number's name has 1 to {NAME_BYTES_MAX} bytes without control characters");
            return Ok(Err(ProgressError::Invalid(message)));
        }
        if !value.is_finite() {
            return Ok(Err(ProgressError::Invalid(format!("`{name}` is {value}, which is no number to keep"))));
        }
        let is_new = !step.measured.names.contains(&name);
        if is_new && step.measured.names.len() >= STATISTICS_MAX {
            return Ok(Err(ProgressError::Limit(format!("a step keeps at most {STATISTICS_MAX} numbers"))));
        }
        if step.measured.n_calls >= STATISTIC_CALLS_MAX {
            let message = format!("a step sets its numbers at most {STATISTIC_CALLS_MAX} times");
            return Ok(Err(ProgressError::Limit(message)));
        }
        step.measured.n_calls += 1;
        step.measured.names.insert(name.clone());
        Ok(step.host.statistic(&name, value).await.map_err(ProgressError::Failed))
    }
}
