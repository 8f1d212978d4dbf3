//! The store through `status`, on SQLite and, where TEST_DATABASE_URL says so, on PostgreSQL.

mod control;
mod delivery;
mod events;
mod findings;
mod logs;
mod quota;
mod replace;
mod retention;
mod sessions;
mod state;
mod trigger;
mod views;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use weir::clock::TestClock;
use weir::config::builder::{Builder, Force, Parameter, ParameterKind, Step};
use weir::config::quota::Quota;
use weir::config::team::Team;
use weir::config::view::View;
use weir::config::worker::{Isolation, Worker, WorkerKind};
use weir::config::{Config, audit::Audit, auth::Auth, server::Server};
use weir::model::glob::Glob;
use weir::model::id::BuildRequestId;
use weir::model::name::BuilderKey;
use weir::model::property::Properties;
use weir::model::results::Results;
use weir::model::right::{Role, Visibility};
use weir::model::scope::{Narrowed, Scope};
use weir::model::time::Time;
use weir::status::Status;
use weir::status::control::ForceWish;
use weir::status::resource::{Build, LogChannel, LogLine};
use weir::store::Store;

/// A status over a database of its own, which outlives it.
struct Rig {
    status: Status,
    clock: Arc<TestClock>,
    config: Arc<Config>,
    database: Database,
}

/// A database of its own, gone with this.
struct Database {
    url: String,
    _dir: tempfile::TempDir,
}

impl Database {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match std::env::var("TEST_DATABASE_URL") {
            Ok(server) => fresh_schema(&server, dir.path().file_name().unwrap().to_str().unwrap()),
            Err(_) => format!("sqlite:{}", dir.path().join("state/weir.db").display()),
        };
        Self { url, _dir: dir }
    }
}

/// A schema of its own on the server at `url`, by the client that is on every machine that has the server.
fn fresh_schema(url: &str, unique: &str) -> String {
    let name: String = unique.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let made = std::process::Command::new("psql").args([url, "-qc", &format!("CREATE SCHEMA t{name}")]).status();
    assert!(made.unwrap().success(), "psql cannot make a schema at TEST_DATABASE_URL");
    let and = if url.contains('?') { '&' } else { '?' };
    format!("{url}{and}options=-csearch_path%3Dt{name}")
}

fn noon() -> Time {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn builder(team: &str, name: &str, categories: &[&str]) -> Builder {
    Builder {
        key: BuilderKey::new(team, name),
        description: String::new(),
        categories: categories.iter().map(ToString::to_string).collect(),
        labels: vec!["linux".to_owned()],
        properties: Properties::default(),
        env: BTreeMap::new(),
        steps: vec![Step {
            name: "make".to_owned(),
            plugin: "any".to_owned(),
            settings: serde_json::json!({}),
            always: false,
            warn_on_failure: false,
            when: vec![],
            timeout: None,
            idle_timeout: None,
        }]
        .into(),
        force: Arc::new(Force { enabled: true, parameters: vec![], properties: vec![] }),
        file: PathBuf::from("/etc/weir.toml"),
    }
}

fn team(name: &str, visibility: Visibility, builders: Vec<Builder>) -> Team {
    Team {
        name: name.to_owned(),
        title: name.to_owned(),
        visibility,
        visibility_at: None,
        quota: Quota::default(),
        weight: 1,
        secrets: BTreeMap::new(),
        reserved: Arc::default(),
        builders: builders.into_iter().map(|b| (b.key.name.clone(), Arc::new(b))).collect(),
        reporters: BTreeMap::new(),
        file: PathBuf::from("/etc/weir.toml"),
    }
}

fn view(name: &str) -> View {
    View {
        name: name.to_owned(),
        title: name.to_owned(),
        team: None,
        visibility: Visibility::Public,
        teams: vec![],
        categories: vec![],
        builders: vec![],
        labels: vec![],
        exclude: vec![],
        order: vec![],
        group_by: None,
        window: None,
    }
}

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|p| Glob::new(p).unwrap()).collect()
}

