//! Whether this machine can keep builds apart as the configuration asks for.

use super::fence::{Support, support};
use crate::config::Config;
use crate::config::worker::{Isolation, Worker, WorkerKind};

/// Checks every embedded worker, before anything runs. Returns what the operator should know, a sentence each.
///
/// # Errors
/// Where a worker would let one team read another's files, or the server's own, and the operator has not said that this is meant.
pub fn check_isolation(config: &Config) -> anyhow::Result<Vec<String>> {
    let teams: Vec<&str> = config.teams.keys().map(String::as_str).collect();
    let mut warnings = Vec::new();
    for worker in config.workers.values().filter(|worker| worker.kind == WorkerKind::Embedded) {
        warnings.extend(check(worker, &teams, support())?);
    }
    if nix::unistd::geteuid().is_root() && any_embedded(config) {
        warnings.push(
            "weir runs as root, and so do the builds of its embedded workers: they may change the system's files; run it as a user of its own"
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn any_embedded(config: &Config) -> bool {
    config.workers.values().any(|worker| worker.kind == WorkerKind::Embedded)
}

fn check(worker: &Worker, teams: &[&str], support: Support) -> anyhow::Result<Option<String>> {
    let name = &worker.name;
    if worker.isolation == Isolation::None {
        return Ok(Some(format!(
            "worker `{name}` has isolation = \"none\": its builds can read the server's database, keys and configuration"
        )));
    }
    let served: Vec<&str> = teams.iter().copied().filter(|team| worker.serves(team)).collect();
    match (support, served.as_slice()) {
        (Support::Signals, _) => Ok(None),
        (Support::Truncate, _) => Ok(Some(format!(
            "this kernel is older than Linux 6.12: builds on worker `{name}` cannot read the server's files but can signal its processes"
        ))),
        (Support::Files, _) => Ok(Some(format!(
            "this kernel is older than Linux 6.2: builds on worker `{name}` cannot read the server's files but can empty them by name and signal its processes"
        ))),
        (Support::None, [] | [_]) => Ok(Some(format!(
            "this kernel has no Landlock, so builds on worker `{name}` can read the server's database, keys and configuration; this is let pass because only one team uses it"
        ))),
        (Support::None, [first, second, ..]) => anyhow::bail!(
            "worker `{name}` is open to more than one team (`{first}`, `{second}`{}), and this kernel has no Landlock to keep their builds from \
             each other's files and from the server's keys. Use a kernel with Landlock (Linux 5.13 or newer, with `landlock` among \
             /sys/kernel/security/lsm, and a container runtime that lets it pass), or lend the worker to one team (`[worker.{name}] teams = \
             [\"{first}\"]`), or accept that every team may read all of it: `[worker.{name}] isolation = \"none\"`",
            if served.len() > 2 { ", ..." } else { "" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Isolation, Support, Worker, WorkerKind, check};

    fn worker(teams: &[&str], isolation: Isolation) -> Worker {
        Worker {
            name: "local".to_owned(),
            kind: WorkerKind::Embedded,
            slots: 1,
            labels: Vec::new(),
            teams: teams.iter().map(|team| (*team).to_owned()).collect(),
            env: [].into(),
            pass_env: Vec::new(),
            paths: None,
            isolation,
            password: None,
        }
    }

    #[test]
    fn without_landlock_a_worker_of_several_teams_is_refused_with_what_to_do() {
        let refused =
            check(&worker(&[], Isolation::Landlock), &["core", "docs"], Support::None).unwrap_err().to_string();
        for part in
            ["worker `local`", "`core`, `docs`", "teams = [\"core\"]", "[worker.local] isolation = \"none\"", "5.13"]
        {
            assert!(refused.contains(part), "{part} in {refused}");
        }
    }

    #[test]
    fn one_team_or_a_plain_word_of_the_operator_lets_it_pass_with_a_warning() {
        for (worker, teams) in [
            (worker(&[], Isolation::Landlock), vec!["core"]),
            (worker(&["core"], Isolation::Landlock), vec!["core", "docs"]),
            (worker(&[], Isolation::None), vec!["core", "docs"]),
        ] {
            let warning = check(&worker, &teams, Support::None).unwrap().unwrap();
            assert!(warning.contains("can read the server's"), "{warning}");
        }
        let fenced = check(&worker(&[], Isolation::Landlock), &["core", "docs"], Support::Signals);
        assert_eq!(fenced.unwrap(), None);
        assert!(Support::None < Support::Files && Support::Truncate < Support::Signals);
    }
}
