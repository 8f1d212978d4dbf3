//! The embedded worker: real commands through the real `weir exec`.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir::clock::SystemClock;
use weir::config::worker::{Isolation, Worker as Table, WorkerKind};
use weir::worker::local::{Directories, Hidden, LocalWorker};
use weir::worker::{Channel, Command, Error, Exit, Output, Place, What, Worker};

/// A worker on a state directory of its own.
struct Fixture {
    dir: tempfile::TempDir,
    worker: LocalWorker,
}

/// What a command did.
struct Ran {
    exit: Result<Exit, Error>,
    pieces: Vec<Output>,
}

impl Ran {
    fn bytes(&self, channel: Channel) -> Vec<u8> {
        self.pieces.iter().filter(|piece| piece.channel == channel).flat_map(|piece| piece.bytes.to_vec()).collect()
    }

    fn out(&self) -> String {
        String::from_utf8(self.bytes(Channel::Stdout)).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.bytes(Channel::Stderr)).unwrap()
    }

    fn header(&self) -> String {
        String::from_utf8(self.bytes(Channel::Header)).unwrap()
    }

    fn code(&self) -> i32 {
        match &self.exit {
            Ok(Exit::Code(code)) => *code,
            other => panic!("no exit code: {other:?}\n{}{}", self.out(), self.err()),
        }
    }
}

fn table() -> Table {
    Table {
        name: "local".to_owned(),
        kind: WorkerKind::Embedded,
        slots: 1,
        labels: Vec::new(),
        teams: Vec::new(),
        env: BTreeMap::from([("FROM_WORKER".to_owned(), "w".to_owned())]),
        pass_env: Vec::new(),
        paths: None,
        isolation: Isolation::Landlock,
        password: None,
    }
}

fn place() -> Place {
    Place { team: "core".to_owned(), builder: "linux + gcc".to_owned(), number: 1 }
}

fn command(what: What) -> Command {
    Command {
        place: place(),
        what,
        directory: None,
        env: BTreeMap::new(),
        stdin: None,
        timeout: None,
        idle_timeout: None,
    }
}

fn shell(line: &str) -> Command {
    command(What::Shell(line.to_owned()))
}

fn program(words: &[&str]) -> Command {
    command(What::Program(words.iter().map(|word| (*word).to_owned()).collect()))
}

impl Fixture {
    fn new() -> Self {
        Self::with(table(), |_| Hidden::default())
    }

    /// Not under `/tmp`, which is to stay writable although the state directory beside it is hidden.
    fn with(table: Table, hidden: impl FnOnce(&Path) -> Hidden) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let worker = LocalWorker::new(&table, &dir.path().join("state"), hidden(dir.path()), Arc::new(SystemClock))
            .with_binary(weir_tests::binary::weir())
            .with_grace(Duration::from_millis(300));
        Self { dir, worker }
    }

    fn directories(&self) -> Directories {
        Directories::of(&self.dir.path().join("state"), "local", &place())
    }

    async fn run(&self, command: Command) -> Ran {
        self.run_until(command, CancellationToken::new()).await
    }

    async fn run_until(&self, command: Command, stop: CancellationToken) -> Ran {
        let (sender, mut receiver) = mpsc::channel::<Output>(16);
        let collect = async {
            let mut pieces = Vec::new();
            while let Some(piece) = receiver.recv().await {
                pieces.push(piece);
            }
            pieces
        };
        let (exit, pieces) = tokio::join!(self.worker.run(command, sender, stop), collect);
        Ran { exit, pieces }
    }

    /// Starts a command, waits until it has printed `word` on a line of its own, stops it, and waits for its end.
    async fn stop_when_it_says(&self, word: &str, command: Command) -> Ran {
        let (sender, mut receiver) = mpsc::channel::<Output>(16);
        let stop = CancellationToken::new();
        let collect = async {
            let (mut pieces, mut said) = (Vec::<Output>::new(), Vec::new());
            while let Some(piece) = receiver.recv().await {
                if piece.channel == Channel::Stdout {
                    said.extend_from_slice(&piece.bytes);
                    if String::from_utf8_lossy(&said).lines().any(|line| line == word) {
                        stop.cancel();
                    }
                }
                pieces.push(piece);
            }
            pieces
        };
        let (exit, pieces) = tokio::join!(self.worker.run(command, sender, stop.clone()), collect);
        Ran { exit, pieces }
    }
}

