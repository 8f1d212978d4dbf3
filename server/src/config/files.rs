//! The files as they lie on the disk: the main file, `conf.d/` and `teams/` beside it.

use super::diagnostic::Diagnostic;
use super::open;
use super::source::{File, Kind, Syntax};
use super::value::resolve;
use crate::model::name::check_plain;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of one file of the instance; more is no configuration that somebody wrote.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Files of a team's folder.
pub const TEAM_FILES_MAX: usize = 200;
/// Bytes of all files of a team together: one team must not exhaust the server that all read.
pub const TEAM_BYTES_MAX: usize = 4 << 20;
/// What the main file's name may end in where nobody names it.
const ENDS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// Reads files and says which cannot be read.
#[derive(Default)]
struct Reading {
    files: Vec<File>,
    diagnostics: Vec<Diagnostic>,
}

/// The folder of the main file, absolute; every file in order; and what could not be read.
pub fn read(main_file: &Path) -> (PathBuf, Vec<File>, Vec<Diagnostic>) {
    let mut reading = Reading::default();
    let main_file = &reading.find_main(main_file);
    // Only fails for an empty path or where there is no current folder: the read below then says so.
    let main_path = std::path::absolute(main_file).unwrap_or_else(|_| main_file.to_owned());
    let main_path = resolve(Path::new("/"), &main_path);
    let dir = main_path.parent().unwrap_or(Path::new("/")).to_owned();
    let shown_dir = main_file.parent().unwrap_or(Path::new("")).to_owned();
    reading.add(main_file.to_owned(), &main_path, Kind::Main, None, FILE_BYTES_MAX);
    let fragments = reading.list(&shown_dir.join("conf.d"), &dir.join("conf.d"), None).unwrap_or_default();
    for (name, path) in fragments.into_iter().filter(|(name, _)| is_configuration(name)) {
        reading.add(shown_dir.join("conf.d").join(name), &path, Kind::Fragment, None, FILE_BYTES_MAX);
    }
    reading.add_teams(&shown_dir.join("teams"), &dir.join("teams"));
    (dir, reading.files, reading.diagnostics)
}

/// What has to be watched to notice that anything of the configuration changed: the folders that hold files of it, and those that would.
/// `main_file` is as it was given to [`super::load`]. A folder need not exist.
pub fn watched(main_file: &Path) -> Vec<PathBuf> {
    let main_path = std::path::absolute(main_file).unwrap_or_else(|_| main_file.to_owned());
    let dir = resolve(Path::new("/"), &main_path).parent().unwrap_or(Path::new("/")).to_owned();
    let teams = dir.join("teams");
    // One that cannot be listed is said by reading it; here it is watched until it can be.
    let of_teams = entries(&teams).unwrap_or_default().into_iter().map(|(_, path)| path).filter(|path| path.is_dir());
    let of_teams: Vec<PathBuf> = of_teams.collect();
    [dir.clone(), dir.join("conf.d"), teams].into_iter().chain(of_teams).collect()
}

impl Reading {
    /// The file that is meant: where there is none of this name, the one that has another ending.
    fn find_main(&mut self, named: &Path) -> PathBuf {
        let others = ENDS.map(|end| named.with_extension(end));
        let others: Vec<PathBuf> = others.into_iter().filter(|other| other != named && other.is_file()).collect();
        let found = match others.as_slice() {
            [only] if !named.exists() => return only.clone(),
            [] => return named.to_owned(),
            [first, ..] if named.exists() => (named, first),
            [first, second, ..] => (first.as_path(), second),
            [only] => (named, only),
        };
        let message = format!("this file and {} are both there", found.1.display());
        let diagnostic = Diagnostic::of_file(found.0, None, "two-main-files", message);
        self.diagnostics.push(diagnostic.expected("one main file: move the other one away"));
        found.0.to_owned()
    }

    /// What is in `dir`; none where it cannot be told, which is said: of `team` where the folder is one's own, else of the instance,
    /// so that nothing is taken for gone that only cannot be seen.
    fn list(&mut self, shown: &Path, dir: &Path, team: Option<&str>) -> Option<Vec<(String, PathBuf)>> {
        match entries(dir) {
            Ok(entries) => Some(entries),
            Err(error) => {
                let diagnostic = Diagnostic::of_file(shown, team, "unreadable", format!("cannot be listed: {error}"));
                self.diagnostics.push(diagnostic.expected("a folder that the server may list"));
                None
            }
        }
    }

