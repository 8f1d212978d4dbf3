//! Where each reporter of a team goes on in the order of events, and how it fares. Delivery asks and says; what it is told here is
//! durable when it returns.

use super::{Error, Result, Status};
use crate::model::id::EventId;
use crate::model::text::one_line;
use crate::store::{DbConnection, events, reporters};

/// Reporters, by team and name.
pub struct Reporters {
    pub(super) status: Status,
}

/// A reporter's place and fortune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The newest event that was told, given up or passed over: it goes on after it.
    pub position: EventId,
    /// Events that arrived.
    pub n_delivered: i64,
    /// Events that never will.
    pub n_given_up: i64,
    /// Why the last event did not arrive; none where it did.
    pub problem: Option<String>,
}

/// How it ended with one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It arrived.
    Delivered,
    /// It never will; says why.
    GivenUp(String),
}

impl Reporters {
    /// Where a reporter stands; one that was never seen before begins now.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn begin(&self, team: &str, name: &str) -> Result<Standing> {
        let (team, name) = (team.to_owned(), name.to_owned());
        let (now, at) = (self.status.as_of(), self.status.now());
        let write = move |c: &mut DbConnection| {
            if let Some(row) = reporters::get(c, &team, &name)? {
                return Ok::<_, Error>(Standing {
                    position: EventId(row.position),
                    n_delivered: row.n_delivered,
                    n_given_up: row.n_given_up,
                    problem: row.problem,
                });
            }
            reporters::insert(c, &team, &name, now, at)?;
            Ok(Standing { position: now, n_delivered: 0, n_given_up: 0, problem: None })
        };
        self.status.0.store.write(write).await
    }

    /// It has ended with `event`: the reporter goes on after it.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn ended(&self, team: &str, name: &str, event: EventId, how: Ended) -> Result<()> {
        let (team, name, at) = (team.to_owned(), name.to_owned(), self.status.now());
        let write = move |c: &mut DbConnection| {
            let key = (team.as_str(), name.as_str());
            let (delivered, given_up, problem) = match &how {
                Ended::Delivered => (1, 0, None),
                Ended::GivenUp(why) => (0, 1, Some(one_line(why))),
            };
            reporters::advance(c, key, event, delivered, given_up, at)?;
            Ok::<_, Error>(reporters::set_problem(c, key, problem.as_deref(), at)?)
        };
        self.status.0.store.write(write).await
    }

    /// Nothing up to `event` was for this reporter.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn passed(&self, team: &str, name: &str, event: EventId) -> Result<()> {
        let (team, name, at) = (team.to_owned(), name.to_owned(), self.status.now());
        let write = move |c: &mut DbConnection| Ok::<_, Error>(reporters::advance(c, (&team, &name), event, 0, 0, at)?);
        self.status.0.store.write(write).await
    }

    /// Why an event did not arrive yet; it will be tried again.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn troubled(&self, team: &str, name: &str, problem: &str) -> Result<()> {
        let (team, name, at) = (team.to_owned(), name.to_owned(), self.status.now());
        let problem = one_line(problem).into_owned();
        let write =
            move |c: &mut DbConnection| Ok::<_, Error>(reporters::set_problem(c, (&team, &name), Some(&problem), at)?);
        self.status.0.store.write(write).await
    }

    /// The event after which everything is still kept.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn horizon(&self) -> Result<EventId> {
        let oldest = self.status.0.store.read(|c| Ok::<_, Error>(events::oldest(c)?)).await?;
        Ok(oldest.map_or(self.status.as_of(), |oldest| EventId(oldest.0 - 1)))
    }
}