/// Whether a process still runs; one that was reaped or waits for that does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn a_command_runs_in_its_builders_work_directory_and_its_streams_are_told_apart() {
    let w = Fixture::new();
    let ran = w.run(shell("pwd; echo wrong >&2; exit 3")).await;
    assert_eq!(ran.code(), 3);
    assert_eq!(ran.out(), format!("{}\n", w.directories().work.display()));
    assert_eq!(ran.err(), "wrong\n");
    let header = ran.header();
    assert!(header.starts_with("$ pwd; echo wrong >&2; exit 3\n in "), "{header}");
    assert!(header.contains("exit code 3, after "), "{header}");
}

#[tokio::test]
async fn the_environment_is_the_documented_one() {
    let w = Fixture::new();
    let mut env = program(&["env"]);
    env.env.insert("OWN".to_owned(), "o".to_owned());
    let out = w.run(env).await.out();
    let mut names: Vec<&str> = out.lines().map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    let tz = std::env::var_os("TZ").is_some();
    let expected = ["CI", "FROM_WORKER", "HOME", "LANG", "OWN", "PATH", "TMPDIR", "TZ", "USER"];
    let expected: Vec<&str> = expected.into_iter().filter(|name| tz || *name != "TZ").collect();
    assert_eq!(names, expected);
    assert!(out.contains(&format!("TMPDIR={}\n", w.directories().tmp.display())), "{out}");
}

#[tokio::test]
async fn a_command_inherits_no_descriptor_and_no_ignored_signal() {
    let w = Fixture::new();
    let out = w.run(program(&["ls", "/proc/self/fd"])).await.out();
    // The fourth is the listing itself.
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    let out = w.run(program(&["cat", "/proc/self/status"])).await.out();
    let value = |name: &str| out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t")).unwrap();
    assert_eq!((value("SigBlk"), value("NoNewPrivs")), ("0000000000000000", "1"));
    // Signals 32 and 33 are the C library's own; it sets them as it likes.
    assert_eq!(u64::from_str_radix(value("SigIgn"), 16).unwrap() & !(0b11 << 31), 0);
    assert_eq!(w.run(shell("ulimit -c; ulimit -Hc")).await.out(), "0\n0\n");
}

#[tokio::test]
async fn an_exit_code_is_told_from_a_signal_and_from_a_program_that_is_not_there() {
    let w = Fixture::new();
    assert_eq!(w.run(shell("exit 127")).await.code(), 127);
    assert_eq!(w.run(shell("kill -9 $$")).await.exit.unwrap(), Exit::Signal(9));
    let absent = w.run(program(&["no-such-program-at-all"])).await;
    assert!(
        matches!(&absent.exit, Err(Error::NoProgram(name)) if name == "no-such-program-at-all"),
        "{:?}",
        absent.exit
    );
    let forbidden = w.run(program(&["/etc/passwd"])).await.exit.unwrap_err();
    assert_eq!(forbidden.to_string(), "starting `/etc/passwd`: Permission denied (os error 13)");
}

#[tokio::test]
async fn a_directory_that_is_not_there_or_leads_out_is_refused() {
    let w = Fixture::new();
    w.run(shell("mkdir -p sub; ln -s / out; ln -s sub inside")).await;
    let in_directory = |directory: &str| Command { directory: Some(directory.to_owned()), ..program(&["pwd", "-P"]) };
    for inside in ["sub", "inside", "sub/../sub"] {
        assert_eq!(
            w.run(in_directory(inside)).await.out(),
            format!("{}/sub\n", w.directories().work.display()),
            "{inside}"
        );
    }
    for outside in ["..", "sub/../..", "out", "out/etc", "/etc"] {
        let refused = w.run(in_directory(outside)).await.exit;
        assert!(matches!(&refused, Err(Error::Outside(path)) if path == outside), "{outside}: {refused:?}");
    }
    let absent = w.run(in_directory("absent")).await.exit.unwrap_err().to_string();
    assert_eq!(absent, "entering `absent` in the builder's work directory: No such file or directory (os error 2)");
}

