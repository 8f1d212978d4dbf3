//! What people do on pages, without script: force, stop, rebuild, cancel.

use std::path::Path;
use std::sync::Arc;
use weir::clock::SystemClock;
use weir::config::plugin::Plugin;
use weir::config::server::Server;
use weir::config::{Config, Described, NotDescribed, PluginCatalogue};
use weir::status::Status;
use weir::status::rights::Identity;
use weir::status::session::NewSession;
use weir::store::Store;
use weir::web::auth::session::csrf;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// A hash of nobody's password: sessions are begun beside the server.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$DWBolmf4RdK0xHJMU9BESQ$FAXYkoTyf1gal2bdHpKhzrzllmk4QHH29xBwPowPO68";

fn site() -> Site {
    let force = "force = { parameters = [{ name = \"tests\", type = \"choice\", choices = [\"all\", \"quick\"], default = \"all\" }, \
                 { name = \"jobs\", label = \"Jobs at once\", type = \"int\", required = true }, \
                 { name = \"note\", type = \"text\" }, { name = \"fresh\", type = \"bool\", default = true }] }";
    let user = |name: &str, role: &str| {
        format!("[[auth.user]]\nname = \"{name}\"\npassword_hash = \"{HASH}\"\nteams = {{ core = \"{role}\" }}")
    };
    Site::new()
        .prefix("/ci/")
        .toml(&user("ada", "operator"))
        .toml(&user("bob", "viewer"))
        .builder_with("core/typed", force, &["true"])
        .builder_with("core/fixed", "force = false", &["true"])
        .builder("core/slow", "until [ -e /nowhere ]; do sleep 0.05; done")
        .team("docs", "visibility = \"private\"")
        .builder("docs/manual", "true")
}

/// Somebody with a session, who sends what our pages' forms send.
struct Person<'w> {
    w: &'w World,
    secret: String,
}

impl<'w> Person<'w> {
    async fn new(w: &'w World, name: &str) -> Self {
        let store = Store::open(&format!("sqlite:{}", w.state_dir().join("weir.db").display())).unwrap();
        let config = load(&w.dir().join("weir.toml"));
        let status = Status::open(config, store, Arc::new(SystemClock)).await.unwrap();
        let new = NewSession {
            identity: Identity::User { name: name.to_owned() },
            user_agent: "a test".to_owned(),
            address: "127.0.0.1".to_owned(),
            provider: None,
            refresh_at: None,
        };
        let (secret, _) = status.sessions().begin(new, None).await.unwrap();
        Self { w, secret: secret.expose().to_owned() }
    }

    async fn get(&self, path: &str) -> Page {
        let request = client().get(self.w.url(path)).header("cookie", format!("weir={}", self.secret));
        self.w.fetch(request).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = csrf(&self.secret);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        let request = client().post(self.w.url(path)).header("cookie", format!("weir={}", self.secret));
        self.w.fetch(with(request, &fields)).await
    }

    /// Where an answer leads, opened.
    async fn follow(&self, answer: &Page) -> Page {
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.get(answer.header("location").unwrap().strip_prefix("/ci").unwrap()).await
    }
}

