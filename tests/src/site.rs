//! A configuration, before it is served.

use crate::world::World;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What an operator and the teams write down. Each method adds; `serve` starts a server on it.
#[derive(Debug, Clone)]
pub struct Site {
    prefix: String,
    /// Lines of `[server]` beside those that every site has.
    server: Vec<String>,
    main: String,
    teams: Vec<String>,
    files: Vec<(PathBuf, Vec<u8>)>,
    env: Vec<(String, String)>,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// Listens on a free port, stores in its own folder; no team and no view yet.
    pub fn new() -> Self {
        Self {
            prefix: "/".to_owned(),
            server: Vec::new(),
            main: String::new(),
            teams: Vec::new(),
            files: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Adds a line to `[server]`, such as `trusted_proxies = ["127.0.0.1"]`. Without `requests_per_s` strangers may ask as often as any test
    /// does.
    #[must_use]
    pub fn server(mut self, line: &str) -> Self {
        self.server.push(line.to_owned());
        self
    }

    /// Stands behind a proxy on this machine: what a request says in `X-Forwarded-For` is where it comes from.
    #[must_use]
    pub fn behind_proxy(self) -> Self {
        self.server("trusted_proxies = [\"127.0.0.1\"]")
    }

    /// Stands under this path instead of `/`; begins and ends with a slash.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Adds lines to `weir.toml`.
    #[must_use]
    pub fn toml(mut self, lines: &str) -> Self {
        self.main.push_str(lines);
        self.main.push('\n');
        self
    }

    /// Declares a team; `keys` are lines of its table, such as `visibility = "private"`.
    #[must_use]
    pub fn team(mut self, name: &str, keys: &str) -> Self {
        self.teams.push(name.to_owned());
        self.toml(&format!("[team.{name}]\n{keys}"))
    }

    /// Declares a builder `team/name` whose only step runs `line` under the shell; its team appears with it.
    #[must_use]
    pub fn builder(self, key: &str, line: &str) -> Self {
        self.builder_with(key, "", &[line])
    }

    /// Declares a builder with `keys` (lines of its table) and a step for each of `lines`, run under the shell.
    ///
    /// # Panics
    /// Where `key` is not `team/name`.
    #[must_use]
    pub fn builder_with(mut self, key: &str, keys: &str, lines: &[&str]) -> Self {
        let (team, name) = key.split_once('/').expect("a builder is team/name");
        if !self.teams.iter().any(|t| t == team) {
            self = self.team(team, "");
        }
        let table = format!("team.{team}.builder.{}", quoted(name));
        let mut text = format!("[{table}]\n{keys}\n");
        for line in lines {
            let line = quoted(line);
            write!(text, "[[{table}.step]]\nuse = \"shell\"\nwith = {{ command = {line} }}\n")
                .expect("a String takes all");
        }
        self.toml(&text)
    }

    /// Declares a view; `keys` are lines of its table.
    #[must_use]
    pub fn view(self, name: &str, keys: &str) -> Self {
        self.toml(&format!("[view.{}]\n{keys}", quoted(name)))
    }

    /// Somebody who signs in with [`PASSWORD`](crate::visitor::PASSWORD); `keys` are lines of their table, such as `owner = true`.
    #[must_use]
    pub fn user(self, name: &str, keys: &str) -> Self {
        let hash = crate::visitor::PASSWORD_HASH;
        self.toml(&format!("[[auth.user]]\nname = {}\npassword_hash = \"{hash}\"\n{keys}", quoted(name)))
    }

    /// Writes a file beside `weir.toml`, such as `teams/core.toml`.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.push((path.into(), content.as_ref().to_vec()));
        self
    }

    /// Drops a component into `plugin_dir`.
    #[must_use]
    pub fn plugin(self, name: &str, component: &[u8]) -> Self {
        self.file(&format!("plugins/{name}.wasm"), component)
    }

    /// Sets a variable of the server's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the configuration into `dir`, as an operator would find it.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub fn write(&self, dir: &Path) {
        std::fs::create_dir_all(dir.join("plugins")).expect("the test's folder can be written");
        std::fs::write(dir.join("weir.toml"), self.text()).expect("the test's folder can be written");
        for (path, content) in &self.files {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
            std::fs::write(path, content).expect("the test's folder can be written");
        }
    }

    /// `weir.toml`.
    pub fn text(&self) -> String {
        let mut own = self.server.clone();
        if !own.iter().any(|line| line.starts_with("requests_per_s")) {
            own.push("requests_per_s = 100000".to_owned());
        }
        let server = format!(
            "[server]\ntitle = \"Test\"\nlisten = [\"127.0.0.1:0\"]\npublic_url = \"http://localhost{}\"\n\
             state_dir = \"state\"\ndatabase = \"sqlite:state/weir.db\"\nplugin_dir = \"plugins\"\n{}\n\n\
             [auth.jwt.local]\nalgorithm = \"EdDSA\"\nkey_file = \"state/jwt.pem\"\n\n",
            self.prefix,
            own.join("\n")
        );
        server + &self.main
    }

    /// Starts the server in a folder of its own and returns when it is ready.
    ///
    /// # Panics
    /// Where it does not get ready; with its log.
    pub async fn serve(self) -> World {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        self.write(dir.path());
        World::start(dir, self.prefix, self.env).await
    }
}

/// A TOML string of one line.
fn quoted(text: &str) -> String {
    // JSON's escapes are all TOML's, too.
    serde_json::Value::from(text).to_string()
}
