//! `/team/<team>/builder/<builder>`.

use super::field::{self, Form, Refused};
use super::force;
use super::line::{BuildLine, RequestLine};
use super::said::Said;
use super::{Anchor, Context, Crumb, Page, Site};
use crate::config::builder::{Force, Parameter, ParameterKind};
use crate::config::patterns::written;
use crate::model::time::Time;
use crate::render::links::{Links, shell_word, with_query};
use crate::render::look::{self, Look};
use crate::render::words::Moment;
use crate::status::control::Offers;
use crate::status::get::RequestPage;
use crate::status::resource::{Build, BuilderStatus};
use serde::Serialize;
use std::sync::Arc;

/// A builder's page.
#[derive(Debug, Serialize)]
pub struct BuilderContext {
    /// What its head says.
    pub builder: BuilderLine,
    /// Its team.
    pub team: String,
    /// Its categories; each leads to the Waterfall of that category.
    pub categories: Vec<Anchor>,
    /// What its worker must be.
    pub labels: Vec<String>,
    /// Builds that run.
    pub running: Vec<BuildLine>,
    /// What waits, next first.
    pub pending: Vec<RequestLine>,
    /// How many wait besides.
    pub n_pending_more: usize,
    /// Finished builds, newest first.
    pub builds: Vec<BuildLine>,
    /// The page with older builds.
    pub older: Option<String>,
    /// The page with the newest builds, where this is none of them.
    pub newest: Option<String>,
    /// Its column alone.
    pub waterfall: String,
    /// The configuration declares it no more.
    pub is_retired: bool,
    /// How to force it; none where nobody may.
    pub force: Option<ForceLines>,
    /// The force form; none where the asker may not, or is not signed in.
    pub form: Option<Form>,
    /// What became of the request that the asker made.
    pub said: Option<Said>,
}

/// A builder in a line.
#[derive(Debug, Serialize)]
pub struct BuilderLine {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// For people; may be empty.
    pub description: String,
    /// Its last result.
    pub look: Look,
    /// Its last finished build.
    pub last: Option<BuildLine>,
    /// `for 3h`: since when the result is what it is.
    pub since: Option<String>,
    /// What it does now.
    pub state: Look,
    /// Requests that wait.
    pub n_pending: usize,
    /// When a scheduler starts it next.
    pub next: Option<Moment>,
}

/// Ready commands.
#[derive(Debug, Serialize)]
pub struct ForceLines {
    /// With our own command.
    pub weir: String,
    /// With curl.
    pub curl: String,
    /// What may be given.
    pub parameters: Vec<ParameterLine>,
}

/// A parameter of a force.
#[derive(Debug, Serialize)]
pub struct ParameterLine {
    /// Its name.
    pub name: String,
    /// For people.
    pub label: String,
    /// `one of all, quick`, `a whole number` ...
    pub takes: String,
    /// Used where none is given.
    pub default: Option<String>,
    /// It must be given.
    pub is_required: bool,
}

impl Context for BuilderContext {
    const TEMPLATE: &'static str = "pages/builder";
}

impl BuilderLine {
    /// The line of `status`.
    pub fn new(status: &BuilderStatus, links: &Links, now: Time) -> Self {
        Self {
            name: status.builder.key.name.clone(),
            href: links.builder(&status.builder.key),
            description: status.builder.description.clone(),
            look: status.last.as_ref().map_or(look::NONE, |b| look::of(b.results)),
            last: status.last.as_deref().map(|b| BuildLine::new(b, links, now)),
            since: super::team::since(status, now),
            state: look::of_state(status.state),
            n_pending: status.n_pending,
            next: status.next.map(|n| Moment::new(n, now)),
        }
    }
}

/// What a builder's page is made of.
#[derive(Debug, Clone, Copy)]
pub struct BuilderPage<'a> {
    /// The builder.
    pub status: &'a BuilderStatus,
    /// Its builds, newest first, running ones included.
    pub builds: &'a [Arc<Build>],
    /// Builds before this number were asked for.
    pub before: Option<i64>,
    /// There are older ones.
    pub has_older: bool,
    /// How it may be forced.
    pub force: Option<&'a Force>,
    /// What the asker may do.
    pub offers: Offers,
    /// A force that was sent and not taken.
    pub refused: Option<&'a Refused>,
    /// The request whose fate is to be told.
    pub request: Option<&'a RequestPage>,
    /// The team's title.
    pub team_title: &'a str,
}

