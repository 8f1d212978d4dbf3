//! A served configuration and what one does to it: read, issue tokens, force, wait, read logs.

use crate::binary;
use crate::page::Page;
use crate::server::TestServer;
use futures::StreamExt;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for what should happen.
const DEADLINE: Duration = Duration::from_secs(120);

/// A running server in a folder of its own.
pub struct World {
    // Fields drop in this order: the server ends before its folder goes.
    server: Option<TestServer>,
    dir: TempDir,
    prefix: String,
    env: Vec<(String, String)>,
}

/// A finished build, as the view's JSON tells of it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its number.
    pub number: i64,
    /// Its result as a word.
    pub results: String,
    /// All of it.
    pub json: Value,
}

impl World {
    /// Serves the `weir.toml` that somebody wrote into `dir`, with these variables; its `state_dir` is `state` beside it.
    pub async fn on(dir: TempDir, env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start(dir, "/".to_owned(), env).await
    }

    pub(crate) async fn start(dir: TempDir, prefix: String, env: Vec<(String, String)>) -> Self {
        let mut world = Self { server: None, dir, prefix, env };
        world.restart().await;
        world
    }

    /// Ends the server, where it runs, and starts it again on the same folder.
    pub async fn restart(&mut self) {
        self.server = None;
        let env: Vec<(&str, &str)> = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.server = Some(TestServer::start(self.dir.path(), &self.state_dir(), &env).await);
    }

    /// Kills the server as a crash would; `restart` brings it back.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn crash(&mut self) {
        self.server.as_mut().expect("the server runs").crash();
    }

    /// The server's process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn server(&self) -> &TestServer {
        self.server.as_ref().expect("the server runs")
    }

    /// The folder of the configuration.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the server keeps what it must not forget.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    // ------------------------------------------------------------ reading

    /// `http://127.0.0.1:41234/view/all` for `/view/all`, under the site's prefix.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{}{}", self.server().address(), self.prefix, path.trim_start_matches('/'))
    }

    /// Reads a page as a stranger.
    pub async fn get(&self, path: &str) -> Page {
        self.fetch(client().get(self.url(path))).await
    }

    /// Reads a page with a token.
    pub async fn get_as(&self, token: &str, path: &str) -> Page {
        self.fetch(client().get(self.url(path)).bearer_auth(token)).await
    }

    /// Sends any request and reads the whole answer.
    ///
    /// # Panics
    /// Where no answer comes in time.
    pub async fn fetch(&self, request: reqwest::RequestBuilder) -> Page {
        let answer = request.timeout(DEADLINE).send().await;
        match answer {
            Ok(answer) => Page::read(answer).await,
            Err(error) => panic!("no answer: {error:#}; the server's log:\n{}", self.server().log()),
        }
    }

    // ------------------------------------------------------------ tokens

    /// A token of a role in a team, issued by `weir token issue` on the server's machine.
    pub fn token(&self, team: &str, role: &str) -> String {
        self.issue(&["--team", team, "--role", role])
    }

    /// A token that may do everything.
    pub fn owner(&self) -> String {
        self.issue(&["--owner"])
    }

    /// A token by any arguments of `weir token issue`.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn issue(&self, arguments: &[&str]) -> String {
        let output = self.weir(&[&["token", "issue"], arguments].concat(), &[]);
        assert!(output.status.success(), "no token: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a token is ASCII").trim().to_owned()
    }

    /// Runs a `weir` command in the configuration's folder, for this server. `WEIR_TOKEN` and the like go into `env`.
    pub fn weir(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let url = self.url("/");
        let mut all: Vec<(&str, &str)> = self.env.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.push(("WEIR_SERVER_URL", &url));
        all.extend(env);
        binary::run_weir(self.dir.path(), arguments, &all)
    }

    // ------------------------------------------------------------ doing

    /// Forces a build of `team/name` as an operator of its team; the request is durable when this returns.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn force(&self, key: &str) -> Value {
        let answer = self.force_as(Some(&self.owner()), key, json!({})).await;
        assert_eq!(answer.status, 202, "forcing {key}: {}", answer.body);
        answer.json()
    }

    /// Forces a build with any token, or none, and any wish.
    ///
    /// # Panics
    /// Where `key` is not `team/name`.
    pub async fn force_as(&self, token: Option<&str>, key: &str, wish: Value) -> Page {
        let (team, builder) = key.split_once('/').expect("a builder is team/name");
        let path = format!("/api/v2/teams/{team}/builders/{}/force", segment(builder));
        let mut request = client().post(self.url(&path)).json(&wish);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.fetch(request).await
    }

    /// Waits until no build runs or waits, on any builder.
    ///
    /// # Panics
    /// Where that does not happen in time.
    pub async fn settle(&self) {
        self.wait_until("nothing runs or waits", |builders| {
            let quiet = |of: &Value| of.as_array().is_none_or(Vec::is_empty);
            builders.iter().all(|builder| quiet(&builder["running"]) && quiet(&builder["pending"]))
        })
        .await;
    }

    /// Waits until a build of `team/name` runs, and returns its number.
    pub async fn running(&self, key: &str) -> i64 {
        let of = |builders: &[Value]| named(builders, key)["running"][0]["number"].as_i64();
        let builders = self.wait_until(&format!("{key} runs"), |builders| of(builders).is_some()).await;
        of(&builders).expect("it was there a moment ago")
    }

    /// Listens to the server's events and looks again at each until `done` holds; returns what it saw then.
    ///
    /// First it listens, then it looks: what happens in between is heard, so nothing is missed and nothing is timed.
    ///
    /// # Panics
    /// Where the deadline passes; with the server's log.
    pub async fn wait_until(&self, what: &str, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let waited = tokio::time::timeout(DEADLINE, async {
            let owner = self.owner();
            let mut events = self.events(&owner).await;
            loop {
                let builders = self.builders(&owner).await;
                if done(&builders) {
                    return builders;
                }
                let heard = events.next().await;
                assert!(heard.is_some(), "the events broke off; the server's log:\n{}", self.server().log());
            }
        });
        match waited.await {
            Ok(builders) => builders,
            Err(_) => panic!("waited {DEADLINE:?} until {what}; the server's log:\n{}", self.server().log()),
        }
    }

    /// Everything that happens, as it comes over the wire.
    async fn events(&self, token: &str) -> impl futures::Stream<Item = Vec<u8>> + Unpin + use<> {
        let request = client().get(self.url("/sse/waterfall")).bearer_auth(token);
        let answer = request.send().await.expect("the server answers");
        assert_eq!(answer.status().as_u16(), 200, "the event stream is open to the owner");
        Box::pin(answer.bytes_stream().map(|chunk| chunk.expect("events come while the server runs").to_vec()))
    }

    /// Every builder of the instance as the JSON of views tells of it.
    async fn builders(&self, token: &str) -> Vec<Value> {
        let json = self.get_as(token, "/waterfall.json").await.json();
        json["builders"].as_array().expect("a view has builders").clone()
    }

    // ------------------------------------------------------------ looking back

    /// The last finished build of `team/name`.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn last(&self, key: &str) -> Finished {
        let builders = self.builders(&self.owner()).await;
        let json = named(&builders, key)["last"].clone();
        let number = json["number"].as_i64().unwrap_or_else(|| panic!("{key} has no finished build"));
        let results = word(&json["results"]);
        Finished { number, results, json }
    }

    /// A whole log as plain text; `step` is its number or its name.
    ///
    /// # Panics
    /// Where there is no such log.
    pub async fn log(&self, key: &str, build: i64, step: impl std::fmt::Display, slug: &str) -> String {
        let path = format!("{}/step/{step}/log/{slug}/raw", build_path(key, build));
        let page = self.get_as(&self.owner(), &path).await;
        assert_eq!(page.status, 200, "the log {path}: {}", page.body);
        page.body
    }
}