#[tokio::test]
async fn what_a_command_reads_is_what_it_was_given() {
    let w = Fixture::new();
    assert_eq!(w.run(program(&["cat"])).await.out(), "");
    let given = Command { stdin: Some(Bytes::from_static(b"a\0b\nno newline")), ..program(&["cat"]) };
    assert_eq!(w.run(given).await.out(), "a\0b\nno newline");
    let unread = Command { stdin: Some(vec![b'x'; 4 << 20].into()), ..program(&["true"]) };
    assert_eq!(w.run(unread).await.code(), 0);
}

#[tokio::test]
async fn output_is_kept_byte_for_byte() {
    let w = Fixture::new();
    let ran = w.run(shell(r"printf 'a\377\000b\r\nlast line'; printf 'x' >&2")).await;
    assert_eq!(ran.bytes(Channel::Stdout), b"a\xff\0b\r\nlast line");
    assert_eq!(ran.err(), "x");
}

#[tokio::test]
async fn stopping_ends_the_whole_process_group_and_children_that_left_it() {
    let w = Fixture::new();
    // A grandchild, one that ignores the polite signals, and a daemon: forked twice, with a session of its own.
    let line = "
        sh -c 'sleep 1000 & echo $! > grandchild; wait' &
        sh -c 'trap \"\" INT TERM; echo $$ > deaf; while :; do sleep 1000; done' &
        setsid sh -c 'sh -c \"trap \\\"\\\" HUP INT TERM; echo \\$\\$ > daemon; sleep 1000; sleep 1000\" & exit' &
        until [ -s grandchild ] && [ -s deaf ] && [ -s daemon ]; do :; done
        echo ready; wait";
    let ran = w.stop_when_it_says("ready", shell(line)).await;
    assert_eq!(ran.exit.unwrap(), Exit::Stopped);
    for name in ["grandchild", "deaf", "daemon"] {
        let pid = std::fs::read_to_string(w.directories().work.join(name)).unwrap();
        assert!(!is_alive(&pid), "{name} {pid} is alive");
    }
}

#[tokio::test]
async fn a_command_may_clean_up_when_it_is_interrupted() {
    let w = Fixture::new();
    let line = "trap 'echo cleaned > note; exit 0' INT; echo ready; while :; do sleep 0.01; done";
    let ran = w.stop_when_it_says("ready", shell(line)).await;
    assert_eq!(ran.exit.unwrap(), Exit::Stopped);
    assert_eq!(std::fs::read_to_string(w.directories().work.join("note")).unwrap(), "cleaned\n");
}

#[tokio::test]
async fn what_a_command_leaves_running_ends_with_it_and_does_not_hold_up_its_step() {
    let w = Fixture::new();
    let begun = Instant::now();
    let ran = w
        .run(shell("setsid sh -c 'echo $$ > daemon; exec sleep 1000' & until [ -s daemon ]; do :; done; echo done"))
        .await;
    assert_eq!((ran.code(), ran.out().as_str()), (0, "done\n"));
    assert!(begun.elapsed() < Duration::from_secs(100), "it did not wait for the sleep");
    assert!(!is_alive(&std::fs::read_to_string(w.directories().work.join("daemon")).unwrap()));
}

#[tokio::test]
async fn a_command_that_runs_too_long_or_is_silent_too_long_is_ended() {
    let w = Fixture::new();
    let ran = w
        .run(Command { timeout: Some(Duration::from_millis(200)), ..shell("while :; do echo x; sleep 0.01; done") })
        .await;
    assert_eq!(ran.exit.unwrap(), Exit::TimedOut);
    let ran = w.run(Command { idle_timeout: Some(Duration::from_millis(200)), ..shell("echo once; sleep 1000") }).await;
    assert_eq!(ran.out(), "once\n");
    assert_eq!(ran.exit.unwrap(), Exit::Idle);
    let talks = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done";
    assert_eq!(w.run(Command { idle_timeout: Some(Duration::from_millis(700)), ..shell(talks) }).await.code(), 0);
}

