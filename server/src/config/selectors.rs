//! How many patterns over names a team's files may hold, counted before any is compiled: each takes kilobytes then, and at a reload all are
//! held against all names. What views compare is bounded in `view_room.rs`.

use super::path::{KeyPath, Part};
use super::read::Reader;
use crate::model::glob::Glob;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Patterns with wildcards of one team, those of all its views, schedulers and reporters: each takes ten kilobytes and more.
const WILD_MAX: usize = 1_000;

/// How many plain names take as long to compare as one pattern with wildcards.
const WILD: usize = 20;

/// Comparisons of a plain name with another that all patterns of a team's schedulers and reporters may take at all names, categories and
/// labels of its builders: about a second.
pub const COMPARISONS_MAX: usize = 400_000_000;

/// What was counted so far, by team.
#[derive(Default)]
pub struct Selectors(RefCell<BTreeMap<String, Count>>);

#[derive(Default)]
struct Count {
    wild: usize,
    /// Comparisons at one name outside of views.
    comparisons: usize,
}

impl Selectors {
    /// Whether the pattern at `path` may be used; says where there are too many. The instance's own are the operator's.
    pub fn admit(&self, pattern: &Glob, path: &KeyPath, reader: &Reader<'_>) -> bool {
        let parts = path.parts();
        let [Part::Key(section), Part::Key(team), Part::Key(kind), ..] = &parts[..] else { return true };
        if section != "team" {
            return true;
        }
        let mut counts = self.0.borrow_mut();
        let count = counts.entry(team.clone()).or_default();
        if kind != "view" {
            count.comparisons += if pattern.is_plain() { 1 } else { WILD };
        }
        count.wild += usize::from(!pattern.is_plain());
        if count.wild == WILD_MAX + 1 && !pattern.is_plain() {
            let message = format!("this team has over {WILD_MAX} patterns with wildcards from here on");
            let diagnostic = reader.wrong(path, "too-many-patterns", message);
            reader.note(diagnostic.expected(format!("at most {WILD_MAX} in a team; plain names do not count")));
        }
        pattern.is_plain() || count.wild <= WILD_MAX
    }

    /// Comparisons that the patterns of `team` outside of its views take at one name.
    pub fn comparisons(&self, team: &str) -> usize {
        self.0.borrow().get(team).map_or(0, |count| count.comparisons)
    }
}
