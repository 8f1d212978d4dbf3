//! A real, certified provider of OpenID Connect on a free port: npm's `oidc-provider`, as `tests/oidc/provider.js` sets it up.

use crate::binary;
use crate::world::client;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

/// What it knows Weir by.
pub const CLIENT_SECRET: &str = "s3cret+of/the=client with a blank";

/// Runs until it is dropped.
pub struct Provider {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
}

/// What a provider is started with.
#[derive(Debug, Clone)]
pub struct Settings(Value);

impl Settings {
    /// Knows Weir at `public_url` (ends in `/`) as the client `weir`, its name there `main`, and these people by their `sub`.
    pub fn new(public_url: &str, accounts: Value) -> Self {
        Self(json!({
            "accounts": accounts,
            "clients": [{
                "client_id": "weir",
                "client_secret": CLIENT_SECRET,
                "redirect_uris": [format!("{public_url}auth/oidc/main/callback")],
                "post_logout_redirect_uris": [format!("{public_url}login")],
                "grant_types": ["authorization_code", "refresh_token"],
                "id_token_signed_response_alg": "ES256",
            }],
        }))
    }

    /// Changes something else: `access_token_s`, `userinfo` (false: all claims stand in the ID token), or keys of the client.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.0[key] = value;
        self
    }

    /// Changes a key of the client's registration; `null` takes it away.
    ///
    /// # Panics
    /// Never: there is one client.
    #[must_use]
    pub fn client(mut self, key: &str, value: Value) -> Self {
        let client = self.0["clients"][0].as_object_mut().expect("there is one client");
        client.remove(key);
        if !value.is_null() {
            client.insert(key.to_owned(), value);
        }
        self
    }
}

impl Provider {
    /// Starts it; none, with a word on it, for who runs tests without npm. In CI there is no such excuse.
    ///
    /// # Panics
    /// Where it does not start; where it is missing in CI.
    pub fn start(settings: &Settings) -> Option<Self> {
        let Some(script) = binary::sign_in_provider() else {
            let text = "the provider of sign-in is not installed: `cargo xtask test` installs it where npm is there";
            assert!(std::env::var_os("CI").is_none(), "{text}");
            eprintln!("{text}; this test does nothing");
            return None;
        };
        let mut command = Command::new("node");
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("node is there, where npm is");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        writeln!(stdin, "{}", settings.0).expect("node reads its settings");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("node says its port");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the provider did not start: {line}"));
        let port = said["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Some(Self { child, stdin: Some(stdin), port })
    }

    /// `http://127.0.0.1:41234`, without a slash at the end: letter by letter what its tokens say.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The lines of `weir.toml` that let people sign in there, with more lines of the same table.
    pub fn toml(&self, more: &str) -> String {
        format!(
            "[auth.oidc.main]\nissuer = \"{}\"\nclient_id = \"weir\"\nclient_secret = {{ env = \"CLIENT_SECRET\" }}\n\
             title = \"Example ID\"\nscopes = [\"profile\", \"groups\"]\n{more}\n",
            self.issuer()
        )
    }

    /// Changes what it knows while it runs (see `tests/oidc/provider.js`), and returns how often each of its paths was asked for
    /// (`asked`), and its refresh tokens (`tokens`).
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn control(&self, wish: Value) -> Value {
        let answer = client().post(format!("{}/control", self.issuer())).json(&wish).send().await;
        answer.expect("the provider answers").json().await.expect("the provider answers in JSON")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It ends when its input does.
        self.stdin = None;
        if let Err(error) = self.child.wait() {
            eprintln!("the provider of sign-in cannot be waited for: {error}");
        }
    }
}
