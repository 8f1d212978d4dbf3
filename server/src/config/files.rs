//! The files as they lie on the disk: the main file, `conf.d/` and `teams/` beside it.

use super::diagnostic::Diagnostic;
use super::source::{File, Kind, Syntax};
use super::value::resolve;
use crate::model::name::check_plain;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Bytes of one file; more is no configuration that somebody wrote.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files of a team's folder.
pub const TEAM_FILES_MAX: usize = 200;
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
    reading.add(main_file.to_owned(), main_path, Kind::Main);
    for (name, path) in entries(&dir.join("conf.d")).into_iter().filter(|(name, _)| is_configuration(name)) {
        reading.add(shown_dir.join("conf.d").join(name), path, Kind::Fragment);
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
    let of_teams = entries(&teams).into_iter().map(|(_, path)| path).filter(|path| path.is_dir());
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

    fn add(&mut self, shown: PathBuf, path: PathBuf, kind: Kind) {
        match read_text(&path) {
            Ok(text) => self.files.push(File { shown, path, kind, text }),
            Err(error) => {
                let expected = match &kind {
                    Kind::Main => "a configuration; `weir init` writes one, `--config FILE` names another",
                    Kind::Fragment | Kind::Team(_) => "a text file that the server may read",
                };
                let team = match &kind {
                    Kind::Team(team) => Some(team.as_str()),
                    Kind::Main | Kind::Fragment => None,
                };
                let message = format!("cannot be read: {error}");
                self.diagnostics.push(Diagnostic::of_file(&shown, team, "unreadable", message).expected(expected));
            }
        }
    }

    /// The files and folders of `teams/`, each a team of its own.
    fn add_teams(&mut self, shown_dir: &Path, dir: &Path) {
        let mut homes: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (name, path) in entries(dir) {
            let is_folder = path.is_dir();
            if !is_folder && !is_configuration(&name) {
                continue;
            }
            let shown = shown_dir.join(&name);
            let stem = Path::new(&name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(&name);
            let team = if is_folder { &name } else { stem }.to_owned();
            if let Err(error) = check_plain(&team) {
                let what = if is_folder { "folder" } else { "file" };
                let message = format!("this {what}'s name is no team's: {error}");
                self.diagnostics.push(Diagnostic::of_file(&shown, Some(&team), "bad-name", message));
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
                false => self.add(shown, path, Kind::Team(team)),
            }
        }
    }

    /// The files of a team's folder. Who may write there may not make the server read elsewhere: links that lead out are refused.
    fn add_folder(&mut self, shown_dir: &Path, dir: &Path, team: &str) {
        let files: Vec<_> = entries(dir).into_iter().filter(|(name, _)| is_configuration(name)).collect();
        if files.len() > TEAM_FILES_MAX {
            let message = format!("there are {} files, over {TEAM_FILES_MAX}", files.len());
            let diagnostic = Diagnostic::of_file(shown_dir, Some(team), "too-many", message);
            self.diagnostics.push(diagnostic.expected("fewer and larger files"));
            return;
        }
        let inside = dir.canonicalize();
        for (name, path) in files {
            let shown = shown_dir.join(name);
            let leads_out = match (&inside, path.canonicalize()) {
                (Ok(dir), Ok(real)) => !real.starts_with(dir),
                // Reading it says what is wrong with it.
                _ => false,
            };
            if leads_out {
                let message = "this link leads out of the team's folder";
                let diagnostic = Diagnostic::of_file(&shown, Some(team), "leads-out", message);
                self.diagnostics.push(diagnostic.expected("an ordinary file, or a link to one in the same folder"));
            } else {
                self.add(shown, path, Kind::Team(team.to_owned()));
            }
        }
    }
}

/// Whether a file of this name is one of the configuration's.
fn is_configuration(name: &str) -> bool {
    Syntax::of(Path::new(name)).is_some()
}

/// Names and paths of what is visible in `dir`, sorted by name; none where there is no such folder.
fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    // A folder that exists and cannot be listed shows itself by what is then missing.
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut entries: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    entries.sort();
    entries
}

/// The text of a file of reasonable size.
fn read_text(path: &Path) -> io::Result<String> {
    // A pipe would keep the server waiting for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has over {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}
