//! `weir password`: makes the hash of a password for `[[auth.user]]`.

use crate::model::secret::SecretValue;
use crate::web::auth::password::{PASSWORD_BYTES_MAX, hash};
use anyhow::{Context as _, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::process::ExitCode;

/// Characters of a password at least.
const LENGTH_MIN: usize = 8;

/// Makes the hash of a password for `[[auth.user]]`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The password is asked for without showing it, or read as one line from standard input:\n\n  \
    weir password < FILE\n\nPut what is printed into the configuration:\n\n  [[auth.user]]\n  name = \"ada\"\n  \
    password_hash = \"$argon2id$...\"\n  teams = { core = \"operator\" }")]
pub struct Password {}

impl Password {
    /// Prints the hash, and nothing else, on standard output.
    ///
    /// # Errors
    /// Where the password cannot be read, is too short, or was typed in two ways.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let password = if std::io::stdin().is_terminal() {
            let password = ask("Password: ")?;
            if ask("The same again: ")? != password {
                bail!("these were two different passwords; nothing was made");
            }
            password
        } else {
            read_line()?
        };
        if password.expose().chars().count() < LENGTH_MIN {
            bail!("a password has {LENGTH_MIN} characters at least; several words make a good one");
        }
        println!("{}", hash(&password)?);
        Ok(ExitCode::SUCCESS)
    }
}

/// Asks at the terminal, without showing what is typed.
fn ask(prompt: &str) -> anyhow::Result<SecretValue> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).context("the terminal cannot be asked for its settings")?;
    let mut hidden = before.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden.local_flags.insert(LocalFlags::ECHONL);
    eprint!("{prompt}");
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).context("the terminal cannot be told to hide what is typed")?;
    let read = read_line();
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before).context("the terminal cannot be set back; say `reset`")?;
    read
}

/// One line of standard input, bounded.
fn read_line() -> anyhow::Result<SecretValue> {
    let mut line = String::new();
    let max = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 2;
    std::io::stdin().lock().take(max).read_line(&mut line).context("the password cannot be read")?;
    let password = SecretValue::new(line);
    if password.expose().len() > PASSWORD_BYTES_MAX {
        bail!("a password has {PASSWORD_BYTES_MAX} bytes at most");
    }
    Ok(password)
}
