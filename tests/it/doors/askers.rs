//! Who comes to the doors, and the instance that they come to: a public, an internal and a private team beside a stranger's.

use regex::Regex;
use serde_json::json;
use weir::clock::{Clock as _, SystemClock};
use weir::config::issuer::{LocalAlgorithm, LocalKey};
use weir::web::auth::jwt::{Claims, sign};
use weir::web::auth::key::Key;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::visitor::{Visitor, hidden};
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
    /// A token for feeds only.
    Feed,
    /// An operator's personal token.
    Personal,
    /// An operator signed in with a browser, by one of our own pages: its origin is told, and forms carry their `csrf`.
    Browser,
    /// The same browser, where nothing proves that a page of ours made it ask.
    Unproved,
    /// Somebody of another team with a browser, by our own pages.
    Neighbour,
    /// A browser with the cookie of a session that has ended.
    SignedOut,
    /// A token whose time is over.
    Expired,
    /// A token that was revoked by its id at the door for that.
    Revoked,
}

impl Asker {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Anonymous,
        Self::Foreign,
        Self::Viewer,
        Self::Operator,
        Self::Admin,
        Self::Owner,
        Self::Narrow,
        Self::Feed,
        Self::Personal,
        Self::Browser,
        Self::Unproved,
        Self::Neighbour,
        Self::SignedOut,
        Self::Expired,
        Self::Revoked,
    ];

    /// Credentials that are refused at every door.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked)
    }

    /// Proves nobody. A cookie that counts no more is as none: its browser did not choose to send it.
    pub fn is_nobody(self) -> bool {
        matches!(self, Self::Anonymous | Self::SignedOut)
    }

    /// Comes with the cookie of a session.
    pub fn is_session(self) -> bool {
        matches!(self, Self::Browser | Self::Unproved | Self::Neighbour)
    }

    /// Belongs to the team that is asked about, or to all.
    pub fn is_member(self) -> bool {
        !self.is_bad() && !self.is_nobody() && !matches!(self, Self::Foreign | Self::Neighbour)
    }

    /// May see what belongs to `team`, of which they are a member where they are one of any. A token for feeds is a stranger's elsewhere.
    pub fn reads(self, team: Team, is_feed: bool) -> bool {
        match team {
            Team::Public => !self.is_bad(),
            _ if self == Self::Feed && !is_feed => false,
            Team::Internal => !self.is_bad() && !self.is_nobody(),
            Team::Private => self.is_member(),
        }
    }

    /// May do this in the team that is asked about.
    pub fn may(self, action: &str) -> bool {
        match self {
            Self::Owner | Self::Admin => true,
            Self::Operator | Self::Personal | Self::Browser | Self::Unproved => {
                ["force", "rebuild", "stop", "cancel"].contains(&action)
            }
            Self::Narrow => action == "force",
            _ => false,
        }
    }
}

/// The instance, and what everybody proves themselves with.
pub struct Doors {
    /// The instance.
    pub w: World,
    proofs: Vec<(Team, Asker, Proof)>,
    /// A token of each team that somebody may revoke, in the order of the teams.
    spare: [String; 3],
}

