//! Commands as they run: where, with what, and what becomes of their output.

use super::*;

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
async fn the_steps_of_a_build_share_a_tmpdir_and_the_next_build_finds_it_empty() {
    let w = Fixture::new();
    assert_eq!(w.run(shell("echo x > $TMPDIR/note")).await.code(), 0);
    assert_eq!(w.run(shell("cat $TMPDIR/note")).await.out(), "x\n");
    let next = Command { place: Place { number: 2, ..place() }, ..shell("ls -A $TMPDIR") };
    assert_eq!(w.run(next).await.out(), "");
}
