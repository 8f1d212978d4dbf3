//! What was found to be wrong, as far as it is told: of each team's own files a bounded number, and how many more there are. A file may
//! be wrong in a million places; saying each of them would hold up the reload of all teams and fill their log.

use super::diagnostic::{Diagnostic, MORE, Severity};
use std::collections::BTreeMap;

/// Errors that are told of one team's own files, and as many warnings. What the instance's own files say is the operator's, and is told
/// whole.
pub const OF_TEAM_MAX: usize = 100;

/// Collects it.
#[derive(Default)]
pub struct Found {
    told: Vec<Diagnostic>,
    teams: BTreeMap<String, Tally>,
}

/// What was found in one team's own files.
#[derive(Default)]
struct Tally {
    errors: Count,
    warnings: Count,
}

#[derive(Default)]
struct Count {
    told: usize,
    untold: usize,
}

impl Found {
    /// Adds `diagnostic`; where enough is told of its team, it is only counted.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let Some(team) = &diagnostic.team else { return self.told.push(diagnostic) };
        if !self.teams.contains_key(team) {
            self.teams.insert(team.clone(), Tally::default());
        }
        let tally = self.teams.get_mut(team).expect("it was put there");
        let count = match diagnostic.severity {
            Severity::Error => &mut tally.errors,
            Severity::Warning => &mut tally.warnings,
        };
        if diagnostic.is_untold || count.told >= OF_TEAM_MAX {
            count.untold += diagnostic.stands_for;
        } else {
            count.told += 1;
            self.told.push(diagnostic);
        }
    }

    /// Adds what `others` hold, of what they tell only what `is_new`.
    pub fn join(&mut self, others: Self, is_new: impl Fn(&Diagnostic) -> bool) {
        others.told.into_iter().filter(is_new).for_each(|diagnostic| self.add(diagnostic));
        for (team, tally) in others.teams {
            let own = self.teams.entry(team).or_default();
            own.errors.untold += tally.errors.untold;
            own.warnings.untold += tally.warnings.untold;
        }
    }

    /// Whether so many errors of this team's own files are told that another one is only counted. They alone break the team.
    pub fn is_full(&self, team: &str) -> bool {
        self.teams.get(team).is_some_and(|tally| tally.errors.told >= OF_TEAM_MAX)
    }

    /// What is told so far.
    pub fn told(&self) -> &[Diagnostic] {
        &self.told
    }

    /// All that is told, by place, and for each team how many more there are.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        let Self { mut told, teams } = self;
        let more: Vec<Diagnostic> = teams.iter().flat_map(|(team, tally)| tally.more(team, &told)).collect();
        told.extend(more);
        told.sort_by(|a, b| a.order().cmp(&b.order()));
        told
    }
}

impl Tally {
    /// How many errors and warnings of `team` are not told, behind those that are.
    fn more(&self, team: &str, told: &[Diagnostic]) -> Vec<Diagnostic> {
        if self.errors.untold + self.warnings.untold == 0 {
            return Vec::new();
        }
        let of_team = told.iter().filter(|diagnostic| diagnostic.team.as_deref() == Some(team));
        let last = of_team.map(|diagnostic| &diagnostic.place).max();
        let more = |n: usize, what: &str| {
            let message = format!("{n} more {what}{} in this team's files, not shown", if n == 1 { "" } else { "s" });
            let mut diagnostic = Diagnostic::of_team(team, MORE, message);
            diagnostic.stands_for = n;
            if let Some(last) = last {
                diagnostic.place = last.clone();
            }
            diagnostic.expected("those that are shown mended first")
        };
        let errors = (self.errors.untold > 0).then(|| more(self.errors.untold, "error"));
        let warnings = (self.warnings.untold > 0).then(|| more(self.warnings.untold, "warning").warning());
        errors.into_iter().chain(warnings).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, OF_TEAM_MAX};
    use crate::config::diagnostic::{Diagnostic, Place};
    use std::path::Path;

    fn wrong(team: Option<&str>, line: usize) -> Diagnostic {
        let file = Path::new("teams/core.toml");
        let mut diagnostic = Diagnostic::of_file(file, team, "rule", "wrong");
        diagnostic.place = Place::File { path: file.to_owned(), line, column: 1 };
        diagnostic
    }

    #[test]
    fn of_a_team_a_bounded_number_is_told_and_the_rest_counted_behind_it() {
        let mut found = Found::default();
        for line in (1..=OF_TEAM_MAX + 2).rev() {
            assert_eq!(found.is_full("core"), line <= 2, "{line}");
            found.add(wrong(Some("core"), line));
            found.add(wrong(None, line));
        }
        found.add(wrong(Some("core"), 500).warning());
        found.add(Diagnostic::untold("core", "rule"));
        found.add(Diagnostic::untold("core", "rule").warning());
        assert!(!found.is_full("other"));
        let diagnostics = found.into_diagnostics();
        assert_eq!(diagnostics.iter().filter(|d| d.team.is_none()).count(), OF_TEAM_MAX + 2);
        let of_team: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.team.is_some()).collect();
        assert_eq!(of_team.iter().map(|d| d.stands_for).sum::<usize>(), OF_TEAM_MAX + 5);
        let [.., warning, errors, warnings] = of_team.as_slice() else { panic!("{of_team:?}") };
        assert_eq!((&*warning.message, warning.is_error()), ("wrong", false));
        assert_eq!(&*errors.message, "3 more errors in this team's files, not shown");
        assert_eq!(&*warnings.message, "1 more warning in this team's files, not shown");
        assert!(errors.is_error() && !warnings.is_error());
    }

    #[test]
    fn joined_they_are_bounded_together() {
        let (mut found, mut others) = (Found::default(), Found::default());
        (0..60).for_each(|line| found.add(wrong(Some("core"), line)));
        (60..130).for_each(|line| others.add(wrong(Some("core"), line)));
        others.add(Diagnostic::untold("core", "rule"));
        found.join(others, |diagnostic| !matches!(diagnostic.place, Place::File { line: 129, .. }));
        let diagnostics = found.into_diagnostics();
        assert_eq!(diagnostics.len(), OF_TEAM_MAX + 1);
        assert_eq!(diagnostics.last().unwrap().stands_for, 30);
    }
}