fn config(teams: Vec<Team>, views: Vec<View>, state_dir: PathBuf) -> Config {
    let worker = Worker {
        name: "local".to_owned(),
        kind: WorkerKind::Embedded,
        slots: 4,
        labels: vec!["linux".to_owned()],
        teams: vec![],
        env: BTreeMap::new(),
        pass_env: vec![],
        paths: None,
        isolation: Isolation::None,
        password: None,
    };
    Config {
        dir: PathBuf::from("/etc"),
        files: vec![],
        server: Server {
            title: "Tests".to_owned(),
            listen: vec![],
            public_url: "http://localhost/".parse().unwrap(),
            state_dir,
            database: String::new(),
            plugin_dir: None,
            requests_per_s: 50,
            quota: weir::config::quota::Quota::default(),
            trusted_proxies: Vec::new(),
        },
        auth: Auth::default(),
        audit: Audit::default(),
        plugins: BTreeMap::new(),
        workers: BTreeMap::from([(worker.name.clone(), worker)]),
        teams: teams.into_iter().map(|t| (t.name.clone(), Arc::new(t))).collect(),
        views: views.into_iter().map(|v| (v.name.clone(), Arc::new(v))).collect(),
        mail_password: None,
        not_acted_on: vec![],
        broken_teams: Default::default(),
        kept_teams: Default::default(),
        repositories: Default::default(),
        team_texts: Default::default(),
    }
}

/// Two teams, one of them private, and three views.
fn fleet(state_dir: PathBuf) -> Config {
    let mut full = builder("core", "full-10", &["release", "linux"]);
    Arc::make_mut(&mut full.force).parameters = vec![
        Parameter {
            name: "tests".to_owned(),
            label: "tests".to_owned(),
            kind: ParameterKind::Choice(vec!["all".to_owned(), "quick".to_owned()]),
            default: Some("all".into()),
            required: false,
        },
        Parameter {
            name: "note".to_owned(),
            label: "note".to_owned(),
            kind: ParameterKind::String(Some("^[a-z]{0,5}$".parse().unwrap())),
            default: None,
            required: false,
        },
        Parameter {
            name: "jobs".to_owned(),
            label: "jobs".to_owned(),
            kind: ParameterKind::Int,
            default: None,
            required: false,
        },
    ];
    Arc::make_mut(&mut full.force).properties = vec!["extra".to_owned()];
    full.properties.set("branch", "main", "Builder");
    let mut never = builder("core", "never", &[]);
    Arc::make_mut(&mut never.force).enabled = false;
    let core = team("core", Visibility::Public, vec![full, builder("core", "full-2", &["release|2", "linux"]), never]);
    let secret = team("secret", Visibility::Private, vec![builder("secret", "vault", &["release"])]);
    let mut release = view("release");
    release.categories = globs(&["release"]);
    let mut own = view("own");
    own.team = Some("secret".to_owned());
    own.visibility = Visibility::Private;
    let mut all = view("all");
    all.categories = globs(&["*"]);
    config(vec![core, secret], vec![release, own, all], state_dir)
}

impl Rig {
    async fn new() -> Self {
        let database = Database::new();
        let state_dir = database._dir.path().join("state");
        Self::with(fleet(state_dir), database).await
    }

    async fn with(config: Config, database: Database) -> Self {
        let (clock, config) = (TestClock::at(noon()), Arc::new(config));
        let store = Store::open(&database.url).unwrap();
        let status = Status::open(config.clone(), store, clock.clone()).await.unwrap();
        status.update().worker_connected("local", true);
        Self { status, clock, config, database }
    }

    /// Where team core may use so much.
    async fn of_team_core(quota: Quota) -> Self {
        let database = Database::new();
        let mut config = fleet(database._dir.path().join("state"));
        let core = config.teams.get_mut("core").unwrap();
        *core = Arc::new(Team { quota, ..(**core).clone() });
        Self::with(config, database).await
    }

