//! Files of teams that lie in git repositories: fetched into `state_dir/teams/TEAM/fetched.json`, and read from there like any others.
//!
//! Nothing is checked out: the few files are read from the commit itself, so that no hook runs, no submodule is followed and no link leads
//! anywhere. Fetching is bounded in time and size, and what was fetched before stays where it fails.

use super::diagnostic::Diagnostic;
use super::files::{TEAM_BYTES_MAX, TEAM_FILES_MAX};
use super::pass::Pass;
use super::path::KeyPath;
use super::program::{Failure, Program};
use super::read::{Node, Read as _, Reader};
use super::repository::Repository;
use super::source::{File, Kind, Sources, Syntax};
use super::value::FilePath;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One fetch, which is a few runs of git.
const DEADLINE: Duration = Duration::from_secs(60);
/// What one fetch may bring.
const PACK_BYTES_MAX: u64 = 64 << 20;
/// What git takes from the server's environment.
const VARIABLES: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];
/// What it gets besides: no configuration but this, no question, and only from elsewhere.
const SETTINGS: [(&str, &str); 6] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "https:http:ssh:git"),
    ("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20 -oControlMaster=no -oControlPath=none"),
    ("LC_ALL", "C"),
];
const FETCHED: &str = "refs/weir/fetched";
/// The rule that is broken where nobody can tell here what a repository says: the server keeps what the team was; who only checks files
/// is told and not stopped.
pub const NOT_LOOKED_AT: &str = "not-looked-at";

/// What was fetched for a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Snapshot {
    /// From where; what was fetched from elsewhere is not used.
    url: String,
    branch: String,
    path: String,
    commit: String,
    files: Vec<Fetched>,
    /// Why the last fetch brought nothing.
    problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fetched {
    /// In the repository.
    path: String,
    text: String,
}

/// Where it is kept what was fetched for `team`.
pub fn snapshot_file(state_dir: &Path, team: &str) -> PathBuf {
    state_dir.join("teams").join(team).join("fetched.json")
}

/// Adds the files of every team whose `config` names a repository to those of the disk, and what is known to be wrong with them. Fetches
/// nothing.
pub fn add(dir: &Path, files: &mut Vec<File>, diagnostics: &mut Vec<Diagnostic>, environment: &[(String, String)]) {
    let of_instance: Vec<File> = files.iter().filter(|file| file.team().is_none()).cloned().collect();
    let (sources, _) = Sources::merge(dir.to_owned(), of_instance, environment.iter().cloned());
    // Whatever is wrong here is said when all is read.
    let reader = Reader::new(&sources);
    let state_dir = KeyPath::of(&["server", "state_dir"]);
    let node = |path: &KeyPath| sources.value(path).map(|value| Node { value, path: path.clone() });
    let Some(FilePath(state_dir)) = node(&state_dir).and_then(|node| FilePath::read(&node, &reader)) else { return };
    for team in sources.with_repository() {
        let path = KeyPath::of(&["team", &team, "config"]);
        let Some(repository) = node(&path).and_then(|node| Repository::read(&node, &reader)) else { continue };
        let say = |rule, message: String| {
            let mut diagnostic = sources.diagnose(&path, true, rule, message);
            diagnostic.team = Some(team.clone());
            diagnostic
        };
        if let Some(file) = files.iter().find(|file| file.team() == Some(&team)) {
            let message = format!("the team `{team}` is also declared in {}", file.shown.display());
            diagnostics.push(say("declared-twice", message).expected("a repository, or files beside the main file"));
            files.retain(|file| file.team() != Some(&team));
        }
        let snapshot = match read(&snapshot_file(&state_dir, &team)) {
            Ok(snapshot) => snapshot.filter(|snapshot| snapshot.is_of(&repository)),
            Err(error) => {
                let message = format!("what was fetched cannot be looked at: {}", error.kind());
                let diagnostic = say(NOT_LOOKED_AT, message);
                diagnostics.push(diagnostic.expected("the server's user, who may read `state_dir`"));
                continue;
            }
        };
        match snapshot {
            Some(Snapshot { commit, problem: Some(why), .. }) if commit.is_empty() => {
                diagnostics.push(say("not-fetched", format!("nothing could be fetched: {why}")));
            }
            Some(snapshot) => {
                if let Some(why) = &snapshot.problem {
                    let message =
                        format!("what is newest could not be fetched, {} is in force: {why}", snapshot.short());
                    diagnostics.push(say("not-fetched", message).warning());
                }
                files.extend(snapshot.to_files(&state_dir, &team));
            }
            None => {
                let diagnostic = say(NOT_LOOKED_AT, "nothing was fetched yet".to_owned());
                diagnostics.push(diagnostic.expected("a running server, which fetches it"));
            }
        }
    }
}

