//! The fence: what a build reaches of the server, of secrets and of other teams.

use super::*;
use std::os::unix::process::CommandExt;

/// What a build may try, each ending with 0 where it works. `D` is the site, `SERVER` the server's process.
const ATTEMPTS: [&str; 21] = [
    "cat $D/state/jwt.pem",
    "cat $D/state/weir.db",
    "cat $D/state/weir.db-wal",
    "cat $D/state/plugins/shell.cwasm",
    "cat $D/state/work/local/docs/manual/book",
    "cat $D/weir.toml",
    "cat $D/teams/core.toml",
    "cat $D/home/token",
    "cat ../../../../jwt.pem",
    "ln -sf $D/state/jwt.pem link && cat link",
    "ln -f $D/home/token hard",
    "ls $D/state",
    "ls $D/state/work/local/docs",
    "echo evil >> $D/state/weir.db",
    "echo evil > $D/teams/evil.toml",
    "mkdir -p $D/conf.d",
    "echo evil >> $D/plugins/shell.wasm",
    "mv $D/plugins $D/mine && mv $D/mine $D/plugins",
    "cat /proc/$SERVER/environ",
    "ls /proc/$SERVER/cwd/",
    "cat /proc/$SERVER/root$D/home/token",
];

#[tokio::test]
async fn a_build_reaches_nothing_that_is_hidden() {
    let w = site(table());
    let unfenced = site(Table { isolation: Isolation::None, ..table() });
    for line in ATTEMPTS {
        let ran = w.run(attempt(&w, line)).await;
        assert_ne!(ran.code(), 0, "{line} worked: {}", ran.out());
        assert!(!ran.out().contains("hush"), "{line}: {}", ran.out());
        let ran = unfenced.run(attempt(&unfenced, line)).await;
        assert_eq!(ran.code(), 0, "{line} fails without a fence, too, so it shows nothing: {}", ran.err());
    }
    assert_eq!(std::fs::read_to_string(w.dir.path().join("state/weir.db")).unwrap(), "hush");
}

#[tokio::test]
async fn a_build_reaches_neither_the_server_nor_its_supervisor() {
    let w = site(table());
    for process in ["$SERVER", "$PPID"] {
        for line in [
            "cat /proc/P/environ",
            ": < /proc/P/mem",
            "readlink /proc/P/fd/0",
            ": < /proc/P/fd/0",
            "ls /proc/P/root/",
            "cat /proc/P/maps",
            "kill -0 P",
            "kill -9 P",
        ] {
            let line = line.replace('P', process);
            // The parent of `sh` is the supervisor.
            assert_ne!(w.run(attempt(&w, &line)).await.code(), 0, "{line}");
        }
    }
}

/// What `calls.c` prints where each of its calls ends like this.
fn calls(each: &str, of_user: Option<&str>) -> Vec<String> {
    let calls = [
        "prlimit64",
        "sched_setparam",
        "sched_setscheduler",
        "sched_setaffinity",
        "sched_setattr",
        "setpriority process",
        "setpriority group",
        "ioprio_set process",
        "ioprio_set group",
    ];
    let mut calls: Vec<String> = calls.map(|call| format!("{call} {each}")).into();
    calls.extend(
        of_user.into_iter().flat_map(|said| ["setpriority", "ioprio_set"].map(|call| format!("{call} user {said}"))),
    );
    calls
}

