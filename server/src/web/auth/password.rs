//! Passwords: made into hashes, and checked against those of the configuration. Whoever tries learns nothing from the answer or its time
//! about who is known here.

use super::throttle::Throttle;
use crate::config::Config;
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::status::rights::Identity;
use anyhow::Context as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use std::net::IpAddr;
use tokio::sync::Semaphore;

/// Passwords that are checked at the same time: each takes a core and some twenty megabytes for tens of milliseconds.
const AT_ONCE: usize = 2;
/// Passwords that wait to be checked; more are sent away.
const WAITING_MAX: usize = 30;
/// Bytes of a password at most.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// Checks passwords.
pub struct Passwords {
    throttle: Throttle,
    waiting: Semaphore,
    working: Semaphore,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is who they say.
    Proved(Identity),
    /// There is no such user, or it is not their password.
    Wrong,
    /// It was not looked at: too many tries. The next may be made after so many seconds.
    Wait(u64),
}

impl Default for Passwords {
    fn default() -> Self {
        let (waiting, working) = (Semaphore::new(WAITING_MAX + AT_ONCE), Semaphore::new(AT_ONCE));
        Self { throttle: Throttle::default(), waiting, working }
    }
}

impl Passwords {
    /// Whether `password` is that of the user `name`.
    pub async fn check(
        &self,
        config: &Config,
        (name, password): (&str, SecretValue),
        address: IpAddr,
        now: Time,
    ) -> Outcome {
        let Ok(_place) = self.waiting.try_acquire() else { return Outcome::Wait(1) };
        let tried = match self.throttle.count(name, address, now) {
            Ok(tried) => tried,
            Err(wait_s) => return Outcome::Wait(wait_s),
        };
        let Ok(_slot) = self.working.acquire().await else { return Outcome::Wait(1) };
        let user = config.auth.users.get(name);
        // For somebody unknown another's hash is tried as well, so that it takes as long.
        let hash = user.or_else(|| config.auth.users.values().next()).map(|user| user.password_hash.0.clone());
        let fits = tokio::task::spawn_blocking(move || hash.is_some_and(|hash| fits(&hash, &password))).await;
        let fits = fits.unwrap_or_else(|error| {
            tracing::error!("a password could not be checked: {error}");
            false
        });
        match user {
            Some(user) if fits => {
                self.throttle.forgive(tried);
                Outcome::Proved(Identity::User { name: user.name.clone() })
            }
            _ => Outcome::Wrong,
        }
    }
}

/// The argon2id hash of a password, as `[[auth.user]]` takes it, with the parameters that OWASP names first (19 MiB, 2 passes).
///
/// # Errors
/// Where the system gives no random salt.
pub fn hash(password: &SecretValue) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.expose().as_bytes());
    Ok(hash.map_err(|error| anyhow::anyhow!("{error}")).context("the password cannot be hashed")?.to_string())
}

/// Whether the password has this hash. What the hash says of memory and passes counts.
fn fits(hash: &str, password: &SecretValue) -> bool {
    let parsed = match PasswordHash::new(hash) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::error!("a `password_hash` of `[[auth.user]]` cannot be read, so nobody signs in with it: {error}");
            return false;
        }
    };
    password.expose().len() <= PASSWORD_BYTES_MAX
        && Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{SecretValue, fits, hash};

    #[test]
    fn a_hash_fits_its_password_only_and_is_another_each_time() {
        let secret = |text: &str| SecretValue::new(text.to_owned());
        let (one, two) = (hash(&secret("correct horse")).unwrap(), hash(&secret("correct horse")).unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$v=19$"), "{one}");
        assert!(fits(&one, &secret("correct horse")));
        assert!(!fits(&one, &secret("correct hors")) && !fits(&one, &secret("")));
        assert!(!fits("$argon2id$v=19$nonsense$a$b", &secret("correct horse")));
    }
}
