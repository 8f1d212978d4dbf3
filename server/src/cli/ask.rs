//! One line of a secret: typed at a terminal without being shown, or read from a pipe.

use crate::model::secret::SecretValue;
use anyhow::{Context as _, bail};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal as _, Read as _};
use zeroize::Zeroizing;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// In words, such as `password`.
    pub what: &'static str,
    /// Bytes at most.
    pub bytes_max: usize,
}

impl Wanted {
    /// Asks with `prompt` where standard input is a terminal, without showing what is typed; else reads a line of it.
    ///
    /// # Errors
    /// Where it cannot be read, is too long, or whoever types wants to stop.
    pub fn ask(self, prompt: &str) -> anyhow::Result<SecretValue> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return self.read_line();
        }
        let before = tcgetattr(&stdin).context("the terminal cannot be asked for its settings")?;
        tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden(&before))
            .context("the terminal cannot be told to hide what is typed")?;
        // Not before: who answers at once would be shown what they type.
        eprint!("{prompt}");
        let typed = self.typed(stdin.lock());
        tcsetattr(&stdin, SetArg::TCSAFLUSH, &before).context("the terminal cannot be set back; say `reset`")?;
        eprintln!();
        typed
    }

    /// One line of standard input, bounded.
    fn read_line(self) -> anyhow::Result<SecretValue> {
        // The end of the line may have two bytes.
        let max = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(2);
        let mut line = Zeroizing::new(String::new());
        let read = std::io::stdin().lock().take(max).read_line(&mut line);
        read.with_context(|| format!("the {} cannot be read", self.what))?;
        self.checked(line.trim_end_matches(['\r', '\n']))
    }

    /// What is typed up to the end of the line. The terminal hands over each key: by whole lines, it would keep 4095 bytes of each.
    fn typed(self, input: impl BufRead) -> anyhow::Result<SecretValue> {
        let mut line = Zeroizing::new(Vec::new());
        let mut has_other_key = false;
        for byte in input.bytes() {
            match byte.with_context(|| format!("the {} cannot be read", self.what))? {
                b'\r' | b'\n' => break,
                // Ctrl-C, and Ctrl-\, which ends a program as well.
                0x03 | 0x1c => bail!("stopped; nothing was done"),
                // Ctrl-D ends the line.
                0x04 => break,
                // Ctrl-U begins anew.
                0x15 => {
                    line.clear();
                    has_other_key = false;
                }
                // Ctrl-W takes away a word, with the spaces behind it.
                0x17 => {
                    let kept = line.trim_ascii_end().iter().rposition(|byte| *byte == b' ');
                    line.truncate(kept.map_or(0, |space| space + 1));
                }
                // Backspace takes away one character, however many bytes it has.
                0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
                // Ctrl-Z, an arrow and the like: nobody sees that it would be part of the secret.
                byte if byte.is_ascii_control() => has_other_key = true,
                byte if line.len() <= self.bytes_max => line.push(byte),
                // It is read to its end all the same: what is left would go to the shell, which shows it.
                _ => {}
            }
        }
        if has_other_key {
            bail!("a key that is no character was pressed; nothing was done");
        }
        let text = std::str::from_utf8(&line).with_context(|| format!("the {} is no text", self.what))?;
        self.checked(text)
    }

    fn checked(self, text: &str) -> anyhow::Result<SecretValue> {
        if text.len() > self.bytes_max {
            bail!("a {} has {} bytes at most", self.what, self.bytes_max);
        }
        Ok(SecretValue::new(text.to_owned()))
    }
}

/// A terminal that shows nothing, hands over each key at once, and Ctrl-C too: whoever stops shall not be left with a terminal that hides
/// what they type.
fn hidden(before: &Termios) -> Termios {
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
    hidden.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    hidden.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    hidden
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    const TOKEN: Wanted = Wanted { what: "token", bytes_max: 16 << 10 };

    fn typed(keys: &[u8]) -> Option<String> {
        TOKEN.typed(keys).ok().map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn keys_are_read_up_to_the_end_of_the_line_and_can_be_taken_back() {
        assert_eq!(typed(b"abc\nrest").as_deref(), Some("abc"));
        assert_eq!(typed("grü\u{7f}n\x08nx\r".as_bytes()).as_deref(), Some("grnx"));
        assert_eq!(typed(b"wrong\x15right\x04").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\x7fa\n").as_deref(), Some("a"));
        assert_eq!(typed(b"one two  \x17three\n").as_deref(), Some("one three"));
        assert_eq!(typed(b"one\x17\x17two\n").as_deref(), Some("two"));
        assert_eq!(typed(b"secret\x03\n"), None);
        assert_eq!(typed(b"secret\x1c\n"), None);
        assert_eq!(typed(b"\xff\n"), None);
    }

    #[test]
    fn a_key_that_is_no_character_gets_into_no_secret_unseen() {
        for keys in [b"sec\x1aret\n".as_slice(), b"secret\x1b[D\n", b"secret\t\n", b"\0secret\n"] {
            let error = TOKEN.typed(keys).unwrap_err();
            assert_eq!(error.to_string(), "a key that is no character was pressed; nothing was done");
        }
        assert_eq!(typed(b"wrong\x1b[D\x15right\n").as_deref(), Some("right"), "who begins anew is free of it");
    }

    #[test]
    fn each_secret_has_its_own_limit() {
        let long = "x".repeat(TOKEN.bytes_max);
        assert_eq!(typed(long.as_bytes()).as_deref(), Some(&*long));
        assert_eq!(typed(format!("{long}x\n").as_bytes()), None);
        let password = Wanted { what: "password", bytes_max: 1_024 };
        let error = password.typed(long.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "a password has 1024 bytes at most");
    }
}
