//! One reporter's course through the events: hear, choose, tell, try again, go on. Its place is durable, so that each event is told at
//! least once, whatever happens to the server.

use super::choose;
use super::payload::{self, Previous};
use super::reporter::{ReportCall, ReportEvent, ReporterRunner, Told};
use crate::config::reporter::Reporter;
use crate::model::id::EventId;
use crate::model::one_line::one_line;
use crate::model::property::Properties;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::status::event::{Event, What};
use crate::status::reporters::Ended;
use crate::status::resource::Build;
use crate::status::subscribe::Subscription;
use crate::status::{Error, Result, Status};
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often an event is tried. With the waits between it makes eight and a half minutes: a receiver may restart meanwhile.
const TRIES: u32 = 10;
/// After the first try; each wait is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest that a receiver may ask to be left alone.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// A reporter that cannot be called is asked again after so long at the latest: an operator may have mended it. It costs no try.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// A place is stored where so many events were passed over since: looking at them again costs little.
const PASSED_MAX: i64 = 1_000;
/// How far back a judgement is looked for.
const PREVIOUS_MAX: usize = 20;

/// A reporter on its way.
pub struct Course {
    status: Status,
    runner: Arc<dyn ReporterRunner>,
    reporter: Arc<Reporter>,
    scope: Scope,
    heard: Subscription,
    /// The newest event that it is done with, and the newest of which the database knows that.
    done: EventId,
    stored: EventId,
    due: Option<Due>,
    shutdown: CancellationToken,
}

/// An event that is to be told.
struct Due {
    event: EventId,
    report: ReportEvent,
    /// For the log.
    build: String,
    n_tries: u32,
    /// Not before.
    at: Time,
    /// How it ended, where that is not stored yet: it is not told again only for that.
    ended: Option<Ended>,
}

impl Course {
    /// The course of `reporter`, from where it stopped; one that was never seen begins now.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn begin(
        status: Status,
        runner: Arc<dyn ReporterRunner>,
        reporter: Arc<Reporter>,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let position = status.reporters().begin(&reporter.team, &reporter.name).await?.position;
        let scope = Scope::team(&reporter.team);
        let heard = status.subscribe(&scope, Some(position));
        Ok(Self { status, runner, reporter, scope, heard, done: position, stored: position, due: None, shutdown })
    }

    /// Whose course it is.
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// When to call [`Course::deliver_once`] next; none where nothing waits.
    pub fn due_at(&self) -> Option<Time> {
        self.due.as_ref().map(|due| due.at)
    }

    /// Waits for the next event. May be given up and called again at any time.
    ///
    /// # Errors
    /// As [`Subscription::next`]; where events were not kept so long (`Limit`), [`Course::skip_lost`].
    pub async fn hear(&mut self) -> Result<Arc<Event>> {
        self.heard.next().await
    }

    /// Takes an event up: where it is for this reporter it is due, at once.
    ///
    /// # Errors
    /// Where the database cannot be read; then [`Course::retrace`].
    pub async fn take(&mut self, event: &Event) -> Result<()> {
        if event.id > self.done {
            self.due = self.wanted(event).await?;
            if self.due.is_none() {
                self.done = event.id;
            }
        }
        Ok(())
    }

    /// Hears again what it heard and is not done with.
    pub fn retrace(&mut self) {
        self.heard = self.status.subscribe(&self.scope, Some(self.done));
    }

    /// Nothing is due: what was passed over since is stored now and then.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn pass_by(&mut self) -> Result<()> {
        self.done = self.done.max(self.heard.position());
        if self.done.0 - self.stored.0 >= PASSED_MAX {
            self.status.reporters().passed(&self.reporter.team, &self.reporter.name, self.done).await?;
            self.stored = self.done;
        }
        Ok(())
    }

    /// Stores how far it has come, so that what it passed over is not judged again by other rules.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn leave(&mut self) -> Result<()> {
        if self.done > self.stored {
            self.status.reporters().passed(&self.reporter.team, &self.reporter.name, self.done).await?;
            self.stored = self.done;
        }
        Ok(())
    }

    /// What came after its place is not kept any more: it goes on from what there is, and says so.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn skip_lost(&mut self) -> Result<()> {
        let Reporter { team, name, .. } = &*self.reporter;
        let horizon = self.status.reporters().horizon().await?;
        let problem = format!("events {} to {} are not kept any more and were not told", self.done.0 + 1, horizon);
        tracing::warn!(%team, reporter = %name, "{problem}");
        self.status.reporters().passed(team, name, horizon).await?;
        self.status.reporters().troubled(team, name, &problem).await?;
        (self.done, self.stored) = (horizon, horizon);
        self.retrace();
        Ok(())
    }

    /// Tells what is due by `now`, and stores how that went.
    ///
    /// # Errors
    /// Where the database cannot be written; the event stays due, and is not told again where it arrived.
    pub async fn deliver_once(&mut self, now: Time) -> Result<()> {
        let Reporter { team, name, .. } = &*self.reporter;
        let Some(due) = self.due.as_mut().filter(|due| due.at <= now) else { return Ok(()) };
        if due.ended.is_none() {
            due.begin_try(now);
            let told = self.runner.report(due.call(&self.reporter, &self.shutdown)).await;
            let is_told = matches!(told, Told::Delivered(_));
            if self.shutdown.is_cancelled() && !is_told {
                // The server's end is nobody's failure: the next start tells it.
                return Ok(());
            }
            if let Some(problem) = due.judge(told, now, &self.reporter) {
                return self.status.reporters().troubled(team, name, &problem).await;
            }
        }
        let (event, ended) = (due.event, due.ended.clone());
        if let Some(ended) = ended {
            self.status.reporters().ended(team, name, event, ended).await?;
            (self.done, self.stored, self.due) = (event, event, None);
        }
        Ok(())
    }

    /// What is to be told of an event; none where it is not for this reporter.
    async fn wanted(&self, event: &Event) -> Result<Option<Due>> {
        let What::BuildFinished { build } = &event.what else { return Ok(None) };
        let (config, key) = (self.status.config(), &build.builder);
        let team = config.teams.get(&key.team).filter(|team| team.name == self.reporter.team);
        let builder = team.and_then(|team| team.builders.get(&key.name));
        let (Some(builder), Some(results)) = (builder, build.results) else { return Ok(None) };
        if !self.reporter.hears_of(builder) {
            return Ok(None);
        }
        let previous = self.previous(build).await?;
        let when = choose::true_of(results, previous.map(|previous| previous.results));
        if !when.iter().any(|when| self.reporter.when.contains(when)) {
            return Ok(None);
        }
        let properties = match self.status.get(&self.scope).build(&key.team, &key.name, build.number).await {
            Ok(page) => page.properties,
            // The event holds all else.
            Err(Error::NotFound { .. }) => Properties::default(),
            Err(error) => return Err(error),
        };
        let id = format!("{}/{}/{}", self.reporter.team, self.reporter.name, event.id);
        let payload =
            payload::build_finished(&config, &self.reporter, (&id, event.at), build, &properties, previous, &when);
        let report = ReportEvent { id, kind: payload::KIND.to_owned(), at: event.at, payload };
        let build = format!("{key} #{}", build.number);
        Ok(Some(Due { event: event.id, report, build, n_tries: 0, at: event.at, ended: None }))
    }

    /// The last judgement before a build: the same in every try, whatever has ended since.
    async fn previous(&self, build: &Build) -> Result<Option<Previous>> {
        let key = &build.builder;
        let before =
            self.status.get(&self.scope).builds(&key.team, &key.name, Some(build.number), PREVIOUS_MAX).await?;
        let ended = before.iter().filter(|before| before.finished_at <= build.finished_at);
        let judged = ended.filter_map(|before| Some((before.number, before.results?)));
        let last = judged.into_iter().find(|(_, results)| choose::is_judgement(*results));
        Ok(last.map(|(number, results)| Previous { number, results }))
    }
}

