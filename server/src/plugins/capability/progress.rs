//! Summary, links and numbers of the step.

use crate::plugins::bindings::progress::{Host, ProgressError};
use crate::plugins::instance::Guest;

/// Longest summary.
pub const SUMMARY_BYTES_MAX: usize = 4 << 10;
const LINKS_MAX: usize = 100;
const LINK_BYTES_MAX: usize = 4 << 10;

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

    async fn statistic(&mut self, _name: String, _value: f64) -> wasmtime::Result<Result<(), ProgressError>> {
        self.step()?;
        Ok(Err(ProgressError::Failed("this server keeps no numbers yet".to_owned())))
    }
}
