//! What teams' own files said when they were last good: what stays in force while somebody's newer file is broken.

use super::source::{File, Kind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The last good texts of every team that has files of its own, by team.
pub type TeamTexts = BTreeMap<String, TeamText>;

/// The files of one team as they last were good. Kept in the database as JSON: no secret's value stands in a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamText {
    /// Its files in order.
    pub files: Vec<FileText>,
    /// The views that it declares: as long as it does, no other team's file takes these names from it.
    pub views: BTreeSet<String>,
    /// Where its secrets come from, in words: nobody else's file takes these from it either.
    pub secrets: BTreeSet<String>,
}

/// One file of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileText {
    /// As messages show it.
    pub shown: String,
    /// Where it lay: its relative paths start in this file's folder.
    pub path: String,
    /// What stood in it.
    pub text: String,
}

impl TeamText {
    /// Takes over what `files` say, which are all files of the team.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let kept = |file: &File| FileText {
            shown: file.shown.to_string_lossy().into_owned(),
            path: file.path.to_string_lossy().into_owned(),
            text: file.text.clone(),
        };
        Self { files: files.into_iter().map(kept).collect(), ..Self::default() }
    }

    /// The files, to be loaded again as those of `team`.
    pub fn to_files(&self, team: &str) -> Vec<File> {
        let file = |kept: &FileText| File {
            shown: PathBuf::from(&kept.shown),
            path: PathBuf::from(&kept.path),
            kind: Kind::Team(team.to_owned()),
            text: kept.text.clone(),
        };
        self.files.iter().map(file).collect()
    }
}
