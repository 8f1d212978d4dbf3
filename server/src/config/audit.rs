//! `[audit]`: for how long it is kept who did what.

use super::read::{At, Reader, section};
use std::time::Duration;

section! {
    /// What is kept of who did what, and who was refused.
    struct RawAudit {
        /// How long an entry is kept; a day at least.
        keep = "keep": At<Duration>, "`730d`: two years";
    }
}

/// How long an entry is kept, where nothing else is written.
const KEEP: Duration = Duration::from_secs(730 * 86_400);
/// How long an entry is kept at least: what somebody did shall be there when the others come to work.
const KEEP_MIN: Duration = Duration::from_secs(86_400);

/// `[audit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How long an entry is kept.
    pub keep: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep: KEEP }
    }
}

impl RawAudit {
    /// The section as it is used.
    pub fn freeze(raw: Option<Self>, reader: &Reader<'_>) -> Audit {
        let Some(keep) = raw.and_then(|raw| raw.keep) else { return Audit::default() };
        if keep.value < KEEP_MIN {
            let diagnostic = reader.wrong(&keep.path, "too-short", "the audit would be gone before anybody reads it");
            reader.note(diagnostic.expected("a day at least, such as `90d` or `730d`"));
        }
        Audit { keep: keep.value.max(KEEP_MIN) }
    }
}
