//! What lets git in at a team's repository: the operator's token, given to it by its environment and for one host, so that it is on no
//! command line, goes nowhere else, and is hidden in what git says.

use super::repository::Repository;
use super::vault;
use crate::model::mask::Mask;
use crate::model::secret::SecretValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::ffi::OsString;
use url::Url;

/// What git says where it is asked for a password that nobody gave it.
const NOT_LET_IN: &str = "terminal prompts disabled";

/// Characters of what git says that are shown.
const SAID_CHARS_MAX: usize = 250;

/// For as long as one fetch takes.
#[derive(Default)]
pub struct Pass {
    /// The key of git's configuration that sends the header to this host alone, and the header.
    header: Option<(String, SecretValue)>,
    mask: Mask,
}

impl Pass {
    /// The one for this repository; lets in nowhere where it has no token. Blocks as long as reading a secret does.
    ///
    /// # Errors
    /// Where there is a token and it cannot be read.
    pub fn of(repository: &Repository) -> Result<Self, String> {
        let Some(from) = &repository.token else { return Ok(Self::default()) };
        // It is none of the team's secrets, and the team reads this.
        let none = |why: String| format!("the operator's token for this repository: {why}");
        let token = vault::read_operators(from).map_err(none)?;
        if token.expose().is_empty() {
            return Err(none("it is empty".to_owned()));
        }
        let host = repository.url.parse::<Url>().map_err(|error| error.to_string())?.origin().ascii_serialization();
        let both = SecretValue::new(format!("{}:{}", repository.user, token.expose()));
        let basic = SecretValue::new(STANDARD.encode(both.expose()));
        let mask = Mask::of([&token, &basic]);
        // In base64 nothing of the token is taken for another header.
        let header = SecretValue::new(format!("Authorization: Basic {}", basic.expose()));
        Ok(Self { header: Some((format!("http.{host}/.extraHeader"), header)), mask })
    }

    /// What git's environment holds besides; others of the server's user could read it, but not what they list.
    pub fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let set = |(key, header): &(String, SecretValue)| {
            [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", key), ("GIT_CONFIG_VALUE_0", header.expose())]
                .map(|(name, value)| (name.into(), value.into()))
        };
        self.header.as_ref().map(set).into_iter().flatten()
    }

    /// What git said, without the token; where it was not let in, what to do.
    pub fn explain(&self, said: &str) -> String {
        if !said.contains(NOT_LET_IN) {
            // Hidden before it is cut: the beginning of a token is not known for one.
            return self.mask.text(said).chars().take(SAID_CHARS_MAX).collect();
        }
        match self.header {
            Some(_) => "the server there does not accept the token that `config` names".to_owned(),
            None => "the server there asks for a password: `config` may name a `token`".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pass, SAID_CHARS_MAX};
    use crate::config::repository::Repository;
    use crate::config::team::Secret;
    use std::time::Duration;

    #[test]
    fn a_token_is_for_one_host_and_hidden_in_what_git_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret-token\n").unwrap();
        let repository = Repository {
            url: "https://git.example.org:8443/core.git".to_owned(),
            branch: "main".to_owned(),
            path: String::new(),
            every: Duration::from_secs(60),
            token: Some(Secret::File(file.path().to_owned())),
            user: "weir".to_owned(),
        };
        let pass = Pass::of(&repository).unwrap();
        let variables: Vec<String> = pass.variables().map(|(_, value)| value.into_string().unwrap()).collect();
        let header = "Authorization: Basic d2VpcjpzM2NyZXQtdG9rZW4=";
        assert_eq!(variables, ["1", "http.https://git.example.org:8443/.extraHeader", header]);
        assert_eq!(pass.explain("git fetch: remote: s3cret-token"), "git fetch: remote: ***");
        assert_eq!(pass.explain("git fetch: remote: d2VpcjpzM2NyZXQtdG9rZW4="), "git fetch: remote: ***");
        let across = format!("{}s3cret-token", "x".repeat(SAID_CHARS_MAX - 4));
        assert_eq!(pass.explain(&across), format!("{}***", "x".repeat(SAID_CHARS_MAX - 4)));
        assert_eq!(pass.explain(&across[1..]).len(), SAID_CHARS_MAX - 2);
        let asked = "git ls-remote: fatal: could not read Username for 'https://h': terminal prompts disabled";
        assert_eq!(pass.explain(asked), "the server there does not accept the token that `config` names");
        assert!(Pass::default().explain(asked).contains("asks for a password"));

        std::fs::write(file.path(), "\n").unwrap();
        assert_eq!(Pass::of(&repository).err().unwrap(), "the operator's token for this repository: it is empty");
        std::fs::remove_file(file.path()).unwrap();
        let gone = "the operator's token for this repository: its file cannot be read: entity not found";
        assert_eq!(Pass::of(&repository).err().unwrap(), gone);
        assert_eq!(Pass::of(&Repository { token: None, ..repository }).unwrap().variables().count(), 0);
    }
}