/// Fetches what is newest for `team` and keeps it; answers whether a reload would find something else than before: other files, or that
/// fetching fails, or does no more. Blocks for a bounded time.
///
/// # Errors
/// Where what came of it cannot be kept. That nothing could be fetched is kept, too.
pub fn fetch(state_dir: &Path, team: &str, repository: &Repository) -> io::Result<bool> {
    let file = snapshot_file(state_dir, team);
    let dir = file.parent().expect("the file lies in a folder");
    std::fs::create_dir_all(dir)?;
    let before = read(&file)?.filter(|snapshot| snapshot.is_of(repository));
    let known = before.as_ref().filter(|before| before.problem.is_none()).map(|before| before.commit.as_str());
    let after = match newest(dir, repository, known) {
        Ok(None) => return Ok(false),
        Ok(Some((commit, files))) => Snapshot { files, ..Snapshot::of(repository, commit, None) },
        Err(why) => match before.clone() {
            Some(before) => Snapshot { problem: Some(why), ..before },
            None => Snapshot::of(repository, String::new(), Some(why)),
        },
    };
    if before.as_ref() == Some(&after) {
        return Ok(false);
    }
    let draft = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer(draft.as_file(), &after)?;
    draft.persist(&file)?;
    // Why it fails may be worded otherwise each time.
    let says = |of: &Snapshot| (of.commit.clone(), of.files.clone(), of.problem.is_some());
    Ok(before.as_ref().map(says) != Some(says(&after)))
}

impl Snapshot {
    fn of(repository: &Repository, commit: String, problem: Option<String>) -> Self {
        let Repository { url, branch, path, .. } = repository.clone();
        Self { url, branch, path, commit, files: Vec::new(), problem }
    }

    fn is_of(&self, repository: &Repository) -> bool {
        self.url == repository.url && self.branch == repository.branch && self.path == repository.path
    }

    fn short(&self) -> &str {
        self.commit.get(..10).unwrap_or(&self.commit)
    }

    /// As if they lay below the folder of the snapshot: what they name relatively is not there.
    fn to_files(&self, state_dir: &Path, team: &str) -> Vec<File> {
        let dir = state_dir.join("teams").join(team);
        let file = |fetched: &Fetched| File {
            shown: PathBuf::from(format!("{team}@{}:{}", self.short(), fetched.path)),
            path: dir.join(&fetched.path),
            kind: Kind::Team(team.to_owned()),
            text: fetched.text.clone(),
        };
        self.files.iter().map(file).collect()
    }
}

