//! What a team uses of its quota: words, and a bar that says the same.

use crate::render::words;
use crate::status::usage::TeamUse;
use serde::Serialize;

/// From so many percent on it is said that little is left.
const NEARLY: u64 = 80;

/// One limit and what is used of it.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct UseLine {
    /// What is limited.
    pub name: &'static str,
    /// How much is used of how much, in words.
    pub value: String,
    /// The same as a bar, where there is a limit and something to count.
    pub bar: Option<Bar>,
    /// `nearly used up`, `used up`.
    pub level: Option<&'static str>,
}

/// A bar.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Bar {
    /// From 0 to 100.
    pub percent: u64,
}

impl UseLine {
    /// `used` of `max`, both as `say` says them.
    fn of(name: &'static str, used: u64, max: Option<u64>, say: impl Fn(u64) -> String) -> Self {
        let Some(max) = max else {
            return Self { name, value: format!("{}, no limit", say(used)), bar: None, level: None };
        };
        let percent = used.saturating_mul(100).checked_div(max).unwrap_or(100).min(100);
        let level = match percent {
            100 => Some("used up"),
            NEARLY.. => Some("nearly used up"),
            _ => None,
        };
        Self { name, value: format!("{} of {}", say(used), say(max)), bar: Some(Bar { percent }), level }
    }

    fn plain(name: &'static str, value: String) -> Self {
        Self { name, value, bar: None, level: None }
    }
}

fn number(n: u64) -> String {
    words::number(i64::try_from(n).unwrap_or(i64::MAX))
}

fn bytes(n: u64) -> String {
    words::bytes(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Every limit of a team, in the order in which it is met.
pub fn lines(used: &TeamUse) -> Vec<UseLine> {
    let TeamUse { quota, metered, stored, .. } = used;
    let stored_bytes = |n: i64| u64::try_from(n).unwrap_or(0);
    let history = match (quota.history, quota.history_builds) {
        (None, None) => "for ever".to_owned(),
        (Some(span), None) => format!("for {span}"),
        (None, Some(n)) => format!("the newest {} of each builder", number(n.into())),
        (Some(span), Some(n)) => format!("for {span}, and of each builder the newest {}", number(n.into())),
    };
    let mut calls = UseLine::of(
        "Calls of the server by its tokens, at once",
        metered.calls.into(),
        Some(u64::from(metered.calls_max)),
        number,
    );
    calls.value = format!("{}; {} come back each second", calls.value, number(quota.requests_per_s.into()));
    vec![
        UseLine::of("Builds that run", used.n_running as u64, quota.builds.map(u64::from), number),
        UseLine::of("Requests that wait", used.n_queued as u64, Some(quota.queued.into()), number),
        UseLine::of(
            "Builds started by hand, in a minute",
            metered.forces.into(),
            Some(quota.forces_per_minute.into()),
            number,
        ),
        calls,
        UseLine::of(
            "CPU time of its plugins, in an hour",
            metered.plugin_cpu.as_secs(),
            Some(quota.plugin_cpu_per_hour.0.as_secs()),
            |s| words::coarse(i64::try_from(s).unwrap_or(i64::MAX)),
        ),
        UseLine::of(
            "Artifacts that are kept",
            stored_bytes(stored.artifact_bytes),
            quota.artifact_bytes.map(|size| size.0),
            bytes,
        ),
        UseLine::of(
            "Logs and artifacts that are kept",
            stored_bytes(stored.bytes()),
            quota.stored_bytes.map(|size| size.0),
            bytes,
        ),
        UseLine::plain("One log", format!("at most {}", quota.log_bytes)),
        UseLine::plain("Finished builds are kept", history),
    ]
}

#[cfg(test)]
mod tests {
    use super::{UseLine, lines, number};
    use crate::config::quota::Quota;
    use crate::model::time::Span;
    use crate::status::usage::TeamUse;
    use std::time::Duration;

    #[test]
    fn a_bar_is_told_by_words_too() {
        let of = |used, max| UseLine::of("x", used, max, number);
        assert_eq!((of(79, Some(100)).level, of(80, Some(100)).level), (None, Some("nearly used up")));
        assert_eq!((of(120, Some(100)).level, of(0, Some(0)).level), (Some("used up"), Some("used up")));
        assert_eq!((of(5, None).value.as_str(), of(5, None).bar), ("5, no limit", None));
    }

    #[test]
    fn what_is_kept_is_said_by_age_and_by_number() {
        let history = Some(Span(Duration::from_secs(90 * 86_400)));
        let quota = Quota { history, history_builds: Some(1_000), ..Quota::default() };
        let last = lines(&TeamUse { quota, ..TeamUse::default() }).pop().unwrap();
        assert_eq!(last.value, "for 90d, and of each builder the newest 1,000");
        assert_eq!(lines(&TeamUse::default()).pop().unwrap().value, "for ever");
    }
}