#[tokio::test]
async fn a_log_that_does_not_take_output_stops_the_command_and_costs_no_memory() {
    let w = Fixture::new();
    let (sender, mut receiver) = mpsc::channel::<Output>(4);
    let line = "head -c 100000000 /dev/zero; echo written > note";
    let limits = Command { idle_timeout: Some(Duration::from_millis(100)), ..shell(line) };
    let note = w.directories().work.join("note");
    let slow = async {
        let (mut n_bytes, mut largest) = (0, 0);
        while let Some(piece) = receiver.recv().await {
            if piece.channel == Channel::Stdout {
                if n_bytes == 0 {
                    // Longer than the idle timeout, which must not run while it is the log that is slow.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    assert!(!note.exists(), "100 MB were written and nobody had read them");
                }
                n_bytes += piece.bytes.len();
                largest = largest.max(piece.bytes.len());
            }
        }
        (n_bytes, largest)
    };
    let (exit, (n_bytes, largest)) = tokio::join!(w.worker.run(limits, sender, CancellationToken::new()), slow);
    assert_eq!(exit.unwrap(), Exit::Code(0));
    assert_eq!(n_bytes, 100_000_000);
    assert!(largest <= 1 << 20, "{largest}");
}

#[tokio::test]
async fn when_the_server_drops_a_command_all_of_it_ends() {
    let w = Fixture::new();
    let (sender, mut receiver) = mpsc::channel::<Output>(16);
    let line = "setsid sh -c 'trap \"\" INT TERM HUP; echo $$ > pid; sleep 1000; sleep 1000' & until [ -s pid ]; do :; done; echo ready; wait";
    let mut running = Box::pin(w.worker.run(shell(line), sender, CancellationToken::new()));
    let ready = async {
        while let Some(piece) = receiver.recv().await {
            if piece.channel == Channel::Stdout {
                return;
            }
        }
    };
    tokio::select! {
        exit = &mut running => panic!("{exit:?}"),
        () = ready => {}
    }
    drop(running);
    let pid = std::fs::read_to_string(w.directories().work.join("pid")).unwrap();
    while is_alive(&pid) {
        tokio::task::yield_now().await;
    }
}

