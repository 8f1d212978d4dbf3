//! Every door as everybody: one table, held against the routes. A new route without a row fails here.

/// Who comes, and the instance they come to.
mod askers;
/// The rows.
mod table;

use askers::{Asker, Doors, GHOST, Team};
use futures::StreamExt as _;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use table::{Row, rows};
use weir_tests::page::Page;

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let doors: BTreeSet<_> = weir::web::routes::doors().into_iter().map(|door| (door.method, door.path)).collect();
    let rows: BTreeSet<_> = rows().iter().map(|row| (row.method, row.route.to_owned())).collect();
    let without: Vec<_> = doors.difference(&rows).collect();
    assert!(without.is_empty(), "routes without a row in tests/it/doors/table.rs, say who may come in: {without:#?}");
    let gone: Vec<_> = rows.difference(&doors).collect();
    assert!(gone.is_empty(), "rows without a route in server/src/web/routes.rs: {gone:#?}");
}

/// Kinds of doors, each tried by a test of its own: all together are more than one test has time for on a slow machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Scripts read there.
    Asked,
    /// Scripts change something there.
    Told,
    /// Pages of a team, and forms on them.
    Team,
    /// Streams, feeds, what is raw, and pages of no team.
    Rest,
}

impl Kind {
    /// Each row is of one kind.
    fn of(row: &Row) -> Self {
        match (row.is_for_scripts(), row.method) {
            (true, "GET") => Self::Asked,
            (true, _) => Self::Told,
            (false, _) if row.route.starts_with("/team/") => Self::Team,
            (false, _) => Self::Rest,
        }
    }
}

#[tokio::test]
async fn where_scripts_read_everybody_gets_what_is_theirs_and_nobody_hears_of_the_rest() {
    everybody_gets_what_is_theirs(Kind::Asked).await;
}

#[tokio::test]
async fn where_scripts_act_everybody_gets_what_is_theirs_and_nobody_hears_of_the_rest() {
    everybody_gets_what_is_theirs(Kind::Told).await;
}

#[tokio::test]
async fn on_pages_of_teams_everybody_gets_what_is_theirs_and_nobody_hears_of_the_rest() {
    everybody_gets_what_is_theirs(Kind::Team).await;
}

#[tokio::test]
async fn at_all_other_doors_everybody_gets_what_is_theirs_and_nobody_hears_of_the_rest() {
    everybody_gets_what_is_theirs(Kind::Rest).await;
}

/// Tries every door of a kind as everybody.
async fn everybody_gets_what_is_theirs(kind: Kind) {
    let doors = Doors::open().await;
    let mut wrong = Vec::new();
    let rows: Vec<_> = rows().into_iter().filter(|row| Kind::of(row) == kind).collect();
    assert!(!rows.is_empty(), "no door is {kind:?}");
    for row in rows {
        for team in Team::ALL.into_iter().take(if row.is_about_a_team() { Team::ALL.len() } else { 1 }) {
            // Bad credentials are refused before it matters what was asked for: of one team is enough.
            let askers = Asker::ALL.into_iter().filter(|asker| !asker.is_bad() || team == Team::Private);
            let tries = askers.map(|asker| try_door(&doors, &row, team, asker));
            wrong.extend(futures::future::join_all(tries).await.into_iter().flatten());
        }
    }
    doors.w.settle().await;
    assert!(wrong.is_empty(), "{} doors are not as the table says:\n{}", wrong.len(), wrong.join("\n"));
}

/// Asks at one door as one asker, and by other ways that the door has; returns what is not as it should be.
async fn try_door(doors: &Doors, row: &Row, team: Team, asker: Asker) -> Vec<String> {
    let mut wrong = Vec::new();
    let path = doors.filled(&row.path, Some(team));
    let name = format!("{} {path} as {asker:?}", row.method);
    let page = ask(doors, row, row.method, Some(team), team, asker).await;
    let expected = row.expected(asker, team);
    if page.status != expected {
        wrong.push(format!("{name}: {} instead of {expected}", page.status));
    }
    for other in Team::ALL.into_iter().filter(|other| !reads(row, asker, *other, team)) {
        // What was asked for is said again, and who one is oneself.
        let is_echo = other == team && (row.is_about_a_team() || row.route == "/api/v2/me");
        if !is_echo && whole(&page).contains(other.name()) {
            wrong.push(format!("{name}: tells of {}", other.name()));
        }
    }
    let is_hidden = row.is_about_a_team() && !row.reads(asker, team);
    for method in other_methods(row, asker) {
        let other = ask(doors, row, method, Some(team), team, asker).await;
        if method == "HEAD" && row.method == "GET" && (other.status, other.body.as_str()) != (page.status, "") {
            wrong.push(format!("HEAD of {name}: {} instead of {}", other.status, page.status));
        }
        if is_hidden {
            wrong.extend(tells(doors, row, (method, &other), team, asker).await);
        }
    }
    if is_hidden {
        wrong.extend(tells(doors, row, (row.method, &page), team, asker).await);
    }
    wrong
}

