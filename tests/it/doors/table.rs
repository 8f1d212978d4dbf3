//! The table of doors: one row for each route at least. Whoever adds a route adds its row here.
//!
//! `{team}`, `{builder}`, `{number}`, `{step}`, `{slug}`, `{id}` (of a build request) and `{jti}` (of a token of the team) are filled in for
//! each team; what else a route has in braces is written out with `at`.

use super::askers::{Asker, Team};

/// One door and who gets what there.
pub struct Row {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As it stands in `web/routes.rs`.
    pub route: &'static str,
    /// An address of it.
    pub path: String,
    /// Who gets what.
    pub rule: Rule,
    /// A JSON body, or a form's fields, filled in like the address.
    pub body: Option<&'static str>,
    /// Whoever gets through has no session afterwards.
    pub ends_session: bool,
}

/// Who gets what. Bad credentials get 401 at every door.
pub enum Rule {
    /// Everybody gets this status, and what it shows depends on who asks.
    Everybody(u16),
    /// Who may read the team gets 200, everybody else 404.
    Readers,
    /// Members of the team with this right get 200, everybody else 404.
    May(&'static str),
    /// An action: without credentials 401, who may not read 404, who may not act 403, everybody else this status.
    Act(&'static str, u16),
    /// A form of somebody signed in with a browser: no token opens it. Who has no session gets 401, one without proof that a page of ours
    /// sent the form 403; else it is as with an action, where there is one, and this status.
    Form(Option<&'static str>, u16),
    /// The instance's owner gets 200, everybody else 404.
    Owner,
    /// Any other rule, as a function of who asks about which team.
    Each(fn(Asker, Team) -> u16),
}

impl Row {
    fn new(method: &'static str, route: &'static str, rule: Rule) -> Self {
        Self { method, route, path: route.to_owned(), rule, body: None, ends_session: false }
    }

    /// Asked at this address, where the route has names of its own in it.
    fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// With this JSON body, or these fields of a form.
    fn sending(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    /// Ends the session of who gets through.
    fn ending(mut self) -> Self {
        self.ends_session = true;
        self
    }

    /// The status that `asker` gets, asking about `team`.
    pub fn expected(&self, asker: Asker, team: Team) -> u16 {
        if asker.is_bad() {
            return 401;
        }
        // A browser's cookie changes nothing for scripts unless a page of ours sent it.
        if asker == Asker::Unproved && self.method == "POST" && self.is_for_scripts() {
            return 403;
        }
        match self.rule {
            Rule::Everybody(status) => status,
            Rule::Readers if self.reads(asker, team) => 200,
            Rule::May(action) if asker.may(action) => 200,
            Rule::Owner if asker == Asker::Owner => 200,
            Rule::Readers | Rule::May(_) | Rule::Owner => 404,
            Rule::Act(..) if asker.is_nobody() => 401,
            Rule::Act(action, done) => self.acts(asker, team, action, done),
            Rule::Form(..) if !asker.is_session() => 401,
            Rule::Form(..) if asker == Asker::Unproved => 403,
            Rule::Form(Some(action), done) => self.acts(asker, team, action, done),
            Rule::Form(None, done) => done,
            Rule::Each(of) => of(asker, team),
        }
    }

    fn acts(&self, asker: Asker, team: Team, action: &str, done: u16) -> u16 {
        match (self.reads(asker, team), asker.may(action)) {
            (false, _) => 404,
            (true, true) => done,
            (true, false) => 403,
        }
    }

    /// Whether `asker` may read what belongs to `team` at this door.
    pub fn reads(&self, asker: Asker, team: Team) -> bool {
        asker.reads(team, self.is_feed())
    }

    /// Whether it is made for machines that read on and on.
    pub fn is_feed(&self) -> bool {
        self.route.ends_with(".json")
    }

    /// Whether it takes and gives JSON only.
    pub fn is_for_scripts(&self) -> bool {
        self.route.starts_with("/api/")
    }

    /// Whether it takes a form.
    pub fn is_form(&self) -> bool {
        matches!(self.rule, Rule::Form(..))
    }

    /// Whether its address names a team or something of one.
    pub fn is_about_a_team(&self) -> bool {
        self.path.contains('{') || self.body.is_some_and(is_filled_in)
    }
}

/// `GET` for everybody.
fn open(route: &'static str) -> Row {
    Row::new("GET", route, Rule::Everybody(200))
}

/// `GET` for who may read the team.
fn read(route: &'static str) -> Row {
    Row::new("GET", route, Rule::Readers)
}

/// `POST` of an action; `done` is what it answers to those who may. It is asked so that nothing changes, such as with a wrong body.
fn act(route: &'static str, action: &'static str, done: u16) -> Row {
    Row::new("POST", route, Rule::Act(action, done))
}

/// Whether a body holds a name that is filled in.
fn is_filled_in(body: &str) -> bool {
    body.contains("{team}") || body.contains("{jti}")
}

/// `GET` that leads who may read the team to the page with the form, such as somebody who signed in meanwhile.
fn leads(route: &'static str) -> Row {
    Row::new("GET", route, Rule::Each(|asker, team| if asker.reads(team, false) { 303 } else { 404 }))
}

/// A form that does something to a builder; `done` is what who may gets.
fn form(route: &'static str, action: &'static str, done: u16) -> Row {
    Row::new("POST", route, Rule::Form(Some(action), done))
}

/// A form about oneself.
fn own(route: &'static str, done: u16) -> Row {
    Row::new("POST", route, Rule::Form(None, done))
}

/// Without credentials 401, everybody else this status.
fn signed_in(asker: Asker, status: u16) -> u16 {
    if asker.is_nobody() { 401 } else { status }
}

/// What belongs to no team, and is a secret of nobody's that it is there.
fn owners_only(asker: Asker) -> u16 {
    signed_in(asker, if asker == Asker::Owner { 200 } else { 403 })
}

/// Of a team that one does not administer it is not even said whether it is there.
fn administers(asker: Asker, _: Team) -> u16 {
    signed_in(asker, if asker.may("administer") { 200 } else { 403 })
}

/// Likewise, for what is made there.
fn issues(asker: Asker, _: Team) -> u16 {
    signed_in(asker, if asker.may("administer") { 201 } else { 403 })
}

/// Every door.
#[rustfmt::skip]
pub fn rows() -> Vec<Row> {
    vec![
        open("/healthz"),
        open("/readyz"),
        Row::new("GET", "", Rule::Everybody(200)).at("/"),
        Row::new("GET", "/?{arguments}", Rule::Everybody(302)).at("/?show={builder}"),
        // Pages.
        open("/"),
        open("/waterfall"),
        open("/waterfall").at("/waterfall?show={builder}"),
        open("/waterfall").at("/waterfall?category={team}-c"),
        open("/about"),
        open("/plugins"),
        // Of a provider that is not configured: `tests/it/oidc.rs` goes through those that are.
        Row::new("GET", "/auth/oidc/{name}", Rule::Everybody(404)).at("/auth/oidc/nobody"),
        Row::new("GET", "/auth/oidc/{name}/callback", Rule::Everybody(404)).at("/auth/oidc/nobody/callback?code=a&state=b"),
        Row::new("GET", "/auth/oidc/{name}/leave", Rule::Everybody(404)).at("/auth/oidc/nobody/leave"),
        // Who administers no team has no audit.
        Row::new("GET", "/audit", Rule::Each(|asker, _| if asker.may("administer") || asker == Asker::Foreign { 200 } else { 404 })),
        Row::new("GET", "/can", Rule::Each(|asker, _| if asker.may("administer") || asker == Asker::Foreign { 200 } else { 404 })),
        Row::new("GET", "/team/{team}/audit", Rule::May("administer")),
        Row::new("GET", "/login", Rule::Each(|asker, _| if asker.is_session() { 303 } else { 200 })),
        Row::new("POST", "/login", Rule::Everybody(415)),
        open("/logout"),
        own("/logout", 303).ending(),
        Row::new("GET", "/account", Rule::Each(|asker, _| if asker.is_session() { 200 } else { 303 })),
        Row::new("GET", "/account/tokens", Rule::Everybody(303)),
        Row::new("GET", "/account/tokens/{id}", Rule::Everybody(303)).at("/account/tokens/personal-none"),
        Row::new("GET", "/account/sessions", Rule::Everybody(303)),
        Row::new("GET", "/account/sessions/{id}", Rule::Everybody(303)).at("/account/sessions/session-none"),
        own("/account/tokens", 422).sending("name=&days=7"),
        own("/account/tokens/{id}", 404).at("/account/tokens/personal-none"),
        own("/account/sessions", 303).ending(),
        own("/account/sessions/{id}", 404).at("/account/sessions/session-none"),
        open("/asset/{name}").at(&format!("/asset/{}", weir::render::asset::all().css.hashed_name)),
        read("/team/{team}"),
        read("/team/{team}/builder/{builder}"),
        read("/team/{team}/builder/{builder}/build/{number}"),
        read("/team/{team}/builder/{builder}/build/{number}/step/{step}"),
        read("/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}"),
        read("/team/{team}/builder/{builder}/build/{number}/artifact/{name:.+}")
            .at("/team/{team}/builder/{builder}/build/{number}/artifact/{team}.txt"),
        leads("/team/{team}/builder/{builder}/force"),
        // Asked so that nothing changes: a wrong parameter, a build that has ended or that is not there.
        form("/team/{team}/builder/{builder}/force", "force", 422).sending("parameters.nothing=1"),
        leads("/team/{team}/builder/{builder}/build/{number}/stop"),
        form("/team/{team}/builder/{builder}/build/{number}/stop", "stop", 303),
        leads("/team/{team}/builder/{builder}/build/{number}/rebuild"),
        form("/team/{team}/builder/{builder}/build/{number}/rebuild", "rebuild", 404)
            .at("/team/{team}/builder/{builder}/build/7/rebuild"),
        leads("/team/{team}/builder/{builder}/request/{id}/cancel"),
        form("/team/{team}/builder/{builder}/request/{id}/cancel", "cancel", 303),
        // For machines.
        read("/view/{name}.json").at("/view/{team}-v.json"),
        open("/view/{name}.json").at("/view/all.json"),
        open("/view/{name}.json").at("/view/all.json?show={team}/{builder}"),
        read("/view/{name}").at("/view/{team}-v"),
        open("/view/{name}").at("/view/all"),
        open("/waterfall.json"),
        read("/api/v2/teams/{team}/builders/{builder}/force"),
        act("/api/v2/teams/{team}/builders/{builder}/force", "force", 422).sending(r#"{"parameters": {"nothing": 1}}"#),
        read("/api/v2/teams/{team}/builders/{builder}/builds/{number}"),
        read("/api/v2/teams/{team}/builders/{builder}/builds/{number}/artifacts"),
        read("/api/v2/teams/{team}/builders/{builder}/builds/{number}/steps/{step}/test_results"),
        act("/api/v2/teams/{team}/builders/{builder}/builds/{number}/stop", "stop", 409),
        // Of a build that is not there, so that nothing is built.
        act("/api/v2/teams/{team}/builders/{builder}/builds/{number}/rebuild", "rebuild", 404)
            .at("/api/v2/teams/{team}/builders/{builder}/builds/7/rebuild"),
        read("/api/v2/buildrequests/{id}"),
        open("/api/v2/plugins"),
        act("/api/v2/buildrequests/{id}/cancel", "cancel", 409),
        Row::new("GET", "/api/v2/audit", Rule::May("administer")).at("/api/v2/audit?team={team}"),
        Row::new("GET", "/api/v2/can", Rule::May("administer"))
            .at("/api/v2/can?subject=anonymous&action=read&object={team}/{builder}"),
        Row::new("GET", "/api/v2/can", Rule::Owner).at("/api/v2/can?subject=anonymous&action=read&object=instance"),
        Row::new("POST", "/api/v2/reload", Rule::Each(|asker, _| match asker {
            asker if asker.is_nobody() => 401,
            Asker::Owner => 200,
            _ => 403,
        })),
        act("/api/v2/teams/{team}/reload", "administer", 200),
        open("/api/v2/me"),
        Row::new("GET", "/api/v2/tokens", Rule::Each(|asker, _| owners_only(asker))),
        Row::new("GET", "/api/v2/tokens", Rule::Each(administers)).at("/api/v2/tokens?team={team}"),
        Row::new("POST", "/api/v2/tokens", Rule::Each(issues)).sending(r#"{"team": "{team}", "role": "viewer"}"#),
        Row::new("POST", "/api/v2/tokens", Rule::Each(|asker, _| signed_in(asker, if asker == Asker::Owner { 201 } else { 403 })))
            .sending(r#"{"owner": true}"#),
        Row::new("POST", "/api/v2/tokens/{jti}/revoke", Rule::Each(|asker, _| signed_in(asker, 404)))
            .at("/api/v2/tokens/none/revoke"),
        // A token of the team; revoking it again changes nothing.
        Row::new("POST", "/api/v2/tokens/{jti}/revoke", Rule::Each(|asker, _| signed_in(asker, if asker.may("administer") { 200 } else { 404 }))),
        Row::new("POST", "/api/v2/revocations", Rule::Each(|asker, _| owners_only(asker))).sending(r#"{"jti": "{jti}"}"#),
        Row::new("POST", "/api/v2/revocations", Rule::Each(|asker, _| owners_only(asker))).sending(r#"{"subject": "nobody at all"}"#),
        // Live.
        open("/sse/waterfall"),
        read("/sse/view/{name}").at("/sse/view/{team}-v"),
        open("/sse/view/{name}").at("/sse/view/all"),
        read("/sse/team/{team}"),
        read("/sse/team/{team}/builder/{builder}"),
        read("/sse/team/{team}/builder/{builder}/build/{number}"),
        read("/sse/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}"),
        read("/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}/raw"),
    ]
}
