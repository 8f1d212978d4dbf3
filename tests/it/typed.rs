//! Secrets that are typed at a terminal: not shown, and the terminal is as it was afterwards.

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use weir_tests::binary::weir_command;
use weir_tests::site::Site;

/// How long the program may say nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// `weir` at a terminal of its own, which is typed at after each prompt: its exit code, what it printed, and what the terminal showed.
fn at_terminal(dir: &Path, words: &[&str], typed: &[&[u8]]) -> (i32, String, String) {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let kept = slave.try_clone().unwrap();
    let home = dir.to_str().unwrap();
    let mut command = weir_command(dir, &[("HOME", home), ("XDG_CONFIG_HOME", home)]);
    command.args(words).stdin(Stdio::from(slave)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(command);
    let (terminal, stderr) = (File::from(master), heard(child.stderr.take().unwrap()));
    let (shown, stdout) = (heard(terminal.try_clone().unwrap()), heard(child.stdout.take().unwrap()));
    let mut said = Vec::new();
    for keys in typed {
        let before = said.len();
        while !said[before..].ends_with(b": ") {
            let is_more = hear(&stderr, &mut said, &mut child);
            assert!(is_more, "no prompt: {}", String::from_utf8_lossy(&said));
        }
        // Who does not read makes a full terminal wait; the next that is listened for has a deadline.
        let (mut terminal, keys) = (terminal.try_clone().unwrap(), keys.to_vec());
        std::thread::spawn(move || terminal.write_all(&keys).unwrap());
    }
    while hear(&stderr, &mut said, &mut child) {}
    while hear(&stdout, &mut said, &mut child) {}
    let code = child.wait().unwrap().code().unwrap();
    let is_shown = |terminal: &dyn AsFd| {
        let flags = tcgetattr(terminal).unwrap().local_flags;
        flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG)
    };
    assert!(is_shown(&kept), "the terminal shows again what is typed");
    // The end of what it showed is known by a mark: there is no end of a terminal to wait for.
    File::from(kept).write_all(b"\x04").unwrap();
    let mut screen = Vec::new();
    while !screen.ends_with(b"\x04") && hear(&shown, &mut screen, &mut child) {}
    (code, String::from_utf8(said).unwrap(), String::from_utf8(screen).unwrap())
}

/// What is read from `stream`, byte by byte, on a thread of its own, so that who waits for it can stop waiting.
fn heard(stream: impl Read + Send + 'static) -> Receiver<u8> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // A terminal that nobody has open any more ends with an error.
        for byte in BufReader::new(stream).bytes().map_while(Result::ok) {
            if sender.send(byte).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Adds the next byte to `said`; false where there is none any more. A program that says nothing for long is ended.
fn hear(from: &Receiver<u8>, said: &mut Vec<u8>, child: &mut Child) -> bool {
    match from.recv_timeout(PATIENCE) {
        Ok(byte) => said.push(byte),
        Err(RecvTimeoutError::Disconnected) => return false,
        Err(RecvTimeoutError::Timeout) => {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("nothing came for {PATIENCE:?} after: {}", String::from_utf8_lossy(said));
        }
    }
    true
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