    /// Reads one file, of at most `bytes_max` bytes, and answers how many it had. With `inside` it is nowhere but in that folder.
    fn add(&mut self, shown: PathBuf, path: &Path, kind: Kind, inside: Option<&Path>, bytes_max: usize) -> usize {
        match open::read_text(path, inside, bytes_max) {
            Ok(text) => {
                let n_bytes = text.len();
                self.files.push(File { shown, path: path.to_owned(), kind, text });
                n_bytes
            }
            Err(open::Refused::LeadsOut) => {
                let team = inside.and(kind_team(&kind));
                let diagnostic =
                    Diagnostic::of_file(&shown, team, "leads-out", "this link leads out of the team's folder");
                self.diagnostics.push(diagnostic.expected("an ordinary file, or a link to one in the same folder"));
                0
            }
            Err(open::Refused::Unreadable(error)) => {
                let expected = match &kind {
                    Kind::Main => "a configuration; `weir init` writes one, `--config FILE` names another",
                    Kind::Fragment => "a text file that the server may read",
                    Kind::Team(_) => {
                        "a text file that the server may read; all files of a team have together at most 4 MiB"
                    }
                };
                let message = format!("cannot be read: {error}");
                let diagnostic = Diagnostic::of_file(&shown, kind_team(&kind), "unreadable", message);
                self.diagnostics.push(diagnostic.expected(expected));
                0
            }
        }
    }

    /// The files and folders of `teams/`, each a team of its own.
    fn add_teams(&mut self, shown_dir: &Path, dir: &Path) {
        let mut homes: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (name, path) in self.list(shown_dir, dir, None).unwrap_or_default() {
            let is_folder = match std::fs::metadata(&path) {
                Ok(found) => found.is_dir(),
                // Reading it says what is wrong with it; what was removed meanwhile is nothing.
                Err(_) if is_configuration(&name) || is_gone(&path) => false,
                Err(error) => {
                    let message = format!("it cannot be told whether this is a team's folder: {error}");
                    let diagnostic = Diagnostic::of_file(&shown_dir.join(&name), None, "unreadable", message);
                    self.diagnostics.push(diagnostic.expected("a folder that the server may list"));
                    continue;
                }
            };
            if !is_folder && !is_configuration(&name) {
                continue;
            }
            let shown = shown_dir.join(&name);
            let stem = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(&name);
            let team = if is_folder { &name } else { stem }.to_owned();
            if let Err(error) = check_plain(&team) {
                let what = if is_folder { "folder" } else { "file" };
                let message = format!("this {what}'s name is no team's, so it is not read: {error}");
                self.diagnostics.push(Diagnostic::of_file(&shown, None, "bad-name", message).warning());
                continue;
            }
            if let Some(first) = homes.get(&team) {
                let message = format!("the team `{team}` is already declared in {}", first.display());
                let diagnostic = Diagnostic::of_file(&shown, Some(&team), "declared-twice", message);
                self.diagnostics.push(diagnostic.expected("one file or one folder for each team"));
                continue;
            }
            homes.insert(team.clone(), shown.clone());
            match is_folder {
                true => self.add_folder(&shown, &path, &team),
                false => drop(self.add(shown, &path, Kind::Team(team), None, TEAM_BYTES_MAX)),
            }
        }
    }

    /// The files of a team's folder. Who may write there may not make the server read elsewhere: links that lead out are refused.
    fn add_folder(&mut self, shown_dir: &Path, dir: &Path, team: &str) {
        let Some(entries) = self.list(shown_dir, dir, Some(team)) else { return };
        let files: Vec<_> = entries.into_iter().filter(|(name, _)| is_configuration(name)).collect();
        if files.is_empty() {
            // Half-mounted or half-copied, more likely than meant: a team that is no more has no folder.
            let diagnostic =
                Diagnostic::of_file(shown_dir, Some(team), "no-files", "no file of configuration is in here");
            self.diagnostics.push(diagnostic.expected("a file such as `team.toml`, or no folder"));
            return;
        }
        if files.len() > TEAM_FILES_MAX {
            let message = format!("there are {} files, over {TEAM_FILES_MAX}", files.len());
            let diagnostic = Diagnostic::of_file(shown_dir, Some(team), "too-many", message);
            self.diagnostics.push(diagnostic.expected("fewer and larger files"));
            return;
        }
        let inside = match dir.canonicalize() {
            Ok(inside) => inside,
            Err(error) => {
                let message = format!("cannot be found: {error}");
                self.diagnostics.push(Diagnostic::of_file(shown_dir, Some(team), "unreadable", message));
                return;
            }
        };
        let mut n_bytes_left = TEAM_BYTES_MAX;
        for (name, path) in files {
            let kind = Kind::Team(team.to_owned());
            n_bytes_left -= self.add(shown_dir.join(name), &path, kind, Some(&inside), n_bytes_left);
        }
    }
}

/// The team whose own file it is.
fn kind_team(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Team(team) => Some(team),
        Kind::Main | Kind::Fragment => None,
    }
}

/// Whether a file of this name is one of the configuration's.
fn is_configuration(name: &str) -> bool {
    Syntax::of(Path::new(name)).is_some()
}

/// Whether nothing of that name is there, not even a link to nothing.
fn is_gone(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Names and paths of what is visible in `dir`, sorted by name; none where there is no such folder.
///
/// # Errors
/// Where it is there and cannot be listed: that is not the same as nothing being in it.
fn entries(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let listed = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut entries = Vec::new();
    for entry in listed {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}
