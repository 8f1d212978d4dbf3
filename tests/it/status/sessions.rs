//! Sessions and personal tokens that end, while something else is under way or somewhere else somebody watches.

use super::{Arc, BTreeMap, Database, Rig, fleet};
use weir::clock::TestClock;
use weir::config::auth::{PasswordHash, User};
use weir::config::diagnostic::Place;
use weir::model::right::Role;
use weir::model::scope::Scope;
use weir::status::Error;
use weir::status::personal::TokenWish;
use weir::status::revocation::{Carried, Revoked};
use weir::status::rights::Identity;
use weir::status::session::{NewSession, Session};
use weir::status::token::Tokens;
use weir::store::Store;

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