/// A request with these fields, as browsers encode them.
fn with(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let url = reqwest::Url::parse_with_params("http://localhost/", fields).unwrap();
    let body = url.query().unwrap_or_default().to_owned();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Plugins, of which nothing is asked here.
struct AnyPlugin;

impl PluginCatalogue for AnyPlugin {
    fn describe(&self, _name: &str, _table: &Plugin, _server: &Server) -> Result<Described, NotDescribed> {
        Err(NotDescribed::NotAsked)
    }

    fn names(&self, _server: &Server) -> Vec<String> {
        Vec::new()
    }
}

fn load(file: &Path) -> Arc<Config> {
    weir::config::load(file, Vec::new(), &AnyPlugin).config.expect("the configuration that is served is right")
}

#[tokio::test]
async fn a_force_comes_back_with_what_was_typed_until_it_is_right_and_then_leads_to_its_build() {
    let w = site().serve().await;
    let ada = Person::new(&w, "ada").await;
    let page = ada.get("/team/core/builder/typed").await;
    for field in ["parameters.tests", "parameters.jobs", "parameters.note", "parameters.fresh", "branch", "reason"] {
        assert!(page.body.contains(&format!("name=\"{field}\"")), "{field}: {}", page.body);
    }
    let wrong =
        [("parameters.jobs", "\"><b>many"), ("parameters.note", "a\r\nb</textarea>"), ("parameters.fresh", "false")];
    let answer = ada.post("/team/core/builder/typed/force", &[&wrong[..], &[("branch", "-x")]].concat()).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for kept in ["value=\"&quot;&gt;&lt;b&gt;many\"", "a\nb&lt;/textarea&gt;</textarea>", "value=\"-x\""] {
        assert!(answer.body.contains(kept), "{kept}: {}", answer.body);
    }
    let text = answer.text();
    for said in
        ["No build was requested", "Jobs at once: must be a whole number", "Branch or tag: must not begin with -"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!answer.body.contains("value=\"true\" checked"), "what was unchecked stays so");
    let right = [("parameters.jobs", "3"), ("parameters.fresh", "false"), ("reason", "by <hand>")];
    let taken = ada.post("/team/core/builder/typed/force", &right).await;
    w.settle().await;
    let told = ada.follow(&taken).await;
    assert!(told.text().contains("was built: success. Build #1"), "{}", told.text());
    let build = w.last("core/typed").await.json;
    assert_eq!((build["reason"].as_str(), build["owner"].as_str()), (Some("by <hand>"), Some("ada")));
    let again = ada.post("/team/core/builder/typed/build/1/rebuild", &[("reason", "flaky?")]).await;
    w.settle().await;
    assert!(ada.follow(&again).await.text().contains("was built: success. Build #2"));
}

#[tokio::test]
async fn a_stop_and_a_cancel_say_what_became_of_them_also_to_who_was_too_late() {
    let w = site().serve().await;
    let ada = Person::new(&w, "ada").await;
    w.force("core/slow").await;
    w.running("core/slow").await;
    let waits = w.force("core/slow").await["buildrequests"].as_object().unwrap().values().next().unwrap().to_string();
    let page = ada.get("/team/core/builder/slow").await;
    let cancel = format!("/team/core/builder/slow/request/{waits}/cancel");
    assert!(page.body.contains(&format!("formaction=\"/ci{cancel}\"")), "{}", page.body);
    for _ in 0..2 {
        let answer = ada.post(&cancel, &[]).await;
        assert!(ada.follow(&answer).await.text().contains("was cancelled: nothing was built for it"));
    }
    let stop = "/team/core/builder/slow/build/1/stop";
    assert!(ada.get("/team/core/builder/slow/build/1").await.body.contains(&format!("formaction=\"/ci{stop}\"")));
    assert_eq!(ada.post(stop, &[("reason", "enough")]).await.status, 303);
    w.settle().await;
    let late = ada.post(stop, &[]).await;
    let told = ada.follow(&late).await;
    assert!(told.text().contains("The build is stopped.") && told.text().contains("enough"), "{}", told.text());
    assert!(!told.body.contains("/build/1/stop\""), "what has ended offers no stop");
    // An address makes a page say nothing that is not so.
    let elsewhere = ada.get(&format!("/team/core/builder/typed?request={waits}")).await;
    assert!(!elsewhere.text().contains("was cancelled"), "{}", elsewhere.text());
}

#[tokio::test]
async fn who_may_not_is_offered_nothing_and_a_form_without_its_proof_is_refused() {
    let w = site().serve().await;
    let (ada, bob) = (Person::new(&w, "ada").await, Person::new(&w, "bob").await);
    for (person, offered) in [(&ada, true), (&bob, false)] {
        let page = person.get("/team/core/builder/typed").await;
        assert_eq!(page.body.contains("action=\"/ci/team/core/builder/typed/force\""), offered, "{}", page.body);
    }
    assert!(!w.get("/team/core/builder/typed").await.body.contains("<form class=\"form\""));
    assert!(!ada.get("/team/core/builder/fixed").await.body.contains("<form class=\"form\""));
    let fields = [("parameters.jobs", "1")];
    assert_eq!(bob.post("/team/core/builder/typed/force", &fields).await.status, 403);
    assert_eq!(ada.post("/team/docs/builder/manual/force", &fields).await.status, 404);
    assert_eq!(ada.post("/team/core/builder/fixed/force", &[]).await.status, 409);
    let bare = client().post(w.url("/team/core/builder/typed/force")).header("cookie", format!("weir={}", ada.secret));
    assert_eq!(w.fetch(with(bare.try_clone().unwrap(), &fields)).await.status, 403, "without csrf");
    let elsewhere = [fields[0], ("csrf", &csrf(&ada.secret))];
    let cross = with(bare.header("origin", "https://evil.example"), &elsewhere);
    assert_eq!(w.fetch(cross).await.status, 403, "from elsewhere");
    let waiting = w.get("/waterfall.json").await.json();
    assert!(waiting["builders"].as_array().unwrap().iter().all(|b| b["pending"] == serde_json::json!([])));
}