/// A site: what must be hidden, and what lies beside it.
fn site(table: Table) -> Fixture {
    let w = Fixture::with(table, |dir| Hidden {
        secret: ["state", "weir.toml", "teams", "conf.d", "home/token"].map(|name| dir.join(name)).into(),
        read_only: [dir.join("plugins")].into(),
    });
    let dir = w.dir.path();
    for folder in ["state/work/local/docs/manual", "state/plugins", "teams", "plugins", "home/toolchain", "repo/.git"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for file in [
        "state/jwt.pem",
        "state/weir.db",
        "state/weir.db-wal",
        "state/plugins/shell.cwasm",
        "state/work/local/docs/manual/book",
        "weir.toml",
        "teams/core.toml",
        "home/token",
    ] {
        std::fs::write(dir.join(file), "hush").unwrap();
    }
    for file in ["plugins/shell.wasm", "home/toolchain/lib", "repo/.git/HEAD"] {
        std::fs::write(dir.join(file), "open").unwrap();
    }
    w
}

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

fn attempt(w: &Fixture, line: &str) -> Command {
    let mut command = shell(line);
    command.env.insert("D".to_owned(), w.dir.path().display().to_string());
    command.env.insert("SERVER".to_owned(), std::process::id().to_string());
    command
}

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

#[tokio::test]
async fn what_is_not_hidden_works_as_ever() {
    let w = site(table());
    for line in [
        "cargo --version",
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline",
        "sh -c 'echo x > own && mkdir -p a/b && mv own a/b/ && ln a/b/own hard && ln -s hard soft && cat soft && rm -r a hard soft'",
        "echo x > $TMPDIR/x && cat $TMPDIR/x",
        "f=$(TMPDIR=/tmp mktemp) && echo x > $f && rm $f",
        "echo x > /dev/null && head -c 1 /dev/urandom > /dev/null && echo x > /dev/stderr",
        "ls /usr/bin > /dev/null && cat /etc/passwd > /dev/null",
        "cat $D/plugins/shell.wasm $D/repo/.git/HEAD",
        "echo x >> $D/home/toolchain/lib && echo x > $D/home/toolchain/new && rm $D/home/toolchain/new",
        "sh -c 'kill -0 $$' && sleep 1000 & kill $!",
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

#[tokio::test]
async fn trees_are_copied_and_removed_and_never_through_a_link() {
    let w = site(table());
    let made = "mkdir -p a/b a/-rf; echo x > a/b/f; ln -s $D/home out; ln -s $D/home a/out; ln -s b a/link; mkdir a/closed; touch a/closed/x; chmod 0 a/closed; touch .dot";
    assert_eq!(w.run(attempt(&w, made)).await.code(), 0);
    let (worker, place) = (&w.worker, place());
    worker.cpdir(&place, "a", "new/copy").await.unwrap();
    assert_eq!(worker.upload(&place, "new/copy/b/f", 9).await.unwrap(), "x\n");
    assert_eq!(w.run(shell("readlink new/copy/link new/copy/out | wc -l")).await.out().trim(), "2");
    for (from, to, refused) in [
        ("absent", "x", "copying `absent` to `x`: there is no `absent`"),
        (".dot", "x", "copying `.dot` to `x`: `.dot` is no directory"),
        ("out/toolchain", "x", "`out/toolchain` leads out of the builder's work directory"),
        ("a", "out/x", "`out/x` leads out of the builder's work directory"),
    ] {
        assert_eq!(worker.cpdir(&place, from, to).await.unwrap_err().to_string(), refused);
    }
    assert!(matches!(worker.rmdir(&place, "out/toolchain").await, Err(Error::Outside(_))));
    for path in ["a/-rf", "a/out", "a", "absent", "absent/deep"] {
        worker.rmdir(&place, path).await.unwrap();
        assert_eq!(worker.stat(&place, path).await.unwrap(), None);
    }
    worker.rmdir(&place, ".").await.unwrap();
    assert_eq!(std::fs::read_dir(w.directories().work).unwrap().count(), 0);
    assert!(w.dir.path().join("home/toolchain/lib").exists(), "links were removed, not what they lead to");
}

#[tokio::test]
async fn folders_nested_deeper_than_any_path_are_removed() {
    let w = Fixture::new();
    let nest = "n=$(printf 'd%.0s' $(seq 200)) p=$(printf \"$n/%.0s\" $(seq 15)); mkdir -p d/$p e/$p && mv e d/$p";
    assert_eq!(w.run(shell(nest)).await.code(), 0);
    w.worker.rmdir(&place(), "d").await.unwrap();
    assert_eq!(w.worker.stat(&place(), "d").await.unwrap(), None);
}

#[tokio::test]
async fn the_steps_of_a_build_share_a_tmpdir_and_the_next_build_finds_it_empty() {
    let w = Fixture::new();
    assert_eq!(w.run(shell("echo x > $TMPDIR/note")).await.code(), 0);
    assert_eq!(w.run(shell("cat $TMPDIR/note")).await.out(), "x\n");
    let next = Command { place: Place { number: 2, ..place() }, ..shell("ls -A $TMPDIR") };
    assert_eq!(w.run(next).await.out(), "");
}

#[tokio::test]
async fn a_command_whose_supervisor_is_killed_is_lost_and_ended() {
    let w = Fixture::with(Table { isolation: Isolation::None, ..table() }, |_| Hidden::default());
    let line = "setsid sh -c 'echo $$ > daemon; exec sleep 1000' & until [ -s daemon ]; do :; done; kill -9 $PPID; exec sleep 1000";
    let ran = w.run(shell(line)).await;
    assert_eq!(ran.exit.unwrap_err().to_string(), "the worker was lost: its supervisor was killed");
    assert!(!is_alive(&std::fs::read_to_string(w.directories().work.join("daemon")).unwrap()));
}