    /// What a crash leaves: nothing is shut down, everything in memory is gone.
    async fn reopen(self) -> Self {
        let Self { status, clock, config, database } = self;
        drop(status);
        let store = Store::open(&database.url).unwrap();
        let status = Status::open(config.clone(), store, clock.clone()).await.unwrap();
        Self { status, clock, config, database }
    }

    async fn force(&self, team: &str, name: &str) -> BuildRequestId {
        let forced = self.status.control(&operator()).force(team, name, ForceWish::default()).await.unwrap();
        *forced.buildrequests.values().next().unwrap()
    }

    async fn start(&self, team: &str, name: &str) -> Arc<Build> {
        let request = self.force(team, name).await;
        self.status.update().claim(request, "local").await.unwrap().unwrap().0
    }

    async fn build(&self, team: &str, name: &str, results: Results) -> Arc<Build> {
        let build = self.start(team, name).await;
        self.clock.advance(5);
        self.status.update().build_finished(build.id, results, results.word()).await.unwrap();
        self.status.get(&Scope::system()).build(team, name, build.number).await.unwrap().build
    }
}

fn operator() -> Scope {
    let roles = BTreeMap::from([("core".to_owned(), Role::Operator), ("secret".to_owned(), Role::Operator)]);
    Scope::proved("ada".to_owned(), Some("jti-1".to_owned()), false, roles, Narrowed::default())
}

fn line(text: &[u8]) -> LogLine {
    LogLine { number: 0, channel: LogChannel::Stdout, at: noon(), bytes: text.to_vec(), continues: false }
}

#[tokio::test]
async fn a_forced_build_waits_runs_and_ends() {
    let rig = Rig::new().await;
    let get = rig.status.get(&Scope::anonymous());
    let request = rig.force("core", "full-10").await;
    assert_eq!(get.builder("core", "full-10").unwrap().pending.len(), 1);
    let update = rig.status.update();
    let (build, properties) = update.claim(request, "local").await.unwrap().unwrap();
    assert_eq!((build.number, properties.text("branch")), (1, Some("main")));
    assert_eq!(get.builder("core", "full-10").unwrap().running.len(), 1);
    let step = update.step_started(build.id, "make").await.unwrap();
    let log = update.log_opened(build.id, step.id, "stdio").await.unwrap();
    update.log_append(log.id, vec![line(b"hello"), line(b"world")]).await.unwrap();
    let page = get.log("core", "full-10", 1, "make", "stdio").await.unwrap();
    assert_eq!((page.log.n_lines, page.log.size_bytes, page.log.complete), (2, 10, false));
    update.log_finished(log.id).await.unwrap();
    update.step_finished(build.id, step.id, Results::Success, "made").await.unwrap();
    update.build_finished(build.id, Results::Success, "good").await.unwrap();
    let now = get.builder("core", "full-10").unwrap();
    assert_eq!((now.running.len(), now.pending.len()), (0, 0));
    assert_eq!(now.last.unwrap().steps[0].logs[0].n_lines, 2);
    let page = get.request(request).await.unwrap();
    assert!(page.complete && page.builds.len() == 1);
    let lines = get.log_lines(log.id, 1, 10).await.unwrap();
    assert_eq!((lines.len(), lines[0].number, lines[0].bytes.as_slice()), (1, 1, b"world".as_slice()));
}

#[tokio::test]
async fn a_running_builds_words_are_those_of_its_step_until_somebody_wants_it_stopped() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let words = || rig.status.get(&operator()).builder("core", "full-2").unwrap().running[0].summary.clone();
    assert_eq!(words(), "starting");
    let update = rig.status.update();
    let step = update.step_started(build.id, "make").await.unwrap();
    assert_eq!(words(), "running make");
    update.step_changed(build.id, step.id, Some("3 of 7"), None).await.unwrap();
    assert_eq!(words(), "make: 3 of 7");
    rig.status.control(&operator()).stop("core", "full-2", build.number, "wrong branch").await.unwrap();
    update.step_changed(build.id, step.id, Some("4 of 7"), None).await.unwrap();
    assert_eq!(words(), "stopping, asked by ada: wrong branch");
    let stored = rig.status.get(&operator()).build("core", "full-2", build.number).await.unwrap();
    assert_eq!(stored.build.summary, words());
}

