//! What Weir itself says about a command in its log: what runs where, with which variables (names only: values may be secret), and
//! how it ended.

use super::spec::Spec;
use crate::model::shell;
use crate::worker::Exit;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// Written before the first line of the command.
pub fn opening(spec: &Spec, directory: &Path, timeout: Option<Duration>, idle_timeout: Option<Duration>) -> String {
    let mut text = String::new();
    let words: Vec<String> = match spec.program.as_slice() {
        [shell, flag, line] if shell == super::SHELL && flag == "-c" => vec![line.clone()],
        words => words.iter().map(|word| shown(word)).collect(),
    };
    // Writing to a string never fails.
    let _ = writeln!(text, "$ {}", without_passwords(&words.join(" ")));
    let _ = writeln!(text, " in {}", directory.display());
    if let Some(timeout) = timeout {
        let _ = writeln!(text, " limit: {}", length(timeout));
    }
    if let Some(idle) = idle_timeout {
        let _ = writeln!(text, " limit: {} without output", length(idle));
    }
    let names: Vec<&str> = spec.env.iter().map(|(name, _)| name.as_str()).collect();
    let _ = writeln!(text, " with {}", names.join(" "));
    text
}

/// Written after its last line.
pub fn closing(exit: &Exit, elapsed: Duration) -> String {
    let how = match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(signal) => format!("ended by signal {}", signal_name(*signal)),
        Exit::TimedOut => "ended by Weir: it ran longer than its timeout".to_owned(),
        Exit::Idle => "ended by Weir: it printed nothing for longer than its idle timeout".to_owned(),
        Exit::Stopped => "ended by Weir: the build was stopped".to_owned(),
    };
    format!("{how}, after {:.3} s\n", elapsed.as_secs_f64())
}

/// `20 min`, `1 h 30 min`, `90 s`: in whole minutes where it is any.
fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3_600, seconds / 60 % 60) {
        _ if duration.subsec_nanos() > 0 || !seconds.is_multiple_of(60) || seconds == 0 => {
            format!("{} s", duration.as_secs_f64())
        }
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn signal_name(number: i32) -> String {
    match nix::sys::signal::Signal::try_from(number) {
        Ok(signal) => format!("{number} ({signal})"),
        Err(_) => number.to_string(),
    }
}

/// The text with `…` for the user and the password of each URL in it: logs are read by more people than settings.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "/?#'\"".contains(c)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(userinfo) => {
                shown.push('…');
                &after[userinfo..]
            }
            None => after,
        };
    }
    shown + rest
}

/// A word as one would type it.
fn shown(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { shell::quote(word) }
}

#[cfg(test)]
mod tests {
    use super::{closing, length, opening, without_passwords};
    use crate::worker::Exit;
    use crate::worker::local::spec::Spec;
    use expect_test::expect;
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn the_opening_names_variables_and_hides_their_values() {
        let spec = Spec {
            program: ["make", "-j2", "two words", "it's"].map(str::to_owned).to_vec(),
            root: "/w".into(),
            directory: None,
            env: vec![("CI".to_owned(), "true".to_owned()), ("TOKEN".to_owned(), "hunter2".to_owned())],
            fenced: true,
            open_files: None,
            has_stdin: false,
        };
        expect![[r"
            $ make -j2 'two words' 'it'\''s'
             in /w/sub
             limit: 10 min
             limit: 1.5 s without output
             with CI TOKEN
        "]]
        .assert_eq(&opening(
            &spec,
            Path::new("/w/sub"),
            Some(Duration::from_secs(600)),
            Some(Duration::from_millis(1_500)),
        ));
    }

    #[test]
    fn a_limit_reads_as_people_say_it() {
        let told = [1, 90, 1_200, 3_600, 5_400].map(|s| length(Duration::from_secs(s)));
        assert_eq!(told, ["1 s", "90 s", "20 min", "1 h", "1 h 30 min"]);
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        for (given, shown) in [
            ("git fetch https://ada:s3cret@example.org/x.git main", "git fetch https://…@example.org/x.git main"),
            ("a https://t@h/x b ssh://u:p@h b@c", "a https://…@h/x b ssh://…@h b@c"),
            ("https://h/x@y 'http://a:b@c'", "https://h/x@y 'http://…@c'"),
            ("git@host:x.git", "git@host:x.git"),
        ] {
            assert_eq!(without_passwords(given), shown);
        }
    }

    #[test]
    fn the_closing_tells_an_exit_code_from_a_signal() {
        assert_eq!(closing(&Exit::Code(2), Duration::from_millis(1500)), "exit code 2, after 1.500 s\n");
        assert_eq!(closing(&Exit::Signal(9), Duration::ZERO), "ended by signal 9 (SIGKILL), after 0.000 s\n");
    }
}
