//! Who comes to the doors, and the instance that they come to: a public, an internal and a private team beside a stranger's.

use serde_json::json;
use weir::clock::{Clock as _, SystemClock};
use weir::config::issuer::{LocalAlgorithm, LocalKey};
use weir::web::auth::jwt::{Claims, sign};
use weir::web::auth::key::Key;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// A team of the instance. Each has one builder, `<team>-b`, with one build, and one view, `<team>-v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Team {
    /// Everybody reads.
    Public,
    /// Who is signed in reads.
    Internal,
    /// Members read.
    Private,
}

impl Team {
    /// All of them, in the order of their builds: who may read least comes first.
    pub const ALL: [Self; 3] = [Self::Private, Self::Internal, Self::Public];

    /// Its name: a word that stands nowhere else.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "plaza1",
            Self::Internal => "lodge1",
            Self::Private => "crypt1",
        }
    }

    /// The number of its only build request.
    fn request(self) -> usize {
        1 + Self::ALL.iter().position(|team| *team == self).unwrap()
    }
}

/// A team that never was; its name is as long as the others'.
pub const GHOST: &str = "ghost1";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// Without credentials.
    Anonymous,
    /// Admin of another team.
    Foreign,
    /// Viewer of the team that is asked about; likewise the next ones.
    Viewer,
    /// May force, rebuild, stop, cancel.
    Operator,
    /// Administers the team.
    Admin,
    /// Owns the instance.
    Owner,
    /// An operator's token that may only force.
    Narrow,
    /// A token whose time is over.
    Expired,
    /// A token that was revoked.
    Revoked,
}

impl Asker {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Anonymous,
        Self::Foreign,
        Self::Viewer,
        Self::Operator,
        Self::Admin,
        Self::Owner,
        Self::Narrow,
        Self::Expired,
        Self::Revoked,
    ];

    /// Credentials that are refused at every door.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked)
    }

    /// Belongs to the team that is asked about, or to all.
    pub fn is_member(self) -> bool {
        matches!(self, Self::Viewer | Self::Operator | Self::Admin | Self::Owner | Self::Narrow)
    }

    /// May see what belongs to `team`, of which they are a member where they are one of any.
    pub fn reads(self, team: Team) -> bool {
        match team {
            Team::Public => !self.is_bad(),
            Team::Internal => !self.is_bad() && self != Self::Anonymous,
            Team::Private => self.is_member(),
        }
    }

    /// May do this in the team that is asked about.
    pub fn may(self, action: &str) -> bool {
        match self {
            Self::Owner | Self::Admin => true,
            Self::Operator => ["force", "rebuild", "stop", "cancel"].contains(&action),
            Self::Narrow => action == "force",
            _ => false,
        }
    }
}

/// The instance, and everybody's token.
pub struct Doors {
    /// The instance.
    pub w: World,
    tokens: Vec<(Team, Asker, Option<String>)>,
}

/// A team's file: a step that prints, one that keeps a file, and a view of its own.
fn team(name: &str, visibility: &str) -> String {
    format!(
        "title = \"The {name} people\"\nvisibility = \"{visibility}\"\nquota = {{ requests_per_s = 100000 }}\n\
         [builder.{name}-b]\ncategories = [\"{name}-c\"]\n\
         [[builder.{name}-b.step]]\nuse = \"shell\"\nwith = {{ command = \"echo {name} says; echo {name} > {name}.txt\" }}\n\
         [[builder.{name}-b.step]]\nuse = \"artifact\"\nwith = {{ files = [\"{name}.txt\"] }}\n\
         [view.{name}-v]\nbuilders = [\"*\"]\n"
    )
}

impl Doors {
    /// Serves the instance, builds every builder once and issues the tokens.
    pub async fn open() -> Self {
        let mut site = Site::new()
            .view("all", "categories = [\"*\"]")
            .team("other1", "visibility = \"private\"\nquota = { requests_per_s = 100000 }");
        for team in Team::ALL {
            let visibility = format!("{team:?}").to_lowercase();
            site = site.file(&format!("teams/{}.toml", team.name()), self::team(team.name(), &visibility));
        }
        let w = site.serve().await;
        for team in Team::ALL {
            w.force(&format!("{0}/{0}-b", team.name())).await;
            w.settle().await;
        }
        let mut tokens = Vec::new();
        for team in Team::ALL {
            for asker in Asker::ALL {
                tokens.push((team, asker, token(&w, team.name(), asker)));
            }
        }
        Self { w, tokens }
    }

    /// The asker's token towards `team`; none for who has none.
    pub fn token(&self, team: Team, asker: Asker) -> Option<&str> {
        let found = self.tokens.iter().find(|(t, a, _)| (*t, *a) == (team, asker));
        found.unwrap().2.as_deref()
    }

    /// A request of `asker` about `team`.
    pub fn request(&self, method: &str, path: &str, team: Team, asker: Asker) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, self.w.url(path));
        match self.token(team, asker) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The answer; of an event stream only what comes before its body.
    pub async fn ask(&self, request: reqwest::RequestBuilder) -> Page {
        let answer = request.timeout(std::time::Duration::from_secs(60)).send().await.unwrap();
        let is_stream =
            answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream; charset=utf-8");
        if !is_stream {
            return Page::read(answer).await;
        }
        let headers = answer.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        Page { status: answer.status().as_u16(), headers, body: String::new() }
    }
}

/// A path of the table for `team`; for the team that never was where there is none.
pub fn filled(path: &str, team: Option<Team>) -> String {
    // Ids have as many digits as those that are there.
    let (name, id) = team.map_or((GHOST, 9), |team| (team.name(), team.request()));
    let builder = format!("{name}-b");
    let known = [("team", name), ("builder", &builder), ("number", "1"), ("step", "0"), ("slug", "stdio")];
    let path = known.iter().fold(path.to_owned(), |path, (key, value)| path.replace(&format!("{{{key}}}"), value));
    path.replace("{id}", &id.to_string())
}

fn token(w: &World, team: &str, asker: Asker) -> Option<String> {
    let of = |role: &str, rest: &[&str]| Some(w.issue(&[&["--team", team, "--role", role], rest].concat()));
    match asker {
        Asker::Anonymous => None,
        Asker::Foreign => Some(w.token("other1", "admin")),
        Asker::Viewer => of("viewer", &[]),
        Asker::Operator => of("operator", &[]),
        Asker::Admin => of("admin", &[]),
        Asker::Owner => Some(w.owner()),
        Asker::Narrow => of("operator", &["--builder", "*-b", "--action", "force"]),
        Asker::Expired => Some(expired(w)),
        Asker::Revoked => {
            let json = w.weir(&["token", "issue", "--owner", "--json"], &[]);
            let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
            assert!(w.weir(&["token", "revoke", json["jti"].as_str().unwrap()], &[]).status.success());
            json["token"].as_str().map(str::to_owned)
        }
    }
}

/// An owner's token of yesterday.
fn expired(w: &World) -> String {
    let config = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: w.state_dir().join("jwt.pem") };
    let key = Key::open("local", &config).expect("the server made its key");
    let now = SystemClock.now().timestamp();
    let claims = json!({"iss": "local", "sub": "late", "aud": "weir", "exp": now - 86_400, "jti": "of-yesterday", "weir": {"owner": true}});
    sign(&key, &serde_json::from_value::<Claims>(claims).unwrap()).unwrap()
}