/// Methods that are tried beside that of the row: what is decided before or behind the method is tried as a few.
fn other_methods(row: &Row, asker: Asker) -> Vec<&'static str> {
    let mut methods = Vec::new();
    if matches!(asker, Asker::Anonymous | Asker::Foreign | Asker::Owner | Asker::Browser) && row.method == "GET" {
        methods.push("HEAD");
    }
    if matches!(asker, Asker::Anonymous | Asker::Foreign | Asker::Neighbour) && row.is_about_a_team() {
        methods.push("DELETE");
    }
    methods
}

/// How what is hidden, which was answered with `page`, is told from what never was.
async fn tells(doors: &Doors, row: &Row, (method, page): (&str, &Page), team: Team, asker: Asker) -> Option<String> {
    let never = ask(doors, row, method, None, team, asker).await;
    let (hidden, never) = (blurred(page, team.name()), blurred(&never, GHOST));
    (hidden != never).then(|| format!("{method} {} as {asker:?}, {team:?}: {}", row.path, difference(&hidden, &never)))
}

/// Asks about `about`, none is the team that never was, with the credentials that `asker` has towards `team`.
async fn ask(doors: &Doors, row: &Row, method: &str, about: Option<Team>, team: Team, asker: Asker) -> Page {
    let path = doors.filled(&row.path, about);
    let body = row.body.map(|body| doors.filled(body, about));
    if method == "POST" && row.is_form() {
        let body = body.unwrap_or_default();
        return doors.ask(doors.form((&path, &body), team, asker, row.ends_session).await).await;
    }
    let request = doors.request(method, &path, team, asker);
    // With a cookie the doors for scripts take JSON only, also where there is nothing to say.
    let body = body.or_else(|| (asker.is_session() && row.is_for_scripts()).then(|| "{}".to_owned()));
    doors
        .ask(match body.filter(|_| method == "POST") {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        })
        .await
}

/// Whether `asker`, a member of `home` where a member at all, may read `team` at that door.
fn reads(row: &Row, asker: Asker, team: Team, home: Team) -> bool {
    let is_at_home = team == home || asker == Asker::Owner || !asker.is_member();
    let is_stranger = asker == Asker::Feed && !row.is_feed();
    if is_at_home || is_stranger { row.reads(asker, team) } else { Asker::Foreign.reads(team, false) }
}

/// The first line in which two answers differ.
fn difference(hidden: &str, never: &str) -> String {
    let mut lines = hidden.lines().zip(never.lines());
    let (hidden, never) = lines.find(|(hidden, never)| hidden != never).unwrap_or(("more", "or less"));
    format!("what is hidden is told from what never was: `{hidden}` and `{never}`")
}

/// Everything that an answer tells, but the moment, the request's own id, and the hash of all of it and the address.
fn whole(page: &Page) -> String {
    let own = ["date", "x-request-id", "etag"];
    let headers = page.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    format!("{}\n{}\n{}", page.status, headers.join("\n"), page.body)
}

/// An answer without what is different each time and without the name that was asked for.
fn blurred(page: &Page, name: &str) -> String {
    static EACH_TIME: LazyLock<Regex> = LazyLock::new(|| {
        // A request's id, a token's, the moment of a page, and the request that was asked for by its id.
        Regex::new(
            r#"\b[0-9a-f]{14}\b|\b[0-9a-f]{32}\b|data-now="[0-9]+"|build request (`|<code>)[0-9]|request(/|%2F)[0-9]|page made <time.*</time>"#,
        )
        .unwrap()
    });
    EACH_TIME.replace_all(&whole(page).replace(name, "NAME"), "-").into_owned()
}

#[tokio::test]
async fn a_stream_of_everything_tells_each_asker_of_what_they_may_read_only() {
    let doors = Doors::open().await;
    for path in ["/sse/waterfall?after=0", "/sse/view/all?after=0"] {
        let stream = rows().into_iter().find(|row| row.route == "/sse/waterfall").unwrap();
        for asker in Asker::ALL.into_iter().filter(|asker| !asker.is_bad()) {
            let answer = doors.request("GET", path, Team::Private, asker).send().await.unwrap();
            let mut chunks = answer.bytes_stream();
            let mut heard = String::new();
            // The public team's build was the last: when its end is told, everything before it was.
            let is_told = |heard: &str| {
                let last = heard.rsplit("\n\n").find(|event| event.contains("event: build.finished"));
                last.is_some_and(|event| event.contains(Team::Public.name()))
            };
            while !is_told(&heard) {
                let chunk = tokio::time::timeout(std::time::Duration::from_secs(60), chunks.next()).await;
                heard += std::str::from_utf8(&chunk.expect("events come in time").unwrap().unwrap()).unwrap();
            }
            for team in Team::ALL {
                let may = reads(&stream, asker, team, Team::Private);
                assert_eq!(heard.contains(team.name()), may, "{path} as {asker:?}, of {}:\n{heard}", team.name());
            }
        }
    }
}