#[tokio::test]
async fn a_build_sets_limits_priorities_and_processors_of_itself_and_of_no_other_process() {
    // Not the test itself: without a fence it works.
    let mut other = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let try_calls = async |isolation, process: u32, user| {
        let w = site(Table { isolation, ..table() });
        std::fs::create_dir_all(w.directories().work).unwrap();
        std::fs::write(w.directories().work.join("calls.c"), include_str!("calls.c")).unwrap();
        let ran = w.run(attempt(&w, &format!("cc -o calls calls.c && ./calls {process} {user}"))).await;
        assert_eq!(ran.code(), 0, "{}", ran.err());
        // Calls in other ways than this processor's usual one, which not every kernel knows.
        ran.out()
            .lines()
            .map(str::to_owned)
            .partition::<Vec<_>, _>(|line| line.starts_with("x32") || line.starts_with("i386"))
    };
    // No process is of this user.
    let nobody = 4_000_000_001_u32;
    let (elsewise, of_other) = try_calls(Isolation::Landlock, other.id(), nobody).await;
    let (_, of_itself) = try_calls(Isolation::Landlock, 0, 0).await;
    let (_, unfenced) = try_calls(Isolation::None, other.id(), nobody).await;
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(unfenced, calls("done", Some("ESRCH")), "it fails without a fence, too, so it shows nothing");
    assert_eq!(of_other, calls("EPERM", Some("EPERM")));
    assert_eq!(of_itself, calls("done", None));
    assert!(elsewise.iter().all(|line| !line.ends_with(" done")), "{elsewise:?}");
}

#[tokio::test]
async fn what_is_not_hidden_works_as_ever() {
    let w = site(table());
    // Nothing new can be made directly in a folder above what is kept, and the binary that is tried is kept: a clone may lie in /tmp.
    let shared = if weir_tests::binary::weir().starts_with("/tmp") { "/var/tmp" } else { "/tmp" };
    for line in [
        "cargo --version",
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline",
        "sh -c 'echo x > own && mkdir -p a/b && mv own a/b/ && ln a/b/own hard && ln -s hard soft && cat soft && rm -r a hard soft'",
        "echo x > $TMPDIR/x && cat $TMPDIR/x",
        &format!("f=$(TMPDIR={shared} mktemp) && echo x > $f && rm $f"),
        "echo x > /dev/null && head -c 1 /dev/urandom > /dev/null && echo x > /dev/stderr",
        "ls /usr/bin > /dev/null && cat /etc/passwd > /dev/null",
        "cat $D/plugins/shell.wasm $D/repo/.git/HEAD",
        "echo x >> $D/home/toolchain/lib && echo x > $D/home/toolchain/new && rm $D/home/toolchain/new",
        "sh -c 'kill -0 $$' && sleep 1000 & kill $!",
        "nice -n 19 true && ionice -c 3 true && chrt --batch 0 true && taskset ffff true && prlimit --nofile=64 true",
        "ulimit -n 64 && ulimit -t 100 && [ $(ulimit -n) = 64 ]",
        r"printf 'all: a b\na b:\n\ttrue\n' > Makefile && make -j 2",
    ] {
        let ran = w.run(attempt(&w, line)).await;
        assert_eq!(ran.code(), 0, "{line}: {}{}", ran.out(), ran.err());
    }
}

#[tokio::test]
async fn what_is_made_beside_something_hidden_is_there_for_the_next_command() {
    let w = site(table());
    assert_eq!(w.run(attempt(&w, "cat $D/later")).await.code(), 1);
    std::fs::write(w.dir.path().join("later"), "now").unwrap();
    assert_eq!(w.run(attempt(&w, "cat $D/later")).await.out(), "now");
}

#[tokio::test]
async fn with_paths_only_they_and_the_system_are_there() {
    let repo = |w: &Fixture| w.dir.path().join("repo");
    let dir = site(table());
    let table = Table { paths: Some(vec![repo(&dir)]), ..table() };
    let worker = LocalWorker::new(&table, &dir.dir.path().join("state"), Hidden::default(), Arc::new(SystemClock));
    let w = Fixture { worker: worker.with_binary(weir_tests::binary::weir()), dir: dir.dir };
    for (line, code) in [
        ("cat $D/repo/.git/HEAD && echo x > $D/repo/new", 0),
        ("git --version && echo x > own && echo x > $TMPDIR/x && ls /usr /etc > /dev/null", 0),
        ("cat $D/home/toolchain/lib", 1),
        ("cat $D/state/jwt.pem", 1),
        ("ls /tmp", 2),
        ("ls $D", 2),
        ("echo x > /usr/x", 2),
    ] {
        let ran = w.run(attempt(&w, line)).await;
        assert_eq!(ran.code(), code, "{line}: {}{}", ran.out(), ran.err());
    }
}
