//! Secrets that are typed at a terminal: not shown, and the terminal is as it was afterwards.

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;
use weir_tests::binary::weir_command;
use weir_tests::site::Site;

/// `weir` at a terminal of its own, which is typed at after each prompt: its exit code, what it printed, and what the terminal showed.
fn at_terminal(dir: &Path, words: &[&str], typed: &[&[u8]]) -> (i32, String, String) {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let kept = slave.try_clone().unwrap();
    let home = dir.to_str().unwrap();
    let mut command = weir_command(dir, &[("HOME", home), ("XDG_CONFIG_HOME", home)]);
    command.args(words).stdin(Stdio::from(slave)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    let (mut terminal, mut stderr) = (File::from(master), child.stderr.take().unwrap());
    let mut said = Vec::new();
    for keys in typed {
        let before = said.len();
        while !said[before..].ends_with(b": ") {
            let mut byte = [0];
            stderr.read_exact(&mut byte).unwrap_or_else(|_| panic!("no prompt: {}", String::from_utf8_lossy(&said)));
            said.push(byte[0]);
        }
        terminal.write_all(keys).unwrap();
    }
    stderr.read_to_end(&mut said).unwrap();
    child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    let is_shown = |terminal: &dyn AsFd| {
        let flags = tcgetattr(terminal).unwrap().local_flags;
        flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG)
    };
    assert!(is_shown(&kept), "the terminal shows again what is typed");
    // The end of what it showed is known by a mark: there is no end of a terminal to wait for.
    File::from(kept).write_all(b"\x04").unwrap();
    let shown = BufReader::new(terminal).bytes().map(Result::unwrap).take_while(|byte| *byte != 0x04).collect();
    (code, String::from_utf8(said).unwrap(), String::from_utf8(shown).unwrap())
}

#[tokio::test]
async fn a_token_is_typed_without_being_shown_however_long_it_is() {
    let w = Site::new().team("core", "").builder("core/full", "true").serve().await;
    let (token, url) = (w.owner(), w.url("/"));
    let keys = format!("wrong\x15{token}\r");
    let (code, said, shown) = at_terminal(w.dir(), &["login", "--server", &url], &[keys.as_bytes()]);
    assert!(code == 0 && said.contains("saved in"), "{said}");
    assert!(!shown.contains(&token[..20]) && !said.contains(&token), "{shown}");
    // A terminal that hands over lines would cut this one, and hang.
    let long = format!("{}\r", "x".repeat(8_000));
    let (code, said, shown) = at_terminal(w.dir(), &["login", "--server", &url], &[long.as_bytes()]);
    assert!(code != 0 && !shown.contains('x'), "{said}{shown}");
}

#[test]
fn who_stops_at_a_password_keeps_a_terminal_that_shows_what_they_type() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said, shown) = at_terminal(dir.path(), &["password"], &[b"hunter2hunter2\x03"]);
    assert!(code != 0 && said.contains("stopped") && !shown.contains("hunter2"), "{said}{shown}");
    let twice: &[&[u8]] = &[b"correct horse\n", b"correct horse\n"];
    let (code, said, shown) = at_terminal(dir.path(), &["password"], twice);
    assert!(code == 0 && said.contains("$argon2id$") && !shown.contains("horse"), "{said}{shown}");
}
