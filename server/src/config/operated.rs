//! What the operator writes of a team whose own files lie elsewhere: beside `config` where that is a repository, or its limits alone where
//! they are files of `teams/`.

use super::diagnostic::{Diagnostic, Place};
use super::locate::Text;
use super::path::KeyPath;
use super::read::Section as _;
use super::source::File;
use super::team::RawTeam;
use figment::value::{Dict, Value};
use std::collections::HashMap;

/// What stands beside `config`.
const BESIDE_CONFIG: [&str; 6] = ["config", "title", "visibility", "quota", "weight", "secret"];
/// What a team whose files lie in a repository never writes there.
const NEVER_LENT: [&str; 4] = ["config", "quota", "weight", "secret"];
/// What a table holds that only bounds a team of `teams/`.
const LIMITS: [&str; 2] = ["quota", "weight"];

/// The operator's part of a team.
pub struct Operated {
    /// The keys that stand there: what the team's own files say of them does not hold.
    keys: Vec<String>,
    /// Its files lie in a repository.
    has_repository: bool,
}

/// Whether this table of the instance's files bounds a team that is declared elsewhere, and declares none itself.
pub fn is_limits(table: &Dict) -> bool {
    !table.is_empty() && table.keys().all(|key| LIMITS.contains(&key.as_str()))
}

/// The operator's part of each team that a layer of the instance's files has a table for, where the team's files lie elsewhere.
pub fn of_layer(layer: &Dict) -> HashMap<String, Operated> {
    let part = |table: &Dict| {
        let has_repository = table.contains_key("config");
        let keys = || table.keys().cloned().collect();
        (has_repository || is_limits(table)).then(|| Operated { keys: keys(), has_repository })
    };
    tables(layer).filter_map(|(team, table)| Some((team.clone(), part(table)?))).collect()
}

/// The teams that a layer of the instance's files only bounds.
pub fn limited(layer: &Dict) -> impl Iterator<Item = &String> {
    tables(layer).filter(|(_, table)| is_limits(table)).map(|(team, _)| team)
}

fn tables(layer: &Dict) -> impl Iterator<Item = (&String, &Dict)> {
    let teams = layer.get("team").and_then(Value::as_dict).into_iter().flatten();
    teams.filter_map(|(team, table)| Some((team, table.as_dict()?)))
}

/// Takes out of a layer of the instance's files what belongs into a team's repository, and says so.
pub fn refuse_beside_config((file, text): (&File, &Text), layer: &mut Dict) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let Some(Value::Dict(_, teams)) = layer.get_mut("team") else { return diagnostics };
    for (team, table) in teams {
        let Value::Dict(_, table) = table else { continue };
        if !table.contains_key("config") {
            continue;
        }
        // What is no key at all is said by whoever reads the table.
        let is_known = |key: &str| RawTeam::KEYS.iter().any(|known| known.name == key);
        let misplaced = |key: &&String| is_known(key) && !BESIDE_CONFIG.contains(&key.as_str());
        let keys: Vec<String> = table.keys().filter(misplaced).cloned().collect();
        for key in keys {
            table.remove(&key);
            let path = KeyPath::of(&["team", team, &key]);
            let message = format!("`{key}` of this team stands in its repository, which `config` names");
            let diagnostic = at((file, text), &path, &path, "not-beside-config", message);
            let expected = "nothing here: write it into the team's own files; beside `config` stand `title`, `visibility`, `quota`, \
                            `weight` and `secret`";
            diagnostics.push(diagnostic.expected(expected));
        }
    }
    diagnostics
}

impl Operated {
    /// Takes out of a layer of the team's own files what is the operator's, and says so. What the operator happens to write does not break
    /// the team; what its repository may never say does.
    pub fn refuse(&self, (file, text): (&File, &Text), above: &KeyPath, layer: &mut Dict) -> Vec<Diagnostic> {
        let never = NEVER_LENT.iter().filter(|_| self.has_repository).copied();
        let beside =
            self.keys.iter().map(String::as_str).filter(|key| !(self.has_repository && NEVER_LENT.contains(key)));
        let mut diagnostics = Vec::new();
        for key in beside.chain(never) {
            if layer.remove(key).is_none() {
                continue;
            }
            let message = format!("`{key}` of this team is the operator's to write");
            let diagnostic = at((file, text), &KeyPath::of(&[key]), &above.key(key), "not-lent", message);
            diagnostics.push(if self.has_repository && NEVER_LENT.contains(&key) {
                diagnostic.expected("nothing here: it stands beside `config` in the instance's files")
            } else {
                let expected = "nothing here: what `[team.NAME]` of the instance's files says holds, and this does not";
                diagnostic.expected(expected).warning()
            });
        }
        diagnostics
    }
}

/// About the key at `inside` of a file, which is `path` of the whole configuration.
fn at(
    (file, text): (&File, &Text),
    inside: &KeyPath,
    path: &KeyPath,
    rule: &'static str,
    message: String,
) -> Diagnostic {
    let (line, column, excerpt) = text.place(inside, true);
    let mut diagnostic = Diagnostic::of_file(&file.shown, file.team(), rule, message).about(path);
    diagnostic.place = Place::File { path: file.shown.clone(), line, column };
    diagnostic.excerpt = excerpt;
    diagnostic
}