/// What was fetched; none where nothing was, or nothing that can be used: then it is fetched anew.
fn read(file: &Path) -> io::Result<Option<Snapshot>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest commit of the branch and the team's files in it; none where it is `known`.
fn newest(dir: &Path, from: &Repository, known: Option<&str>) -> Result<Option<(String, Vec<Fetched>)>, String> {
    let temporary = tempfile::tempdir_in(dir).map_err(|error| format!("there is no room to fetch into: {error}"))?;
    let since = Instant::now();
    let left = || DEADLINE.saturating_sub(since.elapsed());
    let pass = Pass::of(from)?;
    let git = |arguments: &[&str], bytes_max: usize| git(temporary.path(), arguments, bytes_max, left(), &pass);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| "git answers what is no text".to_owned());
    let branch = format!("refs/heads/{}", from.branch);
    let listed = text(git(&["ls-remote", "--quiet", "--", &from.url, &branch], 4 << 10)?)?;
    let newest = listed.split_whitespace().next().map(str::to_owned);
    let Some(newest) = newest else { return Err(format!("there is no branch `{}`", from.branch)) };
    if known == Some(&newest) {
        return Ok(None);
    }
    git(&["init", "--quiet", "--bare", "--template=", "."], 0)?;
    let refspec = format!("+{branch}:{FETCHED}");
    let options = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-gc",
        "--",
        &from.url,
        &refspec,
    ];
    git(&options, 0)?;
    let commit = text(git(&["rev-parse", "--verify", FETCHED], 200)?)?.trim().to_owned();
    // A folder's own entries, or one file.
    let is_file = Syntax::of(Path::new(&from.path)).is_some();
    let inside = if is_file || from.path.is_empty() { from.path.clone() } else { format!("{}/", from.path) };
    let mut list = vec!["ls-tree", "-z", "--long", FETCHED];
    list.extend((!inside.is_empty()).then_some(["--", inside.as_str()]).into_iter().flatten());
    let listed = text(git(&list, 1 << 20)?)?;
    let mut files = Vec::new();
    let mut n_bytes_left = TEAM_BYTES_MAX;
    for entry in listed.split_terminator('\0') {
        let Some((facts, path)) = entry.split_once('\t') else { continue };
        let name = path.rsplit('/').next().unwrap_or(path);
        if Syntax::of(Path::new(name)).is_none() || name.starts_with('.') {
            continue;
        }
        let facts: Vec<&str> = facts.split_whitespace().collect();
        let [mode, "blob", object, size] = facts.as_slice() else { continue };
        if !mode.starts_with("100") {
            return Err(format!("`{path}` is a link: write the file itself"));
        }
        if files.len() == TEAM_FILES_MAX {
            return Err(format!("there are over {TEAM_FILES_MAX} files of configuration in `{}`", from.path));
        }
        let size: usize = size.parse().map_err(|_| format!("`{path}` has no size"))?;
        n_bytes_left = n_bytes_left.checked_sub(size).ok_or("its files have together over 4 MiB")?;
        let content =
            text(git(&["cat-file", "blob", object], size)?).map_err(|_| format!("`{path}` is no UTF-8 text"))?;
        files.push(Fetched { path: path.to_owned(), text: content });
    }
    match files.len() {
        0 => Err(format!("there is no file of configuration in `{}`", from.path)),
        _ => Ok(Some((commit, files))),
    }
}

/// Runs git in `dir`; with `pass` it is let in.
fn git(dir: &Path, arguments: &[&str], bytes_max: usize, deadline: Duration, pass: &Pass) -> Result<Vec<u8>, String> {
    let settings = [
        "git",
        "--literal-pathspecs",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "http.followRedirects=false",
        "-c",
        "fetch.unpackLimit=1",
        "-c",
        "fetch.fsckObjects=true",
        "-c",
        "credential.helper=",
        "-c",
        "safe.bareRepository=all",
        // What comes may be made to be large when it is unpacked.
        "-c",
        "core.bigFileThreshold=1m",
        "-c",
        "pack.threads=1",
    ];
    let argv: Vec<String> = settings.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
    let from_server = VARIABLES.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let own = SETTINGS.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    // Whatever lies above is no repository of this one.
    let here = ("GIT_CEILING_DIRECTORIES".into(), dir.as_os_str().to_owned());
    let environment = from_server.chain(own).chain([here]).chain(pass.variables()).collect();
    let file_bytes_max = Some(PACK_BYTES_MAX);
    let program = Program { argv: &argv, environment, dir, deadline, bytes_max, file_bytes_max };
    let verb = arguments.first().copied().unwrap_or_default();
    match program.run() {
        Ok(printed) => Ok(printed.to_vec()),
        Err(Failure::NotStarted(error)) => Err(format!("git cannot be started ({}): is it installed?", error.kind())),
        Err(failure) => Err(pass.explain(&format!("git {verb}: {failure}"))),
    }
}