/// `/team/core/builder/linux/build/1`.
///
/// # Panics
/// Where `key` is not `team/name`.
pub fn build_path(key: &str, build: i64) -> String {
    let (team, builder) = key.split_once('/').expect("a builder is team/name");
    format!("/team/{team}/builder/{}/build/{build}", segment(builder))
}

/// A name as one segment of a path.
pub fn segment(name: &str) -> String {
    let mut url = reqwest::Url::parse("http://localhost/").expect("a URL");
    url.path_segments_mut().expect("http URLs have segments").push(name);
    url.path().trim_start_matches('/').to_owned()
}

/// The one HTTP client of the tests; follows no redirect, because where one leads is what a test wants to know.
///
/// It is made once, which takes longer than a request, and keeps no connection: each test has a runtime of its own, and a connection
/// ends with its runtime.
///
/// # Panics
/// Where the client cannot be made.
pub fn client() -> reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        // Only plain HTTP is spoken; the client wants a provider all the same.
        rustls::crypto::ring::default_provider().install_default().expect("nobody else installs one");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).pool_max_idle_per_host(0);
        client.build().expect("a client can be made")
    });
    CLIENT.clone()
}

/// The builder `team/name` among those of a view's JSON.
fn named<'a>(builders: &'a [Value], key: &str) -> &'a Value {
    let found = builders.iter().find(|builder| builder["name"] == key);
    found.unwrap_or_else(|| panic!("no builder {key} among {}", Value::from(builders.to_vec())))
}

/// Results as a word, whichever way the JSON has them.
fn word(results: &Value) -> String {
    let number = results.as_i64().and_then(|number| i32::try_from(number).ok());
    let known = number.and_then(weir::model::results::Results::from_number);
    known.map_or_else(|| results.as_str().unwrap_or("none").to_owned(), |results| results.to_string())
}
