//! The values of a team's secrets: read when they are used, and known to the mask of whatever is stored meanwhile.

use super::open::Opened;
use super::program::{Failure, Program};
use super::reserved::Reserved;
use super::team::{Secret, Team, TeamSecret};
use crate::model::egress::HostRule;
use crate::model::mask::Mask;
use crate::model::secret::SecretValue;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

/// Largest value.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Largest sum of the values of a team's secrets, those included that they were while the build ran. The mask holds each in a dozen forms.
const ALL_BYTES_MAX: usize = 256 << 10;
/// How long a command may take that prints one.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);
/// Said of a secret that may not come from where it does.
const RESERVED: &str = "it comes from what is the server's own or another team's";

/// The secrets of one team, for as long as a build runs or a message is sent.
#[derive(Default)]
pub struct Vault {
    secrets: BTreeMap<String, TeamSecret>,
    /// What they may not come from.
    reserved: Arc<Reserved>,
    /// What was read so far; also what a secret was before somebody changed it, for that may lie around in the build.
    seen: Mutex<Vec<SecretValue>>,
    mask: ArcSwap<Mask>,
    /// There are more than the mask may know: none is given to anybody.
    is_over: AtomicBool,
}

/// Why a secret has no value now. Never says the value, nor a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

impl Vault {
    /// The secrets of a team; none is read yet, and none from what is the server's own.
    pub fn of_team(team: &Team) -> Self {
        Self { reserved: team.reserved.clone(), ..Self::of(&team.secrets) }
    }

    /// Secrets that come from wherever they say; none is read yet. For what no team wrote.
    pub fn of(secrets: &BTreeMap<String, TeamSecret>) -> Self {
        Self { secrets: secrets.clone(), ..Self::default() }
    }

    /// Reads every secret that can be read, so that the mask knows it. Blocks as long as reading small files does.
    ///
    /// # Errors
    /// Where they are more than can be hidden: then nothing of the team may run.
    pub fn look(&self) -> Result<(), Unavailable> {
        let values: Vec<_> =
            self.secrets.values().filter_map(|secret| read(&secret.from, &self.reserved).ok()).collect();
        self.learn(values)
    }

    /// The value of a secret as it is now; from here on the mask knows it. Blocks as long as reading a small file does.
    ///
    /// # Errors
    /// Where there is none of that name, or its variable or file cannot be used.
    pub fn read(&self, name: &str) -> Result<SecretValue, Unavailable> {
        let Some(secret) = self.secrets.get(name) else {
            return Err(Unavailable(format!("the team has no secret `{name}`")));
        };
        let value = read(&secret.from, &self.reserved).map_err(|why| Unavailable(format!("secret `{name}`: {why}")))?;
        self.learn(vec![value.clone()])?;
        Ok(value)
    }

    /// Where the secret may be sent; none is wherever the plugin may call.
    pub fn hosts(&self, name: &str) -> Option<&[HostRule]> {
        self.secrets.get(name)?.hosts.as_deref()
    }

    /// Hides what was read so far.
    pub fn mask(&self) -> Arc<Mask> {
        self.mask.load_full()
    }

    fn learn(&self, values: Vec<SecretValue>) -> Result<(), Unavailable> {
        let mut seen = self.seen.lock().expect("no holder of a vault panics");
        let n_seen = seen.len();
        for value in values {
            if !seen.contains(&value) {
                seen.push(value);
            }
        }
        if seen.iter().map(|value| value.expose().len()).sum::<usize>() > ALL_BYTES_MAX {
            seen.truncate(n_seen);
            self.is_over.store(true, Ordering::Relaxed);
        }
        if seen.len() > n_seen {
            self.mask.store(Arc::new(Mask::of(seen.iter())));
        }
        if self.is_over.load(Ordering::Relaxed) {
            let kib = ALL_BYTES_MAX >> 10;
            let why =
                format!("the team's secrets have together over {kib} KiB, more than can be hidden in what is stored");
            return Err(Unavailable(format!("{why}: take away those that are not needed")));
        }
        Ok(())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("secrets", &self.secrets.keys()).finish_non_exhaustive()
    }
}

/// The value now of a secret that is the operator's and no team's. Blocks as long as reading a small file does, or running its command.
///
/// # Errors
/// Where it has none that can be used: why, without the value.
pub fn read_operators(secret: &Secret) -> Result<SecretValue, String> {
    read(secret, &Reserved::default())
}