/// What somebody proves themselves with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Nothing.
    Nothing,
    /// Sent as `Authorization: Bearer`.
    Token(String),
    /// A session's cookie, and what forms of that session carry.
    Cookie { cookie: String, csrf: String },
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
    /// Serves the instance, builds every builder once and gives everybody what they prove themselves with.
    pub async fn open() -> Self {
        let mut site = Site::new()
            .view("all", "categories = [\"*\"]")
            .team("other1", "visibility = \"private\"\nquota = { requests_per_s = 100000 }")
            .user("nina", "teams = { other1 = \"operator\" }")
            .user("leaver-Browser", "")
            .user("leaver-Neighbour", "");
        for team in Team::ALL {
            let visibility = format!("{team:?}").to_lowercase();
            let name = team.name();
            site = site.file(&format!("teams/{name}.toml"), self::team(name, &visibility));
            site = site.user(&format!("{name}-ada"), &format!("teams = {{ {name} = \"operator\" }}"));
        }
        let w = site.serve().await;
        for team in Team::ALL {
            w.force(&format!("{0}/{0}-b", team.name())).await;
            w.settle().await;
        }
        let mut proofs = Vec::new();
        for team in Team::ALL {
            for asker in Asker::ALL {
                proofs.push((team, asker, proof(&w, team.name(), asker).await));
            }
        }
        let spare = Team::ALL.map(|team| issued(&w, &["--team", team.name(), "--role", "viewer"]).0);
        Self { w, proofs, spare }
    }

    /// What the asker has towards `team`.
    fn proof(&self, team: Team, asker: Asker) -> &Proof {
        let found = self.proofs.iter().find(|(t, a, _)| (*t, *a) == (team, asker));
        &found.unwrap().2
    }

    /// A request of `asker` about `team`.
    pub fn request(&self, method: &str, path: &str, team: Team, asker: Asker) -> reqwest::RequestBuilder {
        self.request_with(method, path, self.proof(team, asker), asker)
    }

    /// A request that sends `form`, with what proves that it was one of our pages that sent it where `asker` has that. What ends a session
    /// ends one that was begun for it.
    pub async fn form(
        &self,
        (path, form): (&str, &str),
        team: Team,
        asker: Asker,
        ends: bool,
    ) -> reqwest::RequestBuilder {
        let fresh = match asker {
            Asker::Browser | Asker::Neighbour if ends => Some(session(&self.w, &format!("leaver-{asker:?}")).await),
            _ => None,
        };
        let proof = fresh.as_ref().unwrap_or_else(|| self.proof(team, asker));
        let mut body = form.to_owned();
        if let (Proof::Cookie { csrf, .. }, true) = (proof, asker != Asker::Unproved) {
            body += &format!("&csrf={csrf}");
        }
        let request = self.request_with("POST", path, proof, asker);
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    fn request_with(&self, method: &str, path: &str, proof: &Proof, asker: Asker) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client().request(method, self.w.url(path));
        let request = match proof {
            Proof::Nothing => request,
            Proof::Token(token) => request.bearer_auth(token),
            Proof::Cookie { cookie, .. } => request.header("cookie", cookie),
        };
        match asker {
            Asker::Browser | Asker::Neighbour | Asker::SignedOut => {
                request.header("origin", self.w.url("/").trim_end_matches('/'))
            }
            _ => request,
        }
    }

    /// A path or a body of the table for `team`; for the team that never was where there is none.
    pub fn filled(&self, path: &str, team: Option<Team>) -> String {
        // Ids have as many digits as those that are there.
        let never = "0123456789abcdef0123456789abcdef".to_owned();
        let (name, id, jti) =
            team.map_or((GHOST, 9, &never), |team| (team.name(), team.request(), &self.spare[team.request() - 1]));
        let builder = format!("{name}-b");
        let known =
            [("team", name), ("builder", &builder), ("number", "1"), ("step", "0"), ("slug", "stdio"), ("jti", jti)];
        let path = known.iter().fold(path.to_owned(), |path, (key, value)| path.replace(&format!("{{{key}}}"), value));
        path.replace("{id}", &id.to_string())
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

async fn proof(w: &World, team: &str, asker: Asker) -> Proof {
    let of = |role: &str, rest: &[&str]| Proof::Token(w.issue(&[&["--team", team, "--role", role], rest].concat()));
    let own = format!("{team}-ada");
    match asker {
        Asker::Anonymous => Proof::Nothing,
        Asker::Foreign => Proof::Token(w.token("other1", "admin")),
        Asker::Viewer => of("viewer", &[]),
        Asker::Operator => of("operator", &[]),
        Asker::Admin => of("admin", &[]),
        Asker::Owner => Proof::Token(w.owner()),
        Asker::Narrow => of("operator", &["--builder", "*-b", "--action", "force"]),
        Asker::Feed => of("viewer", &["--feed-only"]),
        Asker::Personal => personal(w, &own).await,
        Asker::Browser | Asker::Unproved => session(w, &own).await,
        Asker::Neighbour => session(w, "nina").await,
        Asker::SignedOut => {
            let mut visitor = Visitor::signed_in(w, &own).await;
            let cookies = visitor.cookies.clone();
            assert_eq!(visitor.fill_in("/logout", &[]).await.status, 303);
            visitor.cookies = cookies;
            cookie_of(&visitor, String::new())
        }
        Asker::Expired => Proof::Token(expired(w)),
        Asker::Revoked => revoked(w).await,
    }
}

/// A session of its own.
async fn session(w: &World, name: &str) -> Proof {
    let mut visitor = Visitor::signed_in(w, name).await;
    let csrf = csrf(&mut visitor).await;
    cookie_of(&visitor, csrf)
}

fn cookie_of(visitor: &Visitor<'_>, csrf: String) -> Proof {
    let cookies = visitor.cookies.iter().map(|(name, value)| format!("{name}={value}"));
    Proof::Cookie { cookie: cookies.collect::<Vec<_>>().join("; "), csrf }
}

/// What forms of the visitor's session carry.
async fn csrf(visitor: &mut Visitor<'_>) -> String {
    hidden(&visitor.get("/logout").await, "/logout").remove(0).1
}

/// A personal token that may do all that its person may.
async fn personal(w: &World, name: &str) -> Proof {
    let mut visitor = Visitor::signed_in(w, name).await;
    let csrf = csrf(&mut visitor).await;
    // One of a name only.
    let fields = [("csrf", csrf.as_str()), ("name", "script"), ("team", ""), ("role", ""), ("days", "7")];
    let page = visitor.post("/account/tokens", &fields).await;
    let found = Regex::new(r"weirp_[A-Za-z0-9_-]{43}").unwrap().find(&page.body).expect("the token is shown").as_str();
    Proof::Token(found.to_owned())
}

/// An owner's token that was good until it was revoked.
async fn revoked(w: &World) -> Proof {
    let (jti, token) = issued(w, &["--owner"]);
    assert_eq!(w.get_as(&token, "/api/v2/tokens").await.status, 200);
    let revoke = client().post(w.url(&format!("/api/v2/tokens/{jti}/revoke"))).bearer_auth(w.owner());
    assert_eq!(w.fetch(revoke).await.status, 200);
    Proof::Token(token)
}

/// A token's id and the token.
fn issued(w: &World, who: &[&str]) -> (String, String) {
    let output = w.weir(&[&["token", "issue", "--json"], who].concat(), &[]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    (text("jti"), text("token"))
}

/// An owner's token of yesterday.
fn expired(w: &World) -> String {
    let config = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: w.state_dir().join("jwt.pem") };
    let key = Key::open("local", &config).expect("the server made its key");
    let now = SystemClock.now().timestamp();
    let claims = json!({"iss": "local", "sub": "late", "aud": "weir", "exp": now - 86_400, "jti": "of-yesterday", "weir": {"owner": true}});
    sign(&key, &serde_json::from_value::<Claims>(claims).unwrap()).unwrap()
}