impl Due {
    /// Counts the try before it is made, so that one that breaks the server's own code is not made again at once.
    fn begin_try(&mut self, now: Time) {
        self.at = now + wait_after(self.n_tries);
        self.n_tries += 1;
    }

    fn call(&self, reporter: &Reporter, shutdown: &CancellationToken) -> ReportCall {
        ReportCall {
            plugin: reporter.plugin.clone(),
            team: reporter.team.clone(),
            reporter: reporter.name.clone(),
            settings: reporter.settings.clone(),
            event: self.report.clone(),
            stop: shutdown.child_token(),
        }
    }

    /// Decides what follows from a try; says what the trouble is where it will be tried again.
    fn judge(&mut self, told: Told, now: Time, reporter: &Reporter) -> Option<String> {
        let (team, name, build) = (&reporter.team, &reporter.name, &self.build);
        let why = match told {
            Told::Delivered(words) => {
                let words = one_line(&words.unwrap_or_default());
                tracing::debug!(%team, reporter = %name, %build, n_tries = self.n_tries, "told: {words}");
                self.ended = Some(Ended::Delivered);
                return None;
            }
            Told::Failed(why) => why,
            Told::Later { reason, after } if self.n_tries < TRIES => {
                let after = TimeDelta::from_std(after.unwrap_or_default().min(WAIT_MAX)).unwrap_or_default();
                self.at = self.at.max(now + after);
                let wait_s = (self.at - now).num_seconds();
                tracing::warn!(%team, reporter = %name, %build, n_tries = self.n_tries, wait_s, "not told yet: {}", one_line(&reason));
                return Some(format!("{build}: {reason}"));
            }
            Told::NotNow { reason, until } => {
                self.n_tries -= 1;
                self.at = until.clamp(now + TimeDelta::seconds(1), now + ASK_AGAIN);
                let wait_s = (self.at - now).num_seconds();
                tracing::warn!(%team, reporter = %name, %build, wait_s, "its reporter cannot be called: {}", one_line(&reason));
                return Some(format!("{build}: {reason}"));
            }
            Told::Later { reason, .. } => format!("{reason} ({TRIES} tries)"),
        };
        tracing::error!(%team, reporter = %name, %build, "given up, it is not told: {}", one_line(&why));
        self.ended = Some(Ended::GivenUp(format!("{build}: {why}")));
        None
    }
}

/// How long to wait after so many tries and one more: twice as long each time.
fn wait_after(n_tries: u32) -> TimeDelta {
    TimeDelta::from_std(FIRST_WAIT * 2_u32.saturating_pow(n_tries.min(TRIES))).unwrap_or(TimeDelta::MAX)
}
