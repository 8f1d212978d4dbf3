//! `weir password`: makes the hash of a password for `[[auth.user]]`.

use super::ask::Wanted;
use crate::web::auth::password::{PASSWORD_BYTES_MAX, hash};
use anyhow::bail;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Characters of a password at least.
const LENGTH_MIN: usize = 8;

/// What is asked for.
const PASSWORD: Wanted = Wanted { what: "password", bytes_max: PASSWORD_BYTES_MAX };

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
        let password = PASSWORD.ask("Password: ")?;
        if std::io::stdin().is_terminal() && PASSWORD.ask("The same again: ")? != password {
            bail!("these were two different passwords; nothing was made");
        }
        if password.expose().chars().count() < LENGTH_MIN {
            bail!("a password has {LENGTH_MIN} characters at least; several words make a good one");
        }
        println!("{}", hash(&password)?);
        Ok(ExitCode::SUCCESS)
    }
}
