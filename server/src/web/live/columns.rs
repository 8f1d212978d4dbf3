//! Which builders a page with columns shows, and whether that changed with the configuration: builders come and go, are named otherwise,
//! belong to other categories, and no event of any of them tells so.

use super::events::Wanted;
use crate::model::name::BuilderKey;
use crate::status::get::Get;
use crate::status::query::Narrowing;
use crate::status::view::ViewPage;
use crate::status::{self, Status};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::watch;

/// The columns of a page.
pub(super) struct Columns {
    status: Status,
    /// The view; none is `/waterfall`.
    view: Option<String>,
    /// What the address narrows them to, where it does.
    narrowing: Option<Narrowing>,
    /// The configuration that was looked at last: see [`Status::generation`].
    pub generation: u64,
    /// Changes with each configuration, and at other times.
    rights: watch::Receiver<u64>,
    /// A hash of all that a configuration says of them; none where they are all builders and were not looked at.
    pub drawn: Option<u64>,
}

impl Columns {
    /// Those of a view, or of `/waterfall`. Call [`Self::look`] next.
    pub fn new(status: &Status, view: Option<String>, narrowing: Option<Narrowing>) -> Self {
        let (rights, generation) = (status.watch_rights(), status.generation());
        Self { status: status.clone(), view, narrowing, generation, rights, drawn: None }
    }

    /// Looks which there are; says whose events belong to them.
    ///
    /// # Errors
    /// Those of the page.
    pub async fn look(&mut self, get: &Get) -> status::Result<Wanted> {
        let one = || Narrowing { num_events: Some(1), ..Narrowing::default() };
        let page = match (&self.view, &self.narrowing) {
            (None, None) => return Ok(Wanted::All),
            (None, Some(narrowing)) => get.waterfall(narrowing).await?,
            (Some(view), narrowing) => get.view(view, &narrowing.clone().unwrap_or_else(one)).await?,
        };
        self.drawn = Some(drawn(&page));
        let keys: HashSet<BuilderKey> = page.columns.iter().map(|column| column.status.builder.key.clone()).collect();
        Ok(Wanted::Builders(keys))
    }

    /// Waits for another configuration than the one that was looked at; false where the server ends. May be dropped and called again.
    pub async fn replaced(&mut self) -> bool {
        while self.rights.changed().await.is_ok() {
            let generation = self.status.generation();
            if generation != self.generation {
                self.generation = generation;
                return true;
            }
        }
        false
    }
}

/// A hash of what the configuration says of a page: equal hashes are equal heads, as good as surely.
fn drawn(page: &ViewPage) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&page.title, page.is_grouped).hash(&mut hasher);
    for column in &page.columns {
        let builder = &column.status.builder;
        (&builder.key.team, &builder.key.name).hash(&mut hasher);
        (&builder.description, &builder.categories, &column.group).hash(&mut hasher);
    }
    hasher.finish()
}