impl BuilderContext {
    /// The page of one builder.
    pub fn page(site: Site, page: BuilderPage<'_>, links: &Links, now: Time) -> Page<Self> {
        let BuilderPage { status, builds, .. } = page;
        let key = &status.builder.key;
        let offers = if site.has_forms() { page.offers } else { Offers::default() };
        let oldest = builds.last().map(|b| b.number);
        let only = |name: &str, value: &str| with_query(&links.waterfall(), &[(name.to_owned(), value.to_owned())]);
        let own = Self {
            builder: BuilderLine::new(status, links, now),
            team: key.team.clone(),
            categories: (status.builder.categories.iter())
                .map(|c| Anchor { text: c.clone(), href: only("category", c), is_current: false })
                .collect(),
            labels: status.builder.labels.clone(),
            running: (status.running.iter().map(|b| (b, BuildLine::new(b, links, now))))
                .map(|(b, line)| if offers.stop { line.stoppable(b, links) } else { line })
                .collect(),
            n_pending_more: status.n_pending.saturating_sub(status.pending.len()),
            pending: (status.pending.iter().map(|r| (r, RequestLine::new(r, now))))
                .map(|(r, line)| if offers.cancel { line.cancellable(r, links) } else { line })
                .collect(),
            builds: (builds.iter().filter(|b| b.finished_at.is_some()))
                .map(|b| BuildLine::new(b, links, now))
                .collect(),
            older: oldest.filter(|_| page.has_older).map(|n| links.builds_before(key, n)),
            newest: page.before.map(|_| links.builder(key)),
            is_retired: status.builder.is_retired,
            waterfall: only("show", &key.to_string()),
            force: page.force.map(|force| force_lines(status, &force.parameters, links)),
            form: page.force.filter(|_| offers.force).map(|force| force::form(key, force, page.refused, links)),
            said: page.request.map(|request| Said::of_request(request, links)),
        };
        let title = field::title(format!("{} in {}", key.name, page.team_title), page.refused.is_some());
        let crumbs = vec![Crumb::to(page.team_title, links.team(&key.team)), Crumb::here(key.name.as_str())];
        Page {
            title,
            crumbs,
            reload_s: None,
            events: page.before.is_none().then(|| links.events(&links.builder(key))),
            kind: "builder",
            site,
            own,
        }
    }
}

fn force_lines(status: &BuilderStatus, parameters: &[Parameter], links: &Links) -> ForceLines {
    let key = &status.builder.key;
    let server = links.server();
    ForceLines {
        weir: format!(
            "WEIR_TOKEN=$TOKEN weir force {} --server {} --reason 'try it' --wait",
            shell_word(&key.to_string()),
            shell_word(server)
        ),
        curl: format!(
            "curl -X POST -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  -d '{{\"reason\": \"try it\"}}' {}",
            shell_word(&links.force(key))
        ),
        parameters: parameters.iter().map(parameter_line).collect(),
    }
}

fn parameter_line(p: &Parameter) -> ParameterLine {
    let fitting = |what: &str, pattern: &Option<regex::Regex>| match pattern {
        Some(pattern) => format!("{what} that fits {}", written(pattern)),
        None => what.to_owned(),
    };
    ParameterLine {
        name: p.name.clone(),
        label: p.label.clone(),
        takes: match &p.kind {
            ParameterKind::String(pattern) => fitting("one line", pattern),
            ParameterKind::Text(pattern) => fitting("text", pattern),
            ParameterKind::Int => "a whole number".to_owned(),
            ParameterKind::Bool => "true or false".to_owned(),
            ParameterKind::Choice(choices) => format!("one of {}", choices.join(", ")),
        },
        default: p.default.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)),
        is_required: p.required,
    }
}
