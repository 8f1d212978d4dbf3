//! Whose files are broken keeps what they said before: passes over everything, until nobody else falls back.

use super::diagnostic::Diagnostic;
use super::load::{self, Input, Passed};
use super::source::File;
use super::team_texts::{TeamText, TeamTexts};
use super::{Config, Loaded, PluginCatalogue};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rules that a file can break only because of another team's file: they are judged when every other error is out of the way.
const CONTENDED: [&str; 2] = ["name-taken", "reserved-secret"];

/// The teams that are not what their files say.
#[derive(Default)]
struct Fallen {
    /// What the first pass said of the instance's files.
    of_instance: Option<Vec<Diagnostic>>,
    /// What was said of each when it fell.
    said: BTreeMap<String, Vec<Diagnostic>>,
    /// Those of them that are what they were before.
    kept: BTreeSet<String>,
}

/// Loads everything; a team whose own files are broken is what `texts` say of it, and without such a text it has no builders.
pub fn load(input: &Input, catalogue: &dyn PluginCatalogue, texts: &TeamTexts) -> Loaded {
    let mut fallen = Fallen::default();
    // Each pass but the last makes one team more fall, at most twice each: from its file to its text, from there to nothing.
    loop {
        let passed = load::pass(&fallen.applied_to(input, texts), &fallen.without_text(), catalogue, texts);
        // Of the instance's own part is said what the files as they are make of it.
        let of_instance = || passed.diagnostics.iter().filter(|d| d.team.is_none()).cloned().collect();
        fallen.of_instance.get_or_insert_with(of_instance);
        let newly = fallen.newly(&passed);
        if passed.config.is_none() || newly.is_empty() {
            return fallen.loaded(passed, input, texts);
        }
        for (team, said) in newly {
            fallen.fall(team, said, texts);
        }
    }
}

impl Fallen {
    /// The files with those of fallen teams replaced by what they were, or taken away.
    fn applied_to(&self, input: &Input, texts: &TeamTexts) -> Input {
        let stands = |team: Option<&str>| team.is_none_or(|team| !self.said.contains_key(team));
        let mut files: Vec<File> = input.files.iter().filter(|file| stands(file.team())).cloned().collect();
        files.extend(self.kept.iter().flat_map(|team| texts[team].to_files(team)));
        let unreadable = input.unreadable.iter().filter(|d| stands(d.team.as_deref())).cloned().collect();
        Input { files, unreadable, ..input.clone() }
    }

    /// Teams of which nothing is left.
    fn without_text(&self) -> BTreeSet<String> {
        self.said.keys().filter(|team| !self.kept.contains(*team)).cloned().collect()
    }

    /// Who has to fall after this pass, with all that was said of each: whoever is broken by itself before whoever is only in
    /// somebody's way.
    fn newly(&self, passed: &Passed) -> BTreeMap<String, Vec<Diagnostic>> {
        let lost = self.without_text();
        let newly: BTreeSet<&String> = passed.broken.iter().filter(|team| !lost.contains(*team)).collect();
        let is_contended =
            |team: &str| passed.said_of(team).filter(|said| said.is_error()).all(|said| CONTENDED.contains(&said.rule));
        let all_are_contended = newly.iter().all(|team| is_contended(team));
        newly
            .into_iter()
            .filter(|team| all_are_contended || !is_contended(team))
            .map(|team| (team.clone(), passed.said_of(team).cloned().collect()))
            .collect()
    }

    /// From its files to its last good text; from there, or without one, to nothing.
    fn fall(&mut self, team: String, said: Vec<Diagnostic>, texts: &TeamTexts) {
        if self.said.contains_key(&team) {
            self.kept.remove(&team);
            return;
        }
        if texts.contains_key(&team) {
            self.kept.insert(team.clone());
        }
        self.said.insert(team, said);
    }

    /// What came of it all.
    fn loaded(self, passed: Passed, input: &Input, texts: &TeamTexts) -> Loaded {
        let may_start = passed.config.is_some();
        let stands = |d: &Diagnostic| match &d.team {
            Some(team) => !self.said.contains_key(team),
            None => !may_start,
        };
        let mut diagnostics: Vec<Diagnostic> = passed.diagnostics.into_iter().filter(stands).collect();
        diagnostics.extend(self.of_instance.into_iter().flatten().filter(|_| may_start));
        diagnostics.extend(self.said.values().flatten().cloned());
        diagnostics.sort_by(|a, b| a.order().cmp(&b.order()));
        let config = passed.config.map(|config| {
            let errors = |said: Vec<Diagnostic>| said.into_iter().filter(Diagnostic::is_error).collect();
            let team_texts = texts_in_force(passed.own, &config, &self.said, texts);
            Arc::new(Config {
                broken_teams: self.said.into_iter().map(|(team, said)| (team, errors(said))).collect(),
                kept_teams: self.kept,
                team_texts: Arc::new(team_texts),
                ..config
            })
        });
        Loaded { config, diagnostics, input: input.clone() }
    }
}

/// The texts to fall back to from now on. What a broken team has stays, also where it is of no use now.
fn texts_in_force(
    own: BTreeMap<String, TeamText>,
    config: &Config,
    fallen: &BTreeMap<String, Vec<Diagnostic>>,
    texts: &TeamTexts,
) -> TeamTexts {
    let mut in_force = TeamTexts::new();
    for (name, text) in own.into_iter().filter(|(name, _)| !fallen.contains_key(name)) {
        let Some(team) = config.teams.get(&name) else { continue };
        let views = config.views.values().filter(|view| view.team.as_ref() == Some(&name));
        let text = TeamText {
            views: views.map(|view| view.name.clone()).collect(),
            secrets: team.secrets.values().map(|secret| secret.from.to_string()).collect(),
            ..text
        };
        in_force.insert(name, text);
    }
    in_force.extend(texts.iter().filter(|(name, _)| fallen.contains_key(*name)).map(|(n, t)| (n.clone(), t.clone())));
    in_force
}