fn read(secret: &Secret, reserved: &Reserved) -> Result<SecretValue, String> {
    // Looked at when the configuration was read too, but a link may have been made since.
    if reserved.holds(secret) {
        return Err(RESERVED.to_owned());
    }
    match secret {
        Secret::Env(variable) => match std::env::var(variable) {
            Ok(text) if text.len() > VALUE_BYTES_MAX => {
                Err(format!("variable `{variable}` holds over {VALUE_BYTES_MAX} bytes"))
            }
            Ok(text) => Ok(SecretValue::new(text)),
            Err(std::env::VarError::NotPresent) => Err(format!("variable `{variable}` of the server is not set")),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("variable `{variable}` of the server holds no UTF-8 text"))
            }
        },
        Secret::Command(argv) => run(argv),
        Secret::File(_) | Secret::Credential(_) => {
            let Some(path) = secret.path() else { return Err("systemd gave this server no credentials".to_owned()) };
            let opened = Opened::at(&path).map_err(unreadable)?;
            // What is read is what was looked at, whoever changes links meanwhile.
            if reserved.holds(&Secret::File(opened.real.clone())) {
                return Err(RESERVED.to_owned());
            }
            read_file(opened).map(SecretValue::new)
        }
    }
}

/// What a program prints.
fn run(argv: &[String]) -> Result<SecretValue, String> {
    let is_own = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"WEIR_");
    let program = Program {
        argv,
        environment: std::env::vars_os().filter(|(name, _)| !is_own(name)).collect(),
        dir: Path::new("/"),
        deadline: COMMAND_DEADLINE,
        bytes_max: VALUE_BYTES_MAX,
        file_bytes_max: None,
    };
    let printed = program.run().map_err(|failure| match failure {
        // What it said may tell where secrets lie, and plugins read this.
        Failure::Failed { status, .. } => format!("its command ended with {status}"),
        failure => format!("its command cannot be used: {failure}"),
    })?;
    match std::str::from_utf8(&printed) {
        Ok(text) => Ok(SecretValue::new(text.to_owned())),
        Err(_) => Err("its command prints no UTF-8 text".to_owned()),
    }
}

/// Only its kind of trouble is said: where secrets lie is the operator's business, and plugins read this.
fn unreadable(error: std::io::Error) -> String {
    format!("its file cannot be read: {}", error.kind())
}

