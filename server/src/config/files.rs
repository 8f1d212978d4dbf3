//! The files as they lie on the disk: the main file, `conf.d/` and `teams/` beside it.

use super::diagnostic::Diagnostic;
use super::source::{File, Kind};
use super::value::resolve;
use crate::model::name::check_plain;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of one file; more is no configuration that somebody wrote.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The folder of the main file, absolute; every file in order; and what could not be read.
pub fn read(main_file: &Path) -> (PathBuf, Vec<File>, Vec<Diagnostic>) {
    // Only fails for an empty path or where there is no current folder: the read below then says so.
    let main_path = std::path::absolute(main_file).unwrap_or_else(|_| main_file.to_owned());
    let main_path = resolve(Path::new("/"), &main_path);
    let dir = main_path.parent().unwrap_or(Path::new("/")).to_owned();
    let shown_dir = main_file.parent().unwrap_or(Path::new("")).to_owned();
    let mut diagnostics = Vec::new();
    let mut files = Vec::new();
    let mut add = |shown: PathBuf, path: PathBuf, kind: Kind| match read_text(&path) {
        Ok(text) => files.push(File { shown, path, kind, text }),
        Err(error) => {
            let team = File { shown: shown.clone(), path, kind: kind.clone(), text: String::new() };
            let diagnostic = Diagnostic::of_file(&shown, team.team(), "unreadable", format!("cannot be read: {error}"));
            diagnostics.push(match kind {
                Kind::Main => {
                    diagnostic.expected("a configuration; `weir init` writes one, `--config FILE` names another")
                }
                Kind::Fragment | Kind::Team(_) => diagnostic.expected("a text file that the server may read"),
            });
        }
    };
    add(main_file.to_owned(), main_path, Kind::Main);
    for (name, path) in toml_files(&dir.join("conf.d")) {
        add(shown_dir.join("conf.d").join(name), path, Kind::Fragment);
    }
    for (name, path) in toml_files(&dir.join("teams")) {
        let team = name.strip_suffix(".toml").unwrap_or(&name).to_owned();
        add(shown_dir.join("teams").join(&name), path, Kind::Team(team));
    }
    files.retain(|file| match file.team().map(check_plain) {
        Some(Err(error)) => {
            let message = format!("this file's name is no team's: {error}");
            diagnostics.push(Diagnostic::of_file(&file.shown, file.team(), "bad-name", message));
            false
        }
        Some(Ok(())) | None => true,
    });
    (dir, files, diagnostics)
}

/// Names and paths of the visible `*.toml` in `dir`, sorted by name; none where there is no such folder.
fn toml_files(dir: &Path) -> Vec<(String, PathBuf)> {
    // A folder that exists and cannot be listed shows itself by what is then missing.
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, _)| name.ends_with(".toml") && !name.starts_with('.'))
        .collect();
    files.sort();
    files
}

/// The text of a file of reasonable size.
fn read_text(path: &Path) -> io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has {size} bytes, over {FILE_BYTES_MAX}")));
    }
    std::fs::read_to_string(path)
}