#[tokio::test]
async fn what_was_told_is_there_after_a_crash_and_what_ran_is_requested_again() {
    let rig = Rig::new().await;
    let running = rig.start("core", "full-2").await;
    let step = rig.status.update().step_started(running.id, "make").await.unwrap();
    let log = rig.status.update().log_opened(running.id, step.id, "stdio").await.unwrap();
    rig.status.update().log_append(log.id, vec![line(b"shown")]).await.unwrap();
    let waiting = rig.force("core", "full-10").await;
    let rig = rig.reopen().await;
    let recovered = rig.status.update().recover().await.unwrap();
    assert_eq!((recovered.len(), recovered[0].results), (1, Some(Results::Retry)));
    assert_eq!(recovered[0].steps[0].results, Some(Results::Retry));
    let pending: Vec<_> = rig.status.update().pending().iter().map(|r| (r.id, r.n_retries)).collect();
    assert_eq!(pending, [(running.request_id, 1), (waiting, 0)]);
    let lines = rig.status.get(&Scope::anonymous()).log_lines(log.id, 0, 9).await.unwrap();
    assert_eq!(lines[0].bytes, b"shown");
    assert!(rig.status.update().recover().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_third_retry_is_an_exception() {
    let rig = Rig::new().await;
    let request = rig.force("core", "full-2").await;
    let mut results = Vec::new();
    while let Some((build, _)) = rig.status.update().claim(request, "local").await.unwrap() {
        rig.status.update().build_finished(build.id, Results::Retry, "lost").await.unwrap();
        let page = rig.status.get(&operator()).build("core", "full-2", build.number).await.unwrap();
        results.push(page.build.results.unwrap().word());
    }
    assert_eq!(results, ["retry", "retry", "exception"]);
    assert!(rig.status.get(&operator()).request(request).await.unwrap().complete);
}

#[tokio::test]
async fn a_stop_of_the_server_counts_as_no_try_however_often() {
    let rig = Rig::new().await;
    let request = rig.force("core", "full-2").await;
    let update = rig.status.update();
    for _ in 0..5 {
        let (build, _) = update.claim(request, "local").await.unwrap().expect("it waits again");
        update.build_interrupted(build.id, "interrupted").await.unwrap();
        let page = rig.status.get(&operator()).build("core", "full-2", build.number).await.unwrap();
        assert_eq!(page.build.results, Some(Results::Retry));
    }
    assert_eq!(update.pending()[0].n_retries, 0);
    let rig = rig.reopen().await;
    assert_eq!(rig.status.update().pending()[0].n_retries, 0, "nor in the database");
}

#[tokio::test]
async fn of_many_claims_of_one_request_one_wins() {
    let rig = Rig::new().await;
    let request = rig.force("core", "full-2").await;
    let update = rig.status.update();
    let claims = futures::future::join_all((0..20).map(|_| update.claim(request, "local"))).await;
    assert_eq!(claims.into_iter().filter(|claim| claim.as_ref().unwrap().is_some()).count(), 1);
}

#[tokio::test]
async fn the_board_after_a_restart_is_the_board_before() {
    let rig = Rig::new().await;
    for results in [Results::Success, Results::Failure, Results::Failure] {
        rig.build("core", "full-2", results).await;
    }
    rig.build("secret", "vault", Results::Warnings).await;
    rig.force("core", "full-2").await;
    rig.start("core", "full-10").await;
    let say = |status: &Status| {
        status.update().worker_connected("local", true);
        let all = ["core/full-2", "core/full-10", "core/never", "secret/vault"];
        all.map(|key| {
            let (team, name) = key.split_once('/').unwrap();
            format!("{:?}", status.get(&Scope::system()).builder(team, name).unwrap())
        })
    };
    let before = say(&rig.status);
    let rig = rig.reopen().await;
    assert_eq!(say(&rig.status), before);
}
