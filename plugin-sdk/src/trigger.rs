//! Builds of other builders of the own team. Needs `trigger`.

use crate::context::Context;
use crate::error::HostError;
use crate::host::Host;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The wish for a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// A builder of the own team.
    pub builder: String,
    /// None is what the properties or the builder say, else the repository's default branch.
    pub branch: Option<String>,
    /// None is what the properties or the builder say, else the branch's newest.
    pub revision: Option<String>,
    /// Why, for people; where it is empty the host says which build asked.
    pub reason: String,
    /// Properties of the build, over the builder's own.
    pub properties: Vec<(String, Value)>,
}

impl Order {
    /// A build of this builder.
    pub fn new(builder: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { builder: builder.into(), reason: reason.into(), ..Self::default() }
    }

    /// Of this branch.
    #[must_use]
    pub fn branch(mut self, branch: Option<impl Into<String>>) -> Self {
        self.branch = branch.map(Into::into);
        self
    }

    /// Of this revision.
    #[must_use]
    pub fn revision(mut self, revision: Option<impl Into<String>>) -> Self {
        self.revision = revision.map(Into::into);
        self
    }

    /// With this property.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }
}

/// How a build ended, as everywhere in Weir. Shown in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// All good.
    Success,
    /// Good, with something to look at.
    Warnings,
    /// The thing under test is broken.
    Failure,
    /// There was nothing to do.
    Skipped,
    /// The build itself broke.
    Exception,
    /// It is to be built again.
    Retry,
    /// Somebody stopped it.
    Cancelled,
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Warnings => "warnings",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Exception => "exception",
            Self::Retry => "retry",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A request that was built or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What [`Context::trigger`] returned.
    pub request: String,
    /// The builder.
    pub builder: String,
    /// None where no build was made of the request.
    pub number: Option<u32>,
    /// How it ended.
    pub results: Results,
    /// A few words.
    pub summary: String,
    /// Where people look at it.
    pub url: String,
}

impl Context {
    /// Requests a build, which is durable when this returns. Returns the name of the request, for [`Context::wait_for`].
    ///
    /// # Errors
    /// Where it is not granted, there is no such builder, or it does not take the order.
    pub fn trigger(&mut self, order: &Order) -> Result<String, HostError> {
        self.host().trigger(order)
    }

    /// Waits until each of these requests was built or cancelled, or `timeout` has passed; returns those that are. Meanwhile the
    /// build's slot on the worker, and in its team's quota, is lent to others; it goes on once it has it back. Each build that begins
    /// becomes a link of the step.
    ///
    /// ```
    /// use weir_plugin_sdk::trigger::{Order, Results};
    /// use weir_plugin_sdk::{Context, Error, Outcome};
    ///
    /// fn package(cx: &mut Context) -> Result<Outcome, Error> {
    ///     let revision = cx.build().revision.clone();
    ///     let request = cx.trigger(&Order::new("package", "the tests passed").revision(revision))?;
    ///     let all = cx.wait_for(&[request], None)?;
    ///     let is_good = all.iter().all(|build| build.results == Results::Success);
    ///     Ok(if is_good { Outcome::success("packaged") } else { Outcome::failure("no package") })
    /// }
    /// # let script = weir_plugin_sdk::testing::Script::new().builder("package", Results::Success);
    /// # assert_eq!(package(&mut script.context()), Ok(Outcome::success("packaged")));
    /// ```
    ///
    /// # Errors
    /// Where a request is none of the team's, this build would wait for itself, or somebody stopped the build ([`crate::Refusal::Cancelled`]).
    pub fn wait_for(&mut self, requests: &[String], timeout: Option<Duration>) -> Result<Vec<Finished>, HostError> {
        self.host().wait_for(requests, timeout)
    }
}
