//! The environment of a command: what design.md names and nothing else of the server's.

use crate::config::worker::Worker;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// The search path where the server itself has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every command of one worker gets: `PATH`, `HOME`, `USER`, `LANG` and `TZ` as the server has them (a `TZ` it does not have stays
/// unset, the others have defaults), `CI=true`, then what `pass_env` names, then the worker's own `env`.
pub fn of_worker(worker: &Worker, server: impl Fn(&str) -> Option<OsString>) -> BTreeMap<String, String> {
    // A value that is not UTF-8 is rare and only ever the operator's own; a lossy one is better than none.
    let server = |name: &str| server(name).map(|value| value.to_string_lossy().into_owned());
    let account = account();
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), server("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned())),
        ("HOME".to_owned(), server("HOME").unwrap_or(account.home)),
        ("USER".to_owned(), server("USER").unwrap_or(account.name)),
        ("LANG".to_owned(), server("LANG").unwrap_or_else(|| "C.UTF-8".to_owned())),
        ("CI".to_owned(), "true".to_owned()),
    ]);
    let passed = std::iter::once("TZ").chain(worker.pass_env.iter().map(String::as_str));
    env.extend(passed.filter_map(|name| Some((name.to_owned(), server(name)?))));
    env.extend(worker.env.clone());
    env
}

/// The whole environment of one command: the worker's, its builder's `TMPDIR`, then its own.
pub fn of_command(
    worker: &BTreeMap<String, String>,
    tmp: &Path,
    own: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut env = worker.clone();
    env.insert("TMPDIR".to_owned(), tmp.to_string_lossy().into_owned());
    env.extend(own.clone());
    env.into_iter().collect()
}

/// Who the server runs as.
struct Account {
    name: String,
    home: String,
}

fn account() -> Account {
    let uid = nix::unistd::getuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => Account { name: user.name, home: user.dir.to_string_lossy().into_owned() },
        // No such account, as in many containers.
        Ok(None) | Err(_) => Account { name: uid.to_string(), home: "/".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::{of_command, of_worker};
    use crate::config::worker::{Isolation, Worker, WorkerKind};
    use std::collections::BTreeMap;
    use std::path::Path;

    fn worker(env: &[(&str, &str)], pass_env: &[&str]) -> Worker {
        Worker {
            name: "local".to_owned(),
            kind: WorkerKind::Embedded,
            slots: 1,
            labels: Vec::new(),
            teams: Vec::new(),
            env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            pass_env: pass_env.iter().map(|name| (*name).to_owned()).collect(),
            paths: None,
            isolation: Isolation::default(),
            password: None,
        }
    }

    fn server(name: &str) -> Option<std::ffi::OsString> {
        let all = [
            ("PATH", "/bin"),
            ("HOME", "/h"),
            ("USER", "u"),
            ("LANG", "C"),
            ("TZ", "UTC"),
            ("TOKEN", "t"),
            ("SECRET", "s"),
        ];
        all.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
    }

    #[test]
    fn only_what_is_documented_comes_from_the_server() {
        let env = of_worker(&worker(&[("JOBS", "2")], &["TOKEN", "ABSENT"]), server);
        let names: Vec<&str> = env.keys().map(String::as_str).collect();
        assert_eq!(names, ["CI", "HOME", "JOBS", "LANG", "PATH", "TOKEN", "TZ", "USER"]);
    }

    #[test]
    fn the_narrower_wins() {
        let base = of_worker(&worker(&[("LANG", "de"), ("TOKEN", "w")], &["TOKEN"]), server);
        let own = BTreeMap::from([("LANG".to_owned(), "fr".to_owned())]);
        let env: BTreeMap<String, String> = of_command(&base, Path::new("/t"), &own).into_iter().collect();
        assert_eq!((env["LANG"].as_str(), env["TOKEN"].as_str(), env["TMPDIR"].as_str()), ("fr", "w", "/t"));
    }
}
