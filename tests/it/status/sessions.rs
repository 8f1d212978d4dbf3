//! Sessions and personal tokens that end, while something else is under way or somewhere else somebody watches.

use super::{Arc, BTreeMap, Database, Rig, fleet};
use serde_json::json;
use weir::clock::{Clock as _, TestClock};
use weir::config::auth::{PasswordHash, User};
use weir::config::diagnostic::Place;
use weir::config::issuer::Provider;
use weir::model::right::Role;
use weir::model::scope::{Narrowed, Scope};
use weir::model::secret::SecretValue;
use weir::status::Error;
use weir::status::personal::TokenWish;
use weir::status::revocation::{Carried, Revoked};
use weir::status::rights::Identity;
use weir::status::session::{NewSession, Session};
use weir::status::token::Tokens;
use weir::store::{Store, revocations};

/// A site on which ada has signed in `n` times.
async fn signed_in(n: usize) -> (Rig, Vec<Session>, Scope) {
    let database = Database::new();
    let mut config = fleet(database._dir.path().join("state"));
    let at = Place::File { path: "/etc/weir.toml".into(), line: 1, column: 1 };
    let ada = User {
        name: "ada".to_owned(),
        password_hash: PasswordHash("none".to_owned()),
        teams: BTreeMap::from([("core".to_owned(), (Role::Operator, at.clone()))]),
        owner: false,
        place: at,
    };
    config.auth.users.insert("ada".to_owned(), ada);
    let rig = Rig::with(config, database).await;
    let mut sessions = Vec::new();
    let mut scope = Scope::anonymous();
    for _ in 0..n {
        let identity = Identity::User { name: "ada".to_owned() };
        let new = NewSession {
            identity,
            user_agent: String::new(),
            address: String::new(),
            provider: None,
            refresh_at: None,
        };
        let (secret, session) = rig.status.sessions().begin(new, None).await.unwrap();
        scope = rig.status.sessions().find(secret.expose()).await.unwrap().expect("it has just begun").1;
        sessions.push(session);
    }
    (rig, sessions, scope)
}

fn wish(name: &str) -> TokenWish {
    TokenWish { name: name.to_owned(), days: "7".to_owned(), ..TokenWish::default() }
}

#[tokio::test]
async fn a_session_that_has_ended_makes_no_token_however_late_it_was_believed() {
    let (rig, sessions, scope) = signed_in(1).await;
    let (session, tokens) = (&sessions[0], rig.status.personal_tokens());
    tokens.make(session, &scope, wish("before")).await.unwrap();
    rig.status.sessions().end_everywhere(&session.identity, session).await.unwrap();
    let late = tokens.make(session, &scope, wish("after")).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    let names: Vec<_> = tokens.list(&session.identity).await.unwrap().into_iter().map(|token| token.name).collect();
    assert_eq!(names, ["before"]);
}

#[tokio::test]
async fn what_ends_here_is_told_to_servers_that_share_the_database() {
    let (rig, sessions, scope) = signed_in(3).await;
    let (tokens, by) = (rig.status.personal_tokens(), &sessions[2]);
    let (_, token) = tokens.make(by, &scope, wish("one")).await.unwrap();
    let mut ended = Vec::new();
    tokens.revoke(by, &token.id).await.unwrap();
    ended.push(&token.id);
    rig.status.sessions().end(&by.identity, &sessions[0].id, by).await.unwrap();
    ended.push(&sessions[0].id);
    rig.status.sessions().refuse(&sessions[1], "gone", false).await.unwrap();
    ended.push(&sessions[1].id);
    rig.status.sessions().end_everywhere(&by.identity, by).await.unwrap();
    ended.push(&by.id);
    let clock: Arc<TestClock> = rig.clock.clone();
    let beside = Tokens::new(Store::open(&rig.database.url).unwrap(), clock);
    for id in ended {
        let carried = Carried { jti: Some(id.clone()), ..Carried::default() };
        assert_eq!(beside.revoked(&carried).await.unwrap(), Some(Revoked::Token), "{id}");
    }
}

/// A site with a provider.
async fn with_forge() -> Rig {
    let database = Database::new();
    let mut config = fleet(database._dir.path().join("state"));
    let provider = Provider {
        name: "forge".to_owned(),
        issuer: "https://forge.example.org".to_owned(),
        client_id: "weir".to_owned(),
        client_secret: None,
        scopes: vec![],
        name_claim: None,
        title: "Forge".to_owned(),
    };
    config.auth.oidc.insert("forge".to_owned(), provider);
    Rig::with(config, database).await
}

/// Somebody of a provider, of groups.
fn foreign(groups: &[&str]) -> Identity {
    let (issuer, subject, name) = ("forge".to_owned(), "4711".to_owned(), "mia".to_owned());
    Identity::Foreign { issuer, subject, name, claims: json!({ "groups": groups }) }
}

#[tokio::test]
async fn a_provider_is_asked_by_one_server_at_a_time_and_every_server_hears_what_it_took_away() {
    let rig = with_forge().await;
    let sessions = rig.status.sessions();
    let due = rig.clock.now() + chrono::TimeDelta::minutes(5);
    let new = |groups: &[&str]| NewSession {
        identity: foreign(groups),
        user_agent: String::new(),
        address: String::new(),
        provider: Some(SecretValue::new("refresh".to_owned())),
        refresh_at: Some(due),
    };
    let (secret, session) = sessions.begin(new(&["dev"]), None).await.unwrap();
    rig.clock.advance(600);
    let claimed = sessions.claim_question(&session).await.unwrap();
    assert!(claimed.is_some());
    assert_eq!(sessions.claim_question(&session).await.unwrap(), None, "somebody asks");
    sessions.put_question_back(&session, claimed.unwrap()).await.unwrap();
    assert!(sessions.claim_question(&session).await.unwrap().is_some());
    let beside = Store::open(&rig.database.url).unwrap();
    let n_told = async || {
        let rows = beside.read(|c| Ok::<_, weir::store::Error>(revocations::list_after(c, 0)?)).await;
        rows.unwrap().len()
    };
    let rights = rig.status.watch_rights();
    let token = SecretValue::new("another".to_owned());
    let again_at = due + chrono::TimeDelta::hours(1);
    sessions.renew(&session, &secret, foreign(&["dev"]), Some(&token), again_at).await.unwrap();
    assert_eq!((n_told().await, rights.has_changed().unwrap()), (0, false), "nothing is other than it was");
    sessions.renew(&session, &secret, foreign(&[]), Some(&token), again_at).await.unwrap();
    assert_eq!((n_told().await, rights.has_changed().unwrap()), (1, true));

    // Nor does it matter to who signs in anew, until a token of theirs is worth something else.
    let mut rights = rig.status.watch_rights();
    let (_, session) = sessions.begin(new(&["dev"]), None).await.unwrap();
    assert!(!rights.has_changed().unwrap());
    let scope = Scope::proved("forge:mia".to_owned(), None, false, BTreeMap::new(), Narrowed::default());
    rig.status.personal_tokens().make(&session, &scope, wish("mine")).await.unwrap();
    sessions.begin(new(&["dev"]), None).await.unwrap();
    assert_eq!((n_told().await, rights.has_changed().unwrap()), (1, false));
    sessions.begin(new(&[]), None).await.unwrap();
    assert_eq!((n_told().await, rights.has_changed().unwrap()), (2, true));
    rights.mark_unchanged();
}