fn read_file(opened: Opened) -> Result<String, String> {
    if !opened.is_ordinary {
        return Err("its file is no ordinary file".to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    opened.file.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > VALUE_BYTES_MAX {
        return Err(format!("its file has over {VALUE_BYTES_MAX} bytes"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err("its file holds no UTF-8 text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, TeamSecret, Vault};
    use std::collections::BTreeMap;

    fn vault(secrets: &[(&str, Secret)]) -> Vault {
        let one = |(name, from): &(&str, Secret)| ((*name).to_owned(), TeamSecret { from: from.clone(), hosts: None });
        Vault::of(&secrets.iter().map(one).collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn a_value_is_read_when_it_is_used_and_the_mask_knows_it_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "first-value\n").unwrap();
        let vault = vault(&[("token", Secret::File(path.clone()))]);
        assert_eq!(vault.mask().text("first-value"), "first-value");
        vault.look().unwrap();
        assert_eq!(vault.mask().text("first-value"), "***");

        std::fs::write(&path, "second-value").unwrap();
        assert_eq!(vault.read("token").unwrap().expose(), "second-value");
        assert_eq!(vault.mask().text("first-value, then second-value"), "***, then ***");
    }

    #[test]
    fn a_link_that_leads_to_the_server_s_own_files_later_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("state")).unwrap();
        std::fs::write(at("state/jwt.pem"), "signing-key").unwrap();
        std::fs::write(at("token"), "token-of-team").unwrap();
        let main = "[server]\nstate_dir = \"state\"\n";
        std::fs::write(at("weir.toml"), main).unwrap();
        std::fs::create_dir(at("teams")).unwrap();
        std::fs::write(at("teams/core.toml"), "[secret]\ntoken = { file = \"../token\" }\n").unwrap();
        let loaded = crate::config::load(&at("weir.toml"), [], &crate::config::tests::TestCatalogue);
        let config = loaded.config.unwrap();
        let vault = Vault::of_team(&config.teams["core"]);
        assert_eq!(vault.read("token").unwrap().expose(), "token-of-team");

        std::fs::remove_file(at("token")).unwrap();
        std::os::unix::fs::symlink("state/jwt.pem", at("token")).unwrap();
        let said = vault.read("token").unwrap_err().to_string();
        assert_eq!(said, "secret `token`: it comes from what is the server's own or another team's");
    }

    #[test]
    fn a_link_that_is_changed_while_a_secret_is_read_leads_to_no_file_of_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("state")).unwrap();
        std::fs::write(at("state/jwt.pem"), "signing-key").unwrap();
        std::fs::create_dir(at("own")).unwrap();
        std::fs::write(at("own/jwt.pem"), "token-of-team").unwrap();
        std::os::unix::fs::symlink("../state/jwt.pem", at("own/other")).unwrap();
        std::os::unix::fs::symlink("state", at("folder")).unwrap();
        std::fs::write(at("weir.toml"), "[server]\nstate_dir = \"state\"\n").unwrap();
        std::fs::create_dir(at("teams")).unwrap();
        std::fs::write(at("teams/core.toml"), "[secret]\ntoken = { file = \"../own/jwt.pem\" }\n").unwrap();
        let loaded = crate::config::load(&at("weir.toml"), [], &crate::config::tests::TestCatalogue);
        let vault = Vault::of_team(&loaded.config.unwrap().teams["core"]);
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let read = std::thread::scope(|scope| {
            scope.spawn(|| {
                let swap = |a: &str, b: &str| {
                    let flags = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
                    nix::fcntl::renameat2(nix::fcntl::AT_FDCWD, &at(a), nix::fcntl::AT_FDCWD, &at(b), flags).unwrap();
                };
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    // The file becomes a link, and the folder in which it lies.
                    (0..2).for_each(|_| swap("own/jwt.pem", "own/other"));
                    (0..2).for_each(|_| swap("own", "folder"));
                }
            });
            let read: Vec<_> = (0..20_000).filter_map(|_| vault.read("token").ok()).collect();
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            read
        });
        let n_wrong = read.iter().filter(|value| value.expose() != "token-of-team").count();
        assert_eq!(n_wrong, 0, "of {}", read.len());
        assert!(!read.is_empty());
    }

    #[test]
    fn more_than_can_be_hidden_is_given_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["a", "b", "c", "d", "e"];
        for name in names {
            std::fs::write(dir.path().join(name), name.repeat(super::VALUE_BYTES_MAX)).unwrap();
        }
        let five = vault(&names.map(|name| (name, Secret::File(dir.path().join(name)))));
        let why = "the team's secrets have together over 256 KiB, more than can be hidden in what is stored: \
                   take away those that are not needed";
        assert_eq!(five.look().unwrap_err().to_string(), why);
        assert_eq!(five.read("a").unwrap_err().to_string(), why);
        std::fs::write(dir.path().join("e"), "").unwrap();
        let four = vault(&names.map(|name| (name, Secret::File(dir.path().join(name)))));
        four.look().unwrap();
    }

    #[test]
    fn what_cannot_be_read_says_why_and_not_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("binary"), b"abc\xffdef").unwrap();
        std::fs::write(dir.path().join("large"), vec![b'x'; super::VALUE_BYTES_MAX + 1]).unwrap();
        let file = |name: &str| Secret::File(dir.path().join(name));
        let vault = vault(&[
            ("absent", file("absent")),
            ("binary", file("binary")),
            ("folder", file("")),
            ("large", file("large")),
            ("unset", Secret::Env("WEIR_TEST_NO_SUCH_VARIABLE".to_owned())),
        ]);
        let said = |name: &str| vault.read(name).unwrap_err().to_string();
        assert_eq!(said("absent"), "secret `absent`: its file cannot be read: entity not found");
        assert_eq!(said("binary"), "secret `binary`: its file holds no UTF-8 text");
        assert_eq!(said("folder"), "secret `folder`: its file is no ordinary file");
        assert_eq!(said("large"), "secret `large`: its file has over 65536 bytes");
        assert_eq!(said("unset"), "secret `unset`: variable `WEIR_TEST_NO_SUCH_VARIABLE` of the server is not set");
        assert_eq!(said("other"), "the team has no secret `other`");
    }
}
